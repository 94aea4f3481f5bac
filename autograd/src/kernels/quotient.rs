//! Parts of softmax: exponentials of differences from the largest value, at full precision, and quotients by their
//! sum.

use crate::math;
use crate::number::Float;

/// `x − top`, and its round-off (Knuth 1969); for infinite values both are NaN.
#[inline(always)]
pub(super) fn below<T: Float>(x: T, top: T) -> (T, T) {
    let difference = x - top;
    let less_top = difference - x;
    (difference, (x - (difference - less_top)) - (top + less_top))
}

/// `x − top`, where an infinite top is 0 below itself, and so shares equally with other infinite values.
#[inline(always)]
pub(super) fn shifted<T: Float>(x: T, top: T) -> T {
    math::select(x == top, T::zero(), x - top)
}

/// `exp(x − top)`, as [`exp`](crate::math::exponential::exp) computes it, but with the round-off of the argument,
/// which for a large argument is many units of the result: `x − top = n·ln 2 + r + tail`.
#[inline(always)]
pub(super) fn exp_below<T: Float>((difference, lost): (T, T)) -> T {
    let [least, ..] = T::EXP_RANGE;
    let far = difference < least;
    // Below an infinity the round-off is NaN, and is replaced by 0.
    let (difference, lost) = (math::select(far, least, difference), math::select(far, T::zero(), lost));
    let n = (difference * T::from_f64(std::f64::consts::LOG2_E) + T::ROUNDER) - T::ROUNDER;
    let (head, rest) = (difference - n * T::LN2[0], n * T::LN2[1]);
    let r = head - rest;
    let tail = ((head - r) - rest) + lost;
    let rest = T::exp_rest(r);
    // In two steps, because the smallest results are subnormal.
    let scale = T::exp2_integer(n + T::from_f64(64.0));
    (T::one() + (r + (rest + (tail + tail * (r + rest))))) * scale * T::from_f64(1.0 / (1u128 << 64) as f64)
}

#[inline(always)]
pub(super) fn is_infinite<T: Float>(top: T) -> bool {
    math::abs(top) == T::INFINITY
}

/// The exponentials of a row whose largest value is infinite: 1 for each such value.
#[cold]
#[inline(never)]
pub(super) fn exponentials_below_infinity<T: Float>(x: &[T], top: T, e: &mut [T]) {
    for (e, &x) in e.iter_mut().zip(x) {
        *e = math::mask(x == top);
    }
}

/// `1/(a + b)` as a number and its remainder: quotients by it are products, as accurate as divisions (Dekker 1971).
#[inline(always)]
pub(super) fn reciprocal<T: Float>([a, b]: [T; 2]) -> [T; 2] {
    let sum = a + b;
    let added = sum - a;
    let lost = (a - (sum - added)) + (b - added);
    let r = T::one() / sum;
    let (sum_head, r_head) = (sum.head(), r.head());
    let (sum_rest, r_rest) = (sum - sum_head, r - r_head);
    let product = sum * r;
    let over = ((sum_head * r_head - product) + sum_head * r_rest + sum_rest * r_head) + sum_rest * r_rest;
    [r, r * (((T::one() - product) - over) - lost * r)]
}

/// `e` times such a number.
#[inline(always)]
pub(super) fn times<T: Float>(e: T, [r, rest]: [T; 2]) -> T {
    e * r + e * rest
}
