//! [`Probe`]: what a module shows of its inside while it computes.

use std::collections::HashMap;
use std::fmt::Display;

use autograd::{Float, Gradients, Scalar, Tensor, Var, linearize};

use crate::module::Module;

use super::{Flow, LayerFlow, Signal, Stats, WeightFlow};

/// Handed through a model by [`Module::forward_with`](crate::Module::forward_with), to be shown what its layers compute.
///
/// A module shows its output by [`output`](Probe::output), or sums and output together by
/// [`activation`](Probe::activation), and hands the probe on to its parts [`within`](Probe::within) the prefix that their
/// parameters have. It goes on with what these return: the same values, marked so that their gradients are seen.
/// Switched off, the probe costs nothing.
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
///     fn forward_with<'t>(&self, x: Var<'t>, probe: &mut Probe) -> Var<'t> {
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
/// assert_eq!(flow.layers[0].saturated, Some(0.5)); // tanh is flat at 9, not at 0
/// assert_eq!(flow.layers[0].outputs.gradients.as_ref().unwrap().norm, 5f64.sqrt()); // of (2, 1)
/// ```
#[derive(Debug)]
pub struct Probe(Option<Box<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    path: Vec<String>,
    layers: Vec<LayerFlow>,
    /// What a name on the tape stands for: a layer, and its sums or else its outputs.
    marks: HashMap<String, (usize, bool)>,
}

impl Probe {
    /// A probe that is shown nothing.
    pub const fn off() -> Self {
        Probe(None)
    }

    pub(crate) fn on() -> Self {
        Probe(Some(Box::default()))
    }

    /// Whether it looks.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Shows what `f` shows as of a part: names inside begin with `prefix.`.
    pub fn within<R>(&mut self, prefix: impl Display, f: impl FnOnce(&mut Probe) -> R) -> R {
        self.enter(prefix);
        let result = f(self);
        self.leave();
        result
    }

    /// Begins a part, without a closure: in one, a shape that does not fit would point at this crate.
    pub(crate) fn enter(&mut self, prefix: impl Display) {
        if let Some(seen) = &mut self.0 {
            seen.path.push(prefix.to_string());
        }
    }

    pub(crate) fn leave(&mut self) {
        if let Some(seen) = &mut self.0 {
            seen.path.pop();
        }
    }

    /// Shows the output `y` of a layer; `kind` says what it is in the table, such as `linear`.
    #[must_use]
    pub fn output<'t, T: Float>(&mut self, kind: impl Display, y: Var<'t, T>) -> Var<'t, T> {
        let Some(seen) = &mut self.0 else { return y };
        let layer = seen.layer(kind.to_string(), &y.value());
        seen.mark(y, (layer, false))
    }

    /// `f(p)`, shown with its sums `p` and with its derivative, which is computed from `f`.
    ///
    /// Dead units and saturated values are counted if `f` works value by value, which is tested: a softmax does not. For
    /// its steepest slope `f` is computed on [−10, 10] as well, in arrays of the shape of `p`.
    #[must_use]
    #[track_caller]
    pub fn activation<'t, T: Float>(
        &mut self,
        kind: impl Display,
        p: Var<'t, T>,
        f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T>,
    ) -> Var<'t, T> {
        let Some(seen) = &mut self.0 else { return f(p) };
        // The row is filled below, when the output is known; its number is what marks refer to.
        let layer = seen.layers.len();
        let sums = p.value();
        let y = f(seen.mark(p, (layer, true)));
        seen.layer(kind.to_string(), &y.value());
        let row = &mut seen.layers[layer];
        row.sums = Some(Signal::of(&sums));
        if let Some(slopes) = slopes(&f, &sums) {
            let units = row.units;
            let (steepest, ends) = steepest(&f, &sums);
            let is_flat = |slope: &f64| slope.abs() < LayerFlow::SATURATED * steepest;
            let dead = (0..units).filter(|&unit| slopes[unit..].iter().step_by(units).all(|&slope| slope == 0.0));
            row.dead = Some(dead.count() as f64 / units as f64);
            row.saturated = Some(slopes.iter().filter(|slope| is_flat(slope)).count() as f64 / slopes.len() as f64);
            row.two_sided = ends.iter().all(is_flat);
        }
        seen.mark(y, (layer, false))
    }

    /// The sweep back from `loss`, which gives what was seen its gradients; without a probe that is on, the sweep alone.
    pub(crate) fn backward<'t, T: Float, M: Module<T> + ?Sized>(
        self,
        loss: Scalar<'t, T>,
        model: &M,
    ) -> (Option<Flow>, Gradients<'t, T>) {
        let Some(seen) = self.0 else { return (None, loss.backward()) };
        let Seen { mut layers, marks, .. } = *seen;
        let grads = loss.backward_with(|name, gradient| {
            if let Some(&(layer, of_sums)) = marks.get(name) {
                let row = &mut layers[layer];
                let signal = if of_sums { row.sums.as_mut() } else { Some(&mut row.outputs) };
                signal.expect("marked when it was filled").gradients = Some(Stats::of(gradient.as_slice()));
            }
        });
        let mut flow = Flow { loss: loss.value().to_f64(), layers, others: vec![] };
        for row in &mut flow.layers {
            row.scale = row.outputs.scale(flow.loss);
        }
        flow.place(model.parameters().iter().map(|(name, param)| {
            let value = param.value();
            WeightFlow {
                name: name.to_string(),
                axes: value.shape().len(),
                frozen: param.is_frozen(),
                values: Stats::of(value.as_slice()),
                gradients: grads.of(param).map(|gradient| Stats::of(gradient.as_slice())),
                update: None,
            }
        }));
        (Some(flow), grads)
    }
}

