//! The gradient checker on trial: wrong rules that it must reject, right but nasty functions that it must not call wrong.
//!
//! `TRIALS=1000 cargo test --release -p autograd --test it trials -- --nocapture` prints the rates over a thousand seeds; without
//! it a few seeds run.
//!
//! - `wrong`, `wrong_places`, `wrong_rules` — one wrong factor, sign or axis; where differences of the whole see little; what
//!   people get wrong
//! - `right`, `right_rough`, `right_small`, `right_solvers` — cancelling, steep, noisy; kinks, powers and stairs; tails and deep
//!   chains; iterations, tables and `f32` inside
//! - `functions` and its parts — functions without a tape, with derivatives by hand
#![allow(clippy::eq_op)] // x/x is 1, but for its rounding

pub(crate) mod functions;
pub(crate) mod functions_f32;
pub(crate) mod functions_right;
pub(crate) mod functions_rough;
pub(crate) mod functions_ways;
pub(crate) mod functions_wrong;
pub(crate) mod right;
pub(crate) mod right_rough;
pub(crate) mod right_small;
pub(crate) mod right_solvers;
pub(crate) mod wrong;
pub(crate) mod wrong_places;
pub(crate) mod wrong_rules;

use std::cell::Cell;
use std::collections::BTreeMap;

use autograd::check::{Checker, Formula, Function, Report, Verdict};
use autograd::{Custom, Float, Scalar, Tape, Tensor, Var};

use crate::sampling::Sampler;

fn trials() -> u64 {
    std::env::var("TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

/// An operation with a value and a rule given as closures.
pub(crate) struct Op<V, R>(pub(crate) V, pub(crate) R);

impl<V, R> Custom for Op<V, R>
where
    V: Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + 'static,
{
    fn forward(&self, x: &[Tensor]) -> Tensor {
        (self.0)(x)
    }
    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        (self.1)(x, dy)
    }
}

/// A rule as a closure over handles of any tape.
pub(crate) fn rule<R>(rule: R) -> R
where
    R: for<'t> Fn(&[Var<'t>], Var<'t>) -> Vec<Var<'t>> + Send + Sync + 'static,
{
    rule
}

/// The sine with any rule.
pub(crate) fn sine<'t, R>(x: Var<'t>, rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| x[0].sin(), rule), &[x])
}

/// The product of matrices with any rule.
pub(crate) fn product<'t, R>(x: &[Var<'t>], rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| x[0].matmul(&x[1]), rule), x)
}

/// `x + b` for (m, n) and (n,), with any rule.
pub(crate) fn shifted<'t, R>(x: &[Var<'t>], rule: R) -> Var<'t>
where
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(|x: &[Tensor]| &x[0] + &x[1], rule), x)
}

/// The sine in any type, with a rule that is off by a thousandth.
struct SineOff;

impl<T: Float> Custom<T> for SineOff {
    fn forward(&self, x: &[Tensor<T>]) -> Tensor<T> {
        x[0].sin()
    }
    fn vjp<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Var<'t, T>> {
        vec![dy * x[0].cos() * 1.001]
    }
}

impl Formula for SineOff {
    fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        Var::custom(SineOff, x).square()
    }
}

/// `(x + 1000)² − x² − 10⁶`, of which `f32` keeps few digits.
pub(crate) struct Cancelling;

impl Formula for Cancelling {
    fn record<'t, T: Float>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        ((x[0] + 1000.0).square() - x[0].square() - 1e6).sin()
    }
}

/// A name, and the check at a seed.
type Case = (&'static str, fn(u64) -> Report);

/// Points away from where a sine's slope vanishes.
fn point(seed: u64, shape: &[usize]) -> Tensor {
    Sampler::new(seed).values(shape, (-1.4, 1.4), &[])
}

/// Points in an interval.
fn within(seed: u64, shape: &[usize], low: f64, high: f64) -> Tensor {
    Sampler::new(seed).values(shape, (low, high), &[])
}

/// An operation of one's own.
fn own<'t, V, R>(x: &[Var<'t>], value: V, rule: R) -> Var<'t>
where
    V: Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
    R: for<'s> Fn(&[Var<'s>], Var<'s>) -> Vec<Var<'s>> + Send + Sync + 'static,
{
    Var::custom(Op(value, rule), x)
}

/// Checks a function of one array.
fn at(seed: u64, x: Tensor, f: impl for<'t> Fn(&[Var<'t>]) -> Scalar<'t>) -> Report {
    array(seed, &[x], |x| f(x).to_var())
}

