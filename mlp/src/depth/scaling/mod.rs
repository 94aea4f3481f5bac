//! One learning rate for every width and depth: the maximal update parametrisation.
//!
//! The best rate of a small network is not that of a wide or deep one, unless initial weights and rates change with the size by
//! the law under which every layer learns as much as it can without any of them growing with the size: μP, over width (Yang &
//! Hu 2021; Yang et al. 2022, "Tensor Programs V") and over depth (Yang et al. 2023, "Tensor Programs VI"; Bordelon et al. 2023;
//! Dey et al. 2025, "CompleteP"). Then the rate found for a small model, the *base*, is that of a large one.
//!
//! [`MaximalUpdate`] compares a model with its base, scales the weights and gives each parameter its rate, in one call:
//!
//! ```
//! use mlp::scaling::{Family, MaximalUpdate};
//! use mlp::{Activation, Adam, Mlp, Module};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let model = |width| -> Result<Mlp, mlp::Error> {
//!     let layers = Mlp::new(64).hidden(width, Activation::Relu).hidden(width, Activation::Relu);
//!     layers.output(10, Activation::Identity).build(&mut StdRng::seed_from_u64(0))
//! };
//! let (base, wide) = (model(32)?, model(256)?);
//! let found = 0.01; // the best rate of the base
//! let recipe = MaximalUpdate::new(Family::Adam, &base)?;
//! let adam = recipe.apply(&wide, |part, planned| {
//!     let by = planned.factors;
//!     Adam::new(part, found * by.rate).eps(1e-8 * by.eps).weight_decay(if planned.is_weights() { 0.1 * by.decay } else { 0.0 })
//! })?;
//! // Input weights with their biases' rate, hidden weights, output weights with a rate as small, the biases of the output.
//! assert_eq!(adam.learning_rates(), [0.01, 0.01, 0.01 / 8.0, 0.01 / 8.0, 0.01]);
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! [`CoordinateCheck`] measures whether it holds: with the right exponents no layer's change depends on the width.
//!
//! # The exponents
//!
//! A parameter has `i` times the inputs and `o` times the outputs of its namesake in the base, by its axes; biases, gains and shifts
//! are weights of one input, 1. In a residual branch, of which the model has `m` times as many as the base, each of strength `m^−α`,
//! the second column is multiplied to the first:
//!
//! | setting | by width | in a branch |
//! |---|---|---|
//! | initial standard deviation | `i^−½·min(1, √(o/i))` | 1 |
//! | rate of SGD | `o/i` | `m^(2α−1)` |
//! | rate of Adam | `1/i` | `m^(α−1)` |
//! | ε of Adam | `1/o` | `m^−α` |
//! | decay of SGD, a part of the gradient | `i/o` | `m^−α` |
//! | decay of AdamW | `i` | 1 |
//!
//! **Width**, by the spectral condition (Yang, Simon & Bernstein 2023, "A spectral condition for feature learning"). Values of
//! size 1 in each of n units form a vector of length √n. So that a layer passes on values, and changes of values, of size 1,
//! weights and updates must have the spectral norms `‖W‖ ~ ‖ΔW‖ ~ √(fan_out/fan_in)`.
//! - Random weights of standard deviation σ have the norm `σ(√fan_in + √fan_out)`: hence σ.
//! - A gradient is nearly of rank one, so that `‖ΔW‖·‖∇W‖` is the change of the loss, which is of size 1: `‖∇W‖ ~ √(fan_in/fan_out)`, and
//!   the step `η‖∇W‖` is right with `η ~ fan_out/fan_in`.
//! - In Adam's step each number has the size η, aligned as the gradient is, so that its norm is `η·√(fan_in·fan_out)`: `η ~ 1/fan_in`.
//! - Each number of the gradient has the size `‖∇W‖/√(fan_in·fan_out) = 1/fan_out`: so has ε.
//! - Decay takes the share `ηλ` of the weights, of which the update is a share independent of the width: `ηλ` is too.
//! - The first outputs are sums of independent terms, and fall as `1/√fan_in`: draw the output weights of the base small, or let them
//!   begin at 0, so that outputs as large as the targets are no advantage of the base (Yang et al. 2022, appendix D.2).
//!
//! **Depth** (Yang et al. 2023; Dey et al. 2025, table 1). Of L branches, `h ← h + L^−α·f(h)`. What they learn is alike, and adds up to
//! `L·L^−α·‖Δf‖`, which is to be of size 1: `‖Δf‖ ~ L^(α−1)`. Adam's rate is that; a gradient comes through the branch, as `L^−α`, and
//! so ε and the rate of SGD follow. At α = 1 (CompleteP) each layer learns fully, `Δf ~ f`; at α = ½ (depth-μP) random branches add up to size
//! 1 at the start, but a layer within learns the less the deeper the model, and is linearised.
//!
//! # What it reads
//!
//! - Sizes from the parameters' axes, beside those of the base, a model of the same depth whose layers have the same names: an axis counts
//!   if it differs. A weight of two axes has (inputs, outputs), as in all layers here; one of a convolution is told by its biases;
//!   [`MaximalUpdate::axes`] tells others.
//! - Residual branches from the model's [configuration](crate::config): [`Residual`](crate::Residual) and
//!   [`TransformerBlock`](crate::TransformerBlock), which has two; with their strengths, which must be those of the [`DepthScaling`].
//!
//! What it cannot read is an error that names it: weights under a [`WeightNorm`](crate::WeightNorm) or
//! [`SpectralNorm`](crate::SpectralNorm), one matrix under two names, other axes that grow. It does not see inside a formula of yours:
//! a table that is both the first layer and, transposed, the last is wrong for one of them. Attention divides by the root of the width of a head: grow the number of
//! heads, not their width, or μP would divide by the width itself (Yang et al. 2022).

