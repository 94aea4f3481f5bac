//! Derivatives by differences, each with an estimate of its error: Ridders' extrapolation, two-sided or one-sided,
//! and a stencil as a second opinion. Also tests whether their difference from the tape's derivative settles as the
//! step shrinks.

use super::line::Line;
use super::report::Estimate;

/// A derivative by central differences, with the observations made on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Central {
    pub(super) estimate: Estimate,
    /// The largest step at which the one-sided differences stayed apart as the step shrank; those of a smooth
    /// function converge at the rate of the step.
    pub(super) kink: Option<f64>,
    /// Whether `estimate` itself was found across such a kink.
    pub(super) across: bool,
}

/// Each step is shorter than the one before by this factor.
const SHRINK: f64 = 2.0;
/// The largest number of steps in an extrapolation.
const LEVELS: usize = 9;
/// The number of retries with smaller steps, and the factor of each, where the steps reach over a kink, a jump or the
/// edge of the domain.
const WINDOWS: usize = 10;
const CLOSER: f64 = 32.0;

/// The derivative at 0 by Ridders' method: central differences at shrinking steps, extrapolated to step 0 (Ridders
/// 1982; the tableau of Press et al., Numerical Recipes, 5.7).
///
/// From `first` on, smaller steps are tried until the error is below `wanted`, or until round-off keeps it from
/// falling.
pub(super) fn ridders(line: &mut Line<'_>, mut first: f64, wanted: impl Fn(f64) -> f64) -> Central {
    let mut best = Central { estimate: Estimate::NONE, kink: None, across: false };
    let mut apart = 0.0;
    for _ in 0..WINDOWS {
        let (found, gap) = central(line, first);
        let kink = gap.is_some();
        apart = gap.unwrap_or(apart);
        if let (Some(_), None) = (gap, best.kink) {
            best.kink = Some(first);
        }
        // An estimate on one side of a kink is worth more than any estimate across it.
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
        let floor = line.error(line.centre.abs()) / first;
        if known && floor > if best.across { 0.01 * apart } else { best.estimate.error } {
            break;
        }
    }
    best
}

/// Central differences from one first step down; with the gap between the one-sided differences, if it stays.
pub(super) fn central(line: &mut Line<'_>, first: f64) -> (Estimate, Option<f64>) {
    let mut gaps: Vec<f64> = vec![];
    let found = extrapolate(line, first, SHRINK * SHRINK, |line, h| {
        let (above, below, size) = line.secants(h);
        gaps.push((above - below).abs());
        (f64::midpoint(above, below), size)
    });
    (found, stays(&gaps, 1e3 * found.error).then(|| gaps[gaps.len() - 1]))
}

/// The derivative at 0 from above (`side` 1) or from below (−1), with steps from `first` down.
pub(super) fn one_sided(line: &mut Line<'_>, mut first: f64, side: f64) -> Estimate {
    let mut best = Estimate::NONE;
    for _ in 0..WINDOWS {
        let found = extrapolate(line, first, SHRINK, |line, h| {
            let there = line.at(side * h);
            ((there - line.centre) / (side * h), there.abs())
        });
        if found.error < best.error {
            best = found;
        }
        first /= CLOSER;
        if line.error(line.centre.abs()) / first > best.error {
            break;
        }
    }
    best
}

/// Derivatives from above and from below, with steps not much longer than `step`, which may lie within the next kink.
pub(super) fn sides(line: &mut Line<'_>, step: f64) -> [Estimate; 2] {
    let first = if step > 0.0 { line.unit.min(4.0 * step) } else { line.unit };
    [1.0, -1.0].map(|side| one_sided(line, first, side))
}

