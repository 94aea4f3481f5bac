//! [`Dataset`]: inputs with their targets, with splits and batches.
//!
//! The first axis is the axis of samples. A data set holds everything in memory. It stores classes as indices; a
//! [`Table`](crate::Table) knows their names.

use autograd::{Float, Shape, Tensor};
use rand::rngs::StdRng;
use rand::{SeedableRng, seq::SliceRandom};

use crate::error::{Error, Result, room, shown};

/// The desired outputs of a model: values, or one class or sequence of labels for each sample.
///
/// ```
/// use mlp::Targets;
/// assert_eq!(Targets::<f64>::from(vec![0, 2, 1]).len(), 3);
/// assert_eq!(Targets::Values(autograd::Tensor::<f64>::zeros([4, 2])).len(), 4);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Targets<T: Float = f64> {
    /// Values to approximate; the first axis is the axis of samples.
    Values(Tensor<T>),
    /// The index of the correct class of each sample.
    Classes(Vec<usize>),
    /// The labels of each sample in their order: of any number for [`Ctc`](crate::Ctc), or one for each place of a sample for
    /// losses of classes such as [`CrossEntropy`](crate::CrossEntropy).
    Sequences(Vec<Vec<usize>>),
}

impl<T: Float> Targets<T> {
    /// The number of samples.
    pub fn len(&self) -> usize {
        match self {
            Targets::Values(values) => samples(values),
            Targets::Classes(classes) => classes.len(),
            Targets::Sequences(sequences) => sequences.len(),
        }
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Converts the targets to another number type.
    ///
    /// ```
    /// use mlp::Targets;
    /// assert_eq!(Targets::<f32>::from(vec![0, 2]).cast::<f64>(), Targets::from(vec![0, 2]));
    /// ```
    pub fn cast<U: Float>(&self) -> Targets<U> {
        match self {
            Targets::Values(values) => Targets::Values(values.cast()),
            Targets::Classes(classes) => Targets::Classes(classes.clone()),
            Targets::Sequences(sequences) => Targets::Sequences(sequences.clone()),
        }
    }

    fn take(&self, samples: &[usize]) -> Self {
        match self {
            Targets::Values(values) => Targets::Values(take(values, samples)),
            Targets::Classes(classes) => Targets::Classes(samples.iter().map(|&i| classes[i]).collect()),
            Targets::Sequences(sequences) => {
                Targets::Sequences(samples.iter().map(|&i| sequences[i].clone()).collect())
            }
        }
    }
}

impl<T: Float> From<Tensor<T>> for Targets<T> {
    fn from(values: Tensor<T>) -> Self {
        Targets::Values(values)
    }
}

impl<T: Float> From<Vec<usize>> for Targets<T> {
    fn from(classes: Vec<usize>) -> Self {
        Targets::Classes(classes)
    }
}

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

    /// Shuffles with `seed`, and splits into (training part, held-out part).
    ///
    /// The held-out fraction is rounded to whole samples. The same seed gives the same split.
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
        if !(held_out > 0.0 && held_out < 1.0) {
            return Err(Error::invalid(
                "split",
                format!("held-out fraction {} must lie between 0 and 1", shown(held_out)),
            ));
        }
        let n = self.len();
        let m = (held_out * n as f64).round() as usize;
        if m == 0 || m >= n {
            let part = if m == 0 { "hold out nothing" } else { "leave nothing to train on" };
            let why = format!(
                "fraction {} of {n} samples would {part}; choose another fraction or add samples",
                shown(held_out)
            );
            return Err(Error::invalid("split", why));
        }
        let order = shuffled(n, seed);
        Ok((self.take(&order[m..]), self.take(&order[..m])))
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
            Some(seed) => shuffled(self.len(), seed),
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

    /// The sample indices of the remaining batches.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &[usize]> {
        self.order[self.next..].chunks(self.size)
    }
}

impl<T: Float> Iterator for Batches<'_, T> {
    type Item = Dataset<T>;

    fn next(&mut self) -> Option<Dataset<T>> {
        let batch = self.data.take(self.samples().next()?);
        self.next += batch.len();
        Some(batch)
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

fn samples<T: Float>(x: &Tensor<T>) -> usize {
    x.shape().first().copied().unwrap_or(0)
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

/// Rows of `x`; each index must be below the length of its first axis.
fn take<T: Float>(x: &Tensor<T>, samples: &[usize]) -> Tensor<T> {
    let width: usize = x.shape()[1..].iter().product();
    let mut values = Vec::with_capacity(samples.len() * width);
    samples.iter().for_each(|&i| values.extend_from_slice(&x.as_slice()[i * width..(i + 1) * width]));
    let shape: Shape = std::iter::once(samples.len()).chain(x.shape()[1..].iter().copied()).collect();
    Tensor::new(shape, values)
}

fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut StdRng::seed_from_u64(seed));
    order
}
