//! Formulas over arrays, by blocks, on numbers that record whether one form of the formula was valid for all of them.
//!
//! A branch in a loop keeps the compiler from vectorising it. So a block is first computed without a branch, in the
//! form that is valid for most numbers. If that form was not valid for all, the block is computed again in full:
//! because a trigonometric argument was too large for the vector form, because a factor overflowed or underflowed, or
//! because a slope is too small to be computed from a rounded output. Where vectors are not worth that, formulas are
//! computed on plain numbers.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::{self, Baseline, Isa, Kernel};
use crate::math::exponential::{beyond_tanh, near_sech_squared};
use crate::math::ieee::Ieee;
use crate::math::trigonometric::{near_cos, near_sin, near_tan};
use crate::math::{self, Native, Native2, Real};
use crate::number::rows::{Args, BinaryRow, UnaryRow};
use crate::number::{Float, Number, Test};

/// A function of `K` numbers and of the present value of the output, generic over numbers.
pub(crate) trait Formula<const K: usize>: Copy {
    /// Whether it may call a function with a form for most numbers, such as the trigonometric ones,
    /// [decide](Number::decide), or take a [shortcut](Number::shortcut).
    const DECIDES: bool;
    /// Whether most numbers take the shortcuts. A formula that computes a value together with its slope is better
    /// without.
    const SHORTCUTS: bool;

    /// Implementations are `#[inline(always)]`.
    fn at<N: Real + Number>(self, x: [N; K], out: N) -> N;
}

/// An operand of a formula: a number for each result, or one for all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    values: &'a [T],
    /// 1, or 0 for one number.
    step: usize,
}

impl<'a, T: Float> Operand<'a, T> {
    /// A number for each result.
    #[inline(always)]
    pub(crate) fn each(values: &'a [T]) -> Self {
        Operand { values, step: 1 }
    }

    /// The first number for all results if `step` is 0, and a number for each if it is 1.
    #[inline(always)]
    pub(crate) fn stepped(values: &'a [T], step: usize) -> Self {
        Operand { values, step }
    }

    #[inline(always)]
    fn at(self, i: usize) -> T {
        self.values[i * self.step]
    }
}

/// A formula on plain numbers, with the same bits as in blocks.
#[inline(always)]
fn alone<T: Float, F: Formula<K>, const K: usize>(f: F, x: [T; K], out: T) -> T {
    if F::SHORTCUTS {
        return f.at(x, out);
    }
    f.at(array_of(|k| Flagged::<Baseline, T, false, true>::new(x[k])), Flagged::new(out)).value
}

/// The number of values computed at once: a loop of known length is vectorised without a remainder.
pub(super) const BLOCK: usize = 64;

/// `f(0), f(1), …`, at least one. `std::array::from_fn` does the same by closures of closures, which cost the compiler
/// more than the formula.
#[inline(always)]
pub(super) fn array_of<N: Copy, const K: usize>(f: impl Fn(usize) -> N) -> [N; K] {
    let mut all = [f(0); K];
    let mut k = 1;
    while k < K {
        all[k] = f(k);
        k += 1;
    }
    all
}

