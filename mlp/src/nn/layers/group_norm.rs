//! [`GroupNorm`]: normalises groups of channels of each sample.

use autograd::{Float, Param, Parameters, Shape, Var};
use serde::{Deserialize, Serialize};

use super::channels::{affine, beside, channels_fit, folded, identity, named, places};
use crate::Error;
use crate::error::{or_panic, room};
use crate::nn::config::{Config, Configured, Parts, fields};
use crate::nn::module::{LayerRow, Module};
use crate::nn::state_dict::StateDict;

/// Group normalisation (Wu & He 2018).
///
/// `y = (x − mean)/√(variance + eps) · gain + shift`, with a mean and a biased variance for each group of channels of
/// each sample, and a gain and a shift for each channel.
///
/// Shapes: `(n, channels, …) → (n, channels, …)`. Samples do not meet, so training and evaluation are alike.
///
/// ```
/// use autograd::Tensor;
/// use mlp::{GroupNorm, Module};
/// let y = GroupNorm::new(2, 4)?.predict(&Tensor::from([[10.0, 30.0, -5.0, -7.0]]));
/// assert!(y.is_close(&Tensor::from([[-1.0, 1.0, 1.0, -1.0]]), 1e-5));
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupNorm<T: Float = f64> {
    /// The factor of each channel, initially 1.
    pub gain: Option<Param<T>>,
    /// The offset of each channel, initially 0.
    pub shift: Option<Param<T>>,
    /// The constant that keeps the square root away from 0.
    pub eps: f64,
    groups: usize,
    channels: usize,
}

impl<T: Float> GroupNorm<T> {
    pub(crate) const EPS: f64 = 1e-5;

    /// Creates a layer for `channels` channels in `groups` groups of neighbours, with `eps` = 1e−5.
    ///
    /// # Errors
    /// If a number is 0, `groups` does not divide `channels`, or memory cannot hold so many.
    pub fn new(groups: usize, channels: usize) -> Result<Self, Error> {
        if groups == 0 || channels == 0 || !channels.is_multiple_of(groups) {
            let problem = format!("{channels} channels do not make {groups} equal groups; choose a divisor above 0");
            return Err(Error::invalid("group_norm", problem));
        }
        room("group_norm", &[2, channels])?;
        let [gain, shift] = identity(channels);
        Ok(GroupNorm { gain, shift, eps: Self::EPS, groups, channels })
    }

    /// Instance normalisation (Ulyanov, Vedaldi & Lempitsky 2016): each channel is a group.
    ///
    /// It has factors and offsets; [`without_affine`](GroupNorm::without_affine) removes them.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{GroupNorm, Module};
    /// let y = GroupNorm::instance(2)?.predict(&Tensor::from([[[10.0, 30.0], [-5.0, -7.0]]]));
    /// assert!(y.is_close(&Tensor::from([[[-1.0, 1.0], [1.0, -1.0]]]), 1e-5));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `channels` is 0.
    pub fn instance(channels: usize) -> Result<Self, Error> {
        GroupNorm::new(channels, channels)
    }

    /// Removes factors and offsets.
    ///
    /// ```
    /// use mlp::{GroupNorm, Module};
    /// let norm: GroupNorm = GroupNorm::instance(3)?.without_affine();
    /// assert_eq!(norm.parameters().numel(), 0);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn without_affine(self) -> Self {
        GroupNorm { gain: None, shift: None, ..self }
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The number of values of a group in one sample, if inputs of this shape fit.
    fn group(&self, shape: &Shape) -> Result<usize, Error> {
        channels_fit("group_norm", shape, self.channels)?;
        let group = (self.channels / self.groups).saturating_mul(places(shape));
        match group > 1 {
            true => Ok(group),
            // A single value is its own mean: the output would be the shift, whatever the input.
            false => {
                let problem = format!("a group of an input of shape {shape} holds {group} values; choose fewer groups");
                Err(Error::invalid("group_norm", problem))
            }
        }
    }
}

impl<T: Float> Module<T> for GroupNorm<T> {
    /// # Panics
    /// If the second axis of `x` is not that of the channels, or a group holds fewer than two values.
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (tape, shape) = (x.tape(), x.shape());
        let group = or_panic(self.group(&shape));
        let x = folded(x);
        let y = x.reshape([shape[0], self.groups, group]).normalize(self.eps).reshape(x.shape());
        let y = self.gain.as_ref().map_or(y, |gain| y * beside(x, gain.on(tape)));
        self.shift.as_ref().map_or(y, |shift| y + beside(x, shift.on(tape))).reshape(shape)
    }

    fn parameters(&self) -> Parameters<T> {
        named(self.gain.as_ref(), self.shift.as_ref())
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        self.group(input)?;
        Ok(Some(input.clone()))
    }

    fn state_dict(&self) -> Result<StateDict<T>, Error> {
        Ok(StateDict::new().with("weight", self.gain.as_ref()).with("bias", self.shift.as_ref()))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let (n, groups) = (self.channels, self.groups);
        let layer = if groups == n { "instance_norm".into() } else { format!("group_norm({groups})") };
        let (shape, parameters) = (format!("{n} → {n}"), self.parameters().numel());
        vec![LayerRow { layer, shape, activation: String::new(), parameters }]
    }
}

/// A [`GroupNorm`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) groups: usize,
    channels: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eps: Option<f64>,
    #[serde(default = "fields::yes", skip_serializing_if = "fields::is_on")]
    affine: bool,
}

impl<T: Float> Configured<T> for GroupNorm<T> {
    const LAYER: &'static str = "group_norm";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data {
            groups: self.groups,
            channels: self.channels,
            eps: fields::unless(Self::EPS, self.eps),
            affine: affine("group_norm", self.gain.as_ref(), self.shift.as_ref())?,
        })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        let eps = fields::eps("group_norm", data.eps, Self::EPS)?;
        let norm = GroupNorm { eps, ..GroupNorm::new(data.groups, data.channels)? };
        Ok(if data.affine { norm } else { norm.without_affine() })
    }
}
