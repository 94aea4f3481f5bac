"""Metrics by scikit-learn, for tests/it/metrics.rs.

    python metrics.py > metrics.json

A case has outputs (and `probabilities`, if they are), classes or targets, weights or none, and figures by the names of metrics; null
is a figure that is not defined.
"""

import json
import sys
import warnings

import numpy as np
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
CASES = {}


def number(f):
    """The value of `f()`, or None if there is none."""
    try:
        value = float(f())
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def array(x):
    return {"shape": list(np.shape(x)), "values": np.ravel(x).astype(float).tolist()}


def add(name, outputs, weights, figures, **more):
    assert name not in CASES, f"two cases are called {name}"
    weights = None if weights is None else weights.tolist()
    figures = {key: number(f) for key, f in figures.items()}
    CASES[name] = {"outputs": array(outputs), "weights": weights, "figures": figures, **more}


def confusion(t, predicted, w, count):
    """Figures of predicted classes."""
    figures = {
        "accuracy": lambda: sk.accuracy_score(t, predicted, sample_weight=w),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(t, predicted, sample_weight=w),
    }
    for name, f in {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}.items():
        for average in ["macro", "micro", "weighted"]:
            figures[f"{name}_{average}"] = lambda f=f, a=average: f(t, predicted, average=a, sample_weight=w)
        for k in range(count):
            each = lambda f=f, k=k: f(t, predicted, average=None, labels=range(count), sample_weight=w)[k]
            figures[f"{name}_class_{k}"] = each
    return figures


def calibration_error(p, t, w, bins):
    """Guo et al. 2017, equation 3; bins are open on the left, as those of calibration_curve."""
    w = np.ones(len(t)) if w is None else w
    best, right = p.max(1), p.argmax(1) == t
    bin_of = np.ceil(best * bins).astype(int)
    sums = [np.abs((w * (right - best))[bin_of == b].sum()) for b in range(1, bins + 1)]
    return sum(sums) / w.sum()


def classes(name, outputs, t, weights=None):
    """Rows of one output for each class; of logits the probabilities are measured as a case of their own."""
    t, count = np.asarray(t), outputs.shape[1]
    labels = list(range(count))
    figures = confusion(t, outputs.argmax(1), weights, count)
    for k in range(1, count + 1):
        top = lambda k=k: sk.top_k_accuracy_score(t, outputs, k=k, labels=labels, sample_weight=weights)
        if count > 2:
            figures[f"top_{k}_accuracy"] = top
    is_share = bool((outputs >= 0).all() and np.allclose(outputs.sum(1), 1))
    more = {}
    if is_share:
        onehot = np.eye(count)[t]
        scores = (outputs[:, 1],) if count == 2 else (outputs,)
        figures["roc_auc"] = lambda: sk.roc_auc_score(
            t, *scores, multi_class="ovr", labels=None if count == 2 else labels, sample_weight=weights
        )
        # scikit-learn gives 0 for a class without samples, where a mean over what is found of it has no meaning.
        precision = lambda: sk.average_precision_score(onehot, outputs, sample_weight=weights)
        if count == 2:
            precision = lambda: sk.average_precision_score(t, outputs[:, 1], sample_weight=weights)
        figures["average_precision"] = precision if len(set(t)) == count else lambda: np.nan
        figures["log_loss"] = lambda: sk.log_loss(t, outputs, labels=labels, sample_weight=weights)
        figures["brier"] = lambda: sk.brier_score_loss(t, outputs, labels=labels, sample_weight=weights)
        for bins in [1, 5, 15]:
            figures[f"calibration_error_{bins}"] = lambda b=bins: calibration_error(outputs, t, weights, b)
        if weights is None:
            observed, foretold = calibration_curve(t == 1, outputs[:, 1], n_bins=5)
            more["curve"] = {"observed": observed.tolist(), "foretold": foretold.tolist()}
    more["matrix"] = sk.confusion_matrix(t, outputs.argmax(1), labels=labels, sample_weight=weights).astype(float).tolist()
    add(name, outputs, weights, figures, classes=t.tolist(), **more)


