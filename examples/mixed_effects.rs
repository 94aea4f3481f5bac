//! Random effects: patients of one clinic resemble each other by something that was not measured. Leave it out, and
//! effects seem certain that are not.
//!
//! The counts of clinic g are y ~ Poisson(exp(β₀ + β₁·x + β₂·t_g + σ·u_g)): x is a patient's dose, t_g says whether the
//! clinic treats, and u_g ~ N(0, 1) is not seen. The likelihood integrates over it. With f = −ln p(y, u), at its mode û,
//! Laplace's approximation is −ln ∫ p(y, u) du ≈ f(û) + ½·ln f″(û) (Tierney & Kadane 1986), and û moves with β and σ.
//!
//! The mode is found on plain numbers. Then steps of Newton, u ← u − f′/f″, are recorded: they move nothing, but their
//! derivatives are those of the implicit function û(β, σ). Each step doubles the digits that are right, and likewise the
//! orders: one step carries the first derivative, two carry three. Shows at which order the check fails without a step, with
//! one and with two, the approximation beside the integral, and the estimates beside those of a model without clinics.

use std::f64::consts::PI;
use std::slice;

use autograd::check::Checker;
use autograd::{Scalar, Tape, Tensor, Var, hessian, value_and_grad};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Poisson, StandardNormal};

const CLINICS: usize = 40;
const PATIENTS: usize = 8;
const STUDIES: usize = 200;
/// β₀, β₁, β₂, ln σ: no effect of the treatment.
const TRUTH: [f64; 4] = [0.5, 0.8, 0.0, -0.5];
const NAMES: [&str; 4] = ["β₀", "β₁ dose", "β₂ treatment", "ln σ"];
/// Standard deviations of a normal distribution that 95 % lie within.
const WITHIN: f64 = 1.96;

struct Study {
    x: Tensor, // (clinics, patients): doses
    t: Tensor, // (clinics, 1): 1 where the clinic treats
    y: Tensor, // (clinics, patients): counts
}

impl Study {
    fn simulated(rng: &mut impl Rng) -> Self {
        let [b0, b1, b2, log_sigma] = TRUTH;
        let x = Tensor::from_fn([CLINICS, PATIENTS], |_| rng.random_range(-1.0..1.0));
        let t = Tensor::from_fn([CLINICS, 1], |at| (at[0] % 2) as f64);
        let u = Tensor::from_fn([CLINICS, 1], |_| StandardNormal.sample(rng));
        let rates = (&x * b1 + &t * b2 + u * log_sigma.exp() + b0).exp();
        let y = rates.map(|rate| Poisson::new(rate).expect("a positive rate").sample(rng));
        Study { x, t, y }
    }

    /// −ln p(y | u), without ln y!: an entry for each clinic, of effects u (clinics, 1).
    fn error<'t>(&self, theta: Var<'t>, u: Option<Var<'t>>) -> Var<'t> {
        let [b0, b1, b2] = [0, 1, 2].map(|i| theta.at(0, i));
        let fixed = b1 * &self.x + b2 * &self.t + b0;
        let log_rates = u.map_or(fixed, |u| fixed + theta.at(0, 3).exp() * u);
        (log_rates.exp() - log_rates * &self.y).sum_keep(1)
    }

    /// f, f′ and f″ of each clinic. Its f depends on its own u only, so the gradient of a sum holds each derivative.
    fn joint<'t>(&self, theta: Var<'t>, u: Var<'t>) -> [Var<'t>; 3] {
        let f = self.error(theta, Some(u)) + u.square() * 0.5;
        let slope = f.sum().grad(u);
        [f, slope, slope.sum().grad(u)]
    }

    fn newton<'t>(&self, theta: Var<'t>, u: Var<'t>) -> Var<'t> {
        let [_, slope, curvature] = self.joint(theta, u);
        u - slope / curvature
    }

    /// û, the most probable effects.
    fn mode(&self, theta: &Tensor) -> Tensor {
        let mut tape = Tape::new();
        let mut u = Tensor::zeros([CLINICS, 1]);
        for _ in 0..100 {
            tape.clear();
            let next = self.newton(tape.constant(theta), tape.var(&u)).value();
            let moved = (&next - &u).abs().max();
            u = next;
            if moved < 1e-12 {
                return u;
            }
        }
        panic!("no mode found in 100 steps");
    }

    /// The negative logarithm of the likelihood by Laplace's approximation, with so many `steps` of Newton recorded.
    fn laplace<'t>(&self, theta: Var<'t>, steps: usize) -> Scalar<'t> {
        let mode = theta.tape().var(self.mode(&theta.value()));
        let u = (0..steps).fold(mode, |u, _| self.newton(theta, u));
        let [f, _, curvature] = self.joint(theta, u);
        f.sum() + curvature.ln().sum() * 0.5
    }

    /// The same by the trapezoidal rule on 400 places, of an integrand that is as good as 0 at both ends.
    fn integral(&self, theta: &Tensor) -> f64 {
        let tape = Tape::values_only();
        let theta = tape.constant(theta);
        let places: Tensor = Tensor::linspace(-10.0, 10.0, 400);
        let logs = places.as_slice().iter().map(|&u| {
            let error = self.error(theta, Some(tape.constant(Tensor::full([CLINICS, 1], u))));
            -(error + 0.5 * u * u)
        });
        let step = (20.0 / 399.0 / (2.0 * PI).sqrt()).ln();
        let each = Var::concat(&logs.collect::<Vec<_>>(), 1).logsumexp_axis(1) + step;
        -each.sum().value()
    }
}

