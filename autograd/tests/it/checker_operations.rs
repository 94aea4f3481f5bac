//! The checker operation by operation: what it finds where differences of the whole function see nothing, and what it says of it.

use autograd::check::{Cause, Checker, Report, Verdict};
use autograd::{Custom, Param, Parameters, Scalar, Tensor, Var, check};

use crate::trials::{Op, rule};

fn at(point: impl Into<Tensor>, f: impl for<'t> Fn(&[Var<'t>]) -> Scalar<'t>) -> Report {
    check(f, &[point.into()]).unwrap()
}

/// Through so many logistic layers.
fn through(x: Var<'_>, layers: usize) -> Scalar<'_> {
    (0..layers).fold(x, |x, _| x.sigmoid()).sum()
}

/// The line on which [`sine`] records.
const LINE: u32 = line!() + 6;

/// The sine, with so many times its slope.
fn sine(x: Var<'_>, factor: f64) -> Var<'_> {
    let value = |x: &[Tensor]| x[0].sin();
    let rule = rule(move |x, dy| vec![dy * x[0].cos() * factor]);
    Var::custom(Op(value, rule), &[x])
}

/// What was found wrong, at a line of this file.
#[track_caller]
fn named(report: &Report, name: &str, line: u32) {
    assert_eq!(report.verdict, Verdict::Wrong, "{report}");
    let operations = report.operations.as_ref().expect("looked at");
    let first = &operations.findings[0];
    assert_eq!((operations.verdict, first.verdict), (Verdict::Wrong, Verdict::Wrong), "{report}");
    assert_eq!((first.name.as_str(), first.line), (name, line), "{report}");
    let place = format!("{}:{line}", first.file);
    assert!(first.file.ends_with("checker_operations.rs") && report.reason.contains(&place), "{report}");
}

#[test]
fn a_wrong_rule_behind_many_layers_is_named_by_its_line() {
    for layers in [20, 50, 200, 400] {
        let with = |factor: f64| at([0.5], |x| through(sine(x[0], factor), layers));
        let sign = with(-1.0);
        named(&sign, "Op", LINE);
        assert_eq!(sign.cause, Some(Cause::Sign));
        assert!(sign.reason.contains("input 0[0] → output[0]: its rule has the wrong sign"), "{sign}");
        let thrice = with(3.0);
        named(&thrice, "Op", LINE);
        assert!(matches!(thrice.cause, Some(Cause::Factor(factor)) if (factor - 3.0).abs() < 1e-9), "{thrice}");
        named(&with(1.0 + 1e-6), "Op", LINE);
        let right = with(1.0);
        assert!(right.passed() && right.unresolved > 0, "{right}");
        assert!(right.reason.contains("lie below what they resolve, where each operation agrees"), "{right}");
    }
}

#[test]
fn a_rule_of_0_is_found_where_something_is_left() {
    for layers in [20, 50, 200] {
        let report = at([0.5], |x| through(sine(x[0], 0.0), layers));
        named(&report, "Op", LINE);
        assert_eq!(report.cause, Some(Cause::Detached), "{report}");
    }
}

#[test]
fn a_network_of_parameters_is_checked_so_too() {
    let weights: Vec<Param> =
        (0..30).map(|k| Param::new(Tensor::from([[0.3, -0.2], [0.1, 0.4]]) * (1.0 + 0.01 * f64::from(k)))).collect();
    let names = (0..).map(|k| format!("w{k}"));
    let parameters = names.zip(&weights).fold(Parameters::new(), |all, (name, w)| all.with(&*name, w));
    let check = |factor: f64| {
        let checker = Checker::new();
        let report = checker.check_parameters(&parameters, |tape| {
            let x = tape.constant([[0.5, -0.5]]);
            let hidden = weights.iter().fold(x, |x, w| x.matmul(w).sigmoid());
            let first = sine(weights[0].on(tape), factor).sum();
            hidden.sum() + first * 1e-14
        });
        report.unwrap()
    };
    assert!(check(1.0).passed(), "{}", check(1.0));
    named(&check(2.0), "Op", LINE);
}

#[test]
fn an_element_of_small_weight_is_found() {
    let report = at([0.3, 0.4, 0.5], |x| {
        let y = x[0].map_gradient(|dy| dy * Tensor::from([1.0, 3.0, 1.0]));
        (y * Tensor::from([1e6, 1e-6, 1e6])).sum()
    });
    named(&report, "map_gradient", report.operations.as_ref().unwrap().findings[0].line);
    assert!(report.reason.contains("input 0[1] → output[1]"), "{report}");
    assert_eq!(report.inputs[0].unresolved, 1, "{report}");
}

#[test]
fn values_that_move_beside_the_tape_are_named() {
    let line = line!() + 1;
    let detached = at([0.5], |x| through(x[0].sin() + x[0].detach(), 20));
    named(&detached, "constant", line);
    assert_eq!(detached.cause, Some(Cause::Detached));
    assert!(detached.reason.contains("it moves with input 0"), "{detached}");
    let line = line!() + 1;
    let number = at([0.5], |x| through(x[0] * x[0].value().item(), 20));
    named(&number, "times_number", line);
    let scalar = at([0.5], |x| through((x[0].item() * x[0].value().item()).to_var(), 20));
    assert_eq!(scalar.cause, Some(Cause::Detached), "{scalar}");
    let captured = at([0.5], |x| {
        let now = x[0].value().item();
        let own = Op(move |x: &[Tensor]| &x[0] * now, rule(move |_, dy| vec![dy * now]));
        through(Var::custom(own, x), 20)
    });
    assert_eq!(captured.cause, Some(Cause::Detached), "{captured}");
    // Where the movements cancel, nothing is missing.
    let cancels = at([0.5, 0.7], |x| {
        let most = x[0].max().detach();
        let sum = (x[0] - most).exp().sum().ln() + most;
        through(sum.to_var(), 20)
    });
    assert!(cancels.passed(), "{cancels}");
}

/// Each operation of a recording that is differentiated twice is looked at, the rule's own among them.
#[test]
fn the_next_order_behind_many_layers() {
    let checker = Checker::new().orders(2);
    let forgetful = rule(|x, dy| vec![dy * x[0].cos().detach()]);
    let value = |x: &[Tensor]| x[0].sin();
    let report = checker.check(|x| through(Var::custom(Op(value, forgetful), x), 20), &[Tensor::from([0.5])]).unwrap();
    assert_eq!((report.verdict, report.cause), (Verdict::Wrong, Some(Cause::SecondOrder)), "{}", report.reason);
    let report = checker.check(|x| through(sine(x[0], 1.0), 20), &[Tensor::from([0.5])]).unwrap();
    report.assert_pass();
}

/// A solver, a lookup, a call into another language: its gradient is checked, its forward mode is not there.
#[test]
fn a_rule_on_plain_values_is_checked_in_reverse() {
    struct Sine(f64);
    impl Custom for Sine {
        fn forward(&self, x: &[Tensor]) -> Tensor {
            x[0].sin()
        }
        fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
            vec![dy.tape().constant(dy.value() * x[0].value().cos() * self.0)]
        }
    }
    for layers in [0, 20] {
        let right = at([0.5, 0.7], |x| through(Var::custom(Sine(1.0), x), layers));
        assert!(right.passed(), "{right}");
        let note = right.notes.iter().find(|note| note.contains("only reverse mode was checked")).expect("a note");
        assert!(note.contains("Sine has no forward rule"), "{note}");
        let wrong = at([0.5, 0.7], |x| through(Var::custom(Sine(1.001), x), layers));
        assert_eq!(wrong.verdict, Verdict::Wrong, "{wrong}");
    }
}

/// Where there is no derivative, there is none behind layers either.
#[test]
fn a_kink_behind_many_layers_is_named() {
    let report = at([0.0, 0.5], |x| through(x[0].relu(), 30));
    assert_eq!((report.verdict, report.cause.as_ref()), (Verdict::Inconclusive, Some(&Cause::Kink)), "{report}");
    assert!(report.reason.contains("`relu` of shape (2,)"), "{report}");
}

#[test]
fn other_operations_near_the_point_leave_it_open() {
    let report = at([0.5], |x| {
        let here = x[0].value().item() == 0.5;
        through(if here { x[0].sin() } else { x[0].sin() * 1.0 }, 20)
    });
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
    assert!(report.reason.contains("it chooses them by its values"), "{report}");
}

#[test]
fn on_request_each_operation_is_looked_at() {
    let checker = Checker::new().operations(true);
    let report = checker.check(|x| (x[0].sin() * x[0].exp()).sum(), &[Tensor::from([0.3, 0.4])]).unwrap();
    let operations = report.operations.as_ref().unwrap();
    assert!(report.passed() && operations.findings.is_empty(), "{report}");
    // sin, exp, times, sum: seven values.
    assert_eq!((operations.recorded, operations.compared, operations.agreed), (4, 4, 7), "{report}");
    // Identical operations at one point are looked at once.
    let report =
        checker.check(|x| (0..500).fold(x[0], |x, _| x.cos()).sum(), &[Tensor::from([0.739_085_133_2])]).unwrap();
    let operations = report.operations.as_ref().unwrap();
    assert_eq!((operations.recorded, operations.compared), (501, 2), "{report}");
    // Without a request, only where they are needed.
    assert!(at([0.3], |x| x[0].sin().sum()).operations.is_none());
}

#[cfg(feature = "serde")]
#[test]
fn operations_are_data() {
    let report = at([0.5], |x| through(sine(x[0], -1.0), 20));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["operations"]["findings"][0]["line"], LINE);
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    let html = report.to_html();
    assert!(html.contains("operation by operation: WRONG") && html.contains("its rule has the wrong sign"), "{html}");
}
