//! Expectations of functions that are made of lines, with kinks and jumps anywhere, in closed form.

use std::f64::consts::PI;

use autograd::Number;

use crate::depth::quadrature::{density, rule};
use crate::depth::theory::curve::{Curve, WINDOW};

/// φ as a line, and what is added to it beyond each break.
///
/// The line is that around 0, so that for small variances nothing cancels.
pub(super) struct Pieces {
    level: f64,
    slope: f64,
    breaks: Vec<Break>,
}

/// `(jump + bend·(x − at))`, for x beyond `at`, seen from 0.
struct Break {
    /// 1 if x is greater beyond it, else −1.
    side: f64,
    at: f64,
    jump: f64,
    bend: f64,
}

impl Pieces {
    /// None if φ is curved somewhere.
    pub(super) fn of(curve: &Curve) -> Option<Self> {
        const POINTS: u32 = 400;
        let reach = f64::from(WINDOW);
        let mut at: Vec<f64> = curve.breaks.iter().map(|&x| if x.abs() < 1e-12 { 0.0 } else { x }).collect();
        at.sort_by(f64::total_cmp);
        let ends: Vec<f64> = [-reach].into_iter().chain(at.iter().copied()).chain([reach]).collect();
        let lines = ends.windows(2).map(|ends| line(curve, ends[0], ends[1], POINTS)).collect::<Option<Vec<_>>>()?;
        let left = at.iter().filter(|&&x| x < 0.0).count();
        let breaks = at.iter().enumerate().map(|(i, &at)| {
            // Beyond is right of the break, or left of it.
            let side = if i < left { -1.0 } else { 1.0 };
            let [before, beyond] = if i < left { [lines[i + 1], lines[i]] } else { [lines[i], lines[i + 1]] };
            let [near, far] = [before, beyond].map(|[level, slope]| level + slope * at);
            let jump = if (far - near).abs() <= 1e-12 * (1.0 + near.abs()) { 0.0 } else { far - near };
            Break { side, at, jump, bend: beyond[1] - before[1] }
        });
        let [level, slope] = lines[left];
        Some(Pieces { level, slope, breaks: breaks.collect() })
    }

    /// `odd` and `even`, if φ(x) = odd·x + even·|x|.
    pub(super) fn through_the_origin(&self) -> Option<[f64; 2]> {
        let kink = |at: &Break| at.at == 0.0 && at.jump == 0.0;
        let even = self.breaks.iter().map(|at| at.bend).sum::<f64>() / 2.0;
        (self.level == 0.0 && self.breaks.iter().all(kink)).then_some([self.slope + even, even])
    }

    /// φ(scale·z), z ~ N(0, 1).
    fn scaled(&self, curve: &Curve, scale: f64) -> Scaled {
        if scale == 0.0 {
            let (level, slope) = curve.at(0.0);
            return Scaled { level, slope, ..Scaled::default() };
        }
        let tail = |at: &Break| {
            let from = at.side * at.at / scale;
            let bend = at.side * at.bend * scale;
            Tail { side: at.side, from, jump: at.jump, bend, turn: at.bend, density: density(from), mass: above(from) }
        };
        // Beyond 38 standard deviations lies less than the least number.
        let tails: Vec<Tail> = self.breaks.iter().map(tail).filter(|tail| tail.from < 38.0).collect();
        let sum = |of: &dyn Fn(&Tail) -> f64| tails.iter().map(of).sum::<f64>();
        Scaled {
            level: self.level,
            tilt: self.slope * scale,
            slope: self.slope,
            mean: sum(&|t| t.jump * t.mass + t.bend * (t.density - t.from * t.mass)),
            first: sum(&|t| t.side * (t.jump * t.density + t.bend * t.mass)),
            mean_slope: sum(&|t| t.turn * t.mass),
            tails,
        }
    }
}

