//! The theory of blocks, measured on networks of finite width: how gradients change with depth for each activation and each
//! architecture, and models of layers of the crate beside what is foretold of them.

use autograd::{Param, Parameters, Tape, Tensor, Var};
use mlp::theory::{self, Block, Reader, Signal};
use mlp::{
    Activation, BatchNorm, Conv2d, Dropout, Flow, Function, Init, Join, LayerNorm, Linear, Mlp, Module, Network, PRelu,
    Residual, RmsNorm, Sequential,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::laws::Mean;

const WIDTH: usize = 400;
const SAMPLES: usize = 32;
const DEPTH: usize = 8;
const SEEDS: u64 = 8;

/// a·x + b·f(x)
struct Strength(f64, f64, Sequential);

impl Module for Strength {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x * self.0 + self.2.forward(x) * self.1
    }
    fn parameters(&self) -> Parameters {
        self.2.parameters()
    }
}

/// The architecture of a block, as data and as layers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// φ(x)W + b
    Plain,
    /// 0.9x + 0.5(φ(x)W + b)
    Shortcut,
    /// φ(LN(x))W + b
    Normed,
    /// x + φ(LN(x))W + b
    PreNorm,
    /// x + φ(RMS(x))W + b
    PreRms,
    /// LN(x + φ(xW + b)V + c)
    PostNorm,
}

const KINDS: [Kind; 6] = [Kind::Plain, Kind::Shortcut, Kind::Normed, Kind::PreNorm, Kind::PreRms, Kind::PostNorm];
/// σ_w² and σ_b².
const VARIANCES: [f64; 2] = [1.6, 0.1];

impl Kind {
    fn block(self, activation: impl Module + 'static) -> Block {
        let [weights, biases] = VARIANCES;
        let layer = |block: Block| block.activation(activation).unwrap().linear(weights, biases);
        match self {
            Kind::Plain => layer(Block::new()),
            Kind::Shortcut => Block::new().residual(0.9, 0.5, layer(Block::new())),
            Kind::Normed => layer(Block::new().layer_norm()),
            Kind::PreNorm => Block::new().residual(1.0, 1.0, layer(Block::new().layer_norm())),
            Kind::PreRms => Block::new().residual(1.0, 1.0, layer(Block::new().rms_norm())),
            Kind::PostNorm => Block::new().residual(1.0, 1.0, layer(Block::new().linear(weights, biases))).layer_norm(),
        }
    }

    /// With layers from `draw`.
    fn model(self, activation: impl Module + 'static, draw: &mut impl FnMut() -> Linear) -> Sequential {
        let (first, next) = (Sequential::new(), draw());
        let first = match self {
            Kind::Normed | Kind::PreNorm => first.then(LayerNorm::new(WIDTH).unwrap()),
            Kind::PreRms => first.then(RmsNorm::new(WIDTH).unwrap()),
            Kind::PostNorm => first.then(draw()),
            Kind::Plain | Kind::Shortcut => first,
        };
        let layer = first.then(activation).then(next);
        match self {
            Kind::Plain | Kind::Normed => layer,
            Kind::Shortcut => Sequential::new().then(Strength(0.9, 0.5, layer)),
            Kind::PreNorm | Kind::PreRms => Sequential::new().then(Residual::new(layer)),
            Kind::PostNorm => Sequential::new().then(Residual::new(layer)).then(LayerNorm::new(WIDTH).unwrap()),
        }
    }
}

pub(crate) fn normal(shape: [usize; 2], std: f64, rng: &mut StdRng) -> Tensor {
    Init::Normal { mean: 0.0, std }.sample(shape, rng)
}

/// Layers of a seed, drawn once for all architectures, since drawing is what takes the time; a model must not meet one twice.
fn layers(seed: u64) -> Vec<Linear> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let [weights, biases] = VARIANCES;
    let (weights, biases) = (Init::lecun_normal().gain(weights.sqrt()), Init::Normal { mean: 0.0, std: biases.sqrt() });
    (0..2 * DEPTH).map(|_| Linear::with_biases(WIDTH, WIDTH, &weights, &biases, rng).unwrap()).collect()
}

