//! Operations of one's own, derivatives overridden, and checkpointed segments: values, gradients of first and second order,
//! forward mode, refusals, and the bytes held.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::check::Checker;
use autograd::{Custom, Param, Parameters, Scalar, Step, Tape, Tensor, Var, check, checkpoint_chain, linearize, step};
use rand::RngExt;

use crate::sampling::Sampler;

/// The text of a panic. Where it points is pinned in `messages`.
fn refusal(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a refusal");
    payload.downcast_ref::<String>().cloned().expect("a message")
}

/// Handles are `Copy`, so `drop` would warn.
fn ignore<T>(_: T) {}

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

/// The sum of squared gradients: its gradient is of second order.
fn steepness<'t>(y: Scalar<'t>, x: &[Var<'t>]) -> Scalar<'t> {
    y.grad(x).into_iter().map(|dx| dx.square().sum()).reduce(|a, b| a + b).expect("an input")
}

#[test]
fn an_own_operation_has_second_derivatives_through_its_recorded_rule() {
    let x = pair(2, &[3]);
    check(|x| steepness(Var::custom(Wave, x).square().sum(), x), &x).unwrap().assert_pass();
    let own = autograd::several::hessian(|x| Var::custom(Wave, x).exp().sum(), &x);
    let plain = autograd::several::hessian(|x| (x[0] * x[1].sin()).exp().sum(), &x);
    assert!(own.is_close(&plain, 1e-14));
}

/// ⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩, and J·v is that of the formula.
fn forward_meets_reverse(
    own: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    formula: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
    x: &[Tensor],
) {
    let (own, formula) = (autograd::several::linearize(own, x), autograd::several::linearize(formula, x));
    assert!(own.value().is_close(&formula.value(), 1e-15));
    let mut sampler = Sampler::new(11);
    for _ in 0..5 {
        let v: Vec<_> = x.iter().map(|x| sampler.normal_like(x.shape())).collect();
        let u = sampler.normal_like(own.value().shape());
        let (jv, ju) = (own.jvp(&v), own.vjp(&u));
        assert!(jv.is_close(&formula.jvp(&v), 1e-13));
        let (left, right): (f64, f64) = ((&u * &jv).sum(), ju.iter().zip(&v).map(|(a, b)| (a * b).sum()).sum());
        assert!((left - right).abs() < 1e-12 * left.abs().max(1.0), "{left} and {right}");
    }
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

/// A network of two layers, in the form of a segment.
struct Segment {
    w: Param,
    b: Param,
}

impl Segment {
    fn new(seed: u64) -> Self {
        let mut sampler = Sampler::new(seed);
        Segment { w: Param::new(sampler.normal_like(&[3, 3]) * 0.5), b: Param::new(sampler.normal_like(&[3]) * 0.1) }
    }

    fn formula<'t>(&self, x: Var<'t>) -> Var<'t> {
        (x.affine(&self.w, &self.b).tanh().matmul(&self.w) + x).sigmoid()
    }

    fn checkpoint<'t>(&self, x: Var<'t>) -> Var<'t> {
        let inside = Segment { w: self.w.clone(), b: self.b.clone() };
        x.checkpoint(move |x| inside.formula(x))
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("w", &self.w).with("b", &self.b)
    }
}

#[test]
fn a_checkpoint_has_the_value_and_the_gradients_of_its_formula() {
    let segment = Segment::new(4);
    let x = Sampler::new(5).normal_like(&[4, 3]);
    let (kept, again) = (Tape::new(), Tape::new());
    let (x1, x2) = (kept.var(&x), again.var(&x));
    let (y1, y2) = (segment.formula(x1), segment.checkpoint(x2));
    assert_eq!(y1.value(), y2.value());
    let (g1, g2) = (y1.square().sum().backward(), y2.square().sum().backward());
    assert!(g1[x1].is_close(&g2[x2], 1e-15));
    for param in [&segment.w, &segment.b] {
        assert!(g1[param].is_close(&g2[param], 1e-15));
    }
    assert_eq!(again.len(), kept.len() - 4, "nothing of the inside is on the tape");
    let report = Checker::new()
        .check_parameters(&segment.parameters(), |tape| segment.checkpoint(tape.constant(&x)).square().sum());
    report.unwrap().assert_pass();
}

#[test]
fn a_frozen_parameter_in_a_checkpoint_stays_frozen() {
    let segment = Segment::new(6);
    segment.b.freeze();
    let x = Sampler::new(7).normal_like(&[2, 3]);
    let tape = Tape::new();
    let x = tape.var(&x);
    let grads = segment.checkpoint(x).square().sum().backward();
    assert!(grads.of(&segment.b).is_none());
    let plain = segment.formula(x).square().sum().backward();
    assert!(grads[&segment.w].is_close(&plain[&segment.w], 1e-15));
    assert!(grads[x].is_close(&plain[x], 1e-15));
}

