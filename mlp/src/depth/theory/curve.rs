//! An activation as a curve: its values, its slopes and its kinks.

use std::sync::Arc;

use autograd::{Tape, Tensor, Var};

use crate::depth::quadrature::{density, integrate};
use crate::{Error, Module};

/// Beyond this many standard deviations lie 4e−33 of the normal distribution.
const TAIL: f64 = 12.0;
/// The search for kinks covers ±`WINDOW`, in steps of 1/`STEPS`.
pub(in crate::depth) const WINDOW: i32 = 30;
const STEPS: i32 = 100;

/// φ and φ′ of one variable, evaluated on many points at once.
#[derive(Clone)]
pub(in crate::depth) struct Curve {
    module: Arc<dyn Module>,
    pub(in crate::depth) name: String,
    /// The points where φ or a derivative of it jumps: panels end there.
    pub(in crate::depth) breaks: Vec<f64>,
}

impl Curve {
    pub(in crate::depth) fn new(module: Arc<dyn Module>) -> Result<Self, Error> {
        let rows = module.describe();
        let name =
            rows.first().map_or("function", |row| if row.activation.is_empty() { &row.layer } else { &row.activation });
        let name = name.to_string();
        let refuse = |why: &str| Err(Error::invalid("mean_field", format!("`{name}` {why}")));
        let mut curve = Curve { name: name.clone(), module, breaks: Vec::new() };
        let mixed = "is not a function of each number alone; the theory needs one that is";
        if curve.module.input_width().is_some() {
            return refuse(mixed);
        }
        let grid: Vec<f64> = (-WINDOW * STEPS..=WINDOW * STEPS).map(|i| f64::from(i) / f64::from(STEPS)).collect();
        let sums = curve.sums(&grid);
        if !sums.iter().all(|y| y.is_finite()) {
            return refuse("is not finite everywhere between −30 and 30; the theory needs it to be");
        }
        // A column is two samples, a row is two features of one sample: an elementwise function gives the same values
        // for both, and for each by itself.
        let pair = Tensor::from([[0.4], [-0.7]]);
        let (column, row) = (curve.module.predict(&pair), curve.module.predict(&pair.t()));
        let alone = pair.as_slice().iter().flat_map(|&x| curve.module.predict(&Tensor::from([[x]])).to_vec());
        if column.shape() != pair.shape() || row.as_slice() != column.as_slice() || !alone.eq(column.to_vec()) {
            return refuse(mixed);
        }
        let suspects = outliers(&sums);
        curve.breaks = suspects.into_iter().map(|i| curve.bend(grid[i - 1], grid[i + 1])).collect();
        Ok(curve)
    }

    pub(super) fn values(&self, x: &[f64]) -> Vec<f64> {
        let tape = Tape::new();
        self.module.forward(tape.constant(column(x))).value().to_vec()
    }

    pub(in crate::depth) fn values_and_slopes(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let tape = Tape::new();
        let x: Var = tape.var(column(x));
        let y = self.module.forward(x);
        (y.value().to_vec(), y.sum().backward()[x].to_vec())
    }

    pub(in crate::depth) fn at(&self, x: f64) -> (f64, f64) {
        let (y, dy) = self.values_and_slopes(&[x]);
        (y[0], dy[0])
    }

    /// φ + φ′, which jumps where either does.
    fn sums(&self, x: &[f64]) -> Vec<f64> {
        let (y, dy) = self.values_and_slopes(x);
        y.iter().zip(dy).map(|(y, dy)| y + dy).collect()
    }

    /// Locates the sharpest bend of φ + φ′ between `from` and `to`, to round-off.
    fn bend(&self, mut from: f64, mut to: f64) -> f64 {
        while to - from > 1e-14 * from.abs().max(1.0) {
            let x: Vec<f64> = (0..=40).map(|i| from + (to - from) * f64::from(i) / 40.0).collect();
            let bends = bends(&self.sums(&x));
            let sharpest = (1..40).max_by(|&i, &j| bends[i].total_cmp(&bends[j])).unwrap_or(1);
            (from, to) = (x[sharpest - 1], x[sharpest + 1]);
        }
        (from + to) / 2.0
    }

