//! [`History`]: the results of a training, epoch by epoch.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, list};
use crate::io;

/// The results of one epoch; losses are means over the samples.
///
/// Training values accumulate batch by batch while the parameters change. Validation values are computed after the
/// epoch, in evaluation mode. A loop of one's own makes its epochs with [`new`](Epoch::new), and sets what it knows.
///
/// ```
/// let mut epoch = mlp::Epoch::new(1, 0.5);
/// epoch.validation_loss = Some(0.75);
/// epoch.metrics.insert("mae".into(), 0.25);
/// assert_eq!((epoch.get("validation_loss"), epoch.get("mae"), epoch.get("accuracy")), (Some(0.75), Some(0.25), None));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The loss on the training data.
    pub loss: f64,
    /// The share of training samples classified correctly.
    ///
    /// It needs class targets, and either one output per class, or one output for two classes and a loss with a
    /// [threshold](crate::Loss::threshold). Samples of weight 0, such as [ignored](crate::Ignoring) ones, are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The loss on the validation data, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// The share of validation samples classified correctly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// The learning rate at the end of the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The [metrics](crate::Trainer::metric) by name, also those of [callbacks](super::Callback::metrics); those on the
    /// validation data are called `validation_…`.
    #[serde(flatten)]
    pub metrics: IndexMap<String, f64>,
}

/// The names of the values that are no metrics.
pub(super) const VALUES: [&str; 5] = ["loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"];

impl Epoch {
    /// An epoch of which only the training loss is known.
    pub fn new(epoch: usize, loss: f64) -> Self {
        let metrics = IndexMap::new();
        let (accuracy, validation_loss, validation_accuracy, learning_rate) = (None, None, None, None);
        Epoch { epoch, loss, accuracy, validation_loss, validation_accuracy, learning_rate, metrics }
    }

    /// The value of this name: `loss`, `accuracy`, `validation_loss`, `validation_accuracy`, `learning_rate`, or a
    /// metric's; `None` if the epoch has none.
    pub fn get(&self, name: &str) -> Option<f64> {
        match VALUES.iter().position(|value| *value == name) {
            Some(at) => self.own()[at],
            None => self.metrics.get(name).copied(),
        }
    }

    /// All values by name, in a fixed order.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        let own = VALUES.into_iter().zip(self.own()).filter_map(|(name, value)| Some((name, value?)));
        own.chain(self.metrics.iter().map(|(name, value)| (name.as_str(), *value)))
    }

    fn own(&self) -> [Option<f64>; 5] {
        [Some(self.loss), self.accuracy, self.validation_loss, self.validation_accuracy, self.learning_rate]
    }

    /// The value of this name, or an error of `what` that lists the others.
    pub(super) fn expect(&self, what: &'static str, name: &str) -> Result<f64> {
        self.get(name).ok_or_else(|| {
            let names: Vec<String> = self.values().map(|(name, _)| name.to_string()).collect();
            let (epoch, names) = (self.epoch, list(&names));
            let repair = "give the trainer validation data or a metric of this name, or name another";
            Error::invalid(what, format!("epoch {epoch} has no `{name}`; it has {names}: {repair}"))
        })
    }
}

/// The reason why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stopped {
    /// All epochs are done.
    Epochs,
    /// The loss is within the tolerance.
    Tolerance,
    /// The observer, or a callback of one's own, stopped the training.
    Observer,
    /// The watched value did not improve for as many epochs as [`EarlyStopping`](super::EarlyStopping) waits.
    NoImprovement,
    /// An [`Interrupt`](super::Interrupt) ended it after a step.
    Interrupted,
}

/// The results of [`Trainer::fit`](crate::Trainer::fit), epoch by epoch.
///
/// ```
/// use autograd::{Param, Tensor};
/// use mlp::{Dataset, Linear, Module, Mse, Sgd, Stopped, Trainer};
/// let model = Linear { w: Param::new([[2.0]]), b: None };
/// let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
/// let mut descent = Sgd::new(&model.parameters(), 0.25); // the loss is w², and a step halves w
/// let history = Trainer::new().epochs(3).fit(&model, &Mse, &mut descent, &data, None)?;
/// assert_eq!(history.series("loss"), [(1, 4.0), (2, 1.0), (3, 0.25)]);
/// assert_eq!(history.stopped, Stopped::Epochs);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// The epochs, in order; at least one.
    pub epochs: Vec<Epoch>,
    /// The reason why the training ended.
    pub stopped: Stopped,
    /// The number of steps of the last epoch, if the training stopped within it; its training values are then those of
    /// these steps, and it has no validation values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<usize>,
    /// The number of [parts](crate::Trainer::parts) of each batch.
    pub parts: usize,
}

