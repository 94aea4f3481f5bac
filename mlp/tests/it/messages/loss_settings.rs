//! Settings of losses, and the outputs and targets that each shape of its own refuses.

use autograd::{Tape, Tensor};
use mlp::{
    Activation, BinaryFocal, ClassWeights, Contrastive, CosineEmbedding, CrossEntropy, Ctc, Dataset, Error, Focal,
    GaussianNll, Ignoring, Init, Linear, Loss, Module, Mse, NegativeBinomialNll, NtXent, PoissonNll, Quantile,
    Sequential, Sgd, Smoothed, Targets, Trainer, Triplet,
};
use rand::{SeedableRng, rngs::StdRng};

use super::{check, mean, narrow};

fn values(t: impl Into<Tensor>) -> Targets {
    Targets::Values(t.into())
}

#[test]
fn settings() {
    let (row, one) = ([[0.5, 0.5]], values([[0.5, 0.5]]));
    let (class, pairs) = (vec![1], Tensor::zeros([1, 2, 3]));
    let weights = |weights: &[f64]| ClassWeights { loss: CrossEntropy, weights: weights.to_vec() };
    check(vec![
        error!(
            mean(&GaussianNll { variance: Some(0.0), full: false }, row, one.clone()),
            "gaussian_nll: variance 0 is not a finite number above 0"
        ),
        error!(
            narrow(
                &GaussianNll { variance: Some(1e-60), full: false },
                [[0.5]],
                Targets::Values(Tensor::from([[0.5]]))
            ),
            "gaussian_nll: variance 1e-60 is not a finite number above 0 in f32"
        ),
        error!(
            mean(&NegativeBinomialNll { size: Some(f64::NAN) }, row, one.clone()),
            "negative_binomial_nll: size NaN is not a finite number above 0"
        ),
        error!(
            mean(&Quantile { levels: vec![] }, row, one.clone()),
            "quantile: there are no levels; 0.5 is that of the median"
        ),
        error!(
            mean(&Quantile { levels: vec![0.5, 1.0] }, row, one.clone()),
            "quantile: level 1 does not lie between 0 and 1"
        ),
        error!(
            mean(&Smoothed { loss: CrossEntropy, share: 1.0 }, row, class.clone()),
            "smoothed: the share 1 does not lie in [0, 1); choose 0.1, say"
        ),
        error!(
            mean(&Focal { gamma: -1.0 }, row, class.clone()),
            "focal: gamma -1 is not a finite number, 0 or above; choose 2, say"
        ),
        error!(
            mean(&BinaryFocal { gamma: 2.0, alpha: Some(1.5) }, [[0.5]], class.clone()),
            "binary_focal: alpha 1.5 does not lie in [0, 1]; choose 0.25, say"
        ),
        error!(
            mean(&Contrastive { margin: 0.0 }, pairs.clone(), class.clone()),
            "contrastive: margin 0 is not a finite number above 0"
        ),
        error!(
            mean(&CosineEmbedding { margin: 1.0 }, pairs.clone(), class.clone()),
            "cosine_embedding: margin 1 does not lie in [-1, 1); choose 0 to 0.5"
        ),
        error!(
            mean(&NtXent { temperature: -1.0 }, pairs.clone(), class.clone()),
            "nt_xent: temperature -1 is not a finite number above 0"
        ),
        error!(
            mean(&Triplet { margin: -1.0 }, Tensor::zeros([1, 3, 3]), class.clone()),
            "triplet: margin -1 is not a finite number above 0"
        ),
        error!(
            mean(&weights(&[1.0, -1.0]), row, class.clone()),
            "class_weights: weight 1 is -1, not a finite number, 0 or above"
        ),
        error!(
            mean(&weights(&[1.0]), row, class.clone()),
            "class_weights: class 1 of sample 0 has no weight; there are 1"
        ),
    ]);
}

