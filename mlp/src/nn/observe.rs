//! [`Observer`]: who is shown what a model computes, layer by layer, and the gradients on their way back.

use autograd::Tensor;

/// Is shown the values and the gradients inside a model: by a [`Probe`](crate::Probe) in a loop of one's own, or by
/// [`Trainer::observe_steps`](crate::Trainer::observe_steps).
///
/// Every method does nothing unless it is written. Values come as `f64`, whatever the model computes in. In one step the calls are:
/// [`begin`](Observer::begin); for each layer from input to output, [`output`](Observer::output) and, if it is an activation,
/// [`sums`](Observer::sums); on the way back [`gradient`](Observer::gradient); [`parameter`](Observer::parameter) for each parameter;
/// [`swept`](Observer::swept); and from a trainer [`updated`](Observer::updated) and [`stepped`](Observer::stepped).
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
/// assert_eq!(seen.0[0], ("layers.1".to_string(), 1.0)); // the output comes first on the way back
/// # Ok::<(), mlp::Error>(())
/// ```
pub trait Observer {
    /// A forward pass begins.
    fn begin(&mut self) {}

    /// A layer gave `values` to the next.
    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        let _ = (site, values);
    }

    /// The activation that [`output`](Observer::output) was just told of worked on these `sums`.
    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        let _ = (site, sums, slopes);
    }

    /// The gradient of the loss with respect to a layer's sums or output.
    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        let _ = (site, part, gradient);
    }

    /// A parameter of the model after the backward sweep.
    fn parameter(&mut self, parameter: &Parameter<'_>) {
        let _ = parameter;
    }

    /// The backward sweep from `loss` is over.
    fn swept(&mut self, loss: f64) {
        let _ = loss;
    }

    /// A training step changed a parameter.
    fn updated(&mut self, name: &str, before: &Tensor, after: &Tensor) {
        let _ = (name, before, after);
    }

    /// A training step, counted from 1, is over.
    fn stepped(&mut self, step: usize) {
        let _ = step;
    }
}

/// The derivative of an activation at each of some values, an array of the shape of its sums; `None` if it does not work value by value,
/// as a softmax does not.
pub type Slopes<'a> = &'a dyn Fn(&Tensor) -> Option<Tensor>;

/// A layer that an [`Observer`] is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site<'a> {
    /// Its number in the order in which layers compute, from 0.
    pub number: usize,
    /// What the names of its parameters begin with, such as `layers.3`; empty for a model of one layer.
    pub name: &'a str,
    /// What it is, such as `relu`.
    pub kind: &'a str,
}

/// Which values of a layer a gradient belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// What its activation works on.
    Sums,
    /// What it gives to the next layer.
    Output,
}

/// A parameter that an [`Observer`] is told of.
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
