//! Einstein's summation: products of several arrays by named axes, as products of matrices.
//!
//! Two operands at a time, from left to right: their axes are sorted into those of both that stay (batches), those that
//! end here (summed by the product), and those of one operand.

use std::fmt;

use super::reduce::{Reduction, reduce};
use super::{Array, diagonal, product, view};
use crate::error::Error;
use crate::shape::{Shape, count};

/// The name of an axis: a letter, or the place from the right of an axis that `...` stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Label {
    /// Axes of an ellipsis come first, the last of them last.
    Rest(std::cmp::Reverse<usize>),
    Letter(char),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Rest(place) => write!(f, "{} from the right of `...`", place.0),
            Label::Letter(letter) => write!(f, "`{letter}`"),
        }
    }
}

/// An array whose axes have names, each once.
struct Named<A> {
    array: A,
    labels: Vec<Label>,
}

/// The labels of one operand or of the result, such as `...ij`; `rest` axes stand for the ellipsis.
fn labels(spec: &str, part: &str, rest: usize) -> Result<Vec<Label>, Error> {
    let refused = |law: String| Error::shape("einsum", format!("`{spec}`: {law}"));
    let (before, after) = part.split_once("...").map_or((part, None), |(before, after)| (before, Some(after)));
    let letters = |part: &str| {
        let bad = part.chars().find(|letter| !letter.is_alphabetic());
        match bad {
            Some(bad) => Err(refused(format!("`{bad}` is no name of an axis; use letters, `,`, `->` and `...`"))),
            None => Ok(part.chars().map(Label::Letter).collect::<Vec<_>>()),
        }
    };
    let mut all = letters(before)?;
    if let Some(after) = after {
        all.extend((0..rest).rev().map(|place| Label::Rest(std::cmp::Reverse(place))));
        all.extend(letters(after)?);
    }
    Ok(all)
}

/// What `spec` says of operands of these shapes: the labels of each, and of the result.
fn parsed(spec: &str, shapes: &[Shape]) -> Result<(Vec<Vec<Label>>, Vec<Label>), Error> {
    let refused = |law: String| Error::shape("einsum", format!("`{spec}`: {law}"));
    let plain: String = spec.split_whitespace().collect();
    let (inputs, output) = plain.split_once("->").map_or((&plain[..], None), |(inputs, output)| (inputs, Some(output)));
    let inputs: Vec<&str> = inputs.split(',').collect();
    if inputs.len() != shapes.len() {
        return Err(refused(format!("{} operands are named, {} given", inputs.len(), shapes.len())));
    }
    let mut lengths: Vec<(Label, usize, usize)> = vec![];
    let (mut all, mut longest) = (vec![], 0);
    for (k, (part, shape)) in inputs.iter().zip(shapes).enumerate() {
        let letters = part.chars().filter(|letter| letter.is_alphabetic()).count();
        let rest = if part.contains("...") { shape.len().saturating_sub(letters) } else { 0 };
        longest = longest.max(rest);
        let labels = labels(spec, part, rest)?;
        if labels.len() != shape.len() {
            let (named, axes) = (labels.len(), shape.len());
            return Err(refused(format!("{named} axes are named for operand {k} of shape {shape}, which has {axes}")));
        }
        for (&label, &length) in labels.iter().zip(shape.iter()) {
            match lengths.iter().find(|(other, ..)| *other == label) {
                Some(&(_, first, from)) if first != length => {
                    let (a, b) = (&shapes[from], shape);
                    return Err(refused(format!(
                        "axis {label} has length {first} in operand {from} of shape {a} and {length} in operand {k} of shape {b}"
                    )));
                }
                Some(_) => {}
                None => lengths.push((label, length, k)),
            }
        }
        all.push(labels);
    }
    let once = |label: &Label| all.iter().flatten().filter(|other| *other == label).count() == 1;
    let result = match output {
        Some(output) => labels(spec, output, longest)?,
        // As in NumPy: what is named once, in the order of the alphabet, after an ellipsis.
        None => {
            let mut result: Vec<Label> = lengths.iter().map(|(label, ..)| *label).collect();
            result.retain(|label| matches!(label, Label::Rest(_)) || once(label));
            result.sort_unstable();
            result
        }
    };
    for (i, label) in result.iter().enumerate() {
        if !lengths.iter().any(|(other, ..)| other == label) {
            return Err(refused(format!("axis {label} of the result is in no operand")));
        }
        if result[..i].contains(label) {
            return Err(refused(format!("axis {label} is named twice in the result")));
        }
    }
    Ok((all, result))
}

