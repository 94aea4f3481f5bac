"""Functions whose derivative is small beside themselves, or large, or lost in rounding, tails, deep chains, far ends
of the numbers: `trials/right_small.rs`."""

from .backends import xp
from .case import Case, at, between, constant, point, repeat, sine, square, within
from .wrong import F64

SURE = [40.0, 0.0, 0.0]


def behind(layers):
    """A sine with its right rule, through so many logistic layers."""
    return lambda x: repeat(xp.sigmoid, layers, sine(x, lambda dy, x: dy * xp.cos(x))).sum()


def in_f32(name, layers, act):
    """A network in f32, checked in f32."""

    def loss(*weights):
        x = constant(0, 6, 5)
        for w in weights:
            x = act(0.5 * (x @ w))
        return square(x).mean()

    draw = lambda seed: tuple(within([seed, k], (5, 5), -2.0, 2.0) for k in range(layers))
    return Case(name, draw, loss, f32=True, without=F64)


def matrices_30(x):
    for k in range(30):
        x = xp.sigmoid(x @ (0.5 * constant(k, 4, 4)))
    return x.sum()


def multiplied_out(x):
    total = 0.0 * x
    for c in [1.0, -7.0, 21.0, -35.0, 35.0, -21.0, 7.0, -1.0]:
        total = total * x + c
    return total.sum()


def logsumexp_fixed(x):
    most = xp.detach(x.max())
    return xp.log(xp.exp(x - most).sum()) + most


def sure(seed):
    return point(seed, 3) + SURE


