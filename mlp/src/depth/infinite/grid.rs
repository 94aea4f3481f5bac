//! Expectations of functions with kinks, interpolated between points of a grid.

use std::f64::consts::PI;

use autograd::{Number, Tensor};

use crate::depth::quadrature::rule;
use crate::depth::theory::curve::Curve;

/// Beyond this many standard deviations lie 2e−17 of the normal distribution.
const TAIL: f64 = 8.5;
/// Points of the axis of scales, and of that of angles: the first number that resolves the function, else the last.
const SCALES: [usize; 4] = [3, 5, 9, 17];
const ANGLES: [usize; 3] = [17, 33, 65];
/// What the last coefficients may be, as a fraction of the largest.
const TOLERANCE: f64 = 1e-12;

/// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] as polynomials of the scales s, t and the angle `θ = acos c`.
///
/// In these, and unlike in c, the expectations are analytic for functions with kinks at 0. For other kinks they are so except where
/// both s ≠ t and θ is near 0 or π.
pub(super) struct Grid {
    angles: usize,
    scales: usize,
    /// For each given scale, its weights for the scales of the grid.
    weights: Vec<f64>,
    /// For φ and φ′, and each given scale s: the coefficients of Chebyshev polynomials of θ, for each t of the grid.
    coefficients: [Vec<f64>; 2],
}

impl Grid {
    pub(super) fn new(curve: &Curve, given: &[f64]) -> Self {
        let ends = given.iter().fold([f64::INFINITY, 0.0], |[low, high], &s| [s.min(low), s.max(high)]);
        let axis = scales(curve, ends);
        let angles = |count: usize| nodes(count, [0.0, PI]);
        let widest = ends[1];
        let resolved = |&&count: &&usize| {
            let values = plane(curve, widest, widest, &angles(count));
            values.iter().all(|values| settled(&chebyshev(values)))
        };
        let count = *ANGLES.iter().find(resolved).unwrap_or(&ANGLES[ANGLES.len() - 1]);

        let n = axis.len();
        let mut table = [vec![0.0; n * n * count], vec![0.0; n * n * count]];
        for a in 0..n {
            for b in a..n {
                for (table, values) in table.iter_mut().zip(plane(curve, axis[a], axis[b], &angles(count))) {
                    let coefficients = chebyshev(&values);
                    for at in [a * n + b, b * n + a] {
                        table[at * count..(at + 1) * count].copy_from_slice(&coefficients);
                    }
                }
            }
        }
        let weights: Vec<f64> = given.iter().flat_map(|&s| lagrange(&axis, s)).collect();
        let matrix = Tensor::new([given.len(), n], weights.clone());
        let coefficients = table.map(|table| matrix.matmul(&Tensor::new([n, n * count], table)).to_vec());
        Grid { angles: count, scales: n, weights, coefficients }
    }

    /// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] for the given scales `i` and `j`.
    pub(super) fn pair(&self, i: usize, j: usize, c: f64) -> [f64; 2] {
        let x = 2.0 * Number::acos(c) / PI - 1.0;
        let weights = &self.weights[j * self.scales..(j + 1) * self.scales];
        let block = self.scales * self.angles;
        [0, 1].map(|which| {
            let rows = &self.coefficients[which][i * block..(i + 1) * block];
            let coefficient =
                |k: usize| weights.iter().zip(rows.chunks(self.angles)).map(|(w, row)| w * row[k]).sum::<f64>();
            // Clenshaw's sum.
            let (mut b1, mut b2) = (0.0, 0.0);
            for k in (1..self.angles).rev() {
                (b1, b2) = (coefficient(k) + 2.0 * x * b1 - b2, b1);
            }
            coefficient(0) + x * b1 - b2
        })
    }
}

/// Scales between two, at which E[φ(s z)²] and E[φ′(s z)²] are resolved.
fn scales(curve: &Curve, [low, high]: [f64; 2]) -> Vec<f64> {
    if high - low <= 1e-12 * high {
        return vec![high];
    }
    let resolves = |&&count: &&usize| {
        let squares = nodes(count, [low, high])
            .into_iter()
            .map(|s| [curve.expect(s, |_, y, _| y * y), curve.expect(s, |_, _, dy| dy * dy)]);
        let squares: Vec<[f64; 2]> = squares.collect();
        [0, 1].iter().all(|&i| settled(&chebyshev(&squares.iter().map(|square| square[i]).collect::<Vec<_>>())))
    };
    let count = *SCALES.iter().find(resolves).unwrap_or(&SCALES[SCALES.len() - 1]);
    nodes(count, [low, high])
}

/// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] for several angles, by a rule in the plane.
///
/// With v = cos θ·u + sin θ·w, φ(t v) bends along lines. Panels of w end at them; the integral over w is a function of u that
/// bends where they cross the axis, over a width of tan θ, and panels of u end there.
fn plane(curve: &Curve, s: f64, t: f64, angles: &[f64]) -> [Vec<f64>; 2] {
    let density = |z: f64| Number::exp(-z * z / 2.0) / (2.0 * PI).sqrt();
    let (mut values, mut slopes) = (vec![], vec![]);
    for &angle in angles {
        let (c, rest) = (Number::cos(angle), Number::sin(angle));
        let mut outer = marks(curve, 0.0, s);
        let width = rest / c.abs();
        for centre in marks(curve, 0.0, t * c) {
            outer.extend([-8.0, -3.0, 0.0, 3.0, 8.0].map(|at| centre + at * width));
        }
        let (mut u, mut v, mut weights) = (vec![], vec![], vec![]);
        for (at, weight) in rule(&panels(outer)) {
            let shift = t * c * at;
            for (inner, beside) in rule(&panels(marks(curve, shift, t * rest))) {
                v.push(shift + t * rest * inner);
                weights.push((u.len(), weight * density(at) * beside * density(inner)));
            }
            u.push(s * at);
        }
        let (first, second) = (curve.values_and_slopes(&u), curve.values_and_slopes(&v));
        let expect = |a: &[f64], b: &[f64]| weights.iter().zip(b).map(|((i, w), b)| w * a[*i] * b).sum::<f64>();
        values.push(expect(&first.0, &second.0));
        slopes.push(expect(&first.1, &second.1));
    }
    [values, slopes]
}

/// The z at which φ(shift + scale·z) bends: at its kinks, and around 0 where many units lie within a standard deviation.
fn marks(curve: &Curve, shift: f64, scale: f64) -> Vec<f64> {
    let bends = [-6.0, -2.0, 0.0, 2.0, 6.0];
    let around = if scale.abs() > 1.5 { &bends[..] } else { &[] };
    around.iter().chain(&curve.breaks).map(|x| (x - shift) / scale).filter(|z| z.is_finite()).collect()
}

fn panels(marks: Vec<f64>) -> Vec<f64> {
    let inside = marks.into_iter().filter(|z| z.abs() < TAIL);
    let mut ends: Vec<f64> = [-TAIL, -5.5, -2.75, 0.0, 2.75, 5.5, TAIL].into_iter().chain(inside).collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup_by(|next, last| *next - *last < 1e-14);
    ends
}

/// The roots of a Chebyshev polynomial, between two ends.
fn nodes(count: usize, [low, high]: [f64; 2]) -> Vec<f64> {
    let root = |i: usize| -Number::cos(PI * (i as f64 + 0.5) / count as f64);
    (0..count).map(|i| low + (high - low) * (1.0 + root(i)) / 2.0).collect()
}

/// The coefficients of the Chebyshev polynomials through values at [`nodes`].
fn chebyshev(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let angle = |i: usize| PI * (1.0 - (i as f64 + 0.5) / n as f64);
    let coefficient = |k: usize| {
        let sum: f64 = values.iter().enumerate().map(|(i, y)| y * Number::cos(k as f64 * angle(i))).sum();
        if k == 0 { sum / n as f64 } else { 2.0 * sum / n as f64 }
    };
    (0..n).map(coefficient).collect()
}

fn settled(coefficients: &[f64]) -> bool {
    let largest = coefficients.iter().fold(0.0, |largest: f64, a| largest.max(a.abs()));
    // The last two: of an odd or even function every second is 0.
    coefficients[coefficients.len() - 2..].iter().all(|a| a.abs() <= TOLERANCE * largest)
}

/// The weights of values at `axis` for the value at `x`.
fn lagrange(axis: &[f64], x: f64) -> Vec<f64> {
    let others = |i: usize| (0..axis.len()).filter(move |&j| j != i);
    (0..axis.len()).map(|i| others(i).map(|j| (x - axis[j]) / (axis[i] - axis[j])).product()).collect()
}
