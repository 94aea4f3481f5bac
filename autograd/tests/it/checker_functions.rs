//! What the checker says about functions without a tape: errors, verdicts, causes, counts.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::Tensor;
use autograd::check::{Cause, Checker, Function, Report, Verdict, assert_gradient};

/// `Σ sin(w)·b` of two inputs, with this gradient.
fn named<'a>(gradient: impl Fn(&[Tensor]) -> Vec<Tensor> + 'a) -> Function<'a> {
    Function::new(|x: &[Tensor]| (x[0].sin() * &x[1]).sum()).gradient(gradient).names(["weights", "bias"])
}

fn right(x: &[Tensor]) -> Vec<Tensor> {
    vec![x[0].cos() * &x[1], x[0].sin().sum_axis(0)]
}

fn point() -> [Tensor; 2] {
    [Tensor::from([[0.3, -0.8], [1.1, 0.4], [0.2, -0.5]]), Tensor::from([0.7, 1.9])]
}

#[track_caller]
fn says(report: &Report, verdict: Verdict, cause: Cause, words: &str) {
    assert_eq!((report.verdict, report.cause.as_ref()), (verdict, Some(&cause)), "{report}");
    assert!(report.reason.contains(words), "{report}");
}

#[track_caller]
fn refuses(f: &Function<'_>, x: &[Tensor], text: &str) {
    assert_eq!(f.check(x).unwrap_err().to_string(), text);
}

#[test]
fn a_right_gradient_passes_and_its_calls_are_counted() {
    let (values, gradients) = (Cell::new(0), Cell::new(0));
    let f = Function::new(|x: &[Tensor]| {
        values.set(values.get() + 1);
        x[0].exp().sum()
    })
    .gradient(|x: &[Tensor]| {
        gradients.set(gradients.get() + 1);
        vec![x[0].exp()]
    });
    let report = f.check(&[Tensor::from([0.3, 0.7])]).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!((report.calls.evaluations, report.calls.derivatives), (values.get(), gradients.get()));
    let counts = format!("{} evaluations, {} derivatives", values.get(), gradients.get());
    assert!(report.to_string().contains(&counts) && report.to_html().contains(&counts), "{report}");
    let worst = report.worst.as_ref().unwrap();
    assert_eq!(worst.by, "gradient");
    for words in ["by the gradient", "|gradient − differences| = "] {
        assert!(report.to_string().contains(words), "{report}");
    }
    assert!(!report.to_string().contains("tape"), "{report}");
    assert_gradient(&named(right), &point());
}

#[test]
fn shapes_and_counts_are_named() {
    let x = point();
    refuses(
        &named(|x| vec![right(x).remove(0)]),
        &x,
        "check: the gradient has 1 array for 2 inputs; return one for each input",
    );
    refuses(
        &named(|x| vec![right(x).remove(0), x[0].sin()]),
        &x,
        "check: the gradient by bias has shape (3, 2) and needs (2,); sum over axis 0, along which the input was broadcast",
    );
    refuses(
        &named(|x| vec![right(x)[0].t(), right(x).remove(1)]),
        &x,
        "check: the gradient by weights has shape (2, 3) and needs (3, 2); is it transposed?",
    );
    let pair = || Function::new(|x: &[Tensor]| x[0].sum_axis(0));
    refuses(
        &pair().jacobian(|_: &[Tensor]| vec![Tensor::zeros([3, 2, 2])]),
        &x[..1],
        "check: the Jacobian by input 0 has shape (3, 2, 2) and needs (2, 3, 2)",
    );
    refuses(
        &pair().jvp(|_: &[Tensor], u: &[Tensor]| u[0].clone()),
        &x[..1],
        "check: the jvp has shape (3, 2) and needs (2,); sum over axis 0, along which the input was broadcast",
    );
    refuses(
        &named(right).hessian(|_: &[Tensor]| vec![]),
        &x,
        "check: the Hessian has 0 rows of blocks for 2 inputs; give each its row",
    );
    refuses(
        &named(right).hessian(|x: &[Tensor]| vec![right(x), right(x)]),
        &x,
        "check: the Hessian's row of weights by weights has shape (3, 2) and needs (3, 2, 3, 2)",
    );
    let calls = Cell::new(0);
    let growing = Function::new(|x: &[Tensor]| {
        calls.set(calls.get() + 1);
        if calls.get() > 9 { Tensor::zeros([3]) } else { x[0].clone() }
    });
    refuses(
        &growing.vjp(|_: &[Tensor], v: &Tensor| vec![v.clone()]),
        &[Tensor::from([0.5, 0.25])],
        "check: the function returns shape (2,) at the point, and (3,) near it",
    );
}

