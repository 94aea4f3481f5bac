//! [`State`]: the numbers of a part by name.

use std::collections::BTreeMap;
use std::rc::Rc;

use autograd::{Float, Parameters, Tensor};

use super::WHAT;
use crate::error::{Error, Result, shown};

/// Parameters and buffers below a prefix, all as `f64`.
#[derive(Debug, Clone)]
pub(super) struct State {
    prefix: String,
    all: Rc<BTreeMap<String, Tensor>>,
}

impl State {
    /// That of nodes without a layer.
    pub(super) fn empty() -> Self {
        State { prefix: String::new(), all: Rc::default() }
    }

    pub(super) fn of<T: Float>(state: &Parameters<T>) -> Result<Self> {
        let mut all = BTreeMap::new();
        for (name, param) in state.iter() {
            let value: Tensor = param.value().cast();
            if let Some(found) = value.as_slice().iter().find(|x| !x.is_finite()) {
                let why = format!(
                    "parameter `{name}` holds {}, and no other program could predict with it; train anew",
                    shown(found)
                );
                return Err(Error::invalid(WHAT, why));
            }
            all.insert(name.to_string(), value);
        }
        Ok(State { prefix: String::new(), all: Rc::new(all) })
    }

    /// Those of a part within.
    pub(super) fn within(&self, part: impl std::fmt::Display) -> Self {
        State { prefix: format!("{}{part}.", self.prefix), all: self.all.clone() }
    }

    /// With another value under a name.
    pub(super) fn with(&self, name: &str, value: Tensor) -> Self {
        let mut all = (*self.all).clone();
        all.insert(self.name(name), value);
        State { prefix: self.prefix.clone(), all: Rc::new(all) }
    }

    /// The name in the whole model.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn get(&self, name: &str) -> Option<Tensor> {
        self.all.get(&self.name(name)).cloned()
    }

    /// A value without which configuration and weights disagree.
    pub(super) fn need(&self, name: &str) -> Result<Tensor> {
        self.get(name).ok_or_else(|| {
            let why =
                format!("its configuration tells of a parameter `{}` that the model does not have", self.name(name));
            Error::invalid(WHAT, format!("{why}; let both agree"))
        })
    }
}
