"""Functions of NumPy, with derivatives by hand, as functions of a list of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._arrays import result
from ._calls import Borrowed
from ._tree import Node, nodes

#: What each derivative is called in messages.
WORDS = {
    "grad": "the gradient",
    "vjp": "the vjp",
    "jvp": "the jvp",
    "jacobian": "the Jacobian",
    "hessian": "the Hessian",
    "hvp": "the hvp",
}


class Output:
    """The structure of what a function returns: one array, or containers of arrays, which are laid end to end."""

    def __init__(self) -> None:
        self.tree: Node | None = None
        self.shapes: list[tuple[int, ...]] = []
        self.dtype: np.dtype | None = None

    def learn(self, y: Any) -> None:
        """Take the structure from a result."""
        if isinstance(y, dict | tuple) or (isinstance(y, list) and any(np.ndim(item) for item in y)):
            leaves: list[np.ndarray] = []
            self.tree = nodes(y, "f", leaves, lambda leaf, name: result(leaf, np.dtype(float), name))
            self.shapes = [leaf.shape for leaf in leaves]

    def flat(self, y: Any, dtype: np.dtype, what: str) -> np.ndarray:
        """One array of all values."""
        if self.tree is None:
            return result(y, dtype, what)
        leaves = [result(leaf, dtype, what) for leaf in self.tree.match(y, what)]
        return np.concatenate([leaf.ravel() for leaf in leaves])

    def structured(self, v: np.ndarray) -> Any:
        """The containers with values from one array."""
        if self.tree is None:
            return v
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        parts = np.split(v, ends)
        return self.tree.build(part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True))


class OfNumpy:
    """A function of NumPy and its derivatives, each a function of the list of all arrays.

    Parameters
    ----------
    f
        The function.
    inputs
        The structure of its arguments, as a tuple.
    dtype
        The type of all numbers.
    what
        What errors call the function.
    """

    def __init__(self, f: Callable[..., Any], inputs: Node, dtype: np.dtype, what: str) -> None:
        self.f, self.inputs, self.dtype, self.what = f, inputs, dtype, what
        # A function of one input has derivatives of the structure of that input, not of a tuple of one.
        self.root = inputs.children[0] if len(inputs.children) == 1 else inputs
        self.names = [leaf.name for leaf in inputs.leaves()]
        self.numbers: set[int] = set()
        self.output: Output | None = None
        self.borrowed = Borrowed()
        self.returned: np.dtype | None = None
        self.is_flat = all(child.kind is None for child in inputs.children)

    def arguments(self, x: list[np.ndarray]) -> Any:
        """The arguments, with numbers where the user gave numbers."""
        if self.numbers:
            x = [a[()] if i in self.numbers else a for i, a in enumerate(x)]
        return x if self.is_flat else self.inputs.build(iter(x))

    def value(self, x: list[np.ndarray]) -> np.ndarray:
        """The function's result as one array."""
        y = self.borrowed(lambda x: self.f(*self.arguments(x)), self.what, x, self.names)
        if self.output is None:
            output = Output()
            output.learn(y)
            self.output, self.returned = output, getattr(y, "dtype", None)
        return self.output.flat(y, self.dtype, f"the result of {self.what}")

    def derivative(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A derivative of this kind as the checker calls it."""
        what = WORDS[kind]
        n = len(self.names)
        if kind == "vjp":

            def vjp(x: list[np.ndarray], v: np.ndarray) -> list[np.ndarray]:
                def apply(a: list[np.ndarray]) -> Any:
                    return call(*self.arguments(a[:n]), self.structured(a[n]))

                return self.each(self.borrowed(apply, what, [*x, v], [*self.names, "v"]), what)

            return vjp
        if kind in ("jvp", "hvp"):

            def along(x: list[np.ndarray], u: list[np.ndarray]) -> Any:
                def apply(a: list[np.ndarray]) -> Any:
                    return call(*self.arguments(a[:n]), *self.arguments(a[n:]))

                tangents = [f"the tangent of {name}" for name in self.names]
                found = self.borrowed(apply, what, [*x, *u], [*self.names, *tangents])
                if kind == "hvp":
                    return self.each(found, what)
                return (self.output or Output()).flat(found, self.dtype, what)

            return along

        def at(x: list[np.ndarray]) -> list[Any]:
            if kind == "jacobian" and self.output is not None and self.output.tree is not None:
                raise TypeError(f"{self.what} returns several arrays; a Jacobian is that of one: give a vjp or a jvp")
            found = self.borrowed(lambda a: call(*self.arguments(a)), what, x, self.names)
            if kind == "hessian":
                rows = zip(self.root.match(found, what), self.names, strict=True)
                return [self.each(row, f"the Hessian's row of {name}") for row, name in rows]
            return self.each(found, what)

        return at

    def structured(self, v: np.ndarray) -> Any:
        """Weights of the structure of the function's result."""
        return v[()] if self.output is None else self.output.structured(v[()])

    def each(self, found: Any, what: str) -> list[np.ndarray]:
        """One array for each input."""
        if self.root.kind is None and isinstance(found, tuple) and len(found) == 1 and hasattr(found[0], "shape"):
            found = found[0]
        arrays = zip(self.root.match(found, what), self.names, strict=True)
        return [result(array, self.dtype, f"{what} by {name}") for array, name in arrays]
