//! Layers without parameters for signals and images: pooling, resizing, and flattening.

use autograd::{Float, Lengths, Parameters, Pool, Resize, Shape, Var};

use crate::Error;
use crate::error::{or_panic, room};
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
    ($( $(#[$doc:meta])* $Layer:ident, $name:literal, $method:ident, $shape:ident; )*) => { $(
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

            fn describe(&self) -> Vec<LayerRow> {
                row($name.into())
            }
        }
    )* };
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
    MaxPool1d, "max_pool1d", max_pool1d, pool1d_shape;

    /// The largest value under each window of an image, see [`Var::max_pool2d`]. Shapes: `(n, channels, h, w) → (n, channels, h′, w′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{MaxPool2d, Module};
    /// let y = MaxPool2d(Pool::new(2)).predict(&Tensor::<f64>::ones([1, 3, 4, 6]));
    /// assert_eq!(y.shape(), &[1, 3, 2, 3].into());
    /// ```
    MaxPool2d, "max_pool2d", max_pool2d, pool2d_shape;

    /// The mean under each window along one axis, see [`Var::avg_pool1d`]. Shapes: `(n, channels, l) → (n, channels, l′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{AvgPool1d, Module};
    /// let y = AvgPool1d(Pool::new(2)).predict(&Tensor::new([1, 1, 4], vec![1.0, 2.0, 5.0, 4.0]));
    /// assert_eq!(y.to_vec(), [1.5, 4.5]);
    /// ```
    AvgPool1d, "avg_pool1d", avg_pool1d, pool1d_shape;

    /// The mean under each window of an image, see [`Var::avg_pool2d`]. Shapes: `(n, channels, h, w) → (n, channels, h′, w′)`.
    ///
    /// ```
    /// use autograd::{Pool, Tensor};
    /// use mlp::{AvgPool2d, Module};
    /// let y = AvgPool2d(Pool::new(2)).predict(&Tensor::<f64>::ones([1, 3, 4, 6]));
    /// assert_eq!(y.shape(), &[1, 3, 2, 3].into());
    /// ```
    AvgPool2d, "avg_pool2d", avg_pool2d, pool2d_shape;
}

/// Layers that give an image a size of the user's.
macro_rules! sized {
    ($( $(#[$doc:meta])* $Layer:ident, $name:literal, |$x:ident, $size:ident $(, $how:ident: $How:ty)?| $y:expr; )*) => { $(
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

            fn describe(&self) -> Vec<LayerRow> {
                row(format!(concat!($name, "({}×{})"), self.size[0], self.size[1]))
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
    AdaptiveAvgPool2d, "adaptive_avg_pool2d", |x, size| x.adaptive_avg_pool2d(size);

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
    AdaptiveMaxPool2d, "adaptive_max_pool2d", |x, size| x.adaptive_max_pool2d(size);

    /// Images in another size, see [`Var::resize2d`]. Shapes: `(n, channels, h, w) → (n, channels, size)`.
    ///
    /// ```
    /// use autograd::{Resize, Tensor};
    /// use mlp::{Module, Upsample2d};
    /// let y = Upsample2d::new([1, 4], Resize::Nearest)?.predict(&Tensor::new([1, 1, 1, 2], vec![1.0, 2.0]));
    /// assert_eq!(y.to_vec(), [1.0, 1.0, 2.0, 2.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    Upsample2d, "upsample2d", |x, size, how: Resize| x.resize2d(size, how);
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

    fn describe(&self) -> Vec<LayerRow> {
        row("flatten".into())
    }
}
