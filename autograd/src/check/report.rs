//! What a gradient check found, as data.

use std::fmt;

use super::operations::Operations;
use crate::shape::Shape;

/// The outcome of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Verdict {
    /// The gradient agrees with the differences, as far as these can tell.
    Pass,
    /// The gradient is wrong by more than the differences' error.
    Wrong,
    /// The differences cannot tell: a kink, the edge of the domain, noise, or round-off is in the way.
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

/// Why a check did not pass, by name.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// Two evaluations at one point differ.
    Nondeterministic,
    /// The one-sided derivatives differ: there is no gradient to compare with.
    Kink,
    /// The function is finite on one side of the point at the most.
    DomainEdge,
    /// The function is not continuous at the point.
    Jump,
    /// The samples err by more than rounding explains.
    Noise,
    /// The derivative lies below what differences resolve: rounding of the function's values hides it.
    Unresolved,
    /// The function changes too fast for any step, or the terms of the gradient cancel: the inputs ask to be rescaled.
    IllScaled,
    /// The differences of the whole function do not agree with the gradient, those of each operation by itself do.
    Contradiction,
    /// Right in `f64`; in `f32`, round-off leaves too few digits.
    Precision,
    /// The gradient is NaN or infinite where the function has a finite one.
    NotFinite,
    /// The gradient is zero where the function changes.
    Detached,
    /// The gradient has the other sign.
    Sign,
    /// The gradient is this many times the right one.
    Factor(f64),
    /// The gradient is the right one with its axes in this order.
    Transposed(Vec<usize>),
    /// The gradient is constant along this axis, where it holds the sum or the mean of the right one.
    Spread(usize),
    /// All of an input that broadcasts into another is wrong, and nothing else: a sum over this axis of the other is missing.
    MissingSum(usize),
    /// Few elements are wrong among many.
    Isolated {
        /// How many are.
        wrong: usize,
        /// How many were compared.
        of: usize,
    },
    /// Reverse mode agrees with the differences, forward mode does not.
    ForwardMode,
    /// The rule is not linear in the gradient that comes in.
    NotLinear,
    /// The gradient is right, its own gradient is not.
    SecondOrder,
    /// The gradient is wrong in no way that has a name here.
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
            Cause::Detached => f.write_str("detached input"),
            Cause::Sign => f.write_str("sign"),
            Cause::Factor(factor) => write!(f, "factor {factor:.6}"),
            Cause::Transposed(axes) => write!(f, "transposition {axes:?}"),
            Cause::Spread(axis) => write!(f, "summed over axis {axis}"),
            Cause::MissingSum(axis) => write!(f, "missing sum over axis {axis}"),
            Cause::Isolated { wrong, of } => write!(f, "{wrong} of {of} elements"),
            Cause::ForwardMode => f.write_str("forward mode"),
            Cause::NotLinear => f.write_str("not linear"),
            Cause::SecondOrder => f.write_str("second order"),
            Cause::Unexplained => f.write_str("unexplained"),
        }
    }
}

/// A derivative by differences, and how well it is known.
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

/// One comparison: a derivative by the tape beside the same by differences.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Comparison {
    /// What was moved: the input's name and the index in it, or a random direction over all inputs.
    pub place: String,
    /// 1 for the gradient, 2 for the gradient of the gradient's component along random weights.
    pub order: usize,
    /// The derivative by the tape, in reverse mode.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub analytic: f64,
    /// The same in forward mode; known for directions and for the worst element.
    pub forward: Option<f64>,
    /// The derivative by differences: by Ridders' extrapolation or by a stencil, whichever is better known.
    pub numeric: Estimate,
    /// The other of the two, where it was asked for: wherever the first did not settle the matter.
    pub second: Option<Estimate>,
    /// The derivative from above.
    pub above: Option<Estimate>,
    /// The derivative from below.
    pub below: Option<Estimate>,
    /// The step from which on differences reach over a kink, if they do.
    pub kink: Option<f64>,
    /// What the tape may err by, relative to the derivative.
    pub rtol: f64,
    /// How many times their estimated error the differences may err.
    pub safety: f64,
    /// What `|analytic − numeric|` may be: `rtol·max(|analytic|, |numeric|) + safety·error`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub allowed: f64,
    /// The verdict on this comparison alone.
    pub verdict: Verdict,
    /// The name of the reason, if it is not a pass.
    pub cause: Option<Cause>,
    /// Why, if it is not a pass.
    pub reason: String,
}

