//! [`EpochSums`]: the loss, the accuracy and the metrics of an epoch.

use std::borrow::Cow;
use std::ops::AddAssign;

use autograd::{Float, Shape, Tensor, Var};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::metric::Metric;
use crate::error::shown;
use crate::loss::{Loss, weight};
use crate::metrics::{accuracy, binary_accuracy};
use crate::{Dataset, Error, Targets};

/// [`EpochSums`] with the bits of its numbers.
#[derive(Serialize, Deserialize)]
struct Packed {
    sums: [u64; 2],
    right: Option<(usize, u64)>,
    metrics: Vec<(String, [u64; 2])>,
}

/// Sums over the samples of an epoch, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct EpochSums {
    /// The sum of the weights of the samples: their number, unless the loss or the data weights them.
    pub(super) weight: f64,
    pub(super) loss: f64,
    /// The number of samples with a weight above 0, and of those that are predicted correctly; `None` if the outputs do
    /// not predict classes.
    pub(super) right: Option<(usize, f64)>,
    /// For each metric the number of samples with a weight above 0, and the sum of its values times these numbers.
    pub(super) metrics: IndexMap<String, (f64, f64)>,
}

impl EpochSums {
    /// Adds the mean loss of a batch whose weights sum to `sum`.
    pub(super) fn add<T: Float>(
        &mut self,
        sum: f64,
        mean: f64,
        y: Var<'_, T>,
        loss: &dyn Loss<T>,
        metrics: &[Metric<'_>],
        batch: &Dataset<T>,
    ) -> Result<(), Error> {
        self.weight += sum;
        self.loss += mean * sum;
        // Nothing more for a loss that is not finite: the trainer reports that loss itself.
        if !mean.is_finite() {
            return Ok(());
        }
        let shape = y.shape();
        let predicts = shape.len() == 2 && shape[1] > 1;
        let counts = matches!(batch.targets(), Targets::Classes(_)) && (predicts || loss.threshold().is_some());
        let measured = metrics.iter().any(|metric| metric.training);
        if !counts && !measured {
            return Ok(());
        }
        let (y, targets) = counted(y.value(), loss, batch);
        let n = targets.len();
        if counts && let Targets::Classes(classes) = &*targets {
            let share = match loss.threshold() {
                _ if n == 0 => 0.0,
                _ if predicts => accuracy(&y, classes)?,
                Some(threshold) => binary_accuracy(&y, classes, threshold)?,
                None => 0.0,
            };
            self.predicted(n, share * n as f64);
        }
        if measured && n > 0 {
            let (y, targets) = (y.cast(), targets.cast());
            for metric in metrics.iter().filter(|metric| metric.training) {
                self.measured(metric.name.clone(), (n as f64, metric.of(&y, &targets)? * n as f64));
            }
        }
        Ok(())
    }

    fn predicted(&mut self, samples: usize, right: f64) {
        let (all, sum) = self.right.unwrap_or_default();
        self.right = Some((all + samples, sum + right));
    }

    fn measured(&mut self, name: String, (samples, value): (f64, f64)) {
        let (all, sum) = self.metrics.entry(name).or_default();
        *all += samples;
        *sum += value;
    }

    pub(super) fn loss(&self) -> f64 {
        // A sum that is not finite has to stay so.
        if self.weight == 0.0 { self.loss } else { self.loss / self.weight }
    }

    pub(super) fn accuracy(&self) -> Option<f64> {
        self.right.filter(|&(samples, _)| samples > 0).map(|(samples, right)| right / samples as f64)
    }

    /// The means of the metrics.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (String, f64)> {
        self.metrics.iter().map(|(name, (samples, sum))| (name.clone(), sum / samples))
    }

    /// Sums as they pass from rank to rank, to the bit, also those that are not finite.
    pub(super) fn packed(all: &[EpochSums]) -> Vec<u8> {
        let pair = |(a, b): (f64, f64)| [a.to_bits(), b.to_bits()];
        let all = all.iter().map(|sums| Packed {
            sums: pair((sums.weight, sums.loss)),
            right: sums.right.map(|(samples, right)| (samples, right.to_bits())),
            metrics: sums.metrics.iter().map(|(name, found)| (name.clone(), pair(*found))).collect(),
        });
        serde_json::to_vec(&all.collect::<Vec<_>>()).expect("numbers and names")
    }

    /// The inverse of [`packed`](EpochSums::packed).
    pub(super) fn unpacked(bytes: &[u8]) -> Result<Vec<EpochSums>, Error> {
        let damaged = |error| Error::invalid("trainer", format!("the sums of another rank are damaged: {error}"));
        let pair = |[a, b]: [u64; 2]| (f64::from_bits(a), f64::from_bits(b));
        let all: Vec<Packed> = serde_json::from_slice(bytes).map_err(damaged)?;
        let all = all.into_iter().map(|packed| {
            let (weight, loss) = pair(packed.sums);
            let right = packed.right.map(|(samples, right)| (samples, f64::from_bits(right)));
            let metrics = packed.metrics.into_iter().map(|(name, found)| (name, pair(found))).collect();
            EpochSums { weight, loss, right, metrics }
        });
        Ok(all.collect())
    }

    /// The sums as text entries for a checkpoint.
    pub(super) fn words(&self) -> Vec<(String, String)> {
        let mut words = vec![(SUM_WEIGHT.to_string(), shown(self.weight)), (SUM_LOSS.to_string(), shown(self.loss))];
        if let Some((samples, right)) = self.right {
            words.push((SUM_RIGHT.to_string(), format!("{samples} {}", shown(right))));
        }
        let metrics = self.metrics.iter();
        words.extend(
            metrics.map(|(name, (n, sum))| (format!("{SUM_METRIC}{name}"), format!("{} {}", shown(n), shown(sum)))),
        );
        words
    }

