//! Vanishing gradients: how the gradient changes on its way back through up to 200 layers, and what helps.
//!
//! Each layer multiplies the gradient by its weights and by the slope of its activation. Where that makes it smaller on
//! the average, depth makes it vanish, exponentially: the first layers then learn nothing. The factor of a layer is known
//! (Schoenholz et al. 2017): its square is χ = σ_w²·E[f′(p)²], with weights of variance σ_w²/n, at the variance of the sums p
//! that the layers settle at. Measured here: the factor for four activations; what weights of another scale, orthogonal
//! weights, shortcuts and normalisation change; which of the networks then learn; how far products of matrices stretch; and,
//! on the way forth, how values spread.
//!
//! Pictures go to the folder given as argument, else beside the program. To renew those of the documentation:
//! `cargo run --release -p examples --features pictures --example vanishing_gradients examples/pictures`.

use std::f64::consts::LOG10_E;

use autograd::Tensor;
use autograd::check::{Checker, Verdict};
use examples::pictures::{self, Gradients};
use examples::{bar, statistics};
use mlp::flow::singular_values;
use mlp::theory::MeanField;
use mlp::{
    Activation, Adam, CrossEntropy, Dataset, Flow, Init, LayerNorm, Linear, Module, Residual, Sequential, Trainer,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const WIDTH: usize = 64;
const DEPTHS: [usize; 8] = [1, 2, 5, 10, 20, 50, 100, 200];
const DEEPEST: usize = DEPTHS[DEPTHS.len() - 1];
const SEEDS: u64 = 8;

/// With the σ_w that makes up for the slope.
const ACTIVATIONS: [(Activation, f64); 4] = [
    (Activation::Sigmoid, 4.0), // the slope at 0 is 1/4
    (Activation::Tanh, 1.0),
    (Activation::Relu, std::f64::consts::SQRT_2), // half of E[p²] is cut off
    (Activation::Selu, 1.0),                      // its own scale keeps E[h²] = 1 (Klambauer et al. 2017)
];

/// What a network is built of.
#[derive(Clone, Copy)]
struct Kind {
    init: Init,
    shortcut: bool,
    normalised: bool,
}

/// Weights of variance 1/n, and nothing else.
fn plain() -> Kind {
    Kind { init: Init::lecun_normal(), shortcut: false, normalised: false }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    forward()?;
    by_depth()?;
    checked()?;
    remedies()?;
    learning()?;
    spectra()
}

/// Before gradients come back, values go forth: into the flat ends of the activation, or to 0, or neither.
fn forward() -> Result<(), Box<dyn std::error::Error>> {
    const DEPTH: usize = 50;
    println!("Standard deviation of what {DEPTH} tanh layers sum up, and the share of values saturated in the last:\n");
    println!("{:<8} {:>10} {:>10} {:>10} {:>10}", "σ_w", "layer 1", "layer 50", "by the law", "saturated");
    let mut flows = vec![];
    for gain in [0.8, 1.1, 3.0] {
        let mut rng = StdRng::seed_from_u64(8);
        let kind = Kind { init: Init::lecun_normal().gain(gain), ..plain() };
        let model = blocks(DEPTH, Activation::Tanh, kind, &mut rng)?;
        let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([100, WIDTH], &mut rng);
        let flow = Flow::measure(&model, &x, |y| y.mean());
        let sums: Vec<_> = flow.layers.iter().filter_map(|layer| layer.sums.as_ref()).collect();
        let theory = MeanField::new(Activation::Tanh)?.weights(gain * gain);
        let by_law = theory.variances(gain * gain).nth(DEPTH - 1).expect("it goes on for ever").sqrt();
        let (first, last) = (sums[0].values.std, sums[DEPTH - 1].values.std);
        let saturated = flow.layers.last().and_then(|layer| layer.saturated).expect("an activation is last");
        println!("{gain:<8} {first:>10.3} {last:>10.1e} {by_law:>10.1e} {:>8.1} %", 100.0 * saturated);
        assert!((0.67..1.5).contains(&(last / by_law)), "σ_w = {gain}: {last}, by the law {by_law}");
        flows.push((format!("σ_w = {gain}"), flow));
    }
    pictures::outputs(&format!("Outputs of {DEPTH} tanh layers of {WIDTH} units"), &flows).publish("outputs")?;
    println!();
    Ok(())
}

fn by_depth() -> Result<(), Box<dyn std::error::Error>> {
    println!("Decades by which the gradient grows (+) or falls (−) from the last layer to the first, σ_w² = 1:");
    println!(
        "mean ± standard deviation over {SEEDS} networks of {WIDTH} units; below, by the law for infinite width.\n"
    );
    print!("{:<8}", "layers");
    DEPTHS.iter().for_each(|depth| print!("{depth:>14}"));
    println!();
    let bar = bar(ACTIVATIONS.len() * DEPTHS.len());
    let mut curves = vec![];
    for (activation, _) in ACTIVATIONS {
        let predicted = law(activation, 1.0, DEEPEST)?;
        let (mut row, mut below) = (format!("{:<8}", activation.name()), format!("{:<8}", "  law"));
        let mut measured = vec![];
        for depth in DEPTHS {
            let (mean, spread) = decades(depth, activation, plain())?;
            let by_law = predicted[depth - 1].1;
            row += &format!("{:>14}", format!("{mean:.1} ± {spread:.1}"));
            below += &format!("{by_law:>14.1}");
            measured.push([depth as f64, mean, spread]);
            bar.inc(1);
            hold(activation.name(), measured[measured.len() - 1], by_law);
        }
        bar.suspend(|| println!("{row}\n{below}"));
        curves.push(Gradients { name: activation.name().into(), predicted, measured });
    }
    bar.finish_and_clear();
    pictures::gradients("The gradient through random networks, σ_w = 1", &how_drawn(), &curves).publish("gradients")?;
    Ok(())
}

/// Whether these gradients are right, of which differences of the whole network see nothing: each operation is held against its own.
fn checked() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "\nThe gradients of the networks of {DEEPEST} layers, checked; and once with a slip before the first layer:\n"
    );
    let checker = Checker::new().directions(1).elements(20);
    for (activation, _) in ACTIVATIONS {
        let mut rng = StdRng::seed_from_u64(0);
        let model = blocks(DEEPEST, activation, plain(), &mut rng)?;
        let normal = Init::Normal { mean: 0.0, std: 1.0 };
        let (x, weights): (Tensor, Tensor) = (normal.sample([2, WIDTH], &mut rng), normal.sample([2, WIDTH], &mut rng));
        let check = |slip: f64| {
            checker.check(
                |x| {
                    let x = x[0].map_gradient(move |dy| dy * slip);
                    (model.forward(x) * &weights).sum()
                },
                std::slice::from_ref(&x),
            )
        };
        let (right, wrong) = (check(1.0)?, check(1.01)?);
        let unresolved = right.unresolved;
        let compared = right.directions + right.inputs[0].compared;
        println!(
            "{:<8} {}: {unresolved} of {compared} comparisons below what differences resolve",
            activation.name(),
            right.verdict
        );
        assert!(right.passed(), "{right}");
        assert_eq!(wrong.verdict, Verdict::Wrong, "{wrong}");
        if activation == ACTIVATIONS[0].0 {
            println!("         {}: {}", wrong.verdict, wrong.reason);
        }
    }
    Ok(())
}

