//! [`Scaler`]: scales columns to a comparable size.
//!
//! Fit it to the training data only, and apply it to all data. It neither clips nor removes outliers.

use autograd::{Float, Tensor};

use crate::error::{Error, Result};

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
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

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
        Self::fit(x, |column| {
            let n = column.len() as f64;
            let mean = column.iter().sum::<f64>() / n;
            // Two passes: E[x²] − E[x]² suffers from cancellation if the mean is large.
            let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            (mean, variance.sqrt())
        })
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
        Self::fit(x, |column| {
            let (low, high) = range(column);
            (low, high - low)
        })
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

    fn fit<T: Float>(x: &Tensor<T>, statistics: impl Fn(&[f64]) -> (f64, f64)) -> Result<Self> {
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
            let (low, high) = range(&column);
            // The mean of equal values may differ from them by round-off, which must not be scaled up to 1.
            let (shift, scale) = if low == high { (low, 1.0) } else { statistics(&column) };
            if !column.iter().chain([&shift, &scale]).all(|x| x.is_finite()) {
                let why = format!("column {j} holds NaN, infinite or enormous numbers; remove or clip them");
                return Err(Error::invalid("scaler", why));
            }
            scaler.shift.push(shift);
            // Values so close that their variance underflows count as constant.
            scaler.scale.push(if scale > 0.0 { scale } else { 1.0 });
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

fn range(column: &[f64]) -> (f64, f64) {
    column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}