/// The level at 0 and the slope, if φ is a line between `from` and `to`.
fn line(curve: &Curve, from: f64, to: f64, points: u32) -> Option<[f64; 2]> {
    let x: Vec<f64> = (0..points).map(|i| from + (to - from) * (f64::from(i) + 0.5) / f64::from(points)).collect();
    let (y, slopes) = curve.values_and_slopes(&x);
    let nearest = (0..x.len()).min_by(|&i, &j| x[i].abs().total_cmp(&x[j].abs()))?;
    let slope = slopes[nearest];
    let level = y[nearest] - slope * x[nearest];
    let level = if level.abs() <= 2.0 * f64::EPSILON * y[nearest].abs() { 0.0 } else { level };
    // Round-off of y is that of its terms, which may be greater.
    let largest = y.iter().fold(0.0, |largest: f64, y| largest.max(y.abs()));
    let straight = x.iter().zip(&y).all(|(x, &y)| (y - (level + slope * x)).abs() <= 64.0 * f64::EPSILON * largest);
    (straight && slopes.iter().all(|&s| (s - slope).abs() <= 64.0 * f64::EPSILON * slope.abs()))
        .then_some([level, slope])
}

/// `level + tilt·z`, and the tails; the sums of their means, `E[f(z)]` and `E[f(z)·z]`, and the same of the slopes φ′.
#[derive(Default)]
struct Scaled {
    level: f64,
    tilt: f64,
    slope: f64,
    mean: f64,
    first: f64,
    mean_slope: f64,
    tails: Vec<Tail>,
}

/// `jump + bend·(x − from)` for x > from, of x = side·z; in φ′ it is `turn`.
struct Tail {
    side: f64,
    from: f64,
    jump: f64,
    bend: f64,
    turn: f64,
    /// Of x at `from`, and the mass beyond.
    density: f64,
    mass: f64,
}

/// [`Pieces`] at many scales.
pub(super) struct Tails(Vec<Scaled>);

impl Tails {
    pub(super) fn new(pieces: &Pieces, curve: &Curve, scales: &[f64]) -> Self {
        Tails(scales.iter().map(|&scale| pieces.scaled(curve, scale)).collect())
    }

    /// E[φ(s u)φ(t v)] and E[φ′(s u)φ′(t v)] for the scales `i` and `j`.
    pub(super) fn pair(&self, i: usize, j: usize, c: f64) -> [f64; 2] {
        let (a, b) = (&self.0[i], &self.0[j]);
        let mut values = a.level * b.level + a.level * b.mean + b.level * a.mean;
        values += c * (a.tilt * b.tilt + a.tilt * b.first + b.tilt * a.first);
        let mut slopes = a.slope * b.slope + a.slope * b.mean_slope + b.slope * a.mean_slope;
        for first in &a.tails {
            for second in &b.tails {
                let [value, mass] = overlap(first, second, first.side * second.side * c);
                values += value;
                slopes += first.turn * second.turn * mass;
            }
        }
        [values, slopes]
    }
}

/// The expectation of the product of two tails, and the mass where both are, for the correlation `c`.
///
/// With the moments of a normal pair beyond two bounds (Rosenbaum 1961).
fn overlap(a: &Tail, b: &Tail, c: f64) -> [f64; 2] {
    let (h, k) = (a.from, b.from);
    let rest = ((1.0 - c) * (1.0 + c)).sqrt();
    let mass = both_above(h, k, c);
    // Not 0, so that equal bounds at c = 1 give 0 and no others do.
    let narrow = rest.max(1e-300);
    let at_h = a.density * above((k - c * h) / narrow);
    let at_k = b.density * above((h - c * k) / narrow);
    let at_both = rest * a.density * density((k - c * h) / narrow);
    let first = at_h + c * at_k - h * mass;
    let second = at_k + c * at_h - k * mass;
    let product = (c + h * k) * mass + at_both - k * at_h - h * at_k;
    [a.jump * b.jump * mass + a.jump * b.bend * second + a.bend * b.jump * first + a.bend * b.bend * product, mass]
}

/// P(z > h)
fn above(h: f64) -> f64 {
    Number::normal_cdf(-h)
}

