//! The verdict on the comparisons of one order.

use super::compare::{OrderCheck, index_of, largest};
use super::difference::{sides, stencil};
use super::operations::{self, Ask, Operations, Recorded};
use super::probe::{Direction, few_digits};
use super::report::{Cause, Comparison, InputReport, Scan, Verdict};
use super::subject::cast;
use super::{diagnose, scan};
use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;

/// How many user-defined operations, and how many others, are checked one by one; of more, a sample is checked.
const OPERATIONS: usize = 1000;

/// Two entries of a Hessian that differ by more than this part of the largest one are an error, whatever differences
/// tell.
const ASYMMETRIC: f64 = 1e-2;

/// The results at one order.
pub(crate) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) cause: Option<Cause>,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
    pub(super) value: f64,
    /// The size of the function and its derivatives, at this order and below.
    pub(super) scale: f64,
    pub(super) directions: usize,
    pub(super) compared: usize,
    /// How many comparisons the differences do not resolve.
    pub(super) unresolved: usize,
    pub(super) operations: Option<Operations>,
    pub(super) inputs: Vec<InputReport>,
    pub(super) worst: Option<Comparison>,
    pub(super) scan: Option<Scan>,
}

impl Outcome {
    /// The outcome when nothing could be compared.
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
            unresolved: 0,
            operations: None,
            inputs: vec![],
            worst: None,
            scan: None,
        }
    }

    pub(super) fn nondeterministic(value: f64, what: &str) -> Self {
        let why = "the function is not deterministic; seed its randomness inside it";
        Self::refused(Cause::Nondeterministic, format!("{what} at the same point differ: {why}"), value)
    }

    /// The outcome for a derivative of higher order that is not finite.
    pub(super) fn not_finite(error: Error) -> Self {
        Self::refused(Cause::NotFinite, error.to_string(), f64::NAN)
    }
}