/// `out[i] = f(x₀[i], x₁[i], …; out[i])` with the widest instructions available.
#[inline]
pub(crate) fn each<T: Float, F: Formula<K>, const K: usize>(f: F, x: [Operand<'_, T>; K], out: &mut [T]) {
    if out.len() < isa::FEW {
        return one_by_one(f, x, out);
    }
    padded(x, out, &mut |x, out| isa::run(out.len(), Blocks { f, x, out }));
}

/// [`each`] with the baseline instructions.
#[inline(never)]
pub(crate) fn one_by_one<T: Float, F: Formula<K>, const K: usize>(f: F, x: [Operand<'_, T>; K], out: &mut [T]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = alone(f, array_of(|k| x[k].at(i)), *out);
    }
}

/// A formula over whole blocks, without its type.
type OnBlocks<'a, T, const K: usize> = dyn for<'x> FnMut([Operand<'x, T>; K], &mut [T]) + 'a;

/// Calls `blocks` for whole blocks, the last of them filled up with ones. It is compiled once for all formulas.
#[inline(never)]
fn padded<T: Float, const K: usize>(x: [Operand<'_, T>; K], out: &mut [T], blocks: &mut OnBlocks<'_, T, K>) {
    // Written only where they are needed.
    let (mut filled, mut ends): ([[T; BLOCK]; K], [[T; BLOCK]; K]);
    let mut x = x;
    if x.iter().any(|x| x.step == 0) {
        filled = [[T::one(); BLOCK]; K];
        for (x, filled) in x.iter_mut().zip(&mut filled).filter(|(x, _)| x.step == 0) {
            *filled = [x.values[0]; BLOCK];
            x.values = filled;
        }
    }
    let (whole, rest) = out.split_at_mut(out.len() - out.len() % BLOCK);
    let (start, len) = (whole.len(), rest.len());
    if start > 0 {
        blocks(x, whole);
    }
    if len > 0 {
        ends = [[T::one(); BLOCK]; K];
        for (x, end) in x.iter_mut().zip(&mut ends).filter(|(x, _)| x.step == 1) {
            end[..len].copy_from_slice(&x.values[start..start + len]);
            x.values = end;
        }
        let mut last = [T::one(); BLOCK];
        last[..len].copy_from_slice(rest);
        blocks(x, &mut last);
        rest.copy_from_slice(&last[..len]);
    }
}

/// Whole blocks of [`each`]. An operand with one number for all results has a block of them.
struct Blocks<'a, T, F, const K: usize> {
    f: F,
    x: [Operand<'a, T>; K],
    out: &'a mut [T],
}

impl<T: Float, F: Formula<K>, const K: usize> Kernel for Blocks<'_, T, F, K> {
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Blocks { f, x, out } = self;
        if !I::BLOCKS {
            return one_by_one(f, x, out);
        }
        for (start, out) in (0..).step_by(BLOCK).zip(out.as_chunks_mut::<BLOCK>().0) {
            let x = array_of(|k| x[k].values[start * x[k].step..].first_chunk().expect("a whole block"));
            block::<I, T, F, K, BLOCK>(f, x, out);
        }
    }
}

/// A block of [`each`].
#[inline(always)]
fn block<I: Isa, T: Float, F: Formula<K>, const K: usize, const LEN: usize>(
    f: F,
    x: [&[T; LEN]; K],
    out: &mut [T; LEN],
) {
    match F::SHORTCUTS {
        true => block_in::<I, true, T, F, K, LEN>(f, x, out),
        false => block_in::<I, false, T, F, K, LEN>(f, x, out),
    }
}

/// Computes a block in the first form available, and again in the correct form if needed.
#[inline(always)]
fn block_in<I: Isa, const S: bool, T: Float, F: Formula<K>, const K: usize, const LEN: usize>(
    f: F,
    x: [&[T; LEN]; K],
    out: &mut [T; LEN],
) {
    let first = |i: usize, out: T| {
        f.at(array_of(|k| Flagged::<I, T, S, false>::new(x[k][i])), Flagged::<I, T, S, false>::new(out))
    };
    if !F::DECIDES {
        for (i, out) in out.iter_mut().enumerate() {
            let value = first(i, *out);
            debug_assert!(
                value.far == T::Flag::from(false),
                "a formula that decides must say so: mark its row in number/table.rs"
            );
            *out = value.value;
        }
        return;
    }
    let (mut y, mut far) = ([T::zero(); LEN], T::Flag::from(false));
    for (i, y) in y.iter_mut().enumerate() {
        let value = first(i, out[i]);
        *y = value.value;
        far = far | value.far;
    }
    if far == T::Flag::from(false) {
        *out = y;
    } else {
        I::rarely(Careful::<S, T, F, K, LEN> { f, x, out });
    }
}

/// A block in the form that is correct for all numbers.
struct Careful<'a, const S: bool, T, F, const K: usize, const LEN: usize> {
    f: F,
    x: [&'a [T; LEN]; K],
    out: &'a mut [T; LEN],
}

impl<const S: bool, T: Float, F: Formula<K>, const K: usize, const LEN: usize> Kernel for Careful<'_, S, T, F, K, LEN> {
    #[inline(always)]
    fn run<I: Isa>(self) {
        let Careful { f, x, out } = self;
        for (i, out) in out.iter_mut().enumerate() {
            *out = f.at(array_of(|k| Flagged::<I, T, S, true>::new(x[k][i])), Flagged::new(*out)).value;
        }
    }
}

/// [`each`] with the baseline instruction set, for the few values that are not worth a block.
#[inline(always)]
pub(crate) fn few<T: Float, F: Formula<K>, const K: usize>(f: F, x: [&[T]; K], out: &mut [T]) {
    const FOUR: usize = 4;
    let mut start = 0;
    while let Some(out) = out[start..].first_chunk_mut::<FOUR>() {
        let x = array_of(|k| x[k][start..].first_chunk().expect("as many values as results"));
        block::<Baseline, T, F, K, FOUR>(f, x, out);
        start += FOUR;
    }
    for (i, out) in out.iter_mut().enumerate().skip(start) {
        *out = alone(f, array_of(|k| x[k][i]), *out);
    }
}

/// A formula of single numbers in the form that is valid for most; `None` where it is not valid.
#[inline(always)]
pub(crate) fn first_form<T: Float, F: Formula<K>, const K: usize>(f: F, x: [T; K], out: T) -> Option<T> {
    let y = f.at(array_of(|k| Flagged::<Baseline, T, true, false>::new(x[k])), Flagged::new(out));
    (y.far == T::Flag::from(false)).then_some(y.value)
}

/// A number, and whether it is `far`: outside the range in which its form is valid.
///
/// The first form is the one for most numbers: trigonometric functions near 0, decisions as for most numbers, and, if
/// `SHORTCUTS`, the shortcuts. With `CAREFUL`, both forms are computed, and the correct one is chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flagged<I, T: Ieee, const SHORTCUTS: bool, const CAREFUL: bool> {
    pub(super) value: T,
    pub(super) far: T::Flag,
    isa: PhantomData<I>,
}

