//! The derivatives of softmax, as differences without cancellation: where p is near 1, 1 − p is the sum of the
//! others.

use super::flagged::array_of;
use super::isa::kernel;
use super::reduce::{Loops, STRIP};
use super::sums::{BLOCK, ColumnSums, LANES, PairwiseSum, folded};
use crate::math;
use crate::number::Float;

/// At most one part of a distribution exceeds ½.
#[inline(always)]
fn is_sure<T: Float>(p: T) -> bool {
    p > T::from_f64(0.5)
}

#[inline(always)]
fn unless_sure<T: Float>(p: T, x: T) -> T {
    math::select(is_sure(p), T::zero(), x)
}

/// Which difference, for a distribution `p` and any `v`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// `v − Σ p·v`
    Plain,
    /// `v − p·Σv`
    Transposed,
    /// `p·(v − Σ p·v)`
    Weighted,
}

/// A term of the sum.
#[inline(always)]
fn term<T: Float>(p: T, v: T, form: Form) -> T {
    if form == Form::Transposed { v } else { p * v }
}

/// A value of the difference, from the sum of all terms, that of all but the dominant one, and the rest of the
/// distribution. For the dominant value it is `(1 − p)·v − Σ p·v`, or `(1 − p)·Σv − Σv`, with the last sum over the
/// others. [`shared`] has computed the sums.
#[inline(always)]
fn difference<T: Float>(p: T, v: T, [all, others, rest]: [T; 3], form: Form) -> T {
    match form {
        Form::Transposed => math::select(is_sure(p), rest * all - others, v - p * all),
        Form::Plain => math::select(is_sure(p), rest * v - others, v - all),
        Form::Weighted => p * math::select(is_sure(p), rest * v - others, v - all),
    }
}

/// The sums for [`difference`] of p divided by the sum of p, which is 1 up to round-off.
#[inline(always)]
fn shared<T: Float>([all, others, rest, total]: [T; 4], form: Form) -> [T; 3] {
    if form == Form::Transposed { [all / total, others, rest] } else { [all / total, others / total, rest / total] }
}

kernel! {
    /// The difference along the middle axis, with p divided by its sum.
    fn centre<'a, T>(p: &'a [T], v: &'a [T], loops: Loops, form: Form, out: &'a mut [T]) for p.len(), {
        match form {
            Form::Plain => centre_all(p, Some(v), loops, Form::Plain, out),
            Form::Transposed => centre_all(p, Some(v), loops, Form::Transposed, out),
            Form::Weighted => centre_all(p, Some(v), loops, Form::Weighted, out),
        }
    }
}

kernel! {
    /// `v = v − p·Σv/Σp`: [`centre`] transposed, in place.
    fn centre_in_place<'a, T>(p: &'a [T], loops: Loops, v: &'a mut [T]) for p.len(), {
        centre_all(p, None, loops, Form::Transposed, v);
    }
}

/// The differences, of `v` itself or of the values that it receives `from` another array.
#[inline(always)]
fn centre_all<T: Float>(p: &[T], from: Option<&[T]>, loops: Loops, form: Form, v: &mut [T]) {
    let Loops { n, inner, .. } = loops;
    if inner > 1 {
        // Loops instead of `strips`: a closure that serves three forms would not be inlined, and be compiled for the baseline.
        for o in 0..loops.outer {
            for i in (0..inner).step_by(STRIP) {
                strip(p, from, (o * n * inner + i, inner), (n, STRIP.min(inner - i)), form, v);
            }
        }
        return;
    }
    let n = n.max(1);
    for (row, (p, v)) in p.chunks_exact(n).zip(v.chunks_exact_mut(n)).enumerate() {
        if let Some(from) = from {
            v.copy_from_slice(&from[row * n..][..n]);
        }
        let sums = if n <= BLOCK {
            row_sums(p, v, form)
        } else {
            let mut sums = PairwiseSum::<T, 4>::default();
            for (p, v) in p.chunks(BLOCK).zip(v.chunks(BLOCK)) {
                sums.add(row_sums(p, v, form));
            }
            sums.total()
        };
        let sums = shared(sums, form);
        for (v, &p) in v.iter_mut().zip(p) {
            *v = difference(p, *v, sums, form);
        }
    }
}

