//! Losses and measures.

use autograd::Tensor;
use mlp::metrics::{accuracy, binary_accuracy, confusion_matrix};
use mlp::{
    BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyFromProbabilities, Euclidean, Hinge, Huber, KlDivergence,
    L1, Mse, Targets,
};

use super::{check, mean, narrow};

#[test]
fn losses() {
    let nan = f64::NAN;
    let two = [[0.5, 0.5], [0.5, 0.5]];
    let probabilities = CrossEntropyFromProbabilities::default();
    let column = Tensor::from([[1.0], [0.0]]);
    let values = |values: [[f64; 2]; 2]| Targets::Values(values.into());
    check(vec![
        error!(mean(&CrossEntropy, two, vec![0]), "cross_entropy: 1 classes for the 2 rows of outputs of shape (2, 2)"),
        error!(
            mean(&CrossEntropy, two, vec![0, 2]),
            "cross_entropy: class 2 of sample 1 does not exist; outputs of shape (2, 2) have classes 0 to 1"
        ),
        error!(
            mean(&CrossEntropy, [0.5, 0.5], vec![0, 1]),
            "cross_entropy: outputs of shape (2,) are not (samples, classes); reshape them, or give a label for each place in Targets::Sequences"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [-0.5, 1.5]])),
            "cross_entropy: target -0.5 is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [nan, 1.0]])),
            "cross_entropy: target NaN is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [f64::INFINITY, 1.0]])),
            "cross_entropy: target inf is not a probability, which is 0 or above"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.5], [0.0, 0.0]])),
            "cross_entropy: the targets of row 1 sum to 0, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, values([[0.5, 0.625], [0.5, 0.5]])),
            "cross_entropy: the targets of row 0 sum to 1.125, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, values([[1e300, 0.0], [0.5, 0.5]])),
            "cross_entropy: the targets of row 0 sum to 1e300, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            narrow(&CrossEntropy, [[0.5, 0.5]], Tensor::from([[0.5f32, 0.25]])),
            "cross_entropy: the targets of row 0 sum to 0.75, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&CrossEntropy, two, column.clone()),
            "cross_entropy: targets of shape (2, 1) do not fit outputs of shape (2, 2); it takes a distribution for each row; \
             if they are classes, give them as Vec<usize>"
        ),
        error!(
            mean(&CrossEntropy, [[0.5], [0.5]], vec![0, 0]),
            "cross_entropy: outputs of shape (2, 1) are of one class, which always has probability 1; \
             for two classes with one output take BinaryCrossEntropyWithLogits"
        ),
        error!(
            mean(&CrossEntropy, 0.5, Tensor::from(1.0)),
            "cross_entropy: an output of shape () has no rows; reshape it to (1, 1)"
        ),
        error!(
            mean(&probabilities, two, values([[0.5, 0.5], [0.5, 0.0]])),
            "cross_entropy_from_probabilities: the targets of row 1 sum to 0.5, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&probabilities, two, values([[0.5, 0.5], [nan, 0.0]])),
            "cross_entropy_from_probabilities: target NaN is not a probability, which is 0 or above"
        ),
        error!(
            mean(&KlDivergence, two, values([[0.5, 0.5], [0.5, 0.75]])),
            "kl_divergence: the targets of row 1 sum to 1.25, but a distribution sums to 1; divide them by their sum"
        ),
        error!(
            mean(&KlDivergence, two, vec![0, 1]),
            "kl_divergence: the targets are classes, but it needs numbers; one_hot makes them of classes"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, two, values([[0.5, 1.5], [0.0, 1.0]])),
            "binary_cross_entropy: target 1.5 lies outside [0, 1]"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, two, values([[0.5, nan], [0.0, 1.0]])),
            "binary_cross_entropy: target NaN lies outside [0, 1]"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, [[0.5], [0.5]], vec![1, 2]),
            "binary_cross_entropy: class 2 of sample 1 is neither 0 nor 1"
        ),
        error!(
            mean(&BinaryCrossEntropyWithLogits, [[0.5], [0.5]], Tensor::from([0.0, 1.0])),
            "binary_cross_entropy: targets of shape (2,) do not fit outputs of shape (2, 1); reshape one of them"
        ),
        error!(mean(&Hinge, [[0.5], [0.5]], column.clone()), "hinge: target 0 is neither −1 nor 1"),
        error!(mean(&Hinge, [[0.5], [0.5]], vec![0, 5]), "hinge: class 5 of sample 1 is neither 0 nor 1"),
        error!(
            mean(&Hinge, two, vec![0, 1]),
            "hinge: 2 classes do not fit outputs of shape (2, 2); it takes one output for each; CrossEntropy takes one for each class"
        ),
        error!(
            mean(&Mse, [[0.5], [0.5]], Tensor::from([0.0, 1.0])),
            "mse: targets of shape (2,) do not fit outputs of shape (2, 1); reshape one of them"
        ),
        error!(
            mean(&L1, two, column.clone()),
            "l1: targets of shape (2, 1) do not fit outputs of shape (2, 2); reshape one of them"
        ),
        error!(
            mean(&Euclidean, two, vec![0, 1]),
            "euclidean: the targets are classes, but it needs numbers; one_hot makes them of classes"
        ),
        error!(mean(&Huber { delta: nan }, two, values(two)), "huber: delta NaN is not a finite number above 0"),
        error!(mean(&Huber { delta: -1e300 }, two, values(two)), "huber: delta -1e300 is not a finite number above 0"),
        error!(
            narrow(&Huber { delta: 1e300 }, [1.0], Tensor::from([1.0f32])),
            "huber: delta 1e300 is not a finite number above 0 in f32"
        ),
        error!(
            narrow(&Huber { delta: 1e-60 }, [1.0], Tensor::from([1.0f32])),
            "huber: delta 1e-60 is not a finite number above 0 in f32"
        ),
    ]);
    // Distributions up to rounding, in both types.
    mean(&CrossEntropy, [[0.5, 0.5, 0.5]], Tensor::from([[0.33333, 0.33333, 0.33333]])).unwrap();
    let many = Tensor::<f32>::full([1, 100_000], 1e-5);
    narrow(&CrossEntropy, Tensor::<f32>::zeros([1, 100_000]), many).unwrap();
}

