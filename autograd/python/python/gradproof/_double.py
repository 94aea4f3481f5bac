"""Functions of a framework in float64, whatever the type of their inputs, where they can be computed so."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ._calls import in_a_line

FLOAT64 = np.dtype(np.float64)


def needed(package: str, by: str) -> Any:
    """Import a framework that is found only if it is there."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{by} needs the package {package}, which cannot be imported: {error}") from error


def own_type(types: list[str], names: list[str]) -> np.dtype | None:
    """The one type of all inputs that the checker can compute in; None if there is none.

    Parameters
    ----------
    types
        The name of each input's type, such as ``'bfloat16'``.
    names
        The inputs.
    """
    for dtype, name in zip(types, names, strict=True):
        if dtype.startswith("complex"):
            raise TypeError(f"{name} is complex ({dtype}); make its real and its imaginary part two inputs")
        if not dtype.startswith(("float", "bfloat")):
            raise TypeError(
                f"{name} is of type {dtype}, and only real numbers can be moved by small steps; bind it: lambda x: f(x, {name})"
            )
    one = set(types)
    return np.dtype(one.pop()) if one in ({"float64"}, {"float32"}) else None


def choose(
    probe: Callable[[np.dtype], Any], own: np.dtype | None, double: bool, types: list[str], names: list[str]
) -> tuple[np.dtype, list[str]]:
    """The type to check in, and notes on it.

    Parameters
    ----------
    probe
        Calls the function in a type, and raises if it cannot be computed in it.
    own
        The type of the inputs, where the checker knows it.
    double
        Whether float64 is tried.
    types, names
        The type and name of each input.
    """
    refused: Exception | None = None
    is_double = own is not None and own == FLOAT64  # NumPy takes None for float64
    if double or is_double:
        try:
            probe(FLOAT64)
            return FLOAT64, []
        except Exception as error:
            if is_double:
                raise
            refused = error
    if own is None:
        listed = ", ".join(f"{name} of {dtype}" for dtype, name in zip(types, names, strict=True))
        why = "in float64 the function fails" if double else "the checker computes in float64, or float32"
        raise TypeError(f"no check in the type of the inputs ({listed}), and {why}") from refused
    probe(own)
    if refused is None:
        return own, []
    return own, [f"checked in {own}, since in float64 the function raises {in_a_line(refused)}"]