impl<T: Float> OrderCheck<'_, '_, '_, T> {
    pub(super) fn outcome(mut self) -> Outcome {
        let inputs = self.input_reports();
        let complete = self.elements.len() >= self.total;
        let proven = complete && self.elements.iter().all(|(_, _, c)| c.verdict == Verdict::Pass);
        let mut verdict = self.by_differences(proven);
        let unresolved = self.all().filter(|c| c.is_unresolved()).count();
        let asked = self.checker.operations || verdict != Verdict::Pass || unresolved > 0 && !proven;
        let mut operations = asked.then(|| self.by_operations(false)).flatten();
        if let Some((found, _)) = &operations
            && (found.verdict, verdict) == (Verdict::Pass, Verdict::Wrong)
            && self.is_wrong_here_and_there()
        {
            operations = self.by_operations(true);
        }
        let mut worst = self.worst_of(verdict).cloned();
        let direction = worst.as_ref().map(|worst| self.way_of(worst));
        let (mut cause, mut reason) = match &worst {
            Some(worst) if verdict != Verdict::Pass => {
                (worst.cause.clone(), format!("{}: {}", worst.place, worst.reason))
            }
            _ => (None, format!("{} comparisons agree with differences", self.all().count())),
        };
        if verdict == Verdict::Wrong && cause == Some(Cause::Unexplained) {
            let found = diagnose::diagnose(&self.evidence());
            let place = worst.as_ref().map_or(String::new(), |worst| worst.place.clone());
            (cause, reason) = (Some(found.0), format!("{place}: {}", found.1));
            if let Some(worst) = &mut worst {
                (worst.cause, worst.reason) = (cause.clone(), found.1);
            }
        }
        (verdict, cause, reason) = self.weigh_ways(verdict, cause, reason);
        self.add_notes(proven);
        let mut seen = None;
        if let (Some(worst), Some(direction)) = (&mut worst, &direction) {
            self.complete(worst, direction);
            let unit = if let Direction::Element { unit, .. } = direction { *unit } else { 1.0 };
            seen = Some(self.probe.along(direction, |line| scan::scan(line, worst, unit)));
        }
        if let Some((operations, complete)) = &operations {
            (verdict, cause, reason) = self.weigh(operations, *complete, verdict, cause, reason);
            // A finding of the operations alone takes this place.
            if let (Some(first), true) =
                (operations.findings.first(), worst.as_ref().is_none_or(|c| c.verdict != verdict))
            {
                (worst, seen) = (Some(first.comparison.clone()), None);
            }
        }
        Outcome {
            verdict,
            cause,
            reason,
            notes: self.notes,
            value: self.probe.centre,
            scale: self.scale,
            directions: self.along.len(),
            compared: self.elements.len(),
            unresolved,
            operations: operations.map(|(operations, _)| operations),
            inputs,
            worst,
            scan: seen,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Comparison> {
        self.elements.iter().map(|(_, _, c)| c).chain(self.along.iter().map(|(_, c)| c))
    }

    /// The verdict from differences of the whole function. Unresolved comparisons make no pass.
    fn by_differences(&self, proven: bool) -> Verdict {
        let any = |verdict| self.all().any(|c| c.verdict == verdict);
        if any(Verdict::Wrong) {
            Verdict::Wrong
        } else if any(Verdict::Inconclusive) && !proven {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    /// The worst comparison with a verdict. Elements say more than directions, and a kink more than an unresolved
    /// comparison.
    fn worst_of(&self, verdict: Verdict) -> Option<&Comparison> {
        let bad = |c: &&Comparison| c.verdict == verdict;
        let most = |a: &&Comparison, b: &&Comparison| {
            b.is_unresolved().cmp(&a.is_unresolved()).then(a.badness().total_cmp(&b.badness()))
        };
        let elements = || self.elements.iter().map(|(_, _, c)| c);
        elements().filter(bad).max_by(most).or_else(|| self.all().filter(bad).max_by(most))
    }

    /// Whether some elements are wrong, and at least as many are correct.
    fn is_wrong_here_and_there(&self) -> bool {
        let count = |verdict| self.elements.iter().filter(|(_, _, c)| c.verdict == verdict).count();
        (1..=count(Verdict::Pass)).contains(&count(Verdict::Wrong))
    }

    /// The same by each operation of the recording, if there is one.
    fn by_operations(&self, by_element: bool) -> Option<(Operations, bool)> {
        let subject = &self.probe.subject;
        let recorded = Recorded { taped: subject.source.taped()?, at: &subject.at, names: &subject.names };
        let gradient: Vec<Tensor> = self.gradient.iter().map(|(g, _)| g.clone()).collect();
        let ask = Ask { rtol: self.probe.rtol, seed: self.checker.seed, most: OPERATIONS, by_element };
        let (mut operations, complete) = operations::examine(recorded, &gradient, &ask);
        operations.order = self.probe.order;
        Some((operations, complete))
    }

    /// Combines the verdict with what several derivatives of one function tell about each other.
    fn weigh_ways(
        &mut self,
        verdict: Verdict,
        cause: Option<Cause>,
        reason: String,
    ) -> (Verdict, Option<Cause>, String) {
        let subject = &self.probe.subject;
        if let (Verdict::Wrong, Some(right)) = (verdict, self.ways.right) {
            let by = subject.source.name(self.probe.order);
            let text = format!("{reason}; the {right} agrees with the differences, the {by} does not");
            return (verdict, Some(Cause::ReverseMode), text);
        }
        match (subject.source.asymmetry(&subject.at), verdict) {
            (Some(found), Verdict::Wrong) => (verdict, Some(Cause::Asymmetric), format!("{reason}; {}", found.text)),
            (Some(found), Verdict::Inconclusive) if found.part > ASYMMETRIC => {
                (Verdict::Wrong, Some(Cause::Asymmetric), format!("{}; {reason}", found.text))
            }
            (Some(found), _) => {
                self.notes.push(found.text);
                (verdict, cause, reason)
            }
            (None, _) => (verdict, cause, reason),
        }
    }

    /// Combines the differences of the whole function with those of each operation.
    fn weigh(
        &mut self,
        operations: &Operations,
        complete: bool,
        verdict: Verdict,
        cause: Option<Cause>,
        reason: String,
    ) -> (Verdict, Option<Cause>, String) {
        let own = matches!(cause, Some(Cause::NotLinear | Cause::ForwardMode | Cause::NotFinite));
        let others = self.all().filter(|c| c.verdict == Verdict::Inconclusive && !c.is_unresolved()).count();
        let unsure = self.all().filter(|c| c.is_unresolved()).count();
        let first = operations.findings.first();
        match (operations.verdict, verdict) {
            (Verdict::Wrong, Verdict::Wrong) => {
                let first = first.expect("a wrong operation");
                (verdict, cause, format!("{reason}; by operation, {}", first.text()))
            }
            (Verdict::Wrong, _) => {
                let first = first.expect("a wrong operation");
                (Verdict::Wrong, first.cause.clone(), first.text())
            }
            (Verdict::Pass, Verdict::Wrong) if !own && complete && operations.unresolved == 0 => {
                // In `f32` round-off may look like anything.
                if few_digits::<T>() {
                    let text =
                        "differences in f32 do not agree with the gradient, but each operation agrees with its own";
                    self.notes.push(text.into());
                    return (Verdict::Pass, None, String::new());
                }
                let text = format!(
                    "{reason}. But each operation agrees with differences of its own: either rounding misleads the differences of \
                     the whole, or a rule holds only where it was looked at"
                );
                (Verdict::Inconclusive, Some(Cause::Contradiction), text)
            }
            // The whole is no better known than its parts.
            (Verdict::Inconclusive, Verdict::Wrong) if !own && complete && first.is_some() => {
                let first = first.expect("it is there");
                (Verdict::Inconclusive, first.cause.clone(), format!("{reason}. But {}", first.text()))
            }
            (Verdict::Pass, Verdict::Inconclusive) if others == 0 && unsure > 0 => (Verdict::Pass, None, String::new()),
            (Verdict::Inconclusive, Verdict::Inconclusive | Verdict::Pass) if unsure > 0 => {
                match (first, operations.notes.first()) {
                    (Some(first), _) if !first.comparison.is_unresolved() => {
                        (Verdict::Inconclusive, first.cause.clone(), first.text())
                    }
                    (Some(first), _) => {
                        let text = format!("{reason}; nor does the operation by itself tell: {}", first.text());
                        (Verdict::Inconclusive, cause, text)
                    }
                    (None, Some(note)) => (Verdict::Inconclusive, cause, format!("{reason}; {note}")),
                    (None, None) => (Verdict::Inconclusive, cause, reason),
                }
            }
            _ => (verdict, cause, reason),
        }
    }

    fn way_of(&self, c: &Comparison) -> Direction {
        if let Some((Direction::Along(u), _)) = self.along.iter().find(|(_, other)| other.place == c.place) {
            return Direction::Along(u.clone());
        }
        let found = self.elements.iter().find(|(_, _, other)| other.place == c.place);
        let &(input, at, _) = found.expect("a comparison of this study");
        self.probe.element(input, at)
    }

    /// Completes the worst comparison with all further information.
    fn complete(&mut self, c: &mut Comparison, direction: &Direction) {
        self.probe.along(direction, |line| {
            if c.above.is_none() {
                let [above, below] = sides(line, c.numeric.step);
                (c.above, c.below) = (Some(above), Some(below));
            }
            if c.second.is_none() {
                let first = if c.numeric.step > 0.0 { line.unit.min(32.0 * c.numeric.step) } else { line.unit };
                c.second = Some(stencil(line, first));
            }
        });
        let u = self.probe.tangent(direction);
        let subject = &self.probe.subject;
        c.forward = c.forward.or_else(|| subject.source.tangent(&subject.at, &cast(&u)).ok().flatten());
        // For an array, find which of its values moves wrongly.
        let of_array = c.order == 1 && self.probe.subject.at.v.numel() > 1;
        if c.verdict == Verdict::Wrong
            && of_array
            && let Some(text) = self.output_place(direction, &u, c)
        {
            self.notes.push(text);
        }
    }

    /// The entry of the Jacobian with the largest error, by differences of the outputs at the worst place.
    fn output_place(&mut self, direction: &Direction, u: &[Tensor], c: &Comparison) -> Option<String> {
        let h = c.numeric.step.max(1e-6);
        let moved = |h: f64| self.probe.x.iter().zip(u).map(|(x, u)| x + &(h * u)).collect::<Vec<_>>();
        let (up, down) = (moved(h), moved(-h));
        let (up, down) = (self.probe.subject.output(&up), self.probe.subject.output(&down));
        let subject = &self.probe.subject;
        let forward = subject.source.output_tangent(&subject.at, &cast(u))?;
        let numeric = up.as_slice().iter().zip(down.as_slice()).map(|(a, b)| (a.to_f64() - b.to_f64()) / (2.0 * h));
        let off = |(at, (n, a)): (usize, (f64, &T))| ((n - a.to_f64()).abs(), at, n, a.to_f64());
        let pairs = numeric.zip(forward.as_slice()).enumerate().map(off);
        let (_, at, n, a) = pairs.filter(|(off, ..)| off.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let index = index_of(forward.shape(), at);
        let what = if matches!(direction, Direction::Along(_)) { "derivative" } else { "entry of the Jacobian" };
        Some(format!(
            "the {what} that is furthest off is that of output{index:?}: {a:.6} by the {}, {n:.6} by differences",
            c.by
        ))
    }

    fn add_notes(&mut self, proven: bool) {
        if let Some(error) = &self.no_forward {
            self.notes.push(format!("only reverse mode was checked: {error}"));
        }
        self.notes.extend(self.ways.apart.take());
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

    fn input_reports(&self) -> Vec<InputReport> {
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
                inconclusive: of_input().filter(|c| c.verdict == Verdict::Inconclusive && !c.is_unresolved()).count(),
                unresolved: of_input().filter(|c| c.is_unresolved()).count(),
                not_finite: self.gradient[input].0.as_slice().iter().filter(|g| !g.is_finite()).count(),
                largest: of_input().map(Comparison::relative).fold(0.0, f64::max),
            }
        };
        self.probe.subject.names.iter().enumerate().map(line).collect()
    }

    fn evidence(&self) -> Vec<diagnose::InputDerivatives> {
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
            // That nothing reaches an input is seen on a tape only.
            let reached = reached || self.probe.subject.source.taped().is_none();
            diagnose::InputDerivatives { name: name.clone(), analytic, reached, numeric, wrong }
        };
        self.probe.subject.names.iter().enumerate().map(of).collect()
    }
}
