//! Expectations of functions with kinks, interpolated between points of a grid.

use std::f64::consts::{FRAC_PI_2, PI};

use autograd::{Number, Tensor};

use crate::depth::quadrature::{density, rule};
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
        let products = if curve.breaks.iter().all(|x| x.abs() < 1e-12) { sectors } else { plane };
        let angles = |count: usize| nodes(count, [0.0, PI]);
        let all =
            |axis: &[f64], count| angles(count).into_iter().map(|at| products(curve, axis, at)).collect::<Vec<_>>();
        let n = axis.len();
        let coefficients = |of: &[[Vec<f64>; 2]], which: usize, at: usize| {
            chebyshev(&of.iter().map(|products| products[which][at]).collect::<Vec<_>>())
        };
        let resolved = |&&count: &&usize| {
            let widest = all(&ends[1..], count);
            [0, 1].iter().all(|&which| settled(&coefficients(&widest, which, 0)))
        };
        let count = *ANGLES.iter().find(resolved).unwrap_or(&ANGLES[ANGLES.len() - 1]);
        let products = all(&axis, count);
        let table =
            [0, 1].map(|which| (0..n * n).flat_map(|at| coefficients(&products, which, at)).collect::<Vec<_>>());
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

/// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] for all pairs of scales, where φ has kinks at 0 only, by a rule in polar coordinates.
///
/// With u = r·cos α and v = r·cos(α − θ) the kinks are at the ends of sectors. φ is evaluated at the nodes once for each scale: the
/// reflection α → θ − α, under which the nodes are symmetric, makes u of v.
fn sectors(curve: &Curve, scales: &[f64], angle: f64) -> [Vec<f64>; 2] {
    let widest = scales.iter().copied().fold(0.0, f64::max);
    // Where many units lie within a standard deviation, functions bend near 0, and so near the ends of sectors.
    let near = if widest > 1.5 { &[2.0, 6.0][..] } else { &[] };
    let sector = |from: f64, to: f64| {
        let inside = near.iter().map(|x| x / (2.0 * widest)).filter(|x| 4.0 * x < to - from);
        let mut ends: Vec<f64> = inside.flat_map(|x| [from + x, to - x]).chain([from, (from + to) / 2.0, to]).collect();
        ends.sort_by(f64::total_cmp);
        rule(&ends).collect::<Vec<_>>()
    };
    // u > 0 from −π/2 to π/2, v > 0 from θ − π/2 to θ + π/2. The first three are symmetric as a whole, and so is the last.
    let [a, b, c, d] = [-FRAC_PI_2, angle - FRAC_PI_2, FRAC_PI_2, angle + FRAC_PI_2];
    let mut around = [sector(a, b), sector(b, c), sector(c, d)].concat();
    let rest = sector(d, a + 2.0 * PI);
    let mirrored: Vec<usize> = (0..around.len()).rev().chain((around.len()..around.len() + rest.len()).rev()).collect();
    around.extend(rest);

    let mut ends: Vec<f64> = near.iter().map(|x| x / widest).chain([0.0, 1.4, 2.75, 4.1, 5.5, TAIL]).collect();
    ends.sort_by(f64::total_cmp);
    let radii: Vec<(f64, f64)> =
        rule(&ends).map(|(r, weight)| (r, weight * r * Number::exp(-r * r / 2.0) / (2.0 * PI))).collect();
    let u: Vec<f64> = around.iter().flat_map(|(alpha, _)| radii.iter().map(|(r, _)| r * Number::cos(*alpha))).collect();
    let (n, points) = (scales.len(), u.len());
    let x: Vec<f64> = scales.iter().flat_map(|scale| u.iter().map(move |u| scale * u)).collect();
    let (values, slopes) = curve.values_and_slopes(&x);
    [values, slopes].map(|y| {
        let mut other = Vec::with_capacity(y.len());
        for y in y.chunks(points) {
            for (&i, (_, weight)) in mirrored.iter().zip(&around) {
                let y = &y[i * radii.len()..(i + 1) * radii.len()];
                other.extend(y.iter().zip(&radii).map(|(y, (_, density))| y * weight * density));
            }
        }
        Tensor::new([n, points], y).matmul(&Tensor::new([n, points], other).t()).to_vec()
    })
}

/// The same for kinks anywhere, by a rule in the plane.
///
/// With v = cos θ·u + sin θ·w, φ(t v) bends along lines. Panels of w end at them; the integral over w is a function of u that
/// bends where they cross the axis, over a width of tan θ, and panels of u end there.
fn plane(curve: &Curve, scales: &[f64], angle: f64) -> [Vec<f64>; 2] {
    let n = scales.len();
    let mut all = [vec![0.0; n * n], vec![0.0; n * n]];
    for a in 0..n {
        for b in a..n {
            let pair = plane_pair(curve, scales[a], scales[b], angle);
            for (all, product) in all.iter_mut().zip(pair) {
                (all[a * n + b], all[b * n + a]) = (product, product);
            }
        }
    }
    all
}

fn plane_pair(curve: &Curve, s: f64, t: f64, angle: f64) -> [f64; 2] {
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
    [expect(&first.0, &second.0), expect(&first.1, &second.1)]
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
