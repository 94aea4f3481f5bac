//! Initialisers from theory: their moments, and those that make a deep network critical.

use autograd::Number;

use super::quadrature::integrate;
use super::theory::MeanField;
use crate::error::{Error, Result, shown};
use crate::nn::init::Init;
use crate::nn::mlp::MlpBuilder;
use crate::nn::module::Module;

impl Init {
    /// Critical weights for `activation` with biases of 0: gradients neither vanish nor explode.
    ///
    /// The weights are normal, with the variance at which `χ = 1` ([`MeanField::critical_weights`]).
    ///
    /// The result is LeCun's initialiser for tanh and He's for relu, and it exists for custom activations too. Layers
    /// with biases can also keep the variance of the signal: [`MeanField::critical`].
    ///
    /// ```
    /// use mlp::{Activation, Init};
    /// let variance = |activation| Ok::<f64, mlp::Error>(100.0 * Init::critical(activation)?.moments(100, 100)?.1);
    /// assert!((variance(Activation::Relu)? - 2.0).abs() < 1e-10); // He et al. 2015
    /// assert!((variance(Activation::LeakyRelu(0.2))? - 2.0 / 1.04).abs() < 1e-10); // 2/(1 + a²)
    /// assert!((variance(Activation::Tanh)? - 1.0).abs() < 1e-10);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `activation` is not elementwise, or has no attracting critical point without biases. Softplus and step
    /// functions have no critical point at all; GELU, SiLU and Mish have one with biases.
    pub fn critical(activation: impl Module + 'static) -> Result<Self> {
        let theory = MeanField::new(activation)?;
        let point = theory.critical_weights(0.0)?;
        if !point.attracts() {
            let why = format!("{theory:?} has no critical point without biases; take theory::MeanField::critical()");
            return Err(Error::invalid("init", why));
        }
        Ok(point.init())
    }

    /// The mean and the variance of each value of an (inputs, outputs) matrix.
    ///
    /// ```
    /// use mlp::Init;
    /// assert_eq!(Init::glorot_normal().moments(30, 50)?, (0.0, 2.0 / 80.0));
    /// let (_, variance) = Init::truncated_normal(1.0).moments(1, 1)?;
    /// assert!((variance.sqrt() - 0.8796).abs() < 1e-4);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a setting is invalid, as for [`try_sample`](Init::try_sample).
    pub fn moments(&self, inputs: usize, outputs: usize) -> Result<(f64, f64)> {
        self.check()?;
        Ok(match *self {
            Init::Zeros => (0.0, 0.0),
            Init::Constant(value) => (value, 0.0),
            Init::Uniform { low, high } => ((low + high) / 2.0, (high - low).powi(2) / 12.0),
            Init::Normal { mean, std } => (mean, std * std),
            Init::TruncatedNormal { mean, std, low, high } => {
                let (centre, variance) = truncated(low, high);
                (mean + std * centre, std * std * variance)
            }
            Init::Scaled { gain, fan, .. } => (0.0, gain * gain / fan.of(inputs, outputs)),
            // The shorter axis counts the orthonormal vectors; the squared length of each is spread over the longer
            // axis.
            Init::Orthogonal { gain } => (0.0, gain * gain / inputs.max(outputs) as f64),
        })
    }
}

impl MlpBuilder {
    /// Initialises each hidden layer at the critical point of its activation.
    ///
    /// The biases have variance `σ_b² = biases`. The weights are normal with variance `σ_w²/inputs` and
    /// `χ = σ_w²·E[f′(p)²] = 1`, so gradients neither vanish nor explode with depth ([`MeanField::critical_weights`];
    /// Schoenholz et al. 2017). [`init`](MlpBuilder::init) then applies to the output layer only.
    ///
    /// ```
    /// use mlp::{Activation, Mlp};
    /// use rand::{SeedableRng, rngs::StdRng};
    /// let builder = Mlp::new(200).hidden(200, Activation::Tanh).output(1, Activation::Identity).critical(0.05);
    /// let model: Mlp = builder.build(&mut StdRng::seed_from_u64(0))?;
    /// let w = model.layers()[0].linear.w.value();
    /// assert!((200.0 * w.square().mean() / 1.760955 - 1.0).abs() < 0.03);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn critical(self, biases: f64) -> Self {
        self.hidden_init(move |activation| {
            if !(biases >= 0.0 && biases.is_finite()) {
                let why = format!("critical biases of variance {}; a variance is a number ≥ 0", shown(biases));
                return Err(Error::invalid("mlp", why));
            }
            let point = MeanField::new(activation)?.critical_weights(biases)?;
            Ok([point.init(), point.bias_init()])
        })
    }
}

/// The mean and the variance of the standard normal distribution, truncated to bounds around 0.
///
/// Quadrature avoids the cancellation of the closed form for close bounds.
fn truncated(low: f64, high: f64) -> (f64, f64) {
    const TAIL: f64 = 12.0; // the tails beyond hold 4e−33
    let ends = [low.max(-TAIL), high.min(TAIL)];
    let weighted =
        |f: &dyn Fn(f64) -> f64| integrate(&ends, |z| z.iter().map(|&z| f(z) * Number::exp(-z * z / 2.0)).collect());
    // For symmetric bounds the mean is exactly 0; quadrature would leave round-off.
    let mass = weighted(&|_| 1.0);
    let mean = if low == -high { 0.0 } else { weighted(&|z| z) / mass };
    (mean, weighted(&|z| (z - mean) * (z - mean)) / mass)
}
