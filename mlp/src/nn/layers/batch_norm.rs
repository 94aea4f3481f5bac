//! [`BatchNorm`]: normalises each channel over the samples of a batch.

use autograd::{Float, Param, Parameters, Shape, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::channels::{affine, beside, channels_fit, folded, identity, means, named, places};
use super::units::units;
use crate::Error;
use crate::error::{or_panic, room, shown};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// Batch normalisation (Ioffe & Szegedy 2015).
///
/// `y = (x − mean)/√(variance + eps) · gain + shift`, with a mean and a variance for each channel.
///
/// Shapes: `(n, channels) → (n, channels)`, `(n, channels, …) → (n, channels, …)`. The statistics run over all axes but
/// the second.
///
/// In training mode ([`Tape::train`](autograd::Tape::train)) mean and variance are those of the batch, and gradients
/// flow through them; the variance is the biased one. Each forward pass moves the running statistics: `running ← (1 −
/// momentum)·running + momentum·batch`, there with the unbiased variance. In evaluation mode the running statistics
/// normalise. Channels whose squares would overflow are scaled by powers of two before; a running variance beyond all
/// numbers is ∞, with which evaluation gives the shift.
///
/// A [checkpoint](autograd::checkpoint_chain) runs a layer twice, and so moves them twice. Parts of a batch
/// ([`Trainer::parts`](crate::Trainer::parts)) are each normalised by their own statistics.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{BatchNorm, Module};
/// let norm = BatchNorm::new(1)?;
/// let tape = Tape::new();
/// tape.train(0);
/// let y = norm.forward(tape.constant([[10.0], [30.0]]));
/// assert!(y.value().is_close(&Tensor::from([[-1.0], [1.0]]), 1e-6));
/// assert_eq!(norm.mean.value().to_vec(), [0.1 * 20.0]);
/// assert_eq!(norm.variance.value().to_vec(), [0.9 * 1.0 + 0.1 * 200.0]);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchNorm<T: Float = f64> {
    /// The factor of each channel, initially 1.
    pub gain: Option<Param<T>>,
    /// The offset of each channel, initially 0.
    pub shift: Option<Param<T>>,
    /// The running mean of each channel, initially 0. It is saved and not trained.
    pub mean: Param<T>,
    /// The running variance of each channel, initially 1. It is saved and not trained.
    pub variance: Param<T>,
    /// The constant that keeps the square root away from 0.
    pub eps: f64,
    momentum: f64,
}

impl<T: Float> BatchNorm<T> {
    pub(crate) const EPS: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    /// Creates a layer for `channels` channels, with `eps` = 1e−5 and a momentum of 0.1.
    ///
    /// # Errors
    /// If `channels` is 0, or memory cannot hold so many.
    pub fn new(channels: usize) -> Result<Self, Error> {
        if channels == 0 {
            return Err(Error::invalid("batch_norm", "0 channels: there is nothing to normalise"));
        }
        room("batch_norm", &[4, channels])?;
        let [gain, shift] = identity(channels);
        let (mean, variance) = (Param::new(Tensor::zeros([channels])), Param::new(Tensor::ones([channels])));
        Ok(BatchNorm { gain, shift, mean, variance, eps: Self::EPS, momentum: Self::MOMENTUM })
    }

    /// Removes factors and offsets.
    ///
    /// ```
    /// use mlp::{BatchNorm, Module};
    /// let norm: BatchNorm = BatchNorm::new(3)?.without_affine();
    /// assert_eq!(norm.parameters().numel(), 0);
    /// assert_eq!(norm.buffers().names().collect::<Vec<_>>(), ["mean", "variance"]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn without_affine(self) -> Self {
        BatchNorm { gain: None, shift: None, ..self }
    }

    /// Sets the share of the batch in the running statistics.
    ///
    /// ```
    /// use mlp::BatchNorm;
    /// assert!(BatchNorm::<f64>::new(3)?.with_momentum(0.01).is_ok());
    /// let error = BatchNorm::<f64>::new(3)?.with_momentum(1.5).unwrap_err();
    /// assert_eq!(error.to_string(), "batch_norm: the momentum 1.5 lies outside [0, 1]; the usual one is 0.1");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `momentum` lies outside [0, 1].
    pub fn with_momentum(self, momentum: f64) -> Result<Self, Error> {
        match (0.0..=1.0).contains(&momentum) {
            true => Ok(BatchNorm { momentum, ..self }),
            false => {
                let problem = format!("the momentum {} lies outside [0, 1]; the usual one is 0.1", shown(momentum));
                Err(Error::invalid("batch_norm", problem))
            }
        }
    }

    /// The share of the batch in the running statistics.
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// Moves the running statistics towards those of a batch with `count` values per channel.
    fn move_running(&self, mean: Var<'_, T>, variance: Var<'_, T>, count: usize) {
        let (share, unbiased) = (T::from_f64(self.momentum), T::from_f64(count as f64 / (count as f64 - 1.0)));
        let towards = |running: &Param<T>, batch: Var<'_, T>, factor: T| {
            batch.with_values(|batch| {
                running.modify(|running| {
                    for (running, &batch) in running.iter_mut().zip(batch) {
                        *running = *running * (T::one() - share) + batch * factor * share;
                    }
                });
            });
        };
        towards(&self.mean, mean, T::one());
        towards(&self.variance, variance, unbiased);
    }
}

