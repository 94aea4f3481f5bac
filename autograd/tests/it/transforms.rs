//! Jacobians, Hessians and their products against closed forms, against each other, and against differences.

use autograd::check::Checker;
use autograd::{
    Mode, Param, Parameters, Scalar, Tape, Tensor, Unary, Var, grad, grad_and_hvp, hessian, hvp, jacobian,
    jacobian_each, linearize, several, vhp,
};

use crate::sampling::Sampler;

/// Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)²
fn rosenbrock<'t>(x: Var<'t>) -> Scalar<'t> {
    let n = x.shape()[0];
    let (a, b) = (x.slice(0, 0..n - 1), x.slice(0, 1..n));
    (100.0 * (b - a.square()).square() + (1.0 - a).square()).sum()
}

/// Its Hessian, worked out by hand: tridiagonal.
fn rosenbrock_hessian(x: &[f64]) -> Tensor {
    let n = x.len();
    Tensor::from_fn([n, n], |index| {
        let (i, j) = (index[0], index[1]);
        let inner = if i + 1 < n { 1200.0 * x[i] * x[i] - 400.0 * x.get(i + 1).unwrap_or(&0.0) + 2.0 } else { 0.0 };
        let last = if i > 0 { 200.0 } else { 0.0 };
        match (i, j) {
            _ if i == j => inner + last,
            _ if i.abs_diff(j) == 1 => -400.0 * x[i.min(j)],
            _ => 0.0,
        }
    })
}

#[test]
fn rosenbrock_in_2_10_and_100_dimensions() {
    for n in [2, 10, 100] {
        let x = Sampler::new(n as u64).normal_like(&[n]);
        let exact = rosenbrock_hessian(x.as_slice());
        let h = hessian(rosenbrock, &x);
        assert!(h.is_close(&exact, 1e-13), "{n} dimensions");
        let v = Sampler::new(9).normal_like(&[n]);
        let product = exact.matmul(&v);
        assert!(hvp(rosenbrock, &x, &v).is_close(&product, 1e-12), "{n} dimensions, forward over reverse");
        assert!(vhp(rosenbrock, &x, &v).is_close(&product, 1e-12), "{n} dimensions, reverse over reverse");
    }
}

/// An 8-16-16-1 tanh network with 433 parameters, and its loss on 32 samples.
struct Network {
    params: Vec<Param>,
    x: Tensor,
    y: Tensor,
}

impl Network {
    fn new() -> Self {
        let mut sampler = Sampler::new(5);
        let mut params = vec![];
        for (m, n) in [(8, 16), (16, 16), (16, 1)] {
            params.push(Param::new(sampler.normal_like(&[m, n]) * 0.3));
            params.push(Param::new(sampler.normal_like(&[n]) * 0.1));
        }
        Network { params, x: sampler.normal_like(&[32, 8]), y: sampler.normal_like(&[32, 1]) }
    }

    fn parameters(&self) -> Parameters {
        self.params.iter().enumerate().fold(Parameters::new(), |all, (i, p)| all.with(i.to_string(), p))
    }

    fn loss<'t>(&self, tape: &'t Tape) -> Scalar<'t> {
        let layer = |h: Var<'t>, i: usize| h.affine(&self.params[2 * i], &self.params[2 * i + 1]);
        let h = layer(tape.constant(&self.x), 0).tanh();
        let h = layer(h, 1).tanh();
        (layer(h, 2) - &self.y).square().mean()
    }
}

#[test]
fn hessian_of_a_network() {
    let network = Network::new();
    let parameters = network.parameters();
    assert_eq!(parameters.numel(), 433);
    let h = parameters.hessian(|tape| network.loss(tape));
    assert!(h.is_close(&h.t(), 1e-12), "symmetric");

    // Products without the matrix agree with it.
    let mut sampler = Sampler::new(6);
    let v: indexmap::IndexMap<_, _> =
        parameters.iter().map(|(name, p)| (name.to_string(), sampler.normal_like(&p.shape()))).collect();
    let flat = |parts: &indexmap::IndexMap<String, Tensor>| {
        Tensor::from(parts.values().flat_map(|part| part.to_vec()).collect::<Vec<_>>())
    };
    let hv = parameters.hvp(|tape| network.loss(tape), &v).unwrap();
    assert!(flat(&hv).is_close(&h.matmul(&flat(&v)), 1e-12));

    // And with differences of gradients along v.
    let step = 1e-6;
    let gradient_at = |sign: f64| {
        for ((_, p), v) in parameters.iter().zip(v.values()) {
            p.set(p.value() + v * (sign * step));
        }
        let (_, grads) = parameters.value_and_grad(|tape| network.loss(tape));
        for ((_, p), v) in parameters.iter().zip(v.values()) {
            p.set(p.value() - v * (sign * step));
        }
        flat(&grads)
    };
    let difference = (gradient_at(1.0) - gradient_at(-1.0)) / (2.0 * step);
    assert!(flat(&hv).is_close(&difference, 1e-8));
}

