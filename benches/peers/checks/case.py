"""What a case is, and the points that cases are tried at: those of `trials/mod.rs`, with NumPy's random numbers."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np

from .backends import xp


@dataclass
class Case:
    """A function of arrays with the name that it has in the Rust suite."""

    name: str
    draw: Callable  # its inputs at a seed: an array or a tuple of them
    f: Callable
    order: int = 1
    f32: bool = False
    # Which library cannot state it, and why.
    without: dict = field(default_factory=dict)
    # How its derivative is proved right or wrong, in 250 digits: of which function, at which points, to which accuracy.
    # Needed where the function itself is rounded or noisy, so that its derivative is meant, or where the rule itself rounds.
    exactly: Callable = None
    ordinary: Callable = None
    near: float = 1e-8

    def inputs(self, seed, draw=None):
        x = (draw or self.draw)(seed)
        return [np.asarray(x, np.float64) for x in (x if isinstance(x, tuple) else (x,))]


def within(seed, shape, low, high):
    return np.random.default_rng(seed).uniform(low, high, shape)


def point(seed, *shape):
    """Away from where a sine's slope vanishes."""
    return within(seed, shape, -1.4, 1.4)


def normal(seed, *shape):
    return within(seed, shape, -2.0, 2.0)


def matrices(seed):
    both = normal(seed, 2, 3, 3)
    return both[0], both[1]


def few_bits(seed, *shape):
    """Sixteenths, of which none is near 0: short enough for exact products, whose quotients are not."""
    random = np.random.default_rng(seed)
    return np.round(16.0 * random.uniform(0.06, 2.0, shape) * random.choice([-1.0, 1.0], shape)) / 16.0


def distinct(seed, n):
    """Values of which no two come near each other."""
    random = np.random.default_rng(seed)
    return random.permutation(0.2 * (np.arange(n) - n / 2)) + random.uniform(-0.05, 0.05, n)


def at(*shape):
    return lambda seed: point(seed, *shape)


def two(*shape):
    return lambda seed: (point(seed, *shape), point(seed + 1, *shape))


def between(low, high, *shape):
    return lambda seed: within(seed, shape, low, high)


def constant(k, *shape):
    """The k-th array of random numbers in (-2, 2) that a trial's function has beside its inputs."""
    return xp.array(np.random.default_rng([xp.seed, k]).uniform(-2.0, 2.0, shape))


def repeat(f, n, x):
    for _ in range(n):
        x = f(x)
    return x


def plain(f):
    return lambda *x: xp.plain(f)(*x)


def sine(x, rule):
    return xp.own(lambda x: xp.sin(x), rule, x)


def map_gradient(x, f):
    return xp.own(lambda x: 1.0 * x, lambda dy, x: f(dy), x)


def thrice(x):
    """The identity, three times too large in the gradient."""
    return map_gradient(x, lambda dy: 3.0 * dy)


def square(x):
    return x * x


def norm(x):
    return xp.sqrt(square(x).sum())


def step(x):
    return (x > 0) * 1.0
