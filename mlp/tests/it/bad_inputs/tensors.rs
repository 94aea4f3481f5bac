//! Bad files of tensors: weights, state dicts, checkpoints and bundles.

use super::rows::listed;
use crate::bad_files::{Row, bundle, safetensors};

/// A file of tensors of `f64`: names, shapes and numbers.
fn tensors(of: &[(&str, &str, &[f64])]) -> Vec<u8> {
    typed("F64", of)
}

fn typed(dtype: &str, of: &[(&str, &str, &[f64])]) -> Vec<u8> {
    let (mut header, mut numbers) = (vec![], vec![]);
    for (name, shape, values) in of {
        let start = numbers.len();
        numbers.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        header.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{}]}}"#,
            numbers.len()
        ));
    }
    safetensors(&format!("{{{}}}", header.join(",")), &numbers)
}

pub(super) fn weights() -> Vec<Row> {
    let (w, b) = (("w", "[2,2]", &[0.0; 4][..]), ("b", "[2]", &[0.0; 2][..]));
    listed([
        ("no parameters", tensors(&[]), "no parameter `w`; the file holds none"),
        ("a parameter that is missing", tensors(&[w]), "no parameter `b`; the file holds `w`"),
        ("one parameter too many", tensors(&[w, b, ("c", "[1]", &[0.0])]), "parameter `c` is not in the model"),
        (
            "another shape",
            tensors(&[("w", "[4]", &[0.0; 4]), b]),
            "parameter `w` has shape (4,), the model needs (2, 2)",
        ),
        ("an axis of 0", tensors(&[("w", "[2,0]", &[]), b]), "parameter `w` has shape (2, 0)"),
        ("integers", typed("I64", &[w, b]), "holds i64, the model needs f64"),
        ("NaN", tensors(&[w, ("b", "[2]", &[0.0, f64::NAN])]), "parameter `b` holds NaN at position 1"),
        ("infinity", tensors(&[("w", "[2,2]", &[f64::NEG_INFINITY; 4]), b]), "parameter `w` holds -inf at position 0"),
    ])
}

pub(super) fn state_dicts() -> Vec<Row> {
    let (two, four) = (&[1.0; 2][..], &[1.0; 4][..]);
    let all = |last: (&'static str, &'static str, &'static [f64])| {
        let of = ["0.bias", "1.weight", "1.bias", "1.running_mean"].map(|name| (name, "[2]", two));
        tensors(&[&[("0.weight", "[2,2]", four)][..], &of, &[last]].concat())
    };
    listed([
        ("names of this crate", tensors(&[("0.w", "[2,2]", four)]), "no parameter `0.weight`"),
        ("a buffer that is missing", all(("1.count", "[1]", &[1.0])), "no parameter `1.running_var`"),
        (
            "another shape",
            all(("1.running_var", "[3]", &[1.0; 3])),
            "parameter `1.running_var` has shape (3,), the model needs (2,)",
        ),
        ("NaN", all(("1.running_var", "[2]", &[f64::NAN; 2])), "parameter `1.running_var` holds NaN"),
    ])
}

/// The file with another text in its header, and a length that agrees.
fn patched(good: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(good[8..end].to_vec()).unwrap();
    assert!(header.contains(from), "{from}: {header}");
    safetensors(&header.replacen(from, to, 1), &good[end..])
}

pub(super) fn trainings(good: &[u8]) -> Vec<Row> {
    let words = |to: &str| patched(good, r#""epochs":"3""#, to);
    listed([
        ("weights alone", tensors(&[("w", "[2,2]", &[0.0; 4])]), "not a training that `save_training` wrote"),
        ("fewer than no epochs", words(r#""epochs":"-3""#), "`epochs` is `-3`"),
        ("epochs beyond all trainings", words(r#""epochs":"18446744073709551615""#), "`epochs` is `184467440737095516"),
        ("epochs that are no number", words(r#""epochs":"three""#), "`epochs` is `three`"),
        ("a reason that is not known", words(r#""epochs":"3","stopped":"bored""#), "`stopped` is `bored`"),
        ("a loss that is not finite", words(r#""epochs":"3","loss":"NaN""#), "`loss` is `NaN`"),
        ("steps without a number", words(r#""epochs":"3","within":"x""#), "`within` is `x`"),
        ("another optimiser", patched(good, "optimizer.w.square", "optimizer.w.moment"), "w.square"),
        ("another model", patched(good, "model.w", "model.v"), "no parameter `model.w`"),
    ])
}

/// A bundle whose text is `change`d and whose checksum agrees, as a careful forger would write it.
fn forged(good: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&good[8..end]).unwrap();
    let text = header["__metadata__"]["mlp"].as_str().unwrap().to_string();
    assert!(text.contains(from), "{from}: {text}");
    let rest = text.replacen(from, to, 1).split_off(r#"{"checksum":"00000000","#.len());
    let mut sum = crc32fast::Hasher::new();
    sum.update(rest.as_bytes());
    let stored = safetensors::SafeTensors::deserialize(good).unwrap();
    let mut names = stored.names();
    names.sort_unstable();
    for name in names {
        let tensor = stored.tensor(name).unwrap();
        let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
        sum.update(format!("\n{name}\nF64\n{}\n", shape.join(",")).as_bytes());
        sum.update(tensor.data());
    }
    header["__metadata__"]["mlp"] = format!(r#"{{"checksum":"{:08x}",{rest}"#, sum.finalize()).into();
    safetensors(&header.to_string(), &good[end..])
}

pub(super) fn bundles(good: &[u8]) -> Vec<Row> {
    let config = bundle().config().to_string();
    let forge = |from: &str, to: &str| forged(good, from, to);
    listed([
        ("weights alone", tensors(&[("w", "[2,2]", &[0.0; 4])]), "no bundle but tensors alone"),
        ("another text", patched(good, "rose", "nose"), "a damaged bundle (its checksum is"),
        ("a format to come", patched(good, r#"\"format\":1"#, r#"\"format\":7"#), "a bundle of format 7"),
        ("no format", patched(good, r#"\"format\":1"#, r#"\"format\":-1"#), "no format that was ever written"),
        ("no text", patched(good, r#""{\"checksum\""#, r#""[\"checksum\""#), "a damaged bundle ("),
        ("a layer that is not known", forge(&config, r#"{"layer":"cube"}"#), "cube: no such layer is known"),
        (
            "a layer of 2^60 inputs",
            forge(&config, r#"{"layer":"linear","inputs":1152921504606846976,"outputs":2}"#),
            "than memory holds",
        ),
        (
            "deep layers",
            forge(
                &config,
                &format!("{}{}", r#"{"layer":"residual","inner":"#.repeat(120), "1".to_string() + &"}".repeat(120)),
            ),
            "deeper",
        ),
        ("another layer", forge(&config, r#"{"layer":"linear","inputs":3,"outputs":2}"#), "no parameter `w`"),
        ("another activation", forge(r#""tanh""#, r#""soft""#), "`soft` is not known"),
        (
            "classes that are not the outputs",
            forge(r#"["iris","rose"]"#, r#"["iris","lily","rose"]"#),
            "has 3 classes; give its last layer 3 outputs",
        ),
        ("a category twice", forge(r#"["blue","red"]"#, r#"["blue","blue"]"#), "category `blue` is given twice"),
        ("a category less", forge(r#"["blue","red"]"#, r#"["blue"]"#), "does not take the 2 numbers of a row"),
        ("a scale of 0", forge(r#""scale":"#, r#""scale":0,"more":"#), "unknown field `more`"),
    ])
}
