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
/// Rows that differ by less, in 1 − ρ, differ where scores are frozen only if two are the largest.
const NEAR: f64 = 0.01;
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

/// How many keys rows have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// T.
    pub(super) tokens: usize,
    /// Whether row n has n of them; else each has all. All results are means over the rows, or over pairs of different ones.
    pub(super) causal: bool,
}

impl Keys {
    /// The means over rows of n keys of `fⁿ`, `n·fⁿ⁻¹` and `n(n − 1)·fⁿ⁻²`.
    fn powers(self, f: f64) -> [f64; 3] {
        let n = self.tokens as f64;
        if !self.causal {
            return [f.powf(n), n * f.powf(n - 1.0), n * (n - 1.0) * f.powf(n - 2.0)];
        }
        // By Horner's rule, from the longest row on.
        let mut sums = [0.0; 3];
        for n in (1..=self.tokens).rev() {
            let (row, [all, less, least]) = (n as f64, sums);
            let third = if n > 1 { least * f + row * (row - 1.0) } else { least };
            sums = [all * f + 1.0, less * f + row, third];
        }
        [sums[0] * f, sums[1], sums[2]].map(|sum| sum / n)
    }

    /// The means over two rows of `n·fⁿ⁻¹` and `n(n − 1)·fⁿ⁻²` for the n keys that both have; in that with more of them each of the others
    /// has the factor `h`, and either of the two may be that, so that the factors of both count.
    fn pairs(self, f: f64, [first, second]: [f64; 2]) -> [f64; 2] {
        if !self.causal {
            let [_, less, least] = self.powers(f);
            return [less, least];
        }
        let (mut rest, mut sums) = ([0.0; 2], [0.0; 2]);
        for n in (1..self.tokens).rev() {
            // h + h² + … for the rows with more keys.
            rest = [first * (1.0 + rest[0]), second * (1.0 + rest[1])];
            let (row, others) = (n as f64, (rest[0] + rest[1]) / 2.0);
            let least = if n > 1 { sums[1] * f + row * (row - 1.0) * others } else { sums[1] };
            sums = [sums[0] * f + row * others, least];
        }
        let n = self.tokens as f64;
        sums.map(|sum| sum / (n * (n - 1.0) / 2.0))
    }

    /// Between these t lies what counts of the rows' scores.
    fn ends(self, beta: f64) -> (f64, f64) {
        let (normal, stride, most) = (normal(score_step(beta)), 1.0 + beta / 4.0, self.tokens as f64);
        let least = if self.causal { 1.0 } else { most };
        let (mut left, mut right) = (-most.ln(), -least.ln());
        while most * moments::<2>(left, beta, &normal)[1] > 1e-12 {
            left -= stride;
        }
        while least * moments::<1>(right, beta, &normal)[0].ln() > -28.0 {
            right += stride;
        }
        (left, right)
    }

    /// The number of steps between these ends, and their width, where each row has scores of this deviation of its own.
    fn steps(self, (left, right): (f64, f64), own: f64) -> (usize, f64) {
        let steps = ((right - left) / step(own / (2.0 * (self.tokens as f64).ln() + 2.0).sqrt())).ceil();
        (steps as usize, (right - left) / steps)
    }
}

