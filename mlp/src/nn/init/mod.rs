//! [`Init`]: initialisers for parameters.
//!
//! An initialiser is a plain value. The caller owns the random generator, so the same seed gives the same weights.
//! Layers choose the initialiser that suits their activation; [`Init::critical`] derives it from
//! [theory](crate::theory::MeanField).

mod text;

use std::f64::consts::SQRT_2;

use autograd::{Float, Number, Shape, Tensor};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, or_panic, room};

/// The number of connections that scales random weights of shape (inputs, outputs).
///
/// ```
/// use autograd::Tensor;
/// use mlp::Init;
/// use mlp::init::{Distribution, Fan};
/// use rand::{SeedableRng, rngs::StdRng};
/// let init = Init::Scaled { gain: 1.0, fan: Fan::Out, distribution: Distribution::Uniform };
/// let w: Tensor = init.sample([9, 3], &mut StdRng::seed_from_u64(0));
/// assert!(w.abs().max() <= 1.0); // √3·√(1/3)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fan {
    /// The number of inputs: activations keep their variance from layer to layer.
    In,
    /// The number of outputs: gradients keep their variance from layer to layer.
    Out,
    /// The mean of both.
    Avg,
}

impl Fan {
    pub(crate) fn of(self, inputs: usize, outputs: usize) -> f64 {
        match self {
            Fan::In => inputs as f64,
            Fan::Out => outputs as f64,
            Fan::Avg => (inputs + outputs) as f64 / 2.0,
        }
    }
}

/// The shape of a random distribution of given variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// The uniform distribution between −√3·std and √3·std.
    Uniform,
    /// The bell curve.
    Normal,
}

