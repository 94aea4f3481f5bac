//! Functions of functions: gradients, products with the Jacobian, Jacobians and Hessians of closures.
//!
//! At the crate root are the forms for a closure of one array. [`several`] has the same for closures of several arrays,
//! and [`Parameters`] has them as methods, for losses of a model, by name. All are thin: what they share is
//! [`Linearization`], a function recorded at a point.

use indexmap::IndexMap;

use crate::error::Error;
use crate::number::Float;
use crate::param::Parameters;
use crate::sweep::forward::tangents;
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

/// Which way to compute a Jacobian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Forward if there are fewer inputs than outputs, else reverse.
    #[default]
    Auto,
    /// A forward sweep for each input value: a column each.
    Forward,
    /// A reverse sweep for each output value: a row each.
    Reverse,
}

/// A function recorded at a point: its value, and products with its Jacobian in either direction, as often as wanted.
///
/// ```
/// use autograd::{linearize, Tensor};
/// let f = linearize(|x| x.square() * 0.5, &Tensor::from([3.0, 4.0]));
/// assert_eq!(f.value(), Tensor::from([4.5, 8.0]));
/// assert_eq!(f.jvp(&[Tensor::from([1.0, 0.0])]), Tensor::from([3.0, 0.0]));
/// assert_eq!(f.vjp(&Tensor::from([1.0, 1.0])), [Tensor::from([3.0, 4.0])]);
/// ```
#[derive(Debug)]
pub struct Linearization<T: Float = f64> {
    tape: Tape<T>,
    inputs: Vec<u32>,
    /// The results in order; the Jacobian has their values one after another as rows.
    outputs: Vec<u32>,
}

impl<T: Float> Linearization<T> {
    /// Records what `f` makes of variables at `point`.
    #[track_caller]
    fn new(point: &[Tensor<T>], f: impl for<'t> FnOnce(&'t Tape<T>, &[Var<'t, T>]) -> Vec<Var<'t, T>>) -> Self {
        let tape = Tape::default();
        let (inputs, outputs) = {
            let x: Vec<_> = point.iter().map(|x| tape.var(x)).collect();
            let y = f(&tape, &x);
            (x.iter().map(|x| x.index()).collect(), y.iter().map(|y| y.index()).collect())
        };
        Linearization { tape, inputs, outputs }
    }

    fn outputs(&self) -> impl Iterator<Item = Var<'_, T>> {
        self.outputs.iter().map(|&array| Var::new(&self.tape, array))
    }

