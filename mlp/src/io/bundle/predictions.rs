//! [`Predictions`]: the answers of a [`Bundle`].

use autograd::{Float, Tensor};

use super::Bundle;
use crate::error::{Error, Result, shown};
use crate::nn::activation::Activation;
use crate::nn::module::Module;

/// What a [`Bundle`] predicts for the rows of a table: classes by name with probabilities, or numbers in their units.
///
/// [`Bundle::predict`] has examples of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions<T: Float = f64> {
    rows: Vec<usize>,
    names: Vec<String>,
    what: What<T>,
}

#[derive(Debug, Clone, PartialEq)]
enum What<T: Float> {
    /// (rows, columns), in the units of the columns.
    Values(Tensor<T>),
    /// The places of the classes, and the probabilities (rows, classes).
    Classes(Vec<usize>, Tensor<T>),
}

impl<T: Float> Predictions<T> {
    #[track_caller]
    pub(super) fn new(bundle: &Bundle<T>, rows: Vec<usize>, outputs: Tensor<T>) -> Result<Self> {
        let (schema, target) = (bundle.schema(), bundle.target());
        let (names, what) = match schema.classes(&target) {
            Ok(classes) => {
                let probabilities = probabilities(bundle.model(), outputs);
                (classes.to_vec(), What::Classes(probabilities.argmax(1), probabilities))
            }
            Err(_) => {
                let columns = schema.target_columns(&target)?.into_iter().map(String::from).collect();
                (columns, What::Values(schema.inverse(&target, &outputs)?))
            }
        };
        let (What::Values(numbers) | What::Classes(_, numbers)) = &what;
        if let Some(i) = numbers.as_slice().iter().position(|x| !x.is_finite()) {
            let (row, found) = (rows[i / names.len()], shown(numbers.as_slice()[i]));
            let why = format!(
                "the model answers row {row} with {found}; its inputs lie far beyond those that it learnt from, correct or drop them"
            );
            return Err(Error::invalid("bundle", why));
        }
        Ok(Predictions { rows, names, what })
    }

    /// The row of each prediction in the table, from 0; rows that the schema drops are left out.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The names of the classes, or of the target's columns, in the order of [`probabilities`](Predictions::probabilities)
    /// or of [`values`](Predictions::values).
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The most probable class of each row, the first of several; `None` if numbers are predicted.
    pub fn classes(&self) -> Option<Vec<&str>> {
        let classes = self.class_places()?;
        Some(classes.iter().map(|&class| self.names[class].as_str()).collect())
    }

    /// The place of each of the [`classes`](Predictions::classes) among the [`names`](Predictions::names), as the metrics take them.
    pub fn class_places(&self) -> Option<&[usize]> {
        match &self.what {
            What::Classes(classes, _) => Some(classes),
            What::Values(_) => None,
        }
    }

    /// The probabilities of all classes, (rows, classes); `None` if numbers are predicted.
    pub fn probabilities(&self) -> Option<&Tensor<T>> {
        match &self.what {
            What::Classes(_, probabilities) => Some(probabilities),
            What::Values(_) => None,
        }
    }

    /// The predicted numbers in the units of the table, (rows, columns); `None` if classes are predicted.
    pub fn values(&self) -> Option<&Tensor<T>> {
        match &self.what {
            What::Values(values) => Some(values),
            What::Classes(..) => None,
        }
    }
}

/// How outputs become probabilities of all classes: they are logits, unless the model ends in probabilities.
pub(in crate::io) struct ToProbabilities {
    /// What is applied to the outputs; nothing to probabilities.
    pub(in crate::io) function: Option<Activation>,
    /// Whether there is one output: the probability p of the second class, beside 1 − p of the first.
    pub(in crate::io) of_second: bool,
}

impl ToProbabilities {
    /// For a model that ends in this activation and gives as many outputs.
    pub(in crate::io) fn of(ends: Option<Activation>, outputs: usize) -> Self {
        let of_second = outputs < 2;
        let function = if of_second { Activation::Sigmoid } else { Activation::Softmax };
        ToProbabilities { function: Some(function).filter(|function| ends != Some(*function)), of_second }
    }
}

/// The probabilities of all classes.
fn probabilities<T: Float>(model: &dyn Module<T>, outputs: Tensor<T>) -> Tensor<T> {
    let ToProbabilities { function, of_second } = ToProbabilities::of(model.output_activation(), outputs.shape()[1]);
    let p = match function {
        Some(function) => Module::predict(&function, &outputs),
        None => outputs,
    };
    if !of_second {
        return p;
    }
    let pairs = p.as_slice().iter().flat_map(|&p| [T::from_f64(1.0) - p, p]).collect();
    Tensor::new([p.shape()[0], 2], pairs)
}
