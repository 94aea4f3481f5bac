//! [`Weighted`]: a layer whose weights another layer may replace.

use autograd::{Float, Param, Var};

use crate::nn::module::Module;

/// A layer that can compute its output with other weights than its own.
///
/// [`WeightNorm`](crate::WeightNorm) and [`SpectralNorm`](crate::SpectralNorm) take such layers. [`Linear`](crate::Linear)
/// is one; a layer of yours becomes one with three methods.
///
/// ```
/// use autograd::{Param, Parameters, Var};
/// use mlp::{Module, WeightNorm, Weighted};
///
/// /// `y = x·Wᵀ`, with weights of shape (outputs, inputs).
/// struct Transposed(Param);
///
/// impl Module for Transposed {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         self.forward_weighted(x, self.0.on(x.tape()))
///     }
///     fn parameters(&self) -> Parameters {
///         Parameters::new().with("w", &self.0)
///     }
/// }
///
/// impl Weighted for Transposed {
///     fn weights(&self) -> &Param {
///         &self.0
///     }
///     fn output_axis(&self) -> usize {
///         0
///     }
///     fn forward_weighted<'t>(&self, x: Var<'t>, w: Var<'t>) -> Var<'t> {
///         x.matmul(w.t())
///     }
/// }
///
/// let layer = WeightNorm::new(Transposed(Param::new([[3.0, 4.0]])))?;
/// assert_eq!(layer.gain.value().to_vec(), [5.0]);
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Weighted<T: Float = f64>: Module<T> {
    /// The weights.
    fn weights(&self) -> &Param<T>;

    /// The axis of the weights that counts the outputs: features or channels.
    fn output_axis(&self) -> usize;

    /// [`forward`](Module::forward) with the weights `w`, which have the shape of [`weights`](Weighted::weights).
    fn forward_weighted<'t>(&self, x: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T>;
}

/// A layer whose type is known only at run time.
impl<T: Float, L: Weighted<T> + ?Sized> Weighted<T> for Box<L> {
    fn weights(&self) -> &Param<T> {
        (**self).weights()
    }

    fn output_axis(&self) -> usize {
        (**self).output_axis()
    }

    #[track_caller]
    fn forward_weighted<'t>(&self, x: Var<'t, T>, w: Var<'t, T>) -> Var<'t, T> {
        (**self).forward_weighted(x, w)
    }
}
