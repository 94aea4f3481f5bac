//! Central differences in f64, to hold recorded gradients against.

use autograd::{Scalar, Tape, Tensor, Var};
use mlp::Module;

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-7;

/// Whether the gradient of `f` at `x` agrees with central differences.
#[track_caller]
pub(crate) fn check(what: &str, x: &Tensor, f: impl for<'t> Fn(Var<'t>) -> Scalar<'t>) {
    let tape = Tape::new();
    let at = tape.var(x.clone());
    let gradient = f(at).backward()[at].to_vec();
    let value = |x: Tensor| {
        let tape = Tape::new();
        f(tape.constant(x)).value()
    };
    for (i, analytic) in gradient.into_iter().enumerate() {
        let moved = |by: f64| {
            let mut x = x.clone();
            x.as_mut_slice()[i] += by;
            value(x)
        };
        let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let scale = 1f64.max(analytic.abs());
        assert!((analytic - numeric).abs() <= TOLERANCE * scale, "{what}, input {i}: {analytic} against {numeric}");
    }
}

/// Whether the gradients of a module with respect to its input and to each parameter agree with central differences.
#[track_caller]
pub(crate) fn check_module(what: &str, module: &dyn Module, x: &Tensor) {
    // Unequal weights: a plain sum hides mistakes that cancel.
    let objective = |y: Var<'_>| y.shape().numel();
    let tape = Tape::new();
    let n = objective(module.forward(tape.constant(x.clone())));
    let weights = Tensor::linspace(0.5, 1.5, n);
    check(what, x, |x| (module.forward(x).flatten() * &weights).sum());

    let grads = (module.forward(tape.constant(x.clone())).flatten() * &weights).sum().backward();
    let value = || (&module.predict(x).flatten() * &weights).sum();
    for (name, param) in module.parameters().iter() {
        let gradient = grads[param].to_vec();
        for (i, analytic) in gradient.into_iter().enumerate() {
            let moved = |by: f64| {
                let old = param.value();
                param.modify(|values| values[i] += by);
                let moved = value();
                param.set(old);
                moved
            };
            let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let scale = 1f64.max(analytic.abs());
            assert!(
                (analytic - numeric).abs() <= TOLERANCE * scale,
                "{what}, {name}[{i}]: {analytic} against {numeric}"
            );
        }
    }
}

/// A checker that passes everything would be worth nothing.
#[test]
#[should_panic(expected = "wrong, input 0")]
fn the_checker_refuses_a_gradient_that_is_off_by_a_thousandth() {
    check("wrong", &Tensor::from([1.0]), |x| (x * 0.001 + x.detach() * 0.999).sum());
}