impl<I: Isa, T: Float, const S: bool, const C: bool> Flagged<I, T, S, C> {
    #[inline(always)]
    pub(super) fn new(value: T) -> Self {
        Flagged { value, far: false.into(), isa: PhantomData }
    }

    #[inline(always)]
    fn or(self, far: T::Flag) -> Self {
        Flagged { far: self.far | far, ..self }
    }

    #[inline(always)]
    fn or_if(self, far: bool) -> Self {
        self.or(far.into())
    }
}

/// The value alone decides; [`Number::binary`] and [`Number::select`] carry `far` past a comparison.
impl<I, T: Ieee, const S: bool, const C: bool> PartialEq for Flagged<I, T, S, C> {
    #[inline(always)]
    fn eq(&self, b: &Self) -> bool {
        self.value == b.value
    }
}

impl<I, T: Ieee, const S: bool, const C: bool> PartialOrd for Flagged<I, T, S, C> {
    #[inline(always)]
    fn partial_cmp(&self, b: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&b.value)
    }
    #[inline(always)]
    fn lt(&self, b: &Self) -> bool {
        self.value < b.value
    }
    #[inline(always)]
    fn le(&self, b: &Self) -> bool {
        self.value <= b.value
    }
    #[inline(always)]
    fn gt(&self, b: &Self) -> bool {
        self.value > b.value
    }
    #[inline(always)]
    fn ge(&self, b: &Self) -> bool {
        self.value >= b.value
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident;)*) => { $(
        impl<I: Isa, T: Float, const S: bool, const C: bool> $Trait for Flagged<I, T, S, C> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                Flagged::new(self.value.$method(b.value)).or(self.far).or(b.far)
            }
        }
    )* };
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl<I: Isa, T: Ieee, const S: bool, const C: bool> Neg for Flagged<I, T, S, C> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Flagged { value: -self.value, ..self }
    }
}

