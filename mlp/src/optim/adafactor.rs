//! [`Adafactor`]: adaptive steps with a memory of rows and columns only.

use autograd::{Float, Gradients, Param, Parameters, Tensor};
use indexmap::IndexMap;

use super::Optimizer;
use super::memory::{Memory, Role, SQUARE, remembers};
use super::settings::{bounded, check_eps, largest, norm, setting};
use crate::Error;
use crate::error::shown;

/// The mean of squares of each row.
const ROWS: Role = Role::positive("rows", "mean of squares");
/// The mean of squares of each column.
const COLUMNS: Role = Role::positive("columns", "mean of squares");

/// Adafactor (Shazeer & Stern 2018): the mean squares of a matrix as a product of those of its rows and its columns.
///
/// For a matrix with n rows and m columns it keeps n + m numbers, where [`Adam`](crate::Adam) keeps 2nm. At step t, with
/// `β = 1 − t^κ`, the means of squares of rows and columns are `R ← βR + (1 − β)·mean(g² of a row)`,
/// `C ← βC + (1 − β)·mean(g² of a column)`, and `v = R·C/mean(R)`; arrays with more axes are stacks of matrices over
/// their last two, those with fewer keep v itself. Then `u = g/√v`, `u ← u/max(1, rms(u)/d)`,
/// `w ← w − max(ε₂, rms(w))·min(η, 1/√t)·u`: a step is relative to the size of the weights. Weight decay λ first
/// subtracts `ηλw`.
///
/// The defaults are κ = −0.8, d = 1, ε₂ = 1e−3 as in the paper; √v is at least ε₁, the precision of the number type, as
/// in PyTorch.
///
/// ```
/// use autograd::{Param, Parameters, Tape};
/// use mlp::{Adafactor, Optimizer};
/// let w = Param::<f64>::new([[2.0, 2.0], [2.0, 2.0]]);
/// let mut optimizer = Adafactor::new(&Parameters::new().with("w", &w), 0.01);
/// let tape = Tape::new();
/// optimizer.step(&w.on(&tape).square().sum().backward());
/// assert!((w.value().get([0, 0]) - 1.98).abs() < 1e-12); // u = 1, and rms(w) = 2
/// assert_eq!(optimizer.state()["w.rows"].numel() + optimizer.state()["w.columns"].numel(), 4);
/// ```
#[derive(Debug)]
pub struct Adafactor<T: Float = f64> {
    memory: Memory<T>,
    forgetting: f64,
    most: f64,
    eps: (f64, f64),
    decay: f64,
}

/// For a stack of matrices the means of rows and of columns, else those of all.
fn arrays<T: Float>(param: &Param<T>) -> Vec<(Role, Tensor<T>)> {
    let shape = param.shape();
    let Some((stack, &[rows, columns])) = shape.split_last_chunk() else {
        return vec![(SQUARE, Tensor::zeros(shape))];
    };
    let stack = stack.iter().product();
    vec![(ROWS, Tensor::zeros([stack, rows])), (COLUMNS, Tensor::zeros([stack, columns]))]
}

impl<T: Float> Adafactor<T> {
    /// Creates Adafactor with a learning rate η of at most `rate`, usually 1e−2.
    ///
    /// # Panics
    /// If `rate` is negative or not finite, or underflows to 0 or overflows in the number type of the parameters.
    #[track_caller]
    pub fn new(parameters: &Parameters<T>, rate: f64) -> Self {
        let memory = Memory::new(parameters, rate).counting().keeping_each(arrays);
        Adafactor { memory, forgetting: -0.8, most: 1.0, eps: (T::EPSILON, 1e-3), decay: 0.0 }
    }

    /// Sets the exponent κ by which means forget less and less.
    ///
    /// # Panics
    /// If it is not below 0, or not finite.
    #[must_use]
    #[track_caller]
    pub fn forgetting(self, exponent: f64) -> Self {
        let (what, ok) = (shown(exponent), exponent < 0.0 && exponent.is_finite());
        assert!(ok, "adafactor: an exponent {what} of forgetting is not a finite number below 0");
        Adafactor { forgetting: exponent, ..self }
    }

    /// Sets the largest root mean square d of a step, relative to η and the size of the weights.
    ///
    /// # Panics
    /// If it is not above 0, or not finite.
    #[must_use]
    #[track_caller]
    pub fn clip(self, most: f64) -> Self {
        let (what, ok) = (shown(most), most > 0.0 && most.is_finite());
        assert!(ok, "adafactor: steps clipped at {what} need a finite number above 0");
        Adafactor { most, ..self }
    }

