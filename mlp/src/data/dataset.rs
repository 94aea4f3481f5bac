//! [`Dataset`]: inputs with their targets, with splits and batches.
//!
//! The first axis is the axis of samples. A data set holds everything in memory. It stores classes as indices; a
//! [`Table`](crate::Table) knows their names.

use autograd::{Float, Tensor};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::splits::{Splitter, shuffled};
use super::targets::{Targets, join, samples, take};
use crate::error::{Error, Result, room, shown};

/// Inputs with one target each: at least one sample, and all values finite.
///
/// ```
/// use autograd::Tensor;
/// use mlp::Dataset;
/// let data = Dataset::new(Tensor::from([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), vec![0, 1, 1])?;
/// let (train, held_out) = data.split(0.3, 7)?;
/// assert_eq!((train.len(), held_out.len()), (2, 1));
/// for batch in train.batches(1, Some(0))? {
///     assert_eq!(batch.inputs().shape(), &[1, 2].into());
/// }
/// # Ok::<(), mlp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T: Float = f64> {
    inputs: Tensor<T>,
    targets: Targets<T>,
    weights: Option<Vec<f64>>,
}

impl<T: Float> Dataset<T> {
    /// Creates a data set from inputs of shape (samples, …) and one target for each sample.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let error = mlp::Dataset::new(Tensor::from([[1.0], [f64::NAN]]), vec![0, 1]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "inputs: sample 1 holds NaN at position 0; remove the sample or fill in a number"
    /// );
    /// ```
    ///
    /// # Errors
    /// [`Error::Samples`] if the counts differ, [`Error::Empty`] without samples, [`Error::NotFinite`] if a value is
    /// NaN or infinite, [`Error::Invalid`] if inputs or targets are a single number without an axis of samples.
    pub fn new(inputs: Tensor<T>, targets: impl Into<Targets<T>>) -> Result<Self> {
        let targets = targets.into();
        check("inputs", &inputs)?;
        if let Targets::Values(values) = &targets {
            check("targets", values)?;
        }
        let (n, m) = (samples(&inputs), targets.len());
        if n != m {
            return Err(Error::Samples { inputs: n, targets: m });
        }
        Ok(Dataset { inputs, targets, weights: None })
    }

    /// Gives each sample a weight in the mean loss; see [`Loss::weighted_mean`](crate::Loss::weighted_mean).
    ///
    /// Splits and batches keep the weights with their samples. Accuracies leave out samples of weight 0 and count the
    /// others alike.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::Dataset;
    /// let data = Dataset::new(Tensor::from([[1.0], [2.0]]), vec![0, 1])?.with_weights(vec![1.0, 0.5])?;
    /// assert_eq!(data.select(&[1])?.weights(), Some(&[0.5][..]));
    /// assert!(data.with_weights(vec![1.0, -1.0]).is_err());
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is not one weight for each sample, one is negative or not finite, or all are 0.
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Self> {
        let (n, m) = (self.len(), weights.len());
        let invalid = |why: String| Err(Error::invalid("weights", why));
        if n != m {
            return invalid(format!("{m} weights for {n} samples; each sample needs one, in the same order"));
        }
        if let Some(i) = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
            return invalid(format!(
                "the weight of sample {i} is {}, not a finite number, 0 or above",
                shown(weights[i])
            ));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return invalid("all are 0, so that no sample counts; give one at least a weight above 0".to_string());
        }
        Ok(Dataset { weights: Some(weights), ..self })
    }

    /// The weights of the samples in the mean loss, if they have any.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The inputs, of shape (samples, …).
    pub fn inputs(&self) -> &Tensor<T> {
        &self.inputs
    }

    /// The targets, one for each sample.
    pub fn targets(&self) -> &Targets<T> {
        &self.targets
    }

    /// The number of samples.
    // The number is never 0, so there is no `is_empty`.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        samples(&self.inputs)
    }

    /// Selects samples by index, in the given order; an index may occur twice.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let data = mlp::Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), vec![0, 1, 2])?;
    /// let part = data.select(&[2, 0])?;
    /// assert_eq!(part.inputs(), &Tensor::from([[3.0], [1.0]]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without indices, [`Error::Invalid`] if a sample does not exist.
    pub fn select(&self, samples: &[usize]) -> Result<Self> {
        if samples.is_empty() {
            return Err(Error::Empty { what: "select".to_string() });
        }
        if let Some(sample) = samples.iter().find(|&&sample| sample >= self.len()) {
            let why = format!("sample {sample} does not exist; samples are 0 to {}", self.len() - 1);
            return Err(Error::invalid("select", why));
        }
        Ok(self.take(samples))
    }

    /// Joins data sets of the same kind, one behind the other.
    ///
    /// ```
    /// use autograd::Tensor;
    /// use mlp::Dataset;
    /// let (a, b) = (Dataset::new(Tensor::from([[1.0]]), vec![0])?, Dataset::new(Tensor::from([[2.0]]), vec![1])?);
    /// assert_eq!(Dataset::concat(&[a, b])?.inputs(), &Tensor::from([[1.0], [2.0]]));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without data sets, [`Error::Invalid`] if samples differ in shape, in the kind of their targets, or in
    /// having weights.
    pub fn concat(parts: &[Self]) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::Empty { what: "concat".to_string() });
        }
        let inputs = join(parts.iter().map(|part| &part.inputs))?;
        let mixed =
            |what: &str| Error::invalid("concat", format!("the data sets differ in {what}; join those that are alike"));
        let targets: Vec<&Targets<T>> = parts.iter().map(|part| &part.targets).collect();
        let targets = Targets::join(&targets)?.ok_or_else(|| mixed("the kind of their targets"))?;
        let weights: Vec<f64> = parts.iter().filter_map(|part| part.weights.as_ref()).flatten().copied().collect();
        match weights.len() {
            0 => Ok(Dataset { inputs, targets, weights: None }),
            n if n == targets.len() => Ok(Dataset { inputs, targets, weights: Some(weights) }),
            _ => Err(mixed("having weights")),
        }
    }

    /// Shuffles with `seed`, and splits into (training part, held-out part).
    ///
    /// The held-out fraction is rounded to whole samples. The same seed gives the same split. A [`Splitter`] also divides by
    /// class, by group, in time order and in folds.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let data = mlp::Dataset::new(Tensor::<f64>::zeros([10, 3]), vec![0; 10])?;
    /// let (train, held_out) = data.split(0.2, 1)?;
    /// assert_eq!((train.len(), held_out.len()), (8, 2));
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if either part would be empty or the fraction does not lie between 0 and 1.
    pub fn split(&self, held_out: f64, seed: u64) -> Result<(Self, Self)> {
        let split = Splitter::random(self.len(), seed).split(held_out)?;
        Ok((self.take(&split.train), self.take(&split.held_out)))
    }

    /// Iterates over all samples once in batches of `size`; the last batch may be smaller, unless it is
    /// [dropped](Batches::drop_last).
    ///
    /// A seed shuffles the samples: use a different one for each epoch. Without a seed they keep their order.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let data = mlp::Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), vec![0, 1, 2])?;
    /// let lengths: Vec<_> = data.batches(2, None)?.map(|batch| batch.len()).collect();
    /// assert_eq!(lengths, [2, 1]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if `size` is 0.
    pub fn batches(&self, size: usize, shuffle: Option<u64>) -> Result<Batches<'_, T>> {
        if size == 0 {
            return Err(Error::invalid("batch size", "0 would never pass over the data; choose at least 1"));
        }
        let order = match shuffle {
            Some(seed) => shuffled((0..self.len()).collect(), &mut StdRng::seed_from_u64(seed)),
            None => (0..self.len()).collect(),
        };
        Ok(Batches { data: self, order, next: 0, size })
    }

    /// Selects samples by index; every index must exist.
    pub(crate) fn take(&self, samples: &[usize]) -> Self {
        let weights = self.weights.as_ref().map(|weights| samples.iter().map(|&i| weights[i]).collect());
        Dataset { inputs: take(&self.inputs, samples), targets: self.targets.take(samples), weights }
    }
}

