"""Checks of functions of JAX, whose derivatives are those of its transformations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ._calls import argument_names, in_a_line, name_of
from ._double import FLOAT64, choose, needed, own_type
from ._report import Report
from ._run import Options, run
from ._tree import all_numbers, article

CALLED = {"vjp": "jax.vjp", "jvp": "jax.jvp", "hvp": "jax.jvp of jax.grad"}


class OfJax:
    """A function of arrays of JAX as functions of a list of arrays of NumPy.

    What can be compiled is compiled once, because JAX takes milliseconds to trace a derivative anew. At the point itself
    the function is called as it is, so that one that draws random numbers is found.
    """

    def __init__(self, f: Callable[..., Any], x: tuple[Any, ...]) -> None:
        self.jax = needed("jax", "check_jax")
        self.f, self.what, self.dtype = f, name_of(f, "f"), FLOAT64
        self.compiles = False
        self.compiled: dict[str, Callable[..., Any]] = {}
        arguments = argument_names(f, len(x))
        for name, tree in zip(arguments, x, strict=True):
            if isinstance(tree, list | tuple) and tree and all_numbers(tree):
                raise TypeError(f"{name} is a {type(tree).__name__} of numbers; pass an array: jnp.array({name})")
        paths, self.structure = self.jax.tree_util.tree_flatten_with_path(x)
        key = self.jax.tree_util.keystr
        self.names = [f"{arguments[path[0].idx]}{key(path[1:])}" for path, _ in paths]
        self.leaves = [self.leaf(leaf, name) for (_, leaf), name in zip(paths, self.names, strict=True)]

    def leaf(self, x: Any, name: str) -> Any:
        """An input as an array."""
        if isinstance(x, float):
            return np.float64(x)
        if isinstance(x, bool | int):
            raise TypeError(f"{name} is the integer {x}; pass {float(x)}, or bind it: lambda x: f(x, {x})")
        if not hasattr(x, "dtype") or type(x).__module__.startswith("torch"):
            raise TypeError(f"{name} is {article(x)}; pass an array of JAX")
        return x

    def context(self) -> Any:
        """JAX computes in float64 only where it is allowed to."""
        if self.dtype != FLOAT64:
            return contextlib.nullcontext()
        enable = getattr(self.jax, "enable_x64", None)
        if enable is None:
            enable = needed("jax.experimental", "check_jax").enable_x64
        return enable(True)

    def flat(self, *leaves: Any) -> Any:
        """The function's result as one array, for all leaves."""
        jnp = self.jax.numpy
        y = self.f(*self.jax.tree_util.tree_unflatten(self.structure, leaves))
        parts = self.jax.tree_util.tree_leaves(y)
        if not parts:
            raise TypeError(f"{self.what} returns something {article(y)}; return an array")
        arrays = [jnp.asarray(part) for part in parts]
        if any(jnp.iscomplexobj(array) for array in arrays):
            raise TypeError(f"{self.what} returns complex numbers; return their real and imaginary parts")
        arrays = [array.astype(self.dtype) for array in arrays]
        return arrays[0] if len(arrays) == 1 else jnp.concatenate([array.ravel() for array in arrays])

    def arrays(self, x: list[np.ndarray]) -> list[Any]:
        """Arrays of JAX."""
        return [self.jax.numpy.asarray(a) for a in x]

    def call(self, name: str, f: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of arrays of JAX, compiled where that can be."""
        if not self.compiles:
            return f(*arguments)
        return self.compiled.setdefault(name, self.jax.jit(f))(*arguments)

    def value(self, x: list[np.ndarray]) -> np.ndarray:
        """The function's result."""
        arrays = self.arrays(x)
        if all(np.array_equal(a, b) for a, b in zip(x, self.point(), strict=True)):
            return np.asarray(self.flat(*arrays))
        return np.asarray(self.call("value", self.flat, *arrays))

    def vjp(self, x: list[np.ndarray], v: np.ndarray) -> list[np.ndarray]:
        """The gradients by reverse mode."""
        pulled = self.call("vjp", lambda x, v: self.jax.vjp(self.flat, *x)[1](v), self.arrays(x), *self.arrays([v]))
        return [np.asarray(g) for g in pulled]

    def jvp(self, x: list[np.ndarray], u: list[np.ndarray]) -> np.ndarray:
        """The tangent of the result by forward mode."""
        pushed = self.call("jvp", lambda x, u: self.jax.jvp(self.flat, x, u)[1], self.arrays(x), self.arrays(u))
        return np.asarray(pushed)

    def hvp(self, x: list[np.ndarray], u: list[np.ndarray]) -> list[np.ndarray]:
        """The products of the Hessian with tangents: forward over reverse, or reverse over reverse where forward mode is not
        known."""
        jax, arrays, tangents = self.jax, self.arrays(x), self.arrays(u)
        first = jax.grad(lambda leaves: self.flat(*leaves).sum())
        try:
            found = self.call("hvp", lambda x, u: jax.jvp(first, (x,), (u,))[1], arrays, tangents)
        except TypeError:
            found = self.call("reverse over reverse", lambda x, u: jax.vjp(first, x)[1](u)[0], arrays, tangents)
        return [np.asarray(g) for g in found]

    def point(self) -> list[np.ndarray]:
        """The inputs as arrays of NumPy."""
        return [np.asarray(leaf).astype(self.dtype) for leaf in self.leaves]

    def ways(self, point: list[np.ndarray]) -> tuple[dict[str, Callable[..., Any]], list[str]]:
        """The modes that this function has, and notes on those that it has not."""
        ones, y = [np.ones_like(a) for a in point], self.value(point)
        try:
            self.jax.jit(self.flat)(*self.arrays(point))
            self.compiles = True
        except Exception:
            self.compiles = False  # it looks at its numbers, as in `if x > 0`
        tries: dict[str, Callable[[], Any]] = {
            "vjp": lambda: self.vjp(point, np.ones_like(y)),
            "jvp": lambda: self.jvp(point, ones),
        }
        found: dict[str, Callable[..., Any]] = {}
        notes: list[str] = []
        errors: list[Exception] = []
        for (kind, attempt), mode in zip(tries.items(), ("reverse", "forward"), strict=True):
            try:
                attempt()
                found[kind] = getattr(self, kind)
            except Exception as error:
                notes.append(f"{mode} mode is left out, since it raises {in_a_line(error)}")
                errors.append(error)
        if not found:
            raise errors[0]
        return found, notes

    def check(self, options: Options, double: bool) -> Report:
        """Check all derivatives, in float64 where that can be."""
        types = [str(np.dtype(leaf.dtype)) for leaf in self.leaves]

        def probe(dtype: np.dtype) -> None:
            self.dtype = dtype
            with self.context():
                self.value(self.point())

        self.dtype, notes = choose(probe, own_type(types, self.names), double, types, self.names)
        with self.context():
            point = self.point()
            derivatives, left_out = self.ways(point)
            if options.orders == 2:
                derivatives["hvp"] = self.hvp
            report = run(self.value, derivatives, point, self.names, options, {**CALLED, "f": self.what})
        return report._noted(notes + left_out)


def check_jax(
    f: Callable[..., Any],
    *x: Any,
    double: bool = True,
    seed: int = 0,
    directions: int = 3,
    elements: int = 1000,
    orders: int = 1,
    tolerance: float = 1e-8,
) -> Report:
    """Check what JAX computes as the derivatives of a function.

    Reverse mode and forward mode are checked, as far as the function has them: one with ``custom_vjp`` has no forward
    mode, one with a loop of unknown length no reverse mode.

    Parameters
    ----------
    f
        The function: ``f(*x)`` is an array or a pytree of arrays.
    *x
        The inputs, at which it is checked: real arrays, and pytrees of these.
    double
        Compute in float64, whatever the type of the inputs and whether JAX is set to it or not, since differences of
        float32 resolve little. A function that cannot be computed so is checked in the type of its inputs, and a note
        says so.
    seed, directions, elements, tolerance
        As in :func:`check`.
    orders
        2 also checks the second derivatives of a function of one value: products of the Hessian with tangents, forward
        over reverse.

    Returns
    -------
    Report
        The verdict, its cause, and the evidence.

    Raises
    ------
    ImportError
        If JAX is not installed.
    TypeError, ValueError
        As in :func:`check`.
    Exception
        What the function raises, with a note on the call in which it arose.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, gradproof
    >>> parameters = {"w": jnp.array([[0.3, -0.2]]), "b": jnp.array([0.1])}
    >>> report = gradproof.check_jax(lambda p: jnp.tanh(p["w"] @ jnp.ones(2) + p["b"]).sum(), parameters)
    >>> report.verdict, [i.name for i in report.inputs]
    ('pass', ["p['b']", "p['w']"])
    """
    options = Options(seed, directions, elements, orders, tolerance)
    needed("jax", "check_jax")
    if not callable(f):
        raise TypeError(f"f is {f!r}; the first argument is the function, the others are its inputs")
    return OfJax(f, x).check(options, double)
