//! A variational autoencoder: it learns to write digits, by coding pictures of them as a few normal numbers.
//!
//! A decoder p(x|z, digit) turns a code z ~ N(0, 1) into a picture of a digit, and an encoder q(z|x, digit) = N(μ, σ²) guesses the code
//! of a picture. Both learn by raising a lower bound of ln p(x|digit) (Kingma & Welling 2014; with the digit given, so that the code is
//! left with the style: Kingma, Mohamed, Rezende & Welling 2014):
//!
//!   ELBO = E ln p(x|z, digit) − KL(q(z|x, digit) ‖ N(0, 1))
//!
//! The expectation is over z, and through a random number goes no gradient. So z is written as μ + σ·ε with ε ~ N(0, 1), and the
//! gradient goes through μ and σ: the reparameterisation trick. A pixel is the number of inked dots among 16, and its distribution
//! is binomial. So the bound is one of a probability, and can be held against those by other models.
//!
//! The picture goes to the folder given as argument, else beside the program.

use autograd::{Parameters, Scalar, Tape, Tensor, Var};
use examples::{normal, pictures};
use mlp::metrics::accuracy;
use mlp::{Activation, Adam, CrossEntropy, Dataset, Error, Mlp, Module, Optimizer, Targets, Trainer};
use rand::{Rng, SeedableRng, rngs::StdRng};

const PIXELS: usize = 64;
const DOTS: f64 = 16.0; // in a pixel
const CODE: usize = 4;
const HIDDEN: usize = 128;
const EPOCHS: usize = 100;

struct Autoencoder {
    encoder: Mlp, // x, digit ↦ μ, ln σ²
    decoder: Mlp, // z, digit ↦ log-odds of a dot, pixel by pixel
}

impl Autoencoder {
    fn new(rng: &mut impl Rng) -> Result<Self, Error> {
        let network = |inputs: usize, outputs| {
            let hidden = Mlp::new(inputs + 10).hidden(HIDDEN, Activation::Relu).hidden(HIDDEN, Activation::Relu);
            hidden.output(outputs, Activation::Identity)
        };
        Ok(Autoencoder { encoder: network(PIXELS, 2 * CODE).build(rng)?, decoder: network(CODE, PIXELS).build(rng)? })
    }

    fn parameters(&self) -> Parameters {
        let encoder = Parameters::new().with_all("encoder", &self.encoder.parameters());
        encoder.with_all("decoder", &self.decoder.parameters())
    }

    /// μ and ln σ², each (n, code).
    fn encode<'t>(&self, x: Var<'t>, digits: &[usize]) -> [Var<'t>; 2] {
        let both = self.encoder.forward(beside(x, digits));
        [both.slice(1, 0..CODE), both.slice(1, CODE..2 * CODE)]
    }

    /// Log-odds of a dot (n, pixels), for codes (n, code).
    fn decode<'t>(&self, z: Var<'t>, digits: &[usize]) -> Var<'t> {
        self.decoder.forward(beside(z, digits))
    }

    /// The ELBO by one z for each picture, on average over pictures (n, pixels).
    fn elbo<'t>(&self, x: Var<'t>, digits: &[usize], rng: &mut impl Rng) -> Scalar<'t> {
        let [mean, log_variance] = self.encode(x, digits);
        let noise = x.tape().constant(normal(rng, [digits.len(), CODE], 1.0).value());
        let z = mean + (log_variance * 0.5).exp() * noise;
        let divergence = ((mean.square() + log_variance.exp() - log_variance - 1.0) * 0.5).sum_axis(1);
        (log_binomial(x, self.decode(z, digits)) - divergence).mean()
    }

    /// The ELBO by many z for each picture.
    fn bound(&self, data: &Dataset, rng: &mut impl Rng) -> f64 {
        const DRAWS: usize = 20;
        let draw = |_| self.elbo(Tape::values_only().constant(data.inputs()), digits(data), rng).value();
        (0..DRAWS).map(draw).sum::<f64>() / DRAWS as f64
    }
}

/// Rows with their digits as further columns, of 0 and 1.
fn beside<'t>(x: Var<'t>, digits: &[usize]) -> Var<'t> {
    Var::concat(&[x, x.tape().constant(Tensor::one_hot(digits, 10))], 1)
}

/// ln p(x) for each picture (n, pixels) of shares of dots inked, each dot with log-odds l: ln C(16, 16x) + 16·(x·l − ln(1 + eˡ)).
fn log_binomial<'t>(x: Var<'t>, l: Var<'t>) -> Var<'t> {
    let factorial = |n: Tensor| (n + 1.0).lgamma();
    let inked = x.value() * DOTS;
    let ways = factorial(Tensor::from(DOTS)) - factorial(DOTS - &inked) - factorial(inked);
    ((x * l - l.softplus()) * DOTS + x.tape().constant(ways)).sum_axis(1)
}