/// Checks an array function.
fn array(seed: u64, x: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Report {
    if !UNSEEN.get() {
        return Checker::new().seed(seed).check_array(f, x).unwrap();
    }
    fn inputs<'t>(tape: &'t Tape, x: &[Tensor]) -> Vec<Var<'t>> {
        x.iter().map(|x| tape.var(x.clone())).collect()
    }
    let unseen = Function::new(|x: &[Tensor]| f(&inputs(&Tape::new(), x)).value()).vjp(|x: &[Tensor], v: &Tensor| {
        let tape = Tape::new();
        let x = inputs(&tape, x);
        let grads = (f(&x) * v).sum().backward();
        x.iter().map(|&x| grads.get(x).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()))).collect()
    });
    Checker::new().seed(seed).check_function(&unseen, x).unwrap()
}

thread_local! {
    /// Whether the checker is to see values and derivatives only, and no tape.
    static UNSEEN: Cell<bool> = const { Cell::new(false) };
}

/// The same to second order.
fn twice(seed: u64, x: Tensor, f: impl for<'t> Fn(&[Var<'t>]) -> Scalar<'t>) -> Report {
    Checker::new().seed(seed).orders(2).check(f, &[x]).unwrap()
}

/// Sixteenths, of which none is 0: short enough for exact products, whose quotients are not.
fn few_bits(seed: u64, shape: &[usize]) -> Tensor {
    Sampler::new(seed).values(shape, (-2.0, 2.0), &[0.0]).map(|x| (16.0 * x).round() / 16.0)
}

/// `x` with noise of 1e-9.
fn ones(x: &[Tensor]) -> Tensor {
    x[0].map(|x| x + 1e-9 * (1e9 * x).sin())
}

/// Runs the cases over all seeds, prints a line for each, and returns how often the bad verdict came.
fn run(what: &str, cases: &[&[Case]], bad: fn(Verdict) -> bool) -> usize {
    let cases = cases.concat();
    let mut total = 0;
    let mut lines = format!(
        "{:<44} {:>6} {:>6} {:>6} {:>13} {:>7}  why unclear\n",
        "", "seeds", "pass", "wrong", "inconclusive", what
    );
    for (name, report) in &cases {
        let reports: Vec<Report> = (0..trials()).map(report).collect();
        let count = |verdict| reports.iter().filter(|r| r.verdict == verdict).count();
        let failed: Vec<&Report> = reports.iter().filter(|r| bad(r.verdict)).collect();
        let [pass, wrong, unsure] = [Verdict::Pass, Verdict::Wrong, Verdict::Inconclusive].map(count);
        let mut causes = BTreeMap::new();
        let unclear = reports.iter().filter(|r| r.verdict == Verdict::Inconclusive).filter_map(|r| r.cause.as_ref());
        unclear.for_each(|cause| *causes.entry(cause.to_string()).or_insert(0) += 1);
        let why: Vec<_> = causes.into_iter().map(|(cause, count)| format!("{cause}: {count}")).collect();
        let (seeds, failures, why) = (reports.len(), failed.len(), why.join(", "));
        lines += &format!("{name:<44} {seeds:>6} {pass:>6} {wrong:>6} {unsure:>13} {failures:>7}  {why}\n");
        if let Some(report) = failed.first() {
            lines += &format!("{report}\n");
        }
        total += failed.len();
    }
    println!("{lines}{what} in all: {total} of {}\n", cases.len() as u64 * trials());
    total
}

const WRONG: &[&[Case]] = &[wrong::CASES, wrong_places::CASES, wrong_rules::CASES];
const RIGHT: &[&[Case]] = &[right::CASES, right_rough::CASES, right_small::CASES, right_solvers::CASES];

#[test]
fn trials_of_wrong_rules() {
    assert_eq!(run("missed", WRONG, |verdict| verdict != Verdict::Wrong), 0);
}

#[test]
fn trials_of_right_functions() {
    assert_eq!(run("false", RIGHT, |verdict| verdict == Verdict::Wrong), 0);
}

/// Without a tape, a mistake that differences do not see is not found; but it does not pass.
#[test]
fn trials_of_wrong_rules_without_a_tape() {
    UNSEEN.set(true);
    assert_eq!(run("passed", WRONG, |verdict| verdict == Verdict::Pass), 0);
}

#[test]
fn trials_of_right_functions_without_a_tape() {
    UNSEEN.set(true);
    assert_eq!(run("false", RIGHT, |verdict| verdict == Verdict::Wrong), 0);
}

#[test]
fn trials_of_wrong_functions() {
    let cases = [functions_wrong::CASES, functions_ways::WRONG, functions_f32::WRONG];
    assert_eq!(run("missed", &cases, |verdict| verdict != Verdict::Wrong), 0);
}

#[test]
fn trials_of_plain_functions() {
    let cases = [functions_right::CASES, functions_ways::RIGHT];
    assert_eq!(run("unsure", &cases, |verdict| verdict != Verdict::Pass), 0);
}

#[test]
fn trials_of_difficult_functions() {
    let cases = [functions_rough::CASES, functions_f32::RIGHT];
    assert_eq!(run("false", &cases, |verdict| verdict == Verdict::Wrong), 0);
}
