//! Adaptive integrals to round-off, the normal density, and roots in a bracket.

use std::f64::consts::PI;

use autograd::Number;

/// Nodes of the 15-point Kronrod rule on [0, 1) of [−1, 1], from the outermost inwards. Every second node belongs to
/// the embedded 7-point Gauss rule (Kronrod 1965; digits from QUADPACK's `qk15`).
const NODES: [f64; 8] = [
    0.991_455_371_120_812_6,
    0.949_107_912_342_758_5,
    0.864_864_423_359_769_1,
    0.741_531_185_599_394_4,
    0.586_087_235_467_691_1,
    0.405_845_151_377_397_2,
    0.207_784_955_007_898_47,
    0.0,
];
const KRONROD: [f64; 8] = [
    0.022_935_322_010_529_224,
    0.063_092_092_629_978_55,
    0.104_790_010_322_250_18,
    0.140_653_259_715_525_92,
    0.169_004_726_639_267_9,
    0.190_350_578_064_785_4,
    0.204_432_940_075_298_9,
    0.209_482_141_084_727_82,
];
const GAUSS: [f64; 4] =
    [0.129_484_966_168_869_7, 0.279_705_391_489_276_64, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4];

/// A panel is settled when both rules agree to this fraction of the integral of |f|.
const TOLERANCE: f64 = 1e-13;
/// After this many bisections a panel is narrower than the round-off of its ends, so the error of a jump in it is
/// negligible.
const LEVELS: usize = 52;
/// The limit on open panels: a noisy function would split every panel forever.
const PANELS: usize = 1 << 14;

/// ∫f over the panels between neighbouring `ends`, bisected until the error is round-off.
///
/// `f` receives all nodes of a level at once, so that it can be evaluated on a tensor. Kinks and jumps cost levels. The
/// rule misses a kink between the outermost node and the end of a panel: place panel ends at known kinks. The result is
/// NaN if `f` is not finite at a node.
pub(crate) fn integrate(ends: &[f64], mut f: impl FnMut(&[f64]) -> Vec<f64>) -> f64 {
    let mut open: Vec<(f64, f64)> = ends.windows(2).map(|ends| (ends[0], ends[1])).collect();
    let (mut settled, mut settled_size) = (0.0, 0.0);
    for level in 0.. {
        let nodes: Vec<f64> = open.iter().flat_map(|&(from, to)| nodes(from, to)).collect();
        let values = f(&nodes);
        if !values.iter().all(|y| y.is_finite()) {
            return f64::NAN;
        }
        let estimates: Vec<_> = values.chunks(15).zip(&open).map(|(y, &(from, to))| estimate(y, to - from)).collect();
        let size = settled_size + estimates.iter().map(|estimate| estimate.size).sum::<f64>();
        let mut next = Vec::new();
        for (&(from, to), estimate) in open.iter().zip(&estimates) {
            if estimate.error <= TOLERANCE * size || level == LEVELS || open.len() > PANELS {
                settled += estimate.value;
                settled_size += estimate.size;
            } else {
                let middle = (from + to) / 2.0;
                next.extend([(from, middle), (middle, to)]);
            }
        }
        if next.is_empty() {
            break;
        }
        open = next;
    }
    settled
}

/// Nodes and weights of the Kronrod rule on the panels between neighbouring `ends`, for integrands that these resolve.
pub(crate) fn rule(ends: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    ends.windows(2).flat_map(|ends| {
        let weight = move |i: usize| KRONROD[i.min(14 - i)] * (ends[1] - ends[0]) / 2.0;
        nodes(ends[0], ends[1]).into_iter().enumerate().map(move |(i, node)| (node, weight(i)))
    })
}

/// The density of the standard normal distribution.
pub(crate) fn density(z: f64) -> f64 {
    Number::exp(-z * z / 2.0) / (2.0 * PI).sqrt()
}

struct Estimate {
    value: f64,
    error: f64,
    /// ∫|f|
    size: f64,
}

fn nodes(from: f64, to: f64) -> [f64; 15] {
    let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
    std::array::from_fn(|i| if i < 8 { middle - half * NODES[i] } else { middle + half * NODES[14 - i] })
}

