//! What becomes of activations and gradients on their way through a network.
//!
//! [`Flow::measure`] looks at a model for one loss; [`Trainer::observe_flow`](crate::Trainer::observe_flow) looks on while
//! it trains. Per layer: size and distribution of sums, outputs and weights, and of the gradients of all three; the
//! shares of dead units and of saturated values; how far a step moves the weights; and a measure of the gradient that
//! does not change when layers are rescaled. It prints as a table, and [`Flow::warnings`] says in words what is amiss.
//!
//! ```
//! use autograd::Tensor;
//! use mlp::{Activation, Flow, Init, Mlp};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let layers = (0..10).fold(Mlp::new(16), |layers, _| layers.hidden(16, Activation::Sigmoid));
//! let model: Mlp = layers.output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(1))?;
//! let flow = Flow::measure(&model, &Tensor::ones([4, 16]), |y| y.square().mean());
//! println!("{flow}");
//! assert!(flow.warnings()[0].contains("the gradient vanishes"), "{:?}", flow.warnings());
//! # Ok::<(), mlp::Error>(())
//! ```
//!
//! A model of one's own is looked at as well: from outside by itself, and from inside if it hands the [`Probe`](crate::Probe) on.
//!
//! The singular values of the Jacobian of a network, or of a stretch of it, say in every direction at once how it
//! stretches: [`singular_values`] has all of them, [`extreme_singular_values`] the largest and smallest by products with the
//! Jacobian, which is not formed; [`gradient_scale`] is the scale-invariant measure between any two layers.

mod observe;
mod report;
mod spectrum;
mod stats;

pub use spectrum::{Extremes, extreme_singular_values, gradient_scale, singular_values};
pub use stats::Stats;

use std::collections::HashMap;
use std::iter::successors;

use autograd::{Float, Parameters, Scalar, Tape, Tensor, Var};

use crate::nn::module::Module;
use crate::nn::probe::Probe;
use crate::optim::check_rate;
use observe::{Gatherer, update};

/// What became of activations and gradients at one moment.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Activation, Flow, Linear, Sequential};
/// let linear = Linear { w: Param::new([[2.0, -2.0]]), b: None };
/// let model = Sequential::new().then(linear).then(Activation::Relu);
/// let flow = Flow::measure(&model, &Tensor::from([[1.0], [3.0]]), |y| y.sum());
/// assert_eq!(flow.layers.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["0", "1"]);
/// assert_eq!(flow.layers[1].dead, Some(0.5)); // the second unit is off for both samples
/// assert_eq!(flow.layers[0].outputs.gradients.as_ref().unwrap().norm, 2f64.sqrt());
/// assert_eq!(flow.layers[0].weights[0].gradients.as_ref().unwrap().norm, 4.0); // 1 + 3
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Flow {
    /// The loss.
    pub loss: f64,
    /// What the layers showed, from input to output.
    pub layers: Vec<LayerFlow>,
    /// The parameters whose names begin with the name of no layer.
    pub others: Vec<WeightFlow>,
}

/// One layer of a [`Flow`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerFlow {
    /// Where it is: what the names of its parameters begin with, such as `layers.3`; empty for a model of one layer.
    pub name: String,
    /// What it is, such as `relu`.
    pub kind: String,
    /// The length of its output's rows.
    pub units: usize,
    /// What its activation works on, if it has one.
    pub sums: Option<Signal>,
    /// What it gives to the next layer; of an activation, before any dropout.
    pub outputs: Signal,
    /// The share of units whose activation has the derivative 0 for every sample: their weights have no gradient. `None`
    /// if there is no activation that works value by value.
    pub dead: Option<f64>,
    /// The share of values at which the activation is steep by less than [`LayerFlow::SATURATED`] of its steepest
    /// (on [−10, 10]); `None` as for `dead`. The negative side of a rectifier counts: half is usual there.
    pub saturated: Option<f64>,
    /// Whether the activation is flat at both ends, as the logistic function is and a rectifier is not.
    two_sided: bool,
    /// The scale-invariant size of the gradient, `‖∂E/∂h‖·‖h‖/(√n·|E|)` of the n outputs h of all samples: by how many times
    /// its own size the loss moves when h moves, in a random direction, by its own. `None` without gradient or loss.
    ///
    /// It is [`gradient_scale`] between layer and loss. Multiplying a layer by c and dividing the next by c multiplies the
    /// norm of the gradient by 1/c, and leaves this as it is.
    pub scale: Option<f64>,
    /// Its parameters.
    pub weights: Vec<WeightFlow>,
}

impl LayerFlow {
    /// Below which share of its steepest slope an activation counts as saturated: 1 %.
    pub const SATURATED: f64 = 0.01;
}

/// The values somewhere in a network, and the gradients of the loss with respect to them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Signal {
    /// The values, of all samples and units.
    pub values: Stats,
    /// Their gradients; `None` if none arrives.
    pub gradients: Option<Stats>,
}

impl Signal {
    fn of(values: &Tensor) -> Self {
        Signal { values: Stats::of(values.as_slice()), gradients: None }
    }

