//! Least squares: half the squared distance of a polynomial with coefficients `x` from `sign(t)`, at `n` points of [−1, 1].
//!
//! `m` coefficients are written as rows of `q ≈ √m`: `Σⱼ xⱼtʲ = Σₐ (t^q)ᵃ Σ_b x_{aq+b}·tᵇ` (Paterson & Stockmeyer 1973).
//! The inner sums are one matrix product, and `2√m` powers of `t` serve instead of `m`.

use autograd::{Scalar, Tensor, Var};
use serde::Deserialize;
use serde_json::Value;

use super::{Function, timed};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("primal", primal), ("gradient", gradient)];

#[derive(Deserialize)]
struct Input {
    x: Vec<f64>,
    n: usize,
}

/// `count` rows: the powers 0, 1, … of each base.
fn powers(count: usize, base: &[f64]) -> Tensor {
    let mut rows = vec![1.0; base.len()];
    for row in 1..count {
        let before = (row - 1) * base.len();
        rows.extend_from_within(before..);
        rows[before + base.len()..].iter_mut().zip(base).for_each(|(power, t)| *power *= t);
    }
    Tensor::new([count, base.len()], rows)
}

fn objective(x: Var<'_>, n: usize) -> Scalar<'_> {
    let m = x.shape().numel();
    let q = (m as f64).sqrt().ceil() as usize;
    let rows = m.div_ceil(q);
    let t: Vec<f64> = (0..n).map(|i| -1.0 + i as f64 * 2.0 / (n - 1) as f64).collect();
    let s: Tensor = t.iter().map(|t| if *t == 0.0 { 0.0 } else { t.signum() }).collect();
    let step: Vec<f64> = t.iter().map(|t| t.powi(q as i32)).collect();
    let inner = x.pad(&[(0, rows * q - m)], 0.0).reshape([rows, q]).matmul(powers(q, &t));
    let polynomial = (inner * powers(rows, &step)).sum_axis(0);
    (polynomial - s).square().sum() / 2.0
}

fn primal(input: Value) -> Outcome {
    let (Input { x, n }, runs) = read(input)?;
    timed::value(runs, |[x]| objective(x, n), [Tensor::from(x)])
}

fn gradient(input: Value) -> Outcome {
    let (Input { x, n }, runs) = read(input)?;
    timed::gradient(runs, |[x]| objective(x, n), [Tensor::from(x)], |[dx]| dx.to_vec())
}