    /// Sets ε₁, the least √v, and ε₂, the least size of the weights.
    ///
    /// # Panics
    /// If one is not a finite number above 0 in the number type of the parameters.
    #[must_use]
    #[track_caller]
    pub fn eps(self, first: f64, second: f64) -> Self {
        check_eps::<T>("adafactor", first);
        check_eps::<T>("adafactor", second);
        Adafactor { eps: (first, second), ..self }
    }

    setting!(decoupled decay, "adafactor");
}

impl<T: Float> Optimizer<T> for Adafactor<T> {
    fn step(&mut self, grads: &Gradients<'_, T>) {
        let (rate, (least, smallest)) = (self.memory.rate, self.eps);
        let keep = T::from_f64(1.0 - rate * self.decay);
        for slot in &mut self.memory.slots {
            let t = f64::from(slot.next());
            let (arrays, rms) = (&mut slot.arrays[..], |norm: f64, numel: usize| norm / (numel as f64).sqrt());
            let stepped = grads.update(&slot.param, |w, g| {
                learn(arrays, g, t.powf(self.forgetting));
                let size = |g: T, v: f64| bounded(g, largest()).to_f64() / v.sqrt().max(least);
                let mut sum = 0.0;
                lines(arrays, w, g, least, |_, g, row, columns| {
                    sum += g.iter().zip(columns).map(|(&g, v)| size(g, row * v.to_f64()).powi(2)).sum::<f64>();
                });
                let clipped = (rms(sum.sqrt(), g.len()) / self.most).max(1.0);
                let rate = rms(norm(w), w.len()).max(smallest) * rate.min(1.0 / t.sqrt()) / clipped;
                lines(arrays, w, g, least, |w, g, row, columns| {
                    for ((w, &g), v) in w.iter_mut().zip(g).zip(columns) {
                        *w = keep * *w - T::from_f64(rate * size(g, row * v.to_f64()));
                    }
                });
            });
            if stepped.is_some() {
                slot.steps = slot.next();
            }
        }
    }

    remembers!();
}

/// Moves the means by a share of the way to the squares of a gradient.
fn learn<T: Float>(arrays: &mut [Tensor<T>], g: &[T], share: f64) {
    let square = |g: T| bounded(g, largest()).to_f64().powi(2);
    let learn = |mean: &mut T, found: f64| *mean = T::from_f64(mean.to_f64() + share * (found - mean.to_f64()));
    let [rows, columns] = arrays else {
        return arrays[0].as_mut_slice().iter_mut().zip(g).for_each(|(v, &g)| learn(v, square(g)));
    };
    let [n, m] = [&*rows, &*columns].map(|means| means.shape()[1].max(1));
    columns.as_mut_slice().iter_mut().for_each(|column| *column = T::from_f64((1.0 - share) * column.to_f64()));
    for ((at, line), row) in g.chunks(m).enumerate().zip(rows.as_mut_slice()) {
        learn(row, line.iter().map(|&g| square(g)).sum::<f64>() / m as f64);
        let columns = &mut columns.as_mut_slice()[at / n * m..][..m];
        for (column, &g) in columns.iter_mut().zip(line) {
            *column = *column + T::from_f64(share / n as f64 * square(g));
        }
    }
}

/// Calls `f` with lines of weights and their gradients, whose mean squares are the number times the slice.
fn lines<T: Float>(
    arrays: &[Tensor<T>],
    w: &mut [T],
    g: &[T],
    least: f64,
    mut f: impl FnMut(&mut [T], &[T], f64, &[T]),
) {
    let [rows, columns] = arrays else { return f(w, g, 1.0, arrays[0].as_slice()) };
    let [n, m] = [rows, columns].map(|means| means.shape()[1].max(1));
    let matrices = w.chunks_mut(n * m).zip(g.chunks(n * m));
    let means = rows.as_slice().chunks(n).zip(columns.as_slice().chunks(m));
    for ((w, g), (rows, columns)) in matrices.zip(means) {
        let mean = rows.iter().map(|row| row.to_f64()).sum::<f64>() / n as f64;
        for ((w, g), row) in w.chunks_mut(m).zip(g.chunks(m)).zip(rows) {
            f(w, g, row.to_f64() / mean.max(least), columns);
        }
    }
}
