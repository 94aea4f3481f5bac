//! Any bytes as a bundle, also with a checksum that agrees: loaded, or refused with an error; what was loaded is written and predicts.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use mlp::{Bundle, Csv};
use mlp_fuzz::{file, small, tensors, told};
use safetensors::SafeTensors;

/// The file with a checksum that agrees: of a damaged one only the checksum would be seen. `None` if the model would be large.
fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let parsed = SafeTensors::deserialize(bytes).ok()?;
    let (_, head) = SafeTensors::read_metadata(bytes).ok()?;
    let text = head.metadata().as_ref()?.get("mlp")?;
    if !small(text) {
        return None;
    }
    let rest = text.get(r#"{"checksum":"00000000","#.len()..)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(rest.as_bytes());
    let mut names = parsed.names();
    names.sort_unstable();
    for name in names {
        let view = parsed.tensor(name).ok()?;
        let dtype = match format!("{:?}", view.dtype()).as_str() {
            "F32" => "F32",
            "F64" => "F64",
            _ => "other",
        };
        let shape: Vec<String> = view.shape().iter().map(usize::to_string).collect();
        sum.update(format!("\n{name}\n{dtype}\n{}\n", shape.join(",")).as_bytes());
        sum.update(view.data());
    }
    let text = format!(r#"{{"checksum":"{:08x}","#, sum.finalize()) + rest;
    safetensors::serialize(parsed.tensors(), Some(HashMap::from([("mlp".to_string(), text)]))).ok()
}

fuzz_target!(|data: &[u8]| {
    let bytes = tensors(data);
    let Some(sealed) = sealed(&bytes) else {
        told(Bundle::<f64>::load(file(".bundle", &bytes)));
        return;
    };
    let path = file(".bundle", &sealed);
    let Some(bundle) = told(Bundle::<f64>::load(&path)) else { return };
    let again = file(".again", &[]);
    bundle.save(&again).expect("what was loaded is written");
    let again: Bundle = Bundle::load(&again).expect("what was written is loaded");
    assert_eq!(again.config(), bundle.config());
    for text in ["x,y\n1,2\n-3e300,a\n", "width,kind\n1,rose\n?,\n"] {
        let table = Csv::new().parse("fuzz.csv", text.as_bytes()).expect("a table");
        told(bundle.predict(&table));
    }
});
