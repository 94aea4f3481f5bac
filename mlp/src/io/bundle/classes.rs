//! [`Indices`]: inputs that are classes by number, since the model begins with an embedding.

use std::collections::BTreeSet;

use autograd::{Float, Tensor};
use serde_json::Value;

use crate::nn::config::Config;

/// How the embeddings of a model are fed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Indices {
    /// The least number of classes of the embeddings that read the inputs of the model; `None` without any.
    pub(super) classes: Option<usize>,
    /// Whether an embedding reads what other layers make.
    pub(super) behind: bool,
}

impl Indices {
    /// Those of the layers of this crate; what a layer of another does inside is not looked at.
    pub(super) fn of(config: &Config) -> Self {
        let mut found = Indices::default();
        if let Ok(value) = serde_json::to_value(config) {
            found.walk(&value, true);
        }
        found
    }

    /// The first value that is none of the classes.
    pub(super) fn odd<T: Float>(&self, inputs: &Tensor<T>) -> Option<(usize, usize)> {
        let classes = self.classes? as f64;
        let is_class = |x: f64| x.fract() == 0.0 && (0.0..classes).contains(&x);
        inputs.as_slice().iter().position(|x| !is_class(x.to_f64())).map(|i| (i, classes as usize))
    }

    /// `first` says whether the layer reads the inputs of the model, unchanged, and the result, whether it passes them on so.
    fn walk(&mut self, layer: &Value, first: bool) -> bool {
        match layer["layer"].as_str() {
            Some("embedding") => {
                match layer["count"].as_u64().filter(|_| first) {
                    Some(count) => {
                        let count = usize::try_from(count).unwrap_or(usize::MAX);
                        self.classes = Some(self.classes.map_or(count, |least| least.min(count)));
                    }
                    None => self.behind = true,
                }
                false
            }
            Some("sequential") => {
                let layers = layer["layers"].as_array().into_iter().flatten();
                layers.fold(first, |first, layer| self.walk(layer, first))
            }
            Some("residual") => {
                self.walk(&layer["inner"], first);
                false
            }
            Some("network") => self.walk_network(layer, first),
            Some("flatten" | "dropout") => first,
            _ => false,
        }
    }

    fn walk_network(&mut self, network: &Value, first: bool) -> bool {
        let parts = || network["parts"].as_array().into_iter().flatten();
        let names = |of: &str| network[of].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut unchanged: BTreeSet<&str> = names("inputs").filter(|_| first).collect();
        for part in parts() {
            let same = parts().find(|other| !part["same"].is_null() && other["name"] == part["same"]);
            let reads = part["reads"].as_str().is_some_and(|name| unchanged.contains(name));
            if self.walk(&same.unwrap_or(part)["module"], reads) {
                unchanged.extend(part["name"].as_str());
            }
        }
        names("outputs").all(|output| unchanged.contains(output))
    }
}
