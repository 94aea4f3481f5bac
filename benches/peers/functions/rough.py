"""Right gradients of difficult functions, solvers, noise, kinks, scales, and what cancels: `trials/functions_rough.rs`."""

import numpy as np

from checks.case import few_bits, point, within
from solvers import bisection, fixed_point, fixed_point_slope

from .case import (
    Case,
    cubic_slope,
    elementwise,
    newton,
    of,
    restless,
    scatter,
    summed,
    twenty_thousands,
)


def fixed(tolerance):
    """A fixed point of each element, with its slope found at the solution."""
    solve = elementwise(fixed_point(tolerance))
    return lambda seed: summed(within(seed, (3,), 0.3, 0.9), solve, lambda x: fixed_point_slope(x, solve(x)))


def root(solve):
    return lambda seed: summed(point(seed, 3), solve, lambda x: cubic_slope(solve(x)))


def iterated(tolerance):
    """The solution of A·y = b by iteration to a tolerance, with a vjp that iterates with Aᵀ."""
    a = np.fromfunction(lambda i, j: np.where(i == j, 2.0, 0.3 * np.sin(3 * i + j)), (4, 4))

    def solve(a, b):
        y = np.zeros(4)
        for _ in range(200):
            rest = b - a @ y
            y += rest / 2.0
            if np.all(abs(rest) < tolerance):
                break
        return y

    return lambda seed: of(
        point(seed, 4), lambda b: solve(a, b), vjp=lambda b, v: solve(a.T, v), jvp=lambda b, u: solve(a, u)
    )


def tail_cancels(seed):
    solve, exact = newton(1e-9), newton(1e-12)
    return summed(point(seed, 3), lambda x: solve(x + 100.0) - solve(100.0), lambda x: cubic_slope(exact(x + 100.0)))


def single(x):
    return x.astype(np.float32)


def double(x):
    return np.asarray(x, np.float64)


def sine(value):
    """A sine that is computed in some rough way, with the right gradient."""
    return lambda seed: summed(point(seed, 3), value, np.cos)


def sums_in_f32(seed):
    def grad(x):
        e = np.exp(single(x))
        return double(e / e.sum())

    return of(point(seed, 4), lambda x: double(np.log(np.exp(single(x)).sum())), grad=grad)


def unquiet(size):
    def make(seed):
        noise = restless(seed, size)
        return summed(point(seed, 4), lambda x: np.sin(x) + noise(x), lambda x: np.cos(x) + noise(x))

    return make


def power(p):
    """xᵖ of either sign, whose slope at 0 is 0."""

    def make(seed):
        value = lambda x: x * np.sqrt(abs(x)) if p == 1.5 else abs(x) ** p
        sign = (lambda x: 1.0) if p == 1.5 else np.sign
        return summed(point(seed, 3) * np.array([1.0, 0.0, 1.0]), value, lambda x: p * sign(x) * abs(x) ** (p - 1.0))

    return make


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def looked_up(x):
    """A table of squares, interpolated, and its slope."""
    at = (x + 2.0) / 0.25
    bin, square = np.floor(at), lambda k: (0.25 * k - 2.0) ** 2
    part = at - bin
    return square(bin) * (1.0 - part) + square(bin + 1.0) * part, (square(bin + 1.0) - square(bin)) / 0.25


def many_scales(seed):
    scales = np.array([1e6, 1.0, 1e-6])
    return of(within(seed, (3,), 0.5, 1.5), lambda x: (scales * np.sin(x)).sum(), grad=lambda x: scales * np.cos(x))


def nearly_equal(seed):
    x = np.array([1.0, 1.0 + 1e-9, 0.3]) + 0.1 * point(seed, 1)
    return of(x, np.max, grad=lambda x: (x == x.max()) * 1.0)


def squares_beside_a_sine(seed):
    x = twenty_thousands(seed, 2), within(seed, (2,), 0.2, 1.2)
    return of(x, lambda a, b: (a * a + np.sin(b)).sum(), grad=lambda a, b: (2.0 * a, np.cos(b)))


def at(draw, f, slope):
    return lambda seed: summed(draw(seed), f, slope)


three = lambda seed: point(seed, 3)
bits = lambda seed: few_bits(seed, 3)
zero = lambda x: np.zeros_like(x)

