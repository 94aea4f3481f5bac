//! A check from order to order.

use super::Checker;
use super::compare::examine;
use super::outcome::Outcome;
use super::report::{Cause, Report, Verdict};
use super::subject::CheckedFunction;
use crate::error::Error;
use crate::number::Float;

impl Checker {
    /// Checks one order after the other, as long as they pass.
    pub(super) fn run<T: Float>(&self, mut subject: CheckedFunction<'_, T>, orders: usize) -> Result<Report, Error> {
        let output = subject.at.v.shape().clone();
        let first = examine(self, &mut subject, 1, 0.0)?;
        let (mut directions, mut compared) = (first.directions, first.compared);
        let (mut inputs, mut notes, mut unresolved) = (first.inputs.clone(), first.notes.clone(), first.unresolved);
        let value = first.value;
        let (mut scale, mut last) = (first.scale, first);
        for order in 2..=orders {
            if last.verdict != Verdict::Pass {
                break;
            }
            subject.raise(self.seed + order as u64);
            let mut next = match examine(self, &mut subject, order, scale) {
                Err(error) if subject.source.refused().is_some() => return Err(error),
                found => found.unwrap_or_else(Outcome::not_finite),
            };
            if next.verdict != Verdict::Pass {
                next.reason = format!("order {} passes, order {order} does not: {}", order - 1, next.reason);
            }
            if next.verdict == Verdict::Wrong && next.cause != Some(Cause::Asymmetric) {
                next.cause = Some(Cause::SecondOrder);
            }
            directions += next.directions;
            compared += next.compared;
            unresolved += next.unresolved;
            inputs.append(&mut next.inputs);
            notes.append(&mut next.notes);
            (scale, last) = (next.scale, next);
        }
        if last.verdict == Verdict::Pass {
            last.reason = format!(
                "the gradient agrees with differences along {directions} directions and at {compared} elements"
            );
            if unresolved > 0 && last.operations.is_some() {
                last.reason += &format!("; {unresolved} of these lie below what they resolve, where");
                last.reason += " each operation agrees with differences of its own";
            }
        }
        Ok(Report {
            verdict: last.verdict,
            cause: last.cause,
            reason: last.reason,
            notes,
            seed: self.seed,
            precision: T::NAME.into(),
            output,
            value,
            directions,
            calls: subject.source.calls(),
            unresolved,
            operations: last.operations,
            inputs,
            worst: last.worst,
            scan: last.scan,
        })
    }
}
