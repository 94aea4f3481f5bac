//! Softmax, its logarithm, and the cross-entropy of classifiers. All subtract the largest logit, so that logits of
//! ±1e4 neither overflow nor lose their differences.

use std::ops::Range;
use std::sync::Arc;

use super::reads::Reads;
use super::reduce::{Reduction, loops, reduce};
use super::{Array, Input, Operation};
use crate::error::Error;
use crate::kernels::centre::Form;
use crate::kernels::compiled as kernels;
use crate::kernels::softmax::scale_rows;
use crate::number::rows::Unary;
use crate::number::{Float, Number};
use crate::shape::Shape;

/// `y = exp(x) / Σ exp(x)` along the axes `start..end`; `dx = y · (dy − Σ y·dy)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Softmax {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// `y = x − ln Σ exp(x)` along `axis`; `dx = dy − softmax(x) · Σ dy`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LogSoftmax {
    axis: usize,
}

/// `y = v − Σ p·v` along the axes `start..end`, for a distribution p and any v; or its transpose, `y = v − p·Σv`; or
/// `y = p·(v − Σ p·v)`, the gradient of softmax.
///
/// The kernel computes the sums: `p·(1 − p)` by operations would be 0 where the probability of a class rounds to 1. p
/// is divided by its sum, 1, so that the derivatives hold however it changes: `dp = −y·Σdy`; for the transpose
/// `−(dy − Σ p·dy)·Σv`; and for the last `(v − Σ p·v)·(dy − Σ p·dy)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Centre {
    start: usize,
    end: usize,
    form: Form,
}

#[track_caller]
fn sum_keep<A: Array>(x: &A, axes: Range<usize>) -> A {
    reduce(Reduction::Sum, x, axes, true).expect("axes of the shape")
}

impl Operation for Softmax {
    const NAMES: &'static [&'static str] = &["softmax"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::softmax(x[0].values, loops(shape, self.start..self.end), out);
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.start..self.end, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, _x: &[&A], y: &A, dy: &A) -> A {
        Centre { start: self.start, end: self.end, form: Form::Weighted }.of(y, dy)
    }

    /// The Jacobian diag(y) − y·yᵀ is symmetric.
    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        self.vjp(0, x, y, dx[0].expect("the only input has a tangent"))
    }
}

impl LogSoftmax {
    /// Uses the softmax of the logits, because the exponential of their logarithm would lose the logarithm's
    /// round-off.
    #[track_caller]
    fn centre<A: Array>(&self, x: &A, v: &A, form: Form) -> A {
        let (start, end) = (self.axis, self.axis + 1);
        Centre { start, end, form }.of(&A::apply(Softmax { start, end }, x.shape(), &[x]), v)
    }

    /// Turns a gradient of `shape` into that of the input, from the softmax that was kept.
    pub(crate) fn pass<T: Float>(&self, shape: &Shape, softmax: &[T], dy: &mut [T]) {
        kernels::centre_in_place(softmax, loops(shape, self.axis..self.axis + 1), dy);
    }
}

impl Operation for LogSoftmax {
    const NAMES: &'static [&'static str] = &["log_softmax"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::log_softmax(x[0].values, loops(shape, self.axis..self.axis + 1), out, None);
    }

    /// It keeps the softmax.
    fn keeps_slopes(&self, _inputs: usize) -> bool {
        true
    }

    fn forward_with_slopes<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T], slopes: &mut [T]) {
        kernels::log_softmax(x[0].values, loops(shape, self.axis..self.axis + 1), out, Some(slopes));
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.axis..self.axis + 1, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        self.centre(x[0], dy, Form::Transposed)
    }

    /// `dy = dx − Σ softmax(x)·dx`
    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        self.centre(x[0], dx[0].expect("the only input has a tangent"), Form::Plain)
    }
}

impl Centre {
    #[track_caller]
    fn of<A: Array>(self, p: &A, v: &A) -> A {
        A::apply(self, v.shape(), &[p, v])
    }

    fn with(self, form: Form) -> Self {
        Centre { form, ..self }
    }
}

impl Operation for Centre {
    const NAMES: &'static [&'static str] = &["centre"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::centre(x[0].values, x[1].values, loops(shape, self.start..self.end), self.form, out);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.start..self.end, x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], y: &A, g: &A) -> A {
        let (p, v, axes) = (x[0], x[1], self.start..self.end);
        let plain = self.with(Form::Plain);
        let less = match (k, self.form) {
            (1, Form::Plain) => return self.with(Form::Transposed).of(p, g),
            (1, Form::Transposed) => return plain.of(p, g),
            (1, Form::Weighted) => return self.of(p, g), // symmetric
            (_, Form::Plain) => y.mul(&sum_keep(g, axes)),
            (_, Form::Transposed) => plain.of(p, g).mul(&sum_keep(v, axes)),
            (_, Form::Weighted) => return plain.of(p, v).mul(&plain.of(p, g)),
        };
        less.unary(Unary::Neg, [0.0; 2])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let (p, v, axes) = (x[0], x[1], self.start..self.end);
        let along_p = |t: &A| {
            let less = match self.form {
                Form::Plain => sum_keep(&t.mul(y), axes.clone()).expanded(&v.shape()),
                Form::Transposed => self.of(p, t).mul(&sum_keep(v, axes.clone())),
                Form::Weighted => {
                    let change = t.mul(&self.with(Form::Plain).of(p, v));
                    return self.with(Form::Transposed).of(p, &change);
                }
            };
            less.unary(Unary::Neg, [0.0; 2])
        };
        super::sum([dx[0].map(along_p), dx[1].map(|t| self.of(p, t))])
    }
}