impl<A: Array> Named<A> {
    /// The same with axes in this order, which names each.
    #[track_caller]
    fn ordered(self, order: &[Label]) -> Result<Self, Error> {
        if self.labels == order {
            return Ok(self);
        }
        let n = order.len();
        let place = |label: &Label| self.labels.iter().position(|other| other == label).expect("each is named");
        let order_of: Vec<usize> = order.iter().map(place).collect();
        let only_last = n >= 2 && (0..n - 2).all(|i| order_of[i] == i);
        // A transpose is not copied for a product.
        let array = if only_last {
            view::transpose(&self.array, n - 2, n - 1)?
        } else {
            view::permute(&self.array, &order_of)?
        };
        Ok(Named { array, labels: order.to_vec() })
    }

    /// Without the axes that are not `needed`: sums over them.
    #[track_caller]
    fn summed(self, needed: impl Fn(&Label) -> bool) -> Result<Self, Error> {
        let ended: Vec<usize> = (0..self.labels.len()).filter(|&i| !needed(&self.labels[i])).collect();
        if ended.is_empty() {
            return Ok(self);
        }
        let array = reduce(Reduction::Sum, &self.array, &ended[..], false)?;
        Ok(Named { array, labels: self.labels.into_iter().filter(|label| needed(label)).collect() })
    }

    /// An operand; of an axis named twice, the diagonal.
    #[track_caller]
    fn operand(array: &A, labels: &[Label]) -> Result<Self, Error> {
        let mut named = Named { array: array.clone(), labels: labels.to_vec() };
        loop {
            let labels = &named.labels;
            let twice = (0..labels.len()).find_map(|i| {
                let j = labels[i + 1..].iter().position(|other| *other == labels[i])?;
                Some([i, i + 1 + j])
            });
            let Some([i, j]) = twice else { return Ok(named) };
            let order: Vec<usize> = (0..labels.len()).filter(|k| ![i, j].contains(k)).chain([i, j]).collect();
            let array = diagonal::diagonal(&view::permute(&named.array, &order)?)?;
            let labels = order[..order.len() - 1].iter().map(|&k| labels[k]).collect();
            named = Named { array, labels };
        }
    }

    fn lengths(&self, of: &[Label]) -> Vec<usize> {
        let shape = self.array.shape();
        let length = |label: &Label| shape[self.labels.iter().position(|other| other == label).expect("named")];
        of.iter().map(length).collect()
    }

    /// The product with another, without the axes that are not `needed` any more.
    #[track_caller]
    fn times(self, other: Self, needed: impl Fn(&Label) -> bool) -> Result<Self, Error> {
        let a = {
            let labels = other.labels.clone();
            self.summed(|label| needed(label) || labels.contains(label))?
        };
        let b = {
            let labels = a.labels.clone();
            other.summed(|label| needed(label) || labels.contains(label))?
        };
        let (of_a, of_b) = (a.labels.clone(), b.labels.clone());
        let both = |label: &&Label| of_b.contains(label);
        let batch: Vec<Label> = of_a.iter().filter(|label| both(label) && needed(label)).copied().collect();
        let inner: Vec<Label> = of_a.iter().filter(|label| both(label) && !needed(label)).copied().collect();
        let left: Vec<Label> = of_a.iter().filter(|label| !both(label)).copied().collect();
        let right: Vec<Label> = of_b.iter().filter(|label| !of_a.contains(label)).copied().collect();
        let labels: Vec<Label> = [&batch[..], &left, &right].concat();
        let [batches, inners, lefts] = [&batch, &inner, &left].map(|labels| a.lengths(labels));
        let rights = b.lengths(&right);
        let shape: Shape = [&batches[..], &lefts, &rights].concat().into_iter().collect();
        shape.checked_numel("einsum")?;
        let a = a.ordered(&[&batch[..], &left, &inner].concat())?.array;
        let b = b.ordered(&[&batch[..], &inner, &right].concat())?.array;
        let [n, m, k, p] = [&batches, &lefts, &inners, &rights].map(|lengths| count(lengths));
        let array = if inner.is_empty() {
            let a = a.reshaped(&Shape::from([n, m, 1]));
            a.mul(&b.reshaped(&Shape::from([n, 1, p])))
        } else if batch.is_empty() {
            product::matmul(&a.reshaped(&Shape::from([m, k])), &b.reshaped(&Shape::from([k, p])))?
        } else {
            product::matmul(&a.reshaped(&Shape::from([n, m, k])), &b.reshaped(&Shape::from([n, k, p])))?
        };
        Ok(Named { array: array.reshaped(&shape), labels })
    }
}

