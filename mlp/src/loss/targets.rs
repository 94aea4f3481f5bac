//! The requirements of losses for their targets.

use autograd::{Float, Shape, Tensor, Var};

use super::Outputs;
use crate::error::shown;
use crate::{Activation, Error, Targets};

/// The tolerance for the sum of a distribution: covers numbers rounded to four digits, and round-off of many numbers in
/// `f32`.
const SUM: f64 = 1e-4;

pub(super) fn misfit(loss: &'static str, y: &Shape, t: &Shape) -> Error {
    Error::invalid(loss, format!("targets of shape {t} do not fit outputs of shape {y}; reshape one of them"))
}

/// Targets as values, one for each output. There is no broadcasting: (n,) with (n, 1) is nearly always a mistake.
pub(super) fn values<'a, T: Float>(
    loss: &'static str,
    y: &Shape,
    targets: &'a Targets<T>,
) -> Result<&'a Tensor<T>, Error> {
    match targets {
        Targets::Values(values) if values.shape() == y => Ok(values),
        Targets::Values(values) => Err(misfit(loss, y, values.shape())),
        Targets::Classes(_) => {
            Err(Error::invalid(loss, "the targets are classes, but it needs numbers; one_hot makes them of classes"))
        }
        Targets::Sequences(_) => Err(Error::invalid(
            loss,
            "the targets are sequences of labels, but it needs numbers; Ctc and the losses of classes take labels",
        )),
    }
}

/// Targets as values, each with `count` outputs: the last axis of the outputs holds that many blocks as wide as theirs.
pub(super) fn blocks<'a, T: Float>(
    loss: &'static str,
    y: &Shape,
    targets: &'a Targets<T>,
    count: usize,
    what: &str,
) -> Result<&'a Tensor<T>, Error> {
    let Targets::Values(t) = targets else { return values(loss, y, targets) };
    let last = y.len().checked_sub(1);
    let needed: Shape =
        t.shape().iter().enumerate().map(|(axis, &len)| if Some(axis) == last { len * count } else { len }).collect();
    if y.len() == t.shape().len() && last.is_some() && *y == needed {
        return Ok(t);
    }
    let t = t.shape();
    let why = format!("targets of shape {t} do not fit outputs of shape {y}; it takes {what} for each target");
    Err(Error::invalid(loss, why))
}

