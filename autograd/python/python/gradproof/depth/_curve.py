"""Activations as curves: values, slopes, kinks, and their expectations under the normal distribution."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Map = Callable[[np.ndarray], np.ndarray]

#: Beyond this many standard deviations lie 4e-33 of the normal distribution.
TAIL = 12.0
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def _normal(x: np.ndarray) -> np.ndarray:
    """The distribution function of the normal distribution."""
    erf = np.array([math.erfc(-t / math.sqrt(2)) for t in x.ravel()]).reshape(x.shape)
    found: np.ndarray = 0.5 * erf
    return found


def _density(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return found


def _sigmoid(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def _softplus(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.logaddexp(0.0, x)
    return found


def _elu(alpha: float, scale: float) -> tuple[Map, Map, list[float]]:
    def value(x: np.ndarray) -> np.ndarray:
        return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    def slope(x: np.ndarray) -> np.ndarray:
        return scale * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))

    return value, slope, [0.0]


def _mish_slope(x: np.ndarray) -> np.ndarray:
    t = np.tanh(_softplus(x))
    found: np.ndarray = t + x * (1 - t * t) * _sigmoid(x)
    return found


#: Values, slopes and kinks of the usual activations.
NAMED: dict[str, tuple[Map, Map, list[float]]] = {
    "identity": (lambda x: x, np.ones_like, []),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, []),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), []),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0), [0.0]),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01), [0.0]),
    "elu": _elu(1.0, 1.0),
    "selu": _elu(1.6732632423543772, 1.0507009873554805),
    "gelu": (lambda x: x * _normal(x), lambda x: _normal(x) + x * _density(x), []),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)), []),
    "mish": (lambda x: x * np.tanh(_softplus(x)), _mish_slope, []),
    "softplus": (_softplus, _sigmoid, []),
}


class Curve:
    """An activation: its values and slopes on many points at once.

    Parameters
    ----------
    activation
        A name, or a function of arrays of NumPy, PyTorch or JAX.
    slope
        Its derivative; without it that of the framework, and differences for NumPy.
    """

    def __init__(self, activation: str | Callable[..., Any], slope: Callable[..., Any] | None = None) -> None:
        self.breaks: list[float] = []
        if isinstance(activation, str):
            if activation not in NAMED:
                raise ValueError(f"no activation is called {activation!r}; there are {', '.join(NAMED)}")
            self.name = activation
            self.values, self.slopes, self.breaks = NAMED[activation]
        elif callable(activation):
            self.name = getattr(activation, "__name__", type(activation).__name__)
            self.values, found = framework(activation)
            self.check()
            self.breaks = self.kinks()
            given = None if slope is None else framework(slope)[0]
            self.slopes = given or found or self.differences
        else:
            raise TypeError(f"the activation is of type {type(activation).__name__}; give a name or a function")

    def check(self) -> None:
        """Refuse what is no function of each number alone."""
        pair = np.array([0.4, -0.7])
        found = self.values(pair)
        if np.shape(found) != pair.shape or not np.array_equal(
            found, [self.values(pair[:1])[0], self.values(pair[1:])[0]]
        ):
            raise ValueError(f"{self.name} is not a function of each number alone; the theory needs one that is")
        if not np.isfinite(self.values(np.linspace(-30, 30, 601))).all():
            raise ValueError(f"{self.name} is not finite everywhere between -30 and 30; the theory needs it to be")

    def kinks(self) -> list[float]:
        """The points between -30 and 30 where the slope or the value jumps."""
        grid = np.linspace(-30, 30, 6001)
        found = []
        for i in outliers(self.values(grid)):
            low, high = grid[i - 1], grid[i + 1]
            while high - low > 1e-14 * max(abs(low), 1.0):
                x = np.linspace(low, high, 41)
                bends = np.abs(np.diff(self.values(x), 2))
                sharpest = int(np.argmax(bends)) + 1
                if not bends[sharpest - 1] > 0 or (x[sharpest - 1], x[sharpest + 1]) == (low, high):
                    break
                low, high = x[sharpest - 1], x[sharpest + 1]
            found.append(float((low + high) / 2))
        return found

    def differences(self, x: np.ndarray) -> np.ndarray:
        """Slopes by differences of sixth order, which do not reach across a kink."""
        h = 4e-3 * np.maximum(np.abs(x), 1.0)
        for kink in self.breaks:
            h = np.minimum(h, np.maximum(np.abs(x - kink) / 4, 1e-9))
        side = [self.values(x + k * h) - self.values(x - k * h) for k in (1, 2, 3)]
        slopes: np.ndarray = (45 * side[0] - 9 * side[1] + side[2]) / (60 * h)
        return slopes

    def expect(self, scale: float, f: Callable[[np.ndarray, np.ndarray], np.ndarray], shift: float = 0.0) -> float:
        """E[f(z, shift + scale·z)], z ~ N(0, 1)."""
        bends = [-16.0, -4.0, -1.0, 0.0, 1.0, 4.0, 16.0, *self.breaks]
        inside = [(b - shift) / scale for b in bends] if scale > 0 else []
        ends = np.unique([-TAIL, -6.0, -3.0, 0.0, 3.0, 6.0, TAIL, *[z for z in inside if abs(z) < TAIL]])
        half = np.diff(ends)[:, None] / 2
        z = (ends[:-1, None] + half) + half * NODES
        weights = half * WEIGHTS * _density(z)
        return float(np.sum(weights * f(z.ravel(), shift + scale * z.ravel()).reshape(z.shape)))


def outliers(y: np.ndarray) -> list[int]:
    """The points where a curve bends far more than on either side."""
    near = 3
    bends = np.concatenate([[0.0], np.abs(np.diff(y, 2)), [0.0]])
    found: list[int] = []
    for i in np.flatnonzero(bends > 1e-11 * (1 + np.abs(y))):
        if near < i < len(y) - near - 1 and (not found or i - found[-1] > near):
            around = max(bends[i - near], bends[i + near])
            if bends[i] >= bends[i - near : i + near + 1].max() and bends[i] > 4 * around:
                found.append(int(i))
    return found


def framework(f: Callable[..., Any]) -> tuple[Map, Map | None]:
    """A function of arrays of NumPy from one of any framework, and its slopes where the framework has them."""
    probe = np.array([0.4, -0.7])
    why: Exception = TypeError("it does not return an array of NumPy")
    try:
        if isinstance(f(probe), np.ndarray):
            return (lambda x: np.asarray(f(x), dtype=float)), None
    except Exception as error:
        why = error
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    with contextlib.suppress(Exception):
        if torch is not None and isinstance(f(torch.tensor(probe)), torch.Tensor):
            return _of_torch(torch, f)
    with contextlib.suppress(Exception):
        if jax is not None:
            values, slopes = _of_jax(jax, f)
            values(probe)
            return values, slopes
    raise TypeError(f"the activation takes arrays of no framework that is imported; of NumPy it says: {why}") from why


def _of_torch(torch: Any, f: Callable[..., Any]) -> tuple[Map, Map]:
    def values(x: np.ndarray) -> np.ndarray:
        return np.asarray(f(torch.tensor(x)).detach().cpu().numpy(), dtype=float)

    def slopes(x: np.ndarray) -> np.ndarray:
        t = torch.tensor(x, requires_grad=True)
        (slope,) = torch.autograd.grad(f(t).sum(), t)
        return np.asarray(slope.detach().cpu().numpy(), dtype=float)

    return values, slopes


def _of_jax(jax: Any, f: Callable[..., Any]) -> tuple[Map, Map]:
    double = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64

    def values(x: np.ndarray) -> np.ndarray:
        with double(True):
            return np.asarray(f(jax.numpy.asarray(x)), dtype=float)

    def slopes(x: np.ndarray) -> np.ndarray:
        with double(True):
            return np.asarray(jax.grad(lambda t: f(t).sum())(jax.numpy.asarray(x)), dtype=float)

    return values, slopes
