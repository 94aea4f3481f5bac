//! Models, which are made of parts.

use super::graph::{At, Attribute, Value};
use super::{activations, plain};
use crate::error::{Error, Result};
use crate::nn::activation::Activation;
use crate::nn::config::{Config, Configured};
use crate::nn::layers::{Residual, Sequential};
use crate::nn::mlp::{Layer, Mlp};
use crate::nn::network::{Join, Network};

pub(super) fn sequential(at: &mut At<'_>, config: &Config, mut x: Value) -> Result<Value> {
    let data: <Sequential as Configured>::Data = config.data()?;
    for (i, layer) in data.layers.iter().enumerate() {
        let state = at.state.within(i);
        x = at.part(format_args!("layers.{i}"), state, layer, x)?;
    }
    Ok(x)
}

pub(super) fn residual(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <Residual as Configured>::Data = config.data()?;
    let state = at.state.clone();
    let y = at.part("inner", state, &data.inner, x.clone())?;
    Ok(shortcut(at, &x, y, data.strength))
}

/// `x + strength·y`
pub(super) fn shortcut(at: &mut At<'_>, x: &Value, y: Value, strength: Option<f64>) -> Value {
    let y = match strength {
        Some(strength) => at.with_number("Mul", &y, strength),
        None => y,
    };
    at.map("Add", x, &[&y.name], [])
}

pub(super) fn mlp(at: &mut At<'_>, config: &Config, mut x: Value) -> Result<Value> {
    let data: <Mlp as Configured>::Data = config.data()?;
    for (i, layer) in data.layers.iter().enumerate() {
        let place = format!("layers.{i}");
        let state = at.state.within(&place);
        x = at.part(&place, state, &Config::new("dense", layer)?, x)?;
    }
    Ok(x)
}

pub(super) fn dense(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    let data: <Layer as Configured>::Data = config.data()?;
    let mut y = plain::linear(at, config, x)?;
    if let Some(norm) = data.norm {
        let units = y.shape[y.rank() - 1];
        let state = at.state.within("norm");
        y = at.part("norm", state, &norm.sized(units)?, y)?;
    }
    Ok(activations::apply(at, data.activation.unwrap_or(Activation::Identity), y))
}

/// As a layer among others, with one input and one output.
pub(super) fn network(at: &mut At<'_>, config: &Config, x: Value) -> Result<Value> {
    match &network_of(at, &config.data()?, vec![x])?[..] {
        [(_, output)] => Ok(output.clone()),
        outputs => Err(Error::invalid("network", format!("it has {} outputs, and a layer one", outputs.len()))),
    }
}

/// All outputs by name, in their order.
pub(super) fn network_of(
    at: &mut At<'_>,
    data: &<Network as Configured>::Data,
    inputs: Vec<Value>,
) -> Result<Vec<(String, Value)>> {
    let mut values: Vec<(&str, Value)> = data.inputs.iter().map(String::as_str).zip(inputs).collect();
    let known = |values: &[(&str, Value)], name: &str| -> Result<Value> {
        let found = values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        found.ok_or_else(|| Error::invalid("network", format!("there is no value `{name}`; give it before it is read")))
    };
    for part in &data.parts {
        let mut reads = part.reads.names().iter().map(|name| known(&values, name)).collect::<Result<Vec<_>>>()?;
        // The module of this part, or of the one that it is the same as.
        let module = match &part.same {
            Some(same) => data.parts.iter().find(|part| part.name == *same),
            None => Some(part),
        };
        let value = match (module.and_then(|part| Some((&part.name, part.module.as_ref()?))), part.join) {
            (Some((name, module)), None) if reads.len() == 1 => {
                let state = at.state.within(name);
                at.part(format_args!("parts.{}", part.name), state, module, reads.remove(0))?
            }
            (None, Some(join)) => joined(at, join, &reads)?,
            _ => {
                let why =
                    format!("part `{}` is neither a module of one value nor a join; give it one of both", part.name);
                return Err(Error::invalid("network", why));
            }
        };
        values.push((&part.name, value));
    }
    data.outputs.iter().map(|name| Ok((name.clone(), known(&values, name)?))).collect()
}

fn joined(at: &mut At<'_>, join: Join, values: &[Value]) -> Result<Value> {
    let shape = join.shape(&values.iter().map(|value| value.shape.clone()).collect::<Vec<_>>())?;
    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    let name = match join {
        Join::Concat(axis) => at.node("Concat", &names, [("axis", Attribute::Int(axis as i64))]),
        Join::Add => at.node("Sum", &names, []),
        Join::Multiply => {
            let (first, rest) = (names[0].to_string(), &names[1..]);
            rest.iter().fold(first, |all, name| at.node("Mul", &[&all, name], []))
        }
    };
    Ok(Value { name, shape })
}