/// The least of `f` by Newton's method with halved steps; the place, and the covariance H⁻¹ of the estimate.
fn minimum(f: impl for<'t> Fn(Var<'t>) -> Scalar<'t>, mut x: Tensor) -> (Tensor, Tensor) {
    for _ in 0..50 {
        let (y, slope) = value_and_grad(&f, &x);
        let curvature = hessian(&f, &x);
        if slope.abs().max() < 1e-8 {
            return (x, curvature.inverse());
        }
        let mut step = curvature.solve(&slope);
        if step.dot(&slope).item() < 0.0 {
            step = slope; // not convex yet: downhill
        }
        while value_and_grad(&f, &(&x - &step)).0 > y + 1e-10 {
            step = step * 0.5;
        }
        x = x - step;
    }
    panic!("no minimum found in 50 steps");
}

/// Estimates with standard errors.
struct Fit {
    estimates: Vec<f64>,
    errors: Vec<f64>,
}

impl Fit {
    fn new((theta, covariance): (Tensor, Tensor)) -> Self {
        Fit { estimates: theta.to_vec(), errors: covariance.diagonal().sqrt().to_vec() }
    }

    fn mixed(study: &Study) -> Self {
        let mut start = Fit::ignoring(study).estimates;
        start.push(-0.7);
        Fit::new(minimum(|theta| study.laplace(theta, 2), Tensor::from(start)))
    }

    fn ignoring(study: &Study) -> Self {
        let start = Tensor::from([study.y.mean().ln(), 0.0, 0.0]);
        Fit::new(minimum(|beta| study.error(beta, None).sum(), start))
    }

    /// Whether the interval of 95 % for parameter `i` contains the truth.
    fn covers(&self, i: usize) -> bool {
        (self.estimates[i] - TRUTH[i]).abs() < WITHIN * self.errors[i]
    }
}

fn main() {
    let mut rng = StdRng::seed_from_u64(1);
    let study = Study::simulated(&mut rng);
    let truth = Tensor::from(TRUTH);

    println!("1. Derivatives through the mode, held against differences");
    for (steps, right) in [(0, 0), (1, 1), (2, 3)] {
        let check = |orders| {
            let checker = Checker::new().orders(orders);
            checker.check(|x| study.laplace(x[0], steps), slice::from_ref(&truth)).expect("a finite likelihood")
        };
        let wrong = check(right + 1);
        println!("   {steps} steps recorded: right to order {right}; order {}: {}", right + 1, wrong.verdict);
        assert!(!wrong.passed(), "order {} is right, too", right + 1);
        assert!(right == 0 || check(right).passed(), "{}", check(right));
    }

    let (approximation, _) = value_and_grad(|theta| study.laplace(theta, 2), &truth);
    let off = (approximation - study.integral(&truth)).abs() / CLINICS as f64;
    println!("\n2. The approximation differs from the integral by {off:.1e} a clinic");
    assert!(off < 5e-3);

    println!("\n3. {CLINICS} clinics with {PATIENTS} patients each: estimate ± standard error");
    let (mixed, ignoring) = (Fit::mixed(&study), Fit::ignoring(&study));
    println!("   {:>12} {:>7} {:>15} {:>17}", "", "truth", "mixed effects", "clinics ignored");
    for (i, name) in NAMES.iter().enumerate() {
        let cell = |fit: &Fit| match fit.estimates.get(i) {
            Some(estimate) => format!("{estimate:.3} ± {:.3}", fit.errors[i]),
            None => String::new(),
        };
        println!("   {name:>12} {:>7.3} {:>15} {:>17}", TRUTH[i], cell(&mixed), cell(&ignoring));
        assert!((mixed.estimates[i] - TRUTH[i]).abs() < 3.0 * mixed.errors[i]);
    }

    println!("\n4. {STUDIES} other studies: how many intervals of 95 % contain the truth");
    let mut inside = [[0.0; 4]; 2];
    for _ in 0..STUDIES {
        let study = Study::simulated(&mut rng);
        for (fit, inside) in [Fit::mixed(&study), Fit::ignoring(&study)].iter().zip(&mut inside) {
            (0..fit.estimates.len()).filter(|&i| fit.covers(i)).for_each(|i| inside[i] += 100.0 / STUDIES as f64);
        }
    }
    for (i, name) in NAMES.iter().enumerate() {
        let ignoring = if i < 3 { format!("{:.1} %", inside[1][i]) } else { String::new() };
        println!("   {name:>12} {:>21.1} % {ignoring:>17}", inside[0][i]);
    }
    assert!(inside[0].iter().all(|share| (88.0..=99.0).contains(share)));
    assert!(inside[1][2] < 75.0, "the treatment seems to work where the clinics are ignored");
}
