//! An [`Init`] as data: the name of a recipe, or its numbers.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Distribution, Fan, Init};
use crate::nn::config::fields::bound;

/// A name, and what it stands for.
type Recipe = (&'static str, fn() -> Init);

/// The recipes that have a name.
const NAMED: [Recipe; 7] = [
    ("lecun_normal", Init::lecun_normal),
    ("lecun_uniform", Init::lecun_uniform),
    ("glorot_normal", Init::glorot_normal),
    ("glorot_uniform", Init::glorot_uniform),
    ("he_normal", Init::he_normal),
    ("he_uniform", Init::he_uniform),
    ("orthogonal", Init::orthogonal),
];

/// The form of those without a name.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Init", rename_all = "snake_case", deny_unknown_fields)]
enum Numbers {
    Zeros,
    Constant(f64),
    Uniform {
        low: f64,
        high: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    TruncatedNormal {
        mean: f64,
        std: f64,
        #[serde(with = "bound")]
        low: f64,
        #[serde(with = "bound")]
        high: f64,
    },
    Scaled {
        gain: f64,
        fan: Fan,
        distribution: Distribution,
    },
    Orthogonal {
        gain: f64,
    },
}

impl Serialize for Init {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMED.iter().find(|(_, recipe)| recipe() == *self) {
            Some((name, _)) => serializer.serialize_str(name),
            None => Numbers::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Init {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Init;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an initialiser, or an object such as {\"constant\": 0.1}")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Init, E> {
        if let Some((_, recipe)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(recipe());
        }
        Numbers::deserialize(StrDeserializer::<E>::new(name)).map_err(|_| {
            let names: Vec<_> = NAMED.iter().map(|(name, _)| *name).collect();
            E::custom(format_args!(
                "`{name}` is no initialiser; choose from zeros, {}, or give numbers, such as {{\"constant\": 0.1}}",
                names.join(", ")
            ))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, numbers: A) -> Result<Init, A::Error> {
        Numbers::deserialize(MapAccessDeserializer::new(numbers))
    }
}