def binary(name, scores, t, threshold, weights=None):
    """One output for each sample."""
    t = np.asarray(t)
    figures = confusion(t, (scores > threshold).astype(int), weights, 2)
    figures["roc_auc"] = lambda: sk.roc_auc_score(t, scores, sample_weight=weights)
    if 0 < t.sum() < len(t):
        figures["average_precision"] = lambda: sk.average_precision_score(t, scores, sample_weight=weights)
    else:
        figures["average_precision"] = lambda: np.nan
    if threshold == 0.5:
        figures["log_loss"] = lambda: sk.log_loss(t, scores, labels=[0, 1], sample_weight=weights)
        figures["brier"] = lambda: sk.brier_score_loss(t, scores, pos_label=1, sample_weight=weights)
    matrix = sk.confusion_matrix(t, scores > threshold, labels=[0, 1], sample_weight=weights).astype(float).tolist()
    add(name, scores, weights, figures, classes=t.tolist(), threshold=threshold, matrix=matrix)


def regression(name, y, t, weights=None):
    figures = {
        "mse": lambda: sk.mean_squared_error(t, y, sample_weight=weights),
        "rmse": lambda: sk.root_mean_squared_error(t, y, sample_weight=weights),
        "mae": lambda: sk.mean_absolute_error(t, y, sample_weight=weights),
        "r2": lambda: sk.r2_score(t, y, sample_weight=weights),
        "explained_variance": lambda: sk.explained_variance_score(t, y, sample_weight=weights),
    }
    for level in [0.0, 0.1, 0.5, 0.9]:
        pinball = lambda a=level: sk.mean_pinball_loss(t, y, alpha=a, sample_weight=weights)
        figures[f"pinball_{level:g}"] = pinball
    add(name, y, weights, figures, targets=array(t))


def softmax(z):
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


n = 60
truth = rng.integers(0, 4, n)
logits = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[truth]
weights = rng.uniform(0, 3, n).round(3)
weights[:5] = 0
classes("logits", logits, truth)
classes("logits_weighted", logits, truth, weights)
classes("shares", softmax(logits), truth)
classes("shares_weighted", softmax(logits), truth, weights)
classes("shares_of_two", softmax(logits[:, :2]), truth % 2)
classes("shares_of_two_weighted", softmax(logits[:, :2]), truth % 2, weights)
# Ties: scores on a coarse grid.
classes("tied_logits", logits.round(), truth)
tied = rng.multinomial(8, [0.25] * 4, n) / 8
classes("tied_shares", tied, truth)
classes("tied_shares_weighted", tied, truth, weights)
classes("perfect", np.eye(3)[truth % 3], truth % 3)
classes("all_wrong", np.eye(3)[(truth + 1) % 3], truth % 3)
classes("one_class", softmax(logits), np.full(n, 2))
classes("never_predicted", logits - 100 * np.eye(4)[1], truth)
classes("neither_true_nor_predicted", logits - 100 * np.eye(4)[1], np.where(truth == 1, 0, truth))
classes("one_sample", softmax(logits[:1]), truth[:1])

yes = truth // 2
scores = rng.normal(size=n) + yes
binary("scores", scores, yes, 0.0)
binary("scores_weighted", scores, yes, 0.0, weights)
binary("tied_scores", scores.round(), yes, 0.0)
binary("tied_scores_weighted", scores.round(), yes, 0.0, weights)
binary("equal_scores", np.zeros(n), yes, 0.0)
binary("perfect_scores", yes - 0.5, yes, 0.0)
binary("reversed_scores", 0.5 - yes, yes, 0.0)
binary("all_yes", scores, np.ones(n, int), 0.0)
binary("all_no", scores, np.zeros(n, int), 0.0)
binary("chances", 1 / (1 + np.exp(-scores)), yes, 0.5)
binary("chances_weighted", 1 / (1 + np.exp(-scores)), yes, 0.5, weights)
binary("sure_chances", np.where(rng.uniform(size=n) < 0.2, 1 - yes, yes).astype(float), yes, 0.5)

t = rng.normal(size=n)
y = t + rng.normal(size=n) / 2
regression("values", y, t)
regression("values_weighted", y, t, weights)
t = rng.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 5, 1]
y = t + rng.normal(size=(n, 3)) / 2
regression("several_values", y, t)
regression("several_values_weighted", y, t, weights)
regression("exact_values", t, t)
regression("shifted_values", t + 1.5, t)
regression("the_mean", np.full(n, t[:, 1].mean()), t[:, 1])
regression("constant_targets", rng.normal(size=n), np.full(n, 2.0))
regression("constant_targets_met", np.full(n, 2.0), np.full(n, 2.0))
regression("constant_targets_shifted", np.full(n, 3.0), np.full(n, 2.0))
regression("one_value_of_one", np.array([1.5]), np.array([1.0]))

json.dump(CASES, sys.stdout, indent=None, sort_keys=True)
print()