/// Holds what was measured, depth, mean and spread, against the law, which is for infinite width.
fn hold(name: &str, [depth, mean, spread]: [f64; 3], by_law: f64) {
    // Of n units the logarithm of the square lies lower, for rectifiers by 5/(2n) in each layer and for the others by less
    // (Hanin 2018). The mean of 8 networks is uncertain by spread/√8.
    let (lost, error) = (depth * 5.0 / (2.0 * WIDTH as f64) * LOG10_E / 2.0, spread / (SEEDS as f64).sqrt());
    let between = by_law - lost - 3.0 * error - 0.05..by_law + 3.0 * error + 0.05;
    assert!(between.contains(&mean), "{name}, {depth} layers: {mean} ± {spread}, by the law {by_law}");
}

fn how_drawn() -> String {
    format!(
        "lines: predicted for infinite width; marks and bars: mean ± standard deviation of {SEEDS} networks of {WIDTH} units"
    )
}

/// Depth and decades for all depths up to `deepest`: half of the logarithm of the product of χ over the layers but the first.
fn law(activation: Activation, gain: f64, deepest: usize) -> Result<Vec<(f64, f64)>, mlp::Error> {
    let theory = MeanField::new(activation)?.weights(gain * gain);
    let mut squared = 0.0;
    let mut decades = vec![(1.0, 0.0)];
    // The inputs have variance 1, and so the first sums σ_w².
    for (depth, q) in (2..=deepest).zip(theory.variances(gain * gain).skip(1)) {
        squared += theory.chi(q).log10();
        decades.push((depth as f64, squared / 2.0));
    }
    Ok(decades)
}

