//! Formulas over arrays, by blocks, on numbers that record whether one form of the formula was valid for all of them.
//!
//! A branch in a loop keeps the compiler from vectorising it. So a block is first computed without a branch, in the
//! form that is valid for most numbers. If that form was not valid for all, the block is computed again in full:
//! because a trigonometric argument was too large for the vector form, because a factor overflowed or underflowed, or
//! because a slope is too small to be computed from a rounded output. Where vectors are not worth that, formulas are
//! computed on plain numbers.

use super::forms::{BOTH, Flagged, NONE, TAKEN};
use super::isa::{self, Baseline, Isa, Kernel};
use crate::math::Real;
use crate::number::{Float, Number};

/// A function of `K` numbers and of the present value of the output, generic over numbers.
pub(crate) trait Formula<const K: usize>: Copy {
    /// Whether it may call a function with a form for most numbers, such as the trigonometric ones,
    /// [decide](Number::decide), or take a [shortcut](Number::shortcut).
    const DECIDES: bool;
    /// Whether most numbers take the shortcuts. A formula that computes a value together with its slope is better
    /// without.
    const SHORTCUTS: bool;
    /// Whether blocks often have numbers that may take a shortcut beside others that may not.
    const MIXED: bool = false;

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
    f.at(array_of(|k| Flagged::<Baseline, T, NONE, true>::new(x[k])), Flagged::new(out)).value
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
        true => block_in::<I, TAKEN, T, F, K, LEN>(f, x, out),
        false => block_in::<I, NONE, T, F, K, LEN>(f, x, out),
    }
}

/// Computes a block in the first form available, and again in the correct form if needed.
#[inline(always)]
fn block_in<I: Isa, const S: u8, T: Float, F: Formula<K>, const K: usize, const LEN: usize>(
    f: F,
    x: [&[T; LEN]; K],
    out: &mut [T; LEN],
) {
    if !F::DECIDES {
        for (i, out) in out.iter_mut().enumerate() {
            let value = first::<I, S, T, F, K, LEN>(f, x, i, *out);
            debug_assert!(
                value.far == T::Flag::from(false),
                "a formula that decides must say so: mark its row in number/table.rs"
            );
            *out = value.value;
        }
        return;
    }
    let valid = attempt::<I, S, T, F, K, LEN>(f, x, out) || F::MIXED && attempt::<I, BOTH, T, F, K, LEN>(f, x, out);
    if !valid {
        I::rarely(Careful::<S, T, F, K, LEN> { f, x, out });
    }
}

/// Value `i` of a block in the form for most numbers.
#[inline(always)]
fn first<I: Isa, const S: u8, T: Float, F: Formula<K>, const K: usize, const LEN: usize>(
    f: F,
    x: [&[T; LEN]; K],
    i: usize,
    out: T,
) -> Flagged<I, T, S, false> {
    f.at(array_of(|k| Flagged::new(x[k][i])), Flagged::new(out))
}

/// Computes a block in the form for most numbers; returns whether that was valid for all of them.
#[inline(always)]
fn attempt<I: Isa, const S: u8, T: Float, F: Formula<K>, const K: usize, const LEN: usize>(
    f: F,
    x: [&[T; LEN]; K],
    out: &mut [T; LEN],
) -> bool {
    let (mut y, mut far) = ([T::zero(); LEN], T::Flag::from(false));
    for (i, y) in y.iter_mut().enumerate() {
        let value = first::<I, S, T, F, K, LEN>(f, x, i, out[i]);
        *y = value.value;
        far = far | value.far;
    }
    let valid = far == T::Flag::from(false);
    if valid {
        *out = y;
    }
    valid
}

/// A block in the form that is correct for all numbers.
struct Careful<'a, const S: u8, T, F, const K: usize, const LEN: usize> {
    f: F,
    x: [&'a [T; LEN]; K],
    out: &'a mut [T; LEN],
}

impl<const S: u8, T: Float, F: Formula<K>, const K: usize, const LEN: usize> Kernel for Careful<'_, S, T, F, K, LEN> {
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
    let y = f.at(array_of(|k| Flagged::<Baseline, T, TAKEN, false>::new(x[k])), Flagged::new(out));
    (y.far == T::Flag::from(false)).then_some(y.value)
}
