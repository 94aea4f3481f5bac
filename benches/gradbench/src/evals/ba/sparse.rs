//! The Jacobian of bundle adjustment in compressed rows.

use serde::Serialize;

use super::{CAMERA, INPUTS};

/// Row `i` has the columns `cols[rows[i]..rows[i + 1]]`, and the values at the same places.
///
/// Two rows for each observation come first, then one for each weight. The columns are those of the cameras, then of the
/// points, then of the weights.
#[derive(Serialize)]
pub(super) struct Jacobian {
    rows: Vec<usize>,
    cols: Vec<usize>,
    vals: Vec<f64>,
    #[serde(skip)]
    points: usize,
    #[serde(skip)]
    weights: usize,
}

impl Jacobian {
    /// An empty one for `n` cameras, `m` points and `p` observations, with room for all.
    pub(super) fn new(n: usize, m: usize, p: usize) -> Self {
        let (mut rows, entries) = (Vec::with_capacity(3 * p + 1), (2 * INPUTS + 1) * p);
        rows.push(0);
        let points = CAMERA * n;
        let (cols, vals) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        Jacobian { rows, cols, vals, points, weights: points + 3 * m }
    }

    /// Appends a row of an observation: the derivatives by its camera, its point and its weight.
    pub(super) fn push_reprojection<'a>(
        &mut self,
        observation: usize,
        camera: usize,
        point: usize,
        values: impl Iterator<Item = &'a f64>,
    ) {
        self.cols.extend(CAMERA * camera..CAMERA * (camera + 1));
        self.cols.extend(self.points + 3 * point..self.points + 3 * (point + 1));
        self.cols.push(self.weights + observation);
        self.vals.extend(values);
        self.rows.push(self.cols.len());
    }

    /// Appends the rows of the weights.
    pub(super) fn push_regularisation(&mut self, values: &[f64]) {
        let entries = self.cols.len();
        self.cols.extend(self.weights..self.weights + values.len());
        self.vals.extend(values);
        self.rows.extend(entries + 1..=entries + values.len());
    }

    /// What the suite compares, since its inputs repeat: the first observation's entries and the last entry.
    pub(super) fn excerpt(&self) -> Self {
        fn ends<T: Copy>(values: &[T]) -> Vec<T> {
            values.iter().take(2 * INPUTS).chain(values.last()).copied().collect()
        }
        let (rows, cols, vals) = (ends(&self.rows), ends(&self.cols), ends(&self.vals));
        Jacobian { rows, cols, vals, ..*self }
    }
}