impl Seen {
    fn layer<T: Float>(&mut self, kind: String, y: &Tensor<T>) -> usize {
        self.layers.push(LayerFlow {
            name: self.path.join("."),
            kind,
            units: y.shape().last().copied().unwrap_or(1),
            sums: None,
            outputs: Signal::of(y),
            dead: None,
            saturated: None,
            two_sided: false,
            scale: None,
            weights: vec![],
        });
        self.layers.len() - 1
    }

    /// A view of `y` of its own: one array may be the output of a layer and the sums of the next, but has one name only.
    fn mark<'t, T: Float>(&mut self, y: Var<'t, T>, of: (usize, bool)) -> Var<'t, T> {
        let name = format!("flow {}", self.marks.len());
        self.marks.insert(name.clone(), of);
        // Through one more axis and back, which copies nothing: a reshape to the same shape would be `y` itself.
        let shape = y.shape();
        let wider: Vec<usize> = shape.iter().copied().chain([1]).collect();
        y.reshape(wider).named(name).reshape(shape)
    }
}

/// The derivative of `f` at each value of `p`, or `None` if `f` does not work value by value.
fn slopes<T: Float>(f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T>, p: &Tensor<T>) -> Option<Vec<f64>> {
    let line = linearize(f, p);
    if p.numel() == 0 || line.value().shape() != p.shape() {
        return None;
    }
    let slopes = line.jvp(&[Tensor::ones(p.shape())]);
    // A diagonal Jacobian J takes any v to (J·1)∘v; any other shows it for a v of unequal values.
    let unequal = |k: usize| 1.0 + (k as f64 * 0.618_033_988_749_895).fract();
    let v = Tensor::new(p.shape(), (0..p.numel()).map(|k| T::from_f64(unequal(k))).collect());
    let (moved, alone) = (line.jvp(std::slice::from_ref(&v)), &slopes * &v);
    let finite = |(a, b): (&T, &T)| Some((a.to_f64(), b.to_f64())).filter(|(a, b)| (a - b).is_finite());
    let pairs: Vec<_> = moved.as_slice().iter().zip(alone.as_slice()).filter_map(finite).collect();
    let largest = pairs.iter().fold(0.0, |largest: f64, (a, b)| largest.max(a.abs()).max(b.abs()));
    let diagonal = pairs.iter().all(|(a, b)| (a - b).abs() <= T::EPSILON.sqrt() * largest);
    diagonal.then(|| slopes.as_slice().iter().map(|slope| slope.to_f64()).collect())
}

/// The largest |f′| on [−10, 10], where activations have theirs, by steps of 0.1; and |f′| at both ends.
///
/// The points are laid into arrays of the shape of `p`, the only one that `f` is known to take.
fn steepest<T: Float>(f: impl for<'s> Fn(Var<'s, T>) -> Var<'s, T>, p: &Tensor<T>) -> (f64, [f64; 2]) {
    const POINTS: usize = 201;
    let at = |k: usize| T::from_f64((k % POINTS) as f64 / 10.0 - 10.0);
    let mut slopes = vec![];
    while slopes.len() < POINTS {
        let first = slopes.len();
        let grid = Tensor::new(p.shape(), (first..first + p.numel()).map(at).collect());
        let (_, found) = autograd::jvp(&f, &grid, &Tensor::ones(p.shape()));
        slopes.extend(found.as_slice().iter().map(|slope| slope.to_f64().abs()));
    }
    (slopes.iter().copied().fold(0.0, f64::max), [slopes[0], slopes[POINTS - 1]])
}
