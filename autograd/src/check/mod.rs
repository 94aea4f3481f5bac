//! Gradient checking: compares a gradient with finite differences, and gives a verdict with its certainty and its
//! reason. The gradient is the tape's, or that of a [`Function`] of one's own.
//!
//! Cheap and exact tests come first: two evaluations and two sweeps must agree to the bit, and a rule must be linear
//! in the incoming gradient. Random directions follow, in reverse and in forward mode, because one direction covers
//! every element at once. Then elements are compared one by one, all of them or a random sample. Differences carry an
//! error estimate, and the tolerance follows from it:
//!
//! `|analytic − numeric| ≤ rtol·max(|analytic|, |numeric|) + safety·error`
//!
//! # A pass rests on evidence
//!
//! A derivative that agrees with its differences only because they would agree with anything is *unresolved*: it lies
//! below the function's round-off, or below its noise. It is counted, and is no pass. The check then goes on
//! operation by operation ([`Operations`]), as it does wherever something is wrong: it compares the rule of each
//! recorded operation with differences of that operation alone, at its own inputs and scale. The sweep only
//! multiplies the results of the rules, so correct rules give a correct gradient, however small it is. A gradient of
//! 1e-120 behind 200 logistic layers passes, and a wrong rule there is named by its file and line.
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
//! Where differences disagree with the tape, one-sided derivatives and a second method must confirm it. The
//! disagreement must exceed the scatter of the tape's own derivative when the point moves slightly, and the round-off
//! of its terms. The slopes that remain after the tape's derivative is subtracted must settle as the step shrinks
//! (Taylor's test: those of `x·√|x|` at 0 still fall). The tolerance widens for samples that form stairs, that jump
//! like the results of a solver that stops early, or that scatter. And an operation must be at fault. If the evidence
//! does not decide, the verdict is [`Verdict::Inconclusive`], with the name of the reason.
//!
//! # Functions without a tape
//!
//! A solver, a library in C, a program in another language: what computes its own values and derivatives is a
//! [`Function`] of closures. It goes through the same comparisons. Its operations are not seen, so that what
//! differences do not resolve is inconclusive; but several derivatives of it are held against each other.
//!
//! ```
//! use autograd::{check::Function, Tensor};
//! // y = √x by Heron's method until a step is below 1e-12, with dy/dx = 1/2y.
//! let root = |x: f64| {
//!     let mut y: f64 = 1.0;
//!     while (y - x / y).abs() > 1e-12 {
//!         y = (y + x / y) / 2.0;
//!     }
//!     y
//! };
//! let right = Function::new(|x: &[Tensor]| x[0].map(root)).vjp(|x: &[Tensor], v: &Tensor| vec![v / (x[0].map(root) * 2.0)]);
//! let report = right.check(&[Tensor::from([0.3, 2.0])]).unwrap();
//! assert!(report.passed(), "{report}");
//! ```
//!
//! `benches/peers` (2026-11-29) tries wrong rules and functions that are correct but difficult. PyTorch's `gradcheck`
//! passes 32 % of the wrong rules and calls 31 % of the correct functions wrong; JAX's `check_grads` 29 % and 33 %;
//! SciPy's `check_grad` 28 % and 43 %; this checker none of either.
//!
//! # Modules
//!
//! - here — the functions to check, and the settings
//! - `subject` — the function as one number
//! - `source`, `taped`, `function` — where values and derivatives come from: a tape, or the function's own code
//! - `run` — from order to order
//! - `repeats` — whether the function repeats itself
//! - `line`, `grain`, `probe` — a function of a step; the resolution of its points; the whole function along a
//!   direction
//! - `difference`, `noise` — derivatives by differences, and the errors of samples
//! - `comparison`, `evidence` — a derivative compared with its differences; what speaks for it or against it
//! - `rounding` — the errors of the derivatives that are checked
//! - `ways` — several derivatives of one function, held against each other
//! - `compare` — random directions, elements one by one, and the search for a wrong element
//! - `operations` — each recorded operation by itself
//! - `outcome`, `diagnose` — the verdict on all comparisons; the pattern of a wrong gradient
//! - `precision` — `f32` compared with `f64`
//! - `scan` — the remainder after the linear part, over twelve decades of steps
//! - `report`, `text`, `html` — the results as data, as text, and in a notebook

pub(crate) mod compare;
mod comparison;
mod diagnose;
mod difference;
mod evidence;
mod function;
mod grain;
mod html;
mod line;
mod noise;
mod operations;
pub(crate) mod outcome;
mod precision;
mod probe;
mod repeats;
mod report;
mod rounding;
mod run;
mod scan;
mod source;
pub(crate) mod subject;
mod taped;
mod text;
mod ways;