CASES = [
    Case("a function: a fixed point to 1e-6", fixed(1e-6)),
    Case("a function: a fixed point to 1e-8", fixed(1e-8)),
    Case("a function: a fixed point to 1e-10", fixed(1e-10)),
    Case("a function: a root by bisection", root(elementwise(bisection))),
    Case("a function: a root by Newton to 1e-6", root(newton(1e-6))),
    Case("a function: a root by Newton to 1e-10", root(newton(1e-10))),
    Case("a function: equations solved to 1e-6, also backwards", iterated(1e-6)),
    Case("a function: equations solved to 1e-9, also backwards", iterated(1e-9)),
    Case("a function: a root to 1e-9 where a tail cancels", tail_cancels),
    Case("a function: f32 inside", at(three, lambda x: double(np.sin(single(x))), lambda x: double(np.cos(single(x))))),
    Case("a function: f32 inside, offset by 1000", sine(lambda x: double(np.float32(1e3) + np.sin(single(x))))),
    Case("a function: f32 inside, offset by 1e6", sine(lambda x: double(np.float32(1e6) + np.sin(single(x))))),
    Case("a function: f32 inside, a product of sums", sums_in_f32),
    Case("a function: rounded to 6 decimals", sine(lambda x: np.round(np.sin(x) * 1e6) / 1e6)),
    Case("a function: noise of 1e-7", sine(lambda x: np.sin(x) + 1e-7 * np.sin(1e9 * x))),
    Case("a function: noise of 1e-5 by bits", sine(lambda x: np.sin(x) + 1e-5 * scatter(x))),
    Case("a function: restless by 1e-15", unquiet(1e-15)),
    Case("a function: restless by 1e-9", unquiet(1e-9)),
    Case("a function: restless by 1e-5", unquiet(1e-5)),
    Case("a function: at kinks", at(lambda seed: 0.0 * bits(seed), abs, lambda x: np.copysign(1.0, x))),
    Case("a function: near kinks", at(lambda seed: 1e-5 * bits(seed), abs, lambda x: np.copysign(1.0, x))),
    Case("a function: steps", at(three, lambda x: np.floor(8.0 * x), zero)),
    Case("a function: at steps", at(bits, lambda x: np.floor(16.0 * x), zero)),
    Case("a function: x·√|x| at 0", power(1.5)),
    Case("a function: |x|^1.1 at 0", power(1.1)),
    Case("a function: constant", at(three, lambda x: np.full_like(x, 0.3), zero)),
    Case("a function: saturated", at(lambda seed: within(seed, (3,), 36.0, 44.0), logistic, lambda x: np.exp(-x))),
    Case(
        "a function: the tail of a logistic beside 1",
        at(
            lambda seed: point(seed, 3) + np.array([0.0, -40.0, 0.0]),
            logistic,
            lambda x: np.exp(x) / (1.0 + np.exp(x)) ** 2,
        ),
    ),
    Case(
        "a function: squares that cancel",
        at(three, lambda x: (x + 1e7) ** 2 - x * x - 1e14, lambda x: np.full_like(x, 2e7)),
    ),
    Case("a function: shifted by 1e12 and back", sine(lambda x: np.sin((x + 1e12) - 1e12))),
    Case(
        "a function: sin(x/x)",
        at(bits, lambda x: np.sin(x / x), lambda x: np.cos(x / x) * (1.0 / x - x / (x * x))),
    ),
    Case(
        "a function: the rounding of a slope of 0",
        at(
            three,
            lambda x: np.sin(x) ** 2 + np.cos(x) ** 2,
            lambda x: 2.0 * np.sin(x) * np.cos(x) - np.sin(2.0 * x),
        ),
    ),
    Case("a function: oscillating by 1e6", at(three, lambda x: np.sin(1e6 * x), lambda x: 1e6 * np.cos(1e6 * x))),
    Case("a function: oscillating by 1e12", at(three, lambda x: np.sin(1e12 * x), lambda x: 1e12 * np.cos(1e12 * x))),
    Case("a function: points of 1e-12", at(lambda seed: 1e-12 * within(seed, (3,), 0.5, 1.5), np.sin, np.cos)),
    Case(
        "a function: 1/x at 1e-150",
        at(lambda seed: 1e-150 * within(seed, (3,), 0.5, 1.5), lambda x: 1.0 / x, lambda x: -1.0 / x / x),
    ),
    Case(
        "a function: near the edge of a root",
        at(lambda seed: 1e-6 * within(seed, (3,), 0.5, 1.5), np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    ),
    Case("a function: derivatives from 1e-6 to 1e6", many_scales),
    Case(
        "a function: interpolated in a table",
        at(lambda seed: point(seed, 4), lambda x: looked_up(x)[0], lambda x: looked_up(x)[1]),
    ),
    Case("a function: the maximum of nearly equal values", nearly_equal),
    Case("a function: 2e4² beside a sine", squares_beside_a_sine),
]
