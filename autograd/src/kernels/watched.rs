//! Formulas over arrays, by the block, on numbers that remember whether a trigonometric function was asked for too far
//! out for its vector form.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::Isa;
use super::math::trigonometric::{near_cos, near_sin, near_tan};
use super::math::{self, Native, Native2, Real};
use crate::number::{Float, Number};
use crate::ops::rows::{Args, Binary, Unary};

/// A function of `K` numbers that reads alike on any kind of number.
pub(crate) trait Formula<const K: usize>: Copy {
    /// Whether it may ask for a trigonometric function: their vector forms are right only near 0.
    const WAVES: bool;

    /// Implementations are `#[inline(always)]`.
    fn at<N: Real + Number>(self, x: [N; K]) -> N;
}

/// Values are computed so many at once: a loop of known length becomes vectors without a remainder.
const BLOCK: usize = 64;

/// `write(out[i], f(x₀[i], x₁[i], …))`
#[inline(always)]
pub(crate) fn each<I: Isa, T: Float, F: Formula<K>, const K: usize>(
    f: F,
    x: [&[T]; K],
    out: &mut [T],
    write: impl Fn(&mut T, T),
) {
    let (mut padded, mut last) = ([[T::one(); BLOCK]; K], [T::one(); BLOCK]);
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let (rest, whole) = (out.len(), out.len() == BLOCK);
        if !whole {
            for (padded, x) in padded.iter_mut().zip(x) {
                padded[..rest].copy_from_slice(&x[start..start + rest]);
            }
            last[..rest].copy_from_slice(out);
        }
        let x = std::array::from_fn(|k| x[k][start..].first_chunk().filter(|_| whole).unwrap_or(&padded[k]));
        block::<I, T, F, K>(
            f,
            x,
            if whole { out.first_chunk_mut().expect("a whole block") } else { &mut last },
            &write,
        );
        if !whole {
            out.copy_from_slice(&last[..rest]);
        }
    }
}

/// A block of [`each`].
#[inline(always)]
fn block<I: Isa, T: Float, F: Formula<K>, const K: usize>(
    f: F,
    x: [&[T; BLOCK]; K],
    out: &mut [T; BLOCK],
    write: impl Fn(&mut T, T),
) {
    let near = |i: usize| f.at::<Watched<I, T>>(std::array::from_fn(|k| Watched::new(x[k][i])));
    if !F::WAVES {
        for (i, out) in out.iter_mut().enumerate() {
            write(out, near(i).value);
        }
        return;
    }
    let (mut y, mut far) = ([T::zero(); BLOCK], false);
    for (i, y) in y.iter_mut().enumerate() {
        let value = near(i);
        *y = value.value;
        far |= value.far;
    }
    if far {
        for (i, y) in y.iter_mut().enumerate() {
            *y = f.at::<T>(std::array::from_fn(|k| x[k][i]));
        }
    }
    for (out, y) in out.iter_mut().zip(y) {
        write(out, y);
    }
}

/// A function of one number and its derivative.
pub(crate) trait WithSlope: Copy {
    /// Implementations are `#[inline(always)]`.
    fn at<N: Real + Number>(self, x: N) -> [N; 2];
}

/// `(y[i], slope[i]) = f(x[i])`
#[inline(always)]
pub(crate) fn each_with_slope<I: Isa, T: Float>(f: impl WithSlope, x: &[T], y: &mut [T], slope: &mut [T]) {
    let [mut padded, mut values, mut slopes] = [[T::one(); BLOCK]; 3];
    for ((x, y), slope) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)).zip(slope.chunks_mut(BLOCK)) {
        let (rest, whole) = (x.len(), x.len() == BLOCK);
        if !whole {
            padded[..rest].copy_from_slice(x);
        }
        let x = x.first_chunk().unwrap_or(&padded);
        let (to_y, to_slope) = match (y.first_chunk_mut(), slope.first_chunk_mut()) {
            (Some(y), Some(slope)) => (y, slope),
            _ => (&mut values, &mut slopes),
        };
        let mut far = false;
        for i in 0..BLOCK {
            let [value, derivative] = f.at::<Watched<I, T>>(Watched::new(x[i]));
            (to_y[i], to_slope[i]) = (value.value, derivative.value);
            far |= value.far | derivative.far;
        }
        if far {
            for i in 0..BLOCK {
                [to_y[i], to_slope[i]] = f.at::<T>(x[i]);
            }
        }
        if !whole {
            y.copy_from_slice(&values[..rest]);
            slope.copy_from_slice(&slopes[..rest]);
        }
    }
}

