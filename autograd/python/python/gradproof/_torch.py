"""Checks of functions of PyTorch, whose derivatives are those of its autograd."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._calls import in_a_line, name_of, unchanged
from ._check import inputs_of
from ._double import FLOAT64, choose, needed, own_type
from ._report import Report
from ._run import Options, run
from ._tree import Node, article, nodes

CALLED = {"vjp": "backward", "jvp": "forward mode", "hvp": "the second backward"}


def type_name(dtype: Any) -> str:
    """The name of a type of numbers without its package."""
    return str(dtype).rpartition(".")[2]


def tensor_leaf(x: Any, name: str) -> Any:
    """An input as a tensor."""
    torch = needed("torch", "check_torch")
    if isinstance(x, float):
        return torch.tensor(x, dtype=torch.float64)
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} is {article(x)}; pass a tensor of PyTorch")
    if x.device.type == "meta":
        raise ValueError(f"{name} is on the device meta, and has no numbers")
    if x.layout != torch.strided:
        raise TypeError(f"{name} is of layout {type_name(x.layout)}; pass {name}.to_dense()")
    return x


class OfTorch:
    """A function of tensors as functions of a list of arrays.

    Parameters
    ----------
    call
        The function of the list of all tensors.
    leaves
        The tensors at the point, which say where each input lives.
    names
        The inputs.
    what
        What errors call the function.
    """

    def __init__(self, call: Callable[[list[Any]], Any], leaves: list[Any], names: list[str], what: str) -> None:
        self.torch = needed("torch", "check_torch")
        self.call, self.leaves, self.names, self.what = call, leaves, names, what
        self.dtype = FLOAT64
        self.output: Node | None = None

    def point(self) -> list[np.ndarray]:
        """The inputs as arrays."""
        return [leaf.detach().cpu().to(self.kind).numpy() for leaf in self.leaves]

    @property
    def kind(self) -> Any:
        """The type of all tensors."""
        return getattr(self.torch, str(self.dtype))

    def plain(self, x: Sequence[np.ndarray]) -> list[Any]:
        """Tensors on the inputs' devices."""
        return [self.torch.tensor(a, device=leaf.device) for a, leaf in zip(x, self.leaves, strict=True)]

    def tensors(self, x: Sequence[np.ndarray]) -> list[Any]:
        """Tensors that backward gives gradients of."""
        return [tensor.requires_grad_() for tensor in self.plain(x)]

    def flat(self, y: Any) -> Any:
        """The function's result as one tensor."""
        torch = self.torch
        if isinstance(y, torch.Tensor):
            if y.is_complex():
                raise TypeError(f"{self.what} returns complex numbers; return their real and imaginary parts")
            return y.to(self.kind)
        if isinstance(y, dict | list | tuple):
            found: list[Any] = []
            nodes(y, self.what, found, lambda leaf, name: self.flat(leaf).reshape(-1))
            return torch.cat(found)
        if y is None or isinstance(y, str):
            raise TypeError(f"{self.what} returns something {article(y)}; return a tensor")
        return torch.as_tensor(y, dtype=self.kind)

    def apply(self, tensors: list[Any]) -> Any:
        """The function's result for tensors."""
        return self.flat(self.call(tensors))

    def value(self, x: list[np.ndarray]) -> np.ndarray:
        """The function's result for arrays."""
        tensors = self.tensors(x)
        y = self.apply(tensors)
        unchanged([t.detach().cpu().numpy() for t in tensors], x, self.names, self.what)
        return self.array(y)

    def array(self, y: Any) -> np.ndarray:
        """A tensor as an array."""
        array: np.ndarray = y.detach().cpu().to(self.kind).numpy()
        return array

    def vjp(self, x: list[np.ndarray], v: np.ndarray) -> list[np.ndarray]:
        """The gradients by one backward pass; zero for what the result does not depend on."""
        tensors = self.tensors(x)
        y = self.apply(tensors)
        if not y.requires_grad:
            return [np.zeros_like(a) for a in x]
        v = self.torch.tensor(v, device=y.device)
        return self.gradients(y, tensors, v)

    def gradients(self, y: Any, tensors: list[Any], v: Any) -> list[np.ndarray]:
        """The gradients of a recorded result."""
        found = self.torch.autograd.grad(y, tensors, v, allow_unused=True)
        return [self.array(self.torch.zeros_like(t) if g is None else g) for g, t in zip(found, tensors, strict=True)]

    def dual(self, x: list[np.ndarray], u: list[np.ndarray]) -> np.ndarray:
        """The tangent of the result by forward mode, with dual tensors."""
        forward = self.torch.autograd.forward_ad
        with forward.dual_level():
            pairs = zip(self.plain(x), self.plain(u), strict=True)
            found = forward.unpack_dual(self.apply([forward.make_dual(a, b) for a, b in pairs]))
        return self.array(self.torch.zeros_like(found.primal) if found.tangent is None else found.tangent)

    def functional(self, x: list[np.ndarray], u: list[np.ndarray]) -> np.ndarray:
        """The same by ``torch.func.jvp``."""
        primals, tangents = (tuple(self.plain(arrays)) for arrays in (x, u))
        return self.array(self.torch.func.jvp(lambda *a: self.apply(list(a)), primals, tangents)[1])

    def jvp(self, point: list[np.ndarray]) -> Callable[..., np.ndarray]:
        """A way of forward mode that this function can be computed in.

        Raises
        ------
        Exception
            If there is none.
        """
        ones = [np.ones_like(a) for a in point]
        # PyTorch warns of its own parts when it first loads forward mode; a warning that is an error is no answer.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.dual(point, ones)
                return self.dual
            except Exception as first:
                try:
                    self.functional(point, ones)
                    return self.functional
                except Exception:
                    raise first from None

    def hvp(self, x: list[np.ndarray], u: list[np.ndarray]) -> list[np.ndarray]:
        """The products of the Hessian with tangents, by a backward pass through a backward pass."""
        tensors = self.tensors(x)
        y = self.apply(tensors).sum()
        if y.requires_grad:
            first = self.torch.autograd.grad(y, tensors, create_graph=True, allow_unused=True)
            pairs = zip(first, self.plain(u), strict=True)
            y = sum((g * w).sum() for g, w in pairs if g is not None)
        if not y.requires_grad:
            return [np.zeros_like(a) for a in x]
        return self.gradients(y, tensors, None)

    def check(self, options: Options, double: bool) -> Report:
        """Check all derivatives, in float64 where that can be."""
        types = [type_name(leaf.dtype) for leaf in self.leaves]

        def probe(dtype: np.dtype) -> None:
            self.dtype = dtype
            self.value(self.point())

        self.dtype, notes = choose(probe, own_type(types, self.names), double, types, self.names)
        point = self.point()
        derivatives: dict[str, Callable[..., Any]] = {"vjp": self.vjp}
        if all(np.isfinite(a).all() for a in point):
            try:
                derivatives["jvp"] = self.jvp(point)
            except Exception as error:
                notes.append(f"forward mode is left out, since it raises {in_a_line(error)}")
        if options.orders == 2:
            derivatives["hvp"] = self.hvp
        report = run(self.value, derivatives, point, self.names, options, {**CALLED, "f": self.what})
        return report._noted(notes)


