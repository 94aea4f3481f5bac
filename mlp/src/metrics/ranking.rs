//! [`Ranking`]: measures of the order into which scores put the samples.

use autograd::{Float, Tensor};

use super::{binary_fits, mean, rows_fit, weights_of};
use crate::Error;
use crate::error::brief;

/// Scores of samples, the higher the likelier of a class.
///
/// Only their order counts. Equal scores are one place of the order: whichever of them came first would be chance.
///
/// ```
/// use autograd::Tensor;
/// use mlp::metrics::Ranking;
/// let ranking = Ranking::new(&Tensor::from([0.9, 0.4, 0.4, 0.1]), &[1, 1, 0, 0])?;
/// assert_eq!(ranking.roc_auc()?, 0.875); // three pairs of four are in order, and one is a tie
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ranking {
    /// The scores of class 1, or those of each class.
    columns: Vec<Vec<f64>>,
    classes: Vec<usize>,
    weights: Vec<f64>,
}

const WHAT: &str = "ranking";

/// How far from 1 the sum of a row of probabilities may be.
pub(super) const SUM: f64 = 1e-3;

impl Ranking {
    /// One output for each sample of class 0 or 1, or one for each class: logits or probabilities of shape (samples),
    /// (samples, 1) or (samples, classes).
    ///
    /// Of two columns only the difference counts, as under a softmax.
    ///
    /// # Errors
    /// If the outputs have another shape or one is NaN, if there is not exactly one existing class for each sample, or
    /// if there are no samples.
    pub fn new<T: Float>(outputs: &Tensor<T>, classes: &[usize]) -> Result<Self, Error> {
        Self::build(outputs, classes, None)
    }

    /// [`new`](Ranking::new) where each sample counts by its weight.
    ///
    /// # Errors
    /// As [`new`](Ranking::new), and if there is not one weight for each sample, one is negative or not finite, or all
    /// are 0.
    pub fn weighted<T: Float>(outputs: &Tensor<T>, classes: &[usize], weights: &[f64]) -> Result<Self, Error> {
        Self::build(outputs, classes, Some(weights))
    }

