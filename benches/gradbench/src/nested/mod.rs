//! Derivatives within derivatives, for the evals `particle` and `saddle`: functions of two numbers, over any kind of number.
//!
//! The inner gradient is taken of plain numbers, of dual numbers, and of numbers on a tape, in forward or in reverse mode.

pub(crate) mod descent;
pub(crate) mod slope;
mod tangent;

use std::ops::{Add, Div, Mul, Sub};

use autograd::{Dual, Number, Scalar};

use tangent::Tangent;

/// What the formulas of these evals need of a number.
pub(crate) trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The number without its derivatives: for decisions.
    fn plain(self) -> f64;
    /// `x + number`.
    fn plus(self, number: f64) -> Self;
    /// `x·number`.
    fn times(self, number: f64) -> Self;
    /// `1/√x`.
    fn inverse_root(self) -> Self;
}

/// Numbers that forward mode can be laid over.
pub(crate) trait Forward: Real {
    /// A number and its derivative.
    type Dual: Real;
    /// This number, with derivative 1 if it is the `variable`, else 0.
    fn dual(self, variable: bool) -> Self::Dual;
    /// The derivative.
    fn derivative(dual: Self::Dual) -> Self;
}

impl Real for f64 {
    fn plain(self) -> f64 {
        self
    }

    fn plus(self, number: f64) -> f64 {
        self + number
    }

    fn times(self, number: f64) -> f64 {
        self * number
    }

    fn inverse_root(self) -> f64 {
        Number::rsqrt(self)
    }
}

impl<N: Number + Real> Real for Dual<N> {
    fn plain(self) -> f64 {
        self.value.plain()
    }

    fn plus(self, number: f64) -> Self {
        self.plus_number(number)
    }

    fn times(self, number: f64) -> Self {
        self.times_number(number)
    }

    fn inverse_root(self) -> Self {
        self.rsqrt()
    }
}

impl Real for Scalar<'_> {
    fn plain(self) -> f64 {
        self.value()
    }

    fn plus(self, number: f64) -> Self {
        self + number
    }

    fn times(self, number: f64) -> Self {
        self * number
    }

    fn inverse_root(self) -> Self {
        self.rsqrt()
    }
}

macro_rules! by_dual_numbers {
    ($($N:ty),*) => { $(
        impl Forward for $N {
            type Dual = Dual<$N>;

            fn dual(self, variable: bool) -> Dual<$N> {
                Dual::new(self, if variable { Number::one() } else { Number::zero() })
            }

            fn derivative(dual: Dual<$N>) -> $N {
                dual.derivative
            }
        }
    )* };
}
by_dual_numbers! { f64, Dual<f64> }

impl<'t> Forward for Scalar<'t> {
    type Dual = Tangent<'t>;

    fn dual(self, variable: bool) -> Tangent<'t> {
        Tangent::new(self, variable)
    }

    fn derivative(dual: Tangent<'t>) -> Self {
        dual.derivative()
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::{Real, slope};

    /// Every operation, with both arguments in each.
    struct Mixed;

    impl slope::Function for Mixed {
        fn at<R: Real>([x, y]: [R; 2], [a, b]: [R; 2]) -> R {
            let quotient = (x * y - a.times(0.5)) / (y * y + b.plus(1.0));
            quotient * (x * x + y.times(3.0)).inverse_root() + b - x
        }
    }

    const X: [f64; 2] = [0.7, 1.3];
    const GIVEN: [f64; 2] = [0.4, -0.2];

    fn difference(f: impl Fn([f64; 2]) -> f64, along: usize) -> f64 {
        let moved = |by: f64| {
            let mut x = X;
            x[along] += by;
            f(x)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    }

    #[test]
    fn both_modes_give_the_gradient_of_any_kind_of_number() {
        let expected = [0, 1].map(|along| difference(|x| <Mixed as slope::Function>::at(x, GIVEN), along));
        let tape = Tape::new();
        let (x, given) = (X.map(|x| tape.scalar(x)), GIVEN.map(|x| tape.scalar(x)));
        let found = [
            slope::forward::<Mixed, f64>(X, GIVEN),
            slope::reverse::<Mixed>(&mut Tape::new(), X, GIVEN),
            slope::forward::<Mixed, _>(x, given).map(Real::plain),
            slope::recorded::<Mixed>(x, given).map(Real::plain),
        ];
        for slopes in found {
            assert!(slopes.iter().zip(expected).all(|(dx, e)| (dx - e).abs() < 1e-9), "{slopes:?}, not {expected:?}");
        }
    }

    /// The mixed second derivative, the inner one by the second number, the outer one by the first.
    #[test]
    fn gradients_can_be_differentiated_again() {
        let expected = difference(|x| slope::forward::<Mixed, f64>(x, GIVEN)[1], 0);
        let duals = [super::Forward::dual(X[0], true), super::Forward::dual(X[1], false)];
        let constants = GIVEN.map(|x| super::Forward::dual(x, false));
        let by_duals = slope::forward::<Mixed, _>(duals, constants)[1].derivative;
        let tape = Tape::new();
        let (x, given) = (X.map(|x| tape.scalar(x)), GIVEN.map(|x| tape.scalar(x)));
        let by_tangents = slope::forward::<Mixed, _>(x, given)[1].backward()[x[0]];
        let recorded = slope::recorded::<Mixed>(x, given)[1].backward()[x[0]];
        for second in [by_duals, by_tangents, recorded] {
            assert!((second - expected).abs() < 1e-8, "{second}, not {expected}");
        }
    }
}
