"""The checkers, each as its documentation says, with its defaults. Each checks all derivatives that are given, if it can;
a verdict is "right", "wrong", ours may be "inconclusive", and "raised" if the checker gave up with another error."""

import numpy as np

from checks.checkers import SCIPY_THRESHOLD


def reverse(given):
    """The products Jᵀ·v by the derivative that is given for them; None if only forward mode is."""
    d = given.derivatives
    each = lambda g: g if isinstance(g, tuple) else (g,)
    if "vjp" in d:
        return lambda x, v: each(d["vjp"](*x, v))
    if "grad" in d:
        return lambda x, v: tuple(v * g for g in each(d["grad"](*x)))
    if "jacobian" in d:
        return lambda x, v: tuple(np.tensordot(v, j, v.ndim) for j in each(d["jacobian"](*x)))
    return None


def curvature(given):
    """The products Hᵀ·w by the Hessian or its products, or None."""
    each = lambda g: g if isinstance(g, tuple) else (g,)
    if "hvp" in given.derivatives:
        return lambda x, w: each(given.derivatives["hvp"](*x, *w))
    if (hessian := given.derivatives.get("hessian")) is None:
        return None

    def product(x, w):
        rows = hessian(*x)
        rows = rows if isinstance(rows, tuple) else ((rows,),)
        return tuple(sum(w.T @ row[j] for w, row in zip(w, rows)) for j in range(len(x)))

    return product


def gradient(given):
    one = given.derivatives["grad"]

    def each(x):
        g = one(*x)
        return g if isinstance(g, tuple) else (g,)

    return each


class Ours:
    name = "gradproof"

    def __init__(self):
        import gradproof

        self.check_it, self.version = gradproof.check, ""

    def check(self, given, seed):
        found = self.check_it(given.f, *given.x, **given.derivatives, seed=seed).verdict
        return {"pass": "right"}.get(found, found)


class PyTorch:
    """https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html, of a function as "Extending
    PyTorch" has it: values and derivatives in NumPy."""

    name, fast = "PyTorch", False

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch, self.version = torch, torch.__version__

    def function(self, given):
        torch = self.torch
        arrays = lambda tensors: [t.detach().numpy() for t in tensors]
        tensor = lambda y: torch.from_numpy(np.array(y, np.float64))
        back, curved = reverse(given), curvature(given)

        class Gradient(torch.autograd.Function):
            @staticmethod
            def forward(context, *x):
                context.save_for_backward(*x)
                return tuple(map(tensor, gradient(given)(arrays(x))))

            @staticmethod
            def backward(context, *w):
                return tuple(map(tensor, curved(arrays(context.saved_tensors), arrays(w))))

        class Own(torch.autograd.Function):
            @staticmethod
            def forward(context, *x):
                context.save_for_backward(*x)
                context.save_for_forward(*x)
                return tensor(given.f(*arrays(x)))

            @staticmethod
            def backward(context, v):
                x = context.saved_tensors
                if curved:
                    return tuple(v * g for g in Gradient.apply(*x))
                return tuple(map(tensor, back(arrays(x), *arrays([v]))))

            @staticmethod
            def jvp(context, *u):
                return tensor(given.derivatives["jvp"](*arrays(context.saved_tensors), *arrays(u)))

        return Own.apply, back, curved

    def check(self, given, seed):
        from torch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

        f, back, curved = self.function(given)
        x = tuple(self.torch.from_numpy(x.copy()).requires_grad_() for x in given.x)
        modes = {"check_forward_ad": "jvp" in given.derivatives, "check_backward_ad": back is not None}
        try:
            gradcheck(f, x, fast_mode=self.fast, check_batched_grad=False, **modes)
            if curved:
                gradgradcheck(f, x, fast_mode=self.fast)
            return "right"
        except GradcheckError:
            return "wrong"


class PyTorchFast(PyTorch):
    """The same along one random direction."""

    name, fast = "PyTorch, fast mode", True


