//! Windows that slide over planes: the values under them as the columns of a matrix, and convolution as products with it
//! (Chellapilla, Puri & Simard 2006).

use std::any::Any;
use std::cell::RefCell;
use std::ops::Range;

use super::product::{Matrix, matmul};
use crate::number::Float;
use crate::threads::{PRODUCT, spread, threads_for};

/// How windows lie on a plane: for its rows, and for its columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Windows {
    /// The lengths of the plane.
    pub(crate) plane: [usize; 2],
    /// The lengths of a window.
    pub(crate) size: [usize; 2],
    /// The distance between neighbouring windows.
    pub(crate) stride: [usize; 2],
    /// How far the first window reaches over the edge.
    pub(crate) padding: [usize; 2],
    /// The distance between neighbours in a window.
    pub(crate) dilation: [usize; 2],
    /// The number of windows.
    pub(crate) count: [usize; 2],
}

impl Windows {
    /// The values of a plane, of a window, and the windows.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.plane, self.size, self.count].map(|[rows, cols]| rows * cols)
    }

    /// Whether each window is one value, in order.
    fn is_plane(&self) -> bool {
        self.size == [1; 2] && self.stride == [1; 2] && self.padding == [0; 2]
    }

    /// The windows whose value `k` along an axis lies on the plane.
    fn inside(&self, axis: usize, k: usize) -> Range<usize> {
        let (stride, offset) = (self.stride[axis], k * self.dilation[axis]);
        let first = self.padding[axis].saturating_sub(offset).div_ceil(stride);
        let end = (self.plane[axis] + self.padding[axis]).saturating_sub(offset).div_ceil(stride);
        first.min(self.count[axis])..end.min(self.count[axis]).max(first.min(self.count[axis]))
    }

    /// Where value `k` of window `i` lies, which must be inside.
    fn place(&self, axis: usize, k: usize, i: usize) -> usize {
        i * self.stride[axis] + k * self.dilation[axis] - self.padding[axis]
    }

    /// Calls `f` for each row of a window's values and each row of windows: the place among the columns, and for those that lie
    /// on the plane the first place there.
    fn each_row(&self, planes: usize, mut f: impl FnMut(usize, Option<(usize, Range<usize>)>)) {
        let ([rows, cols], [count, width]) = (self.plane, self.count);
        let mut at = 0;
        for plane in 0..planes {
            for k in 0..self.size[0] {
                let inside = self.inside(0, k);
                for l in 0..self.size[1] {
                    let across = self.inside(1, l);
                    for i in 0..count {
                        let from = (inside.contains(&i) && !across.is_empty()).then(|| {
                            let row = plane * rows + self.place(0, k, i);
                            (row * cols + self.place(1, l, across.start), across.clone())
                        });
                        f(at, from);
                        at += width;
                    }
                }
            }
        }
    }

    /// The values under all windows of some planes, 0 beyond the edge: a row for each place in a window, a column for each window.
    fn columns<T: Float>(&self, planes: usize, x: &[T], columns: &mut [T]) {
        let (width, step) = (self.count[1], self.stride[1]);
        self.each_row(planes, |at, from| {
            let row = &mut columns[at..at + width];
            let Some((start, across)) = from else { return row.fill(T::zero()) };
            row[..across.start].fill(T::zero());
            row[across.end..].fill(T::zero());
            let row = &mut row[across];
            match step {
                1 => row.copy_from_slice(&x[start..start + row.len()]),
                _ => row.iter_mut().zip(x[start..].iter().step_by(step)).for_each(|(y, &x)| *y = x),
            }
        });
    }

    /// The transpose: adds each value of the columns where it came from.
    fn add_columns<T: Float>(&self, planes: usize, columns: &[T], x: &mut [T]) {
        let step = self.stride[1];
        self.each_row(planes, |at, from| {
            let Some((start, across)) = from else { return };
            let row = &columns[at..][across];
            match step {
                1 => x[start..start + row.len()].iter_mut().zip(row).for_each(|(x, &y)| *x = *x + y),
                _ => x[start..].iter_mut().step_by(step).zip(row).for_each(|(x, &y)| *x = *x + y),
            }
        });
    }
}

/// The sizes of a convolution: images `x` (batch, groups · channels, plane), weights `w` (groups · outputs, channels, window), and
/// results `y` (batch, groups · outputs, windows).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    /// Of one group.
    pub(crate) channels: usize,
    /// Of one group.
    pub(crate) outputs: usize,
    pub(crate) windows: Windows,
}

impl Sizes {
    /// As a list, which a tape keeps like indices.
    pub(crate) fn to_list(self) -> [usize; 16] {
        let Sizes { batch, groups, channels, outputs, windows: w } = self;
        let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] =
            [w.plane, w.size, w.stride, w.padding, w.dilation, w.count];
        [batch, groups, channels, outputs, a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// From such a list.
    pub(crate) fn from_list(list: &[usize]) -> Self {
        let &[batch, groups, channels, outputs, a, b, c, d, e, f, g, h, i, j, k, l] = list else {
            unreachable!("the sizes of a convolution")
        };
        let [plane, size, stride, padding, dilation, count] = [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]];
        let windows = Windows { plane, size, stride, padding, dilation, count };
        Sizes { batch, groups, channels, outputs, windows }
    }

