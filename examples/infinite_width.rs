//! Infinite width: what wide networks tend to, before and after training, and how fast.
//!
//! With random weights the outputs of ever wider networks become a Gaussian process, and their tangent kernel a constant (Neal 1996;
//! Jacot, Gabriel & Hongler 2018): so training is linear, and known in closed form (Lee et al. 2019). Both kernels of finite networks err
//! by 1/√width, here measured with its exponent. Then networks of four widths are trained, each beside its own course as the limit foretells
//! it from its first outputs. A single network strays from it by 1/√width, the mean over many by 1/width only (Dyer & Gur-Ari 2020):
//! extrapolated to 1/width = 0, nothing is left of it, and the spread of the networks is that of the limit.
//!
//! The picture goes to the folder given as argument, else beside the program. To renew that of the documentation:
//! `cargo run --release -p examples --features pictures --example infinite_width examples/pictures`.

use std::f64::consts::PI;

use autograd::{Param, Parameters, Tape, Tensor, Var};
use examples::pictures::{self, Beside, Law};
use indicatif::ProgressBar;
use mlp::infinite::{GradientFlow, InfiniteWidth, tangent_kernel};
use mlp::{Activation, Module};
use rand::{SeedableRng, rngs::StdRng};

const WEIGHTS: f64 = 4.0; // σ_w²
const BIASES: f64 = 0.5; // σ_b²

/// Samples on a circle, by their angle, and what is to be learned there.
const ANGLES: [f64; 8] = [0.2, 1.0, 1.8, 2.6, 3.3, 4.1, 4.9, 5.7];
const TARGETS: [f64; 8] = [0.9, 0.3, -0.6, -1.0, 0.1, 0.8, -0.2, -0.5];
const STEPS: i32 = 140;
/// Widths of the networks that are trained, and how many there are of each.
const TRAINED: [(usize, usize); 4] = [(64, 600), (128, 500), (256, 300), (512, 200)];

/// Some networks, in the parameters of the theory: all are drawn from N(0, 1), and the variances are factors.
///
/// Weights are (networks, from, to), biases (networks, 1, to): one product computes all networks.
struct Networks(Vec<[Param; 2]>);

impl Networks {
    fn new(count: usize, hidden: usize, width: usize, seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let widths = [vec![2], vec![width; hidden], vec![1]].concat();
        let mut normal = |shape| examples::normal(rng, shape, 1.0);
        Networks(widths.windows(2).map(|at| [normal([count, at[0], at[1]]), normal([count, 1, at[1]])]).collect())
    }

    /// The values of the last hidden layer: (n, 2) → (networks, n, width).
    fn hidden<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0[..self.0.len() - 1].iter().fold(x, |x, layer| dense(layer, x).tanh())
    }

    /// The outputs, (n, networks).
    fn outputs(&self, x: &Tensor) -> Tensor {
        let y = self.predict(x);
        y.reshape([y.shape()[0], x.shape()[0]]).t()
    }
}

fn dense<'t>([w, b]: &[Param; 2], x: Var<'t>) -> Var<'t> {
    let factor = (WEIGHTS / w.shape()[1] as f64).sqrt();
    x.matmul(w.on(x.tape())) * factor + b.on(x.tape()) * BIASES.sqrt()
}

impl Module for Networks {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        dense(&self.0[self.0.len() - 1], self.hidden(x))
    }

    fn parameters(&self) -> Parameters {
        let named = |all: Parameters, (i, [w, b]): (usize, &[Param; 2])| {
            all.with(format!("{i}.w"), w).with(format!("{i}.b"), b)
        };
        self.0.iter().enumerate().fold(Parameters::new(), named)
    }
}

/// A mean, and its standard error.
#[derive(Clone, Copy)]
struct Mean {
    value: f64,
    error: f64,
}

impl Mean {
    fn of(samples: &[f64]) -> Self {
        let [value, deviation] = examples::statistics(samples);
        Mean { value, error: deviation / (samples.len() as f64).sqrt() }
    }