fn remedies() -> Result<(), Box<dyn std::error::Error>> {
    const DEPTH: usize = 50;
    println!("\nThe same for {DEPTH} layers with a remedy; scaled weights make up for the activation's slope:\n");
    let heads = ["none", "scaled", "orthogonal", "shortcuts", "norm", "shortcuts+norm"];
    print!("{:<8}", "");
    heads.iter().for_each(|head| print!("{head:>15}"));
    println!();
    let bar = bar(ACTIVATIONS.len() * heads.len());
    let mut rows = vec![];
    for (activation, gain) in ACTIVATIONS {
        let kinds = [
            plain(),
            Kind { init: Init::lecun_normal().gain(gain), ..plain() },
            Kind { init: Init::orthogonal().gain(gain), ..plain() },
            Kind { shortcut: true, ..plain() },
            Kind { normalised: true, ..plain() },
            Kind { shortcut: true, normalised: true, ..plain() },
        ];
        let mut row = vec![];
        for kind in kinds {
            row.push(decades(DEPTH, activation, kind)?.0);
            bar.inc(1);
        }
        let cells: String = row.iter().map(|mean| format!("{mean:>15.2}")).collect();
        bar.suspend(|| println!("{:<8}{cells}", activation.name()));
        rows.push(row);
    }
    bar.finish_and_clear();
    let [none, scaled, _, shortcuts, norm, both] = rows[0][..] else { unreachable!("six columns") };
    println!("\nLogistic layers: scaled weights win {:.1} decades, shortcuts {:.1},", scaled - none, shortcuts - none);
    println!("normalisation {:.1}, the last two together {:.1}.", norm - none, both - none);
    println!(
        "A shortcut adds to what it passes by: alone it makes rectified gradients grow. With normalisation all hold."
    );
    assert!(none < -30.0 && scaled - none > 20.0 && shortcuts - none > 30.0 && norm - none > 30.0);
    assert!(rows[2][1].abs() < 0.5, "He et al. 2015: σ_w² = 2 keeps what a rectifier passes");
    assert!(rows.iter().all(|row| row[5].abs() < 1.0), "{rows:?}");

    // The first activation again, over all depths; there is no law here for the networks with shortcuts.
    let (activation, gain) = ACTIVATIONS[0];
    let scaled = Kind { init: Init::lecun_normal().gain(gain), ..plain() };
    let shortcut = Kind { shortcut: true, ..plain() };
    let kinds = [
        ("none", plain(), law(activation, 1.0, DEEPEST)?),
        ("weights scaled, σ_w = 4", scaled, law(activation, gain, DEEPEST)?),
        ("shortcuts", shortcut, vec![]),
        ("shortcuts, normalisation", Kind { normalised: true, ..shortcut }, vec![]),
    ];
    let bar = examples::bar(kinds.len() * DEPTHS.len());
    let mut curves = vec![];
    for (name, kind, predicted) in kinds {
        let mut measured = vec![];
        for depth in DEPTHS {
            let (mean, spread) = decades(depth, activation, kind)?;
            measured.push([depth as f64, mean, spread]);
            bar.inc(1);
            if let Some(&(_, by_law)) = predicted.get(depth - 1) {
                hold(name, measured[measured.len() - 1], by_law);
            }
        }
        curves.push(Gradients { name: name.into(), predicted, measured });
    }
    bar.finish_and_clear();
    pictures::gradients("What helps against the vanishing gradient of sigmoid layers", &how_drawn(), &curves)
        .publish("remedies")?;
    Ok(())
}

/// Thirty logistic layers learn to tell a disc from what is around it, or do not.
fn learning() -> Result<(), mlp::Error> {
    const DEPTH: usize = 30;
    let mut rng = StdRng::seed_from_u64(5);
    let inputs: Tensor = Tensor::from_fn([256, 2], |_| rng.random_range(-1.0..1.0));
    let radius = |i: usize| inputs.get([i, 0]).hypot(inputs.get([i, 1]));
    let classes: Vec<usize> = (0..256).map(|i| usize::from(radius(i) < 0.8)).collect();
    let data = Dataset::new(inputs.clone(), classes)?;
    println!("\n{DEPTH} logistic layers, 60 epochs of learning a disc; warnings of the first step:\n");
    let mut accuracies = vec![];
    for (name, kind) in
        [("plain", plain()), ("shortcuts and normalisation", Kind { shortcut: true, normalised: true, ..plain() })]
    {
        let mut rng = StdRng::seed_from_u64(6);
        let model = Sequential::new()
            .then(Linear::new(2, WIDTH, &Init::lecun_normal(), &mut rng)?)
            .then(blocks(DEPTH, Activation::Sigmoid, kind, &mut rng)?)
            .then(Linear::new(WIDTH, 2, &Init::lecun_normal(), &mut rng)?);
        let mut adam = Adam::new(&model.parameters(), 0.003);
        let mut warnings = vec![];
        let trainer = Trainer::new().epochs(60).seed(7).observe_flow(usize::MAX, |_, flow| warnings = flow.warnings());
        let accuracy = trainer.fit(&model, &CrossEntropy, &mut adam, &data, None)?.last().accuracy.unwrap_or(0.0);
        drop(trainer);
        println!("{name}: {:.1} % of the points right, {} warnings", 100.0 * accuracy, warnings.len());
        warnings.iter().take(1).for_each(|warning| println!("  {warning}"));
        accuracies.push(accuracy);
    }
    assert!(accuracies[0] < 0.6 && accuracies[1] > 0.95, "{accuracies:?}");
    Ok(())
}

