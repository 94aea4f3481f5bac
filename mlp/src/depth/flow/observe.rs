//! The observer that gathers a [`Flow`], in one pass or in the steps of a training.

use autograd::{Float, Tensor};

use super::{Flow, LayerFlow, Signal, Stats, WeightFlow, share};
use crate::nn::observe::{Observer, Parameter, Part, Site, Slopes};
use crate::train::Trainer;

type Show<'a> = dyn FnMut(usize, &Flow) + 'a;

/// Gathers a flow, and passes it to `show` after each step.
#[derive(Default)]
pub(in crate::depth) struct Gatherer<'a> {
    pub(in crate::depth) flow: Flow,
    weights: Vec<WeightFlow>,
    updates: Vec<(String, Option<f64>)>,
    show: Option<Box<Show<'a>>>,
}

impl Observer for Gatherer<'_> {
    fn begin(&mut self) {
        self.flow = Flow::default();
        self.weights.clear();
        self.updates.clear();
    }

    fn output(&mut self, site: &Site<'_>, values: &Tensor) {
        self.flow.layers.push(LayerFlow {
            name: site.name.into(),
            kind: site.kind.into(),
            units: values.shape().last().copied().unwrap_or(1),
            sums: None,
            outputs: Signal::of(values),
            dead: None,
            saturated: None,
            two_sided: false,
            scale: None,
            weights: vec![],
        });
    }

    fn sums(&mut self, site: &Site<'_>, sums: &Tensor, slopes: Slopes<'_>) {
        let row = &mut self.flow.layers[site.number];
        row.sums = Some(Signal::of(sums));
        if let Some(slopes_here) = slopes(sums) {
            let (units, here) = (row.units, slopes_here.as_slice());
            let (steepest, ends) = steepest(slopes, sums);
            let is_flat = |slope: &f64| slope.abs() < LayerFlow::SATURATED * steepest;
            let dead = (0..units).filter(|&unit| here[unit..].iter().step_by(units).all(|&slope| slope == 0.0));
            row.dead = Some(dead.count() as f64 / units as f64);
            row.saturated = Some(here.iter().filter(|slope| is_flat(slope)).count() as f64 / here.len() as f64);
            row.two_sided = ends.iter().all(is_flat);
        }
    }

    fn gradient(&mut self, site: &Site<'_>, part: Part, gradient: &Tensor) {
        let row = &mut self.flow.layers[site.number];
        let signal = if part == Part::Sums { row.sums.as_mut() } else { Some(&mut row.outputs) };
        signal.expect("shown before its gradient").gradients = Some(Stats::of(gradient.as_slice()));
    }

    fn parameter(&mut self, parameter: &Parameter<'_>) {
        self.weights.push(WeightFlow {
            name: parameter.name.into(),
            axes: parameter.value.shape().len(),
            frozen: parameter.frozen,
            values: Stats::of(parameter.value.as_slice()),
            gradients: parameter.gradient.as_ref().map(|gradient| Stats::of(gradient.as_slice())),
            update: None,
        });
    }

    fn swept(&mut self, loss: f64) {
        self.flow.loss = loss;
        for row in &mut self.flow.layers {
            row.scale = row.outputs.scale(loss);
        }
        self.flow.place(self.weights.drain(..));
    }

    fn updated(&mut self, name: &str, before: &Tensor, after: &Tensor) {
        self.updates.push((name.into(), update(before, after)));
    }

    fn stepped(&mut self, step: usize) {
        self.flow.set_updates(self.updates.drain(..));
        if let Some(show) = &mut self.show {
            show(step, &self.flow);
        }
    }
}

/// The relative change of a parameter.
pub(super) fn update<T: Float>(before: &Tensor<T>, after: &Tensor<T>) -> Option<f64> {
    let change = after - before;
    share(Stats::of(change.as_slice()).norm, Stats::of(before.as_slice()).norm)
}

/// The largest |f′| on [−10, 10], in steps of 0.1, and |f′| at both ends. Common activations are steepest inside this
/// interval.
///
/// The points fill tensors of the shape of `sums`, the only shape that the activation is known to accept.
fn steepest(slopes: Slopes<'_>, sums: &Tensor) -> (f64, [f64; 2]) {
    const POINTS: usize = 201;
    let at = |k: usize| (k % POINTS) as f64 / 10.0 - 10.0;
    let mut found: Vec<f64> = vec![];
    while found.len() < POINTS {
        let first = found.len();
        let grid = Tensor::new(sums.shape(), (first..first + sums.numel()).map(at).collect());
        match slopes(&grid) {
            Some(slopes) => found.extend(slopes.as_slice().iter().map(|slope| slope.abs())),
            None => return (f64::NAN, [f64::NAN; 2]), // elementwise at the sums, but not at the grid
        }
    }
    (found.iter().copied().fold(0.0, f64::max), [found[0], found[POINTS - 1]])
}

impl<'a> Trainer<'a> {
    /// Calls `f` with the step number and the [`Flow`] at regular intervals.
    ///
    /// Steps count from 1. The calls happen at step 1, and at every `every`-th step after it. The flow uses the [step
    /// observer](Trainer::observe_steps), of which a trainer has only one.
    ///
    /// ```
    /// # use mlp::{Activation, Dataset, Mlp, Module, Mse, Sgd, Trainer};
    /// # use rand::{SeedableRng, rngs::StdRng};
    /// # let data = Dataset::new(autograd::Tensor::<f64>::ones([64, 2]), autograd::Tensor::ones([64, 1]))?;
    /// # let layers = Mlp::new(2).hidden(8, Activation::Relu).output(1, Activation::Identity);
    /// # let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
    /// # let mut sgd = Sgd::new(&model.parameters(), 0.1);
    /// let mut seen = vec![];
    /// let trainer = Trainer::new().epochs(3).batch_size(16).observe_flow(10, |step, flow| {
    ///     seen.push(step);
    ///     flow.warnings().iter().for_each(|warning| eprintln!("step {step}: {warning}"));
    /// });
    /// trainer.fit(&model, &Mse, &mut sgd, &data, None)?; // 4 steps per epoch
    /// drop(trainer);
    /// assert_eq!(seen, [1, 11]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `every` is 0.
    #[must_use]
    #[track_caller]
    pub fn observe_flow(self, every: usize, f: impl FnMut(usize, &Flow) + 'a) -> Self {
        assert!(every > 0, "trainer: observe_flow wants a flow every 0 steps; every step is 1");
        self.observe_steps(every, Gatherer { show: Some(Box::new(f)), ..Gatherer::default() })
    }
}
