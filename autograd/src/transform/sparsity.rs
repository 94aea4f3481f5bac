//! [`Sparsity`]: the places of a sparse Jacobian, and the products that compute it.

use std::ops::Range;
use std::sync::Arc;

use super::sparse::Sparse;
use crate::number::Float;
use crate::shape::Shape;
use crate::sweep::Rows;
use crate::tensor::Tensor;

/// The places of a Jacobian that may not be 0, and a colour for each of its columns or rows: those of one colour have no
/// place in common, so that one product computes them all (Curtis, Powell and Reid 1974).
///
/// See [`Linearization::sparsity`](crate::Linearization::sparsity).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparsity {
    columns: usize,
    /// Shared with each Jacobian.
    rows: Arc<Rows>,
    /// The colour of each column, or of each row if `by_rows`.
    colour: Arc<[u32]>,
    colours: usize,
    by_rows: bool,
}

impl Sparsity {
    /// Colours the rows, if they may be and a column has fewer places than a row.
    pub(super) fn new(columns: usize, rows: Rows, may_be_rows: bool) -> Self {
        let turned = transposed(&rows, columns);
        let longest = |lines: &Rows| lines.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        let by_rows = may_be_rows && longest(&turned) < longest(&rows);
        let (colour, colours) = if by_rows { coloured(&turned, &rows) } else { coloured(&rows, &turned) };
        Sparsity { columns, rows: Arc::new(rows), colour: colour.into(), colours, by_rows }
    }

    /// The number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows.len(), self.columns)
    }

    /// The number of products that the Jacobian takes.
    pub fn colours(&self) -> usize {
        self.colours
    }

    /// Whether rows are computed together, each product a sweep in reverse; else columns are, by forward sweeps.
    pub fn by_rows(&self) -> bool {
        self.by_rows
    }

    /// Where each row starts among the places, and where the last one ends: the row pointers of the format CSR.
    pub fn row_starts(&self) -> &[usize] {
        &self.rows.starts
    }

    /// The column of each place, row by row, ascending in each.
    pub fn columns(&self) -> &[u32] {
        &self.rows.columns
    }

    /// 1 where a number has this colour, else 0; the numbers are those of arrays of these shapes, in order.
    pub(super) fn seeds<T: Float>(&self, colour: usize, shapes: impl IntoIterator<Item = Shape>) -> Vec<Tensor<T>> {
        let mut colours = self.colour.iter();
        let one = |&of: &u32| if of as usize == colour { T::one() } else { T::zero() };
        shapes.into_iter().map(|shape| Tensor::from_fn(shape, |_| colours.next().map_or(T::zero(), one))).collect()
    }

    /// The Jacobian from `products`, which computes those of a range of at most `most` colours.
    pub(super) fn fill<T: Float>(&self, most: usize, products: impl Fn(Range<usize>) -> Vec<Vec<T>>) -> Sparse<T> {
        let mut values = vec![T::zero(); self.rows.columns.len()];
        for start in (0..self.colours).step_by(most) {
            let products = products(start..self.colours.min(start + most));
            let colour = |line: usize| self.colour[line] as usize;
            let mut rest = &mut values[..];
            for row in 0..self.rows.len() {
                let columns = self.rows.row(row);
                let (slots, others) = rest.split_at_mut(columns.len());
                for (slot, &column) in slots.iter_mut().zip(columns) {
                    let column = column as usize;
                    let (line, place) = if self.by_rows { (row, column) } else { (column, row) };
                    if let Some(product) = colour(line).checked_sub(start).and_then(|k| products.get(k)) {
                        *slot = product[place];
                    }
                }
                rest = others;
            }
        }
        Sparse::new(self.clone(), values)
    }
}

/// The places column by column.
fn transposed(rows: &Rows, columns: usize) -> Rows {
    let mut starts = vec![0; columns + 1];
    for &column in &rows.columns {
        starts[column as usize + 1] += 1;
    }
    for i in 0..columns {
        starts[i + 1] += starts[i];
    }
    let (mut next, mut of) = (starts.clone(), vec![0; rows.columns.len()]);
    for row in 0..rows.len() {
        for &column in rows.row(row) {
            of[next[column as usize]] = row as u32;
            next[column as usize] += 1;
        }
    }
    Rows { starts, columns: of }
}

/// A colour for each of `lines`, such that lines that meet in one of `crossing` differ, and the number of colours.
///
/// Greedy: each line in turn takes the smallest colour that is free. In the given order that is the fewest for a band; with
/// the fullest lines first, it is often fewer for others (Gebremedhin, Manne and Pothen 2005). The better of the two counts.
fn coloured(crossing: &Rows, lines: &Rows) -> (Vec<u32>, usize) {
    let greedy = |order: &mut dyn Iterator<Item = usize>| {
        let (mut colour, mut colours) = (vec![u32::MAX; lines.len()], 0);
        // The last line that found a colour taken.
        let mut taken = vec![usize::MAX; lines.len()];
        for line in order {
            for &cross in lines.row(line) {
                for &other in crossing.row(cross as usize) {
                    let colour = colour[other as usize];
                    if colour != u32::MAX {
                        taken[colour as usize] = line;
                    }
                }
            }
            // A line without places needs no product.
            let free =
                if lines.row(line).is_empty() { 0 } else { (0..).find(|&c: &usize| taken[c] != line).unwrap_or(0) };
            colour[line] = free as u32;
            colours = colours.max(free + 1);
        }
        (colour, colours)
    };
    let first = greedy(&mut (0..lines.len()));
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&line| std::cmp::Reverse(lines.row(line).len()));
    let second = greedy(&mut order.into_iter());
    if second.1 < first.1 { second } else { first }
}
