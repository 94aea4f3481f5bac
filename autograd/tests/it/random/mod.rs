//! Random programs: any operations in any order, with fan-out, several inputs and outputs, and broadcasting.
//!
//! A failing program is shrunk and printed as Rust, with the check that it fails. The same 40 programs are tried each time, so that a change is judged and
//! not the dice; `PROPTEST_CASES` asks for that many others, new in each run.

mod checks;
mod print;
mod program;
mod strategy;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Instant;

use autograd::{Binary, Tape, Tensor, operations};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use checks::CHECKS;
use print::Failing;
use program::{Call, Program, loss};
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
        *inconclusive.borrow_mut() += checks::run(&program).map_err(|(_, why)| TestCaseError::fail(why))?;
        Ok(())
    });
    if let Err(TestError::Fail(_, raw)) = &result {
        let program = resolve(raw);
        if let Err((check, why)) = checks::run(&program) {
            panic!("{} does not hold: {why}\n\n{}", check.name, Failing(&program, check));
        }
    }
    result.unwrap();
    let (tried, calls, inconclusive) = (tried.into_inner(), calls.into_inner(), inconclusive.into_inner());
    println!(
        "{tried} programs of {calls} calls, none discarded; differences could not tell in {inconclusive}; {:.1?}",
        start.elapsed()
    );
    assert!(inconclusive <= 2 + tried / 20, "{inconclusive} of {tried} programs inconclusive");
}

/// The strategy reaches every operation, directly or in the gradient of a gradient.
#[test]
fn random_programs_meet_every_operation() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..4000 {
        let program = resolve(&programs().new_tree(&mut runner).unwrap().current());
        let tape = Tape::new();
        let x: Vec<_> = program.inputs.iter().map(|x| tape.var(x)).collect();
        let slope: autograd::Scalar =
            loss(&program.on_tape(&x)).grad(&x[..]).into_iter().map(|dx| dx.square().sum()).sum();
        slope.grad(&x[..]);
        met.extend(tape.census().into_keys());
    }
    let missing: Vec<_> = operations().into_iter().filter(|&name| !met.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "no random program records {missing:?}; add its method to `define_methods!` in tests/it/random/program.rs and a step to strategy.rs"
    );
}

/// Run with `--nocapture`, and any of them can be compiled: every call, and every check.
#[test]
fn programs_print_as_rust() {
    let mut runner = TestRunner::deterministic();
    for check in CHECKS {
        let program = resolve(&programs().new_tree(&mut runner).unwrap().current());
        let text = Failing(&program, *check).to_string();
        println!("{text}");
        for (k, call) in program.calls.iter().enumerate() {
            let line = format!("        let v{} = after({});\n", program.inputs.len() + k, call.text());
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains(&format!("    {}::holds(&program).unwrap_or_else(", check.name)), "{text}");
        assert!(text.contains(check.source), "{text}");
    }
}

/// Found by the random programs: ∂²(aᵇ)/∂a∂b = aᵇ⁻¹(1 + b·ln a) is not 0 at b = 0.
#[test]
fn second_order_of_a_power_at_exponent_zero() {
    let program = Program {
        inputs: vec![Tensor::from([1.8125]), Tensor::from([0.0])],
        calls: vec![Call::Binary { row: Binary::Pow, a: 0, b: 1, scalar: false }],
    };
    assert_eq!(checks::run(&program).unwrap(), 0);
}
