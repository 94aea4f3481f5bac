"""Checks of functions of NumPy with derivatives by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arrays
from ._calls import argument_names, name_of
from ._numpy import OfNumpy
from ._report import Report
from ._run import Options, run
from ._tree import Node, nodes


def inputs_of(f: Callable[..., Any], x: tuple[Any, ...], leaf: Callable[[Any, str], Any]) -> tuple[Node, list[Any]]:
    """The structure of a function's arguments, and their leaves."""
    if not callable(f):
        raise TypeError(f"f is {f!r}; the first argument is the function, the others are its inputs")
    leaves: list[Any] = []
    names = argument_names(f, len(x))
    children = [nodes(tree, name, leaves, leaf) for tree, name in zip(x, names, strict=True)]
    return Node(f"({', '.join(names)})", tuple, list(range(len(x))), children), leaves


def check(
    f: Callable[..., Any],
    *x: Any,
    grad: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    jacobian: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    hvp: Callable[..., Any] | None = None,
    seed: int = 0,
    directions: int = 3,
    elements: int = 1000,
    orders: int = 1,
    tolerance: float = 1e-8,
) -> Report:
    r"""Check derivatives of a function of NumPy arrays against differences.

    Any of the derivatives will do. Where several are given, each is checked, and also that they agree.

    Parameters
    ----------
    f
        The function: ``f(*x)`` is an array, a number, or a dict or tuple of arrays.
    *x
        The inputs, at which it is checked: arrays of float64 or of float32, numbers, and dicts, lists and tuples of
        these. Arrays are passed read-only, without a copy.
    grad
        ``grad(*x)``: the gradient of a function of one value, an array of the shape of ``x``; for several inputs a
        tuple of arrays; for nested inputs the same nesting.
    vjp
        ``vjp(*x, v)``: the products :math:`J^\top v` with weights of the shape of the output, in the form of ``grad``.
    jvp
        ``jvp(*x, *u)``: the product :math:`J u` with tangents of the shapes of the inputs, of the output's shape.
    jacobian
        ``jacobian(*x)``: arrays of the shape of the output followed by that of the input, in the form of ``grad``.
    hessian
        ``hessian(*x)``: arrays of the shape of one input followed by that of another, in the form of ``grad`` twice.
        Another derivative is given too, and second order is checked.
    hvp
        ``hvp(*x, *u)``: the products :math:`H u` with tangents of the shapes of the inputs, in the form of ``grad``: a
        Hessian that is too large to write down.
    seed
        The seed of random directions, weights and sampled elements.
    directions
        The number of random directions.
    elements
        The number of elements to compare one by one, over all inputs; of more, a random sample is compared.
    orders
        2 demands second order, which needs ``hessian`` or ``hvp``.
    tolerance
        The relative tolerance beyond the error of the differences. In float32 it is at least 1e-4.

    Returns
    -------
    Report
        The verdict, its cause, and the evidence.

    Raises
    ------
    TypeError
        If an input or a result has numbers of another kind, or another structure than it needs.
    ValueError
        If a shape is wrong, a number is not finite at the point, or a function changes its inputs in place.
    Exception
        What the functions raise, with a note on the call in which it arose.

    Examples
    --------
    >>> import numpy as np, gradproof
    >>> f = lambda a, b: a @ b
    >>> vjp = lambda a, b, v: (v @ b.T, a.T @ v)
    >>> a, b = np.array([[1.0, -0.5], [0.3, 0.8]]), np.array([[0.2, 0.9], [-0.4, 0.6]])
    >>> gradproof.check(f, a, b, vjp=vjp).verdict
    'pass'
    >>> wrong = lambda a, b, v: (v @ b.T, -a.T @ v)
    >>> report = gradproof.check(f, a, b, vjp=wrong)
    >>> report.cause, [i.name for i in report.inputs if i.wrong]
    ('sign', ['b'])
    """
    options = Options(seed, directions, elements, orders, tolerance)
    given = {"grad": grad, "vjp": vjp, "jvp": jvp, "jacobian": jacobian, "hessian": hessian, "hvp": hvp}
    calls = {kind: call for kind, call in given.items() if call is not None}
    for kind, call in calls.items():
        if not callable(call):
            raise TypeError(f"{kind} is of type {type(call).__name__}; give the function that computes it")
    if not calls:
        raise ValueError("no derivative is given; give grad=, vjp=, jvp= or jacobian=")
    inputs, leaves = inputs_of(f, x, _arrays.leaf)
    dtype = np.asarray(leaves[0]).dtype if leaves else np.dtype(float)
    called = {"f": name_of(f, "f"), **{kind: name_of(call, kind) for kind, call in calls.items()}}
    of = OfNumpy(f, inputs, dtype, called["f"])
    of.numbers = {i for i, leaf in enumerate(leaves) if isinstance(leaf, np.generic)}
    derivatives = {kind: of.derivative(kind, call) for kind, call in calls.items()}
    report = run(of.value, derivatives, [np.asarray(leaf) for leaf in leaves], of.names, options, called)
    if of.returned is not None and of.returned.kind == "f" and of.returned.itemsize < dtype.itemsize:
        note = (
            f"{called['f']} returns {of.returned} for inputs of {dtype}: its values have fewer digits than its inputs"
        )
        report = report._noted([note])
    return report
