//! What the gradient checker says: each way to be wrong or unsure by its name, and the report in its forms.

use std::cell::Cell;

use autograd::check::{Cause, Checker, Report, Verdict};
use autograd::{Custom, Float, Param, Parameters, Scalar, Tape, Tensor, Var, check};

use crate::sampling::Sampler;
use crate::trials::{Cancelling, Op, product, rule, shifted, sine};

fn at(point: Tensor, f: impl for<'t> Fn(&[Var<'t>]) -> Scalar<'t>) -> Report {
    check(f, &[point]).unwrap()
}

fn points(n: usize) -> Tensor {
    Sampler::new(3).values(&[n], (-1.4, 1.4), &[])
}

/// The verdict, the name, and words of the reason.
#[track_caller]
fn says(report: &Report, verdict: Verdict, cause: Cause, words: &str) {
    assert_eq!(report.verdict, verdict, "{report}");
    match (&report.cause, &cause) {
        (Some(Cause::Factor(found)), Cause::Factor(factor)) => assert!((found / factor - 1.0).abs() < 1e-6, "{report}"),
        (found, _) => assert_eq!(found.as_ref(), Some(&cause), "{report}"),
    }
    assert!(report.reason.contains(words), "{report}");
}

#[test]
fn factors_and_signs() {
    let report = |rule: fn(f64) -> f64| {
        let scale = rule(1.0);
        at(points(30), |x| (x[0].map_gradient(move |dy| dy * scale).sin() * 0.7).sum())
    };
    let wrong = Verdict::Wrong;
    says(&report(|g| 1.001 * g), wrong, Cause::Factor(1.001), "relative difference 1.0e-3 everywhere");
    says(&report(|g| (1.0 + 1e-6) * g), wrong, Cause::Factor(1.000001), "relative difference 1.0e-6 everywhere");
    says(&report(|g| 2.0 * g), wrong, Cause::Factor(2.0), "2.000000 times the right one, 2: a constant factor");
    says(
        &report(|g| g / 30.0),
        wrong,
        Cause::Factor(1.0 / 30.0),
        "1/30: 30 is the length of axis 0 of input 0; a mean for a sum",
    );
    says(&report(|g| -g), wrong, Cause::Sign, "the sign of the gradient by input 0 is wrong");
}

#[test]
fn detached_inputs() {
    let whole = at(points(4), |x| x[0].detach().sin().sum() + x[0].tape().scalar_constant(1.0));
    says(&whole, Verdict::Wrong, Cause::Detached, "no gradient reaches input 0");
    let x = [points(3), points(3)];
    let one = check(|x| (x[0] * x[1].detach()).sum(), &x).unwrap();
    says(&one, Verdict::Wrong, Cause::Detached, "no gradient reaches input 1");
    assert_eq!((one.inputs[0].wrong, one.inputs[1].wrong), (0, 3));
}

#[test]
fn transposition() {
    let mut sampler = Sampler::new(1);
    let (a, b) = (sampler.normal_like(&[3, 3]), sampler.normal_like(&[3, 3]));
    let rule = rule(|x, dy| vec![x[1].matmul(dy.t()), x[0].t().matmul(dy)]);
    let report = Checker::new().check_array(|x| product(x, rule), &[a, b]).unwrap();
    says(&report, Verdict::Wrong, Cause::Transposed(vec![1, 0]), "the right one transposed");
    assert!(report.notes.iter().any(|note| note.contains("entry of the Jacobian")), "{report}");

    // Not square: the same values, laid out along the other axis.
    let laid = Tensor::linspace(0.5, 2.0, 6).reshape([2, 3]);
    let report = at(Sampler::new(2).normal_like(&[2, 3]), |x| {
        let turned = x[0].map_gradient(|dy| dy.t().reshape([2, 3]));
        (turned * &laid).sum()
    });
    says(&report, Verdict::Wrong, Cause::Transposed(vec![1, 0]), "");
}

