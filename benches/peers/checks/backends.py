"""The libraries behind one name: a case says `xp.sin(x)` and runs in NumPy, PyTorch, JAX and in 250 digits.

What a case may say beside the functions of arrays:

- `xp.own(value, rule, *x)` — an operation of one's own: `value(*x)` forward, `rule(dy, *x)` backward, a gradient for
  each input
- `xp.plain(f)` — a function of plain NumPy arrays, which no derivative goes through; its result has the shape of the
  first argument
- `xp.detach(x)`, `xp.values(x)`, `xp.number(x)` — the value without its derivative: as an array of the library, of
  NumPy, a number
- `xp.seed` — the seed of the trial; `xp.f32` — whether it is one in f32, which only JAX's are
"""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# What the libraries call alike.
ELEMENTWISE = "abs arctan2 clip cos exp expm1 floor log round sign sin sinh sqrt tanh".split()
ARRAYS = "broadcast_to concatenate cumsum stack where".split()
ACTIVATIONS = "log_softmax logsumexp relu sigmoid softmax".split()


class Library:
    def take(self, module, names):
        for name in names:
            setattr(self, name, getattr(module, name))

    def number(self, x):
        return float(self.values(x).reshape(()))


class Numpy(Library):
    """Values only, which is what SciPy's checker takes differences of."""

    name = "NumPy"

    def __init__(self):
        self.sigmoid = sigmoid
        self.take(np, ELEMENTWISE + ARRAYS)

    def array(self, x):
        return np.array(x, np.float32 if xp.f32 else np.float64)

    def relu(self, x):
        return self.where(x > 0, x, 0.0 * x)

    def softplus(self, x):
        return self.log(1.0 + self.exp(x))

    def softmax(self, x, axis):
        e = self.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    def logsumexp(self, x, axis):
        most = x.max(axis, keepdims=True)
        return (self.log(self.exp(x - most).sum(axis, keepdims=True)) + most).sum(axis)

    def log_softmax(self, x, axis):
        return x - self.logsumexp(x, axis)

    def own(self, value, rule, *x):
        return value(*x)

    def plain(self, f):
        return f

    def detach(self, x):
        return x

    def values(self, x):
        return np.asarray(x, np.float64)

    def checkpoint(self, f, x):
        return f(x)


class Digits(Numpy):
    """Values in 250 digits, which is enough for differences to tell a derivative of 1e-120 from its neighbours."""

    name = "mpmath"

    def __init__(self):
        super().__init__()
        import mpmath

        mpmath.mp.dps = 250
        self.mpmath = mpmath
        names = {"arctan2": "atan2", "log": "ln", "round": "nint"}
        for name in "arctan2 cos exp expm1 floor log round sin sinh sqrt tanh".split():
            f = getattr(mpmath, names.get(name, name))
            setattr(self, name, np.frompyfunc(f, 2 if name == "arctan2" else 1, 1))
        self.sigmoid = lambda x: 1 / (1 + self.exp(-x))

    def array(self, x):
        x = np.array(x, np.float32 if xp.f32 else np.float64)
        return np.frompyfunc(lambda x: self.mpmath.mpf(float(x)), 1, 1)(x) if x.ndim else self.mpmath.mpf(float(x))

    def plain(self, f):
        raise TypeError("plain arrays have 16 digits; the case has to say its function in `exactly`")


class Torch(Library):
    name = "PyTorch"

    def __init__(self):
        import torch
        from torch.utils.checkpoint import checkpoint

        torch.set_num_threads(1)
        self.torch = torch
        self.take(torch, ELEMENTWISE + ARRAYS + ACTIVATIONS)
        self.detach = torch.Tensor.detach
        self.checkpoint = lambda f, x: checkpoint(f, x, use_reentrant=False)

    def array(self, x):
        return self.torch.tensor(np.asarray(x, np.float64))

    def own(self, value, rule, *x):
        """As "Extending PyTorch" has it: differentiable again, as far as the rule is."""
        self.own_rules = True

        class Own(self.torch.autograd.Function):
            @staticmethod
            def forward(context, *x):
                context.save_for_backward(*x)
                return value(*x)

            @staticmethod
            def backward(context, dy):
                return rule(dy, *context.saved_tensors)

        return Own.apply(*x)

    def plain(self, f):
        return lambda *x: self.torch.from_numpy(np.array(f(*map(self.values, x))))

    def values(self, x):
        return x.detach().numpy()

    def along(self, f, x, ways, order):
        """The derivative of this order of the number `f(*x)`, each time along the ways."""
        x = [self.array(x).requires_grad_() for x in x]
        y = f(*x)
        for left in reversed(range(order)):
            if not y.requires_grad:
                return 0.0
            dx = self.torch.autograd.grad(y, x, create_graph=left > 0, allow_unused=True)
            y = sum((d * self.array(w)).sum() for d, w in zip(dx, ways) if d is not None)
        return float(y)

    def gradient(self, f, x):
        x = [self.array(x).requires_grad_() for x in x]
        dx = self.torch.autograd.grad(f(*x), x, allow_unused=True)
        return [np.zeros(x.shape) if d is None else d.numpy() for x, d in zip(x, dx)]

    def slope(self, f, x):
        """The gradient of the number `f(x)` as a function that can be differentiated again."""
        return self.torch.autograd.grad(f(x), x, create_graph=True)[0]


class Jax(Library):
    name = "JAX"

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        self.jax, self.jnp = jax, jax.numpy
        self.take(jax.numpy, ELEMENTWISE + ARRAYS)
        self.take(jax.nn, [*ACTIVATIONS, "softplus"])
        self.detach = jax.lax.stop_gradient
        self.checkpoint = lambda f, x: jax.checkpoint(f)(x)

    def array(self, x):
        return self.jnp.asarray(x, self.jnp.float32 if xp.f32 else self.jnp.float64)

    def own(self, value, rule, *x):
        self.own_rules = True
        own = self.jax.custom_vjp(value)

        def backward(x, dy):
            dx = rule(dy, *x)
            return dx if isinstance(dx, tuple) else (dx,)

        own.defvjp(lambda *x: (value(*x), x), backward)
        return own(*x)

    def plain(self, f):
        def call(*x):
            result = self.jax.ShapeDtypeStruct(x[0].shape, x[0].dtype)
            return self.jax.pure_callback(lambda *x: np.asarray(f(*map(np.asarray, x))), result, *map(self.detach, x))

        return call

    def values(self, x):
        return np.asarray(self.detach(x))

    def along(self, f, x, ways, order):
        x, ways = [[self.array(x) for x in arrays] for arrays in (x, ways)]
        for _ in range(order):
            f = self._along(f, ways)
        return float(f(*x))

    def _along(self, f, ways):
        def slope(*x):
            dx = self.jax.grad(f, tuple(range(len(x))))(*x)
            return sum((d * w).sum() for d, w in zip(dx, ways))

        return slope

    def gradient(self, f, x):
        x = [self.array(x) for x in x]
        return [np.asarray(d) for d in self.jax.grad(f, tuple(range(len(x))))(*x)]

    def slope(self, f, x):
        return self.jax.grad(f)(x)


class Current:
    """The library that the cases run in at the moment."""

    def __init__(self):
        self.library, self.seed, self.f32 = None, 0, False

    def __getattr__(self, name):
        return getattr(self.library, name)

    def turn(self, library, seed, f32=False):
        self.library, self.seed, self.f32 = library, seed, f32
        library.own_rules = False


xp = Current()