/// An initialiser: a recipe for the initial values of a parameter.
///
/// For [`serde`] it is a name, such as `"he_normal"`, or an object of its numbers, such as `{"constant": 0.1}`.
///
/// ```
/// use autograd::Tensor;
/// use mlp::Init;
/// use rand::{SeedableRng, rngs::StdRng};
/// let w: Tensor = Init::he_normal().sample([256, 100], &mut StdRng::seed_from_u64(0));
/// let variance = (&w * &w).mean();
/// assert!((variance / (2.0 / 256.0) - 1.0).abs() < 0.05);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// All zeros, as for biases.
    Zeros,
    /// One constant value.
    Constant(f64),
    /// The uniform distribution between `low` and `high`.
    Uniform {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// The bell curve.
    Normal {
        /// The centre.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// The normal distribution, truncated to `mean + low·std` … `mean + high·std` by redrawing.
    ///
    /// `std` belongs to the untruncated distribution. Truncation reduces it: to 0.8796·`std` between −2 and 2.
    TruncatedNormal {
        /// The mean of the untruncated distribution.
        mean: f64,
        /// The standard deviation of the untruncated distribution.
        std: f64,
        /// The lower bound in standard deviations, at most 0.
        low: f64,
        /// The upper bound in standard deviations, at least 0.
        high: f64,
    },
    /// Mean 0 and variance `gain² / fan`: the initialisers of LeCun, Glorot and He differ in gain and fan only.
    Scaled {
        /// The factor that compensates for the activation: √2 for relu, 1 for the identity.
        gain: f64,
        /// The connections to count.
        fan: Fan,
        /// The distribution.
        distribution: Distribution,
    },
    /// Orthonormal columns (rows, if the matrix is wide) times `gain`, uniform over all such matrices.
    Orthogonal {
        /// The length of each column or row.
        gain: f64,
    },
}

impl Init {
    /// LeCun's normal initialiser, of variance 1 / fan in: for tanh, selu and softmax.
    ///
    /// LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
    ///
    /// ```
    /// use mlp::Init;
    /// use mlp::init::{Distribution, Fan};
    /// let by_hand = Init::Scaled { gain: 1.0, fan: Fan::In, distribution: Distribution::Normal };
    /// assert_eq!(Init::lecun_normal(), by_hand);
    /// ```
    pub fn lecun_normal() -> Self {
        Self::scaled(1.0, Fan::In, Distribution::Normal)
    }

    /// LeCun's uniform initialiser, of variance 1 / fan in: bounds ±√(3 / fan in).
    ///
    /// See [`lecun_normal`](Init::lecun_normal).
    pub fn lecun_uniform() -> Self {
        Self::scaled(1.0, Fan::In, Distribution::Uniform)
    }

    /// Glorot's normal initialiser, of variance 2 / (fan in + fan out): for tanh and sigmoid.
    ///
    /// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, eq. 12.
    ///
    /// ```
    /// use mlp::Init;
    /// use mlp::init::{Distribution, Fan};
    /// let by_hand = Init::Scaled { gain: 1.0, fan: Fan::Avg, distribution: Distribution::Normal };
    /// assert_eq!(Init::glorot_normal(), by_hand);
    /// ```
    pub fn glorot_normal() -> Self {
        Self::scaled(1.0, Fan::Avg, Distribution::Normal)
    }

    /// Glorot's uniform initialiser, of variance 2 / (fan in + fan out): bounds ±√(6 / (fan in + fan out)).
    ///
    /// Eq. 16 of the source of [`glorot_normal`](Init::glorot_normal).
    pub fn glorot_uniform() -> Self {
        Self::scaled(1.0, Fan::Avg, Distribution::Uniform)
    }

    /// He's normal initialiser, of variance 2 / fan in: for relu, which sets half of a symmetric signal to 0.
    ///
    /// He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, eq. 10.
    ///
    /// ```
    /// use mlp::Init;
    /// assert_eq!(Init::he_normal(), Init::lecun_normal().gain(2f64.sqrt()));
    /// ```
    pub fn he_normal() -> Self {
        Self::scaled(SQRT_2, Fan::In, Distribution::Normal)
    }

    /// He's uniform initialiser, of variance 2 / fan in: bounds ±√(6 / fan in).
    ///
    /// See [`he_normal`](Init::he_normal).
    pub fn he_uniform() -> Self {
        Self::scaled(SQRT_2, Fan::In, Distribution::Uniform)
    }

    /// Orthonormal columns or rows: products of many such layers neither vanish nor explode.
    ///
    /// Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    /// networks", 2014. The example of [`sample`](Init::sample) draws such a matrix.
    pub fn orthogonal() -> Self {
        Init::Orthogonal { gain: 1.0 }
    }

    /// The normal distribution around 0, truncated at two standard deviations: [`Init::TruncatedNormal`].
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::Init;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let w: Tensor = Init::truncated_normal(0.1).sample(1000, &mut StdRng::seed_from_u64(0));
    /// assert!(w.abs().max() <= 0.2);
    /// ```
    pub fn truncated_normal(std: f64) -> Self {
        Init::TruncatedNormal { mean: 0.0, std, low: -2.0, high: 2.0 }
    }

    /// Scales the initial values by `gain`.
    ///
    /// ```
    /// use mlp::Init;
    /// assert_eq!(Init::Constant(0.5).gain(3.0), Init::Constant(1.5));
    /// assert_eq!(Init::orthogonal().gain(0.9), Init::Orthogonal { gain: 0.9 });
    /// ```
    #[must_use]
    pub fn gain(self, gain: f64) -> Self {
        let by = gain;
        match self {
            Init::Zeros => self,
            Init::Constant(value) => Init::Constant(value * by),
            Init::Uniform { low, high } => {
                Init::Uniform { low: (low * by).min(high * by), high: (low * by).max(high * by) }
            }
            Init::Normal { mean, std } => Init::Normal { mean: mean * by, std: std * by.abs() },
            Init::TruncatedNormal { mean, std, low, high } if by < 0.0 => {
                Init::TruncatedNormal { mean: mean * by, std: -std * by, low: -high, high: -low }
            }
            Init::TruncatedNormal { mean, std, low, high } => {
                Init::TruncatedNormal { mean: mean * by, std: std * by, low, high }
            }
            Init::Scaled { gain, fan, distribution } => Init::Scaled { gain: gain * by, fan, distribution },
            Init::Orthogonal { gain } => Init::Orthogonal { gain: gain * by },
        }
    }

    /// Draws a tensor of `shape` from `rng`; weights have the shape (inputs, outputs).
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::Init;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let w: Tensor = Init::orthogonal().sample([8, 3], &mut StdRng::seed_from_u64(0));
    /// assert!(w.t().matmul(&w).is_close(&Tensor::eye(3), 1e-14));
    /// ```
    ///
    /// # Panics
    /// Where [`try_sample`](Init::try_sample) returns an error.
    #[track_caller]
    pub fn sample<T: Float>(&self, shape: impl Into<Shape>, rng: &mut (impl Rng + ?Sized)) -> Tensor<T> {
        or_panic(self.try_sample(shape, rng))
    }

    /// [`sample`](Init::sample) for an initialiser or a shape that comes from a configuration.
    ///
    /// ```
    /// use mlp::Init;
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let biases = Init::he_normal().try_sample::<f64>([8], &mut StdRng::seed_from_u64(0));
    /// let why = "init: shape (8,) is not (inputs, outputs); start biases with Init::Zeros";
    /// assert_eq!(biases.unwrap_err().to_string(), why);
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if a setting is NaN or infinite (bounds of a truncated normal may be infinite), a `std` is
    /// negative, bounds are in the wrong order or exclude the mean of a truncated normal, a scaled or orthogonal
    /// initialiser gets another shape than (inputs, outputs), a value is too large for `T`, or memory cannot hold the
    /// values.
    pub fn try_sample<T: Float>(&self, shape: impl Into<Shape>, rng: &mut (impl Rng + ?Sized)) -> Result<Tensor<T>> {
        let shape = shape.into();
        self.check()?;
        let n = room("init", &shape)?;
        let values: Vec<T> = match *self {
            Init::Zeros => vec![T::zero(); n],
            Init::Constant(value) => vec![T::from_f64(value); n],
            Init::Uniform { low, high } => draw(n, || uniform(low, high, rng)),
            Init::Normal { mean, std } => draw(n, || mean + std * normal(rng)),
            Init::TruncatedNormal { mean, std, low, high } => draw(n, || mean + std * truncated(low, high, rng)),
            Init::Scaled { gain, fan, distribution } => {
                let (inputs, outputs) = matrix(&shape)?;
                let std = gain.abs() / fan.of(inputs, outputs).sqrt();
                match distribution {
                    Distribution::Uniform => draw(n, || uniform(-3f64.sqrt() * std, 3f64.sqrt() * std, rng)),
                    Distribution::Normal => draw(n, || std * normal(rng)),
                }
            }
            Init::Orthogonal { gain } => {
                let (inputs, outputs) = matrix(&shape)?;
                // Orthonormal vectors cannot outnumber their dimensions: they are the columns or, if wide, the rows.
                let q = orthonormal(inputs.min(outputs), inputs.max(outputs), rng);
                let at = |i: usize, j: usize| if inputs < outputs { q[i][j] } else { q[j][i] };
                (0..n).map(|k| T::from_f64(gain * at(k / outputs, k % outputs))).collect()
            }
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::invalid(
                "init",
                format!("{self:?} drew {value}, too large for {}; make it smaller", T::NAME),
            ));
        }
        Ok(Tensor::try_new(shape, values)?)
    }

    fn scaled(gain: f64, fan: Fan, distribution: Distribution) -> Self {
        Init::Scaled { gain, fan, distribution }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let (numbers, law) = match *self {
            Init::Zeros => return Ok(()),
            Init::Constant(value) => ([value, 0.0], true),
            Init::Uniform { low, high } => ([low, high], low <= high),
            Init::Normal { mean, std } => ([mean, std], std >= 0.0),
            // Without the mean the bounds would leave a tail, whose rejection sampling may never end.
            Init::TruncatedNormal { mean, std, low, high } => {
                ([mean, std], std >= 0.0 && low <= 0.0 && high >= 0.0 && low < high)
            }
            Init::Scaled { gain, .. } | Init::Orthogonal { gain } => ([gain, 0.0], true),
        };
        if law && numbers.iter().all(|x| x.is_finite()) {
            return Ok(());
        }
        let why = format!("{self:?} needs finite numbers, std ≥ 0, low ≤ high, and low ≤ 0 ≤ high around a mean");
        Err(Error::invalid("init", why))
    }
}

