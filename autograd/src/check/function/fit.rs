//! Whether arrays that a function returns have the shapes that they need.

use crate::error::Error;
use crate::number::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The axes of one array followed by those of another.
pub(super) fn joined(a: &[usize], b: &[usize]) -> Shape {
    [a, b].concat().into()
}

/// Checks the arrays of a derivative: one for each input, of the shape that it needs.
pub(super) fn each<T: Float>(
    what: &str,
    arrays: &[Tensor<T>],
    names: &[String],
    needed: impl Fn(usize) -> Shape,
) -> Result<(), Error> {
    if arrays.len() != names.len() {
        let (found, inputs) = (counted(arrays.len(), "array"), counted(names.len(), "input"));
        return Err(Error::Check(format!("the {what} has {found} for {inputs}; return one for each input")));
    }
    for (at, (array, name)) in arrays.iter().zip(names).enumerate() {
        one(&format!("the {what} by {name}"), array.shape(), &needed(at))?;
    }
    Ok(())
}

/// Checks one array.
pub(super) fn one(what: &str, found: &Shape, needed: &Shape) -> Result<(), Error> {
    if found == needed {
        return Ok(());
    }
    let turned = found.len() == needed.len() && found.iter().rev().eq(needed.iter());
    let lead = found.len().checked_sub(needed.len());
    let over = lead.filter(|&lead| needed.iter().zip(&found[lead..]).all(|(&n, &f)| n == f || n == 1)).map(|lead| {
        (0..found.len()).filter(|&axis| axis < lead || needed[axis - lead] < found[axis]).collect::<Vec<_>>()
    });
    let repair = match (over, turned) {
        (Some(axes), _) if axes.len() == 1 => {
            format!("; sum over axis {}, along which the input was broadcast", axes[0])
        }
        (Some(axes), _) => format!("; sum over axes {axes:?}, along which the input was broadcast"),
        (None, true) => "; is it transposed?".into(),
        (None, false) => String::new(),
    };
    Err(Error::Check(format!("{what} has shape {found} and needs {needed}{repair}")))
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
