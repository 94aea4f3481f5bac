"""Checks of functions and modules of PyTorch, whose derivatives are those of its autograd."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._calls import name_of, unchanged
from ._check import inputs_of
from ._double import FLOAT64, choose, needed, own_type
from ._report import Report
from ._run import Options, run
from ._tree import Node, article, nodes

CALLED = {"grad": "backward", "vjp": "backward", "jvp": "forward mode", "hessian": "the second backward"}


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

    def tensors(self, x: Sequence[np.ndarray]) -> list[Any]:
        """Tensors that require gradients, on the inputs' devices."""
        pairs = zip(x, self.leaves, strict=True)
        return [self.torch.tensor(a, device=leaf.device).requires_grad_() for a, leaf in pairs]

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
        tangents = [t.detach() for t in self.tensors(u)]
        with forward.dual_level():
            pairs = zip(self.tensors(x), tangents, strict=True)
            found = forward.unpack_dual(self.apply([forward.make_dual(a.detach(), b) for a, b in pairs]))
        return self.array(self.torch.zeros_like(found.primal) if found.tangent is None else found.tangent)

    def functional(self, x: list[np.ndarray], u: list[np.ndarray]) -> np.ndarray:
        """The same by ``torch.func.jvp``."""
        primals, tangents = (tuple(t.detach() for t in self.tensors(arrays)) for arrays in (x, u))
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

    def hessian(self, x: list[np.ndarray]) -> list[list[np.ndarray]]:
        """The blocks of second derivatives, by two backward passes."""
        tensors = tuple(t.detach() for t in self.tensors(x))
        rows = self.torch.autograd.functional.hessian(lambda *a: self.apply(list(a)).sum(), tensors)
        return [[self.array(block) for block in row] for row in rows]

    def check(self, options: Options, double: bool, forward: bool) -> Report:
        """Check all derivatives, in float64 where that can be."""
        types = [type_name(leaf.dtype) for leaf in self.leaves]

        def probe(dtype: np.dtype) -> None:
            self.dtype = dtype
            self.value(self.point())

        self.dtype, notes = choose(probe, own_type(types, self.names), double, types, self.names)
        point = self.point()
        derivatives: dict[str, Callable[..., Any]] = {"vjp": self.vjp}
        if forward and all(np.isfinite(a).all() for a in point):
            try:
                derivatives["jvp"] = self.jvp(point)
            except Exception as error:
                first = (str(error).strip().splitlines() or [""])[0]
                notes.append(f"forward mode is left out, since it raises {type(error).__name__}: {first}")
        if options.orders == 2:
            derivatives["hessian"] = self.hessian
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
        2 also checks the second derivatives of a function of one value, by two backward passes.

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
    return of.check(options, double, forward=True)


def check_module(
    module: Any,
    loss: Callable[..., Any],
    *data: Any,
    double: bool = True,
    seed: int = 0,
    directions: int = 3,
    elements: int = 1000,
    tolerance: float = 1e-8,
) -> Report:
    """Check the gradient of a loss by the parameters of a module of PyTorch, as a backward pass computes it.

    It works on a copy: the module keeps its parameters, gradients and buffers. Frozen parameters are left out. A module
    that draws random numbers, as with dropout, is checked in evaluation: ``module.eval()``.

    Parameters
    ----------
    module
        The module.
    loss
        ``loss(module, *data)``: a tensor, computed with the module that it is given.
    *data
        Tensors, and dicts, lists and tuples of these, for the loss; converted like the module.
    double
        Compute in float64, with a copy of the module and of the data in that type. Where this fails, as when the loss
        takes data in float32 from elsewhere, the module's own type is used, and a note says so.
    seed, directions, elements, tolerance
        As in :func:`check`.

    Returns
    -------
    Report
        The verdict, its cause, and the evidence, with parameters by their names.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If no parameter is trainable, or the loss does not use the module that it is given.

    Examples
    --------
    >>> import torch, gradproof
    >>> module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    >>> x, y = torch.randn(5, 3), torch.randn(5, 1)
    >>> loss = lambda module, x, y: torch.nn.functional.mse_loss(module(x), y)
    >>> gradproof.check_module(module, loss, x, y).verdict
    'pass'
    """
    options = Options(seed, directions, elements, 1, tolerance)
    torch = needed("torch", "check_module")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module is {article(module)}; pass a torch.nn.Module, or use check_torch for a function")
    if not callable(loss):
        raise TypeError(f"loss is {article(loss)}; pass a function of the module")
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to differentiate by")
    of = OfModule(module, loss, data, [tensor_leaf(p, name) for name, p in trained.items()], list(trained))
    return of.check(options, double, forward=False)


class OfModule(OfTorch):
    """The loss of a module as a function of its parameters."""

    def __init__(
        self, module: Any, loss: Callable[..., Any], data: tuple[Any, ...], leaves: list[Any], names: list[str]
    ) -> None:
        super().__init__(self.loss_of, leaves, names, name_of(loss, "loss"))
        self.module, self.loss, self.data = module, loss, data
        self.copied: tuple[np.dtype, Any, tuple[Any, ...]] | None = None
        self.buffers: dict[str, Any] = {}

    def copies(self) -> tuple[Any, tuple[Any, ...]]:
        """The module and the data in the type of the check."""
        if self.copied is None or self.copied[0] != self.dtype:
            module = copy.deepcopy(self.module).to(self.kind)
            data = tuple(self.convert(part) for part in self.data)
            self.copied = (self.dtype, module, data)
            self.buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        return self.copied[1:]

    def convert(self, part: Any) -> Any:
        """Data in the type of the check; integers stay."""
        found: list[Any] = []
        tree = nodes(part, "data", found, lambda leaf, name: leaf)
        real = [isinstance(leaf, self.torch.Tensor) and leaf.is_floating_point() for leaf in found]
        return tree.build(leaf.to(self.kind) if moved else leaf for leaf, moved in zip(found, real, strict=True))

    def tensors(self, x: Sequence[np.ndarray]) -> list[Any]:
        """The copy's parameters, set to these values."""
        module, _ = self.copies()
        parameters = dict(module.named_parameters())
        tensors = [parameters[name] for name in self.names]
        with self.torch.no_grad():
            for parameter, a in zip(tensors, x, strict=True):
                parameter.copy_(self.torch.tensor(a))
        return tensors

    def loss_of(self, tensors: list[Any]) -> Any:
        """The loss with the present parameters, and buffers, such as running means, as they were at first."""
        module, data = self.copies()
        with self.torch.no_grad():
            for name, buffer in module.named_buffers():
                if name in self.buffers:
                    buffer.copy_(self.buffers[name])
        return self.loss(module, *data)

    def check(self, options: Options, double: bool, forward: bool) -> Report:
        """Refuse a loss that does not use the module, whose differences and gradients would all be zero."""
        report = super().check(options, double, forward)
        point = self.point()
        moved = [a * 1.5 + 0.25 for a in point]
        if np.array_equal(self.value(point), self.value(moved)) and not any(np.any(g) for g in self.all_of(moved)):
            raise ValueError(
                f"{self.what} does not change with the parameters of the module that it is given; "
                "does it use another? Write lambda module: …module(x)…"
            )
        return report

    def all_of(self, x: list[np.ndarray]) -> list[np.ndarray]:
        """The gradients at some parameters."""
        y = self.value(x)
        return self.vjp(x, np.ones_like(y))
