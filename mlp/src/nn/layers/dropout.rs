//! [`Dropout`]: random zeros during training.

use autograd::{Float, Parameters, Shape, Var};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::shown;
use crate::nn::config::{Config, Configured, Parts};
use crate::nn::module::{LayerRow, Module};

/// Inverted dropout (Srivastava et al. 2014).
///
/// In training mode each value is set to 0 with probability `p`, and otherwise multiplied by `1/(1 − p)`. In evaluation
/// mode dropout is the identity.
///
/// The expected output equals the input. [`Tape::train`](autograd::Tape::train) seeds the random numbers, so the same
/// seed drops the same values.
///
/// ```
/// use autograd::{Tape, Tensor};
/// use mlp::{Dropout, Module};
/// let dropout = Dropout::new(0.5)?;
/// let tape = Tape::new();
/// let x = tape.var(Tensor::ones([100]));
/// assert_eq!(dropout.forward(x).value(), x.value());
/// tape.train(7);
/// assert!(dropout.forward(x).value().to_vec().iter().all(|&y| y == 0.0 || y == 2.0));
/// assert!(Dropout::new(1.0).is_err());
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Dropout with probability `p`.
    ///
    /// # Errors
    /// If `p` lies outside [0, 1).
    pub fn new(p: f64) -> Result<Self, Error> {
        match (0.0..1.0).contains(&p) {
            true => Ok(Dropout { p }),
            false => Err(Error::invalid("dropout", format!("the probability {} lies outside [0, 1)", shown(p)))),
        }
    }

    /// The probability that a value is dropped.
    pub fn p(self) -> f64 {
        self.p
    }
}

impl<T: Float> Module<T> for Dropout {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let kept = T::from_f64(1.0 / (1.0 - self.p));
        let draw = |rng: &mut StdRng| if rng.random_bool(self.p) { T::zero() } else { kept };
        let mask = x.tape().random(|rng| x.tape().constant_with(x.shape(), |_| draw(rng)));
        // `chain` gives exactly 0 where the mask is 0, for the value and for its gradient, even if they are infinite.
        mask.map_or(x, |mask| mask.chain(x))
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
        let layer = format!("dropout({})", shown(self.p));
        vec![LayerRow { layer, shape: String::new(), activation: String::new(), parameters: 0 }]
    }
}

/// A [`Dropout`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) p: f64,
}

impl<T: Float> Configured<T> for Dropout {
    const LAYER: &'static str = "dropout";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data { p: self.p })
    }

    fn build(data: Data, _: &mut Parts<'_, T>) -> Result<Self, Error> {
        Dropout::new(data.p)
    }
}
