"""Wrong vjps, jvps, Jacobians, Hessians and their products, and right ones of the same functions: `trials/functions_ways.rs`."""

import numpy as np

from checks.case import point

from .case import Case, of, rosenbrock, rosenbrock_gradient, rosenbrock_hessian, softmax, solve


def matrices(vjp=lambda da, db: (da, db), jvp=lambda y: y):
    """Products of matrices, with what is done to the vjp and the jvp before they are handed out."""
    return lambda seed: of(
        (point(seed, 3, 3), point(seed + 1, 3, 3)),
        lambda a, b: a @ b,
        vjp=lambda a, b, v: vjp(v @ b.T, a.T @ v),
        jvp=lambda a, b, ua, ub: jvp(ua @ b + a @ ub),
    )


def solved(turned=True, sign=-1.0, outer=True):
    """The linear solve, with its implicit vjp as u = A⁻ᵀv or something else, and a sign."""

    def vjp(a, b, v):
        y, u = solve(a, b), solve(a, v, turned)
        return sign * (np.outer(u, y) if outer else np.outer(y, u)), u

    return lambda seed: of((point(seed, 2, 2), point(seed + 1, 2)), solve, vjp=vjp)


def softmaxes(fault=lambda j: j, forward=False):
    """Softmax with its Jacobian, and with a jvp beside it."""

    def jacobian(x):
        p = softmax(x)
        return fault(np.diag(p) - np.outer(p, p))

    def jvp(x, u):
        p = softmax(x)
        return p * (u - (p * u).sum())

    more = {"jvp": jvp} if forward else {}
    return lambda seed: of(point(seed, 4), softmax, jacobian=jacobian, **more)


def changed(index, factor):
    """An array with one entry times a factor."""

    def fault(array):
        array[index] *= factor
        return array

    return fault


def by_jvp(second=1.0):
    """sin(a·b) by elements, with a jvp only."""
    return lambda seed: of(
        (point(seed, 4), point(seed + 1, 4)),
        lambda a, b: np.sin(a * b),
        jvp=lambda a, b, ua, ub: np.cos(a * b) * (ua * b + second * a * ub),
    )


def curved(n, fault=lambda h: h):
    """Rosenbrock's function with a Hessian."""
    hessian = lambda x: fault(rosenbrock_hessian(x))
    return lambda seed: of(point(seed, n), rosenbrock, grad=rosenbrock_gradient, hessian=hessian)


def bent(fault=lambda hu: hu):
    """The same with the products of its Hessian."""
    hvp = lambda x, u: fault(rosenbrock_hessian(x) @ u)
    return lambda seed: of(point(seed, 5), rosenbrock, grad=rosenbrock_gradient, hvp=hvp)


def blocks(mixed=1.0):
    """Σ aᵢ²·bᵢ of two inputs, with the blocks of its Hessian; those off the diagonal times a factor."""

    def hessian(a, b):
        ab = np.diag(2.0 * mixed * a)
        return (np.diag(2.0 * b), ab), (ab, 0.0 * ab)

    return lambda seed: of(
        (point(seed, 3), point(seed + 1, 3)),
        lambda a, b: (a * a * b).sum(),
        grad=lambda a, b: (2.0 * a * b, a * a),
        hessian=hessian,
    )


def rows_for_columns(seed):
    f = lambda x: np.array([x[0] * x[1], np.sin(x[1]) + x[2], x[2] * x[0] * x[0]])
    j = lambda x: np.array([[x[1], x[0], 0.0], [0.0, np.cos(x[1]), 1.0], [2.0 * x[0] * x[2], 0.0, x[0] * x[0]]])
    return of(point(seed, 3), f, jacobian=lambda x: j(x).T)


doubled = lambda y: 2.0 * y

WRONG = [
    Case("a vjp: transposed", matrices(vjp=lambda da, db: (da.T, db))),
    Case("a vjp: by a factor 2, the jvp right", matrices(vjp=lambda da, db: (da, 2.0 * db))),
    Case("a vjp: clipped", matrices(vjp=lambda da, db: (np.clip(da, -20.0, 20.0), np.clip(db, -20.0, 20.0)))),
    Case("a jvp: by a factor 2, the vjp right", matrices(jvp=doubled)),
    Case("a jvp: one entry by a thousandth", matrices(jvp=changed((1, 1), 1.001))),
    Case("a vjp and a jvp, both doubled", matrices(lambda da, db: (2.0 * da, 2.0 * db), doubled)),
    Case("a jvp alone: half of an input", by_jvp(0.5)),
    Case("a jvp alone: an input forgotten", by_jvp(0.0)),
    Case("a solve with the matrix, not its transpose", solved(turned=False)),
    Case("a solve with the wrong sign", solved(sign=1.0)),
    Case("a solve with the outer product transposed", solved(outer=False)),
    Case("a Jacobian: one entry by a hundredth", softmaxes(changed((1, 2), 1.01))),
    Case("a Jacobian: without its diagonal", softmaxes(lambda j: j - np.diag(np.diag(j)))),
    Case("a Jacobian: rows for columns", rows_for_columns),
    Case("a Jacobian beside a right jvp, an entry missing", softmaxes(changed((0, 1), 0.0), forward=True)),
    Case("a Hessian: by a factor 2", curved(4, doubled)),
    Case("a Hessian: the sign off the diagonal", curved(2, lambda h: h * np.array([[1.0, -1.0], [-1.0, 1.0]]))),
    Case("a Hessian: one entry of two", curved(4, changed((0, 1), 1.001))),
    Case("a Hessian: without mixed blocks", blocks(0.0)),
    Case("a Hessian: mixed blocks doubled", blocks(2.0)),
    Case("products of a Hessian: by a factor 2", bent(doubled)),
    Case("products of a Hessian: one element by a thousandth", bent(changed(2, 1.001))),
    Case("products of a Hessian: clipped", bent(lambda hu: np.clip(hu, -1e4, 1e4))),
]

RIGHT = [
    Case("a vjp and a jvp of matrices", matrices()),
    Case("a jvp alone", by_jvp()),
    Case("a vjp of a solve", solved()),
    Case("a Jacobian", softmaxes()),
    Case("a Jacobian and a jvp", softmaxes(forward=True)),
    Case("a Hessian", curved(5)),
    Case("a Hessian of blocks", blocks()),
    Case("products of a Hessian", bent()),
]
