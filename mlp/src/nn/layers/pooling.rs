//! Layers without parameters for signals and images: pooling, resizing, and flattening.

use autograd::{Float, Lengths, Parameters, Pool, Resize, Shape, Var};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;
use crate::error::{or_panic, room};
use crate::nn::config::fields::{self, Placement, Pooling, Sides, Windowed};
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module};

/// The row of a layer without parameters.
fn row(layer: String) -> Vec<LayerRow> {
    vec![LayerRow { layer, shape: String::new(), activation: String::new(), parameters: 0 }]
}

/// An error of an operation in the name of the layer that foretells it.
fn named(layer: &'static str, error: autograd::error::Error) -> Error {
    Error::Autograd(match error {
        autograd::error::Error::Shape { law, .. } => autograd::error::Error::Shape { op: layer, law },
        other => other,
    })
}

/// The numbers of images and of their channels, if `input` is an array of images.
fn pictures(layer: &'static str, input: &Shape) -> Result<[usize; 2], Error> {
    let why = match input[..] {
        [_, _, 0, _] | [_, _, _, 0] => "has no pixels; leave such images out",
        [n, channels, _, _] => return Ok([n, channels]),
        _ => "is not (samples, channels, height, width); reshape it",
    };
    Err(Error::invalid(layer, format!("an input of shape {input} {why}")))
}

/// Layers of a [`Pool`].
macro_rules! pools {
    ($( $(#[$doc:meta])* $Layer:ident, $name:literal, $method:ident, $shape:ident, $axes:literal; )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $Layer(
            /// The windows.
            pub Pool,
        );

        impl<T: Float> Module<T> for $Layer {
            /// # Panics
            /// If the windows do not fit.
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                x.$method(&self.0)
            }

            fn parameters(&self) -> Parameters<T> {
                Parameters::new()
            }

            fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
                Ok(Some(self.0.$shape(input).map_err(|error| named($name, error))?))
            }

            fn config(&self) -> Result<Config, Error> {
                Config::of::<T, _>(self)
            }

            fn describe(&self) -> Vec<LayerRow> {
                row($name.into())
            }
        }

        impl<T: Float> Configured<T> for $Layer {
            const LAYER: &'static str = $name;
            type Data = Windows<$axes>;

            fn data(&self) -> Result<Windows<$axes>, Error> {
                Ok(Windows::of(&Pooling::of(&self.0)))
            }

            fn build(data: Windows<$axes>, _: &mut Parts<'_, T>) -> Result<Self, Error> {
                Ok($Layer(data.pool($name)?))
            }
        }
    )* };
}

/// The windows of a pooling along `AXES` axes as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows<const AXES: usize> {
    size: Sides<AXES>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stride: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<Sides<AXES>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dilation: Option<Sides<AXES>>,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    exclude_padding: bool,
}

impl<const AXES: usize> Windows<AXES> {
    fn of(pooling: &Pooling) -> Self {
        Windows {
            size: Sides::new(pooling.size),
            stride: Sides::unless(pooling.size, pooling.placement.stride),
            padding: Sides::unless([0; 2], pooling.placement.padding),
            dilation: Sides::unless([1; 2], pooling.placement.dilation),
            exclude_padding: pooling.exclude_padding,
        }
    }

    pub(crate) fn pool(&self, layer: &'static str) -> Result<Pool, Error> {
        let size = self.size.0;
        if size.contains(&0) {
            return Err(Error::invalid(layer, "a window of size 0 holds nothing; make it at least 1"));
        }
        let placement = Placement {
            stride: Sides::or(self.stride, size),
            padding: Sides::or(self.padding, [0; 2]),
            dilation: Sides::or(self.dilation, [1; 2]),
            output_padding: [0; 2],
        };
        placement.check(layer, size, Windowed::Pool)?;
        Ok(Pooling { size, placement, exclude_padding: self.exclude_padding }.pool())
    }
}

