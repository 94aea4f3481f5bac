//! Expectations of smooth functions as power series of the correlation.

use std::f64::consts::PI;

use autograd::{Number, Tensor};

use crate::depth::theory::curve::Curve;

/// The trapezoidal rule on ±`REACH`, `FINE` nodes to a unit: exact to round-off for analytic functions that it resolves.
const REACH: i32 = 13;
const FINE: i32 = 32;
const TERMS: [usize; 7] = [16, 32, 64, 128, 256, 512, 1024];
/// What the terms left out may contribute, as a fraction of E[φ²]. Round-off of the sums is a hundredth of it.
const TOLERANCE: f64 = 1e-12;

/// Coefficients of φ(s·z) and φ′(s·z) for many scales s.
///
/// With the orthonormal polynomials h_k of Hermite and `a_k(s) = E[φ(s z)h_k(z)]`, `E[φ(s u)φ(t v)] = Σ a_k(s)a_k(t)c^k` for
/// standard normal u, v of correlation c (Mehler 1866). The terms left out are at most `E[φ²] − Σ a_k²`, by Cauchy and
/// Schwarz, so the number of terms is known to suffice.
pub(super) struct Series {
    terms: usize,
    /// For φ and φ′, `terms` numbers for each scale.
    coefficients: [Vec<f64>; 2],
}

impl Series {
    /// None if φ is too rough for the nodes or for so many terms.
    pub(super) fn new(curve: &Curve, scales: &[f64]) -> Option<Self> {
        let widest = scales.iter().copied().fold(0.0, f64::max);
        let first = TERMS.iter().position(|&terms| Self::with(curve, &[widest], terms).is_some())?;
        TERMS[first..].iter().find_map(|&terms| Self::with(curve, scales, terms))
    }

    fn with(curve: &Curve, scales: &[f64], terms: usize) -> Option<Self> {
        let nodes: Vec<f64> = (-REACH * FINE..=REACH * FINE).map(|i| f64::from(i) / f64::from(FINE)).collect();
        let density = |z: f64| Number::exp(-z * z / 2.0) / (2.0 * PI).sqrt() / f64::from(FINE);
        let weights: Vec<f64> = nodes.iter().map(|&z| density(z)).collect();
        let x: Vec<f64> = scales.iter().flat_map(|scale| nodes.iter().map(move |z| scale * z)).collect();
        let (values, slopes) = curve.values_and_slopes(&x);

        let basis: Vec<f64> =
            nodes.iter().zip(&weights).flat_map(|(&z, w)| hermite(z, terms).map(move |h| h * w)).collect();
        let basis = Tensor::new([nodes.len(), terms], basis);
        let expand = |y: Vec<f64>| {
            let a = Tensor::new([scales.len(), nodes.len()], y.clone()).matmul(&basis).to_vec();
            let enough = y.chunks(nodes.len()).zip(a.chunks(terms)).all(|(y, a)| {
                let square = |(y, w): (&f64, &f64)| y * y * w;
                let size: f64 = y.iter().zip(&weights).map(square).sum();
                // If every second node gives the same to 10 digits, all of them give it to some 20.
                let coarse: f64 = 2.0 * y.iter().zip(&weights).step_by(2).map(square).sum::<f64>();
                let rest = size - a.iter().map(|a| a * a).sum::<f64>();
                (size - coarse).abs() <= 1e-10 * size && rest <= TOLERANCE * size
            });
            enough.then_some(a)
        };
        Some(Series { terms, coefficients: [expand(values)?, expand(slopes)?] })
    }

    /// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] for scales `i` and `j`.
    pub(super) fn pair(&self, i: usize, j: usize, c: f64) -> [f64; 2] {
        // |c|^k is below 1e−17 from here on.
        let needed = if c.abs() < 1.0 { (-39.0 / Number::ln(c.abs())).ceil() as usize + 1 } else { self.terms };
        let of = |i: usize| i * self.terms..i * self.terms + needed.min(self.terms);
        [0, 1].map(|which| {
            let a = &self.coefficients[which];
            a[of(i)].iter().zip(&a[of(j)]).rev().fold(0.0, |sum, (a, b)| sum * c + a * b)
        })
    }
}

/// h_0(z), h_1(z), …
fn hermite(z: f64, terms: usize) -> impl Iterator<Item = f64> {
    let (mut last, mut next) = (0.0, 1.0);
    (0..terms).map(move |k| {
        let k = k as f64;
        let h = next;
        (last, next) = (h, (z * h - k.sqrt() * last) / (k + 1.0).sqrt());
        h
    })
}
