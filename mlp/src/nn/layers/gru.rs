//! [`Gru`]: the gated recurrent unit.

use autograd::{Float, Var};

use super::recurrent::{Cell, Recurrent, sums};

/// The cell of [`Gru`].
#[derive(Debug, Clone, Copy)]
pub struct GruCell;

/// The gated recurrent unit (Cho et al. 2014), in the form in which the reset gate acts behind the product.
///
/// `rₜ = σ(xₜWᵣ + bᵣ + hₜ₋₁Uᵣ + cᵣ)`, `zₜ = σ(xₜW_z + b_z + hₜ₋₁U_z + c_z)`, `mₜ = tanh(xₜWₘ + bₘ + rₜ·(hₜ₋₁Uₘ + cₘ))`,
/// `hₜ = (1 − zₜ)·mₜ + zₜ·hₜ₋₁`
///
/// The sums of each unit stand in this order: reset gate r, update gate z, candidate m; as in PyTorch.
///
/// Shapes: `(n, time, inputs) → (n, time, hidden)`; see [`Recurrent`].
///
/// ```
/// use autograd::Tensor;
/// use mlp::{Gru, Module};
/// use rand::{SeedableRng, rngs::StdRng};
/// let gru: Gru = Gru::new(3, 4, &mut StdRng::seed_from_u64(0))?;
/// let h = gru.predict(&Tensor::full([2, 50, 3], 0.5));
/// assert!(h.abs().max() < 1.0); // a mean of candidates, which tanh bounds
/// assert_eq!(gru.parameters().get("0.u").unwrap().shape(), [4, 12].into());
/// # Ok::<(), mlp::Error>(())
/// ```
pub type Gru<T = f64> = Recurrent<GruCell, T>;

/// The place of the update gate among the sums.
const UPDATE: usize = 1;

impl Cell for GruCell {
    const NAME: &'static str = "gru";
    const SUMS: usize = 3;
    const RECURRENT_BIAS: bool = true;
    const GATES: &'static [&'static str] = &["reset", "update", "candidate"];

    #[track_caller]
    fn step<'t, T: Float>(p: Var<'t, T>, q: Var<'t, T>, [h, _]: [Var<'t, T>; 2]) -> [Var<'t, T>; 2] {
        let gates = p + q;
        let (r, z) = (sums(gates, 0, h).sigmoid(), sums(gates, UPDATE, h).sigmoid());
        let m = (sums(p, 2, h) + r * sums(q, 2, h)).tanh();
        let h = m + z * (h - m);
        [h, h]
    }
}

impl<T: Float> Gru<T> {
    /// Sets the input biases `b` of the update gates. Above 0 they keep more of the state than they take in: a bias of ln t makes
    /// a memory of about t steps before training (Tallec & Ollivier 2018).
    ///
    /// ```
    /// use mlp::{Gru, Module};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let gru: Gru = Gru::new(1, 2, &mut StdRng::seed_from_u64(0))?.update_bias(2.0);
    /// let b = gru.parameters().get("0.b").unwrap().value();
    /// assert_eq!(&b.as_slice()[2..4], [2.0, 2.0]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn update_bias(self, bias: f64) -> Self {
        self.set_biases(UPDATE, bias);
        self
    }
}
