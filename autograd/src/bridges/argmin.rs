//! Problems for the solvers of `argmin`, with their derivatives.
//!
//! ```
//! use argmin::core::{Executor, State};
//! use argmin::solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS};
//! use autograd::bridges::argmin::Objective;
//!
//! // Rosenbrock's valley
//! let valley = Objective::new(|x| {
//!     let (a, b) = (x.slice(0, 0..1), x.slice(0, 1..2));
//!     (100.0 * (b - a.square()).square() + (1.0 - a).square()).sum()
//! });
//! let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
//! let found = Executor::new(valley, solver).configure(|state| state.param(vec![-1.2, 1.0]).max_iters(100)).run().unwrap();
//! let x = found.state().get_best_param().unwrap();
//! assert!((x[0] - 1.0).abs() < 1e-5 && (x[1] - 1.0).abs() < 1e-5);
//! ```

use argmin::core::{CostFunction, Error, Gradient, Hessian, Jacobian, Operator};

use crate::number::Float;
use crate::param::Parameters;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;
use crate::transform::{grad, hessian, jacobian};

fn point<T: Float>(x: &[T]) -> Tensor<T> {
    Tensor::from(x)
}

/// The rows of a matrix.
fn rows<T: Float>(x: &Tensor<T>) -> Vec<Vec<T>> {
    let columns = x.shape()[1].max(1);
    x.as_slice().chunks(columns).map(<[T]>::to_vec).collect()
}

/// A function to minimise, of one array of numbers: cost, gradient and Hessian for `argmin`.
#[derive(Debug, Clone)]
pub struct Objective<F>(F);

impl<F: for<'t> Fn(Var<'t>) -> Scalar<'t>> Objective<F> {
    /// The function `f` of an array of shape (n,).
    pub fn new(f: F) -> Self {
        Objective(f)
    }
}

impl<F: for<'t> Fn(Var<'t>) -> Scalar<'t>> CostFunction for Objective<F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        let tape = Tape::values_only();
        Ok((self.0)(tape.var(point(x))).value())
    }
}

impl<F: for<'t> Fn(Var<'t>) -> Scalar<'t>> Gradient for Objective<F> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(grad(&self.0, &point(x)).into_vec())
    }
}

impl<F: for<'t> Fn(Var<'t>) -> Scalar<'t>> Hessian for Objective<F> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, x: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(rows(&hessian(&self.0, &point(x))))
    }
}

/// Residuals of which the squares are minimised, or a system of equations: values and Jacobian for `argmin`.
///
/// ```
/// use argmin::core::{Jacobian, Operator};
/// use autograd::bridges::argmin::Residuals;
/// let r = Residuals::new(|x| x.square() - 2.0);
/// assert_eq!(r.apply(&vec![1.0, 3.0]).unwrap(), [-1.0, 7.0]);
/// assert_eq!(r.jacobian(&vec![1.0, 3.0]).unwrap(), [[2.0, 0.0], [0.0, 6.0]]);
/// ```
#[derive(Debug, Clone)]
pub struct Residuals<F>(F);

impl<F: for<'t> Fn(Var<'t>) -> Var<'t>> Residuals<F> {
    /// The residuals `f` of an array of shape (n,).
    pub fn new(f: F) -> Self {
        Residuals(f)
    }
}

impl<F: for<'t> Fn(Var<'t>) -> Var<'t>> Operator for Residuals<F> {
    type Param = Vec<f64>;
    type Output = Vec<f64>;

    fn apply(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let tape = Tape::values_only();
        Ok((self.0)(tape.var(point(x))).value().into_vec())
    }
}

impl<F: for<'t> Fn(Var<'t>) -> Var<'t>> Jacobian for Residuals<F> {
    type Param = Vec<f64>;
    type Jacobian = Vec<Vec<f64>>;

    fn jacobian(&self, x: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(rows(&jacobian(&self.0, &point(x))))
    }
}

/// The loss of a model as a function of all its parameters, one after another.
///
/// Each call writes the point into the parameters; [`set`](Self::set) writes the one that was found.
///
/// ```
/// use argmin::core::{CostFunction, Gradient};
/// use autograd::bridges::argmin::ModelObjective;
/// use autograd::{Param, Parameters};
/// let (w, b) = (Param::new([1.0, 2.0]), Param::new(3.0));
/// let parameters = Parameters::new().with("w", &w).with("b", &b);
/// let loss = ModelObjective::new(parameters, |tape| w.on(tape).square().sum() * b.on(tape).item());
/// let start = loss.start();
/// assert_eq!((start.clone(), loss.cost(&start).unwrap()), (vec![1.0, 2.0, 3.0], 15.0));
/// assert_eq!(loss.gradient(&start).unwrap(), [6.0, 12.0, 5.0]);
/// ```
#[derive(Debug, Clone)]
pub struct ModelObjective<F> {
    parameters: Parameters,
    loss: F,
}

impl<F: for<'t> Fn(&'t Tape) -> Scalar<'t>> ModelObjective<F> {
    /// The loss, computed from `parameters`.
    pub fn new(parameters: Parameters, loss: F) -> Self {
        ModelObjective { parameters, loss }
    }

    /// The present values of the parameters.
    pub fn start(&self) -> Vec<f64> {
        self.parameters.params().flat_map(|param| param.value().into_vec()).collect()
    }

    /// Writes values into the parameters.
    ///
    /// # Errors
    /// If there are not as many as the parameters have.
    pub fn set(&self, x: &[f64]) -> Result<(), Error> {
        let numel = self.start().len();
        if x.len() != numel {
            return Err(Error::msg(format!("ModelObjective: {} values given for parameters of {numel}", x.len())));
        }
        let mut rest = x;
        for param in self.parameters.params() {
            let (values, after) = rest.split_at(param.numel());
            param.set(Tensor::new(param.shape(), values.to_vec()));
            rest = after;
        }
        Ok(())
    }
}

impl<F: for<'t> Fn(&'t Tape) -> Scalar<'t>> CostFunction for ModelObjective<F> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        self.set(x)?;
        Ok((self.loss)(&Tape::values_only()).value())
    }
}

impl<F: for<'t> Fn(&'t Tape) -> Scalar<'t>> Gradient for ModelObjective<F> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.set(x)?;
        let (_, gradients) = self.parameters.value_and_grad(&self.loss);
        Ok(gradients.into_values().flat_map(Tensor::into_vec).collect())
    }
}

impl<F: for<'t> Fn(&'t Tape) -> Scalar<'t>> Hessian for ModelObjective<F> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, x: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        self.set(x)?;
        Ok(rows(&self.parameters.hessian(&self.loss)))
    }
}
