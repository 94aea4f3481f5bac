//! [`RateTrial`]: a learning rate, judged by steps on a copy.

use autograd::{Float, Parameters, Tape, Tensor, Var};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Optimizers;
use super::finding::{Cause, Finding, digits};
use super::plan::Search;
use super::remedy::Remedy;
use super::survey::{Figures, Survey};
use super::task::{Built, Model, Task};
use crate::error::Result;
use crate::nn::probe::Probe;

/// The steps of a trial: momentum of 0.9 has unfolded after ten.
const STEPS: usize = 20;
/// The share of the best gain below which a rate is far from good.
const HINDERED: f64 = 1.0 / 30.0;
/// The share of the loss by which steps may raise it, and below which a gain is none.
const NOISE: f64 = 0.1;

/// A proposed learning rate, and what steps on a copy make of the loss.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RateTrial {
    /// The proposed rate.
    pub rate: f64,
    /// The rate that the optimiser has.
    pub given: f64,
    /// The number of steps.
    pub steps: usize,
    /// The loss before the steps.
    pub before: f64,
    /// The loss after the steps with the proposed rate.
    pub after: f64,
    /// The loss after the steps with the given rate; infinite if it was no longer finite on the way.
    pub after_given: f64,
    /// The loss after the first step with the proposed rate.
    pub first: f64,
    /// The same as a parabola foretells it: `E + s·⟨g, d⟩ + ½s²·dᵀHd` with gradient g and Hessian H of the loss E, d the first
    /// step at rate 1, and s the proposed rate.
    ///
    /// `None` where the parabola has no minimum.
    pub foretold: Option<f64>,
}

/// The loss along the first step of an optimiser, as a parabola over its rate.
struct Parabola {
    loss: f64,
    slope: f64,
    curvature: f64,
}

impl Parabola {
    fn at(&self, rate: f64) -> f64 {
        self.loss + rate * self.slope + 0.5 * rate * rate * self.curvature
    }

    fn minimum(&self) -> Option<f64> {
        let rate = -self.slope / self.curvature;
        (self.slope < 0.0 && self.curvature > 0.0 && rate.is_finite()).then_some(rate)
    }
}

/// A copy whose steps begin anew at the same weights.
struct Trial<'a, T: Float> {
    task: &'a Task<'a, T>,
    optimizer: &'a Optimizers<'a, T>,
    copy: &'a Built<T>,
    parameters: Parameters<T>,
    state: Parameters<T>,
    start: Vec<Tensor<T>>,
}

impl<T: Float> Trial<'_, T> {
    fn reset(&self) {
        self.state.params().zip(&self.start).for_each(|(param, value)| param.set(value.clone()));
    }

    /// The loss of the batch in training, with the masks of this seed.
    fn loss(&self, seed: u64) -> Result<f64> {
        let tape = Tape::values_only();
        tape.train(seed);
        let loss = self.task.loss(self.copy.model(), &tape, &mut Probe::off())?.value().to_f64();
        Ok(if loss.is_finite() { loss } else { f64::INFINITY })
    }

    /// The losses after the first step and after all, from the start.
    fn after(&self, rate: f64, steps: usize) -> Result<[f64; 2]> {
        self.reset();
        let mut optimizer = (self.optimizer)(&self.parameters);
        optimizer.set_learning_rate(rate);
        optimizer.train();
        let mut first = f64::INFINITY;
        for step in 0..steps {
            let tape = Tape::default();
            tape.train(step as u64);
            let loss = self.task.loss(self.copy.model(), &tape, &mut Probe::off())?;
            if !loss.value().to_f64().is_finite() {
                return Ok([first, f64::INFINITY]);
            }
            optimizer.step(&loss.backward());
            if step == 0 {
                first = self.loss(0)?;
            }
        }
        optimizer.evaluate();
        Ok([first, self.loss(0)?])
    }

    /// The loss over the rate along the first step, up to second order.
    fn parabola(&self) -> Result<Parabola> {
        // The first step is proportional to the rate; a small one is exact enough, and not too small for `f32`.
        const RATE: f64 = 1e-3;
        let moved: Vec<_> = self.parameters.distinct().filter(|(_, param)| !param.is_frozen()).collect();
        self.after(RATE, 1)?;
        let to: Vec<Tensor<T>> = moved.iter().map(|(_, param)| param.value()).collect();
        self.reset();
        let directions: Vec<Tensor<T>> =
            moved.iter().zip(to).map(|((_, param), to)| (to - param.value()) * (1.0 / RATE)).collect();
        let tape = Tape::default();
        tape.train(0);
        let x: Vec<Var<'_, T>> = moved.iter().map(|(_, param)| param.on(&tape)).collect();
        let loss = self.task.loss(self.copy.model(), &tape, &mut Probe::off())?;
        let gradients = loss.grad(&x[..]);
        let slope = gradients.into_iter().zip(&directions).map(|(g, d)| (g * d).sum()).reduce(|a, b| a + b);
        let Some(slope) = slope else {
            return Ok(Parabola { loss: loss.value().to_f64(), slope: 0.0, curvature: 0.0 });
        };
        let second = slope.backward();
        let along = moved.iter().zip(&directions).filter_map(|((_, param), d)| Some((second.of(param)? * d).sum()));
        let curvature = along.map(|x| x.to_f64()).sum();
        Ok(Parabola { loss: loss.value().to_f64(), slope: slope.value().to_f64(), curvature })
    }
}

