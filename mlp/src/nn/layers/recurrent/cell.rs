//! [`Cell`]: what one step of time computes.

use autograd::{Float, Var};

/// The formula of one step of time of a [`Recurrent`](crate::Recurrent) layer.
///
/// [`RnnCell`](crate::RnnCell), [`GruCell`](crate::GruCell) and [`LstmCell`](crate::LstmCell) implement it; so can a
/// cell of your own:
///
/// ```
/// use autograd::{Float, Tensor, Var};
/// use mlp::{Cell, Module, Recurrent};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// /// h ← h + tanh(p + q): the state is a running sum.
/// #[derive(Clone, Copy)]
/// struct Adding;
///
/// impl Cell for Adding {
///     const NAME: &'static str = "adding";
///     fn step<'t, T: Float>(p: Var<'t, T>, q: Var<'t, T>, [h, _]: [Var<'t, T>; 2]) -> [Var<'t, T>; 2] {
///         let h = h + (p + q).tanh();
///         [h, h]
///     }
/// }
///
/// let layer: Recurrent<Adding> = Recurrent::new(3, 4, &mut StdRng::seed_from_u64(0))?;
/// assert_eq!(layer.predict(&Tensor::zeros([2, 5, 3])).shape(), &[2, 5, 4].into());
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Cell: Copy + Send + Sync + 'static {
    /// The name in messages and tables.
    const NAME: &'static str;

    /// The number of sums of each unit, such as one for each gate.
    const SUMS: usize = 1;

    /// The number of arrays that a step passes to the next: 1 for the hidden state alone, 2 with a memory beside it.
    const STATES: usize = 1;

    /// Whether the recurrent product has biases of its own. They differ from those of the inputs only where a gate stands
    /// between the two products.
    const RECURRENT_BIAS: bool = false;

    /// The names of the sums, in their order, for those whose biases a configuration may set; by default none has one.
    const GATES: &'static [&'static str] = &[];

    /// The state after a step: the hidden state, then the memory; a cell without memory returns the hidden state twice.
    ///
    /// `p` are the sums `xW + b` of the inputs and `q` the sums `hU` of the hidden state, both (n, sums · hidden), one sum of
    /// all units after another. `state` is the state before, two arrays (n, hidden).
    fn step<'t, T: Float>(p: Var<'t, T>, q: Var<'t, T>, state: [Var<'t, T>; 2]) -> [Var<'t, T>; 2];
}

/// The sums at position `k` of (n, sums · hidden): `(n, hidden)`. Unlike a slice, it allocates nothing.
#[track_caller]
pub(crate) fn sums<'t, T: Float>(all: Var<'t, T>, k: usize, like: Var<'t, T>) -> Var<'t, T> {
    let shape = like.shape();
    let [n, hidden] = shape[..] else { unreachable!("states are (n, hidden)") };
    all.reshape([n, all.shape()[1] / hidden, hidden]).take(1, &[k]).reshape(shape)
}
