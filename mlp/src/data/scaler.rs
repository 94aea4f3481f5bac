//! [`Scaler`]: scales columns to a comparable size.
//!
//! Fit it to the training data only, and apply it to all data. It neither clips nor removes outliers.

use autograd::{Float, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, shown};

/// A shift and a scale for each column: `(x − shift) / scale`.
///
/// ```
/// use autograd::Tensor;
/// use mlp::Scaler;
/// let train = Tensor::from([[1.0, 5.0], [3.0, 5.0]]);
/// let scaler = Scaler::standard(&train)?;
/// assert_eq!(scaler.transform(&train)?, Tensor::from([[-1.0, 0.0], [1.0, 0.0]]));
/// assert_eq!(scaler.transform(&Tensor::from([[5.0, 6.0]]))?, Tensor::from([[3.0, 1.0]]));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// A scaler is plain data of serde; numbers that do not fit are refused when it is read. In a [`Schema`](crate::Schema),
/// each column has its own way of scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Scaler {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

/// A scaler as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl TryFrom<Stored> for Scaler {
    type Error = String;

    fn try_from(Stored { shift, scale }: Stored) -> Result<Self, String> {
        if shift.len() != scale.len() {
            return Err(format!(
                "{} shifts but {} scales; a scaler has one of each a column",
                shift.len(),
                scale.len()
            ));
        }
        match shift.iter().zip(&scale).position(|(&shift, &scale)| !fits(shift, scale)) {
            Some(j) => Err(format!("column {j} has shift {} and scale {}; {FITS}", shown(shift[j]), shown(scale[j]))),
            None => Ok(Scaler { shift, scale }),
        }
    }
}

/// Whether values can be scaled, and back.
pub(super) fn fits(shift: f64, scale: f64) -> bool {
    shift.is_finite() && scale.is_finite() && scale > 0.0
}

pub(super) const FITS: &str = "a shift is finite, and a scale finite and above 0";

impl Scaler {
    /// Fits a scaler to mean 0 and standard deviation 1.
    ///
    /// The standard deviation is that of the population: its divisor is the number of rows. A constant column becomes
    /// 0: its scale is 1.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[2.0], [4.0], [9.0]]);
    /// let y: Tensor = mlp::Scaler::standard(&x)?.transform(&x)?;
    /// assert!(y.mean().abs() < 1e-15 && (y.variance() - 1.0).abs() < 1e-15);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::Invalid`] unless `x` has the shape (rows, columns) and finite
    /// statistics.
    pub fn standard<T: Float>(x: &Tensor<T>) -> Result<Self> {
        Self::fit(x, Scaling::Standard)
    }

    /// Fits a scaler to the range from 0 to 1; a constant column becomes 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[2.0], [4.0], [3.0]]);
    /// assert_eq!(mlp::Scaler::min_max(&x)?.transform(&x)?, Tensor::from([[0.0], [1.0], [0.5]]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`standard`](Scaler::standard).
    pub fn min_max<T: Float>(x: &Tensor<T>) -> Result<Self> {
        Self::fit(x, Scaling::MinMax)
    }

    /// Fits a scaler to median 0 and interquartile range 1, which outliers hardly move; a constant column becomes 0.
    ///
    /// Quartiles lie between values as `numpy.quantile` puts them: at position q·(n − 1) of the sorted column.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from([[1.0], [2.0], [3.0], [4.0], [1000.0]]);
    /// assert_eq!(mlp::Scaler::robust(&x)?.transform(&x)?, Tensor::from([[-1.0], [-0.5], [0.0], [0.5], [498.5]]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`standard`](Scaler::standard).
    pub fn robust<T: Float>(x: &Tensor<T>) -> Result<Self> {
        Self::fit(x, Scaling::Robust)
    }

