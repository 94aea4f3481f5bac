//! Whatever the shapes and the targets, a loss gives numbers or an error that names it.

use autograd::{Tape, Tensor};
use mlp::{
    BinaryCrossEntropyWithLogits, BinaryFocal, ClassWeights, Contrastive, CosineEmbedding, CrossEntropy,
    CrossEntropyFromProbabilities, Ctc, Euclidean, Focal, GaussianNll, Hinge, Huber, Ignoring, KlDivergence, L1, Loss,
    Mse, NegativeBinomialNll, NtXent, PoissonNll, Quantile, Smoothed, Targets, Triplet,
};

use super::caught;

/// The losses, with the name in their messages.
fn losses() -> Vec<(&'static str, Box<dyn Loss>)> {
    let (classes, share) = (CrossEntropy, 0.1);
    vec![
        ("mse", Box::new(Mse)),
        ("l1", Box::new(L1)),
        ("huber", Box::new(Huber { delta: 1.0 })),
        ("euclidean", Box::new(Euclidean)),
        ("quantile", Box::new(Quantile { levels: vec![0.1, 0.5] })),
        ("cross_entropy", Box::new(classes)),
        ("cross_entropy", Box::new(Smoothed { loss: classes, share })),
        ("cross_entropy", Box::new(Focal { gamma: 2.0 })),
        ("cross_entropy_from_probabilities", Box::new(CrossEntropyFromProbabilities::default())),
        ("binary_cross_entropy", Box::new(BinaryCrossEntropyWithLogits)),
        ("binary_cross_entropy", Box::new(Smoothed { loss: BinaryCrossEntropyWithLogits, share })),
        ("binary_focal", Box::new(BinaryFocal { gamma: 2.0, alpha: Some(0.25) })),
        ("hinge", Box::new(Hinge)),
        ("kl_divergence", Box::new(KlDivergence)),
        ("kl_divergence", Box::new(Smoothed { loss: KlDivergence, share })),
        ("gaussian_nll", Box::new(GaussianNll::default())),
        ("poisson_nll", Box::new(PoissonNll { full: true })),
        ("negative_binomial_nll", Box::new(NegativeBinomialNll::default())),
        ("ctc", Box::new(Ctc::default())),
        ("triplet", Box::new(Triplet { margin: 1.0 })),
        ("contrastive", Box::new(Contrastive { margin: 1.0 })),
        ("cosine_embedding", Box::new(CosineEmbedding::default())),
        ("nt_xent", Box::new(NtXent { temperature: 0.5 })),
        ("class_weights", Box::new(ClassWeights { loss: classes, weights: vec![1.0, 2.0, 3.0] })),
        ("ignoring", Box::new(Ignoring { loss: classes, class: 1 })),
    ]
}

/// Targets of every kind for outputs of `shape`; few fit.
fn targets(shape: &[usize]) -> Vec<Targets> {
    let values = [&[][..], &[0], &[2], &[2, 1], &[2, 2], shape].map(|shape| Tensor::full(shape, 0.5).into());
    let classes = [vec![], vec![0, 1], vec![1, 1], vec![0, 7]].map(Targets::Classes);
    let labels =
        [vec![], vec![vec![], vec![]], vec![vec![1], vec![2]], vec![vec![0, 1], vec![1, 0]], vec![vec![9, 1, 1]; 2]];
    values.into_iter().chain(classes).chain(labels.map(Targets::Sequences)).collect()
}

#[test]
fn no_outputs_and_targets_make_a_loss_panic() {
    let none: &[usize] = &[];
    let flat: [&[usize]; 10] = [none, &[0], &[1], &[2], &[0, 3], &[2, 0], &[2, 1], &[2, 2], &[2, 3], &[2, 4]];
    let deep: [&[usize]; 8] =
        [&[0, 2, 3], &[2, 0, 3], &[2, 2, 0], &[2, 2, 3], &[2, 3, 3], &[2, 3, 1], &[1, 2, 2, 3], &[2, 1, 1, 1]];
    let (mut given, mut refused) = (0, 0);
    for (name, loss) in losses() {
        for shape in flat.into_iter().chain(deep) {
            for targets in targets(shape) {
                let tape = Tape::new();
                let y = tape.var(Tensor::full(shape, 0.25));
                match caught(|| loss.mean(y, &targets)) {
                    Ok(mean) => {
                        mean.backward();
                        given += 1;
                    }
                    Err((text, place)) => {
                        assert!(place.is_none(), "{name} of {shape:?} and {targets:?} panics: {text}");
                        let names = [name, "cross_entropy"].map(|name| format!("{name}: "));
                        let named = names.iter().any(|name| text.starts_with(name));
                        assert!(named, "{name} of {shape:?} and {targets:?} says: {text}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(given > 200 && refused > 2000, "{given} given, {refused} refused");
}