/// Zeros with probability a half while the tape trains.
fn drop_half(x: Var<'_>) -> Var<'_> {
    let shape = x.shape();
    match x.tape().random(|rng| Tensor::from_fn(shape, |_| if rng.random() { 2.0 } else { 0.0 })) {
        Some(mask) => x * &mask,
        None => x,
    }
}

#[test]
fn what_a_checkpoint_draws_is_drawn_again() {
    let tape = Tape::new();
    tape.train(9);
    let x = tape.var(Tensor::ones([64]));
    let step: Step = step(|x| drop_half(drop_half(x * 3.0)).square());
    let (one, two) =
        (checkpoint_chain(x, std::slice::from_ref(&step)), checkpoint_chain(x, std::slice::from_ref(&step)));
    assert_ne!(one.value(), two.value(), "each segment draws its own");
    for y in [one, two] {
        // y = (12x)² where kept, so that dy = 2y at x = 1: a mask other than the recorded one would show.
        let kept = y.value();
        assert!(kept.to_vec().contains(&0.0) && kept.to_vec().contains(&144.0));
        assert_eq!(y.sum().backward()[x], &kept * 2.0);
        assert_eq!(y.sum().backward()[x], &kept * 2.0, "a second sweep draws the same");
        assert_eq!(y.sum().grad(x).value(), &kept * 2.0, "and a recorded one");
        assert_eq!(y.jvp(&[(x, &Tensor::ones([64]))]), &kept * 2.0, "and a forward one");
    }
    // The generator of the tape itself is drawn from once for each segment, in sweeps not at all.
    let draw = |tape: &Tape| tape.random(|rng| rng.random::<u64>());
    let after = draw(&tape);
    let again = Tape::new();
    again.train(9);
    let x = again.var(Tensor::ones([64]));
    ignore((x.checkpoint(drop_half), x.checkpoint(drop_half)));
    assert_eq!(after, draw(&again));
    tape.evaluate();
    let x = tape.var([1.0]);
    assert_eq!(x.checkpoint(drop_half).value().item(), 1.0);
}

#[test]
fn a_recorded_gradient_through_a_checkpoint() {
    // The gradient that arrives, 2y, depends on the segment's output, and so on its input.
    let tape = Tape::new();
    let x = tape.var([0.5, -0.3]);
    let y = x.checkpoint(|x| x.sin());
    let dx = y.square().sum().grad(x);
    let expected = x.value().map(|x| 2.0 * x.sin() * x.cos());
    assert!(dx.value().is_close(&expected, 1e-15), "{dx} instead of {expected}");
    let ddx = dx.sum().grad(x);
    assert!(ddx.value().is_close(&x.value().map(|x| 2.0 * (2.0 * x).cos()), 1e-15), "{ddx}");
}

#[test]
fn a_parameter_before_and_inside_a_checkpoint_counts_each_use_once() {
    // The segment's input depends on the parameter that the segment uses, too: y = w·(w·x).
    let w = Param::new([3.0]);
    let tape = Tape::new();
    let x = tape.constant([5.0]);
    let inside = w.clone();
    let y = (x * &w).checkpoint(move |x| x * &inside);
    assert_eq!(y.sum().backward()[&w].item(), 30.0);
    assert_eq!(y.sum().grad(&w).value().item(), 30.0);
    assert_eq!(y.sum().grad(&w).sum().grad(&w).value().item(), 10.0);
}

#[test]
fn second_order_through_a_checkpoint() {
    let segment = Segment::new(12);
    let x = Sampler::new(13).normal_like(&[2, 3]);
    check(|x| steepness(segment.checkpoint(x[0]).square().sum(), x), std::slice::from_ref(&x)).unwrap().assert_pass();
    let recorded = |checkpointed: bool| {
        segment.parameters().hessian(|tape| {
            let x = tape.constant(&x);
            let y = if checkpointed {
                segment.checkpoint(segment.checkpoint(x))
            } else {
                segment.formula(segment.formula(x))
            };
            y.square().sum()
        })
    };
    assert!(recorded(true).is_close(&recorded(false), 1e-13));
}

#[test]
fn forward_mode_through_a_checkpoint() {
    let segment = Segment::new(14);
    let x = [Sampler::new(15).normal_like(&[2, 3])];
    forward_meets_reverse(|x| segment.checkpoint(x[0].tanh()).exp(), |x| segment.formula(x[0].tanh()).exp(), &x);
    // Parameters move, too.
    let tape = Tape::new();
    let x = tape.constant(&x[0]);
    let (y, plain) = (segment.checkpoint(x), segment.formula(x));
    let [w, b] = [&segment.w, &segment.b].map(|param| param.on(&tape));
    let (dw, db) = (Tensor::ones([3, 3]), Tensor::ones([3]));
    assert!(y.jvp(&[(w, &dw), (b, &db)]).is_close(&plain.jvp(&[(w, &dw), (b, &db)]), 1e-14));
}

#[test]
fn a_checkpoint_within_a_checkpoint() {
    let segment = Segment::new(16);
    let x = Sampler::new(17).normal_like(&[2, 3]);
    let nested = |x: Var<'_>| -> Tensor {
        let (one, two) = (segment.w.clone(), segment.w.clone());
        let y = x.checkpoint(move |x| {
            let inner = two.clone();
            x.matmul(&one).tanh().checkpoint(move |x| x.matmul(&inner).tanh())
        });
        y.square().sum().backward()[&segment.w].clone()
    };
    let tape = Tape::new();
    let x = tape.var(&x);
    let plain = x.matmul(&segment.w).tanh().matmul(&segment.w).tanh().square().sum().backward()[&segment.w].clone();
    assert!(nested(x).is_close(&plain, 1e-15));
}