    /// E[f(z, φ(x), φ′(x))] for x = scale·z, z ~ N(0, 1).
    pub(in crate::depth) fn expect(&self, scale: f64, f: impl Fn(f64, f64, f64) -> f64) -> f64 {
        normal(&self.ends(0.0, scale), |z| {
            let x: Vec<f64> = z.iter().map(|z| scale * z).collect();
            let (y, dy) = self.values_and_slopes(&x);
            z.iter().zip(y.iter().zip(&dy)).map(|(&z, (&y, &dy))| f(z, y, dy)).collect()
        })
    }

    /// E[g(scale·u)·g(scale·v)] for standard normal u, v of correlation `c`, with g = φ, or φ′ if `slopes`.
    ///
    /// With v = cu + √(1 − c²)·w, the inner integral over w is a smooth function of u.
    pub(super) fn expect_product(&self, scale: f64, c: f64, slopes: bool) -> f64 {
        let g = |x: &[f64]| if slopes { self.values_and_slopes(x).1 } else { self.values(x) };
        let rest = scale * ((1.0 - c) * (1.0 + c)).max(0.0).sqrt();
        let inner = |u: f64| {
            let shift = c * scale * u;
            normal(&self.ends(shift, rest), |w| g(&w.iter().map(|w| shift + rest * w).collect::<Vec<_>>()))
        };
        normal(&self.ends(0.0, scale), |u| {
            let y = g(&u.iter().map(|u| scale * u).collect::<Vec<_>>());
            // Where g is 0, as on one side of a rectifier, the product is 0 and needs no inner integral.
            u.iter().zip(y).map(|(&u, y)| if y == 0.0 { 0.0 } else { y * inner(u) }).collect()
        })
    }

    /// The ends of panels for z, where φ is evaluated at `shift + scale·z`. They surround the bulk of the distribution
    /// and the bend of the curve, which may be far narrower, and lie at the breaks.
    pub(in crate::depth) fn ends(&self, shift: f64, scale: f64) -> Vec<f64> {
        let bends = [-16.0, -4.0, -1.0, 0.0, 1.0, 4.0, 16.0];
        let inside = bends.iter().chain(&self.breaks).map(|x| (x - shift) / scale).filter(|z| z.abs() < TAIL);
        let mut ends: Vec<f64> = [-TAIL, -6.0, -3.0, 0.0, 3.0, 6.0, TAIL].into_iter().chain(inside).collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        ends
    }
}

fn column(x: &[f64]) -> Tensor {
    Tensor::new([x.len(), 1], x.to_vec())
}

/// E[f(z)], z ~ N(0, 1).
pub(super) fn normal(ends: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    integrate(ends, |z| f(z).iter().zip(z).map(|(y, &z)| y * density(z)).collect())
}

/// |yᵢ₋₁ − 2yᵢ + yᵢ₊₁|, and 0 at the ends.
fn bends(y: &[f64]) -> Vec<f64> {
    let inner = y.windows(3).map(|y| (y[0] - 2.0 * y[1] + y[2]).abs());
    [0.0].into_iter().chain(inner).chain([0.0]).collect()
}

/// The points where a curve bends far more than on either side. The second difference of a smooth curve hardly changes
/// in a few steps.
fn outliers(y: &[f64]) -> Vec<usize> {
    const NEAR: usize = 3;
    let bends = bends(y);
    let sharp = |i: usize| {
        let around = bends[i - NEAR].max(bends[i + NEAR]);
        let sharpest = bends[i - NEAR..=i + NEAR].iter().all(|&bend| bend <= bends[i]);
        sharpest && bends[i] > 4.0 * around + 1e-11 * (1.0 + y[i].abs())
    };
    let mut found: Vec<usize> = (NEAR + 1..y.len() - NEAR - 1).filter(|&i| sharp(i)).collect();
    found.dedup_by(|next, last| *next - *last <= NEAR); // a jump between two points bends at both
    found
}
