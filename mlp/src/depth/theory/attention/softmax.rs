//! Moments of the softmax of normal scores, for a finite number of them, by quadrature.
//!
//! `A_j = e^(βz_j)/S`, `S = Σ e^(βz_k)`, with independent z. From `S⁻ⁿ = ∫ uⁿ⁻¹e^(−uS) du/(n−1)!` every moment of the weights
//! is an integral over t = ln u of products of `E[wⁿe^(−w)]`, `w = e^(t+βz)`: the scores are independent under it. Two rows, whose
//! scores correlate by ρ, need t and t′, and what is common to both scores. All integrands are smooth and fade at both ends, so
//! that equal steps converge exponentially.

/// Errors of a rule of equal steps are about e^(−DIGITS), times the powers of w.
const DIGITS: f64 = 33.0;
/// Standard deviations of a score; of T scores one lies farther with probability `T·2e−19`.
const TAIL: f64 = 9.0;
/// From here on β only scales what is left of the smaller weights, as 1/β.
const FROZEN: f64 = 100.0;
const EULER: f64 = 0.577_215_664_901_532_9;

/// What one row of weights is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// `E Σ A_j²`
    pub(super) participation: f64,
    /// `−E Σ A_j ln A_j`
    pub(super) entropy: f64,
    /// `E Σ_jk (∂A_j/∂s_k)²`
    pub(super) jacobian: f64,
}

/// What two rows share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// `E Σ A_j A′_j`
    pub(super) overlap: f64,
    /// `E Σ_jk ∂A_j/∂s_k · ∂A′_j/∂s′_k`
    pub(super) jacobian: f64,
}

pub(super) fn row(tokens: usize, beta: f64) -> Row {
    let n = tokens as f64;
    if beta > FROZEN {
        let row = row(tokens, FROZEN);
        let rest = FROZEN / beta;
        let participation = 1.0 - rest * (1.0 - row.participation);
        return Row { participation, entropy: rest * row.entropy, jacobian: rest * row.jacobian };
    }
    let (normal, (left, right)) = (normal(score_step(beta)), ends(n, beta));
    let steps = ((right - left) / step(beta / (2.0 * n.ln() + 2.0).sqrt())).ceil();
    let width = (right - left) / steps;
    let (mut powers, mut squares, mut kept) = ([0.0; 4], 0.0, 0.0);
    for i in 0..=steps as usize {
        let [f, rest @ ..]: [f64; 5] = moments(left + i as f64 * width, beta, &normal);
        let all = |count: f64| width * f.powf(count);
        kept += all(n) * if i == 0 { 0.5 } else { 1.0 };
        squares += n * (n - 1.0) * rest[1] * rest[1] * all(n - 2.0) / 6.0;
        for (sum, (moment, factorial)) in powers.iter_mut().zip(rest.into_iter().zip([1.0, 1.0, 2.0, 6.0])) {
            *sum += n * moment * all(n - 1.0) / factorial;
        }
    }
    let [_, second, third, fourth] = powers;
    // E ln S = ∫ (e^(−u) − e^(−uS)) du/u (Frullani), and E Σ A_j βz_j = β²(1 − E Σ A_j²) (Stein).
    let logarithm = -EULER - left - kept;
    Row {
        participation: second,
        entropy: (logarithm - beta * beta * (1.0 - second)).max(0.0),
        jacobian: second - 2.0 * third + fourth + squares,
    }
}

