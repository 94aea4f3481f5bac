//! [`Plateau`]: a learning rate that falls when a watched number does so no longer.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{or_panic, shown};

/// A learning rate that is lowered when a watched number, such as the validation loss, has stopped to fall.
///
/// A number is better than the best so far, b, if it is below `b − threshold·|b|`. After more than `patience` numbers that
/// are not, the rate is multiplied by `factor`, and the next `cool_down` numbers do not count. To watch a number that
/// shall rise, such as accuracy, watch its negative. The defaults are those of PyTorch: factor 0.1, patience 10,
/// threshold 1e−4, no cool-down, a least rate of 0.
///
/// In a trainer, the callback [`OnPlateau`](crate::train::OnPlateau) tells it a value of each epoch and sets the rate. A loop of
/// one's own does so itself:
///
/// ```
/// let mut plateau = mlp::Plateau::new(0.5).patience(1).factor(0.5);
/// let rates = [1.0, 0.8, 0.9, 0.8, 0.7].map(|loss| plateau.watch(loss)); // optimizer.set_learning_rate(…)
/// assert_eq!(rates, [0.5, 0.5, 0.5, 0.25, 0.25]);
/// ```
///
/// It is plain data, with what it has seen: written to a file and read back with `serde`, it goes on as before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Data", into = "Data")]
pub struct Plateau(Data);

/// Settings and state, which may not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    rate: f64,
    factor: f64,
    patience: usize,
    threshold: f64,
    cool_down: usize,
    least: f64,
    /// The best number so far.
    #[serde(default)]
    best: Option<f64>,
    /// The numbers since then.
    #[serde(default)]
    waited: usize,
    /// The numbers that still do not count.
    #[serde(default)]
    cooling: usize,
}

impl TryFrom<Data> for Plateau {
    type Error = Error;

    fn try_from(data: Data) -> Result<Self, Error> {
        let at_least_0 = |what: &str, x: f64| match x.is_finite() && x >= 0.0 {
            true => Ok(()),
            false => Err(Error::invalid("plateau", format!("the {what} {} is not a finite number ≥ 0", shown(x)))),
        };
        at_least_0("learning rate", data.rate)?;
        at_least_0("least learning rate", data.least)?;
        at_least_0("threshold", data.threshold)?;
        if !(data.factor > 0.0 && data.factor < 1.0) {
            let factor = shown(data.factor);
            return Err(Error::invalid(
                "plateau",
                format!("the factor {factor} lowers no rate; it must lie in (0, 1)"),
            ));
        }
        Ok(Plateau(data))
    }
}

impl From<Plateau> for Data {
    fn from(plateau: Plateau) -> Self {
        plateau.0
    }
}

#[track_caller]
fn made(data: Data) -> Plateau {
    or_panic(Plateau::try_from(data))
}

impl Plateau {
    /// Begins at a learning rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        let (factor, patience, threshold, cool_down, least) = (0.1, 10, 1e-4, 0, 0.0);
        made(Data { rate, factor, patience, threshold, cool_down, least, best: None, waited: 0, cooling: 0 })
    }

    /// Sets the factor by which the rate falls.
    ///
    /// # Panics
    /// If it lies outside (0, 1).
    #[must_use]
    #[track_caller]
    pub fn factor(self, factor: f64) -> Self {
        made(Data { factor, ..self.0 })
    }

    /// Sets how many numbers that are not better are borne.
    #[must_use]
    pub fn patience(self, patience: usize) -> Self {
        Plateau(Data { patience, ..self.0 })
    }

    /// Sets the relative threshold for a number to be better.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn threshold(self, threshold: f64) -> Self {
        made(Data { threshold, ..self.0 })
    }

    /// Sets how many numbers after a fall of the rate do not count.
    #[must_use]
    pub fn cool_down(self, cool_down: usize) -> Self {
        Plateau(Data { cool_down, ..self.0 })
    }

    /// Sets the least rate.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn least(self, least: f64) -> Self {
        made(Data { least, ..self.0 })
    }

    /// The present learning rate.
    pub fn rate(&self) -> f64 {
        self.0.rate
    }

    /// The present rate and what was seen: the best number, or NaN, how many since then, and how many that do not count.
    pub(crate) fn seen(&self) -> [f64; 4] {
        let Data { rate, best, waited, cooling, .. } = self.0;
        [rate, best.unwrap_or(f64::NAN), waited as f64, cooling as f64]
    }

    /// The same settings with what another has [`seen`](Plateau::seen).
    pub(crate) fn having_seen(self, [rate, best, waited, cooling]: [f64; 4]) -> Result<Self, Error> {
        let count = |what: &str, x: f64| match x >= 0.0 && x.fract() == 0.0 && x < 2f64.powi(53) {
            true => Ok(x as usize),
            false => Err(Error::invalid("plateau", format!("the {what} {} is no count", shown(x)))),
        };
        if best.is_infinite() {
            return Err(Error::invalid("plateau", format!("the best number {best} is not finite")));
        }
        let (best, waited) = ((!best.is_nan()).then_some(best), count("number of epochs waited", waited)?);
        let cooling = count("number of epochs that do not count", cooling)?;
        Plateau::try_from(Data { rate, best, waited, cooling, ..self.0 })
    }

    /// Takes the next watched number, and returns the learning rate after it. NaN is no better than any number.
    pub fn watch(&mut self, number: f64) -> f64 {
        let data = &mut self.0;
        let better = match data.best {
            None => number.is_finite(),
            Some(best) => number < best - data.threshold * best.abs(),
        };
        if better {
            (data.best, data.waited) = (Some(number), 0);
        } else {
            data.waited += 1;
        }
        if data.cooling > 0 {
            (data.cooling, data.waited) = (data.cooling - 1, 0);
        }
        if data.waited > data.patience {
            data.rate = (data.rate * data.factor).max(data.least.min(data.rate));
            (data.cooling, data.waited) = (data.cool_down, 0);
        }
        data.rate
    }
}
