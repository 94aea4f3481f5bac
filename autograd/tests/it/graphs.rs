//! Shapes of graphs: chains too deep for any stack, fan-out, diamonds, reuse of a tape, what a gradient depends on.

use autograd::{Elementwise, Number, Param, Scalar, Tape, Tensor, Var};

/// x ← sigmoid(4x − 2) from ½ stays at ½, where the slope is 4·¼ = 1: the gradient is 1 at any depth.
fn chain(x: Scalar<'_>, links: usize) -> Scalar<'_> {
    (0..links).fold(x, |x, _| (4.0 * x - 2.0).sigmoid())
}

#[test]
fn ten_million_scalar_operations_record_sweep_and_drop() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    let y = chain(x, 3_333_334);
    assert!(tape.len() > 10_000_000);
    assert_eq!(y.backward()[x], 1.0);
}

#[test]
fn a_million_array_operations_record_sweep_and_drop() {
    let tape = Tape::new();
    let x = tape.var([0.5; 4]);
    let y = (0..333_334).fold(x, |x, _| (4.0 * x - 2.0).sigmoid());
    assert!(tape.len() > 1_000_000);
    assert_eq!(y.sum().backward()[x], Tensor::from([1.0; 4]));
}

#[test]
fn a_deep_recorded_gradient() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    // Second derivative of a long product: y = x^1000 by multiplication.
    let y = (0..999).fold(x, |y, _| y * x);
    let d2y = y.grad(x).grad(x).value();
    let exact = 1000.0 * 999.0 * 0.5f64.powi(998);
    assert!((d2y / exact - 1.0).abs() < 1e-10, "{d2y} {exact}");
}

#[test]
fn fan_out_adds_up() {
    let tape = Tape::new();
    let x = tape.var([2.0, 3.0]);
    let y = x + x + x * x;
    let z = (y * y + x).sum();
    // y = 2x + x², z = y² + x: dz/dx = 2y(2 + 2x) + 1
    assert_eq!(z.backward()[x], Tensor::from([2.0 * 8.0 * 6.0 + 1.0, 2.0 * 15.0 * 8.0 + 1.0]));
}

