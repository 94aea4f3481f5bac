//! The results of a gradient check, as data.

use std::fmt;

use super::operations::Operations;
use crate::shape::Shape;

/// The outcome of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    /// The gradient agrees with the differences, within their accuracy.
    Pass,
    /// The gradient is wrong by more than the differences' error.
    Wrong,
    /// The differences do not decide: a kink, the edge of the domain, noise, or round-off is in the way.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Pass => "pass",
            Verdict::Wrong => "WRONG",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}

/// Named reasons why a check did not pass.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// Two evaluations at one point differ.
    Nondeterministic,
    /// The one-sided derivatives differ: there is no gradient to compare with.
    Kink,
    /// The function is finite on one side of the point at most.
    DomainEdge,
    /// The function is not continuous at the point.
    Jump,
    /// The samples err by more than round-off explains.
    Noise,
    /// The derivative lies below the resolution of the differences: round-off of the function's values hides it.
    Unresolved,
    /// The function changes too fast for any step, or the terms of the gradient cancel: rescale the inputs.
    IllScaled,
    /// The differences of the whole function contradict the gradient; those of each operation by itself agree with
    /// it.
    Contradiction,
    /// The gradient is correct in `f64`; in `f32`, round-off leaves too few digits.
    Precision,
    /// The gradient is NaN or infinite where the function has a finite one.
    NotFinite,
    /// The gradient is zero where the function changes: a detached input, or a forgotten one.
    Detached,
    /// The gradient has the opposite sign.
    Sign,
    /// The gradient is this multiple of the correct one.
    Factor(f64),
    /// The gradient is the correct one with its axes in this order.
    Transposed(Vec<usize>),
    /// The gradient is constant along this axis, where it holds the sum or the mean of the correct one.
    Spread(usize),
    /// Only an input that broadcasts is wrong, and everywhere: a sum over this axis of the other input is missing.
    MissingSum(usize),
    /// A few elements among many are wrong.
    Isolated {
        /// The number of wrong elements.
        wrong: usize,
        /// The number of compared elements.
        of: usize,
    },
    /// Reverse mode agrees with the differences, forward mode does not; for a [`Function`](super::Function), the
    /// derivative that the check takes first agrees, and another of those given does not.
    ForwardMode,
    /// Of the derivatives of a [`Function`](super::Function), the one that the check takes first does not agree with
    /// the differences, and another does.
    ReverseMode,
    /// Two derivatives of a [`Function`](super::Function) contradict each other, and the differences do not tell which
    /// is wrong.
    Disagreement,
    /// A Hessian is not symmetric.
    Asymmetric,
    /// The rule is not linear in the incoming gradient.
    NotLinear,
    /// The gradient is correct, its own gradient is not.
    SecondOrder,
    /// The gradient is wrong without a known pattern.
    Unexplained,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Nondeterministic => f.write_str("nondeterminism"),
            Cause::Kink => f.write_str("kink"),
            Cause::DomainEdge => f.write_str("domain edge"),
            Cause::Jump => f.write_str("jump"),
            Cause::Noise => f.write_str("noise"),
            Cause::Unresolved => f.write_str("below what differences resolve"),
            Cause::IllScaled => f.write_str("ill-scaling"),
            Cause::Contradiction => f.write_str("differences contradict each other"),
            Cause::Precision => f.write_str("precision"),
            Cause::NotFinite => f.write_str("not finite"),
            Cause::Detached => f.write_str("detached or forgotten input"),
            Cause::Sign => f.write_str("sign"),
            Cause::Factor(factor) => write!(f, "factor {factor:.6}"),
            Cause::Transposed(axes) => write!(f, "transposition {axes:?}"),
            Cause::Spread(axis) => write!(f, "summed over axis {axis}"),
            Cause::MissingSum(axis) => write!(f, "missing sum over axis {axis}"),
            Cause::Isolated { wrong, of } => write!(f, "{wrong} of {of} elements"),
            Cause::ForwardMode => f.write_str("forward mode"),
            Cause::ReverseMode => f.write_str("reverse mode"),
            Cause::Disagreement => f.write_str("derivatives contradict each other"),
            Cause::Asymmetric => f.write_str("not symmetric"),
            Cause::NotLinear => f.write_str("not linear"),
            Cause::SecondOrder => f.write_str("second order"),
            Cause::Unexplained => f.write_str("unexplained"),
        }
    }
}

