//! One recorded operation by itself: its rule compared with differences of its own value, at its own inputs and
//! scale.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rustc_hash::FxHashMap;

use super::super::compare::{index_of, largest, place};
use super::super::comparison::Claim;
use super::super::grain::Grain;
use super::super::line::{Line, Sampled};
use super::super::noise::noise;
use super::super::probe::{element_unit, is_small};
use super::super::report::{Cause, Comparison, Verdict};
use super::super::rounding::deviation;
use super::super::subject::{nudged, nudged_direction, weight};
use crate::error::Error;
use crate::external::External;
use crate::number::Float;
use crate::ops::{self, Array, Input, Op};
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The number of directions in which the inputs are moved.
const DIRECTIONS: usize = 2;
/// The number of outputs compared one by one; of more, a sample and a sum of all are compared.
const OUTPUTS: usize = 1000;
/// The number of rows of a Jacobian computed one by one where the rule cannot be transposed.
const ROWS: usize = 64;
/// Beyond this a step of 1 keeps few digits beside a number.
const LARGE: f64 = 1e12;
/// The number of elements tried to find the one behind a wrong output.
const TRIES: usize = 256;

/// A built-in operation in the form of an external one, so that both are checked alike.
pub(super) struct Builtin {
    pub(super) op: Op,
    pub(super) shape: Shape,
}

impl<T: Float> External<T> for Builtin {
    fn name(&self) -> &str {
        self.op.name()
    }

    fn value(&self, x: &[Tensor<T>]) -> Tensor<T> {
        let x: Vec<_> = x.iter().map(|x| Input { shape: x.shape(), values: x.as_slice() }).collect();
        let mut y = Tensor::zeros(&self.shape);
        ops::compute(&self.op, &x, &self.shape, y.as_mut_slice());
        y
    }

    fn vjp<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Result<Vec<Var<'t, T>>, String> {
        let (inputs, dy) = (x.iter().collect::<Vec<_>>(), self.op.before_row(&y, dy));
        let gradient = |k: usize| {
            if self.op.differentiable(k) { self.op.vjp(k, &inputs, &y, &dy) } else { Array::zeros_like(&x[k]) }
        };
        Ok((0..x.len()).map(gradient).collect())
    }
}

/// An operation as it was recorded.
pub(super) struct Single<T: Float> {
    pub(super) rule: Arc<dyn External<T>>,
    /// The same in `f64`, unless it is user-defined.
    pub(super) wide: Option<Arc<Builtin>>,
    pub(super) x: Vec<Tensor<T>>,
    pub(super) y: Tensor<T>,
    /// The incoming gradient in the sweep.
    pub(super) dy: Tensor<T>,
    /// Which inputs depend on those of the whole function.
    pub(super) live: Vec<bool>,
}

/// Settings for the check of one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) rtol: f64,
    pub(super) seed: u64,
    /// See `Ask`.
    pub(super) by_element: bool,
}

/// The results for one operation.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// The number of outputs whose derivatives agree with differences.
    pub(super) agreed: usize,
    /// The outputs that differences do not decide, with the reason for the worst of them.
    pub(super) open: Vec<Comparison>,
    pub(super) wrong: Option<Comparison>,
    /// Whether only a sample of the outputs was compared one by one.
    pub(super) sampled: bool,
}

impl Finding {
    fn add(&mut self, c: Comparison) {
        match c.verdict {
            Verdict::Pass => self.agreed += 1,
            Verdict::Inconclusive => self.open.push(c),
            Verdict::Wrong if self.wrong.as_ref().is_none_or(|worst| c.badness() > worst.badness()) => {
                self.wrong = Some(c);
            }
            Verdict::Wrong => {}
        }
    }
}

impl<T: Float> Single<T> {
    fn value(&self, x: &[Tensor]) -> Tensor {
        match &self.wide {
            Some(wide) => wide.value(x),
            None => self.rule.value(&x.iter().map(Tensor::cast).collect::<Vec<_>>()).cast(),
        }
    }

    /// The relative spacing of numbers of the values' type.
    fn epsilon(&self) -> f64 {
        if self.wide.is_some() { f64::EPSILON } else { T::EPSILON }
    }

    fn tangent(&self, x: &[Tensor<T>], y: &Tensor<T>, u: &[Tensor]) -> Result<Tensor, Error> {
        let u: Vec<_> = u.iter().map(|u| Some(u.cast())).collect();
        Ok(self.rule.jvp_plain(x, y, &u)?.cast())
    }

