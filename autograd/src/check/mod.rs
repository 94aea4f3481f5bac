//! Gradient checking: the tape's gradient beside differences, with a verdict that says how sure it is.
//!
//! Random directions come first, since one of them sees every element at once; then elements one by one, all of them or a
//! random sample. Differences carry an error estimate, and the tolerance follows from it:
//!
//! `|analytic − numeric| ≤ rtol·max(|analytic|, |numeric|) + safety·error`
//!
//! When the estimate is too large to tell a right gradient from a wrong one, the verdict is
//! [`Verdict::Inconclusive`], never a pass.

mod difference;
mod report;

use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};

pub use report::{Comparison, InputReport, Report, Verdict};

use crate::error::Error;
use crate::number::Float;
use crate::param::Parameters;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;
use crate::transform::several;
use difference::{noise, ridders};

/// Differences may err by this many times their own estimate.
const SAFETY: f64 = 20.0;
/// An error estimate above this part of the derivative cannot tell right from wrong.
const RESOLVES: f64 = 1e-3;
/// A derivative below this part of the largest is next to nothing.
const SMALL: f64 = 1e-3;

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
/// use autograd::{check, check::Verdict, Tensor};
/// let report = check(|x| x[0].relu().sum(), &[Tensor::from([0.0, 1.0])]).unwrap();
/// assert_eq!(report.verdict, Verdict::Inconclusive);
/// assert!(report.reason.contains("kink"));
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