/// A derivative by differences, with its accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// The derivative; NaN if there is none.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub value: f64,
    /// Its estimated error; infinite if nothing is known.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub error: f64,
    /// The step at which it was found.
    pub step: f64,
}

impl Estimate {
    pub(super) const NONE: Estimate = Estimate { value: f64::NAN, error: f64::INFINITY, step: 0.0 };

    pub(super) fn is_known(&self) -> bool {
        self.value.is_finite() && self.error.is_finite()
    }
}

/// A derivative compared with the same derivative by differences.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Comparison {
    /// The input's name and the index in it, or a random direction over all inputs.
    pub place: String,
    /// 1 for the gradient, 2 for the gradient of the gradient's component along random weights.
    pub order: usize,
    /// What gave `analytic`: `tape`, or which of a [`Function`](super::Function)'s derivatives: `vjp`, `gradient`,
    /// `Jacobian`, `jvp` or `Hessian`.
    pub by: String,
    /// The derivative that is checked; the tape's is that of reverse mode.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub analytic: f64,
    /// The derivative in forward mode, or by the jvp of a [`Function`](super::Function) that was given more than it;
    /// known for directions and for the worst element.
    pub forward: Option<f64>,
    /// The derivative by differences: Ridders' extrapolation or a stencil, whichever is more accurate.
    pub numeric: Estimate,
    /// The other of the two, where it was needed because the first did not decide.
    pub second: Option<Estimate>,
    /// The derivative from above.
    pub above: Option<Estimate>,
    /// The derivative from below.
    pub below: Option<Estimate>,
    /// The step from which on differences reach over a kink, if they do.
    pub kink: Option<f64>,
    /// The allowed error of `analytic`, relative to the derivative.
    pub rtol: f64,
    /// The allowed error of the differences, as a multiple of their estimated error.
    pub safety: f64,
    /// The allowed `|analytic − numeric|`: `rtol·max(|analytic|, |numeric|) + safety·error`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub allowed: f64,
    /// The verdict on this comparison alone.
    pub verdict: Verdict,
    /// The name of the reason, if it is not a pass.
    pub cause: Option<Cause>,
    /// The reason in a sentence, if it is not a pass.
    pub reason: String,
}

impl Comparison {
    /// The absolute difference `|analytic − numeric|`.
    pub fn difference(&self) -> f64 {
        (self.analytic - self.numeric.value).abs()
    }

    /// The relative difference `|analytic − numeric| / max(|analytic|, |numeric|)`, and 0 where both are 0.
    pub fn relative(&self) -> f64 {
        let size = self.analytic.abs().max(self.numeric.value.abs());
        if size == 0.0 { 0.0 } else { self.difference() / size }
    }

    /// Whether the differences do not decide because round-off or noise hides the derivative.
    ///
    /// At a kink, a jump or an edge there is no derivative, which is another matter.
    pub fn is_unresolved(&self) -> bool {
        matches!(self.cause, Some(Cause::Unresolved | Cause::Noise | Cause::IllScaled))
    }

    /// Whether the error exceeds that of the differences, and yet is too small to be called wrong.
    pub(super) fn is_slightly_off(&self) -> bool {
        self.cause == Some(Cause::Noise) && self.difference() > self.allowed
    }

    /// The difference as a multiple of the allowed one, to find the worst comparison.
    pub(super) fn badness(&self) -> f64 {
        let ratio = self.difference() / self.allowed;
        if ratio.is_nan() && self.difference() == 0.0 {
            0.0
        } else if ratio.is_nan() {
            f64::INFINITY
        } else {
            ratio
        }
    }
}

/// The statistics of one input at one order.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InputReport {
    /// The input's name.
    pub name: String,
    /// The order of the derivative.
    pub order: usize,
    /// The input's shape.
    #[cfg_attr(feature = "serde", serde(with = "shape"))]
    pub shape: Shape,
    /// How many of its elements were compared one by one.
    pub compared: usize,
    /// How many of these agree.
    pub passed: usize,
    /// How many are wrong.
    pub wrong: usize,
    /// How many have no derivative to compare with: at a kink, a jump, the edge of the domain.
    pub inconclusive: usize,
    /// How many lie below the resolution of the differences.
    pub unresolved: usize,
    /// How many of all its elements have a gradient that is NaN or infinite.
    pub not_finite: usize,
    /// The largest relative difference among the compared elements.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub largest: f64,
}

