"""Rules as people get them wrong, a term forgotten, the wrong solve, the wrong index: `trials/wrong_rules.rs`."""

import numpy as np

from .backends import xp
from .case import (
    Case,
    at,
    constant,
    map_gradient,
    matrices,
    norm,
    normal,
    plain,
    point,
    repeat,
    sine,
    square,
    two,
    within,
)
from .wrong import F64


def own(value, rule):
    return lambda *x: xp.own(value, rule, *x)


def summed(value, rule):
    return lambda *x: xp.own(value, rule, *x).sum()


def solved(a, b, transposed=False):
    """The solution of (A + 5)·x = b for matrices of 2 × 2, by Cramer's rule."""
    m = a + 5.0 * xp.array([[1.0, 0.0], [0.0, 1.0]])
    m = m.T if transposed else m
    det = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    return xp.stack([(b[0] * m[1, 1] - b[1] * m[0, 1]) / det, (m[0, 0] * b[1] - m[1, 0] * b[0]) / det])


def outer(u, v):
    return u[:, None] * v[None, :]


def solve(matrix_gradient, transposed):
    """A rule for `solved` from the solution and the gradient by b."""

    def rule(dy, a, b):
        u = solved(a, dy, transposed)
        return matrix_gradient(solved(a, b), u), u

    return own(lambda a, b: solved(a, b), rule)


def table(x):
    """Linear interpolation in a table of squares: the bin and the part of it."""
    k = np.floor((x + 2.0) / 0.25)
    return k, (x + 2.0) / 0.25 - k


def interpolated(x):
    k, part = table(x)
    squares = (0.25 * k - 2.0) ** 2, (0.25 * k - 1.75) ** 2
    return squares[0] * (1.0 - part) + squares[1] * part


def looked_up(slope):
    """With a slope that is computed on plain values."""
    return summed(plain(interpolated), lambda dy, x: dy * xp.plain(slope)(x))


def exact_table(x):
    """Inside the bins that the table has, as they stand in any library."""
    k, _ = table(xp.values(x))
    low, high = (xp.array((0.25 * k + c) ** 2) for c in (-2.0, -1.75))
    part = (x + 2.0) / 0.25 - xp.array(k)
    return (low * (1.0 - part) + high * part).sum()


def softmax_elementwise(dy, x):
    y = xp.softmax(x, 0)
    return dy * y * (1.0 - y)


def variance(x):
    return square(x - x.mean()).mean()


def summed_over_the_batch(dy, a, b):
    da = (dy @ b.swapaxes(1, 2)).sum(0)
    return 1.0 * xp.broadcast_to(da[None], (2, 3, 3)), a.swapaxes(1, 2) @ dy


def convolved(x, kernel):
    return sum(x[k : k + 4] * kernel[k] for k in range(3))


def not_flipped(dy, x, kernel):
    """The gradient by the signal needs the kernel flipped."""
    none = 0.0 * dy[:2]
    padded = xp.concatenate([none, dy, none])
    dx = sum(padded[k : k + 6] * kernel[k] for k in range(3))
    return dx, xp.stack([(x[k : k + 4] * dy).sum() for k in range(3)])


def one_entry_off(dy, a, b):
    off = np.ones((3, 3))
    off[1, 1] += 1e-6
    return (dy @ b.T) * xp.array(off), a.T @ dy


def clipped_where_large(x):
    x = map_gradient(x, lambda dy: xp.clip(dy, -100.0, 100.0))
    return xp.sin(x * xp.array([1.0, 200.0, 1.0, 1.0])).sum() * 1e3


def wrong_second_sign(dy, x):
    return dy * (2.0 * xp.detach(xp.cos(x)) - xp.cos(x))


def in_f32(factor):
    """A model in f32 whose sine has this many times its slope."""
    rule = lambda dy, x: dy * xp.cos(x) * factor
    return lambda w: square(sine(0.3 * (constant(0, 8, 4) @ w), rule)).mean()


def swish(x):
    return x * xp.sigmoid(x)


def weights(seed):
    return normal(seed, 4, 5)


