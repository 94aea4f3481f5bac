//! Row G: many operations on four numbers each, where only the graph costs.

use autograd::{Tape, Tensor};

use crate::{assert_close, vectors};

/// Links of the chain `x ← tanh(x·w + b)`.
pub const LINKS: usize = 1000;
/// Operations that a link records.
pub const OPERATIONS: usize = 3;

// With w = 1, b = 0 x falls as 1/√n and the slope tends to 1: the gradient stays clear of 0 to the chain's end.
const W: [f32; 4] = [1.0; 4];
const B: [f32; 4] = [0.0; 4];
const X: [f32; 4] = [0.5, 0.6, 0.7, 0.8];

/// The sum of the last x, and its gradients by x₀, w and b.
pub type Answer = (f32, [[f32; 4]; 3]);

/// As a user writes it.
pub fn chain(tape: &mut Tape<f32>) -> Answer {
    tape.clear();
    let (w, b, first) = (tape.var(W), tape.var(B), tape.var(X));
    let mut x = first;
    for _ in 0..LINKS {
        x = (x * w + b).tanh();
    }
    let y = x.sum();
    let grads = y.backward();
    let plain = |dx: &Tensor<f32>| std::array::from_fn(|i| dx.as_slice()[i]);
    (y.value(), [first, w, b].map(|x| plain(&grads[x])))
}

/// By hand; `values` keeps its memory from call to call.
pub fn chain_by_hand(values: &mut Vec<[f32; 4]>) -> Answer {
    let (w, b, mut x) = std::hint::black_box((W, B, X));
    values.clear();
    values.push(x);
    for _ in 0..LINKS {
        x = std::array::from_fn(|i| vectors::tanh(x[i] * w[i] + b[i]));
        values.push(x);
    }
    let (mut dx, mut dw, mut db) = ([1.0; 4], [0.0; 4], [0.0; 4]);
    for link in values.windows(2).rev() {
        for i in 0..4 {
            let dz = dx[i] * (1.0 - link[1][i] * link[1][i]);
            dw[i] += dz * link[0][i];
            db[i] += dz;
            dx[i] = dz * w[i];
        }
    }
    (x.iter().sum(), [dx, dw, db])
}

/// Holds the one against the other.
///
/// # Panics
/// If they differ.
pub fn verify() {
    let ((y, found), (expected, by_hand)) = (chain(&mut Tape::default()), chain_by_hand(&mut vec![]));
    assert_close("G, value", &[y], &[expected], 1e-4);
    for (found, expected) in found.iter().zip(&by_hand) {
        assert_close("G, gradient", found, expected, 1e-3);
    }
}