    /// The product `⟨Jᵀ·dy, u⟩` by the rule.
    fn pulled(&self, dy: &Tensor<T>, u: &[Tensor]) -> f64 {
        let gradients = self.rule.vjp_plain(&self.x, &self.y, dy).expect("a rule that the sweep has taken");
        let terms = gradients.iter().zip(u).flat_map(|(g, u)| {
            // An element that does not move adds nothing, not even its NaN.
            g.as_slice().iter().zip(u.as_slice()).map(|(g, u)| if *u == 0.0 { 0.0 } else { g.to_f64() * u })
        });
        terms.sum()
    }

    /// Compares the rule with differences.
    pub(super) fn check(&self, settings: Settings) -> Finding {
        let mut rng = StdRng::seed_from_u64(settings.seed);
        let wanted: Vec<usize> = (0..self.y.numel()).filter(|&j| self.dy.as_slice()[j] != T::zero()).collect();
        let most = OUTPUTS.min(wanted.len());
        let mut outputs: Vec<usize> = sample(&mut rng, wanted.len(), most).into_iter().map(|at| wanted[at]).collect();
        outputs.sort_unstable();
        let mut finding = Finding { sampled: most < wanted.len(), ..Finding::default() };
        for _ in 0..DIRECTIONS {
            // With steps of ordinary size, and then, for unresolved outputs, with steps in proportion to each number.
            let mut found = self.along(&self.direction(&mut rng, false), &outputs, settings, None);
            if found.wrong.is_none() && found.open.iter().any(Comparison::is_unresolved) {
                found = self.along(&self.direction(&mut rng, true), &outputs, settings, Some(found));
            }
            // A reciprocal at 1e-150 is not smooth at steps of ordinary size.
            if found.wrong.is_some() && self.x.iter().any(|x| x.as_slice().iter().any(|x| is_small(x.to_f64()))) {
                let closer = self.along(&self.direction(&mut rng, true), &outputs, settings, None);
                if closer.wrong.is_none() && closer.open.is_empty() {
                    found = closer;
                }
            }
            (finding.agreed, finding.open) = (finding.agreed.max(found.agreed), found.open);
            if found.wrong.is_some() {
                finding.wrong = found.wrong;
                break;
            }
        }
        if settings.by_element && finding.wrong.is_none() {
            let u = self.direction(&mut rng, false);
            finding.wrong = outputs.iter().find_map(|&j| self.wrong_element(j, &u, settings));
        }
        finding
    }

    fn direction(&self, rng: &mut StdRng, in_proportion: bool) -> Vec<Tensor> {
        // A single operation varies with large numbers as fast as with small ones, unless a step would be lost in
        // them.
        let ordinary = |x: f64| if x.abs() < LARGE { 1.0 } else { element_unit(x) };
        let size = |x: f64| if in_proportion && x != 0.0 { x.abs() } else { ordinary(x) };
        let mut element = |x: f64| weight(rng) * size(x);
        let of = |(x, live): (&Tensor<T>, &bool)| {
            if *live { x.cast::<f64>().map(&mut element) } else { Tensor::zeros(x.shape()) }
        };
        self.x.iter().zip(&self.live).map(of).collect()
    }