    /// By the normal distribution a true statement fails in one of 370 drawings of the networks.
    fn assert_is(self, exact: f64, what: &str) {
        let off = (self.value - exact) / self.error;
        println!("{what}: {:.4} ± {:.4}, by theory {exact}", self.value, self.error);
        assert!(off.abs() < 3.0, "{what} is {off:.1} standard errors from {exact}");
    }
}

/// The line through independent means by weighted least squares: its value at x = 0, its slope, and χ² over its degrees of freedom.
fn line(x: &[f64], y: &[Mean]) -> (Mean, Mean, f64) {
    let weights = y.iter().map(|y| y.error.powi(-2)).collect::<Vec<_>>();
    let sum = |f: &dyn Fn(usize) -> f64| (0..x.len()).map(|i| weights[i] * f(i)).sum::<f64>();
    let (s, sx, sxx) = (sum(&|_| 1.0), sum(&|i| x[i]), sum(&|i| x[i] * x[i]));
    let (sy, sxy) = (sum(&|i| y[i].value), sum(&|i| x[i] * y[i].value));
    let det = s * sxx - sx * sx;
    let start = Mean { value: (sxx * sy - sx * sxy) / det, error: (sxx / det).sqrt() };
    let slope = Mean { value: (s * sxy - sx * sy) / det, error: (s / det).sqrt() };
    let square = sum(&|i| (y[i].value - start.value - slope.value * x[i]).powi(2));
    (start, slope, square / (x.len() as f64 - 2.0))
}

/// Points on a circle, of mean square 1: (n, 2).
fn circle(angles: &[f64]) -> Tensor {
    let point = |angle: &f64| [2f64.sqrt() * angle.cos(), 2f64.sqrt() * angle.sin()];
    Tensor::new([angles.len(), 2], angles.iter().flat_map(point).collect::<Vec<_>>())
}

fn column(x: &[f64]) -> Tensor {
    Tensor::new([x.len(), 1], x.to_vec())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut laws = kernels()?;
    let (own, beside) = trainings()?;
    laws.extend(own);
    let subtitle = format!(
        "tanh, σ_w² = {WEIGHTS}, σ_b² = {BIASES}, inputs on a circle; left: fitted exponents of the width; right: after \
         {STEPS} steps of gradient descent"
    );
    pictures::wide("Networks approach their limit of infinite width", &subtitle, &laws, &beside)
        .publish("infinite_width")?;
    Ok(())
}

/// Means of ln(error) at some widths, with the power that they follow.
fn law(name: &str, widths: &[usize], errors: &[Mean]) -> Law {
    let logs = widths.iter().map(|&width| (width as f64).ln()).collect::<Vec<_>>();
    let (start, slope, _) = line(&logs, errors);
    slope.assert_is(-0.5, &format!("{name}: exponent of the width"));
    let name = format!("{name}: {:.2} ± {:.2}", slope.value, slope.error).replace('-', "−");
    Law { name, measured: measured(widths, errors), fitted: [start.value, slope.value] }
}

/// Widths, and the errors there, of their means in logarithms.
fn measured(widths: &[usize], errors: &[Mean]) -> Vec<(f64, [f64; 3])> {
    let ends = |at: &Mean| [at.value - at.error, at.value, at.value + at.error].map(f64::exp);
    widths.iter().zip(errors).map(|(&width, at)| (width as f64, ends(at))).collect()
}

