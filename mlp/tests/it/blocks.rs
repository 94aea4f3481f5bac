//! The theory of blocks: shortcuts, norms, dropout, and what they are made of, against the plain theory, closed forms,
//! differences, and the tables of the papers. `block_laws.rs` measures.

use std::f64::consts::{FRAC_2_PI, PI};

use autograd::Var;
use mlp::theory::{Block, DepthLaw, Joined, NormKind, Piece, Signal, critical_value};
use mlp::{Activation, Function, Module};

use crate::theory::{QUADRATURE, assert_close, elementwise, theory};

fn erf() -> Function<f64> {
    Function::new("erf", |z: Var| z.erf())
}

/// φ(x)W + b
fn branch(activation: impl Module + 'static, weights: f64, biases: f64) -> Block {
    Block::new().activation(activation).unwrap().linear(weights, biases)
}

/// φ(norm(x))W + b
fn normed(activation: impl Module + 'static, weights: f64, biases: f64) -> Block {
    Block::new().layer_norm().activation(activation).unwrap().linear(weights, biases)
}

/// φ(xW + b)
fn gate(activation: Activation) -> Block {
    Block::new().linear(0.8, 0.3).activation(activation).unwrap()
}

fn shortcut(mu: f64, inner: Block) -> Block {
    Block::new().residual(mu, 1.0, inner)
}

#[test]
fn without_shortcuts_and_norms_it_is_the_plain_theory() {
    for (activation, theory) in elementwise() {
        let (plain, block) = (theory.weights(1.3).biases(0.2), branch(activation, 1.3, 0.2));
        for q in [0.3, 2.0] {
            let step = block.pass(&Signal::normal(q)).unwrap();
            assert_close(step.signal.square, plain.variance_map(q), QUADRATURE);
            assert_close(step.chi, plain.chi(q), QUADRATURE);
            assert_close(step.square_slope, plain.variance_slope(q), QUADRATURE);
            for c in [0.0, 1.0] {
                assert_close(block.correlation_map(q, c).unwrap(), plain.correlation_map(q, c), QUADRATURE);
                assert_close(block.correlation_slope(q, c).unwrap(), plain.correlation_slope(q, c), QUADRATURE);
            }
        }
        if let Ok(q) = plain.fixed_point() {
            assert_close(block.fixed_point().unwrap(), q, QUADRATURE);
        }
    }
}

#[test]
fn slopes_agree_with_differences() {
    let blocks = [
        shortcut(0.8, branch(Activation::Tanh, 1.5, 0.1)),
        Block::new().residual(0.9, 0.5, normed(Activation::Gelu, 2.0, 0.1)),
        // Values of mean other than 0, in the shortcut and before every norm.
        Block::new()
            .linear(1.2, 0.1)
            .activation(Activation::Relu)
            .unwrap()
            .residual(1.0, 0.7, Block::new().linear(1.0, 0.3).activation(Activation::Softplus).unwrap())
            .then(Piece::Norm(NormKind::Rms, 0.3))
            .then(Piece::Norm(NormKind::Layer, 0.2))
            .then(Piece::Affine { gain: 1.5, shift: 0.1 })
            .dropout(0.2)
            .linear(2.0, 0.0),
        // Joined branches, with means other than 0, beside a value and within each other.
        Block::new()
            .linear(1.2, 0.1)
            .activation(Activation::Relu)
            .unwrap()
            .parallel(Joined::Product, [Block::new(), gate(Activation::Sigmoid), gate(Activation::Softplus)])
            .parallel(Joined::Concat(vec![3, 2, 5]), [Block::new(), gate(Activation::Relu), Block::new().layer_norm()])
            .parallel(
                Joined::Sum,
                [Block::new(), gate(Activation::Softplus), gate(Activation::Sigmoid).linear(0.5, 0.2)],
            )
            .then(Piece::Norm(NormKind::Rms, 0.3))
            .linear(2.0, 0.0),
    ];
    let h = 1e-4;
    for block in &blocks {
        for q in [0.4, 3.0] {
            let square = |q| block.variance_map(q).unwrap();
            let slope = block.pass(&Signal::normal(q)).unwrap().square_slope;
            assert_close(slope, (square(q + h) - square(q - h)) / (2.0 * h), 1e-6);
            let map = |c| block.correlation_map(q, c).unwrap();
            let difference = (map(0.4 + h) - map(0.4 - h)) / (2.0 * h);
            assert_close(block.correlation_slope(q, 0.4).unwrap(), difference, 1e-6);
        }
    }
}