pub use function::{Function, assert_gradient};
pub use operations::{OperationReport, Operations};
pub use precision::Formula;
pub use report::{Calls, Cause, Comparison, Estimate, InputReport, Report, Scan, ScanStep, Verdict};

use crate::error::Error;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;
use subject::CheckedFunction;
use taped::{Record, Taped};

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

/// Settings of a check: seed, directions, elements, orders, tolerance.
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

    /// Sets the seed of directions, weights and sampled elements.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Checker { seed, ..self }
    }

    /// Sets the number of random directions.
    #[must_use]
    pub fn directions(self, directions: usize) -> Self {
        Checker { directions, ..self }
    }

    /// Sets the number of elements, over all inputs, to compare one by one; of more, a random sample is compared.
    #[must_use]
    pub fn elements(self, elements: usize) -> Self {
        Checker { elements, ..self }
    }

    /// Sets the highest order to check; 2 also checks the gradient's own gradient along random weights, and so on.
    ///
    /// ```
    /// use autograd::{check::{Cause, Checker}, Tensor};
    /// // x² with its slope 2x as a constant: the gradient is correct, its own gradient is missing.
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

    /// Sets the relative tolerance that is allowed in addition to the error of the differences.
    ///
    /// It is never less than 1e-4 where derivatives or values are computed in `f32` only.
    #[must_use]
    pub fn rtol(self, rtol: f64) -> Self {
        Checker { rtol, ..self }
    }

    /// Sets whether the rule of each recorded operation is also compared with differences of that operation alone.
    ///
    /// By default the checker does so where differences of the whole function do not decide, as behind many layers
    /// with small slopes, and wherever something is wrong, to name the operation.
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

    /// Checks the gradient of a scalar-valued function of arrays.
    ///
    /// # Errors
    /// If no input is given, or the function is not finite at the point.
    pub fn check<F>(&self, f: F, point: &[Tensor]) -> Result<Report, Error>
    where
        F: for<'t> Fn(&[Var<'t>]) -> Scalar<'t>,
    {
        self.check_array(|x| f(x).to_var(), point)
    }

    /// Checks the derivatives of an array-valued function of arrays, as those of its values' sum with random weights.
    ///
    /// If they are wrong, a note names the entry of the Jacobian with the largest error.
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
        let taped = Taped::new(vec![], &record);
        self.run(CheckedFunction::new(numbered(point.len()), point.to_vec(), &taped, self.seed), self.orders)
    }

    /// Checks the gradient of a loss with respect to a model's parameters at their present values. Frozen parameters
    /// are left out.
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
    /// Differences are computed in the type of the parameters, and resolve little in `f32`:
    /// [`check_f32_parameters`](Checker::check_f32_parameters) computes them in `f64`.
    ///
    /// # Errors
    /// If there are no parameters, or the loss is not finite.
    pub fn check_parameters<T: Float, F>(&self, parameters: &Parameters<T>, f: F) -> Result<Report, Error>
    where
        F: for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
    {
        let record = loss(f);
        let (names, point, taped) = of_parameters(parameters, &record)?;
        self.run(CheckedFunction::new(names, point, &taped, self.seed), self.orders)
    }
}

/// Turns a function of inputs, which needs no tape, into a function of a tape and inputs.
fn of_inputs<T: Float, F>(f: F) -> impl for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>
where
    F: for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
{
    move |_, x| f(x)
}

/// Turns a loss into a function of the parameters that it reads from the tape.
fn loss<T: Float, F>(f: F) -> impl for<'t> Fn(&'t Tape<T>, &[Var<'t, T>]) -> Var<'t, T>
where
    F: for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
{
    move |tape, _| f(tape).to_var()
}

/// The names and values of the parameters that are moved, and the loss as a source.
type OfParameters<'a, T> = (Vec<String>, Vec<Tensor<T>>, Taped<'a, T>);

fn of_parameters<'a, T: Float>(
    parameters: &Parameters<T>,
    record: &'a Record<'a, T>,
) -> Result<OfParameters<'a, T>, Error> {
    let moved = || parameters.distinct().filter(|(_, param)| !param.is_frozen());
    refuse_none(moved().count())?;
    let names = moved().map(|(name, _)| name.to_string()).collect();
    let params: Vec<Param<T>> = moved().map(|(_, param)| param.clone()).collect();
    Ok((names, params.iter().map(Param::value).collect(), Taped::new(params, record)))
}

fn numbered(inputs: usize) -> Vec<String> {
    (0..inputs).map(|i| format!("input {i}")).collect()
}

/// Checks the number of inputs before the function is called, since the function may expect an input.
fn refuse_none(inputs: usize) -> Result<(), Error> {
    if inputs == 0 {
        return Err(Error::Check("no input given; there is nothing to differentiate by".into()));
    }
    Ok(())
}
