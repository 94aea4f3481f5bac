//! The residual branches of a model, found in its configuration.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::nn::config::Config;

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

/// The fields of the layers that have others within; `Config` leaves no more than 100 levels to descend.
#[derive(Deserialize)]
struct Chain {
    layers: Vec<Config>,
}

#[derive(Deserialize)]
struct Graph {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    module: Option<Config>,
}

#[derive(Deserialize)]
struct Shortcut {
    inner: Config,
    strength: Option<f64>,
}

#[derive(Deserialize)]
struct Block {
    strength: Option<f64>,
}

/// All residual layers of a model.
pub(super) fn branches(config: &Config) -> Result<Vec<Branch>> {
    let mut found = vec![];
    collect(config, "", &mut found)?;
    Ok(found)
}

fn collect(config: &Config, place: &str, found: &mut Vec<Branch>) -> Result<()> {
    let within = |name: &str| if place.is_empty() { name.to_string() } else { format!("{place}.{name}") };
    let branch =
        |count, strength: Option<f64>| Branch { place: place.to_string(), count, strength: strength.unwrap_or(1.0) };
    match config.layer() {
        "sequential" => {
            for (i, layer) in config.data::<Chain>()?.layers.iter().enumerate() {
                collect(layer, &within(&i.to_string()), found)?;
            }
        }
        "network" => {
            for Part { name, module } in config.data::<Graph>()?.parts {
                module.map_or(Ok(()), |module| collect(&module, &within(&name), found))?;
            }
        }
        "transformer" => found.push(branch(2, config.data::<Block>()?.strength)),
        "residual" => {
            let Shortcut { inner, strength } = config.data()?;
            let mut nested = vec![];
            collect(&inner, place, &mut nested)?;
            if let Some(nested) = nested.first() {
                let why = format!(
                    "the branch `{place}` has another within, `{}`, and the theory has none of such; put them one after the other",
                    nested.place
                );
                return Err(Error::invalid("scaling", why));
            }
            found.push(branch(1, strength));
        }
        _ => {}
    }
    Ok(())
}