/// Products of orthogonal matrices stretch nothing; of Gaussian ones, some directions ever more than others.
fn spectra() -> Result<(), Box<dyn std::error::Error>> {
    const DEPTHS: [i32; 3] = [1, 4, 8];
    println!("\nLargest and smallest singular value of deep linear networks of {WIDTH} units:\n");
    println!("layers          orthogonal                Gaussian");
    let x: Tensor = Tensor::ones([1, WIDTH]);
    let mut panels = vec![];
    for (name, init) in [("orthogonal", Init::orthogonal()), ("Gaussian", Init::lecun_normal())] {
        for depth in DEPTHS {
            let mut rng = StdRng::seed_from_u64(9);
            let mut model = Sequential::new();
            for _ in 0..depth {
                model = model.then(Linear::new(WIDTH, WIDTH, &init, &mut rng)?.without_bias());
            }
            let layers = if depth == 1 { "layer" } else { "layers" };
            panels.push((format!("{name}, {depth} {layers}"), singular_values(|x| model.forward(x), &x)));
        }
    }
    for (i, depth) in DEPTHS.into_iter().enumerate() {
        let ends = |values: &[f64]| (values[0], values[WIDTH - 1]);
        let (orthogonal, gaussian) = (ends(&panels[i].1), ends(&panels[DEPTHS.len() + i].1));
        println!("{depth:<8}{:>12.4} {:>8.4}  {:>12.4} {:>10.1e}", orthogonal.0, orthogonal.1, gaussian.0, gaussian.1);
        assert!((orthogonal.0 - 1.0).abs() < 1e-12 && (orthogonal.1 - 1.0).abs() < 1e-12);
        assert!(gaussian.0 / gaussian.1 > 5f64.powi(depth));
    }
    let title = format!("Singular values of deep linear networks of {WIDTH} units");
    pictures::singular_values(&title, &panels, DEPTHS.len()).publish("singular_values")?;
    Ok(())
}

/// `depth` times: normalise, weigh, activate; or some of it, with a shortcut around it or without.
fn blocks(depth: usize, activation: Activation, kind: Kind, rng: &mut StdRng) -> Result<Sequential, mlp::Error> {
    let mut model = Sequential::new();
    for _ in 0..depth {
        let mut block = Sequential::new();
        if kind.normalised {
            block = block.then(LayerNorm::new(WIDTH)?);
        }
        block = block.then(Linear::new(WIDTH, WIDTH, &kind.init, rng)?.without_bias()).then(activation);
        model = if kind.shortcut { model.then(Residual::new(block)) } else { model.then(block) };
    }
    Ok(model)
}

/// Mean and standard deviation over the seeds of the decades by which the gradient changes.
fn decades(depth: usize, activation: Activation, kind: Kind) -> Result<(f64, f64), mlp::Error> {
    let normal = Init::Normal { mean: 0.0, std: 1.0 };
    let mut all = vec![];
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let model = blocks(depth, activation, kind, &mut rng)?;
        let (x, weights): (Tensor, Tensor) = (normal.sample([2, WIDTH], &mut rng), normal.sample([2, WIDTH], &mut rng));
        let flow = Flow::measure(&model, &x, |y| (y * &weights).sum());
        let end = if kind.shortcut { "residual" } else { activation.name() };
        let norms: Vec<f64> = flow
            .layers
            .iter()
            .filter(|layer| layer.kind == end)
            .map(|layer| layer.outputs.gradients.as_ref().map_or(0.0, |gradients| gradients.norm))
            .collect();
        all.push((norms[0] / norms[depth - 1]).log10());
    }
    let [mean, spread] = statistics(&all);
    Ok((mean, spread))
}