    /// Compares the outputs' derivatives along `u`; only those that were unresolved before, if any were compared.
    fn along(&self, u: &[Tensor], outputs: &[usize], settings: Settings, before: Option<Finding>) -> Finding {
        let mut samples = Samples::new(self, u);
        let tangent = self.tangent(&self.x, &self.y, u);
        let again = before.is_some();
        let mut finding = before.unwrap_or_default();
        // A kink remains one in any direction.
        let (open, rough) = std::mem::take(&mut finding.open).into_iter().partition(Comparison::is_unresolved);
        finding.open = rough;
        let open: Vec<Comparison> = open;
        let wanted = |place: &String| !again || open.iter().any(|c| c.place == *place);
        let rows = if tangent.is_ok() { outputs.len() } else { ROWS };
        for &j in outputs.iter().take(rows) {
            let place = self.output(j);
            if wanted(&place) {
                let analytic = match &tangent {
                    Ok(tangent) => tangent.as_slice()[j],
                    Err(_) => self.pulled(&self.row(j), u),
                };
                finding.add(samples.compare(analytic, place, Pick::One(j), settings.rtol));
            }
        }
        if let (true, Ok(tangent)) = (outputs.len() == OUTPUTS, &tangent) {
            let mut rng = StdRng::seed_from_u64(settings.seed);
            // Weights that make outputs of any size count alike.
            let sizes = tangent.as_slice().iter().zip(self.dy.as_slice());
            let weights = sizes.map(|(t, dy)| {
                let alike = weight(&mut rng) / t.abs();
                if *dy == T::zero() || !alike.is_finite() { 0.0 } else { alike }
            });
            let weights = Tensor::new(self.y.shape(), weights.collect());
            let analytic = Pick::Sum(&weights).of(tangent.as_slice());
            let place = String::from("a random sum of all outputs");
            if wanted(&place) {
                finding.add(samples.compare(analytic, place, Pick::Sum(&weights), settings.rtol));
            }
        }
        // The sweep's result for the incoming gradient, because a rule may clip it.
        let place = String::from("the gradient that came");
        let (dy, pulled) = (self.dy.cast::<f64>(), self.pulled(&self.dy, u));
        match &tangent {
            Err(_) if wanted(&place) => finding.add(samples.compare(pulled, place, Pick::Sum(&dy), settings.rtol)),
            Ok(tangent) if finding.wrong.is_none() => {
                let pairs = || dy.as_slice().iter().zip(tangent.as_slice());
                let terms = || pairs().map(|(dy, t)| if *dy == 0.0 { 0.0 } else { dy * t });
                let (sum, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
                if size.is_finite() && (pulled - sum).abs() > 1e6 * T::EPSILON * size.max(pulled.abs()) {
                    let mut c = samples.compare(pulled, place, Pick::Sum(&dy), settings.rtol);
                    c.reason = format!(
                        "of the gradient that came its rule makes {pulled:.6}, where it would be {sum:.6} if it were linear; is \
                         something clipped on the way back?"
                    );
                    if c.verdict == Verdict::Wrong {
                        c.cause = Some(Cause::NotLinear);
                        finding.wrong = Some(c);
                    }
                }
            }
            _ => {}
        }
        let element = |c: &Comparison| {
            let j = outputs.iter().find(|j| c.place == self.output(**j))?;
            self.wrong_element(*j, u, settings)
        };
        if let Some(wrong) = &mut finding.wrong {
            if let Some(c) = element(wrong) {
                *wrong = c;
            }
        } else if let Some(at) = finding.open.iter().position(Comparison::is_slightly_off) {
            // A small error along a direction may be a larger error of one element, if it alone is wrong; a solver's
            // error spreads over many.
            let found = element(&finding.open[at]);
            if let Some(c) = found.filter(|c| c.difference() > 0.9 * finding.open[at].difference()) {
                finding.open.remove(at);
                finding.wrong = Some(c);
            }
        }
        finding
    }

    fn output(&self, j: usize) -> String {
        if self.y.shape().is_empty() { "output".into() } else { format!("output{:?}", index_of(self.y.shape(), j)) }
    }

    /// The unit vector of one output: 1 for it, 0 for the others.
    fn row(&self, j: usize) -> Tensor<T> {
        let mut row = Tensor::zeros(self.y.shape());
        row.as_mut_slice()[j] = T::one();
        row
    }

    /// The first element by which an output moves wrongly, each moved as far as in `u`.
    fn wrong_element(&self, j: usize, u: &[Tensor], settings: Settings) -> Option<Comparison> {
        let mut tries = vec![];
        for (k, x) in self.x.iter().enumerate().filter(|(k, _)| self.live[*k]) {
            // An elementwise operation moves the output at the same place.
            let same = (x.numel() == self.y.numel()).then_some(j);
            tries.extend(same.into_iter().chain((0..x.numel()).filter(|&at| Some(at) != same)).map(|at| (k, at)));
        }
        tries.retain(|&(k, at)| u[k].as_slice()[at] != 0.0);
        tries.into_iter().take(TRIES).find_map(|(k, at)| {
            let mut alone: Vec<Tensor> = self.x.iter().map(|x| Tensor::zeros(x.shape())).collect();
            alone[k].as_mut_slice()[at] = u[k].as_slice()[at].abs();
            let tangent = self.tangent(&self.x, &self.y, &alone).ok()?;
            let place = format!("{} → {}", place(&format!("input {k}"), self.x[k].shape(), at), self.output(j));
            let c = Samples::new(self, &alone).compare(tangent.as_slice()[j], place, Pick::One(j), settings.rtol);
            Some(c).filter(|c| c.verdict == Verdict::Wrong)
        })
    }
}

/// The part of the outputs that is compared.
#[derive(Clone, Copy)]
enum Pick<'a> {
    One(usize),
    /// Their sum with these weights.
    Sum(&'a Tensor),
}

impl Pick<'_> {
    fn of(self, y: &[f64]) -> f64 {
        match self {
            Pick::One(j) => y[j],
            Pick::Sum(weights) => {
                weights.as_slice().iter().zip(y).map(|(w, y)| if *w == 0.0 { 0.0 } else { w * y }).sum()
            }
        }
    }
}

