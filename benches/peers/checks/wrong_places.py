"""Rules that are wrong where differences of the whole function see little, and values that move without the tape's
knowledge: `trials/wrong_places.rs`."""

import numpy as np

from .backends import xp
from .case import Case, at, constant, map_gradient, norm, point, repeat, sine, square, thrice, two, within
from .wrong import NO_THIRD


def through(x, layers):
    """The sum of what comes through so many logistic layers."""
    return repeat(xp.sigmoid, layers, x).sum()


def behind(layers, rule):
    return lambda x: through(sine(x, rule), layers)


def network(x, first, layers):
    """Layers of random matrices and logistic functions, which let a hundredth through."""
    for layer in range(first, first + layers):
        x = xp.sigmoid(x @ (0.5 * constant(layer, 4, 4)))
    return x


def element(at, n):
    """One element's gradient three times too large."""
    factor = np.ones(n)
    factor[at] = 3.0
    return lambda x: map_gradient(x, lambda dy: dy * xp.array(factor))


def identity(rule):
    return lambda x: xp.own(lambda x: 1.0 * x, rule, x)


def saturated_softmax(x):
    scaled = thrice(x) * xp.array([1.0, 0.1, 0.1])
    return xp.softmax(scaled + xp.array([60.0, 0.0, 0.0]), 0)[0]


def small_rows(x):
    rows = map_gradient(x, lambda dy: dy * xp.array([[1.0], [1.01]]))
    return square(xp.expm1(rows * xp.array([[1.0], [1e9]]))).sum()


def copies(n, rule):
    return lambda x: xp.own(lambda x: 1.0 * xp.broadcast_to(x, (n, x.shape[0])), rule, x)


def with_zero(seed):
    return point(seed, 3) * [1.0, 0.0, 1.0]


def sinc(x):
    return xp.where(x == 0, 1.0, xp.sin(x) / xp.where(x == 0, 1.0, x))


def third_missing(dy, x):
    fixed = xp.detach(x)
    return dy * (xp.cos(fixed) - xp.sin(fixed) * (x - fixed))


FIFTY = np.where(np.arange(50) == 17, 1e-9, 1e3)

CASES = [
    Case("sign behind 20 logistic layers", at(3), behind(20, lambda dy, x: -dy * xp.cos(x))),
    Case("sign behind 50 logistic layers", at(3), behind(50, lambda dy, x: -dy * xp.cos(x))),
    Case("sign behind 200 logistic layers", at(3), behind(200, lambda dy, x: -dy * xp.cos(x))),
    Case("factor 3 behind 20 logistic layers", at(3), behind(20, lambda dy, x: dy * xp.cos(x) * 3.0)),
    Case("factor 3 behind 200 logistic layers", at(3), behind(200, lambda dy, x: dy * xp.cos(x) * 3.0)),
    Case("by 1e-6 behind 50 logistic layers", at(3), behind(50, lambda dy, x: dy * xp.cos(x) * (1.0 + 1e-6))),
    Case("rule of 0 behind 20 logistic layers", at(3), behind(20, lambda dy, x: dy * 0.0)),
    Case("another function behind 50 layers", at(3), behind(50, lambda dy, x: dy * xp.sin(x))),
    Case("detached behind 12 logistic layers", at(3), lambda x: through(xp.sin(xp.detach(x)) + 0.0 * x, 12)),
    Case("half detached behind 12 logistic layers", at(3), lambda x: through(xp.sin(x) + xp.detach(x), 12)),
    Case("number from values behind 10 layers", at(1), lambda x: through(x * xp.detach(x), 10)),
    Case(
        "scalars, detached, behind 15 layers",
        at(1),
        lambda x: repeat(xp.sigmoid, 15, xp.sin(x[0]) + xp.detach(x)[0]),
    ),
    Case("behind 15 layers of matrices", at(2, 4), lambda x: network(thrice(x), 0, 15).sum()),
    Case(
        "in the middle of 30 layers of matrices", at(2, 4), lambda x: network(thrice(network(x, 0, 15)), 15, 15).sum()
    ),
    Case("behind a saturated tanh", at(3), lambda x: xp.tanh(thrice(x) + 17.0).sum()),
    Case("behind a saturated softmax", at(3), saturated_softmax),
    Case("behind a Gaussian's tail", at(3), lambda x: 1e3 + xp.exp(-square(thrice(x) + 7.0)).sum()),
    Case("beside 1e10", at(3), lambda x: thrice(xp.sin(x)).sum() + 1e10),
    Case("beside 1e16", at(3), lambda x: thrice(xp.sin(x)).sum() + 1e16),
    Case("beside a term of 1e10", two(3), lambda x, y: thrice(x).sum() * 1e-8 + square(1e5 * y).sum()),
    Case("times 1e-12, beside 1", at(3), lambda x: 1.0 + 1e-12 * thrice(x).sum()),
    Case(
        "an element of weight 1e-6 beside 1e6",
        at(3),
        lambda x: (xp.sin(element(1, 3)(x)) * xp.array([1e6, 1e-6, 1e6])).sum(),
    ),
    Case("an element of weight 1e-9 of 50", at(50), lambda x: (xp.exp(element(17, 50)(x)) * xp.array(FIFTY)).sum()),
    Case("a row of small inputs", lambda seed: within(seed, (2, 3), 0.5, 1.0) * [[1.0], [1e-9]], small_rows),
    Case("outputs swapped", at(2), identity(lambda dy, x: dy[np.array([1, 0])])),
    Case(
        "two of five outputs swapped", at(5), lambda x: sine(x, lambda dy, x: dy[np.array([0, 3, 2, 1, 4])] * xp.cos(x))
    ),
    Case("outputs rolled by one", at(4), identity(lambda dy, x: dy[np.array([1, 2, 3, 0])])),
    Case("of three copies the last flows back", at(1), copies(3, lambda dy, x: dy[2])),
    Case("of two copies one counts twice", at(3), copies(2, lambda dy, x: 2.0 * dy[0])),
    Case(
        "inputs swapped",
        lambda seed: (point(seed, 3), point(seed + 9, 3)),
        lambda x, y: xp.own(
            lambda x, y: xp.sin(x) + xp.sin(y), lambda dy, x, y: (dy * xp.cos(y), dy * xp.cos(x)), x, y
        ),
    ),
    Case("a factor computed from values", at(3), lambda x: xp.tanh(x / xp.detach(norm(x))).sum()),
    Case("a detached denominator", at(4), lambda x: square(xp.exp(x) / xp.detach(xp.exp(x).sum())).sum()),
    Case("a detached maximum that does not cancel", at(4), lambda x: xp.exp(x - xp.detach(x.max())).sum()),
    Case("a detached square in a sum", at(3), lambda x: xp.sin(8.0 * x + xp.detach(square(x))).sum()),
    Case("0 at 0 by mistake", with_zero, lambda x: sine(x, lambda dy, x: dy * xp.cos(x) * (x != 0)).sum()),
    Case(
        "NaN at 0",
        with_zero,
        lambda x: xp.own(sinc, lambda dy, x: dy * (x * xp.cos(x) - xp.sin(x)) / square(x), x).sum(),
    ),
    Case(
        "second order behind 12 logistic layers",
        at(2),
        lambda x: through(sine(x, lambda dy, x: dy * xp.detach(xp.cos(x))), 12),
        order=2,
    ),
    Case("third order only", at(3), lambda x: sine(x, third_missing).sum(), order=3, without=NO_THIRD),
]
