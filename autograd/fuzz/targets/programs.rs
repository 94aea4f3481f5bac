//! Random programs of numbers and arrays on one tape, with wrong shapes among them: after each refusal the tape goes on, and a sweep, a
//! second sweep, a recorded gradient and a tape that is cleared and filled again agree.

#![no_main]

use autograd::{Binary, Param, Scalar, Tape, Tensor, Unary, Var};
use autograd_fuzz::{Bytes, fail, refused_with_words};
use libfuzzer_sys::fuzz_target;

/// What a program makes: the gradients of its variables and of its parameter, plain, again, and recorded.
fn run(tape: &Tape, w: &Param, data: &[u8]) -> Option<[Vec<Tensor>; 3]> {
    let mut bytes = Bytes(data);
    let x: Vec<Var<'_>> = (0..3)
        .map(|_| {
            let shape: Vec<usize> = (0..bytes.below(3)).map(|_| 1 + bytes.below(3)).collect();
            let values = Tensor::from_fn(&shape[..], |_| bytes.below(9) as f64 * 0.25 - 1.0);
            tape.var(values)
        })
        .collect();
    let numbers = [tape.scalar(0.5), tape.scalar(-1.25)];
    let (mut arrays, mut scalars): (Vec<Var<'_>>, Vec<Scalar<'_>>) = (x.clone(), numbers.to_vec());
    arrays.push(w.on(tape));
    let mut steps = 0;
    while !bytes.is_empty() && steps < 24 {
        steps += 1;
        let kind = bytes.below(16);
        let (a, b) = (arrays[bytes.below(arrays.len())], arrays[bytes.below(arrays.len())]);
        let (s, u) = (scalars[bytes.below(scalars.len())], scalars[bytes.below(scalars.len())]);
        let (row, axis) = (bytes.below(256), bytes.below(4));
        let unary = Unary::ROWS[row % Unary::ROWS.len()];
        let binary = Binary::ROWS[row % Binary::ROWS.len()];
        let args = [0.5, 1.5].map(|arg| if unary.arguments > 0 { arg } else { 0.0 });
        let made = match kind {
            0 => refused_with_words("unary", || a.unary(unary.row, args)),
            1 => refused_with_words("binary", || a.binary(binary.row, b)),
            2 => refused_with_words("matmul", || a.matmul(b)),
            3 => refused_with_words("sum_axis", || a.sum_axis(axis)),
            4 => refused_with_words("times", || a * s),
            5 => refused_with_words("concat", || Var::concat(&[a, b, a], axis)),
            6 => refused_with_words("softmax", || a.softmax(axis)),
            7 => refused_with_words("slice", || a.slice(axis, 0..row % 3)),
            8 => refused_with_words("take", || a.take(axis, &[row % 3, 0, row % 3])),
            9 => refused_with_words("t", || a.t()),
            10 => refused_with_words("checkpoint", || a.checkpoint(|x| x.tanh() + x)),
            11 => refused_with_words("map_gradient", || a.map_gradient(|dy| dy * 2.0)),
            12 => refused_with_words("max_axis", || a.max_axis(axis)),
            13 => {
                scalars.push(s.unary(unary.row, args));
                continue;
            }
            14 => {
                scalars.push(s.binary(binary.row, u));
                continue;
            }
            _ => {
                scalars.push(a.sum());
                continue;
            }
        };
        if let Some(y) = made {
            if y.shape().numel() <= 256 {
                arrays.push(y);
            }
        }
    }
    let loss = arrays.iter().fold(scalars[scalars.len() - 1], |sum, x| sum + x.sum() * 0.1);
    if !loss.value().is_finite() {
        return None;
    }
    let sweep = || {
        let grads = loss.backward();
        let mut found: Vec<Tensor> = x.iter().map(|&x| grads[x].clone()).collect();
        found.extend(numbers.map(|x| Tensor::from(grads[x])));
        found.push(grads[w].clone());
        found
    };
    let (once, again) = (sweep(), sweep());
    let (arrays, numbers, w) = loss.grad((&x[..], &numbers[..], w));
    let mut recorded: Vec<Tensor> = arrays.iter().map(|dx| dx.value()).collect();
    recorded.extend(numbers.iter().map(|dx| Tensor::from(dx.value())));
    recorded.push(w.value());
    Some([once, again, recorded])
}

fn bits(found: &[Tensor]) -> Vec<Vec<u64>> {
    let bits = |x: f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
    found.iter().map(|x| x.as_slice().iter().map(|&x| bits(x)).collect()).collect()
}

fuzz_target!(|data: &[u8]| {
    let w = Param::new([0.75, -0.5]);
    let mut tape = Tape::new();
    let Some([once, again, recorded]) = run(&tape, &w, data) else { return };
    tape.clear();
    let Some([cleared, ..]) = run(&tape, &w, data) else { fail("another value on a cleared tape") };
    if bits(&once) != bits(&again) || bits(&once) != bits(&cleared) {
        fail(&format!("a sweep {once:?}\nagain {again:?}\ncleared {cleared:?}"));
    }
    for (plain, recorded) in once.iter().zip(&recorded) {
        let size = plain.as_slice().iter().fold(1.0f64, |size, x| size.max(x.abs()));
        let close = |(a, b): (&f64, &f64)| !a.is_finite() || !b.is_finite() || (a - b).abs() <= 1e-9 * size;
        if plain.shape() != recorded.shape() || !plain.as_slice().iter().zip(recorded.as_slice()).all(close) {
            fail(&format!("plain {plain:?}, recorded {recorded:?}"));
        }
    }
});