#[test]
fn forward_and_reverse_jacobians_agree() {
    let x = Sampler::new(1).normal_like(&[3]);
    let wide = linearize(|x| x.outer(x).flatten().sin(), &x);
    let narrow = linearize(|x| x.softmax(0).slice(0, 0..2), &x);
    for f in [wide, narrow] {
        assert!(f.jacobian(Mode::Forward).is_close(&f.jacobian(Mode::Reverse), 1e-14));
        assert_eq!(f.jacobian(Mode::Auto).shape(), f.jacobian(Mode::Forward).shape());
    }
}

#[test]
fn several_inputs() {
    let (a, b) = (Tensor::from([[1.0, 2.0]]), Tensor::from([[3.0], [4.0]]));
    let points = [a.clone(), b.clone()];
    let grads = several::grad(|x| x[0].matmul(x[1]).square().sum(), &points);
    assert_eq!(grads, [b.t() * 22.0, a.t() * 22.0]);
    let h = several::hessian(|x| x[0].matmul(x[1]).square().sum(), &points);
    assert_eq!(h.shape(), &[4, 4].into());
    assert!(h.is_close(&h.t(), 1e-14));
    let v = [Tensor::from([[1.0, 0.0]]), Tensor::from([[0.0], [1.0]])];
    let hv = several::hvp(|x| x[0].matmul(x[1]).square().sum(), &points, &v);
    let flat: Tensor = hv.iter().flat_map(|part| part.to_vec()).collect::<Vec<_>>().into();
    assert!(flat.is_close(&h.matmul(&Tensor::from([1.0, 0.0, 0.0, 1.0])), 1e-13));
}

#[test]
fn a_gradient_inside_a_loss_is_differentiated_again() {
    // The gradient penalty of a network, as in Wasserstein training: second order with respect to other variables.
    let (x, w) = (Tensor::from([0.3, -0.2]), Tensor::from([[0.5, 0.1], [-0.4, 0.2]]));
    let report = Checker::new().check(
        |v| {
            let y = v[0].matmul(v[1]).tanh().sum();
            (y.grad(v[0]).norm() - 1.0).square()
        },
        &[x, w],
    );
    report.unwrap().assert_pass();
}

#[test]
fn the_jacobian_of_a_gradient_is_the_hessian() {
    let x = Sampler::new(2).normal_like(&[4]);
    let h = hessian(|x| x.logsumexp(), &x);
    let j = jacobian(|x| x.logsumexp().grad(x), &x);
    assert!(h.is_close(&j, 1e-15));
    assert!(grad(|x| x.logsumexp(), &x).is_close(&x.softmax(0), 1e-15));
}

#[test]
fn directions_of_one_array_add_up() {
    let tape = Tape::new();
    let a = tape.var([1.0, 2.0]);
    let (x, y) = (Tensor::from([1.0, 0.0]), Tensor::from([0.0, 1.0]));
    assert_eq!(a.square().jvp(&[(a, &x), (a, &y)]).to_vec(), [2.0, 4.0]);
    // d(h·a) along da = (1, 0) and dh = (0, 1), where h = a²: the second comes on top of what the first does to h.
    let h = a.square();
    assert_eq!((h * a).jvp(&[(a, &x), (h, &y)]).to_vec(), [3.0, 2.0]);
}

#[test]
fn the_branch_not_taken_leaks_into_no_product_with_the_hessian() {
    let x = Tensor::from([0.0, -1.0, 2.0]);
    let v = Tensor::from([1.0, 1.0, 1.0]);
    for (row, expected) in [(Unary::Ln, -0.25), (Unary::Sqrt, -0.25 / 8f64.sqrt()), (Unary::Recip, 0.25)] {
        let found = hvp(|x| x.greater(0.0).select(x.unary(row, [0.0; 2]), 0.0).sum(), &x, &v);
        assert!(found.is_close(&Tensor::from([0.0, 0.0, expected]), 1e-15), "{found}");
        assert!(found.is_close(&vhp(|x| x.greater(0.0).select(x.unary(row, [0.0; 2]), 0.0).sum(), &x, &v), 1e-15));
    }
    // The same of numbers.
    let tape = Tape::new();
    let (x, zero) = (tape.var([-1.0]), tape.scalar_constant(0.0));
    let s = x.item();
    let dx = s.greater(zero).select(s.sqrt(), s * 0.0).grad(x);
    assert_eq!(dx.jvp(&[(x, &Tensor::from([1.0]))]).to_vec(), [0.0]);
}

#[test]
fn a_parameter_of_two_names_moves_along_both_directions() {
    let w = Param::new([[1.0]]);
    let tied = Parameters::new().with("a", &w).with("b", &w);
    let hv = tied.hvp(|tape| w.on(tape).powi(3).sum(), &[("a".into(), Tensor::from([[1.0]]))].into()).unwrap();
    assert_eq!((hv["a"].item(), hv["b"].item()), (6.0, 6.0));
    let report = Checker::new().check_parameters(&tied, |tape| w.on(tape).powi(3).sum());
    report.unwrap().assert_pass();
}

