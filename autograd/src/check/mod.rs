//! Gradient checking: the tape's gradient beside differences, with a verdict that says how sure it is, and why.
//!
//! Cheap and exact tests come first: two evaluations and two sweeps must agree to the bit, a rule must be linear in what
//! comes in. Then random directions, since one of them sees every element at once, in reverse and in forward mode; then
//! elements one by one, all of them or a random sample. Differences carry an error estimate, and the tolerance follows from it:
//!
//! `|analytic − numeric| ≤ rtol·max(|analytic|, |numeric|) + safety·error`
//!
//! # A pass rests on evidence
//!
//! A derivative that agrees with differences only because these would agree with anything is *unresolved*: it lies below the
//! rounding of the function, or below its noise. It is counted, and is no pass. Then, and wherever something is wrong, the check goes on
//! operation by operation ([`Operations`]): each recorded operation's rule is held against differences of that operation alone, at
//! its own inputs and scale. The sweep only multiplies what the rules give, so right rules make a right gradient, however small: 1e-120
//! behind 200 logistic layers passes, and a wrong rule there is named by its file and line.
//!
//! ```
//! use autograd::{check, Tensor};
//! let right = check(|x| (0..200).fold(x[0], |x, _| x.sigmoid()).sum(), &[Tensor::from([0.5])]).unwrap();
//! assert!(right.passed() && right.unresolved > 0, "{right}");
//! let wrong = check(|x| (0..200).fold(x[0].map_gradient(|dy| -dy), |x, _| x.sigmoid()).sum(), &[Tensor::from([0.5])]).unwrap();
//! assert!(wrong.reason.starts_with("`map_gradient` of shape (1,), recorded at "), "{wrong}");
//! ```
//!
//! # A verdict of wrong rests on evidence too
//!
//! Where differences disagree with the tape, derivatives from either side and a second method must confirm it, by more than the
//! tape's own derivative scatters when the point moves by next to nothing and by more than its terms round to. What is left of the
//! slopes must settle as the step shrinks (Taylor's test: that of `x·√|x|` at 0 still falls). Samples that stand on stairs, that jump
//! as those of a solver which stops early, or that scatter widen the tolerance. And an operation must be at fault. When nothing
//! tells, the verdict is [`Verdict::Inconclusive`], with the name of the reason.
//!
//! Of the wrong rules and the right but nasty functions of its trials (2026-11-29, `benches/peers`), PyTorch's `gradcheck` passes 32 % and calls
//! 31 % wrong, JAX's `check_grads` 29 % and 33 %, SciPy's `check_grad` 28 % and 43 %, this one none and 0.6 %, one network in `f32`.
//!
//! # Where it is
//!
//! - here — what can be checked, and how
//! - `subject` — the function made one number, whose value and derivatives can be asked for
//! - `line`, `grain`, `probe` — a function of a step; how finely its points can be told apart; the whole function along one way
//! - `difference`, `noise` — derivatives by differences, and what samples err by
//! - `comparison` — one derivative beside its differences
//! - `rounding` — what the tape's own derivatives err by
//! - `compare` — random directions, elements one by one, and the search for a wrong one
//! - `operations` — each recorded operation by itself
//! - `outcome`, `diagnose` — what it all amounts to; in what way a gradient is wrong
//! - `precision` — `f32` beside `f64`
//! - `scan` — what remains after the linear part, over twelve decades of steps
//! - `report`, `text`, `html` — what was found, as data, as text, in a notebook

pub(crate) mod compare;
mod comparison;
mod diagnose;
mod difference;
mod grain;
mod html;
mod line;
mod noise;
mod operations;
pub(crate) mod outcome;
mod precision;
mod probe;
mod report;
mod rounding;
mod scan;
pub(crate) mod subject;
mod text;

pub use operations::{OperationReport, Operations};
pub use precision::Formula;
pub use report::{Cause, Comparison, Estimate, InputReport, Report, Scan, ScanStep, Verdict};

use crate::error::Error;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;
use compare::examine;
use outcome::Outcome;
use subject::CheckedFunction;