/// The part of `axis` with index `i`; the axis disappears. A tape keeps the memory for `take`, and not that for `at`.
pub(super) fn part<T: Float>(y: Var<'_, T>, axis: usize, i: usize) -> Var<'_, T> {
    y.take(axis, &[i]).squeeze(axis)
}

/// `Ok` unless the output layer gives no negative values: the outputs are logarithms.
pub(super) fn check_logarithms<T: Float>(
    loss: &'static str,
    outputs: &Outputs<'_, T>,
    what: &str,
) -> Result<(), Error> {
    match outputs.activation.and_then(|f| Some((f, f.range()?))) {
        Some((f, [low, _])) if low >= 0.0 => {
            let repair = "end it with Activation::Identity";
            Err(Error::invalid(
                loss,
                format!("it takes {what}, but `{f}` at the end of the model is never negative; {repair}"),
            ))
        }
        _ => Ok(()),
    }
}

/// `Ok` if the output layer can approximate the [`values`]: at least half of them lie in the range of its activation.
pub(super) fn reachable<T: Float>(
    loss: &'static str,
    outputs: &Outputs<'_, T>,
    targets: &Targets<T>,
) -> Result<(), Error> {
    let t = values(loss, &outputs.shape, targets)?.as_slice();
    let Some((activation, [low, high])) = outputs.activation.and_then(|f| Some((f, f.range()?))) else { return Ok(()) };
    let mut outside = t.iter().filter(|t| !(low..=high).contains(&t.to_f64()));
    let Some(first) = outside.next() else { return Ok(()) };
    let (count, n) = (1 + outside.count(), t.len());
    if count <= n / 2 {
        return Ok(());
    }
    let (first, range) = (shown(first), format!("{} to {}", shown(low), shown(high)));
    let why = format!(
        "{count} of {n} targets, the first {first}, lie outside {range}, which is all that `{activation}` of the output layer gives; \
         scale the targets, or end the model with another activation"
    );
    Err(Error::invalid(loss, why))
}

/// The labels of all samples, if the targets are classes, or classes of the places in each sample.
pub(super) fn labels<T: Float>(targets: &Targets<T>) -> Option<impl Iterator<Item = usize> + Clone> {
    let (classes, sequences) = match targets {
        Targets::Classes(classes) => (&classes[..], &[][..]),
        Targets::Sequences(sequences) => (&[][..], &sequences[..]),
        Targets::Values(_) => return None,
    };
    Some(classes.iter().chain(sequences.iter().flatten()).copied())
}

/// `Ok` if there are sequences for the samples of outputs of shape `y`, each with as many labels as a sample has `places`.
fn check_places(loss: &'static str, y: &Shape, sequences: &[Vec<usize>], places: usize) -> Result<(), Error> {
    let n = y.first().copied().unwrap_or(1);
    if sequences.len() != n {
        let m = sequences.len();
        return Err(Error::invalid(loss, format!("{m} sequences for the {n} samples of outputs of shape {y}")));
    }
    match sequences.iter().enumerate().find(|(_, labels)| labels.len() != places) {
        Some((i, labels)) => {
            let repair = "give one for each, and behind an end a class that Ignoring leaves out";
            let m = labels.len();
            let why = format!("{m} labels of sample {i} for its {places} places in outputs of shape {y}; {repair}");
            Err(Error::invalid(loss, why))
        }
        None => Ok(()),
    }
}

/// `Ok` if each output has a binary target: a value that is `allowed`, or the class 0 or 1.
pub(super) fn check_binary<T: Float>(
    loss: &'static str,
    y: &Shape,
    targets: &Targets<T>,
    allowed: impl Fn(T) -> bool,
    law: &str,
) -> Result<(), Error> {
    let Some(mut labels) = labels(targets) else {
        return match values(loss, y, targets)?.as_slice().iter().find(|&&t| !allowed(t)) {
            Some(t) => Err(Error::invalid(loss, format!("target {} {law}", shown(t)))),
            None => Ok(()),
        };
    };
    match targets {
        Targets::Sequences(sequences) => check_places(loss, y, sequences, y.iter().skip(1).product())?,
        _ if y.numel() != targets.len() => {
            let n = targets.len();
            let repair = "it takes one output for each; CrossEntropy takes one for each class";
            return Err(Error::invalid(loss, format!("{n} classes do not fit outputs of shape {y}; {repair}")));
        }
        _ => {}
    }
    let places = y.numel() / targets.len().max(1);
    match labels.by_ref().enumerate().find(|&(_, class)| class > 1) {
        Some((i, class)) => {
            Err(Error::invalid(loss, format!("class {class} of sample {} is neither 0 nor 1", i / places)))
        }
        None => Ok(()),
    }
}

/// Converts targets that passed [`check_binary`] to values; `numbers` are the values of the classes 0 and 1.
pub(super) fn binary<'t, T: Float>(
    y: Var<'t, T>,
    targets: &Targets<T>,
    numbers: [f64; 2],
) -> Result<Var<'t, T>, Error> {
    Ok(match labels(targets) {
        Some(mut labels) => {
            let number = |_| T::from_f64(numbers[labels.next().expect("a label for each output")]);
            y.tape().constant_with(y.shape(), number)
        }
        None => y.tape().constant(values("binary", &y.shape(), targets)?.clone()),
    })
}

/// `Ok` if each row of outputs of shape `y` has one existing class, or one distribution.
pub(super) fn check_rows<T: Float>(loss: &'static str, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    let width = y.last().copied().unwrap_or(0);
    let fits = match targets {
        Targets::Classes(_) | Targets::Sequences(_) => check_classes(loss, y, targets),
        Targets::Values(t) if t.numel() == y[..y.len().saturating_sub(1)].iter().product::<usize>() && width > 1 => {
            let (y, t) = (y, t.shape());
            let repair = "it takes a distribution for each row; if they are classes, give them as Vec<usize>";
            Err(Error::invalid(loss, format!("targets of shape {t} do not fit outputs of shape {y}; {repair}")))
        }
        _ => values(loss, y, targets).and_then(|t| check_distributions(loss, t)),
    };
    fits?;
    if width == 1 {
        let repair = "for two classes with one output take BinaryCrossEntropyWithLogits";
        let why = format!("outputs of shape {y} are of one class, which always has probability 1; {repair}");
        return Err(Error::invalid(loss, why));
    }
    Ok(())
}

