//! The transforms as methods of [`Parameters`], by name.

use indexmap::IndexMap;

use super::{Linearization, Mode, returned_on};
use crate::error::Error;
use crate::number::Float;
use crate::param::{Param, Parameters};
use crate::tape::{Scalar, Spare, Tape};
use crate::tensor::Tensor;

/// Derivatives of a loss with respect to a model's parameters at their present values, by name.
///
/// The closure records the loss on the tape that it receives. A frozen parameter is a constant: derivatives with
/// respect to it are 0. A parameter with two names moves along the sum of their directions, and its derivatives are
/// listed under both names.
impl<T: Float> Parameters<T> {
    #[track_caller]
    fn at(&self, op: &str, f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>) -> Linearization<T> {
        let tape = Spare::tape();
        let (inputs, outputs) = {
            let x: Vec<_> = self.params().map(|param| param.on(&tape)).collect();
            let y = f(&tape);
            returned_on(&tape, y.tape(), op);
            let gradients = y.grad(&x[..]);
            // A constant that nothing depends on takes the place of a frozen parameter.
            let frozen = |param: &Param<T>| param.is_frozen().then(|| tape.constant(Tensor::zeros(param.shape())));
            let moved = |arrays: Vec<_>| {
                self.params().zip(arrays).map(|(param, array)| frozen(param).unwrap_or(array).index()).collect()
            };
            (moved(x), moved(gradients))
        };
        Linearization { tape, inputs, outputs }
    }

    fn named(&self, values: Vec<Tensor<T>>) -> IndexMap<String, Tensor<T>> {
        self.names().map(String::from).zip(values).collect()
    }

    /// Computes the value of a loss and its gradient, by name; 0 for parameters that it does not depend on.
    ///
    /// ```
    /// use autograd::{Param, Parameters};
    /// let w = Param::new([2.0]);
    /// let parameters = Parameters::new().with("w", &w);
    /// let (loss, grads) = parameters.value_and_grad(|tape| w.on(tape).powi(3).sum());
    /// assert_eq!((loss, grads["w"].item()), (8.0, 12.0));
    /// ```
    #[track_caller]
    pub fn value_and_grad(&self, f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>) -> (T, IndexMap<String, Tensor<T>>) {
        let tape = Spare::tape();
        let y = f(&tape);
        returned_on(&tape, y.tape(), "value_and_grad");
        let grads = y.backward();
        let gradient = |param: &Param<T>| grads.of(param).cloned().unwrap_or_else(|| Tensor::zeros(param.shape()));
        (y.value(), self.named(self.params().map(gradient).collect()))
    }

    /// Computes the Hessian of a loss; rows and columns are the values of the parameters one after another, in order.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tensor};
    /// let w = Param::new([2.0]);
    /// let h = Parameters::new().with("w", &w).hessian(|tape| w.on(tape).powi(3).sum());
    /// assert_eq!(h, Tensor::from([[12.0]]));
    /// ```
    #[track_caller]
    pub fn hessian(&self, f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>) -> Tensor<T> {
        self.at("hessian", f).jacobian(Mode::Reverse)
    }

    /// Computes the product of the Hessian of a loss with directions by name; a missing direction is 0.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tensor};
    /// let w = Param::new([2.0, 1.0]);
    /// let parameters = Parameters::new().with("w", &w);
    /// let v = [("w".to_string(), Tensor::from([1.0, 0.0]))].into();
    /// let hv = parameters.hvp(|tape| w.on(tape).powi(3).sum(), &v).unwrap();
    /// assert_eq!(hv["w"].to_vec(), [12.0, 0.0]);
    /// ```
    ///
    /// # Errors
    /// If a name is unknown, or a direction and its parameter differ in shape.
    #[track_caller]
    pub fn hvp(
        &self,
        f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>,
        v: &IndexMap<String, Tensor<T>>,
    ) -> Result<IndexMap<String, Tensor<T>>, Error> {
        for (name, v) in v {
            let Some(param) = self.get(name) else {
                let known: Vec<_> = self.names().collect();
                return Err(Error::shape("hvp", format!("no parameter is named `{name}`; there are {known:?}")));
            };
            if param.shape() != *v.shape() {
                let law = format!("parameter `{name}` has shape {}, its direction {}", param.shape(), v.shape());
                return Err(Error::shape("hvp", law));
            }
        }
        let direction =
            |(name, param): (&str, &Param<T>)| v.get(name).cloned().unwrap_or_else(|| Tensor::zeros(param.shape()));
        Ok(self.named(self.at("hvp", f).push("hvp", &self.iter().map(direction).collect::<Vec<_>>())))
    }
}
