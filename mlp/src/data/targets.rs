//! [`Targets`]: the desired outputs of a model, one for each sample.

use autograd::{Float, Shape, Tensor};

use crate::error::{Error, Result, room};

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

    pub(super) fn take(&self, samples: &[usize]) -> Self {
        match self {
            Targets::Values(values) => Targets::Values(take(values, samples)),
            Targets::Classes(classes) => Targets::Classes(samples.iter().map(|&i| classes[i]).collect()),
            Targets::Sequences(sequences) => {
                Targets::Sequences(samples.iter().map(|&i| sequences[i].clone()).collect())
            }
        }
    }

    /// Targets behind one another, or `None` if they are of several kinds.
    pub(super) fn join(parts: &[&Self]) -> Result<Option<Self>> {
        let (mut values, mut classes, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part {
                Targets::Values(part) => values.push(part),
                Targets::Classes(part) => classes.extend(part),
                Targets::Sequences(part) => sequences.extend(part.iter().cloned()),
            }
        }
        let n = parts.iter().map(|part| part.len()).sum::<usize>();
        if values.len() == parts.len() {
            join(values.into_iter()).map(Targets::Values).map(Some)
        } else if classes.len() == n {
            Ok(Some(Targets::Classes(classes)))
        } else if sequences.len() == n {
            Ok(Some(Targets::Sequences(sequences)))
        } else {
            Ok(None)
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

/// The number of samples.
pub(super) fn samples<T: Float>(x: &Tensor<T>) -> usize {
    x.shape().first().copied().unwrap_or(0)
}

/// Arrays behind one another along their first axis.
pub(super) fn join<'x, T: Float>(parts: impl Iterator<Item = &'x Tensor<T>> + Clone) -> Result<Tensor<T>> {
    let inner = parts.clone().next().map_or(&[][..], |x| &x.shape()[1..]);
    if let Some(other) = parts.clone().find(|x| x.shape()[1..] != *inner) {
        let (inner, other) = (Shape::from(inner), Shape::from(&other.shape()[1..]));
        let why = format!("samples have shapes {inner} and {other}; join data sets whose samples have one shape");
        return Err(Error::invalid("concat", why));
    }
    let shape: Shape = std::iter::once(parts.clone().map(samples).sum()).chain(inner.iter().copied()).collect();
    let mut values = Vec::with_capacity(room("concat", &shape)?);
    parts.for_each(|x| values.extend_from_slice(x.as_slice()));
    Ok(Tensor::new(shape, values))
}

/// Rows of `x`; each index must be below the length of its first axis.
pub(super) fn take<T: Float>(x: &Tensor<T>, samples: &[usize]) -> Tensor<T> {
    let width: usize = x.shape()[1..].iter().product();
    let mut values = Vec::with_capacity(samples.len() * width);
    samples.iter().for_each(|&i| values.extend_from_slice(&x.as_slice()[i * width..(i + 1) * width]));
    let shape: Shape = std::iter::once(samples.len()).chain(x.shape()[1..].iter().copied()).collect();
    Tensor::new(shape, values)
}
