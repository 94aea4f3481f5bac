//! Settings that several optimisers have: their checks, and their setters.

use autograd::Float;

use crate::error::shown;

/// Whether a learning rate is valid in the number type of the parameters, where 1e-60 may underflow and 1e60 overflow.
pub(crate) fn is_rate<T: Float>(rate: f64) -> bool {
    rate >= 0.0 && T::from_f64(rate).is_finite() && (rate == 0.0 || T::from_f64(rate) > T::zero())
}

#[track_caller]
pub(crate) fn check_rate<T: Float>(rate: f64) {
    let (rate, ok) = (shown(rate), is_rate::<T>(rate));
    assert!(ok, "optimizer: the learning rate {rate} is not a finite number ≥ 0 in {}", T::NAME);
}

#[track_caller]
pub(super) fn check_decay<T: Float>(optimizer: &str, decay: f64) {
    let (decay, ok) = (shown(decay), is_rate::<T>(decay));
    assert!(ok, "{optimizer}: the weight decay {decay} is not a finite number ≥ 0 in {}", T::NAME);
}

/// Whether a decay factor lies in [0, 1) in the number type of the parameters, where 1 − 1e-9 may round to 1.
fn forgets<T: Float>(share: f64) -> bool {
    share >= 0.0 && T::from_f64(share) < T::one()
}

#[track_caller]
pub(super) fn check_share<T: Float>(optimizer: &str, what: &str, share: f64) {
    let (share, ok) = (shown(share), forgets::<T>(share));
    assert!(ok, "{optimizer}: the {what} {share} lies outside [0, 1) in {}", T::NAME);
}

#[track_caller]
pub(super) fn check_betas<T: Float>(optimizer: &str, first: f64, second: f64) {
    let (a, b, ok) = (shown(first), shown(second), forgets::<T>(first) && forgets::<T>(second));
    assert!(ok, "{optimizer}: betas {a} and {b} must lie in [0, 1) in {}", T::NAME);
}

#[track_caller]
pub(super) fn check_eps<T: Float>(optimizer: &str, eps: f64) {
    let (what, value) = (shown(eps), T::from_f64(eps));
    let ok = value > T::zero() && value.is_finite();
    assert!(ok, "{optimizer}: eps {what} must be above 0, as {} too, and finite", T::NAME);
}

/// A setter that several optimisers have, for the field of its name.
macro_rules! setting {
    (betas, $optimizer:literal) => {
        /// Sets the decay rates β₁ and β₂ of the moments.
        ///
        /// # Panics
        /// If one lies outside [0, 1), also in the number type of the parameters.
        #[must_use]
        #[track_caller]
        pub fn betas(self, first: f64, second: f64) -> Self {
            crate::optim::settings::check_betas::<T>($optimizer, first, second);
            Self { betas: (first, second), ..self }
        }
    };
    (eps, $optimizer:literal) => {
        /// Sets ε.
        ///
        /// # Panics
        /// If it is not a finite number above 0 in the number type of the parameters.
        #[must_use]
        #[track_caller]
        pub fn eps(self, eps: f64) -> Self {
            crate::optim::settings::check_eps::<T>($optimizer, eps);
            Self { eps, ..self }
        }
    };
    (added decay, $optimizer:literal) => {
        crate::optim::settings::setting!(
            decay,
            $optimizer,
            "Sets the weight decay λ: adds the gradient of `λ/2·‖w‖²`."
        );
    };
    (decoupled decay, $optimizer:literal) => {
        crate::optim::settings::setting!(
            decay,
            $optimizer,
            "Sets decoupled weight decay λ: a step also subtracts `ηλw` (Loshchilov & Hutter 2019)."
        );
    };
    (decay, $optimizer:literal, $doc:literal) => {
        #[doc = $doc]
        ///
        /// # Panics
        /// If it is negative or not finite, also in the number type of the parameters.
        #[must_use]
        #[track_caller]
        pub fn weight_decay(self, decay: f64) -> Self {
            crate::optim::settings::check_decay::<T>($optimizer, decay);
            Self { decay, ..self }
        }
    };
}
pub(super) use setting;

/// The bound for gradient values whose squares do not overflow: a power of two below the root of the largest number.
pub(super) fn largest<T: Float>() -> T {
    T::from_f64(2f64.powi(if T::NAME == "f32" { 63 } else { 511 }))
}

/// A gradient value within ±`most`; NaN where it is not finite, so that the error shows.
#[inline(always)]
pub(super) fn bounded<T: Float>(g: T, most: T) -> T {
    let bounded = if g > most {
        most
    } else if g < -most {
        -most
    } else {
        g
    };
    bounded + g * T::zero()
}

/// The Euclidean norm of numbers, summed in `f64` in eight interleaved sums; those whose squares overflow are scaled.
pub(super) fn norm<T: Float>(numbers: &[T]) -> f64 {
    let squares = |scale: f64| {
        let mut sums = [0.0; 8];
        let add = |(sum, x): (&mut f64, &T)| *sum += (x.to_f64() * scale) * (x.to_f64() * scale);
        let (chunks, rest) = numbers.as_chunks::<8>();
        chunks.iter().for_each(|chunk| sums.iter_mut().zip(chunk).for_each(add));
        sums.iter_mut().zip(rest).for_each(add);
        sums.iter().sum::<f64>()
    };
    let sum = squares(1.0);
    if sum.is_finite() {
        return sum.sqrt();
    }
    let scale = 2f64.powi(-600); // a power of two, so that nothing is rounded
    squares(scale).sqrt() / scale
}
