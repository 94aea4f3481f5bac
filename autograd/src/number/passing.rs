//! [`Passing`]: the gradient on its way through a row, over which the table's derivatives are written.

use std::ops::{Add, Div, Mul, Neg};

use crate::number::{Number, Test};

/// The incoming gradient, or in forward mode the tangent, times some of a derivative's factors.
///
/// A row applies its factors one by one, in an order in which no intermediate result overflows or underflows unless
/// the product does: for the reciprocal, `-(d / x / x)` is correct where `1/x²` overflows. A gradient of exactly 0
/// stays 0 whatever the factor. Where a row chooses, it chooses here too ([`masked`](Passing::masked)): the branch
/// not taken passes 0, not `∞ · 0`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passing<N>(pub(crate) N);

impl<N: Number> Passing<N> {
    /// The gradient of a side that does not depend on the input: 0.
    #[inline(always)]
    pub(crate) fn nothing(self) -> Self {
        Passing(N::zero())
    }

    /// This where the mask is not 0, else exactly 0.
    #[inline(always)]
    pub(crate) fn masked(self, mask: N) -> Self {
        Passing(self.0.masked(mask))
    }

    /// Times a share of 0, ½ or 1. A share of 0 means that the side was not chosen.
    #[inline(always)]
    pub(crate) fn shared(self, share: N) -> Self {
        Passing(self.0.chain_flat(share))
    }

    /// Times a plain number; 0 makes a flat side.
    #[inline(always)]
    pub(crate) fn times(self, number: f64) -> Self {
        if number == 0.0 { self.nothing() } else { self * N::constant(number) }
    }

    /// Times `exp(x)`, which may overflow or underflow though the product does not.
    #[inline(always)]
    pub(crate) fn times_exp(self, x: N) -> Self {
        let power = x.exp();
        let halves = || {
            let half = (x * N::constant(0.5)).exp();
            self * half * half
        };
        either(power, Test::Normal, || self * power, halves)
    }

    /// Times `y/b`, where any product or quotient of two of the three may overflow or underflow though the result
    /// does not.
    ///
    /// If `d·y` does, `d` and `y` lie on one side of 1. Then `1/b` lies on the other side, and `d/b` lies between
    /// them.
    #[inline(always)]
    pub(crate) fn times_quotient(self, y: N, b: N) -> Self {
        let first = self * y;
        either(first.0, Test::Whole { of: [self.0, y] }, || first / b, || self / b * y)
    }
}

/// `most()` if the value of `x` passes the test, else `rest()`.
#[inline(always)]
pub(crate) fn either<N: Number>(
    x: N,
    test: Test<N>,
    most: impl FnOnce() -> Passing<N>,
    rest: impl FnOnce() -> Passing<N>,
) -> Passing<N> {
    x.decide(test, most, rest, select)
}

/// `everywhere()`, unless `y` is a plain number up to a magnitude of `bound`: then `near()`, which is cheaper.
#[inline(always)]
pub(crate) fn shortcut<N: Number>(
    y: N,
    bound: f64,
    near: impl FnOnce() -> Passing<N>,
    everywhere: impl FnOnce() -> Passing<N>,
) -> Passing<N> {
    y.shortcut(bound, near, everywhere, select)
}

/// `a` where the mask is not 0, else `b`.
#[inline(always)]
pub(crate) fn select<N: Number>(mask: N, a: Passing<N>, b: Passing<N>) -> Passing<N> {
    Passing(mask.select(a.0, b.0))
}

impl<N: Number> Mul<N> for Passing<N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: N) -> Self {
        Passing(self.0.chain(factor))
    }
}

impl<N: Number> Div<N> for Passing<N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, divisor: N) -> Self {
        Passing(self.0.chain_over(divisor))
    }
}

impl<N: Number> Add for Passing<N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Passing(self.0 + other.0)
    }
}

impl<N: Number> Neg for Passing<N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Passing(-self.0)
    }
}