/// P(u > h, v > k) for standard normal u, v of correlation `c`, and h, k ≥ 0.
///
/// By an integral over the angle asin c; near c = ±1, where it is steep, over what is left after a series (Drezner and Wesolowsky 1990;
/// Genz 2004, `BVND`).
fn both_above(h: f64, k: f64, c: f64) -> f64 {
    if h == 0.0 && k == 0.0 {
        return 0.25 + Number::asin(c) / (2.0 * PI);
    }
    if c.abs() < 0.925 {
        let angle = Number::asin(c);
        let half = (h * h + k * k) / 2.0;
        let at = |theta: f64| {
            let sine = Number::sin(theta);
            Number::exp((sine * h * k - half) / ((1.0 - sine) * (1.0 + sine)))
        };
        // 15 nodes are enough up to here, and twice as many to the end.
        let short = [0.0, angle];
        let long = [0.0, angle / 2.0, angle];
        let ends = if c.abs() < 0.5 { &short[..] } else { &long };
        return rule(ends).map(|(theta, weight)| weight * at(theta)).sum::<f64>() / (2.0 * PI) + above(h) * above(k);
    }
    // For c < 0 it is P(u > h, v < −k) of correlation −c, and −k ≤ 0 ≤ h.
    if c > 0.0 { above(h.max(k)) - below_diagonal(h, k, c) } else { below_diagonal(h, -k, -c) }
}

/// P(u > max(h, k)) − P(u > h, v > k), for c ≥ 0.925; 0 at 1.
fn below_diagonal(h: f64, k: f64, c: f64) -> f64 {
    let square = (1.0 - c) * (1.0 + c);
    let (rest, apart, hk) = (square.sqrt(), (h - k).abs(), h * k);
    if apart >= 40.0 * rest {
        return 0.0;
    }
    let gap = apart * apart;
    let (p, q) = ((4.0 - hk) / 8.0, (12.0 - hk) / 16.0);
    // The integral of the first terms of a series in x², then that of what they leave.
    let mut sum = rest * Number::exp(-(gap / square + hk) / 2.0);
    sum *= 1.0 - p * (gap - square) * (1.0 - q * gap / 5.0) / 3.0 + p * q * square * square / 5.0;
    let series = (2.0 * PI).sqrt() * above(apart / rest) * apart * (1.0 - p * gap * (1.0 - q * gap / 5.0) / 3.0);
    sum -= Number::exp(-hk / 2.0) * series;
    for (x, weight) in rule(&[0.0, rest / 2.0, rest]) {
        let xx = x * x;
        let root = ((1.0 - x) * (1.0 + x)).sqrt();
        let left = Number::exp(-hk * xx / (2.0 * (1.0 + root) * (1.0 + root))) / root - (1.0 + p * xx * (1.0 + q * xx));
        sum += weight * Number::exp(-(gap / xx + hk) / 2.0) * left;
    }
    sum / (2.0 * PI)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depth::quadrature::integrate;

    #[test]
    fn the_mass_beyond_two_bounds_is_its_integral() {
        for size in [0.2, 0.499, 0.501, 0.9, 0.924, 0.926, 0.99, 0.9999, 1.0 - 1e-9] {
            for c in [size, -size] {
                for h in [0.0, 0.3, 1.0, 4.0] {
                    for k in [0.0, 0.3, 1.0 + 1e-4, 2.5] {
                        let rest = ((1.0 - c) * (1.0 + c)).sqrt();
                        // The inner mass rises from 0 to 1 around k/c, in a few times `rest`.
                        let steep = [-8.0, -2.0, 0.0, 2.0, 8.0].map(|z| (k + z * rest) / c);
                        let inside = steep.into_iter().filter(|&z| h < z && z < 12.0);
                        let mut ends: Vec<f64> = [h, (h + 12.0) / 2.0, 12.0].into_iter().chain(inside).collect();
                        ends.sort_by(f64::total_cmp);
                        let exact =
                            integrate(&ends, |u| u.iter().map(|&u| density(u) * above((k - c * u) / rest)).collect());
                        let found = both_above(h, k, c);
                        assert!((found - exact).abs() < 2e-15, "{h} {k} {c}: {found}, exactly {exact}");
                    }
                }
            }
        }
    }
}
