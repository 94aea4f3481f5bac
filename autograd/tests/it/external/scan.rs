//! Loops over time: the same values and derivatives whatever is kept, and memory that is the caller's choice.

use autograd::{Param, Tape, Tensor, Var, checkpoint, scan};
use rand::RngExt;

use super::{forward_meets_reverse, refusal, steepness};
use crate::sampling::Sampler;

const TIME: usize = 11;

/// A recurrent body with two states of different shapes.
fn run<'t>(x: Var<'t>, state: [Var<'t>; 2], w: &Param, segment: usize) -> (Var<'t>, Vec<Var<'t>>) {
    let w = w.clone();
    scan(x, &state, segment, move |x, state| {
        let h = (x + state[0].matmul(&w)).tanh();
        let total = state[1] * 0.5 + h.sum();
        (h * total, vec![h, total])
    })
}

/// One number of everything that the loop gives.
fn summed<'t>((y, state): (Var<'t>, Vec<Var<'t>>)) -> autograd::Scalar<'t> {
    y.square().sum() + state[0].sum() * 0.7 + state[1].sin().sum()
}

struct Inputs {
    x: Tensor,
    h: Tensor,
    total: Tensor,
    w: Param,
}

fn inputs() -> Inputs {
    let mut sampler = Sampler::new(21);
    Inputs {
        x: sampler.normal_like(&[TIME, 2, 3]) * 0.3,
        h: sampler.normal_like(&[2, 3]) * 0.3,
        total: sampler.normal_like(&[]),
        w: Param::new(sampler.normal_like(&[3, 3]) * 0.4),
    }
}

#[test]
fn segments_of_any_length_have_the_bits_of_the_recorded_loop() {
    let Inputs { x, h, total, w } = inputs();
    let of = |segment: usize| {
        let tape = Tape::new();
        let (x, h, total) = (tape.var(&x), tape.var(&h), tape.var(&total));
        let (y, state) = run(x, [h, total], &w, segment);
        let values = [y.value(), state[0].value(), state[1].value()];
        let grads = summed((y, state)).backward();
        (values, [x, h, total].map(|x| grads[x].clone()), grads[&w].clone())
    };
    let recorded = of(TIME);
    for segment in (1..TIME).chain([TIME + 1, usize::MAX]) {
        let (values, gradients, dw) = of(segment);
        assert_eq!(values, recorded.0, "segments of {segment}");
        assert_eq!(gradients, recorded.1, "segments of {segment}");
        // Sums over segments, not over steps: in another order.
        assert!(dw.is_close(&recorded.2, 1e-13), "segments of {segment}");
    }
}

#[test]
fn higher_derivatives_and_forward_mode_of_a_loop() {
    let Inputs { x, h, total, w } = inputs();
    let x = [x, h, total];
    let formula = |segment: usize, w: Param| {
        move |x: &[Var<'_>]| -> f64 { steepness(summed(run(x[0], [x[1], x[2]], &w, segment)), x).value() }
    };
    let second = |segment: usize| {
        let tape = Tape::new();
        let vars: Vec<_> = x.iter().map(|x| tape.var(x)).collect();
        let y = steepness(summed(run(vars[0], [vars[1], vars[2]], &w, segment)), &vars);
        let grads = y.backward();
        (y.value(), vars.iter().map(|&x| grads[x].clone()).collect::<Vec<_>>())
    };
    let (value, gradients) = second(TIME);
    for segment in [1, 3, 4] {
        let (again, found) = second(segment);
        assert!((again - value).abs() < 1e-12 * value.abs());
        assert!(found.iter().zip(&gradients).all(|(a, b)| a.is_close(b, 1e-11)), "segments of {segment}");
    }
    let tape = Tape::new();
    let vars: Vec<_> = x.iter().map(|x| tape.var(x)).collect();
    assert!((formula(3, w.clone())(&vars) - value).abs() < 1e-12 * value.abs());
    let of = |segment: usize| {
        let w = w.clone();
        move |x: &[Var<'_>]| -> f64 { summed(run(x[0], [x[1], x[2]], &w, segment)).value() }
    };
    assert!((of(3)(&vars) - of(TIME)(&vars)).abs() < 1e-14);
    fn output<'t>(x: &[Var<'t>], w: &Param, segment: usize) -> Var<'t> {
        run(x[0], [x[1], x[2]], w, segment).0
    }
    forward_meets_reverse(|x| output(x, &w, 3), |x| output(x, &w, TIME), &x);
}

