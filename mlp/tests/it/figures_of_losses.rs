//! Losses against PyTorch's figures, `tests/data/losses.py`.

use autograd::{Float, Tape, Tensor};
use mlp::{
    BinaryFocal, ClassWeights, Contrastive, CosineEmbedding, CrossEntropy, Ctc, Focal, GaussianNll, Ignoring, Loss,
    NegativeBinomialNll, NtXent, PoissonNll, Quantile, Smoothed, Targets, Triplet,
};

use crate::figures::{Case, cases};

fn whole<T: Float>(x: &Tensor<T>) -> Vec<usize> {
    x.as_slice().iter().map(|x| x.to_f64() as usize).collect()
}

/// The targets of a case in the form that its loss takes.
fn targets<T: Float>(name: &str, case: &Case, samples: usize) -> Targets<T> {
    let given = case.arrays::<T>("state").remove("target0");
    match (name, given) {
        ("ctc", Some(labels)) => {
            let rows = whole(&labels).chunks(4).map(<[usize]>::to_vec).collect::<Vec<_>>();
            Targets::Sequences(
                rows.into_iter().map(|row| row.into_iter().take_while(|&label| label > 0).collect()).collect(),
            )
        }
        (_, Some(t)) if t.shape().len() == 1 => Targets::Classes(whole(&t)),
        (_, Some(t)) => Targets::Values(t),
        (_, None) => Targets::Classes(vec![0; samples]),
    }
}

/// The losses of the cases; the name of a case that is a mean ends with `_mean`.
fn losses<T: Float>() -> Vec<(&'static str, Box<dyn Loss<T>>)> {
    let weights = vec![0.5, 2.0, 1.0, 3.0];
    let weighted = || ClassWeights { loss: CrossEntropy, weights: weights.clone() };
    vec![
        ("binary_focal", Box::new(BinaryFocal { gamma: 2.0, alpha: Some(0.25) })),
        ("class_weights", Box::new(weighted())),
        ("class_weights_mean", Box::new(weighted())),
        ("contrastive", Box::new(Contrastive { margin: 2.0 })),
        ("cosine_embedding", Box::new(CosineEmbedding { margin: -0.4 })),
        ("ctc", Box::new(Ctc::default())),
        ("focal", Box::new(Focal { gamma: 1.5 })),
        ("gaussian", Box::new(GaussianNll::default())),
        ("gaussian_fixed", Box::new(GaussianNll { variance: Some(0.3), full: true })),
        ("gaussian_full", Box::new(GaussianNll { variance: None, full: true })),
        ("ignoring_mean", Box::new(Ignoring { loss: CrossEntropy, class: 250 })),
        ("ignoring_weights_mean", Box::new(Ignoring { loss: weighted(), class: 250 })),
        ("negative_binomial", Box::new(NegativeBinomialNll::default())),
        ("negative_binomial_fixed", Box::new(NegativeBinomialNll { size: Some(2.5) })),
        ("nt_xent", Box::new(NtXent { temperature: 0.4 })),
        ("poisson", Box::new(PoissonNll::default())),
        ("poisson_full", Box::new(PoissonNll { full: true })),
        ("quantile", Box::new(Quantile { levels: vec![0.2, 0.9] })),
        ("smoothed", Box::new(Smoothed { loss: CrossEntropy, share: 0.2 })),
        ("smoothed_soft", Box::new(Smoothed { loss: CrossEntropy, share: 0.2 })),
        ("triplet", Box::new(Triplet { margin: 0.7 })),
    ]
}

fn agree<T: Float>() {
    let cases = cases(include_str!("../data/losses.json"));
    let losses = losses::<T>();
    assert!(cases.keys().eq(losses.iter().map(|(name, _)| name)), "each case has a loss, and each loss a case");
    let tolerance = if T::EPSILON > 1e-10 { 2e-5 } else { 1e-11 };
    for (name, loss) in losses {
        let case = &cases[name];
        let tape = Tape::<T>::default();
        let leaf = tape.var(case.array("inputs", "y"));
        // PyTorch's case contains the last layer.
        let y = if name == "ctc" { leaf.log_softmax(2) } else { leaf };
        let targets = targets(name, case, y.shape()[0]);
        let (needed, weights) = case.output::<T>();
        let close = |what: &str, found: &Tensor<T>, needed: &Tensor<T>| {
            assert!(found.is_close(needed, tolerance), "{name}: {what}: {found:?}, PyTorch has {needed:?}");
        };
        let (value, objective) = match name.ends_with("_mean") {
            true => {
                let mean = loss.mean(y, &targets).unwrap();
                (Tensor::new([], vec![mean.value()]), mean * weights.item().to_f64())
            }
            false => {
                let each = loss.each(y, &targets).unwrap();
                (each.value(), (each * &weights).sum())
            }
        };
        close("loss", &value, &needed);
        close("gradient", &objective.backward()[leaf], &case.array("gradients", "y"));
    }
}

#[test]
fn losses_have_the_values_and_gradients_of_pytorch() {
    agree::<f64>();
    agree::<f32>();
}
