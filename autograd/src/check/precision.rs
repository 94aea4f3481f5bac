//! Models in `f32`: their differences are computed in `f64`, where a small step is not lost.

use super::comparison::SAFETY;
use super::report::{Cause, Comparison, Estimate, Report, Verdict};
use super::subject::{CheckedFunction, Gradient};
use super::taped::Taped;
use super::{Checker, compare, loss, numbered, of_inputs, of_parameters, refuse_none};
use crate::error::Error;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

/// The relative error allowed for a gradient in `f32`: about half of its digits.
const HALF: f64 = 1e-3;
/// Elements below this part of the largest of their input use that part as their scale.
const SMALL: f64 = 1e-2;

/// A function of arrays, written once for either number type: its gradient is computed in `f32`, its differences in
/// `f64`.
///
/// ```
/// use autograd::check::{Checker, Formula};
/// use autograd::{Float, Tensor, Var};
///
/// struct LogSumExp;
///
/// impl Formula for LogSumExp {
///     fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
///         x[0].exp().sum().ln().to_var()
///     }
/// }
///
/// let report = Checker::new().check_f32(&LogSumExp, &[Tensor::from([0.5f32, -1.0])]).unwrap();
/// assert!(report.passed(), "{report}");
/// ```
pub trait Formula {
    /// Records the output for the inputs `x` on their tape.
    fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T>;
}

impl Checker {
    /// Checks a formula's gradient in `f32`, by differences in `f64`.
    ///
    /// The formula's gradient in `f64` is compared with differences in `f64`, and the gradient in `f32` with that in
    /// `f64`. If only the last two differ, the verdict is inconclusive and the cause is [`Cause::Precision`]: the
    /// rule is correct, but round-off leaves fewer than three digits of its result.
    ///
    /// # Errors
    /// If no input is given, or the function is not finite at the point.
    pub fn check_f32<F: Formula>(&self, f: &F, point: &[Tensor<f32>]) -> Result<Report, Error> {
        refuse_none(point.len())?;
        let single = of_inputs::<f32, _>(|x| f.record(x));
        let double = of_inputs::<f64, _>(|x| f.record(x));
        let names = numbered(point.len());
        let wide = point.iter().map(Tensor::cast).collect();
        let (single, double) = (Taped::new(vec![], &single), Taped::new(vec![], &double));
        let narrow = CheckedFunction::new(names.clone(), point.to_vec(), &single, self.seed);
        self.both(&narrow, CheckedFunction::new(names, wide, &double, self.seed))
    }

