//! [`Rnn`]: the plain recurrent layer.

use autograd::{Float, Var};

use super::recurrent::{Cell, Recurrent};

/// The cell of [`Rnn`].
#[derive(Debug, Clone, Copy)]
pub struct RnnCell;

/// The plain recurrent layer (Elman 1990): `hₜ = tanh(xₜW + hₜ₋₁U + b)`.
///
/// Shapes: `(n, time, inputs) → (n, time, hidden)`; see [`Recurrent`].
///
/// The gradient of a state passes through `U` and the slope of tanh at each step, and so vanishes or explodes with time
/// (Bengio, Simard & Frasconi 1994). [`Lstm`](crate::Lstm) and [`Gru`](crate::Gru) have a path around both.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Module, Rnn};
/// use rand::{SeedableRng, rngs::StdRng};
/// let rnn: Rnn = Rnn::new(1, 1, &mut StdRng::seed_from_u64(0))?;
/// for (name, value) in [("0.w", 2.0), ("0.u", 0.5), ("0.b", 0.0)] {
///     rnn.parameters().get(name).unwrap().modify(|x| x[0] = value);
/// }
/// let h = rnn.predict(&Tensor::from([[[1.0], [0.0]]]));
/// assert!(h.is_close(&Tensor::from([[[2f64.tanh()], [(0.5 * 2f64.tanh()).tanh()]]]), 1e-15));
/// # Ok::<(), mlp::Error>(())
/// ```
pub type Rnn<T = f64> = Recurrent<RnnCell, T>;

impl Cell for RnnCell {
    const NAME: &'static str = "rnn";

    #[track_caller]
    fn step<'t, T: Float>(p: Var<'t, T>, q: Var<'t, T>, _state: [Var<'t, T>; 2]) -> [Var<'t, T>; 2] {
        let h = (p + q).tanh();
        [h, h]
    }
}
