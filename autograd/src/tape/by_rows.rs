//! Gradients by rows: what a batch read of a large table, instead of an array as large as the table.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::scratch::Kept;
use crate::kernels::compiled as kernels;
use crate::kernels::reduce::Loops;
use crate::kernels::scatter::take_rows;
use crate::memory::pool::{Buffer, Pool};
use crate::number::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A gradient that a sweep found.
pub(crate) enum Found<T: Float> {
    Whole(Tensor<T>),
    Rows(ByRows<T>),
}

/// The gradient of the rows that were read; that of all others is 0.
pub(crate) struct ByRows<T: Float> {
    shape: Shape,
    /// The index of each row along the first axis, each once, in the order of their first reading.
    rows: Vec<usize>,
    /// The gradient of each of these rows, one behind another.
    values: Buffer<T>,
    /// The gradient as a whole array, once it is asked for.
    whole: OnceCell<Tensor<T>>,
}

/// A contribution to the rows of an array: what one reading passes back.
pub(crate) struct RowsRead<T> {
    pub(crate) array: u32,
    pub(crate) indices: Arc<Vec<usize>>,
    pub(crate) dy: Buffer<T>,
}

/// The working memory that finds rows read twice.
#[derive(Default)]
pub(crate) struct RowPlaces {
    /// Where each row of a table stands among the rows found; [`NONE`] between uses.
    places: Vec<u32>,
    /// The same for each index of a contribution.
    slots: Vec<usize>,
    /// Memory for lists of rows.
    spare: Vec<Vec<usize>>,
}

const NONE: u32 = u32::MAX;

impl RowPlaces {
    /// Adds up contributions to the rows of an array of `shape`: indices, and a row for each of them.
    pub(crate) fn add_up<'a, T: Float>(
        &mut self,
        shape: &Shape,
        parts: impl Iterator<Item = (&'a [usize], &'a [T])> + Clone,
        pool: &Pool<T>,
    ) -> ByRows<T> {
        let (n, width) = (shape[0], shape[1..].iter().product::<usize>());
        let mut rows = self.spare.pop().unwrap_or_default();
        if self.places.len() < n {
            self.places.resize(n, NONE);
        }
        self.slots.clear();
        for &row in parts.clone().flat_map(|(indices, _)| indices) {
            let place = &mut self.places[row];
            if *place == NONE {
                *place = rows.len() as u32;
                rows.push(row);
            }
            self.slots.push(*place as usize);
        }
        rows.iter().for_each(|&row| self.places[row] = NONE);
        let mut values = pool.take(rows.len() * width);
        let (mut new, readings) = (0, parts.flat_map(|(_, dy)| dy.chunks_exact(width)));
        for (&slot, dy) in self.slots.iter().zip(readings.clone()) {
            if slot == new {
                values[slot * width..][..width].copy_from_slice(dy);
                new += 1;
            }
        }
        if rows.len() < self.slots.len() {
            self.add_repeated(readings, (rows.len(), width), &mut values, pool);
        }
        ByRows { shape: shape.clone(), rows, values, whole: OnceCell::new() }
    }

    /// Adds the second and further readings of rows to `values`, which hold the first. They are added side by side: few rows of a
    /// large batch are read twice, and what their additions lost is kept for them alone.
    fn add_repeated<'a, T: Float>(
        &mut self,
        readings: impl Iterator<Item = &'a [T]>,
        (rows, width): (usize, usize),
        values: &mut [T],
        pool: &Pool<T>,
    ) {
        let [mut at, mut repeated] = [(); 2].map(|()| self.spare.pop().unwrap_or_default());
        let mut further = pool.take((self.slots.len() - rows) * width);
        let (mut new, mut free) = (0, further.chunks_exact_mut(width));
        for (&slot, dy) in self.slots.iter().zip(readings) {
            if slot == new {
                new += 1;
                continue;
            }
            if self.places[slot] == NONE {
                self.places[slot] = repeated.len() as u32;
                repeated.push(slot);
            }
            at.push(self.places[slot] as usize);
            free.next().expect("room for each further reading").copy_from_slice(dy);
        }
        repeated.iter().for_each(|&slot| self.places[slot] = NONE);
        let loops = |n| Loops { outer: 1, n, inner: width };
        let mut sums = pool.take(repeated.len() * width);
        take_rows(values, loops(rows), &repeated, &mut sums);
        kernels::add_rows(&further, loops(repeated.len()), &at, &mut sums);
        for (&slot, sum) in repeated.iter().zip(sums.chunks_exact(width)) {
            values[slot * width..][..width].copy_from_slice(sum);
        }
        for mut list in [at, repeated] {
            list.clear();
            self.spare.push(list);
        }
        pool.give(further);
        pool.give(sums);
    }
}

/// Whether the rows of an array of this shape can be counted in [`RowPlaces`], and hold values.
pub(crate) fn has_rows(shape: &Shape) -> bool {
    !shape.is_empty() && shape[0] < NONE as usize && shape.numel() > 0
}

