//! What happens while a network trains: sharpness, gradient noise, ranks, and the edge of stability.

use std::fs;
use std::ops::ControlFlow;

use autograd::{Float, Param, Tensor};
use mlp::dynamics::{
    Curvature, EffectiveRanks, Lanczos, NoiseScale, TrackSharpness, effective_rank, participation_ratio,
};
use mlp::infinite::tangent_kernel;
use mlp::train::{Callback, JsonLines, Learner, Step, load_json_lines};
use mlp::{
    Activation, CrossEntropy, Dataset, Dropout, Embedding, Error, Flatten, Init, L1, Linear, Loss, Mlp, Module, Mse,
    Sequential, Sgd, Stopped, Trainer, advise, one_hot,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A symmetric matrix of these eigenvalues, in the basis that a Householder reflection and a shift of places make.
fn rotated(eigenvalues: &[f64]) -> impl Fn(&[f64]) -> Result<Vec<f64>, Error> + '_ {
    let n = eigenvalues.len();
    let u: Vec<f64> = (0..n).map(|i| ((i * i + 1) as f64).sin()).collect();
    let square: f64 = u.iter().map(|u| u * u).sum();
    let reflect = move |v: &[f64]| -> Vec<f64> {
        let along: f64 = 2.0 / square * u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
        v.iter().zip(&u).map(|(v, u)| v - along * u).collect()
    };
    move |v| {
        let inner: Vec<f64> = reflect(v).iter().zip(eigenvalues).map(|(v, e)| v * e).collect();
        Ok(reflect(&inner))
    }
}

#[test]
fn eigenvalues_of_known_matrices_are_found_from_both_ends() {
    let known: Vec<f64> = (0..300).map(|i| f64::from(i % 17) - 8.0 + f64::from(i) / 50.0).collect();
    let mut sorted = known.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let lanczos = Lanczos::new().largest(4).smallest(3).tolerance(1e-8).steps(300);
    let found = lanczos.run(300, rotated(&known)).unwrap();
    for (found, expected) in found.largest.iter().zip(&sorted) {
        assert!((found.value - expected).abs() < 1e-7, "{found:?} {expected}");
    }
    for (found, expected) in found.smallest.iter().zip(sorted.iter().rev()) {
        assert!((found.value - expected).abs() < 1e-7, "{found:?} {expected}");
    }
    assert_eq!((found.largest.len(), found.smallest.len()), (4, 3));
    assert!(found.products < 300, "{}", found.products);
    assert_eq!(lanczos.run(300, rotated(&known)).unwrap(), found, "the seed decides the bits");
    assert_ne!(lanczos.seed(1).run(300, rotated(&known)).unwrap(), found);

    // A loose tolerance takes fewer products, and its bounds hold.
    for tolerance in [0.1, 1e-2, 1e-4] {
        let loose = Lanczos::new().tolerance(tolerance).smallest(1).run(300, rotated(&known)).unwrap();
        assert!(loose.products < found.products);
        for value in loose.largest.iter().chain(&loose.smallest) {
            let nearest = known.iter().map(|e| (e - value.value).abs()).fold(f64::INFINITY, f64::min);
            assert!(nearest <= value.error + 1e-12 && value.error <= tolerance * 14.0, "{value:?} {nearest}");
        }
    }
    // Too few steps: the bound says how far it may be off.
    let early = Lanczos::new().steps(3).run(300, rotated(&known)).unwrap();
    assert!(early.products == 3 && early.largest[0].error > 0.1 && early.largest[0].value < sorted[0], "{early:?}");
}