/// Checks the gradient of `f` at a point with the default [`Checker`].
///
/// ```
/// use autograd::{check, Tensor};
/// let point = Tensor::from([[0.1, 0.7, -0.3]]);
/// let report = check(|x| x[0].softmax(1).ln().sum(), &[point]).unwrap();
/// assert!(report.passed(), "{report}");
/// ```
///
/// At a kink there is no gradient to compare with, and the report says so:
///
/// ```
/// use autograd::{check, check::{Cause, Verdict}, Tensor};
/// let report = check(|x| x[0].relu().sum(), &[Tensor::from([0.0, 1.0])]).unwrap();
/// assert_eq!((report.verdict, report.cause), (Verdict::Inconclusive, Some(Cause::Kink)));
/// ```
///
/// # Errors
/// If no input is given, or the function is not finite at the point.
pub fn check<F>(f: F, point: &[Tensor]) -> Result<Report, Error>
where
    F: for<'t> Fn(&[Var<'t>]) -> Scalar<'t>,
{
    Checker::new().check(f, point)
}

/// How to check: seed, directions, elements, orders, tolerance.
///
/// ```
/// use autograd::{check::Checker, Tensor};
/// let checker = Checker::new().seed(3).directions(2).elements(100);
/// let x = Tensor::linspace(-1.0, 1.0, 10_000);
/// let report = checker.check(|x| x[0].tanh().square().sum(), &[x]).unwrap();
/// assert!(report.passed(), "{report}");
/// assert_eq!(report.inputs[0].compared, 100);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Checker {
    seed: u64,
    directions: usize,
    elements: usize,
    orders: usize,
    rtol: f64,
    operations: bool,
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Three directions, up to 1000 elements of all inputs together, first order, relative tolerance 1e-8, seed 0.
    pub fn new() -> Self {
        Checker { seed: 0, directions: 3, elements: 1000, orders: 1, rtol: 1e-8, operations: false }
    }

    /// The seed of directions, weights and sampled elements.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Checker { seed, ..self }
    }

    /// How many random directions to compare along.
    #[must_use]
    pub fn directions(self, directions: usize) -> Self {
        Checker { directions, ..self }
    }

    /// How many elements of all inputs together to compare one by one; a random sample if there are more.
    #[must_use]
    pub fn elements(self, elements: usize) -> Self {
        Checker { elements, ..self }
    }

    /// Up to which order to check: 2 also checks the gradient of the gradient's component along random weights, and so on.
    ///
    /// ```
    /// use autograd::{check::{Cause, Checker}, Tensor};
    /// // x² with its slope 2x as a constant: the gradient is right, its own gradient is missing.
    /// let report = Checker::new().orders(2).check(
    ///     |x| (2.0 * x[0] * x[0].detach() - x[0].detach().square()).sum(),
    ///     &[Tensor::from([0.3, 0.7])],
    /// );
    /// assert_eq!(report.unwrap().cause, Some(Cause::SecondOrder));
    /// ```
    #[must_use]
    pub fn orders(self, orders: usize) -> Self {
        Checker { orders, ..self }
    }

    /// The relative tolerance that is allowed beside the differences' own error; never less than 1e-4 where derivatives or
    /// values are only found in `f32`.
    #[must_use]
    pub fn rtol(self, rtol: f64) -> Self {
        Checker { rtol, ..self }
    }

    /// Whether to hold the rule of each recorded operation against differences of that operation alone, too.
    ///
    /// Without being asked the checker does so wherever differences of the whole function do not tell, as behind many layers that let
    /// little through, and wherever something is wrong, to name the operation.
    ///
    /// ```
    /// use autograd::{check::{Cause, Checker}, Tensor};
    /// // Through 30 logistic layers, 1e-20 is left of a gradient that is three times too large.
    /// let report = Checker::new().operations(true).check(
    ///     |x| (0..30).fold(x[0].map_gradient(|dy| dy * 3.0), |x, _| x.sigmoid()).sum(),
    ///     &[Tensor::from([0.5])],
    /// );
    /// let report = report.unwrap();
    /// assert_eq!(report.cause, Some(Cause::Factor(3.0)));
    /// assert_eq!(report.operations.unwrap().findings[0].name, "map_gradient");
    /// ```
    #[must_use]
    pub fn operations(self, operations: bool) -> Self {
        Checker { operations, ..self }
    }

    /// Checks the gradient of a function of arrays that gives one number.
    ///
    /// # Errors
    /// If no input is given, or the function is not finite at the point.
    pub fn check<F>(&self, f: F, point: &[Tensor]) -> Result<Report, Error>
    where
        F: for<'t> Fn(&[Var<'t>]) -> Scalar<'t>,
    {
        self.check_array(|x| f(x).to_var(), point)
    }

    /// Checks the derivatives of a function of arrays that gives an array: those of its values' sum with random weights.
    ///
    /// If they are wrong, a note names the entry of the Jacobian that is furthest off.
    ///
    /// ```
    /// use autograd::{check::Checker, Tensor};
    /// let x = Tensor::from([[0.1, 0.7], [-0.3, 0.2]]);
    /// let report = Checker::new().check_array(|x| x[0].softmax(1), &[x]).unwrap();
    /// assert!(report.passed(), "{report}");
    /// ```
    ///
    /// # Errors
    /// If no input is given, or the function is not finite at the point.
    pub fn check_array<F>(&self, f: F, point: &[Tensor]) -> Result<Report, Error>
    where
        F: for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    {
        refuse_none(point.len())?;
        let record = of_inputs(f);
        self.run(CheckedFunction::new(numbered(point.len()), point.to_vec(), vec![], &record, self.seed))
    }

    /// Checks the gradient of a loss with respect to a model's parameters at their present values. Frozen ones are left out.
    ///
    /// ```
    /// use autograd::{check::Checker, Param, Parameters, Tensor};
    /// let w = Param::new([[0.3], [-0.2]]);
    /// let x = Tensor::from([[1.0, 2.0]]);
    /// let parameters = Parameters::new().with("w", &w);
    /// let report = Checker::new().check_parameters(&parameters, |tape| tape.constant(x.clone()).matmul(&w).tanh().sum());
    /// assert!(report.unwrap().passed());
    /// ```
    ///
    /// Differences are taken in the type of the parameters, which for `f32` resolves little:
    /// [`check_f32_parameters`](Checker::check_f32_parameters) takes them in `f64`.
    ///
    /// # Errors
    /// If there are no parameters, or the loss is not finite.
    pub fn check_parameters<T: Float, F>(&self, parameters: &Parameters<T>, f: F) -> Result<Report, Error>
    where
        F: for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
    {
        let record = loss(f);
        self.run(of_parameters(parameters, &record, self.seed)?)
    }

    /// One order after the other, as long as they pass.
    fn run<T: Float>(&self, mut subject: CheckedFunction<'_, T>) -> Result<Report, Error> {
        let output = subject.v.shape().clone();
        let first = examine(self, &mut subject, 1, 0.0)?;
        let (mut directions, mut compared) = (first.directions, first.compared);
        let (mut inputs, mut notes, mut unresolved) = (first.inputs.clone(), first.notes.clone(), first.unresolved);
        let value = first.value;
        let (mut scale, mut last) = (first.scale, first);
        for order in 2..=self.orders {
            if last.verdict != Verdict::Pass {
                break;
            }
            subject.raise(self.seed + order as u64);
            let mut next = examine(self, &mut subject, order, scale).unwrap_or_else(Outcome::not_finite);
            if next.verdict != Verdict::Pass {
                next.reason = format!("order {} passes, order {order} does not: {}", order - 1, next.reason);
            }
            if next.verdict == Verdict::Wrong {
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
            if unresolved > 0 {
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
            unresolved,
            operations: last.operations,
            inputs,
            worst: last.worst,
            scan: last.scan,
        })
    }
}