#[test]
fn variables_in_a_row_are_each_given_their_gradient() {
    let tape = Tape::new();
    let pairs: Vec<[Scalar<'_>; 2]> = (0..600).map(|i| [tape.scalar(f64::from(i)), tape.scalar(3.0)]).collect();
    let mut sum = tape.scalar_constant(0.0);
    for [a, b] in &pairs {
        // Single ones and rows of them between the operations, the last used at once, before its row and after.
        let [c, d] = [tape.scalar(5.0), tape.scalar(7.0)];
        sum += *a * *b + d * c + tape.scalar(2.0) * d;
    }
    let last = tape.scalar(1.0);
    let grads = (sum * last).backward();
    for (i, [a, b]) in pairs.iter().enumerate() {
        assert_eq!((grads[*a], grads[*b]), (3.0, i as f64));
    }
    assert_eq!(grads[last], sum.value());
}

#[test]
#[should_panic(expected = "it is being swept and cannot record")]
fn a_tape_that_is_being_swept_takes_no_scalar() {
    let tape = Tape::new();
    let (x, y) = (tape.scalar(1.0), tape.var([1.0]).named("y"));
    y.sum().backward_with(|_, _| _ = x * x);
}

#[test]
fn plain_numbers_and_tensors_stand_on_either_side() {
    let tape = Tape::new();
    let (a, x) = (tape.scalar(-2.0), tape.var([1.0, 2.0]));
    let found = [a.maximum(0.0), a.greater(-3.0), a.pow(2.0), a.atan2(-2.0)].map(|y| y.value());
    assert_eq!(found, [0.0, 1.0, 4.0, (-2f64).atan2(-2.0)]);
    let y = Tensor::from([3.0, 5.0]) - x * Tensor::from([2.0, 4.0]);
    assert_eq!((y.value(), y.sum().backward()[x].clone()), (Tensor::from([1.0, -3.0]), Tensor::from([-2.0, -4.0])));
}

#[test]
fn scalars_and_arrays_share_one_sweep() {
    let tape = Tape::new();
    let (a, x) = (tape.scalar(3.0), tape.var([1.0, 2.0]));
    let mean = (x * a).mean(); // 4.5
    let y = (x * mean + a).sum() * mean.square();
    // y = (3m + 2a)·m² with m = 1.5a: y = 6.5a·2.25a² = 14.625a³
    let grads = y.backward();
    assert!((grads[a] - 3.0 * 14.625 * 9.0).abs() < 1e-10);
    assert!((y.grad(a).value() - grads[a]).abs() < 1e-10);
    assert!((y.grad(a).grad(a).value() - 6.0 * 14.625 * 3.0).abs() < 1e-9);
}

#[test]
fn what_the_result_does_not_depend_on_has_gradient_zero() {
    let tape = Tape::new();
    let (x, y, s) = (tape.var([1.0]), tape.var([2.0, 3.0]), tape.scalar(4.0));
    let grads = x.sum().backward();
    assert_eq!(grads[y], Tensor::from([0.0, 0.0]));
    assert_eq!(grads[s], 0.0);
    assert!(grads.get(y).is_none() && grads.get(x).is_some());
    let (dy, ds) = x.sum().grad((y, s));
    assert_eq!((dy.value(), ds.value()), (Tensor::from([0.0, 0.0]), 0.0));
}

#[test]
fn two_sweeps_of_one_tape_are_independent() {
    let tape = Tape::new();
    let x = tape.var([1.0, 2.0]);
    let (y, z) = (x.square().sum(), x.exp().sum());
    let (dy, dz) = (y.backward(), z.backward());
    assert_eq!(dy[x], Tensor::from([2.0, 4.0]));
    assert_eq!(dz[x], x.exp().value());
    drop(dy);
    assert_eq!(y.backward()[x], Tensor::from([2.0, 4.0]));
}

#[test]
fn gradients_of_a_longer_recording_leave_no_trace() {
    let mut tape = Tape::new();
    for (links, reused) in
        [(1000, "a new tape"), (3, "a shorter recording"), (300, "a longer one"), (2, "a shorter one")]
    {
        tape.clear();
        let x = tape.scalar(0.5);
        let y = (0..links).fold(x, |y, _| y * 1.0);
        let first = y.backward();
        assert_eq!(first[x], 1.0, "{reused}");
        // Recorded where older recordings had gradients, while those of this one are still held.
        let (z, square) = (y + 1.0, y * y);
        assert_eq!((first[z], first[square]), (0.0, 0.0), "{reused}");
        let second = square.backward();
        assert_eq!((second[x], second[y], second[z]), (1.0, 1.0, 0.0), "{reused}");
        drop((first, second));
        assert_eq!(z.backward()[x], 1.0, "{reused}");
    }
}

#[test]
fn the_same_bits_on_a_fresh_and_on_a_reused_tape() {
    let run = |tape: &Tape| -> Vec<u64> {
        let x = tape.var(Tensor::linspace(-1.0, 1.0, 7).reshape([7, 1]));
        let loss = x.matmul(x.t()).tanh().softmax(1).ln().mean();
        loss.backward()[x].as_slice().iter().map(|g| g.to_bits()).collect()
    };
    let fresh = run(&Tape::new());
    let mut reused = Tape::new();
    for _ in 0..3 {
        reused.clear();
        reused.var([9.0; 100]).sin().sum().backward();
        reused.clear();
        assert_eq!(run(&reused), fresh);
    }
}

#[test]
fn clearing_keeps_the_memory_and_forgets_the_nodes() {
    let mut tape = Tape::new();
    let bytes = |tape: &Tape| {
        let x = tape.var([1.0; 100]);
        let _ = x.exp().sum();
        tape.bytes()
    };
    let first = bytes(&tape);
    tape.clear();
    assert!(tape.is_empty());
    assert_eq!(bytes(&tape), first);
}

/// A node of the scalar stream holds a code, two operands and a value; sine and cosine keep their derivative beside it.
#[test]
fn a_scalar_node_takes_sixteen_bytes() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    let grown = |f: &dyn Fn()| {
        let before = tape.bytes();
        f();
        tape.bytes() - before
    };
    assert_eq!(grown(&|| _ = (0..1000).fold(x, |x, _| x.tanh())), 16 * 1000);
    assert_eq!(grown(&|| _ = (0..1000).fold(x, |x, _| x.sin())), 24 * 1000);
}

/// A fused function of one input computes its derivative with its value, and keeps it for the sweep.
#[test]
fn a_tracked_map_keeps_its_derivative() {
    #[derive(Clone, Copy)]
    struct Cube;
    impl Elementwise for Cube {
        #[inline(always)]
        fn f<N: Number>(self, x: N) -> N {
            x * x * x
        }
    }
    let tape = Tape::new();
    // 200 values: whole blocks, and a rest.
    let values: Vec<f64> = (0..200).map(|i| f64::from(i) / 64.0 - 1.0).collect();
    let (x, c) = (tape.var(values.clone()), tape.constant(values.clone()));
    let before = tape.bytes();
    let y = c.map(Cube);
    let untracked = tape.bytes() - before;
    let z = x.map(Cube);
    // Put off until somebody reads its values.
    assert_eq!(tape.bytes() - before - untracked, untracked - 8 * 200);
    assert_eq!(y.value(), z.value());
    assert_eq!(tape.bytes() - before - untracked, untracked + 8 * 200);
    let expected: Vec<f64> = values.iter().map(|x| 3.0 * x * x).collect();
    let expected = Tensor::from(expected);
    assert!(z.sum().backward()[x].is_close(&expected, 1e-15));
    // The sum passes one number on; another user, later or earlier, adds to it; and whoever watches sees the map's gradient.
    for order in [[0, 1], [1, 0]] {
        let parts = order.map(|part| if part == 0 { z.sum() } else { (z * 2.0).sum() });
        assert!((parts[0] + parts[1]).backward()[x].is_close(&(3.0 * &expected), 1e-15));
    }
    let z = x.map(Cube).watch();
    let grads = (0.5 * z.sum()).backward();
    assert_eq!((grads[z].get([7]), grads[x].get([0])), (0.5, 1.5));
    assert_eq!(tape.graph().bytes(), tape.bytes());
}

