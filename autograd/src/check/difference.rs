//! Derivatives by differences, each with an estimate of its error: Ridders' extrapolation, from both sides or from one,
//! and as a second opinion a stencil.
//!
//! All take a function of a step. The unit step is the largest that makes sense; steps are powers of two, so that
//! moving a point by one is exact.

/// How well a function's samples are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples {
    /// The relative spacing of numbers of their type.
    pub(super) epsilon: f64,
    /// The standard deviation of a sample, from [`noise`].
    pub(super) noise: f64,
    /// The value at step 0.
    pub(super) centre: f64,
}

impl Samples {
    /// What a sample of this size may err by: a few units in the last place, or the noise.
    pub(super) fn error(&self, size: f64) -> f64 {
        (4.0 * self.epsilon * size).max(4.0 * self.noise)
    }
}

/// A derivative by differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// Disagreement of successive extrapolations, and at least the error of the samples over the step.
    pub(super) error: f64,
    /// The step that it was found at; 0 if nothing was.
    pub(super) step: f64,
}

impl Estimate {
    pub(super) const NONE: Estimate = Estimate { value: f64::NAN, error: f64::INFINITY, step: 0.0 };

    pub(super) fn is_known(&self) -> bool {
        self.value.is_finite() && self.error.is_finite()
    }
}

/// A derivative by central differences, and what was seen on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Central {
    pub(super) estimate: Estimate,
    /// The largest step at which the one-sided differences stayed apart as it shrank; those of a smooth function meet
    /// at the rate of the step.
    pub(super) kink: Option<f64>,
    /// Whether `estimate` itself was found across such a kink.
    pub(super) across: bool,
}

/// Each step is this much shorter than the one before.
const SHRINK: f64 = 2.0;
/// How many steps are extrapolated at the most.
const LEVELS: usize = 9;
/// If the steps reach over a kink, a jump or the edge of the domain, smaller ones are tried: so often, each so much smaller.
const WINDOWS: usize = 10;
const CLOSER: f64 = 32.0;

/// The widest spacing that noise is looked for at, and how many times narrower the next is. From 4.3e-5 down for f64; numbers of
/// fewer digits need wider ones to differ at all.
fn spacing(epsilon: f64) -> (f64, f64) {
    (0.35 * epsilon.powf(0.25), if epsilon > 1e-10 { 6.0 } else { 64.0 })
}

/// The narrowest spacing that noise is looked for at.
pub(super) fn narrowest(epsilon: f64) -> f64 {
    let (widest, narrower) = spacing(epsilon);
    widest / (narrower * narrower)
}

/// γ₄ = (4!)²/8!, which makes the mean square of fourth differences of white noise its variance.
pub(super) const GAMMA: f64 = 576.0 / 40320.0;