#[test]
fn targets_and_outputs() {
    let nan = f64::NAN;
    let (row, pairs) = ([[0.5, 0.5]], Tensor::zeros([2, 2, 3]));
    let steps = || Tensor::full([2, 3, 2], 0.5f64.ln());
    let labels = |labels: &[&[usize]]| Targets::Sequences(labels.iter().map(|row| row.to_vec()).collect());
    let ignoring = Ignoring { loss: CrossEntropy, class: 9 };
    check(vec![
        error!(
            mean(&GaussianNll::default(), row, values([[0.5, 0.5]])),
            "gaussian_nll: targets of shape (1, 2) do not fit outputs of shape (1, 2); it takes a mean and the logarithm of \
             a variance for each target"
        ),
        error!(
            mean(&GaussianNll::default(), row, vec![0]),
            "gaussian_nll: the targets are classes, but it needs numbers; one_hot makes them of classes"
        ),
        error!(
            mean(&Quantile { levels: vec![0.1, 0.9] }, row, values([0.5])),
            "quantile: targets of shape (1,) do not fit outputs of shape (1, 2); it takes an output of each level for each \
             target"
        ),
        error!(
            mean(&PoissonNll::default(), row, values([[1.0, -2.0]])),
            "poisson_nll: target -2 is not a count, which is 0 or above"
        ),
        error!(
            mean(&NegativeBinomialNll::default(), row, values([[nan]])),
            "negative_binomial_nll: target NaN is not a count, which is 0 or above"
        ),
        error!(
            mean(&BinaryFocal { gamma: 2.0, alpha: None }, row, values([[0.5, 1.0]])),
            "binary_focal: target 0.5 is neither 0 nor 1"
        ),
        error!(
            mean(&Triplet { margin: 1.0 }, pairs.clone(), vec![0, 0]),
            "triplet: outputs of shape (2, 2, 3) are not (samples, 3, width); reshape or stack them"
        ),
        error!(
            mean(&NtXent { temperature: 1.0 }, pairs.clone(), vec![0]),
            "nt_xent: 1 targets do not fit outputs of shape (2, 2, 3); it takes one for each row"
        ),
        error!(
            mean(&Contrastive { margin: 1.0 }, pairs.clone(), vec![0, 2]),
            "contrastive: class 2 of sample 1 is neither 0 nor 1"
        ),
        error!(
            mean(&CosineEmbedding::default(), pairs.clone(), values([0.0, 1.0])),
            "cosine_embedding: the targets are not classes; it takes 1 for a like pair, 0 for an unlike one"
        ),
        error!(
            mean(&Ctc::default(), steps(), vec![1, 1]),
            "ctc: the targets are not sequences of labels; put them into Targets::Sequences"
        ),
        error!(
            mean(&Ctc::default(), row, labels(&[&[1]])),
            "ctc: outputs of shape (1, 2) are not (samples, time, classes); reshape them"
        ),
        error!(
            mean(&Ctc::default(), steps(), labels(&[&[1]])),
            "ctc: 1 sequences for the 2 samples of outputs of shape (2, 3, 2)"
        ),
        error!(
            mean(&Ctc { blank: 2 }, steps(), labels(&[&[1], &[]])),
            "ctc: outputs of shape (2, 3, 2) have no time, or no class 2, which is the blank"
        ),
        error!(
            mean(&Ctc::default(), steps(), labels(&[&[1], &[2]])),
            "ctc: label 2 of sample 1 does not exist; outputs of shape (2, 3, 2) have 0 to 1"
        ),
        error!(
            mean(&Ctc::default(), steps(), labels(&[&[0], &[1]])),
            "ctc: a label of sample 0 is 0, the blank; count the labels from another, or set `blank`"
        ),
        error!(
            mean(&Ctc::default(), steps(), labels(&[&[1], &[1, 1, 1]])),
            "ctc: the labels of sample 1 take 5 times, but there are 3: a label takes one, and two equal ones in a row a \
             blank between them"
        ),
        error!(
            mean(&Mse, row, labels(&[&[1]])),
            "mse: the targets are sequences of labels, but it needs numbers; Ctc and the losses of classes take labels"
        ),
        error!(
            mean(&CrossEntropy, row, labels(&[&[1]])),
            "cross_entropy: outputs of shape (1, 2) are not (samples, places, classes), as sequences of labels need"
        ),
        error!(
            mean(&CrossEntropy, steps(), vec![1, 0]),
            "cross_entropy: outputs of shape (2, 3, 2) are not (samples, classes); reshape them, or give a label for each place \
             in Targets::Sequences"
        ),
        error!(
            mean(&CrossEntropy, steps(), labels(&[&[1, 0, 1]])),
            "cross_entropy: 1 sequences for the 2 samples of outputs of shape (2, 3, 2)"
        ),
        error!(
            mean(&Focal { gamma: 2.0 }, steps(), labels(&[&[1, 0, 1], &[1, 1]])),
            "cross_entropy: 2 labels of sample 1 for its 3 places in outputs of shape (2, 3, 2); give one for each, and behind \
             an end a class that Ignoring leaves out"
        ),
        error!(
            mean(&ignoring, steps(), labels(&[&[1, 9, 9], &[1, 1, 2]])),
            "cross_entropy: class 2 of sample 1 does not exist; outputs of shape (2, 3, 2) have classes 0 to 1"
        ),
        error!(
            mean(&ClassWeights { loss: CrossEntropy, weights: vec![1.0] }, steps(), labels(&[&[0, 0, 0], &[0, 1, 0]])),
            "class_weights: class 1 of sample 1 has no weight; there are 1"
        ),
        error!(
            mean(&ClassWeights { loss: Ctc::default(), weights: vec![1.0; 2] }, steps(), labels(&[&[1, 1], &[1]])),
            "class_weights: losses of shape (2,) for 3 labels; it takes a loss of one for each label"
        ),
        error!(
            mean(&BinaryFocal { gamma: 2.0, alpha: None }, [[0.5, 0.5]], labels(&[&[1, 2]])),
            "binary_focal: class 2 of sample 0 is neither 0 nor 1"
        ),
        error!(
            mean(&Smoothed { loss: Mse, share: 0.1 }, row, values([[0.5, 0.5]])),
            "smoothed: the loss within has no classes to smooth; take it without Smoothed"
        ),
        error!(mean(&ignoring, row, values([[0.5, 0.5]])), "ignoring: the targets are not classes, which it goes by"),
        error!(
            mean(&ignoring, [[0.5, 0.5], [0.0, 0.0]], vec![9, 3]),
            "cross_entropy: class 3 of sample 1 does not exist; outputs of shape (2, 2) have classes 0 to 1"
        ),
    ]);
}