#[test]
fn small_and_degenerate_matrices_are_no_special_case() {
    let values = |found: &[mlp::dynamics::Eigenvalue]| found.iter().map(|found| found.value).collect::<Vec<_>>();
    let run = |eigenvalues: &[f64]| Lanczos::new().largest(3).smallest(1).run(eigenvalues.len(), rotated(eigenvalues));
    assert!((run(&[7.0]).unwrap().largest[0].value - 7.0).abs() < 1e-14);
    let zero = run(&[0.0; 5]).unwrap();
    assert_eq!((values(&zero.largest), zero.products), (vec![0.0], 1));
    // Two different eigenvalues: the space is exhausted after two products, whatever their number.
    let two = run(&[3.0, -1.0, 3.0, 3.0, -1.0]).unwrap();
    assert!((two.largest[0].value - 3.0).abs() < 1e-12 && (two.smallest[0].value + 1.0).abs() < 1e-12, "{two:?}");
    let all = run(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    for (found, expected) in all.largest.iter().zip([4.0, 3.0, 2.0]) {
        assert!((found.value - expected).abs() < 1e-12, "{all:?}");
    }
}

fn data<T: Float>(n: usize) -> Dataset<T> {
    let inputs = Tensor::from_fn([n, 3], |i| T::from_f64(((i[0] * 3 + i[1]) as f64 * 1.7).sin()));
    let labels: Vec<usize> = (0..n).map(|i| i * i % 5 % 3).collect();
    Dataset::new(inputs, labels).unwrap()
}

fn network<T: Float>(seed: u64) -> Mlp<T> {
    let layers = Mlp::new(3).hidden(5, Activation::Tanh).output(3, Activation::Identity);
    layers.build(&mut StdRng::seed_from_u64(seed)).unwrap()
}

/// The full Hessian of the mean loss.
fn hessian(model: &Mlp, data: &Dataset) -> Tensor {
    model.parameters().hessian(|tape| {
        let y = model.forward(tape.constant(data.inputs().clone()));
        CrossEntropy.mean(y, data.targets()).unwrap()
    })
}

/// All eigenvalues of a symmetric matrix, in descending order.
fn eigenvalues(matrix: &Tensor) -> Vec<f64> {
    let mut values = matrix.eigvalsh().to_vec();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

#[test]
fn eigenvalues_of_a_network_are_those_of_its_full_hessian() {
    let (model, data): (Mlp, _) = (network(1), data(20));
    let full = hessian(&model, &data);
    let expected = eigenvalues(&full);
    let curvature = Curvature::new(&model, &CrossEntropy, &data);
    let exact = Lanczos::new().largest(5).smallest(2).tolerance(1e-10);
    let found = curvature.lanczos(exact).eigenvalues().unwrap();
    let scale = expected[0];
    for (found, expected) in found.largest.iter().zip(&expected).chain(found.smallest.iter().zip(expected.iter().rev()))
    {
        assert!((found.value - expected).abs() < 1e-9 * scale, "{found:?} {expected}");
    }
    assert!(expected[expected.len() - 1] < -1e-4 * scale, "the test needs negative curvature: {expected:?}");
    assert!((curvature.sharpness().unwrap() / scale - 1.0).abs() < 1e-3);

    let v: Vec<f64> = (0..expected.len()).map(|i| (i as f64).cos()).collect();
    let product = full.matmul(&Tensor::from(v.clone()).reshape([v.len(), 1])).to_vec();
    for batches in [20, 7, 1] {
        let found = curvature.batch_size(batches).product(&v).unwrap();
        assert!(found.iter().zip(&product).all(|(a, b)| (a - b).abs() < 1e-12 * scale), "batches of {batches}");
    }
    let batched = curvature.batch_size(6).lanczos(exact).eigenvalues().unwrap();
    assert!((batched.largest[0].value - expected[0]).abs() < 1e-9 * scale);

    let single: Mlp<f32> = network(1);
    let sharpness = Curvature::new(&single, &CrossEntropy, &self::data(20)).sharpness().unwrap();
    assert!((sharpness / scale - 1.0).abs() < 2e-3, "{sharpness} {scale}");
}

#[test]
fn weights_frozen_and_shared_parameters_count_as_in_training() {
    // E = Σ w_i (x_i·a)²/Σ w_i: the Hessian is 2·(1·1 + 3·4)/4.
    let inputs = Tensor::from([[1.0], [2.0], [9.0]]);
    let weighted = Dataset::new(inputs, Tensor::zeros([3, 1])).unwrap().with_weights(vec![1.0, 3.0, 0.0]).unwrap();
    let a = Param::new([[1.0]]);
    let linear = Linear { w: a.clone(), b: Some(Param::new([0.0])) };
    linear.b.as_ref().unwrap().freeze();
    for size in 1..=3 {
        let sharpness = Curvature::new(&linear, &Mse, &weighted).batch_size(size).sharpness().unwrap();
        assert!((sharpness - 6.5).abs() < 1e-12, "batches of {size}: {sharpness}");
    }
    // (a²x)² has the second derivative 12a²x⁴; the parameter is moved once.
    let tied = Sequential::new().then(Linear { w: a.clone(), b: None }).then(Linear { w: a, b: None });
    let one = Dataset::new(Tensor::from([[1.0]]), Tensor::zeros([1, 1])).unwrap();
    assert!((Curvature::new(&tied, &Mse, &one).sharpness().unwrap() - 12.0).abs() < 1e-12);
    // No curvature at all: |ax| is straight, and so is what does not depend on the parameters.
    assert_eq!(Curvature::new(&linear, &L1, &weighted).sharpness().unwrap(), 0.0);
    let flat = Sequential::new().then(Linear { w: Param::new([[1.0]]), b: None }).then(Activation::UnitStep);
    assert_eq!(Curvature::new(&flat, &Mse, &weighted).sharpness().unwrap(), 0.0);
    // Evaluation mode: dropout is off.
    let dropped = Sequential::new().then(Dropout::new(0.5).unwrap()).then(linear);
    assert!((Curvature::new(&dropped, &Mse, &weighted).sharpness().unwrap() - 6.5).abs() < 1e-12);
}

#[test]
fn what_cannot_be_measured_is_an_error_in_words() {
    let (model, data): (Mlp, _) = (network(1), data(20));
    let curvature = Curvature::new(&model, &CrossEntropy, &data);
    let said = |curvature: Curvature<'_>| curvature.eigenvalues().unwrap_err().to_string();
    assert_eq!(
        said(curvature.lanczos(Lanczos::new().steps(0))),
        "lanczos: 1 eigenvalues of a matrix of 38 rows in 0 steps; all must be above 0"
    );
    assert_eq!(
        said(curvature.lanczos(Lanczos::new().tolerance(f64::NAN))),
        "lanczos: the tolerance NaN is not a number ≥ 0"
    );
    assert!(said(curvature.batch_size(0)).contains('0'), "{}", said(curvature.batch_size(0)));
    assert!(said(Curvature::new(&model, &Mse, &data)).starts_with("mse: "));
    assert_eq!(
        curvature.product(&[1.0]).unwrap_err().to_string(),
        "curvature: a direction of 1 values for 38 values of parameters; give one for each"
    );
    model.layers()[0].linear.w.set(Tensor::full([3, 5], f64::NAN));
    assert!(said(curvature).starts_with("lanczos: a product with the matrix holds NaN"), "{}", said(curvature));
    model.parameters().params().for_each(Param::freeze);
    assert_eq!(said(curvature), "curvature: the model has no values of parameters that are not frozen; unfreeze one");

    let noise = |b, seed| {
        NoiseScale::measure(&network::<f64>(1), &CrossEntropy, &self::data(20), b, seed).unwrap_err().to_string()
    };
    assert_eq!(noise(11, 0), "noise scale: 20 samples make 1 batches of 11; at least 2 are needed");
    let of = |small, large| NoiseScale::of_norms(small, large).unwrap_err().to_string();
    assert_eq!(of((4, 1.0), (4, 1.0)), "noise scale: batches of 4 and 4 samples; it takes 0 < small < large");
    assert_eq!(
        of((1, f64::NAN), (4, 1.0)),
        "noise scale: the squared norm NaN of a gradient is not a finite number ≥ 0"
    );
}

#[test]
fn the_noise_scale_is_unbiased_over_draws() {
    // E = mean (w − x)² at w = 0, x of mean 1 and variance 9: G = −2, tr Σ = 36, scale 9.
    let mut rng = StdRng::seed_from_u64(3);
    let model = Linear { w: Param::new([[0.0]]), b: None };
    let (mut gradient, mut noise) = (0.0, 0.0);
    const DRAWS: u64 = 400;
    for seed in 0..DRAWS {
        let targets = Init::Normal { mean: 1.0, std: 3.0 }.sample([24, 1], &mut rng);
        let data = Dataset::new(Tensor::ones([24, 1]), targets).unwrap();
        let found = NoiseScale::measure(&model, &Mse, &data, 4, seed).unwrap();
        gradient += found.gradient / DRAWS as f64;
        noise += found.noise / DRAWS as f64;
    }
    // The biased |G_B|² would be 4 + 36/24 = 5.5. Deviations of the means: about 0.27 and 1.2.
    assert!((gradient - 4.0).abs() < 0.8, "{gradient}");
    assert!((noise - 36.0).abs() < 3.6, "{noise}");
    assert_eq!(NoiseScale::of_norms((1, 5.0), (2, 2.0)).unwrap().scale(), None, "noise hides the gradient");
}

#[test]
fn ranks_tell_in_how_many_directions_activations_spread() {
    let rows = |k: usize| Tensor::from_fn([60, 6], |i| f64::from(u8::from(i[0] % k == i[1])));
    for k in 1..=6 {
        assert!((effective_rank(&rows(k)) - k as f64).abs() < 1e-10, "{k}");
    }
    // k alternatives, alike in number, vary in k − 1 directions, and alike in each.
    for k in 1..=6 {
        assert!((participation_ratio(&rows(k)) - (k - 1) as f64).abs() < 1e-9, "{k}");
    }
    assert!(
        (effective_rank(&(rows(4) * 1e-200)) - 4.0).abs() < 1e-10
            && (effective_rank(&(rows(4) * 1e200)) - 4.0).abs() < 1e-10
    );
    assert_eq!(effective_rank(&Tensor::<f64>::zeros([3, 2])), 0.0);
    assert_eq!(effective_rank(&Tensor::<f64>::zeros([0, 2])), 0.0);
    assert!(effective_rank(&Tensor::from([[1.0, f64::NAN]])).is_nan());
    assert!(participation_ratio(&Tensor::from([[1.0, f64::INFINITY], [0.0, 1.0]])).is_nan());

    let ranks = EffectiveRanks::measure(&network::<f32>(1), data(20).inputs());
    let seen: Vec<_> =
        ranks.layers.iter().map(|layer| (layer.name.as_str(), layer.kind.as_str(), layer.units)).collect();
    assert_eq!(seen, [("layers.0", "tanh", 5), ("layers.1", "identity", 3)]);
    assert!(
        ranks.layers.iter().all(|layer| layer.effective_rank > 1.0 && layer.participation_ratio <= layer.units as f64)
    );
}

struct StopAfter(usize);

impl Callback for StopAfter {
    fn step_ended(&mut self, step: &Step, _: &mut Learner<'_>) -> mlp::Result<ControlFlow<Stopped>> {
        Ok(if step.total == self.0 { ControlFlow::Break(Stopped::Interrupted) } else { ControlFlow::Continue(()) })
    }
}

#[test]
fn a_resumed_training_has_the_same_sharpness_in_history_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, log) = (folder.path().join("t.safetensors"), folder.path().join("log.jsonl"));
    let data: Dataset = data(20);
    let train = |stop: usize, resume: bool| {
        let model: Mlp = network(2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.5);
        let curvature = Curvature::new(&model, &CrossEntropy, &data);
        let mut steps = TrackSharpness::every_steps(3, curvature);
        let mut by_epoch = TrackSharpness::every_epochs(2, curvature).named("by epoch");
        let trainer = Trainer::new().batch_size(5).progress(false).epochs(6).save_training_steps(100, &checkpoint);
        let trainer = if resume { trainer.resume_from(&checkpoint) } else { trainer };
        let trainer = trainer
            .callback(&mut steps)
            .callback(&mut by_epoch)
            .callback(JsonLines::new(&log))
            .callback(StopAfter(stop));
        let history = trainer.fit(&model, &CrossEntropy, &mut sgd, &data, None).unwrap();
        drop(trainer);
        (history, steps.measured().to_vec(), by_epoch.measured().to_vec())
    };
    let (history, steps, epochs) = train(99, false);
    assert_eq!(steps.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 6, 9, 12, 15, 18, 21, 24]);
    assert_eq!(history.series("by epoch"), epochs);
    assert_eq!(epochs.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 4, 6]);
    // Four steps an epoch: 3 | 6 | 9, 12 | 15 | 18 | 21, 24
    let last: Vec<f64> = [0, 1, 3, 4, 5, 7].map(|i| steps[i].1).into();
    assert_eq!(history.series("sharpness").into_iter().map(|row| row.1).collect::<Vec<_>>(), last);
    assert_eq!(epochs[1].1, {
        let model: Mlp = network(2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1).momentum(0.5);
        Trainer::new()
            .batch_size(5)
            .progress(false)
            .epochs(4)
            .fit(&model, &CrossEntropy, &mut sgd, &data, None)
            .unwrap();
        Curvature::new(&model, &CrossEntropy, &data).sharpness().unwrap()
    });

    // Within an epoch, after its measurement and before.
    for stop in [10, 13] {
        train(stop, false);
        let (_, resumed, resumed_epochs) = train(99, true);
        assert_eq!((resumed, resumed_epochs), (steps.clone(), epochs.clone()), "stopped after step {stop}");
        assert_eq!(load_json_lines(&log).unwrap(), history.epochs);
    }
    assert!(fs::read_to_string(&log).unwrap().contains("\"sharpness\":"));
}

