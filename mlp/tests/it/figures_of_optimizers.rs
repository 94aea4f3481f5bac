//! Optimisers step by step beside PyTorch and their papers: figures of `tests/data/optimizers.py`.

use std::collections::BTreeSet;

use autograd::{Float, Param, Parameters, Tape, Tensor};
use serde_json::Value;

use crate::figures::arrays;
use crate::optimizers::{Form, optimizers};

/// Holds a form to its path of figures, step by step.
fn walk<T: Float>(figures: &Value, (name, make): &Form<T>) {
    let tolerance = if T::EPSILON > 1e-10 { 1e-4 } else { 1e-10 };
    let params = arrays::<T>(&figures["start"]).into_iter().map(|(name, value)| (name, Param::new(value)));
    let params: Vec<(String, Param<T>)> = params.collect();
    let parameters = params.iter().fold(Parameters::new(), |all, (name, param)| all.with(name, param));
    let mut optimizer = make(&parameters, figures["rate"].as_f64().unwrap());
    let path = figures["paths"][name].as_array().unwrap_or_else(|| panic!("{name}: no figures"));
    assert_eq!(path.len(), 20);
    let mut tape = Tape::default();
    for (step, (gradients, needed)) in figures["gradients"].as_array().unwrap().iter().zip(path).enumerate() {
        tape.clear();
        let gradients = arrays::<T>(gradients);
        let sum = params.iter().map(|(name, param)| (param.on(&tape) * &gradients[name]).sum());
        optimizer.step(&sum.reduce(|a, b| a + b).unwrap().backward());
        for (param, value) in arrays::<T>(needed) {
            let found: Tensor<T> = parameters.get(&param).unwrap().value();
            assert!(
                found.is_close(&value, tolerance),
                "{name}, {}, step {}: `{param}` is {found:?}, {value:?} is needed",
                T::NAME,
                step + 1
            );
        }
    }
}

#[test]
fn every_optimiser_steps_as_its_reference() {
    let figures: Value = serde_json::from_str(include_str!("../data/optimizers.json")).unwrap();
    let mut held = BTreeSet::new();
    for (wide, narrow) in optimizers::<f64>().iter().zip(optimizers::<f32>().iter()) {
        if wide.0 != "groups" {
            walk(&figures, wide);
            walk(&figures, narrow);
            held.insert(wide.0);
        }
    }
    let paths: BTreeSet<_> = figures["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(held, paths, "forms, and paths of figures");
}