#[track_caller]
pub(crate) fn einsum<A: Array>(spec: &str, operands: &[&A]) -> Result<A, Error> {
    let [first, others @ ..] = operands else {
        return Err(Error::shape("einsum", "no arrays given; at least one is needed"));
    };
    for other in others {
        first.meets(other, "einsum");
    }
    let shapes: Vec<Shape> = operands.iter().map(|x| x.shape()).collect();
    let (labels, result) = parsed(spec, &shapes)?;
    contracted(operands, &labels, &result)
}

/// The product of operands with named axes, summed over the axes that are not in the result.
#[track_caller]
fn contracted<A: Array>(operands: &[&A], labels: &[Vec<Label>], result: &[Label]) -> Result<A, Error> {
    let mut product = Named::operand(operands[0], &labels[0])?;
    for (k, &operand) in operands.iter().enumerate().skip(1) {
        let needed = |label: &Label| result.contains(label) || labels[k + 1..].iter().flatten().any(|l| l == label);
        product = product.times(Named::operand(operand, &labels[k])?, needed)?;
    }
    Ok(product.summed(|label| result.contains(label))?.ordered(result)?.array)
}

/// Sums of products over pairs of axes, `axes[0]` of `a` with `axes[1]` of `b`; the other axes of `a`, then those of `b`.
#[track_caller]
pub(crate) fn tensordot<A: Array>(a: &A, b: &A, axes: [&[usize]; 2]) -> Result<A, Error> {
    let shapes = [a.shape(), b.shape()];
    if axes[0].len() != axes[1].len() {
        let law = format!("{} axes of the first array are paired with {} of the second", axes[0].len(), axes[1].len());
        return Err(Error::shape("tensordot", law));
    }
    let place = |k: usize| Label::Rest(std::cmp::Reverse(k));
    let mut labels = [0, 1].map(|k| {
        let first = if k == 0 { 0 } else { shapes[0].len() };
        (first..first + shapes[k].len()).map(place).collect::<Vec<_>>()
    });
    let mut result: Vec<Label> = labels.concat();
    for (i, (&of_a, &of_b)) in axes[0].iter().zip(axes[1]).enumerate() {
        let lengths = [shapes[0].axis("tensordot", of_a)?, shapes[1].axis("tensordot", of_b)?];
        if axes[0][..i].contains(&of_a) || axes[1][..i].contains(&of_b) {
            return Err(Error::shape("tensordot", format!("axes {of_a} and {of_b}: one of them is named twice")));
        }
        if lengths[0] != lengths[1] {
            let [a, b] = &shapes;
            let law = format!(
                "axis {of_a} of shape {a} and axis {of_b} of shape {b} differ: {0} and {1}",
                lengths[0], lengths[1]
            );
            return Err(Error::shape("tensordot", law));
        }
        result.retain(|label| *label != labels[0][of_a] && *label != labels[1][of_b]);
        labels[1][of_b] = labels[0][of_a];
    }
    contracted(&[a, b], &labels, &result)
}