/// A function of inputs that needs no tape beside them.
fn of_inputs<T: Float, F>(f: F) -> impl for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    move |_, x| f(x)
}

/// A loss as a function of the parameters that it reads off the tape.
fn loss<T: Float, F>(f: F) -> impl for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>
where
    F: for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
{
    move |tape, _| f(tape).to_var()
}

fn of_parameters<'a, T: Float>(
    parameters: &Parameters<T>,
    record: &'a subject::Record<'a, T>,
    seed: u64,
) -> Result<CheckedFunction<'a, T>, Error> {
    let moved = || parameters.distinct().filter(|(_, param)| !param.is_frozen());
    refuse_none(moved().count())?;
    let names = moved().map(|(name, _)| name.to_string()).collect();
    let params: Vec<Param<T>> = moved().map(|(_, param)| param.clone()).collect();
    Ok(CheckedFunction::new(names, params.iter().map(Param::value).collect(), params, record, seed))
}

fn numbered(inputs: usize) -> Vec<String> {
    (0..inputs).map(|i| format!("input {i}")).collect()
}

/// Before the function is called: it may expect an input.
fn refuse_none(inputs: usize) -> Result<(), Error> {
    if inputs == 0 {
        return Err(Error::Check("no input given; there is nothing to differentiate by".into()));
    }
    Ok(())
}
