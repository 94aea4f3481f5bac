//! [`Stats`]: summary statistics of many values.

use autograd::Float;

/// The size and the distribution of many values.
///
/// ```
/// use mlp::flow::Stats;
/// let stats = Stats::of(&[3.0, -4.0]);
/// assert_eq!((stats.mean, stats.norm, stats.not_finite), (-0.5, 5.0, 0));
/// assert!((stats.std - 3.5).abs() < 1e-15);
/// assert_eq!((stats.quantiles[0], stats.quantiles[3], stats.quantiles[6]), (-4.0, -0.5, 3.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The number of values.
    pub count: usize,
    /// The mean; NaN without values, or if one is NaN.
    pub mean: f64,
    /// The standard deviation; its divisor is the number of values.
    pub std: f64,
    /// The norm `√(Σx²)`, computed without overflow or underflow in intermediate results.
    pub norm: f64,
    /// The quantiles of the finite values at [`Stats::QUANTILES`], with linear interpolation; NaN without finite
    /// values.
    pub quantiles: [f64; 7],
    /// The number of infinite or NaN values.
    pub not_finite: usize,
}

impl Stats {
    /// The shares of values below each of [`Stats::quantiles`].
    pub const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

    /// Computes the statistics of `values`, in any order.
    pub fn of<T: Float>(values: &[T]) -> Self {
        let count = values.len();
        let x = || values.iter().map(|x| x.to_f64());
        let mean = x().sum::<f64>() / count as f64;
        let mut finite: Vec<f64> = x().filter(|x| x.is_finite()).collect();
        Stats {
            count,
            mean,
            std: norm(x().map(|x| x - mean)) / (count as f64).sqrt(),
            norm: norm(x()),
            not_finite: count - finite.len(),
            quantiles: quantiles(&mut finite),
        }
    }

    /// The root of the mean square, `norm/√count`.
    pub fn rms(&self) -> f64 {
        self.norm / (self.count as f64).sqrt()
    }
}

/// The norm, scaled by the largest value if necessary: at great depth the squares of gradients overflow or underflow.
pub(super) fn norm(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let squares: f64 = x.clone().map(|x| x * x).sum();
    if (1e-290..1e300).contains(&squares) {
        return squares.sqrt();
    }
    let largest = x.clone().fold(0.0, |largest: f64, x| if x.is_nan() { x } else { largest.max(x.abs()) });
    match largest.is_normal() {
        true => largest * x.map(|x| (x / largest).powi(2)).sum::<f64>().sqrt(),
        false => squares.sqrt(),
    }
}

/// Quantiles by selection: sorting would take most of the time of a [`Flow`](super::Flow).
fn quantiles(finite: &mut [f64]) -> [f64; 7] {
    let Some(last) = finite.len().checked_sub(1) else { return [f64::NAN; 7] };
    let mut sorted = 0; // the values below this index are not larger than those above
    Stats::QUANTILES.map(|share| {
        let at = share * last as f64;
        let k = at as usize;
        let (_, &mut below, rest) = finite[sorted..].select_nth_unstable_by(k - sorted, f64::total_cmp);
        sorted = k;
        match at.fract() {
            0.0 => below,
            part => below + (rest.iter().copied().fold(f64::INFINITY, f64::min) - below) * part,
        }
    })
}