    /// The values of a group of `x`, of `w`, of `y`, and of its columns.
    fn of_group(&self) -> [usize; 4] {
        let [plane, window, windows] = self.windows.sizes();
        let depth = self.channels * window;
        [self.channels * plane, self.outputs * depth, self.outputs * windows, depth * windows]
    }

    /// The inner lengths: rows of the weights, their length, and the number of windows.
    fn product(&self) -> [usize; 3] {
        let [_, window, windows] = self.windows.sizes();
        [self.outputs, self.channels * window, windows]
    }
}

thread_local! {
    /// What columns and positions are written to, kept for the next time: a vector for each type of number.
    static SCRATCH: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(vec![]) };
}

/// Calls `f` with a vector of this thread, whose values are those of some earlier use.
pub(crate) fn scratch<T: 'static, R>(f: impl FnOnce(&mut Vec<T>) -> R) -> R {
    // Taken out meanwhile, so that `f` may ask for another.
    let found = SCRATCH.with_borrow_mut(|kept| {
        let at = kept.iter().position(|kept| kept.is::<Vec<T>>())?;
        kept.swap_remove(at).downcast::<Vec<T>>().ok()
    });
    let mut scratch = found.unwrap_or_default();
    let result = f(&mut scratch);
    SCRATCH.with_borrow_mut(|kept| kept.push(scratch));
    result
}

/// Calls `f` with the columns of this thread, of some length.
fn with_columns<T: Float, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    scratch(|columns: &mut Vec<T>| {
        if columns.len() < len {
            columns.resize(len, T::zero());
        }
        f(&mut columns[..len])
    })
}

/// Calls `f` for each group of each sample, with its number and its part of `out`, shared out to threads by samples.
fn each_group<T: Float>(sizes: &Sizes, out: &mut [T], group: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let (sample, [m, k, n]) = (sizes.groups * group, sizes.product());
    let threads = threads_for(sizes.batch * sizes.groups * m * k * n, PRODUCT).min(sizes.batch).max(1);
    let share = sizes.batch.div_ceil(threads);
    let parts = out.chunks_mut(share * sample).enumerate();
    spread(parts, |(part, out)| {
        for (i, out) in out.chunks_exact_mut(group).enumerate() {
            f(part * share * sizes.groups + i, out);
        }
    });
}

/// `y = Σ w·x` under each window.
pub(crate) fn convolve<T: Float>(sizes: &Sizes, x: &[T], w: &[T], y: &mut [T]) {
    let ([m, k, n], [of_x, of_w, of_y, columns]) = (sizes.product(), sizes.of_group());
    if m * k * n == 0 || y.is_empty() {
        return y.fill(T::zero());
    }
    each_group(sizes, y, of_y, |at, y| {
        let (x, w) = (&x[at * of_x..][..of_x], &w[at % sizes.groups * of_w..][..of_w]);
        let product = |columns: &[T], y: &mut [T]| {
            matmul(m, k, n, Matrix::new(w, k, false), Matrix::new(columns, n, false), false, y);
        };
        if sizes.windows.is_plane() {
            return product(x, y);
        }
        with_columns(columns, |columns| {
            sizes.windows.columns(sizes.channels, x, columns);
            product(columns, y);
        });
    });
}

/// The gradient of [`convolve`] for its images: `x = Σ w·y` over the windows that each value lies under.
pub(crate) fn convolve_back<T: Float>(sizes: &Sizes, w: &[T], y: &[T], x: &mut [T]) {
    let ([m, k, n], [of_x, of_w, of_y, columns]) = (sizes.product(), sizes.of_group());
    if m * k * n == 0 || x.is_empty() {
        return x.fill(T::zero());
    }
    each_group(sizes, x, of_x, |at, x| {
        let (w, y) = (&w[at % sizes.groups * of_w..][..of_w], &y[at * of_y..][..of_y]);
        let product = |columns: &mut [T]| {
            matmul(k, m, n, Matrix::new(w, k, true), Matrix::new(y, n, false), false, columns);
        };
        if sizes.windows.is_plane() {
            return product(x);
        }
        with_columns(columns, |columns| {
            product(columns);
            x.fill(T::zero());
            sizes.windows.add_columns(sizes.channels, columns, x);
        });
    });
}

/// The gradient of [`convolve`] for its weights: `w = Σ y·x` over all windows of all samples.
pub(crate) fn correlate<T: Float>(sizes: &Sizes, x: &[T], y: &[T], w: &mut [T]) {
    let ([m, k, n], [of_x, of_w, of_y, columns]) = (sizes.product(), sizes.of_group());
    w.fill(T::zero());
    if m * k * n == 0 {
        return;
    }
    with_columns(columns, |columns| {
        for at in 0..sizes.batch * sizes.groups {
            let (x, y) = (&x[at * of_x..][..of_x], &y[at * of_y..][..of_y]);
            let w = &mut w[at % sizes.groups * of_w..][..of_w];
            let columns = if sizes.windows.is_plane() {
                x
            } else {
                sizes.windows.columns(sizes.channels, x, columns);
                &*columns
            };
            matmul(m, n, k, Matrix::new(y, n, false), Matrix::new(columns, n, true), true, w);
        }
    });
}