mod branches;
mod coordinates;
mod factors;
mod plan;
mod read;

pub use coordinates::{CoordinateCheck, LayerChange};
pub use factors::{Factors, Family, Role};
pub use plan::{Plan, Planned};

use autograd::{Float, Parameters, Shape};
use indexmap::IndexMap;

use crate::error::{Error, Result, shown};
use crate::nn::module::Module;
use crate::optim::{Groups, Optimizer};
use branches::{Branch, branches};
use plan::rms;

/// The maximal update parametrisation of models beside a base: see [the page](self).
#[derive(Debug, Clone)]
pub struct MaximalUpdate {
    family: Family,
    /// The shape and the root mean square of each parameter of the base.
    base: IndexMap<String, (Shape, f64)>,
    depth: Option<DepthScaling>,
    /// The axes of inputs and outputs by name.
    axes: Vec<(String, [usize; 2])>,
}

impl MaximalUpdate {
    /// For optimisers of this family, beside a base with weights as they are drawn.
    ///
    /// The base has the width for which the settings were found, and all else as the models to come: the layers, their number,
    /// their initialisers.
    ///
    /// # Errors
    /// If a value of the base is not finite.
    pub fn new<T: Float>(family: Family, base: &(impl Module<T> + ?Sized)) -> Result<Self> {
        let read = |(name, param): (&str, &autograd::Param<T>)| {
            let size = rms(param);
            match size.is_finite() {
                true => Ok((name.to_string(), (param.shape(), size))),
                false => {
                    Err(Error::invalid("scaling", format!("`{name}` of the base holds values that are not finite")))
                }
            }
        };
        let base = base.parameters().iter().map(read).collect::<Result<_>>()?;
        Ok(MaximalUpdate { family, base, depth: None, axes: vec![] })
    }

    /// Scales over depth too: the model has residual branches of the strength [`DepthScaling::strength`].
    ///
    /// A base of the model's own width, such as the model itself, scales over depth only:
    ///
    /// ```
    /// use mlp::scaling::{DepthScaling, Family, MaximalUpdate};
    /// use mlp::{Activation, Init, Linear, Residual, Sequential, Sgd};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let depth = DepthScaling::new(4); // the rate was found with four branches
    /// let mut rng = StdRng::seed_from_u64(0);
    /// let mut layer = |from, to| Linear::new(from, to, &Init::lecun_normal(), &mut rng);
    /// let mut model: Sequential = Sequential::new().then(layer(2, 8)?);
    /// for _ in 0..16 {
    ///     let branch = Sequential::new().then(layer(8, 8)?).then(Activation::Tanh);
    ///     model = model.then(Residual::new(branch).strength(depth.strength(16))?);
    /// }
    /// let model = model.then(layer(8, 1)?);
    /// let recipe = MaximalUpdate::new(Family::Sgd, &model)?.depth(depth);
    /// let sgd = recipe.apply(&model, |part, planned| Sgd::new(part, 0.1 * planned.factors.rate))?;
    /// assert!(sgd.learning_rates().iter().all(|rate| [0.1, 0.4].contains(rate))); // in the branches as m^(2α−1) = 4
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn depth(self, depth: DepthScaling) -> Self {
        MaximalUpdate { depth: Some(depth), ..self }
    }

