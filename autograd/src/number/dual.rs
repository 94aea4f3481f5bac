//! Dual numbers: a value and its derivative, or several of them, propagated forward together.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::number::passing::Passing;
use crate::number::rows::{self, Args, BinaryRow, UnaryRow};
use crate::number::{Number, Real, Test};

/// `value + derivative·ε` with `ε² = 0`: forward-mode differentiation with respect to one variable.
///
/// Every rule is a row of the operation table, so there is no second copy of a derivative here. Nested duals
/// (`Dual<Dual<f64>>`) give second derivatives.
///
/// ```
/// use autograd::{Dual, Number};
/// let x = Dual::new(Dual::new(0.5, 1.0), Dual::constant(1.0));
/// let y = x.sin();
/// assert_eq!(y.value.value, 0.5f64.sin());
/// assert_eq!(y.derivative.value, 0.5f64.cos());
/// assert_eq!(y.derivative.derivative, -0.5f64.sin());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual<N> {
    /// The function's value.
    pub value: N,
    /// The derivative with respect to the variable that was seeded with 1.
    pub derivative: N,
}

impl<N: Number> Dual<N> {
    /// Creates a dual number; `Dual::new(x, 1)` is the variable itself.
    pub fn new(value: N, derivative: N) -> Self {
        Dual { value, derivative }
    }
}

impl<N: Number> Number for Dual<N> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Dual { value: N::constant(value), derivative: N::zero() }
    }

    #[inline(always)]
    fn row<R: UnaryRow>(self, args: Args) -> Self {
        let value = self.value.row::<R>(args);
        let derivative = self.derivative;
        Dual { value, derivative: along::<R, N>(self.value, value, args, derivative) }
    }

    #[inline(always)]
    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self {
        let value = self.value.row_of_two::<R>(b.value);
        Dual { value, derivative: both::<R, N>([self.value, b.value, value], self.derivative, b.derivative) }
    }

    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        Dual { value: self.value.select(a.value, b.value), derivative: self.value.select(a.derivative, b.derivative) }
    }

    #[inline(always)]
    fn is_still(self) -> bool {
        self.value.is_still() && self.derivative.is_still()
    }

    #[inline(always)]
    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        let choice = |mask, a, b| select(Dual { value: mask, derivative: N::zero() }, a, b);
        self.value.decide(test.map(|of| of.value), most, rest, choice)
    }
}

impl<N: Real> Real for Dual<N> {
    #[inline(always)]
    fn value(self) -> f64 {
        self.value.value()
    }
}

/// The derivative of a row's value `y` when its operand moves by `dx`.
#[inline(always)]
fn along<R: UnaryRow, N: Number>(x: N, y: N, args: Args, dx: N) -> N {
    if dx.is_still() { dx } else { R::pass(x, y, args, Passing(dx)).0 }
}

/// The derivative of a binary row's value `y` when its operands move; `aby` are these three numbers.
///
/// Each rule is named once: all that is named here is compiled for each operation of each formula, and again for each
/// order of derivative.
#[inline(always)]
fn both<R: BinaryRow, N: Number>([a, b, y]: [N; 3], da: N, db: N) -> N {
    let first = if da.is_still() { da } else { R::first(a, b, y, Passing(da)).0 };
    let second = if db.is_still() { db } else { R::second(a, b, y, Passing(db)).0 };
    if second.is_still() {
        return first;
    }
    if first.is_still() { second } else { first + second }
}

/// A value and its partial derivatives with respect to `K` variables: [`Dual`] in `K` directions at once.
///
/// ```
/// use autograd::{Number, Partials};
/// let [x, y] = Partials::variables([3.0, 2.0]);
/// let z = x * y.exp();
/// assert_eq!((z.value, z.derivatives), (3.0 * 2f64.exp(), [2f64.exp(), 3.0 * 2f64.exp()]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partials<N, const K: usize> {
    /// The function's value.
    pub value: N,
    /// The derivative with respect to each variable.
    pub derivatives: [N; K],
}

impl<N: Number, const K: usize> Partials<N, K> {
    /// The variables themselves, with a derivative of 1 each.
    #[inline(always)]
    pub fn variables(x: [N; K]) -> [Self; K] {
        let mut all = [Partials { value: N::zero(), derivatives: [N::zero(); K] }; K];
        for k in 0..K {
            all[k].value = x[k];
            all[k].derivatives[k] = N::one();
        }
        all
    }
}

// Loops without closures, which the compiler would not inline into kernels for wide vectors.
impl<N: Number, const K: usize> Number for Partials<N, K> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Partials { value: N::constant(value), derivatives: [N::zero(); K] }
    }

    #[inline(always)]
    fn row<R: UnaryRow>(self, args: Args) -> Self {
        let value = self.value.row::<R>(args);
        let mut derivatives = self.derivatives;
        for d in &mut derivatives {
            *d = along::<R, N>(self.value, value, args, *d);
        }
        Partials { value, derivatives }
    }

    #[inline(always)]
    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self {
        let value = self.value.row_of_two::<R>(b.value);
        let aby = [self.value, b.value, value];
        let mut derivatives = self.derivatives;
        for (d, db) in derivatives.iter_mut().zip(b.derivatives) {
            *d = both::<R, N>(aby, *d, db);
        }
        Partials { value, derivatives }
    }

    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        let (mask, mut derivatives) = (self.value, a.derivatives);
        for (d, db) in derivatives.iter_mut().zip(b.derivatives) {
            *d = mask.select(*d, db);
        }
        Partials { value: mask.select(a.value, b.value), derivatives }
    }

    #[inline(always)]
    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        let choice = |mask, a, b| select(Partials { value: mask, derivatives: [N::zero(); K] }, a, b);
        self.value.decide(test.map(|of| of.value), most, rest, choice)
    }
}

impl<N: Real, const K: usize> Real for Partials<N, K> {
    #[inline(always)]
    fn value(self) -> f64 {
        self.value.value()
    }
}

macro_rules! operators {
    ([$($generics:tt)*] $Self:ty) => {
        operators! { @each [$($generics)*] $Self: Add add, Sub sub, Mul mul, Div div }
        impl<$($generics)*> Neg for $Self {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                self.row::<rows::unary::Neg>([0.0; 2])
            }
        }
    };
    (@each $generics:tt $Self:ty: $($Row:ident $method:ident),*) => {
        $(operators! { @one $generics $Self: $Row $method })*
    };
    (@one [$($generics:tt)*] $Self:ty: $Row:ident $method:ident) => {
        impl<$($generics)*> $Row for $Self {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                self.row_of_two::<rows::binary::$Row>(b)
            }
        }
    };
}
operators! { [N: Number] Dual<N> }
operators! { [N: Number, const K: usize] Partials<N, K> }
