//! [`Signal`]: what the theory knows of the values at one depth.

use autograd::{Float, Tensor};

use crate::Error;
use crate::error::shown;

/// What the theory knows of the values at one depth of a wide network: mean and mean square over the features, and what
/// any two samples share.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Signal {
    /// `E[x]` over the features of a sample.
    pub mean: f64,
    /// `E[x²]`; of a normal signal, whose mean is 0, its variance q.
    pub square: f64,
    /// `E[x·x′]` for two samples, if it is followed: `c·q`.
    pub product: Option<f64>,
    /// `E[x·x′]` for two places of one picture, if it is followed, as pooling needs it.
    pub places: Option<f64>,
    /// Whether the values are normal, as sums are; an activation needs it.
    pub normal: bool,
    /// `E[x·x′]` of data, which is not followed without need: each activation would cost a double integral.
    pub(super) data: Option<f64>,
    /// Whether some features are larger than others, as where values of several sources stand side by side.
    pub(super) uneven: bool,
}

impl Signal {
    /// A normal signal of mean 0 and this variance.
    ///
    /// # Panics
    /// If `variance` is negative or not finite.
    #[track_caller]
    pub fn normal(variance: f64) -> Self {
        super::check_variance("signal", variance);
        Signal { mean: 0.0, square: variance, product: None, places: None, normal: true, data: None, uneven: false }
    }

    /// With the correlation `c` of two samples, which is then followed through the network.
    ///
    /// ```
    /// use mlp::Activation;
    /// use mlp::theory::{Block, Signal};
    /// let block = Block::new().activation(Activation::Relu)?.linear(2.0, 0.0);
    /// let step = block.pass(&Signal::normal(1.0).correlated(0.0))?;
    /// assert!((step.signal.correlation().unwrap() - 1.0 / std::f64::consts::PI).abs() < 1e-12); // Cho & Saul 2009
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[must_use]
    #[track_caller]
    pub fn correlated(self, c: f64) -> Self {
        super::check_correlation(c);
        Signal { product: Some(c * self.square), ..self }
    }

    /// With the correlation `c` of two places of one picture, which is followed where values are [pooled](super::Block::pool).
    ///
    /// # Panics
    /// If `c` is not in [−1, 1].
    #[must_use]
    #[track_caller]
    pub fn places_correlated(self, c: f64) -> Self {
        super::check_correlation(c);
        Signal { places: Some(c * self.square), ..self }
    }

    /// The statistics of data: samples are rows of `x`, or whatever its first axis counts. Where `x` has more than two axes, the second
    /// counts channels, and the others places, of which any two are compared.
    ///
    /// Such values are not taken for normal: layers with weights have to come first. The samples are followed where batch norms
    /// need it, and with [`correlated`](Signal::correlated); places where values are pooled.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::theory::Signal;
    /// let signal = Signal::of(&Tensor::from([[3.0, 1.0], [1.0, 3.0]]))?;
    /// assert_eq!((signal.mean, signal.square, signal.correlation()), (2.0, 5.0, Some(0.6)));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no values, or one is not finite.
    pub fn of<T: Float>(x: &Tensor<T>) -> Result<Self, Error> {
        let samples = x.shape().first().copied().filter(|_| x.shape().len() > 1).unwrap_or(1);
        let values = x.cast::<f64>();
        let signal = Signal::of_values(values.as_slice(), [1, samples])?;
        let places = match x.shape()[..] {
            [n, channels, _, ..] => {
                Signal::of_values(values.as_slice(), [n * channels, values.numel() / (n * channels)])?.data
            }
            _ => None,
        };
        Ok(Signal { places, ..signal })
    }

    /// The statistics of sequences: tokens are rows of the last axis, and two of them are those of one sequence, (n, time, width).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::theory::Signal;
    /// let sequence = |sign: f64| [[3.0 * sign, 1.0], [1.0, 3.0 * sign]];
    /// let signal = Signal::of_tokens(&Tensor::from([sequence(1.0), sequence(-1.0)]))?;
    /// assert_eq!((signal.square, signal.correlation()), (5.0, Some(0.0))); // 0.6 and −0.6
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not (n, time, width), there are no values, or one is not finite.
    pub fn of_tokens<T: Float>(x: &Tensor<T>) -> Result<Self, Error> {
        match x.shape().len() {
            3 => Signal::of_values(x.cast::<f64>().as_slice(), [x.shape()[0], x.shape()[1]]),
            _ => {
                let why =
                    format!("tokens are needed as (n, time, width), and the shape is {}; reshape them", x.shape());
                Err(Error::invalid("mean_field", why))
            }
        }
    }