    /// Tells which axes of the weights `name` count inputs and outputs, where the layer is not one of this crate.
    ///
    /// `*` in the name stands for any text, as in [`GroupsBuilder::group`](crate::GroupsBuilder::group).
    ///
    /// ```
    /// use autograd::{Param, Tensor, Var};
    /// use mlp::Module;
    /// use mlp::scaling::{Family, MaximalUpdate, Role};
    ///
    /// /// `y = x·Wᵀ`, with weights of shape (outputs, inputs).
    /// #[derive(Module)]
    /// struct Transposed {
    ///     w: Param,
    /// }
    ///
    /// impl Transposed {
    ///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
    ///         x.matmul(self.w.on(x.tape()).t())
    ///     }
    /// }
    ///
    /// let first = |width| Transposed { w: Param::new(Tensor::ones([width, 3])) };
    /// let plan = MaximalUpdate::new(Family::Adam, &first(8))?.axes("w", 1, 0).plan(&first(32))?;
    /// assert_eq!(plan.parameters()[0].role, Role::Input);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn axes(mut self, name: impl Into<String>, inputs: usize, outputs: usize) -> Self {
        self.axes.push((name.into(), [inputs, outputs]));
        self
    }

    /// The factors of each parameter of `model`; nothing is changed.
    ///
    /// # Errors
    /// If the base has other parameters, or one of the model's cannot be read ([the page](self#what-it-reads) says which); with
    /// [`depth`](MaximalUpdate::depth), if the model has no configuration, no branch, or one of another strength.
    pub fn plan<T: Float>(&self, model: &(impl Module<T> + ?Sized)) -> Result<Plan> {
        let (branches, depth) = self.depth.map(|depth| depth.read(model)).transpose()?.unzip();
        let fans = read::fans(self, &model.parameters(), &model.buffers())?;
        let planned = |read::Fans { name, shape, role, fans, size }: read::Fans| {
            let in_branch = branches.iter().flatten().any(|branch| branch.holds(&name));
            let factors = Factors::of(self.family, fans, depth.filter(|_| in_branch));
            let size = size.map(|size| size * factors.init);
            Planned { name, shape, role, in_branch, factors, size }
        };
        Ok(Plan { parameters: fans.into_iter().map(planned).collect() })
    }

    /// Scales the weights of a fresh `model` in place, and makes its optimiser from groups of parameters of equal factors:
    /// [`Plan::rescale`], then [`Plan::groups`].
    ///
    /// # Errors
    /// As [`plan`](MaximalUpdate::plan) and [`Plan::rescale`].
    ///
    /// # Panics
    /// If `make` does.
    #[track_caller]
    pub fn apply<T: Float, O: Optimizer<T> + 'static>(
        &self,
        model: &(impl Module<T> + ?Sized),
        make: impl FnMut(&Parameters<T>, &Planned) -> O,
    ) -> Result<Groups<T>> {
        let (plan, parameters) = (self.plan(model)?, model.parameters());
        plan.rescale(&parameters)?;
        plan.groups(&parameters, make)
    }
}

/// How residual branches scale with their number: by `m^−α`, with m the number of branches relative to the base.
///
/// ```
/// use mlp::scaling::DepthScaling;
/// let depth = DepthScaling::new(4);
/// assert_eq!([4, 8, 64].map(|branches| depth.strength(branches)), [1.0, 0.5, 0.0625]);
/// assert_eq!(depth.alpha(0.5).strength(64), 0.25);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthScaling {
    base: usize,
    alpha: f64,
}

impl DepthScaling {
    /// Relative to a model of `base` branches, with α = 1 (CompleteP, Dey et al. 2025).
    ///
    /// # Panics
    /// If `base` is 0.
    #[track_caller]
    pub fn new(base: usize) -> Self {
        assert!(base > 0, "scaling: a base of 0 branches; give it the number for which the rate was found");
        DepthScaling { base, alpha: 1.0 }
    }

    /// Sets α; ½ is depth-μP (Yang et al. 2023).
    ///
    /// # Panics
    /// If it lies outside [½, 1]: with less the values grow with depth, with more the branches have no part in the whole.
    #[must_use]
    #[track_caller]
    pub fn alpha(self, alpha: f64) -> Self {
        assert!((0.5..=1.0).contains(&alpha), "scaling: alpha = {} lies outside [0.5, 1]", shown(alpha));
        DepthScaling { alpha, ..self }
    }

    /// The strength of each of so many branches, for [`Residual::strength`](crate::Residual::strength).
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn strength(&self, branches: usize) -> f64 {
        assert!(branches > 0, "scaling: 0 branches have no strength");
        self.ratio(branches).powf(-self.alpha)
    }

    fn ratio(&self, branches: usize) -> f64 {
        branches as f64 / self.base as f64
    }

    /// The branches of a model, with their number relative to the base and α.
    fn read<T: Float>(&self, model: &(impl Module<T> + ?Sized)) -> Result<(Vec<Branch>, (f64, f64))> {
        let found = branches(&model.config()?)?;
        let count: usize = found.iter().map(|branch| branch.count).sum();
        if count == 0 {
            let why = "the model has no residual branches; leave out depth()";
            return Err(Error::invalid("scaling", why));
        }
        let wanted = self.strength(count);
        // A configuration may have come through a text of fewer digits.
        if let Some(other) = found.iter().find(|branch| (branch.strength - wanted).abs() > 1e-6 * wanted) {
            let why = format!(
                "the branch `{}` has the strength {}; of {count} branches each needs {}: set it with strength()",
                other.place,
                shown(other.strength),
                shown(wanted)
            );
            return Err(Error::invalid("scaling", why));
        }
        Ok((found, (self.ratio(count), self.alpha)))
    }
}
