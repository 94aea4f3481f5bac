"""Checks of modules of PyTorch: of a loss as a function of their parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._calls import name_of
from ._double import needed
from ._report import Report
from ._run import Options
from ._torch import OfTorch, tensor_leaf
from ._tree import article, nodes


def check_module(
    module: Any,
    loss: Callable[..., Any],
    *data: Any,
    double: bool = True,
    seed: int = 0,
    directions: int = 3,
    elements: int = 1000,
    orders: int = 1,
    tolerance: float = 1e-8,
) -> Report:
    """Check the derivatives of a loss by the parameters of a module of PyTorch.

    Both modes are checked: backward, by the parameters themselves, and forward where all of the module's operations have
    it, by tensors in their places.

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
    orders
        2 also checks second derivatives: products of the Hessian with tangents, by a backward pass through a backward
        pass.

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
    >>> gradproof.check_module(module, loss, x, y, orders=2).verdict
    'pass'
    """
    options = Options(seed, directions, elements, orders, tolerance)
    torch = needed("torch", "check_module")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module is {article(module)}; pass a torch.nn.Module, or use check_torch for a function")
    if not callable(loss):
        raise TypeError(f"loss is {article(loss)}; pass a function of the module")
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError("the module has no parameter that requires a gradient; there is nothing to differentiate by")
    of = OfModule(module, loss, data, [tensor_leaf(p, name) for name, p in trained.items()], list(trained))
    return of.check(options, double)


class OfModule(OfTorch):
    """A copy of a module with its loss. Backward passes go to the copy's own parameters; for forward mode, tensors stand
    in their places."""

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
        tensors = self.parameters()
        with self.torch.no_grad():
            for parameter, a in zip(tensors, x, strict=True):
                parameter.copy_(self.torch.tensor(a))
        return tensors

    def parameters(self) -> list[Any]:
        """The copy's parameters that are checked."""
        parameters = dict(self.copies()[0].named_parameters())
        return [parameters[name] for name in self.names]

    def loss_of(self, tensors: list[Any]) -> Any:
        """The loss with these parameters, and buffers, such as running means, as they were at first."""
        module, data = self.copies()
        with self.torch.no_grad():
            for name, buffer in module.named_buffers():
                if name in self.buffers:
                    buffer.copy_(self.buffers[name])
        if all(a is b for a, b in zip(tensors, self.parameters(), strict=True)):
            return self.loss(module, *data)
        places = {f"module.{name}": tensor for name, tensor in zip(self.names, tensors, strict=True)}
        return self.torch.func.functional_call(self.with_loss(module), places, data)

    def with_loss(self, module: Any) -> Any:
        """A module that computes the loss of another."""
        loss = self.loss

        class Loss(self.torch.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.module = module

            def forward(self, *data: Any) -> Any:
                return loss(self.module, *data)

        return Loss()

    def jvp(self, point: list[np.ndarray]) -> Callable[..., np.ndarray]:
        """A way of forward mode, if all parameters are read where others can stand in their places."""
        found = super().jvp(point)
        self.tensors(point)
        in_place = self.array(self.apply(self.plain(moved(point))))
        if not np.allclose(in_place, self.value(moved(point)), rtol=1e-5, equal_nan=True):
            raise RuntimeError("the module keeps parameters in places of its own, which tensors cannot take")
        return found

    def check(self, options: Options, double: bool) -> Report:
        """Refuse a loss that does not use the module, whose differences and gradients would all be zero."""
        report = super().check(options, double)
        point = self.point()
        far = moved(point)
        if np.array_equal(self.value(point), self.value(far)) and not any(np.any(g) for g in self.all_of(far)):
            raise ValueError(
                f"{self.what} does not change with the parameters of the module that it is given; "
                "does it use another? Write lambda module: …module(x)…"
            )
        return report

    def all_of(self, x: list[np.ndarray]) -> list[np.ndarray]:
        """The gradients at some parameters."""
        y = self.value(x)
        return self.vjp(x, np.ones_like(y))


def moved(x: list[np.ndarray]) -> list[np.ndarray]:
    """Another point, at which most functions have another value."""
    return [a * 1.5 + 0.25 for a in x]
