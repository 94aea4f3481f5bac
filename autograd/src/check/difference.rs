//! Derivatives by differences, with an estimate of their error.

/// A numeric derivative: its value, the error it is known to, and what is needed to judge it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    pub(crate) value: f64,
    /// Estimated error: disagreement of successive extrapolations, and at least the round-off of the samples.
    pub(crate) error: f64,
    /// One-sided derivatives at the smallest step, from above and from below.
    pub(crate) above: f64,
    pub(crate) below: f64,
    /// The step that the value was found at.
    pub(crate) step: f64,
    /// Whether the one-sided derivatives stay apart as the step shrinks; those of a smooth function meet at that rate.
    pub(crate) kink: bool,
    /// Whether every sample was finite at some step.
    pub(crate) finite: bool,
}

/// Each step is this much shorter than the one before.
const SHRINK: f64 = 2.0;
/// If the first steps reach over a kink, a jump, or the edge of the domain, smaller ones are tried, this often.
const WINDOWS: usize = 4;
/// A relative error that needs no further window.
const GOOD: f64 = 1e-7;
/// How many steps are extrapolated at the most.
const LEVELS: usize = 9;
/// The first step at points of ordinary size; at points beyond `LARGE` it grows with them, so as not to drown in round-off.
const FIRST: f64 = 1.0 / 64.0;
const LARGE: f64 = 1024.0;

