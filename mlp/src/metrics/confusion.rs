//! [`Confusion`]: which classes are predicted for which, and the measures of that.

use std::fmt;

use autograd::{Float, Tensor};

use super::report::{self, Row};
use super::{binary_fits, check_threshold, rows_fit, weights_of};
use crate::Error;

/// The counts of predictions for each true class, and what follows from them.
///
/// Printed, it is a table: a row for each true class, a column for each prediction, a dot for none. [`report`](Confusion::report) is a
/// table of the measures.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::{Average, Confusion};
/// let logits = Tensor::from([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [3.0, 1.0]]);
/// let confusion = Confusion::new(&logits, &[0, 1, 1, 0])?;
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!(confusion.precision(Average::Class(0)), 2.0 / 3.0);
/// assert_eq!(confusion.recall(Average::Class(1)), 0.5);
/// assert_eq!(confusion.to_string(), "\
/// true  0  1
/// 0     2  ·
/// 1     1  1
/// ");
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// The sum of weights, row by row: `counts[truth][predicted]`.
    counts: Vec<Vec<f64>>,
}

/// How the measures of the classes become one.
///
/// ```
/// use mlp::metrics::{Average, Confusion};
/// let confusion = Confusion::of_classes(&[0, 0, 1, 1], &[0, 0, 0, 1], 3)?;
/// assert_eq!(confusion.recall(Average::Class(0)), 2.0 / 3.0);
/// assert_eq!(confusion.recall(Average::Macro), (2.0 / 3.0 + 1.0) / 2.0); // nothing is of class 2
/// assert_eq!(confusion.recall(Average::Micro), 0.75);
/// assert_eq!(confusion.recall(Average::Weighted), (3.0 * 2.0 / 3.0 + 1.0) / 4.0);
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Average {
    /// The mean over the classes that occur, as truth or as prediction: each counts alike.
    Macro,
    /// From the counts of all classes together: each sample counts alike. With one class for each sample, precision,
    /// recall and F1 are then the accuracy.
    Micro,
    /// The mean over the classes, weighted by their [support](ClassScores::support).
    Weighted,
    /// No mean, but the measure of this class.
    Class(usize),
}

/// The measures of one class; see [`Confusion::class`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClassScores {
    /// The share of those predicted that are of the class; 0 if none is predicted.
    pub precision: f64,
    /// The share of those of the class that are predicted; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of both: `2·right / (predicted + support)`.
    pub f1: f64,
    /// The number of samples of the class, or the sum of their weights.
    pub support: f64,
}

const WHAT: &str = "confusion";

impl Confusion {
    /// Counts the largest output of each row against the class: outputs (samples, classes), logits or probabilities.
    ///
    /// # Errors
    /// If the outputs are not (samples, classes) with two classes at least, or one is NaN, if there is not exactly one
    /// existing class per row, or if there are no rows.
    pub fn new<T: Float>(outputs: &Tensor<T>, classes: &[usize]) -> Result<Self, Error> {
        Self::count(outputs, classes, None)
    }

    /// [`new`](Confusion::new) where each sample counts by its weight.
    ///
    /// ```
    /// use mlp::metrics::Confusion;
    /// let logits = autograd::Tensor::from([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]);
    /// let confusion = Confusion::weighted(&logits, &[0, 1, 1], &[1.0, 1.0, 0.5])?;
    /// assert_eq!(confusion.accuracy(), 0.8);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Confusion::new), and if there is not one weight for each sample, one is negative or not finite, or all
    /// are 0.
    pub fn weighted<T: Float>(outputs: &Tensor<T>, classes: &[usize], weights: &[f64]) -> Result<Self, Error> {
        Self::count(outputs, classes, Some(weights))
    }

    /// One output for each sample of class 0 or 1: class 1 is predicted above the threshold, which is 0 for logits and ½
    /// for probabilities.
    ///
    /// ```
    /// use mlp::metrics::{Average, Confusion};
    /// let logits = autograd::Tensor::from([2.0, -3.0, 0.5]);
    /// let confusion = Confusion::binary(&logits, &[1, 0, 0], 0.0)?;
    /// assert_eq!(confusion.f1(Average::Class(1)), 2.0 / 3.0);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is not exactly one output for each class, an output or the threshold is NaN, a class is neither 0 nor 1,
    /// or there are no samples.
    pub fn binary<T: Float>(outputs: &Tensor<T>, classes: &[usize], threshold: f64) -> Result<Self, Error> {
        Self::count_binary(outputs, classes, threshold, None)
    }

