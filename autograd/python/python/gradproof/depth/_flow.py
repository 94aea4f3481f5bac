"""Activations and gradients at every depth of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._picture import picture

#: The largest share of dead units without a warning.
SHARE = 0.5
#: The largest factor without a warning by which gradients fall or grow between the first layer and the last.
FACTOR = 1e3


@dataclass(frozen=True)
class Layer:
    """One layer of a :class:`Flow`.

    Attributes
    ----------
    name
        The layer.
    units
        The length of a row of its activations.
    size
        The root mean square of its activations.
    dead
        The share of units with the same value for every sample; None for a single sample.
    gradient
        The norm of the gradients of its activations; None if none arrive.
    relative
        That norm times the size of the activations, over the loss: the relative change of the loss when the activations
        change in a random direction by their own size. Rescaling a layer and its successor does not change it.
    not_finite
        How many activations are NaN or infinite.
    gradients_not_finite
        How many gradients are NaN or infinite.
    """

    name: str
    units: int
    size: float
    dead: float | None
    gradient: float | None
    relative: float | None
    not_finite: int
    gradients_not_finite: int


@dataclass(frozen=True)
class Flow:
    """Activations and gradients of all layers; see :func:`flow`. It prints as a table.

    Attributes
    ----------
    layers
        The layers, from input to output.
    """

    layers: list[Layer]

    @property
    def warnings(self) -> list[str]:
        """Problems in words; empty if there are none.

        It warns of values that are not finite, of gradients that fall or grow by a factor of more than 1000 between the
        first layer and the last, of layers without gradients, and of layers with more than half of their units dead.
        """
        found = []
        for i, layer in enumerate(self.layers):
            for what, count in (("activations", layer.not_finite), ("gradients", layer.gradients_not_finite)):
                if count:
                    found.append(
                        f"layer {i} ({layer.name}): {count} {what} are not finite; bring the inputs nearer to 1, "
                        "or lower the learning rate"
                    )
        trend = self._trend()
        found += [trend] if trend else []
        for i, layer in enumerate(self.layers):
            if layer.gradient is None:
                found.append(f"layer {i} ({layer.name}): no gradient arrives; is the graph cut behind it?")
            if layer.dead is not None and layer.dead > SHARE:
                found.append(
                    f"layer {i} ({layer.name}): {100 * layer.dead:.0f} % of units are dead, the same for every sample; "
                    "lower the learning rate, or use a leaky activation"
                )
        return found

    def _trend(self) -> str | None:
        seen = [(i, layer) for i, layer in enumerate(self.layers) if layer.gradient is not None]
        if len(seen) < 2:
            return None
        (i, first), (j, last) = seen[0], seen[-1]
        a, b = first.gradient or 0.0, last.gradient or 0.0
        if b == 0 or not (math.isfinite(a) and math.isfinite(b)):
            return None
        span = f"from layer {j} ({last.name}) to layer {i} ({first.name})"
        if a < b / FACTOR:
            fall = f"by a factor of {b / a:.1e}" if a > 0 else "to 0"
            repair = "scale the first weights to the activation, add residual connections, or normalise"
            return f"the gradient vanishes: it falls {fall} {span}; {repair}"
        if a > b * FACTOR:
            return (
                f"the gradient explodes: it grows by a factor of {a / b:.1e} {span}; "
                "scale the first weights to the activation, or normalise"
            )
        return None

    def to_svg(self) -> str:
        """A picture of the sizes of activations and gradients over depth, on a logarithmic axis."""
        sizes = [layer.size for layer in self.layers]
        gradients = [math.nan if layer.gradient is None else layer.gradient for layer in self.layers]
        return picture({"activations, root mean square": sizes, "gradients, norm": gradients})

    def __str__(self) -> str:
        head = ["layer", "units", "output", "dead", "gradient", "relative"]
        rows = [
            [
                f"{i} {layer.name}",
                str(layer.units),
                f"{layer.size:.1e}",
                "–" if layer.dead is None else f"{100 * layer.dead:.0f} %",
                *("–" if x is None else f"{x:.1e}" for x in (layer.gradient, layer.relative)),
            ]
            for i, layer in enumerate(self.layers)
        ]
        widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in [head, *rows]
        ]
        return "\n".join(lines + [f"warning: {warning}" for warning in self.warnings])

    def _repr_html_(self) -> str:
        text = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<div>{self.to_svg()}<pre>{text}</pre></div>"


def flow(
    activations: Mapping[str, Any] | Sequence[Any],
    gradients: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    loss: float | None = None,
) -> Flow:
    """What activations and gradients, taken from a network by any framework, say of it.

    Parameters
    ----------
    activations
        The outputs of the layers, from input to output: a dict by name, or a list. Rows are samples.
    gradients
        The gradients of the loss by these outputs, in the same form; None for one that is not known.
    loss
        The loss, for the relative size of the gradients.

    Returns
    -------
    Flow
        It prints as a table with warnings, and shows a picture in notebooks.

    Raises
    ------
    TypeError, ValueError
        If a gradient has no activation, or another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof.depth import flow
    >>> ones = np.ones((4, 3)) * np.arange(4)[:, None]
    >>> found = flow({"first": ones, "last": ones}, {"first": 1e-6 * ones, "last": ones}, loss=2.0)
    >>> found.warnings[0][:56]
    'the gradient vanishes: it falls by a factor of 1.0e+06 f'
    """
    outputs = _named(activations, "activations")
    slopes = {} if gradients is None else _named(gradients, "gradients")
    for name in slopes:
        if name not in outputs:
            raise ValueError(f"the gradient {name!r} has no activation; there are {', '.join(map(repr, outputs))}")
    layers = []
    for name, output in outputs.items():
        h = _array(output, f"the activation {name!r}")
        given = slopes.get(name)
        g = None if given is None else _array(given, f"the gradient {name!r}")
        if g is not None and g.shape != h.shape:
            raise ValueError(f"the gradient {name!r} has shape {g.shape}, and its activation {h.shape}")
        layers.append(_layer(name, h, g, loss))
    return Flow(layers)


def _named(arrays: Any, what: str) -> dict[str, Any]:
    if isinstance(arrays, Mapping):
        return {str(name): array for name, array in arrays.items()}
    if isinstance(arrays, list | tuple):
        return {str(i): array for i, array in enumerate(arrays)}
    raise TypeError(f"{what} are of type {type(arrays).__name__}; give a dict or a list of arrays")


def _array(x: Any, what: str) -> np.ndarray:
    """An array of any framework as one of float64."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().double().numpy()
    try:
        return np.asarray(x, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is no array of real numbers: {error}") from error


def _norm(x: np.ndarray) -> float:
    """The norm, without overflow or underflow of squares at great depth."""
    largest = float(np.max(np.abs(x), initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(x / largest))


def _layer(name: str, h: np.ndarray, g: np.ndarray | None, loss: float | None) -> Layer:
    rows = h.reshape(-1, h.shape[-1]) if h.ndim > 0 else h.reshape(1, 1)
    count = math.sqrt(max(h.size, 1))
    size, gradient = _norm(h) / count, None if g is None else _norm(g)
    relative = None if gradient is None or not loss else gradient * size / abs(float(loss))
    return Layer(
        name=name,
        units=rows.shape[1],
        size=size,
        dead=float(np.mean(np.all(rows == rows[:1], axis=0))) if len(rows) > 1 else None,
        gradient=gradient,
        relative=relative,
        not_finite=int(np.sum(~np.isfinite(h))),
        gradients_not_finite=0 if g is None else int(np.sum(~np.isfinite(g))),
    )
