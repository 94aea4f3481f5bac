"""Calls of the user's functions: counted, with exceptions that say where they arose, and inputs that stay as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Guarded:
    """A function of a list of arrays, whose exceptions get a note on the call in which they arose.

    Parameters
    ----------
    call
        The function.
    name
        What the user calls it.
    point, names
        The inputs of the check.
    """

    def __init__(self, call: Callable[..., Any], name: str, point: list[np.ndarray], names: list[str]) -> None:
        self.call, self.name, self.point, self.names = call, name, point, names
        self.calls = 0

    def __call__(self, x: list[np.ndarray], *rest: Any) -> Any:
        self.calls += 1
        try:
            return self.call(x, *rest)
        except Exception as error:
            note(error, f"gradproof: raised by {self.name}, in call {self.calls} of it, {self.where(x)}")
            raise

    def where(self, x: list[np.ndarray]) -> str:
        """The place of the inputs `x`, in words."""
        moved = [(name, a, b, np.argwhere(a != b)) for name, a, b in zip(self.names, self.point, x, strict=True)]
        count = sum(len(at) for *_, at in moved)
        if count == 0:
            return "at the point itself"
        name, a, b, at = next(entry for entry in moved if len(entry[3]))
        if count == 1:
            i = tuple(at[0])
            return f"near the point: {place(name, i)} moved from {a[i]} to {b[i]}"
        most = max(float(np.abs(a - b).max(initial=0.0)) for _, a, b, _ in moved)
        return f"near the point: {count} elements moved, by up to {most:.1e}"


def place(name: str, index: Sequence[Any]) -> str:
    """An element of an input, as an expression."""
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def note(error: BaseException, text: str) -> None:
    """Add a note to an exception; before Python 3.11, a cause that says the same."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    elif error.__cause__ is None:
        error.__cause__ = RuntimeError(text)


class Borrowed:
    """Calls functions with inputs that they must not change.

    Inputs are the checker's own numbers, read-only and without a copy. A function that asks for memory to write to, as
    compiled code may without writing, gets copies from then on, which are compared with what they should be.
    """

    def __init__(self) -> None:
        self.copies = False

    def __call__(self, call: Callable[..., Any], what: str, arrays: list[np.ndarray], names: list[str]) -> Any:
        """Call a function with a list of arrays, whose `names` say what they are."""
        if not self.copies:
            try:
                return call(arrays)
            except ValueError as error:
                if "read-only" not in str(error):
                    raise
            self.copies = True
        given = [array.copy() for array in arrays]
        found = call(given)
        unchanged(given, arrays, names, what)
        return found


def unchanged(given: list[np.ndarray], kept: list[np.ndarray], names: list[str], what: str) -> None:
    """Refuse a function that changed its inputs in place.

    Raises
    ------
    ValueError
        Naming the input and the place.
    """
    for after, before, name in zip(given, kept, names, strict=True):
        both_nan = np.isnan(after) & np.isnan(before)
        changed = np.argwhere((after != before) & ~both_nan)
        if len(changed):
            where = place(name, changed[0])
            raise ValueError(f"{what} changes its input {name} in place, at {where}; let it work on a copy of {name}")


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's first arguments."""
    names: list[str] = []
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
    if len(names) < count:
        return ["x"] if count == 1 else [f"x[{i}]" for i in range(count)]
    return names[:count]


def name_of(f: Callable[..., Any], default: str) -> str:
    """What the user calls a function."""
    name = getattr(f, "__name__", default)
    return default if name == "<lambda>" else f"{default} ({name})" if name != default else name


def in_a_line(error: Exception) -> str:
    """The type of an exception and the first line of its message."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"
