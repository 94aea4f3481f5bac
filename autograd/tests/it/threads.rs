//! Products have the same bits on any number of threads.

use autograd::{Float, Tape, Tensor, set_threads};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A product and its two gradients, which are products with a transposed operand.
fn products<T: Float>(m: usize, k: usize, n: usize) -> [Tensor<T>; 3] {
    let mut rng = StdRng::seed_from_u64(7);
    let mut matrix =
        |rows: usize, cols: usize| Tensor::from_fn([rows, cols], |_| T::from_f64(rng.random_range(-1.0..1.0)));
    let (a, b, dy) = (matrix(m, k), matrix(k, n), matrix(m, n));
    let tape = Tape::default();
    let (a, b) = (tape.var(a), tape.var(b));
    let y = a.matmul(b);
    let grads = y.vjp(&dy);
    [y.value(), grads[a].clone(), grads[b].clone()]
}

fn same_bits<T: Float>() {
    // Large enough to be spread, and of lengths that no block divides.
    for (m, k, n) in [(256, 1100, 257), (65, 4099, 301), (1031, 264, 257), (40, 7000, 256)] {
        set_threads(1);
        let one = products::<T>(m, k, n);
        for threads in [2, 3, 8] {
            set_threads(threads);
            assert_eq!(products::<T>(m, k, n), one, "{m} × {k} × {n} on {threads} threads");
        }
    }
    set_threads(0);
}

#[test]
fn products_have_the_same_bits_on_any_number_of_threads() {
    same_bits::<f32>();
    same_bits::<f64>();
}