    fn inputs(&self) -> impl Iterator<Item = Var<'_, T>> {
        self.inputs.iter().map(|&array| Var::new(&self.tape, array))
    }

    /// The function's value at the point.
    pub fn value(&self) -> Tensor<T> {
        self.outputs().next().expect("a function has a value").value()
    }

    /// `J·v`: how the value moves when the inputs move along `v`.
    ///
    /// # Panics
    /// If `v` does not have one tensor of the right shape for each input.
    #[track_caller]
    pub fn jvp(&self, v: &[Tensor<T>]) -> Tensor<T> {
        self.push(v).remove(0)
    }

    #[track_caller]
    fn push(&self, v: &[Tensor<T>]) -> Vec<Tensor<T>> {
        assert!(v.len() == self.inputs.len(), "jvp: {} directions given for {} inputs", v.len(), self.inputs.len());
        for (x, v) in self.inputs().zip(v) {
            let (shape, other) = (x.shape(), v.shape());
            assert!(shape == *other, "jvp: a direction of shape {other} does not belong to an input of shape {shape}");
        }
        let seeds: Vec<_> = self.inputs.iter().copied().zip(v).collect();
        tangents(&self.tape, &seeds, &self.outputs)
    }

    /// `uᵀ·J`: the gradients of `⟨u, value⟩`.
    ///
    /// # Panics
    /// If `u` has another shape than the value.
    #[track_caller]
    pub fn vjp(&self, u: &Tensor<T>) -> Vec<Tensor<T>> {
        let y = self.outputs().next().expect("a function has a value");
        self.pull(y, u)
    }

    #[track_caller]
    fn pull(&self, y: Var<'_, T>, u: &Tensor<T>) -> Vec<Tensor<T>> {
        let grads = y.vjp(u);
        self.inputs().map(|x| Tensor::new(x.shape(), grads[Var::new(y.tape(), x.index())].to_vec())).collect()
    }

    /// The Jacobian as a matrix: a row for each value of the output, a column for each value of the inputs in order.
    ///
    /// ```
    /// use autograd::{linearize, Mode, Tensor};
    /// let f = linearize(|x| x.softmax(0), &Tensor::from([0.0, 0.0]));
    /// assert_eq!(f.jacobian(Mode::Auto), Tensor::from([[0.25, -0.25], [-0.25, 0.25]]));
    /// ```
    pub fn jacobian(&self, mode: Mode) -> Tensor<T> {
        let columns: usize = self.inputs().map(|x| x.shape().numel()).sum();
        let rows: usize = self.outputs().map(|y| y.shape().numel()).sum();
        let mut jacobian = Tensor::zeros([rows, columns]);
        let values = jacobian.as_mut_slice();
        if mode == Mode::Forward || (mode == Mode::Auto && columns < rows) {
            let mut v: Vec<Tensor<T>> = self.inputs().map(|x| Tensor::zeros(x.shape())).collect();
            let mut column = 0;
            for input in 0..v.len() {
                for at in 0..v[input].numel() {
                    v[input].as_mut_slice()[at] = T::one();
                    let y = self.push(&v);
                    v[input].as_mut_slice()[at] = T::zero();
                    for (row, &value) in y.iter().flat_map(Tensor::as_slice).enumerate() {
                        values[row * columns + column] = value;
                    }
                    column += 1;
                }
            }
        } else {
            let mut row = 0;
            for y in self.outputs() {
                let mut u = Tensor::zeros(y.shape());
                for at in 0..u.numel() {
                    u.as_mut_slice()[at] = T::one();
                    let grads = y.vjp(&u);
                    u.as_mut_slice()[at] = T::zero();
                    let gradient = self.inputs().flat_map(|x| grads[Var::new(y.tape(), x.index())].to_vec());
                    values[row * columns..][..columns].iter_mut().zip(gradient).for_each(|(slot, g)| *slot = g);
                    row += 1;
                }
            }
        }
        jacobian
    }
}

/// Records `f` at `x`, for products with its Jacobian in either direction.
#[track_caller]
pub fn linearize<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Linearization<T> {
    several::linearize(|x| f(x[0]), std::slice::from_ref(x))
}

/// The value of `f` at `x`, and the gradients of `⟨u, f⟩`.
///
/// ```
/// use autograd::{vjp, Tensor};
/// let (y, dx) = vjp(|x| x.square(), &Tensor::from([3.0, 4.0]), &Tensor::from([1.0, 10.0]));
/// assert_eq!((y, dx), (Tensor::from([9.0, 16.0]), Tensor::from([6.0, 80.0])));
/// ```
///
/// # Panics
/// If `u` has another shape than `f(x)`.
#[track_caller]
pub fn vjp<T: Float>(
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    x: &Tensor<T>,
    u: &Tensor<T>,
) -> (Tensor<T>, Tensor<T>) {
    let f = linearize(f, x);
    (f.value(), f.vjp(u).remove(0))
}

/// The value of `f` at `x`, and how it moves when `x` moves along `v`: forward mode.
///
/// ```
/// use autograd::{jvp, Tensor};
/// let (y, dy) = jvp(|x| x.square(), &Tensor::from([3.0, 4.0]), &Tensor::from([1.0, 0.0]));
/// assert_eq!((y, dy), (Tensor::from([9.0, 16.0]), Tensor::from([6.0, 0.0])));
/// ```
///
/// # Panics
/// If `v` has another shape than `x`.
#[track_caller]
pub fn jvp<T: Float>(
    f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>,
    x: &Tensor<T>,
    v: &Tensor<T>,
) -> (Tensor<T>, Tensor<T>) {
    let f = linearize(f, x);
    (f.value(), f.jvp(std::slice::from_ref(v)))
}

