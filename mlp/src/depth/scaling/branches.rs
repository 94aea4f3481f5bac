//! The residual branches of a model, found in its configuration.

use crate::error::{Error, Result};
use crate::nn::config::{Config, Configured, inside};
use crate::nn::layers::{Residual, Sequential, TransformerBlock};
use crate::nn::network::Network;

/// A layer with residual branches.
#[derive(Debug)]
pub(super) struct Branch {
    /// The names of its parameters begin with this.
    pub(super) place: String,
    /// How many branches it has: a block of a transformer has two.
    pub(super) count: usize,
    pub(super) strength: f64,
}

impl Branch {
    pub(super) fn holds(&self, name: &str) -> bool {
        match name.strip_prefix(self.place.as_str()) {
            Some(rest) => self.place.is_empty() || rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }
}

/// All residual layers of a model; [`Config`] leaves no more than 100 levels to descend.
pub(super) fn branches(config: &Config) -> Result<Vec<Branch>> {
    let mut found = vec![];
    collect(config, "", &mut found)?;
    Ok(found)
}

fn collect(config: &Config, place: &str, found: &mut Vec<Branch>) -> Result<()> {
    let branch =
        |count, strength: Option<f64>| Branch { place: place.to_string(), count, strength: strength.unwrap_or(1.0) };
    match config.layer() {
        "sequential" => {
            for (i, layer) in config.data::<<Sequential as Configured>::Data>()?.layers.iter().enumerate() {
                collect(layer, &inside(place, &i.to_string()), found)?;
            }
        }
        "network" => {
            for part in config.data::<<Network as Configured>::Data>()?.parts {
                part.module.map_or(Ok(()), |module| collect(&module, &inside(place, &part.name), found))?;
            }
        }
        "transformer" => found.push(branch(2, config.data::<<TransformerBlock as Configured>::Data>()?.strength)),
        "residual" => {
            let data = config.data::<<Residual as Configured>::Data>()?;
            let mut nested = vec![];
            collect(&data.inner, place, &mut nested)?;
            if let Some(nested) = nested.first() {
                let why = format!(
                    "the branch `{place}` has another within, `{}`, and the theory has none of such; put them one after the other",
                    nested.place
                );
                return Err(Error::invalid("scaling", why));
            }
            found.push(branch(1, data.strength));
        }
        _ => {}
    }
    Ok(())
}