/// Relative errors of the kernels of random networks of two hidden layers.
fn kernels() -> Result<Vec<Law>, mlp::Error> {
    const WIDTHS: [usize; 4] = [64, 128, 256, 512];
    const SEEDS: usize = 40;
    let x = circle(&ANGLES);
    let limit = InfiniteWidth::mlp(Activation::Tanh, 2, WEIGHTS, BIASES)?.kernels(&x, &x)?;
    let error = |kernel: Tensor, limit: &Tensor| ((kernel - limit).square().sum() / limit.square().sum()).sqrt().ln();
    println!("Relative errors of the kernels of random networks, two hidden layers; geometric mean over {SEEDS}:\n");
    println!("{:>5} {:>17} {:>17}", "width", "NNGP kernel", "tangent kernel");
    let bar = examples::bar(WIDTHS.len() * SEEDS);
    let mut errors = [vec![], vec![]];
    for width in WIDTHS {
        let mut all = [vec![], vec![]];
        for seed in 0..SEEDS {
            let model = Networks::new(1, 2, width, (width * SEEDS + seed) as u64);
            let hidden = model.hidden(Tape::new().constant(x.clone())).value().reshape([x.shape()[0], width]);
            all[0].push(error(hidden.matmul(&hidden.t()) * (WEIGHTS / width as f64) + BIASES, &limit.nngp));
            all[1].push(error(tangent_kernel(&model, |_, _| 1.0, &x, &x)?, &limit.ntk));
            bar.inc(1);
        }
        let means = all.map(|all| Mean::of(&all));
        let [nngp, ntk] = means.map(|ln| format!("{:.4} ± {:.4}", ln.value.exp(), ln.value.exp() * ln.error));
        bar.suspend(|| println!("{width:>5} {nngp:>17} {ntk:>17}"));
        errors.iter_mut().zip(means).for_each(|(errors, mean)| errors.push(mean));
    }
    bar.finish_and_clear();
    println!();
    Ok(vec![law("NNGP kernel", &WIDTHS, &errors[0]), law("tangent kernel", &WIDTHS, &errors[1])])
}

/// Gradient descent on ½·Σ(f(x) − y)² of each network.
fn train(networks: &Networks, x: &Tensor, y: &Tensor, rate: f64, bar: &ProgressBar) {
    let parameters = networks.0.iter().flatten().collect::<Vec<_>>();
    let mut tape = Tape::new();
    for _ in 0..STEPS {
        tape.clear();
        let error = networks.forward(tape.constant(x.clone())) - y;
        let gradients = (error.square().sum() / 2.0).backward();
        examples::descend(&gradients, &parameters, rate);
        bar.inc(1);
    }
}

