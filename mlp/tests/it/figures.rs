//! Figures of PyTorch, written by the scripts in `tests/data`: a layer must give the same values and gradients.

use std::collections::BTreeMap;

use autograd::{Float, Tape, Tensor};
use mlp::Module;
use serde_json::Value;

/// A case of a data file: what `record` of `tests/data/figures.py` writes down.
pub(crate) struct Case(Value);

/// The cases of a data file by name.
pub(crate) fn cases(json: &str) -> BTreeMap<String, Case> {
    let cases: BTreeMap<String, Value> = serde_json::from_str(json).expect("a data file");
    cases.into_iter().map(|(name, case)| (name, Case(case))).collect()
}

/// An array as `array` of `tests/data/figures.py` writes it down.
pub(crate) fn tensor<T: Float>(array: &Value) -> Tensor<T> {
    let shape: Vec<usize> =
        array["shape"].as_array().unwrap().iter().map(|len| len.as_u64().unwrap() as usize).collect();
    let values = array["values"].as_array().unwrap().iter().map(|x| T::from_f64(x.as_f64().unwrap())).collect();
    Tensor::new(&shape[..], values)
}

/// Arrays by name.
pub(crate) fn arrays<T: Float>(arrays: &Value) -> BTreeMap<String, Tensor<T>> {
    arrays.as_object().unwrap().iter().map(|(name, array)| (name.clone(), tensor(array))).collect()
}

impl Case {
    /// The arrays of a part: `inputs`, `state`, `gradients` or `after`.
    pub(crate) fn arrays<T: Float>(&self, part: &str) -> BTreeMap<String, Tensor<T>> {
        arrays(&self.0[part])
    }

    /// One array of a part.
    pub(crate) fn array<T: Float>(&self, part: &str, name: &str) -> Tensor<T> {
        tensor(&self.0[part][name])
    }

    /// The output, and the weights `v` of `Σ v·y`, whose gradients are written down.
    pub(crate) fn output<T: Float>(&self) -> (Tensor<T>, Tensor<T>) {
        (tensor(&self.0["output"]), tensor(&self.0["weights"]))
    }

    pub(crate) fn is_training(&self) -> bool {
        self.0["train"].as_bool().unwrap()
    }
}

/// Holds a layer with one input, `x`, to a case: after its state is set to that of the case, its output, the gradients of
/// `x` and of all parameters, and the state after it must be those of the case.
pub(crate) fn agrees<T: Float>(name: &str, layer: &dyn Module<T>, case: &Case) {
    let tolerance = if T::EPSILON > 1e-10 { 2e-5 } else { 1e-11 };
    let close = |what: &str, found: &Tensor<T>, needed: &Tensor<T>| {
        assert!(found.is_close(needed, tolerance), "{name}: {what}: {found:?}, PyTorch has {needed:?}");
    };
    let state = layer.state();
    for (key, value) in case.arrays::<T>("state") {
        state.get(&key).unwrap_or_else(|| panic!("{name}: the layer has no {key}")).set(value);
    }
    let tape = Tape::<T>::default();
    if case.is_training() {
        tape.train(1);
    }
    let x = tape.var(case.array("inputs", "x"));
    let y = layer.forward(x);
    let (output, weights) = case.output();
    close("output", &y.value(), &output);
    let gradients = (y * &weights).sum().backward();
    let mut needed = case.arrays::<T>("gradients");
    if let Some(dx) = needed.remove("x") {
        close("gradient of x", &gradients[x], &dx);
    }
    assert_eq!(needed.len(), layer.parameters().len(), "{name}: gradients of {:?}", needed.keys());
    for (key, value) in needed {
        let param = state.get(&key).unwrap_or_else(|| panic!("{name}: the layer has no {key}"));
        close(&format!("gradient of {key}"), &gradients[param], &value);
    }
    for (key, value) in case.arrays::<T>("after") {
        close(&format!("{key} afterwards"), &state.get(&key).expect("a buffer").value(), &value);
    }
}

/// Holds the layers that `wide` and `narrow` know by the names of cases, in both types; returns how many.
pub(crate) fn agree(
    json: &str,
    wide: impl Fn(&str) -> Option<Box<dyn Module<f64>>>,
    narrow: impl Fn(&str) -> Option<Box<dyn Module<f32>>>,
) -> usize {
    let mut held = 0;
    for (name, case) in cases(json) {
        if let Some(layer) = wide(&name) {
            agrees(&name, &*layer, &case);
            agrees(&name, &*narrow(&name).expect("the same layer"), &case);
            held += 1;
        }
    }
    held
}