/// ln of what a network multiplies the mean squared gradient by, for each block.
fn decay(model: &impl Module, blocks: usize, samples: usize, training: bool, rng: &mut StdRng) -> f64 {
    let tape = Tape::new();
    if training {
        tape.train(1);
    }
    let width = model.parameters().iter().map(|(_, param)| param.shape()[0]).max().unwrap();
    let x = tape.var(normal([samples, width], 1.0, rng));
    let y = model.forward(x);
    let u = normal([samples, width], 1.0, rng);
    let dx = (y * &u).sum().backward()[x].clone();
    (dx.square().mean() / u.square().mean()).ln() / blocks as f64
}

/// Holds the decay of each seed against the product of χ to 3 % a block.
#[track_caller]
fn assert_decay(what: &str, block: &Block, blocks: usize, logs: &[f64]) {
    let steps: Vec<_> = block.steps(&Signal::normal(1.0)).unwrap().skip(1).take(blocks).collect();
    assert_eq!(steps.len(), blocks);
    let exact = steps.iter().map(|step| step.chi.ln()).sum::<f64>() / blocks as f64;
    let Mean { value: mean, error } = Mean::of(logs);
    println!("{what}: {:.4} a block, measured {:.4} ± {error:.4}", exact.exp(), mean.exp());
    // The dice must not decide: they may blur no more than a third of the 3 %, which three standard errors then fill.
    assert!(error < 0.01, "{what}: standard error {error}");
    assert!(((mean - exact).exp() - 1.0).abs() < 0.03, "{what}: {exact} foretold, {mean} ± {error} measured");
}

fn held<M: Module + 'static>(activation: impl Fn() -> M, name: &str) {
    let drawn: Vec<_> = (0..SEEDS).map(layers).collect();
    for kind in KINDS {
        let measure = |(seed, layers): (u64, &Vec<Linear>)| {
            let mut layers = layers.iter().cloned();
            let mut draw = || layers.next().unwrap();
            let model = (0..DEPTH).fold(Sequential::new(), |all, _| all.then(kind.model(activation(), &mut draw)));
            decay(&model, DEPTH, SAMPLES, false, &mut StdRng::seed_from_u64(seed + 100))
        };
        let logs: Vec<f64> = (0..).zip(&drawn).map(measure).collect();
        assert_decay(&format!("{name}, {kind:?}"), &kind.block(activation()), DEPTH, &logs);
    }
}

#[test]
fn relu_in_every_architecture() {
    held(|| Activation::Relu, "relu");
}

#[test]
fn tanh_in_every_architecture() {
    held(|| Activation::Tanh, "tanh");
}

#[test]
fn a_function_of_ones_own_in_every_architecture() {
    // Neither odd nor monotonic.
    held(|| Function::new("wave", |z: Var| z.sin() + z.square() * 0.2), "wave");
}

/// Batches of 256: the theory is for large ones, and errs by about 1/256 a block (Yang et al. 2019: (B − 2)/(B − 3) for linear
/// layers).
#[test]
fn batch_norm_makes_gradients_explode() {
    const BATCH: usize = 256;
    const WIDTH: usize = 200;
    const DEPTH: usize = 6;
    let branch = |activation| Block::new().batch_norm().activation(activation).unwrap().linear(2.0, 0.1);
    for (activation, shortcut) in [(Activation::Relu, false), (Activation::Tanh, false), (Activation::Relu, true)] {
        let block = if shortcut { Block::new().residual(1.0, 1.0, branch(activation)) } else { branch(activation) };
        let (weights, biases) = (Init::he_normal(), Init::Normal { mean: 0.0, std: 0.1f64.sqrt() });
        let measure = |seed| {
            let rng = &mut StdRng::seed_from_u64(seed);
            let mut model = Sequential::new();
            for _ in 0..DEPTH {
                let linear = Linear::with_biases(WIDTH, WIDTH, &weights, &biases, rng).unwrap();
                let layer = Sequential::new().then(BatchNorm::new(WIDTH).unwrap()).then(activation).then(linear);
                model = if shortcut { model.then(Residual::new(layer)) } else { model.then(layer) };
            }
            decay(&model, DEPTH, BATCH, true, rng)
        };
        let logs: Vec<f64> = (0..3).map(measure).collect();
        assert_decay(&format!("{activation}, batch norm, shortcut: {shortcut}"), &block, DEPTH, &logs);
    }
}

