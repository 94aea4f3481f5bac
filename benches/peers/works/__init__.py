"""The works of `benches::works` in JAX (`in_jax`) and PyTorch (`in_torch`), and what both start from: the same numbers as there.

A library's `WORKS` holds a function for each work that it can state. The function returns what all libraries must agree in, and the call that is
timed. As there, the agreement is in a loss or a weighted sum of the results, the sum of the squares of the gradients, and what three steps take
off the loss.
"""

import numpy as np

from python_rows import scattered, tensor

BATCH = {"a": 256, "g": 128, "k": 1024}
WIDTHS = {"a": [784, 512, 512, 10], "d": [1, 64, 64, 64, 1], "g": [64, 64, 10], "k": [784, 256, 256, 10]}
ATTENTION, HEADS = (8, 64, 64), 4
SEQUENCE = (32, 100, 64)
RATES = {"a": 1e-4, "b": 0.1, "c": 0.1, "h-sgd": 0.01, "h-adam": 1e-3}
POINTS = np.linspace(0.0, 3.0, 1024)[:, None]
ROWS, COLUMNS = {"e": 1_000_000, "e-small": 10_000}, 100
STEPS, H = 1000, 1e-3
MASSES = [1.0, 0.9, 1.1]
START = [0.97, -0.243, -0.97, 0.243, 0.0, 0.0, 0.466, 0.432, 0.466, 0.432, -0.932, -0.865]
COUNT, WIDTH, READ = 50_000, 64, 4096


def matrices(*shapes):
    """The weights of a model: matrix i from number (i + 1)·2²⁴ on. Biases are 0, gains 1."""
    return [tensor(shape, (i + 1) << 24, (3.0 / shape[0]) ** 0.5) for i, shape in enumerate(shapes)]


def layers(work):
    """The matrices of a network."""
    return matrices(*zip(WIDTHS[work], WIDTHS[work][1:]))


def samples(work):
    return tensor((BATCH[work], WIDTHS[work][0]), 0, 1.0)


def inputs_and_targets(shape):
    return tensor(shape, 0, 1.0), tensor(shape, 1 << 23, 1.0)


def factors(shape):
    """The weights of results without a loss."""
    return tensor(shape, 1 << 24, 1.0)


def observations(work):
    """The columns of a logistic regression, made in parts, since the hash takes several times their memory, and the labels."""
    n, part = ROWS[work], 10_000
    x = np.empty((n, COLUMNS))
    for first in range(0, n, part):
        x[first : first + part] = tensor((part, COLUMNS), first * COLUMNS, 1.0)
    return x, (scattered(1 << 28, n) > 0).astype(np.float64)


def read():
    """The rows of the table that are read, each once, and what they should be."""
    return np.arange(READ) * 7919 % COUNT, tensor((READ, WIDTH), 0, 1.0)