/// Trained networks beside the limit: what one of them and what their mean is off by, and a picture of some.
fn trainings() -> Result<(Vec<Law>, Beside), Box<dyn std::error::Error>> {
    let (x, y) = (circle(&ANGLES), column(&TARGETS));
    let places = (0..=144).map(|i| f64::from(i) / 72.0 * PI).collect::<Vec<_>>();
    let others = circle(&places);
    let network = InfiniteWidth::mlp(Activation::Tanh, 1, WEIGHTS, BIASES)?;
    let flow = GradientFlow::fit(&network, &x, &y)?;
    let rates = flow.rates().to_vec();
    let rate = 1.0 / rates[rates.len() - 1];
    let time = rate * f64::from(STEPS);
    let limit = flow.predict(&others, time)?;
    let size = (limit.mean.square().flatten() + &limit.variance).mean();
    println!("\nNetworks of one hidden layer, trained on {} samples in {STEPS} steps of {rate:.4}:\n", x.shape()[0]);
    println!(
        "{:>5} {:>8} {:>17} {:>17} {:>17}",
        "width", "networks", "one is off by", "their mean by", "their variance"
    );

    let bar = examples::bar(TRAINED.len() * STEPS as usize);
    let (mut singles, mut means, mut spreads) = (vec![], vec![], vec![]);
    let mut last = vec![];
    for (width, count) in TRAINED {
        let networks = Networks::new(count, 1, width, width as u64);
        let [first, begun] = [&x, &others].map(|x| networks.outputs(x));
        train(&networks, &x, &y, rate, &bar);
        let ended = networks.outputs(&others);
        // What each network should learn are the errors of its own first outputs: a column of targets for each.
        let learned = GradientFlow::fit(&network, &x, &(&y - &first))?.predict(&others, time)?.mean;
        let gaps = &ended - &(begun + learned);
        let over = |x: Tensor| Mean::of(x.as_slice()); // networks, of means over all places
        let single = over((gaps.square().mean_axis(0) / size).ln() / 2.0);
        // First outputs have mean 0, whatever the width: so the mean gap is that to the mean of the limit, of which this is the part along it.
        let mean = over((gaps * &limit.mean).mean_axis(0) / limit.mean.square().mean());
        let spread = over((&ended - &limit.mean).square().mean_axis(0) / limit.variance.mean());
        let factor = single.value.exp();
        let row = [Mean { value: factor, error: factor * single.error }, mean, spread]
            .map(|at| format!("{:.4} ± {:.4}", at.value, at.error));
        bar.suspend(|| println!("{width:>5} {count:>8} {:>17} {:>17} {:>17}", row[0], row[1], row[2]));
        singles.push(single);
        means.push(mean);
        spreads.push(spread);
        last = (0..6).map(|i| ended.slice(1, i..i + 1).to_vec()).collect();
    }
    bar.finish_and_clear();
    println!();

    let widths = TRAINED.map(|(width, _)| width);
    let inverse = widths.map(|width| 1.0 / width as f64);
    // Here the next order counts, so that a power alone is less steep at small widths: ln(error) = a − ½·ln(width) + c/width.
    let scaled = widths.iter().zip(&singles);
    let scaled = scaled.map(|(&width, at)| Mean { value: at.value + (width as f64).ln() / 2.0, ..*at });
    let (start, next, chi) = line(&inverse, &scaled.collect::<Vec<_>>());
    println!(
        "one network: {:.3}/√width·exp({:.1}/width) (± {:.1}), χ² {chi:.1} for each degree of freedom",
        start.value.exp(),
        next.value,
        next.error
    );
    // χ² of two degrees of freedom exceeds 12 in one of 400 drawings.
    assert!(chi < 6.0, "one network is not off by 1/√width and the next order");
    let name = "a trained network: towards 1/√width".into();
    let single = Law { name, measured: measured(&widths, &singles), fitted: [start.value, -0.5] };
    let (rest, slope, chi) = line(&inverse, &means);
    println!(
        "the mean: {:.4} + {:.2}/width (± {:.2}), χ² {chi:.1} for each degree of freedom",
        rest.value, slope.value, slope.error
    );
    rest.assert_is(0.0, "the mean is off at 1/width = 0 by");
    assert!(slope.value > 3.0 * slope.error && chi < 6.0, "the mean is not off by 1/width");
    let (rest, slope, chi) = line(&inverse, &spreads);
    println!("the variance: {:.3} + {:.2}/width (± {:.2}), χ² {chi:.1}", rest.value, slope.value, slope.error);
    rest.assert_is(1.0, "the variance over that of the limit, at 1/width = 0");

    // The line without the rest, which is not told from 0.
    let sum = |x: &dyn Fn(f64, &Mean) -> f64| {
        inverse.iter().zip(&means).map(|(at, mean)| x(*at, mean) / mean.error.powi(2)).sum::<f64>()
    };
    let slope = sum(&|at, mean| at * mean.value) / sum(&|at, _| at * at);
    // A mean that is not told from 0 reaches down without end on a logarithmic axis: it is fitted, but not drawn.
    let (seen, unseen): (Vec<_>, Vec<_>) = widths.iter().zip(&means).partition(|(_, mean)| mean.value > mean.error);
    for (width, _) in unseen {
        println!("the mean at width {width} is not drawn: it is less than its error");
    }
    let measured =
        seen.into_iter().map(|(&width, at)| (width as f64, [at.value - at.error, at.value, at.value + at.error]));
    let mean =
        Law { name: "mean of the trained: 1/width".into(), measured: measured.collect(), fitted: [slope.ln(), -1.0] };
    let limit = places.iter().zip(limit.mean.as_slice().iter().zip(limit.variance.as_slice()));
    let beside = Beside {
        limit: limit.map(|(&x, (&mean, &variance))| [x, mean, variance.sqrt()]).collect(),
        others: last,
        samples: ANGLES.into_iter().zip(TARGETS).collect(),
        axis: "angle",
        name: format!("networks of width {}", widths[widths.len() - 1]),
    };
    Ok((vec![single, mean], beside))
}
