//! Layers of one or two nodes.

use autograd::Shape;

use super::WHAT;
use super::graph::{At, Attribute, Value};
use crate::error::{Error, Result};
use crate::nn::config::{Config, Configured};
use crate::nn::layers::Embedding;

/// `Ok` if there is an axis of samples before `axes` others, which the file leaves open.
pub(super) fn behind_samples(x: &Value, axes: usize) -> Result<()> {
    match x.rank() > axes {
        true => Ok(()),
        false => {
            let (shape, needed) = (&x.shape, axes + 1);
            let why = format!("an input of shape {shape} has no axis of samples in front; give at least {needed} axes");
            Err(Error::invalid(WHAT, why))
        }
    }
}

/// In evaluation mode.
pub(super) fn identity(_: &mut At<'_>, _: &Config, x: Value) -> Result<Value> {
    Ok(x)
}

pub(super) fn linear(at: &mut At<'_>, _: &Config, x: Value) -> Result<Value> {
    behind_samples(&x, 1)?;
    let outputs = at.state.need("w")?.shape()[1];
    let w = at.weight("w")?;
    let b = at.state.get("b").map(|_| at.weight("b")).transpose()?;
    let shape: Shape = x.shape[..x.rank() - 1].iter().copied().chain([outputs]).collect();
    let name = match b {
        Some(b) if x.rank() == 2 => at.node("Gemm", &[&x.name, &w, &b], []),
        Some(b) => {
            let product = at.node("MatMul", &[&x.name, &w], []);
            at.node("Add", &[&product, &b], [])
        }
        None => at.node("MatMul", &[&x.name, &w], []),
    };
    Ok(Value { name, shape })
}

pub(super) fn flatten(at: &mut At<'_>, _: &Config, x: Value) -> Result<Value> {
    let shape = x.with_tail([x.tail().iter().product()]);
    Ok(Value { name: at.node("Flatten", &[&x.name], [("axis", Attribute::Int(1))]), shape })
}

/// The number type of integers of 64 bits.
const INT64: Attribute = Attribute::Int(super::proto::INT64 as i64);

pub(super) fn embedding(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <Embedding as Configured>::Data = config.data()?;
    let mut table = at.state.need("table")?;
    let [count, width] = [table.shape()[0], table.shape()[1]];
    // The whole numbers of f32 have no gaps up to here.
    if count > 1 << 24 && !at.graph.wide {
        let why = format!("f32 does not tell {count} classes apart; export f64");
        return Err(Error::invalid("embedding", why));
    }
    let table = match data.padding {
        None => at.weight("table")?,
        Some(class) => {
            table.as_mut_slice()[class * width..(class + 1) * width].fill(0.0);
            at.numbers("table", table)
        }
    };
    let classes = at.node("Cast", &[&x.name], [("to", INT64)]);
    let shape = x.shape.iter().copied().chain([width]).collect();
    Ok(Value { name: at.node("Gather", &[&table, &classes], [("axis", Attribute::Int(0))]), shape })
}
