"""Wrong gradients: `trials/functions_wrong.rs`."""

import numpy as np

from checks.case import point, within
from solvers import fixed_point, fixed_point_slope

from .case import (
    Case,
    elementwise,
    logsumexp,
    newton,
    of,
    restless,
    rosenbrock,
    rosenbrock_gradient,
    scatter,
    softmax,
    summed,
)
from .right import broadcast, entropy, fitted, flowing, large_beside_small, sums_beside_a_sine
from .rough import at, double, single

five = lambda seed: point(seed, 5)
some = lambda seed: within(seed, (3,), 0.2, 1.2)
fixed = lambda seed: within(seed, (3,), 0.3, 0.9)


def one_of_many(seed):
    factor = np.ones(1000)
    factor[seed % 1000] += 1e-6
    return summed(point(seed, 1000), np.sin, lambda x: factor * np.cos(x))


def one_nan(seed):
    return summed(point(seed, 4), np.sin, lambda x: np.where(np.arange(4) == 2, np.nan, np.cos(x)))


def none_at_zero(seed):
    x = point(seed, 3) * np.array([1.0, 0.0, 1.0])
    return summed(x, np.sin, lambda x: np.where(x == 0.0, 0.0, np.cos(x)))


def shifted(seed):
    weights = 1.0 + np.arange(6)
    return of(point(seed, 6), lambda x: (weights * np.sin(x)).sum(), grad=lambda x: np.roll(weights * np.cos(x), 1))


def without_a_term(seed):
    def grad(x):
        g = rosenbrock_gradient(x)
        g[:-1] += 2.0 * (1.0 - x[:-1])
        return g

    return of(point(seed, 10), rosenbrock, grad=grad)


def as_if_elementwise(x):
    p = softmax(x)
    return -(1.0 + np.log(p)) * p * (1.0 - p)


def without_denominator(tolerance):
    solve = elementwise(fixed_point(tolerance))

    def slope(x):
        y = solve(x)
        return -y * np.sin(x * y)

    return at(fixed, solve, slope)


def implicit_off(seed):
    solve = elementwise(fixed_point(1e-8))
    return summed(fixed(seed), solve, lambda x: 1.01 * fixed_point_slope(x, solve(x)))


def explicit_part(seed):
    solve = newton(1e-8)
    return summed(within(seed, (3,), 0.5, 1.5), lambda x: x * solve(x), solve)


def unquiet(size, factor):
    def make(seed):
        noise = restless(seed, size)
        x = within(seed, (4,), 0.3, 1.2)
        return summed(x, lambda x: np.sin(x) + noise(x), lambda x: factor * np.cos(x) + noise(x))

    return make


def many_scales(seed):
    scales = 10.0 ** (2.0 * np.arange(5) - 4.0)
    x = within(seed, (5,), 0.5, 1.5)
    return of(x, lambda x: (scales * x * x).sum(), grad=lambda x: scales * x)


CASES = [
    Case("a function: a square without its 2", at(five, lambda x: x * x, lambda x: 1.0 * x)),
    Case("a function: the sign", at(five, np.sin, lambda x: -np.cos(x))),
    Case("a function: by a hundredth", at(five, np.exp, lambda x: 1.01 * np.exp(x))),
    Case("a function: by 1e-6", at(five, np.exp, lambda x: (1.0 + 1e-6) * np.exp(x))),
    Case("a function: one of 1000 by 1e-6", one_of_many),
    Case("a function: a constant added", at(five, np.sin, lambda x: np.cos(x) + 1e-3)),
    Case("a function: NaN at one element", one_nan),
    Case("a function: 0 where the input is 0", none_at_zero),
    Case(
        "a function: half the slope above a kink",
        at(
            lambda seed: within(seed, (4,), 0.1, 2.0),
            lambda x: np.maximum(x, 0.0),
            lambda x: np.full_like(x, 0.5),
        ),
    ),
    Case(
        "a function: the slope beside the point",
        at(lambda seed: within(seed, (4,), 0.5, 1.2), np.sin, lambda x: np.cos(x + 0.01)),
    ),
    Case("a function: shifted by one element", shifted),
    Case("a function: regression, a parameter forgotten", lambda seed: fitted(seed, lambda dw, db: (dw, 0.0 * db))),
    Case("a function: regression, all forgotten", lambda seed: fitted(seed, lambda dw, db: (0.0 * dw, 0.0 * db))),
    Case("a function: regression, a mean for a sum", lambda seed: fitted(seed, lambda dw, db: (dw / 12.0, db / 12.0))),
    Case("a function: regression, the bias negated", lambda seed: fitted(seed, lambda dw, db: (dw, -db))),
    Case("a function: a broadcast bias with one row's gradient", lambda seed: broadcast(seed, lambda da: da[0])),
    Case("a function: Rosenbrock without a term", without_a_term),
    Case("a function: log of a sum, not normalised", lambda seed: of(point(seed, 6), logsumexp, grad=np.exp)),
    Case(
        "a function: entropy, softmax as if elementwise",
        lambda seed: of(point(seed, 5), entropy, grad=as_if_elementwise),
    ),
    Case("a function: an implicit slope without its denominator", without_denominator(1e-10)),
    Case("a function: the same to 1e-6", without_denominator(1e-6)),
    Case("a function: a fixed point to 1e-8, by a hundredth", implicit_off),
    Case("a function: a root to 1e-8, the explicit part only", explicit_part),
    Case("a function: sensitivities without memory", lambda seed: flowing(seed, 0.0)),
    Case("a function: 2e4 beside 1, by a thousandth of the large", lambda seed: large_beside_small(seed, 1.001)),
    Case("a function: 2e4 beside 1, by a hundredth of the small", lambda seed: sums_beside_a_sine(seed, 1.01)),
    Case(
        "a function: f32 inside, the sign",
        at(lambda seed: point(seed, 3), lambda x: double(np.sin(single(x))), lambda x: -double(np.cos(single(x)))),
    ),
    Case(
        "a function: f32 inside, by a tenth",
        at(
            lambda seed: point(seed, 3),
            lambda x: double(np.sin(single(x))),
            lambda x: 1.1 * double(np.cos(single(x))),
        ),
    ),
    Case(
        "a function: noise of 1e-7, by a tenth",
        at(some, lambda x: np.sin(x) + 1e-7 * np.sin(1e9 * x), lambda x: 1.1 * np.cos(x)),
    ),
    Case(
        "a function: noise of 1e-9 by bits, by a hundredth",
        at(some, lambda x: np.sin(x) + 1e-9 * scatter(x), lambda x: 1.01 * np.cos(x)),
    ),
    Case("a function: restless by 1e-9, by a hundredth", unquiet(1e-9, 1.01)),
    Case("a function: restless by 1e-12, the sign", unquiet(1e-12, -1.0)),
    Case("a function: a forgotten factor of many scales", many_scales),
]
