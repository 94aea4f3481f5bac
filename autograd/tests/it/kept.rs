//! What a plain sweep computes another way than a recorded gradient: derivatives that were kept, sums of stretched operands,
//! parts of joins. Both must have the same bits.

use autograd::{Float, Tape, Tensor, Var};

fn values<T: Float>(shape: &[usize], seed: usize) -> Tensor<T> {
    let mut n = seed;
    Tensor::from_fn(shape.to_vec(), |_| {
        n = (n * 7919 + 4271) % 4001;
        T::from_f64(n as f64 / 1e3 - 2.0)
    })
}

/// Which tell +0 from −0.
fn bits<T: Float>(values: &Tensor<T>) -> Vec<u64> {
    values.as_slice().iter().map(|x| x.to_f64().to_bits()).collect()
}

/// The gradient of `Σ f(x, y)·w` in two sweeps, in a recorded gradient, and along the inputs in forward mode.
fn agrees<T: Float>(what: &str, shapes: [&[usize]; 2], f: impl for<'t> Fn([Var<'t, T>; 2]) -> Var<'t, T>) {
    let tape = Tape::<T>::default();
    let x = [tape.var(values(shapes[0], 5)), tape.var(values(shapes[1], 11))];
    let y = f(x);
    let weights = values::<T>(&y.shape(), 77);
    let loss = (y * &weights).sum();
    let (first, again, recorded) = (loss.backward(), loss.backward(), loss.grad(&x[..]));
    for k in 0..2 {
        let what = format!("{what}, input {k} of {:?}", shapes);
        assert_eq!(bits(&first[x[k]]), bits(&recorded[k].value()), "{what}: the recorded gradient");
        assert_eq!(bits(&first[x[k]]), bits(&again[x[k]]), "{what}: a second sweep");
        let tangent = values::<T>(shapes[k], 31);
        let along = (y.jvp(&[(x[k], &tangent)]) * &weights).sum().to_f64();
        let expected = (&first[x[k]] * &tangent).sum().to_f64();
        let terms = (&first[x[k]] * &tangent).abs().sum().to_f64();
        assert!(
            (along - expected).abs() <= 1e3 * T::EPSILON.to_f64() * terms.max(1.0),
            "{what}: {along} and {expected}"
        );
    }
}

/// Short rows, rows that are taken together, long ones and several pieces; columns beside each other, more than a strip.
const LINES: [&[usize]; 8] = [&[1], &[5], &[40, 3], &[7, 100], &[2, 300], &[2, 2500], &[130, 70], &[3, 4, 5]];

fn softmaxes<T: Float>() {
    for shape in LINES {
        for axis in 0..shape.len() {
            agrees::<T>("logsumexp", [shape, &[1]], |[x, y]| (x * y).logsumexp_axis(axis));
            agrees::<T>("log_softmax", [shape, &[1]], |[x, y]| (x * y).log_softmax(axis));
            agrees::<T>("softmax", [shape, &[1]], |[x, y]| (x * y).softmax(axis));
        }
        agrees::<T>("logsumexp of all", [shape, &[1]], |[x, y]| (x * y).logsumexp_axis(0..shape.len()));
    }
}

#[test]
fn derivatives_of_softmax_that_were_kept_are_those_of_the_rule() {
    softmaxes::<f32>();
    softmaxes::<f64>();
}

#[test]
fn slopes_of_rows_that_were_kept_are_those_of_the_rule() {
    for n in [3, 64, 1000] {
        agrees::<f64>("gelu", [&[n], &[1]], |[x, y]| (x * y).gelu());
        agrees::<f32>("gelu", [&[n], &[1]], |[x, y]| (x * y).gelu());
        agrees::<f64>("mish", [&[n], &[1]], |[x, y]| (x * y).mish());
    }
}

#[test]
fn stretched_operands_get_the_sums_of_their_gradients() {
    let pairs: [[&[usize]; 2]; 17] = [
        [&[2, 1], &[5]],
        [&[5], &[]],
        [&[4], &[1]],
        [&[4], &[]],
        [&[1], &[4]],
        [&[2, 2], &[2]],
        [&[2, 2], &[2, 1]],
        [&[2, 1], &[1, 3]],
        [&[2, 3, 2], &[3, 1]],
        [&[2, 1, 2], &[3, 1]],
        [&[3, 3, 2], &[3, 1, 2]],
        [&[2, 3, 4], &[3, 1]],
        [&[2, 3, 4], &[2, 1, 4]],
        [&[2, 3, 4], &[1, 3, 1]],
        [&[2, 3, 1, 4], &[2, 1, 1, 1]],
        [&[0, 3], &[3]],
        [&[300, 20], &[300, 1]],
    ];
    for shapes in pairs {
        agrees::<f64>("products", shapes, |[x, y]| x * y);
        agrees::<f64>("sums", shapes, |[x, y]| x + y);
        agrees::<f64>("differences", shapes, |[x, y]| (x - y) * 0.3);
        agrees::<f64>("quotients", shapes, |[x, y]| y / x.exp());
        // Operands that have a gradient already, from what was computed later.
        agrees::<f64>("products, and others", shapes, |[x, y]| x * y + x.exp() + y.sin());
        agrees::<f64>("differences, and others", shapes, |[x, y]| (x - y) * 0.3 + x.exp() + y.sin());
        agrees::<f64>("quotients, and others", shapes, |[x, y]| x / y + x.exp() + y.sin());
    }
}

#[test]
fn joins_and_sums_of_lines_pass_their_gradient_to_the_parts() {
    for [a, b] in [[&[3, 4, 2], &[3, 4, 2]], [&[3, 4, 0], &[3, 4, 0]]] as [[&[usize]; 2]; 2] {
        for axis in 0..3 {
            agrees::<f64>("concat", [a, b], |[x, y]| Var::concat(&[x, y, x, y.exp()], axis));
            agrees::<f64>("stack", [a, b], |[x, y]| Var::stack(&[x, y.sin(), y], axis));
            agrees::<f64>("sums", [a, b], |[x, y]| x.sum_axis(axis) * y.sum_axis(axis));
            if b[axis] > 0 {
                agrees::<f64>("means", [a, b], |[x, y]| x.mean_axis(axis) * y.mean_keep([0, 1]).sum_axis(axis));
            }
        }
    }
    agrees::<f64>("parts of other lengths", [&[2, 1], &[2, 5]], |[x, y]| Var::concat(&[y, x], 1));
}
