//! Measures activations and gradients at every depth of a network.
//!
//! [`Flow::measure`] measures a model for one loss; [`Trainer::observe_flow`](crate::Trainer::observe_flow) measures it
//! during training. A flow contains for each layer:
//!
//! - the size and the distribution of sums (pre-activations), outputs and weights, and of their gradients;
//! - the shares of dead units and of saturated values;
//! - the relative size of weight updates;
//! - a measure of the gradient that does not change when layers are rescaled.
//!
//! It prints as a table, and as `{:#}` with the quantiles of values and gradients. [`Flow::warnings`] describes problems in
//! words. [`FlowLog`] writes flows as a table of numbers, and as curves for TensorBoard.
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
//! A custom model works too. Its output is always visible; its inner layers are visible if it passes the [`Probe`] on
//! to them.
//!
//! The singular values of the Jacobian of a network, or of a section of it, give its gain in every direction.
//! [`singular_values`] computes all of them. [`extreme_singular_values`] computes the largest and the smallest from
//! products with the Jacobian, without forming it. [`gradient_scale`] is the scale-invariant measure between any two
//! layers.

mod log;
mod observe;
mod report;
mod scale;
#[cfg(feature = "spectrum")]
pub(super) mod spectrum;
mod stats;

pub use log::FlowLog;
pub(in crate::depth) use observe::Gatherer;
pub(in crate::depth) use report::write_rows;
pub use scale::gradient_scale;
#[cfg(feature = "spectrum")]
pub use spectrum::{Extremes, extreme_singular_values, singular_values};
pub use stats::Stats;

use std::collections::HashMap;
use std::iter::successors;

use autograd::{Float, Parameters, Scalar, Tape, Tensor, Var};

use crate::nn::module::Module;
use crate::nn::probe::Probe;
use crate::optim::check_rate;
use observe::update;

/// Statistics of activations and gradients at one point in time.
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
    /// The layers, from input to output.
    pub layers: Vec<LayerFlow>,
    /// The parameters that belong to no layer, judged by their names.
    pub others: Vec<WeightFlow>,
}

/// One layer of a [`Flow`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerFlow {
    /// The prefix of its parameter names, such as `layers.3`; empty for a model of one layer.
    pub name: String,
    /// Its kind, such as `relu`.
    pub kind: String,
    /// The row length of its output.
    pub units: usize,
    /// The input of its activation (pre-activations), if it has one.
    pub sums: Option<Signal>,
    /// The values that it passes to the next layer; for an activation, before dropout.
    pub outputs: Signal,
    /// The share of units whose activation has the derivative 0 for every sample.
    ///
    /// The weights of such dead units get no gradient. `None` without an elementwise activation.
    pub dead: Option<f64>,
    /// The share of values at which the activation is saturated.
    ///
    /// There the slope is less than [`LayerFlow::SATURATED`] times the steepest slope (on [−10, 10]). The negative side
    /// of a rectifier counts: a share of one half is usual there. `None` as for `dead`.
    pub saturated: Option<f64>,
    /// Whether the activation is flat at both ends, like the logistic function and unlike a rectifier.
    pub(in crate::depth) two_sided: bool,
    /// The scale-invariant size of the gradient: `‖∂E/∂h‖·‖h‖/(√n·|E|)`.
    ///
    /// Here h are the n outputs of all samples. It is the relative change of the loss when h changes in a random
    /// direction by its own size. `None` without a gradient, or if the loss is 0.
    ///
    /// It is [`gradient_scale`] between the layer and the loss. Scaling a layer by c and the next by 1/c multiplies the
    /// norm of the gradient by 1/c, but leaves this measure unchanged.
    pub scale: Option<f64>,
    /// The parameters of the layer.
    pub weights: Vec<WeightFlow>,
}

impl LayerFlow {
    /// The fraction of the steepest slope below which an activation counts as saturated: 1 %.
    pub const SATURATED: f64 = 0.01;
}

/// The values at one place in a network, and the gradients of the loss with respect to them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Signal {
    /// The values of all samples and units.
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
    /// The name of the parameter in the model.
    pub name: String,
    /// The number of its axes.
    pub axes: usize,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Its values.
    pub values: Stats,
    /// Their gradients; `None` if it is frozen or the loss does not depend on it.
    pub gradients: Option<Stats>,
    /// The relative update `‖Δw‖/‖w‖` of a step, if a step is known and the parameter is not 0.
    pub update: Option<f64>,
}

impl Flow {
    /// Measures one forward pass of `model` for `x`, and the backward pass from `loss`.
    ///
    /// The passes run in evaluation mode, and change nothing. Gradients flow to `x`, so they also pass through frozen
    /// layers.
    ///
    /// # Panics
    /// If the model or the loss panics.
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

    /// Adds the relative updates of a step of plain gradient descent, `η·‖∂E/∂w‖/‖w‖`.
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

    /// Adds the relative updates from the values `before` to the present ones.
    ///
    /// The values `before` have the order of `parameters`.
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
    /// If there is not exactly one tensor of the right shape for each parameter.
    #[must_use]
    #[track_caller]
    pub fn with_updates<T: Float>(mut self, before: &[Tensor<T>], parameters: &Parameters<T>) -> Self {
        let (n, wanted) = (before.len(), parameters.len());
        assert!(n == wanted, "flow: {n} arrays of values given for {wanted} parameters");
        let all = parameters.iter().zip(before);
        self.set_updates(all.map(|((name, param), before)| (name.to_string(), update(before, &param.value()))));
        self
    }

    /// All parameters: first those of the layers, then the others.
    pub fn weights(&self) -> impl Iterator<Item = &WeightFlow> {
        self.layers.iter().flat_map(|layer| &layer.weights).chain(&self.others)
    }

    /// By name, each looked up once: a model may have a hundred thousand parameters.
    fn set_updates(&mut self, updates: impl Iterator<Item = (String, Option<f64>)>) {
        let updates: HashMap<String, Option<f64>> = updates.collect();
        for weights in self.weights_mut() {
            if let Some(update) = updates.get(&weights.name) {
                weights.update = *update;
            }
        }
    }

    fn weights_mut(&mut self) -> impl Iterator<Item = &mut WeightFlow> {
        self.layers.iter_mut().flat_map(|layer| &mut layer.weights).chain(&mut self.others)
    }

    /// Assigns each parameter to the layer with the longest matching prefix; among equal names the first layer gets it.
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

/// The layer whose name is the longest prefix of a parameter's name.
fn owner(name: &str, layers: &HashMap<String, usize>) -> Option<usize> {
    let without_end = |name: &str| name.rfind('.');
    let ends = successors(without_end(name), |&end| without_end(&name[..end]));
    ends.chain([0]).find_map(|end| layers.get(&name[..end])).copied()
}

/// The change relative to the size; `None` for a size of 0.
fn share(change: f64, size: f64) -> Option<f64> {
    (size != 0.0).then(|| change / size)
}
