"""Is my gradient right?

Derivatives of functions of NumPy, PyTorch and JAX are held against differences, with a verdict, the name of its cause,
and how sure it is.

- :func:`check`: a function of NumPy, with its derivatives by hand
- :func:`check_torch`, :func:`check_module`: functions and modules of PyTorch
- :func:`check_jax`: functions of JAX
- :func:`assert_gradient`: any of these, in a test
- :class:`Report`: what they return
- :mod:`gradproof.depth`: signals and gradients in deep networks

Examples
--------
>>> import numpy as np, gradproof
>>> def loss(w):
...     return np.sum(np.tanh(w) ** 2)
>>> def grad(w):
...     return 2 * np.tanh(w) * (1 + np.tanh(w) ** 2)  # the sign in the brackets is wrong
>>> report = gradproof.check(loss, np.array([0.3, -0.7]), grad=grad)
>>> report.verdict
'wrong'
"""

from . import depth
from ._check import check
from ._jax import check_jax
from ._module import check_module
from ._report import Calls, Comparison, Estimate, Input, Report, Verdict
from ._testing import assert_gradient
from ._torch import check_torch

__all__ = [
    "Calls",
    "Comparison",
    "Estimate",
    "Input",
    "Report",
    "Verdict",
    "assert_gradient",
    "check",
    "check_jax",
    "check_module",
    "check_torch",
    "depth",
]
