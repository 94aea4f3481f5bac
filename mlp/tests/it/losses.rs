//! Values by hand, gradients by differences, targets that do not fit.

use autograd::{Float, Tape, Tensor, check};
use mlp::{
    Base, BinaryCrossEntropyWithLogits, BinaryFocal, ClassWeights, Contrastive, CosineEmbedding, CrossEntropy,
    CrossEntropyFromProbabilities, Ctc, Error, Euclidean, Focal, GaussianNll, Hinge, Huber, Ignoring, KlDivergence, L1,
    Loss, Mse, NegativeBinomialNll, NtXent, PoissonNll, Quantile, Smoothed, Targets, Triplet,
};

fn outputs() -> Tensor {
    Tensor::from([[0.3, -1.2, 2.5], [1.1, 0.4, -0.6]])
}

fn each(loss: &dyn Loss, y: impl Into<Tensor>, targets: &Targets) -> Result<Tensor, Error> {
    let tape = Tape::new();
    Ok(loss.each(tape.constant(y), targets)?.value())
}

fn why(loss: &dyn Loss, y: impl Into<Tensor>, targets: &Targets) -> String {
    each(loss, y, targets).unwrap_err().to_string()
}

/// Holds the gradients of the mean and of the sum against differences.
fn check_loss(name: &str, loss: &dyn Loss, targets: &Targets, y: &Tensor) {
    let y = std::slice::from_ref(y);
    for report in [check(|y| loss.mean(y[0], targets).unwrap(), y), check(|y| loss.sum(y[0], targets).unwrap(), y)] {
        let report = report.unwrap();
        assert!(report.passed(), "{name}: {report}");
    }
}

#[test]
fn every_gradient_agrees_with_differences() {
    let numbers = Targets::Values(Tensor::from([[1.0, 0.5, -0.5], [0.0, 2.0, 1.5]]));
    let signs = Targets::Values(Tensor::from([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]]));
    let shares = Targets::Values(Tensor::from([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]]));
    let classes = Targets::Classes(vec![2, 0]);
    let losses: [(&str, &dyn Loss, &Targets); 10] = [
        ("mse", &Mse, &numbers),
        ("l1", &L1, &numbers),
        ("huber", &Huber { delta: 1.0 }, &numbers),
        ("euclidean", &Euclidean, &numbers),
        ("cross-entropy", &CrossEntropy, &classes),
        ("soft cross-entropy", &CrossEntropy, &shares),
        ("binary", &BinaryCrossEntropyWithLogits, &shares),
        ("hinge", &Hinge, &signs),
        ("kl", &KlDivergence, &shares),
        ("own", &Mse, &shares),
    ];
    for (name, loss, targets) in losses {
        check_loss(name, loss, targets, &outputs());
    }
    for base in [Base::Nats, Base::Bits] {
        for targets in [&classes, &shares] {
            let loss = CrossEntropyFromProbabilities { base };
            check_loss("from probabilities", &loss, targets, &outputs().softmax(1));
        }
    }
}