    pub(super) fn build<T: Float>(
        outputs: &Tensor<T>,
        classes: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Self, Error> {
        let width = if outputs.shape().len() == 1 || outputs.shape().get(1) == Some(&1) {
            binary_fits(WHAT, outputs, classes)?;
            1
        } else {
            rows_fit(WHAT, outputs, classes)?
        };
        let weights = weights_of(WHAT, classes.len(), weights)?;
        let column = |j: usize| outputs.as_slice().iter().skip(j).step_by(width).map(|y| y.to_f64()).collect();
        Ok(Ranking { columns: (0..width).map(column).collect(), classes: classes.to_vec(), weights })
    }

    /// The share of samples whose class is among the `k` with the highest scores.
    ///
    /// Of classes with equal scores the last are taken first, as scikit-learn does.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Ranking;
    /// let logits = Tensor::from([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]);
    /// assert_eq!(Ranking::new(&logits, &[1, 0])?.top_k(2)?, 0.5);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `k` is 0, or there is one output for each sample instead of one for each class.
    pub fn top_k(&self, k: usize) -> Result<f64, Error> {
        if k == 0 {
            return Err(Error::invalid("top_k", "the 0 highest scores hold no class; take 1 at least"));
        }
        if self.columns.len() == 1 {
            return Err(Error::invalid("top_k", "it takes a score for each class, but there is one for each sample"));
        }
        let before = |i: usize, own: usize| {
            let ahead = |j: usize| {
                let (other, score) = (self.columns[j][i], self.columns[own][i]);
                other > score || (other == score && j > own)
            };
            (0..self.columns.len()).filter(|&j| ahead(j)).count()
        };
        let hits = self.classes.iter().enumerate().map(|(i, &class)| f64::from(before(i, class) < k));
        Ok(mean(hits, &self.weights))
    }

    /// The area under the ROC curve: the probability that a sample of class 1 scores higher than one of class 0, where a
    /// tie is half a win.
    ///
    /// For more classes, it is the mean over the classes of each against the rest, from probabilities.
    ///
    /// # Errors
    /// If a class has no samples (or none with a weight), so that there is nothing to be told apart, or if scores of
    /// more than two classes do not sum to 1: logits of different samples cannot be compared before a softmax.
    pub fn roc_auc(&self) -> Result<f64, Error> {
        self.mean_of("roc_auc", |places| {
            let (mut area, mut above) = (0.0, 0.0);
            for &[ones, zeros] in places {
                area += zeros * (above + ones / 2.0);
                above += ones;
            }
            area / (above * places.iter().map(|place| place[1]).sum::<f64>())
        })
    }

    /// The average precision: `Σ (Rₙ − Rₙ₋₁)·Pₙ`, where the precision `P` and the recall `R` are those of all samples
    /// that score at least the `n`th different score.
    ///
    /// For more classes, it is the mean over the classes of each against the rest, from probabilities.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Ranking;
    /// let ranking = Ranking::new(&Tensor::from([0.1, 0.4, 0.35, 0.8]), &[0, 0, 1, 1])?;
    /// assert!((ranking.average_precision()? - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`roc_auc`](Ranking::roc_auc).
    pub fn average_precision(&self) -> Result<f64, Error> {
        self.mean_of("average_precision", |places| {
            let all: f64 = places.iter().map(|place| place[0]).sum();
            let (mut sum, mut above, mut right) = (0.0, 0.0, 0.0);
            for &[ones, zeros] in places {
                above += ones + zeros;
                right += ones;
                sum += if above == 0.0 { 0.0 } else { ones / all * (right / above) };
            }
            sum
        })
    }

    /// One class against the rest.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::metrics::Ranking;
    /// let shares = Tensor::from([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1]]);
    /// let ranking = Ranking::new(&shares, &[0, 1, 2])?;
    /// assert_eq!((ranking.one_vs_rest(0)?.roc_auc()?, ranking.one_vs_rest(2)?.roc_auc()?), (1.0, 0.5));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such class, or a single output for each sample.
    pub fn one_vs_rest(&self, class: usize) -> Result<Ranking, Error> {
        match self.columns.get(class).filter(|_| self.columns.len() > 1) {
            Some(column) => Ok(Ranking {
                columns: vec![column.clone()],
                classes: self.classes.iter().map(|&own| usize::from(own == class)).collect(),
                weights: self.weights.clone(),
            }),
            None => {
                let why = format!("there is no score of class {class} among those of {} classes", self.columns.len());
                Err(Error::invalid("one_vs_rest", why))
            }
        }
    }

    /// A measure of two classes, or its mean over one class against the rest.
    fn mean_of(&self, what: &'static str, measure: impl Fn(&[[f64; 2]]) -> f64) -> Result<f64, Error> {
        let two = |scores: &[f64], class: usize| {
            let places = self.places(scores, class);
            let sums = [0, 1].map(|side| places.iter().map(|place| place[side]).sum::<f64>());
            match sums.iter().position(|&sum| sum == 0.0) {
                None => Ok(measure(&places)),
                Some(side) => {
                    let missing = if side == 0 {
                        format!("no sample is of class {class}")
                    } else {
                        format!("all samples are of class {class}")
                    };
                    let why = format!(
                        "{missing}, or none that has a weight; there is nothing to tell apart, take more samples"
                    );
                    Err(Error::invalid(what, why))
                }
            }
        };
        match &self.columns[..] {
            [scores] => two(scores, 1),
            [zero, one] => {
                let difference: Vec<f64> = one.iter().zip(zero).map(|(one, zero)| one - zero).collect();
                match difference.iter().position(|score| score.is_nan()) {
                    Some(i) => {
                        let why = format!("the scores of sample {i} are infinite alike, which is no order");
                        Err(Error::invalid(what, why))
                    }
                    None => two(&difference, 1),
                }
            }
            columns => {
                let sum = |i: usize| columns.iter().map(|column| column[i]).sum::<f64>();
                if let Some(i) = (0..self.classes.len()).find(|&i| (sum(i) - 1.0).abs() > SUM) {
                    let why = format!(
                        "the scores of sample {i} sum to {}, not to 1; take the softmax of logits",
                        brief(sum(i))
                    );
                    return Err(Error::invalid(what, why));
                }
                let each = columns.iter().enumerate().map(|(class, scores)| two(scores, class));
                Ok(each.sum::<Result<f64, Error>>()? / columns.len() as f64)
            }
        }
    }

    /// The weights of the samples that are of a class, and of the others, for each different score from the highest.
    fn places(&self, scores: &[f64], class: usize) -> Vec<[f64; 2]> {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let same = order.chunk_by(|&a, &b| scores[a] == scores[b]);
        let sums = |tied: &[usize]| {
            let mut sums = [0.0; 2];
            tied.iter().for_each(|&i| sums[usize::from(self.classes[i] != class)] += self.weights[i]);
            sums
        };
        same.map(sums).collect()
    }
}
