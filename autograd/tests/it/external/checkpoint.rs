//! Checkpointed segments: values, gradients of first and second order, forward mode, refusals, and the bytes held.

use autograd::check::Checker;
use autograd::{Param, Parameters, Scalar, Step, Tape, Tensor, Var, check, checkpoint_chain, step};
use rand::RngExt;

use super::{forward_meets_reverse, ignore, refusal, steepness};
use crate::sampling::Sampler;

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

const CHANGED: &str =
    "checkpoint: a parameter of shape (1,) was changed after it was recorded; record the formula again";

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
    assert_eq!(refusal(|| ignore(y.backward())), CHANGED);
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
    assert_eq!(refusal(|| ignore(y.grad(x))), CHANGED);
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
fn a_parameter_that_was_frozen_since_stops_the_sweep() {
    let (w, tape) = (Param::new([2.0]), Tape::new());
    let inner = w.clone();
    let y = tape.var([3.0]).checkpoint(move |x| x * &inner).sum();
    w.freeze();
    assert!(refusal(|| ignore(y.backward())).contains("was frozen after it was recorded"));
    w.unfreeze();
    assert_eq!(y.backward()[&w].to_vec(), [3.0]);
}

/// Its input is no parameter that the segment uses.
#[test]
fn a_segment_of_a_parameter() {
    let w = Param::new([0.5, -0.25]);
    let tape = Tape::new();
    let loss = w.on(&tape).checkpoint(|x| x.tanh() + x).sum();
    let slope = w.value().map(|x| 2.0 - x.tanh().powi(2));
    assert!(loss.backward()[&w].is_close(&slope, 1e-15));
    assert!(loss.grad(&w).value().is_close(&slope, 1e-15));
    assert!(loss.to_var().jvp(&[(w.on(&tape), &Tensor::ones(2))]).is_close(&Tensor::from(slope.sum()), 1e-15));
}