#[test]
fn what_is_not_possible_is_refused() {
    let x = point();
    refuses(&named(right), &[], "check: no input given; there is nothing to differentiate by");
    refuses(&named(right).names(["one"]), &x, "check: 1 names for 2 inputs; name each of them");
    let bare = || Function::new(|x: &[Tensor]| x[0].sin());
    refuses(&bare(), &x, "check: no derivative is given; give a gradient, a vjp, a jvp or a Jacobian");
    refuses(
        &bare().hessian(|_: &[Tensor]| vec![]),
        &x,
        "check: a Hessian is compared with differences of the gradient; give that too",
    );
    refuses(
        &bare().gradient(right),
        &x,
        "check: a gradient is that of one value, and the function returns an array of shape (3, 2); give a vjp, a jvp or a Jacobian",
    );
    refuses(
        &Function::new(|_: &[Tensor]| f64::NAN).gradient(right),
        &x,
        "check: the function is NaN at the point; choose a point inside its domain",
    );
    let ask = |checker: Checker| checker.check_function(&named(right), &x).unwrap_err().to_string();
    assert!(
        ask(Checker::new().orders(2)).starts_with("check: order 2 compares second derivatives, and none are given")
    );
    assert!(ask(Checker::new().orders(3)).starts_with("check: order 3 of a function of one's own"));
    assert!(ask(Checker::new().operations(true)).starts_with("check: operations(true) looks into a recording"));
}

#[test]
fn mistakes_are_named() {
    let check = |f: Function<'_>| f.check(&point()).unwrap();
    let forgotten = check(named(|x| vec![right(x).remove(0), Tensor::zeros([2])]));
    says(&forgotten, Verdict::Wrong, Cause::Detached, "the gradient by bias is 0 where the function changes");
    assert!(forgotten.reason.contains("forgotten input?"), "{forgotten}");
    let negated = check(named(|x| vec![-&right(x)[0], right(x).remove(1)]));
    says(&negated, Verdict::Wrong, Cause::Sign, "the sign of the gradient by weights is wrong");
    let first_row = check(named(|x| vec![right(x).remove(0), x[0].sin().slice(0, 0..1).reshape([2])]));
    says(&first_row, Verdict::Wrong, Cause::MissingSum(0), "is the sum over axis 0 missing?");
    let lost = check(named(|x| vec![&right(x)[0] * f64::NAN, right(x).remove(1)]));
    says(&lost, Verdict::Wrong, Cause::NotFinite, "the gradient is NaN where the function has a finite one");
    let clipped =
        Function::new(|x: &[Tensor]| x[0].sin()).vjp(|x: &[Tensor], v: &Tensor| vec![v.clamp(-5.0, 5.0) * x[0].cos()]);
    says(
        &clipped.check(&point()[..1]).unwrap(),
        Verdict::Wrong,
        Cause::NotLinear,
        "is something clipped on the way back?",
    );
}

#[test]
fn two_derivatives_are_held_against_each_other() {
    let of = |vjp: f64, jvp: f64| {
        Function::new(|x: &[Tensor]| x[0].sin())
            .vjp(move |x: &[Tensor], v: &Tensor| vec![v * x[0].cos() * vjp])
            .jvp(move |x: &[Tensor], u: &[Tensor]| &u[0] * x[0].cos() * jvp)
            .check(&point()[..1])
            .unwrap()
    };
    assert!(of(1.0, 1.0).passed());
    says(
        &of(1.0, 1.01),
        Verdict::Wrong,
        Cause::ForwardMode,
        "where the vjp and the differences agree: the jvp is wrong",
    );
    says(&of(1.01, 1.0), Verdict::Wrong, Cause::ReverseMode, "the jvp agrees with the differences, the vjp does not");
    // Both alike: the factor is the cause.
    assert!(matches!(of(2.0, 2.0).cause, Some(Cause::Factor(_))));
    // Differences do not see a slope of 1 beside 1e16; that 1 is not 3 needs none.
    let hidden = Function::new(|x: &[Tensor]| &x[0] + 1e16)
        .vjp(|_: &[Tensor], v: &Tensor| vec![v.clone()])
        .jvp(|_: &[Tensor], u: &[Tensor]| &u[0] * 3.0);
    let report = hidden.check(&[Tensor::from([0.5])]).unwrap();
    assert!(report.verdict == Verdict::Inconclusive && report.reason.contains("and the jvp 3.0"), "{report}");
    let bent = Function::new(|x: &[Tensor]| x[0].sin()).jvp(|x: &[Tensor], u: &[Tensor]| {
        if u[0].as_slice().contains(&0.0) { &u[0] * x[0].cos() } else { u[0].clone() }
    });
    says(&bent.check(&point()[..1]).unwrap(), Verdict::Wrong, Cause::NotLinear, "the jvp is not linear");
}

