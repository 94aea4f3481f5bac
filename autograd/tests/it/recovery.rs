//! After a panic in the user's code is caught, tapes, parameters and threads are as usable as before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autograd::{Custom, Elementwise, Number, Param, Tape, Tensor, Var, backward_in_parts, hvp, set_threads};
use rand::RngExt;

use crate::threads::count;

/// The text of a panic.
fn caught<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("no panic") };
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).expect("a message")
}

/// Handles are `Copy`, so `drop` would warn.
fn ignore<T>(_: T) {}

/// The gradient of a small formula with arrays, numbers, a parameter, a fused function and a draw; the same each time.
fn steady(tape: &Tape) -> Vec<f64> {
    let w = Param::new([0.5, -0.25]);
    let x = tape.var([1.0, 2.0]);
    let y = (x * &w).map(Wave).checkpoint(|x| x.tanh()).sum() * tape.scalar(3.0);
    let (plain, recorded) = (y.backward(), y.grad(x));
    let moved = recorded.jvp(&[(x, &Tensor::from([1.0, -1.0]))]);
    [plain[x].to_vec(), plain[&w].to_vec(), recorded.value().to_vec(), moved.to_vec()].concat()
}

fn draw(tape: &Tape) -> Option<u64> {
    tape.random(|rng| rng.random())
}

/// A sine that panics while it is told to.
#[derive(Clone, Copy)]
struct Wave;

thread_local! {
    static BROKEN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl Elementwise for Wave {
    fn f<N: Number>(self, x: N) -> N {
        assert!(!BROKEN.get(), "broken");
        x.sin()
    }
}

/// The identity, of which value and rule panic while they are told to.
struct Broken(Arc<[AtomicBool; 2]>);

impl Custom for Broken {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        assert!(!self.0[0].load(Ordering::Relaxed), "broken value");
        x[0].clone()
    }

    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        assert!(!self.0[1].load(Ordering::Relaxed), "broken rule");
        vec![dy]
    }
}

#[test]
fn a_checkpoint_that_panics_in_a_gradient_leaves_the_tape_in_training() {
    let (tape, undisturbed) = (Tape::new(), Tape::new());
    let broken = Arc::new(AtomicBool::new(false));
    let now = broken.clone();
    for tape in [&tape, &undisturbed] {
        tape.train(7);
    }
    let x = tape.var([1.0, 2.0]);
    let y = x.checkpoint(move |x| if now.load(Ordering::Relaxed) { panic!("inside") } else { x.sin() }).sum();
    let _ = undisturbed.var([1.0, 2.0]).checkpoint(|x| x.sin()); // draws a seed as well
    broken.store(true, Ordering::Relaxed);
    assert_eq!(caught(|| y.grad(x)), "inside");
    assert_eq!(caught(|| y.backward()), "inside");
    assert_eq!(caught(|| y.to_var().jvp(&[(x, &Tensor::ones(2))])), "inside");
    broken.store(false, Ordering::Relaxed);
    assert_eq!(draw(&tape), draw(&undisturbed), "neither another generator nor one that was drawn from");
    assert_eq!(y.grad(x).value(), autograd::grad(|x| x.checkpoint(|x| x.sin()).sum(), &x.value()));
    assert_eq!(steady(&tape), steady(&Tape::new()).to_vec());
    tape.evaluate();
    assert_eq!(
        caught(|| {
            broken.store(true, Ordering::Relaxed);
            y.grad(x)
        }),
        "inside"
    );
    assert_eq!(draw(&tape), None, "nor in training where it evaluates");
}

#[test]
fn whatever_closure_panics_the_tape_goes_on() {
    let expected = steady(&Tape::new());
    let mut tape = Tape::new();
    tape.train(3);
    let x = tape.var([1.0, 2.0]).named("x");
    let y = (x * x).sum();
    let both = y.backward()[x].clone();
    let states = Arc::new([AtomicBool::new(true), AtomicBool::new(false)]);
    assert_eq!(caught(|| Var::custom(Broken(states.clone()), &[x])), "broken value");
    states[0].store(false, Ordering::Relaxed);
    let own = Var::custom(Broken(states.clone()), &[x]).sum();
    states[1].store(true, Ordering::Relaxed);
    let ways: [&dyn Fn(); 9] = [
        &|| ignore(tape.constant_with(4, |i| if i == 2 { panic!("broken") } else { 0.0 })),
        &|| ignore(tape.random(|_| panic!("broken"))),
        &|| drop(y.backward_with(|_, _| panic!("broken"))),
        &|| drop(own.backward()),
        &|| drop(own.grad(x).value()),
        &|| drop(own.to_var().jvp(&[(x, &Tensor::ones(2))])),
        &|| drop(x.map_gradient(|_| panic!("broken")).sum().backward()),
        &|| ignore(x.checkpoint(|_| panic!("broken"))),
        &|| {
            BROKEN.set(true);
            drop(x.map(Wave).value());
        },
    ];
    for (k, way) in ways.into_iter().enumerate() {
        for _ in 0..3 {
            assert!(caught(way).starts_with("broken"), "{k}");
            BROKEN.set(false);
            assert_eq!(y.backward()[x], both, "{k}");
            assert_eq!(y.grad(x).value(), both, "{k}");
            assert_eq!(steady(&tape), expected, "{k}");
            assert!(draw(&tape).is_some(), "{k}");
        }
    }
    states[1].store(false, Ordering::Relaxed);
    assert_eq!(own.backward()[x].to_vec(), [1.0, 1.0]);
    tape.clear();
    assert_eq!(steady(&tape), expected);
}