#[test]
fn sums() {
    let x = [Sampler::new(1).normal_like(&[4, 3]), points(3)];
    let first_row = rule(|_, dy| vec![dy, dy.slice(0, 0..1).reshape([3])]);
    let report = check(|x| shifted(x, first_row).square().sum(), &x).unwrap();
    says(&report, Verdict::Wrong, Cause::MissingSum(0), "is the sum over axis 0 missing?");
    let mean = rule(|_, dy| vec![dy, dy.mean_axis(0)]);
    let report = check(|x| shifted(x, mean).square().sum(), &x).unwrap();
    says(&report, Verdict::Wrong, Cause::Factor(0.25), "1/4: 4 is the length of axis 0 of input 0; a mean for a sum");
    let weights = Sampler::new(5).normal_like(&[4, 3]);
    let spread = at(x[0].clone(), |x| (x[0].map_gradient(|dy| dy * 0.0 + dy.sum_keep(0)) * &weights).sum());
    says(&spread, Verdict::Wrong, Cause::Spread(0), "holds along axis 0 the sum of the right values");
}

#[test]
fn one_wrong_element_of_a_thousand() {
    let flawed = rule(|x, dy| {
        let mut factor = Tensor::ones([1000]);
        factor.as_mut_slice()[617] = 1.0 + 1e-6;
        vec![dy * x[0].cos() * factor]
    });
    let report = at(points(1000), |x| sine(x[0], flawed).sum());
    says(&report, Verdict::Wrong, Cause::Isolated { wrong: 1, of: 1000 }, "input 0[617]");
    // Few elements are compared; the halves of a direction lead to it.
    let larger = rule(|x, dy| {
        let mut factor = Tensor::ones([1000]);
        factor.as_mut_slice()[617] = 1.01;
        vec![dy * x[0].cos() * factor]
    });
    let report = Checker::new().elements(5).check(|x| sine(x[0], larger).sum(), &[points(1000)]).unwrap();
    assert!(report.verdict == Verdict::Wrong && report.reason.starts_with("input 0[617]"), "{report}");
}

#[test]
fn second_order_only() {
    let forgetful = rule(|x, dy| vec![dy * x[0].cos().detach()]);
    let check = |orders| Checker::new().orders(orders).check(|x| sine(x[0], forgetful).sum(), &[points(5)]).unwrap();
    assert!(check(1).passed());
    says(&check(2), Verdict::Wrong, Cause::SecondOrder, "order 1 passes, order 2 does not");
}

/// By the tape the second derivative of sin(x/x) is 5.6e-17 here, and its first 0.
#[test]
fn rounding_is_no_second_derivative() {
    let check = |part: f64| {
        // Of part·x² the gradient's own gradient is missing.
        Checker::new().orders(2).check(
            |x| ((x[0] / x[0]).sin() + part * (2.0 * x[0] * x[0].detach() - x[0].detach().square())).sum(),
            &[Tensor::from([1.1875])],
        )
    };
    let report = check(0.0).unwrap();
    assert!(report.passed(), "{report}");
    says(&check(1e-10).unwrap(), Verdict::Wrong, Cause::SecondOrder, "order 1 passes, order 2 does not");
}

#[test]
fn rules_that_are_not_linear_and_modes_that_differ() {
    let report = at(points(5), |x| (x[0].map_gradient(|dy| dy.clamp(-3.0, 3.0)) * 2.0).sum());
    says(&report, Verdict::Wrong, Cause::NotLinear, "the rule is not linear in the gradient that comes in");
    // Linear in what is positive.
    let report = at(points(5), |x| (x[0].map_gradient(|dy| dy.abs()) * 2.0).sum());
    says(&report, Verdict::Wrong, Cause::NotLinear, "of −1024·f it gives 2048.000000, not −1024 · 2.000000");
    let report = at(points(5), |x| Var::custom(Backwards, x).sum());
    says(&report, Verdict::Wrong, Cause::ForwardMode, "forward mode gives");
}

/// The identity, whose forward rule has the wrong sign.
struct Backwards;

impl Custom for Backwards {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].clone()
    }
    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy]
    }
    fn jvp(&self, _x: &[Tensor], _y: &Tensor, dx: &[Tensor]) -> Option<Tensor> {
        Some(-&dx[0])
    }
}

