//! Patterns between a wrong gradient and the numeric one.

use super::compare::index_of;
use super::comparison::SAFETY;
use super::report::{Cause, Estimate};
use crate::tensor::Tensor;

/// Both gradients with respect to one input.
pub(super) struct InputDerivatives {
    pub(super) name: String,
    pub(super) analytic: Tensor,
    /// Whether the function depends on the input according to the tape.
    pub(super) reached: bool,
    /// The numeric derivatives by position, as far as compared.
    pub(super) numeric: Vec<Option<Estimate>>,
    /// The wrong positions.
    pub(super) wrong: Vec<usize>,
}

/// The relative difference up to which two derivatives agree for a pattern to hold.
const ALIKE: f64 = 1e-6;

impl InputDerivatives {
    /// The compared elements, as position, analytic and numeric derivative.
    fn pairs(&self) -> impl Iterator<Item = (usize, f64, Estimate)> {
        let known = |(at, n): (usize, &Option<Estimate>)| Some((at, self.analytic.as_slice()[at], (*n)?));
        self.numeric.iter().enumerate().filter_map(known)
    }

    /// All numeric derivatives, if all were compared.
    fn complete(&self) -> Option<Vec<Estimate>> {
        self.numeric.iter().copied().collect()
    }

    /// Whether `expected` gives the analytic gradient at every position.
    fn is(&self, mut expected: impl FnMut(usize) -> Estimate) -> bool {
        let analytic = self.analytic.as_slice();
        (0..analytic.len()).all(|at| alike(analytic[at], 1.0, expected(at), ALIKE))
    }
}

fn alike(a: f64, factor: f64, n: Estimate, part: f64) -> bool {
    let wanted = factor * n.value;
    (a - wanted).abs() <= part * a.abs().max(wanted.abs()) + SAFETY * (factor * n.error).abs()
}

/// The name of the mistake, and a sentence about it.
pub(super) fn diagnose(inputs: &[InputDerivatives]) -> (Cause, String) {
    let wrong: Vec<&InputDerivatives> = inputs.iter().filter(|input| !input.wrong.is_empty()).collect();
    let Some(worst) = wrong.iter().copied().max_by_key(|input| input.wrong.len()) else {
        let text = "a random direction is wrong, none of the compared elements is; compare more with Checker::elements";
        return (Cause::Unexplained, text.into());
    };
    detached(worst)
        .or_else(|| factor(worst, inputs))
        .or_else(|| transposed(worst))
        .or_else(|| spread(worst))
        .or_else(|| missing_sum(worst, &wrong, inputs))
        .or_else(|| isolated(worst))
        .unwrap_or_else(|| unexplained(worst))
}

fn detached(input: &InputDerivatives) -> Option<(Cause, String)> {
    if input.wrong.iter().any(|&at| input.analytic.as_slice()[at] != 0.0) {
        return None;
    }
    let all = input.pairs().all(|(_, a, _)| a == 0.0);
    let text = match (all, input.reached) {
        (true, false) => format!("no gradient reaches {}, by which the function changes: is it detached?", input.name),
        (true, true) => {
            format!("the gradient by {} is 0 where the function changes: a detached or forgotten input?", input.name)
        }
        (false, _) => "the gradient is 0 at the wrong elements: a detached part, or a missing term?".into(),
    };
    Some((Cause::Detached, text))
}

/// One factor between the two gradients at all wrong elements, and at all others that are not negligible.
fn factor(input: &InputDerivatives, inputs: &[InputDerivatives]) -> Option<(Cause, String)> {
    let biggest = input.pairs().max_by(|a, b| a.2.value.abs().total_cmp(&b.2.value.abs()))?;
    let factor = biggest.1 / biggest.2.value;
    // A factor close to 1 must hold more exactly, or the correct elements would have it too.
    let part = ALIKE.min(0.05 * (factor - 1.0).abs());
    if !factor.is_finite() || factor == 0.0 || !input.pairs().all(|(_, a, n)| alike(a, factor, n, part)) {
        return None;
    }
    // One element always has a factor: only a known factor names a mistake.
    let known = known_factor(factor, inputs);
    if input.pairs().count() == 1 && known.is_none() && (factor - 1.0).abs() > 0.5 {
        return None;
    }
    let mean = if (factor + 1.0).abs() < ALIKE * 10.0 {
        return Some((Cause::Sign, format!("the sign of the gradient by {} is wrong", input.name)));
    } else {
        known.unwrap_or_default()
    };
    let text = if (factor - 1.0).abs() < 0.01 {
        format!(
            "the gradient by {} is wrong by a factor: relative difference {:.1e} everywhere{mean}",
            input.name,
            (factor - 1.0).abs()
        )
    } else {
        format!("the gradient by {} is {factor:.6} times the right one{mean}", input.name)
    };
    Some((Cause::Factor(factor), text))
}

/// The likely mistake behind a factor: a power that lost its 2, a mean that should be a sum.
fn known_factor(factor: f64, inputs: &[InputDerivatives]) -> Option<String> {
    let (size, inverse) = (factor.abs(), factor.abs() < 1.0);
    let whole = if inverse { 1.0 / size } else { size };
    if (whole - whole.round()).abs() > 1e-5 * whole || whole.round() < 2.0 || whole > 1e6 {
        return None;
    }
    let whole = whole.round() as usize;
    let number = if inverse { format!("1/{whole}") } else { whole.to_string() };
    let lengths = inputs.iter().flat_map(|input| {
        let shape = input.analytic.shape();
        let axes =
            shape.iter().enumerate().map(|(axis, &n)| (n, format!("the length of axis {axis} of {}", input.name)));
        axes.chain([(shape.numel(), format!("the number of elements of {}", input.name))]).collect::<Vec<_>>()
    });
    let length = lengths.into_iter().find(|(n, _)| *n == whole && *n > 2);
    Some(match (length, inverse) {
        (Some((_, what)), true) => {
            format!(", {number}: {whole} is {what}; a mean for a sum, or a missing sum over a broadcast axis?")
        }
        (Some((_, what)), false) => format!(", and {whole} is {what}: a sum for a mean, or a sum too many?"),
        (None, _) => format!(", {number}: a constant factor is missing or one too many"),
    })
}