pub(super) fn row(keys: Keys, beta: f64) -> Row {
    if beta > FROZEN {
        let row = row(keys, FROZEN);
        let rest = FROZEN / beta;
        let participation = 1.0 - rest * (1.0 - row.participation);
        return Row { participation, entropy: rest * row.entropy, jacobian: rest * row.jacobian };
    }
    let (normal, ends) = (normal(score_step(beta)), keys.ends(beta));
    let (steps, width) = keys.steps(ends, beta);
    let (mut powers, mut squares, mut kept) = ([0.0; 4], 0.0, 0.0);
    for i in 0..=steps {
        let [f, rest @ ..]: [f64; 5] = moments(ends.0 + i as f64 * width, beta, &normal);
        let [all, less, least] = keys.powers(f).map(|power| width * power);
        kept += all * if i == 0 { 0.5 } else { 1.0 };
        squares += rest[1] * rest[1] * least / 6.0;
        for (sum, (moment, factorial)) in powers.iter_mut().zip(rest.into_iter().zip([1.0, 1.0, 2.0, 6.0])) {
            *sum += moment * less / factorial;
        }
    }
    let [_, second, third, fourth] = powers;
    // E ln S = ∫ (e^(−u) − e^(−uS)) du/u (Frullani), and E Σ A_j βz_j = β²(1 − E Σ A_j²) (Stein).
    let logarithm = -EULER - ends.0 - kept;
    Row {
        participation: second,
        entropy: (logarithm - beta * beta * (1.0 - second)).max(0.0),
        jacobian: second - 2.0 * third + fourth + squares,
    }
}

pub(super) fn pair(keys: Keys, beta: f64, rho: f64, row: &Row) -> Pair {
    let gap = 1.0 - rho;
    // Near ρ = 1 the difference of two integrals is round-off; its derivative is known: dE Σ A_jA′_j/dρ = β²·jacobian. Rows of
    // different length differ there too.
    if beta * beta * gap < 1e-5 && !keys.causal {
        let overlap = row.participation - gap * beta * beta * row.jacobian;
        return Pair { overlap, jacobian: row.jacobian };
    }
    let own = beta * (1.0 - rho.abs()).sqrt();
    if gap <= NEAR {
        // In large scores of this own part all differences fall as 1/β: those of smaller scores, which take less time, tell them.
        let [near, most] = [own.min(FROZEN * NEAR.sqrt()), 40.0 * step(own)];
        let smaller = most.min(FROZEN);
        if beta > smaller {
            let (least, pair) = (self::row(keys, smaller), integrals(keys, smaller, 1.0 - (near / smaller).powi(2)));
            // Of scores that are the same, and frozen, the longer of two causal rows has its largest in the shorter one as often as not.
            let all = if keys.causal { 0.5 } else { 1.0 };
            let farther = (own / near).max(1.0);
            let thawed = farther * (1.0 - row.participation) / (1.0 - least.participation);
            let jacobian = pair.jacobian * row.jacobian / least.jacobian / farther;
            return Pair { overlap: all - (all - pair.overlap) * thawed, jacobian };
        }
    }
    if beta > FROZEN {
        let frozen = integrals(keys, FROZEN, rho);
        return Pair { jacobian: frozen.jacobian * (FROZEN / beta).powi(2), ..frozen };
    }
    integrals(keys, beta, rho)
}