/// The Jacobian of `f` at `x` as a matrix: a row for each value of `f(x)`, a column for each value of `x`.
///
/// The way is chosen by the shapes; [`Linearization::jacobian`] takes it as told.
///
/// ```
/// use autograd::{jacobian, Tensor};
/// // ∂pᵢ/∂zₖ = pᵢ(1 − pᵢ) for i = k, else −pᵢpₖ
/// let z = Tensor::from([1.1, 2.2, 0.2, -1.7]);
/// let (p, j) = (z.softmax(0), jacobian(|z| z.softmax(0), &z));
/// let formula = Tensor::from_fn([4, 4], |i| p.get([i[0]]) * (f64::from(u8::from(i[0] == i[1])) - p.get([i[1]])));
/// assert!(j.is_close(&formula, 1e-15));
/// ```
#[track_caller]
pub fn jacobian<T: Float>(f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>, x: &Tensor<T>) -> Tensor<T> {
    linearize(f, x).jacobian(Mode::Auto)
}

/// Forms of the scalar-valued transforms: for one array, and for several.
macro_rules! scalar_valued {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($f:ident, $x:ident $(, $v:ident)?) -> $one:ty, $many:ty = $body:expr, $first:expr;
    )*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name<T: Float>(
                f: impl for<'t> Fn(Var<'t, T>) -> Scalar<'t, T>,
                x: &Tensor<T>
                $(, $v: &Tensor<T>)?
            ) -> $one {
                let first = $first;
                first(several::$name(|x| f(x[0]), std::slice::from_ref(x) $(, std::slice::from_ref($v))?))
            }
        )*

        pub mod several {
            //! The transforms for functions of several arrays, which the closure receives as a slice.
            //!
            //! ```
            //! use autograd::{several, Tensor};
            //! let (x, y) = (Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0]));
            //! let grads = several::grad(|v| (v[0] * v[1]).sum(), &[x.clone(), y.clone()]);
            //! assert_eq!(grads, [y, x]);
            //! ```

            use super::*;

            /// Records `f` at `x`, for products with its Jacobian in either direction.
            #[track_caller]
            pub fn linearize<T: Float>(
                f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
                x: &[Tensor<T>],
            ) -> Linearization<T> {
                Linearization::new(x, |_, x| vec![f(x)])
            }

            /// The Jacobian of `f` at `x`: a row for each value of `f(x)`, a column for each value of the inputs in order.
            #[track_caller]
            pub fn jacobian<T: Float>(
                f: impl for<'t> Fn(&[Var<'t, T>]) -> Var<'t, T>,
                x: &[Tensor<T>],
            ) -> Tensor<T> {
                linearize(f, x).jacobian(Mode::Auto)
            }

            $(
                #[doc = concat!("[`", stringify!($name), "`](crate::", stringify!($name), "()) for several arrays.")]
                #[track_caller]
                pub fn $name<T: Float>(
                    $f: impl for<'t> Fn(&[Var<'t, T>]) -> Scalar<'t, T>,
                    $x: &[Tensor<T>]
                    $(, $v: &[Tensor<T>])?
                ) -> $many {
                    $body
                }
            )*
        }
    };
}

/// The gradient of a scalar-valued function, recorded, so that its Jacobian is the Hessian.
#[track_caller]
fn gradient<T: Float>(f: impl for<'t> Fn(&[Var<'t, T>]) -> Scalar<'t, T>, x: &[Tensor<T>]) -> Linearization<T> {
    Linearization::new(x, |_, x| f(x).grad(x))
}

