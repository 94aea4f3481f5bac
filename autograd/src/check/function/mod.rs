//! Functions that compute their own values and derivatives: a solver, a library in C, a program in another language.
//!
//! - here — the function with its derivatives, as closures
//! - `source` — its values and derivatives as the check takes them
//! - `fit` — whether they have the shapes that they need

mod fit;
mod source;

use std::fmt;

use super::subject::CheckedFunction;
use super::{Checker, Report, numbered, refuse_none};
use crate::error::Error;
use crate::number::Float;
use crate::tensor::Tensor;
use source::Own;

type Value<'a, T> = Box<dyn Fn(&[Tensor<T>]) -> Tensor<T> + 'a>;
type Gradient<'a, T> = Box<dyn Fn(&[Tensor<T>]) -> Vec<Tensor<T>> + 'a>;
type Vjp<'a, T> = Box<dyn Fn(&[Tensor<T>], &Tensor<T>) -> Vec<Tensor<T>> + 'a>;
type Jvp<'a, T> = Box<dyn Fn(&[Tensor<T>], &[Tensor<T>]) -> Tensor<T> + 'a>;
type Hessian<'a, T> = Box<dyn Fn(&[Tensor<T>]) -> Vec<Vec<Tensor<T>>> + 'a>;
type Hvp<'a, T> = Box<dyn Fn(&[Tensor<T>], &[Tensor<T>]) -> Vec<Tensor<T>> + 'a>;

/// A function `y = f(x)` of arrays with derivatives of its own, to be checked against differences.
///
/// Nothing is recorded: values and derivatives are whatever the closures return, in `f64` or `f32`. Any of the
/// derivatives will do. Where several are given, each is checked, and also that they agree with each other.
///
/// | derivative | of | returns | shape |
/// |---|---|---|---|
/// | [`gradient`](Function::gradient) | one value | `∂y/∂xᵢ` for each input | `xᵢ` |
/// | [`vjp`](Function::vjp) | any | `Jᵢᵀ·v` for each input | `xᵢ` |
/// | [`jvp`](Function::jvp) | any | `Σᵢ Jᵢ·uᵢ` | `y` |
/// | [`jacobian`](Function::jacobian) | any | `Jᵢ = ∂y/∂xᵢ` for each input | `y` ++ `xᵢ` |
/// | [`hessian`](Function::hessian) | one value | `Hᵢⱼ = ∂²y/∂xᵢ∂xⱼ` for each pair | `xᵢ` ++ `xⱼ` |
/// | [`hvp`](Function::hvp) | one value | `Σⱼ Hᵢⱼ·uⱼ` for each input | `xᵢ` |
///
/// ```
/// use autograd::{check::Function, Tensor};
/// // The residual of a least-squares fit, and its gradient by hand.
/// let residual = |x: &[Tensor]| x[0].matmul(&x[1]) - Tensor::from([1.0, 2.0]);
/// let f = Function::new(|x: &[Tensor]| residual(x).square().sum())
///     .gradient(|x: &[Tensor]| {
///         let r = residual(x) * 2.0;
///         vec![r.unsqueeze(1).matmul(&x[1].unsqueeze(0)), x[0].t().matmul(&r)]
///     })
///     .names(["a", "x"]);
/// let report = f.check(&[Tensor::from([[1.0, 0.5], [-0.3, 2.0]]), Tensor::from([0.7, -0.2])]).unwrap();
/// assert!(report.passed(), "{report}");
/// ```
///
/// # What a pass rests on
///
/// A tape can be checked operation by operation where differences of the whole do not resolve a derivative; here
/// nothing but values and derivatives is seen. What they do not resolve is inconclusive, with the reason: a part of
/// the gradient that lies below the round-off of the function's values, a derivative within the noise of a solver that
/// stops early.
///
/// ```
/// use autograd::{check::{Cause, Function, Verdict}, Tensor};
/// // Beside 1e16 a slope of 1 is not seen.
/// let f = Function::new(|x: &[Tensor]| x[0].sum() + 1e16).gradient(|_: &[Tensor]| vec![Tensor::from([1.0])]);
/// let report = f.check(&[Tensor::from([0.5])]).unwrap();
/// assert_eq!((report.verdict, report.cause), (Verdict::Inconclusive, Some(Cause::Unresolved)));
/// ```
///
/// A second derivative of 0 passes where no element of the gradient moves by more than its own round-off, so that the
/// Hessian of a linear function passes.
///
/// ```
/// use autograd::{check::Function, Tensor};
/// let linear = Function::new(|x: &[Tensor]| (&x[0] * 0.7).sum())
///     .gradient(|x: &[Tensor]| vec![x[0].map(|_| 0.7)])
///     .hvp(|x: &[Tensor], _: &[Tensor]| vec![x[0].map(|_| 0.0)]);
/// assert!(linear.check(&[Tensor::from([0.5, -2.0])]).unwrap().passed());
/// ```
pub struct Function<'a, T: Float = f64> {
    value: Value<'a, T>,
    gradient: Option<Gradient<'a, T>>,
    vjp: Option<Vjp<'a, T>>,
    jvp: Option<Jvp<'a, T>>,
    jacobian: Option<Gradient<'a, T>>,
    hessian: Option<Hessian<'a, T>>,
    hvp: Option<Hvp<'a, T>>,
    names: Option<Vec<String>>,
}

