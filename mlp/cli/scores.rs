//! How well predictions fit.

use autograd::Tensor;
use mlp::metrics;
use serde_json::{Map, Value, json};

use crate::output::aligned;

/// The scores by name, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores(Vec<(&'static str, f64)>);

impl Scores {
    /// Of probabilities (rows, classes).
    pub(crate) fn of_classes(probabilities: &Tensor, classes: &[usize]) -> mlp::Result<Self> {
        let accuracy = metrics::accuracy(probabilities, classes)?;
        // A probability that rounds to 0 would be an infinite surprise.
        let surprise = |(row, &class): (usize, &usize)| -probabilities.get([row, class]).max(f64::MIN_POSITIVE).ln();
        let mean = classes.iter().enumerate().map(surprise).sum::<f64>() / classes.len() as f64;
        Ok(Scores(vec![("accuracy", accuracy), ("cross_entropy", mean)]))
    }

    /// Of values of one column, in its units.
    pub(crate) fn of_values(predicted: &[f64], values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let errors = || predicted.iter().zip(values).map(|(y, t)| y - t);
        let squares = errors().map(|e| e * e).sum::<f64>();
        let spread = values.iter().map(|t| (t - mean).powi(2)).sum::<f64>();
        let absolute = errors().map(f64::abs).sum::<f64>() / n;
        let mut scores = vec![("rmse", (squares / n).sqrt()), ("mae", absolute)];
        if spread > 0.0 {
            scores.insert(0, ("r2", 1.0 - squares / spread)); // else there is nothing to explain
        }
        Scores(scores)
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
