//! [`Probe`]: exposes the intermediate values of a module to an observer.

use std::collections::HashMap;
use std::fmt::{self, Display};

use autograd::{Float, Gradients, Parameters, Scalar, Tensor, Var, linearize};

use super::observe::{Observer, Parameter, Part, Site};

/// Exposes the values of a model's layers to an [`Observer`].
///
/// [`Module::forward_with`](crate::Module::forward_with) passes it through the model.
///
/// A module exposes its output with [`output`](Probe::output), or its sums and its output with
/// [`activation`](Probe::activation). It passes the probe on to its submodules [`within`](Probe::within) the prefix of
/// their parameters. It continues with the returned values: the same values, marked so that the observer receives their
/// gradients. A probe that is off costs nothing.
///
/// ```
/// use autograd::{Param, Parameters, Tensor, Var};
/// use mlp::{Flow, Module, Probe};
///
/// struct TwoLayers {
///     v: Param,
///     w: Param,
/// }
///
/// impl Module for TwoLayers {
///     fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
///         self.forward_with(x, &mut Probe::off())
///     }
///     fn forward_with<'t>(&self, x: Var<'t>, probe: &mut Probe<'_>) -> Var<'t> {
///         let h = probe.within("first", |probe| probe.activation("tanh", x.matmul(&self.v), |p| p.tanh()));
///         probe.within("second", |probe| probe.output("linear", h.matmul(&self.w)))
///     }
///     fn parameters(&self) -> Parameters {
///         Parameters::new().with("first.v", &self.v).with("second.w", &self.w)
///     }
/// }
///
/// let model = TwoLayers { v: Param::new([[0.0, 9.0]]), w: Param::new([[2.0], [1.0]]) };
/// let flow = Flow::measure(&model, &Tensor::from([[1.0]]), |y| y.sum());
/// assert_eq!(flow.layers[0].name, "first");
/// assert_eq!(flow.layers[0].saturated, Some(0.5)); // tanh saturates at 9, not at 0
/// assert_eq!(flow.layers[0].outputs.gradients.as_ref().unwrap().norm, 5f64.sqrt()); // the norm of (2, 1)
/// ```
pub struct Probe<'o>(Option<Box<Shown<'o>>>);

struct Shown<'o> {
    observer: &'o mut dyn Observer,
    path: Vec<String>,
    /// The name and the kind of each layer.
    layers: Vec<(String, String)>,
    /// The layer and the part of it that each name on the tape denotes.
    marks: HashMap<String, (usize, Part)>,
}

impl<'o> Probe<'o> {
    /// A probe without an observer.
    pub const fn off() -> Self {
        Probe(None)
    }

    /// A probe that exposes one forward pass, and with [`backward`](Probe::backward) the backward pass, to `observer`.
    pub fn new(observer: &'o mut dyn Observer) -> Self {
        observer.begin();
        Probe(Some(Box::new(Shown { observer, path: vec![], layers: vec![], marks: HashMap::new() })))
    }

