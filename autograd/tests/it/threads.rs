//! Products and updates have the same bits on any number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use autograd::{Float, Param, Tape, Tensor, awake, set_threads};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How many threads there are is the process's: one test at a time says so.
static COUNT: Mutex<()> = Mutex::new(());

/// [`COUNT`], whatever became of the test that had it before.
pub(crate) fn count() -> MutexGuard<'static, ()> {
    COUNT.lock().unwrap_or_else(PoisonError::into_inner)
}

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

/// Two steps with momentum.
fn updated<T: Float>(len: usize) -> Tensor<T> {
    let number = |i: usize| T::from_f64(((i * 7919) % 1009) as f64 / 1009.0);
    let (w, mut velocity) = (Param::new(Tensor::from_fn(len, |i| number(i[0]))), vec![T::one(); len]);
    for _ in 0..2 {
        let tape = Tape::default();
        let grads = w.on(&tape).square().sum().backward();
        assert!(grads.update_each(&w, [&mut velocity], |w, g, [v]| {
            *v = T::from_f64(0.9) * *v + g;
            *w = *w - T::from_f64(0.1) * *v;
        }));
    }
    w.value()
}

fn same_bits<T: Float>() {
    let _alone = count();
    // Large enough to be spread, and of lengths that no block divides; the second list only while the others are awake.
    let large = [(256, 1100, 257), (65, 4099, 301), (1031, 264, 257), (40, 7000, 256)];
    let awake_only =
        [(128, 784, 256), (129, 130, 131), (784, 128, 33), (191, 700, 64), (2000, 1000, 64), (100, 3000, 64)];
    let collect = || {
        let products: Vec<_> = large.iter().chain(&awake_only).map(|&(m, k, n)| products::<T>(m, k, n)).collect();
        (products, [(1 << 20) + 3, 70_001].map(updated::<T>))
    };
    set_threads(1);
    let one = collect();
    for threads in [2, 3, 8] {
        set_threads(threads);
        assert!(collect() == one, "{threads} threads");
        assert!(awake(collect) == one, "{threads} threads, awake");
    }
    set_threads(0);
}

#[test]
fn products_and_updates_have_the_same_bits_on_any_number_of_threads() {
    same_bits::<f32>();
    same_bits::<f64>();
}

/// A thread that helped with an update would wait for the one that waits for it.
#[test]
fn an_update_that_is_shared_out_refuses_to_read_what_it_changes() {
    let _alone = count();
    set_threads(2);
    let w = Param::new(Tensor::<f64>::ones([1 << 20]));
    let tape = Tape::new();
    let grads = w.on(&tape).sum().backward();
    let me = std::thread::current().id();
    let read_by_the_other = || {
        grads.update_each(&w, [], |value, _, []| {
            if std::thread::current().id() != me {
                *value = w.value().as_slice()[0];
            }
        })
    };
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read_by_the_other)).expect_err("a refusal");
    let text = payload.downcast_ref::<String>().expect("a message");
    assert!(text.contains("was asked for its value while it is being changed"), "{text}");
    assert_eq!(w.value().as_slice()[0], 1.0, "it can be read again");
    set_threads(0);
}

/// A second caller, and one that panics, are served like the first.
#[test]
fn staying_awake_ends_whatever_happens() {
    let _alone = count();
    set_threads(2);
    let fails = || std::panic::catch_unwind(|| awake(|| awake(|| panic!("inside"))));
    assert!(fails().is_err());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(awake(|| products::<f64>(200, 200, 200)), products::<f64>(200, 200, 200)));
        }
    });
    set_threads(0);
}
