//! Iteration over two operands whose shapes broadcast.

use smallvec::SmallVec;

use super::isa::FEW;
use crate::shape::count;

/// The iteration over two operands that fills a result: an inner run of `len` values, and loops around it.
///
/// Axes along which both operands advance alike are merged, so that equal shapes give one run, and adding a bias to a
/// batch gives one run per row.
#[derive(Debug)]
pub(crate) enum Runs {
    /// Two operands with the result's shape, which has this many values.
    Same(usize),
    /// (length, step of a, step of b) from the outermost axis to the innermost.
    Axes(SmallVec<[(usize, usize, usize); 4]>),
    /// A few values, each where it is: loops around runs would cost more than the values.
    Few(Few),
}

/// The most values of [`Runs::Few`], if their runs are [`SHORT`]; else they are fewer than [`FEW`], as in other kernels.
pub(super) const MOST: usize = 32;
const SHORT: usize = 4;

/// For each of `len` results its positions in both operands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Few {
    pub(crate) len: usize,
    at: [[u8; MOST]; 2],
}

impl Few {
    /// In its place: bytes that were just written one by one are slow to move.
    #[inline]
    fn fill(&mut self, out: &[usize], operands: [&[usize]; 2]) {
        for (x, at) in operands.into_iter().zip(&mut self.at) {
            let mut filled = 1;
            for (n, step) in steps(out, x) {
                for k in filled..(filled * n).min(MOST) {
                    at[k] = at[k - filled] + step as u8;
                }
                filled *= n;
            }
        }
    }

    /// The positions in both operands, result by result.
    #[inline(always)]
    pub(crate) fn places(&self) -> impl Iterator<Item = [usize; 2]> {
        let [a, b] = &self.at;
        a[..self.len].iter().zip(b).map(|(&a, &b)| [a as usize, b as usize])
    }
}

/// For each axis of a result from the innermost to the outermost, its length and the step along it of an operand of shape
/// `x`: 0 where that is stretched.
#[inline(always)]
fn steps(out: &[usize], x: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let mut next = 1;
    out.iter().enumerate().rev().map(move |(i, &n)| {
        let len = (i + x.len()).checked_sub(out.len()).map_or(1, |i| x[i]);
        let step = if len == 1 { 0 } else { next };
        next *= len;
        (n, step)
    })
}

/// One inner run: its start in the result and the operands, and whether each operand advances (1) or repeats (0).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) out: usize,
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) len: usize,
    pub(crate) step_a: usize,
    pub(crate) step_b: usize,
}

impl Run {
    /// Its part of the result.
    #[inline(always)]
    pub(crate) fn of<T>(self, out: &mut [T]) -> &mut [T] {
        &mut out[self.out..self.out + self.len]
    }
}

impl Runs {
    /// The iteration over operands of shapes `a` and `b` that broadcast to `out`.
    pub(crate) fn new(out: &[usize], a: &[usize], b: &[usize]) -> Runs {
        if a == out && b == out || out.contains(&0) {
            return Runs::Same(count(out));
        }
        let is_one = |shape: &[usize]| shape.iter().all(|&n| n == 1);
        let one_beside = match (a == out, b == out) {
            (true, _) if is_one(b) => Some((count(out), 1, 0)),
            (_, true) if is_one(a) => Some((count(out), 0, 1)),
            _ => None,
        };
        if let Some(axis) = one_beside {
            return Runs::Axes(SmallVec::from_buf_and_len([axis; 4], 1));
        }
        let mut axes: SmallVec<[(usize, usize, usize); 4]> = SmallVec::new();
        for ((n, step_a), (_, step_b)) in steps(out, a).zip(steps(out, b)) {
            if n == 1 {
                continue;
            }
            match axes.last_mut() {
                Some(last) if step_a == last.1 * last.0 && step_b == last.2 * last.0 => last.0 *= n,
                _ => axes.push((n, step_a, step_b)),
            }
        }
        if axes.is_empty() {
            axes.push((1, 1, 1));
        }
        axes.reverse();
        Runs::Axes(axes)
    }

    /// The same for values rather than for blocks of them: [`Runs::Few`] where they are few.
    #[inline]
    pub(crate) fn of_values(out: &[usize], a: &[usize], b: &[usize]) -> Runs {
        let len = count(out);
        let few = len < FEW || len <= MOST && out.last().is_some_and(|&n| n <= SHORT);
        if !few || len == 0 || a == out && b == out {
            return Runs::new(out, a, b);
        }
        let mut runs = Runs::Few(Few { len, at: [[0; MOST]; 2] });
        if let Runs::Few(few) = &mut runs {
            few.fill(out, [a, b]);
        }
        runs
    }

