//! Any text as a configuration: built, or refused with an error; what is built is written as it was read, and foretells its outputs.

#![no_main]

use autograd::Tensor;
use libfuzzer_sys::fuzz_target;
use mlp::{Config, Module};
use mlp_fuzz::{small, told};
use rand::{SeedableRng, rngs::StdRng};

fn build(config: &Config) -> Option<Box<dyn Module>> {
    told(config.build(&mut StdRng::seed_from_u64(0)))
}

fn shapes(model: &dyn Module) -> Vec<String> {
    model.state().iter().map(|(name, param)| format!("{name} {}", param.shape())).collect()
}

fuzz_target!(|text: &str| {
    let Some(config) = told(text.parse::<Config>()) else { return };
    assert_eq!(config.to_string().parse::<Config>().expect("what was read is written"), config);
    if !small(&config.to_string()) {
        return;
    }
    let Some(model) = build(&config) else { return };
    let written = model.config().expect("what was built from data has data");
    let again = build(&written).expect("what was written is built");
    assert_eq!(again.config().expect("what was built from data has data"), written);
    assert_eq!(shapes(&*again), shapes(&*model));
    // An embedding takes classes, and panics at other values, of which shapes tell nothing.
    if config.to_string().contains("embedding") {
        return;
    }
    let width = model.input_width().unwrap_or(3);
    for shape in [vec![2, width], vec![2, 3, width], vec![1, width, 4], vec![1, width, 4, 5], vec![1, 2, 4, width]] {
        if let Some(Some(foretold)) = told(model.output_shape(&shape[..].into())) {
            assert_eq!(model.predict(&Tensor::ones(&shape[..])).shape(), &foretold, "{config} of {shape:?}");
        }
    }
});
