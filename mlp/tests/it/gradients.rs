//! Gradients of modules, held against differences.

use autograd::check::{Checker, Report, Verdict};
use autograd::{Param, Parameters, Tensor, Var};
use mlp::{Activation, Dataset, Init, Linear, Module, Mse, Sequential};
use rand::SeedableRng;
use rand::rngs::StdRng;

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
#[should_panic(expected = "the gradient by input 0 is wrong by a factor: relative difference 1.0e-6")]
fn a_gradient_by_the_input_off_by_a_millionth_is_refused() {
    check_module(&Off { w: Param::new([0.5, 2.0]), input: 1e-6, weight: 0.0 }, &Tensor::from([0.0, 1.5]));
}

#[test]
#[should_panic(expected = "w[1]: the gradient by w is wrong by a factor: relative difference 1.0e-6")]
fn a_gradient_by_a_parameter_off_by_a_millionth_is_refused() {
    check_module(&Off { w: Param::new([0.5, 2.0]), input: 0.0, weight: 1e-6 }, &Tensor::from([0.0, 1.5]));
}

/// The identity, with so many times its gradient.
struct Scaled(f64);

/// The line on which it is recorded.
const LINE: u32 = line!() + 5;

impl Module for Scaled {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let factor = self.0;
        x.map_gradient(move |dy| dy * factor)
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
    }
}

/// A weight layer, a rule, and then so many logistic layers, through which differences of the loss see nothing.
fn deep(layers: usize, factor: f64) -> Report {
    let mut rng = StdRng::seed_from_u64(3);
    let init = Init::lecun_normal();
    let mut model = Sequential::new().then(Linear::new(2, 4, &init, &mut rng).unwrap()).then(Scaled(factor));
    for _ in 0..layers {
        let linear = Linear::new(4, 4, &init, &mut rng).unwrap();
        // What lies behind is checked by its operations alone.
        linear.parameters().params().for_each(Param::freeze);
        model = model.then(linear).then(Activation::Sigmoid);
    }
    let data = Dataset::new(Tensor::from([[0.5, -1.0], [0.3, 0.8]]), Tensor::ones([2, 4])).unwrap();
    mlp::check_module(&Checker::new(), &model, &Mse, &data).unwrap()
}

#[test]
fn a_wrong_rule_behind_many_logistic_layers_is_named_by_its_line() {
    for layers in [20, 50, 200] {
        let right = deep(layers, 1.0);
        assert!(right.passed() && right.unresolved > 0, "{right}");
        let wrong = deep(layers, 3.0);
        assert_eq!(wrong.verdict, Verdict::Wrong, "{wrong}");
        let found = &wrong.operations.as_ref().unwrap().findings[0];
        assert_eq!((found.name.as_str(), found.line), ("map_gradient", LINE), "{wrong}");
        assert!(found.file.ends_with("gradients.rs") && wrong.reason.contains("3.000000 times"), "{wrong}");
    }
}