/// The noise of the samples of `g` near 0: the standard deviation that a table of fourth differences shows (Moré & Wild 2011,
/// "Estimating computational noise"). What a smooth function adds to fourth differences at these spacings is negligible.
///
/// The median of three spacings: rounding can hide from the smallest, and a kink can lie within the largest.
pub(crate) fn noise(mut g: impl FnMut(f64) -> f64, scale: f64) -> f64 {
    // γ₄ = (4!)²/8!, which makes the mean square of fourth differences of white noise its variance.
    const GAMMA: f64 = 576.0 / 40320.0;
    let unit = (scale / LARGE).max(1.0);
    let mut found = [4.3e-5, 6.7e-7, 1.1e-8].map(|spacing| {
        let mut row: Vec<f64> = (-4..=4).map(|k| g(f64::from(k) * spacing * unit)).collect();
        for _ in 0..4 {
            row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        (GAMMA * row.iter().map(|d| d * d).sum::<f64>() / row.len() as f64).sqrt()
    });
    found.sort_by(f64::total_cmp);
    if found[1].is_finite() { found[1] } else { 0.0 }
}

/// The derivative of `g` at 0 by Ridders' method: central differences at shrinking steps, extrapolated to step 0
/// (Ridders 1982; the tableau of Press et al., Numerical Recipes, 5.7).
///
/// `scale` is the magnitude of the point, which sets the first step; `noise` is that of a sample. If a sample is not
/// finite, steps start smaller.
pub(crate) fn ridders(mut g: impl FnMut(f64) -> f64, scale: f64, noise: f64) -> Difference {
    let centre = g(0.0);
    // A power of two, so that x + h and x − h lose as little as can be.
    let mut first = FIRST * (scale / LARGE).max(1.0).log2().floor().exp2();
    let nan = f64::NAN;
    let error = f64::INFINITY;
    let mut best = Difference { value: nan, error, above: nan, below: nan, step: first, kink: false, finite: false };
    for _ in 0..WINDOWS {
        let (up, down) = (g(first), g(-first));
        if centre.is_finite() && up.is_finite() && down.is_finite() {
            let found = extrapolate(&mut g, centre, first, noise);
            if found.error < best.error || !best.finite {
                best = found;
            }
            if best.kink || best.error <= GOOD * best.value.abs() {
                break;
            }
        }
        first /= 32.0;
    }
    best
}

fn extrapolate(g: &mut impl FnMut(f64) -> f64, centre: f64, first: f64, noise: f64) -> Difference {
    let mut best = Difference {
        value: f64::NAN,
        error: f64::INFINITY,
        above: 0.0,
        below: 0.0,
        step: first,
        kink: false,
        finite: true,
    };
    let mut row: Vec<f64> = vec![];
    let mut gaps: Vec<f64> = vec![];
    let mut h = first;
    let mut size = centre.abs();
    for level in 0..LEVELS {
        let (up, down) = (g(h), g(-h));
        (best.above, best.below) = ((up - centre) / h, (centre - down) / h);
        size = size.max(up.abs()).max(down.abs());
        // Round-off of a sample is a few ulp; the extrapolation's weights magnify it little.
        let round_off = (4.0 * f64::EPSILON * size).max(4.0 * noise) / h;
        gaps.push((best.above - best.below).abs());
        let mut next = vec![(up - down) / (2.0 * h)];
        let mut factor = SHRINK * SHRINK;
        for k in 0..level {
            let value = (next[k] * factor - row[k]) / (factor - 1.0);
            let error = (value - next[k]).abs().max((value - row[k]).abs()).max(round_off);
            if error <= best.error {
                (best.value, best.error, best.step) = (value, error, h);
            }
            next.push(value);
            factor *= SHRINK * SHRINK;
        }
        // Once higher orders disagree, round-off has taken over.
        if level > 1 && (next[level] - row[level - 1]).abs() > 4.0 * best.error.max(round_off) {
            break;
        }
        row = next;
        h /= SHRINK;
    }
    best.kink = stays(&gaps, 1e3 * best.error);
    best
}

/// Whether the gap between the one-sided derivatives settles at a size that noise cannot explain. The gap of a smooth
/// function halves with the step, that of noise doubles.
fn stays(gaps: &[f64], noise: f64) -> bool {
    let [.., a, b, c] = gaps else { return false };
    let level = |before: f64, after: f64| after > 0.8 * before && after < 1.25 * before;
    level(*a, *b) && level(*b, *c) && *c > noise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceres_test_vector() {
        // f = eˣ/(sin x − x²) at 1, the test vector of the Ceres solver's documentation of numeric derivatives.
        let f = |x: f64| x.exp() / (x.sin() - x * x);
        let d = ridders(|h| f(1.0 + h), 1.0, 0.0);
        assert!((d.value - 140.737_735_571_296_58).abs() < 1e-7, "{d:?}");
        assert!((d.value - 140.737_735_571_296_58).abs() <= 10.0 * d.error, "{d:?}");
    }

    #[test]
    fn smooth_functions_to_eleven_digits() {
        type F = fn(f64) -> f64;
        let cases: [(F, F, f64); 4] = [
            (f64::exp, f64::exp, 0.3),
            (f64::sin, f64::cos, 1.0),
            (f64::ln, f64::recip, 0.05),
            (|x| x * x * x, |x| 3.0 * x * x, 100.0),
        ];
        for (f, df, x) in cases {
            let d = ridders(|h| f(x + h), x.abs(), 0.0);
            assert!((d.value - df(x)).abs() < 1e-11 * df(x).abs().max(1.0), "{d:?} {}", df(x));
        }
    }

    #[test]
    fn a_kink_shows_in_the_one_sided_derivatives() {
        let d = ridders(f64::abs, 1.0, 0.0);
        assert_eq!((d.above, d.below, d.kink), (1.0, -1.0, true));
        assert!(!ridders(|x| (3.0 + x).exp(), 1.0, 0.0).kink);
    }

    #[test]
    fn noise_is_seen_where_rounding_makes_it() {
        // Values near 1e16 are rounded to even integers: a standard deviation of 2/√12.
        let seen = noise(|h| (h + 1e8) * (h + 1e8), 1.0);
        assert!((0.1..3.0).contains(&seen), "{seen}");
        assert!(noise(|h| (0.3 + h).sin(), 1.0) < 1e-15);
        assert!(noise(|h| (h + 1e-5).abs(), 1.0) < 1e-15, "a kink within the largest spacing");
    }
}
