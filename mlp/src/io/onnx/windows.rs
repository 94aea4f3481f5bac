//! Convolutions, pools and resizing.

use autograd::{Conv, Pool, Resize, Shape, Tensor};

use super::graph::{At, Attribute, Value, ints};
use crate::error::{Error, Result};
use crate::nn::config::{Config, Configured};
use crate::nn::layers::convolution::Data;
use crate::nn::layers::pooling::Windows;
use crate::nn::layers::{AdaptiveAvgPool2d, AdaptiveMaxPool2d, Upsample2d};

/// The lengths along the axes that there are.
fn along<const AXES: usize>(lengths: [usize; 2]) -> Attribute {
    Attribute::Ints(ints(&lengths[2 - AXES..]))
}

/// The same padding at both ends of each axis.
fn pads<const AXES: usize>(lengths: [usize; 2]) -> Attribute {
    Attribute::Ints(ints(&lengths[2 - AXES..].repeat(2)))
}

/// How the windows of both convolutions and pools lie.
fn placed<const AXES: usize>(size: &[usize], conv: &Conv) -> [(&'static str, Attribute); 3] {
    [
        ("kernel_shape", Attribute::Ints(ints(size))),
        ("strides", along::<AXES>(conv.strides())),
        ("pads", pads::<AXES>(conv.paddings())),
    ]
}

pub(super) fn convolution<const AXES: usize, const TRANSPOSED: bool>(
    at: &mut At<'_>,
    config: &Config,
    x: Value,
) -> Result<Value> {
    let data: Data<AXES> = config.data()?;
    let (conv, w) = (data.conv("convolution", TRANSPOSED)?, at.state.need("w")?.shape().clone());
    let shape = match (AXES, TRANSPOSED) {
        (1, false) => conv.conv1d_shape(&x.shape, &w),
        (1, true) => conv.conv_transpose1d_shape(&x.shape, &w),
        (_, false) => conv.conv2d_shape(&x.shape, &w),
        (_, true) => conv.conv_transpose2d_shape(&x.shape, &w),
    }?;
    let mut inputs = vec![x.name, at.weight("w")?];
    if at.state.get("b").is_some() {
        inputs.push(at.weight("b")?);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let rest = [("dilations", along::<AXES>(conv.dilations())), ("group", Attribute::Int(conv.group_count() as i64))];
    let settings = placed::<AXES>(&w[2..], &conv).into_iter().chain(rest);
    let name = match TRANSPOSED {
        false => at.node("Conv", &inputs, settings),
        true => {
            let more = ("output_padding", along::<AXES>(conv.output_paddings()));
            at.node("ConvTranspose", &inputs, settings.chain([more]))
        }
    };
    Ok(Value { name, shape })
}

/// The pool, and the shape behind it.
fn pool<const AXES: usize>(config: &Config, x: &Value) -> Result<(Pool, Shape)> {
    let data: Windows<AXES> = config.data()?;
    let pool = data.pool("pool")?;
    let shape = if AXES == 1 { pool.pool1d_shape(&x.shape) } else { pool.pool2d_shape(&x.shape) }?;
    Ok((pool, shape))
}

pub(super) fn max_pool<const AXES: usize>(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let (pool, shape) = pool::<AXES>(config, &x)?;
    let rest = [("dilations", along::<AXES>(pool.windows().dilations()))];
    let settings = placed::<AXES>(&pool.sizes()[2 - AXES..], pool.windows()).into_iter().chain(rest);
    Ok(Value { name: at.node("MaxPool", &[&x.name], settings), shape })
}

pub(super) fn avg_pool<const AXES: usize>(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let (pool, shape) = pool::<AXES>(config, &x)?;
    let (conv, sizes) = (pool.windows(), pool.sizes());
    let size = &sizes[2 - AXES..];
    if conv.dilations()[2 - AXES..].iter().all(|&dilation| dilation == 1) {
        let rest = [("count_include_pad", Attribute::Int(pool.counts_padding().into()))];
        let settings = placed::<AXES>(size, conv).into_iter().chain(rest);
        return Ok(Value { name: at.node("AveragePool", &[&x.name], settings), shape });
    }
    // The operator has dilations from version 19 on. They are convolutions of each channel with equal weights.
    let (channels, window) = (x.shape[1], size.iter().product::<usize>());
    let weights: Shape = [channels, 1].iter().chain(size).copied().collect();
    let weights = at.numbers("shares", Tensor::full(weights, 1.0 / window as f64));
    let rest = [("dilations", along::<AXES>(conv.dilations())), ("group", Attribute::Int(channels as i64))];
    let settings = placed::<AXES>(size, conv).into_iter().chain(rest);
    let y = Value { name: at.node("Conv", &[&x.name, &weights], settings), shape };
    if pool.counts_padding() {
        return Ok(y);
    }
    let plane = y.shape[2..].to_vec();
    let present = |axis: usize, i: usize| {
        let of = |lengths: [usize; 2]| lengths[2 - AXES + axis];
        let places = (0..size[axis]).map(|k| i * of(conv.strides()) + k * of(conv.dilations()));
        let padding = of(conv.paddings());
        places.filter(|place| (padding..padding + x.shape[2 + axis]).contains(place)).count()
    };
    let factor = |place: &[usize]| {
        let count: usize = place.iter().enumerate().map(|(axis, &i)| present(axis, i)).product();
        window as f64 / count as f64
    };
    Ok(at.with_constant("Mul", &y, "factors", Tensor::from_fn(plane, |place| factor(place))))
}

pub(super) fn adaptive_avg_pool(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <AdaptiveAvgPool2d as Configured>::Data = config.data()?;
    adaptive(at, x, data.size.0, ["AveragePool", "ReduceMean"])
}

pub(super) fn adaptive_max_pool(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <AdaptiveMaxPool2d as Configured>::Data = config.data()?;
    adaptive(at, x, data.size.0, ["MaxPool", "ReduceMax"])
}

/// Equal windows are those of a pool. Others are reduced one by one, along one axis after the other.
fn adaptive(at: &mut At<'_>, x: Value, size: [usize; 2], [pool, reduce]: [&str; 2]) -> Result<Value> {
    let shape = x.with_tail([x.shape[1], size[0], size[1]]);
    let lengths = [x.shape[2], x.shape[3]];
    if lengths.iter().zip(size).all(|(length, size)| length.is_multiple_of(size)) {
        let windows = [0, 1].map(|axis| lengths[axis] / size[axis]);
        let settings = [("kernel_shape", along::<2>(windows)), ("strides", along::<2>(windows))];
        return Ok(Value { name: at.node(pool, &[&x.name], settings), shape });
    }
    let mut name = x.name;
    for (axis, (length, count)) in lengths.into_iter().zip(size).enumerate() {
        let along = at.whole(&format!("axis{}", axis + 2), vec![axis as i64 + 2]);
        let parts: Vec<String> = (0..count)
            .map(|i| {
                let [start, end] = [i * length / count, ((i + 1) * length).div_ceil(count)];
                let [start, end] = [("start", start), ("end", end)].map(|(name, at_)| at.whole(name, vec![at_ as i64]));
                let part = at.node("Slice", &[&name, &start, &end, &along], []);
                at.node(reduce, &[&part, &along], [("keepdims", Attribute::Int(1))])
            })
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        name = at.node("Concat", &parts, [("axis", Attribute::Int(axis as i64 + 2))]);
    }
    Ok(Value { name, shape })
}

pub(super) fn upsample(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <Upsample2d as Configured>::Data = config.data()?;
    let size = data.size.0;
    let shape = x.with_tail([x.shape[1], size[0], size[1]]);
    let how = match data.how {
        Resize::Bilinear => "half_pixel",
        Resize::BilinearCorners => "align_corners",
        Resize::Nearest => {
            // Whole places; the operator would round quotients.
            let mut name = x.name;
            for (axis, count) in size.into_iter().enumerate() {
                let length = x.shape[axis + 2];
                let places = at.whole("places", (0..count).map(|i| (i * length / count) as i64).collect());
                name = at.node("Gather", &[&name, &places], [("axis", Attribute::Int(axis as i64 + 2))]);
            }
            return Ok(Value { name, shape });
        }
        other => {
            return Err(Error::invalid("upsample2d", format!("{other:?} has no form in ONNX; choose another way")));
        }
    };
    let sizes = at.whole("sizes", ints(&size));
    let settings = [
        ("mode", Attribute::Text("linear")),
        ("coordinate_transformation_mode", Attribute::Text(how)),
        ("axes", Attribute::Ints(vec![2, 3])),
    ];
    Ok(Value { name: at.node("Resize", &[&x.name, "", "", &sizes], settings), shape })
}