scalar_valued! {
    /// The value and the gradient of `f` at `x`.
    ///
    /// ```
    /// use autograd::{value_and_grad, Tensor};
    /// let (y, dx) = value_and_grad(|x| x.square().sum(), &Tensor::from([3.0, 4.0]));
    /// assert_eq!((y, dx), (25.0, Tensor::from([6.0, 8.0])));
    /// ```
    fn value_and_grad(f, x) -> (T, Tensor<T>), (T, Vec<Tensor<T>>) = {
        let tape = Tape::default();
        let x: Vec<_> = x.iter().map(|x| tape.var(x)).collect();
        let y = f(&x);
        let grads = y.backward();
        (y.value(), x.iter().map(|&x| grads[x].clone()).collect())
    }, |(y, mut grads): (T, Vec<Tensor<T>>)| (y, grads.remove(0));

    /// The gradient of `f` at `x`.
    ///
    /// ```
    /// use autograd::{grad, Tensor};
    /// assert_eq!(grad(|x| x.square().sum(), &Tensor::from([3.0, 4.0])), Tensor::from([6.0, 8.0]));
    /// ```
    fn grad(f, x) -> Tensor<T>, Vec<Tensor<T>> = value_and_grad(f, x).1, |mut grads: Vec<Tensor<T>>| grads.remove(0);

    /// The Hessian of `f` at `x` as a matrix: second derivatives by each pair of values of `x`.
    ///
    /// ```
    /// use autograd::{hessian, Tensor};
    /// let h = hessian(|x| x.prod(), &Tensor::from([2.0, 3.0]));
    /// assert_eq!(h, Tensor::from([[0.0, 1.0], [1.0, 0.0]]));
    /// ```
    fn hessian(f, x) -> Tensor<T>, Tensor<T> = gradient(f, x).jacobian(Mode::Reverse), |h| h;

    /// The Hessian-vector product `H·v`, forward over reverse: the gradient is recorded, and moved along `v`. The Hessian is
    /// never formed.
    ///
    /// ```
    /// use autograd::{hvp, Tensor};
    /// let hv = hvp(|x| x.prod(), &Tensor::from([2.0, 3.0]), &Tensor::from([1.0, 10.0]));
    /// assert_eq!(hv, Tensor::from([10.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `v` has another shape than `x`.
    fn hvp(f, x, v) -> Tensor<T>, Vec<Tensor<T>> = gradient(f, x).push(v), |mut hv: Vec<Tensor<T>>| hv.remove(0);

    /// The vector-Hessian product `vᵀ·H`, reverse over reverse.
    ///
    /// ```
    /// use autograd::{vhp, Tensor};
    /// let vh = vhp(|x| x.prod(), &Tensor::from([2.0, 3.0]), &Tensor::from([1.0, 10.0]));
    /// assert_eq!(vh, Tensor::from([10.0, 1.0]));
    /// ```
    ///
    /// # Panics
    /// If `v` has another shape than `x`.
    fn vhp(f, x, v) -> Tensor<T>, Vec<Tensor<T>> = {
        assert!(v.len() == x.len(), "vhp: {} vectors given for {} inputs", v.len(), x.len());
        // ⟨v, ∇f⟩ is a number again, and its gradient is what is asked for.
        grad(|x| f(x).grad(x).into_iter().zip(v).map(|(dx, v)| (dx * v).sum()).sum(), x)
    }, |mut vh: Vec<Tensor<T>>| vh.remove(0);
}

/// Derivatives of a loss with respect to a model's parameters at their present values, by name.
///
/// The closure records the loss on the tape that it is given.
impl<T: Float> Parameters<T> {
    fn at(&self, f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>) -> Linearization<T> {
        let tape = Tape::default();
        let (inputs, outputs) = {
            let x: Vec<_> = self.params().map(|param| param.on(&tape)).collect();
            let gradients = f(&tape).grad(&x[..]);
            (x.iter().map(|x| x.index()).collect(), gradients.iter().map(|y| y.index()).collect())
        };
        Linearization { tape, inputs, outputs }
    }

    fn named(&self, values: Vec<Tensor<T>>) -> IndexMap<String, Tensor<T>> {
        self.names().map(String::from).zip(values).collect()
    }

    /// The value of a loss and its gradient, by name; 0 for parameters that it does not depend on.
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
        let tape = Tape::default();
        let y = f(&tape);
        let grads = y.backward();
        let gradient =
            |param: &crate::Param<T>| grads.of(param).cloned().unwrap_or_else(|| Tensor::zeros(param.shape()));
        (y.value(), self.named(self.params().map(gradient).collect()))
    }

    /// The Hessian of a loss: rows and columns are the values of the parameters one after another, in order.
    ///
    /// ```
    /// use autograd::{Param, Parameters, Tensor};
    /// let w = Param::new([2.0]);
    /// let h = Parameters::new().with("w", &w).hessian(|tape| w.on(tape).powi(3).sum());
    /// assert_eq!(h, Tensor::from([[12.0]]));
    /// ```
    #[track_caller]
    pub fn hessian(&self, f: impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T>) -> Tensor<T> {
        self.at(f).jacobian(Mode::Reverse)
    }

    /// The product of the Hessian of a loss with a direction for each parameter, by name; a missing one is 0.
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
    /// If a name is unknown, or a direction has another shape than its parameter.
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
        let direction = |(name, param): (&str, &crate::Param<T>)| {
            v.get(name).cloned().unwrap_or_else(|| Tensor::zeros(param.shape()))
        };
        Ok(self.named(self.at(f).push(&self.iter().map(direction).collect::<Vec<_>>())))
    }
}