fn check_classes<T: Float>(loss: &'static str, y: &Shape, targets: &Targets<T>) -> Result<(), Error> {
    let (m, width, places) = match (targets, &y[..]) {
        (Targets::Classes(classes), &[_, width]) => (classes.len(), width, 1),
        (Targets::Classes(_), _) => {
            let repair = "reshape them, or give a label for each place in Targets::Sequences";
            return Err(Error::invalid(loss, format!("outputs of shape {y} are not (samples, classes); {repair}")));
        }
        (Targets::Sequences(sequences), &[_, ref places @ .., width]) if !places.is_empty() => {
            let places = places.iter().product();
            check_places(loss, y, sequences, places)?;
            (sequences.len(), width, places)
        }
        _ => {
            let why = format!("outputs of shape {y} are not (samples, places, classes), as sequences of labels need");
            return Err(Error::invalid(loss, why));
        }
    };
    if m != y[0] {
        let n = y[0];
        return Err(Error::invalid(loss, format!("{m} classes for the {n} rows of outputs of shape {y}")));
    }
    match labels(targets).and_then(|labels| labels.enumerate().find(|&(_, class)| class >= width)) {
        Some((i, class)) => {
            let (last, i) = (width.saturating_sub(1), i / places);
            let why =
                format!("class {class} of sample {i} does not exist; outputs of shape {y} have classes 0 to {last}");
            Err(Error::invalid(loss, why))
        }
        None => Ok(()),
    }
}

/// `Ok` if each row is a distribution: no negative value, and the sum 1.
fn check_distributions<T: Float>(loss: &'static str, t: &Tensor<T>) -> Result<(), Error> {
    if let Some(t) = t.as_slice().iter().find(|&&t| !(t >= T::zero() && t.is_finite())) {
        let why = format!("target {} is not a probability, which is 0 or above", shown(t));
        return Err(Error::invalid(loss, why));
    }
    let sum = |row: &[T]| row.iter().map(|t| t.to_f64()).sum::<f64>();
    let width = t.shape().last().copied().unwrap_or(1).max(1);
    match t.as_slice().chunks_exact(width).map(sum).enumerate().find(|(_, sum)| (sum - 1.0).abs() > SUM) {
        Some((row, sum)) => {
            let law = "a distribution sums to 1; divide them by their sum";
            Err(Error::invalid(loss, format!("the targets of row {row} sum to {}, but {law}", shown(sum))))
        }
        None => Ok(()),
    }
}

/// `Ok` unless the model ends with an activation that the loss already contains.
pub(super) fn check_logits<T: Float>(
    loss: &'static str,
    outputs: &Outputs<'_, T>,
    contained: &[Activation],
) -> Result<(), Error> {
    match outputs.activation.filter(|f| contained.contains(f)) {
        Some(f) => {
            let why = format!("it takes logits, but the model ends with `{f}`; end it with Activation::Identity");
            Err(Error::invalid(loss, why))
        }
        None => Ok(()),
    }
}

/// `Ok` if the `probability` of each output lies in [0, 1], and each row sums to 1.
pub(super) fn check_probabilities<T: Float>(
    loss: &'static str,
    outputs: &Outputs<'_, T>,
    probability: impl Fn(f64) -> f64,
    repair: &str,
) -> Result<(), Error> {
    const NEAR: f64 = 1e-3;
    let p: Vec<f64> = outputs.first.as_slice().iter().map(|y| probability(y.to_f64())).collect();
    let width = outputs.first.shape().last().copied().unwrap_or(1).max(1);
    let wrong =
        |p: &[f64]| p.iter().any(|p| !(-NEAR..=1.0 + NEAR).contains(p)) || (p.iter().sum::<f64>() - 1.0).abs() > NEAR;
    match p.chunks_exact(width).position(wrong) {
        Some(row) => {
            let rows = outputs.first.numel() / width / outputs.first.shape().first().copied().unwrap_or(1).max(1);
            let sample = row / rows.max(1);
            let numbers: Vec<_> =
                outputs.first.as_slice()[row * width..].iter().take(width.min(4)).map(shown).collect();
            let (numbers, more) = (numbers.join(", "), if width > 4 { ", …" } else { "" });
            Err(Error::invalid(
                loss,
                format!("the outputs of sample {sample}, {numbers}{more}, are no distribution; {repair}"),
            ))
        }
        None => Ok(()),
    }
}

/// The last axis, which holds the values of one sample.
pub(super) fn row_axis<T: Float>(loss: &'static str, y: Var<'_, T>) -> Result<usize, Error> {
    let axes = y.shape().len();
    axes.checked_sub(1).ok_or_else(|| Error::invalid(loss, "an output of shape () has no rows; reshape it to (1, 1)"))
}

/// `Ok` if a setting is above 0 and finite, also in the number type of the outputs.
pub(super) fn check_positive<T: Float>(loss: &'static str, what: &str, value: f64) -> Result<(), Error> {
    let narrow = T::from_f64(value);
    if narrow > T::zero() && narrow.is_finite() {
        return Ok(());
    }
    let narrow = if value > 0.0 && value.is_finite() { format!(" in {}", T::NAME) } else { String::new() };
    Err(Error::invalid(loss, format!("{what} {} is not a finite number above 0{narrow}", shown(value))))
}