#[test]
fn kinks_and_jumps() {
    let kink = at(Tensor::from([0.0]), |x| x[0].relu().sum());
    says(&kink, Verdict::Inconclusive, Cause::Kink, "the derivative is 1.000000 from above and 0.000000 from below");
    let worst = kink.worst.as_ref().unwrap();
    assert_eq!((worst.above.unwrap().value, worst.below.unwrap().value), (1.0, 0.0));
    let near = at(Tensor::from([1e-6, -0.5]), |x| x[0].relu().sum());
    assert!(near.passed() && near.notes.iter().any(|note| note.contains("near a kink")), "{near}");
    let jump = at(Tensor::from([0.0]), |x| x[0].step().sum());
    says(&jump, Verdict::Inconclusive, Cause::Jump, "a jump by 1.0000");
}

#[test]
fn edges_of_the_domain() {
    let root = at(Tensor::from([0.0]), |x| x[0].sqrt().sum());
    says(&root, Verdict::Inconclusive, Cause::DomainEdge, "not finite around the point");
    // From the one side there is a derivative, and it is the tape's.
    let power = at(Tensor::from([0.0]), |x| x[0].powf(2.5).sum());
    assert!(power.passed(), "{power}");
}

#[test]
fn gradients_that_are_not_finite() {
    let lost = at(points(2), |x| x[0].map_gradient(|dy| dy * f64::NAN).sum());
    says(&lost, Verdict::Wrong, Cause::NotFinite, "the gradient is NaN where the function has a finite one");
    assert_eq!(lost.inputs[0].not_finite, 2);
}

#[test]
fn noise_and_scale() {
    let noisy = |x: &[Tensor]| x[0].map(|x| x + 1e-4 * (1e9 * x).sin());
    let identity = rule(|_, dy| vec![dy]);
    let report = at(Tensor::from([0.5]), |x| Var::custom(Op(noisy, identity), x).sum());
    says(&report, Verdict::Inconclusive, Cause::Noise, "the differences are only known to");
    // An own operation whose value hides its slope: nothing tells.
    let shifted = rule(|_, dy| vec![dy]);
    let hidden = at(Tensor::from([0.5]), |x| Var::custom(Op(|x: &[Tensor]| &x[0] + 1e16, shifted), x).sum());
    says(&hidden, Verdict::Inconclusive, Cause::Unresolved, "rounding of values near 1.0e16 hides the derivative");
    assert_eq!((hidden.inputs[0].unresolved, hidden.inputs[0].inconclusive), (1, 0));
    let x = [Tensor::from([0.3]), Tensor::from([0.4])];
    let apart = check(|x| (x[0] * 1e6).sum() + (x[1] * 1e-6).sum(), &x).unwrap();
    assert!(apart.notes.iter().any(|note| note.contains("range from 1.0e-6 to 1.0e6")), "{apart}");
}

/// A function with a memory.
struct Counting(std::sync::atomic::AtomicU32);

impl Custom for Counting {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].clone()
    }
    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy * f64::from(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))]
    }
}

#[test]
fn nondeterminism() {
    let calls = Cell::new(0);
    let drifting = at(points(3), |x| {
        calls.set(calls.get() + 1);
        x[0].sum() * f64::from(calls.get())
    });
    says(&drifting, Verdict::Inconclusive, Cause::Nondeterministic, "two evaluations at the same point differ");
    let sweeps = std::cell::RefCell::new(0);
    let report = at(points(3), |x| {
        *sweeps.borrow_mut() += 1;
        Var::custom(Counting((*sweeps.borrow()).into()), x).sum()
    });
    says(&report, Verdict::Inconclusive, Cause::Nondeterministic, "two backward sweeps at the same point differ");
}

#[test]
fn precision() {
    let report = Checker::new().check_f32(&Cancelling, &[points(4).cast()]).unwrap();
    says(
        &report,
        Verdict::Inconclusive,
        Cause::Precision,
        "in f64 the gradient agrees with differences, in f32 it is off by",
    );
    // In f32 alone: little is resolved, and the types are said.
    let w = Param::new(points(4).cast::<f32>());
    let parameters = Parameters::new().with("w", &w);
    let report = Checker::new().check_parameters(&parameters, |tape| w.on(tape).tanh().sum()).unwrap();
    assert!(report.verdict != Verdict::Wrong && report.precision == "f32", "{report}");
}

/// A loss of one parameter.
fn loss<T: Float>(w: &Param<T>) -> impl for<'t> Fn(&'t Tape<T>) -> Scalar<'t, T> {
    |tape| w.on(tape).exp().sum()
}

