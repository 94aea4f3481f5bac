"""Rules that are wrong by a factor, a sign, an axis, an order: `trials/wrong.rs`."""

import numpy as np

from .backends import xp
from .case import Case, at, few_bits, map_gradient, matrices, point, sine, square, step, within

# What PyTorch's and SciPy's checkers are not for.
F64 = {
    "PyTorch": "its defaults are for double precision, says its documentation",
    "SciPy": "its step is for double precision",
}
NO_THIRD = {"PyTorch": "gradgradcheck goes to the second order"}


def nearly_square(x):
    """x² with the right gradient, and a tenth of that gradient's own missing."""
    fixed = xp.detach(x)
    return 0.9 * square(x) + 0.1 * (2.0 * x * fixed - square(fixed))


def wrong_sine(rule):
    return lambda x: (0.7 * sine(x, rule)).sum()


def one_of_a_thousand(dy, x):
    factor = np.ones(1000)
    factor[xp.seed * 617 % 1000] = 1.001
    return dy * xp.cos(x) * xp.array(factor)


def product(rule):
    return lambda a, b: xp.own(lambda a, b: a @ b, rule, a, b)


def shifted(rule):
    return lambda a, b: square(xp.own(lambda a, b: a + b, rule, a, b)).sum()


def noisy(x):
    return x + 1e-9 * xp.sin(1e9 * x)


def softmax_term_forgotten(x):
    return xp.own(lambda x: xp.softmax(x, 0), lambda dy, x: dy * xp.softmax(x, 0), x)


def half_fixed_slope(dy, x):
    slope = xp.cos(x)
    return dy * (2.0 * slope - xp.detach(slope))


def badly_scaled(x, y):
    return (1e3 * x).sum() + xp.exp(map_gradient(y, lambda dy: 1.01 * dy) * 1e6).sum()


def off(x):
    return map_gradient(x, lambda dy: 1.001 * dy)


def matrix_and_vector(seed):
    return matrices(seed)[0], point(seed + 1, 3)


CASES = [
    Case("by 0.1 %", at(30), wrong_sine(lambda dy, x: dy * xp.cos(x) * 1.001)),
    Case("by 1e-6", at(30), wrong_sine(lambda dy, x: dy * xp.cos(x) * (1.0 + 1e-6))),
    Case("by a factor 2", at(30), wrong_sine(lambda dy, x: dy * xp.cos(x) * 2.0)),
    Case("by a factor 1/n", at(30), wrong_sine(lambda dy, x: dy * xp.cos(x) / 30.0)),
    Case("sign", at(30), wrong_sine(lambda dy, x: -dy * xp.cos(x))),
    Case("detached", matrices, lambda x, y: (xp.sin(xp.detach(x)) + y).sum()),
    Case("another function", at(30), wrong_sine(lambda dy, x: dy * xp.sin(x))),
    Case("one element of 1000, by 0.1 %", at(1000), lambda x: sine(x, one_of_a_thousand).sum()),
    Case(
        "transposed product",
        matrices,
        lambda a, b: square(product(lambda dy, a, b: (b @ dy.T, a.T @ dy))(a, b)).sum(),
    ),
    Case("transposed product, array", matrices, product(lambda dy, a, b: (dy @ b.T, dy.T @ a))),
    Case("missing broadcast sum", matrix_and_vector, shifted(lambda dy, a, b: (dy, dy[0]))),
    Case("mean for a sum", matrix_and_vector, shifted(lambda dy, a, b: (dy, dy.mean(0)))),
    Case("a term of softmax forgotten", at(5), softmax_term_forgotten),
    Case("second order only", at(5), lambda x: sine(x, lambda dy, x: dy * xp.detach(xp.cos(x))).sum(), order=2),
    Case("second order, a factor", at(5), lambda x: sine(x, half_fixed_slope).sum(), order=2),
    Case("second order, small", at(3), lambda x: (x + 1e-9 * nearly_square(x)).sum(), order=2),
    Case(
        "second order, beside terms that cancel",
        lambda seed: few_bits(seed, 3),
        lambda x: (xp.sin(x / x) + 1e-6 * nearly_square(x)).sum(),
        order=2,
    ),
    Case("clipped on the way back", at(5), lambda x: (2.0 * map_gradient(x, lambda dy: xp.clip(dy, -0.5, 0.5))).sum()),
    Case(
        "by 0.1 % beside kinks",
        lambda seed: within(seed, 8, 0.0, 1.0),
        lambda x: square(xp.own(lambda x: xp.relu(x), lambda dy, x: dy * step(x) * 1.001, x)).sum(),
    ),
    Case(
        "by 1 % in a badly scaled input",
        lambda seed: (point(seed, 3), within(seed, 3, 0.5, 1.0) * 1e-6),
        badly_scaled,
    ),
    Case("by 0.1 % at values of 1e150", at(4), lambda x: (off(x) * 1e150).sum()),
    Case("by 0.1 % at values of 1e-150", at(4), lambda x: (off(x) * 1e-150).sum()),
    Case(
        "by a half in a noisy function",
        at(4),
        lambda x: xp.own(noisy, lambda dy, x: 1.5 * dy, x).sum(),
        exactly=lambda x: x.sum(),
    ),
    Case(
        "by 0.1 % in f32",
        at(6),
        lambda x: square(sine(x, lambda dy, x: dy * xp.cos(x) * 1.001)).sum(),
        f32=True,
        without=F64,
    ),
    Case(
        "forward mode's own clip", at(6), lambda x: (1e-2 * map_gradient(x, lambda dy: xp.clip(dy, -1e-3, 1e-3))).sum()
    ),
]
