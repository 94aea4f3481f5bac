//! Whether a function repeats itself: to the bit, or within a spread that its differences must allow for.
//!
//! A recording that does not repeat itself draws random numbers. A solver on several threads, or a sum of atomic
//! additions, adds in another order each time, and is judged within the spread of its results.

use super::compare::largest;
use super::subject::{CheckedFunction, Gradient};
use crate::number::Float;
use crate::tensor::Tensor;

/// The largest spread that counts as noise, as a part of the function's size and slopes; more is randomness.
const NOISE: f64 = 1e-4;
/// The same for the elements of a gradient.
const NOISE_OF_GRADIENT: f64 = 1e-3;
/// How many more evaluations measure a spread.
const EVALUATIONS: usize = 8;

/// How far results at one point lie apart; 0 if they are the same to the bit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    pub(super) value: f64,
    gradient: f64,
}

impl Spread {
    pub(super) fn note(&self) -> Option<String> {
        let of = |what: &str, spread: f64| {
            (spread > 0.0).then(|| format!("{what} at the same point differ by {spread:.1e}"))
        };
        let found = [of("evaluations", self.value), of("gradients", self.gradient)];
        let text = found.into_iter().flatten().reduce(|a, b| a + ", " + &b)?;
        Some(format!("{text}: the function is not deterministic, and is judged within this noise"))
    }
}

/// Compares two evaluations and two gradients.
///
/// # Errors
/// If they differ by more than noise, with their name.
pub(super) fn at_once<T: Float>(
    subject: &CheckedFunction<'_, T>,
    x: &[Tensor],
    value: f64,
    gradient: &Gradient,
) -> Result<Spread, String> {
    let again = subject.gradient(1.0);
    let pairs = || gradient.iter().zip(&again).flat_map(|((a, _), (b, _))| a.as_slice().iter().zip(b.as_slice()));
    let apart = pairs().filter(|(a, b)| a.to_bits() != b.to_bits()).map(|(a, b)| (a - b).abs());
    let apart = apart.reduce(f64::max);
    let next = subject.value(x);
    let mut spread = Spread::default();
    if next.to_bits() != value.to_bits() {
        spread.value = measured(subject, x, value, next, gradient).ok_or("two evaluations")?;
    }
    if let Some(apart) = apart {
        let tape = subject.source.taped().is_some();
        let most = gradient.iter().map(|(g, _)| largest(g)).fold(0.0, f64::max);
        if tape {
            return Err("two backward sweeps".into());
        }
        if apart.is_nan() || apart > NOISE_OF_GRADIENT * most {
            let by = subject.source.name(subject.at.w.len() + 1);
            return Err(format!("two calls of the {by}"));
        }
        spread.gradient = apart;
    }
    Ok(spread)
}

/// Compares one more evaluation after others; a spread where none was known calls for a new start.
///
/// # Errors
/// If it differs by more than noise.
pub(super) fn at_last<T: Float>(
    subject: &CheckedFunction<'_, T>,
    x: &[Tensor],
    value: f64,
    gradient: &Gradient,
    known: &Spread,
) -> Result<Option<Spread>, String> {
    let last = subject.value(x);
    if (last - value).abs() <= 8.0 * known.value || last.to_bits() == value.to_bits() {
        return Ok(None);
    }
    let what = "two evaluations, with others between them,";
    let found = if known.value > 0.0 { None } else { measured(subject, x, value, last, gradient) };
    let value = found.ok_or(what)?;
    Ok(Some(Spread { value, ..*known }))
}

/// The spread of evaluations, if it is no more than noise.
fn measured<T: Float>(
    subject: &CheckedFunction<'_, T>,
    x: &[Tensor],
    value: f64,
    next: f64,
    gradient: &Gradient,
) -> Option<f64> {
    if subject.source.taped().is_some() {
        return None;
    }
    let more = (0..EVALUATIONS).map(|_| subject.value(x)).chain([next]);
    let spread = more.map(|y| (y - value).abs()).fold(0.0, |most: f64, y| if y.is_nan() { y } else { most.max(y) });
    let most = gradient.iter().map(|(g, _)| largest(g)).fold(value.abs(), f64::max);
    (spread <= NOISE * most).then_some(spread)
}
