//! Properties of an activation, computed from its values.

use std::fmt;

use super::MeanField;

/// Properties of an activation, computed from its values and derivatives.
///
/// The extremes come from a grid over [−30, 30] that is refined around them. Two distant points on each side represent
/// the range beyond.
///
/// ```
/// use mlp::Activation;
/// use mlp::theory::MeanField;
/// let relu = MeanField::new(Activation::Relu)?.properties();
/// assert_eq!(relu.range, [0.0, f64::INFINITY]);
/// assert_eq!((relu.monotonic, relu.saturates, relu.zero_centred()), (true, [true, false], false));
/// assert!(relu.kinks.len() == 1 && relu.kinks[0].abs() < 1e-9);
/// assert!((relu.mean_square - 0.5).abs() < 1e-12);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Properties {
    /// The name of the activation.
    pub name: String,
    /// inf φ and sup φ.
    pub range: [f64; 2],
    /// Whether φ is monotonic, in either direction.
    pub monotonic: bool,
    /// Whether φ′ → 0 as z → −∞, and as z → ∞, where gradients vanish.
    pub saturates: [bool; 2],
    /// The points where φ or φ′ jumps.
    pub kinks: Vec<f64>,
    /// The Lipschitz constant sup |φ′|; infinite if φ jumps.
    pub lipschitz: f64,
    /// E[φ(z)], z ~ N(0, 1).
    pub mean: f64,
    /// E[φ(z)²]; its inverse is the σ_w² that keeps the variance at 1.
    pub mean_square: f64,
    /// E[φ′(z)²], or χ at q = 1 for σ_w² = 1.
    pub mean_square_slope: f64,
}

impl Properties {
    /// The header of the table whose rows `Display` writes.
    pub const HEADER: &str =
        "activation                inf      sup  mono dies   lipschitz    E[φ]    E[φ²]   E[φ′²]  kinks";

    /// Whether `E[φ(z)] = 0` for z ~ N(0, 1).
    pub fn zero_centred(&self) -> bool {
        self.mean.abs() < 1e-10
    }
}

/// A distant point, where every common activation has reached its limit or its asymptote.
const FAR: f64 = 1e16;
/// A kink is located to this precision; at this distance from it the slopes are one-sided.
const ASIDE: f64 = 1e-7;

impl MeanField {
    /// Computes the properties of the activation; `σ_w²` and `σ_b²` have no effect.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::MeanField;
    /// let selu = MeanField::new(Activation::Selu)?.properties();
    /// assert!(selu.zero_centred() && (selu.mean_square - 1.0).abs() < 1e-12); // Klambauer et al. 2017
    /// let gelu = MeanField::new(Activation::Gelu)?.properties();
    /// assert!(!gelu.monotonic && (gelu.range[0] + 0.169971).abs() < 1e-6);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    pub fn properties(&self) -> Properties {
        let curve = &self.curve;
        let kinks: Vec<f64> = curve.breaks.iter().copied().filter(|&x| self.jumps(x).contains(&true)).collect();
        let grid: Vec<f64> = (0..=6000).map(|i| f64::from(i - 3000) / 100.0).collect();
        let y = curve.values(&grid);
        let rises = y.windows(2).map(|y| y[1] - y[0]);
        let rounding = 1e-14 * y.iter().fold(1.0, |max: f64, y| max.max(y.abs()));
        let monotonic = rises.clone().all(|rise| rise >= -rounding) || rises.clone().all(|rise| rise <= rounding);

        let far = [curve.at(-FAR), curve.at(FAR)];
        let halfway = [curve.at(-FAR.sqrt()), curve.at(FAR.sqrt())];
        // A limit is already reached at the halfway point; an unbounded function still grows there, even a logarithm.
        let beyond = |sign: f64| {
            let ends = far.iter().zip(&halfway).map(|(far, halfway)| {
                match sign * far.0 > 1.5 * (sign * halfway.0).max(10.0) {
                    true => f64::INFINITY,
                    false => sign * far.0,
                }
            });
            ends.fold(f64::NEG_INFINITY, f64::max)
        };
        let highest = |sign: f64| {
            beyond(sign).max(self.highest(|curve, x| curve.values(x).into_iter().map(|y| sign * y).collect()))
        };
        let steepest = self.highest(|curve, x| curve.values_and_slopes(x).1.into_iter().map(f64::abs).collect());
        let outer = far.iter().map(|far| far.1.abs()).fold(0.0, f64::max);
        let jumps = kinks.iter().any(|&x| self.jumps(x)[0]);
        Properties {
            name: curve.name.clone(),
            range: [-highest(-1.0), highest(1.0)],
            monotonic,
            saturates: far.map(|(_, slope)| slope.abs() < 1e-9),
            lipschitz: if jumps || outer > 10.0 * steepest { f64::INFINITY } else { steepest.max(outer) },
            kinks,
            mean: curve.expect(1.0, |_, y, _| y),
            mean_square: self.mean_square(1.0),
            mean_square_slope: self.mean_square_slope(1.0),
        }
    }

    /// Whether φ, and whether φ′, jumps at `x`.
    fn jumps(&self, x: f64) -> [bool; 2] {
        let ((y0, dy0), (y1, dy1)) = (self.curve.at(x - ASIDE), self.curve.at(x + ASIDE));
        let steps = 1e3 * ASIDE * (1.0 + dy0.abs().max(dy1.abs()));
        [(y1 - y0).abs() > steps, (dy1 - dy0).abs() > steps]
    }

    /// The maximum on [−30, 30], by repeated refinement around the maximum of a grid.
    fn highest(&self, f: impl Fn(&super::curve::Curve, &[f64]) -> Vec<f64>) -> f64 {
        let (mut middle, mut half, mut best) = (0.0, 30.0, f64::NEG_INFINITY);
        while half > 1e-9 {
            let x: Vec<f64> = (-3000..=3000).map(|i| middle + half * f64::from(i) / 3000.0).collect();
            let y = f(&self.curve, &x);
            let at = (0..x.len()).max_by(|&i, &j| y[i].total_cmp(&y[j])).unwrap_or(0);
            (best, middle, half) = (best.max(y[at]), x[at], half / 1000.0);
        }
        best
    }
}

impl fmt::Display for Properties {
    /// Writes one row of a table; [`Properties::HEADER`] is its header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |is: bool| if is { "yes" } else { "no" };
        let sides = match self.saturates {
            [true, true] => "both",
            [true, false] => "left",
            [false, true] => "right",
            [false, false] => "no",
        };
        let kinks: Vec<String> = self.kinks.iter().map(|x| format!("{}", (x * 1e6).round() / 1e6 + 0.0)).collect();
        write!(
            f,
            "{:<20} {:>8.4} {:>8.4}  {:<4} {:<5} {:>8.4} {:>8.4} {:>8.4} {:>9.4}  {}",
            self.name,
            self.range[0],
            self.range[1],
            yes(self.monotonic),
            sides,
            self.lipschitz,
            if self.zero_centred() { 0.0 } else { self.mean }, // avoids −0.0000
            self.mean_square,
            self.mean_square_slope,
            kinks.join(", ")
        )
    }
}