/// One pass over a [`Dataset`] in batches; see [`Dataset::batches`].
#[derive(Debug, Clone)]
pub struct Batches<'d, T: Float> {
    data: &'d Dataset<T>,
    order: Vec<usize>,
    next: usize,
    size: usize,
}

impl<T: Float> Batches<'_, T> {
    /// Leaves out a last batch that is smaller than the others; none are left of fewer samples than a batch holds.
    ///
    /// A [`BatchNorm`](crate::BatchNorm) cannot train on one sample, and few give it statistics far from those of all. With
    /// another seed in each epoch, other samples are left out.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let data = mlp::Dataset::new(Tensor::from([[1.0], [2.0], [3.0]]), vec![0, 1, 2])?;
    /// let batches = data.batches(2, Some(7))?.drop_last();
    /// assert_eq!(batches.map(|batch| batch.len()).collect::<Vec<_>>(), [2]);
    /// # Ok::<(), mlp::Error>(())
    /// ```
    #[must_use]
    pub fn drop_last(mut self) -> Self {
        let short = (self.order.len() - self.next) % self.size;
        self.order.truncate(self.order.len() - short);
        self
    }
}

impl<T: Float> Iterator for Batches<'_, T> {
    type Item = Dataset<T>;

    fn next(&mut self) -> Option<Dataset<T>> {
        let batch = self.data.take(self.order[self.next..].chunks(self.size).next()?);
        self.next += batch.len();
        Some(batch)
    }

    fn nth(&mut self, n: usize) -> Option<Dataset<T>> {
        // What is passed over is not copied.
        self.next = self.order.len().min(self.next.saturating_add(n.saturating_mul(self.size)));
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl<T: Float> ExactSizeIterator for Batches<'_, T> {}

/// One-hot encoding of class labels, of shape (samples, `classes`).
///
/// ```
/// let y: autograd::Tensor = mlp::one_hot(&[2, 0], 3)?;
/// assert_eq!(y, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]].into());
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Errors
/// [`Error::Label`] if a label is not below `classes`, [`Error::Invalid`] if memory cannot hold the rows.
pub fn one_hot<T: Float>(labels: &[usize], classes: usize) -> Result<Tensor<T>> {
    if let Some((sample, &label)) = labels.iter().enumerate().find(|&(_, &label)| label >= classes) {
        return Err(Error::Label { sample, label, classes });
    }
    let shape = [labels.len(), classes];
    room("one_hot", &shape)?;
    Ok(Tensor::one_hot(labels, classes))
}

fn check<T: Float>(what: &'static str, x: &Tensor<T>) -> Result<()> {
    if x.shape().is_empty() {
        return Err(Error::invalid(what, "a single number has no axis of samples; reshape it to (1, 1)"));
    }
    if samples(x) == 0 {
        return Err(Error::Empty { what: what.to_string() });
    }
    let width = x.numel() / samples(x);
    match x.as_slice().iter().position(|x| !x.is_finite()) {
        Some(i) => {
            Err(Error::NotFinite { what, sample: i / width, position: i % width, found: x.as_slice()[i].to_string() })
        }
        None => Ok(()),
    }
}
