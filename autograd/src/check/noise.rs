//! Errors of a function's samples beyond round-off: noise, stairs, and the jumps of a solver that stops early.

use super::line::Line;

/// The widest spacing at which noise is measured, and the factor to the next narrower one. Both are powers of two, by
/// which moving a point is exact. They range from 3e-5 down for f64; numbers of fewer digits need wider spacings to
/// differ at all.
fn spacing(epsilon: f64) -> (f64, f64) {
    if epsilon > 1e-10 { (1.0 / 128.0, 8.0) } else { (1.0 / 32768.0, 64.0) }
}

/// The sample points, in spacings: uneven, because even samples of a fast oscillation may all have one phase.
const AT: [f64; 9] = [-4.0, -3.125, -2.0625, -0.8125, 0.1875, 0.9375, 2.1875, 2.875, 4.0625];

/// The noise of the samples of `g` near 0: the standard deviation from fourth differences (Moré & Wild 2011,
/// "Estimating computational noise"). At these spacings a smooth function adds negligibly to fourth differences.
///
/// The result is the median of three spacings: round-off can hide from the smallest, and a kink can lie within the
/// largest.
pub(super) fn noise(mut g: impl FnMut(f64) -> f64, epsilon: f64) -> f64 {
    let (widest, narrower) = spacing(epsilon);
    let mut found = [widest, widest / narrower, widest / (narrower * narrower)].map(|spacing| {
        let y = AT.map(|at| g(at * spacing));
        root_mean_square(&[0, 1, 2, 3, 4].map(|first| fourth_difference(&AT[first..first + 5], &y[first..first + 5])))
    });
    // Noise does not depend on the spacing; fourth differences across a kink at 0 are proportional to it.
    let falls = |wide: f64, narrow: f64| (0.5..2.0).contains(&(wide / narrow / narrower));
    if falls(found[0], found[1]) && falls(found[1], found[2]) {
        return 0.0;
    }
    // Those of a function that is smooth on a small scale fall with the fourth power of the spacing.
    if found[2] > 0.0 && (found[1] > narrower * narrower * found[2] || !found[1].is_finite()) {
        return found[2];
    }
    found.sort_by(f64::total_cmp);
    if found[1].is_finite() { found[1] } else { 0.0 }
}

/// The divided difference of five samples, which removes a cubic, scaled to one sample: for white noise its mean
/// square is the variance.
fn fourth_difference(at: &[f64], y: &[f64]) -> f64 {
    let weight = |i: usize| (0..5).filter(|&j| j != i).map(|j| 1.0 / (at[i] - at[j])).product::<f64>();
    let size = (0..5).map(|i| weight(i).powi(2)).sum::<f64>().sqrt();
    (0..5).map(|i| weight(i) / size * y[i]).sum()
}

