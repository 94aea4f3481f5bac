//! What a configuration accepts as JSON, and what is said of the rest.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_path_to_error::{Error, Segment};

/// How deep brackets may lie: below what the reader of JSON takes, so that what is written is read, and layers that are built one in the other do not
/// exhaust the stack.
const DEEPEST: usize = 100;

/// What is needed, as an example.
pub(super) const NEEDED: &str = r#"write it as {"layer": "linear", "inputs": 4, "outputs": 8}"#;

/// `Ok` if a value at this depth has no nulls, and does not lie too deep.
pub(super) fn check(value: &Value, depth: usize) -> Result<(), String> {
    match value {
        _ if depth >= DEEPEST => Err(format!("it lies deeper than {DEEPEST} brackets; nest fewer layers")),
        // NaN and ∞ become null, and null would become the usual value.
        Value::Null => Err(String::from(
            "a value is null, as numbers are that are not finite; give a value, or leave the field out",
        )),
        Value::Array(values) => values.iter().try_for_each(|value| check(value, depth + 1)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match value {
            Value::Null => Err(format!(
                "`{name}` is null, as numbers are that are not finite; give a value, or leave the field out"
            )),
            value => check(value, depth + 1),
        }),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// What is wrong with the fields of a layer, and where.
pub(super) fn problem(error: &Error<serde_json::Error>) -> String {
    let name = |segment: &Segment| match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => String::from("?"),
    };
    let path: Vec<String> = error.path().iter().map(name).collect();
    // `usize` is a word of Rust.
    let found = error.inner().to_string().replace("expected usize", "expected a whole number from 0");
    let repair = match () {
        () if found.starts_with("unknown field") => return found + "; correct its name or remove it",
        () if found.starts_with("missing field") => "; give it a value",
        () if found.contains("; ") => "",
        () => "; correct the value",
    };
    match path.is_empty() {
        true => found + repair,
        false => format!("`{}`: {found}{repair}", path.join(".")),
    }
}

/// What is wrong with a text that cannot be read.
pub(super) fn unread(error: &serde_json::Error) -> String {
    match error.is_data() {
        true => error.to_string(),
        false => format!("it is no JSON ({error}); {NEEDED}"),
    }
}

/// A value in a message.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value in which no field stands twice; the last of them would win unseen.
pub(super) struct Unique(pub(super) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = vec![];
        while let Some(Unique(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Unique(value))) = items.next_entry::<String, Unique>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the field `{name}` stands twice; remove one of them")));
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}