impl<'a, T: Float> Function<'a, T> {
    /// A function of arrays: an array, or one number.
    ///
    /// It must return the same value each time it is called at the same point; noise that is small beside the value,
    /// as of sums in another order, is measured and allowed for.
    ///
    /// ```
    /// use autograd::{check::Function, Tensor};
    /// let norm = Function::new(|x: &[Tensor]| x[0].norm()).gradient(|x: &[Tensor]| vec![&x[0] / x[0].norm()]);
    /// assert!(norm.check(&[Tensor::from([3.0, 4.0])]).unwrap().passed());
    /// ```
    pub fn new<Y: Into<Tensor<T>>>(value: impl Fn(&[Tensor<T>]) -> Y + 'a) -> Self {
        Function {
            value: Box::new(move |x| value(x).into()),
            gradient: None,
            vjp: None,
            jvp: None,
            jacobian: None,
            hessian: None,
            hvp: None,
            names: None,
        }
    }

    /// Adds the gradient of a function of one value: for each input an array of its shape.
    ///
    /// ```
    /// use autograd::{check::{Cause, Function}, Tensor};
    /// // The derivative of x³ that forgot its 3.
    /// let cube = Function::new(|x: &[Tensor]| x[0].powi(3).sum()).gradient(|x: &[Tensor]| vec![x[0].square()]);
    /// let report = cube.check(&[Tensor::from([0.5, 2.0])]).unwrap();
    /// assert!(matches!(report.cause, Some(Cause::Factor(factor)) if (3.0 * factor - 1.0).abs() < 1e-6), "{report}");
    /// ```
    #[must_use]
    pub fn gradient(self, gradient: impl Fn(&[Tensor<T>]) -> Vec<Tensor<T>> + 'a) -> Self {
        Function { gradient: Some(Box::new(gradient)), ..self }
    }

    /// Adds the products `Jᵢᵀ·v` with weights `v` of the output's shape: for each input an array of its shape.
    ///
    /// ```
    /// use autograd::{check::Function, Tensor};
    /// let product = Function::new(|x: &[Tensor]| x[0].matmul(&x[1]))
    ///     .vjp(|x: &[Tensor], v: &Tensor| vec![v.matmul(&x[1].t()), x[0].t().matmul(v)]);
    /// let (a, b) = (Tensor::from([[1.0, -0.5], [0.3, 0.8]]), Tensor::from([[0.2, 0.9], [-0.4, 0.6]]));
    /// assert!(product.check(&[a, b]).unwrap().passed());
    /// ```
    #[must_use]
    pub fn vjp(self, vjp: impl Fn(&[Tensor<T>], &Tensor<T>) -> Vec<Tensor<T>> + 'a) -> Self {
        Function { vjp: Some(Box::new(vjp)), ..self }
    }

    /// Adds the product `Σᵢ Jᵢ·uᵢ` with tangents `uᵢ` of the inputs' shapes: an array of the output's shape.
    ///
    /// Beside another derivative it is held against that too: `⟨v, J·u⟩ = ⟨Jᵀ·v, u⟩`. Where they differ, the check says
    /// which of the two disagrees with the differences. By itself it is called once for each element of the inputs.
    ///
    /// ```
    /// use autograd::{check::{Cause, Function}, Tensor};
    /// let f = Function::new(|x: &[Tensor]| x[0].sin())
    ///     .vjp(|x: &[Tensor], v: &Tensor| vec![v * x[0].cos()])
    ///     .jvp(|x: &[Tensor], u: &[Tensor]| -(&u[0] * x[0].cos()));
    /// let report = f.check(&[Tensor::from([0.3, 1.2])]).unwrap();
    /// assert_eq!(report.cause, Some(Cause::ForwardMode));
    /// assert!(report.reason.contains("the jvp is wrong"), "{report}");
    /// ```
    #[must_use]
    pub fn jvp(self, jvp: impl Fn(&[Tensor<T>], &[Tensor<T>]) -> Tensor<T> + 'a) -> Self {
        Function { jvp: Some(Box::new(jvp)), ..self }
    }