    /// The statistics of classes, which an [`Embedding`](crate::Embedding) reads: samples are rows of `x`, or whatever its first axis
    /// counts.
    ///
    /// Each number stands for the vector that is 1 for its class and 0 for all others. So the mean square, here taken as the sum of
    /// squares, is 1, and the correlation of two samples is the share of their places that hold the same class. Two places of one sample
    /// are compared too.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::theory::Signal;
    /// let signal = Signal::of_classes(&Tensor::from([[7.0, 3.0], [7.0, 1.0]]))?;
    /// assert_eq!((signal.square, signal.correlation()), (1.0, Some(0.5)));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no values, or one is no class: a whole number from 0 on.
    pub fn of_classes<T: Float>(x: &Tensor<T>) -> Result<Self, Error> {
        let samples = x.shape().first().copied().unwrap_or(1).max(1);
        let places = x.shape().numel() / samples;
        let same = same_class(x, (0..places).map(|place| (0..samples).map(move |i| i * places + place)))?;
        let within = same_class(x, (0..samples).map(|i| i * places..(i + 1) * places))?;
        Ok(Signal { data: same, places: within, ..Signal::class() })
    }

    /// The statistics of sequences of classes: two tokens are those of one sequence, (n, time); their correlation is the share of
    /// pairs that are the same class.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::theory::Signal;
    /// let signal = Signal::of_token_classes(&Tensor::from([[7.0, 3.0, 7.0], [1.0, 2.0, 3.0]]))?;
    /// assert_eq!(signal.correlation(), Some(1.0 / 6.0));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not (n, time), there are no values, or one is no class: a whole number from 0 on.
    pub fn of_token_classes<T: Float>(x: &Tensor<T>) -> Result<Self, Error> {
        let [n, time] = x.shape()[..] else {
            let why =
                format!("classes of tokens are needed as (n, time), and the shape is {}; reshape them", x.shape());
            return Err(Error::invalid("mean_field", why));
        };
        Ok(Signal { data: same_class(x, (0..n).map(|i| i * time..(i + 1) * time))?, ..Signal::class() })
    }

    /// The vector of a class.
    fn class() -> Self {
        Signal { normal: false, ..Signal::normal(1.0) }
    }

    /// Of the values of so many groups of so many samples, two of which are compared.
    pub(super) fn of_values(values: &[f64], [groups, samples]: [usize; 2]) -> Result<Self, Error> {
        if values.is_empty() {
            return Err(Error::Empty { what: "mean_field".into() });
        }
        let (n, width) = (samples as f64, values.len() / samples / groups);
        let square = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if !square.is_finite() {
            return Err(Error::invalid(
                "mean_field",
                "the inputs hold values that are not finite, or whose squares are not; scale or remove them",
            ));
        }
        // Over all pairs of different samples: the square of the sum holds them, and the squares.
        let sums = values
            .chunks(samples * width)
            .flat_map(|group| (0..width).map(move |j| group[j..].iter().step_by(width).sum::<f64>()));
        let all = sums.map(|sum| sum * sum).sum::<f64>() / (groups * width) as f64;
        let data = (samples > 1).then(|| (all - n * square) / (n * (n - 1.0)));
        Ok(Signal { mean, square, product: None, places: None, normal: false, data, uneven: false })
    }

    /// `E[x·x′]`, as followed or known of data, else of samples that share their mean alone.
    pub(super) fn pair(&self) -> f64 {
        self.product.or(self.data).unwrap_or(self.mean.powi(2))
    }

    /// c, if it is followed, or known of data.
    pub fn correlation(&self) -> Option<f64> {
        self.product.or(self.data).map(|product| self.share(product))
    }

    /// The mean square of the mean of n values, two of which have this product; else why n values cannot have it.
    pub(super) fn mean_of(&self, what: &str, n: usize, product: f64) -> Result<f64, String> {
        let others = n as f64 - 1.0;
        let mean = (self.square + others * product) / n as f64;
        if mean < -1e-9 * self.square {
            let [c, least] = [self.share(product), -1.0 / others].map(shown);
            return Err(format!(
                "{n} {what} correlate by {least} at least, and the signal has {c}; correct their number, or the signal"
            ));
        }
        Ok(if mean < 0.0 { 0.0 } else { mean }) // round-off of values that add up to 0
    }

    /// A product as a part of the square.
    pub(super) fn share(&self, product: f64) -> f64 {
        if self.square == 0.0 { 1.0 } else { (product / self.square).clamp(-1.0, 1.0) }
    }
}

/// The share of pairs within groups of places that hold the same class, if there are pairs.
fn same_class<T: Float, G: Iterator<Item = usize>>(
    x: &Tensor<T>,
    groups: impl Iterator<Item = G>,
) -> Result<Option<f64>, Error> {
    let values = x.as_slice();
    if values.is_empty() {
        return Err(Error::Empty { what: "mean_field".into() });
    }
    let is_class = |value: f64| value >= 0.0 && value.fract() == 0.0;
    if let Some(other) = values.iter().find(|value| !is_class(value.to_f64())) {
        let why = format!("the inputs hold {}, which is no class, as 0, 1 and so on are", shown(other.to_f64()));
        return Err(Error::invalid("mean_field", why));
    }
    let (mut pairs, mut same) = (0.0, 0.0);
    for group in groups {
        let mut classes: Vec<f64> = group.map(|i| values[i].to_f64()).collect();
        classes.sort_by(f64::total_cmp);
        let both = |n: usize| n as f64 * (n as f64 - 1.0);
        pairs += both(classes.len());
        same += classes.chunk_by(|a, b| a == b).map(|run| both(run.len())).sum::<f64>();
    }
    Ok((pairs > 0.0).then(|| same / pairs))
}