#[test]
fn a_frozen_parameter_is_a_constant_to_every_transform() {
    let (a, b) = (Param::new([2.0]), Param::new([3.0]));
    let both = Parameters::new().with("a", &a).with("b", &b);
    a.freeze();
    let (_, gradient) = both.value_and_grad(|tape| (a.on(tape) * b.on(tape).square()).sum());
    assert_eq!((gradient["a"].item(), gradient["b"].item()), (0.0, 12.0));
    let hessian = both.hessian(|tape| (a.on(tape) * b.on(tape).square()).sum());
    assert_eq!(hessian, Tensor::from([[0.0, 0.0], [0.0, 4.0]]));
    let ones = ["a", "b"].map(|name| (name.to_string(), Tensor::from([1.0]))).into();
    let hv = both.hvp(|tape| (a.on(tape) * b.on(tape).square()).sum(), &ones).unwrap();
    assert_eq!((hv["a"].item(), hv["b"].item()), (0.0, 4.0));
}

#[test]
fn a_gradient_by_a_parameter_is_that_of_its_recording() {
    let w = Param::new([3.0]);
    let tape = Tape::new();
    let loss = w.on(&tape).square().sum();
    w.set([5.0]);
    assert_eq!(loss.grad(&w).value().to_vec(), [6.0]);
    w.freeze();
    assert_eq!(loss.grad(&w).value().to_vec(), [6.0]);
}

#[test]
fn many_directions_in_one_sweep_are_those_of_one_each() {
    // More columns than one sweep carries, through a constant, an untouched input and scalars.
    fn f<'t>(x: &[Var<'t>]) -> Var<'t> {
        let s = x[0].slice(0, 0..1).item().sin();
        Var::concat(&[x[0].square() * s, x[0].cumsum(0) + &Tensor::from([1.0])], 0)
    }
    let (x, unused) = (Tensor::from_fn([37], |i| (i[0] as f64 * 0.7).sin()), Tensor::from([1.0, 2.0, 3.0]));
    let f = several::linearize(f, &[x.clone(), unused.clone()]);
    let j = f.jacobian(Mode::Forward);
    assert!(j.is_close(&f.jacobian(Mode::Reverse), 1e-14));
    for column in [0, 1, 15, 16, 31, 32, 36, 38] {
        let one = |len: usize, at: usize| Tensor::from_fn([len], |i| f64::from(u8::from(i[0] == at)));
        let v = [one(37, column), one(3, column.wrapping_sub(37))];
        assert_eq!(f.jvp(&v), j.slice(1, column..column + 1).reshape([74]), "column {column}");
    }
}

#[test]
fn the_jacobian_of_each_row_is_that_of_the_row_alone() {
    for (inputs, outputs) in [(3, 2), (40, 1), (1, 5), (33, 4), (2, 0), (0, 2)] {
        let a: Tensor = Tensor::from_fn([inputs, outputs], |i| ((i[0] * 7 + i[1] * 3) as f64).cos());
        let x: Tensor = Tensor::from_fn([4, inputs], |i| ((i[0] * 5 + i[1]) as f64).sin());
        let each = jacobian_each(|x| x.matmul(&a).tanh(), &x);
        assert_eq!(each.shape().to_vec(), [4, outputs, inputs]);
        for b in 0..4 {
            let alone = jacobian(|x| x.matmul(&a).tanh(), &x.slice(0, b..b + 1));
            let each = each.slice(0, b..b + 1).reshape([outputs, inputs]);
            assert!(each.is_close(&alone, 1e-14), "row {b} of {inputs} to {outputs}");
        }
    }
    // Without rows there is nothing to compute, however long a row is.
    let empty: Tensor = Tensor::zeros([0, 1 << 40]);
    assert_eq!(jacobian_each(|x| x, &empty).shape().to_vec(), [0, 1 << 40, 1 << 40]);
    // Higher axes of a row are flattened; a function that has no gradient has a Jacobian of 0.
    let cube: Tensor = Tensor::from_fn([2, 2, 3], |i| (i[0] + i[1] + i[2]) as f64);
    assert_eq!(jacobian_each(|x| x.sum_axis(2), &cube).shape().to_vec(), [2, 2, 6]);
    assert_eq!(jacobian_each(|x| x.detach().sum_axis(2), &cube), Tensor::zeros([2, 2, 6]));
}

#[test]
fn value_gradient_and_product_from_one_recording() {
    let (x, v) = (Tensor::from([0.3, -1.2, 2.0]), Tensor::from([1.0, 0.5, -2.0]));
    fn f<'t>(x: Var<'t>) -> Scalar<'t> {
        (x.sin() * x.square()).logsumexp()
    }
    let (y, dx, hv) = grad_and_hvp(f, &x, &v);
    let tape = Tape::new();
    assert_eq!(y, f(tape.var(x.clone())).value());
    assert!(dx.is_close(&grad(f, &x), 1e-15) && hv.is_close(&hvp(f, &x, &v), 1e-15));
    let (y, dx, hv) = several::grad_and_hvp(|v| f(v[0]) + v[1].prod(), &[x.clone(), v.clone()], &[v, x]);
    assert!(y.is_finite() && dx.len() == 2 && hv.len() == 2);
}
