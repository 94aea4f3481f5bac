//! The gradient checker on trial: wrong rules that it must reject, right but nasty functions that it must not call wrong.

use autograd::check::{Checker, Verdict};
use autograd::{Custom, Tensor, Var, check};

use crate::sampling::Sampler;

/// `y = sin x`, with whatever derivative the closure gives.
struct Sine<F>(F);

impl<F> Custom for Sine<F>
where
    F: for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t> + Send + Sync + 'static,
{
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].sin()
    }
    fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![(self.0)(x[0], dy)]
    }
}

/// The verdict and the reason on a sine with this rule, at a random point.
#[track_caller]
fn verdict<F>(seed: u64, rule: F) -> (Verdict, String)
where
    F: for<'t> Fn(Var<'t>, Var<'t>) -> Var<'t> + Send + Sync + Clone + 'static,
{
    let x = Sampler::new(seed).values(&[30], (-1.4, 1.4), &[]);
    let report = Checker::new().seed(seed).check(|x| (Var::custom(Sine(rule.clone()), x) * 0.7).sum(), &[x]).unwrap();
    (report.verdict, report.reason)
}

#[test]
fn the_right_rule_passes() {
    for seed in 0..20 {
        assert_eq!(verdict(seed, |x, dy| dy * x.cos()).0, Verdict::Pass);
    }
}

#[test]
fn wrong_rules_are_rejected_and_named() {
    for seed in 0..20 {
        let cases = [
            (verdict(seed, |x, dy| dy * x.cos() * 1.001), "relative difference 1.0e-3"),
            (verdict(seed, |x, dy| dy * x.cos() * (1.0 + 1e-6)), "relative difference 1.0e-6"),
            (verdict(seed, |x, dy| dy * x.cos() * 2.0), "wrong by the factor 2.0000"),
            (verdict(seed, |x, dy| dy * x.cos() / 3.0), "wrong by the factor 0.3333"),
            (verdict(seed, |x, dy| -dy * x.cos()), "the sign is wrong"),
            (verdict(seed, |x, dy| dy * 0.0 * x), "the gradient is 0 where the function changes"),
            (verdict(seed, |x, dy| dy * x.sin()), ""),
        ];
        for ((verdict, reason), expected) in cases {
            assert_eq!(verdict, Verdict::Wrong, "{expected}: {reason}");
            assert!(reason.contains(expected), "{reason}");
        }
    }
}

#[test]
fn one_wrong_element_of_a_thousand_is_found() {
    let x = Sampler::new(1).values(&[1000], (-1.4, 1.4), &[]);
    /// Right but at one element.
    struct Flawed;
    impl Custom for Flawed {
        fn forward(&self, x: &[Tensor]) -> Tensor {
            x[0].sin()
        }
        fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
            let mut factor = Tensor::ones([1000]);
            factor.as_mut_slice()[617] = 1.01;
            vec![dy * x[0].cos() * factor]
        }
    }
    let report = check(|x| Var::custom(Flawed, x).sum(), &[x]).unwrap();
    assert_eq!(report.verdict, Verdict::Wrong);
    assert!(report.reason.starts_with("input 0[617]"), "{}", report.reason);
}

#[test]
fn a_rule_wrong_at_second_order_only() {
    let x = Sampler::new(2).values(&[5], (-1.4, 1.4), &[]);
    /// First order is right; the slope counts as constant, so its own derivative is missing.
    struct Forgetful;
    impl Custom for Forgetful {
        fn forward(&self, x: &[Tensor]) -> Tensor {
            x[0].sin()
        }
        fn vjp<'t>(&self, x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
            vec![dy * x[0].cos().detach()]
        }
    }
    let first = check(|x| Var::custom(Forgetful, x).sum(), std::slice::from_ref(&x)).unwrap();
    assert_eq!(first.verdict, Verdict::Pass);
    let second = check(|x| Var::custom(Forgetful, x).sum().grad(x[0]).square().sum(), &[x]).unwrap();
    assert_eq!(second.verdict, Verdict::Wrong);
}

/// The identity, measured by an instrument with errors of 1e-4.
struct Noisy;

impl Custom for Noisy {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].map(|x| x + 1e-4 * (1e9 * x).sin())
    }
    fn vjp<'t>(&self, _x: &[Var<'t>], _y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy]
    }
}

#[test]
fn kinks_edges_and_noise_are_inconclusive() {
    let reason = |f: fn(&Tensor) -> autograd::check::Report, x: Tensor| {
        let report = f(&x);
        assert_eq!(report.verdict, Verdict::Inconclusive, "{report}");
        report.reason
    };
    let relu = |x: &Tensor| check(|x| x[0].relu().sum(), std::slice::from_ref(x)).unwrap();
    assert!(
        reason(relu, Tensor::from([0.0]))
            .contains("a kink: the derivative is 1.000000 from above and 0.000000 from below")
    );
    let sqrt = |x: &Tensor| check(|x| x[0].sqrt().sum(), std::slice::from_ref(x)).unwrap();
    assert!(reason(sqrt, Tensor::from([0.0])).contains("not finite around the point"));
    let noise = |x: &Tensor| check(|x| Var::custom(Noisy, x).sum(), std::slice::from_ref(x)).unwrap();
    assert!(reason(noise, Tensor::from([0.5])).contains("the differences are only known to"));
}

#[test]
fn nasty_but_right_functions_are_not_called_wrong() {
    let mut inconclusive = 0;
    let mut total = 0;
    for seed in 0..100 {
        let x = Sampler::new(seed).normal_like(&[4]);
        let reports = [
            // Cancelling, huge, tiny, steep, oscillating, near a kink.
            check(|x| ((x[0] + 1e8).square() - x[0].square() - 1e16).sum(), std::slice::from_ref(&x)),
            check(|x| (x[0] * 1e150).sum(), std::slice::from_ref(&x)),
            check(|x| (x[0] * 1e-150).sum(), std::slice::from_ref(&x)),
            check(|x| (x[0] * 30.0).sigmoid().sum(), std::slice::from_ref(&x)),
            check(|x| (x[0] * 40.0).sin().sum(), std::slice::from_ref(&x)),
            check(|x| (x[0] + 1e-4).abs().sum(), std::slice::from_ref(&x)),
            check(|x| x[0].exp().exp().sum(), std::slice::from_ref(&x)),
        ];
        for report in reports {
            let report = report.unwrap();
            assert_ne!(report.verdict, Verdict::Wrong, "{report}");
            inconclusive += usize::from(report.verdict == Verdict::Inconclusive);
            total += 1;
        }
    }
    println!("{inconclusive} of {total} inconclusive");
    assert!(inconclusive < total / 2);
}

#[test]
fn without_inputs_there_is_nothing_to_check() {
    let error = check(|x| x[0].sum(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "check: no input given; there is nothing to differentiate by");
}
