//! Metrics against scikit-learn's figures, `tests/data/metrics.py`; what weights mean; and what is refused.

use std::collections::BTreeMap;

use autograd::{Float, Tensor};
use mlp::Targets;
use mlp::metrics::{Average, Confusion, Metric, Predictions, Probabilities, Ranking, Regression};
use serde_json::Value;

use crate::figures::tensor;

fn cases() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../data/metrics.json")).expect("a data file")
}

fn numbers(values: &Value) -> Option<Vec<f64>> {
    values.as_array().map(|all| all.iter().map(|x| x.as_f64().unwrap()).collect())
}

fn targets<T: Float>(case: &Value) -> Targets<T> {
    match numbers(&case["classes"]) {
        Some(classes) => Targets::Classes(classes.into_iter().map(|class| class as usize).collect()),
        None => Targets::Values(tensor(&case["targets"])),
    }
}

/// All figures, by the names of the metrics; returns how many.
fn agree<T: Float>(tolerance: f64) -> usize {
    let mut held = 0;
    for (name, case) in cases() {
        let (outputs, targets, weights) = (tensor::<T>(&case["outputs"]), targets(&case), numbers(&case["weights"]));
        let mut predictions = Predictions::new(&outputs, &targets);
        if let Some(weights) = &weights {
            predictions = predictions.weights(weights);
        }
        if let Some(threshold) = case["threshold"].as_f64() {
            predictions = predictions.threshold(threshold);
        }
        // Their logarithms are those of the precision of the type, and scikit-learn's figures are of f64.
        let sure = outputs.as_slice().iter().any(|&p| p == T::zero() || p == T::one());
        for (metric, figure) in case["figures"].as_object().unwrap() {
            let parsed: Metric = metric.parse().unwrap();
            assert_eq!(&parsed.name(), metric);
            let found = parsed.of(&predictions);
            match figure.as_f64() {
                Some(_) if parsed == Metric::LogLoss && sure && T::EPSILON > 1e-10 => {}
                Some(figure) => {
                    let found = found.unwrap_or_else(|error| panic!("{name}: {metric}: {error}"));
                    let off = (found - figure).abs() / (1.0 + figure.abs());
                    assert!(off <= tolerance, "{name}: {metric}: {found}, scikit-learn has {figure}");
                    held += 1;
                }
                None => assert!(found.is_err(), "{name}: {metric}: {found:?}, which is not defined"),
            }
        }
    }
    held
}

#[test]
fn all_figures_of_scikit_learn_come_out() {
    assert!(agree::<f64>(1e-12) > 600);
    assert!(agree::<f32>(1e-5) > 600);
}

#[test]
fn confusion_matrices_and_calibration_curves_are_those_of_scikit_learn() {
    let mut curves = 0;
    for (name, case) in cases() {
        let Some(matrix) = case["matrix"].as_array() else { continue };
        let Targets::<f64>::Classes(classes) = targets(&case) else { unreachable!("a matrix is of classes") };
        let outputs: Tensor = tensor(&case["outputs"]);
        let confusion = match (case["threshold"].as_f64(), numbers(&case["weights"])) {
            (Some(threshold), Some(weights)) => Confusion::binary_weighted(&outputs, &classes, threshold, &weights),
            (Some(threshold), None) => Confusion::binary(&outputs, &classes, threshold),
            (None, Some(weights)) => Confusion::weighted(&outputs, &classes, &weights),
            (None, None) => Confusion::new(&outputs, &classes),
        };
        for (row, needed) in confusion.unwrap().counts().iter().zip(matrix) {
            let needed = numbers(needed).unwrap();
            assert!(row.iter().zip(&needed).all(|(a, b)| (a - b).abs() < 1e-12), "{name}: {row:?}, not {needed:?}");
        }
        if let (Some(observed), Some(foretold)) =
            (numbers(&case["curve"]["observed"]), numbers(&case["curve"]["foretold"]))
        {
            let calibration = Probabilities::new(&outputs, &classes).unwrap().reliability(1, 5).unwrap();
            let bins = calibration.bins();
            assert_eq!(bins.len(), observed.len(), "{name}");
            for ((bin, observed), foretold) in bins.iter().zip(observed).zip(foretold) {
                assert!((bin.observed - observed).abs() + (bin.foretold - foretold).abs() < 1e-12, "{name}: {bin:?}");
                assert!(bin.from <= bin.foretold && bin.foretold <= bin.to, "{name}: {bin:?}");
            }
            curves += 1;
        }
    }
    assert!(curves > 5);
}

