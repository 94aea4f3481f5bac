//! Expectations of smooth functions as power series of the correlation.

use autograd::{Number, Tensor};

use crate::depth::quadrature::density;
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
        // Most functions that are too rough are so at the greatest scale.
        let widest = scales.iter().copied().fold(0.0, f64::max);
        Self::of(curve, &[widest])?;
        Self::of(curve, scales)
    }

    fn of(curve: &Curve, scales: &[f64]) -> Option<Self> {
        let mut basis = Hermite::new();
        let x: Vec<f64> = scales.iter().flat_map(|scale| basis.nodes.iter().map(move |z| scale * z)).collect();
        let (values, slopes) = curve.values_and_slopes(&x);
        let mut expanded = [Expansion::new(values, &basis)?, Expansion::new(slopes, &basis)?];
        let mut last = 0;
        for terms in TERMS {
            let block = basis.next(terms - last);
            expanded.iter_mut().for_each(|expansion| expansion.extend(&block));
            if expanded.iter().all(Expansion::suffices) {
                return Some(Series { terms, coefficients: expanded.map(|expansion| expansion.coefficients.to_vec()) });
            }
            last = terms;
        }
        None
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

/// Nodes, and the polynomials h_0, h_1, … at them times the weights, by and by.
struct Hermite {
    nodes: Vec<f64>,
    weights: Vec<f64>,
    /// How many there were, and of each node the last and the next.
    known: usize,
    last: Vec<f64>,
    next: Vec<f64>,
}

impl Hermite {
    fn new() -> Self {
        let nodes: Vec<f64> = (-REACH * FINE..=REACH * FINE).map(|i| f64::from(i) / f64::from(FINE)).collect();
        let weights: Vec<f64> = nodes.iter().map(|&z| density(z) / f64::from(FINE)).collect();
        // The recursion is linear, so that it holds of products with the weights.
        Hermite { last: vec![0.0; nodes.len()], next: weights.clone(), known: 0, nodes, weights }
    }

    /// The next ones: (nodes, count).
    fn next(&mut self, count: usize) -> Tensor {
        let mut block = vec![0.0; self.nodes.len() * count];
        for (i, row) in block.chunks_mut(count).enumerate() {
            let (mut last, mut next) = (self.last[i], self.next[i]);
            for (k, h) in (self.known..).zip(row) {
                let k = k as f64;
                *h = next;
                (last, next) = (next, (self.nodes[i] * next - k.sqrt() * last) / (k + 1.0).sqrt());
            }
            (self.last[i], self.next[i]) = (last, next);
        }
        self.known += count;
        Tensor::new([self.nodes.len(), count], block)
    }
}

/// The coefficients of a function at all scales.
struct Expansion {
    /// (scales, nodes)
    values: Tensor,
    /// (scales, terms)
    coefficients: Tensor,
    /// E[φ²] of each scale.
    sizes: Vec<f64>,
}

impl Expansion {
    /// None if the nodes do not resolve φ².
    fn new(values: Vec<f64>, basis: &Hermite) -> Option<Self> {
        let nodes = basis.nodes.len();
        let square = |(y, w): (&f64, &f64)| y * y * w;
        let size = |y: &[f64]| y.iter().zip(&basis.weights).map(square).sum::<f64>();
        // If every second node gives the same to 10 digits, all of them give it to some 20.
        let coarse = |y: &[f64]| 2.0 * y.iter().zip(&basis.weights).step_by(2).map(square).sum::<f64>();
        let sizes: Vec<f64> = values.chunks(nodes).map(size).collect();
        let mut both = values.chunks(nodes).zip(&sizes);
        if !both.all(|(y, size)| (size - coarse(y)).abs() <= 1e-10 * size) {
            return None;
        }
        let scales = sizes.len();
        Some(Expansion {
            values: Tensor::new([scales, nodes], values),
            coefficients: Tensor::zeros([scales, 0]),
            sizes,
        })
    }

    fn extend(&mut self, block: &Tensor) {
        self.coefficients = Tensor::concat(&[self.coefficients.clone(), self.values.matmul(block)], 1);
    }

    fn suffices(&self) -> bool {
        let found = self.coefficients.square().sum_axis(1);
        found.as_slice().iter().zip(&self.sizes).all(|(found, size)| size - found <= TOLERANCE * size)
    }
}
