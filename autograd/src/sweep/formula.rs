//! Recorded formulas: the rules of the table on handles, which append to the tape.

use crate::number::rows::{Args, Binary, BinaryRow, Unary, UnaryRow};
use crate::number::{Float, Number, Real, Test};
use crate::ops::{Array, Reading};
use crate::tape::{Scalar, Tape, Var};
use crate::tensor::Tensor;

impl<T: Float> Reading for Var<'_, T> {
    fn unary_vjp(row: Unary, args: Args, x: &Self, y: &Self, dy: Self) -> Self {
        if row == Unary::Abs
            && let Some(multiple) = dy.as_multiple_of(y)
        {
            return multiple.chain(*x);
        }
        row.pass(Recorded::Handle(*x), Recorded::Handle(*y), args, Recorded::Handle(dy)).like(dy)
    }

    fn binary_vjp(row: Binary, second: bool, a: &Self, b: &Self, y: &Self, dy: Self) -> Self {
        row.pass(second, [*a, *b, *y].map(Recorded::Handle), Recorded::Handle(dy)).like(dy)
    }
}

/// The handles of a recorded formula: scalars or arrays.
pub trait Handle: Copy {
    fn apply_unary(self, row: Unary, args: Args) -> Self;
    fn apply_binary(self, row: Binary, b: Self) -> Self;
    fn apply_select(self, a: Self, b: Self) -> Self;
    /// A plain number as a handle on the tape of `self`.
    fn lift(self, value: f64) -> Self;
    /// The same, in the shape of `self`.
    fn filled(self, value: f64) -> Self;
    /// Which values pass the test.
    fn tested(self, test: Test<Recorded<Self>>) -> Tested<Self>;
    /// The nearest number of the tape's type.
    fn rounded(value: f64) -> f64;
}

/// The values that pass a test: all, none, or those where the mask is 1.
#[derive(Debug)]
pub enum Tested<H> {
    All,
    None,
    Some(H),
}

impl<T: Float> Handle for Scalar<'_, T> {
    fn apply_unary(self, row: Unary, args: Args) -> Self {
        self.unary(row, args)
    }
    #[inline]
    fn apply_binary(self, row: Binary, b: Self) -> Self {
        self.binary(row, b)
    }
    fn apply_select(self, a: Self, b: Self) -> Self {
        self.select(a, b)
    }
    fn lift(self, value: f64) -> Self {
        self.tape().scalar_constant(T::from_f64(value))
    }
    fn filled(self, value: f64) -> Self {
        self.lift(value)
    }
    fn tested(self, test: Test<Recorded<Self>>) -> Tested<Self> {
        let value = |of: Recorded<Self>| match of {
            Recorded::Number(value) => T::from_f64(value),
            Recorded::Handle(of) => of.value(),
        };
        if test.map(value).of(self.value()) { Tested::All } else { Tested::None }
    }
    fn rounded(value: f64) -> f64 {
        T::from_f64(value).to_f64()
    }
}

impl<T: Float> Handle for Var<'_, T> {
    fn apply_unary(self, row: Unary, args: Args) -> Self {
        self.unary(row, args)
    }
    fn apply_binary(self, row: Binary, b: Self) -> Self {
        Array::binary(&self, row, &b)
    }
    fn apply_select(self, a: Self, b: Self) -> Self {
        self.select(a, b)
    }
    fn lift(self, value: f64) -> Self {
        self.tape().constant(Tensor::full([], T::from_f64(value)))
    }
    fn filled(self, value: f64) -> Self {
        self.tape().constant(Tensor::full(self.shape(), T::from_f64(value)))
    }
    fn tested(self, test: Test<Recorded<Self>>) -> Tested<Self> {
        match test {
            Test::Normal => passing(self, |_, x| Test::Normal.of(x)),
            Test::Within(bound) => passing(self, |_, x| Test::Within(bound).of(x)),
            Test::AtLeast(bound) => passing(self, |_, x| Test::AtLeast(bound).of(x)),
            Test::Whole { of } => {
                let [a, b] = of.map(|of| of.beside(self).value().expand(self.shape()));
                passing(self, |i, x| Test::Whole { of: [a.as_slice()[i], b.as_slice()[i]] }.of(x))
            }
        }
    }
    fn rounded(value: f64) -> f64 {
        T::from_f64(value).to_f64()
    }
}

/// Those values of `x` that `passes` chooses by their place and value. They are counted first: mostly all or none pass.
fn passing<'t, T: Float>(x: Var<'t, T>, passes: impl Fn(usize, T) -> bool) -> Tested<Var<'t, T>> {
    let mask = x.with_values(|values| {
        let passed = |(i, &x): (usize, &T)| usize::from(passes(i, x));
        let all = values.iter().enumerate();
        match all.clone().map(passed).sum::<usize>() {
            n if n == values.len() => Err(Tested::All),
            0 => Err(Tested::None),
            _ => Ok(all.map(|x| T::from_f64(passed(x) as f64)).collect()),
        }
    });
    match mask {
        Ok(mask) => Tested::Some(x.tape().constant(Tensor::new(x.shape(), mask))),
        Err(alike) => alike,
    }
}