    /// Adds the Jacobian: for each input an array of the output's shape followed by the input's.
    ///
    /// ```
    /// use autograd::{check::{Cause, Function}, Tensor};
    /// let a = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    /// let linear = |jacobian: Tensor| {
    ///     Function::new(|x: &[Tensor]| a.matmul(&x[0])).jacobian(move |_: &[Tensor]| vec![jacobian.clone()])
    /// };
    /// let x = [Tensor::from([0.5, -1.0])];
    /// assert!(linear(a.clone()).check(&x).unwrap().passed());
    /// assert!(!linear(a.t()).check(&x).unwrap().passed());
    /// ```
    #[must_use]
    pub fn jacobian(self, jacobian: impl Fn(&[Tensor<T>]) -> Vec<Tensor<T>> + 'a) -> Self {
        Function { jacobian: Some(Box::new(jacobian)), ..self }
    }

    /// Adds the Hessian of a function of one value: for inputs `i` and `j` a block of the shape of `i` followed by that
    /// of `j`.
    ///
    /// It is compared, as second order, with differences of the gradient, which is given too; and it is symmetric.
    ///
    /// ```
    /// use autograd::{check::{Cause, Function}, Tensor};
    /// let f = |off: f64| {
    ///     Function::new(|x: &[Tensor]| x[0].square().sum() * x[0].sum())
    ///         .gradient(|x: &[Tensor]| vec![&x[0] * (2.0 * x[0].sum()) + x[0].square().sum()])
    ///         .hessian(move |x: &[Tensor]| {
    ///             let (x, sum) = (x[0].as_slice(), x[0].sum());
    ///             let entry = |i: usize, j: usize| 2.0 * (x[i] + x[j]) + if i == j { 2.0 * sum } else { 0.0 };
    ///             vec![vec![Tensor::from([[entry(0, 0), entry(0, 1) + off], [entry(1, 0), entry(1, 1)]])]]
    ///         })
    /// };
    /// let x = [Tensor::from([0.5, -1.0])];
    /// assert!(f(0.0).check(&x).unwrap().passed());
    /// assert_eq!(f(0.1).check(&x).unwrap().cause, Some(Cause::Asymmetric));
    /// ```
    #[must_use]
    pub fn hessian(self, hessian: impl Fn(&[Tensor<T>]) -> Vec<Vec<Tensor<T>>> + 'a) -> Self {
        Function { hessian: Some(Box::new(hessian)), ..self }
    }

    /// Adds the products `Σⱼ Hᵢⱼ·uⱼ` of the Hessian of a function of one value with tangents `uⱼ` of the inputs' shapes:
    /// for each input an array of its shape.
    ///
    /// It stands for a Hessian of too many entries to write down: second order is checked along random `u`. Beside a
    /// Hessian it is held against that too.
    ///
    /// ```
    /// use autograd::{check::{Cause, Function}, Tensor};
    /// // f = Σ x³, with H = diag 6x.
    /// let cubes = |factor: f64| {
    ///     Function::new(|x: &[Tensor]| x[0].powi(3).sum())
    ///         .gradient(|x: &[Tensor]| vec![x[0].square() * 3.0])
    ///         .hvp(move |x: &[Tensor], u: &[Tensor]| vec![&(&x[0] * &u[0]) * factor])
    /// };
    /// let x = [Tensor::from([0.5, -1.0])];
    /// assert!(cubes(6.0).check(&x).unwrap().passed());
    /// assert_eq!(cubes(3.0).check(&x).unwrap().cause, Some(Cause::SecondOrder));
    /// ```
    #[must_use]
    pub fn hvp(self, hvp: impl Fn(&[Tensor<T>], &[Tensor<T>]) -> Vec<Tensor<T>> + 'a) -> Self {
        Function { hvp: Some(Box::new(hvp)), ..self }
    }

