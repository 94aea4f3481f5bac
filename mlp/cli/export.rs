//! `mlp export`.

use autograd::Tensor;
use mlp::{Bundle, io};
use serde_json::json;

use crate::args::{Export, Format};
use crate::output::{Outcome, counted, failed, print_either, same_file};

pub(crate) fn run(export: &Export, json: bool) -> Outcome {
    let Export { model, file, to, f64 } = export;
    if same_file(model, file) {
        return failed(format!("{} is the model itself, which would be replaced; choose another file", file.display()));
    }
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let format = match (to, ending.as_deref()) {
        (Some(format), _) => *format,
        (None, Some("onnx")) => Format::Onnx,
        (None, Some("npz")) => Format::Npz,
        (None, Some("safetensors")) => Format::Torch,
        (None, _) => {
            let file = file.display();
            return failed(format!(
                "{file}: its ending tells no format; name a file .onnx, .safetensors or .npz, or give --to"
            ));
        }
    };
    if *f64 && format != Format::Onnx {
        return failed("--f64 is for ONNX; the other formats have all bits");
    }
    let bundle: Bundle = Bundle::load(model)?;
    let (name, what) = match format {
        Format::Onnx => {
            let onnx = if *f64 { io::Onnx::new().f64() } else { io::Onnx::new() };
            onnx.save_bundle(&bundle, file)?;
            ("onnx", about(&bundle)?)
        }
        Format::Torch => {
            io::torch::save(bundle.model(), file)?;
            let n = bundle.model().state_dict()?.names().count();
            ("torch", format!("{} under the names of PyTorch", counted(n, "array")))
        }
        Format::Npz => {
            let state = bundle.model().state();
            let arrays: Vec<(&str, Tensor)> = state.iter().map(|(name, param)| (name, param.value())).collect();
            io::write_npz(file, arrays.iter().map(|(name, x)| (*name, x)))?;
            ("npz", counted(arrays.len(), "array"))
        }
    };
    let value = json!({ "file": file.display().to_string(), "format": name, "contents": what });
    print_either(json, &value, &format!("{}: {what}\n", file.display()))
}

/// What goes in and what comes out.
fn about(bundle: &Bundle) -> mlp::Result<String> {
    let schema = bundle.schema();
    let (input, target) = (schema.input_names().concat(), schema.target_names().concat());
    let numbers = counted(schema.features(&input)?.len(), "number");
    Ok(match schema.classes(&target) {
        Ok(classes) => format!("`{input}`, {numbers}, to `probabilities` of {}", counted(classes.len(), "class")),
        Err(_) => {
            format!("`{input}`, {numbers}, to `values` of {}", counted(schema.target_columns(&target)?.len(), "column"))
        }
    })
}
