//! Normalisation of rows to mean 0 and variance 1, as in layer normalisation (Ba, Kiros & Hinton 2016).

use super::reads::Reads;
use super::reduce::{Reduction, reduce};
use super::{Array, Input, Operation};
use crate::error::Error;
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::number::rows::Unary;
use crate::shape::Shape;

/// `y = r·(x − mean x)` with `r = 1/√(var x + ε)`, along the last axis; `dx` is [`NormalizeGradient`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalize {
    eps: f64,
}

/// `r·P(v)` with `P(v) = v − mean v − y·mean(y·v)`, from x and v, in one pass over each row. As a matrix it is
/// symmetric: the Jacobian of [`Normalize`] at x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NormalizeGradient {
    eps: f64,
}

impl Normalize {
    #[track_caller]
    fn jacobian<A: Array>(&self, x: &A, v: &A) -> A {
        A::apply(NormalizeGradient { eps: self.eps }, x.shape(), &[x, v])
    }
}

impl Operation for Normalize {
    const NAMES: &'static [&'static str] = &["normalize"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::normalize(x[0].values, shape[shape.len() - 1], T::from_f64(self.eps), out);
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(x[0].len() - 1..x[0].len(), x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        self.jacobian(x[0], dy)
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        self.jacobian(x[0], dx[0].expect("the only input has a tangent"))
    }
}

impl NormalizeGradient {
    /// The gradient with respect to x of `⟨g, r·P(v)⟩ = n·r·s` with `s = mean(g·v) − mean g·mean v − a·b`, `a =
    /// mean(y·g)` and `b = mean(y·v)`: `−r²·(s·y + b·P(g) + a·P(v))`. It is symmetric in g and v, so it is the
    /// tangent along g as well.
    #[track_caller]
    fn curvature<A: Array>(&self, x: &A, v: &A, g: &A) -> A {
        let last = x.shape().len() - 1;
        let mean = |x: &A| reduce(Reduction::Mean, x, last, true).expect("the last axis");
        let normalize = Normalize { eps: self.eps };
        let y = A::apply(normalize, x.shape(), &[x]);
        let (a, b) = (mean(&y.mul(g)), mean(&y.mul(v)));
        let s = mean(&g.mul(v)).sub(&mean(g).mul(&mean(v))).sub(&a.mul(&b));
        let r = A::apply(InverseDeviation { eps: self.eps }, s.shape(), &[x]);
        let parts = normalize.jacobian(x, g).mul(&b).add(&normalize.jacobian(x, v).mul(&a));
        // Factor by factor, because r² may overflow or underflow.
        y.mul(&r.mul(&s)).add(&parts).mul(&r).unary(Unary::Neg, [0.0; 2])
    }
}

/// `r = 1/√(var x + ε)` along the last axis, which stays with length 1; `dx = −dr·r²·y/n`, with y the normalised x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct InverseDeviation {
    eps: f64,
}

impl InverseDeviation {
    /// `−v·r²·y/n` for `v` of the shape of r, or of x.
    #[track_caller]
    fn along<A: Array>(&self, x: &A, r: &A, v: &A) -> A {
        let shape = x.shape();
        let y = A::apply(Normalize { eps: self.eps }, shape.clone(), &[x]);
        let n = shape[shape.len() - 1] as f64;
        y.mul(&v.mul(r)).mul(r).unary(Unary::DivNumber, [-n, 0.0])
    }
}

impl Operation for InverseDeviation {
    const NAMES: &'static [&'static str] = &["inverse_deviation"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        let shape = x[0].shape;
        kernels::inverse_deviation(x[0].values, shape[shape.len() - 1], T::from_f64(self.eps), out);
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(x[0].len() - 1..x[0].len(), x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], y: &A, dy: &A) -> A {
        self.along(x[0], y, dy)
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let along = self.along(x[0], y, dx[0].expect("the only input has a tangent"));
        reduce(Reduction::Sum, &along, x[0].shape().len() - 1, true).expect("the last axis")
    }
}

impl Operation for NormalizeGradient {
    const NAMES: &'static [&'static str] = &["normalize_gradient"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::normalize_gradient(x[0].values, x[1].values, shape[shape.len() - 1], T::from_f64(self.eps), out);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(shape.len() - 1..shape.len(), x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, g: &A) -> A {
        match k {
            0 => self.curvature(x[0], x[1], g),
            _ => A::apply(*self, g.shape(), &[x[0], g]),
        }
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        super::sum([
            dx[0].map(|t| self.curvature(x[0], x[1], t)),
            dx[1].map(|t| A::apply(*self, t.shape(), &[x[0], t])),
        ])
    }
}

/// Normalises rows of the last axis to mean 0 and variance 1.
#[track_caller]
pub(crate) fn normalize<A: Array>(x: &A, eps: f64) -> Result<A, Error> {
    let shape = x.shape();
    if shape.is_empty() {
        return Err(Error::shape("normalize", "a single number is no row; reshape it?".to_string()));
    }
    if !(eps >= 0.0 && eps.is_finite()) {
        return Err(Error::shape(
            "normalize",
            format!("an ε of {eps:?} is no variance to add; it must be 0 or above, and finite"),
        ));
    }
    Ok(A::apply(Normalize { eps }, shape, &[x]))
}