    /// [`binary`](Confusion::binary) where each sample counts by its weight.
    ///
    /// # Errors
    /// As [`binary`](Confusion::binary) and [`weighted`](Confusion::weighted).
    pub fn binary_weighted<T: Float>(
        outputs: &Tensor<T>,
        classes: &[usize],
        threshold: f64,
        weights: &[f64],
    ) -> Result<Self, Error> {
        Self::count_binary(outputs, classes, threshold, Some(weights))
    }

    /// Predicted classes against true ones, of `count` classes.
    ///
    /// # Errors
    /// If there are not as many predictions as classes, there are none, or one does not exist.
    pub fn of_classes(predicted: &[usize], classes: &[usize], count: usize) -> Result<Self, Error> {
        if predicted.len() != classes.len() {
            let (n, m) = (predicted.len(), classes.len());
            return Err(Error::invalid(WHAT, format!("{n} predictions for {m} classes; each needs one")));
        }
        let strange = |all: &[usize]| all.iter().position(|&class| class >= count).map(|sample| (sample, all[sample]));
        match strange(classes).or_else(|| strange(predicted)) {
            Some((sample, label)) => Err(Error::Label { sample, label, classes: count }),
            None => Ok(Self::sum(predicted, classes, count, &weights_of(WHAT, classes.len(), None)?)),
        }
    }

    pub(super) fn count<T: Float>(
        outputs: &Tensor<T>,
        classes: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let width = rows_fit(WHAT, outputs, classes)?;
        let weights = weights_of(WHAT, classes.len(), weights)?;
        if width == 1 {
            let why = "outputs of one column predict nothing but class 0; for two classes take Confusion::binary";
            return Err(Error::invalid(WHAT, why));
        }
        Ok(Self::sum(&outputs.argmax(1), classes, width, &weights))
    }

    pub(super) fn count_binary<T: Float>(
        outputs: &Tensor<T>,
        classes: &[usize],
        threshold: f64,
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        binary_fits(WHAT, outputs, classes)?;
        check_threshold(WHAT, threshold)?;
        let predicted: Vec<usize> = outputs.as_slice().iter().map(|y| usize::from(y.to_f64() > threshold)).collect();
        Ok(Self::sum(&predicted, classes, 2, &weights_of(WHAT, classes.len(), weights)?))
    }

    fn sum(predicted: &[usize], classes: &[usize], count: usize, weights: &[f64]) -> Self {
        let mut counts = vec![vec![0.0; count]; count];
        for ((&predicted, &class), weight) in predicted.iter().zip(classes).zip(weights) {
            counts[class][predicted] += weight;
        }
        Confusion { counts }
    }