CASES = [
    Case("norm without its denominator", at(4), own(norm, lambda dy, x: dy * x)),
    Case("normalisation without the projection", at(4), own(lambda x: x / norm(x), lambda dy, x: dy / norm(x))),
    Case("softmax as if elementwise", at(4), own(lambda x: xp.softmax(x, 0), softmax_elementwise)),
    Case("log of a sum, not normalised", at(4), own(lambda x: xp.logsumexp(x, 0), lambda dy, x: dy * xp.exp(x))),
    Case("square without its 2", at(4), summed(square, lambda dy, x: dy * x)),
    Case(
        "product with one operand's gradient twice",
        two(4),
        own(lambda x, y: x * y, lambda dy, x, y: (dy * y, dy * y)),
    ),
    Case(
        "quotient with the wrong sign below",
        lambda seed: (point(seed, 4), within(seed, 4, 0.5, 2.0)),
        own(lambda x, y: x / y, lambda dy, x, y: (dy / y, dy * x / square(y))),
    ),
    Case(
        "slope at the output instead of the input", at(4), lambda x: sine(x, lambda dy, x: dy * xp.cos(xp.sin(x))).sum()
    ),
    Case("tanh with 1 + y²", at(4), summed(lambda x: xp.tanh(x), lambda dy, x: dy * (1.0 + square(xp.tanh(x))))),
    Case(
        "a linear solve with the matrix, not its transpose",
        lambda seed: (point(seed, 2, 2), point(seed + 1, 2)),
        solve(lambda y, u: -outer(u, y), False),
    ),
    Case(
        "a linear solve with the wrong sign",
        lambda seed: (point(seed, 2, 2), point(seed + 1, 2)),
        solve(lambda y, u: outer(u, y), True),
    ),
    Case(
        "a linear solve with the gradient transposed",
        lambda seed: (point(seed, 2, 2), point(seed + 1, 2)),
        solve(lambda y, u: -outer(y, u), True),
    ),
    Case(
        "a table's slope without its bins' width",
        at(4),
        looked_up(lambda x: 2.0 * (table(x)[0] * 0.25 - 2.0) * 0.25 + 0.0625),
        exactly=exact_table,
    ),
    Case(
        "a table's slope of the next bin",
        at(4),
        looked_up(lambda x: 2.0 * (table(x)[0] * 0.25 - 1.75) + 0.25),
        exactly=exact_table,
    ),
    Case(
        "gradients gathered at the wrong index",
        at(3),
        own(lambda x: 1.0 * x[:2], lambda dy, x: xp.concatenate([dy[1:2], dy[0:1], 0.0 * dy[0:1]])),
    ),
    Case("running sum's gradient not reversed", at(5), own(lambda x: xp.cumsum(x, 0), lambda dy, x: xp.cumsum(dy, 0))),
    Case(
        "maximum's gradient to the first",
        lambda seed: point(seed, 4) - [9.0, 0.0, 0.0, 0.0],
        own(lambda x: x.max(), lambda dy, x: dy * xp.array([1.0, 0.0, 0.0, 0.0]) + 0.0 * x),
    ),
    Case(
        "mean over the wrong count",
        at(3, 4),
        own(lambda x: x.mean(1), lambda dy, x: xp.broadcast_to(dy[:, None], (3, 4)) / 3.0 + 0.0 * x),
    ),
    Case(
        "variance as if of the other divisor",
        at(4),
        own(variance, lambda dy, x: dy * (x - x.mean()) * 2.0 / 3.0),
    ),
    Case("batched product summed over the batch", two(2, 3, 3), own(lambda a, b: a @ b, summed_over_the_batch)),
    Case(
        "a broadcast column summed over the wrong axis",
        lambda seed: (point(seed, 3, 3), point(seed + 1, 3, 1)),
        own(lambda x, b: x + b, lambda dy, x, b: (dy, dy.sum(0).reshape(3, 1))),
    ),
    Case(
        "a convolution's kernel not flipped",
        lambda seed: (point(seed, 6), point(seed + 1, 3)),
        own(convolved, not_flipped),
    ),
    Case("a forgotten input", two(3), own(lambda x, y: x * y, lambda dy, x, y: (dy * y, dy * 0.0))),
    Case("one entry off by 1e-6", matrices, own(lambda a, b: a @ b, one_entry_off)),
    Case("a constant added to the gradient", at(4), lambda x: (0.7 * map_gradient(x, lambda dy: dy + 1e-3)).sum()),
    Case("clipped where it is large only", at(4), clipped_where_large),
    Case("normalised on the way back", at(4), lambda x: (3.0 * map_gradient(x, lambda dy: dy / norm(dy))).sum()),
    Case("reversed on the way back", at(4), lambda x: xp.sinh(map_gradient(x, lambda dy: -dy)).sum()),
    Case(
        "a rule on plain values, by a factor",
        at(4),
        lambda x: sine(x, plain(lambda dy, x: dy * np.cos(x) * 1.01)).sum(),
    ),
    Case(
        "a rule on plain values, deep",
        at(4),
        lambda x: repeat(xp.sigmoid, 20, sine(x, plain(lambda dy, x: dy * np.sin(x)))).sum(),
    ),
    Case("a second derivative's sign", at(4), lambda x: sine(x, wrong_second_sign).sum(), order=2),
    Case(
        "a second derivative on plain values",
        at(4),
        lambda x: sine(x, lambda dy, x: dy * xp.plain(np.cos)(x)).sum(),
        order=2,
    ),
    Case("in f32, by a tenth", weights, in_f32(1.1), f32=True, without=F64),
    Case("in f32, by a factor 2", weights, in_f32(2.0), f32=True, without=F64),
    Case("in f32, the sign", weights, in_f32(-1.0), f32=True, without=F64),
    Case("in f32, not at all", weights, in_f32(0.0), f32=True, without=F64),
    Case("a fused function, half detached", at(4), lambda x: (swish(x) + swish(xp.detach(x))).sum()),
    Case(
        "a checkpoint, half detached",
        at(4),
        lambda x: xp.checkpoint(lambda x: xp.tanh(x * xp.detach(x)), x).sum(),
    ),
    Case("a forgotten parameter", two(3), lambda w, v: xp.exp(w * xp.detach(v)).sum()),
]
