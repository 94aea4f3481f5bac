//! Gradients of modules, held against differences.

use autograd::Tensor;
use autograd::check::Checker;
use mlp::Module;

/// Checks the gradients of a module by its input and by each parameter.
#[track_caller]
pub(crate) fn check_module(module: &dyn Module, x: &Tensor) {
    // Unequal weights: a plain sum hides mistakes that cancel.
    let weights = Tensor::linspace(0.5, 1.5, module.predict(x).numel());
    let checker = Checker::new();
    let by_input = checker.check(|x| (module.forward(x[0]).flatten() * &weights).sum(), std::slice::from_ref(x));
    by_input.unwrap().assert_pass();
    let parameters = module.parameters();
    if !parameters.is_empty() {
        let by_parameters = checker.check_parameters(&parameters, |tape| {
            (module.forward(tape.constant(x.clone())).flatten() * &weights).sum()
        });
        by_parameters.unwrap().assert_pass();
    }
}