#[test]
fn the_gradients_of_likelihoods_and_embeddings_agree_with_differences() {
    let (one, two) =
        (Targets::Values(Tensor::from([[2.0], [0.0]])), Targets::Values(Tensor::from([[0.4, -0.7], [1.0, 0.3]])));
    let counts = Targets::Values(Tensor::from([[2.0, 0.0], [5.0, 1.0]]));
    let (classes, ignored) = (Targets::Classes(vec![1, 0]), Targets::Classes(vec![1, 9]));
    let (weights, labels) = (vec![0.5, 2.0], Targets::Values(Tensor::from([[1.0, 0.0], [0.0, 1.0]])));
    let sequences = Targets::Sequences(vec![vec![1, 1], vec![]]);
    let wide = Tensor::from([[0.3, -1.2, 0.5, 0.2], [1.1, 0.4, -0.6, -0.8]]);
    let flat = Tensor::from([[0.3, -1.2], [1.1, 0.4]]);
    let pairs = Tensor::from([[[0.3, -1.2], [0.6, -0.9]], [[1.1, 0.4], [-0.6, -0.3]]]);
    let triplets = Tensor::from([[[0.3, -1.2], [1.6, -0.9], [0.4, 1.0]], [[1.1, 0.4], [-0.6, -0.3], [0.2, 0.7]]]);
    let steps = Tensor::from_fn([2, 4, 2], |i| ((7 * i[0] + 3 * i[1] + 5 * i[2]) as f64).sin());
    let cross = CrossEntropy;
    let losses: [(&str, &dyn Loss, &Targets, &Tensor); 20] = [
        ("gaussian", &GaussianNll::default(), &two, &wide),
        ("gaussian of a variance", &GaussianNll { variance: Some(0.3), full: true }, &two, &flat),
        ("poisson", &PoissonNll { full: true }, &counts, &flat),
        ("negative binomial", &NegativeBinomialNll::default(), &counts, &wide),
        ("negative binomial of a size", &NegativeBinomialNll { size: Some(1.5) }, &counts, &flat),
        ("quantile", &Quantile { levels: vec![0.2] }, &two, &flat),
        ("quantiles", &Quantile { levels: vec![0.2, 0.9] }, &one, &flat),
        ("smoothed", &Smoothed { loss: CrossEntropy, share: 0.1 }, &classes, &flat),
        ("focal", &Focal { gamma: 2.0 }, &classes, &flat),
        ("focal of a root", &Focal { gamma: 0.5 }, &labels, &flat),
        ("binary focal", &BinaryFocal { gamma: 1.5, alpha: Some(0.3) }, &labels, &flat),
        ("triplet", &Triplet { margin: 2.0 }, &classes, &triplets),
        ("contrastive", &Contrastive { margin: 3.0 }, &classes, &pairs),
        ("cosine embedding", &CosineEmbedding { margin: -0.9 }, &classes, &pairs),
        ("nt-xent", &NtXent { temperature: 0.5 }, &classes, &pairs),
        ("ctc", &Ctc::default(), &sequences, &steps),
        ("class weights", &ClassWeights { loss: cross, weights: weights.clone() }, &classes, &flat),
        ("ignoring", &Ignoring { loss: cross, class: 9 }, &ignored, &flat),
        ("ignoring weights", &Ignoring { loss: ClassWeights { loss: cross, weights }, class: 9 }, &ignored, &flat),
        ("own", &Smoothed { loss: CrossEntropy, share: 0.0 }, &labels, &flat),
    ];
    for (name, loss, targets, y) in losses {
        check_loss(name, loss, targets, y);
        // A gradient of the gradient, recorded, against differences of the gradient.
        let v = Tensor::new(y.shape(), (0..y.numel()).map(|i| 1.0 + (i as f64).cos()).collect());
        let report =
            check(|y| (loss.mean(y[0], targets).unwrap().grad(y[0]) * &v).sum(), std::slice::from_ref(y)).unwrap();
        assert!(report.passed(), "{name}, second order: {report}");
    }
}

#[test]
fn mean_and_sum_reduce_each() {
    let tape = Tape::new();
    let y = tape.var([[1.0, 2.0], [3.0, 5.0]]);
    let targets = Targets::Values(Tensor::zeros([2, 2]));
    assert_eq!(Mse.each(y, &targets).unwrap().value(), Tensor::from([[1.0, 4.0], [9.0, 25.0]]));
    assert_eq!(Mse.sum(y, &targets).unwrap().value(), 39.0);
    assert_eq!(Mse.mean(y, &targets).unwrap().value(), 39.0 / 4.0);
}

#[test]
fn the_euclidean_norm_has_gradient_0_at_0() {
    let tape = Tape::new();
    let y = tape.var([[1.0, 2.0], [3.0, 4.0]]);
    let loss = Euclidean.sum(y, &Targets::Values(Tensor::from([[1.0, 2.0], [0.0, 0.0]]))).unwrap();
    assert_eq!(loss.backward()[y], Tensor::from([[0.0, 0.0], [0.6, 0.8]]));
}

#[test]
fn huber_is_the_parabola_and_the_line() {
    let values = each(&Huber { delta: 2.0 }, [1.0, -2.0, 5.0], &Targets::Values(Tensor::zeros([3]))).unwrap();
    for delta in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let refused = each(&Huber { delta }, [1.0], &Targets::Values(Tensor::zeros([1]))).unwrap_err().to_string();
        assert_eq!(refused, format!("huber: delta {delta} is not a finite number above 0"));
    }
    assert_eq!(values, Tensor::from([0.5, 2.0, 2.0 * (5.0 - 1.0)]));
}

/// Value, slope and curvature of a loss of single outputs, recorded and in forward mode.
fn orders(loss: &dyn Loss, y: &[f64], targets: &[f64]) -> [Vec<f64>; 3] {
    let tape = Tape::new();
    let x = tape.var(y.to_vec());
    let each = loss.each(x, &Targets::Values(Tensor::from(targets.to_vec()))).unwrap();
    let slope = each.sum().grad(x);
    assert_eq!(each.sum().backward()[x], slope.value());
    let curvature = slope.sum().grad(x).value();
    assert_eq!(slope.jvp(&[(x, &Tensor::ones(x.shape()))]), curvature, "forward over reverse");
    [each.value(), slope.value(), curvature].map(|t| t.to_vec())
}