def check_torch(
    f: Callable[..., Any],
    *x: Any,
    double: bool = True,
    seed: int = 0,
    directions: int = 3,
    elements: int = 1000,
    orders: int = 1,
    tolerance: float = 1e-8,
) -> Report:
    """Check what PyTorch's autograd computes for a function.

    Both modes are checked: backward, and forward where all of the function's operations have it.

    Parameters
    ----------
    f
        The function: ``f(*x)`` is a tensor, a number, or a dict, list or tuple of tensors.
    *x
        The inputs, at which it is checked: real tensors on any device, and dicts, lists and tuples of these. All of
        them are differentiated by, whether they require gradients or not; bind what is constant. They stay as they are.
    double
        Compute in float64 whatever the type of the inputs, since differences of float32 resolve little. A function
        that cannot be computed so is checked in the type of its inputs, and a note says so.
    seed, directions, elements, tolerance
        As in :func:`check`.
    orders
        2 also checks the second derivatives of a function of one value: products of the Hessian with tangents, by a
        backward pass through a backward pass.

    Returns
    -------
    Report
        The verdict, its cause, and the evidence.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError, ValueError
        As in :func:`check`.
    Exception
        What the function raises, with a note on the call in which it arose.

    Examples
    --------
    >>> import torch, gradproof
    >>> gradproof.check_torch(lambda x: torch.softmax(x, 0), torch.tensor([0.1, 0.7, -0.3])).verdict
    'pass'
    >>> cut = lambda x: (torch.softmax(x, 0).detach() * x).sum()
    >>> gradproof.check_torch(cut, torch.tensor([0.1, 0.7, -0.3])).verdict
    'wrong'
    """
    options = Options(seed, directions, elements, orders, tolerance)
    needed("torch", "check_torch")
    inputs, leaves = inputs_of(f, x, tensor_leaf)
    names = [leaf.name for leaf in inputs.leaves()]
    of = OfTorch(lambda tensors: f(*inputs.build(iter(tensors))), leaves, names, name_of(f, "f"))
    return of.check(options, double)