impl<T: Float> Module<T> for BatchNorm<T> {
    /// # Panics
    /// If the second axis of `x` is not that of the channels; in training mode, if there are fewer than two values per
    /// channel.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape) = (x.tape(), x.shape());
        or_panic(channels_fit("batch_norm", &shape, self.mean.numel()));
        let x = folded(x);
        let (centred, variance) = if tape.is_training() {
            let (places, channels) = (places(&shape), shape[1]);
            or_panic(self.check_training(&shape));
            let count = shape[0] * places;
            let scales = units(x, self.eps, [channels], |i| i / places % channels);
            let x = scales.map_or(x, |[unit, _]| x * beside(x, unit));
            let mean = means(x);
            let centred = x - beside(x, mean);
            let variance = means(centred.square());
            match scales {
                None => {
                    self.move_running(mean, variance, count);
                    (centred, variance + self.eps)
                }
                Some([unit, eps]) => {
                    self.move_running(mean / unit, variance / unit / unit, count);
                    (centred, variance + eps)
                }
            }
        } else {
            let running = |running: &Param<T>| tape.constant(running.value());
            (x - beside(x, running(&self.mean)), running(&self.variance) + self.eps)
        };
        // The factors meet the few numbers of the channels before the many of the batch.
        let scale = variance.rsqrt();
        let scale = self.gain.as_ref().map_or(scale, |gain| scale * gain);
        let y = centred * beside(x, scale);
        self.shift.as_ref().map_or(y, |shift| y + beside(x, shift.on(tape))).reshape(shape)
    }

    fn parameters(&self) -> Parameters<T> {
        named(self.gain.as_ref(), self.shift.as_ref())
    }

    fn buffers(&self) -> Parameters<T> {
        Parameters::new().with("mean", &self.mean).with("variance", &self.variance)
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        channels_fit("batch_norm", input, self.mean.numel())?;
        Ok(Some(input.clone()))
    }

    fn check_training(&self, input: &Shape) -> Result<(), Error> {
        channels_fit("batch_norm", input, self.mean.numel())?;
        match input[0] * places(input) {
            0 | 1 => Err(Error::invalid(
                "batch_norm",
                format!(
                    "training needs more than 1 value per channel, the input has shape {input}; drop a last batch of one sample \
                     with drop_last, or choose another batch size"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        let affine = StateDict::new().with("weight", self.gain.as_ref()).with("bias", self.shift.as_ref());
        let running = affine.with("running_mean", &self.mean).with("running_var", &self.variance);
        Ok(running.passed_over("num_batches_tracked"))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let n = self.mean.numel();
        let (shape, parameters) = (format!("{n} → {n}"), self.parameters().numel());
        vec![LayerRow { layer: "batch_norm".into(), shape, activation: String::new(), parameters }]
    }
}

/// A [`BatchNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    channels: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    momentum: Option<f64>,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    affine: bool,
}

impl<T: Float> Configured<T> for BatchNorm<T> {
    const LAYER: &'static str = "batch_norm";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data {
            channels: self.mean.numel(),
            eps: fields::unless(Self::EPS, self.eps),
            momentum: fields::unless(Self::MOMENTUM, self.momentum),
            affine: affine("batch_norm", self.gain.as_ref(), self.shift.as_ref())?,
        })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        let eps = fields::eps("batch_norm", data.eps, Self::EPS)?;
        let norm = BatchNorm { eps, ..BatchNorm::new(data.channels)? };
        let norm = norm.with_momentum(data.momentum.unwrap_or(Self::MOMENTUM))?;
        Ok(if data.affine { norm } else { norm.without_affine() })
    }
}
