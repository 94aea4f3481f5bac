"""What may be an input, and what a function may return, as NumPy arrays; the rest is refused with words."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._tree import article

#: The types of numbers that the checker computes with.
TYPES = (np.dtype(np.float64), np.dtype(np.float32))


def refuse_number(dtype: np.dtype, name: str, convert: str) -> None:
    """Refuse an input whose numbers the checker cannot move.

    Parameters
    ----------
    dtype
        The type of its numbers.
    name
        The input.
    convert
        An expression that converts it to float64.
    """
    if dtype in TYPES:
        return
    if dtype.kind in "iub":
        raise TypeError(
            f"{name} is of type {dtype}, and only real numbers can be moved by small steps; "
            f"pass {convert}, or bind it: lambda x: f(x, {name})"
        )
    if dtype.kind == "c":
        raise TypeError(f"{name} is complex ({dtype}); make its real and its imaginary part two inputs")
    if dtype.kind == "f":
        digits = "has too few digits for differences" if dtype.itemsize < 4 else "is not known to the checker"
        raise TypeError(f"{name} is of type {dtype}, which {digits}; pass {convert}")
    raise TypeError(f"{name} is of type {dtype}; pass an array of float64")


def leaf(x: Any, name: str) -> Any:
    """An input as an array of NumPy, or a number."""
    if isinstance(x, bool | int):
        raise TypeError(f"{name} is the integer {x}; pass {float(x)}, or bind it: lambda x: f(x, {x})")
    if isinstance(x, float):
        return np.float64(x)
    if isinstance(x, complex):
        raise TypeError(f"{name} is complex; make its real and its imaginary part two inputs")
    module = type(x).__module__.partition(".")[0]
    if module == "torch":
        raise TypeError(f"{name} is a tensor of PyTorch; use check_torch, or check_module")
    if module in ("jax", "jaxlib"):
        raise TypeError(f"{name} is an array of JAX; use check_jax")
    if not isinstance(x, np.ndarray | np.generic):
        raise TypeError(f"{name} is {article(x)}; pass an array of NumPy")
    if isinstance(x, np.matrix | np.ma.MaskedArray):
        raise TypeError(f"{name} is a {type(x).__name__}; pass np.asarray({name})")
    refuse_number(x.dtype, name, f"{name}.astype(float)")
    return x


def finite(array: np.ndarray, name: str) -> None:
    """Refuse an input with NaN or infinity, which cannot be moved."""
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0].tolist()
        place = f"{name}{at}" if at else name
        raise ValueError(f"{place} is {array[tuple(at)]}; a gradient is checked at a point of finite numbers")


def point(leaves: list[np.ndarray], names: list[str]) -> list[np.ndarray]:
    """The point of a check: finite numbers in row-major order, all of one type, not shared with the caller."""
    if not leaves:
        raise ValueError("no input is given; there is nothing to differentiate by")
    types = {array.dtype: name for array, name in zip(leaves, names, strict=True)}
    if len(types) > 1:
        listed = ", ".join(f"{name} of {dtype}" for dtype, name in types.items())
        raise TypeError(f"the inputs have several types ({listed}); give all of them one")
    for array, name in zip(leaves, names, strict=True):
        finite(array, name)
    if not any(array.size for array in leaves):
        raise ValueError(f"{' and '.join(names)} have no elements; there is nothing to differentiate by")
    return [np.array(array, order="C") for array in leaves]


def result(y: Any, dtype: np.dtype, what: str) -> np.ndarray:
    """What a function returned, as an array of the point's type.

    Parameters
    ----------
    y
        The array, number, or list of numbers.
    dtype
        The type of the point.
    what
        The name of it, for errors.
    """
    if isinstance(y, np.ndarray | np.generic) and y.dtype is dtype:
        return y if type(y) is np.ndarray else np.asarray(y)
    if y is None or isinstance(y, str | bytes | dict | set):
        raise TypeError(f"{what} is {article(y)}; return an array or a number")
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise TypeError(f"{what} is no array: {error}") from error
    if array.dtype.kind == "c":
        raise TypeError(f"{what} is complex ({array.dtype}); return real numbers")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} is an array of type {array.dtype}; return one of real numbers")
    return array.astype(dtype)
