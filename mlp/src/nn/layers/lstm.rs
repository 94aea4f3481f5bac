//! [`Lstm`]: long short-term memory.

use autograd::{Float, Var};

use super::recurrent::{Cell, Recurrent, sums};

/// The cell of [`Lstm`].
#[derive(Debug, Clone, Copy)]
pub struct LstmCell;

/// Long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates (Gers, Schmidhuber & Cummins 2000).
///
/// With the sums `(i, f, g, o) = xₜW + hₜ₋₁U + b`: `cₜ = σ(f)·cₜ₋₁ + σ(i)·tanh(g)`, `hₜ = σ(o)·tanh(cₜ)`
///
/// The sums of each unit stand in this order: input gate, forget gate, candidate, output gate; as in PyTorch, whose two vectors
/// of biases are one here, their sum.
///
/// Shapes: `(n, time, inputs) → (n, time, hidden)`; see [`Recurrent`]. The gradient of the memory c passes from step to
/// step through the forget gate alone: where that is open, it neither vanishes nor explodes.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Lstm, Module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let lstm: Lstm = Lstm::new(3, 4, &mut StdRng::seed_from_u64(0))?.forget_bias(1.0);
/// assert_eq!(lstm.predict(&Tensor::zeros([2, 5, 3])).shape(), &[2, 5, 4].into());
/// assert_eq!(lstm.parameters().numel(), (3 * 4 + 4 * 4 + 4) * 4);
/// # Ok::<(), mlp::Error>(())
/// ```
pub type Lstm<T = f64> = Recurrent<LstmCell, T>;

/// The places of gates among the sums.
const INPUT: usize = 0;
const FORGET: usize = 1;

impl Cell for LstmCell {
    const NAME: &'static str = "lstm";
    const SUMS: usize = 4;
    const STATES: usize = 2;
    const GATES: &'static [&'static str] = &["input", "forget", "candidate", "output"];

    #[track_caller]
    fn step<'t, T: Float>(p: Var<'t, T>, q: Var<'t, T>, [h, c]: [Var<'t, T>; 2]) -> [Var<'t, T>; 2] {
        let all = p + q;
        let [i, f, g, o] = [sums(all, INPUT, h), sums(all, FORGET, h), sums(all, 2, h), sums(all, 3, h)];
        let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        [o.sigmoid() * c.tanh(), c]
    }
}

impl<T: Float> Lstm<T> {
    /// Sets the biases of the forget gates. A bias of 1 keeps the memory open for a few steps before training (Jozefowicz,
    /// Zaremba & Sutskever 2015), one of ln t for about t steps (Tallec & Ollivier 2018).
    ///
    /// ```
    /// use mlp::{Lstm, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let lstm: Lstm = Lstm::new(1, 2, &mut StdRng::seed_from_u64(0))?.forget_bias(1.0);
    /// let b = lstm.parameters().get("0.b").unwrap().value();
    /// assert_eq!(&b.as_slice()[2..4], [1.0, 1.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn forget_bias(self, bias: f64) -> Self {
        self.set_biases(FORGET, bias);
        self
    }

    /// Sets the biases of the input gates. One of −ln t, beside a forget bias of ln t, keeps what comes in at each of about t
    /// steps from covering what was kept (Tallec & Ollivier 2018).
    ///
    /// ```
    /// use mlp::{Lstm, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let t = 200f64.ln();
    /// let lstm: Lstm = Lstm::new(1, 1, &mut StdRng::seed_from_u64(0))?.forget_bias(t).input_bias(-t);
    /// let b = lstm.parameters().get("0.b").unwrap().value();
    /// assert_eq!(&b.as_slice()[..2], [-t, t]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn input_bias(self, bias: f64) -> Self {
        self.set_biases(INPUT, bias);
        self
    }
}