/// One step of a [`Scan`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScanStep {
    /// The step length `h`.
    pub step: f64,
    /// The remainder `|f(x + h·u) − f(x) − h·a|` with the given derivative `a`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub remainder: f64,
    /// The slope from above, `(f(x + h·u) − f(x))/h`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub above: f64,
    /// The slope from below, `(f(x) − f(x − h·u))/h`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub below: f64,
    /// The size of the remainder that round-off and noise alone may cause.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub round_off: f64,
}

impl ScanStep {
    /// Whether the remainder exceeds round-off.
    pub fn is_clean(&self) -> bool {
        self.remainder.is_finite() && self.remainder > 8.0 * self.round_off
    }
}

/// The remainder of the function after its linear part, step by step, at the worst place.
///
/// With a correct gradient the remainder falls with the square of the step or faster, with a wrong one with the step
/// itself.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Scan {
    /// The element or direction that was moved.
    pub place: String,
    /// Steps from large to small.
    pub steps: Vec<ScanStep>,
    /// The power of the step with which the remainder falls, at the smallest steps where it exceeds round-off; `None`
    /// if there are too few such steps.
    pub slope: Option<f64>,
}

/// How often a check called the function and its derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Calls {
    /// Evaluations of the function; on a tape, recordings.
    pub evaluations: usize,
    /// Calls of its derivatives; on a tape, sweeps.
    pub derivatives: usize,
}

impl std::ops::AddAssign for Calls {
    fn add_assign(&mut self, other: Calls) {
        self.evaluations += other.evaluations;
        self.derivatives += other.derivatives;
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} evaluations, {} derivatives", self.evaluations, self.derivatives)
    }
}

/// The result of a gradient check: a verdict, its reason, and everything about the worst comparison.
///
/// It prints as text, is converted to HTML by [`to_html`](Report::to_html), shows itself in a notebook, and is data
/// with the default feature `serde`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The name of the reason, unless the check passed.
    pub cause: Option<Cause>,
    /// The reason in a sentence.
    pub reason: String,
    /// Further observations: kinks nearby, inputs on very different scales.
    pub notes: Vec<String>,
    /// The seed of the random directions: the same seed repeats the check.
    pub seed: u64,
    /// The number type in which the gradient was computed.
    pub precision: String,
    /// The shape of the function's output.
    #[cfg_attr(feature = "serde", serde(with = "shape"))]
    pub output: Shape,
    /// The value of the function at the point; for an array, the sum of its values with random weights.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub value: f64,
    /// The number of directions along which derivatives were compared.
    pub directions: usize,
    /// How often the function and its derivatives were called.
    pub calls: Calls,
    /// How many of all comparisons lie below the resolution of differences of the whole function.
    pub unresolved: usize,
    /// The results operation by operation, where requested or needed.
    pub operations: Option<Operations>,
    /// One entry for each input and order.
    pub inputs: Vec<InputReport>,
    /// The comparison with the largest difference relative to the allowed one.
    pub worst: Option<Comparison>,
    /// The step scan at the worst place.
    pub scan: Option<Scan>,
}

impl Report {
    /// Whether the verdict is [`Verdict::Pass`].
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// Returns this report if the check passed.
    ///
    /// # Panics
    /// If it did not, with the whole report.
    #[track_caller]
    pub fn assert_pass(self) -> Self {
        assert!(self.passed(), "{self}");
        self
    }
}

/// Numbers that may not be finite, which JSON cannot express: they are written as `null` and read as NaN.
#[cfg(feature = "serde")]
mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
        x.is_finite().then_some(*x).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// A shape as the list of its axes.
#[cfg(feature = "serde")]
pub(super) mod shape {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::shape::Shape;

    pub(in crate::check) fn serialize<S: Serializer>(shape: &Shape, to: S) -> Result<S::Ok, S::Error> {
        shape.to_vec().serialize(to)
    }

    pub(in crate::check) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Shape, D::Error> {
        Ok(Vec::deserialize(from)?.into())
    }
}