impl History {
    /// The last epoch.
    pub fn last(&self) -> &Epoch {
        self.epochs.last().expect("fit records at least one epoch")
    }

    /// The numbers of the epochs with the value of this name, such as `validation_loss`; epochs without it are left out.
    pub fn series(&self, name: &str) -> Vec<(usize, f64)> {
        self.epochs.iter().filter_map(|epoch| Some((epoch.epoch, epoch.get(name)?))).collect()
    }

    /// Writes the epochs as a table of comma-separated values, and replaces the file; a value that an epoch does not have
    /// is an empty cell.
    ///
    /// ```
    /// # use autograd::{Param, Tensor};
    /// # use mlp::{Dataset, Linear, Module, Mse, Sgd, Trainer, train::load_csv};
    /// # let model = Linear { w: Param::new([[2.0]]), b: None };
    /// # let data = Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]]))?;
    /// # let mut sgd = Sgd::new(&model.parameters(), 0.25);
    /// let history = Trainer::new().epochs(2).fit(&model, &Mse, &mut sgd, &data, None)?;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("history.csv");
    /// history.save_csv(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path).unwrap(), "epoch,loss,learning_rate\n1,4.0,0.25\n2,1.0,0.25\n");
    /// assert_eq!(load_csv(&path)?, history.epochs);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`io::save`](crate::io::save).
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let names: IndexSet<&str> = self.epochs.iter().flat_map(Epoch::values).map(|(name, _)| name).collect();
        let mut text = names.iter().fold("epoch".to_string(), |head, name| head + "," + name);
        for epoch in &self.epochs {
            write!(text, "\n{}", epoch.epoch).expect("writing to a string");
            for value in names.iter().map(|name| epoch.get(name)) {
                // The shortest text that parses back to the same number.
                let cell = value.map_or(String::new(), |value| format!("{value:?}"));
                write!(text, ",{cell}").expect("writing to a string");
            }
        }
        text.push('\n');
        io::write_text(path.as_ref(), &text)
    }
}

/// Reads the epochs of a file of [`History::save_csv`].
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Csv`] if a line is not one of an epoch.
pub fn load_csv(path: impl AsRef<Path>) -> Result<Vec<Epoch>> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    let refused = |line: usize, problem: String| Error::Csv {
        file: path.display().to_string(),
        line: line as u64 + 1,
        problem: format!("{problem}; History::save_csv writes such files"),
    };
    let mut lines = text.lines().enumerate();
    let head: Vec<&str> = lines.next().map_or(vec![], |(_, head)| head.split(',').collect());
    if head.first() != Some(&"epoch") || !head.contains(&"loss") {
        return Err(refused(0, "the header does not begin with `epoch` and hold `loss`".to_string()));
    }
    lines
        .map(|(at, line)| {
            let cells: Vec<&str> = line.split(',').collect();
            if cells.len() != head.len() {
                return Err(refused(at, format!("found {} cells, the header has {}", cells.len(), head.len())));
            }
            let wrong = |cell: &str, name: &str| refused(at, format!("`{cell}` is no value of `{name}`"));
            let number = cells[0].parse().map_err(|_| wrong(cells[0], "epoch"))?;
            let mut epoch = Epoch::new(number, f64::NAN);
            for (&name, &cell) in head.iter().zip(&cells).skip(1).filter(|(_, cell)| !cell.is_empty()) {
                let value = cell.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| wrong(cell, name))?;
                match name {
                    "loss" => epoch.loss = value,
                    "accuracy" => epoch.accuracy = Some(value),
                    "validation_loss" => epoch.validation_loss = Some(value),
                    "validation_accuracy" => epoch.validation_accuracy = Some(value),
                    "learning_rate" => epoch.learning_rate = Some(value),
                    metric => drop(epoch.metrics.insert(metric.to_string(), value)),
                }
            }
            if epoch.loss.is_nan() { Err(wrong("", "loss")) } else { Ok(epoch) }
        })
        .collect()
}