/// [`each`] on the oldest processor's vectors, for the few values that are not worth a block.
#[inline(always)]
pub(crate) fn few<T: Float, F: Formula<K>, const K: usize>(
    f: F,
    x: [&[T]; K],
    out: &mut [T],
    write: impl Fn(&mut T, T),
) {
    const FOUR: usize = 4;
    let mut start = 0;
    while !F::WAVES
        && let Some(out) = out[start..].first_chunk_mut::<FOUR>()
    {
        let x: [&[T; FOUR]; K] =
            std::array::from_fn(|k| x[k][start..].first_chunk().expect("as many values as results"));
        // Known lengths, and all computed before any is written: the compiler makes vectors of it.
        let mut y = [T::one(); FOUR];
        for (i, y) in y.iter_mut().enumerate() {
            *y = f.at::<T>(std::array::from_fn(|k| x[k][i]));
        }
        for (out, y) in out.iter_mut().zip(y) {
            write(out, y);
        }
        start += FOUR;
    }
    for (i, out) in out.iter_mut().enumerate().skip(start) {
        write(out, f.at::<T>(std::array::from_fn(|k| x[k][i])));
    }
}

/// A number, and whether it came from a trigonometric function `far` out: then the block is computed again on plain
/// numbers, whose functions are right everywhere.
#[derive(Debug, Clone, Copy)]
struct Watched<I, T> {
    value: T,
    far: bool,
    isa: PhantomData<I>,
}

impl<I: Isa, T: Real> Watched<I, T> {
    #[inline(always)]
    fn new(value: T) -> Self {
        Watched { value, far: false, isa: PhantomData }
    }

    #[inline(always)]
    fn or(self, far: bool) -> Self {
        Watched { far: self.far | far, ..self }
    }
}

/// The value alone decides; [`Number::binary`] and [`Number::select`] carry `far` past a comparison.
impl<I, T: Real> PartialEq for Watched<I, T> {
    #[inline(always)]
    fn eq(&self, b: &Self) -> bool {
        self.value == b.value
    }
}

impl<I, T: Real> PartialOrd for Watched<I, T> {
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
        impl<I: Isa, T: Real> $Trait for Watched<I, T> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                Watched::new(self.value.$method(b.value)).or(self.far).or(b.far)
            }
        }
    )* };
}
operators! { Add add; Sub sub; Mul mul; Div div; }

impl<I: Isa, T: Real> Neg for Watched<I, T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Watched { value: -self.value, ..self }
    }
}

impl<I: Isa, T: Float> Real for Watched<I, T> {
    #[inline(always)]
    fn of_f64(value: f64) -> Self {
        Watched::new(T::of_f64(value))
    }

    #[inline(always)]
    fn native(self, f: Native) -> Self {
        let x = self.value;
        let near = match f {
            Native::Sin => near_sin(x),
            Native::Cos => near_cos(x),
            Native::Tan => near_tan(x),
            _ => return Watched::new(x.native(f)).or(self.far),
        };
        Watched::new(near).or(self.far | (math::abs(x) > T::FAR))
    }

    #[inline(always)]
    fn native2(self, f: Native2, b: Self) -> Self {
        Watched::new(self.value.native2(f, b.value)).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn native_powi(self, n: i32) -> Self {
        Watched::new(self.value.native_powi(n)).or(self.far)
    }
}

impl<I: Isa, T: Float> Number for Watched<I, T> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::of_f64(value)
    }

    #[inline(always)]
    fn unary(self, row: Unary, args: Args) -> Self {
        row.value(self, args).or(self.far)
    }

    #[inline(always)]
    fn binary(self, row: Binary, b: Self) -> Self {
        row.value(self, b).or(self.far).or(b.far)
    }

    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        Watched::new(self.value.select(a.value, b.value)).or(self.far | a.far | b.far)
    }
}
