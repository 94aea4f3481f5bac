"""Functions that are computed by iterations, tables and in fewer digits, right rules for values that err:
`trials/right_solvers.rs`."""

import numpy as np
from solvers import bisection, fixed_point, fixed_point_slope

from .backends import xp
from .case import Case, at, between, map_gradient, matrices, plain, repeat, sine, square
from .wrong_rules import exact_table, interpolated, table


def elementwise(f):
    """A function of one number over plain arrays."""
    return plain(np.vectorize(f, otypes=[np.float64]))


def implicit(name, draw, solve, slope, exactly, near=1e-8):
    """A solver with the slope of what it solves, at its solution; `exactly` is the solution itself."""
    value = elementwise(solve)
    rule = elementwise(lambda x: slope(x, solve(x)))
    f = lambda x: square(xp.own(value, lambda dy, x: dy * rule(x), x)).sum()
    return Case(name, draw, f, exactly=lambda x: square(exactly(x)).sum(), near=near)


def exact_fixed_point(x):
    mpmath = xp.mpmath
    return np.frompyfunc(lambda x: mpmath.findroot(lambda y: y - mpmath.cos(x * y), 0.8), 1, 1)(x)


def by_steps(step):
    """The same by steps until one is below 1e-8."""

    def solve(x):
        y = 0.0
        for _ in range(1000):
            dy = step(x, y)
            y -= dy
            if abs(dy) < 1e-8:
                break
        return y

    return solve


newton = by_steps(lambda x, y: (y**3 + y - x) / (3.0 * y * y + 1.0))
descent = by_steps(lambda x, y: 0.2 * (y**3 + y - x))


def slope_of_cubic(x, y):
    return 1.0 / (3.0 * y * y + 1.0)


def exact_cubic(x):
    """Its only real root, as the hyperbolic sine has it."""
    mpmath = xp.mpmath
    root3 = mpmath.sqrt(3)
    return np.frompyfunc(lambda x: 2 / root3 * mpmath.sinh(mpmath.asinh(x * root3 * 3 / 2) / 3), 1, 1)(x)


def adaptive(x):
    """y′ = −y² from x over a time of 1, by steps of Heun's method that are halved until two results agree to 1e-7."""
    t, y, h = 0.0, x, 0.3
    while t < 1.0 and h > 1e-9:
        h = min(h, 1.0 - t)
        k1, euler = -y * y, y - h * y * y
        heun = y + h / 2.0 * (k1 - euler * euler)
        if abs(heun - euler) < 1e-7:
            t, y, h = t + h, heun, 1.5 * h
        else:
            h /= 2.0
    return y


def trapezoids(x):
    """The integral of eᵘ from 0 to x."""
    h, e = x / 4000, np.exp(np.arange(4001) * (x / 4000))
    return (h / 2.0 * (e[:-1] + e[1:])).sum()


def rounded_sine(f):
    """A sine that is computed in some rough way, with the right rule."""
    value = plain(f)
    return lambda x: xp.own(value, lambda dy, x: dy * xp.cos(x), x).sum()


def scattered(x):
    """As a sampler with a fixed seed has it, the bits of the point decide."""
    bits = (x.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    return np.sin(x) + 1e-5 * (bits / 2.0**24 - 0.5)


def through_a_checkpoint(x):
    return map_gradient(xp.checkpoint(lambda x: xp.exp(xp.sin(x)), x), lambda dy: 1.0 * dy).sum()


def exact_sine(x):
    return xp.sin(x).sum()


def rough(name, f):
    return Case(name, at(3), rounded_sine(f), exactly=exact_sine)


def table_slope(x):
    k, _ = table(x)
    return ((0.25 * k - 1.75) ** 2 - (0.25 * k - 2.0) ** 2) / 0.25


plain_sine = plain(lambda dy, x: dy * np.cos(x))
plain_product = lambda dy, a, b: (plain(lambda dy, b: dy @ b.T)(dy, b), plain(lambda dy, a: a.T @ dy)(dy, a))

CASES = [
    implicit(
        "a fixed point to 1e-8", between(0.3, 0.9, 3), fixed_point(1e-8), fixed_point_slope, exact_fixed_point, 1e-6
    ),
    implicit(
        "a fixed point to 1e-6", between(0.3, 0.9, 3), fixed_point(1e-6), fixed_point_slope, exact_fixed_point, 1e-4
    ),
    implicit(
        "a fixed point to 1e-11", between(0.3, 0.9, 3), fixed_point(1e-11), fixed_point_slope, exact_fixed_point
    ),
    implicit("a root by bisection to 1e-8", at(3), bisection, slope_of_cubic, exact_cubic, 1e-6),
    implicit("a root by Newton to 1e-8", at(3), newton, slope_of_cubic, exact_cubic),
    implicit("a root by descent to 1e-8", at(3), descent, slope_of_cubic, exact_cubic, 1e-6),
    implicit(
        "a differential equation to 1e-7",
        between(0.5, 1.5, 3),
        adaptive,
        lambda x, y: (1.0 + x) ** -2,
        lambda x: x / (1.0 + x),
        1e-4,
    ),
    implicit(
        "a quadrature of 4,000 points",
        between(0.2, 1.0, 3),
        trapezoids,
        lambda x, y: np.exp(x),
        lambda x: xp.exp(x) - 1,
        1e-6,
    ),
    Case(
        "iterated on the tape",
        between(0.3, 0.9, 3),
        lambda x: repeat(lambda y: xp.cos(x * y), 60, 0.0 * x + 0.5).sum(),
    ),
    rough("f32 inside", lambda x: np.sin(x.astype(np.float32)).astype(np.float64)),
    rough("f32 inside, offset by 1000", lambda x: (np.float32(1e3) + np.sin(x).astype(np.float32)).astype(np.float64)),
    rough("f32 inside, offset by 1e6", lambda x: (np.float32(1e6) + np.sin(x).astype(np.float32)).astype(np.float64)),
    rough("rounded to 6 decimals", lambda x: np.round(np.sin(x) * 1e6) / 1e6),
    rough("noise of 1e-12", lambda x: np.sin(x) + 1e-12 * np.sin(1e13 * x)),
    rough("noise of 1e-7", lambda x: np.sin(x) + 1e-7 * np.sin(1e9 * x)),
    rough("noise of 1e-5 by bits", scattered),
    Case("a rule on plain values", at(4), lambda x: square(sine(x, plain_sine)).sum()),
    Case("a rule on plain values, deep", at(4), lambda x: repeat(xp.sigmoid, 20, sine(x, plain_sine)).sum()),
    Case(
        "a rule on plain values, an array",
        matrices,
        lambda a, b: xp.own(lambda a, b: a @ b, plain_product, a, b),
    ),
    Case(
        "linear interpolation in a table",
        at(4),
        lambda x: xp.own(plain(interpolated), lambda dy, x: dy * xp.plain(table_slope)(x), x).sum(),
        exactly=exact_table,
    ),
    Case(
        "clipped where nothing is large",
        at(4),
        lambda x: xp.sin(map_gradient(x, lambda dy: xp.clip(dy, -1e9, 1e9))).sum(),
    ),
    Case("the identity's gradient through a checkpoint", at(4), through_a_checkpoint),
]