/// The outputs along a direction, all sampled at once.
struct Samples<'s, T: Float> {
    single: &'s Single<T>,
    grain: Grain,
    x: Vec<Tensor>,
    u: Vec<Tensor>,
    seen: FxHashMap<u64, Tensor>,
    scatter: Option<Tensor>,
}

impl<'s, T: Float> Samples<'s, T> {
    fn new(single: &'s Single<T>, u: &[Tensor]) -> Self {
        let x: Vec<Tensor> = single.x.iter().map(Tensor::cast).collect();
        let pairs = x.iter().zip(u).flat_map(|(x, u)| x.as_slice().iter().zip(u.as_slice()));
        let grain = Grain::along(pairs.map(|(x, u)| (*x, *u)), single.epsilon());
        Samples { single, grain, x, u: u.to_vec(), seen: FxHashMap::default(), scatter: None }
    }

    fn at(&mut self, h: f64) -> &[f64] {
        let Samples { single, x, u, seen, .. } = self;
        let computed = || single.value(&x.iter().zip(&*u).map(|(x, u)| x + &(h * u)).collect::<Vec<_>>());
        seen.entry(h.to_bits()).or_insert_with(computed).as_slice()
    }

    /// The standard deviation of the rule's own derivatives due to round-off.
    fn scatter(&mut self) -> &Tensor {
        let Samples { single, u, scatter, .. } = self;
        scatter.get_or_insert_with(|| {
            let near = |k: f64| {
                let mut rng = StdRng::seed_from_u64(2);
                let x: Vec<Tensor<T>> = single.x.iter().map(|x| nudged(x, k, &mut rng)).collect();
                let y = single.rule.value(&x);
                // The derivative of a sum does not depend on its point, but its terms round as they are added.
                let u: Vec<Tensor> = u.iter().map(|u| nudged_direction::<T>(u, k, &mut rng)).collect();
                vec![single.tangent(&x, &y, &u).unwrap_or_else(|_| Tensor::zeros(y.shape()))]
            };
            deviation(near).remove(0)
        })
    }

    fn compare(&mut self, analytic: f64, place: String, pick: Pick<'_>, rtol: f64) -> Comparison {
        let (epsilon, centre) = (self.single.epsilon(), pick.of(self.at(0.0)));
        let first = if epsilon > 1e-10 { 1.0 / 8.0 } else { 1.0 / 64.0 };
        let noise = noise(|h| pick.of(self.at(h)), epsilon);
        let noise = if noise > 4.0 * epsilon * centre.abs() { noise } else { 0.0 };
        let point = self.x.iter().map(largest).fold(0.0, f64::max);
        let claim = Claim {
            by: "tape",
            analytic,
            magnitude: analytic.abs(),
            rtol,
            point,
            alone: true,
            negligible: None,
            iterated: 0.0,
        };
        let grain = self.grain;
        let mut output = Output { samples: self, pick };
        let mut line = Line::new(&mut output, epsilon, noise, centre, first).with_grain(grain);
        claim.compare(&mut line, place, 1)
    }
}

/// One output, or a sum of outputs.
struct Output<'o, 's, 'p, T: Float> {
    samples: &'o mut Samples<'s, T>,
    pick: Pick<'p>,
}

impl<T: Float> Sampled for Output<'_, '_, '_, T> {
    fn at(&mut self, h: f64) -> f64 {
        self.pick.of(self.samples.at(h))
    }

    fn noise(&mut self) -> f64 {
        0.0
    }

    fn rounding(&mut self) -> f64 {
        match self.pick {
            Pick::One(j) => self.samples.scatter().as_slice()[j],
            Pick::Sum(w) => {
                self.samples.scatter().as_slice().iter().zip(w.as_slice()).map(|(s, w)| (s * w).abs()).sum()
            }
        }
    }
}