    /// Whether the probe has an observer.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Runs `f` for a submodule: names inside begin with `prefix.`.
    pub fn within<R>(&mut self, prefix: impl Display, f: impl FnOnce(&mut Probe<'o>) -> R) -> R {
        self.enter(prefix);
        let result = f(self);
        self.leave();
        result
    }

    /// Enters a submodule without a closure: inside a closure, a shape error would report a line of this crate, not the
    /// caller's.
    pub(crate) fn enter(&mut self, prefix: impl Display) {
        if let Some(shown) = &mut self.0 {
            shown.path.push(prefix.to_string());
        }
    }

    pub(crate) fn leave(&mut self) {
        if let Some(shown) = &mut self.0 {
            shown.path.pop();
        }
    }

    /// Exposes the output `y` of a layer of this `kind`, such as `linear`.
    #[must_use]
    pub fn output<'t, T: Float>(&mut self, kind: impl Display, y: Var<'t, T>) -> Var<'t, T> {
        let Some(shown) = &mut self.0 else { return y };
        let layer = shown.layer(kind);
        shown.observer.output(&site(&shown.layers, layer), &y.value().cast());
        shown.mark(y, (layer, Part::Output))
    }

    /// Computes `f(p)`, and exposes it with its sums `p` and the derivative of `f`.
    #[must_use]
    #[track_caller]
    pub fn activation<'t, T: Float>(
        &mut self,
        kind: impl Display,
        p: Var<'t, T>,
        f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T>,
    ) -> Var<'t, T> {
        let Some(shown) = &mut self.0 else { return f(p) };
        let layer = shown.layer(kind);
        let y = f(shown.mark(p, (layer, Part::Sums)));
        let site = site(&shown.layers, layer);
        shown.observer.output(&site, &y.value().cast());
        shown.observer.sums(&site, &p.value().cast(), &|at| slopes(&f, &at.cast()));
        shown.mark(y, (layer, Part::Output))
    }

    /// Runs the backward pass from `loss`, and exposes the gradients of the exposed values and of `parameters`.
    ///
    /// A probe that is off only runs the backward pass.
    #[track_caller]
    pub fn backward<'t, T: Float>(self, loss: Scalar<'t, T>, parameters: &Parameters<T>) -> Gradients<'t, T> {
        let Some(shown) = self.0 else { return loss.backward() };
        let Shown { observer, layers, marks, .. } = *shown;
        let gradients = loss.backward_with(|name, gradient| {
            if let Some(&(layer, part)) = marks.get(name) {
                let [shape @ .., _] = &gradient.shape()[..] else { unreachable!("a mark has one axis more") };
                observer.gradient(&site(&layers, layer), part, &gradient.reshape(shape).cast());
            }
        });
        for (name, param) in parameters.iter() {
            let gradient = gradients.of(param).map(Tensor::cast);
            observer.parameter(&Parameter { name, frozen: param.is_frozen(), value: param.value().cast(), gradient });
        }
        observer.swept(loss.value().to_f64());
        gradients
    }
}

impl fmt::Debug for Probe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.0.as_ref().map(|shown| &shown.layers);
        f.debug_struct("Probe").field("layers", &layers).finish_non_exhaustive()
    }
}

impl Shown<'_> {
    /// Registers one more layer and returns its index.
    fn layer(&mut self, kind: impl Display) -> usize {
        self.layers.push((self.path.join("."), kind.to_string()));
        self.layers.len() - 1
    }

    /// A separate view of `y`. One tensor may be the output of a layer and the sums of the next, but it has one name
    /// only.
    fn mark<'t, T: Float>(&mut self, y: Var<'t, T>, of: (usize, Part)) -> Var<'t, T> {
        let name = format!("probe {}", self.marks.len());
        self.marks.insert(name.clone(), of);
        // Two reshapes, through one more axis and back, copy nothing. A reshape to the same shape would return `y`
        // itself.
        let shape = y.shape();
        let wider: Vec<usize> = shape.iter().copied().chain([1]).collect();
        y.reshape(wider).named(name).reshape(shape)
    }
}

fn site(layers: &[(String, String)], number: usize) -> Site<'_> {
    let (name, kind) = &layers[number];
    Site { number, name, kind }
}

/// The derivative of `f` at each value of `p`, or `None` if `f` is not elementwise.
fn slopes<T: Float>(f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T>, p: &Tensor<T>) -> Option<Tensor> {
    let line = linearize(f, p);
    if p.numel() == 0 || line.value().shape() != p.shape() {
        return None;
    }
    let slopes = line.jvp(&[Tensor::ones(p.shape())]);
    // A diagonal Jacobian J maps every v to (J·1)∘v. Any other Jacobian deviates from this for a v of unequal values.
    let unequal = |k: usize| 1.0 + (k as f64 * 0.618_033_988_749_895).fract();
    let v = Tensor::new(p.shape(), (0..p.numel()).map(|k| T::from_f64(unequal(k))).collect());
    let (moved, alone) = (line.jvp(std::slice::from_ref(&v)), &slopes * &v);
    let finite = |(a, b): (&T, &T)| Some((a.to_f64(), b.to_f64())).filter(|(a, b)| (a - b).is_finite());
    let pairs: Vec<_> = moved.as_slice().iter().zip(alone.as_slice()).filter_map(finite).collect();
    let largest = pairs.iter().fold(0.0, |largest: f64, (a, b)| largest.max(a.abs()).max(b.abs()));
    let diagonal = pairs.iter().all(|(a, b)| (a - b).abs() <= T::EPSILON.sqrt() * largest);
    diagonal.then(|| slopes.cast())
}
