"""An assertion for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._check import check
from ._report import Report


def assert_gradient(f: Callable[..., Any], *x: Any, **given: Any) -> Report:
    """Assert that the derivatives of a function are right, in a test.

    It calls :func:`check` for arrays of NumPy, :func:`check_torch` for tensors of PyTorch, :func:`check_jax` for arrays
    of JAX, and :func:`check_module` for a module with its loss.

    Parameters
    ----------
    f, *x, **given
        What that function takes.

    Returns
    -------
    Report
        The report of a check that passed.

    Raises
    ------
    AssertionError
        If the verdict is another than a pass, with the report as its message.

    Examples
    --------
    >>> import numpy as np, gradproof
    >>> _ = gradproof.assert_gradient(np.sin, np.array([0.1, 0.7]), jacobian=lambda x: np.diag(np.cos(x)))
    """
    __tracebackhide__ = True
    report = chosen(f, x)(f, *x, **given)
    if not report.passed:
        raise AssertionError(f"{report}")
    return report


def chosen(f: Any, x: Any) -> Callable[..., Report]:
    """The check for these inputs."""
    if any(base.__module__.startswith("torch.nn.") for base in type(f).__mro__) and x and callable(x[0]):
        from ._module import check_module

        return check_module
    module = framework(x)
    if module == "torch":
        from ._torch import check_torch

        return check_torch
    if module in ("jax", "jaxlib"):
        from ._jax import check_jax

        return check_jax
    return check


def framework(tree: Any) -> str:
    """The package whose arrays the first leaf of a tree is of."""
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list | tuple) else ()
    found = (framework(item) for item in items)
    return next((name for name in found if name), "") if items else type(tree).__module__.partition(".")[0]
