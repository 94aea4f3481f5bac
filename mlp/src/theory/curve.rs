//! An activation as a curve: its values and slopes as the crate computes them, and where it is not smooth.

use std::f64::consts::PI;
use std::sync::Arc;

use autograd::{Tape, Tensor, Var};

use super::quadrature::integrate;
use crate::{Error, Module};

/// Beyond this many standard deviations lie 4e−33 of the normal distribution.
const TAIL: f64 = 12.0;
/// Where kinks are looked for. The ends are odd, so that halving never puts a kink exactly between two panels.
const WINDOW: [f64; 2] = [-30.112_358, 29.713_532];
/// A panel that had to become so narrow holds a point where the curve is not smooth.
const NARROW: f64 = 1e-3;

/// φ and φ′ of one number, evaluated on arrays.
#[derive(Clone)]
pub(super) struct Curve {
    module: Arc<dyn Module>,
    pub(super) name: String,
    /// Where φ or a derivative of it jumps: panels end there.
    pub(super) breaks: Vec<f64>,
}

impl Curve {
    pub(super) fn new(module: Arc<dyn Module>) -> Result<Self, Error> {
        let rows = module.describe();
        let name = rows.first().map_or("function", |row| if row.activation.is_empty() { &row.layer } else { &row.activation });
        let mut curve = Curve { name: name.to_string(), module, breaks: Vec::new() };
        // A column is two samples, a row is two features of one: a function of each number sees no difference.
        let pair = Tensor::from([[0.4], [-0.7]]);
        let elementwise = curve.module.input_width().is_none() && {
            let (column, row) = (curve.module.predict(&pair), curve.module.predict(&pair.t()));
            column.shape() == pair.shape() && row.numel() == 2 && row.as_slice() == column.as_slice()
        };
        if !elementwise {
            let why = format!("`{}` is not a function of each number alone; the theory needs one that is", curve.name);
            return Err(Error::invalid("mean_field", why));
        }
        let scan = integrate(&WINDOW, |x| {
            let (y, dy) = curve.values_and_slopes(x);
            y.iter().zip(dy).map(|(y, dy)| y + dy).collect()
        });
        if scan.value.is_nan() {
            let why = format!("`{}` is not finite everywhere between −30 and 30; the theory needs it to be", curve.name);
            return Err(Error::invalid("mean_field", why));
        }
        curve.breaks = narrowest(scan.panels);
        Ok(curve)
    }

    pub(super) fn values(&self, x: &[f64]) -> Vec<f64> {
        let tape = Tape::new();
        self.module.forward(tape.constant(column(x))).value().to_vec()
    }

    pub(super) fn values_and_slopes(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let tape = Tape::new();
        let x: Var = tape.var(column(x));
        let y = self.module.forward(x);
        (y.value().to_vec(), y.sum().backward()[x].to_vec())
    }

    pub(super) fn at(&self, x: f64) -> (f64, f64) {
        let (y, dy) = self.values_and_slopes(&[x]);
        (y[0], dy[0])
    }

    /// E[f(z, φ(x), φ′(x))] for x = scale·z, z ~ N(0, 1).
    pub(super) fn expect(&self, scale: f64, f: impl Fn(f64, f64, f64) -> f64) -> f64 {
        normal(&self.ends(0.0, scale), |z| {
            let x: Vec<f64> = z.iter().map(|z| scale * z).collect();
            let (y, dy) = self.values_and_slopes(&x);
            z.iter().zip(y.iter().zip(&dy)).map(|(&z, (&y, &dy))| f(z, y, dy)).collect()
        })
    }

    /// E[g(scale·u)·g(scale·v)] for standard normal u, v of correlation `c`, with g = φ, or φ′ if `slopes`.
    ///
    /// With v = cu + √(1 − c²)·w the inner integral over w is a smooth function of u.
    pub(super) fn expect_product(&self, scale: f64, c: f64, slopes: bool) -> f64 {
        let g = |x: &[f64]| if slopes { self.values_and_slopes(x).1 } else { self.values(x) };
        let rest = scale * ((1.0 - c) * (1.0 + c)).max(0.0).sqrt();
        let inner = |u: f64| {
            let shift = c * scale * u;
            normal(&self.ends(shift, rest), |w| g(&w.iter().map(|w| shift + rest * w).collect::<Vec<_>>()))
        };
        normal(&self.ends(0.0, scale), |u| {
            let y = g(&u.iter().map(|u| scale * u).collect::<Vec<_>>());
            // Where g vanishes, as a rectifier does on one side, there is nothing to average.
            u.iter().zip(y).map(|(&u, y)| if y == 0.0 { 0.0 } else { y * inner(u) }).collect()
        })
    }

    /// Ends of panels for z, of which `shift + scale·z` is the argument: around the bulk of the distribution, around the
    /// bend of the curve, which may be far narrower, and at its breaks.
    fn ends(&self, shift: f64, scale: f64) -> Vec<f64> {
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
    let density = |z: f64| (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    integrate(ends, |z| f(z).iter().zip(z).map(|(y, &z)| y * density(z)).collect()).value
}

/// The middle of the narrowest panel of each cluster of narrow ones.
fn narrowest(mut panels: Vec<(f64, f64)>) -> Vec<f64> {
    panels.retain(|(from, to)| to - from < NARROW);
    panels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let clusters = panels.chunk_by(|a, b| b.0 - a.1 < NARROW);
    let width = |panel: &&(f64, f64)| panel.1 - panel.0;
    let narrowest = clusters.filter_map(|cluster| cluster.iter().min_by(|a, b| width(a).total_cmp(&width(b))));
    narrowest.map(|(from, to)| (from + to) / 2.0).collect()
}
