//! Reductions and scans over the middle of an array seen as `outer × n × inner` row-major values.

use super::math;
use crate::number::Float;

/// The loops of a reduction: `x` is (outer, n, inner), the result (outer, inner).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loops {
    pub(crate) outer: usize,
    pub(crate) n: usize,
    pub(crate) inner: usize,
}

/// Sums of a row by eight partial sums, which vectorises and loses less than one running sum.
fn row_sum<T: Float>(row: &[T]) -> T {
    let mut lanes = [T::zero(); 8];
    let chunks = row.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(T::zero(), |sum, &x| sum + x);
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + x;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// Long rows are halved until they fit the lanes' accuracy: the error grows with the logarithm of the length.
fn pairwise_sum<T: Float>(row: &[T]) -> T {
    if row.len() <= 4096 {
        return row_sum(row);
    }
    let (a, b) = row.split_at(row.len() / 2);
    pairwise_sum(a) + pairwise_sum(b)
}

/// `out[o, i] = Σ_j x[o, j, i]`
pub(crate) fn sum<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, out: &mut [T]) {
    if inner == 1 {
        for (o, out) in out.iter_mut().enumerate().take(outer) {
            *out = pairwise_sum(&x[o * n..(o + 1) * n]);
        }
    } else {
        out.fill(T::zero());
        fold(x, Loops { outer, n, inner }, out, |sum, x| sum + x);
    }
}

/// `out[o, i] = f(… f(out[o, i], x[o, 0, i]) …, x[o, n−1, i])`
fn fold<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, out: &mut [T], f: impl Fn(T, T) -> T) {
    for o in 0..outer {
        let out = &mut out[o * inner..(o + 1) * inner];
        for j in 0..n {
            let x = &x[(o * n + j) * inner..];
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(*out, x);
            }
        }
    }
}

/// The largest (or smallest) value; NaN if there is one.
pub(crate) fn extreme<T: Float>(x: &[T], loops: Loops, largest: bool, out: &mut [T]) {
    let infinity = T::from_f64(f64::INFINITY);
    if largest {
        out.fill(-infinity);
        fold(x, loops, out, math::max);
    } else {
        out.fill(infinity);
        fold(x, loops, out, math::min);
    }
}

/// The position of the first largest (or smallest) value along the middle axis; NaN counts as the extreme.
pub(crate) fn arg_extreme<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, largest: bool) -> Vec<usize> {
    let beats = |a: T, b: T| if largest { a > b } else { a < b };
    let nan = |x: T| x.to_f64().is_nan();
    let at = |o: usize, j: usize, i: usize| x[(o * n + j) * inner + i];
    let best = |o: usize, i: usize| {
        (1..n).fold(0, |best, j| {
            let (new, old) = (at(o, j, i), at(o, best, i));
            if !nan(old) && (nan(new) || beats(new, old)) { j } else { best }
        })
    };
    (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| best(o, i)).collect()
}

/// `out = [x = y] / (number of ties)`: the gradient of an extreme, shared equally among ties.
pub(crate) fn tie_share<T: Float>(x: &[T], y: &[T], Loops { outer, n, inner }: Loops, out: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let at = |j: usize| (o * n + j) * inner + i;
            let y = y[o * inner + i];
            let ties = (0..n).filter(|&j| x[at(j)] == y).count();
            for j in 0..n {
                out[at(j)] = if x[at(j)] == y { T::from_f64(1.0 / ties as f64) } else { T::zero() };
            }
        }
    }
}

/// `out = ln Σ exp(x)`, shifted by the largest value so that nothing overflows.
pub(crate) fn log_sum_exp<T: Float>(x: &[T], loops: Loops, out: &mut [T]) {
    extreme(x, loops, true, out);
    let Loops { outer, n, inner } = loops;
    for o in 0..outer {
        for i in 0..inner {
            let top = out[o * inner + i];
            // ±∞ and NaN are their own answer; subtracting them would make NaN of −∞.
            if top.is_finite() {
                let sum = (0..n).fold(T::zero(), |sum, j| sum + math::exp(x[(o * n + j) * inner + i] - top));
                out[o * inner + i] = top + math::ln(sum);
            }
        }
    }
}

