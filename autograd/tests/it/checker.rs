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
    let mut mask = Tensor::ones([1000]);
    mask.as_mut_slice()[617] = 1.01;
    let report = check(
        |x| {
            let mask = mask.clone();
            let broken = move |x: &Tensor| x.clone() * &mask;
            let _ = &broken;
            let slope = x[0].cos() * &mask;
            // Value sin(x), derivative cos(x) but for one element.
            (x[0].sin().detach() + slope.detach() * (x[0] - x[0].detach())).sum()
        },
        &[x],
    );
    // At a fixed point that formula has the value of sin everywhere, but its value along a step is a straight line: as a
    // function it is not sin, and the checker must see that differences and gradient part.
    assert_eq!(report.unwrap().verdict, Verdict::Wrong);
}

#[test]
fn a_rule_wrong_at_second_order_only() {
    // First order is right; the slope is computed on plain values, so its own derivative is missing.
    let rule = |x: Var<'_>, dy: Var<'_>| dy.tape();
    let _ = rule;
    let x = Sampler::new(2).values(&[5], (-1.4, 1.4), &[]);
    let f = |x: &[Var<'_>]| x.len();
    let _ = f;
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
    let noise = |x: &Tensor| check(|x| ((x[0] + 1e12) - 1e12).sum(), std::slice::from_ref(x)).unwrap();
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
