//! A [`Network`] as data.

use autograd::Float;
use serde::{Deserialize, Serialize};

use super::{Does, Join, Network, NetworkBuilder};
use crate::error::Error;
use crate::nn::config::{Config, Configured, Parts};

/// A [`Network`] as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub(crate) inputs: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) outputs: Vec<String>,
}

/// A part as data: one of a module, a join, and the name of an earlier part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) reads: Reads,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<Config>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) join: Option<Join>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same: Option<String>,
}

/// One name, or several.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a name, or a list of names, is needed")]
pub(crate) enum Reads {
    One(String),
    Several(Vec<String>),
}

impl Reads {
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Reads::One(name) => std::slice::from_ref(name),
            Reads::Several(names) => names,
        }
    }
}

impl<T: Float> Configured<T> for Network<T> {
    const LAYER: &'static str = "network";
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        let mut parts = vec![];
        for node in &self.nodes {
            let mut names: Vec<String> = node.reads.iter().map(|&read| self.name(read).to_string()).collect();
            let reads = match names.len() {
                1 => Reads::One(names.remove(0)),
                _ => Reads::Several(names),
            };
            let mut part = Part { name: node.name.clone(), reads, module: None, join: None, same: None };
            match &node.does {
                Does::Part(module) => part.module = Some(Config::of_part(format_args!("parts.{}", node.name), module)?),
                Does::Join(join) => part.join = Some(*join),
                Does::Same(place) => part.same = Some(self.nodes[*place].name.clone()),
            }
            parts.push(part);
        }
        let outputs = self.outputs.iter().map(|&output| self.name(output).to_string()).collect();
        Ok(Data { inputs: self.inputs.clone(), parts, outputs })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let mut network = NetworkBuilder { inputs: data.inputs, parts: vec![] };
        for Part { name, reads, module, join, same } in data.parts {
            let does = match (module, join, same) {
                (Some(module), None, None) => Does::Part(parts.build(format_args!("parts.{name}"), &module)?),
                (None, Some(join), None) => Does::Join(join),
                (None, None, Some(part)) => Does::Same(part),
                _ => {
                    let why = format!("part `{name}` needs one of `module`, `join` and `same`; give it one");
                    return Err(Error::invalid("network", why));
                }
            };
            let reads = reads.names().to_vec();
            if !matches!(does, Does::Join(_)) && reads.len() != 1 {
                let n = reads.len();
                let why = format!("part `{name}` reads {n} values, and a module takes one; join them before");
                return Err(Error::invalid("network", why));
            }
            network = network.with(name, reads, does);
        }
        network.outputs(data.outputs)
    }
}