#[test]
fn huber_has_the_curvature_of_the_parabola_up_to_its_ends() {
    let [value, slope, curvature] =
        orders(&Huber { delta: 2.0 }, &[0.0, 1.5, -1.5, 2.0, -2.0, 5.0, -5.0, 1e300, -1e-200], &[0.0; 9]);
    assert_eq!(value, [0.0, 1.125, 1.125, 2.0, 2.0, 8.0, 8.0, 2e300, 0.0]);
    assert_eq!(slope, [0.0, 1.5, -1.5, 2.0, -2.0, 2.0, -2.0, 2.0, -1e-200]);
    assert_eq!(curvature, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    // Newton's step from an exact prediction beside a wrong one leaves the first where it is.
    let [_, slope, curvature] = orders(&Huber { delta: 1.0 }, &[3.0, 0.5], &[3.0, 0.0]);
    let step: Vec<f64> = slope.iter().zip(&curvature).map(|(slope, curvature)| slope / curvature).collect();
    assert_eq!(step, [0.0, 0.5]);
}

/// (logit, label, loss, slope), by mpmath.
#[allow(clippy::excessive_precision)]
const BINARY: &[(f64, f64, f64, f64)] = &[
    (40.0, 1.0, 4.248354255291589e-18, -4.248354255291589e-18),
    (40.0, 0.0, 40.0, 1.0),
    (-40.0, 0.0, 4.248354255291589e-18, 4.248354255291589e-18),
    (-40.0, 1.0, 40.0, -1.0),
    (17.5, 1.0, 2.5109991242183985e-8, -2.5109990926928158e-8),
    (-17.5, 0.0, 2.5109991242183985e-8, 2.5109990926928158e-8),
    (5.5, 1.0, 4.0784432705707209e-3, -4.0701377158961273e-3),
    (-80.0, 0.0, 1.8048513878454153e-35, 1.8048513878454153e-35),
    (0.5, 0.25, 0.84907698418010668, 0.37245933120185456),
    (-3.0, 0.875, 2.6735873515737421, -0.82757412682243322),
    (100.0, 0.25, 75.0, 0.75),
    (-30.0, 0.5, 15.000000000000094, -0.49999999999990642),
    (1.0e-9, 1.0, 0.69314718005994531, -0.49999999975),
];

#[test]
fn binary_cross_entropy_keeps_its_digits_where_a_class_is_sure() {
    fn holds<T: Float>() {
        let off = |found: T, exact: f64| (found.to_f64() / exact - 1.0).abs() / T::EPSILON;
        for &(logit, label, loss, slope) in BINARY {
            let tape = Tape::default();
            let y = tape.var([T::from_f64(logit)]);
            let targets = Targets::Values(Tensor::from([T::from_f64(label)]));
            let each = BinaryCrossEntropyWithLogits.each(y, &targets).unwrap();
            let (swept, recorded) = (each.sum().backward()[y].to_vec()[0], each.sum().grad(y).value().to_vec()[0]);
            let forward = each.jvp(&[(y, &Tensor::ones([1]))]).to_vec()[0];
            assert!(off(each.value().to_vec()[0], loss) <= 4.0, "{} at {logit}, {label}: {:?}", T::NAME, each.value());
            for found in [swept, recorded, forward] {
                assert!(off(found, slope) <= 4.0, "{} slope at {logit}, {label}: {found} for {slope}", T::NAME);
            }
        }
    }
    holds::<f64>();
    holds::<f32>();
}

#[test]
fn binary_cross_entropy_of_infinite_logits_is_its_limit() {
    let inf = f64::INFINITY;
    let (y, labels) = ([inf, -inf, inf, -inf, inf], [1.0, 0.0, 0.0, 1.0, 0.25]);
    let [value, slope, _] = orders(&BinaryCrossEntropyWithLogits, &y, &labels);
    assert_eq!(value, [0.0, 0.0, inf, inf, inf]);
    assert_eq!(slope, [0.0, 0.0, 1.0, -1.0, 0.75]);
}

#[test]
fn both_forms_of_cross_entropy_agree() {
    let classes = Targets::Classes(vec![2, 0]);
    let one_hot = Targets::Values(Tensor::from([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]));
    let expected = each(&CrossEntropy, outputs(), &classes).unwrap();
    for targets in [&classes, &one_hot] {
        assert!(each(&CrossEntropy, outputs(), targets).unwrap().is_close(&expected, 1e-14));
        let loss = CrossEntropyFromProbabilities::default();
        assert!(each(&loss, outputs().softmax(1), targets).unwrap().is_close(&expected, 1e-14));
    }
    assert!(each(&KlDivergence, outputs().log_softmax(1), &one_hot).unwrap().is_close(&expected, 1e-14));
}

#[test]
fn cross_entropy_from_probabilities_is_safe_at_0() {
    let loss = CrossEntropyFromProbabilities { base: Base::Nats };
    let tape = Tape::new();
    let p = tape.var([[1.0, 0.0], [0.0, 1.0]]);
    let right = loss.each(p, &Targets::Values(Tensor::from([[1.0, 0.0], [1.0, 0.0]]))).unwrap();
    assert_eq!(right.value().get([0]), 0.0);
    assert!((right.value().get([1]) - 87.336_544_750_553_1).abs() < 1e-9);
    assert!(right.sum().backward()[p].is_finite());
}

#[test]
fn binary_cross_entropy_neither_overflows_nor_cancels() {
    let loss = BinaryCrossEntropyWithLogits;
    let labels = Targets::Values(Tensor::from([1.0, 1.0, 0.0, 0.0, 1.0]));
    let values = each(&loss, [-1000.0, 1000.0, 1000.0, -40.0, 40.0], &labels).unwrap().to_vec();
    assert_eq!(values[..3], [1000.0, 0.0, 1000.0]);
    for tiny in &values[3..] {
        assert!((tiny / (-40f64).exp() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn classes_0_and_1_serve_binary_losses() {
    let tape = Tape::new();
    let y = tape.constant([[0.5], [-0.25]]);
    let classes = Targets::Classes(vec![1, 0]);
    let pairs: [(&dyn Loss, [f64; 2]); 2] = [(&BinaryCrossEntropyWithLogits, [1.0, 0.0]), (&Hinge, [1.0, -1.0])];
    for (loss, numbers) in pairs {
        let values = Targets::Values(Tensor::new([2, 1], numbers.to_vec()));
        assert_eq!(loss.each(y, &classes).unwrap().value(), loss.each(y, &values).unwrap().value());
    }
}

#[test]
fn targets_of_the_wrong_kind_or_shape_are_named() {
    let classes = Targets::Classes(vec![0, 1]);
    let column = Targets::Values(Tensor::zeros([2, 1]));
    let losses: [(&str, &dyn Loss); 5] = [
        ("mse", &Mse),
        ("l1", &L1),
        ("huber", &Huber { delta: 1.0 }),
        ("euclidean", &Euclidean),
        ("kl_divergence", &KlDivergence),
    ];
    for (name, loss) in losses {
        let expected = format!("{name}: the targets are classes, but it needs numbers; one_hot makes them of classes");
        assert_eq!(why(loss, outputs(), &classes), expected);
        let expected =
            format!("{name}: targets of shape (2, 1) do not fit outputs of shape (2, 3); reshape one of them");
        assert_eq!(why(loss, outputs(), &column), expected);
    }
    let losses: [(&str, &dyn Loss); 2] = [
        ("cross_entropy", &CrossEntropy),
        ("cross_entropy_from_probabilities", &CrossEntropyFromProbabilities::default()),
    ];
    for (name, loss) in losses {
        assert!(why(loss, outputs(), &column).starts_with(&format!("{name}: targets of shape (2, 1)")));
        assert_eq!(
            why(loss, outputs(), &Targets::Classes(vec![0, 3])),
            format!("{name}: class 3 of sample 1 does not exist; outputs of shape (2, 3) have classes 0 to 2")
        );
        assert_eq!(
            why(loss, outputs(), &Targets::Classes(vec![0])),
            format!("{name}: 1 classes for the 2 rows of outputs of shape (2, 3)")
        );
        assert_eq!(
            why(loss, [0.0, 1.0], &classes),
            format!(
                "{name}: outputs of shape (2,) are not (samples, classes); reshape them, or give a label for each place in Targets::Sequences"
            )
        );
    }
    assert_eq!(why(&Hinge, [0.0], &Targets::Values(Tensor::from([0.5]))), "hinge: target 0.5 is neither −1 nor 1");
    assert_eq!(
        why(&BinaryCrossEntropyWithLogits, [0.0], &Targets::Values(Tensor::from([1.5]))),
        "binary_cross_entropy: target 1.5 lies outside [0, 1]"
    );
    assert_eq!(
        why(&Hinge, [[0.0], [1.0]], &Targets::Classes(vec![1, 2])),
        "hinge: class 2 of sample 1 is neither 0 nor 1"
    );
}

#[test]
fn a_divergence_knows_probabilities_of_0() {
    let tape = Tape::new();
    let y = tape.var([[0.0, f64::NEG_INFINITY]]);
    let loss = KlDivergence.mean(y, &Targets::Values(Tensor::from([[1.0, 0.0]]))).unwrap();
    assert_eq!(loss.value(), 0.0);
    assert_eq!(loss.backward()[y].to_vec(), [-1.0, 0.0]);
    let error = KlDivergence.mean(y, &Targets::Values(Tensor::from([[1.5, -0.5]]))).unwrap_err().to_string();
    assert_eq!(error, "kl_divergence: target -0.5 is not a probability, which is 0 or above");
}