/// How to check: seed, directions, elements, tolerance.
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
    rtol: f64,
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Three directions, up to 1000 elements of all inputs together, relative tolerance 1e-8, seed 0.
    pub fn new() -> Self {
        Checker { seed: 0, directions: 3, elements: 1000, rtol: 1e-8 }
    }

    /// The seed of directions and sampled elements.
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

    /// The relative tolerance that is allowed beside the differences' own error.
    #[must_use]
    pub fn rtol(self, rtol: f64) -> Self {
        Checker { rtol, ..self }
    }

    /// Checks the gradient of a function of arrays at a point.
    ///
    /// # Errors
    /// If no input is given, or the function is not finite at the point.
    pub fn check<F>(&self, f: F, point: &[Tensor]) -> Result<Report, Error>
    where
        F: for<'t> Fn(&[Var<'t>]) -> Scalar<'t>,
    {
        refuse_none(point.len())?;
        let names = (0..point.len()).map(|i| format!("input {i}")).collect();
        let gradient = several::grad(&f, point);
        let mut tape = Tape::new();
        let value = |x: &[Tensor]| {
            tape.clear();
            let x: Vec<_> = x.iter().map(|x| tape.constant(x.clone())).collect();
            f(&x).value()
        };
        self.compare(names, point, gradient, value)
    }

    /// Checks the gradient of a loss with respect to a model's parameters at their present values.
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
    /// Differences are taken in the type of the parameters, which for `f32` resolves little: check the `f64` model.
    ///
    /// # Errors
    /// If there are no parameters, or the loss is not finite.
    pub fn check_parameters<T: Float, F>(&self, parameters: &Parameters<T>, f: F) -> Result<Report, Error>
    where
        F: for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
    {
        refuse_none(parameters.len())?;
        let names = parameters.names().map(String::from).collect();
        let original: Vec<Tensor<T>> = parameters.params().map(|param| param.value()).collect();
        let gradient = parameters.value_and_grad(&f).1.values().map(Tensor::cast).collect();
        let mut tape = Tape::default();
        let value = |x: &[Tensor]| {
            for (param, x) in parameters.params().zip(x) {
                param.set(x.cast::<T>());
            }
            tape.clear();
            f(&tape).value().to_f64()
        };
        let point: Vec<Tensor> = original.iter().map(Tensor::cast).collect();
        let report = self.compare(names, &point, gradient, value);
        for (param, x) in parameters.params().zip(original) {
            param.set(x);
        }
        report
    }

    fn compare(
        &self,
        names: Vec<String>,
        point: &[Tensor],
        gradient: Vec<Tensor>,
        mut f: impl FnMut(&[Tensor]) -> f64,
    ) -> Result<Report, Error> {
        let value = f(point);
        if !value.is_finite() {
            let law = format!("the function is {value} at the point; choose a point inside its domain");
            return Err(Error::Check(law));
        }
        if f(point).to_bits() != value.to_bits() {
            return Ok(self.report(value, names, point, vec![nondeterministic()], &[]));
        }
        let mut rng = StdRng::seed_from_u64(self.seed);
        let largest = |x: &Tensor| x.as_slice().iter().fold(0f64, |top, x| top.max(x.abs()));
        // What a derivative must be known to: a part of itself, or of the largest if it is next to nothing.
        let floor = SMALL * gradient.iter().map(largest).fold(SMALL, f64::max);
        let size = point.iter().map(largest).fold(0.0, f64::max);
        let mut comparisons = vec![];
        let mut sample_noise = None;
        for number in 0..self.directions {
            let u: Vec<Tensor> = point.iter().map(|x| x.map(|_| if rng.random() { 1.0 } else { -1.0 })).collect();
            let moved = |h: f64| point.iter().zip(&u).map(|(x, u)| x + &(h * u)).collect::<Vec<_>>();
            let analytic = gradient.iter().zip(&u).map(|(g, u)| (g * u).sum()).sum();
            let level = *sample_noise.get_or_insert_with(|| noise(|h| f(&moved(h)), size));
            let numeric = ridders(|h| f(&moved(h)), size, level);
            comparisons.push(self.judge(format!("random direction {number}"), analytic, numeric, floor));
        }
        let total: usize = point.iter().map(Tensor::numel).sum();
        let mut chosen: Vec<usize> = sample(&mut rng, total, self.elements.min(total)).into_iter().collect();
        chosen.sort_unstable();
        let mut census = vec![];
        let mut moved = point.to_vec();
        for flat in chosen {
            let (input, at) = locate(point, flat);
            let x = point[input].as_slice()[at];
            let numeric = ridders(
                |h| {
                    moved[input].as_mut_slice()[at] = x + h;
                    f(&moved)
                },
                x.abs(),
                sample_noise.unwrap_or(0.0),
            );
            moved[input].as_mut_slice()[at] = x;
            let place = format!("{}{}", names[input], index_text(point[input].shape(), at));
            let comparison = self.judge(place, gradient[input].as_slice()[at], numeric, floor);
            census.push((input, comparison.verdict));
            comparisons.push(comparison);
        }
        Ok(self.report(value, names, point, comparisons, &census))
    }

    /// The verdict on one derivative.
    fn judge(&self, place: String, analytic: f64, numeric: difference::Difference, floor: f64) -> Comparison {
        let difference::Difference { value, error, above, below, step, kink, finite } = numeric;
        let size = analytic.abs().max(value.abs());
        let allowed = self.rtol * size + SAFETY * error;
        let agrees = (analytic - value).abs() <= allowed;
        let (verdict, reason) = if !finite {
            (Verdict::Inconclusive, "the function is not finite around the point: the edge of its domain?".to_string())
        } else if kink {
            (
                Verdict::Inconclusive,
                format!("a kink: the derivative is {above:.6} from above and {below:.6} from below"),
            )
        } else if agrees && error <= RESOLVES * size.max(floor) {
            (Verdict::Pass, String::new())
        } else if !agrees {
            (Verdict::Wrong, self.diagnose(analytic, value))
        } else {
            (
                Verdict::Inconclusive,
                format!("the differences are only known to ± {error:.1e}: noise, or badly scaled values"),
            )
        };
        let one_sided = (above, below);
        Comparison { place, analytic, numeric: value, error, allowed, one_sided, step, verdict, reason }
    }

    fn diagnose(&self, analytic: f64, numeric: f64) -> String {
        let ratio = analytic / numeric;
        if analytic == 0.0 {
            "the gradient is 0 where the function changes: a detached input, or a missing term?".into()
        } else if numeric == 0.0 {
            "the gradient is not 0 where the function does not change".into()
        } else if (ratio + 1.0).abs() < 1e-4 {
            "the sign is wrong".into()
        } else if [ratio, 1.0 / ratio].iter().any(|r| r.round() != 1.0 && (r - r.round()).abs() < 1e-4 && r.abs() > 0.5)
        {
            format!("wrong by the factor {ratio:.4}")
        } else {
            format!("relative difference {:.1e}", (analytic - numeric).abs() / analytic.abs().max(numeric.abs()))
        }
    }

    fn report(
        &self,
        value: f64,
        names: Vec<String>,
        point: &[Tensor],
        comparisons: Vec<Comparison>,
        census: &[(usize, Verdict)],
    ) -> Report {
        let count = |verdict| comparisons.iter().filter(|c| c.verdict == verdict).count();
        let verdict = match (count(Verdict::Wrong), count(Verdict::Inconclusive)) {
            (0, 0) => Verdict::Pass,
            (0, _) => Verdict::Inconclusive,
            _ => Verdict::Wrong,
        };
        let worst = comparisons.iter().filter(|c| c.verdict == verdict);
        // Elements say more than directions: prefer them at equal verdict.
        let element = |c: &&Comparison| !c.place.starts_with("random");
        let worst = worst
            .clone()
            .filter(element)
            .max_by(|a, b| a.badness().total_cmp(&b.badness()))
            .or_else(|| worst.max_by(|a, b| a.badness().total_cmp(&b.badness())));
        let reason = match (verdict, worst) {
            (Verdict::Pass, _) => format!("{} comparisons agree with differences", comparisons.len()),
            (_, Some(worst)) => format!("{}: {}", worst.place, worst.reason),
            (_, None) => String::new(),
        };
        let inputs = names.into_iter().zip(point).enumerate().map(|(i, (name, x))| {
            let of = |v| census.iter().filter(|&&(input, verdict)| input == i && verdict == v).count();
            InputReport {
                name,
                shape: x.shape().clone(),
                compared: census.iter().filter(|&&(input, _)| input == i).count(),
                wrong: of(Verdict::Wrong),
                inconclusive: of(Verdict::Inconclusive),
            }
        });
        let directions = comparisons.len() - census.len();
        Report { verdict, reason, seed: self.seed, value, directions, inputs: inputs.collect(), worst: worst.cloned() }
    }
}

/// Before the function is called: it may expect an input.
fn refuse_none(inputs: usize) -> Result<(), Error> {
    if inputs == 0 {
        return Err(Error::Check("no input given; there is nothing to differentiate by".into()));
    }
    Ok(())
}

fn nondeterministic() -> Comparison {
    Comparison {
        place: "two evaluations at the same point".into(),
        analytic: f64::NAN,
        numeric: f64::NAN,
        error: f64::INFINITY,
        allowed: 0.0,
        one_sided: (f64::NAN, f64::NAN),
        step: 0.0,
        verdict: Verdict::Inconclusive,
        reason: "they differ: the function is not deterministic; seed its randomness inside it".into(),
    }
}

/// The input and the position in it of a position among all values.
fn locate(point: &[Tensor], mut flat: usize) -> (usize, usize) {
    for (input, x) in point.iter().enumerate() {
        if flat < x.numel() {
            return (input, flat);
        }
        flat -= x.numel();
    }
    unreachable!("a position among the values of the inputs")
}

/// `[1, 2]` for a flat position.
fn index_text(shape: &[usize], mut flat: usize) -> String {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    format!("{index:?}")
}