impl<T: Float> Search<'_, T> {
    /// What is wrong with the learning rate, and a better one if one is found; `None` if nothing is, or no optimiser is given.
    pub(super) fn rate(&self, model: Model<'_, T>, figures: &Figures) -> Result<Option<(Finding, Option<Remedy<T>>)>> {
        let Some(optimizer) = self.adviser.optimizer else { return Ok(None) };
        let config = model.module().config()?;
        let copy = self.copy(model, &config, &mut StdRng::seed_from_u64(self.adviser.seed))?;
        let (parameters, state) = (copy.model().module().parameters(), copy.model().module().state());
        let start: Vec<_> = state.params().map(|param| param.value()).collect();
        let trial = Trial { task: self.task, optimizer, copy: &copy, parameters, state, start };
        let given = optimizer(&trial.parameters).learning_rate();

        let before = trial.loss(0)?;
        let [_, after_given] = trial.after(given, STEPS)?;
        let parabola = trial.parabola()?;
        // The best of the first step may be beyond what many steps bear, in particular with momentum.
        let near =
            parabola.minimum().map(|rate| [-4, -3, -2, -1, 0, 1, 2].map(|k| rate * 10f64.powf(f64::from(k) / 2.0)));
        // Where the parabola tells nothing, any rate may be the best.
        let from = if given > 0.0 { given } else { 1.0 };
        let wide: Vec<f64> = (-8..=8).map(|k| from * 10f64.powi(k)).collect();
        let best_of = |rates: &[f64]| -> Result<Option<RateTrial>> {
            let mut best: Option<RateTrial> = None;
            for &rate in rates {
                let [first, after] = trial.after(rate, STEPS)?;
                if after < best.as_ref().map_or(f64::INFINITY, |best| best.after) {
                    let foretold = parabola.minimum().map(|_| parabola.at(rate));
                    let (before, steps) = (before, STEPS);
                    best = Some(RateTrial { rate, given, steps, before, after, after_given, first, foretold });
                }
            }
            Ok(best)
        };
        let mut best = near.map_or(Ok(None), |near| best_of(&near))?;
        if best.is_none() {
            best = best_of(&wide)?;
        }
        let Some(best) = best else {
            let [old, least] = [given, wide[0]].map(digits);
            let text = format!(
                "the learning rate {old} is too large: the loss does not stay finite for {STEPS} steps on this batch, nor with \
                 rates down to {least}; give a far smaller one, or a loss whose gradients are bounded"
            );
            let is_bad = before.is_finite() && after_given.is_infinite();
            return Ok(is_bad.then(|| (Finding::new(Cause::RateTooLarge, f64::NAN, text), None)));
        };
        let (gain, possible) = (before - after_given, before - best.after);
        let noise = NOISE * before.abs();
        let hindered =
            possible > noise && gain < HINDERED * possible || gain < -noise && best.after < after_given - noise;
        if !hindered {
            return Ok(None);
        }

        let cause = if given > best.rate { Cause::RateTooLarge } else { Cause::RateTooSmall };
        let size = if given > best.rate { "large" } else { "small" };
        let times = given / best.rate;
        let [loss, with, without] = [before, best.after, after_given].map(digits);
        let [old, new] = [given, best.rate].map(digits);
        let text = format!(
            "the learning rate {old} is too {size}: {STEPS} steps on this batch take the loss from {loss} to {without}, and with \
             the rate {new} to {with}"
        );
        trial.after(best.rate, STEPS)?;
        let survey = Survey::of(self.task, copy.model())?;
        let (findings, _) = self.findings(&survey, copy.model(), self.task, self.task.refused(copy.model()));
        trial.reset();
        let remedy = Remedy {
            what: format!("the learning rate {new}, after {STEPS} steps"),
            findings,
            before: figures.clone(),
            after: Figures::of(&survey),
            foretold: None,
            config: None,
            scalers: vec![],
            rate: Some(best),
            model: copy,
        };
        Ok(Some((Finding::new(cause, times, text), Some(remedy))))
    }
}
