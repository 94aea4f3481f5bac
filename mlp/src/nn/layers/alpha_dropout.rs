//! [`AlphaDropout`]: dropout for self-normalising networks.

use autograd::{Float, Parameters, Shape, Var};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::shown;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module};

/// `−lim SELU(x)` for `x → −∞`: the product of scale and α of the SELU.
const ALPHA: f64 = 1.7580993408473766;

/// Alpha dropout, which keeps mean 0 and variance 1 (Klambauer et al. 2017).
///
/// In training mode each value is set to `−α` with probability `p`, where −α = −1.758… is the limit of
/// [`Activation::Selu`](crate::Activation::Selu) at −∞. All values then pass through `y = a·x + b` with
/// `a = 1/√((1 − p)(1 + p·α²))` and `b = a·p·α`, which restores mean 0 and variance 1 for inputs that have them. In
/// evaluation mode it is the identity.
///
/// [`Tape::train`](autograd::Tape::train) seeds the random numbers, so the same seed drops the same values. A dropped
/// value has no gradient.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{AlphaDropout, Module};
/// let dropout = AlphaDropout::new(0.2)?;
/// let tape = Tape::new();
/// let x = tape.var(Tensor::linspace(-1.0, 1.0, 1000) * 3f64.sqrt()); // mean 0, variance 1
/// assert_eq!(dropout.forward(x).value(), x.value());
/// tape.train(7);
/// let y = dropout.forward(x).value();
/// assert!(y.mean().abs() < 0.1 && (y.variance() - 1.0).abs() < 0.1);
/// assert!(AlphaDropout::new(1.0).is_err());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlphaDropout {
    p: f64,
}

impl AlphaDropout {
    /// Alpha dropout with probability `p`.
    ///
    /// # Errors
    /// If `p` lies outside [0, 1).
    pub fn new(p: f64) -> Result<Self, Error> {
        match (0.0..1.0).contains(&p) {
            true => Ok(AlphaDropout { p }),
            false => {
                let problem = format!("the probability {} lies outside [0, 1); the usual one is 0.05", shown(p));
                Err(Error::invalid("alpha_dropout", problem))
            }
        }
    }

    /// The probability that a value is dropped.
    pub fn p(self) -> f64 {
        self.p
    }
}

impl<T: Float> Module<T> for AlphaDropout {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let a = 1.0 / ((1.0 - self.p) * (1.0 + self.p * ALPHA * ALPHA)).sqrt();
        let dropped = -a * ALPHA * (1.0 - self.p);
        let kept = T::from_f64(a);
        let draw = |rng: &mut StdRng| if rng.random_bool(self.p) { T::zero() } else { kept };
        let mask = x.tape().random(|rng| x.tape().constant_with(x.shape(), |_| draw(rng)));
        // With a mask of a and 0, `mask·(x + α) + dropped` is `a·x + b` or `dropped`. `chain` gives exactly 0 where the
        // mask is 0, for the value and for its gradient, even if they are infinite.
        mask.map_or(x, |mask| mask.chain(x + ALPHA) + dropped)
    }

    fn parameters(&self) -> Parameters<T> {
        Parameters::new()
    }

    fn output_shape(&self, input: &Shape) -> Result<Option<Shape>, Error> {
        Ok(Some(input.clone()))
    }

    fn config(&self) -> Result<Config, Error> {
        Config::of::<T, _>(self)
    }

    fn describe(&self) -> Vec<LayerRow> {
        let layer = format!("alpha_dropout({})", shown(self.p));
        vec![LayerRow { layer, shape: String::new(), activation: String::new(), parameters: 0 }]
    }
}

/// An [`AlphaDropout`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    p: f64,
}

impl<T: Float> Configured<T> for AlphaDropout {
    const LAYER: &'static str = "alpha_dropout";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { p: self.p })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        AlphaDropout::new(data.p)
    }
}