/// What a case holds for all metrics that are defined for it.
fn all_of(outputs: &Tensor, targets: &Targets, weights: Option<&[f64]>, metrics: &[&str]) -> Vec<f64> {
    let predictions = Predictions::new(outputs, targets);
    let predictions = weights.map_or(predictions, |weights| predictions.weights(weights));
    metrics.iter().map(|name| name.parse::<Metric>().unwrap().of(&predictions).unwrap()).collect()
}

/// A weight of 2 is the sample twice, and one of 0 is none.
#[test]
fn weights_are_numbers_of_samples() {
    let of_classes = [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "f1_micro",
        "precision_weighted",
        "recall_class_1",
        "top_2_accuracy",
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier",
        "calibration_error_7",
    ];
    let of_values = ["mse", "rmse", "mae", "r2", "explained_variance", "pinball_0.3"];
    for (case, metrics) in [("tied_shares", &of_classes[..]), ("several_values", &of_values)] {
        let case = &cases()[case];
        let (outputs, targets) = (tensor::<f64>(&case["outputs"]), targets(case));
        let times: Vec<usize> = (0..targets.len()).map(|i| i * i % 4).collect();
        let repeated: Vec<usize> = (0..times.len()).flat_map(|i| vec![i; times[i]]).collect();
        let weights: Vec<f64> = times.iter().map(|&n| n as f64).collect();
        let few = match &targets {
            Targets::Classes(classes) => Targets::Classes(repeated.iter().map(|&i| classes[i]).collect()),
            Targets::Values(values) => Targets::Values(values.take(0, &repeated)),
            Targets::Sequences(_) => unreachable!("no case has sequences"),
        };
        let by_weight = all_of(&outputs, &targets, Some(&weights), metrics);
        let by_number = all_of(&outputs.take(0, &repeated), &few, None, metrics);
        for ((found, needed), name) in by_weight.iter().zip(&by_number).zip(metrics) {
            assert!((found - needed).abs() < 1e-12 * (1.0 + needed.abs()), "{name}: {found}, {needed} by number");
        }
    }
}

/// The order of the samples, and scores stretched in their order, change nothing.
#[test]
fn a_ranking_knows_only_the_order() {
    let case = &cases()["tied_scores"];
    let scores: Tensor = tensor(&case["outputs"]);
    let Targets::<f64>::Classes(classes) = targets(case) else { unreachable!("scores are of classes") };
    let measures = |scores: &Tensor, classes: &[usize]| {
        let ranking = Ranking::new(scores, classes).unwrap();
        [ranking.roc_auc().unwrap(), ranking.average_precision().unwrap()]
    };
    let needed = measures(&scores, &classes);
    assert_eq!(measures(&(scores.exp() * 3.0 - 8.0), &classes), needed);
    let order: Vec<usize> = (0..classes.len()).map(|i| (i * 7 + 3) % classes.len()).collect();
    let moved: Vec<usize> = order.iter().map(|&i| classes[i]).collect();
    assert_eq!(measures(&scores.take(0, &order), &moved), needed);
    // The other way round it is 1 less the area, and so it is with the classes exchanged.
    assert!((measures(&-&scores, &classes)[0] + needed[0] - 1.0).abs() < 1e-12);
    let others: Vec<usize> = classes.iter().map(|class| 1 - class).collect();
    assert!((measures(&scores, &others)[0] + needed[0] - 1.0).abs() < 1e-12);
    // Two columns are their difference.
    let two = Tensor::from_fn([classes.len(), 2], |i| if i[1] == 0 { 5.0 } else { 5.0 + scores.as_slice()[i[0]] });
    assert_eq!(measures(&two, &classes), needed);
}

