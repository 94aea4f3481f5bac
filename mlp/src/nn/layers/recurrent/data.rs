//! Recurrent layers as data.

use std::collections::BTreeMap;

use autograd::Float;
use serde::{Deserialize, Serialize};

use super::{Cell, Recurrent};
use crate::error::list;
use crate::nn::config::{Configured, Parts, fields};
use crate::{Error, Init};

/// A [`Recurrent`] layer as data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    inputs: usize,
    hidden: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<usize>,
    #[serde(default, skip_serializing_if = "fields::is_off")]
    pub(crate) last: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrent_init: Option<Init>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gate_bias: BTreeMap<String, f64>,
}

impl<C: Cell, T: Float> Configured<T> for Recurrent<C, T> {
    const LAYER: &'static str = C::NAME;
    type Data = Data;

    fn data(&self) -> Result<Data, Error> {
        Ok(Data {
            inputs: self.inputs,
            hidden: self.hidden,
            layers: fields::unless(1, self.layers.len()),
            last: self.last,
            segments: self.segment,
            recurrent_init: None,
            gate_bias: BTreeMap::new(),
        })
    }

    fn build(data: Data, parts: &mut Parts<'_, T>) -> Result<Self, Error> {
        let mut layer = Recurrent::stacked(data.inputs, data.hidden, data.layers.unwrap_or(1), parts.rng())?;
        if data.segments == Some(0) {
            return Err(Error::invalid(C::NAME, "segments of 0 steps; 1 keeps every state"));
        }
        (layer.last, layer.segment) = (data.last, data.segments);
        if let Some(init) = data.recurrent_init {
            layer = layer.recurrent_init(&init, parts.rng())?;
        }
        for (gate, bias) in data.gate_bias {
            let Some(k) = C::GATES.iter().position(|known| *known == gate) else {
                let gates: Vec<_> = C::GATES.iter().map(|gate| gate.to_string()).collect();
                return Err(Error::invalid(
                    C::NAME,
                    format!("it has no gate `{gate}`; its gates are {}", list(&gates)),
                ));
            };
            layer.set_biases(k, bias);
        }
        Ok(layer)
    }
}
