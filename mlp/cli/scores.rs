//! How well predictions fit.

use autograd::Tensor;
use mlp::metrics::{self, Probabilities, Regression};
use serde_json::{Map, Value, json};

use crate::output::aligned;

/// The scores by name, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores(Vec<(&'static str, f64)>);

impl Scores {
    /// Of probabilities (rows, classes).
    pub(crate) fn of_classes(probabilities: &Tensor, classes: &[usize]) -> mlp::Result<Self> {
        let accuracy = metrics::accuracy(probabilities, classes)?;
        let cross_entropy = Probabilities::new(probabilities, classes)?.log_loss();
        Ok(Scores(vec![("accuracy", accuracy), ("cross_entropy", cross_entropy)]))
    }

    /// Of values of one column, in its units.
    pub(crate) fn of_values(predicted: &[f64], values: &[f64]) -> mlp::Result<Self> {
        let found = Regression::new(&predicted.to_vec().into(), &Tensor::from(values.to_vec()))?;
        let explained = found.r2().ok().map(|r2| ("r2", r2)); // where the values are all alike there is nothing to explain
        Ok(Scores(explained.into_iter().chain([("rmse", found.rmse()), ("mae", found.mae())]).collect()))
    }

    pub(crate) fn json(&self) -> Value {
        Value::Object(self.0.iter().map(|&(name, x)| (name.to_string(), json!(x))).collect::<Map<_, _>>())
    }

    /// `accuracy 0.9733, cross-entropy 0.1021`
    pub(crate) fn line(&self) -> String {
        self.0.iter().map(|&(name, x)| format!("{} {}", title(name), shown(x))).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn table(&self) -> String {
        aligned(&self.0.iter().map(|&(name, x)| vec![title(name).to_string(), shown(x)]).collect::<Vec<_>>())
    }
}

fn title(name: &str) -> &str {
    match name {
        "cross_entropy" => "cross-entropy",
        "r2" => "R²",
        "rmse" => "root mean squared error",
        "mae" => "mean absolute error",
        name => name,
    }
}

/// Four digits behind the point, or four digits in all.
pub(crate) fn shown(x: f64) -> String {
    match x.abs() {
        0.0 | 0.001..1000.0 => format!("{x:.4}"),
        1000.0..1e7 => format!("{x:.1}"),
        _ => format!("{x:.3e}"),
    }
}