/// Doshi, He & Gromov 2023: h ← W·φ(h) + b + μh, with and without layer norm before φ.
///
/// Without it the critical point is that of plain layers times 1 − μ²; with it, it is the line σ_b² = σ_w²(E[φ′²] − E[φ²]),
/// for every μ < 1. All from closed forms: E[erf²] = (2/π)·asin(2/3), E[erf′²] = 4/(π√5) at variance 1.
#[test]
fn critical_points_are_those_of_partial_jacobians() {
    let gelu = theory(Activation::Gelu).critical().unwrap(); // held to eight digits in criticality.rs
    for mu in [0.0, 0.5, 0.9] {
        let rest = 1.0 - mu * mu;
        let relu = shortcut(mu, branch(Activation::Relu, 1.0, 0.0)).critical().unwrap();
        assert_close(relu.weights, 2.0 * rest, 1e-9);
        assert_close(relu.biases, 0.0, 1e-9);
        let tanh_like = shortcut(mu, branch(erf(), 1.0, 0.0)).critical_weights(0.0).unwrap();
        assert!((tanh_like.weights - PI / 4.0 * rest).abs() < 1e-6 && tanh_like.variance == 0.0, "{tanh_like:?}");
        let half_stable = shortcut(mu, branch(Activation::Gelu, 1.0, 0.0)).critical().unwrap();
        assert_close(half_stable.weights, gelu.weights * rest, 1e-6);
        assert_close(half_stable.biases, gelu.biases * rest, 1e-6);

        let line = |activation: Activation| {
            let point = shortcut(mu, normed(activation, 1.0, 0.0)).critical_weights(0.1).unwrap();
            point.biases / point.weights
        };
        for activation in [Activation::Gelu, Activation::Tanh, Activation::Silu] {
            let theory = theory(activation);
            assert_close(line(activation), theory.chi(1.0) - theory.variance_map(1.0), 1e-8);
        }
        let with_erf = shortcut(mu, normed(erf(), 1.0, 0.0)).critical_weights(0.1).unwrap();
        let exact = 4.0 / (PI * 5f64.sqrt()) - FRAC_2_PI * (2.0f64 / 3.0).asin();
        assert_close(with_erf.biases / with_erf.weights, exact, 1e-9);
        // Of relu, E[φ²] = E[φ′²]: no biases, and any weights.
        let relu = shortcut(mu, normed(Activation::Relu, 1.0, 0.0));
        assert!(relu.critical_weights(0.1).is_err());
        for weights in [0.3, 2.0, 5.0] {
            let there = relu.critical_biases(weights).unwrap();
            assert!(there.biases.abs() < 1e-9, "{there:?}");
        }
    }
}

#[track_caller]
fn assert_power(law: DepthLaw, exact: f64, tolerance: f64) {
    let DepthLaw::Power { zeta } = law else { panic!("{law:?}, not a power of the depth") };
    assert!((zeta - exact).abs() < tolerance, "ζ {zeta}, exactly {exact}");
}

