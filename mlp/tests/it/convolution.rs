//! Convolution, pooling and resizing.

use autograd::{Conv, Float, Pool, Resize, Shape, Tensor};
use mlp::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Init,
    MaxPool1d, MaxPool2d, Module, Upsample2d,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::figures::{agrees, cases};

fn layer<T: Float>(name: &str) -> Box<dyn Module<T>> {
    let (init, rng) = (&Init::he_normal(), &mut StdRng::seed_from_u64(0));
    let conv = Conv::new();
    match name {
        "conv2d" => Box::new(Conv2d::new(4, 3, 3, conv, init, rng).unwrap()),
        "conv2d strided" => {
            let conv = conv.stride([2, 1]).padding([1, 2]).dilation([1, 2]).groups(2);
            Box::new(Conv2d::new(4, 6, [2, 3], conv, init, rng).unwrap())
        }
        "conv2d of single pixels" => Box::new(Conv2d::new(4, 3, 1, conv, init, rng).unwrap().without_bias()),
        "conv2d of each channel" => Box::new(Conv2d::new(4, 8, 3, conv.padding(1).groups(4), init, rng).unwrap()),
        "conv_transpose2d" => Box::new(ConvTranspose2d::new(4, 3, 3, conv, init, rng).unwrap()),
        "conv_transpose2d strided" => {
            let conv = conv.stride([2, 3]).padding(1).output_padding([1, 2]).groups(2);
            Box::new(ConvTranspose2d::new(4, 6, [3, 2], conv, init, rng).unwrap())
        }
        "conv1d" => Box::new(Conv1d::new(3, 4, 3, conv.stride(2).padding(2).dilation(2), init, rng).unwrap()),
        "conv_transpose1d" => {
            let conv = conv.stride(3).padding(1).output_padding(2);
            Box::new(ConvTranspose1d::new(3, 2, 4, conv, init, rng).unwrap())
        }
        "max_pool2d" => Box::new(MaxPool2d(Pool::new(2))),
        "max_pool2d padded" => Box::new(MaxPool2d(Pool::new([3, 2]).stride([1, 2]).padding([1, 1]).dilation([1, 2]))),
        "avg_pool2d" => Box::new(AvgPool2d(Pool::new(2))),
        "avg_pool2d padded" => Box::new(AvgPool2d(Pool::new([3, 2]).stride([2, 1]).padding(1))),
        "avg_pool2d without padding" => {
            Box::new(AvgPool2d(Pool::new([3, 2]).stride([2, 1]).padding(1).exclude_padding()))
        }
        "adaptive_avg_pool2d" => Box::new(AdaptiveAvgPool2d::new([3, 4]).unwrap()),
        "adaptive_max_pool2d" => Box::new(AdaptiveMaxPool2d::new([2, 4]).unwrap()),
        "upsample nearest" => Box::new(Upsample2d::new([7, 4], Resize::Nearest).unwrap()),
        "upsample bilinear" => Box::new(Upsample2d::new([7, 4], Resize::Bilinear).unwrap()),
        "upsample bilinear corners" => Box::new(Upsample2d::new([7, 4], Resize::BilinearCorners).unwrap()),
        "max_pool1d" => Box::new(MaxPool1d(Pool::new(3).stride(2).padding(1))),
        "avg_pool1d" => Box::new(AvgPool1d(Pool::new(2).stride(1))),
        _ => panic!("no layer is called {name}"),
    }
}

#[test]
fn layers_agree_with_pytorch() {
    for (name, case) in cases(include_str!("../data/convolution.json")) {
        agrees(&name, &*layer::<f64>(&name), &case);
        agrees(&name, &*layer::<f32>(&name), &case);
    }
}

#[test]
fn bad_shapes_are_named_before_anything_is_computed() {
    let conv =
        |name: &str, shape: &[usize]| layer::<f64>(name).output_shape(&Shape::from(shape)).unwrap_err().to_string();
    assert_eq!(
        conv("conv2d", &[2, 3, 5, 5]),
        "conv2d: inputs of shape (2, 3, 5, 5) and weights of shape (3, 4, 3, 3): the weights take 4 channels, and the input has 3"
    );
    assert!(conv("conv2d", &[4, 5, 5]).contains("inputs (samples, channels, height, width)"));
    assert!(conv("conv2d", &[2, 4, 2, 5]).contains("a window reaches over 3 places, and the input has 2"));
    assert!(conv("max_pool2d", &[2, 4, 1, 5]).contains("a window reaches over 2 places"));
    assert!(conv("adaptive_avg_pool2d", &[2, 4, 0, 5]).contains("no pixels"));
    let pool = |pool: Pool, shape: &[usize]| pool.pool1d_shape(&Shape::from(shape)).unwrap_err().to_string();
    assert!(pool(Pool::new(2).padding(1).dilation(6), &[1, 1, 5]).contains("window 0 lies beyond the edge"));
    assert!(pool(Pool::new(2).padding(1), &[1, 1, 0]).contains("an axis without values"));
    assert!(pool(Pool::new(usize::MAX).padding(usize::MAX / 2), &[1, 1, 5]).contains("no array is as long"));
    let far = Conv::new().dilation(usize::MAX / 2).padding(usize::MAX / 2);
    assert!(
        far.conv1d_shape(&[1, 1, 5].into(), &[1, 1, 3].into()).unwrap_err().to_string().contains("no array is as long")
    );
    // No samples give no results, and no gradient that is not 0.
    let empty = layer::<f64>("conv2d").predict(&Tensor::zeros([0, 4, 5, 5]));
    assert_eq!(empty.shape(), &[0, 3, 3, 3].into());
}

#[test]
fn sizes_of_zero_and_groups_that_do_not_divide_are_refused() {
    let new = |channels, outputs, size: usize, groups| {
        let conv = Conv::new().groups(groups);
        Conv2d::<f64>::new(channels, outputs, size, conv, &Init::Zeros, &mut StdRng::seed_from_u64(0))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(new(0, 2, 3, 1), "conv2d: 0 → 2 channels, windows of [3, 3], 1 groups: no size may be 0");
    assert_eq!(new(3, 2, 3, 2), "conv2d: 2 groups do not divide 3 channels and 2 outputs");
    assert!(AdaptiveAvgPool2d::new(0).is_err() && Upsample2d::new([2, 0], Resize::Nearest).is_err());
}

/// The spread of the outputs is that of the inputs times the initialiser's gain, as for a linear layer.
#[test]
fn initialisers_know_how_many_values_a_result_depends_on() {
    let rng = &mut StdRng::seed_from_u64(1);
    let conv: Conv2d = Conv2d::new(8, 64, 5, Conv::new(), &Init::lecun_normal(), rng).unwrap();
    let w = conv.w.value();
    assert!((w.flatten().std_axis(0).item() * (8.0 * 25.0f64).sqrt() - 1.0).abs() < 0.03);
}

/// What a window does not hold does not reach its mean; and a long signal costs as much as it is long.
#[test]
fn means_are_of_their_windows_only() {
    let x = Tensor::new([1, 1, 4], vec![1.0, 2.0, f64::INFINITY, 4.0]);
    assert_eq!(x.avg_pool1d(&Pool::new(2)).to_vec(), [1.5, f64::INFINITY]);
    let long = Tensor::<f64>::ones([1, 1, 1_000_000]).avg_pool1d(&Pool::new(2));
    assert!(long.to_vec().iter().all(|&mean| mean == 1.0) && long.numel() == 500_000);
}