#[test]
fn a_hessian_is_the_second_order() {
    // Σ aᵢ·b², by a and b.
    let f = |diagonal: f64, mixed: f64| {
        Function::new(|x: &[Tensor]| x[0].sum() * x[1].item().powi(2))
            .gradient(|x: &[Tensor]| {
                let b = x[1].item();
                vec![Tensor::full([2], b * b), Tensor::from(2.0 * b * x[0].sum())]
            })
            .hessian(move |x: &[Tensor]| {
                let b = x[1].item();
                vec![
                    vec![Tensor::zeros([2, 2]), Tensor::full([2], 2.0 * b * mixed)],
                    vec![Tensor::full([2], 2.0 * b), Tensor::from(2.0 * x[0].sum() * diagonal)],
                ]
            })
    };
    let x = [Tensor::from([0.5, 1.5]), Tensor::from(0.7)];
    let report = f(1.0, 1.0).check(&x).unwrap();
    assert!(report.passed() && report.inputs.len() == 4 && report.worst.unwrap().by == "Hessian");
    says(&f(1.5, 1.0).check(&x).unwrap(), Verdict::Wrong, Cause::SecondOrder, "order 1 passes, order 2 does not");
    let lopsided = f(1.0, 1.5).check(&x).unwrap();
    says(&lopsided, Verdict::Wrong, Cause::Asymmetric, "the Hessian is not symmetric: by input 1 and input 0[");
}

#[test]
fn products_of_a_hessian_stand_for_it() {
    // Σ aᵢ²·b, by a and b.
    let f = |factor: f64| {
        Function::new(|x: &[Tensor]| x[0].square().sum() * x[1].item())
            .gradient(|x: &[Tensor]| vec![&x[0] * (2.0 * x[1].item()), Tensor::from(x[0].square().sum())])
            .hvp(move |x: &[Tensor], u: &[Tensor]| {
                let (b, db) = (x[1].item(), u[1].item());
                vec![(&u[0] * b + &x[0] * db) * (2.0 * factor), Tensor::from(2.0 * (&x[0] * &u[0]).sum())]
            })
    };
    let x = [Tensor::from([0.5, 1.5]), Tensor::from(0.7)];
    let report = f(1.0).check(&x).unwrap();
    assert!(report.passed() && report.inputs.len() == 4 && report.worst.unwrap().by == "hvp");
    assert!(Checker::new().orders(2).check_function(&f(1.0), &x).unwrap().passed());
    says(&f(1.5).check(&x).unwrap(), Verdict::Wrong, Cause::SecondOrder, "order 1 passes, order 2 does not");
    // A Hessian beside its products: each is held against the other.
    let both = |h: f64, products: f64| {
        Function::new(|x: &[Tensor]| x[0].square().sum())
            .gradient(|x: &[Tensor]| vec![&x[0] * 2.0])
            .hessian(move |_: &[Tensor]| vec![vec![Tensor::from([[h, 0.0], [0.0, h]])]])
            .hvp(move |_: &[Tensor], u: &[Tensor]| vec![&u[0] * products])
            .check(&x[..1])
            .unwrap()
    };
    assert!(both(2.0, 2.0).passed());
    says(&both(2.0, 3.0), Verdict::Wrong, Cause::SecondOrder, "the hvp is wrong");
    says(
        &both(3.0, 2.0),
        Verdict::Wrong,
        Cause::SecondOrder,
        "the hvp agrees with the differences, the Hessian does not",
    );
    refuses(
        &f(1.0).hvp(|x: &[Tensor], _: &[Tensor]| vec![x[0].clone(), x[0].clone()]),
        &x,
        "check: the hvp by input 1 has shape (2,) and needs (); sum over axis 0, along which the input was broadcast",
    );
    refuses(
        &Function::new(|x: &[Tensor]| x[0].sum()).hvp(|_: &[Tensor], u: &[Tensor]| u.to_vec()),
        &x[..1],
        "check: an hvp is compared with differences of the gradient; give that too",
    );
}