/// Extrapolates difference quotients to step 0; each sample comes with its size. `growth` is the factor of the
/// leading error per step: the error falls with the square of the step for central differences, with the step itself
/// for one-sided ones.
fn extrapolate(
    line: &mut Line<'_>,
    first: f64,
    growth: f64,
    mut quotient: impl FnMut(&mut Line<'_>, f64) -> (f64, f64),
) -> Estimate {
    let mut best = Estimate::NONE;
    let mut row: Vec<f64> = vec![];
    let mut h = first;
    let mut size = line.centre.abs();
    for level in 0..LEVELS {
        if h < line.grain.shortest() {
            break;
        }
        let (slope, sample) = quotient(line, h);
        if !slope.is_finite() {
            break;
        }
        size = size.max(sample);
        let round_off = line.error_of_slope(slope, size, h);
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
        // Once higher orders disagree, round-off dominates.
        if level > 1 && (next[level] - row[level - 1]).abs() > 4.0 * best.error.max(round_off) {
            break;
        }
        row = next;
        h /= SHRINK;
    }
    best
}

/// Whether the gap between the one-sided differences settles at a size that noise cannot explain. The gap of a smooth
/// function halves with the step, that of noise doubles, and that of a fractional power falls slowly.
fn stays(gaps: &[f64], noise: f64) -> bool {
    let [.., a, b, c] = gaps else { return false };
    let level = |before: f64, after: f64| after > 0.8 * before && after < 1.25 * before;
    let long = gaps.len() < 5 || *c > 0.75 * gaps[gaps.len() - 5];
    level(*a, *b) && level(*b, *c) && long && *c > noise
}

/// The derivative at 0 by the central stencil of seven points.
///
/// The difference from the stencil of five points is its error, and so is the difference from that of a longer step,
/// which alone reveals a fractional power of the step. The step is the one at which that error and round-off meet, as
/// in FiniteDifferences.jl.
pub(super) fn stencil(line: &mut Line<'_>, first: f64) -> Estimate {
    let mut best = Estimate::NONE;
    // Three steps to each side reach as far as one step of `ridders`.
    let mut h = first / 4.0;
    let mut before = None;
    for _ in 0..8 {
        let mut size = line.centre.abs();
        let [d1, d2, d3] = [1.0, 2.0, 3.0].map(|k| {
            let (up, down) = (line.at(k * h), line.at(-k * h));
            size = size.max(up.abs()).max(down.abs());
            // Halves, so that the difference does not overflow.
            2.0 * (up / 2.0 - down / 2.0)
        });
        let seven = (45.0 * d1 - 9.0 * d2 + d3) / (60.0 * h);
        let truncation = (seven - (8.0 * d1 - d2) / (12.0 * h)).abs();
        let round_off = line.error_of_slope(seven, size, h);
        let moved = before.map_or(0.0, |before: f64| (seven - before).abs());
        let error = truncation.max(round_off).max(moved);
        if seven.is_finite() && error < best.error {
            best = Estimate { value: seven, error, step: h };
        }
        before = Some(seven);
        // Truncation falls with h⁴, round-off rises with 1/h.
        let change = (round_off / truncation).powf(0.2);
        let change = if change.is_nan() { 1.0 / 16.0 } else { change.clamp(1.0 / 16.0, 1.0) };
        if change > 0.5 {
            break;
        }
        h *= change.log2().floor().exp2();
        if h < line.grain.shortest() {
            break;
        }
    }
    best
}

/// How many octaves of the finest steps, at most and at least, separate the remaining slopes from round-off.
const OCTAVES: (usize, usize) = (12, 4);

/// The slopes that remain when the claimed derivative `a` is subtracted, octave by octave down to where round-off
/// hides them; and the slopes themselves, 0 where they do not exceed round-off.
fn left(line: &mut Line<'_>, a: f64, side: Option<f64>) -> Vec<(f64, f64)> {
    let mut left: Vec<(f64, f64)> = vec![];
    let mut h = line.unit;
    let mut blurred = 0;
    for _ in 0..64 {
        if h < line.grain.shortest() {
            break;
        }
        let (slope, size) = match side {
            None => {
                let (above, below, size) = line.secants(h);
                (f64::midpoint(above, below), size)
            }
            Some(side) => {
                let there = line.at(side * h);
                ((there - line.centre) / (side * h), there.abs())
            }
        };
        let size = size.max(line.centre.abs());
        let (rest, rounding, blur) = (slope - a, line.error(size) / h, line.error_of_slope(slope, size, h));
        if rest.is_finite() && blur <= rest.abs() / 8.0 {
            left.push((rest, if slope.abs() > 4.0 * rounding { slope.abs() } else { 0.0 }));
            blurred = 0;
        } else if rest.is_finite() {
            // Smaller steps resolve even less.
            blurred += 1;
            if blurred == if left.is_empty() { 4 } else { 2 } {
                break;
            }
        } else {
            left.clear();
        }
        h /= SHRINK;
    }
    left
}

/// The value at which the slopes less the claimed derivative `a` settle as the step shrinks, if they do. It is not 0,
/// since slopes at 0 would be lost in round-off.
///
/// This is Taylor's test. If the function has the derivative `a`, the remaining slopes vanish with the step, if only
/// with a small power of it, as for `x·√|x|`; a wrong derivative leaves a constant. One-sided if `side` is given.
pub(super) fn settles(line: &mut Line<'_>, a: f64, side: Option<f64>) -> Option<f64> {
    let left = left(line, a, side);
    let finest = &left[left.len().saturating_sub(OCTAVES.0)..];
    let [(_, coarse), .., (_, fine)] = finest else { return None };
    // Slopes that still grow may yet converge to the tape's derivative.
    if finest.len() < OCTAVES.1 || *fine > 4.0 * coarse.max(f64::MIN_POSITIVE) {
        return None;
    }
    // Where curvature is left at the finest steps, one extrapolation removes it.
    let growth = if side.is_some() { SHRINK } else { SHRINK * SHRINK };
    let rests: Vec<f64> = finest.iter().map(|(rest, _)| *rest).collect();
    let bent: Vec<f64> = rests.windows(2).map(|w| (growth * w[1] - w[0]) / (growth - 1.0)).collect();
    [rests, bent].iter().find_map(|rests| {
        let last = rests.last()?;
        rests.iter().all(|rest| (rest - last).abs() <= 0.25 * last.abs()).then_some(*last)
    })
}

/// Whether the remaining slopes vanish with the step, octave by octave, and fall below `difference`: even a small
/// power of the step is as much evidence as an extrapolation. The limit is a thousandth of `a`; if `a` is 0, a ten
/// thousandth of the slopes at the first steps.
pub(super) fn vanishes(line: &mut Line<'_>, a: f64, difference: f64, side: Option<f64>) -> bool {
    let left: Vec<f64> = left(line, a, side).into_iter().map(|(rest, _)| rest.abs()).collect();
    let [first, .., before, _, _, _, last] = left[..] else { return false };
    let falls = left.windows(2).all(|w| w[1] < w[0]) && last < 0.8 * before;
    let enough = if a == 0.0 { 1e-4 * first } else { 1e-3 * a.abs() };
    left.len() >= 2 * OCTAVES.1 && falls && last <= enough && last < 0.25 * difference
}

/// The largest step, shorter than those tried, from which on the slopes are `a` over several octaves, if there is
/// one.
///
/// A function that changes within the smallest step tried, such as `sin(10⁹x)`, looks like noise. The only error
/// assumed for samples is their own round-off.
pub(super) fn agrees_at_finer_steps(line: &mut Line<'_>, a: f64) -> Option<f64> {
    let (mut agree, mut from) = (0, None);
    // Slopes of 0 at the finest steps may be lost in round-off.
    if a == 0.0 {
        return None;
    }
    for octave in 12..48 {
        let h = line.unit * f64::from(-octave).exp2();
        if h < line.grain.shortest() {
            break;
        }
        let (above, below, size) = line.secants(h);
        let slope = f64::midpoint(above, below);
        let blur = 4.0 * line.epsilon * size.max(line.centre.abs()) / h + slope.abs() * line.grain.blur(h);
        let off = (slope - a).abs();
        if off <= 1e-2 * a.abs() + blur && blur <= 0.05 * a.abs() {
            from = from.or(Some(h));
            agree += 1;
            if agree == OCTAVES.1 {
                return from;
            }
        } else {
            (agree, from) = (0, None);
        }
    }
    None
}

/// The longest step at which differences are accurate and agree with `a`, though those at much shorter steps, whose
/// derivative is `fine`, do not; if there is one.
///
/// This is how a correct derivative of a noisy function behaves: at long steps, noise counts for little. A wrong
/// derivative differs at long steps too.
pub(super) fn agrees_at_longer_steps(line: &mut Line<'_>, a: f64, fine: &Estimate) -> Option<f64> {
    let apart = (fine.value - a).abs();
    let mut longest = None;
    for first in [line.unit, line.unit / 4.0] {
        let (found, kink) = central(line, first);
        let agrees = found.step > 64.0 * fine.step && (found.value - a).abs() + found.error <= apart / 16.0;
        if !agrees || kink.is_some() {
            return None;
        }
        longest = longest.or(Some(found.step));
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::super::line::Exact;
    use super::*;

    const UNIT: f64 = 1.0 / 64.0;

    fn on<R>(f: impl Fn(f64) -> f64, ask: impl Fn(&mut Line<'_>) -> R) -> R {
        let centre = f(0.0);
        ask(&mut Line::new(&mut Exact(f), f64::EPSILON, 0.0, centre, UNIT))
    }

    fn by_ridders(f: impl Fn(f64) -> f64) -> Central {
        on(f, |line| ridders(line, UNIT, |d| 1e-9 * d.abs().max(1e-3)))
    }

    #[test]
    fn ceres_test_vector() {
        // f = eˣ/(sin x − x²) at 1, the test vector of the Ceres solver's documentation of numeric derivatives.
        let f = |x: f64| x.exp() / (x.sin() - x * x);
        let truth = 140.737_735_571_296_58;
        let f = |h: f64| f(1.0 + h);
        let central = by_ridders(f).estimate;
        let sides = [1.0, -1.0].map(|side| on(f, |line| one_sided(line, UNIT, side)));
        let seven = on(f, |line| stencil(line, UNIT));
        for (d, within) in [(central, 1e-7), (seven, 1e-7), (sides[0], 1e-4), (sides[1], 1e-4)] {
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
            let first = by_ridders(|h| f(x + h)).estimate;
            let second = on(|h| f(x + h), |line| stencil(line, UNIT));
            assert!((first.value - df(x)).abs() < 1e-11 * df(x).abs().max(1.0), "{first:?} {}", df(x));
            assert!((second.value - df(x)).abs() < 1e-10 * df(x).abs().max(1.0), "{second:?} {}", df(x));
        }
    }

    #[test]
    fn a_kink_shows_in_the_one_sided_derivatives() {
        let at = by_ridders(f64::abs);
        assert!(at.across && at.kink.is_some());
        assert_eq!(on(f64::abs, |line| one_sided(line, UNIT, 1.0)).value, 1.0);
        assert_eq!(on(f64::abs, |line| one_sided(line, UNIT, -1.0)).value, -1.0);
        assert_eq!(by_ridders(|x| (3.0 + x).exp()).kink, None);
    }

    #[test]
    fn a_kink_nearby_is_stepped_under() {
        for distance in [1e-3, 1e-5, 1e-7] {
            let near = by_ridders(|x| (x + distance).abs());
            assert!(!near.across && (near.estimate.value - 1.0).abs() < 1e-8, "{distance} {near:?}");
        }
    }

    #[test]
    fn powers_that_are_not_whole_are_known_to_move_still() {
        for power in [1.5, 1.2, 2.5] {
            let f = |h: f64| h.max(0.0).powf(power);
            for d in [by_ridders(f).estimate, on(f, |line| stencil(line, UNIT))] {
                assert!(d.value.abs() <= 10.0 * d.error, "{power} {d:?}");
            }
            assert!(on(f, |line| settles(line, 0.0, None)).is_none(), "{power}");
            assert!(on(f, |line| settles(line, 0.0, Some(1.0))).is_none(), "{power}");
        }
    }

    #[test]
    fn what_a_wrong_derivative_leaves_settles() {
        let f = |h: f64| (0.3 + h).exp();
        let right = 0.3f64.exp();
        for side in [None, Some(1.0), Some(-1.0)] {
            assert!(on(f, |line| settles(line, right, side)).is_none());
            for off in [1e-6, -1e-6, 1.0] {
                let left = on(f, |line| settles(line, right * (1.0 + off), side)).unwrap();
                assert!((left + right * off).abs() < 0.3 * right * off.abs(), "{off} {side:?}");
            }
        }
        assert!(on(|h| (40.0 * h).sin(), |line| settles(line, 40.0 * (1.0 + 1e-6), None)).is_some());
        assert!((on(|h| h + h * h, |line| settles(line, 0.0, None)).unwrap() - 1.0).abs() < 1e-3);
    }
}