pub(super) fn pair(tokens: usize, beta: f64, rho: f64, row: &Row) -> Pair {
    let (n, gap) = (tokens as f64, 1.0 - rho);
    // Near ρ = 1 the difference of two integrals is round-off; its derivative is known: dE Σ A_jA′_j/dρ = β²·jacobian.
    if beta * beta * gap < 1e-5 {
        let overlap = row.participation - gap * beta * beta * row.jacobian;
        return Pair { overlap, jacobian: row.jacobian };
    }
    if beta > FROZEN {
        let frozen = pair(tokens, FROZEN, rho, row);
        return Pair { jacobian: frozen.jacobian * (FROZEN / beta).powi(2), ..frozen };
    }
    // z = √|ρ|·c + √(1 − |ρ|)·a, and z′ the same with another a, and with −c if ρ is negative.
    let (common, own) = (beta * rho.abs().sqrt(), beta * (1.0 - rho.abs()).sqrt());
    let (inner, outer) = (normal(score_step(own)), normal(0.6f64.min(step(own) / common)));
    let (left, right) = ends(n, beta);
    let steps = ((right - left) / step(own / (2.0 * n.ln() + 2.0).sqrt())).ceil();
    let width = (right - left) / steps;
    let at = |i: usize| {
        let t = left + i as f64 * width;
        outer.iter().map(|&[c, _]| moments::<3>(t + common * c, own, &inner)).collect::<Vec<_>>()
    };
    let table: Vec<_> = (0..=steps as usize).map(at).collect();
    let (mut overlap, mut jacobian) = (0.0, 0.0);
    for (i, first) in table.iter().enumerate() {
        for (j, second) in table[..=i].iter().enumerate() {
            // f, E[ww′e^(−w−w′)], the same with w²w′ and ww′², and with w²w′².
            let mut sums = [0.0; 4];
            for (k, (a, [_, weight])) in first.iter().zip(&outer).enumerate() {
                let b = &second[if rho < 0.0 { outer.len() - 1 - k } else { k }];
                sums[0] += weight * a[0] * b[0];
                sums[1] += weight * a[1] * b[1];
                sums[2] += weight * (a[2] * b[1] + a[1] * b[2]);
                sums[3] += weight * a[2] * b[2];
            }
            let [f, both, three, four] = sums;
            let all = |count: f64| if i == j { 1.0 } else { 2.0 } * width * width * f.powf(count);
            overlap += n * both * all(n - 1.0);
            jacobian += n * (both - three + four) * all(n - 1.0) + n * (n - 1.0) * both * both * all(n - 2.0);
        }
    }
    Pair { overlap, jacobian }
}

/// Equal steps for which the integral of `E[e^(−w)]` and the like errs by round-off; σ smooths them.
fn step(sigma: f64) -> f64 {
    // An error of exp(−π²/δ − 2π²σ²/δ²), solved for 1/δ without cancellation.
    let square = std::f64::consts::PI.powi(2);
    (square + (square * square + 8.0 * square * sigma * sigma * DIGITS).sqrt()) / (2.0 * DIGITS)
}

/// The same for the integral over a score of standard deviation σ.
fn score_step(sigma: f64) -> f64 {
    0.6f64.min(step(0.0) / sigma)
}

/// Nodes of the standard normal distribution at about these steps, and their weights.
fn normal(step: f64) -> Vec<[f64; 2]> {
    let half = (TAIL / step).ceil() as i32;
    let nodes = (-half..=half).map(|i| TAIL * f64::from(i) / f64::from(half));
    let nodes: Vec<_> = nodes.map(|z| [z, (-0.5 * z * z).exp()]).collect();
    let all: f64 = nodes.iter().map(|[_, weight]| weight).sum();
    nodes.into_iter().map(|[z, weight]| [z, weight / all]).collect()
}

/// `E[wⁿe^(−w)]` for n = 0, 1, …, with `w = e^(t+σz)`.
fn moments<const N: usize>(t: f64, sigma: f64, normal: &[[f64; 2]]) -> [f64; N] {
    let mut sums = [0.0; N];
    for [z, weight] in normal {
        let exponent = t + sigma * z;
        // Beyond lies e^(−148).
        if exponent < 5.0 {
            let w = exponent.exp();
            let mut term = weight * (-w).exp();
            for sum in &mut sums {
                *sum += term;
                term *= w;
            }
        }
    }
    sums
}

