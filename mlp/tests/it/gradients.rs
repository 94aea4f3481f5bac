//! Gradients of modules, held against differences.

use autograd::check::Checker;
use autograd::{Param, Parameters, Tensor, Var};
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

/// A layer whose gradients by input and by parameter are too small, by the part that is hidden from the sweep.
struct Off {
    w: Param,
    /// The part of `x` that is hidden.
    input: f64,
    /// The part of `w` that is hidden.
    weight: f64,
}

impl Module for Off {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let hide = |x: Var<'t>, part: f64| x * (1.0 - part) + x.detach() * part;
        hide(x, self.input) * hide(self.w.on(x.tape()), self.weight)
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.w)
    }
}

/// A check that passes everything would be worth nothing.
#[test]
#[should_panic(expected = "input 0[1]: the gradient by input 0 is wrong by a factor: relative difference 1.0e-6")]
fn a_gradient_by_the_input_off_by_a_millionth_is_refused() {
    check_module(&Off { w: Param::new([0.5, 2.0]), input: 1e-6, weight: 0.0 }, &Tensor::from([0.0, 1.5]));
}

#[test]
#[should_panic(expected = "w[1]: the gradient by w is wrong by a factor: relative difference 1.0e-6")]
fn a_gradient_by_a_parameter_off_by_a_millionth_is_refused() {
    check_module(&Off { w: Param::new([0.5, 2.0]), input: 0.0, weight: 1e-6 }, &Tensor::from([0.0, 1.5]));
}