#[test]
fn dropout_makes_gradients_grow() {
    const WIDTH: usize = 200;
    const DEPTH: usize = 6;
    let block = Block::new().activation(Activation::Tanh).unwrap().dropout(0.3).linear(1.6, 0.1);
    let (weights, biases) = (Init::lecun_normal().gain(1.6f64.sqrt()), Init::Normal { mean: 0.0, std: 0.1f64.sqrt() });
    let measure = |seed| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let model = (0..DEPTH).fold(Sequential::new(), |model, _| {
            let linear = Linear::with_biases(WIDTH, WIDTH, &weights, &biases, rng).unwrap();
            model.then(Activation::Tanh).then(Dropout::new(0.3).unwrap()).then(linear)
        });
        decay(&model, DEPTH, 64, true, rng)
    };
    let logs: Vec<f64> = (0..4).map(measure).collect();
    assert_decay("tanh, dropout", &block, DEPTH, &logs);
}

/// Holds every row of what is foretold of models of 16 seeds against their flows. Of one network of ten layers and 200 units
/// the logarithms stray by some 0.2 (rectifiers: by √(5·layers/units), if all samples are alike); the mean of 16 must lie within
/// four standard errors of the forecast and `bias`, and those below 0.08, so that a factor of 1.4 is seen in any row.
#[track_caller]
pub(crate) fn assert_foretold<M: Module>(model: impl Fn(&mut StdRng) -> M, x: &Tensor, bias: [f64; 2]) {
    const SEEDS: u64 = 16;
    let mut rows: Vec<(String, [Vec<f64>; 2])> = vec![];
    for seed in 0..SEEDS {
        let rng = &mut StdRng::seed_from_u64(seed);
        let model = model(rng);
        let u: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample(model.predict(x).shape(), rng);
        let flow = Flow::measure(&model, x, |y| (y * &u).sum());
        let forecast = theory::of(&model).unwrap().forecast(&Signal::of(x).unwrap()).unwrap();
        let beside = forecast.beside(&flow).unwrap();
        assert_eq!(beside.rows.len(), flow.layers.len());
        for (i, (row, layer)) in beside.rows.iter().zip(&flow.layers).enumerate() {
            assert_eq!((&row.name, &row.kind), (&layer.name, &layer.kind));
            if seed == 0 {
                rows.push((format!("{} {}", row.name, row.kind), [vec![], vec![]]));
            }
            rows[i].1[0].push((row.measured_square / row.square).ln());
            rows[i].1[1].push((row.measured_gradient.unwrap() / row.gradient).ln());
        }
    }
    for (name, logs) in rows {
        for ((logs, what), bias) in logs.iter().zip(["square", "gradient"]).zip(bias) {
            let Mean { value: mean, error } = Mean::of(logs);
            println!("{name}, {what}: {mean:.3} ± {error:.3}");
            assert!(error < 0.08, "{name}, {what}: standard error {error}");
            assert!(mean.abs() < 4.0 * error + bias, "{name}, {what}: off by a factor of {}", mean.exp());
        }
    }
}

/// The mean logarithm lies below the logarithm of the mean by half of the variance, at most 5·layers/(2·units).
pub(crate) const OF_WIDTH: [f64; 2] = [0.05; 2];

#[test]
fn models_are_read_and_foretold() {
    let x: Tensor = normal([32, 100], 1.5, &mut StdRng::seed_from_u64(3));
    let he = |from, to, rng: &mut StdRng| Linear::new(from, to, &Init::he_normal(), rng).unwrap();

    let layers = || {
        (0..5).fold(Mlp::new(100), |layers, _| layers.hidden(200, Activation::Relu)).output(50, Activation::Identity)
    };
    assert_foretold(|rng| layers().build::<f64>(rng).unwrap(), &x, OF_WIDTH);

    // With norms whose factors and offsets are not those of new ones.
    let transformed = |rng: &mut StdRng| {
        let mut model = Sequential::new().then(he(100, 200, rng));
        for _ in 0..4 {
            let norm = LayerNorm::new(200).unwrap();
            norm.gain.set(Tensor::full([200], 0.7));
            norm.shift.set(Init::Normal { mean: 0.0, std: 0.5 }.sample([200], rng));
            let branch = Sequential::new().then(norm).then(Activation::Gelu).then(he(200, 200, rng));
            model = model.then(Residual::new(branch)).then(RmsNorm::new(200).unwrap());
        }
        model.then(Dropout::new(0.5).unwrap()).then(he(200, 100, rng))
    };
    assert_foretold(transformed, &x, OF_WIDTH);

    let network = |rng: &mut StdRng| {
        let network = Network::new(["x"])
            .part("first", "x", he(100, 200, rng))
            .part("norm", "first", BatchNorm::new(200).unwrap())
            .part("bent", "norm", Activation::LeakyRelu(0.1))
            .part("second", "bent", he(200, 200, rng))
            .join("sum", Join::Add, ["first", "second"])
            .part("last", "sum", he(200, 50, rng));
        network.outputs(["last"]).unwrap()
    };
    assert_foretold(network, &x, OF_WIDTH);
}

