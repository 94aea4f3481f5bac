//! [`Tangent`]: forward mode over a tape.

use std::ops::{Add, Div, Mul, Sub};

use autograd::Scalar;

use super::Real;

/// A dual number whose parts are recorded. The library's `Dual` is over numbers that exist without a tape.
#[derive(Clone, Copy)]
pub(crate) struct Tangent<'t> {
    value: Scalar<'t>,
    tangent: Moves<'t>,
}

/// How a number moves with the variable: mostly not at all, which costs no nodes.
#[derive(Clone, Copy)]
enum Moves<'t> {
    Not,
    By(Scalar<'t>),
}

use Moves::{By, Not};

impl<'t> Moves<'t> {
    fn scaled(self, scale: impl FnOnce(Scalar<'t>) -> Scalar<'t>) -> Self {
        match self {
            Not => Not,
            By(tangent) => By(scale(tangent)),
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Not, moves) | (moves, Not) => moves,
            (By(a), By(b)) => By(a + b),
        }
    }
}

impl<'t> Tangent<'t> {
    pub(crate) fn new(value: Scalar<'t>, variable: bool) -> Self {
        let tangent = if variable { By(value.tape().scalar_constant(1.0)) } else { Not };
        Tangent { value, tangent }
    }

    pub(crate) fn derivative(self) -> Scalar<'t> {
        match self.tangent {
            Not => self.value.tape().scalar_constant(0.0),
            By(tangent) => tangent,
        }
    }
}

impl Add for Tangent<'_> {
    type Output = Self;

    fn add(self, b: Self) -> Self {
        Tangent { value: self.value + b.value, tangent: self.tangent.and(b.tangent) }
    }
}

impl Sub for Tangent<'_> {
    type Output = Self;

    fn sub(self, b: Self) -> Self {
        Tangent { value: self.value - b.value, tangent: self.tangent.and(b.tangent.scaled(|d| -d)) }
    }
}

impl Mul for Tangent<'_> {
    type Output = Self;

    fn mul(self, b: Self) -> Self {
        let tangent = self.tangent.scaled(|d| d * b.value).and(b.tangent.scaled(|d| self.value * d));
        Tangent { value: self.value * b.value, tangent }
    }
}

impl Div for Tangent<'_> {
    type Output = Self;

    #[expect(clippy::suspicious_arithmetic_impl)] // the quotient rule multiplies
    fn div(self, b: Self) -> Self {
        let value = self.value / b.value;
        let tangent = self.tangent.and(b.tangent.scaled(|d| -(value * d)));
        Tangent { value, tangent: tangent.scaled(|d| d / b.value) }
    }
}

impl Real for Tangent<'_> {
    fn plain(self) -> f64 {
        self.value.value()
    }

    fn plus(self, number: f64) -> Self {
        Tangent { value: self.value + number, ..self }
    }

    fn times(self, number: f64) -> Self {
        Tangent { value: self.value * number, tangent: self.tangent.scaled(|d| d * number) }
    }

    fn inverse_root(self) -> Self {
        let root = self.value.rsqrt();
        Tangent { value: root, tangent: self.tangent.scaled(|d| d * (root / self.value * -0.5)) }
    }
}
