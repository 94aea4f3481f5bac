"""What a case is, and the functions that several cases share: those of `trials/functions.rs`."""

from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass
class Given:
    """A function at a point with the derivatives that are given: grad, vjp, jvp, jacobian, hessian, hvp, as `gradproof`
    takes them."""

    x: tuple
    f: Callable
    derivatives: dict


@dataclass
class Case:
    """A trial by its name in the Rust suite, made anew for each seed."""

    name: str
    make: Callable[[int], Given]
    f32: bool = False


def of(x, f, **derivatives):
    x = x if isinstance(x, tuple) else (x,)
    return Given(x, f, derivatives)


def summed(x, f, slope):
    """The sum of a function of each element, with its slope."""
    return of(x, lambda x: f(x).sum(), grad=slope)


def elementwise(f):
    return np.vectorize(f, otypes=[np.float64])


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def rosenbrock_gradient(x):
    rest, g = x[1:] - x[:-1] ** 2, np.zeros_like(x)
    g[:-1] += -400.0 * x[:-1] * rest - 2.0 * (1.0 - x[:-1])
    g[1:] += 200.0 * rest
    return g


def rosenbrock_hessian(x):
    h, beside = np.zeros((x.size, x.size)), np.diag(-400.0 * x[:-1], 1)
    h += beside + beside.T
    h[:-1, :-1] += np.diag(1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0)
    h[1:, 1:] += 200.0 * np.eye(x.size - 1)
    return h


def solve(a, b, turned=False):
    """The solution of (A + 5)·y = b for matrices of 2 × 2, or of the transposed equation."""
    m = a + 5.0 * np.eye(2)
    m = m.T if turned else m
    det = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    return np.array([b[0] * m[1, 1] - b[1] * m[0, 1], m[0, 0] * b[1] - m[1, 0] * b[0]]) / det


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def logsumexp(x):
    """Without the shift that would keep it from overflowing."""
    return np.log(np.exp(x).sum())


def regression(w, b):
    """½·Σₖ (Σⱼ wⱼ·aₖⱼ + b − tₖ)² over the rows of fixed data, with its gradient by `w` and `b`."""
    k = np.arange(12.0)
    rows = np.sin(0.7 * k[:, None] + 1.3 * np.arange(w.size)).astype(w.dtype)
    rest = rows @ w + b - np.cos(0.9 * k).astype(w.dtype)
    return 0.5 * (rest * rest).sum(), rows.T @ rest, rest.sum(keepdims=True)


def newton(tolerance):
    """y³ + y = x by Newton's method until a step is below a tolerance."""

    def solve(x):
        y = 0.0
        for _ in range(100):
            step = (y**3 + y - x) / (3.0 * y * y + 1.0)
            y -= step
            if abs(step) < tolerance:
                break
        return y

    return elementwise(solve)


def cubic_slope(y):
    return 1.0 / (3.0 * y * y + 1.0)


def flow(start, k, memory=1.0):
    """Steps of u′ = −k·u + sin u from `start`, with the sensitivities by it and by `k`; `memory` is 1 where each step
    hands on those of the step before."""
    u, by_start, by_k, h = start, 1.0, 0.0, 0.05
    for _ in range(40):
        slope = -k + np.cos(u)
        by_start, by_k = by_start + h * slope * by_start, by_k + h * (slope * by_k * memory - u)
        u = u + h * (-k * u + np.sin(u))
    return u.sum(), by_start, by_k


def scatter(x):
    """Numbers between −½ and ½ that the bits of others decide."""
    bits = np.asarray(x, np.float64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (bits >> np.uint64(40)) / 2.0**24 - 0.5


def restless(seed, size):
    """Noise that differs from call to call."""
    calls = seed

    def noise(x):
        nonlocal calls
        found = np.empty(x.shape)
        for i in range(x.size):
            calls += 1
            found.flat[i] = size * scatter(float(calls))
        return found

    return noise


def twenty_thousands(seed, *shape):
    return np.random.default_rng(seed).uniform(1.5e4, 2.5e4, shape)