#[test]
fn noise_is_measured_and_randomness_named() {
    let calls = Cell::new(0u32);
    let restless = |size: f64| {
        calls.set(calls.get() + 1);
        size * (f64::from(calls.get()) * 1.7).sin()
    };
    let f = |size: f64, factor: f64| {
        Function::new(move |x: &[Tensor]| x[0].sin().sum() + restless(size))
            .gradient(move |x: &[Tensor]| vec![x[0].cos() * factor])
            .check(&[Tensor::from([0.3, 0.9])])
            .unwrap()
    };
    let report = f(1e-10, 1.0);
    assert!(report.passed() && report.notes.iter().any(|note| note.contains("judged within this noise")), "{report}");
    assert_eq!(f(1e-10, 1.01).verdict, Verdict::Wrong);
    says(&f(0.1, 1.0), Verdict::Inconclusive, Cause::Nondeterministic, "two evaluations at the same point differ");
}

#[test]
fn zeros_pass_where_nothing_moves_and_nothing_is_hidden() {
    let with = |offset: f64, slope: f64| {
        Function::new(move |x: &[Tensor]| x[0].as_slice()[0].sin() + x[0].as_slice()[1].max(0.0) + offset)
            .gradient(move |x: &[Tensor]| vec![Tensor::from([x[0].as_slice()[0].cos(), slope])])
            .check(&[Tensor::from([0.3, -0.7])])
            .unwrap()
    };
    assert!(with(0.0, 0.0).passed());
    assert_eq!(with(0.0, 1.0).verdict, Verdict::Wrong);
    // Beside 1e6 a slope of 1e-7 is hidden.
    says(&with(1e6, 0.0), Verdict::Inconclusive, Cause::Unresolved, "hides the derivative");
    let stairs = Function::new(|x: &[Tensor]| x[0].map(|x| (x + 1e15) - 1e15).sum())
        .gradient(|_: &[Tensor]| vec![Tensor::ones([1])]);
    let report = stairs.check(&[Tensor::from([0.55])]).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
}

/// The check of a function of three numbers with a gradient and a Hessian, at order 2.
fn second(
    f: impl Fn(&[f64]) -> f64,
    gradient: impl Fn(&[f64]) -> [f64; 3],
    hessian: impl Fn(&[f64]) -> [[f64; 3]; 3],
) -> Report {
    let f = Function::new(move |x: &[Tensor]| f(x[0].as_slice()))
        .gradient(move |x: &[Tensor]| vec![Tensor::from(gradient(x[0].as_slice()))])
        .hessian(move |x: &[Tensor]| vec![vec![Tensor::from(hessian(x[0].as_slice()))]]);
    f.check(&[Tensor::from([0.3, -0.7, 1.6])]).unwrap()
}

const NONE: [[f64; 3]; 3] = [[0.0; 3]; 3];

#[test]
fn a_linear_function_has_a_second_derivative_of_zero() {
    // Of any digits and any size, as a Hessian and as its products.
    for w in [[3.0; 3], [0.1, -1.0 / 3.0, 7.0], [1e-9, 2e-9, 0.3e-9], [1e6, 1.0, -1e3], [0.0, 2.0, 0.0]] {
        let f = move |x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum();
        let report = second(f, |_| w, |_| NONE);
        assert!(report.passed() && report.inputs.len() == 2, "{w:?} {report}");
        let products = Function::new(move |x: &[Tensor]| f(x[0].as_slice()))
            .gradient(|_: &[Tensor]| vec![Tensor::from(w)])
            .hvp(|_: &[Tensor], u: &[Tensor]| vec![&u[0] * 0.0]);
        let report = products.check(&[Tensor::from([0.3, -0.7, 1.6])]).unwrap();
        assert!(report.passed(), "{w:?} {report}");
    }
    let single = Function::<f32>::new(|x: &[Tensor<f32>]| (&x[0] * 0.7).sum())
        .gradient(|x: &[Tensor<f32>]| vec![x[0].map(|_| 0.7)])
        .hvp(|_: &[Tensor<f32>], u: &[Tensor<f32>]| vec![&u[0] * 0.0]);
    let report = single.check(&[Tensor::from([0.3, -0.7]).cast::<f32>()]).unwrap();
    assert!(report.passed(), "{report}");
    // The rules round: x = log(exp(x)).
    let long = |x: &[f64]| x.iter().map(|x| x.exp().ln()).sum();
    let quotient = |x: &[f64]| [0, 1, 2].map(|i| x[i].exp() * (1.0 / x[i].exp()));
    assert!(second(long, quotient, |_| NONE).passed());
    let rest = |x: &[f64]| {
        let mut rest = NONE;
        for i in 0..3 {
            rest[i][i] = quotient(x)[i] - x[i].exp() * x[i].exp() / x[i].exp().powi(2);
        }
        rest
    };
    assert!(second(long, quotient, rest).passed());
}

