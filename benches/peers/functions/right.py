"""Right gradients of plain functions: `trials/functions_right.rs`."""

import numpy as np

from checks.case import point, within

from .case import (
    Case,
    flow,
    logsumexp,
    of,
    regression,
    rosenbrock,
    rosenbrock_gradient,
    softmax,
    summed,
    twenty_thousands,
)


def fitted(seed, claim=lambda dw, db: (dw, db)):
    x = point(seed, 4), point(seed + 1, 1)
    return of(x, lambda w, b: regression(w, b)[0], grad=lambda w, b: claim(*regression(w, b)[1:]))


def broadcast(seed, sum_rows=lambda da: da.sum(0)):
    x = point(seed, 3, 4), point(seed + 1, 4)

    def grad(a, b):
        da = np.cos(a + b)
        return da, sum_rows(da)

    return of(x, lambda a, b: np.sin(a + b).sum(), grad=grad)


def entropy(x):
    p = softmax(x)
    return -(p * np.log(p)).sum()


def entropy_gradient(x):
    p = softmax(x)
    return -p * (np.log(p) - (p * np.log(p)).sum())


def flowing(seed, memory=1.0):
    x = within(seed, (1,), 0.5, 1.5), within(seed + 1, (1,), 0.5, 1.5)
    return of(x, lambda u, k: flow(u, k)[0], grad=lambda u, k: flow(u, k, memory)[1:])


def dead_units(seed):
    x = point(seed, 6) + 2.0 * (-1.0) ** np.arange(6)
    slope = lambda x: np.where(x > 0.0, 0.35 / np.sqrt(np.maximum(x, 1e-300)), 0.0)
    return summed(x, lambda x: 0.7 * np.sqrt(np.maximum(x, 0.0)), slope)


def large_beside_small(seed, factor=1.0):
    x = twenty_thousands(seed, 2), point(seed, 2)
    return of(
        x,
        lambda a, b: (np.sin(1e-4 * a) + np.sin(b)).sum(),
        grad=lambda a, b: (factor * 1e-4 * np.cos(1e-4 * a), np.cos(b)),
    )


def sums_beside_a_sine(seed, factor=1.0):
    x = twenty_thousands(seed, 2), within(seed, (2,), 0.2, 1.2)
    return of(x, lambda a, b: (3.0 * a + np.sin(b)).sum(), grad=lambda a, b: (np.full_like(a, 3.0), factor * np.cos(b)))


CASES = [
    Case("a function: sines", lambda seed: summed(point(seed, 5), np.sin, np.cos)),
    Case("a function: sines of 1000", lambda seed: summed(point(seed, 1000), np.sin, np.cos)),
    Case("a function: Rosenbrock", lambda seed: of(point(seed, 10), rosenbrock, grad=rosenbrock_gradient)),
    Case("a function: regression", fitted),
    Case("a function: a broadcast bias", broadcast),
    Case("a function: log of a sum", lambda seed: of(point(seed, 6), logsumexp, grad=softmax)),
    Case("a function: entropy", lambda seed: of(point(seed, 5), entropy, grad=entropy_gradient)),
    Case(
        "a function: norm",
        lambda seed: of(point(seed, 5), np.linalg.norm, grad=lambda x: x / np.linalg.norm(x)),
    ),
    Case("a function: steps of a differential equation", flowing),
    Case(
        "a function: an input that it ignores",
        lambda seed: of(
            (point(seed, 3), point(seed + 1, 2)),
            lambda a, b: np.exp(a).sum(),
            grad=lambda a, b: (np.exp(a), np.zeros_like(b)),
        ),
    ),
    Case("a function: dead units", dead_units),
    Case("a function: 2e4 beside 1", large_beside_small),
    Case("a function: sums of 2e4 beside a sine", sums_beside_a_sine),
]
