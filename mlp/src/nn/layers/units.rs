//! Powers of two that bring values so near to 1 that their squares neither overflow nor underflow.

use autograd::{Float, Shape, Var};

/// The exponents of the largest and the smallest normal numbers, rounded towards 0.
fn range<T: Float>() -> f64 {
    if T::from_f64(f64::MAX).is_finite() { 1022.0 } else { 126.0 }
}

/// A quarter of the range: sums of many squares stay within it.
fn ordinary<T: Float>() -> f64 {
    range::<T>() / 4.0
}

/// The power of two that brings a number of the size `largest` to about 1; 1 if its square is in range as it is.
pub(super) fn unit<T: Float>(largest: f64) -> T {
    let exponent = largest.log2().floor();
    if !exponent.is_finite() || exponent.abs() <= ordinary::<T>() {
        return T::one();
    }
    let (range, two) = (range::<T>(), 2f64);
    T::from_f64(two.powi(-exponent.clamp(-range, range) as i32))
}

/// The largest magnitude, or NaN.
pub(super) fn largest<T: Float>(values: &[T]) -> f64 {
    values.iter().fold(T::zero(), |largest, &x| largest.maximum(x.abs())).to_f64()
}

/// For each group of values that share their statistics, its [`unit`] and `eps·unit²`, both of `shape`; `None` if all are ordinary.
/// Value `i` belongs to `group(i)`.
pub(super) fn units<'t, T: Float>(
    x: Var<'t, T>,
    eps: f64,
    shape: impl Into<Shape>,
    group: impl Fn(usize) -> usize,
) -> Option<[Var<'t, T>; 2]> {
    let most = T::from_f64(ordinary::<T>().exp2());
    // Without an early end, so that it is vector code. Beside an eps that is not tiny, small squares count for nothing.
    let bounded = |x: &[T]| x.iter().fold(true, |all, x| all & (x.abs() <= most));
    if eps > T::EPSILON * T::EPSILON && x.with_values(bounded) {
        return None;
    }
    let shape = shape.into();
    let mut largest = vec![eps.max(0.0).sqrt(); shape.numel()];
    x.with_values(|x| {
        for (i, x) in x.iter().enumerate() {
            let largest = &mut largest[group(i)];
            *largest = largest.max(x.to_f64().abs());
        }
    });
    let units: Vec<T> = largest.into_iter().map(unit).collect();
    // Above 0, so that values all alike are divided by a number.
    let tiny = T::from_f64((-range::<T>()).exp2());
    let eps = |unit: T| (T::from_f64(eps) * unit * unit).maximum(tiny);
    let of = |value: &dyn Fn(T) -> T| x.tape().constant_with(shape.clone(), |i| value(units[i]));
    Some([of(&|unit| unit), of(&eps)])
}
