//! Any bytes as a checkpoint of a training: loaded whole, or refused with an error and nothing changed; what was loaded is written again.

#![no_main]

use autograd::{Param, Parameters, Tape, Tensor};
use libfuzzer_sys::fuzz_target;
use mlp::train::{self, EarlyStopping};
use mlp::{Adam, Optimizer, Sgd};
use mlp_fuzz::{file, tensors, told};

fn load(path: &std::path::Path, optimizer: impl Fn(&Parameters) -> Box<dyn Optimizer>) {
    let w = Param::new([1.0, 2.0]);
    let parameters = Parameters::new().with("w", &w);
    let mut optimizer = optimizer(&parameters);
    let mut stopping = EarlyStopping::new(3);
    let before = optimizer.state();
    let loaded = told(train::load_training_with(&parameters, &mut *optimizer, vec![&mut stopping], path));
    match loaded {
        None => assert!(w.value() == Tensor::from([1.0, 2.0]) && optimizer.state() == before, "changed, though it was refused"),
        Some(progress) => {
            let again = file(".again", &[]);
            train::save_training_with(&parameters, &*optimizer, &[&stopping], &progress, &again).expect("what was loaded is written");
            assert_eq!(train::progress(&again).expect("what was written is read"), progress);
            let tape = Tape::new();
            optimizer.step(&w.on(&tape).square().sum().backward());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let path = file(".training", &tensors(data));
    told(train::progress(&path));
    load(&path, |parameters| Box::new(Adam::new(parameters, 0.1)));
    load(&path, |parameters| Box::new(Sgd::new(parameters, 0.1).momentum(0.9)));
});
