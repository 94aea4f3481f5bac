//! Likelihoods and their kin: densities that sum to 1, minima where they should be, values at the ends.

use autograd::{Float, Tape, Tensor, Var};
use mlp::{
    BinaryFocal, CrossEntropy, Focal, GaussianNll, Loss, NegativeBinomialNll, PoissonNll, Quantile, Smoothed, Targets,
};

fn values(t: impl Into<Tensor>) -> Targets {
    Targets::Values(t.into())
}

fn each(loss: &dyn Loss, y: impl Into<Tensor>, targets: &Targets) -> Vec<f64> {
    let tape = Tape::new();
    loss.each(tape.constant(y), targets).unwrap().value().to_vec()
}

#[test]
fn the_likelihoods_of_all_counts_sum_to_1() {
    let (n, rate, size) = (400, 3.5f64, 1.7f64);
    let counts = values(Tensor::from_fn([n, 1], |i| i[0] as f64));
    let means = Tensor::full([n, 1], rate.ln());
    let both = Tensor::from_fn([n, 2], |i| [rate, size][i[1]].ln());
    let total =
        |loss: &dyn Loss, y: &Tensor| each(loss, y.clone(), &counts).iter().map(|loss| (-loss).exp()).sum::<f64>();
    assert!((total(&PoissonNll { full: true }, &means) - 1.0).abs() < 1e-12);
    assert!((total(&NegativeBinomialNll { size: Some(size) }, &means) - 1.0).abs() < 1e-12);
    assert!((total(&NegativeBinomialNll::default(), &both) - 1.0).abs() < 1e-12);
}

#[test]
fn a_large_size_is_a_poisson_distribution() {
    let (y, t) = ([[0.7, -1.0, 2.0]], values([[3.0, 0.0, 9.0]]));
    let found = each(&NegativeBinomialNll { size: Some(1e7) }, y, &t);
    let needed = each(&PoissonNll { full: true }, y, &t);
    for (found, needed) in found.iter().zip(&needed) {
        assert!((found / needed - 1.0).abs() < 1e-5, "{found} for {needed}");
    }
}

#[test]
fn a_gaussian_is_least_at_the_mean_and_the_variance() {
    fn holds<T: Float>() {
        let tape = Tape::<T>::default();
        let number = T::from_f64;
        let y = tape.var(Tensor::new([2, 2], [1.0, 0.25f64.ln(), 1.0, 0.25f64.ln()].map(number).to_vec()));
        let targets = Targets::Values(Tensor::new([2, 1], [1.5, 0.5].map(number).to_vec()));
        let gradient = GaussianNll::default().sum(y, &targets).unwrap().backward()[y].to_vec();
        let sum = |i: usize| (gradient[i] + gradient[i + 2]).to_f64().abs();
        assert!(sum(0) < 1e-6 && sum(1) < 1e-6, "{gradient:?}");
    }
    holds::<f64>();
    holds::<f32>();
    // The square of what is divided overflows only with the loss.
    assert_eq!(each(&GaussianNll::default(), [[0.0, -800.0]], &values([[0.0]])), [-400.0]);
    assert!(each(&GaussianNll::default(), [[0.0, 800.0]], &values([[1e170]]))[0].is_finite());
}

#[test]
fn a_rate_of_0_foretells_no_count() {
    assert_eq!(
        each(&PoissonNll::default(), [[f64::NEG_INFINITY, f64::NEG_INFINITY]], &values([[0.0, 2.0]])),
        [0.0, f64::INFINITY]
    );
}

#[test]
fn the_quantile_of_the_targets_has_no_slope_for_the_quantile_loss() {
    let tape = Tape::new();
    let slope = |level: f64, at: f64| {
        let y = tape.var(Tensor::full([5, 1], at));
        let targets = values([[1.0], [2.0], [3.0], [4.0], [5.0]]);
        Quantile { levels: vec![level] }.sum(y, &targets).unwrap().backward()[y].to_vec().iter().sum::<f64>()
    };
    assert!(slope(0.8, 3.9) < 0.0 && slope(0.8, 4.1).abs() < 1e-12 && slope(0.8, 5.1) > 0.0);
    assert!(slope(0.5, 3.0).abs() < 1e-12, "at a target the slope is that of the others");
}

#[test]
fn focus_and_smoothing_of_nothing_are_cross_entropy() {
    let (y, classes) = ([[0.3, -1.2, 2.5], [1.1, 0.4, -0.6]], Targets::Classes(vec![2, 1]));
    let needed = each(&CrossEntropy, y, &classes);
    assert_eq!(each(&Focal { gamma: 0.0 }, y, &classes), needed);
    assert_eq!(each(&Smoothed { loss: CrossEntropy, share: 0.0 }, y, &classes), needed);
    let infinite = [[0.0, f64::NEG_INFINITY]];
    assert_eq!(each(&Smoothed { loss: CrossEntropy, share: 0.0 }, infinite, &Targets::Classes(vec![0])), [0.0]);
}

#[test]
fn focal_losses_have_slopes_where_a_class_is_sure() {
    fn holds<T: Float>() {
        for gamma in [0.0, 0.5, 1.0, 2.0] {
            let tape = Tape::<T>::default();
            let slopes = |y: Var<'_, T>, loss: &dyn Loss<T>| {
                let loss = loss.mean(y, &Targets::Classes(vec![1, 1])).unwrap();
                assert!(loss.value().is_finite());
                assert!(loss.backward()[y].is_finite() && loss.grad(y).value().is_finite(), "gamma {gamma}");
            };
            let number = |y: f64| T::from_f64(y);
            slopes(tape.var([[number(-900.0), number(900.0)], [number(900.0), number(-900.0)]]), &Focal { gamma });
            slopes(tape.var([[number(900.0)], [number(-900.0)]]), &BinaryFocal { gamma, alpha: None });
        }
    }
    holds::<f64>();
    holds::<f32>();
}