fn estimate(y: &[f64], width: f64) -> Estimate {
    let weight = |i: usize| KRONROD[i.min(14 - i)] * width / 2.0;
    let value = y.iter().enumerate().map(|(i, y)| weight(i) * y).sum::<f64>();
    let size = y.iter().enumerate().map(|(i, y)| weight(i) * y.abs()).sum();
    let gauss = (0..7).map(|j| GAUSS[j.min(6 - j)] * y[2 * j + 1]).sum::<f64>() * width / 2.0;
    Estimate { value, error: (value - gauss).abs(), size }
}

/// The point between `a` and `b` where `f` changes its sign, by Ridders' method (1979).
///
/// The method stays inside the bracket, and needs few evaluations for a smooth `f`.
pub(crate) fn root(mut f: impl FnMut(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    let (mut fa, mut fb) = (f(a), f(b));
    debug_assert!(fa * fb <= 0.0, "no change of sign between {a} and {b}");
    let mut last = f64::NAN;
    loop {
        if fa == 0.0 || fb == 0.0 {
            return if fa == 0.0 { a } else { b };
        }
        let middle = (a + b) / 2.0;
        let fm = f(middle);
        let root = (fm * fm - fa * fb).sqrt();
        let x = if root > 0.0 { middle + (middle - a) * fa.signum() * fm / root } else { middle };
        if (b - a).abs() <= 4.0 * f64::EPSILON * middle.abs() || middle == a || middle == b {
            return x;
        }
        let fx = f(x);
        if (x - last).abs() <= 2.0 * f64::EPSILON * x.abs() {
            // Near a root of high order the steps stall early. Accept `x` only if the sign changes just beyond it.
            let far = if (a - x).abs() > (b - x).abs() { a } else { b };
            let across = x + 4.0 * f64::EPSILON * x.abs() * (far - x).signum();
            if fx * f(across) <= 0.0 {
                return x;
            }
        }
        last = x;
        if fm * fx < 0.0 {
            (a, fa, b, fb) = (middle, fm, x, fx);
        } else if fa * fx < 0.0 {
            (b, fb) = (x, fx);
        } else {
            (a, fa) = (x, fx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(ends: &[f64], f: impl Fn(f64) -> f64) -> f64 {
        integrate(ends, |x| x.iter().map(|&x| f(x)).collect())
    }

    #[test]
    fn the_rules_are_exact_on_the_polynomials_they_promise() {
        // 15 Kronrod points: degree 23; 7 Gauss points: degree 13. One panel only, so that bisection cannot hide an
        // error.
        for degree in 0..=23 {
            let y: Vec<f64> = nodes(0.0, 1.0).iter().map(|x| x.powi(degree)).collect();
            let estimate = estimate(&y, 1.0);
            assert!((estimate.value - 1.0 / f64::from(degree + 1)).abs() < 1e-15, "degree {degree}");
            assert_eq!(estimate.error < 1e-15, degree <= 13, "degree {degree}: {}", estimate.error);
        }
    }

    #[test]
    fn kinks_and_jumps_inside_a_panel_are_found() {
        assert!((on(&[-1.0, 2.0], |x| (x - 0.3).abs()) - (1.69 + 2.89) / 2.0).abs() < 1e-12);
        assert!((on(&[-1.0, 2.0], |x| f64::from(u8::from(x > 0.3))) - 1.7).abs() < 1e-12);
        assert!((on(&[0.0, 1.0], f64::sqrt) - 2.0 / 3.0).abs() < 1e-12);
        assert!(on(&[-1.0, 1.0], f64::sqrt).is_nan());
    }

    #[test]
    fn roots_are_found_to_round_off() {
        assert!((root(|x| x * x - 2.0, 0.0, 2.0) - 2f64.sqrt()).abs() < 1e-15);
        assert!((root(|x| x.powi(9), -1.0, 1.5)).abs() < 1e-15);
        assert!((root(f64::cos, 3.0, 0.0) - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
        assert_eq!(root(|x| x, 0.0, 1.0), 0.0);
        assert!(root(|x| if x < 0.0 { -1.0 } else { 1.0 }, -1.0, 2.0).abs() < 1e-300); // a jump at 0, with no root
    }
}