    /// Checks the gradient of a loss with respect to parameters in `f32`, by means of a `twin` in `f64`.
    ///
    /// The twin is the same model in `f64`, with parameters of the same names. It takes the model's values for the
    /// check, and then its own again.
    ///
    /// ```
    /// use autograd::{check::Checker, Param, Parameters, Tensor};
    /// let (w, twin) = (Param::new([0.3f32, -0.2]), Param::new([0.0, 0.0]));
    /// let report = Checker::new().check_f32_parameters(
    ///     &Parameters::new().with("w", &w),
    ///     |tape| w.on(tape).tanh().sum(),
    ///     &Parameters::new().with("w", &twin),
    ///     |tape| twin.on(tape).tanh().sum(),
    /// );
    /// assert!(report.unwrap().passed());
    /// ```
    ///
    /// # Errors
    /// If there are no parameters, names or shapes differ, or the loss is not finite.
    pub fn check_f32_parameters<F, G>(
        &self,
        parameters: &Parameters<f32>,
        f: F,
        twin: &Parameters<f64>,
        g: G,
    ) -> Result<Report, Error>
    where
        F: for<'t> Fn(&'t Tape<f32>) -> Scalar<'t, f32>,
        G: for<'t> Fn(&'t Tape<f64>) -> Scalar<'t, f64>,
    {
        let moved =
            |(name, param): (&str, &Param<f32>)| (!param.is_frozen()).then(|| (name.to_string(), param.clone()));
        let mut pairs = Parameters::new();
        for (name, param) in parameters.iter().filter_map(moved) {
            match twin.get(&name).filter(|twin| twin.shape() == param.shape()) {
                Some(twin) => pairs = pairs.with(&*name, twin),
                None => {
                    let shape = param.shape();
                    let law =
                        format!("the twin has no parameter `{name}` of shape {shape}; build it as the model was built");
                    return Err(Error::Check(law));
                }
            }
        }
        let own: Vec<(Param, Tensor)> = twin.params().map(|param| (param.clone(), param.value())).collect();
        for (name, param) in twin.iter() {
            // Frozen parameters too, because the loss depends on them.
            if let Some(original) = parameters.get(name).filter(|original| original.shape() == param.shape()) {
                param.set(original.value().cast::<f64>());
            }
        }
        let _restored = Restored(own);
        let (single, double) = (loss(f), loss(g));
        let (names, point, single) = of_parameters(parameters, &single)?;
        let narrow = CheckedFunction::new(names, point, &single, self.seed);
        let (names, point, double) = of_parameters(&pairs, &double)?;
        self.both(&narrow, CheckedFunction::new(names, point, &double, self.seed))
    }

    fn both(&self, single: &CheckedFunction<'_, f32>, double: CheckedFunction<'_, f64>) -> Result<Report, Error> {
        let (narrow, wide) = (single.gradient(1.0), double.gradient(1.0));
        let names = single.names.clone();
        let mut report = self.run(double, self.orders)?;
        report.calls += single.source.calls();
        report.precision = "f32, held against f64".into();
        let (furthest, element) = furthest(&narrow, &wide, &names);
        if report.passed() {
            let text = format!("the gradient in f32 differs from that in f64 by at most {furthest:.1e} of its size");
            report.reason = format!("{}; {text}", report.reason);
            if let Some(element) = element.filter(|c| c.verdict != Verdict::Pass) {
                report.verdict = Verdict::Inconclusive;
                report.cause = Some(Cause::Precision);
                report.reason = format!("{}: {}", element.place, element.reason);
                report.worst = Some(element);
                report.scan = None;
            }
        }
        Ok(report)
    }
}

/// The largest relative difference of two gradients, and its element.
fn furthest(narrow: &Gradient, wide: &Gradient, names: &[String]) -> (f64, Option<Comparison>) {
    let mut worst: (f64, Option<Comparison>) = (0.0, None);
    for (((a, _), (n, _)), name) in narrow.iter().zip(wide).zip(names) {
        let shape = n.shape();
        let floor = SMALL * n.as_slice().iter().fold(0f64, |top, x| top.max(x.abs()));
        for (at, (&a, &n)) in a.as_slice().iter().zip(n.as_slice()).enumerate() {
            let relative = (a - n).abs() / n.abs().max(floor).max(f64::MIN_POSITIVE);
            if relative <= worst.0 && worst.1.is_some() {
                continue;
            }
            let passes = relative <= HALF;
            let cause = (!passes).then_some(Cause::Precision);
            let reason = if passes {
                String::new()
            } else {
                format!(
                    "in f64 the gradient agrees with differences, in f32 it is off by {relative:.1e} of its size: round-off leaves \
                     too few digits; use f64 here, or a form that does not cancel"
                )
            };
            // The error includes the allowance for the smallest elements, so that the inequality holds as stated.
            let error = HALF * (n.abs().max(floor) - a.abs().max(n.abs())).max(0.0) / SAFETY;
            let numeric = Estimate { value: n, error, step: 0.0 };
            let allowed = HALF * a.abs().max(n.abs()) + SAFETY * error;
            let verdict = if passes { Verdict::Pass } else { Verdict::Inconclusive };
            let place = compare::place(name, shape, at);
            let comparison = Comparison {
                place,
                order: 1,
                by: "tape".into(),
                analytic: a,
                forward: None,
                numeric,
                second: None,
                above: None,
                below: None,
                kink: None,
                rtol: HALF,
                safety: SAFETY,
                allowed,
                verdict,
                cause,
                reason,
            };
            worst = (if relative.is_nan() { f64::INFINITY } else { relative }, Some(comparison));
        }
    }
    worst
}

/// Parameters whose values are restored when this is dropped.
struct Restored(Vec<(Param, Tensor)>);

impl Drop for Restored {
    fn drop(&mut self) {
        self.0.iter().for_each(|(param, value)| param.set(value.clone()));
    }
}
