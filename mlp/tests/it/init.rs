//! Initialisation: the moments that the recipes promise, within five standard errors.

use autograd::Tensor;
use mlp::Init;
use mlp::init::{Distribution, Fan};
use rand::SeedableRng;
use rand::rngs::StdRng;

const INPUTS: usize = 300;
const OUTPUTS: usize = 500;

fn sample(init: Init, shape: [usize; 2]) -> Tensor {
    init.sample(shape, &mut StdRng::seed_from_u64(7))
}

/// Holds mean and variance against theory; `kurtosis` is E[(x−μ)⁴]/σ⁴.
fn assert_moments(init: Init, mean: f64, variance: f64, kurtosis: f64) {
    let x = sample(init, [INPUTS, OUTPUTS]);
    let n = x.numel() as f64;
    let found_mean = x.mean();
    let found_variance = x.map(|x| (x - found_mean).powi(2)).mean();
    let (mean_error, variance_error) = ((variance / n).sqrt(), variance * ((kurtosis - 1.0) / n).sqrt());
    assert!((found_mean - mean).abs() < 5.0 * mean_error, "{init:?}: mean {found_mean}, not {mean}");
    assert!(
        (found_variance - variance).abs() < 5.0 * variance_error,
        "{init:?}: variance {found_variance}, not {variance}"
    );
}

const NORMAL: f64 = 3.0;
const UNIFORM: f64 = 1.8;

#[test]
fn moments_are_those_of_the_papers() {
    let (m, n) = (INPUTS as f64, OUTPUTS as f64);
    assert_moments(Init::lecun_normal(), 0.0, 1.0 / m, NORMAL);
    assert_moments(Init::lecun_uniform(), 0.0, 1.0 / m, UNIFORM);
    assert_moments(Init::glorot_normal(), 0.0, 2.0 / (m + n), NORMAL);
    assert_moments(Init::glorot_uniform(), 0.0, 2.0 / (m + n), UNIFORM);
    assert_moments(Init::he_normal(), 0.0, 2.0 / m, NORMAL);
    assert_moments(Init::he_uniform(), 0.0, 2.0 / m, UNIFORM);
    assert_moments(Init::he_uniform().gain(-0.5), 0.0, 0.5 / m, UNIFORM);
    let backward = Init::Scaled { gain: 3.0, fan: Fan::Out, distribution: Distribution::Normal };
    assert_moments(backward, 0.0, 9.0 / n, NORMAL);
    assert_moments(Init::Uniform { low: -1.0, high: 3.0 }, 1.0, 16.0 / 12.0, UNIFORM);
    assert_moments(Init::Normal { mean: 2.0, std: 0.1 }, 2.0, 0.01, NORMAL);
}

#[test]
fn truncated_normal_keeps_its_bounds_and_the_documented_spread() {
    // Variance of the standard normal between ±a: 1 − 2aφ(a) / (2Φ(a) − 1).
    assert_moments(Init::truncated_normal(0.5), 0.0, (0.5 * 0.879_625_661_034_235f64).powi(2), 2.37);
    // ±1 takes the other branch, uniform proposals: the variance is 0.291125...
    let narrow = Init::TruncatedNormal { mean: 1.0, std: 2.0, low: -1.0, high: 1.0 };
    assert_moments(narrow, 1.0, 4.0 * 0.291_125_1, 1.94);
    for (low, high) in [(-2.0, 2.0), (-0.5, 1.0), (0.0, 3.0), (-1e-6, 1e-6), (f64::NEG_INFINITY, 0.0)] {
        let init = Init::TruncatedNormal { mean: 10.0, std: 0.5, low, high };
        let inside = |x: &f64| (10.0 + 0.5 * low..=10.0 + 0.5 * high).contains(x);
        assert!(sample(init, [50, 50]).as_slice().iter().all(inside), "{init:?}");
    }
    let mirrored = Init::TruncatedNormal { mean: 1.0, std: 1.0, low: -1.0, high: 0.0 }.gain(-2.0);
    assert_eq!(mirrored, Init::TruncatedNormal { mean: -2.0, std: 2.0, low: 0.0, high: 1.0 });
}

#[test]
fn orthogonal_is_orthonormal_along_the_shorter_axis() {
    for (m, n) in [(40, 40), (100, 30), (30, 100), (5, 1), (1, 5), (1, 1)] {
        let w = sample(Init::orthogonal().gain(2.0), [m, n]);
        let product = if m >= n { w.t().matmul(&w) } else { w.matmul(&w.t()) };
        assert!(product.is_close(&(&Tensor::eye(m.min(n)) * 4.0), 1e-13), "({m}, {n})");
    }
}