    /// Names the inputs, for reports and errors.
    ///
    /// ```
    /// use autograd::{check::Function, Tensor};
    /// let f = Function::new(|x: &[Tensor]| (&x[0] * &x[1]).sum())
    ///     .gradient(|x: &[Tensor]| vec![x[1].clone(), x[0].clone()])
    ///     .names(["weights", "bias"]);
    /// let report = f.check(&[Tensor::from([1.0, 2.0]), Tensor::from([0.5, 0.25])]).unwrap();
    /// assert_eq!(report.inputs[1].name, "bias");
    /// ```
    #[must_use]
    pub fn names<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Function { names: Some(names.into_iter().map(Into::into).collect()), ..self }
    }

    /// Checks the derivatives at a point with the default [`Checker`].
    ///
    /// ```
    /// use autograd::{check::Function, Tensor};
    /// let f = Function::new(|x: &[Tensor]| x[0].exp().sum()).gradient(|x: &[Tensor]| vec![x[0].exp()]);
    /// let report = f.check(&[Tensor::from([0.0, 1.0])]).unwrap();
    /// assert!(report.passed() && report.calls.evaluations > 20, "{report}");
    /// ```
    ///
    /// # Errors
    /// As [`Checker::check_function`].
    pub fn check(&self, point: &[Tensor<T>]) -> Result<Report, Error> {
        Checker::new().check_function(self, point)
    }
}

impl Checker {
    /// Checks the derivatives of a function of one's own at a point; with a Hessian or its products, to second order.
    ///
    /// ```
    /// use autograd::{check::{Checker, Function}, Tensor};
    /// let f = Function::new(|x: &[Tensor<f32>]| x[0].tanh().sum())
    ///     .gradient(|x: &[Tensor<f32>]| vec![-x[0].tanh().square() + 1.0]);
    /// let report = Checker::new().seed(7).check_function(&f, &[Tensor::from([0.3f32, -0.8])]).unwrap();
    /// assert!(report.passed() && report.precision == "f32", "{report}");
    /// ```
    ///
    /// # Errors
    /// If no input or no derivative is given; if a derivative is not of the number or shapes that it needs, naming the
    /// input; if the function is not finite at the point; if this checker asks for what needs a tape, or for second
    /// order without a Hessian or its products.
    pub fn check_function<T: Float>(&self, f: &Function<'_, T>, point: &[Tensor<T>]) -> Result<Report, Error> {
        refuse_none(point.len())?;
        let names = match &f.names {
            None => numbered(point.len()),
            Some(names) if names.len() == point.len() => names.clone(),
            Some(names) => {
                return refuse(format!("{} names for {} inputs; name each of them", names.len(), point.len()));
            }
        };
        let own = Own::new(f, names.clone());
        let subject = CheckedFunction::new(names, point.to_vec(), &own, self.seed);
        let output = subject.at.v.shape();
        own.can_differentiate(output)?;
        if self.operations {
            return refuse("operations(true) looks into a recording, and a function of one's own has none".into());
        }
        let orders = match (f.hessian.is_some() || f.hvp.is_some(), self.orders) {
            (true, 0..=2) => 2,
            (false, 0..=1) => 1,
            (false, 2) => {
                return refuse(
                    "order 2 compares second derivatives, and none are given; add hessian(…) or hvp(…), or check the gradient as \
                     a function of its own, with a jvp or a Jacobian"
                        .into(),
                );
            }
            (_, orders) => {
                return refuse(format!("order {orders} of a function of one's own; its highest is 2, with a Hessian"));
            }
        };
        self.run(subject, orders)
    }
}

/// Asserts that the derivatives of a function agree with differences at a point, for a test of one's own.
///
/// ```
/// use autograd::{check::{Function, assert_gradient}, Tensor};
/// let f = Function::new(|x: &[Tensor]| x[0].sin().sum()).gradient(|x: &[Tensor]| vec![x[0].cos()]);
/// assert_gradient(&f, &[Tensor::from([0.1, 0.7])]);
/// ```
///
/// # Panics
/// If the verdict is another than a pass, with the report as its message; with the error where there is none.
#[track_caller]
pub fn assert_gradient<T: Float>(f: &Function<'_, T>, point: &[Tensor<T>]) {
    match f.check(point) {
        Ok(report) => assert!(report.passed(), "{report}"),
        Err(error) => panic!("{error}"),
    }
}

impl<T: Float> fmt::Debug for Function<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = [
            ("gradient", self.gradient.is_some()),
            ("vjp", self.vjp.is_some()),
            ("jvp", self.jvp.is_some()),
            ("jacobian", self.jacobian.is_some()),
            ("hessian", self.hessian.is_some()),
            ("hvp", self.hvp.is_some()),
        ];
        let given: Vec<&str> = given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
        f.debug_struct("Function").field("derivatives", &given).field("names", &self.names).finish_non_exhaustive()
    }
}

fn refuse<R>(why: String) -> Result<R, Error> {
    Err(Error::Check(why))
}