#[test]
fn a_twin_must_fit_and_takes_its_values_back() {
    let (w, twin) = (Param::new([0.5f32, 0.25]), Param::new([7.0, 8.0]));
    let (single, double) = (Parameters::new().with("w", &w), Parameters::new().with("w", &twin));
    let checker = Checker::new();
    let (f, g) = (loss::<f32>(&w), loss::<f64>(&twin));
    let report = checker.check_f32_parameters(&single, &f, &double, &g);
    assert!(report.unwrap().passed());
    assert_eq!(twin.value().to_vec(), [7.0, 8.0]);
    let error = checker.check_f32_parameters(&single, &f, &Parameters::new().with("other", &twin), &g);
    let text = "check: the twin has no parameter `w` of shape (2,); build it as the model was built";
    assert_eq!(error.unwrap_err().to_string(), text);
}

#[test]
fn parameters_are_left_as_they_were_and_frozen_ones_out() {
    let (w, b) = (Param::new([0.3, -0.2]), Param::new([0.1]));
    b.freeze();
    let parameters = Parameters::new().with("w", &w).with("b", &b);
    let report = Checker::new().check_parameters(&parameters, |tape| (w.on(tape) * b.on(tape)).exp().sum()).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["w"]);
    assert_eq!((w.value().to_vec(), b.value().to_vec()), (vec![0.3, -0.2], vec![0.1]));
}

#[test]
fn constants_pass() {
    let report = Checker::new().orders(2).check(|x| x[0].sum() * 2.0, &[points(3)]).unwrap();
    assert!(report.passed(), "{report}");
    let report = at(points(3), |x| x[0].tape().scalar_constant(2.0));
    assert!(
        report.passed() && report.notes.contains(&"the function does not depend on input 0".to_string()),
        "{report}"
    );
}

#[test]
fn the_report_reads_well() {
    let right = Checker::new().orders(2).check(|x| x[0].sin().sum(), &[points(4)]).unwrap();
    let text = right.to_string();
    assert!(
        text.starts_with("gradient check: pass\n  the gradient agrees with differences along 6 directions"),
        "{text}"
    );
    let wrong = Checker::new().seed(5).check(|x| x[0].map_gradient(|dy| dy * 2.0).sum(), &[points(4)]).unwrap();
    let text = wrong.to_string();
    assert!(text.starts_with("gradient check: WRONG (factor 2.000000)\n  input 0["), "{text}");
    for words in ["seed 5", "by the tape", "second opinion", "from above", "|tape − differences| = 1.00e0 > ", "h^1.0"]
    {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let kink = at(Tensor::from([0.0, 1.0]), |x| x[0].relu().sum());
    for report in [&right, &wrong, &kink] {
        let text = report.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let html = report.to_html();
        assert!(html.contains("<svg ") && html.contains(&report.verdict.to_string()), "{html}");
        assert_eq!((html.matches('<').count(), html.matches("NaN\"").count()), (html.matches('>').count(), 0));
    }
    // The slope tells them apart.
    assert!(right.scan.unwrap().slope.unwrap() > 1.8);
    assert!((wrong.scan.unwrap().slope.unwrap() - 1.0).abs() < 0.01);
}

#[cfg(feature = "serde")]
#[test]
fn the_report_is_data() {
    let kink = at(Tensor::from([0.0, 1.0]), |x| x[0].relu().sum());
    let json = serde_json::to_value(&kink).unwrap();
    assert_eq!((&json["verdict"], &json["cause"]), (&"Inconclusive".into(), &"Kink".into()));
    assert_eq!(json["inputs"][0]["shape"], serde_json::json!([2]));
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), kink);
    // Numbers that JSON does not know come back as NaN.
    let edge = at(Tensor::from([0.0]), |x| x[0].sqrt().sum());
    let back: Report = serde_json::from_str(&serde_json::to_string(&edge).unwrap()).unwrap();
    assert!(back.worst.unwrap().analytic.is_nan());
}

#[test]
fn without_inputs_there_is_nothing_to_check() {
    let error = check(|x| x[0].sum(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "check: no input given; there is nothing to differentiate by");
}