CASES = [
    Case("behind 20 logistic layers", at(3), behind(20)),
    Case("behind 50 logistic layers", at(3), behind(50)),
    Case("behind 200 logistic layers", at(3), behind(200)),
    Case(
        "20 logistic layers to second order",
        at(2),
        lambda x: repeat(xp.sigmoid, 20, xp.sin(x)).sum(),
        order=2,
    ),
    Case("30 layers of matrices", at(2, 4), matrices_30),
    Case("an exploding chain", at(2), lambda x: repeat(lambda x: 1.7 * x + xp.sin(x), 40, 1e-12 * x).sum()),
    Case("a chaotic chain", between(0.1, 0.9, 2), lambda x: repeat(lambda x: 3.9 * x * (1.0 - x), 15, x).sum()),
    Case("ln(1 − sigmoid) at 30", between(29.0, 31.0, 3), lambda x: xp.log(1.0 - xp.sigmoid(x)).sum()),
    Case("ln(1 − sigmoid) at 20", between(19.0, 21.0, 3), lambda x: xp.log(1.0 - xp.sigmoid(x)).sum()),
    Case(
        "1 − tanh² at 15",
        between(14.0, 16.0, 3),
        lambda x: (1.0 - square(xp.tanh(x))).sum(),
        ordinary=between(0.5, 1.5, 3),
    ),
    Case("1 − tanh² at 8, to second order", between(7.0, 9.0, 3), lambda x: (1.0 - square(xp.tanh(x))).sum(), order=2),
    Case("1 − cos x at 1e-6", between(0.5e-6, 2e-6, 3), lambda x: (1.0 - xp.cos(x)).sum()),
    Case(
        "(1 − cos x)/x² at 1e-4",
        between(0.5e-4, 2e-4, 3),
        lambda x: ((1.0 - xp.cos(x)) / square(x)).sum(),
        ordinary=between(0.5, 1.5, 3),
    ),
    Case("sin(x)/x at 1e-8", between(0.5e-8, 2e-8, 3), lambda x: (xp.sin(x) / x).sum(), ordinary=between(0.5, 1.5, 3)),
    Case("sin(x)/x at 1e-3", between(0.5e-3, 2e-3, 3), lambda x: (xp.sin(x) / x).sum()),
    Case(
        "(eˣ − 1)/x at 1e-7",
        between(0.5e-7, 2e-7, 3),
        lambda x: ((xp.exp(x) - 1.0) / x).sum(),
        ordinary=between(0.5, 1.5, 3),
    ),
    Case("ln(1 + x) at 1e-9, the plain way", between(0.5e-9, 2e-9, 3), lambda x: xp.log(x + 1.0).sum()),
    Case("√(x² + 1) − x at 1e4", between(0.9e4, 1.1e4, 3), lambda x: (xp.sqrt(square(x) + 1.0) - x).sum(), near=1e-6),
    Case("(x − 1)⁷ multiplied out, at 1.01", between(1.005, 1.015, 2), multiplied_out, ordinary=between(2.0, 3.0, 2)),
    Case("a variance beside 1e6", lambda seed: point(seed, 6) + 1e6, lambda x: square(x).mean() - square(x.mean())),
    Case("tanh(1e8·x) near 0", lambda seed: point(seed, 3) * 1e-9, lambda x: xp.tanh(1e8 * x).sum()),
    Case("tanh(1e8·x) at 0", lambda seed: point(seed, 3) * 0.0, lambda x: xp.tanh(1e8 * x).sum()),
    Case(
        "sigmoid at ±40",
        lambda seed: point(seed, 3) + [40.0, -40.0, 40.0],
        lambda x: xp.sigmoid(x).sum(),
        ordinary=between(0.5, 1.5, 3),
    ),
    Case("a softmax that is sure", sure, lambda x: square(xp.softmax(x, 0)).sum(), ordinary=between(0.5, 1.5, 3)),
    Case(
        "a softmax that is sure, by its logarithm",
        sure,
        lambda x: xp.log_softmax(x, 0)[0],
        ordinary=between(0.5, 1.5, 3),
    ),
    Case("logsumexp with a detached maximum", lambda seed: point(seed, 4) * 30.0, logsumexp_fixed),
    Case("logsumexp at 1e7", lambda seed: point(seed, 4) + 1e7, lambda x: xp.logsumexp(x, 0)),
    Case("values of 1e170", at(4), lambda x: (xp.sin(x) * 1e170).sum()),
    Case("values of 1e200, linear", at(4), lambda x: (x * 1e200).sum()),
    Case("values of 1e300", at(4), lambda x: (xp.exp(x) * 1e300).sum()),
    Case("values of 1e-300", at(4), lambda x: (xp.exp(x) * 1e-300).sum()),
    Case(
        "points of 1e-150",
        lambda seed: within(seed, 4, 0.5, 1.5) * 1e-150,
        lambda x: xp.log(x).sum(),
        ordinary=between(0.5, 1.5, 4),
    ),
    Case("points of 1e100", lambda seed: within(seed, 4, 0.5, 1.5) * 1e100, lambda x: xp.log(x).sum()),
    Case("beside 1e12", at(4), lambda x: xp.sin(x).sum() + 1e12),
    Case("elements of weight 1e6 and 1e-6", at(3), lambda x: (xp.sin(x) * xp.array([1e6, 1e-6, 1e6])).sum()),
    Case(
        "inputs of 2e4 and 1",
        lambda seed: (point(seed, 3) * 2e4, point(seed + 1, 3)),
        lambda x, y: square(xp.sin(1e-4 * x) + xp.sin(y)).sum(),
    ),
    Case(
        "the identity, an own operation, beside 1e9",
        at(3),
        lambda x: xp.own(lambda x: 1.0 * x, lambda dy, x: dy, x).sum() + 1e9,
    ),
    in_f32("in f32, 2 layers of tanh", 2, lambda x: xp.tanh(x)),
    in_f32("in f32, 8 layers of sigmoid", 8, lambda x: xp.sigmoid(x)),
    in_f32("in f32, 3 layers of rectifiers", 3, lambda x: xp.relu(x)),
    in_f32("in f32, softplus", 2, lambda x: xp.softplus(x)),
    in_f32("in f32, softmax", 2, lambda x: xp.softmax(x, 1)),
    in_f32("in f32, beside 1e4", 1, lambda x: xp.sin(x) + 1e4),
]
