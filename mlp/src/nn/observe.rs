//! [`Observer`]: a receiver of the values and gradients of each layer.

use autograd::Tensor;

/// A receiver of the values and gradients inside a model.
///
/// A [`Probe`](crate::Probe) in a custom loop calls it, or [`Trainer::observe_steps`](crate::Trainer::observe_steps).
///
/// Every method does nothing by default. Values arrive as `f64`, whatever number type the model uses. The calls of one
/// step are: [`begin`](Observer::begin); for each layer from input to output, [`output`](Observer::output) and, if it
/// is an activation, [`sums`](Observer::sums); in the backward pass [`gradient`](Observer::gradient);
/// [`parameter`](Observer::parameter) for each parameter; [`swept`](Observer::swept); and, in a trainer,
/// [`updated`](Observer::updated) and [`stepped`](Observer::stepped).
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Activation, Mlp, Module, Observer, Part, Probe, Site};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// /// The largest gradient of each layer's output.
/// #[derive(Default)]
/// struct Largest(Vec<(String, f64)>);
///
/// impl Observer for Largest {
///     fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
///         if part == Part::Output {
///             self.0.push((site.name.to_string(), gradient.abs().max()));
///         }
///     }
/// }
///
/// let model: Mlp = Mlp::new(2).hidden(3, Activation::Tanh).output(1, Activation::Identity).build(&mut StdRng::seed_from_u64(0))?;
/// let (tape, mut seen) = (Tape::new(), Largest::default());
/// let mut probe = Probe::new(&mut seen);
/// let loss = model.forward_with(tape.constant(Tensor::ones([4, 2])), &mut probe).sum();
/// let gradients = probe.backward(loss, &model.parameters());
/// assert_eq!(gradients[&model.layers()[0].linear.w].shape(), &[2, 3].into());
/// assert_eq!(seen.0[0], ("layers.1".to_string(), 1.0)); // the backward pass reaches the output layer first
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Observer {
    /// Called when a forward pass begins.
    fn begin(&mut self) {}

    /// Called with the output `values` of a layer.
    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        let _ = (site, values);
    }

    /// Called with the `sums` (pre-activations) of an activation, right after its [`output`](Observer::output).
    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        let _ = (site, sums, slopes);
    }

    /// Called with the gradient of the loss with respect to a layer's sums or output.
    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        let _ = (site, part, gradient);
    }

    /// Called with each parameter of the model after the backward pass.
    fn parameter(&mut self, parameter: &Parameter<'_>) {
        let _ = parameter;
    }

    /// Called when the backward pass from `loss` has ended.
    fn swept(&mut self, loss: f64) {
        let _ = loss;
    }

    /// Called when a training step has changed a parameter.
    fn updated(&mut self, name: &str, before: &Tensor, after: &Tensor) {
        let _ = (name, before, after);
    }

    /// Called when a training step has ended; steps count from 1.
    fn stepped(&mut self, step: usize) {
        let _ = step;
    }
}

/// The derivative of an activation at given values; `None` if the activation is not elementwise.
///
/// The values form a tensor of the shape of the sums. A softmax is not elementwise.
pub type Slopes<'a> = &'a dyn Fn(&Tensor) -> Option<Tensor>;

/// The layer to which the values of an [`Observer`] call belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site<'a> {
    /// Its index in the order of computation, from 0.
    pub number: usize,
    /// The prefix of its parameter names, such as `layers.3`; empty for a model of one layer.
    pub name: &'a str,
    /// Its kind, such as `relu`.
    pub kind: &'a str,
}

/// The values of a layer to which a gradient belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The input of its activation (pre-activations).
    Sums,
    /// The values that it passes to the next layer.
    Output,
}

/// A parameter, as passed to [`Observer::parameter`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Parameter<'a> {
    /// Its name in the model.
    pub name: &'a str,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Its values.
    pub value: Tensor,
    /// Their gradients; `None` if it is frozen or the loss does not depend on it.
    pub gradient: Option<Tensor>,
}