fn digits(data: &Dataset) -> &[usize] {
    let Targets::Classes(digits) = data.targets() else { unreachable!("digits are classes") };
    digits
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (pixels, labels) = examples::digits::<f64>()?;
    let data = Dataset::new(pixels / DOTS, labels)?;
    let (train, test) = data.split(0.2, 1)?;
    let rng = &mut StdRng::seed_from_u64(1);
    let model = Autoencoder::new(rng)?;

    println!(
        "1. {} pictures are learned; ELBO in nats for each\n{:>8} {:>10} {:>10}",
        train.len(),
        "epoch",
        "learned",
        "held out"
    );
    let mut adam = Adam::new(&model.parameters(), 2e-3).weight_decay(0.01);
    let mut tape = Tape::new();
    for epoch in 1..=EPOCHS {
        for batch in train.batches(64, Some(epoch as u64))? {
            tape.clear();
            let loss = -model.elbo(tape.constant(batch.inputs()), digits(&batch), rng);
            adam.step(&loss.backward());
        }
        if epoch == 1 || epoch % 20 == 0 {
            let [learned, held_out] = [&train, &test].map(|data| model.bound(data, rng));
            println!("{epoch:>8} {learned:>10.2} {held_out:>10.2}");
        }
    }

    // What a decoder without a code would learn: of each digit, the mean picture.
    let of = |digit| (0..train.len()).filter(|&i| digits(&train)[i] == digit).collect::<Vec<_>>();
    let means: Vec<Tensor> = (0..10).map(|digit| train.inputs().take(0, &of(digit)).mean_axis(0)).collect();
    let means = Tensor::stack(&means, 0).clamp(1e-3, 1.0 - 1e-3);
    let odds = tape.constant(means.logit().take(0, digits(&test)));
    let without = log_binomial(tape.constant(test.inputs()), odds).mean().value();
    let reached = model.bound(&test, rng);
    println!(
        "\n2. {} pictures held out: ln p(x|digit) is {reached:.1} at least, {without:.1} without a code",
        test.len()
    );

    println!(
        "\n3. Each digit is drawn with 100 codes from N(0, 1), and read by a classifier that learned from pictures"
    );
    let layers = Mlp::new(PIXELS).hidden(64, Activation::Relu).output(10, Activation::Identity);
    let reader = layers.build(&mut StdRng::seed_from_u64(2))?;
    let mut steps = Adam::new(&reader.parameters(), 2e-3);
    Trainer::new().epochs(30).progress(false).fit(&reader, &CrossEntropy, &mut steps, &train, None)?;
    let asked: Vec<usize> = (0..1000).map(|i| i % 10).collect();
    let codes = normal(rng, [100, CODE], 1.0).value().take(0, &(0..1000).map(|i| i / 10).collect::<Vec<_>>());
    let drawn = model.decode(Tape::values_only().constant(codes), &asked).sigmoid().value();
    println!("   {:<10} {:>12} {:>10}", "", "read right", "surely");
    let judged = |name, pictures: &Tensor, digits: &[usize]| -> Result<[f64; 2], Error> {
        let outputs = reader.predict(pictures);
        let (right, sure) = (accuracy(&outputs, digits)?, outputs.softmax(1).max_axis(1).mean());
        println!("   {name:<10} {:>10.1} % {:>8.1} %", 100.0 * right, 100.0 * sure);
        Ok([right, sure])
    };
    judged("held out", test.inputs(), digits(&test))?;
    let [right_drawn, sure_drawn] = judged("drawn", &drawn, &asked)?;

    let shown = test.select(&(0..10).collect::<Vec<_>>())?;
    let [codes, _] = model.encode(tape.constant(shown.inputs()), digits(&shown));
    let again = model.decode(codes, digits(&shown)).sigmoid().value();
    let rows = [
        ("held out", shown.inputs().clone()),
        ("coded and decoded", again),
        ("drawn: in each row one code, in each column one digit", drawn.slice(0, 0..50)),
    ];
    pictures::images("A variational autoencoder", &rows, 10).publish("vae")?;

    assert!(reached > without + 50.0, "the bound {reached}, {without} without a code");
    assert!(right_drawn > 0.85 && sure_drawn > 0.85, "of the drawn, {right_drawn} are read right");
    Ok(())
}