class JAX:
    """https://docs.jax.dev/en/latest/_autosummary/jax.test_util.check_grads.html, of a function that is called back."""

    name = "JAX"

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        self.jax, self.version = jax, jax.__version__

    def function(self, given, mode):
        jax, kind = self.jax, given.x[0].dtype
        host = lambda call, like: (
            lambda *x: jax.pure_callback(
                lambda *x: jax.tree.map(lambda y: np.asarray(y, kind), call(*map(np.asarray, x))), like, *x
            )
        )
        shape = lambda y: jax.ShapeDtypeStruct(np.shape(y), kind)
        n, inputs, output = len(given.x), tuple(map(shape, given.x)), shape(given.f(*given.x))
        value = host(given.f, output)
        if mode == "fwd":
            f, jvp = jax.custom_jvp(value), host(given.derivatives["jvp"], output)
            f.defjvp(lambda x, u: (f(*x), jvp(*x, *u)))
            return f
        f, back, curved = jax.custom_vjp(value), reverse(given), curvature(given)
        pulled = host(lambda *xv: back(xv[:n], xv[n]), inputs)
        if curved:
            slope = jax.custom_vjp(host(lambda *x: gradient(given)(x), inputs))
            bent = host(lambda *xw: curved(xw[:n], xw[n:]), inputs)
            slope.defvjp(lambda *x: (slope(*x), x), lambda x, w: bent(*x, *w))
            f.defvjp(lambda *x: (f(*x), x), lambda x, v: tuple(v * g for g in slope(*x)))
        else:
            f.defvjp(lambda *x: (f(*x), x), lambda x, v: pulled(*x, v))
        return f

    def check(self, given, seed):
        from jax.test_util import check_grads

        x, order = tuple(map(self.jax.numpy.asarray, given.x)), 2 if curvature(given) else 1
        modes = ["fwd"] if "jvp" in given.derivatives else []
        modes += ["rev"] if reverse(given) else []
        try:
            for mode in modes:
                check_grads(self.function(given, mode), x, order, modes=[mode])
            return "right"
        except AssertionError:
            return "wrong"


class SciPy:
    """https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.check_grad.html: gradients of one number, of an
    array the sum of its values with random weights; of a Hessian that of the gradient's. It returns an error and no
    verdict."""

    name = "SciPy"

    def __init__(self):
        import scipy
        import scipy.optimize

        self.version, self.check_grad = scipy.__version__, scipy.optimize.check_grad

    def check(self, given, seed):
        sizes, shapes = np.cumsum([x.size for x in given.x])[:-1], [x.shape for x in given.x]
        parts = lambda z: [part.reshape(shape) for part, shape in zip(np.split(z, sizes), shapes)]
        join = lambda arrays: np.concatenate([np.ravel(a) for a in arrays])
        weights = lambda k, y: np.random.default_rng([seed, k]).uniform(0.5, 1.5, np.shape(y))
        y = given.f(*given.x)
        v = weights(99, y) if np.ndim(y) else np.float64(1.0)
        value, back, jvp = lambda z: float((v * given.f(*parts(z))).sum()), reverse(given), given.derivatives.get("jvp")
        pairs = []
        if back:
            pairs.append((value, lambda z: join(back(parts(z), v))))
        if jvp:
            ways = lambda z: [parts(way) for way in np.eye(z.size)]
            pairs.append((value, lambda z: np.array([(v * jvp(*parts(z), *u)).sum() for u in ways(z)])))
        if curved := curvature(given):
            w = [weights(i, x) for i, x in enumerate(given.x)]
            slope = lambda z: float(sum((w * g).sum() for w, g in zip(w, gradient(given)(parts(z)))))
            pairs.append((slope, lambda z: join(curved(parts(z), w))))
        at = join(given.x)
        return "right" if all(self.agrees(f, g, at) for f, g in pairs) else "wrong"

    def agrees(self, f, g, at):
        error = self.check_grad(f, g, at)
        # Not a number is not below.
        return error < SCIPY_THRESHOLD * max(1.0, np.linalg.norm(g(at)))


def states(checker, case):
    """Whether the checker's defaults are for the case: of PyTorch and SciPy they are for f64."""
    return not case.f32 or isinstance(checker, Ours | JAX)


def verdict(checker, case, seed):
    try:
        return checker.check(case.make(seed), seed)
    except Exception:  # whatever a checker dies of, its user has no verdict
        return "raised"
