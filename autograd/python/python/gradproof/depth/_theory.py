"""Mean-field theory: the propagation of signals and gradients in deep random networks.

Poole et al., "Exponential expressivity in deep neural networks through transient chaos", 2016; Schoenholz et al., "Deep
information propagation", 2017; Hayou, Doucet and Rousseau, "On the impact of the activation function on deep neural
networks training", 2019.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._curve import Curve

#: The relative uncertainty of quadrature.
NOISE = 1e-11
#: The scale that stands for the limit 0, where an activation is a line, or two lines that meet.
LIMIT = 1e-8


@dataclass(frozen=True)
class Critical:
    """A critical point: weights and biases with ``chi = 1`` at a fixed point of the variance.

    Attributes
    ----------
    weights, biases
        The variances σ_w² (of weights times the number of inputs) and σ_b².
    variance
        The variance of the sums at which it holds.
    variance_slope
        The slope of the variance map there; above 1 the variance moves away from it.
    """

    weights: float
    biases: float
    variance: float
    variance_slope: float


class Theory:
    """The mean-field theory of a deep network with one activation; see :func:`theory`.

    Attributes
    ----------
    name
        The activation.
    weights, biases
        The variances σ_w² (of weights times the number of inputs) and σ_b².
    """

    def __init__(self, curve: Curve, weights: float, biases: float) -> None:
        for name, variance in (("weights", weights), ("biases", biases)):
            if not 0 <= variance < math.inf:
                raise ValueError(f"the variance of the {name} is {variance}; it must be 0 or more")
        self._curve, self.name, self.weights, self.biases = curve, curve.name, float(weights), float(biases)

    def variance_map(self, q: float) -> float:
        """The variance of the sums in the next layer: ``V(q) = σ_w²·E[φ(√q z)²] + σ_b²``."""
        return self.weights * self._mean_square(q) + self.biases

    def variances(self, q: float, layers: int) -> np.ndarray:
        """The variances of this many layers, from `q` on."""
        found = [q]
        while len(found) < layers:
            found.append(self.variance_map(found[-1]))
        return np.array(found[:layers])

    def chi(self, q: float) -> float:
        """The gain of the mean squared gradient in one layer: ``χ(q) = σ_w²·E[φ′(√q z)²]``."""
        return self.weights * self._mean_square_slope(q)

    def variance_slope(self, q: float) -> float:
        """The slope of the variance map: ``σ_w²·E[φ(√q z)²(z² − 1)]/2q``; below 1 a fixed point attracts."""
        scale = max(math.sqrt(q), 1e-3)
        constant = float(self._curve.values(np.zeros(1))[0]) ** 2
        moment = self._curve.expect(scale, lambda z, x: (self._curve.values(x) ** 2 - constant) * (z * z - 1))
        return self.weights * moment / (2 * scale * scale)

    def fixed_point(self) -> float:
        """The variance that deep layers approach, from sums of variance 1.

        Raises
        ------
        ValueError
            If the variance grows without bound.
        """

        def gain(q: float) -> float:
            return self.variance_map(q) - q

        q, grows = 1.0, gain(1.0) > 0
        while abs(gain(q)) > NOISE * q:
            following = 2 * q if grows else q / 2
            if following > 1e7:
                raise ValueError(
                    f"the variance of {self.name} grows without bound for σ_w² = {self.weights}; take less"
                )
            if following < 1e-12:
                at_zero = self.weights * float(self._curve.values(np.zeros(1))[0]) ** 2 + self.biases
                return 0.0 if at_zero == 0 else _root(gain, 0.0, q)
            if (gain(following) > 0) != grows:
                return _root(gain, q, following)
            q = following
        return q

    def correlation_map(self, q: float, c: float) -> float:
        """The correlation of two inputs in the next layer, for sums of variance `q` and correlation `c`."""
        if not -1 <= c <= 1:
            raise ValueError(f"the correlation is {c}; it lies between -1 and 1")
        curve, scale = self._curve, math.sqrt(max(q, LIMIT**2))
        rest = scale * math.sqrt((1 - c) * (1 + c))

        def inner(u: float) -> float:
            if rest == 0:
                return float(curve.values(np.array([c * scale * u]))[0])
            return curve.expect(rest, lambda _, x: curve.values(x), c * scale * u)

        product = curve.expect(scale, lambda z, x: curve.values(x) * np.array([inner(u) for u in z]))
        return (self.weights * product + self.biases) / self.variance_map(q)

    def critical(self, biases: float | None = None) -> Critical:
        """A critical point, between vanishing and exploding gradients.

        The weights and biases of this theory have no effect.

        Parameters
        ----------
        biases
            The variance of the biases; without it, the point is the attracting one whose variance is nearest to 1.

        Raises
        ------
        ValueError
            If there is none.
        """
        if biases is None:
            found = self._nearest()
        else:
            found = self._with_biases(biases)
        if found is None:
            raise ValueError(f"{self.name} has no critical point; choose another activation, or normalise the sums")
        return found

    def __str__(self) -> str:
        try:
            q = self.fixed_point()
        except ValueError as error:
            return f"{self!r}\n  {error}"
        chi = self.chi(q)
        scale = depth_scale(chi)
        what = "keeps its size" if abs(chi - 1) < 1e-9 else "vanishes" if chi < 1 else "explodes"
        lines = [
            f"{self!r}",
            f"  variance of the sums at depth  {q:.6g}",
            f"  gain of the squared gradient   {chi:.6g} a layer: it {what}",
            f"  depth scale of the gradient    {abs(scale):.4g} layers",
        ]
        try:
            point = self.critical()
            lines.append(f"  critical point                 σ_w² = {point.weights:.6g}, σ_b² = {point.biases:.6g}")
        except ValueError as error:
            lines.append(f"  critical point                 {error}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Theory({self.name}, σ_w² = {self.weights:g}, σ_b² = {self.biases:g})"

    def _mean_square(self, q: float) -> float:
        return self._curve.expect(math.sqrt(q), lambda _, x: self._curve.values(x) ** 2)

    def _mean_square_slope(self, q: float) -> float:
        return self._curve.expect(max(math.sqrt(q), LIMIT), lambda _, x: self._curve.slopes(x) ** 2)

    def _critical_bias(self, q: float) -> float:
        slope = self._mean_square_slope(q)
        return q - self._mean_square(q) / slope if slope > 0 else math.nan

    def _at(self, q: float) -> Critical | None:
        """The critical point whose sums have variance `q`, if its bias variance is not negative."""
        slope, biases = self._mean_square_slope(q), self._critical_bias(q)
        if slope <= 0 or math.isnan(biases) or biases < -10 * NOISE * q:
            return None
        weights, biases = 1 / slope, 0.0 if biases <= 10 * NOISE * q else biases
        return Critical(weights, biases, q, Theory(self._curve, weights, biases).variance_slope(q))

    def _attracting(self, q: float) -> Critical | None:
        point = self._at(q)
        return point if point is not None and point.variance_slope <= 1 + 100 * NOISE else None

    def _nearest(self) -> Critical | None:
        for factor in (2.0**k for k in range(31)):
            for q in (factor, 1 / factor):
                if (q > 1e-7) and self._attracting(q):
                    no, yes = (q / 2, q) if q > 1 else (2 * q, q)
                    while q != 1 and abs(yes - no) > 1e-13 * yes:
                        middle = (no + yes) / 2
                        no, yes = (no, middle) if self._attracting(middle) else (middle, yes)
                    return self._attracting(yes)
        return None

    def _with_biases(self, biases: float) -> Critical | None:
        def residual(q: float) -> float:
            return (self._critical_bias(q) - biases) / q

        if abs(residual(1.0)) <= 10 * NOISE:
            return self._at(1.0)
        grid = [(q, residual(q)) for q in (2.0**k for k in range(-23, 31))]
        certain = [(q, r) for q, r in grid if math.isfinite(r) and abs(r) > 10 * NOISE]
        pairs = itertools.pairwise(certain)
        points = [self._at(_root(residual, a, b)) for (a, ra), (b, rb) in pairs if ra * rb < 0]
        found = [point for point in points if point is not None]
        return next((point for point in found if point.variance_slope <= 1), found[0] if found else None)


def theory(
    activation: str | Callable[..., Any],
    *,
    weights: float = 1.0,
    biases: float = 0.0,
    slope: Callable[..., Any] | None = None,
) -> Theory:
    """The mean-field theory of deep, wide, random networks with an activation.

    Parameters
    ----------
    activation
        A name, such as ``'gelu'``, or an elementwise function of arrays of NumPy, PyTorch or JAX.
    weights, biases
        The variance of the weights times the number of inputs, σ_w², and that of the biases, σ_b².
    slope
        The derivative of the activation; without it that of the framework, and differences for NumPy.

    Returns
    -------
    Theory
        It prints as a summary; its methods compute the maps, the fixed point and the critical point.

    Examples
    --------
    >>> from gradproof.depth import theory
    >>> tanh = theory("tanh", weights=1.5, biases=0.05)
    >>> round(tanh.chi(tanh.fixed_point()), 6)  # gradients lose 6 % a layer
    0.938636
    >>> round(theory("gelu").critical().weights, 3)
    1.983
    """
    return Theory(Curve(activation, slope), weights, biases)


def depth_scale(slope: float) -> float:
    """The number of layers until 1/e is left of what each layer multiplies by `slope`; negative if it grows."""
    return math.inf if slope == 1 else 0.0 if slope <= 0 else -1 / math.log(slope)


def _root(f: Callable[[float], float], a: float, b: float) -> float:
    """The point between `a` and `b` where `f` changes its sign, by bisection."""
    low = f(a) > 0
    for _ in range(200):
        middle = (a + b) / 2
        if middle in (a, b):
            break
        a, b = (middle, b) if (f(middle) > 0) == low else (a, middle)
    return (a + b) / 2