/// A recorded number, or a plain one that is on no tape yet, as a [`Number`].
///
/// A constant of a formula knows no tape, so a [`Scalar`] itself is no `Number`. Operations of plain numbers alone are
/// not recorded. [`Real`] has an example.
///
/// ```
/// use autograd::{Number, Recorded, Tape};
/// fn logistic<N: Number>(x: N) -> N {
///     N::one() / (N::one() + (-x).exp())
/// }
/// let tape = Tape::new();
/// let x = tape.scalar(0.0);
/// assert_eq!(logistic(Recorded::from(x)).on(&tape).backward()[x], 0.25);
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Recorded<H> {
    /// A number on no tape.
    Number(f64),
    /// A handle on a tape.
    Handle(H),
}

impl<'t, T: Float> From<Scalar<'t, T>> for Recorded<Scalar<'t, T>> {
    fn from(x: Scalar<'t, T>) -> Self {
        Recorded::Handle(x)
    }
}

impl<'t, T: Float> Recorded<Scalar<'t, T>> {
    /// This number on `tape`; a plain one as a constant.
    pub fn on(self, tape: &'t Tape<T>) -> Scalar<'t, T> {
        match self {
            Recorded::Number(value) => tape.scalar_constant(T::from_f64(value)),
            Recorded::Handle(x) => x,
        }
    }
}

impl<T: Float> Real for Recorded<Scalar<'_, T>> {
    fn value(self) -> f64 {
        match self {
            Recorded::Number(value) => value,
            Recorded::Handle(x) => x.value().to_f64(),
        }
    }
}

use Recorded::Number as Eager;

impl<H: Handle> Recorded<H> {
    /// The result as a handle in the shape of the incoming gradient.
    pub(super) fn like(self, dy: H) -> H {
        match self {
            Recorded::Number(value) => dy.filled(value),
            Recorded::Handle(dx) => dx,
        }
    }

    /// The handle; a number is recorded on the tape of another handle.
    fn beside(self, other: H) -> H {
        match self {
            Recorded::Number(value) => other.lift(value),
            Recorded::Handle(handle) => handle,
        }
    }
}

#[allow(private_bounds)] // rows are this crate's alone
impl<H: Handle> Number for Recorded<H> {
    fn constant(value: f64) -> Self {
        Recorded::Number(H::rounded(value))
    }

    fn row<R: UnaryRow>(self, args: Args) -> Self {
        self.unary(R::ROW, args)
    }

    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self {
        self.binary(R::ROW, b)
    }

    // The tape stores rows as values, so none is compiled apart.
    fn unary(self, row: Unary, args: Args) -> Self {
        match self {
            Eager(x) => Eager(row.value_of_any(x, args)),
            Recorded::Handle(x) => Recorded::Handle(x.apply_unary(row, args)),
        }
    }

    fn binary(self, row: Binary, b: Self) -> Self {
        let handle = match (self, b) {
            (Eager(a), Eager(b)) => return Eager(a.binary(row, b)),
            (Recorded::Handle(a), Recorded::Handle(b)) => a.apply_binary(row, b),
            // A factor of 1 leaves the gradient unchanged; a factor of 0 stops it.
            (a, Eager(1.0)) if matches!(row, Binary::Chain | Binary::ChainOver) => return a,
            (Eager(1.0), b) if row == Binary::Chain => return b,
            (Eager(0.0), _) if matches!(row, Binary::Chain | Binary::ChainOver | Binary::Masked) => return Eager(0.0),
            (a, Eager(mask)) if row == Binary::Masked => return if mask == 0.0 { Eager(0.0) } else { a },
            (Recorded::Handle(a), Eager(b)) => match row.with_number_right(b) {
                Some((row, args)) => a.apply_unary(row, args),
                None => a.apply_binary(row, a.lift(b)),
            },
            (Eager(a), Recorded::Handle(b)) => match row.with_number_left(a) {
                Some((row, args)) => b.apply_unary(row, args),
                None => b.lift(a).apply_binary(row, b),
            },
        };
        Recorded::Handle(handle)
    }

    fn is_still(self) -> bool {
        matches!(self, Eager(0.0))
    }

    fn select(self, a: Self, b: Self) -> Self {
        let mask = match self {
            Eager(mask) => return if mask == 0.0 { b } else { a },
            Recorded::Handle(mask) => mask,
        };
        Recorded::Handle(mask.apply_select(a.beside(mask), b.beside(mask)))
    }

    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        let tested = match self {
            Eager(x) => {
                let number = |of| if let Eager(of) = of { of } else { x };
                if test.map(number).of(x) { Tested::All } else { Tested::None }
            }
            Recorded::Handle(x) => x.tested(test),
        };
        match tested {
            Tested::All => most(),
            Tested::None => rest(),
            Tested::Some(mask) => select(Recorded::Handle(mask), most(), rest()),
        }
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Row:ident;)*) => { $(
        impl<H: Handle> std::ops::$Trait for Recorded<H> {
            type Output = Self;
            // Handles have a way of their own, on which the row is known.
            #[inline]
            fn $method(self, b: Self) -> Self {
                match (self, b) {
                    (Recorded::Handle(a), Recorded::Handle(b)) => Recorded::Handle(a.apply_binary(Binary::$Row, b)),
                    _ => self.binary(Binary::$Row, b),
                }
            }
        }
    )* };
}
operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl<H: Handle> std::ops::Neg for Recorded<H> {
    type Output = Self;
    fn neg(self) -> Self {
        self.unary(Unary::Neg, [0.0; 2])
    }
}