#[test]
fn a_function_that_is_linear_in_part_has_zeros_in_its_hessian() {
    let f = |x: &[f64]| x[0] * x[0] + 3.0 * x[1] - 0.25 * x[2];
    let with =
        |curvature: f64| second(f, |x| [2.0 * x[0], 3.0, -0.25], move |_| [[curvature, 0.0, 0.0], [0.0; 3], [0.0; 3]]);
    assert!(with(2.0).passed());
    assert_eq!(with(0.0).verdict, Verdict::Wrong);
}

#[test]
fn a_hessian_that_is_wrongly_zero_is_wrong() {
    let wrong = |report: Report| says(&report, Verdict::Wrong, Cause::SecondOrder, "order 1 passes, order 2 does not");
    let sum = |f: fn(f64) -> f64| move |x: &[f64]| x.iter().map(|x| f(*x)).sum::<f64>();
    wrong(second(sum(|x| x.powi(3)), |x| [0, 1, 2].map(|i| 3.0 * x[i] * x[i]), |_| NONE));
    wrong(second(sum(|x| 1e-3 * x * x), |x| [0, 1, 2].map(|i| 2e-3 * x[i]), |_| NONE));
    // A small curvature beside a large slope.
    wrong(second(|x| 1e3 * x[0] + 1e-3 * x[1] * x[1], |x| [1e3, 2e-3 * x[1], 0.0], |_| NONE));
    // A block that was forgotten: that of the last number.
    let f = |x: &[f64]| x[0] * x[1] + x[2].sin();
    let block = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0; 3]];
    wrong(second(f, |x| [x[1], x[0], x[2].cos()], move |_| block));
}

#[test]
fn a_curvature_that_round_off_hides_stays_open() {
    // A slope of 1e-7 beside 1e6, in one element of the gradient.
    let slight = second(|x| 1e6 * x[0] + 0.5e-7 * x[0] * x[0], |x| [1e6 + 1e-7 * x[0], 0.0, 0.0], |_| NONE);
    assert_eq!(slight.verdict, Verdict::Inconclusive, "{slight}");
    // In another: only their sum hides it.
    let beside = second(|x| 1e6 * x[0] + 1e-8 * x[1] * x[1], |x| [1e6, 2e-8 * x[1], 0.0], |_| NONE);
    assert_eq!(beside.verdict, Verdict::Inconclusive, "{beside}");
    // A Hessian of order 1 beside a gradient of 1e9.
    let steep = second(
        |x| 1e9 * x[0] + x[1].sin(),
        |x| [1e9, x[1].cos(), 0.0],
        |x| [[0.0; 3], [0.0, -x[1].sin(), 0.0], [0.0; 3]],
    );
    says(&steep, Verdict::Inconclusive, Cause::Unresolved, "hides the derivative");
}

#[test]
fn a_panic_passes_through_and_leaves_nothing_behind() {
    let calls = Cell::new(0);
    let f = named(|x| {
        calls.set(calls.get() + 1);
        assert!(calls.get() != 3, "stopped by the caller");
        right(x)
    });
    let checker = Checker::new().seed(1);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _ = f.check(&point());
        let _ = f.check(&point());
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"stopped by the caller"));
    assert!(checker.check_function(&f, &point()).unwrap().passed());
    let report = catch_unwind(|| assert_gradient(&named(|x| vec![-&right(x)[0], right(x).remove(1)]), &point()));
    let text = report.unwrap_err().downcast_ref::<String>().unwrap().clone();
    assert!(text.starts_with("gradient check: WRONG (sign)"), "{text}");
}