pools! {
    /// The largest value under each window along one axis, see [`Var::max_pool1d`]. Shapes: `(n, channels, l) → (n, channels, l′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{MaxPool1d, Module};
    /// let y = MaxPool1d(Pool::new(2)).predict(&Tensor::new([1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]));
    /// assert_eq!(y.to_vec(), [2.0, 5.0]);
    /// ```
    MaxPool1d, "max_pool1d", max_pool1d, pool1d_shape, 1;

    /// The largest value under each window of an image, see [`Var::max_pool2d`]. Shapes: `(n, channels, h, w) → (n, channels, h′, w′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{MaxPool2d, Module};
    /// let y = MaxPool2d(Pool::new(2)).predict(&Tensor::<f64>::ones([1, 3, 4, 6]));
    /// assert_eq!(y.shape(), &[1, 3, 2, 3].into());
    /// ```
    MaxPool2d, "max_pool2d", max_pool2d, pool2d_shape, 2;

    /// The mean under each window along one axis, see [`Var::avg_pool1d`]. Shapes: `(n, channels, l) → (n, channels, l′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{AvgPool1d, Module};
    /// let y = AvgPool1d(Pool::new(2)).predict(&Tensor::new([1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]));
    /// assert_eq!(y.to_vec(), [1.5, 4.5]);
    /// ```
    AvgPool1d, "avg_pool1d", avg_pool1d, pool1d_shape, 1;

    /// The mean under each window of an image, see [`Var::avg_pool2d`]. Shapes: `(n, channels, h, w) → (n, channels, h′, w′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{AvgPool2d, Module};
    /// let y = AvgPool2d(Pool::new(2)).predict(&Tensor::<f64>::ones([1, 3, 4, 6]));
    /// assert_eq!(y.shape(), &[1, 3, 2, 3].into());
    /// ```
    AvgPool2d, "avg_pool2d", avg_pool2d, pool2d_shape, 2;
}

/// Layers that give an image a size of the user's.
macro_rules! sized {
    ($( $(#[$doc:meta])* $Layer:ident, $name:literal, $Data:ident, |$x:ident, $size:ident $(, $how:ident: $How:ty)?| $y:expr; )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $Layer {
            size: [usize; 2],
            $( $how: $How, )?
        }

        impl $Layer {
            /// A layer that gives images of this size.
            ///
            /// # Errors
            /// If a length is 0, or memory cannot hold one such image.
            pub fn new(size: impl Lengths $(, $how: $How)?) -> Result<Self, Error> {
                let size = size.pair();
                if size.contains(&0) {
                    return Err(Error::invalid($name, format!("a size of {size:?} holds nothing; choose lengths above 0")));
                }
                room($name, &size)?;
                Ok($Layer { size $(, $how)? })
            }
        }

        impl<T: Float> Module<T> for $Layer {
            /// # Panics
            /// If the input is no array of images.
            #[track_caller]
            fn forward<'t>(&self, $x: Var<'t, T>) -> Var<'t, T> {
                or_panic(pictures($name, &$x.shape()));
                let $Layer { size: $size $(, $how)? } = *self;
                $y
            }

            fn parameters(&self) -> Parameters<T> {
                Parameters::new()
            }

            fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
                let [n, channels] = pictures($name, input)?;
                Ok(Some([n, channels, self.size[0], self.size[1]].into()))
            }

            fn config(&self) -> Result<Config, Error> {
                Config::of::<T, _>(self)
            }

            fn describe(&self) -> Vec<LayerRow> {
                row(format!(concat!($name, "({}×{})"), self.size[0], self.size[1]))
            }
        }

        #[doc = concat!("[`", stringify!($Layer), "`] as data.")]
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $Data {
            pub(crate) size: Sides<2>,
            $(
                #[serde(with = "how_to_resize")]
                pub(crate) $how: $How,
            )?
        }

        impl<T: Float> Configured<T> for $Layer {
            const LAYER: &'static str = $name;
            type Data = $Data;

            fn data(&self) -> Result<$Data, Error> {
                Ok($Data { size: Sides::new(self.size) $(, $how: self.$how)? })
            }

            fn build(data: $Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
                $Layer::new(data.size.0 $(, data.$how)?)
            }
        }
    )* };
}