/// The same: ζ of the averaged partial Jacobian norm, which goes as l^(−ζ).
#[test]
fn exponents_are_those_of_partial_jacobians() {
    for mu in [0.0, 0.6] {
        let rest = 1.0 - mu * mu;
        assert_power(shortcut(mu, branch(Activation::Relu, 2.0 * rest, 0.0)).law().unwrap(), 0.0, 1e-12);
        // erf: V = q − 2q² + …, χ = 1 − 2q + … for μ = 0; both losses shrink alike with μ.
        assert_power(shortcut(mu, branch(erf(), PI / 4.0 * rest, 0.0)).law().unwrap(), 1.0, 1e-4);
        assert_power(shortcut(mu, branch(Activation::Tanh, rest, 0.0)).law().unwrap(), 1.0, 1e-4);
        let gelu = shortcut(mu, branch(Activation::Gelu, 1.0, 0.0));
        let point = gelu.critical().unwrap();
        let critical = gelu.with_variances(point.weights, point.biases);
        let DepthLaw::Power { zeta } = critical.law_at(point.variance).unwrap() else { panic!("critical") };
        // From above, q − q* = δ fades as 1/l: −ζ = d ln 𝒥/d ln l = −ln χ·δ/(V − q), for δ → 0.
        let local = |delta: f64| {
            let step = critical.pass(&Signal::normal(point.variance + delta)).unwrap();
            step.chi.ln() * delta / (step.signal.square - point.variance - delta)
        };
        assert_close(2.0 * local(0.02) - local(0.04), zeta, 0.02);
        assert!((-70.0..-50.0).contains(&zeta), "half-stable, and hardly bent: {zeta}");
    }
    // With layer norm the variance settles at once: a constant, for every μ < 1.
    let exact = 4.0 / (PI * 5f64.sqrt()) - FRAC_2_PI * (2.0f64 / 3.0).asin();
    assert_power(shortcut(0.5, normed(erf(), 2.0, 2.0 * exact)).law().unwrap(), 0.0, 1e-9);
    // And at μ = 1 it is critical everywhere: ζ = −σ_w²E[φ′²]/(σ_w²E[φ²] + σ_b²).
    for (weights, biases) in [(1.0, 0.0), (2.0, 0.5), (0.1, 3.0)] {
        let zeta = -0.5 * weights / (0.5 * weights + biases);
        assert_power(shortcut(1.0, normed(Activation::Relu, weights, biases)).law().unwrap(), zeta, 1e-5);
    }
    // What only fades, without anything to normalise at last.
    let DepthLaw::Exponential { xi } = shortcut(0.5, normed(Activation::Tanh, 0.0, 0.0)).law().unwrap() else {
        panic!()
    };
    assert_close(xi, -1.0 / 0.25f64.ln(), 1e-9);
    // Off the critical point: exponential, of known depth scale.
    let DepthLaw::Exponential { xi } = shortcut(0.5, branch(Activation::Relu, 1.0, 0.0)).law().unwrap() else {
        panic!()
    };
    assert_close(xi, -1.0 / 0.75f64.ln(), 1e-9);
    let DepthLaw::Exponential { xi } = shortcut(1.0, branch(Activation::Relu, 2.0, 0.0)).law().unwrap() else {
        panic!()
    };
    assert_close(xi, -1.0 / 2f64.ln(), 1e-9);
}

/// Yang & Schoenholz 2017: tanh with shortcuts has gradients that grow as exp(c√l), here c = (8/3)·√(σ_w²/2π), as
/// E[sech⁴(√q z)] → (4/3)/√(2πq) and q → σ_w²l.
#[test]
fn tanh_with_shortcuts_grows_by_the_root_of_depth() {
    for weights in [0.5, 2.0] {
        let law = shortcut(1.0, branch(Activation::Tanh, weights, 0.0)).law().unwrap();
        let DepthLaw::Stretched { power, rate } = law else { panic!("{law:?}") };
        assert!((power - 0.5).abs() < 1e-3, "{law:?}");
        assert_close(rate, 8.0 / 3.0 * (weights / (2.0 * PI)).sqrt(), 0.01);
    }
}

/// Yang et al. 2019: large batches of relu multiply squared gradients by π/(π − 1), linear layers keep them; by any weights.
#[test]
fn batch_norm_makes_gradients_explode() {
    let chi = |activation, weights, biases| {
        let block = Block::new().batch_norm().activation(activation).unwrap().linear(weights, biases);
        block.steps(&Signal::normal(1.0)).unwrap().nth(4).unwrap().chi
    };
    for (weights, biases) in [(1.0, 0.0), (3.0, 0.7)] {
        assert_close(chi(Activation::Relu, weights, biases), PI / (PI - 1.0), QUADRATURE);
        assert_close(chi(Activation::Identity, weights, biases), 1.0, QUADRATURE);
        // Of an odd function, E[φ′²]/E[φ²] ≥ 1 (Poincaré's inequality).
        let tanh = theory(Activation::Tanh);
        assert_close(chi(Activation::Tanh, weights, biases), tanh.chi(1.0) / tanh.variance_map(1.0), QUADRATURE);
    }
    let block = Block::new().batch_norm().activation(Activation::Relu).unwrap().linear(1.0, 0.0);
    assert!(block.law().unwrap_err().to_string().contains("follow the signals with Block::steps"));
}