#[test]
fn convolutions_have_their_inputs_as_fan() {
    // 4·3·3 inputs; 16 × 16 places, of which the border sees fewer.
    let conv = |from, to, rng: &mut StdRng| {
        Conv2d::new(from, to, 3, autograd::Conv::new().padding(1), &Init::he_normal(), rng).unwrap()
    };
    let model = |rng: &mut StdRng| {
        Sequential::new().then(conv(4, 32, rng)).then(Activation::Relu).then(conv(32, 32, rng)).then(Activation::Relu)
    };
    let x: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([8, 4, 16, 16], &mut StdRng::seed_from_u64(4));
    // Of 16² places 60 have a border, which cuts a third of the window off: 8 % of the inputs are missing in each layer.
    assert_foretold(model, &x, [0.17, 0.12]);
}

#[test]
fn training_and_functions_of_ones_own_are_read() {
    // A chessboard of ±1/4: the mean is 0 and 16 times the mean square is 1, exactly.
    let chessboard = || Tensor::from_fn([16, 16], |i| if (i[0] + i[1]).is_multiple_of(2) { 0.25 } else { -0.25 });
    let layer = || Linear { w: Param::new(chessboard()), b: None };
    let model = Sequential::new()
        .then(layer())
        .then(BatchNorm::new(16).unwrap())
        .then(Function::new("sine", |z: Var| z.sin()))
        .then(Residual::new(Sequential::new().then(layer()).then(Dropout::new(0.3).unwrap())))
        .then(PRelu::new(1).unwrap());
    let reader = || Reader::new().activation("sine", Function::new("sine", |z: Var| z.sin())).unwrap();
    let read = |reader: Reader| reader.read(&model).unwrap().to_string();
    let linear = "linear(σ_w² = 1, σ_b² = 0)";
    let training = format!("{linear} → batch_norm → sine → (x + {linear} → dropout(0.3)) → leaky_relu(0.25)");
    assert_eq!(read(reader().training()), training);
    let evaluation = format!(
        "{linear} → affine(γ² = 0.9999900000999989, β² = 0) → sine → (x + {linear} → dropout(0)) → leaky_relu(0.25)"
    );
    assert_eq!(read(reader()), evaluation);
    // The last activation reads the sum of sums and what is not normal.
    let error = reader().read(&model).unwrap().forecast(&Signal::normal(1.0)).unwrap_err().to_string();
    assert!(error.starts_with("mean_field: 4 (leaky_relu(0.25)): it reads values that are not normal"), "{error}");
}

/// Samples of data with a mean in common: a batch norm takes it away, which the theory knows from the data.
#[test]
fn batches_of_data_are_followed_where_norms_need_it() {
    let rng = &mut StdRng::seed_from_u64(7);
    let shared: Tensor = normal([1, 100], 1.0, rng);
    let x: Tensor = normal([256, 100], 0.5, rng) + &shared;
    let signal = Signal::of(&x).unwrap();
    assert!((signal.correlation().unwrap() - 0.8).abs() < 0.05, "{signal:?}");
    let linear = || Linear::new(100, 100, &Init::lecun_normal(), &mut StdRng::seed_from_u64(8)).unwrap();
    let model = Sequential::new().then(linear()).then(BatchNorm::new(100).unwrap()).then(Activation::Tanh);
    let forecast = Reader::new().training().read(&model).unwrap().forecast(&signal).unwrap();
    let tape = Tape::new();
    tape.train(0);
    let x = tape.var(x);
    let y = model.forward(x);
    let u: Tensor = normal([256, 100], 1.0, rng);
    let dx = (y * &u).sum().backward()[x].clone();
    let ratio = dx.square().sum() / u.square().sum() / forecast.inputs;
    // Behind one layer of 100 units: by 1/√100 for the variances of the units, which are averaged as 1/variance.
    assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    assert!(forecast.inputs > 1.5, "less than a quarter of the square is left to the norm: {}", forecast.inputs);
}