/// The correct values in another order of the axes.
fn transposed(input: &InputDerivatives) -> Option<(Cause, String)> {
    let shape = input.analytic.shape();
    let numeric = input.complete()?;
    if !(2..=4).contains(&shape.len()) {
        return None;
    }
    let found = permutations(shape.len()).into_iter().skip(1).find(|axes| {
        let turned: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
        input.is(|at| {
            let index = index_of(&turned, at);
            let flat = (0..shape.len()).fold(0, |flat, axis| {
                let place = axes.iter().position(|&a| a == axis).expect("a permutation has each axis");
                flat * shape[axis] + index[place]
            });
            numeric[flat]
        })
    })?;
    let text = if found == [1, 0] {
        format!("the gradient by {} is the right one transposed", input.name)
    } else {
        format!("the gradient by {} is the right one with its axes in the order {found:?}", input.name)
    };
    Some((Cause::Transposed(found), text))
}

/// All orders of `n` axes, the identity first.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for _ in 0..n {
        all = all
            .into_iter()
            .flat_map(|axes: Vec<usize>| {
                let free = (0..n).filter(|axis| !axes.contains(axis)).collect::<Vec<_>>();
                free.into_iter().map(move |axis| [axes.clone(), vec![axis]].concat())
            })
            .collect();
    }
    all
}

/// Sums or means of the correct values, spread along an axis.
fn spread(input: &InputDerivatives) -> Option<(Cause, String)> {
    let shape = input.analytic.shape();
    let numeric = input.complete()?;
    for axis in (0..shape.len()).filter(|&axis| shape[axis] > 1) {
        let inner: usize = shape[axis + 1..].iter().product();
        let along = |at: usize, k: usize| numeric[at - (at / inner % shape[axis]) * inner + k * inner];
        for (divisor, what) in [(1.0, "sum"), (shape[axis] as f64, "mean")] {
            let collected = |at: usize| {
                let values = || (0..shape[axis]).map(|k| along(at, k));
                let value = values().map(|n| n.value).sum::<f64>() / divisor;
                Estimate { value, error: values().map(|n| n.error).sum(), step: 0.0 }
            };
            if input.is(collected) {
                let name = &input.name;
                let text = format!("the gradient by {name} holds along axis {axis} the {what} of the right values");
                return Some((Cause::Spread(axis), text));
            }
        }
    }
    None
}

/// An input that another broadcasts against is wrong everywhere; the others are correct.
fn missing_sum(
    input: &InputDerivatives,
    wrong: &[&InputDerivatives],
    inputs: &[InputDerivatives],
) -> Option<(Cause, String)> {
    if wrong.len() > 1 || 4 * input.wrong.len() < 3 * input.pairs().count() {
        return None;
    }
    let shape = input.analytic.shape();
    let larger = inputs.iter().find_map(|other| {
        let wide = other.analytic.shape();
        let lead = wide.len().checked_sub(shape.len())?;
        let fits = shape.iter().zip(&wide[lead..]).all(|(&a, &b)| a == b || a == 1);
        let axis = (0..wide.len()).find(|&axis| axis < lead || shape[axis - lead] < wide[axis])?;
        (fits && wide.numel() > shape.numel()).then_some((other, axis))
    });
    let (other, axis) = larger?;
    let text = format!(
        "all of {} {shape} is wrong, and no other input; it broadcasts against {} {}: is the sum over axis {axis} missing?",
        input.name,
        other.name,
        other.analytic.shape()
    );
    Some((Cause::MissingSum(axis), text))
}

fn isolated(input: &InputDerivatives) -> Option<(Cause, String)> {
    let (wrong, of) = (input.wrong.len(), input.pairs().count());
    if 4 * wrong > of {
        return None;
    }
    let shape = input.analytic.shape();
    let places: Vec<String> = input.wrong.iter().take(4).map(|&at| format!("{:?}", index_of(shape, at))).collect();
    let more = if wrong > 4 { ", …" } else { "" };
    let text = format!(
        "{wrong} of {of} compared elements of {} {} wrong, at {}{more}; the others agree",
        input.name,
        if wrong == 1 { "is" } else { "are" },
        places.join(", ")
    );
    Some((Cause::Isolated { wrong, of }, text))
}

fn unexplained(input: &InputDerivatives) -> (Cause, String) {
    let (wrong, of) = (input.wrong.len(), input.pairs().count());
    let text = if input.pairs().all(|(_, _, n)| n.value == 0.0) {
        format!("the gradient by {} is not 0, but the function does not change", input.name)
    } else {
        format!(
            "the gradient by {} is wrong at {wrong} of {of} compared elements, by no factor, order or sum",
            input.name
        )
    };
    (Cause::Unexplained, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_of_three_axes() {
        let all = permutations(3);
        assert_eq!((all.len(), &all[0][..], &all[5][..]), (6, &[0, 1, 2][..], &[2, 1, 0][..]));
    }
}