/// The noise of the samples of `g` near 0: the standard deviation that a table of fourth differences shows (Moré & Wild 2011,
/// "Estimating computational noise"). What a smooth function adds to fourth differences at these spacings is negligible.
///
/// The median of three spacings: rounding can hide from the smallest, and a kink can lie within the largest.
pub(super) fn noise(mut g: impl FnMut(f64) -> f64, epsilon: f64) -> f64 {
    let (widest, narrower) = spacing(epsilon);
    let mut found = [widest, widest / narrower, widest / (narrower * narrower)].map(|spacing| {
        let mut row: Vec<f64> = (-4..=4).map(|k| g(f64::from(k) * spacing)).collect();
        for _ in 0..4 {
            row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        (GAMMA * row.iter().map(|d| d * d).sum::<f64>() / row.len() as f64).sqrt()
    });
    // Noise does not know the spacing; the fourth differences across a kink at 0 are in proportion to it.
    let falls = |wide: f64, narrow: f64| (0.5..2.0).contains(&(wide / narrow / narrower));
    if falls(found[0], found[1]) && falls(found[1], found[2]) {
        return 0.0;
    }
    // Those of a function that is smooth on a small scale fall with its fourth power.
    if found[2] > 0.0 && (found[1] > narrower * narrower * found[2] || !found[1].is_finite()) {
        return found[2];
    }
    found.sort_by(f64::total_cmp);
    if found[1].is_finite() { found[1] } else { 0.0 }
}

/// The derivative of `g` at 0 by Ridders' method: central differences at shrinking steps, extrapolated to step 0
/// (Ridders 1982; the tableau of Press et al., Numerical Recipes, 5.7).
///
/// Smaller steps are tried until the error is below `wanted`, or round-off forbids that it falls further.
pub(super) fn ridders(
    mut g: impl FnMut(f64) -> f64,
    samples: Samples,
    unit: f64,
    wanted: impl Fn(f64) -> f64,
) -> Central {
    let mut best = Central { estimate: Estimate::NONE, kink: None, across: false };
    let mut first = unit;
    let mut apart = 0.0;
    for _ in 0..WINDOWS {
        let (found, gap) = central(&mut g, samples, first);
        let kink = gap.is_some();
        apart = gap.unwrap_or(apart);
        if let (Some(_), None) = (gap, best.kink) {
            best.kink = Some(first);
        }
        // What lies on one side of a kink is worth more than any estimate across it.
        let better =
            if kink == best.across { found.error < best.estimate.error } else { best.across && found.is_known() };
        if better || best.estimate.step == 0.0 {
            (best.estimate, best.across) = (found, kink);
        }
        let known = best.estimate.is_known();
        if known && !best.across && best.estimate.error <= wanted(best.estimate.value) {
            break;
        }
        first /= CLOSER;
        // The error of any smaller step is at least this.
        let floor = samples.error(samples.centre.abs()) / first;
        if known && floor > if best.across { 0.01 * apart } else { best.estimate.error } {
            break;
        }
    }
    best
}

/// Central differences from one first step down; with the gap between the one-sided differences, if it stays.
fn central(g: &mut impl FnMut(f64) -> f64, samples: Samples, first: f64) -> (Estimate, Option<f64>) {
    let mut gaps: Vec<f64> = vec![];
    let found = extrapolate(
        |h| {
            let (up, down) = (g(h), g(-h));
            gaps.push(((up - samples.centre) / h - (samples.centre - down) / h).abs());
            ((up - down) / (2.0 * h), up.abs().max(down.abs()))
        },
        samples,
        first,
        SHRINK * SHRINK,
    );
    (found, stays(&gaps, 1e3 * found.error).then(|| gaps[gaps.len() - 1]))
}

/// The derivative at 0 from above (`side` 1) or from below (−1).
pub(super) fn one_sided(mut g: impl FnMut(f64) -> f64, samples: Samples, unit: f64, side: f64) -> Estimate {
    let mut best = Estimate::NONE;
    let mut first = unit;
    for _ in 0..WINDOWS {
        let quotient = |h: f64| {
            let there = g(side * h);
            ((there - samples.centre) / (side * h), there.abs())
        };
        let found = extrapolate(quotient, samples, first, SHRINK);
        if found.error < best.error {
            best = found;
        }
        first /= CLOSER;
        if samples.error(samples.centre.abs()) / first > best.error {
            break;
        }
    }
    best
}

/// Extrapolates difference quotients to step 0, each sample given with its size. The first error falls with the step as
/// `growth` says: with its square for central differences, with the step itself for one-sided ones.
fn extrapolate(mut quotient: impl FnMut(f64) -> (f64, f64), samples: Samples, first: f64, growth: f64) -> Estimate {
    let mut best = Estimate::NONE;
    let mut row: Vec<f64> = vec![];
    let mut h = first;
    let mut size = samples.centre.abs();
    for level in 0..LEVELS {
        let (slope, sample) = quotient(h);
        if !slope.is_finite() {
            break;
        }
        size = size.max(sample);
        let round_off = samples.error(size) / h;
        let mut next = vec![slope];
        let mut factor = growth;
        for k in 0..level {
            let value = (next[k] * factor - row[k]) / (factor - 1.0);
            let error = (value - next[k]).abs().max((value - row[k]).abs()).max(round_off);
            if error <= best.error {
                best = Estimate { value, error, step: h };
            }
            next.push(value);
            factor *= growth;
        }
        // Once higher orders disagree, round-off has taken over.
        if level > 1 && (next[level] - row[level - 1]).abs() > 4.0 * best.error.max(round_off) {
            break;
        }
        row = next;
        h /= SHRINK;
    }
    best
}

/// Whether the gap between the one-sided differences settles at a size that noise cannot explain. The gap of a smooth
/// function halves with the step, that of noise doubles.
fn stays(gaps: &[f64], noise: f64) -> bool {
    let [.., a, b, c] = gaps else { return false };
    let level = |before: f64, after: f64| after > 0.8 * before && after < 1.25 * before;
    level(*a, *b) && level(*b, *c) && *c > noise
}

/// The derivative at 0 by the central stencil of seven points, whose difference from that of five is its error. The step
/// is the one at which that error and round-off meet, as in FiniteDifferences.jl.
pub(super) fn stencil(mut g: impl FnMut(f64) -> f64, samples: Samples, unit: f64) -> Estimate {
    let mut best = Estimate::NONE;
    // Three steps to each side reach as far as one step of `ridders`.
    let mut h = unit / 4.0;
    for _ in 0..8 {
        let mut size = samples.centre.abs();
        let [d1, d2, d3] = [1.0, 2.0, 3.0].map(|k| {
            let (up, down) = (g(k * h), g(-k * h));
            size = size.max(up.abs()).max(down.abs());
            up - down
        });
        let seven = (45.0 * d1 - 9.0 * d2 + d3) / (60.0 * h);
        let truncation = (seven - (8.0 * d1 - d2) / (12.0 * h)).abs();
        let round_off = samples.error(size) / h;
        let error = truncation.max(round_off);
        if seven.is_finite() && error < best.error {
            best = Estimate { value: seven, error, step: h };
        }
        // Truncation falls with h⁴, round-off rises with 1/h.
        let change = (round_off / truncation).powf(0.2);
        let change = if change.is_nan() { 1.0 / 16.0 } else { change.clamp(1.0 / 16.0, 1.0) };
        if change > 0.5 {
            break;
        }
        h *= change.log2().floor().exp2();
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: f64 = 1.0 / 64.0;

    fn exact(centre: f64) -> Samples {
        Samples { epsilon: f64::EPSILON, noise: 0.0, centre }
    }

    #[test]
    fn ceres_test_vector() {
        // f = eˣ/(sin x − x²) at 1, the test vector of the Ceres solver's documentation of numeric derivatives.
        let f = |x: f64| x.exp() / (x.sin() - x * x);
        let truth = 140.737_735_571_296_58;
        let samples = exact(f(1.0));
        let central = ridders(|h| f(1.0 + h), samples, UNIT, |d| 1e-9 * d.abs()).estimate;
        let sides = [1.0, -1.0].map(|side| one_sided(|h| f(1.0 + h), samples, UNIT, side));
        for (d, within) in
            [(central, 1e-7), (stencil(|h| f(1.0 + h), samples, UNIT), 1e-7), (sides[0], 1e-4), (sides[1], 1e-4)]
        {
            assert!((d.value - truth).abs() < within, "{d:?}");
            assert!((d.value - truth).abs() <= 10.0 * d.error, "{d:?}");
        }
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
            let first = ridders(|h| f(x + h), exact(f(x)), UNIT, |d| 1e-9 * d.abs()).estimate;
            let second = stencil(|h| f(x + h), exact(f(x)), UNIT);
            assert!((first.value - df(x)).abs() < 1e-11 * df(x).abs().max(1.0), "{first:?} {}", df(x));
            assert!((second.value - df(x)).abs() < 1e-10 * df(x).abs().max(1.0), "{second:?} {}", df(x));
        }
    }

    #[test]
    fn a_kink_shows_in_the_one_sided_derivatives() {
        let at = ridders(f64::abs, exact(0.0), UNIT, |_| 1e-9);
        assert!(at.across && at.kink.is_some());
        assert_eq!(one_sided(f64::abs, exact(0.0), UNIT, 1.0).value, 1.0);
        assert_eq!(one_sided(f64::abs, exact(0.0), UNIT, -1.0).value, -1.0);
        assert_eq!(ridders(|x| (3.0 + x).exp(), exact(3f64.exp()), UNIT, |_| 1e-9).kink, None);
    }

    #[test]
    fn a_kink_nearby_is_stepped_under() {
        for distance in [1e-3, 1e-5, 1e-7] {
            let near = ridders(|x| (x + distance).abs(), exact(distance), UNIT, |_| 1e-9);
            assert!(!near.across && (near.estimate.value - 1.0).abs() < 1e-8, "{distance} {near:?}");
        }
    }

    #[test]
    fn noise_is_seen_where_rounding_makes_it() {
        // Values near 1e16 are rounded to even integers: a standard deviation of 2/√12.
        let seen = noise(|h| (h + 1e8) * (h + 1e8), f64::EPSILON);
        assert!((0.1..3.0).contains(&seen), "{seen}");
        assert!(noise(|h| (0.3 + h).sin(), f64::EPSILON) < 1e-15);
        assert!(noise(|h| (h + 1e-5).abs(), f64::EPSILON) < 1e-15, "a kink within the largest spacing");
        assert!(noise(f64::abs, f64::EPSILON) < 1e-15, "a kink within all spacings");
        let single = noise(|h| f64::from((0.3 + h as f32).sin()), f64::from(f32::EPSILON));
        assert!((1e-9..1e-7).contains(&single), "{single}");
    }
}