/// `x = 3`, and `Σ (x·w)²` with the product inside a checkpoint.
fn squared<'t>(tape: &'t Tape, w: &Param) -> (Var<'t>, Scalar<'t>) {
    let x = tape.var([3.0]);
    let w = w.clone();
    (x, x.checkpoint(move |x| (x * &w).square()).sum())
}

#[test]
fn a_parameter_changed_before_the_sweep_is_refused() {
    let w = Param::new([2.0]);
    let tape = Tape::new();
    let (_, y) = squared(&tape, &w);
    w.set([5.0]);
    let law = "checkpoint: a parameter of shape (1,) was changed after it was recorded; record the formula again";
    assert_eq!(refusal(|| ignore(y.backward())), law);
    // Updated in place, which takes the old values off the tape.
    let tape = Tape::new();
    let (_, y) = squared(&tape, &w);
    y.backward().update(&w, |w, _| w[0] = 1.0);
    assert!(refusal(|| ignore(y.backward())).contains("record the formula again"));
}

#[test]
fn a_parameter_changed_before_a_recorded_sweep_is_refused() {
    let w = Param::new([2.0]);
    let tape = Tape::new();
    let (x, y) = squared(&tape, &w);
    w.set([5.0]);
    let law = "checkpoint: a parameter of shape (1,) was changed after it was recorded; record the formula again";
    assert_eq!(refusal(|| ignore(y.grad(x))), law);
}

#[test]
fn a_parameter_set_to_an_equal_value_is_another_value() {
    // Values are compared by identity: cheap, and never wrong about what was recorded.
    let w = Param::new([2.0]);
    let tape = Tape::new();
    let inside = w.clone();
    let y = tape.var([3.0]).checkpoint(move |x| x * &inside).sum();
    w.set([2.0]);
    assert!(refusal(|| ignore(y.backward())).contains("was changed after it was recorded"));
}

#[test]
fn memory_of_a_checkpointed_chain_grows_like_the_root_of_its_length() {
    let layers = |n: usize| vec![step(|x: Var<'_>| (x.tanh() * 1.1 + 0.1).sin()); n];
    let x = Sampler::new(18).normal_like(&[16, 32]);
    let held = |n: usize| {
        let (plain, segments) = (Tape::new(), Tape::new());
        let (x1, x2) = (plain.var(&x), segments.var(&x));
        let y1 = layers(n).iter().fold(x1, |x, step| step(x));
        let y2 = checkpoint_chain(x2, &layers(n));
        assert_eq!(y1.value(), y2.value());
        assert!(y1.sum().backward()[x1].is_close(&y2.sum().backward()[x2], 1e-14));
        (plain.bytes(), segments.bytes())
    };
    let (plain, segments): (Vec<_>, Vec<_>) = [64, 256, 1024].into_iter().map(held).unzip();
    for k in 1..3 {
        let growth = |bytes: &[usize]| bytes[k] as f64 / bytes[k - 1] as f64;
        assert!((growth(&plain) - 4.0).abs() < 0.1, "{plain:?}");
        assert!((growth(&segments) - 2.0).abs() < 0.1, "{segments:?}");
    }
    assert!(100 * segments[2] < plain[2], "{plain:?}, {segments:?}");
}

#[test]
fn chains_of_no_step_and_of_lengths_that_are_no_squares() {
    let tape = Tape::new();
    let x = tape.var([0.5]);
    assert_eq!(checkpoint_chain(x, &[]).value(), x.value());
    for n in [1, 2, 3, 5, 7, 10, 99] {
        let steps = vec![step(|x: Var<'_>| x.tanh()); n];
        let plain = (0..n).fold(x, |x, _| x.tanh());
        let y = checkpoint_chain(x, &steps);
        assert_eq!(y.value(), plain.value());
        assert_eq!(y.sum().backward()[x], plain.sum().backward()[x]);
    }
}

#[test]
fn external_nodes_over_f32() {
    let tape = Tape::<f32>::default();
    let x = tape.var(Tensor::from([0.5f32]));
    let y = x.checkpoint(|x| x.tanh()).map_gradient(|dy| dy * 2.0);
    assert_eq!(y.sum().backward()[x].item(), 2.0 * (1.0 - 0.5f32.tanh().powi(2)));
}
