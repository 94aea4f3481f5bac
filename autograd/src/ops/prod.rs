//! The gradient of a product of many values: the product of the others.

use super::reads::Reads;
use super::reduce::loops;
use super::{Array, Input, Operation, join, view};
use crate::kernels::{compiled as kernels, squares};
use crate::number::rows::Binary;
use crate::number::{Float, Number};
use crate::shape::Shape;

/// `y_j = Π x_l` over all `l` but `j`, along the axes `start..end`, without a division by values that may be 0.
///
/// The derivative of `Σ g·y` with respect to x is `Σ_i g_i Π x_l` over all `l` but `i` and `j`. As a matrix it is
/// symmetric, so it is the tangent along g as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProductOfOthers {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Operation for ProductOfOthers {
    const NAMES: &'static [&'static str] = &["prod_of_others"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], shape: &Shape, out: &mut [T]) {
        kernels::product_of_others(x[0].values, loops(shape, self.start..self.end), out);
    }

    fn reads(&self, _k: usize, x: &[&Shape], shape: &Shape) -> Reads {
        Reads::along(self.start..self.end, x[0], shape)
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, g: &A) -> A {
        self.curvature(x[0], g)
    }

    fn jvp<A: Array>(&self, x: &[&A], _y: &A, dx: &[Option<&A>]) -> A {
        self.curvature(x[0], dx[0].expect("the only input has a tangent"))
    }
}

/// A power of two near each value: its unit, which is constant in derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Magnitude;

impl Operation for Magnitude {
    const NAMES: &'static [&'static str] = &["magnitude"];

    fn forward<T: Float>(&self, x: &[Input<'_, T>], _shape: &Shape, out: &mut [T]) {
        for (out, &x) in out.iter_mut().zip(x[0].values) {
            *out = squares::unit(x.abs()).1;
        }
    }

    fn differentiable(&self, _k: usize) -> bool {
        false
    }

    fn vjp<A: Array>(&self, _k: usize, x: &[&A], _y: &A, _dy: &A) -> A {
        x[0].zeros_like()
    }

    fn jvp<A: Array>(&self, _x: &[&A], y: &A, _dx: &[Option<&A>]) -> A {
        y.zeros_like()
    }
}

/// A number and its derivative along g, for each of some places along axis 1.
#[derive(Clone)]
struct Pair<A> {
    value: A,
    along: A,
}

impl<A: Array> Pair<A> {
    #[track_caller]
    fn map(&self, f: impl Fn(&A) -> A) -> Self {
        Pair { value: f(&self.value), along: f(&self.along) }
    }

    #[track_caller]
    fn slice(&self, range: std::ops::Range<usize>) -> Self {
        self.map(|x| view::slice(x, 1, range.clone(), 1).expect("places of the axis"))
    }

    #[track_caller]
    fn times(&self, b: &Self) -> Self {
        let along = self.value.mul(&b.along).add(&self.along.mul(&b.value));
        Pair { value: self.value.mul(&b.value), along }
    }

    #[track_caller]
    fn joined(parts: &[&Self]) -> Self {
        let join = |part: fn(&Self) -> &A| {
            let parts: Vec<&A> = parts.iter().map(|pair| part(pair)).collect();
            join::concat("prod", &parts, 1).expect("parts of one shape")
        };
        Pair { value: join(|pair| &pair.value), along: join(|pair| &pair.along) }
    }
}

impl ProductOfOthers {
    /// Computed by a tree: halves are multiplied until one is left. Then each node gets the product of the values
    /// outside it: that of its parent times its sibling. Both carry the derivative along g. All values are counted in
    /// their own units, so that no half overflows or underflows; the units of the others are multiplied in at the
    /// end.
    #[track_caller]
    fn curvature<A: Array>(&self, x: &A, g: &A) -> A {
        let shape = x.shape();
        let (outer, n, inner) = shape.around(self.start..self.end);
        let units = A::apply(Magnitude, shape.clone(), &[x]);
        let in_units = |x: &A| x.binary(Binary::Div, &units).reshaped(&Shape::from([outer, n, inner]));
        let mut levels = vec![Pair { value: in_units(x), along: in_units(g) }];
        let mut len = n;
        while len > 1 {
            let (half, below) = (len / 2, levels.last().expect("the leaves"));
            let mut next = below.slice(0..half).times(&below.slice(half..2 * half));
            if len % 2 == 1 {
                next = Pair::joined(&[&next, &below.slice(len - 1..len)]);
            }
            levels.push(next);
            len = half + len % 2;
        }
        let root = levels.pop().expect("the root");
        let one = root.value.full_like(A::Value::one());
        let mut outside = Pair { value: one, along: root.value.zeros_like() };
        for level in levels.iter().rev() {
            let len = level.value.shape()[1];
            let half = len / 2;
            let (above, a, b) = (outside.slice(0..half), level.slice(0..half), level.slice(half..2 * half));
            let (a, b) = (above.times(&b), above.times(&a));
            outside = match len % 2 {
                0 => Pair::joined(&[&a, &b]),
                _ => Pair::joined(&[&a, &b, &outside.slice(half..half + 1)]),
            };
        }
        outside.along.reshaped(&shape).mul(&A::apply(*self, shape, &[&units]))
    }
}