#[test]
fn a_broken_update_leaves_a_parameter_that_can_be_read_and_updated() {
    let (w, v) = (Param::new([1.0, 2.0]), Param::new([3.0]));
    let mut tape = Tape::new();
    for _ in 0..2 {
        tape.clear();
        let loss = (w.on(&tape).square().sum() + v.on(&tape).square().sum()) * 0.5;
        let grads = loss.backward();
        assert_eq!(caught(|| grads.update_each(&w, [], |_, _, []| panic!("broken"))), "broken");
        assert_eq!(caught(|| grads.update(&w, |_, _| panic!("broken"))), "broken");
        assert_eq!(caught(|| w.modify(|_| panic!("broken"))), "broken");
        assert_eq!(
            (w.value().to_vec(), grads[&w].to_vec(), grads[&v].to_vec()),
            (vec![1.0, 2.0], vec![1.0, 2.0], vec![3.0])
        );
        drop(grads);
        tape.clear();
        let loss = (w.on(&tape).square().sum() + v.on(&tape).square().sum()) * 0.5;
        assert_eq!(caught(|| loss.backward_each(|_, _| panic!("broken"))), "broken");
        let mut seen = vec![];
        loss.backward_each(|param, grads| seen.push(grads[param].to_vec()));
        assert_eq!(seen, [vec![3.0], vec![1.0, 2.0]]);
        let grads = loss.backward();
        assert!(grads.update_each(&w, [], |w, dw, []| *w -= 0.0 * dw));
    }
    w.set([5.0, 6.0]);
    assert_eq!(w.value().to_vec(), [5.0, 6.0]);
}

#[test]
fn threads_go_on_after_a_panic_in_a_part() {
    let _alone = count();
    set_threads(2);
    let long = Param::new(Tensor::<f64>::ones([1 << 21]));
    let tape = Tape::new();
    let grads = long.on(&tape).sum().backward();
    let me = std::thread::current().id();
    for on_mine in [true, false] {
        let broken = || {
            grads.update_each(&long, [], |_, _, []| {
                assert!((std::thread::current().id() == me) != on_mine, "broken");
            })
        };
        assert_eq!(caught(broken), "broken");
        assert_eq!(long.value().as_slice()[0], 1.0, "nobody holds it");
        assert!(grads.update_each(&long, [], |_, _, []| ()));
    }
    let w = Param::new([2.0]);
    let mut tapes = [Tape::new(), Tape::new(), Tape::new()];
    for broken in 0..3 {
        let parts = |tapes: &mut [Tape], broken: usize| {
            let (grads, _) = backward_in_parts(tapes, |part, tape| {
                assert!(part != broken, "broken");
                (w.on(tape).square().sum() * (part + 1) as f64, ())
            });
            grads[&w].item()
        };
        assert_eq!(caught(|| parts(&mut tapes, broken)), "broken");
        assert_eq!(parts(&mut tapes, 3), 24.0);
    }
    set_threads(0);
}

#[test]
fn transforms_go_on_after_a_panic_in_their_function() {
    let (x, v) = (Tensor::from([2.0, 3.0]), Tensor::from([1.0, 10.0]));
    let product = || hvp(|x| x.prod(), &x, &v);
    assert_eq!(product().to_vec(), [10.0, 1.0]);
    for _ in 0..6 {
        assert_eq!(caught(|| hvp(|_| panic!("broken"), &x, &v)), "broken");
        assert_eq!(product().to_vec(), [10.0, 1.0]);
    }
}

#[test]
fn arrays_beyond_any_memory_change_nothing() {
    let expected = steady(&Tape::new());
    let tape = Tape::new();
    let x = tape.var([1.0]);
    let y = x + 1.0;
    for _ in 0..3 {
        let (len, bytes) = (tape.len(), tape.bytes());
        assert!(caught(|| x.expand([1 << 58])).contains("there is no memory"));
        assert!(caught(|| x.expand([1 << 32, 1 << 32])).contains("more values than a computer can hold"));
        assert!(caught(|| x.pad(&[(0, 1 << 58)], 0.0)).contains("there is no memory"));
        assert!(caught(|| x.scatter_add(0, &[0], 1 << 58)).contains("there is no memory"));
        assert!(caught(|| tape.constant_with(1 << 58, |_| 0.0)).contains("there is no memory"));
        assert_eq!(tape.len(), len);
        assert!(tape.bytes() < bytes + 1000, "{} after {bytes} bytes", tape.bytes());
        assert_eq!((y.value().to_vec(), (y * x).sum().backward()[x].to_vec()), (vec![2.0], vec![3.0]));
        assert_eq!(steady(&tape), expected);
    }
}