#[test]
fn orthogonal_prefers_no_orientation() {
    // Without sign correction QR favours one sign on the diagonal; uniformly, the trace has mean 0 and variance 1.
    let mut rng = StdRng::seed_from_u64(3);
    let draws = 2000;
    let traces: Vec<f64> = (0..draws)
        .map(|_| {
            let q: Tensor = Init::orthogonal().sample([4, 4], &mut rng);
            (0..4).map(|i| q.get([i, i])).sum()
        })
        .collect();
    let mean = traces.iter().sum::<f64>() / draws as f64;
    let variance = traces.iter().map(|t| t * t).sum::<f64>() / draws as f64;
    assert!(mean.abs() < 5.0 / (draws as f64).sqrt(), "mean {mean}");
    assert!((variance - 1.0).abs() < 5.0 * (2.0 / draws as f64).sqrt(), "variance {variance}");
}

#[test]
fn a_seed_gives_the_same_numbers_for_ever() {
    let first = |init| sample(init, [2, 2]).to_vec();
    assert_eq!(
        first(Init::Uniform { low: 0.0, high: 1.0 }),
        [0.030317360865101395, 0.3070862833742408, 0.14264215670077263, 0.5425171865271055]
    );
    assert_eq!(
        first(Init::he_normal()),
        [-1.0435766267299837, -0.5767477785308605, -0.7112543182637732, 0.11629713986442239]
    );
    assert_eq!(
        first(Init::glorot_uniform()),
        [-1.1504828069242667, -0.47254017011697774, -0.8753443716645757, 0.10414541229014396]
    );
    assert_eq!(
        first(Init::truncated_normal(1.0)),
        [-1.0435766267299837, -0.5767477785308605, -0.7112543182637732, 0.11629713986442239]
    );
    assert_eq!(
        first(Init::orthogonal()),
        [-0.8752293287148338, -0.4837081993902741, -0.4837081993902741, 0.8752293287148338]
    );
    let single: Tensor<f32> = Init::he_normal().sample([2, 2], &mut StdRng::seed_from_u64(7));
    assert_eq!(single, sample(Init::he_normal(), [2, 2]).cast(), "f32 draws the same numbers, rounded");
}

#[test]
fn constants_and_empty_shapes() {
    assert_eq!(sample(Init::Zeros, [2, 1]), [[0.0], [0.0]].into());
    assert_eq!(sample(Init::Constant(0.5), [1, 1]), [[0.5]].into());
    assert_eq!(sample(Init::Uniform { low: 2.0, high: 2.0 }, [1, 1]), [[2.0]].into());
    for init in [Init::he_normal(), Init::orthogonal(), Init::glorot_uniform()] {
        assert_eq!(sample(init, [0, 3]).numel(), 0);
        assert_eq!(sample(init, [3, 0]).numel(), 0);
    }
}

#[test]
fn recipes_that_make_no_sense_are_refused() {
    let refused = |init: Init| init.try_sample::<f64>([2, 2], &mut StdRng::seed_from_u64(0)).unwrap_err().to_string();
    assert_eq!(
        refused(Init::Normal { mean: 0.0, std: -1.0 }),
        "init: Normal { mean: 0.0, std: -1.0 } needs finite numbers, std ≥ 0, low ≤ high, and low ≤ 0 ≤ high around a mean"
    );
    for init in [
        Init::Constant(f64::NAN),
        Init::Uniform { low: 1.0, high: 0.0 },
        Init::Uniform { low: 0.0, high: f64::INFINITY },
        Init::he_normal().gain(f64::NAN),
        Init::TruncatedNormal { mean: 0.0, std: 1.0, low: 8.0, high: 9.0 },
        Init::TruncatedNormal { mean: 0.0, std: 1.0, low: f64::NAN, high: 1.0 },
        Init::TruncatedNormal { mean: 0.0, std: 1.0, low: 0.0, high: 0.0 },
    ] {
        assert!(refused(init).starts_with("init: "));
    }
    let bias = Init::he_normal().try_sample::<f64>(3, &mut StdRng::seed_from_u64(0)).unwrap_err();
    assert_eq!(bias.to_string(), "init: shape (3,) is not (inputs, outputs); start biases with Init::Zeros");
}
