//! [`Conv1d`], [`Conv2d`] and their transposed forms: layers of windows that share their weights.

use autograd::{Conv, Float, Lengths, Param, Parameters, Shape, Tensor, Var};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Weighted, with_optional};
use crate::error::room;
use crate::nn::config::fields::{self, Placement, Sides, Windowed};
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;
use crate::{Error, Init};

/// The layers of this file: a table of name, axes, and the operation.
macro_rules! convolutions {
    ($(
        $(#[$doc:meta])* $Layer:ident, $name:literal, $method:ident / $try:ident, $axes:literal, $Length:ty, $transposed:literal;
    )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $Layer<T: Float = f64> {
            /// The weights.
            pub w: Param<T>,
            /// The biases, of shape (outputs,).
            pub b: Option<Param<T>>,
            /// Stride, padding, dilation and groups.
            pub conv: Conv,
        }

        impl<T: Float> $Layer<T> {
            /// The axis of the weights that counts the outputs; in groups of a transposed convolution, those of one group.
            pub(crate) const OUTPUT_AXIS: usize = if $transposed { 1 } else { 0 };

            /// Creates a layer from `channels` to `outputs` channels with windows of `size`, weights drawn by `init`, and biases of 0.
            ///
            /// The fan-in of `init` is the number of values that a result depends on.
            ///
            /// # Errors
            /// If a size is 0, the groups do not divide the channels and the outputs, memory cannot hold the weights, or no input fits the
            /// windows.
            pub fn new(
                channels: usize,
                outputs: usize,
                size: $Length,
                conv: Conv,
                init: &Init,
                rng: &mut (impl Rng + ?Sized),
            ) -> Result<Self, Error> {
                let size: &[usize] = &size.pair()[2 - $axes..];
                Ok($Layer {
                    w: Param::new(weights($name, [channels, outputs], size, &conv, $transposed, init, rng)?),
                    b: Some(Param::new(Tensor::zeros([outputs]))),
                    conv,
                })
            }

            /// Removes the biases.
            #[must_use]
            pub fn without_bias(self) -> Self {
                $Layer { b: None, ..self }
            }
        }

        impl<T: Float> Module<T> for $Layer<T> {
            /// # Panics
            /// If the shape of `x` does not fit.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                self.forward_weighted(x, self.w.on(x.tape()))
            }

            fn parameters(&self) -> Parameters<T> {
                with_optional(Parameters::new().with("w", &self.w), "b", self.b.as_ref())
            }

            fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
                Ok(Some(self.conv.$try(input, &self.w.shape())?))
            }

            fn state_dict(&self) -> Result<StateDict<T>, Error> {
                Ok(StateDict::new().with("weight", &self.w).with("bias", self.b.as_ref()))
            }

            fn config(&self) -> Result<Config, Error> {
                Config::of(self)
            }

            fn describe(&self) -> Vec<LayerRow> {
                let w = self.w.shape();
                let [channels, outputs] = channels(&w, &self.conv, $transposed);
                let size = w[2..].iter().map(usize::to_string).collect::<Vec<_>>().join("×");
                vec![LayerRow {
                    layer: format!(concat!($name, "({})"), size),
                    shape: format!("{channels} → {outputs}"),
                    activation: String::new(),
                    parameters: self.parameters().numel(),
                }]
            }
        }

        impl<T: Float> Configured<T> for $Layer<T> {
            const LAYER: &'static str = $name;
            type Data = Data<$axes>;

            fn data(&self) -> Result<Data<$axes>, Error> {
                Ok(Data::of(&self.w.shape(), &self.conv, $transposed, self.b.is_some()))
            }

            fn build(data: Data<$axes>, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
                let (conv, size) = (data.conv($name, $transposed)?, data.size.0);
                let init = data.init.unwrap_or_else(Init::glorot_uniform);
                let size = &size[2 - $axes..];
                let w = weights($name, [data.channels, data.outputs], size, &conv, $transposed, &init, parts.rng())?;
                let b = data.bias.then(|| Param::new(Tensor::zeros([data.outputs])));
                Ok($Layer { w: Param::new(w), b, conv })
            }
        }

        impl<T: Float> Weighted<T> for $Layer<T> {
            fn weights(&self) -> &Param<T> {
                &self.w
            }

            fn output_axis(&self) -> usize {
                Self::OUTPUT_AXIS
            }

            #[track_caller]
            fn forward_weighted<'t>(&self, x: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T> {
                let y = x.$method(w, &self.conv);
                match &self.b {
                    Some(b) => y + b.on(x.tape()).reshape(biases::<$axes>(b.numel())),
                    None => y,
                }
            }
        }
    )* };
}

/// A convolution along `AXES` axes as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data<const AXES: usize> {
    channels: usize,
    outputs: usize,
    size: Sides<AXES>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stride: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dilation: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_padding: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    bias: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl<const AXES: usize> Data<AXES> {
    fn of(w: &Shape, conv: &Conv, transposed: bool, bias: bool) -> Self {
        let [channels, outputs] = channels(w, conv, transposed);
        let placement = Placement::of(conv);
        // Only a transposed convolution reads it.
        let output_padding = Sides::unless([0; 2], placement.output_padding).filter(|_| transposed);
        Data {
            channels,
            outputs,
            size: Sides::new([w[w.len() - AXES], w[w.len() - 1]]),
            stride: Sides::unless([1; 2], placement.stride),
            padding: Sides::unless([0; 2], placement.padding),
            dilation: Sides::unless([1; 2], placement.dilation),
            output_padding,
            groups: fields::unless(1, conv.group_count()),
            bias,
            init: None,
        }
    }

    pub(crate) fn conv(&self, layer: &'static str, transposed: bool) -> Result<Conv, Error> {
        if self.output_padding.is_some() && !transposed {
            return Err(Error::invalid(layer, "only a transposed convolution has an `output_padding`; remove it"));
        }
        let placement = Placement {
            stride: Sides::or(self.stride, [1; 2]),
            padding: Sides::or(self.padding, [0; 2]),
            dilation: Sides::or(self.dilation, [1; 2]),
            output_padding: Sides::or(self.output_padding, [0; 2]),
        };
        Ok(placement.conv(self.groups.unwrap_or(1)))
    }
}

