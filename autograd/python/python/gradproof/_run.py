"""The way into the checker, the same for every framework."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _arrays, _core
from ._calls import Guarded
from ._report import Report


@dataclass(frozen=True)
class Options:
    """The settings of a check; see :func:`gradproof.check`."""

    seed: int = 0
    directions: int = 3
    elements: int = 1000
    orders: int = 1
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("seed", "directions", "elements", "orders"):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
                raise ValueError(f"{name} is {given!r}; give a number 0, 1, 2, …")
        if self.orders not in (1, 2):
            raise ValueError(f"orders is {self.orders}; it is 1, or 2 to check second derivatives too")
        if self.directions == 0 and self.elements == 0:
            raise ValueError("directions and elements are both 0; nothing would be compared")
        if not (isinstance(self.tolerance, float | int | np.floating) and 0 <= self.tolerance < math.inf):
            raise ValueError(f"tolerance is {self.tolerance!r}; give a number of 0 or more")

    def dict(self) -> dict[str, Any]:
        """The settings by name."""
        numbers = {name: int(getattr(self, name)) for name in ("seed", "directions", "elements", "orders")}
        return {**numbers, "tolerance": float(self.tolerance)}


#: What the checker calls the derivatives that Python calls otherwise.
KINDS = {"grad": "gradient", **{kind: kind for kind in ("vjp", "jvp", "jacobian", "hessian", "hvp")}}


def run(
    value: Callable[..., np.ndarray],
    derivatives: dict[str, Callable[..., Any]],
    point: list[np.ndarray],
    names: list[str],
    options: Options,
    called: dict[str, str],
) -> Report:
    """Check functions of a list of arrays.

    Parameters
    ----------
    value
        The function.
    derivatives
        Its derivatives by the names of :data:`KINDS`.
    point, names
        The inputs.
    options
        The settings.
    called
        What errors call the function (key ``'f'``) and its derivatives.
    """
    point = _arrays.point(point, names)

    def guard(key: str, call: Callable[..., Any]) -> Guarded:
        return Guarded(call, called[key], point, names)

    given = {KINDS[key]: guard(key, call) for key, call in derivatives.items()}
    core = _core.check(
        guard("f", value), {kind: given.get(kind) for kind in KINDS.values()}, point, names, options.dict()
    )
    return Report(core)