    /// Calls `f` for each inner run.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut f: impl FnMut(Run)) {
        if let Runs::Few(few) = self {
            for ([a, b], out) in few.places().zip(0..) {
                f(Run { out, a, b, len: 1, step_a: 1, step_b: 1 });
            }
            return;
        }
        let mut walk = self.walk();
        while walk.left > 0 {
            f(walk.run);
            walk.left -= 1;
            if walk.left > 0 {
                walk.advance();
            }
        }
    }

    fn walk(&self) -> Walk<'_> {
        let (run, outer) = match self {
            &Runs::Same(len) => (Run { out: 0, a: 0, b: 0, len, step_a: 1, step_b: 1 }, &[][..]),
            Runs::Axes(axes) => {
                let (&(len, step_a, step_b), outer) = axes.split_last().expect("at least one axis");
                (Run { out: 0, a: 0, b: 0, len, step_a, step_b }, outer)
            }
            Runs::Few(_) => unreachable!("few values are visited one by one"),
        };
        let left = if run.len == 0 { 0 } else { outer.iter().map(|axis| axis.0).product() };
        let index = if outer.is_empty() { SmallVec::new() } else { SmallVec::from_elem(0, outer.len()) };
        Walk { run, left, outer, index }
    }
}

/// A walk over the inner runs. Its steps are compiled once for all kernels.
struct Walk<'a> {
    run: Run,
    left: usize,
    outer: &'a [(usize, usize, usize)],
    index: SmallVec<[usize; 4]>,
}

impl Walk<'_> {
    #[inline(never)]
    fn advance(&mut self) {
        let run = &mut self.run;
        run.out += run.len;
        for (index, &(n, step_a, step_b)) in self.index.iter_mut().zip(self.outer).rev() {
            *index += 1;
            run.a += step_a;
            run.b += step_b;
            if *index < n {
                break;
            }
            *index = 0;
            run.a -= n * step_a;
            run.b -= n * step_b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain algorithm: index arithmetic for each value.
    fn slow(out: &[usize], a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
        let numel: usize = out.iter().product();
        let offset = |shape: &[usize], mut flat: usize| {
            let (mut offset, mut stride) = (0, 1);
            for i in (0..out.len()).rev() {
                let index = flat % out[i];
                flat /= out[i];
                if let Some(i) = (i + shape.len()).checked_sub(out.len()) {
                    offset += if shape[i] == 1 { 0 } else { index * stride };
                    stride *= shape[i];
                }
            }
            offset
        };
        (0..numel).map(|i| (offset(a, i), offset(b, i))).collect()
    }

    #[test]
    fn runs_visit_what_index_arithmetic_visits() {
        let shapes: &[(&[usize], &[usize], &[usize])] = &[
            (&[2, 3], &[2, 3], &[2, 3]),
            (&[2, 3], &[3], &[2, 1]),
            (&[2, 3, 4], &[3, 1], &[2, 1, 4]),
            (&[2, 3, 4], &[2, 3, 4], &[4]),
            (&[2, 3, 4], &[], &[3, 4]),
            (&[2, 3], &[2, 3], &[1]),
            (&[2, 3], &[], &[2, 3]),
            (&[1, 1], &[1, 1], &[]),
            (&[1, 1], &[1], &[1, 1]),
            (&[2, 1, 3], &[2, 1, 3], &[1, 1, 3]),
            (&[0, 3], &[3], &[0, 3]),
            (&[2, 2, 2, 2], &[2, 1, 2, 1], &[1, 2, 1, 2]),
            (&[3, 3, 2], &[3, 2], &[3, 1, 2]),
            (&[8, 4], &[4], &[8, 1]),
            (&[9, 4], &[4], &[9, 1]),
        ];
        for &(out, a, b) in shapes {
            let mut fast = vec![];
            for runs in [Runs::new(out, a, b), Runs::of_values(out, a, b)] {
                fast.clear();
                runs.for_each(|run| {
                    assert_eq!(run.out, fast.len());
                    fast.extend((0..run.len).map(|i| (run.a + i * run.step_a, run.b + i * run.step_b)));
                });
                assert_eq!(fast, slow(out, a, b), "{out:?} {a:?} {b:?} by {runs:?}");
            }
        }
    }
}
