//! The log posterior of a mixture of Gaussians with a Wishart prior on the precision matrices.
//!
//! With `βᵢₖ = αₖ + Σⱼ qₖⱼ − ½‖Qₖ(xᵢ − μₖ)‖²`, up to a constant:
//! `Σᵢ lse(βᵢ) − n·lse(α) − ½γ²Σₖ‖Qₖ‖² + m Σ q`. `Qₖ` is lower triangular, with `exp(qₖ)` on its diagonal.

use std::f64::consts::{LN_2, PI};

use autograd::{Scalar, Tensor, Var};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Function, matrix, rows, timed};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[("objective", value), ("jacobian", jacobian)];

#[derive(Deserialize)]
struct Input {
    d: usize,
    k: usize,
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
    gamma: f64,
    m: f64,
}

#[derive(Serialize)]
struct Gradient {
    alpha: Vec<f64>,
    mu: Vec<Vec<f64>>,
    q: Vec<Vec<f64>>,
    l: Vec<Vec<f64>>,
}

/// What is not differentiated.
struct Data {
    x: Tensor,
    gamma: f64,
    m: f64,
}

impl Input {
    /// `[α, μ, q, l]`, and the data.
    fn arrays(self) -> Result<([Tensor; 4], Data), String> {
        let Input { d, .. } = self;
        let below = d * d.saturating_sub(1) / 2;
        let data = Data { x: matrix(&self.x, d)?, gamma: self.gamma, m: self.m };
        if self.alpha.len() != self.k {
            return Err(format!("input: {} numbers alpha for {} components", self.alpha.len(), self.k));
        }
        let parameters = [Tensor::from(self.alpha), matrix(&self.mu, d)?, matrix(&self.q, d)?, matrix(&self.l, below)?];
        Ok((parameters, data))
    }
}

/// Numbers of a group of components, all points together: half a megabyte, which stays in the second cache.
const GROUP: usize = 1 << 16;

/// `ln Γ_p(a)`, the multivariate gamma function.
fn ln_gamma(p: usize, a: f64) -> f64 {
    let product: f64 = (0..p).map(|j| libm::lgamma(a - 0.5 * j as f64)).sum();
    0.25 * (p * p.saturating_sub(1)) as f64 * PI.ln() + product
}

/// Where each entry of a lower triangular matrix lies in a row `[exp(q), l, 0]`; `l` goes column by column.
fn places(d: usize) -> Vec<usize> {
    let (mut places, mut next) = (vec![d + d * d.saturating_sub(1) / 2; d * d], d);
    for column in 0..d {
        places[column * d + column] = column;
        for row in column + 1..d {
            places[row * d + column] = next;
            next += 1;
        }
    }
    places
}

fn objective<'t>([alpha, mu, q, l]: [Var<'t>; 4], data: &Data) -> Scalar<'t> {
    let ([k, d], n) = ([q.shape()[0], q.shape()[1]], data.x.shape()[0]);
    let diagonal = q.exp();
    let zero = q.tape().constant(Tensor::zeros([k, 1]));
    let factors = Var::concat(&[diagonal, l, zero], 1).take(1, &places(d)).reshape([k, d, d]);

    // Q(x − μ) = Qx − Qμ: of a group of components at once, one product and its offsets.
    let x = q.tape().constant(&data.x);
    let group = (GROUP / (n * d)).clamp(1, k);
    let distances = |first: usize| {
        let components = first..k.min(first + group);
        let (factors, mu) = (factors.slice(0, components.clone()), mu.slice(0, components.clone()));
        let rows = components.len() * d;
        let offsets = -factors.matmul(mu.unsqueeze(2)).reshape([rows]);
        let whitened = x.affine(factors.reshape([rows, d]).t(), offsets);
        whitened.square().reshape([n, components.len(), d]).sum_axis(2)
    };
    let distances = Var::concat(&(0..k).step_by(group).map(distances).collect::<Vec<_>>(), 1);
    let sums = q.sum_axis(1);
    let likelihood = (alpha + sums - 0.5 * distances).logsumexp_axis(1).sum() - n as f64 * alpha.logsumexp();

    let squares = diagonal.square().sum() + l.square().sum();
    let prior = data.m * q.sum() - 0.5 * data.gamma.powi(2) * squares;
    let (n, k, d, freedom) = (n as f64, k as f64, d as f64, d as f64 + data.m + 1.0);
    let constant = freedom * d * (data.gamma.ln() - 0.5 * LN_2) - ln_gamma(d as usize, 0.5 * freedom);
    likelihood + prior + (k * constant - 0.5 * n * d * (2.0 * PI).ln())
}

fn value(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let (parameters, data) = input.arrays()?;
    timed::value(runs, |x| objective(x, &data), parameters)
}

fn jacobian(input: Value) -> Outcome {
    let (input, runs) = read::<Input>(input)?;
    let (parameters, data) = input.arrays()?;
    let output =
        |[alpha, mu, q, l]: [Tensor; 4]| Gradient { alpha: alpha.to_vec(), mu: rows(&mu), q: rows(&q), l: rows(&l) };
    timed::gradient(runs, |x| objective(x, &data), parameters, output)
}