#[test]
fn values_of_0_and_1_are_classes() {
    let (logits, classes) = (Tensor::from([[2.0], [-3.0], [0.5]]), Targets::from(vec![1, 0, 0]));
    let values = Targets::Values(Tensor::from([[1.0], [0.0], [0.0]]));
    for metric in [Metric::F1(Average::Class(1)), Metric::RocAuc] {
        let of = |targets| metric.of(&Predictions::new(&logits, targets).threshold(0.0)).unwrap();
        assert_eq!(of(&values), of(&classes));
    }
}

fn why<R: std::fmt::Debug>(result: Result<R, mlp::Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn metrics_say_what_does_not_fit() {
    let rows = Tensor::from([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]);
    let begins = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
    begins(why(Confusion::new(&rows, &[0])), "confusion: 1 classes do not fit outputs of shape (2, 3)");
    begins(why(Confusion::new(&rows, &[0, 3])), "confusion: class 3 of sample 1 does not exist");
    begins(why(Confusion::new(&Tensor::<f64>::zeros([0, 3]), &[])), "confusion: there are no samples");
    begins(why(Confusion::new(&Tensor::<f64>::zeros([2, 1]), &[0, 0])), "confusion: outputs of one column");
    begins(why(Confusion::new(&(&rows / 0.0 * 0.0), &[0, 1])), "confusion: an output of sample 0 is NaN");
    begins(why(Confusion::weighted(&rows, &[0, 1], &[1.0])), "confusion: 1 weights for 2 samples");
    begins(why(Confusion::weighted(&rows, &[0, 1], &[1.0, -1.0])), "confusion: the weight -1 of sample 1 is not");
    begins(why(Confusion::weighted(&rows, &[0, 1], &[0.0, 0.0])), "confusion: all weights are 0");
    begins(why(Confusion::binary(&Tensor::from([1.0]), &[2], 0.0)), "confusion: class 2 of sample 0 is neither");
    begins(why(Confusion::binary(&Tensor::from([1.0]), &[1], f64::NAN)), "confusion: a threshold of NaN");
    begins(why(Confusion::of_classes(&[0, 1], &[0], 2)), "confusion: 2 predictions for 1 classes");
    begins(why(Confusion::of_classes(&[0, 5], &[0, 1], 2)), "sample 1: label 5 is out of range for 2 classes");
    begins(why(Confusion::new(&rows, &[0, 1]).unwrap().report(&["a"])), "report: 1 names for 3 classes");

    begins(
        why(Ranking::new(&Tensor::from([1.0, 2.0]), &[1, 1]).unwrap().roc_auc()),
        "roc_auc: all samples are of class 1",
    );
    begins(
        why(Ranking::new(&Tensor::from([1.0, 2.0]), &[0, 0]).unwrap().roc_auc()),
        "roc_auc: no sample is of class 1",
    );
    let unweighted = Ranking::weighted(&Tensor::from([1.0, 2.0]), &[0, 1], &[1.0, 0.0]).unwrap();
    begins(
        why(unweighted.average_precision()),
        "average_precision: no sample is of class 1, or none that has a weight",
    );
    begins(why(Ranking::new(&rows, &[0, 1]).unwrap().roc_auc()), "roc_auc: no sample is of class 2");
    begins(why(Ranking::new(&(&rows * 2.0), &[0, 1]).unwrap().roc_auc()), "roc_auc: the scores of sample 0 sum to 2");
    begins(why(Ranking::new(&rows, &[0, 1]).unwrap().top_k(0)), "top_k: the 0 highest scores");
    begins(why(Ranking::new(&Tensor::from([1.0, 2.0]), &[0, 1]).unwrap().top_k(1)), "top_k: it takes a score for each");
    begins(why(Ranking::new(&rows, &[0, 1]).unwrap().one_vs_rest(3)), "one_vs_rest: there is no score of class 3");
    let infinite = Tensor::from([[f64::INFINITY, f64::INFINITY], [0.0, 1.0]]);
    begins(
        why(Ranking::new(&infinite, &[0, 1]).unwrap().roc_auc()),
        "roc_auc: the scores of sample 0 are infinite alike",
    );

    begins(why(Probabilities::new(&(&rows * 2.0), &[0, 1])), "probabilities: sample 0 has 1.4, 0.4, 0.2, which are no");
    begins(why(Probabilities::new(&Tensor::from([-3.0]), &[0])), "probabilities: sample 0 has 4, -3, which are no");
    let sure = Probabilities::new(&rows, &[0, 1]).unwrap();
    begins(why(sure.confidence(0)), "calibration: 0 bins");
    begins(why(sure.reliability(3, 5)), "reliability: there is no class 3, but 0 to 2");

    let (y, t) = (Tensor::from([1.0, 2.0]), Tensor::from([[1.0], [2.0]]));
    begins(why(Regression::new(&y, &t)), "regression: outputs of shape (2,) and targets of shape (2, 1)");
    begins(why(Regression::new(&Tensor::<f64>::zeros([]), &Tensor::zeros([]))), "regression: outputs of shape ()");
    begins(why(Regression::new(&Tensor::<f64>::zeros([0]), &Tensor::zeros([0]))), "regression: there are no samples");
    begins(
        why(Regression::new(&Tensor::<f64>::zeros([2, 0]), &Tensor::zeros([2, 0]))),
        "regression: outputs of shape (2, 0)",
    );
    begins(why(Regression::new(&y, &Tensor::from([1.0, f64::NAN]))), "targets: sample 1 holds NaN at position 0");
    begins(why(Regression::new(&y, &y).unwrap().pinball(1.5)), "pinball: a quantile of level 1.5 is none");
    begins(why(Regression::new(&Tensor::from([1.0]), &Tensor::from([1.0])).unwrap().r2()), "r2: one sample");

    let (classes, values) = (Targets::Classes(vec![0, 1]), Targets::Values(Tensor::from([0.5, 1.0])));
    begins(why(Metric::Mse.of(&Predictions::new(&y, &classes))), "predictions: a metric of regression takes");
    begins(why(Metric::Brier.of(&Predictions::new(&y, &values))), "predictions: a metric of classification takes");
    begins(why(Metric::Accuracy.of(&Predictions::new(&y, &classes))), "predictions: with one output for each sample");
    let third = Metric::F1(Average::Class(3));
    begins(
        why(third.of(&Predictions::new(&rows, &classes))),
        "predictions: the metric is of class 3, but there are 0 to 2",
    );
    for name in
        ["acuracy", "f1_mean", "f1_class_x", "top_0_accuracy", "pinball_2", "pinball_NaN", "calibration_error_0", ""]
    {
        begins(why(name.parse::<Metric>()), &format!("metric: `{name}` is none of accuracy, "));
    }
}

#[test]
#[should_panic(expected = "confusion: there is no class 2, but 0 to 1; ask for one of these")]
fn a_class_that_does_not_exist_has_no_measures() {
    let _ = Confusion::of_classes(&[0], &[0], 2).unwrap().class(2);
}

/// Names of any length, and weights that are no whole numbers.
#[test]
fn a_report_is_a_table() {
    let outputs = Tensor::from([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
    let confusion = Confusion::weighted(&outputs, &[0, 1, 1], &[1.5, 1.0, 0.5]).unwrap();
    let report = confusion.report(&["Füße", "a much longer name"]).unwrap();
    let wide: Vec<usize> = report.lines().map(|line| line.chars().count()).collect();
    assert!(wide.iter().all(|&width| width == wide[0]), "{report}");
    assert!(report.contains("\nFüße                    0.750   1.000  0.857     1.50\n"), "{report}");
    assert_eq!(confusion.to_string(), "true     0  1\n0     1.50  ·\n1     0.50  1\n");
}
