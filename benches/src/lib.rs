//! The rows A to J: each as a user writes it, beside a loop written by hand without a graph, and a function that holds the
//! one against the other; rows of layers; and works as people write them. The benches time them, `count` counts the instructions of
//! the first, the peers start from the same numbers.

pub mod arrays;
pub mod curvature;
pub mod fused;
pub mod growth;
pub mod layers;
pub mod networks;
pub mod race;
pub mod scalars;
pub mod vectors;
pub mod works;

use autograd::{Float, Shape, Tensor};

/// Number `index` of a sequence without pattern in [−1, 1); a hash, so that any program can compute it.
pub fn scattered(index: usize) -> f64 {
    let mut h = (index as u32).wrapping_mul(0x9E37_79B1);
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    f64::from((h ^ (h >> 13)) >> 8) / f64::from(1 << 23) - 1.0
}

/// `scale` times the scattered numbers from `first` on, in the order of memory.
pub fn tensor<T: Float>(shape: impl Into<Shape>, first: usize, scale: f64) -> Tensor<T> {
    let mut index = first;
    Tensor::from_fn(shape, |_| {
        index += 1;
        T::from_f64(scale * scattered(index - 1))
    })
}

/// Holds `found` against `expected`, relatively.
///
/// # Panics
/// If they differ by more than `tolerance` times the larger magnitude in `expected`, or if that is 0: a bench of zeros
/// times work that is skipped.
#[track_caller]
pub fn assert_close<T: Float>(what: &str, found: &[T], expected: &[T], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(0.0, |size: f64, y| size.max(y.to_f64().abs()));
    assert!(size > 0.0 && size.is_finite(), "{what}: nothing to compare");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (found, expected) = (found.to_f64(), expected.to_f64());
        assert!((found - expected).abs() <= tolerance * size, "{what}, element {i}: {found} instead of {expected}");
    }
}
