//! A steady training step allocates nothing: not for any layer, activation, loss or optimiser of the crate, but for the
//! statistics of batch normalisation.
//!
//! A binary of its own, since it counts what the whole process allocates.

#[path = "common/forms.rs"]
mod forms;
#[path = "common/optimizers.rs"]
mod optimizers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use autograd::{Param, Parameters, Tape, Tensor, Unary, Var};
use mlp::{
    Activation, BinaryCrossEntropyWithLogits, BinaryFocal, ClassWeights, Contrastive, CosineEmbedding, CrossEntropy,
    CrossEntropyFromProbabilities, Ctc, Euclidean, Focal, GaussianNll, Hinge, Huber, Ignoring, Init, KlDivergence, L1,
    Linear, Loss, Module, Mse, NegativeBinomialNll, NtXent, Optimizer, PoissonNll, Quantile, Sequential, Sgd, Smoothed,
    Targets, Triplet,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use optimizers::optimizers;

struct Counting;

thread_local! {
    /// What this thread has allocated: the harness has threads of its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may allocate after its counter is gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BATCH: usize = 6;
const WIDTH: usize = 8;

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(1)).unwrap()
}

/// What ten steps of training allocate after as many to warm up.
fn allocations(model: &dyn Module, loss: &dyn Loss, targets: &Targets, optimizer: &mut dyn Optimizer) -> usize {
    allocations_of(|x| {
        let grads = loss.mean(model.forward(x), targets).unwrap().backward();
        optimizer.step(&grads);
    })
}