impl<T: Float> ByRows<T> {
    /// The rows of an array of `shape` that were found elsewhere; the error says what does not fit.
    pub(crate) fn given(shape: &Shape, rows: Vec<usize>, values: Vec<T>) -> Result<Self, String> {
        let (n, width) = match has_rows(shape) {
            true => (shape[0], shape[1..].iter().product::<usize>()),
            false => return Err(format!("rows are given for a parameter of shape {shape}, which has none")),
        };
        if values.len() != rows.len() * width {
            let (found, rows) = (values.len(), rows.len());
            return Err(format!(
                "{found} values are given for {rows} rows of a parameter of shape {shape}, of {width} each"
            ));
        }
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        if let Some(&row) = sorted.last().filter(|row| **row >= n) {
            return Err(format!("row {row} is given for a parameter of shape {shape}, which has {n} rows"));
        }
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("row {} is given twice; add its gradients", pair[0])),
            None => Ok(ByRows { shape: shape.clone(), rows, values: Buffer::new(values), whole: OnceCell::new() }),
        }
    }

    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    /// The places of a row's values in the whole array.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        let width = self.values.len() / self.rows.len();
        row * width..(row + 1) * width
    }

    /// Adds the rows to a whole array.
    fn add_to(&self, whole: &mut [T]) {
        if !self.rows.is_empty() {
            let loops = Loops { outer: 1, n: self.shape[0], inner: self.values.len() / self.rows.len() };
            kernels::add_rows(&self.values, loops, &self.rows, whole);
        }
    }
}

impl<T: Float> Found<T> {
    pub(crate) fn whole(&self) -> &Tensor<T> {
        match self {
            Found::Whole(whole) => whole,
            Found::Rows(found) => found.whole.get_or_init(|| {
                let mut whole = Tensor::zeros(found.shape.clone());
                found.add_to(whole.as_mut_slice());
                whole
            }),
        }
    }

    /// The values that may differ from 0.
    pub(crate) fn values(&self) -> &[T] {
        match self {
            Found::Whole(whole) => whole.as_slice(),
            Found::Rows(found) => &found.values,
        }
    }

    /// The same, to be changed.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        match self {
            Found::Whole(whole) => whole.as_mut_slice(),
            Found::Rows(found) => {
                found.whole.take();
                &mut found.values
            }
        }
    }

    /// Adds the gradient of another part, if one of the two is by rows; else returns the values that are left to add.
    pub(crate) fn add<'a>(&mut self, other: &'a Found<T>, places: &mut RowPlaces, pool: &Pool<T>) -> Option<&'a [T]> {
        match (&mut *self, other) {
            (Found::Whole(_), Found::Whole(other)) => return Some(other.as_slice()),
            (Found::Whole(whole), Found::Rows(other)) => other.add_to(whole.as_mut_slice()),
            (Found::Rows(own), Found::Whole(other)) => {
                let mut sum = other.clone();
                own.add_to(sum.as_mut_slice());
                *self = Found::Whole(sum);
            }
            (Found::Rows(own), Found::Rows(other)) => {
                let parts = [&*own, other].map(|part| (part.rows(), part.values()));
                let sum = places.add_up(&own.shape, parts.into_iter(), pool);
                std::mem::replace(self, Found::Rows(sum)).recycle(places, pool);
            }
        }
        None
    }

    pub(crate) fn recycle(self, places: &mut RowPlaces, pool: &Pool<T>) {
        match self {
            Found::Whole(whole) => pool.give_shared(whole.into_values()),
            Found::Rows(ByRows { mut rows, values, .. }) => {
                pool.give(values);
                rows.clear();
                places.spare.push(rows);
            }
        }
    }
}

impl<T: Float> Clone for Found<T> {
    /// A copy in memory of its own.
    fn clone(&self) -> Self {
        match self {
            Found::Whole(whole) => Found::Whole(whole.clone()),
            Found::Rows(ByRows { shape, rows, values, .. }) => {
                let (shape, rows, values) = (shape.clone(), rows.clone(), Buffer::new(values.to_vec()));
                Found::Rows(ByRows { shape, rows, values, whole: OnceCell::new() })
            }
        }
    }
}

impl<T: Float> Kept<T> {
    /// The contributions to one array: as rows, or added to the gradient `whole` that other readings left.
    pub(crate) fn of_rows(
        array: u32,
        shape: &Shape,
        whole: Option<Buffer<T>>,
        parts: &[RowsRead<T>],
        (places, pool): (&mut RowPlaces, &Pool<T>),
    ) -> Self {
        let parts = || parts.iter().map(|part| (&part.indices[..], &part.dy[..]));
        let gradient = match whole {
            None => Found::Rows(places.add_up(shape, parts(), pool)),
            Some(mut whole) => {
                let loops = Loops { outer: 1, n: shape[0], inner: shape[1..].iter().product() };
                parts().for_each(|(indices, dy)| kernels::add_rows(dy, loops, indices, &mut whole));
                Found::Whole(Tensor::from_parts(shape.clone(), whole.shareable()))
            }
        };
        Kept { array, reached: true, gradient }
    }
}