/// Hayou et al. 2021: branches scaled by 1/√L keep signal and gradient bounded for every depth L; here by e^(σ_w²/2), for relu.
#[test]
fn scaled_branches_are_stable_at_any_depth() {
    for depth in [10, 1000] {
        let block = Block::new().residual(1.0, (depth as f64).sqrt().recip(), branch(Activation::Relu, 2.0, 0.0));
        let steps: Vec<_> = block.steps(&Signal::normal(1.0)).unwrap().skip(1).take(depth).collect();
        let exact = (1.0 + 1.0 / depth as f64).powi(depth as i32);
        assert_close(steps[depth - 1].signal.square, exact, 1e-9);
        assert_close(steps.iter().map(|step| step.chi).product(), exact, 1e-9);
    }
    // By 1/L the branches fade away.
    let block = Block::new().residual(1.0, 1e-3, branch(Activation::Relu, 2.0, 0.0));
    let last = block.steps(&Signal::normal(1.0)).unwrap().nth(1000).unwrap();
    assert!((last.signal.square - 1.0).abs() < 2e-3, "{last:?}");
}

/// Schoenholz et al. 2017, section 6: dropout parts two equal samples, so that there is no critical point with c* = 1.
#[test]
fn dropout_parts_equal_samples() {
    let block = Block::new().activation(Activation::Tanh).unwrap().dropout(0.1).linear(1.5, 0.05);
    let plain = branch(Activation::Tanh, 1.5 / 0.9, 0.05);
    assert_close(block.variance_map(0.7).unwrap(), plain.variance_map(0.7).unwrap(), QUADRATURE);
    assert_close(block.chi(0.7).unwrap(), plain.chi(0.7).unwrap(), QUADRATURE);
    let after = block.correlation_map(0.7, 1.0).unwrap();
    let kept = (1.5 * theory(Activation::Tanh).variance_map(0.7) + 0.05) / plain.variance_map(0.7).unwrap();
    assert_close(after, kept, QUADRATURE);
}

#[test]
fn values_of_one_block_make_it_critical() {
    // Post-norm relu is critical for whatever weights, if there are no biases; with biases nothing is.
    let post = |weights: f64, biases: f64| {
        let inner = Block::new().linear(1.0, 0.0).activation(Activation::Relu).unwrap().linear(weights, biases);
        Block::new().residual(1.0, 1.0, inner).layer_norm()
    };
    assert_close(post(1.7, 0.0).chi(1.0).unwrap(), 1.0, QUADRATURE);
    assert!(post(1.7, 0.5).chi(1.0).unwrap() < 1.0);
    let tanh = |biases: f64| {
        let inner = Block::new().linear(1.0, 0.0).activation(Activation::Tanh).unwrap().linear(1.0, biases);
        Block::new().residual(1.0, 1.0, inner).layer_norm()
    };
    let biases = critical_value(0.0, 1.0, tanh).unwrap();
    let theory = theory(Activation::Tanh);
    assert_close(biases, theory.chi(1.0) - theory.variance_map(1.0), 1e-9);
    let error = critical_value(0.5, 1.0, tanh).unwrap_err().to_string();
    assert!(error.contains("χ does not cross 1 between 0.5 (χ = "), "{error}");
    let error = tanh(0.1).critical().unwrap_err().to_string();
    assert!(error.contains("search with critical_value"), "{error}");
}