/// The channels and the outputs of weights of this shape.
fn channels(w: &Shape, conv: &Conv, transposed: bool) -> [usize; 2] {
    let groups = conv.group_count();
    if transposed { [w[0], w[1] * groups] } else { [w[1] * groups, w[0]] }
}

/// The shape of biases beside `AXES` axes of places.
fn biases<const AXES: usize>(outputs: usize) -> Shape {
    std::iter::once(outputs).chain([1; AXES]).collect()
}

/// Weights of shape (outputs, channels/groups, …), or (channels, outputs/groups, …) of a transposed convolution.
fn weights<T: Float>(
    layer: &'static str,
    [channels, outputs]: [usize; 2],
    size: &[usize],
    conv: &Conv,
    transposed: bool,
    init: &Init,
    rng: &mut (impl Rng + ?Sized),
) -> Result<Tensor<T>, Error> {
    let groups = conv.group_count();
    let invalid = |why: String| Err(Error::invalid(layer, why));
    if channels == 0 || outputs == 0 || size.contains(&0) || groups == 0 {
        return invalid(format!(
            "{channels} → {outputs} channels, windows of {size:?}, {groups} groups: no size may be 0"
        ));
    }
    if channels % groups != 0 || outputs % groups != 0 {
        return invalid(format!("{groups} groups do not divide {channels} channels and {outputs} outputs"));
    }
    let of = |first: usize, second: usize| -> Shape { [first, second].iter().chain(size).copied().collect() };
    room(layer, &of(outputs, channels / groups))?;
    let kind = if transposed { Windowed::Transposed } else { Windowed::Convolution };
    Placement::of(conv).check(layer, [size[0], size[size.len() - 1]], kind)?;
    let window: usize = size.iter().product();
    // Drawn as (inputs, outputs) of one result, as of a linear layer.
    Ok(match transposed {
        true => init.try_sample([channels, outputs / groups * window], rng)?.reshape(of(channels, outputs / groups)),
        false => {
            let drawn = init.try_sample([channels / groups * window, outputs], rng)?;
            drawn.t().reshape(of(outputs, channels / groups))
        }
    })
}

convolutions! {
    /// Convolution along one axis: `y = x ∗ w + b`, see [`Var::conv1d`]. Shapes: `(n, channels, l) → (n, outputs, l′)`.
    ///
    /// Weights have shape (outputs, channels/groups, size).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// use mlp::{Conv1d, Init, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let layer: Conv1d = Conv1d::new(2, 4, 3, Conv::new().padding(1), &Init::he_normal(), rng)?;
    /// assert_eq!(layer.predict(&Tensor::ones([5, 2, 10])).shape(), &[5, 4, 10].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    Conv1d, "conv1d", conv1d / conv1d_shape, 1, usize, false;

    /// Convolution of images (LeCun et al. 1989): `y = x ∗ w + b`, see [`Var::conv2d`]. Shapes: `(n, channels, h, w) → (n, outputs, h′,
    /// w′)`.
    ///
    /// Weights have shape (outputs, channels/groups, rows, columns).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// use mlp::{Conv2d, Init, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let layer: Conv2d = Conv2d::new(1, 8, 3, Conv::new().stride(2).padding(1), &Init::he_normal(), rng)?;
    /// assert_eq!(layer.output_shape(&[32, 1, 28, 28].into())?, Some([32, 8, 14, 14].into()));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    Conv2d, "conv2d", conv2d / conv2d_shape, 2, impl Lengths, false;

    /// Transposed convolution along one axis, see [`Var::conv_transpose1d`]. Shapes: `(n, channels, l) → (n, outputs, l′)`.
    ///
    /// Weights have shape (channels, outputs/groups, size).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// use mlp::{ConvTranspose1d, Init, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let layer: ConvTranspose1d = ConvTranspose1d::new(2, 1, 2, Conv::new().stride(2), &Init::he_normal(), rng)?;
    /// assert_eq!(layer.predict(&Tensor::ones([5, 2, 7])).shape(), &[5, 1, 14].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ConvTranspose1d, "conv_transpose1d", conv_transpose1d / conv_transpose1d_shape, 1, usize, true;

    /// Transposed convolution of images, which makes them larger; see [`Var::conv_transpose2d`]. Shapes: `(n, channels, h, w) → (n,
    /// outputs, h′, w′)`.
    ///
    /// Weights have shape (channels, outputs/groups, rows, columns).
    ///
    /// ```
    /// use autograd::{Conv, Tensor};
    /// use mlp::{ConvTranspose2d, Init, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let rng = &mut StdRng::seed_from_u64(0);
    /// let layer: ConvTranspose2d = ConvTranspose2d::new(8, 1, 2, Conv::new().stride(2), &Init::he_normal(), rng)?;
    /// assert_eq!(layer.predict(&Tensor::ones([5, 8, 7, 7])).shape(), &[5, 1, 14, 14].into());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ConvTranspose2d, "conv_transpose2d", conv_transpose2d / conv_transpose2d_shape, 2, impl Lengths, true;
}
