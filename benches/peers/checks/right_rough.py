"""Functions that are not smooth, powers that are not whole, kinks, stairs, branches: `trials/right_rough.rs`."""

import numpy as np

from .backends import xp
from .case import Case, at, between, distinct, point, square, two

NOT_FINITE = "its gradient of sqrt, where not taken, is NaN: the function itself has to be written otherwise"


def with_zero(seed):
    return point(seed, 4) * [1.0, 0.0, 1.0, 1.0]


def ends(seed):
    return [0.0, 1.0, 0.3, 2.0] + point(seed, 4) * [0.0, 0.0, 0.1, 0.1]


def knots(seed):
    return np.round(2.0 * point(seed, 4)) / 2.0


def wave(x):
    """x²·sin(1/x), and 0 at 0."""
    return xp.where(x == 0, 0.0 * x, square(x) * xp.sin(1.0 / xp.where(x == 0, 1.0 + 0.0 * x, x)))


def wave_slope(x):
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 0.0, 2.0 * safe * np.sin(1.0 / safe) - np.cos(1.0 / safe))


def own(value, rule):
    return lambda x: xp.own(value, rule, x).sum()


def smoothstep(x):
    t = xp.clip(x, 0.0, 1.0)
    return (square(t) * (3.0 - 2.0 * t)).sum()


def huber(x):
    a = xp.abs(x)
    return xp.where(a < 1.0, 0.5 * square(x), a - 0.5).sum()


def looped(x):
    y = x
    for _ in range(int(2.0 * xp.number(x)) + 1):
        y = xp.sin(y) + x
    return y.sum()


def ordered(x):
    return x[np.argsort(xp.values(x))]


CASES = [
    Case("max(x, 0)^1.5 at 0", with_zero, lambda x: (xp.relu(x) ** 1.5).sum()),
    Case("max(x, 0)^1.1 at 0", with_zero, lambda x: (xp.relu(x) ** 1.1).sum()),
    Case("max(x, 0)^3.5 at 0", with_zero, lambda x: (xp.relu(x) ** 3.5).sum()),
    Case("|x|^1.5 at 0", with_zero, lambda x: (xp.abs(x) ** 1.5).sum()),
    Case("|x|^2.5 at 0, to second order", with_zero, lambda x: (xp.abs(x) ** 2.5).sum(), order=2),
    Case("|x|^1.2 near 0", lambda seed: 1e-6 * with_zero(seed), lambda x: (xp.abs(x) ** 1.2).sum()),
    Case("x·|x| at 0", with_zero, lambda x: (x * xp.abs(x)).sum()),
    Case(
        "x·√|x|, an own operation, at 0",
        with_zero,
        own(lambda x: x * xp.sqrt(xp.abs(x)), lambda dy, x: dy * xp.sqrt(xp.abs(x)) * 1.5),
    ),
    Case(
        "|x|^1.3, an own operation, at 0",
        with_zero,
        own(lambda x: xp.abs(x) ** 1.3, lambda dy, x: dy * xp.sign(x) * xp.abs(x) ** 0.3 * 1.3),
    ),
    Case("x²·sin(1/x), an own operation, at 0", with_zero, own(wave, lambda dy, x: dy * xp.plain(wave_slope)(x))),
    Case("smoothstep at its ends", ends, smoothstep),
    Case("a spline at its knots", knots, lambda x: sum((xp.relu(x - (k / 2.0 - 1.0)) ** 3).sum() for k in range(5))),
    Case("Huber's loss beside its knee", between(0.9999, 1.0001, 6), huber),
    Case("a branch on values", at(1), lambda x: (xp.exp(x) if xp.number(x) > 0.0 else xp.sin(x)).sum()),
    Case("a loop as long as values say", between(0.1, 3.0, 1), looped),
    Case(
        "the branch not taken is not finite",
        at(6),
        lambda x: xp.where(x > 0, xp.sqrt(x), square(x)).sum(),
        without=dict.fromkeys(["PyTorch", "JAX", "SciPy"], NOT_FINITE),
    ),
    Case("a modulus by the floor", at(6), lambda x: square(3.0 * x - xp.floor(3.0 * x)).sum()),
    Case("the median", lambda seed: distinct(seed, 5), lambda x: ordered(x)[2]),
    Case(
        "sorted by values",
        lambda seed: distinct(seed, 5),
        lambda x: square(ordered(x) * xp.array([1.0, 2.0, 3.0, 4.0, 5.0])).sum(),
    ),
    Case("largest of many", lambda seed: distinct(seed, 30), lambda x: x.max()),
    Case("a kink 1e-7 away", with_zero, lambda x: xp.abs(x + 1e-7).sum()),
    Case("a thousand rectifiers", at(1000), lambda x: square(xp.relu(3.0 * x)).sum()),
    Case("a thousand dead rectifiers", at(1000), lambda x: xp.relu(x - 10.0).sum()),
    Case("an input that does nothing", two(3), lambda x, y: xp.tanh(x).sum() + 0.0 * y.sum()),
    Case(
        "rounding, flat as its rule says",
        between(0.1, 0.4, 4),
        lambda x: (xp.own(lambda x: xp.round(x), lambda dy, x: 0.0 * dy, x) + x).sum(),
    ),
    Case("quantised to eighths, with x", at(4), lambda x: (xp.round(8.0 * x) / 8.0 + x).sum()),
    Case("stairs of 1/8: (x + 1e15) − 1e15", at(4), lambda x: ((x + 1e15) - 1e15).sum()),
    Case("stairs of 2: (x + 1e16) − 1e16", at(4), lambda x: ((x + 1e16) - 1e16).sum()),
    Case("stairs of 1e-5: (x + 1e11) − 1e11", at(4), lambda x: xp.sin((x + 1e11) - 1e11).sum(), near=1e-4),
    Case(
        "a saw with a detached floor",
        at(4),
        lambda x: square(3.0 * x - xp.array(np.floor(3.0 * xp.values(x)))).sum(),
    ),
]
