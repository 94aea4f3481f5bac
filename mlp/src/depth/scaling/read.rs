//! The sizes of a model's parameters beside those of the base.

use std::collections::{HashMap, HashSet};

use autograd::{Float, Param, Parameters, Shape};

use super::{MaximalUpdate, Role};
use crate::error::{Error, Result, list};
use crate::optim::fits;

/// A parameter, and the sizes that width gives it.
pub(super) struct Fans {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) role: Role,
    /// The numbers of inputs and outputs, relative to the base.
    pub(super) fans: [f64; 2],
    /// The root mean square in the base, if an axis differs.
    pub(super) size: Option<f64>,
}

/// Each parameter once, under its first name.
pub(super) fn fans<T: Float>(
    recipe: &MaximalUpdate,
    parameters: &Parameters<T>,
    buffers: &Parameters<T>,
) -> Result<Vec<Fans>> {
    let missing = |names: Vec<&str>, whose: &str, other: &str| {
        let names: Vec<String> = names.into_iter().map(String::from).collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(invalid(format!(
                "{whose} has {}, which {other} has not; build both alike, but for the width",
                list(&names)
            ))),
        }
    };
    let unknown = parameters.names().filter(|name| !recipe.base.contains_key(*name)).collect();
    missing(unknown, "the model", "the base")?;
    let gone = recipe.base.keys().map(String::as_str).filter(|name| parameters.get(name).is_none()).collect();
    missing(gone, "the base", "the model")?;
    for (pattern, _) in &recipe.axes {
        if !parameters.names().any(|name| fits(pattern, name)) {
            return Err(invalid(format!("no parameter is called `{pattern}`, whose axes are given")));
        }
    }
    let reader = Reader { recipe, parameters, buffers, shared: shared(parameters) };
    parameters.distinct().map(|(name, param)| reader.read(name, param)).collect()
}

struct Reader<'a, T: Float> {
    recipe: &'a MaximalUpdate,
    parameters: &'a Parameters<T>,
    buffers: &'a Parameters<T>,
    shared: HashSet<&'a str>,
}

impl<T: Float> Reader<'_, T> {
    fn read(&self, name: &str, param: &Param<T>) -> Result<Fans> {
        let shape = param.shape();
        let (base, size) = &self.recipe.base[name];
        if base.len() != shape.len() {
            return Err(invalid(format!("`{name}` has shape {shape}, but {base} in the base; build both alike")));
        }
        let ratios: Vec<f64> = shape.iter().zip(base.iter()).map(|(&own, &base)| own as f64 / base as f64).collect();
        let growing: Vec<usize> = (0..ratios.len()).filter(|&axis| ratios[axis] != 1.0).collect();
        let named = |role, fans| Ok(Fans { name: name.into(), shape: shape.clone(), role, fans, size: Some(*size) });
        if growing.is_empty() {
            return Ok(Fans { name: name.into(), shape, role: Role::Fixed, fans: [1.0; 2], size: None });
        }
        if ratios.len() == 1 {
            return named(Role::Vector, [1.0, ratios[0]]);
        }
        if self.is_normalised(name) {
            let why = format!(
                "`{name}` lies under a WeightNorm or SpectralNorm, which sets the size of the weights anew; leave the norm out"
            );
            return Err(invalid(why));
        }
        let [inputs, outputs] = self.axes(name, &ratios, &growing)?;
        let fans = [ratios[inputs], ratios[outputs]];
        let role = match fans.map(|ratio| ratio != 1.0) {
            [true, true] => Role::Hidden,
            [false, _] => Role::Input,
            [true, false] => Role::Output,
        };
        if role != Role::Hidden && self.shared.contains(name) {
            let why =
                format!("`{name}` has two names in the model, and one rate cannot suit both places; give each its own");
            return Err(invalid(why));
        }
        named(role, fans)
    }

    /// The axes that count inputs and outputs.
    fn axes(&self, name: &str, ratios: &[f64], growing: &[usize]) -> Result<[usize; 2]> {
        let given = self.recipe.axes.iter().rfind(|(pattern, _)| fits(pattern, name)).map(|(_, axes)| *axes);
        if let Some(axes) = given
            && (axes[0] == axes[1] || axes.iter().any(|&axis| axis >= ratios.len()))
        {
            let (axes, count) = (axes.map(|axis| axis.to_string()).join(" and "), ratios.len());
            return Err(invalid(format!("`{name}` has {count} axes, of which {axes} are given; count them from 0")));
        }
        let axes = match (given, ratios.len()) {
            (Some(axes), _) => axes,
            (None, 2) => [0, 1],
            // Of a convolution (outputs, inputs, …), of a transposed one (inputs, outputs, …).
            (None, _) if ratios[0] == ratios[1] => [1, 0],
            (None, _) => match self.sibling(self.parameters, name, "b").zip(self.recipe.base.get(&beside(name, "b"))) {
                Some((own, (base, _))) => {
                    let biases = own.numel() as f64 / base.iter().product::<usize>() as f64;
                    if biases == ratios[0] { [1, 0] } else { [0, 1] }
                }
                None => {
                    let why = format!("`{name}` has no biases that tell its outputs; tell its axes with axes()");
                    return Err(invalid(why));
                }
            },
        };
        match growing.iter().find(|axis| !axes.contains(axis)) {
            None => Ok(axes),
            Some(axis) => Err(invalid(format!(
                "axis {axis} of `{name}` grows, and counts neither inputs nor outputs; keep it, or tell the axes with axes()"
            ))),
        }
    }

    /// Whether a layer around this one divides the weights by a norm of them: it has a gain of its own, or buffers.
    fn is_normalised(&self, name: &str) -> bool {
        let buffered = |end| self.sibling(self.buffers, name, end).is_some();
        self.sibling(self.parameters, name, "gain").is_some() || (buffered("u") && buffered("v"))
    }

    fn sibling<'p>(&self, of: &'p Parameters<T>, name: &str, end: &str) -> Option<&'p Param<T>> {
        of.get(&beside(name, end))
    }
}

/// The name of another parameter of the same layer.
fn beside(name: &str, end: &str) -> String {
    match name.rsplit_once('.') {
        Some((place, _)) => format!("{place}.{end}"),
        None => end.to_string(),
    }
}

/// The first names of parameters that have several.
#[expect(clippy::mutable_key_type, reason = "a parameter's hash is that of its identity")]
fn shared<T: Float>(parameters: &Parameters<T>) -> HashSet<&str> {
    let mut first = HashMap::new();
    parameters
        .iter()
        .filter_map(|(name, param)| match first.get(param) {
            Some(&known) => Some(known),
            None => {
                first.insert(param, name);
                None
            }
        })
        .collect()
}

fn invalid(why: String) -> Error {
    Error::invalid("scaling", why)
}
