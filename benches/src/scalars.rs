//! Rows H and I: a hundred thousand steps on single numbers.

use autograd::{Scalar, Tape, Tensor};

use crate::{assert_close, scattered};

/// Links of row H, terms of row I.
pub const LEN: usize = 100_000;

/// The numbers of a chain of row H. At its fixed point the slope w·y·(1 − y) is exactly 1: were the gradient to fall to 0, the
/// sweep would skip the rest of its work.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    w: f64,
    b: f64,
    x: f64,
}

/// At ½ every sigmoid is asked for 0, where the C library's exponential returns at once, and ours is a line.
pub const HALF: Link = Link { w: 4.0, b: -2.0, x: 0.5 };

/// At ¼ every sigmoid is asked for −ln 3, and there is no way around the work.
pub const QUARTER: Link = Link { w: 16.0 / 3.0, b: -4.0 / 3.0 - 1.098_612_288_668_109_8, x: 0.25 };

/// Row H, `x ← sigmoid(w·x + b)`: the value, and its derivatives by w, b and the first x.
pub fn chain(tape: &mut Tape, link: Link) -> [f64; 4] {
    tape.clear();
    // Hidden from the compiler: it would find the fixed point, and compute no link but the first.
    let Link { w, b, x } = std::hint::black_box(link);
    let (w, b, first) = (tape.scalar(w), tape.scalar(b), tape.scalar(x));
    let mut x = first;
    for _ in 0..LEN {
        x = (w * x + b).sigmoid();
    }
    let grads = x.backward();
    [x.value(), grads[w], grads[b], grads[first]]
}

/// The same by hand; `values` keeps its memory from call to call.
pub fn chain_by_hand(values: &mut Vec<f64>, link: Link) -> [f64; 4] {
    let Link { w, b, mut x } = std::hint::black_box(link);
    values.resize(LEN + 1, 0.0);
    values[0] = x;
    for y in &mut values[1..] {
        x = 1.0 / (1.0 + (-(w * x + b)).exp());
        *y = x;
    }
    let (mut dx, mut dw, mut db) = (1.0, 0.0, 0.0);
    for link in values.windows(2).rev() {
        let (x, y) = (link[0], link[1]);
        let dz = dx * y * (1.0 - y);
        dw += dz * x;
        db += dz;
        dx = dz * w;
    }
    [x, dw, db, dx]
}

/// The `LEN + 1` numbers of row I.
pub fn terms() -> Vec<f64> {
    (0..=LEN).map(|i| 1.5 * scattered(i)).collect()
}

/// Row I, `Σ sin(xᵢ)·xᵢ₊₁/(1 + xᵢ²)`: the value; its gradient goes into `dx`.
pub fn sum(tape: &mut Tape, x: &[f64], dx: &mut Vec<f64>) -> f64 {
    tape.clear();
    let x: Vec<Scalar<'_>> = x.iter().map(|&x| tape.scalar(x)).collect();
    let mut sum = tape.scalar_constant(0.0);
    for pair in x.windows(2) {
        sum += pair[0].sin() * pair[1] / (1.0 + pair[0] * pair[0]);
    }
    let grads = sum.backward();
    dx.clear();
    dx.extend(x.iter().map(|&x| grads[x]));
    sum.value()
}

/// Row I written for arrays, as libraries that record no single numbers need it.
pub fn sum_of_arrays(tape: &mut Tape, x: &Tensor, dx: &mut Vec<f64>) -> f64 {
    tape.clear();
    let x = tape.var(x);
    let (first, next) = (x.slice(0, 0..LEN), x.slice(0, 1..LEN + 1));
    let sum = (first.sin() * next / (1.0 + first.square())).sum();
    let grads = sum.backward();
    dx.clear();
    dx.extend_from_slice(grads[x].as_slice());
    sum.value()
}

/// The same by hand; `kept` and `dx` keep their memory from call to call.
pub fn sum_by_hand(x: &[f64], kept: &mut Vec<[f64; 3]>, dx: &mut Vec<f64>) -> f64 {
    kept.clear();
    let mut sum = 0.0;
    for pair in x.windows(2) {
        let (sin, cos) = pair[0].sin_cos();
        let q = 1.0 / (1.0 + pair[0] * pair[0]);
        kept.push([sin, cos, q]);
        sum += sin * pair[1] * q;
    }
    dx.clear();
    let mut from_before = 0.0;
    for (pair, [sin, cos, q]) in x.windows(2).zip(&*kept) {
        dx.push(from_before + (cos - 2.0 * pair[0] * sin * q) * pair[1] * q);
        from_before = sin * q;
    }
    dx.push(from_before);
    sum
}

/// Holds each against its loop.
///
/// # Panics
/// If they differ.
pub fn verify() {
    let (mut tape, x) = (Tape::new(), terms());
    for link in [HALF, QUARTER] {
        for (found, expected) in chain(&mut tape, link).into_iter().zip(chain_by_hand(&mut vec![], link)) {
            // Rounding adds up over the links; a wrong rule would be off by far more.
            assert_close("H", &[found], &[expected], 1e-9);
        }
    }
    let (mut found, mut expected) = (vec![], vec![]);
    let by_hand = sum_by_hand(&x, &mut vec![], &mut expected);
    let check = |row: &str, y: f64, found: &[f64]| {
        assert_close(&format!("{row}, value"), &[y], &[by_hand], 1e-10);
        assert_close(&format!("{row}, gradient"), found, &expected, 1e-13);
    };
    let y = sum(&mut tape, &x, &mut found);
    check("I", y, &found);
    let y = sum_of_arrays(&mut tape, &Tensor::from(x), &mut found);
    check("I as arrays", y, &found);
}