/// What ten steps allocate after as many to warm up.
fn allocations_of(step: impl FnMut(Var<'_>)) -> usize {
    allocations_at(&Tensor::from_fn([BATCH, 4], |i| (i[0] as f64 - 2.0) * 0.3 + i[1] as f64 * 0.1), step)
}

/// The same, for given inputs.
fn allocations_at(x: &Tensor, mut step: impl FnMut(Var<'_>)) -> usize {
    let mut tape = Tape::new();
    tape.train(7);
    let mut steps = |steps: usize| {
        for _ in 0..steps {
            tape.clear();
            step(tape.constant(x.clone()));
        }
    };
    let before = ALLOCATIONS.get();
    steps(10);
    let warm = ALLOCATIONS.get();
    assert!(warm > before, "the counter counts: a new tape has to grow");
    steps(10);
    ALLOCATIONS.get() - warm
}

/// What a layer or a loss may allocate in ten steps: a few lists, of states or values to join, of classes to look up, of axes in another
/// order. The arrays themselves come from the tape.
fn lists(layer: &str) -> usize {
    match layer {
        "embedding" | "embedding with padding" | "cross_entropy of places" => 10,
        "rnn" | "gru" | "lstm" => 50,
        // A list of the places that it reads, and three of axes in another order.
        "ctc" => 40,
        // Each segment is a function with its inputs, whose second run gathers gradients as plain arrays.
        "lstm in segments" => 3_800,
        "lstm of two layers" | "network" => 100,
        "attention" | "causal attention with dropout" | "transformer" | "transformer, norms behind" => 120,
        _ => 0,
    }
}

fn model(hidden: impl Module + 'static) -> Sequential {
    Sequential::new().then(linear(4, WIDTH)).then(hidden).then(linear(WIDTH, 2))
}

type ShapedLoss = (&'static str, Box<dyn Loss>, Vec<usize>, Targets);

/// Losses with the shape of the outputs that each takes, and targets.
fn shaped_losses() -> Vec<ShapedLoss> {
    let values = |width: usize| Targets::Values(Tensor::from_fn([BATCH, width], |i| ((i[0] + i[1]) % 2) as f64));
    let classes = || Targets::Classes((0..BATCH).map(|i| i % 2).collect());
    let (row, pairs, cross) = (|width: usize| vec![BATCH, width], || vec![BATCH, 2, 3], CrossEntropy);
    vec![
        ("gaussian_nll", Box::new(GaussianNll::default()), row(4), values(2)),
        ("gaussian_nll of a variance", Box::new(GaussianNll { variance: Some(0.5), full: true }), row(2), values(2)),
        ("poisson_nll", Box::new(PoissonNll { full: true }), row(2), values(2)),
        ("negative_binomial_nll", Box::new(NegativeBinomialNll::default()), row(4), values(2)),
        ("negative_binomial_nll of a size", Box::new(NegativeBinomialNll { size: Some(2.0) }), row(2), values(2)),
        ("quantile", Box::new(Quantile { levels: vec![0.1, 0.5] }), row(4), values(2)),
        (
            "cross_entropy of places",
            Box::new(cross),
            vec![BATCH, 2, 3],
            Targets::Sequences((0..BATCH).map(|i| vec![i % 3, i % 2]).collect()),
        ),
        ("smoothed", Box::new(Smoothed { loss: CrossEntropy, share: 0.1 }), row(3), classes()),
        ("focal", Box::new(Focal { gamma: 2.0 }), row(3), classes()),
        ("binary_focal", Box::new(BinaryFocal { gamma: 2.0, alpha: Some(0.25) }), row(2), values(2)),
        ("class_weights", Box::new(ClassWeights { loss: cross, weights: vec![1.0, 2.0, 3.0] }), row(3), classes()),
        ("ignoring, where no sample is", Box::new(Ignoring { loss: cross, class: 7 }), row(3), classes()),
        ("triplet", Box::new(Triplet { margin: 1.0 }), vec![BATCH, 3, 2], classes()),
        ("contrastive", Box::new(Contrastive { margin: 1.0 }), pairs(), classes()),
        ("cosine_embedding", Box::new(CosineEmbedding::default()), pairs(), classes()),
        ("nt_xent", Box::new(NtXent { temperature: 0.5 }), pairs(), classes()),
        ("ctc", Box::new(Ctc::default()), vec![BATCH, 5, 3], Targets::Sequences(vec![vec![1, 2]; BATCH])),
    ]
}

#[test]
fn a_steady_step_allocates_nothing() {
    let distribution = Tensor::from_fn([BATCH, 2], |i| if (i[0] + i[1]) % 2 == 0 { 0.75 } else { 0.25 });
    let values = Targets::Values(Tensor::from_fn([BATCH, 2], |i| (i[0] as f64 - i[1] as f64) * 0.2));
    let signs = Targets::Values(Tensor::from_fn([BATCH, 2], |i| if (i[0] + i[1]) % 2 == 0 { 1.0 } else { -1.0 }));
    let distribution = Targets::Values(distribution);
    let classes = Targets::from((0..BATCH).map(|i| i % 2).collect::<Vec<_>>());
    let mut found: Vec<(String, usize)> = vec![];

    let plain = |parameters: &Parameters| Sgd::new(parameters, 1e-3);
    let mut try_layer = |name: String, layer: Box<dyn Module>| {
        let model = model(layer);
        found.push((name, allocations(&model, &CrossEntropy, &classes, &mut plain(&model.parameters()))));
    };
    for activation in Activation::ALL {
        try_layer(activation.name().into(), Box::new(activation));
    }
    for form in forms::forms::<f64>() {
        let mut sgd = plain(&form.layer.parameters());
        let step = |x: Var<'_>| sgd.step(&form.layer.forward(x).square().sum().backward());
        found.push((form.name.into(), allocations_at(&form.inputs, step)));
    }

    let losses: [(&str, Box<dyn Loss>, &Targets); 12] = [
        ("mse", Box::new(Mse), &values),
        ("l1", Box::new(L1), &values),
        ("huber", Box::new(Huber { delta: 1.0 }), &values),
        ("euclidean", Box::new(Euclidean), &values),
        ("cross_entropy", Box::new(CrossEntropy), &classes),
        ("cross_entropy of distributions", Box::new(CrossEntropy), &distribution),
        ("cross_entropy_from_probabilities", Box::new(CrossEntropyFromProbabilities::default()), &classes),
        ("from probabilities, of distributions", Box::new(CrossEntropyFromProbabilities::default()), &distribution),
        ("binary_cross_entropy", Box::new(BinaryCrossEntropyWithLogits), &distribution),
        ("hinge", Box::new(Hinge), &signs),
        ("kl_divergence", Box::new(KlDivergence), &distribution),
        ("binary_cross_entropy of classes", Box::new(BinaryCrossEntropyWithLogits), &classes),
    ];
    for (name, loss, targets) in losses {
        let last: Box<dyn Module> = match name {
            "binary_cross_entropy of classes" => Box::new(linear(2, 1)),
            name if name.contains("probabilities") => Box::new(Activation::Softmax),
            "kl_divergence" => Box::new(Activation::LogSoftmax),
            _ => Box::new(Activation::Tanh),
        };
        let model = model(Activation::Tanh).then(last);
        found.push((name.into(), allocations(&model, &*loss, targets, &mut plain(&model.parameters()))));
    }

    for (name, loss, shape, targets) in shaped_losses() {
        let (mut sgd, layer) = (None, linear(4, shape[1..].iter().product()));
        let step = |x: Var<'_>| {
            let y = layer.forward(x).reshape(&shape[..]);
            let y = if name == "ctc" { y.log_softmax(2) } else { y };
            let grads = loss.mean(y, &targets).unwrap().backward();
            sgd.get_or_insert_with(|| plain(&layer.parameters())).step(&grads);
        };
        let count = allocations_of(step);
        found.push((name.into(), count));
    }

    let model = model(Activation::Tanh);
    let parameters = model.parameters();
    for (name, make) in optimizers() {
        let mut optimizer = make(&parameters, 1e-3);
        found.push((name.into(), allocations(&model, &CrossEntropy, &classes, &mut *optimizer)));
    }

    // A layer with its activation, and each gradient used as soon as it is whole.
    let (w, b) = (Param::new(Tensor::full([4, WIDTH], 0.1)), Param::new(Tensor::zeros([WIDTH])));
    let handed_over = |x: Var<'_>| {
        x.dense(&w, &b, Unary::Tanh).sum().backward_each(|param, grads| {
            grads.update_each(param, [], |p, dp, []| *p -= 1e-3 * dp);
        });
    };
    found.push(("handed over".into(), allocations_of(handed_over)));

    found.retain(|(name, count)| *count > lists(name));
    assert!(found.is_empty(), "allocations in ten steps: {found:?}");
}