/// `out = √Σ x²`, scaled by the largest magnitude so that squares neither overflow nor vanish.
pub(crate) fn norm<T: Float>(x: &[T], loops: Loops, out: &mut [T]) {
    let Loops { outer, n, inner } = loops;
    out.fill(T::zero());
    fold(x, loops, out, |top, x| math::max(top, math::abs(x)));
    for o in 0..outer {
        for i in 0..inner {
            let top = out[o * inner + i];
            if top.is_finite() && top > T::zero() {
                let sum = (0..n).fold(T::zero(), |sum, j| {
                    let x = x[(o * n + j) * inner + i] / top;
                    sum + x * x
                });
                out[o * inner + i] = top * math::sqrt(sum);
            }
        }
    }
}

/// `out[i] = ln Σ_j exp(x[i, j] − x[i, class])`: differences first, so that large logits lose nothing.
pub(crate) fn cross_entropy<T: Float>(x: &[T], classes: &[usize], out: &mut [T]) {
    let width = (x.len() / classes.len().max(1)).max(1); // no rows: any width
    for ((row, &class), out) in x.chunks_exact(width).zip(classes).zip(out) {
        let top = row.iter().fold(T::from_f64(f64::NEG_INFINITY), |top, &x| math::max(top, x));
        let sum = row.iter().fold(T::zero(), |sum, &x| sum + math::exp(x - top));
        *out = (top - row[class]) + math::ln(sum);
    }
}

/// Running sums along the middle axis, from the end if `reverse`.
pub(crate) fn cumulative_sum<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, reverse: bool, out: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let mut sum = T::zero();
            for j in 0..n {
                let at = (o * n + if reverse { n - 1 - j } else { j }) * inner + i;
                sum = sum + x[at];
                out[at] = sum;
            }
        }
    }
}

/// Softmax along the middle axis (its logarithm if `log`), shifted by the largest value.
pub(crate) fn softmax<T: Float>(x: &[T], Loops { outer, n, inner }: Loops, log: bool, out: &mut [T]) {
    for o in 0..outer {
        for i in 0..inner {
            let at = |j: usize| (o * n + j) * inner + i;
            let top = (0..n).fold(T::from_f64(f64::NEG_INFINITY), |top, j| math::max(top, x[at(j)]));
            let mut sum = T::zero();
            for j in 0..n {
                let e = math::exp(x[at(j)] - top);
                out[at(j)] = e;
                sum = sum + e;
            }
            // x − top first: near 1e4 the sum top + ln(sum) would round the logarithm away.
            let (scale, shift) = (T::one() / sum, math::ln(sum));
            for j in 0..n {
                out[at(j)] = if log { (x[at(j)] - top) - shift } else { out[at(j)] * scale };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_a_million_tenths_keep_their_digits() {
        let x = vec![0.1f32; 1_000_000];
        let mut out = [0.0];
        sum(&x, Loops { outer: 1, n: x.len(), inner: 1 }, &mut out);
        assert!((out[0] - 100_000.0).abs() < 1.0, "{}", out[0]);
    }

    #[test]
    fn both_loop_orders_agree() {
        let x: Vec<f64> = (0..24).map(|i| (i as f64).sin()).collect();
        let loops = Loops { outer: 2, n: 3, inner: 4 };
        let mut fast = [0.0; 8];
        sum(&x, loops, &mut fast);
        for o in 0..2 {
            for i in 0..4 {
                let slow: f64 = (0..3).map(|j| x[(o * 3 + j) * 4 + i]).sum();
                assert!((fast[o * 4 + i] - slow).abs() < 1e-15);
            }
        }
    }
}