/// Between these t lies what counts of n scores.
fn ends(n: f64, beta: f64) -> (f64, f64) {
    let (normal, stride) = (normal(score_step(beta)), 1.0 + beta / 4.0);
    let (mut left, mut right) = (-n.ln(), -n.ln());
    while n * moments::<2>(left, beta, &normal)[1] > 1e-12 {
        left -= stride;
    }
    while n * moments::<1>(right, beta, &normal)[0].ln() > -28.0 {
        right += stride;
    }
    (left, right)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn equal_scores_share_evenly() {
        let row = row(7, 0.0);
        assert!((row.participation - 1.0 / 7.0).abs() < 1e-9, "{row:?}");
        assert!((row.entropy - 7f64.ln()).abs() < 1e-9, "{row:?}");
        assert!((row.jacobian - 6.0 / 49.0).abs() < 1e-9, "{row:?}");
    }

    /// Each mean of 4000 draws lies within four of its standard errors.
    #[test]
    fn moments_are_those_of_draws() {
        let mut rng = StdRng::seed_from_u64(0);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        for (tokens, beta, rho) in [(2, 1.0, 0.3), (16, 0.5, -0.05), (16, 2.0, 0.6), (24, 6.0, 0.9), (5, 20.0, 0.0)] {
            let softmax = |scores: &[f64]| -> Vec<f64> {
                let top = scores.iter().copied().fold(f64::MIN, f64::max);
                let weights: Vec<_> = scores.iter().map(|score| (score - top).exp()).collect();
                let sum: f64 = weights.iter().sum();
                weights.iter().map(|weight| weight / sum).collect()
            };
            let mut draws = vec![];
            for _ in 0..4000 {
                let [mut s, mut other] = [vec![], vec![]];
                for _ in 0..tokens {
                    let (z, own) = (draw(), draw());
                    s.push(beta * z);
                    other.push(beta * (rho * z + f64::sqrt(1.0 - rho * rho) * own));
                }
                let (a, b) = (softmax(&s), softmax(&other));
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                // Σ_jk A_jB_j(δ_jk − A_k)(δ_jk − B_k)
                let jacobian = |a: &[f64], b: &[f64]| {
                    let pairs = a.iter().zip(b).map(|(a, b)| a * b * (1.0 - a - b)).sum::<f64>();
                    pairs + dot(a, b).powi(2)
                };
                let entropy = -a.iter().map(|a| a * a.max(1e-300).ln()).sum::<f64>();
                draws.push([dot(&a, &a), entropy, jacobian(&a, &a), dot(&a, &b), jacobian(&a, &b)]);
            }
            let row = row(tokens, beta);
            let pair = pair(tokens, beta, rho, &row);
            let foretold = [row.participation, row.entropy, row.jacobian, pair.overlap, pair.jacobian];
            for (i, foretold) in foretold.into_iter().enumerate() {
                let n = draws.len() as f64;
                let mean = draws.iter().map(|draw| draw[i]).sum::<f64>() / n;
                let error = (draws.iter().map(|draw| (draw[i] - mean).powi(2)).sum::<f64>()).sqrt() / n;
                let place = format!("T = {tokens}, β = {beta}, ρ = {rho}, {i}");
                assert!((mean - foretold).abs() < 4.0 * error, "{place}: {mean} ± {error}, foretold {foretold}");
            }
        }
    }

    #[test]
    fn equal_rows_share_all_they_have_and_independent_ones_an_even_part() {
        for beta in [0.3, 2.0, 7.0] {
            let row = row(16, beta);
            assert!((pair(16, beta, 0.0, &row).overlap - 1.0 / 16.0).abs() < 1e-9, "β = {beta}");
            // Through quadrature, where the difference is no round-off yet, and beyond.
            for gap in [2e-5, 0.5e-5].map(|gap| gap / beta / beta) {
                let less = (row.participation - pair(16, beta, 1.0 - gap, &row).overlap) / gap;
                assert!((less / (beta * beta * row.jacobian) - 1.0).abs() < 1e-3, "β = {beta}, 1 − ρ = {gap}: {less}");
            }
        }
    }

    #[test]
    fn frozen_weights_thaw_by_the_reciprocal() {
        let (below, above) = (row(16, 0.9 * FROZEN), row(16, 1.1 * FROZEN));
        assert!(((1.0 - above.participation) / (1.0 - below.participation) - 0.9 / 1.1).abs() < 0.01);
        assert!((above.entropy / below.entropy - 0.9 / 1.1).abs() < 0.01);
    }
}