    /// See [`LayerFlow::scale`].
    fn scale(&self, loss: f64) -> Option<f64> {
        let root = (self.values.count as f64).sqrt();
        let gradients = self.gradients.as_ref().filter(|_| loss != 0.0)?;
        Some(gradients.norm * self.values.norm / (root * loss.abs()))
    }
}

/// A parameter in a [`Flow`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WeightFlow {
    /// Its name in the model.
    pub name: String,
    /// The number of its axes.
    pub axes: usize,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Its values.
    pub values: Stats,
    /// Their gradients; `None` if it is frozen or the loss does not depend on it.
    pub gradients: Option<Stats>,
    /// By what share of its size a step changes it, `‖Δw‖/‖w‖`, if a step is known and it has a size.
    pub update: Option<f64>,
}

impl Flow {
    /// Computes `model` for `x` while evaluating, sweeps back from `loss` of its output, and looks on.
    ///
    /// Nothing changes. Gradients flow to `x`, and so through layers that are frozen as well.
    ///
    /// # Panics
    /// Where the model or the loss does.
    #[track_caller]
    pub fn measure<T: Float, M: Module<T> + ?Sized>(
        model: &M,
        x: &Tensor<T>,
        loss: impl for<'t> FnOnce(Var<'t, T>) -> Scalar<'t, T>,
    ) -> Self {
        let tape = Tape::default();
        let mut seen = Gatherer::default();
        let mut probe = Probe::new(&mut seen);
        let y = model.forward_with(tape.var(x), &mut probe);
        probe.backward(loss(y), &model.parameters());
        seen.flow
    }

    /// With the updates that a step of plain gradient descent would make, `η·‖∂E/∂w‖/‖w‖`.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Flow, Linear};
    /// let model = Linear { w: Param::new([[2.0]]), b: None };
    /// let flow = Flow::measure(&model, &Tensor::from([[3.0]]), |y| y.sum()).with_rate(0.1);
    /// assert!((flow.layers[0].weights[0].update.unwrap() - 0.15).abs() < 1e-15); // 0.1·3/2
    /// ```
    ///
    /// # Panics
    /// If `rate` is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn with_rate(mut self, rate: f64) -> Self {
        check_rate::<f64>(rate);
        for weights in self.weights_mut() {
            weights.update = weights.gradients.as_ref().and_then(|dw| share(rate * dw.norm, weights.values.norm));
        }
        self
    }

    /// With the updates from the values `before`, in the order of `parameters`, to the present ones.
    ///
    /// ```
    /// use autograd::{Param, Tensor};
    /// use mlp::{Flow, Linear, Module};
    /// let model = Linear { w: Param::new([[2.0]]), b: None };
    /// let flow = Flow::measure(&model, &Tensor::from([[3.0]]), |y| y.sum());
    /// let before: Vec<_> = model.parameters().params().map(|param| param.value()).collect();
    /// model.w.set([[2.5]]);
    /// assert_eq!(flow.with_updates(&before, &model.parameters()).layers[0].weights[0].update, Some(0.25));
    /// ```
    ///
    /// # Panics
    /// If there is not one array of the right shape for each parameter.
    #[must_use]
    #[track_caller]
    pub fn with_updates<T: Float>(mut self, before: &[Tensor<T>], parameters: &Parameters<T>) -> Self {
        let (n, wanted) = (before.len(), parameters.len());
        assert!(n == wanted, "flow: {n} arrays of values given for {wanted} parameters");
        let all = parameters.iter().zip(before);
        let updates = all.map(|((name, param), before)| (name, update(before, &param.value())));
        let updates: HashMap<&str, Option<f64>> = updates.collect();
        for weights in self.weights_mut() {
            if let Some(update) = updates.get(weights.name.as_str()) {
                weights.update = *update;
            }
        }
        self
    }

    /// All parameters: those of the layers, and then the others.
    pub fn weights(&self) -> impl Iterator<Item = &WeightFlow> {
        self.layers.iter().flat_map(|layer| &layer.weights).chain(&self.others)
    }

    fn weights_mut(&mut self) -> impl Iterator<Item = &mut WeightFlow> {
        self.layers.iter_mut().flat_map(|layer| &mut layer.weights).chain(&mut self.others)
    }

    /// Gives each parameter to the first of the layers with the longest name that its own begins with.
    fn place(&mut self, all: impl Iterator<Item = WeightFlow>) {
        let mut layers = HashMap::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            layers.entry(layer.name.clone()).or_insert(i);
        }
        for weights in all {
            match owner(&weights.name, &layers) {
                Some(layer) => self.layers[layer].weights.push(weights),
                None => self.others.push(weights),
            }
        }
    }
}

/// The layer with the longest name that a parameter's begins with.
fn owner(name: &str, layers: &HashMap<String, usize>) -> Option<usize> {
    let without_end = |name: &str| name.rfind('.');
    let ends = successors(without_end(name), |&end| without_end(&name[..end]));
    ends.chain([0]).find_map(|end| layers.get(&name[..end])).copied()
}

/// A change as a share of a size; what is 0 has none.
fn share(change: f64, size: f64) -> Option<f64> {
    (size != 0.0).then(|| change / size)
}
