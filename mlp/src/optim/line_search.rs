//! A line search for the strong Wolfe conditions.

use autograd::Float;

use super::flat::dot;

/// A step is long enough only if the loss falls by this part of what the slope promises (Nocedal & Wright 2006, 3.1).
const ARMIJO: f64 = 1e-4;
/// And if the slope that is left has at most this part of its size.
const CURVATURE: f64 = 0.9;

/// A place on the line: how far, the loss there, its gradient, and its slope along the line.
#[derive(Debug, Clone)]
pub(super) struct Place<T> {
    pub(super) t: f64,
    pub(super) loss: f64,
    pub(super) gradient: Vec<T>,
    pub(super) slope: f64,
}

impl<T: Float> Place<T> {
    pub(super) fn new(t: f64, (loss, gradient): (f64, Vec<T>), direction: &[T]) -> Self {
        let slope = dot(&gradient, direction);
        Place { t, loss, gradient, slope }
    }
}

/// A place after `start` in a direction of descent that satisfies the strong Wolfe conditions (Nocedal & Wright 2006,
/// algorithms 3.5 and 3.6, with the cubic interpolation and its guards of Schmidt's minFunc, as in PyTorch): the loss is
/// at most `f₀ + 10⁻⁴·t·f₀′`, and the size of its slope at most `0.9·|f₀′|`.
///
/// After `most` evaluations, or when the bracket is shorter than `shortest`, it is the best place found; that may be
/// `start` itself. A loss that is not finite counts as ∞.
pub(super) fn strong_wolfe<T: Float>(
    start: Place<T>,
    first: f64,
    (most, shortest): (usize, f64),
    mut at: impl FnMut(f64) -> Place<T>,
) -> Place<T> {
    let mut at = |t: f64| {
        let place = at(t);
        if place.loss.is_finite() && place.slope.is_finite() { place } else { Place { loss: f64::INFINITY, ..place } }
    };
    let (f, slope) = (start.loss, start.slope);
    let too_high = move |place: &Place<T>| place.loss > f + ARMIJO * place.t * slope;
    let flat = move |place: &Place<T>| place.slope.abs() <= -CURVATURE * slope;

    // Longer and longer steps, until two places have one between them.
    let (mut before, mut here, mut count) = (start.clone(), at(first), 0);
    let [mut low, mut high] = loop {
        if count >= most {
            break [start, here];
        }
        if too_high(&here) || count > 1 && here.loss >= before.loss {
            break [before, here];
        }
        if flat(&here) {
            return here;
        }
        if here.slope >= 0.0 {
            break [before, here];
        }
        let t = cubic(&before, &here, (here.t + 0.01 * (here.t - before.t), 10.0 * here.t));
        (before, here) = (here, at(t));
        count += 1;
    };
    if low.loss > high.loss {
        (low, high) = (high, low);
    }

    // The bracket shrinks around it.
    let mut stuck = false;
    while count < most && (high.t - low.t).abs() >= shortest {
        let (left, right) = (low.t.min(high.t), low.t.max(high.t));
        let mut t = cubic(&low, &high, (left, right));
        let margin = 0.1 * (right - left);
        let near_an_end = (right - t).min(t - left) < margin;
        if near_an_end && (stuck || t >= right || t <= left) {
            t = if (t - right).abs() < (t - left).abs() { right - margin } else { left + margin };
            stuck = false;
        } else {
            stuck = near_an_end;
        }
        let next = at(t);
        count += 1;
        if too_high(&next) || next.loss >= low.loss {
            high = next;
            if low.loss > high.loss {
                (low, high) = (high, low);
            }
        } else if flat(&next) {
            return next;
        } else {
            if next.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = next;
        }
    }
    low
}

/// The least place of the cubic through two values and slopes, within bounds; their middle if there is none.
fn cubic<T>(a: &Place<T>, b: &Place<T>, (least, most): (f64, f64)) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt();
    let t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
    if t.is_finite() { t.clamp(least, most) } else { (least + most) / 2.0 }
}