impl Comparison {
    /// `|analytic − numeric|`
    pub fn difference(&self) -> f64 {
        (self.analytic - self.numeric.value).abs()
    }

    /// `|analytic − numeric| / max(|analytic|, |numeric|)`, and 0 where both are 0.
    pub fn relative(&self) -> f64 {
        let size = self.analytic.abs().max(self.numeric.value.abs());
        if size == 0.0 { 0.0 } else { self.difference() / size }
    }

    /// Whether differences cannot tell: rounding or noise hides the derivative. At a kink, a jump or an edge there is none, which is
    /// another matter.
    pub fn is_unresolved(&self) -> bool {
        matches!(self.cause, Some(Cause::Unresolved | Cause::Noise | Cause::IllScaled))
    }

    /// Whether it is off by more than the differences err by, and yet too little to be called wrong.
    pub(super) fn is_slightly_off(&self) -> bool {
        self.cause == Some(Cause::Noise) && self.difference() > self.allowed
    }

    /// How bad it is, to find the worst: the difference as a multiple of what is allowed.
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

/// The census of one input at one order.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InputReport {
    /// The input's name.
    pub name: String,
    /// The order of the derivative.
    pub order: usize,
    /// Its shape.
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
    /// How many lie below what differences resolve.
    pub unresolved: usize,
    /// How many of all its elements have a gradient that is NaN or infinite.
    pub not_finite: usize,
    /// The largest relative difference among those compared.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub largest: f64,
}

/// One step of a [`Scan`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScanStep {
    /// `h`
    pub step: f64,
    /// `|f(x + h·u) − f(x) − h·a|` with the tape's derivative `a`.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub remainder: f64,
    /// `(f(x + h·u) − f(x))/h`
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub above: f64,
    /// `(f(x) − f(x − h·u))/h`
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub below: f64,
    /// What the remainder may be by round-off and noise alone.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub round_off: f64,
}

impl ScanStep {
    /// Whether the remainder stands out of round-off.
    pub fn is_clean(&self) -> bool {
        self.remainder.is_finite() && self.remainder > 8.0 * self.round_off
    }
}

/// What remains of the function after its linear part, step by step, along the worst place.
///
/// With a right gradient the remainder falls with the square of the step or faster, with a wrong one with the step itself.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Scan {
    /// What was moved.
    pub place: String,
    /// Steps from large to small.
    pub steps: Vec<ScanStep>,
    /// The power of the step that the remainder falls with at the smallest steps that stand out of round-off; `None` if too
    /// few do.
    pub slope: Option<f64>,
}

/// The result of a gradient check: a verdict, its reason, and everything about the worst comparison.
///
/// It prints as text, becomes HTML with [`to_html`](Report::to_html), shows itself in a notebook, and with the feature
/// `serde`, which is on unless turned off, is data.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The name of the reason, unless it passed.
    pub cause: Option<Cause>,
    /// The reason in a sentence.
    pub reason: String,
    /// What else was seen: kinks nearby, inputs on very different scales.
    pub notes: Vec<String>,
    /// The seed of the random directions: the same seed repeats the check.
    pub seed: u64,
    /// The type that the gradient was found in.
    pub precision: String,
    /// The shape of the function's output.
    #[cfg_attr(feature = "serde", serde(with = "shape"))]
    pub output: Shape,
    /// The value of the function at the point; of an array, the sum of its values with random weights.
    #[cfg_attr(feature = "serde", serde(with = "number"))]
    pub value: f64,
    /// Along how many directions derivatives were compared.
    pub directions: usize,
    /// How many of all comparisons lie below what differences of the whole function resolve.
    pub unresolved: usize,
    /// What was found out operation by operation, where that was asked for or needed.
    pub operations: Option<Operations>,
    /// A line for each input and order.
    pub inputs: Vec<InputReport>,
    /// The comparison with the largest difference relative to what is allowed.
    pub worst: Option<Comparison>,
    /// The remainder by the step, at the worst place.
    pub scan: Option<Scan>,
}

impl Report {
    /// Whether the verdict is [`Verdict::Pass`].
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// This report if it passed.
    ///
    /// # Panics
    /// If it did not, with the whole report.
    #[track_caller]
    pub fn assert_pass(self) -> Self {
        assert!(self.passed(), "{self}");
        self
    }
}

/// Numbers that may not be finite, which JSON does not know: `null` stands for them, and is read as NaN.
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