#[test]
fn metrics_of_callbacks_have_names_and_numbers_that_logs_hold() {
    struct Says(&'static str, f64);
    impl Callback for Says {
        fn metrics(&mut self, _: &mlp::Epoch, _: &mut Learner<'_>) -> mlp::Result<indexmap::IndexMap<String, f64>> {
            Ok([(self.0.to_string(), self.1)].into())
        }
    }
    let fit = |all: Vec<Says>| {
        let model: Mlp = network(2);
        let mut sgd = Sgd::new(&model.parameters(), 0.1);
        let trainer = Trainer::new().epochs(1).progress(false);
        let trainer = all.into_iter().fold(trainer, |trainer, says| trainer.callback(says));
        trainer.fit(&model, &CrossEntropy, &mut sgd, &data(20), None)
    };
    let said = |all| fit(all).unwrap_err().to_string();
    assert_eq!(
        fit(vec![Says("a", 1.0), Says("b", 2.0)]).unwrap().last().metrics,
        [("a".into(), 1.0), ("b".into(), 2.0)].into()
    );
    assert_eq!(
        said(vec![Says("a", 1.0), Says("a", 2.0)]),
        "trainer: the callback `Says` measures a metric: the name `a` of a metric is taken; choose another"
    );
    assert!(said(vec![Says("loss", 1.0)]).contains("the name `loss` of a metric is taken"));
    assert!(said(vec![Says("a,b", 1.0)]).contains("holds a comma"));
    assert!(said(vec![Says("a", f64::NAN)]).contains("`a` is NaN, which logs do not hold; leave it out"));
}

/// Cohen et al. 2021: at any rate that is small enough to begin with, the sharpness rises to 2/η and stays about there.
#[test]
fn full_batch_descent_sharpens_up_to_the_edge_of_stability() {
    let rng = &mut StdRng::seed_from_u64(5);
    let inputs: Tensor = Init::Normal { mean: 0.0, std: 1.0 }.sample([30, 8], rng);
    let labels: Vec<usize> = (0..30).map(|i| i * i % 7 % 3).collect();
    let data = Dataset::new(inputs, one_hot(&labels, 3).unwrap()).unwrap();
    for rate in [0.8, 1.1] {
        let layers = Mlp::new(8).hidden(16, Activation::Tanh).output(3, Activation::Identity);
        let model: Mlp = layers.init(Init::lecun_normal().gain(0.7)).build(&mut StdRng::seed_from_u64(4)).unwrap();
        let mut sgd = Sgd::new(&model.parameters(), rate);
        let curvature = Curvature::new(&model, &Mse, &data);
        let begun = curvature.sharpness().unwrap();
        let mut track = TrackSharpness::every_steps(20, curvature);
        let trainer = Trainer::new().epochs(800).full_batch().progress(false).callback(&mut track);
        let history = trainer.fit(&model, &Mse, &mut sgd, &data, None).unwrap();
        drop(trainer);
        let all: Vec<f64> = track.measured().iter().map(|row| row.1).collect();
        let tail = &all[all.len() * 3 / 4..];
        let edge = 2.0 / rate;
        let mean = tail.iter().sum::<f64>() / tail.len() as f64;
        assert!(begun < 0.8 * edge, "{rate}: it begins at {begun}, not below the edge {edge}");
        assert!((mean / edge - 1.0).abs() < 0.1, "{rate}: it stays at {mean}, the edge is {edge}");
        assert!(history.last().loss < history.epochs[0].loss);
    }
}

/// Data come from outside: what measures a model on them says what does not fit, as a trainer does.
#[test]
fn inputs_that_the_model_does_not_take_are_errors() {
    let rng = &mut StdRng::seed_from_u64(0);
    let words = Embedding::new(5, 2, &Init::lecun_normal(), rng).unwrap();
    let read = Linear::new(4, 1, &Init::lecun_normal(), rng).unwrap();
    let sentences = Sequential::new().then(words).then(Flatten).then(read);
    let rows: Sequential = Sequential::new().then(Linear::new(3, 1, &Init::lecun_normal(), rng).unwrap());
    let inputs = Tensor::from([[0.0, 1.0], [4.0, 5.0], [2.0, 3.0], [1.0, 1.0]]);
    let data = Dataset::new(inputs.clone(), Tensor::ones([4, 1])).unwrap();
    let cases = [
        (&sentences, "embedding: 5 in sample 1 is none of the 5 classes, whole numbers from 0 to 4; correct the input"),
        (&rows, "layer 0: linear: rows of 3 numbers are needed, the input has shape (4, 2)"),
    ];
    for (model, why) in cases {
        let errors = [
            advise(model, &data, &Mse).err(),
            Curvature::new(model, &Mse, &data).sharpness().err(),
            Curvature::new(model, &Mse, &data).batch_size(2).product(&[0.0; 15][..parameters(model)]).err(),
            NoiseScale::measure(model, &Mse, &data, 2, 0).err(),
            tangent_kernel(model, |_, _| 1.0, &inputs, &inputs).err(),
        ];
        for (i, error) in errors.into_iter().enumerate() {
            let error = error.unwrap().to_string();
            assert!(error.starts_with(why), "{i}: {error}");
        }
    }
}

fn parameters(model: &Sequential) -> usize {
    model.parameters().numel()
}
