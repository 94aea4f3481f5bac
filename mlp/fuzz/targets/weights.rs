//! Any bytes as a file of weights: loaded whole, or refused with an error and nothing changed; never a panic.

#![no_main]

use autograd::{Param, Parameters, Tensor};
use libfuzzer_sys::fuzz_target;
use mlp_fuzz::{file, tensors, told};

fn load<T: autograd::Float>(path: &std::path::Path, w: Tensor<T>, b: Tensor<T>) {
    let (first, second) = (Param::new(w.clone()), Param::new(b.clone()));
    let parameters = Parameters::new().with("w", &first).with("b", &second);
    if told(mlp::io::load(&parameters, path)).is_none() {
        assert!(first.value() == w && second.value() == b, "changed, though it was refused");
    }
}

fuzz_target!(|data: &[u8]| {
    let path = file(".safetensors", &tensors(data));
    load::<f64>(&path, Tensor::from([[1.0, 2.0]]), Tensor::from([3.0]));
    load::<f32>(&path, Tensor::from([[1.0, 2.0]]), Tensor::from([3.0]));
});
