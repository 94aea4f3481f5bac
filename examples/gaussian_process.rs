//! A Gaussian process: a distribution over functions, whose covariance says how alike two patients are. Its scales are
//! found by the gradient of the likelihood, through a Cholesky factor of the covariance of all patients.
//!
//! For a kernel k(x, x') = s²·exp(−½·Σ(x_d − x'_d)²/ℓ_d²) and noise σ², K = k(X, X) + σ²·1 and L·Lᵀ = K, the negative
//! logarithm of the likelihood is ½·yᵀ·K⁻¹·y + Σ ln L_ii + n/2·ln 2π (Rasmussen & Williams 2006, algorithm 2.1). Shows the
//! check of its gradient, the scales that it finds, and predictions with intervals that are held against patients not seen.

use std::f64::consts::PI;
use std::path::Path;

use autograd::check::Checker;
use autograd::{Param, Parameters, Scalar, Tape, Tensor, Var};
use mlp::{Adam, Optimizer, Table};

/// Patients to learn from; the others are for the test.
const TRAINING: usize = 200;
/// Standard deviations of a normal distribution that 95 % lie within.
const WITHIN: f64 = 1.96;

/// The logarithms of all scales, so that any step keeps them positive.
struct Process {
    lengths: Param, // (inputs,): ln ℓ_d
    scale: Param,   // (): ln s
    noise: Param,   // (): ln σ
}

impl Process {
    fn new(inputs: usize) -> Self {
        Process {
            lengths: Param::new(Tensor::full([inputs], 3f64.ln())),
            scale: Param::new(Tensor::from(0.0)),
            noise: Param::new(Tensor::from(0.5f64.ln())),
        }
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("lengths", &self.lengths).with("scale", &self.scale).with("noise", &self.noise)
    }

    /// k(a, b) for patients in rows: (m, inputs) and (n, inputs) → (m, n).
    fn kernel<'t>(&self, a: Var<'t>, b: Var<'t>) -> Var<'t> {
        let lengths = self.lengths.on(a.tape()).exp();
        let distances = (a / lengths).unsqueeze(1) - (b / lengths).unsqueeze(0);
        let scale = (self.scale.on(a.tape()) * 2.0).exp();
        (distances.square().sum_axis(2) * -0.5).exp() * scale
    }

    /// The Cholesky factor of the covariance of what was measured.
    fn factor<'t>(&self, x: Var<'t>) -> Var<'t> {
        let n = x.shape()[0];
        let noise = (self.noise.on(x.tape()) * 2.0).exp();
        (self.kernel(x, x) + noise * &Tensor::ones([n]).diagonal_matrix()).cholesky()
    }

    /// The negative logarithm of the likelihood of a patient, on average.
    fn loss<'t>(&self, tape: &'t Tape, x: &Tensor, y: &Tensor) -> Scalar<'t> {
        let n = y.numel() as f64;
        let l = self.factor(tape.constant(x));
        let standard = l.solve_lower(y); // independent, if the process is right
        (standard.square().sum() * 0.5 + l.diagonal().ln().sum()) / n + 0.5 * (2.0 * PI).ln()
    }

    /// The mean and the standard deviation of what will be measured of other patients.
    fn predict(&self, x: &Tensor, y: &Tensor, others: &Tensor) -> (Tensor, Tensor) {
        let tape = Tape::values_only();
        let (x, others) = (tape.constant(x), tape.constant(others));
        let l = self.factor(x);
        let beside = self.kernel(x, others);
        let mean = beside.t().matmul(l.cholesky_solve(y));
        let known = l.solve_lower(beside).square().sum_axis(0);
        let [scale, noise] = [&self.scale, &self.noise].map(|log| (2.0 * log.value().item()).exp());
        (mean.value(), (scale + noise - known).sqrt().value())
    }
}

/// Columns with mean 0 and variance 1, by the mean and deviation of the first rows.
fn standardised(x: &Tensor, rows: usize) -> Tensor {
    let first = x.slice(0, 0..rows);
    &(x - &first.mean_keep(0)) / &first.std_keep(0)
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/diabetes.csv");
    let table = Table::read(path).expect("the table is there");
    let names: Vec<String> = table.columns()[..10].to_vec();
    let x = standardised(&table.numbers(&names).expect("numbers"), TRAINING);
    let y = standardised(&table.numbers(&["progression"]).expect("numbers"), TRAINING).flatten();
    let (learned, others) = (0..TRAINING, TRAINING..table.rows());
    let [(x, y), (x_others, y_others)] = [learned, others].map(|rows| (x.slice(0, rows.clone()), y.slice(0, rows)));

    let process = Process::new(names.len());
    let few = (x.slice(0, 0..20), y.slice(0, 0..20));
    let report = Checker::new()
        .check_parameters(&process.parameters(), |tape| process.loss(tape, &few.0, &few.1))
        .expect("a finite likelihood");
    println!("1. The gradient of the likelihood of 20 patients: {} ({})", report.verdict, report.reason);
    assert!(report.passed(), "{report}");

    println!("\n2. {TRAINING} patients: the scales of most likelihood");
    let mut tape = Tape::new();
    let mut adam = Adam::new(&process.parameters(), 0.1);
    let mut losses = vec![];
    for step in 0..=60 {
        tape.clear();
        let loss = process.loss(&tape, &x, &y);
        if step % 15 == 0 {
            println!("   step {step:>2}: −ln p(y) = {:.4} a patient", loss.value());
        }
        losses.push(loss.value());
        adam.step(&loss.backward());
    }
    assert!(losses[60] < losses[0] - 0.02);
    let mut lengths: Vec<(f64, &String)> =
        process.lengths.value().as_slice().iter().map(|log| log.exp()).zip(&names).collect();
    lengths.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("   a change that matters, in standard deviations of each input:");
    println!(
        "   {}",
        lengths.iter().map(|(length, name)| format!("{name} {length:.1}")).collect::<Vec<_>>().join(", ")
    );

    let (mean, deviation) = process.predict(&x, &y, &x_others);
    let error = (&mean - &y_others).square().mean().sqrt();
    let guess = y_others.square().mean().sqrt(); // the mean of those that it learned from is 0
    let inside = (&mean - &y_others).abs().less(&(&deviation * WITHIN)).mean();
    println!("\n3. {} patients not seen", y_others.numel());
    println!("   error {error:.3} (root mean square), {guess:.3} if all are foretold as average");
    println!("   {:.1} % lie in their interval of 95 %", 100.0 * inside);
    assert!(error < 0.8 * guess && (0.9..0.99).contains(&inside));
}