/// The root mean square, computed so that the squares do not overflow.
fn root_mean_square(x: &[f64]) -> f64 {
    let most = x.iter().fold(0f64, |most, x| most.max(x.abs()));
    if most == 0.0 || !most.is_finite() {
        return most;
    }
    most * (x.iter().map(|x| (x / most).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
}

/// The range of the search, in steps of ordinary size: a function may be valid only near its point.
const FARTHEST: f64 = 8.0;
/// The number of points to either side.
const POINTS: i32 = 8;

/// The height of the stairs that samples form, if any: `(x + 1e15) − 1e15` moves by eighths, and a function that
/// rounds to `f32` internally by the digits of `f32`. Samples that are equal are then not exact.
///
/// Samples form stairs if, at the smallest scale at which they differ at all, most of them equal a neighbour, on
/// several levels. Those of a smooth function, and of a function that is flat on one side of a kink, do not.
pub(super) fn stairs(line: &mut Line<'_>) -> Option<f64> {
    let centre = line.centre;
    let mut scale = (line.unit * 2f64.powi(-40)).max(64.0 * line.grain.shortest());
    while line.at(scale) == centre && line.at(-scale) == centre {
        scale *= 4.0;
        if scale > FARTHEST / 2.0 * line.unit {
            return singles(line);
        }
    }
    let farthest = FARTHEST * line.unit / f64::from(POINTS);
    let scales = [1.0, 4.0, 16.0].map(|times| farthest.min(times * scale));
    scales.into_iter().find_map(|scale| stairs_at(line, scale)).or_else(|| singles(line))
}

/// The spacing of `f32` numbers, if no sample has many more digits: a function that computes in `f32` may look flat
/// only because the next stair is far away.
fn singles(line: &mut Line<'_>) -> Option<f64> {
    let steps = [0.0, 0.3, 1.1, 2.7, -0.4, -1.3, -2.9].map(|times| times * line.unit);
    let single = steps.into_iter().all(|h| is_short(line.at(h)));
    (single && !line.few_digits()).then(|| f64::from(f32::EPSILON) * line.centre.abs())
}

/// Whether a number has no more digits than a sum of a few `f32` numbers.
pub(super) fn is_short(y: f64) -> bool {
    /// Sums of `f32` numbers have a few digits more than their 24.
    const BITS: u32 = 32;
    (y.to_bits() | 1 << 52).trailing_zeros() >= 53 - BITS
}

/// The same with points at about this distance from each other.
fn stairs_at(line: &mut Line<'_>, scale: f64) -> Option<f64> {
    // Uneven points, none of which falls on the edges of evenly spaced stairs.
    let pairs: Vec<[f64; 2]> = (-POINTS..=POINTS)
        .map(|k| {
            let at = scale * (f64::from(k) + 0.137 * f64::from(k % 3));
            [line.at(at), line.at(at + scale / 64.0)]
        })
        .collect();
    let equal = pairs.iter().filter(|[a, b]| (a - b).abs() <= 8.0 * line.epsilon * a.abs()).count();
    let mut levels: Vec<f64> = pairs.iter().flatten().copied().filter(|y| y.is_finite()).collect();
    levels.sort_by(f64::total_cmp);
    // Sums of the same stairs differ by round-off.
    levels.dedup_by(|b, a| *b - *a <= 8.0 * line.epsilon * a.abs());
    let mut gaps: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if 4 * equal < 3 * pairs.len() || gaps.len() < 2 {
        return None;
    }
    gaps.sort_by(f64::total_cmp);
    Some(gaps[gaps.len() / 2])
}

/// A jump of a function near its point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Jump {
    pub(super) height: f64,
    /// The distance from the point within which the jump lies.
    pub(super) within: f64,
}

/// The largest of the nearest jumps, if any.
///
/// A solver that stops when a step is small enough takes one step more or less from one point to the next, and its
/// result jumps by about its tolerance. Between two jumps it is smooth, but in error by about their height.
pub(super) fn jumps(line: &mut Line<'_>) -> Option<Jump> {
    /// Samples to either side.
    const HALF: i32 = 32;
    for within in [1.0, 4.0, FARTHEST].map(|times| times * line.unit) {
        let spacing = within / f64::from(HALF);
        let y: Vec<f64> = (-HALF..=HALF).map(|k| line.at(f64::from(k) * spacing)).collect();
        if y.iter().any(|y| !y.is_finite()) {
            return None;
        }
        // Sixth differences: a smooth part nearly vanishes in them, and a jump appears twenty times its height.
        let mut row = y.clone();
        for _ in 0..6 {
            row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        let Some((at, _)) = row.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) else { continue };
        // The largest lies beside the middle of its seven samples.
        let found = (at + 1..at + 6).filter_map(|k| {
            let from = (f64::from(k as i32 - HALF)) * spacing;
            jump_between(line, from, from + spacing)
        });
        if let Some(height) = found.reduce(f64::max) {
            return Some(Jump { height, within });
        }
    }
    None
}

/// The height of a jump between two steps, found by bisection after the function's smooth change beside it is
/// subtracted.
fn jump_between(line: &mut Line<'_>, mut low: f64, mut high: f64) -> Option<f64> {
    let (mid, width) = (f64::midpoint(low, high), high - low);
    // A parabola from the slopes on either side, away from the jump.
    let left = (line.at(low) - line.at(low - width)) / width;
    let right = (line.at(high + width) - line.at(high)) / width;
    let (slope, bend) = (f64::midpoint(left, right), (right - left) / (2.0 * width));
    let mut rest = |a: f64, b: f64| {
        let smooth = (b - a) * (slope + bend * (f64::midpoint(a, b) - mid));
        (line.at(b) - line.at(a) - smooth).abs()
    };
    for _ in 0..30 {
        let mid = f64::midpoint(low, high);
        if rest(low, mid) >= rest(mid, high) {
            high = mid;
        } else {
            low = mid;
        }
    }
    let (height, smooth) = (rest(low, high), (slope.abs() + 1.0) * (high - low));
    let size = line.at(low).abs().max(line.at(high).abs());
    (height > 64.0 * line.epsilon * size && height > 64.0 * smooth).then_some(height)
}

#[cfg(test)]
mod tests {
    use super::super::line::Exact;
    use super::*;

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
        // Squares of these overflow.
        let large = noise(|h| 1e200 * (0.3 + h).sin(), f64::EPSILON);
        assert!((1e182..1e185).contains(&large), "{large}");
    }

    fn on<R>(f: impl Fn(f64) -> f64, ask: impl Fn(&mut Line<'_>) -> R) -> R {
        let centre = f(0.0);
        ask(&mut Line::new(&mut Exact(f), f64::EPSILON, 0.0, centre, 1.0 / 64.0))
    }

    #[test]
    fn stairs_are_told_from_what_is_flat_or_smooth() {
        let high = |f: fn(f64) -> f64| on(f, stairs);
        assert_eq!(high(|h| (0.3 + h + 1e14) - 1e14), Some(1.0 / 64.0));
        let single = high(|h| f64::from(1000.0 + (0.3 + h).sin() as f32)).unwrap();
        assert!((5e-5..7e-5).contains(&single), "{single}");
        assert_eq!(high(f64::sin), None);
        assert_eq!(high(|h| (h - 0.01).max(0.0)), None, "flat as far as a kink");
        assert_eq!(high(|_| 0.1), None);
        let far = high(|h| f64::from(1e6 + (0.8 + 0.1 * h).sin() as f32)).unwrap();
        assert!((0.05..0.2).contains(&far), "{far}: the next stair is out of reach");
    }

    #[test]
    fn the_jumps_of_a_solver_that_stops_early() {
        // y = cos(x·y) by iteration until a step is below 1e-8.
        let solve = |h: f64| {
            let (x, mut y) = (0.9 + h, 0.5f64);
            loop {
                let next = (x * y).cos();
                if (next - y).abs() < 1e-8 {
                    return next;
                }
                y = next;
            }
        };
        let jump = on(solve, jumps).expect("jumps");
        assert!((1e-9..1e-7).contains(&jump.height) && jump.within <= 1.0, "{jump:?}");
        assert_eq!(on(|h| (0.3 + h).sin(), jumps), None);
        assert_eq!(on(|h| (h - 0.003).abs(), jumps), None, "a kink");
        assert_eq!(on(|h| (40.0 * h).sin(), jumps), None);
    }
}
