//! Row F: `Σ tanh(2x + 1)·exp(−x²)` over a million numbers, its value and its gradient.

use autograd::{Elementwise, Number, Tape, Tensor};

use crate::{assert_close, tensor, vectors};

/// How many numbers.
pub const LEN: usize = 1_000_000;

/// `tanh(2x + 1)·exp(−x²)`.
#[derive(Clone, Copy, Debug)]
pub struct Bump;

impl Elementwise for Bump {
    #[inline(always)]
    fn f<N: Number>(self, x: N) -> N {
        (x * N::constant(2.0) + N::one()).tanh() * (-(x * x)).exp()
    }
}

/// The numbers, in [−2, 2).
pub fn inputs() -> Tensor<f32> {
    tensor([LEN], 0, 2.0)
}

/// As a user writes it: the value; the gradient goes to `look`.
pub fn recorded<R>(tape: &mut Tape<f32>, x: &Tensor<f32>, look: impl FnOnce(&Tensor<f32>) -> R) -> (f32, R) {
    tape.clear();
    let x = tape.var(x.clone());
    let y = x.map(Bump).sum();
    let grads = y.backward();
    (y.value(), look(&grads[x]))
}

/// One pass in vector code.
pub fn by_hand(x: &[f32], dx: &mut [f32]) -> f32 {
    vectors::widest(ByHand(x, dx))
}

struct ByHand<'a>(&'a [f32], &'a mut [f32]);

impl vectors::Pass for ByHand<'_> {
    type Out = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let ByHand(x, dx) = self;
        let mut sum = 0.0;
        for (x, dx) in x.chunks(1024).zip(dx.chunks_mut(1024)) {
            // Sums by lanes, so that additions do not wait for one another.
            let mut lanes = [0.0; 32];
            for (x, dx) in x.chunks(32).zip(dx.chunks_mut(32)) {
                for ((x, dx), lane) in x.iter().zip(dx).zip(&mut lanes) {
                    let (t, e) = (vectors::tanh(2.0 * x + 1.0), vectors::exp(-x * x));
                    *lane += t * e;
                    *dx = 2.0 * e * (1.0 - t * t - x * t);
                }
            }
            sum += f64::from(lanes.iter().sum::<f32>());
        }
        sum as f32
    }
}

/// The same with the C library's functions, one call an element.
pub fn by_calls(x: &[f32], dx: &mut [f32]) -> f32 {
    let mut sum = 0.0;
    for (x, dx) in x.iter().zip(dx) {
        let (t, e) = ((2.0 * x + 1.0).tanh(), (-x * x).exp());
        sum += f64::from(t * e);
        *dx = 2.0 * e * (1.0 - t * t - x * t);
    }
    sum as f32
}

/// Holds the three against each other.
///
/// # Panics
/// If they differ.
pub fn verify() {
    let (x, mut dx, mut other) = (inputs(), vec![0.0; LEN], vec![0.0; LEN]);
    let (y, found) = recorded(&mut Tape::default(), &x, Tensor::to_vec);
    let expected = by_calls(x.as_slice(), &mut other);
    assert_close("F, value", &[y, by_hand(x.as_slice(), &mut dx)], &[expected; 2], 1e-5);
    assert_close("F, gradient", &found, &other, 1e-5);
    assert_close("F, gradient by hand", &dx, &other, 1e-5);
}