    /// The inverse of [`words`](EpochSums::words); the error is the name of an entry that is damaged.
    pub(super) fn read<'w>(words: impl Iterator<Item = (&'w String, &'w String)>) -> Result<Self, &'w String> {
        let number = |word: &str| word.parse().ok().filter(|x: &f64| x.is_finite());
        let pair = |word: &str| {
            let (samples, sum) = word.split_once(' ')?;
            Some((number(samples).filter(|n| *n >= 0.0)?, number(sum)?))
        };
        let mut sums = EpochSums::default();
        let mut metrics: Vec<(&str, (f64, f64))> = Vec::new();
        for (name, word) in words {
            match (name.as_str(), number(word), pair(word)) {
                (SUM_WEIGHT, Some(x), _) => sums.weight = x,
                (SUM_LOSS, Some(x), _) => sums.loss = x,
                (SUM_RIGHT, _, Some((samples, right))) => sums.right = Some((samples as usize, right)),
                (SUM_WEIGHT | SUM_LOSS | SUM_RIGHT, ..) => return Err(name),
                (other, _, found) => match (other.strip_prefix(SUM_METRIC), found) {
                    (Some(metric), Some(found)) => metrics.push((metric, found)),
                    (Some(_), None) => return Err(name),
                    (None, _) => {}
                },
            }
        }
        metrics.sort_unstable_by_key(|row| row.0); // words have no order
        sums.metrics = metrics.into_iter().map(|(name, found)| (name.to_string(), found)).collect();
        Ok(sums)
    }
}

const SUM_WEIGHT: &str = "sum.weight";
const SUM_LOSS: &str = "sum.loss";
const SUM_RIGHT: &str = "sum.right";
const SUM_METRIC: &str = "sum.metric.";

impl AddAssign for EpochSums {
    fn add_assign(&mut self, other: EpochSums) {
        self.weight += other.weight;
        self.loss += other.loss;
        if let Some((samples, right)) = other.right {
            self.predicted(samples, right);
        }
        other.metrics.into_iter().for_each(|(name, found)| self.measured(name, found));
    }
}

/// The outputs and targets of the samples that count: those with a weight above 0.
pub(super) fn counted<'b, T: Float, U: Float>(
    y: Tensor<U>,
    loss: &dyn Loss<T>,
    batch: &'b Dataset<T>,
) -> (Tensor<U>, Cow<'b, Targets<T>>) {
    let kept: Vec<usize> = (0..batch.len()).filter(|&i| weight(loss, batch, i) > 0.0).collect();
    if kept.len() == batch.len() || y.shape().first() != Some(&batch.len()) {
        return (y, Cow::Borrowed(batch.targets()));
    }
    (y.take(0, &kept), Cow::Owned(batch.take(&kept).targets().clone()))
}

/// The outputs for validation data, batch by batch, as `f64`.
#[derive(Default)]
pub(super) struct Collected {
    rows: usize,
    row: Option<Shape>,
    values: Vec<f64>,
}

impl Collected {
    pub(super) fn add<T: Float>(&mut self, y: &Tensor<T>) {
        self.rows += y.shape().first().copied().unwrap_or(0);
        self.row.get_or_insert_with(|| y.shape().iter().skip(1).copied().collect());
        self.values.extend(y.as_slice().iter().map(|x| x.to_f64()));
    }

    /// The outputs as they pass from rank to rank.
    pub(super) fn packed(&self) -> Vec<u8> {
        let numbers = |numbers: &[usize]| numbers.iter().flat_map(|n| (*n as u64).to_le_bytes()).collect::<Vec<u8>>();
        let (axes, row) = self.row.as_ref().map_or((0, &[][..]), |row| (1 + row.len(), &row[..]));
        let values = self.values.iter().flat_map(|x| x.to_le_bytes());
        numbers(&[self.rows, axes]).into_iter().chain(numbers(row)).chain(values).collect()
    }

    /// The inverse of [`packed`](Collected::packed).
    pub(super) fn unpacked(bytes: &[u8]) -> Result<Self, Error> {
        let (words, _) = bytes.as_chunks::<8>();
        let number = |at: usize| words.get(at).map(|word| u64::from_le_bytes(*word) as usize);
        let damaged = || Error::invalid("trainer", "the outputs of another rank are damaged");
        let (rows, axes) = number(0).zip(number(1)).ok_or_else(damaged)?;
        let row = (1..axes).map(|axis| number(1 + axis)).collect::<Option<Vec<usize>>>().ok_or_else(damaged)?;
        let values = words[1 + axes.max(1)..].iter().map(|word| f64::from_le_bytes(*word)).collect();
        Ok(Collected { rows, row: (axes > 0).then(|| row.into_iter().collect()), values })
    }

    /// The outputs of all ranks, in order.
    pub(super) fn joined(all: Vec<Self>) -> Self {
        all.into_iter()
            .reduce(|mut all, next| {
                all.rows += next.rows;
                all.row = all.row.or(next.row);
                all.values.extend(next.values);
                all
            })
            .unwrap_or_default()
    }

    /// All of them as one tensor.
    pub(super) fn tensor(self) -> Tensor {
        let row = self.row.unwrap_or_else(|| Shape::from([]));
        Tensor::new(std::iter::once(self.rows).chain(row.iter().copied()).collect::<Shape>(), self.values)
    }
}
