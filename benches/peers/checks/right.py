"""Functions that cancel, are steep, large, tiny or noisy; at kinks and edges: `trials/right.rs`."""

import numpy as np

from .backends import xp
from .case import Case, at, between, constant, few_bits, normal, point, square, step, within
from .wrong import F64, NO_THIRD, noisy

# The functions here are slopes, and only a library with derivatives has them.
NO_VALUE = {"SciPy": "NumPy has no derivative to be the function"}


def few(seed):
    return few_bits(seed, 1)


def one(seed):
    return normal(seed, 4)


def twice(name, f):
    return Case(name, few, f, order=2)


def at_kinks(seed):
    return np.maximum(point(seed, 4), 0.0)


def spread(x, axis=None):
    """The variance."""
    return square(x - x.mean(axis, keepdims=True)).mean(axis)


def rectifiers(seed):
    shapes = [(20, 6), (6, 12), (12, 12), (12, 1)]
    return tuple(within([seed, k], shape, -2.0, 2.0) for k, shape in enumerate(shapes))


def very_noisy(x):
    return x + 1e-4 * xp.sin(1e9 * x)


def all_in_f32(w, v):
    return square(xp.tanh(constant(0, 8, 4) @ w) @ v).mean()


CASES = [
    twice("x/x, to second order", lambda x: xp.sin(x / x).sum()),
    twice("x²/x, to second order", lambda x: (x * x / x).sum()),
    twice("x − x, to second order", lambda x: xp.sin(xp.exp(x) - xp.exp(x)).sum()),
    twice("atan2(x, x), to second order", lambda x: xp.arctan2(x, x).sum()),
    twice("ln eˣ, to second order", lambda x: xp.log(xp.exp(x)).sum()),
    twice("sin² + cos², to second order", lambda x: (square(xp.sin(x)) + square(xp.cos(x))).sum()),
    Case(
        "the slope of x/x as a function",
        few,
        lambda x: xp.slope(lambda x: xp.sin(x / x).sum(), x).sum(),
        exactly=lambda x: 0.0 * x.sum(),
        without=NO_VALUE,
    ),
    Case(
        "the slope of a variance, in a sum",
        lambda seed: few_bits(seed, 3),
        lambda x: xp.slope(spread, x).sum(),
        exactly=lambda x: 0.0 * x.sum(),
        without=NO_VALUE,
    ),
    Case("cancelling", one, lambda x: (square(x + 1e8) - square(x) - 1e16).sum()),
    Case("beside 1e16", one, lambda x: (x + 1e16).sum()),
    Case("huge", one, lambda x: (x * 1e150).sum()),
    Case("tiny", one, lambda x: (x * 1e-150).sum()),
    Case("steep", one, lambda x: xp.sigmoid(x * 30.0).sum(), ordinary=between(-0.1, 0.1, 4)),
    Case("oscillating", one, lambda x: xp.sin(x * 40.0).sum()),
    Case("oscillating fast", one, lambda x: xp.sin(x * 4000.0).sum()),
    Case("beside a kink, at random", one, lambda x: xp.abs(x + 1e-4).sum()),
    Case("exp of exp", one, lambda x: xp.exp(xp.exp(x)).sum()),
    Case(
        "badly scaled inputs",
        lambda seed: (point(seed, 3), point(seed + 1, 3)),
        lambda x, y: xp.sin(x * 1e9).sum() + (y * 1e-9).sum(),
        near=1e-6,
    ),
    Case("at points of 1e6", lambda seed: point(seed, 4) * 1e6, lambda x: xp.log(square(x)).sum()),
    Case("at points of 1e-8", lambda seed: within(seed, 4, 0.5, 1.5) * 1e-8, lambda x: xp.log(x).sum()),
    Case("kinks 1e-9 away", lambda seed: np.array([2e-9, 0.0, 1.0]), lambda x: xp.relu(x - 1e-9).sum()),
    Case("at kinks", at_kinks, lambda x: (xp.relu(x) + xp.abs(x)).sum()),
    Case("tied maxima", lambda seed: np.round(point(seed, 4)), lambda x: x.max()),
    Case(
        "a network of rectifiers",
        rectifiers,
        lambda x, a, b, c: square(xp.relu(xp.relu(x @ a) @ b) @ c).mean(),
    ),
    Case("weak kinks", one, lambda x: (xp.exp(x) + 1e-6 * xp.abs(x + 1e-3)).sum()),
    Case("the edge of the domain", at_kinks, lambda x: xp.sqrt(x).sum(), ordinary=between(0.5, 1.5, 4)),
    Case("beside the edge", lambda seed: within(seed, 4, 1e-6, 1e-3), lambda x: (xp.sqrt(x) + 1.0 / x).sum()),
    Case("jumps", lambda seed: np.round(2.0 * point(seed, 4)) / 2.0, lambda x: (step(x) + x).sum()),
    Case("noisy", at(4), lambda x: xp.own(noisy, lambda dy, x: dy, x).sum(), exactly=lambda x: x.sum()),
    Case("very noisy", at(4), lambda x: xp.own(very_noisy, lambda dy, x: dy, x).sum(), exactly=lambda x: x.sum()),
    Case("of differences that cancel", one, lambda x: (x * 1e8 - x * (1e8 - 1.0)).sum()),
    Case("variances, to second order", lambda seed: normal(seed, 2, 4), lambda x: xp.sqrt(spread(x, 1)).sum(), order=2),
    Case(
        "softmax, to third order",
        one,
        lambda x: xp.softmax(x, 0),
        order=3,
        without=NO_THIRD,
    ),
    Case(
        "cancelling in f32",
        at(4),
        lambda x: xp.sin(square(x + 1000.0) - square(x) - 1e6).sum(),
        f32=True,
        near=0.1,
        without=F64,
    ),
    Case("all in f32", lambda seed: (normal(seed, 4, 5), normal(seed, 5, 1)), all_in_f32, f32=True, without=F64),
]
