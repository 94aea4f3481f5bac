//! What the comparisons of one order amount to.

use super::compare::{Study, index_of, largest};
use super::difference::stencil;
use super::probe::{Way, element_unit, opinion};
use super::report::{Cause, Comparison, InputReport, Scan, Verdict};
use super::{diagnose, scan};
use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;

/// What was found at one order.
pub(crate) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) cause: Option<Cause>,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
    pub(super) value: f64,
    /// Of the function and its derivatives, here and at the orders below.
    pub(super) scale: f64,
    pub(super) directions: usize,
    pub(super) compared: usize,
    pub(super) inputs: Vec<InputReport>,
    pub(super) worst: Option<Comparison>,
    pub(super) scan: Option<Scan>,
}

impl Outcome {
    /// Nothing could be compared.
    fn refused(cause: Cause, reason: String, value: f64) -> Self {
        Outcome {
            verdict: Verdict::Inconclusive,
            cause: Some(cause),
            reason,
            notes: vec![],
            value,
            scale: 0.0,
            directions: 0,
            compared: 0,
            inputs: vec![],
            worst: None,
            scan: None,
        }
    }

    pub(super) fn nondeterministic(value: f64, what: &str) -> Self {
        let why = "the function is not deterministic; seed its randomness inside it";
        Self::refused(Cause::Nondeterministic, format!("{what} at the same point differ: {why}"), value)
    }

    /// A derivative of higher order that is not finite.
    pub(super) fn not_finite(error: Error) -> Self {
        Self::refused(Cause::NotFinite, error.to_string(), f64::NAN)
    }
}