#[test]
fn memory_is_that_of_the_states_and_one_segment() {
    let time = 400;
    let bytes = |segment: usize| {
        let w = Param::new(Sampler::new(3).normal_like(&[3, 3]) * 0.4);
        let tape = Tape::new();
        let x = tape.constant(Sampler::new(4).normal_like(&[time, 16, 3]));
        let before = tape.bytes();
        let (y, _) = run(x, [tape.constant(Tensor::zeros([16, 3])), tape.constant(Tensor::zeros([]))], &w, segment);
        y.sum().backward();
        tape.bytes() - before
    };
    let (recorded, short, root) = (bytes(time), bytes(1), bytes(20));
    assert!(root < short && short < recorded, "{root}, {short}, {recorded}");
}

#[test]
fn what_the_body_draws_is_drawn_again() {
    let tape = Tape::new();
    tape.train(5);
    let x = tape.var(Tensor::ones([6, 8]));
    let start = tape.constant(Tensor::zeros([8]));
    let (y, _) = scan(x, &[start], 2, |x, state| {
        let shape = x.shape();
        let mask = x.tape().random(|rng| Tensor::from_fn(shape, |_| f64::from(u8::from(rng.random::<bool>()))));
        let y = x * &mask.expect("it trains");
        (y, vec![state[0] + y])
    });
    let mask = y.value();
    assert!(mask.to_vec().contains(&0.0) && mask.to_vec().contains(&1.0));
    assert_eq!(y.sum().backward()[x], mask);
}

#[test]
fn a_segment_of_several_arrays() {
    let tape = Tape::new();
    let (a, b) = (tape.var([[1.0, 2.0]]), tape.var([0.5]));
    let y = checkpoint(&[a, b, a], |x| vec![x[0] * x[1], x[2].exp().sum().to_var(), x[1]]);
    assert_eq!(y.iter().map(|y| y.shape().len()).collect::<Vec<_>>(), [2, 0, 1]);
    let found = (y[0].sum() * y[1].item() + y[2].square().sum()).backward();
    let plain = ((a * b).sum() * a.exp().sum() + b.square().sum()).backward();
    assert_eq!((&found[a], &found[b]), (&plain[a], &plain[b]));
    assert!(checkpoint(&[a], |_| vec![]).is_empty());
}

#[test]
fn what_cannot_be_run_is_refused() {
    let tape = Tape::new();
    let (x, h) = (tape.var(Tensor::ones([3, 2])), tape.var([0.0, 0.0]));
    let identity = |segment| scan(x, &[h], segment, |x, state| (x, state.to_vec()));
    let law = "scan: segments of 0 steps; 1 keeps every state, 3 records every step";
    assert_eq!(refusal(|| super::ignore(identity(0))), law);
    let law = "scan: the body returned 0 states where it is given 1; return each, in order";
    for segment in [1, 3] {
        assert_eq!(refusal(|| super::ignore(scan(x, &[h], segment, |x, _| (x, vec![])))), law);
    }
    let nothing = tape.var(Tensor::ones([0, 2]));
    let law = "scan: an array of shape (0, 2) has no step; its first axis is time";
    assert_eq!(refusal(|| super::ignore(scan(nothing, &[h], 1, |x, state| (x, state.to_vec())))), law);
    let law = "checkpoint: there is no input; give it the arrays that it uses";
    assert_eq!(refusal(|| super::ignore(checkpoint::<f64>(&[], |x| x.to_vec()))), law);
}
