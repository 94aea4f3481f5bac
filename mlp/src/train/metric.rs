//! Metrics by name, which a trainer computes in each epoch.

use autograd::Tensor;

use super::Trainer;
use super::history::VALUES;
use crate::error::{Error, Result};
use crate::{Targets, error::shown};

type Measure<'a> = dyn Fn(&Tensor, &Targets) -> Result<f64> + Send + Sync + 'a;

/// A function of outputs and targets, with its name.
pub(super) struct Metric<'a> {
    pub(super) name: String,
    f: Box<Measure<'a>>,
    /// Whether it is computed on training data too.
    pub(super) training: bool,
}

impl Metric<'_> {
    /// The value, which must be finite.
    pub(super) fn of(&self, y: &Tensor, targets: &Targets) -> Result<f64> {
        let refused = |why: String| {
            let repair = "a metric that some batches do not have is for Trainer::validation_metric";
            Err(Error::invalid("trainer", format!("the metric `{}` {why}; {repair}", self.name)))
        };
        match (self.f)(y, targets) {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(value) => refused(format!("is {} for {} samples", shown(value), targets.len())),
            Err(error) => refused(format!("fails for {} samples: {error}", targets.len())),
        }
    }
}

impl<'a> Trainer<'a> {
    /// Computes a metric in each epoch, on training and validation data; see [`Epoch::metrics`](crate::Epoch).
    ///
    /// `f` takes outputs and targets, as `f64` whatever number type the model uses; samples of weight 0 are left out. On
    /// training data the value is the mean over the batches while the parameters change, each batch counting by its number
    /// of samples. On validation data it is computed once from all outputs, which is exact also for a metric that is no
    /// mean over samples; they have to fit in memory.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::{Dataset, Error, Linear, Module, Mse, Sgd, Targets, Trainer};
    /// fn largest_error(y: &Tensor, targets: &Targets) -> Result<f64, Error> {
    ///     let Targets::Values(values) = targets else { panic!("it needs values") };
    ///     Ok((y - values).abs().max())
    /// }
    /// let data = Dataset::new(Tensor::from([[1.0], [2.0]]), Tensor::from([[1.0], [5.0]]))?;
    /// let model = Linear { w: autograd::Param::new([[1.0]]), b: None };
    /// let mut sgd = Sgd::new(&model.parameters(), 0.0);
    /// let trainer = Trainer::new().epochs(1).full_batch().metric("largest_error", largest_error);
    /// let history = trainer.fit(&model, &Mse, &mut sgd, &data, Some(&data))?;
    /// assert_eq!(history.last().get("largest_error"), Some(3.0));
    /// assert_eq!(history.last().get("validation_largest_error"), Some(3.0));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the name is taken, is that of another value of an [`Epoch`](crate::Epoch), begins with `validation_`, or holds a
    /// comma, a quote or a line break, which tables do not.
    #[must_use]
    #[track_caller]
    pub fn metric(
        self,
        name: impl Into<String>,
        f: impl Fn(&Tensor, &Targets) -> Result<f64> + Send + Sync + 'a,
    ) -> Self {
        self.with_metric(Metric { name: name.into(), f: Box::new(f), training: true })
    }

    /// Computes a metric on validation data only: one that is costly, or that a single batch does not have.
    ///
    /// # Panics
    /// As [`metric`](Trainer::metric).
    #[must_use]
    #[track_caller]
    pub fn validation_metric(
        self,
        name: impl Into<String>,
        f: impl Fn(&Tensor, &Targets) -> Result<f64> + Send + Sync + 'a,
    ) -> Self {
        self.with_metric(Metric { name: name.into(), f: Box::new(f), training: false })
    }

    #[track_caller]
    fn with_metric(mut self, metric: Metric<'a>) -> Self {
        if let Some(why) = fault(&metric.name, self.metrics.iter().any(|m| m.name == metric.name)) {
            panic!("trainer: {why}");
        }
        self.metrics.push(metric);
        self
    }
}

/// Why a metric cannot have this name, given whether another metric has it.
pub(super) fn fault(name: &str, taken: bool) -> Option<String> {
    if taken || VALUES.contains(&name) || name == "epoch" {
        return Some(format!("the name `{name}` of a metric is taken; choose another"));
    }
    let plain = !name.is_empty() && !name.contains([',', '"', '\n', '\r']) && !name.starts_with("validation_");
    (!plain).then(|| {
        format!(
            "the name {name:?} of a metric is empty, begins with `validation_`, or holds a comma, a quote or a line \
             break; choose another"
        )
    })
}
