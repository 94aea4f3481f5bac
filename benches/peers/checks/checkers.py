"""The checkers of SciPy, PyTorch and JAX, each used as its documentation says, with its defaults. A verdict is "right"
or "wrong", or "raised" if the checker gave up with another error."""

import numpy as np

from .backends import Jax, Numpy, Torch, xp

# `check_grad` returns the norm of what gradient and differences differ by, and leaves the verdict to its user. Its
# documentation shows 3e-8 for a right gradient and names no threshold. Here it is 1e-5, relative to the gradient where
# that is larger than 1: JAX's own.
SCIPY_THRESHOLD = 1e-5


class PyTorch:
    """https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html"""

    name = "PyTorch"

    def __init__(self):
        self.library = Torch()
        self.version = self.library.torch.__version__

    def check(self, case, x):
        from torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

        x = tuple(xp.array(x).requires_grad_() for x in x)
        try:
            gradcheck(case.f, x)
            if case.order == 2:
                gradgradcheck(case.f, x)
            return "right"
        except GradcheckError:
            return "wrong"


class JAX:
    """https://docs.jax.dev/en/latest/_autosummary/jax.test_util.check_grads.html"""

    name = "JAX"

    def __init__(self):
        self.library = Jax()
        self.version = self.library.jax.__version__

    def check(self, case, x):
        from jax.test_util import check_grads

        x = tuple(map(xp.array, x))
        case.f(*x)
        # A function with a reverse rule of its own (custom_vjp) has no forward mode.
        modes = {"modes": ["rev"]} if self.library.own_rules else {}
        try:
            check_grads(case.f, x, case.order, **modes)
            return "right"
        except AssertionError:
            return "wrong"


class SciPy:
    """https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.check_grad.html

    Differences of the function in NumPy, of which only gradients of one number can be checked: of an array's values
    with random weights. The gradient is that of PyTorch, or of JAX: the same that these check.
    """

    name = "SciPy"

    def __init__(self):
        import scipy.optimize

        self.version, self.check_grad = scipy.__version__, scipy.optimize.check_grad
        self.library, self.other = Numpy(), gradients()

    def check(self, case, x):
        sizes, shapes = np.cumsum([x.size for x in x])[:-1], [x.shape for x in x]
        parts = lambda v: [part.reshape(shape) for part, shape in zip(np.split(v, sizes), shapes)]
        f = number(case.f, xp.seed)
        xp.turn(self.other, xp.seed)
        gradient = np.concatenate([dx.ravel() for dx in self.other.gradient(f, x)])
        xp.turn(self.library, xp.seed)
        error = self.check_grad(lambda v: f(*parts(v)), lambda v: gradient, np.concatenate([x.ravel() for x in x]))
        # Not a number is not below.
        return "right" if error < SCIPY_THRESHOLD * max(1.0, np.linalg.norm(gradient)) else "wrong"


def number(f, seed):
    """The values' sum with random weights where they are several."""

    def weighted(*x):
        y = f(*x)
        if getattr(y, "ndim", 0) == 0:  # a number in many digits has none
            return y
        return (y * xp.array(np.random.default_rng([seed, 99]).uniform(0.5, 1.5, y.shape))).sum()

    return weighted


def gradients():
    """A library that has them."""
    for kind in (Torch, Jax):
        try:
            return kind()
        except ImportError:
            pass
    raise ImportError("the gradients to be checked are PyTorch's or JAX's, and neither is here")


def available(kinds):
    found = []
    for kind in kinds:
        try:
            found.append(kind())
        except ImportError as error:
            print(f"{kind.name} skipped: {error}")
    return found


def states(checker, case):
    """Whether the checker can be asked about the case."""
    return checker.name not in case.without and (checker.name != "SciPy" or case.order == 1)


def verdict(checker, case, seed):
    x = case.inputs(seed)
    xp.turn(checker.library, seed, case.f32)
    try:
        return checker.check(case, x)
    except Exception:  # whatever a checker dies of, its user has no verdict
        return "raised"
