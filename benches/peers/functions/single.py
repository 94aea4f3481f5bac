"""Functions in f32: `trials/functions_f32.rs`."""

import numpy as np

from checks.case import point, within

from .case import Case, logsumexp, of, regression, softmax, summed, twenty_thousands


def single(x):
    return x.astype(np.float32)


def case(name, draw, f, slope):
    """The sum of a function of each element."""
    return Case(f"in f32, a function: {name}", lambda seed: summed(single(draw(seed)), f, slope), f32=True)


def fitted(weights=1.0, bias=1.0):
    def grad(w, b):
        _, dw, db = regression(w, b)
        return dw * np.float32(weights), db * np.float32(bias)

    return lambda seed: of(
        (single(point(seed, 4)), single(point(seed + 1, 1))), lambda w, b: regression(w, b)[0], grad=grad
    )


def matrices(turned=False):
    def vjp(a, b, v):
        da = v @ b.T
        return da.T if turned else da, a.T @ v

    return lambda seed: of((single(point(seed, 3, 3)), single(point(seed + 1, 3, 3))), lambda a, b: a @ b, vjp=vjp)


def normalised(grad):
    return lambda seed: of(single(point(seed, 6)), logsumexp, grad=grad)


def of_function(name, make):
    return Case(f"in f32, a function: {name}", make, f32=True)


five = lambda seed: point(seed, 5)
three = lambda seed: point(seed, 3)

RIGHT = [
    case("sines", five, np.sin, np.cos),
    of_function("regression", fitted()),
    of_function("matrices", matrices()),
    of_function("log of a sum", normalised(softmax)),
    case("offset by 1000", three, lambda x: 1000.0 + np.sin(x), np.cos),
    case(
        "squares that cancel",
        three,
        lambda x: (x + 100.0) ** 2 - x * x - 1e4,
        lambda x: np.full_like(x, 200.0),
    ),
    case("near kinks", lambda seed: 1e-2 * within(seed, (3,), 0.5, 1.5), abs, np.sign),
    case(
        "points of 2e4",
        lambda seed: twenty_thousands(seed, 3),
        lambda x: np.sin(1e-4 * x),
        lambda x: 1e-4 * np.cos(1e-4 * x),
    ),
    case("steep", three, lambda x: np.sin(100.0 * x), lambda x: 100.0 * np.cos(100.0 * x)),
    case(
        "saturated",
        lambda seed: within(seed, (3,), 14.0, 20.0),
        lambda x: 1.0 / (1.0 + np.exp(-x)),
        lambda x: np.exp(-x),
    ),
]

WRONG = [
    case("by a tenth", five, np.exp, lambda x: np.float32(1.1) * np.exp(x)),
    case("the sign", five, np.exp, lambda x: -np.exp(x)),
    of_function("regression, half", fitted(0.5, 0.5)),
    of_function("regression, the bias forgotten", fitted(1.0, 0.0)),
    of_function("matrices transposed", matrices(turned=True)),
    of_function("log of a sum, not normalised", normalised(np.exp)),
    case(
        "points of 10, by a half",
        lambda seed: within(seed, (3,), 10.0, 12.0),
        lambda x: np.sin(0.1 * x),
        lambda x: 0.05 * np.cos(0.1 * x),
    ),
]