#[test]
fn a_transpose_is_not_copied_for_a_product() {
    let tape = Tape::new();
    let (a, b) = (tape.var(Tensor::<f64>::ones([50, 40])), tape.var(Tensor::ones([50, 40])));
    let before = tape.bytes();
    let _ = a.matmul(b.t());
    // Only the (50, 50) product and two nodes; a copied transpose would add 16,000 bytes.
    assert!(tape.bytes() - before < 50 * 50 * 8 + 1000, "{}", tape.bytes() - before);
}

#[test]
fn a_parameter_is_recorded_once_and_updated_in_place() {
    let w = Param::new([1.0, 2.0]);
    let address = w.value().as_slice().as_ptr();
    let mut tape = Tape::new();
    for step in 0..3 {
        tape.clear();
        let grads = {
            let y = (&w * tape.var([1.0, 1.0]) * &w).sum();
            assert_eq!(tape.census()["times"], 2);
            y.backward()
        };
        let before = w.value().to_vec();
        grads.update(&w, |w, dw| w.iter_mut().zip(dw).for_each(|(w, dw)| *w -= 0.1 * dw)).unwrap();
        assert_eq!(w.value().to_vec(), before.iter().map(|w| w - 0.2 * w).collect::<Vec<_>>(), "step {step}");
    }
    assert_eq!(w.value().as_slice().as_ptr(), address, "updated in place, not in a copy");
}

#[test]
fn a_parameter_serves_on_the_same_tape_after_its_value_changed() {
    let w = Param::new([2.0]);
    let tape = Tape::new();
    let first = w.on(&tape).square().sum().backward();
    first.update(&w, |w, dw| w[0] -= 0.25 * dw[0]).unwrap(); // 2 − 1
    assert_eq!(w.on(&tape).value().item(), 1.0);
    let second = w.on(&tape).square().sum().backward();
    assert_eq!((first[&w].item(), second[&w].item()), (4.0, 2.0));
    w.set([5.0]);
    assert_eq!(w.on(&tape).value().item(), 5.0);
    w.freeze();
    assert!(w.on(&tape).square().sum().backward().of(&w).is_none());
}

#[test]
fn frozen_parameters_get_no_gradient() {
    let (w, b) = (Param::new([1.0]), Param::new([2.0]));
    b.freeze();
    let tape = Tape::new();
    let grads = (w.on(&tape) * &b).sum().backward();
    assert!(grads.of(&w).is_some() && grads.of(&b).is_none());
}

#[test]
fn formulas_are_generic_over_the_type() {
    fn formula<'t, T: autograd::Float>(x: Var<'t, T>) -> Scalar<'t, T> {
        (0.5 * x + 1.0).tanh().sum() / 3.0
    }
    let (single, double) = (Tape::<f32>::default(), Tape::new());
    let x = single.var([0.25f32, -1.0]);
    let y = double.var([0.25f64, -1.0]);
    let (dx, dy) = (formula(x).backward(), formula(y).backward());
    assert!(dx[x].cast::<f64>().is_close(&dy[y], 1e-6));
}

/// The gradient of a function that visits every kind of reduction of every type, in f32 against f64.
#[test]
fn f32_follows_f64() {
    fn formula<'t, T: autograd::Float>(x: Var<'t, T>) -> Scalar<'t, T> {
        let y = x.softmax(1).matmul(x.t()) + x.logsumexp_axis(1) - x.norm_keep(1);
        y.variance() + x.prod() + x.cumsum(0).max() + y.log_softmax(0).mean()
    }
    let values = Tensor::from_fn([3, 3], |i| ((i[0] * 3 + i[1]) as f64 * 0.7).sin() + 0.1 * i[1] as f64);
    let (single, double) = (Tape::<f32>::default(), Tape::new());
    let (x, y) = (single.var(values.cast::<f32>()), double.var(values));
    let (dx, dy) = (formula(x).backward(), formula(y).backward());
    assert!(dx[x].cast::<f64>().is_close(&dy[y], 1e-5), "{} {}", dx[x], dy[y]);
}

/// A tape for values computes what a recording one computes, and keeps no node of it.
#[test]
fn a_tape_for_values_records_nothing() {
    let (w, b) = (Param::new([[1.0, -2.0], [0.5, 3.0]]), Param::new([0.1, -0.2]));
    let formula = |tape: &Tape| {
        let x = tape.var([[0.3, -0.7], [2.0, 1.0]]);
        let h = (x.affine(&w, &b).tanh() * 2.0).matmul(w.on(tape).t());
        (h.softmax(1).reshape([4]).value(), h.exp().value(), (h.sum() * x.mean()).to_var().value())
    };
    let mut tape = Tape::values_only();
    let expected = formula(&Tape::new());
    for _ in 0..2 {
        tape.clear();
        assert_eq!(formula(&tape), expected);
    }
    tape.clear();
    let _ = tape.var([[1.0, 2.0]]).affine(&w, &b).relu();
    assert!(tape.is_empty());
}