#[test]
fn weights_of_samples() {
    let tape = Tape::new();
    let y = tape.var([[1.0], [2.0]]);
    let targets = values([[0.0], [0.0]]);
    let weigh = |weights: &[f64]| Mse.weighted_mean(y, &targets, weights).map(drop);
    let data = |weights: &[f64]| {
        Dataset::new(Tensor::from([[1.0], [2.0]]), vec![0, 1])?.with_weights(weights.to_vec()).map(drop)
    };
    check(vec![
        error!(weigh(&[1.0, -1.0]), "weighted_mean: weight 1 is -1, not a finite number, 0 or above"),
        error!(
            weigh(&[1.0]),
            "weighted_mean: 1 weights do not fit 2 targets and losses of shape (2, 1); it takes one for each"
        ),
        error!(data(&[1.0]), "weights: 1 weights for 2 samples; each sample needs one, in the same order"),
        error!(data(&[1.0, f64::NAN]), "weights: the weight of sample 1 is NaN, not a finite number, 0 or above"),
        error!(data(&[0.0, 0.0]), "weights: all are 0, so that no sample counts; give one at least a weight above 0"),
    ]);
}

/// What a trainer says of a model of 2 inputs that ends with `last`.
fn trained(last: Activation, width: usize, loss: &dyn Loss, targets: impl Into<Targets>) -> Result<(), Error> {
    let targets = targets.into();
    let data = Dataset::new(Tensor::ones([targets.len(), 2]), targets)?;
    let linear = Linear::new(2, width, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(1))?;
    let model = Sequential::new().then(linear).then(last);
    Trainer::new().epochs(1).fit(&model, loss, &mut Sgd::new(&model.parameters(), 0.1), &data, None).map(drop)
}

#[test]
fn last_layers() {
    let wrong = ClassWeights { loss: CrossEntropy, weights: vec![1.0, 2.0] };
    check(vec![
        error!(
            trained(Activation::Relu, 1, &PoissonNll::default(), values([[1.0]])),
            "poisson_nll: it takes logarithms of rates, but `relu` at the end of the model is never negative; end it with \
             Activation::Identity"
        ),
        error!(
            trained(Activation::Softplus, 2, &GaussianNll::default(), values([[1.0]])),
            "gaussian_nll: it takes logarithms of variances, but `softplus` at the end of the model is never negative; end \
             it with Activation::Identity"
        ),
        error!(
            trained(Activation::Softmax, 2, &Focal { gamma: 2.0 }, vec![1]),
            "cross_entropy: it takes logits, but the model ends with `softmax`; end it with Activation::Identity"
        ),
        error!(
            trained(Activation::Sigmoid, 1, &BinaryFocal { gamma: 2.0, alpha: None }, vec![1]),
            "binary_focal: it takes logits, but the model ends with `sigmoid`; end it with Activation::Identity"
        ),
        error!(
            trained(Activation::Identity, 3, &wrong, vec![1]),
            "class_weights: 2 weights do not fit 3 classes; it takes one for each"
        ),
    ]);
}

#[test]
fn checks_before_training() {
    let outputs = |loss: &dyn Loss, y: Tensor, targets: Targets| {
        // A model that gives its inputs; the layer only has a parameter.
        struct Given(Linear);
        impl Module for Given {
            fn forward<'t>(&self, x: autograd::Var<'t>) -> autograd::Var<'t> {
                x
            }
            fn parameters(&self) -> autograd::Parameters {
                self.0.parameters()
            }
        }
        let linear = Linear::new(1, 1, &Init::glorot_uniform(), &mut StdRng::seed_from_u64(1)).unwrap();
        let model = Given(linear);
        let data = Dataset::new(y, targets)?;
        Trainer::new().epochs(1).fit(&model, loss, &mut Sgd::new(&model.parameters(), 0.1), &data, None).map(drop)
    };
    check(vec![
        error!(
            outputs(&Ctc::default(), Tensor::ones([2, 3, 2]), Targets::Sequences(vec![vec![1], vec![1]])),
            "ctc: the outputs of sample 0, 1, 1, are no distribution; it takes their logarithms; end the model with \
             Activation::LogSoftmax"
        ),
        error!(
            outputs(&NtXent { temperature: 0.5 }, Tensor::ones([1, 2, 3]), Targets::Classes(vec![0])),
            "nt_xent: one sample has no others to differ from; it takes at least 2"
        ),
    ]);
}
