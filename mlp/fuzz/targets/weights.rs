//! Any bytes as a file of weights: loaded whole, or refused with an error and nothing changed; never a panic.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use autograd::{Param, Parameters, Tensor};
use libfuzzer_sys::fuzz_target;

/// A file of this process.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::temp_dir().join(format!("mlp-fuzz-{}.safetensors", std::process::id())))
}

fn load<T: autograd::Float>(w: Tensor<T>, b: Tensor<T>) {
    let (first, second) = (Param::new(w.clone()), Param::new(b.clone()));
    let parameters = Parameters::new().with("w", &first).with("b", &second);
    if let Err(error) = mlp::io::load(&parameters, path()) {
        assert!(!error.to_string().is_empty());
        assert!(first.value() == w && second.value() == b, "changed, though {error}");
    }
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(path(), data).expect("the folder for temporary files can be written");
    load::<f64>(Tensor::from([[1.0, 2.0]]), Tensor::from([3.0]));
    load::<f32>(Tensor::from([[1.0, 2.0]]), Tensor::from([3.0]));
});