sized! {
    /// The means under windows that cover an image, see [`Var::adaptive_avg_pool2d`]. Shapes: `(n, channels, h, w) → (n, channels,
    /// size)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{AdaptiveAvgPool2d, Module};
    /// let y = AdaptiveAvgPool2d::new(1)?.predict(&Tensor::new([1, 1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]));
    /// assert_eq!(y.to_vec(), [3.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    AdaptiveAvgPool2d, "adaptive_avg_pool2d", AvgSize, |x, size| x.adaptive_avg_pool2d(size);

    /// The largest values under windows that cover an image, see [`Var::adaptive_max_pool2d`]. Shapes: `(n, channels, h, w) → (n,
    /// channels, size)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{AdaptiveMaxPool2d, Module};
    /// let y = AdaptiveMaxPool2d::new([1, 2])?.predict(&Tensor::new([1, 1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]));
    /// assert_eq!(y.to_vec(), [2.0, 5.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    AdaptiveMaxPool2d, "adaptive_max_pool2d", MaxSize, |x, size| x.adaptive_max_pool2d(size);

    /// Images in another size, see [`Var::resize2d`]. Shapes: `(n, channels, h, w) → (n, channels, size)`.
    ///
    /// ```
    /// use autograd::{Resize, Tensor};
    /// use mlp::{Module, Upsample2d};
    /// let y = Upsample2d::new([1, 4], Resize::Nearest)?.predict(&Tensor::new([1, 1, 1, 2], vec![1.0, 2.0]));
    /// assert_eq!(y.to_vec(), [1.0, 1.0, 2.0, 2.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    Upsample2d, "upsample2d", Resized, |x, size, how: Resize| x.resize2d(size, how);
}

/// A [`Resize`] as text.
mod how_to_resize {
    use super::*;

    const NAMED: [(&str, Resize); 3] =
        [("nearest", Resize::Nearest), ("bilinear", Resize::Bilinear), ("bilinear_corners", Resize::BilinearCorners)];

    pub(super) fn serialize<S: Serializer>(how: &Resize, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMED.iter().find(|(_, known)| known == how) {
            Some((name, _)) => serializer.serialize_str(name),
            None => Err(S::Error::custom(format_args!("{how:?} is not known to configurations; update this crate"))),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Resize, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = NAMED.iter().find(|(known, _)| *known == name).map(|(_, how)| *how);
        found.ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{name}` is unknown; choose from {}",
                NAMED.map(|(name, _)| name).join(", ")
            ))
        })
    }
}

/// Each sample as one row: `(n, …) → (n, values)`, between convolution and linear layers.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Flatten, Module};
/// assert_eq!(Flatten.predict(&Tensor::<f64>::ones([5, 2, 3, 4])).shape(), &[5, 24].into());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flatten;

impl Flatten {
    fn shape(input: &Shape) -> Result<Shape, Error> {
        match input.split_first() {
            Some((&n, rest)) => Ok([n, Shape::from(rest).numel()].into()),
            None => Err(Error::invalid("flatten", "a single number has no axis of samples; reshape it")),
        }
    }
}

impl<T: Float> Module<T> for Flatten {
    /// # Panics
    /// If the input has no axis.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.reshape(or_panic(Flatten::shape(&x.shape())))
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        Ok(Some(Flatten::shape(input)?))
    }

    fn keeps_values(&self) -> bool {
        true
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of::<T, _>(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        row("flatten".into())
    }
}

/// [`Flatten`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl<T: Float> Configured<T> for Flatten {
    const LAYER: &'static str = "flatten";
    type Data = Nothing;

    fn data(&self) -> Result<Nothing, Error> {
        Ok(Nothing {})
    }

    fn build(_: Nothing, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        Ok(Flatten)
    }
}
