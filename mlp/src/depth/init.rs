//! What theory says of initialisers: the moments of their numbers, and those that keep a deep network critical.

use autograd::Number;

use super::quadrature::integrate;
use super::theory::MeanField;
use crate::error::{Error, Result, shown};
use crate::nn::init::Init;
use crate::nn::mlp::MlpBuilder;
use crate::nn::module::Module;

impl Init {
    /// Weights that neither shrink nor grow the gradient of a deep network of `activation`, with biases of 0: normal, of
    /// the variance at which `χ = 1` ([`MeanField::critical_weights`]).
    ///
    /// It finds LeCun's recipe for tanh, He's for relu, and one for any activation of one's own. Layers with biases can do
    /// better, and keep the variance of the signal too: [`MeanField::critical`].
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
    /// If `activation` is not a function of each number, or has no critical point without biases to which the variance
    /// returns: softplus and steps have none at all, GELU, SiLU and Mish have theirs with biases.
    pub fn critical(activation: impl Module + 'static) -> Result<Self> {
        let theory = MeanField::new(activation)?;
        let point = theory.critical_weights(0.0)?;
        if !point.attracts() {
            let why = format!("{theory:?} has no critical point without biases; take theory::MeanField::critical()");
            return Err(Error::invalid("init", why));
        }
        Ok(point.init())
    }

    /// Mean and variance of each number of an (inputs, outputs) matrix.
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
    /// If a number of the recipe makes no sense; as [`try_sample`](Init::try_sample).
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
            // The shorter axis counts orthonormal vectors; the longer one shares the length of each.
            Init::Orthogonal { gain } => (0.0, gain * gain / inputs.max(outputs) as f64),
        })
    }
}

impl MlpBuilder {
    /// Each hidden layer at the critical point of its activation with biases of variance `σ_b² = biases`: normal weights of
    /// variance `σ_w²/inputs` with `χ = σ_w²·E[f′(p)²] = 1`, where gradients neither vanish nor explode with depth
    /// ([`MeanField::critical_weights`]; Schoenholz et al. 2017). [`init`](MlpBuilder::init) is left the output layer.
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

/// Mean and variance of the standard normal distribution between bounds around 0.
///
/// By quadrature: the closed form cancels where the bounds are close.
fn truncated(low: f64, high: f64) -> (f64, f64) {
    const TAIL: f64 = 12.0; // 4e−33 lies beyond
    let ends = [low.max(-TAIL), high.min(TAIL)];
    let weighted =
        |f: &dyn Fn(f64) -> f64| integrate(&ends, |z| z.iter().map(|&z| f(z) * Number::exp(-z * z / 2.0)).collect());
    // Between mirrored bounds the mean is 0, and should not be what rounding leaves of it.
    let mass = weighted(&|_| 1.0);
    let mean = if low == -high { 0.0 } else { weighted(&|z| z) / mass };
    (mean, weighted(&|z| (z - mean) * (z - mean)) / mass)
}