impl<T: Float> Study<'_, '_, '_, T> {
    pub(super) fn outcome(mut self) -> Outcome {
        let inputs = self.census();
        let complete = self.elements.len() >= self.total;
        let elements = || self.elements.iter().map(|(_, _, c)| c);
        let proven = complete && elements().all(|c| c.verdict == Verdict::Pass);
        let all = || elements().chain(self.along.iter().map(|(_, c)| c));
        let any = |verdict| all().any(|c| c.verdict == verdict);
        let verdict = if any(Verdict::Wrong) {
            Verdict::Wrong
        } else if any(Verdict::Inconclusive) && !proven {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        };
        // Elements say more than directions: prefer them at equal verdict.
        let worst_of = |verdict| {
            let bad = |c: &&Comparison| c.verdict == verdict;
            let most = |a: &&Comparison, b: &&Comparison| a.badness().total_cmp(&b.badness());
            elements().filter(bad).max_by(most).or_else(|| all().filter(bad).max_by(most))
        };
        let mut worst = worst_of(verdict).cloned();
        let way = worst.as_ref().map(|worst| self.way_of(worst));
        let (mut cause, mut reason) = match &worst {
            Some(worst) if verdict != Verdict::Pass => {
                (worst.cause.clone(), format!("{}: {}", worst.place, worst.reason))
            }
            _ => (None, format!("{} comparisons agree with differences", all().count())),
        };
        if verdict == Verdict::Wrong && cause == Some(Cause::Unexplained) {
            let found = diagnose::diagnose(&self.evidence());
            let place = worst.as_ref().map_or(String::new(), |worst| worst.place.clone());
            (cause, reason) = (Some(found.0), format!("{place}: {}", found.1));
            if let Some(worst) = &mut worst {
                (worst.cause, worst.reason) = (cause.clone(), found.1);
            }
        }
        self.remark(proven);
        let mut seen = None;
        if let (Some(worst), Some(way)) = (&mut worst, &way) {
            self.complete(worst, way);
            seen = Some(scan::scan(self.probe, worst, way));
        }
        Outcome {
            verdict,
            cause,
            reason,
            notes: self.notes,
            value: self.probe.samples.centre,
            scale: self.scale,
            directions: self.along.len(),
            compared: self.elements.len(),
            inputs,
            worst,
            scan: seen,
        }
    }

    fn way_of(&self, c: &Comparison) -> Way {
        if let Some((Way::Along(u), _)) = self.along.iter().find(|(_, other)| other.place == c.place) {
            return Way::Along(u.clone());
        }
        let found = self.elements.iter().find(|(_, _, other)| other.place == c.place);
        let &(input, at, _) = found.expect("a comparison of this study");
        Way::Element { input, at, unit: element_unit(self.probe.x[input].as_slice()[at]) }
    }

    /// All that can be said about the worst comparison.
    fn complete(&mut self, c: &mut Comparison, way: &Way) {
        if c.above.is_none() {
            let [above, below] = self.probe.sides(way, c.numeric.step);
            (c.above, c.below) = (Some(opinion(above)), Some(opinion(below)));
        }
        if c.second.is_none() {
            let (samples, unit) = (self.probe.samples, self.probe.unit(way));
            let from = if c.numeric.step > 0.0 { unit.min(32.0 * c.numeric.step) } else { unit };
            c.second = Some(opinion(stencil(|h| self.probe.at(way, h), samples, from)));
        }
        let u = self.probe.tangent(way);
        c.forward = c.forward.or_else(|| Some(self.probe.subject.tangent(&u)));
        // Of an array, which of its values moves wrongly.
        let of_array = c.order == 1 && self.probe.subject.v.numel() > 1;
        if c.verdict == Verdict::Wrong
            && of_array
            && let Some(text) = self.output_place(way, &u, c.numeric.step)
        {
            self.notes.push(text);
        }
    }

    /// The entry of the Jacobian that is furthest off, by differences of the outputs at the worst place.
    fn output_place(&mut self, way: &Way, u: &[Tensor], step: f64) -> Option<String> {
        let h = step.max(1e-6);
        let moved = |h: f64| self.probe.x.iter().zip(u).map(|(x, u)| x + &(h * u)).collect::<Vec<_>>();
        let (up, down) = (moved(h), moved(-h));
        let (up, down) = (self.probe.subject.output(&up), self.probe.subject.output(&down));
        let forward = self.probe.subject.output_tangent(u);
        let numeric = up.as_slice().iter().zip(down.as_slice()).map(|(a, b)| (a.to_f64() - b.to_f64()) / (2.0 * h));
        let off = |(at, (n, a)): (usize, (f64, &T))| ((n - a.to_f64()).abs(), at, n, a.to_f64());
        let pairs = numeric.zip(forward.as_slice()).enumerate().map(off);
        let (_, at, n, a) = pairs.filter(|(off, ..)| off.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let index = index_of(forward.shape(), at);
        let what = if matches!(way, Way::Along(_)) { "derivative" } else { "entry of the Jacobian" };
        Some(format!(
            "the {what} that is furthest off is that of output{index:?}: {a:.6} by the tape, {n:.6} by differences"
        ))
    }

    fn remark(&mut self, proven: bool) {
        let unsure = self.along.iter().filter(|(_, c)| c.verdict == Verdict::Inconclusive).count();
        if proven && unsure > 0 {
            self.notes.push(format!("{unsure} directions were inconclusive; every element alone agrees"));
        }
        let near = self.elements.iter().map(|e| &e.2).chain(self.along.iter().map(|(_, c)| c));
        let near: Vec<f64> = near.filter(|c| c.verdict == Verdict::Pass).filter_map(|c| c.kink).collect();
        if !near.is_empty() {
            let least = near.iter().copied().fold(f64::INFINITY, f64::min);
            self.notes.push(format!(
                "{} comparisons are near a kink, which steps of {least:.0e} and more reach over; smaller steps agree",
                near.len()
            ));
        }
        let scales: Vec<f64> = self.gradient.iter().map(|(g, _)| largest(g)).filter(|&g| g > 0.0).collect();
        let (low, high) = scales.iter().fold((f64::INFINITY, 0f64), |(low, high), &g| (low.min(g), high.max(g)));
        if high > 1e8 * low {
            let text =
                format!("the inputs are badly scaled: their largest derivatives range from {low:.1e} to {high:.1e}");
            self.notes.push(text);
        }
        let names = &self.probe.subject.names;
        for (input, name) in names.iter().enumerate() {
            if !self.gradient[input].1 && self.elements.iter().all(|(i, _, c)| *i != input || c.numeric.value == 0.0) {
                self.notes.push(format!("the function does not depend on {name}"));
            }
        }
    }

    fn census(&self) -> Vec<InputReport> {
        let line = |(input, name): (usize, &String)| {
            let of_input = || self.elements.iter().filter(|e| e.0 == input).map(|e| &e.2);
            let count = |verdict| of_input().filter(|c| c.verdict == verdict).count();
            InputReport {
                name: name.clone(),
                order: self.probe.order,
                shape: self.probe.x[input].shape().clone(),
                compared: of_input().count(),
                passed: count(Verdict::Pass),
                wrong: count(Verdict::Wrong),
                inconclusive: count(Verdict::Inconclusive),
                not_finite: self.gradient[input].0.as_slice().iter().filter(|g| !g.is_finite()).count(),
                largest: of_input().map(Comparison::relative).fold(0.0, f64::max),
            }
        };
        self.probe.subject.names.iter().enumerate().map(line).collect()
    }

    fn evidence(&self) -> Vec<diagnose::Evidence> {
        let of = |(input, name): (usize, &String)| {
            let mut numeric = vec![None; self.probe.x[input].numel()];
            let mut wrong = vec![];
            for (_, at, c) in self.elements.iter().filter(|e| e.0 == input) {
                numeric[*at] = Some(c.numeric);
                if c.verdict == Verdict::Wrong {
                    wrong.push(*at);
                }
            }
            let (analytic, reached) = self.gradient[input].clone();
            diagnose::Evidence { name: name.clone(), analytic, reached, numeric, wrong }
        };
        self.probe.subject.names.iter().enumerate().map(of).collect()
    }
}
