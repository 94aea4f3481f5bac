//! Least squares for curves: a sum of exponentials, as when two substances decay at once, fitted by the Jacobian.
//!
//! For residuals r(p) with Jacobian J, the sum ½·‖r‖² has the gradient Jᵀ·r and, where the residuals are small, about the
//! Hessian Jᵀ·J: first derivatives give second ones. Levenberg and Marquardt solve (JᵀJ + μ·diag JᵀJ)·δ = Jᵀ·r for a step
//! p ← p − δ, and lower μ after a step that helps, raise it after one that does not (Marquardt 1963): for small μ it is
//! Newton's method, for large μ a careful descent. At the end s²·(JᵀJ)⁻¹ is the covariance of the estimate.
//!
//! Shows the steps, gradient descent at the same cost and at up to a hundred times that, and the covariance beside the spread
//! of fits to other data.

use autograd::{Linearization, Mode, Tensor, Var, linearize, value_and_grad};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

const POINTS: usize = 80;
const NOISE: f64 = 0.02;
/// a₁, a₂, λ₁, λ₂ of a₁·exp(−λ₁·t) + a₂·exp(−λ₂·t).
const TRUTH: [f64; 4] = [2.0, 3.0, 0.5, 2.0];
const START: [f64; 4] = [1.0, 1.0, 0.1, 5.0];
const NAMES: [&str; 4] = ["a₁", "a₂", "λ₁", "λ₂"];

fn curve(p: Var<'_>) -> Var<'_> {
    let times: Tensor = Tensor::linspace(0.0, 5.0, POINTS).reshape([POINTS, 1]);
    let (amounts, rates) = (p.slice(0, 0..2), p.slice(0, 2..4));
    (rates * &-times).exp().matmul(amounts)
}

fn measured(rng: &mut impl Rng) -> Tensor {
    let mut noise = || -> f64 { StandardNormal.sample(rng) };
    let y = linearize(curve, &Tensor::from(TRUTH)).value();
    y + Tensor::from_fn([POINTS], |_| NOISE * noise())
}

fn half_square(r: &Tensor) -> f64 {
    0.5 * r.square().sum()
}

/// A step that was taken: ½·‖r‖² before it, the damping, and what it and those before it cost.
struct Step {
    loss: f64,
    damping: f64,
    cost: usize,
}

/// The parameters of least squares for `y`, the steps to them, and the covariance.
fn levenberg_marquardt(y: &Tensor, mut p: Tensor) -> (Tensor, Vec<Step>, Tensor) {
    let at = |p: &Tensor| -> Linearization { linearize(|p| curve(p) - y, p) };
    let (mut steps, mut damping, mut cost) = (vec![], 1e-3, 1);
    let mut here = at(&p);
    loop {
        let (r, j) = (here.value(), here.jacobian(Mode::Auto));
        let (normal, slope, loss) = (j.t().matmul(&j), j.t().matmul(&r), half_square(&r));
        cost += p.numel(); // a sweep for each column at most
        loop {
            let damped = &normal + (normal.diagonal() * damping).diagonal_matrix();
            let step = damped.cholesky().cholesky_solve(&slope);
            let next = at(&(&p - &step));
            cost += 1;
            if step.abs().less(&(p.abs() * 1e-9)).min() == 1.0 {
                let variance = 2.0 * loss / (POINTS - p.numel()) as f64;
                return (p, steps, normal.inverse() * variance);
            }
            if half_square(&next.value()) < loss {
                steps.push(Step { loss, damping, cost });
                (p, here, damping) = (p - step, next, damping / 10.0);
                break;
            }
            damping *= 10.0;
        }
    }
}

/// What gradient descent reaches at this cost, one for a value and one for a gradient; its steps double after a success.
fn descended(y: &Tensor, mut p: Tensor, cost: usize) -> f64 {
    let loss = |p: &Tensor| value_and_grad(|p| (curve(p) - y).square().sum() * 0.5, p);
    let ((mut here, mut slope), mut rate) = (loss(&p), 1e-2);
    let mut spent = 2;
    while spent < cost {
        let next = &p - &slope * rate;
        let (there, other) = loss(&next);
        spent += 1;
        // Armijo: at least a part of what the slope promises.
        if there <= here - 0.3 * rate * slope.square().sum() {
            (p, here, slope, rate) = (next, there, other, 2.0 * rate);
            spent += 1;
        } else {
            rate *= 0.5;
        }
    }
    here
}

fn main() {
    let mut rng = StdRng::seed_from_u64(1);
    let y = measured(&mut rng);
    let start = Tensor::from(START);

    let (p, steps, covariance) = levenberg_marquardt(&y, start.clone());
    let loss = half_square(&linearize(|p| curve(p) - &y, &p).value());
    println!("1. Levenberg–Marquardt, {POINTS} points; cost: 1 for the curve, 1 for a column of its Jacobian");
    println!("   {:>4} {:>6} {:>10} {:>16}", "step", "cost", "damping", "½‖r‖² − least");
    for (i, step) in steps.iter().enumerate() {
        println!("   {:>4} {:>6} {:>10.0e} {:>16.3e}", i + 1, step.cost, step.damping, step.loss - loss);
    }

    let cost = steps[steps.len() - 1].cost;
    println!("\n2. Gradient descent from the same place: ½‖r‖² − least");
    let left = [1, 10, 100].map(|times| {
        let left = descended(&y, start.clone(), times * cost) - loss;
        println!("   at {times:>3} times the cost: {left:.1e}");
        left
    });
    assert!(steps[steps.len() - 1].loss - loss < 1e-12 && left[2] > 1e-3, "descent is slow in a narrow valley");

    const STUDIES: usize = 400;
    let others: Vec<Tensor> = (0..STUDIES).map(|_| levenberg_marquardt(&measured(&mut rng), start.clone()).0).collect();
    let spread = Tensor::stack(&others, 0).sample_std_axis(0);
    let errors = covariance.diagonal().sqrt();
    println!("\n3. Estimate ± standard error, by s²·(JᵀJ)⁻¹; the spread of {STUDIES} fits to other data");
    for (i, name) in NAMES.iter().enumerate() {
        let (estimate, error, spread) = (p.get([i]), errors.get([i]), spread.get([i]));
        println!("   {name}: {:.1}   {estimate:.4} ± {error:.4}   spread {spread:.4}", TRUTH[i]);
        assert!((estimate - TRUTH[i]).abs() < 3.0 * error && (0.8..1.25).contains(&(spread / error)));
    }
    let correlation = covariance.get([0, 1]) / (errors.get([0]) * errors.get([1]));
    println!("   a₁ and a₂ are known together only: correlation {correlation:.2}");
}