impl<I: Isa, T: Float, const S: bool, const C: bool> Real for Flagged<I, T, S, C> {
    #[inline(always)]
    fn of_f64(value: f64) -> Self {
        Flagged::new(T::of_f64(value))
    }

    #[inline(always)]
    fn native(self, f: Native) -> Self {
        let x = self.value;
        let near = match f {
            Native::Sin if !C => near_sin(x),
            Native::Cos if !C => near_cos(x),
            Native::Tan if !C => near_tan(x),
            Native::SechSquared if !C => return Flagged::new(near_sech_squared(x)).or(self.far).or_if(beyond_tanh(x)),
            _ => return Flagged::new(x.native(f)).or(self.far),
        };
        Flagged::new(near).or(self.far).or_if(math::abs(x) > T::FAR)
    }

    #[inline(always)]
    fn native2(self, f: Native2, b: Self) -> Self {
        Flagged::new(self.value.native2(f, b.value)).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn native_powi(self, n: i32) -> Self {
        Flagged::new(self.value.native_powi(n)).or(self.far)
    }

    #[inline(always)]
    fn native_powf(self, p: f64) -> Self {
        Flagged::new(self.value.native_powf(p)).or(self.far)
    }

    #[inline(always)]
    fn native_exp_base(self, base: f64) -> Self {
        Flagged::new(self.value.native_exp_base(base)).or(self.far)
    }

    #[inline(always)]
    fn native_special(self, f: fn(f64) -> f64) -> Self {
        Flagged::new(self.value.native_special(f)).or(self.far)
    }

    #[inline(always)]
    fn native_special2(self, f: fn(f64, f64) -> f64, b: Self) -> Self {
        Flagged::new(self.value.native_special2(f, b.value)).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn native_special_with(self, f: fn(f64, f64) -> f64, p: f64) -> Self {
        Flagged::new(self.value.native_special_with(f, p)).or(self.far)
    }
}

impl<I: Isa, T: Float, const S: bool, const C: bool> Number for Flagged<I, T, S, C> {
    const SHORTCUTS: bool = S;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::of_f64(value)
    }

    #[inline(always)]
    fn row<R: UnaryRow>(self, args: Args) -> Self {
        R::value(self, args).or(self.far)
    }

    #[inline(always)]
    fn row_of_two<R: BinaryRow>(self, b: Self) -> Self {
        R::value(self, b).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        Flagged::new(self.value.select(a.value, b.value)).or(self.far | a.far | b.far)
    }

    #[inline(always)]
    fn sech_squared_from(self, y: Self) -> Self {
        Flagged::new(self.value.sech_squared_from(y.value)).or(self.far | y.far)
    }

    #[inline(always)]
    fn logistic_density_from(self, y: Self) -> Self {
        Flagged::new(self.value.logistic_density_from(y.value)).or(self.far | y.far)
    }

    #[inline(always)]
    fn decide<R: Copy>(
        self,
        test: Test<Self>,
        most: impl FnOnce() -> R,
        rest: impl FnOnce() -> R,
        select: impl FnOnce(Self, R, R) -> R,
    ) -> R {
        let passed = test.map(|of| of.value).of(self.value);
        if C {
            return select(Flagged::new(math::mask(passed)).or(self.far), most(), rest());
        }
        let first = most();
        select(Self::one().or(self.far).or_if(!passed), first, first)
    }
}