/// The sums of the terms, of all but the dominant one, of the other parts, and of all parts.
#[inline(always)]
fn row_sums<T: Float>(p: &[T], v: &[T], form: Form) -> [T; 4] {
    let ((p, p_rest), (v, v_rest)) = (p.as_chunks::<LANES>(), v.as_chunks::<LANES>());
    let zero = T::zero();
    let (mut all, mut others, mut rest, mut total) = ([zero; LANES], [zero; LANES], [zero; LANES], [zero; LANES]);
    for (p, v) in p.iter().zip(v) {
        for i in 0..LANES {
            let term = term(p[i], v[i], form);
            all[i] = all[i] + term;
            others[i] = others[i] + unless_sure(p[i], term);
            rest[i] = rest[i] + unless_sure(p[i], p[i]);
            total[i] = total[i] + p[i];
        }
    }
    let mut last = [zero; 4];
    for (&p, &v) in p_rest.iter().zip(v_rest) {
        let term = term(p, v, form);
        let terms = [term, unless_sure(p, term), unless_sure(p, p), p];
        last = array_of(|k| last[k] + terms[k]);
    }
    if p.is_empty() {
        return last;
    }
    let lanes = [all, others, rest, total];
    array_of(|k| folded(lanes[k], |a, b| a + b) + last[k])
}

/// Four sums for each column of a strip.
const FOUR: usize = 4 * STRIP;

/// The same down `w` columns of length `n` from `start`, with rows `step` apart.
#[inline(always)]
fn strip<T: Float>(
    p: &[T],
    from: Option<&[T]>,
    (start, step): (usize, usize),
    (n, w): (usize, usize),
    form: Form,
    v: &mut [T],
) {
    let mut columns = ColumnSums::<T, FOUR>::of(n);
    while let Some(rows) = columns.block() {
        let mut sums = [[T::zero(); STRIP]; 4];
        for at in rows.map(|j| start + j * step) {
            let [all, others, rest, total] = &mut sums;
            let sums = all.iter_mut().zip(others).zip(rest).zip(total);
            let v = &from.unwrap_or(v)[at..at + w];
            for ((((all, others), rest), total), (&p, &v)) in sums.zip(p[at..at + w].iter().zip(v)) {
                let term = term(p, v, form);
                *all = *all + term;
                *others = *others + unless_sure(p, term);
                *rest = *rest + unless_sure(p, p);
                *total = *total + p;
            }
        }
        let mut four = [T::zero(); FOUR];
        for (four, sums) in four.chunks_exact_mut(STRIP).zip(sums) {
            four.copy_from_slice(&sums);
        }
        columns.add(four);
    }
    let four = columns.total();
    let mut sums = [[T::zero(); 3]; STRIP];
    for (i, sums) in sums.iter_mut().enumerate().take(w) {
        *sums = shared([four[i], four[STRIP + i], four[2 * STRIP + i], four[3 * STRIP + i]], form);
    }
    for at in (0..n).map(|j| start + j * step) {
        let (p, v) = (&p[at..at + w], &mut v[at..at + w]);
        match from {
            Some(from) => {
                for ((v, &from), (&p, &sums)) in v.iter_mut().zip(&from[at..at + w]).zip(p.iter().zip(&sums)) {
                    *v = difference(p, from, sums, form);
                }
            }
            None => {
                for (v, (&p, &sums)) in v.iter_mut().zip(p.iter().zip(&sums)) {
                    *v = difference(p, *v, sums, form);
                }
            }
        }
    }
}