#[test]
fn measures() {
    let nan = f64::NAN;
    let outputs = Tensor::from([[1.0, 0.0], [0.0, nan]]);
    let two = Tensor::from([[1.0, 0.0], [0.0, 1.0]]);
    let logits = Tensor::from([[1.0], [nan]]);
    let good = Tensor::from([[1.0], [0.0]]);
    check(vec![
        error!(accuracy(&outputs, &[0, 1]), "accuracy: an output of sample 1 is NaN, which is no class"),
        error!(accuracy(&two, &[0]), "accuracy: 1 classes do not fit outputs of shape (2, 2)"),
        error!(accuracy(&two, &[0, 2]), "accuracy: class 2 of sample 1 does not exist in outputs of shape (2, 2)"),
        error!(accuracy(&Tensor::<f64>::zeros([0, 2]), &[]), "accuracy: there are no samples"),
        error!(
            accuracy(&Tensor::from([1.0, 0.0]), &[0, 1]),
            "accuracy: outputs of shape (2,) are not (samples, classes)"
        ),
        error!(
            confusion_matrix(&outputs, &[0, 1]),
            "confusion_matrix: an output of sample 1 is NaN, which is no class"
        ),
        error!(
            binary_accuracy(&logits, &[0, 1], 0.0),
            "binary_accuracy: an output of sample 1 is NaN, which is no class"
        ),
        error!(
            binary_accuracy(&good, &[0, 1], nan),
            "binary_accuracy: a threshold of NaN has no side; it is 0 for logits, 0.5 for probabilities"
        ),
        error!(
            binary_accuracy(&good, &[0], 0.0),
            "binary_accuracy: 1 classes for outputs of shape (2, 1); it takes one output for each, and one at least"
        ),
        error!(
            binary_accuracy(&good, &[0, 2], 0.0),
            "binary_accuracy: class 2 of sample 1 is neither 0 nor 1; more classes need an output for each"
        ),
    ]);
}