    /// The counts, or sums of weights: a row for each true class, a column for each prediction.
    pub fn counts(&self) -> &[Vec<f64>] {
        &self.counts
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    fn right(&self, class: usize) -> f64 {
        self.counts[class][class]
    }

    fn support(&self, class: usize) -> f64 {
        self.counts[class].iter().sum()
    }

    fn predicted(&self, class: usize) -> f64 {
        self.counts.iter().map(|row| row[class]).sum()
    }

    fn total(&self) -> f64 {
        self.counts.iter().flatten().sum()
    }

    /// The share of samples that are predicted right.
    pub fn accuracy(&self) -> f64 {
        (0..self.classes()).map(|class| self.right(class)).sum::<f64>() / self.total()
    }

    /// The mean recall of the classes that have samples: the accuracy if each class had as many.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = (0..self.classes())
            .filter(|&class| self.support(class) > 0.0)
            .map(|class| self.right(class) / self.support(class))
            .collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// The share of those predicted that are of the class: `right / predicted`.
    ///
    /// # Panics
    /// If the class does not exist.
    #[track_caller]
    pub fn precision(&self, average: Average) -> f64 {
        self.average(average, |class| (self.right(class), self.predicted(class)))
    }

    /// The share of those of the class that are predicted: `right / support`.
    ///
    /// # Panics
    /// If the class does not exist.
    #[track_caller]
    pub fn recall(&self, average: Average) -> f64 {
        self.average(average, |class| (self.right(class), self.support(class)))
    }

    /// The harmonic mean of precision and recall: `2·right / (predicted + support)`.
    ///
    /// A macro average is the mean of the F1 of the classes.
    ///
    /// # Panics
    /// If the class does not exist.
    #[track_caller]
    pub fn f1(&self, average: Average) -> f64 {
        self.average(average, |class| (2.0 * self.right(class), self.predicted(class) + self.support(class)))
    }

    /// The measures of one class.
    ///
    /// ```
    /// use mlp::metrics::Confusion;
    /// let scores = Confusion::of_classes(&[0, 1, 1], &[0, 0, 1], 2)?.class(1);
    /// assert_eq!((scores.precision, scores.recall, scores.f1, scores.support), (0.5, 1.0, 2.0 / 3.0, 1.0));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the class does not exist.
    #[track_caller]
    pub fn class(&self, class: usize) -> ClassScores {
        let class_of = Average::Class(class);
        ClassScores {
            precision: self.precision(class_of),
            recall: self.recall(class_of),
            f1: self.f1(class_of),
            support: self.support(class),
        }
    }

    /// A measure that is, for each class, the part of one sum in another; 0 of 0 is 0.
    #[track_caller]
    fn average(&self, average: Average, parts: impl Fn(usize) -> (f64, f64)) -> f64 {
        let ratio = |(part, whole): (f64, f64)| if whole == 0.0 { 0.0 } else { part / whole };
        let all = 0..self.classes();
        match average {
            Average::Class(class) => {
                let count = self.classes();
                assert!(
                    class < count,
                    "confusion: there is no class {class}, but 0 to {}; ask for one of these",
                    count.saturating_sub(1)
                );
                ratio(parts(class))
            }
            Average::Micro => {
                let add = |sum: (f64, f64), (part, whole): (f64, f64)| (sum.0 + part, sum.1 + whole);
                ratio(all.map(parts).fold((0.0, 0.0), add))
            }
            Average::Macro => {
                let occurring: Vec<usize> =
                    all.filter(|&class| self.support(class) + self.predicted(class) > 0.0).collect();
                occurring.iter().map(|&class| ratio(parts(class))).sum::<f64>() / occurring.len() as f64
            }
            Average::Weighted => all.map(|class| self.support(class) * ratio(parts(class))).sum::<f64>() / self.total(),
        }
    }

    /// A table of the measures of each class, and in the whole. The names are those of the classes, in order.
    ///
    /// ```
    /// use mlp::metrics::Confusion;
    /// let confusion = Confusion::of_classes(&[0, 1, 1, 1], &[0, 0, 1, 1], 2)?;
    /// assert_eq!(confusion.report(&["thin", "stout"])?, "\
    /// class          precision  recall     F1  support
    /// thin               1.000   0.500  0.667        2
    /// stout              0.667   1.000  0.800        2
    /// macro mean         0.833   0.750  0.733        4
    /// weighted mean      0.833   0.750  0.733        4
    /// accuracy                          0.750        4
    /// ");
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is not one name for each class.
    pub fn report(&self, names: &[impl AsRef<str>]) -> Result<String, Error> {
        if names.len() != self.classes() {
            let (n, count) = (names.len(), self.classes());
            return Err(Error::invalid("report", format!("{n} names for {count} classes; each needs one, in order")));
        }
        let row = |name: &str, average: Average, support: f64| Row {
            name: name.to_string(),
            cells: [self.precision(average), self.recall(average), self.f1(average)]
                .map(report::share)
                .into_iter()
                .chain([report::count(support)])
                .collect(),
        };
        let mut rows: Vec<Row> = (0..names.len())
            .map(|class| row(names[class].as_ref(), Average::Class(class), self.support(class)))
            .collect();
        rows.push(row("macro mean", Average::Macro, self.total()));
        rows.push(row("weighted mean", Average::Weighted, self.total()));
        let [accuracy, total] = [report::share(self.accuracy()), report::count(self.total())];
        rows.push(Row { name: "accuracy".into(), cells: vec![String::new(), String::new(), accuracy, total] });
        Ok(report::table("class", &["precision", "recall", "F1", "support"], &rows))
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..self.classes()).map(|class| class.to_string()).collect();
        let cell = |&sum: &f64| if sum == 0.0 { "·".into() } else { report::count(sum) };
        let cells = |row: &Vec<f64>| row.iter().map(cell).collect();
        let rows: Vec<Row> =
            names.iter().zip(&self.counts).map(|(name, row)| Row { name: name.clone(), cells: cells(row) }).collect();
        f.write_str(&report::table("true", &names, &rows))
    }
}