fn integrals(keys: Keys, beta: f64, rho: f64) -> Pair {
    // z = √|ρ|·c + √(1 − |ρ|)·a, and z′ the same with another a, and with −c if ρ is negative.
    let (common, own) = (beta * rho.abs().sqrt(), beta * (1.0 - rho.abs()).sqrt());
    let (inner, outer) = (normal(score_step(own)), normal(0.6f64.min(step(own) / common)));
    let ends = keys.ends(beta);
    let (steps, width) = keys.steps(ends, own);
    let at = |i: usize| {
        let t = ends.0 + i as f64 * width;
        outer.iter().map(|&[c, _]| moments::<3>(t + common * c, own, &inner)).collect::<Vec<_>>()
    };
    let table: Vec<_> = (0..=steps).map(at).collect();
    let alone = |row: &Vec<[f64; 3]>| row.iter().zip(&outer).map(|(at, [_, weight])| weight * at[0]).sum::<f64>();
    let alone: Vec<f64> = table.iter().map(alone).collect();
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
            let place = if i == j { 1.0 } else { 2.0 } * width * width;
            let [less, least] = keys.pairs(f, [alone[i], alone[j]]).map(|power| place * power);
            overlap += both * less;
            jacobian += (both - three + four) * less + both * both * least;
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Large scores that are nearly the same in two rows, as biases of queries make them: own parts of 0.5 and 1.
    const ALIKE: [(usize, f64, f64); 2] = [(4, 40.0, 1.0 - 1.0 / 6400.0), (4, 200.0, 1.0 - 1.0 / 4e4)];

    fn all(tokens: usize) -> Keys {
        Keys { tokens, causal: false }
    }

    fn softmax(scores: &[f64]) -> Vec<f64> {
        let top = scores.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<_> = scores.iter().map(|score| (score - top).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// Of the keys that both have.
    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// Σ_jk A_jB_j(δ_jk − A_k)(δ_jk − B_k)
    fn jacobian(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b * (1.0 - a - b)).sum::<f64>() + dot(a, b).powi(2)
    }

    fn entropy(a: &[f64]) -> f64 {
        -a.iter().map(|a| a * a.max(1e-300).ln()).sum::<f64>()
    }

    /// The mean of the draws lies within four of its standard errors.
    #[track_caller]
    fn hold(place: &str, draws: &[[f64; 5]], row: Row, pair: Pair) {
        let foretold = [row.participation, row.entropy, row.jacobian, pair.overlap, pair.jacobian];
        for (i, foretold) in foretold.into_iter().enumerate() {
            let n = draws.len() as f64;
            let mean = draws.iter().map(|draw| draw[i]).sum::<f64>() / n;
            let error = (draws.iter().map(|draw| (draw[i] - mean).powi(2)).sum::<f64>()).sqrt() / n;
            assert!(
                (mean - foretold).abs() < 4.0 * error + 1e-9,
                "{place}, {i}: {mean} ± {error}, foretold {foretold}"
            );
        }
    }

    #[test]
    fn equal_scores_share_evenly() {
        let row = row(all(7), 0.0);
        assert!((row.participation - 1.0 / 7.0).abs() < 1e-9, "{row:?}");
        assert!((row.entropy - 7f64.ln()).abs() < 1e-9, "{row:?}");
        assert!((row.jacobian - 6.0 / 49.0).abs() < 1e-9, "{row:?}");
    }

    #[test]
    fn moments_are_those_of_draws() {
        let mut rng = StdRng::seed_from_u64(0);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let cases = [(2, 1.0, 0.3), (16, 0.5, -0.05), (16, 2.0, 0.6), (24, 6.0, 0.9), (5, 20.0, 0.0)];
        for (tokens, beta, rho) in cases.into_iter().chain(ALIKE) {
            let mut draws = vec![];
            for _ in 0..4000 {
                let [mut s, mut other] = [vec![], vec![]];
                for _ in 0..tokens {
                    let (z, own) = (draw(), draw());
                    s.push(beta * z);
                    other.push(beta * (rho * z + f64::sqrt(1.0 - rho * rho) * own));
                }
                let (a, b) = (softmax(&s), softmax(&other));
                draws.push([dot(&a, &a), entropy(&a), jacobian(&a, &a), dot(&a, &b), jacobian(&a, &b)]);
            }
            let row = row(all(tokens), beta);
            let pair = pair(all(tokens), beta, rho, &row);
            hold(&format!("T = {tokens}, β = {beta}, ρ = {rho}"), &draws, row, pair);
        }
    }

    /// Row n has n keys; means over rows, and over pairs of different ones.
    #[test]
    fn moments_of_causal_rows_are_those_of_draws() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let cases = [(2, 1.0, 0.3), (9, 0.5, 0.0), (9, 2.0, 0.6), (6, 6.0, 0.9), (4, 1.5, 1.0)];
        for (tokens, beta, rho) in cases.into_iter().chain(ALIKE) {
            let mut draws = vec![];
            for _ in 0..4000 {
                let common: Vec<f64> = (0..tokens).map(|_| draw()).collect();
                let mut scores = |n: usize| -> Vec<f64> {
                    let score = |c: &f64| beta * (f64::sqrt(rho) * c + f64::sqrt(1.0 - rho) * draw());
                    common[..n].iter().map(score).collect()
                };
                let rows: Vec<Vec<f64>> = (1..=tokens).map(|n| softmax(&scores(n))).collect();
                let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(row)).sum::<f64>() / tokens as f64;
                let over_pairs = |of: &dyn Fn(&[f64], &[f64]) -> f64| {
                    let sum = |i: usize| (0..i).map(|j| of(&rows[j], &rows[i][..=j])).sum::<f64>();
                    (0..tokens).map(sum).sum::<f64>() / (tokens * (tokens - 1) / 2) as f64
                };
                draws.push([
                    mean(&|a| dot(a, a)),
                    mean(&entropy),
                    mean(&|a| jacobian(a, a)),
                    over_pairs(&dot),
                    over_pairs(&jacobian),
                ]);
            }
            let keys = Keys { tokens, causal: true };
            let row = row(keys, beta);
            hold(&format!("T = {tokens}, β = {beta}, ρ = {rho}"), &draws, row, pair(keys, beta, rho, &row));
        }
    }

    #[test]
    fn causal_rows_of_equal_scores_share_evenly() {
        let keys = Keys { tokens: 5, causal: true };
        let (row, pair) = (row(keys, 0.0), pair(keys, 0.0, 0.4, &row(keys, 0.0)));
        let mean = |of: &dyn Fn(f64) -> f64| (1..=5).map(|n| of(f64::from(n))).sum::<f64>() / 5.0;
        assert!((row.participation - mean(&|n| 1.0 / n)).abs() < 1e-9, "{row:?}");
        assert!((row.entropy - mean(&f64::ln)).abs() < 1e-9, "{row:?}");
        // Of two rows the longer one has 1/n of each key.
        let overlap = (1..5).map(|n| f64::from(n) / f64::from(n + 1)).sum::<f64>() / 10.0;
        assert!((pair.overlap - overlap).abs() < 1e-9, "{pair:?}");
    }

    #[test]
    fn equal_rows_share_all_they_have_and_independent_ones_an_even_part() {
        for beta in [0.3, 2.0, 7.0] {
            let row = row(all(16), beta);
            assert!((pair(all(16), beta, 0.0, &row).overlap - 1.0 / 16.0).abs() < 1e-9, "β = {beta}");
            // Through quadrature, where the difference is no round-off yet, and beyond.
            for gap in [2e-5, 0.5e-5].map(|gap| gap / beta / beta) {
                let less = (row.participation - pair(all(16), beta, 1.0 - gap, &row).overlap) / gap;
                assert!((less / (beta * beta * row.jacobian) - 1.0).abs() < 1e-3, "β = {beta}, 1 − ρ = {gap}: {less}");
            }
        }
    }

    #[test]
    fn frozen_rows_have_one_law_of_own_parts_large_and_small() {
        for (keys, beta) in [(all(4), 1000.0), (Keys { tokens: 4, causal: true }, 300.0)] {
            let row = row(keys, beta);
            let [near, far] = [0.999, 1.001].map(|part| pair(keys, beta, 1.0 - part * NEAR, &row));
            assert!((near.overlap - far.overlap).abs() < 1e-3, "{near:?} {far:?}");
            assert!((near.jacobian / far.jacobian - 1.0).abs() < 0.02, "{near:?} {far:?}");
        }
    }

    #[test]
    fn frozen_weights_thaw_by_the_reciprocal() {
        let (below, above) = (row(all(16), 0.9 * FROZEN), row(all(16), 1.1 * FROZEN));
        assert!(((1.0 - above.participation) / (1.0 - below.participation) - 0.9 / 1.1).abs() < 0.01);
        assert!((above.entropy / below.entropy - 0.9 / 1.1).abs() < 0.01);
    }
}
