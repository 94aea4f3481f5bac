//! Operations of one's own and derivatives overridden: values, gradients of first and second order, forward mode, refusals.

use autograd::check::Checker;
use autograd::{Custom, Param, Parameters, Tape, Tensor, Var, check, linearize};

use super::{forward_meets_reverse, ignore, refusal, steepness};
use crate::sampling::Sampler;

/// `y = a·sin(b)` with its rule: two inputs, neither linear in the other.
struct Wave;

impl Custom for Wave {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        &x[0] * x[1].sin()
    }

    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy * x[1].sin(), dy * x[0] * x[1].cos()]
    }
}

/// A rule that returns the first `usize` of three gradients, of the shape of `dy` summed to one number if told.
struct Careless(usize, bool);

impl Custom for Careless {
    fn name(&self) -> &str {
        "careless"
    }

    fn forward(&self, x: &[Tensor]) -> Tensor {
        &x[0] + &x[1]
    }

    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        let dx = if self.1 { dy.sum().to_var() } else { dy };
        vec![dx; self.0]
    }
}

fn pair(seed: u64, shape: &[usize]) -> [Tensor; 2] {
    let mut sampler = Sampler::new(seed);
    [sampler.normal_like(shape), sampler.normal_like(shape)]
}

#[test]
fn a_rule_with_mistakes_is_refused() {
    let tape = Tape::new();
    let (a, b) = (tape.var([[1.0, 2.0]]), tape.var([[3.0, 4.0]]));
    for (given, recorded) in [(1, false), (3, false), (1, true), (3, true)] {
        let y = Var::custom(Careless(given, false), &[a, b]).sum();
        let message = refusal(|| if recorded { ignore(y.grad(a)) } else { ignore(y.backward()) });
        assert_eq!(message, format!("careless: the derivative rule returned {given} gradients for 2 inputs"));
    }
    for recorded in [false, true] {
        let y = Var::custom(Careless(2, true), &[a, b]).sum();
        assert_eq!(
            refusal(|| if recorded { ignore(y.grad(a)) } else { ignore(y.backward()) }),
            "careless: the derivative rule returned shape () for input 0 of shape (1, 2); sum over what was broadcast?"
        );
    }
    let other = Tape::new();
    assert!(refusal(|| ignore(Var::custom(Wave, &[a, other.var([[3.0, 4.0]])]))).contains("two different tapes"));
}

#[test]
fn an_operation_needs_an_input() {
    assert_eq!(
        refusal(|| ignore(Var::custom(Careless(2, false), &[]))),
        "careless: no inputs given; at least one is needed"
    );
}

#[test]
fn an_own_operation_of_two_inputs() {
    let x = pair(1, &[2, 3]);
    check(|x| Var::custom(Wave, x).square().sum(), &x).unwrap().assert_pass();
    // Of one array twice, of a constant, of an intermediate that is watched.
    check(|x| Var::custom(Wave, &[x[0], x[0]]).sum(), &x[..1]).unwrap().assert_pass();
    let tape = Tape::new();
    let (a, b) = (tape.var(&x[0]), tape.constant(&x[1]));
    let y = Var::custom(Wave, &[a.tanh(), b]).watch();
    let grads = y.square().sum().backward();
    assert_eq!(grads[y], y.value() * 2.0);
    let plain = (a.tanh() * b.sin()).square().sum().backward()[a].clone();
    assert!(grads[a].is_close(&plain, 1e-15));
    // Parameters beside arrays.
    let w = Param::new(x[1].clone());
    let parameters = Parameters::new().with("w", &w);
    let report = Checker::new()
        .check_parameters(&parameters, |tape| Var::custom(Wave, &[tape.constant(&x[0]), w.on(tape)]).square().sum());
    report.unwrap().assert_pass();
}

#[test]
fn the_name_of_an_own_operation_is_that_of_its_type() {
    assert_eq!(Custom::<f64>::name(&Wave), "Wave");
}

#[test]
fn an_own_operation_has_second_derivatives_through_its_recorded_rule() {
    let x = pair(2, &[3]);
    check(|x| steepness(Var::custom(Wave, x).square().sum(), x), &x).unwrap().assert_pass();
    let own = autograd::several::hessian(|x| Var::custom(Wave, x).exp().sum(), &x);
    let plain = autograd::several::hessian(|x| (x[0] * x[1].sin()).exp().sum(), &x);
    assert!(own.is_close(&plain, 1e-14));
}

#[test]
fn forward_mode_of_an_own_operation_is_the_transpose_of_its_rule() {
    let x = pair(3, &[2, 2]);
    forward_meets_reverse(|x| Var::custom(Wave, x).tanh(), |x| (x[0] * x[1].sin()).tanh(), &x);
    // Only one of the inputs moves.
    let f = linearize(|x| Var::custom(Wave, &[x.tape().constant([2.0]), x]), &Tensor::from([0.0]));
    assert_eq!(f.jvp(&[Tensor::from([1.0])]), Tensor::from([2.0]));
}

#[test]
fn forward_mode_asks_no_rule_that_the_result_does_not_depend_on() {
    let tape = Tape::new();
    let (x, dx) = (tape.var([1.0, 2.0, -4.0]), Tensor::ones([3]));
    let short = x.map_gradient(|dy| dy / dy.norm());
    let beside = (short - x.square(), x.square());
    assert_eq!(beside.1.jvp(&[(x, &dx)]), Tensor::from([2.0, 4.0, -8.0]));
    assert_eq!((beside.1 * short.at(0, 0).detach()).jvp(&[(x, &dx)]), Tensor::from([2.0, 4.0, -8.0]));
    assert!(beside.0.try_jvp(&[(x, &dx)]).is_err());
}

#[test]
fn a_gradient_reversed_and_clipped() {
    let tape = Tape::new();
    let x = tape.var([1.0, 2.0, -4.0]);
    let reversed = x.map_gradient(|dy| -dy);
    assert_eq!(reversed.value(), x.value());
    assert_eq!(reversed.square().sum().backward()[x].to_vec(), [-2.0, -4.0, 8.0]);
    assert_eq!(reversed.square().sum().grad(x).value().to_vec(), [-2.0, -4.0, 8.0]);
    let clipped = x.map_gradient(|dy| dy.clamp(-3.0, 3.0));
    assert_eq!(clipped.square().sum().backward()[x].to_vec(), [2.0, 3.0, -3.0]);
    // By the norm, which looks at all of the gradient.
    let short = x.map_gradient(|dy| dy / dy.norm());
    let dx = short.square().sum().backward()[x].clone();
    assert!((dx.norm() - 1.0).abs() < 1e-15);
}

#[test]
fn an_overridden_derivative_is_differentiated_as_it_stands() {
    let tape = Tape::new();
    let x = tape.var([1.0, 2.0, -4.0]);
    // dx = −3x² along the reversed path, and d(dx)/dx again passes through the reversal: −(−6x).
    let dx = x.map_gradient(|dy| -dy).powi(3).sum().grad(x);
    assert_eq!(dx.value().to_vec(), [-3.0, -12.0, -48.0]);
    assert_eq!(dx.sum().grad(x).value().to_vec(), [6.0, 12.0, -24.0]);
    // Clipped in part: where the gradient is cut it is constant.
    let dx = x.map_gradient(|dy| dy.clamp(-3.0, 3.0)).square().sum().grad(x);
    assert_eq!(dx.sum().grad(x).value().to_vec(), [2.0, 0.0, 0.0]);
}