/// A shortcut is a sum; gates multiply mean squares; what stands side by side has the mean by widths; gradients go back alike.
#[test]
fn branches_join_as_their_formulas_say() {
    let inner = || gate(Activation::Tanh).linear(1.5, 0.1);
    for q in [0.5, 2.0] {
        let x = Signal::normal(q).correlated(0.4);
        let pass = |block: &Block| block.pass(&x).unwrap();
        let [sum, residual] =
            [Block::new().parallel(Joined::Sum, [Block::new(), inner()]), Block::new().residual(1.0, 1.0, inner())]
                .map(|block| pass(&block));
        assert_close(sum.signal.square, residual.signal.square, QUADRATURE);
        assert_close(sum.signal.product.unwrap(), residual.signal.product.unwrap(), QUADRATURE);
        assert_close(sum.chi, residual.chi, QUADRATURE);
        assert_close(sum.product_slope.unwrap(), residual.product_slope.unwrap(), QUADRATURE);

        // x·relu(xW + b) of σ_w² = 2: q·(2q + σ_b²)/2, and χ = (2q + σ_b²)/2 + q.
        let relu = Block::new().linear(2.0, 0.3).activation(Activation::Relu).unwrap();
        let product = pass(&Block::new().parallel(Joined::Product, [Block::new(), relu.clone()]));
        assert_close(product.signal.square, q * (2.0 * q + 0.3) / 2.0, QUADRATURE);
        assert_close(product.chi, (2.0 * q + 0.3) / 2.0 + q, QUADRATURE);
        let of_relu = pass(&relu).signal.product.unwrap();
        assert_close(product.signal.product.unwrap(), 0.4 * q * of_relu, QUADRATURE);

        let beside = pass(&Block::new().parallel(Joined::Concat(vec![1, 3]), [Block::new(), relu]));
        assert_close(beside.signal.square, 0.25 * q + 0.75 * (2.0 * q + 0.3) / 2.0, QUADRATURE);
        assert_close(beside.chi, 0.25 + 0.75, QUADRATURE);
    }
    let uneven = || Block::new().parallel(Joined::Concat(vec![1, 3]), [Block::new(), inner()]);
    let refused = |block: Block| block.pass(&Signal::normal(1.0)).unwrap_err().to_string();
    assert!(refused(uneven().batch_norm()).contains("it reads values side by side of different sizes"));
    assert!(refused(uneven().activation(Activation::Relu).unwrap()).contains("it reads values that are not normal"));
    let sides = || Block::new().parallel(Joined::Concat(vec![1, 3]), [inner(), inner().linear(3.0, 0.0)]);
    let twice = Block::new().parallel(Joined::Product, [sides(), sides().layer_norm()]);
    assert!(refused(twice).contains("several of its branches end with values side by side of different sizes"));
    // The gradient goes back into the even one as unevenly as the other is large.
    let even = || Block::new().parallel(Joined::Concat(vec![1, 3]), [inner(), inner()]);
    let one = |even: Block| Block::new().parallel(Joined::Product, [even.layer_norm(), sides()]);
    assert!(refused(one(even())).contains("two of its branches end with values side by side"));
    assert!(one(even().linear(1.0, 0.0)).pass(&Signal::normal(1.0)).is_ok());
    let squared = Block::new().parallel(Joined::Product, [Block::new(), Block::new()]);
    assert!(refused(squared).contains("several of its branches have no weights"));
}

#[test]
#[should_panic(expected = "2 branches need as many widths above 0, not [3]")]
fn each_branch_beside_another_has_a_width() {
    let _ = Block::new().parallel(Joined::Concat(vec![3]), [Block::new(), Block::new()]);
}

#[test]
fn what_the_theory_cannot_tell_it_names() {
    let refused = |block: Block| block.pass(&Signal::normal(1.0)).unwrap_err().to_string();
    let twice = Block::new().activation(Activation::Tanh).unwrap().activation(Activation::Relu).unwrap();
    assert_eq!(
        refused(Block::new().residual(
            1.0,
            1.0,
            Block::new().linear(1.0, 0.0).residual(1.0, 1.0, twice.linear(1.0, 0.0))
        )),
        "mean_field: 0.1.1 (relu): it reads values that are not normal; put a linear layer before it"
    );
    let bare = Block::new().residual(1.0, 1.0, Block::new().layer_norm().activation(Activation::Tanh).unwrap());
    assert!(refused(bare).contains("0 (residual): its branch has no weights"));
    let growing = shortcut(1.0, normed(Activation::Relu, 1.0, 0.0));
    assert!(
        growing.fixed_point().unwrap_err().to_string().contains("grows without bound through `x + layer_norm → relu")
    );
    assert!(growing.law_at(1.0).unwrap_err().to_string().contains("1 is no fixed point: it becomes 1.5"));
}

#[test]
fn a_block_of_nothing_is_the_identity() {
    assert_eq!(Block::new().to_string(), "identity");
    let error = Block::new().critical().unwrap_err().to_string();
    assert!(error.starts_with("mean_field: `identity` has no critical point"), "{error}");
}

#[test]
fn a_range_without_ends_is_not_searched() {
    for (low, high, shown) in
        [(0.5, f64::INFINITY, "0.5 to inf"), (f64::NAN, 1.0, "NaN to 1"), (-1e308, 1e308, "-1e308 to 1e308")]
    {
        let error = critical_value(low, high, |_| panic!("nothing is tried")).unwrap_err().to_string();
        assert_eq!(error, format!("mean_field: from {shown} is no range to search; give finite ends"));
    }
}
