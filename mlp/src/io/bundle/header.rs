//! [`Header`]: what a bundle says beside its weights.

use autograd::{Float, Tensor};
use indexmap::IndexMap;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Schema;
use crate::io::format::{Stored, bytes, dtype};
use crate::nn::config::Config;

/// The name of the text among the metadata. One text, since the format writes several in the order of a hash map.
pub(super) const ABOUT: &str = "mlp";

/// The format, which rises when an older release would read a file wrongly. A field that an older release may pass over does
/// not raise it.
const FORMAT: u64 = 1;

/// What stands before the rest of the text, with eight hexadecimal digits between.
const BEFORE: &str = r#"{"checksum":""#;
const BEHIND: &str = r#"","#;

#[derive(Debug)]
pub(super) struct Header {
    pub(super) config: Config,
    pub(super) schema: Schema,
    pub(super) notes: IndexMap<String, String>,
    pub(super) version: String,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u64,
    version: &'a str,
    config: &'a Config,
    schema: &'a Schema,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    notes: &'a IndexMap<String, String>,
}

#[derive(Deserialize)]
struct Read {
    version: String,
    /// Read from its text, where it has a version of its own.
    config: Value,
    schema: Schema,
    #[serde(default)]
    notes: IndexMap<String, String>,
}

/// The text with a checksum over what follows it, and over the tensors.
pub(super) fn sealed<T: Float>(
    config: &Config,
    schema: &Schema,
    notes: &IndexMap<String, String>,
    tensors: &[(String, Tensor<T>)],
) -> String {
    let written = Written { format: FORMAT, version: env!("CARGO_PKG_VERSION"), config, schema, notes };
    let text = serde_json::to_string(&written).expect("plain data of text and finite numbers");
    let rest = &text[1..];
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by_key(|(name, _)| name);
    let mut sum = Sum::of(rest);
    for (name, tensor) in sorted {
        sum.tensor(name, dtype::<T>(), tensor.shape(), &bytes(tensor));
    }
    format!("{BEFORE}{}{BEHIND}{rest}", sum.text())
}

impl Header {
    pub(super) fn read(stored: &Stored<'_>) -> Result<Self, String> {
        let Some(text) = stored.about.get(ABOUT) else {
            return Err("no bundle but tensors alone; build their model, and load them with io::load".to_string());
        };
        let broken = |problem: String| format!("a damaged bundle ({problem}); take another copy of the file");
        let value: Value = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(format) if format > FORMAT => {
                let version = value.get("version").and_then(Value::as_str).unwrap_or("a newer release");
                return Err(format!(
                    "a bundle of format {format}, which version {version} of this crate wrote; version {} reads formats up to \
                     {FORMAT}: update it",
                    env!("CARGO_PKG_VERSION")
                ));
            }
            _ => return Err(broken("it has no format that was ever written".to_string())),
        }
        let sealed = text.strip_prefix(BEFORE).and_then(|text| text.split_once(BEHIND));
        let Some((found, rest)) = sealed else { return Err(broken("it has no checksum".to_string())) };
        let mut sum = Sum::of(rest);
        for (name, view) in stored.views() {
            sum.tensor(name, view.dtype(), view.shape(), view.data());
        }
        if sum.text() != found {
            return Err(broken(format!("its checksum is {}, not {found}", sum.text())));
        }
        let Read { version, config, schema, notes } =
            serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
        let config = config.to_string().parse().map_err(|error: crate::Error| error.to_string())?;
        Ok(Header { config, schema, notes, version })
    }
}

/// A CRC-32, which finds every damage within four bytes in a row.
struct Sum(crc32fast::Hasher);

impl Sum {
    fn of(text: &str) -> Self {
        let mut sum = crc32fast::Hasher::new();
        sum.update(text.as_bytes());
        Sum(sum)
    }

    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) {
        // In words of its own: those of a library may change, and the file would be refused.
        let dtype = match dtype {
            Dtype::F32 => "F32",
            Dtype::F64 => "F64",
            _ => "other",
        };
        let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
        self.0.update(format!("\n{name}\n{dtype}\n{}\n", shape.join(",")).as_bytes());
        self.0.update(bytes);
    }

    fn text(&self) -> String {
        format!("{:08x}", self.0.clone().finalize())
    }
}