    /// Computes `(x − shift) / scale` column by column: (rows, columns) → (rows, columns).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let scaler = mlp::Scaler::min_max(&Tensor::from([[0.0], [4.0]]))?;
    /// assert_eq!(scaler.transform(&Tensor::from([[1.0], [8.0]]))?, Tensor::from([[0.25], [2.0]]));
    /// assert!(scaler.transform(&Tensor::from([[1.0, 2.0]])).is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] unless `x` has the shape (rows, columns) with as many columns as the fitted data.
    pub fn transform<T: Float>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        self.map(x, |x, shift, scale| (x - shift) / scale)
    }

    /// Computes `x · scale + shift`: converts predictions of scaled targets back to the original units.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let y = Tensor::from([[10.0], [30.0]]);
    /// let scaler = mlp::Scaler::standard(&y)?;
    /// assert_eq!(scaler.inverse(&scaler.transform(&y)?)?, y);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`transform`](Scaler::transform).
    pub fn inverse<T: Float>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        self.map(x, |x, shift, scale| x * scale + shift)
    }

    fn fit<T: Float>(x: &Tensor<T>, scaling: Scaling) -> Result<Self> {
        let &[rows, columns] = &x.shape()[..] else {
            let why = format!("shape {} is not (rows, columns); reshape a single column to (n, 1)", x.shape());
            return Err(Error::invalid("scaler", why));
        };
        if rows == 0 {
            return Err(Error::Empty { what: "scaler".to_string() });
        }
        let mut scaler = Scaler { shift: Vec::with_capacity(columns), scale: Vec::with_capacity(columns) };
        for j in 0..columns {
            let column: Vec<f64> = (0..rows).map(|i| x.as_slice()[i * columns + j].to_f64()).collect();
            let Some((shift, scale)) = scaling.of(&column) else {
                let why = format!("column {j} {ENORMOUS}");
                return Err(Error::invalid("scaler", why));
            };
            scaler.shift.push(shift);
            scaler.scale.push(scale);
        }
        Ok(scaler)
    }

    fn map<T: Float>(&self, x: &Tensor<T>, f: impl Fn(f64, f64, f64) -> f64) -> Result<Tensor<T>> {
        let columns = self.shift.len();
        if x.shape().len() != 2 || x.shape()[1] != columns {
            let why = format!("shape {} is not (rows, {columns}), the columns that it was fitted to", x.shape());
            return Err(Error::invalid("scaler", why));
        }
        let mut column = (0..columns).cycle();
        Ok(x.map(|x| {
            let j = column.next().unwrap_or(0);
            T::from_f64(f(x.to_f64(), self.shift[j], self.scale[j]))
        }))
    }
}

/// What a column becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    Nothing,
    Standard,
    MinMax,
    Robust,
}

/// What is wrong with a column that has no finite statistics.
pub(super) const ENORMOUS: &str = "holds NaN, infinite or enormous numbers; remove or clip them";

impl Scaling {
    /// Shift and scale of a column with at least one value, if they are finite.
    pub(super) fn of(self, column: &[f64]) -> Option<(f64, f64)> {
        let (low, high) = range(column);
        let (shift, scale) = match self {
            Scaling::Nothing => (0.0, 1.0),
            // The mean of equal values may differ from them by round-off, which must not be scaled up to 1.
            _ if low == high => (low, 1.0),
            Scaling::Standard => {
                let mean = mean(column);
                // Two passes: E[x²] − E[x]² suffers from cancellation if the mean is large.
                let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64;
                (mean, variance.sqrt())
            }
            Scaling::MinMax => (low, high - low),
            Scaling::Robust => {
                let [low, median, high] = quantiles(column, [0.25, 0.5, 0.75]);
                (median, high - low)
            }
        };
        // Values so close that their variance underflows count as constant.
        let scale = if scale == 0.0 { 1.0 } else { scale };
        (column.iter().all(|x| x.is_finite()) && fits(shift, scale)).then_some((shift, scale))
    }
}

pub(super) fn mean(column: &[f64]) -> f64 {
    column.iter().sum::<f64>() / column.len() as f64
}

/// For each q the value at position q·(n − 1) of the sorted column, between two values in proportion.
pub(super) fn quantiles<const N: usize>(column: &[f64], q: [f64; N]) -> [f64; N] {
    let mut sorted = column.to_vec();
    sorted.sort_by(f64::total_cmp);
    q.map(|q| {
        let at = q * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        low + (high - low) * at.fract()
    })
}

fn range(column: &[f64]) -> (f64, f64) {
    column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}
