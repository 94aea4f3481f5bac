//! Random programs: any operations in any order, with fan-out, several inputs and outputs, and broadcasting.
//!
//! A failing program is shrunk and printed as Rust. The same 40 programs are tried each time, so that a change is judged and
//! not the dice; `PROPTEST_CASES` asks for that many others, new in each run.

mod checks;
mod print;
mod program;
mod strategy;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Instant;

use autograd::{Binary, Tape, Tensor, Unary, operations};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use program::{Call, Method, Program, loss};
use strategy::{programs, resolve};

#[test]
fn random_programs() {
    let given = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config { failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = if given {
        TestRunner::new(config)
    } else {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(Config { cases: 40, ..config }, rng)
    };
    let (tried, calls, inconclusive) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
    let start = Instant::now();
    let result = runner.run(&programs(), |raw| {
        let program = resolve(&raw);
        *tried.borrow_mut() += 1;
        *calls.borrow_mut() += program.calls.len();
        *inconclusive.borrow_mut() += checks::run(&program).map_err(TestCaseError::fail)?;
        Ok(())
    });
    if let Err(TestError::Fail(reason, raw)) = &result {
        panic!("{reason}\n\n{}", resolve(raw));
    }
    result.unwrap();
    let (tried, calls, inconclusive) = (tried.into_inner(), calls.into_inner(), inconclusive.into_inner());
    println!(
        "{tried} programs of {calls} calls, none discarded; differences could not tell in {inconclusive} of {} checks; {:.1?}",
        2 * tried,
        start.elapsed()
    );
    assert!(inconclusive <= 2 + tried / 20, "{inconclusive} inconclusive checks of {tried} programs");
}

/// The strategy reaches every operation, directly or in the gradient of a gradient.
#[test]
fn random_programs_meet_every_operation() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..1500 {
        let program = resolve(&programs().new_tree(&mut runner).unwrap().current());
        let tape = Tape::new();
        let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
        let slope: autograd::Scalar =
            loss(&program.on_tape(&x)).grad(&x[..]).into_iter().map(|dx| dx.square().sum()).sum();
        slope.grad(&x[..]);
        met.extend(tape.census().into_keys());
    }
    let missing: Vec<_> = operations().into_iter().filter(|&name| !met.contains(name)).collect();
    assert!(missing.is_empty(), "no random program records {missing:?}; add a step to the strategy");
}

/// A printed program is a complete one.
#[test]
fn programs_print_as_rust() {
    let program = Program {
        inputs: vec![Tensor::from([0.5, -1.0])],
        calls: vec![
            Call::Unary { row: Unary::Powi, args: [3.0, 0.0], x: 0, scalar: false },
            Call::Binary { row: Binary::Mul, a: 0, b: 1, scalar: false },
            Call::Method(2, Method::SumKeep { axis: 0 }),
        ],
    };
    let expected = "use autograd::{Float, Scalar, Tensor, Var, check};

fn program<'t, T: Float>(x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let v0 = x[0];
    let v1 = v0.powi(3);
    let v2 = v0.times(v1);
    let v3 = v2.sum_keep(0);
    vec![v3]
}
";
    let text = program.to_string();
    assert!(text.starts_with(expected), "{text}");
    let main = "fn main() {
    let x = [
        Tensor::new([2], vec![0.5, -1.0]),
    ];
    println!(\"{}\", check(|x| loss(&program(x)), &x).unwrap());
}
";
    assert!(text.ends_with(main), "{text}");
    checks::run(&program).unwrap();
}

/// Found by the random programs: ∂²(aᵇ)/∂a∂b = aᵇ⁻¹(1 + b·ln a) is not 0 at b = 0.
#[test]
fn second_order_of_a_power_at_exponent_zero() {
    let program = Program {
        inputs: vec![Tensor::from([1.8125]), Tensor::from([0.0])],
        calls: vec![Call::Binary { row: Binary::Pow, a: 0, b: 1, scalar: false }],
    };
    checks::run(&program).unwrap();
}
