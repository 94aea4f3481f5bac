//! Parts of a row-major array: ranges of an axis, and strided reading for flips, permutations, diagonals and steps.

use smallvec::SmallVec;

use crate::number::Float;
use crate::shape::{Shape, count};

/// A range of an axis: of each block of `step` values, the `len` values from `start` on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rows {
    start: usize,
    len: usize,
    step: usize,
}

impl Rows {
    /// The part of shape `part` that begins at index `start` of `axis`.
    pub(crate) fn of(axis: usize, start: usize, whole: &[usize], part: &[usize]) -> Rows {
        // Without values, lengths may have a product beyond all numbers.
        if part.contains(&0) || whole.contains(&0) {
            return Rows { start: 0, len: 0, step: 0 };
        }
        let inner = count(&whole[axis + 1..]);
        Rows { start: start * inner, len: part[axis] * inner, step: whole[axis] * inner }
    }

    /// The position of the first value.
    pub(crate) fn offset(self) -> usize {
        self.start
    }

    /// Calls `f` with values of the `whole` and those of the `part` at the same places.
    #[inline(always)]
    pub(crate) fn read<T>(self, whole: &[T], part: &mut [T], f: impl Fn(&[T], &mut [T])) {
        for (whole, part) in whole.chunks_exact(self.step.max(1)).zip(part.chunks_exact_mut(self.len.max(1))) {
            f(&whole[self.start..self.start + self.len], part);
        }
    }

    /// The same where the whole is written.
    #[inline(always)]
    pub(crate) fn write<T>(self, part: &[T], whole: &mut [T], f: impl Fn(&[T], &mut [T])) {
        for (whole, part) in whole.chunks_exact_mut(self.step.max(1)).zip(part.chunks_exact(self.len.max(1))) {
            f(part, &mut whole[self.start..self.start + self.len]);
        }
    }
}

/// A view of a row-major array: for each index of `shape`, the position `offset + Σ index·stride` of the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) source: Shape,
    pub(crate) shape: Shape,
    pub(crate) strides: SmallVec<[isize; 4]>,
    pub(crate) offset: usize,
}

impl Layout {
    /// The layout of the array itself.
    pub(crate) fn of(source: &Shape) -> Layout {
        Layout { source: source.clone(), shape: source.clone(), strides: source.strides(), offset: 0 }
    }

    /// Calls `f(position of the first value, step)` for each innermost row of the view.
    #[inline(always)]
    fn for_each_row(&self, mut f: impl FnMut(usize, isize, usize)) {
        let Some((&len, outer)) = self.shape.split_last() else {
            return f(self.offset, 1, 1);
        };
        let count = count(outer);
        if len == 0 || count == 0 {
            return;
        }
        let step = self.strides[outer.len()];
        let mut index: SmallVec<[usize; 4]> = smallvec::smallvec![0; outer.len()];
        let mut position = self.offset as isize;
        for _ in 0..count {
            f(position as usize, step, len);
            for i in (0..outer.len()).rev() {
                index[i] += 1;
                position += self.strides[i];
                if index[i] < outer[i] {
                    break;
                }
                position -= self.strides[i] * outer[i] as isize;
                index[i] = 0;
            }
        }
    }

    /// The position of each value.
    pub(crate) fn positions(&self) -> Vec<usize> {
        let mut positions = vec![];
        self.for_each_row(|start, step, len| {
            positions.extend((0..len as isize).map(|i| (start as isize + i * step) as usize));
        });
        positions
    }

    /// `out = x[layout]`
    pub(crate) fn read<T: Float>(&self, x: &[T], out: &mut [T]) {
        let mut rest = out;
        self.for_each_row(|start, step, len| {
            let (row, tail) = std::mem::take(&mut rest).split_at_mut(len);
            match step {
                1 => row.copy_from_slice(&x[start..start + len]),
                0 => row.fill(x[start]),
                _ => {
                    for (i, out) in row.iter_mut().enumerate() {
                        *out = x[(start as isize + i as isize * step) as usize];
                    }
                }
            }
            rest = tail;
        });
    }

    /// `out[layout] += x`, the transpose of reading.
    pub(crate) fn add<T: Float>(&self, x: &[T], out: &mut [T]) {
        let mut rest = x;
        self.for_each_row(|start, step, len| {
            let (row, tail) = rest.split_at(len);
            for (i, &x) in row.iter().enumerate() {
                let out = &mut out[(start as isize + i as isize * step) as usize];
                *out = *out + x;
            }
            rest = tail;
        });
    }
}