fn matrix(shape: &Shape) -> Result<(usize, usize)> {
    match shape[..] {
        [inputs, outputs] => Ok((inputs, outputs)),
        _ => Err(Error::invalid(
            "init",
            format!("shape {shape} is not (inputs, outputs); start biases with Init::Zeros"),
        )),
    }
}

fn draw<T: Float>(n: usize, mut f: impl FnMut() -> f64) -> Vec<T> {
    (0..n).map(|_| T::from_f64(f())).collect()
}

fn uniform(low: f64, high: f64, rng: &mut (impl Rng + ?Sized)) -> f64 {
    let u: f64 = rng.random();
    low * (1.0 - u) + high * u
}

fn normal(rng: &mut (impl Rng + ?Sized)) -> f64 {
    rng.sample(StandardNormal)
}

/// Rejection sampling. It accepts at least 49 % of the proposals, because the bounds enclose 0 (the worst case is
/// `low = 0`, `high = 2.5`).
fn truncated(low: f64, high: f64, rng: &mut (impl Rng + ?Sized)) -> f64 {
    loop {
        if high - low > 2.5 {
            let z = normal(rng);
            if low <= z && z <= high {
                return z;
            }
        } else {
            let z = uniform(low, high, rng);
            if rng.random::<f64>() < Number::exp(-z * z / 2.0) {
                return z;
            }
        }
    }
}

/// `n` orthonormal vectors of `dimension` ≥ `n`, by the Gram–Schmidt process on normal vectors.
///
/// This is the QR decomposition whose R has a positive diagonal. Its Q is uniform over the orthogonal matrices
/// (Mezzadri, "How to generate random matrices from the classical compact groups", 2007).
fn orthonormal(n: usize, dimension: usize, rng: &mut (impl Rng + ?Sized)) -> Vec<Vec<f64>> {
    let mut q: Vec<Vec<f64>> = Vec::with_capacity(n);
    while q.len() < n {
        let mut v: Vec<f64> = draw(dimension, || normal(rng));
        // Two passes suffice (Giraud, Langou and Rozložník 2005): the second removes the round-off of the first.
        for u in q.iter().chain(&q) {
            let along = dot(u, &v);
            v.iter_mut().zip(u).for_each(|(v, u)| *v -= along * u);
        }
        let length = dot(&v, &v).sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        q.push(v);
    }
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
