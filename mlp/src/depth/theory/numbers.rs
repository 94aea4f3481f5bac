//! The numbers of a model that is read: parameters and buffers, and whether they are random.

use std::collections::HashMap;

use autograd::{Float, Parameters};

use super::reader::Source;
use crate::error::shown;
use crate::{Error, Module};

/// A parameter or a buffer.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pub(super) values: Vec<f64>,
    pub(super) shape: Vec<usize>,
}

impl Numbers {
    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    pub(super) fn mean_square(&self) -> f64 {
        self.values.iter().map(|x| x * x).sum::<f64>() / self.values.len() as f64
    }

    pub(super) fn all_are(&self, value: f64) -> bool {
        self.values.iter().all(|&x| x == value)
    }
}

/// Those of a model, by name.
pub(super) fn of<T: Float, M: Module<T> + ?Sized>(model: &M) -> HashMap<String, Numbers> {
    let numbers = |all: &Parameters<T>| {
        let all = all.iter().map(|(name, param)| {
            let value = param.value();
            (name.to_string(), Numbers { values: value.cast::<f64>().to_vec(), shape: value.shape().to_vec() })
        });
        all.collect::<Vec<_>>()
    };
    numbers(&model.parameters()).into_iter().chain(numbers(&model.buffers())).collect()
}

impl Source<'_> {
    /// A struct may give the configuration of a part of it, whose parameters have other names than the configuration says.
    pub(super) fn find(&self, kind: &str, name: &str) -> Result<&Numbers, Error> {
        let missing = || {
            Error::config(
                kind,
                format!("the model has no parameter `{name}`; read the part that has this configuration"),
            )
        };
        self.numbers.get(name).ok_or_else(missing)
    }

    /// Numbers of mean 0, as far as they tell.
    pub(super) fn random(&self, kind: &str, name: &str) -> Result<&Numbers, Error> {
        let numbers = self.find(kind, name)?;
        let (mean, square) = (numbers.mean(), numbers.mean_square());
        let error = ((square - mean * mean).max(0.0) / numbers.values.len() as f64).sqrt();
        if !square.is_finite() {
            return Err(Error::config(
                kind,
                "its parameters are not finite, or their squares are not; initialise them anew",
            ));
        }
        // A single number has no spread to tell.
        match numbers.values.len() < 2 || mean.abs() <= 6.0 * error {
            true => Ok(numbers),
            false => {
                let end = name.rsplit('.').next().unwrap_or(name);
                let why = format!("`{end}` has mean {}; the theory needs numbers drawn with mean 0", shown(mean));
                Err(Error::config(kind, why))
            }
        }
    }
}