#[track_caller]
pub(crate) fn softmax<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    shape.axis("softmax", axis)?;
    Ok(A::apply(Softmax { start: axis, end: axis + 1 }, shape, &[x]))
}

#[track_caller]
pub(crate) fn log_softmax<A: Array>(x: &A, axis: usize) -> Result<A, Error> {
    let shape = x.shape();
    shape.axis("log_softmax", axis)?;
    Ok(A::apply(LogSoftmax { axis }, shape, &[x]))
}

/// `y_i = ln Σ_j exp(x_ij) − x_i,class(i)`: `(n, classes) → (n,)`; `dx` is [`CrossEntropyGradient`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CrossEntropy {
    classes: Arc<Vec<usize>>,
}

/// `dx_ij = dy_i · (softmax(x)_ij − [j = class(i)])`, in one pass.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CrossEntropyGradient {
    classes: Arc<Vec<usize>>,
}

impl Operation for CrossEntropy {
    const NAMES: &'static [&'static str] = &["cross_entropy"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        kernels::cross_entropy(x[0].values, &self.classes, Some(out), None);
    }

    fn keeps_slopes(&self, _inputs: usize) -> bool {
        true
    }

    fn forward_with_slopes<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T], slopes: &mut [T]) {
        kernels::cross_entropy(x[0].values, &self.classes, Some(out), Some(slopes));
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::lines(x[0][0], 1, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, dy: &A) -> A {
        A::apply(CrossEntropyGradient { classes: self.classes.clone() }, x[0].shape(), &[x[0], dy])
    }

    fn jvp<A: Array>(&self, x: &[&A], y: &A, dx: &[Option<&A>]) -> A {
        let dx = dx[0].expect("the only input has a tangent");
        let slopes = CrossEntropyGradient { classes: self.classes.clone() }.slopes(x[0], y);
        sum_keep(&dx.mul(&slopes), 1..2).reshaped(&y.shape())
    }
}

/// Reshapes `(n,)` to `(n, 1)`.
#[track_caller]
fn column<A: Array>(x: &A) -> A {
    x.clone().reshaped(&Shape::from([x.shape()[0], 1]))
}

impl CrossEntropyGradient {
    /// `softmax(x) − onehot`: the slopes of the cross-entropy of each row.
    #[track_caller]
    fn slopes<A: Array>(&self, logits: &A, like: &A) -> A {
        let ones = like.full_like(A::Value::one());
        A::apply(self.clone(), logits.shape(), &[logits, &ones])
    }

    /// `(diag(p) − p·pᵀ)·v` of each row, with p = softmax(x): the curvature of the cross-entropy.
    #[track_caller]
    fn curvature<A: Array>(&self, logits: &A, v: &A) -> A {
        let softmax = Softmax { start: 1, end: 2 };
        let p = A::apply(softmax, logits.shape(), &[logits]);
        softmax.vjp(0, &[logits], &p, v)
    }
}

impl Operation for CrossEntropyGradient {
    const NAMES: &'static [&'static str] = &["cross_entropy_gradient"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        kernels::cross_entropy(x[0].values, &self.classes, None, Some(out));
        scale_rows(out, x[1].values);
    }

    fn reads(&self, k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::lines(shape[0], 1, x[k], shape)
    }

    fn vjp<A: Array>(&self, k: usize, x: &[&A], _y: &A, g: &A) -> A {
        let (logits, dy) = (x[0], x[1]);
        if k == 0 {
            return self.curvature(logits, &g.mul(&column(dy)));
        }
        sum_keep(&g.mul(&self.slopes(logits, dy)), 1..2).reshaped(&dy.shape())
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        let (logits, dy) = (x[0], x[1]);
        super::sum([
            dx[0].map(|t| self.curvature(logits, t).mul(&column(dy))),
            dx[1].map(|t| self.slopes(logits, dy).mul(&column(t))),
        ])
    }
}

/// Cross-entropy of each row of logits with its class.
#[track_caller]
pub(crate) fn cross_entropy<A: Array>(x: &A, classes: &[usize]) -> Result<A, Error> {
    let shape = x.shape();
    let [n, width] = shape[..] else {
        let law = format!("logits of shape {shape} are not (samples, classes); reshape them?");
        return Err(Error::shape("cross_entropy", law));
    };
    if classes.len() != n {
        let law = format!("{} classes given for the {n} rows of logits of shape {shape}", classes.len());
        return Err(Error::shape("cross_entropy", law));
    }
    if let Some(position) = classes.iter().position(|&class| class >= width) {
        let index = classes[position];
        return Err(Error::Index { op: "cross_entropy", index, position, axis: 1, len: width });
    }
    Ok(A::apply(CrossEntropy { classes: x.indices_like(classes.iter().copied()) }, Shape::from([n]), &[x]))
}

/// `−Σ_j target_j · log_softmax(x)_j` of each row, for targets that are distributions.
#[track_caller]
pub(crate) fn cross_entropy_soft<A: Array>(x: &A, targets: &A) -> Result<A, Error> {
    let (shape, other) = (x.shape(), targets.shape());
    if shape != other || shape.is_empty() {
        let law =
            format!("targets of shape {other} do not fit logits of shape {shape}; one probability for each logit");
        return Err(Error::shape("cross_entropy", law));
    }
    let axis = shape.len() - 1;
    // Where the target is 0 the term is 0, though the logarithm of the probability may be −∞.
    let sum = reduce(Reduction::Sum, &targets.chain(&log_softmax(x, axis)?), axis, false)?;
    Ok(sum.unary(Unary::Neg, [0.0; 2]))
}
