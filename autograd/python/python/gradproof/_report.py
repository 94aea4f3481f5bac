"""The report of a check."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from . import _core

Verdict = Literal["pass", "wrong", "inconclusive"]


@dataclass(frozen=True)
class Calls:
    """How often a check called the function and its derivatives.

    Attributes
    ----------
    evaluations
        Calls of the function.
    derivatives
        Calls of its derivatives.
    """

    evaluations: int
    derivatives: int


@dataclass(frozen=True)
class Input:
    """The counts of one input at one order.

    Attributes
    ----------
    name
        The input, such as ``params['w']``.
    order
        The order of the derivative.
    shape
        The input's shape.
    compared
        How many of its elements were compared one by one.
    passed, wrong, inconclusive, unresolved
        How many of these agree, are wrong, have no derivative to compare with (a kink, a jump, the edge of the
        domain), and lie below what differences resolve.
    not_finite
        How many of all elements have a gradient that is NaN or infinite.
    largest
        The largest relative difference among the compared elements.
    """

    name: str
    order: int
    shape: tuple[int, ...]
    compared: int
    passed: int
    wrong: int
    inconclusive: int
    unresolved: int
    not_finite: int
    largest: float


@dataclass(frozen=True)
class Estimate:
    """A derivative by differences.

    Attributes
    ----------
    value
        The derivative; NaN if there is none.
    error
        Its estimated error; NaN if nothing is known.
    step
        The step at which it was found.
    """

    value: float
    error: float
    step: float


@dataclass(frozen=True)
class Comparison:
    """A derivative beside the same derivative by differences.

    Attributes
    ----------
    place
        The element, or the random direction.
    order
        1 for the gradient, 2 for its own gradient.
    by
        Which derivative of those given: ``'gradient'``, ``'vjp'``, ``'jvp'``, ``'Jacobian'``, ``'Hessian'`` or ``'hvp'``.
    analytic
        The derivative that is checked.
    forward
        The same by the jvp, where it was compared too.
    numeric
        The same by differences.
    allowed
        The allowed difference of the two.
    verdict, cause, reason
        The verdict on this comparison alone.
    """

    place: str
    order: int
    by: str
    analytic: float
    forward: float | None
    numeric: Estimate
    allowed: float
    verdict: Verdict
    cause: str | None
    reason: str

    @property
    def difference(self) -> float:
        """The absolute difference of the derivative and differences."""
        return abs(self.analytic - self.numeric.value)


class Report:
    """What a check found: a verdict, its reason, and the numbers behind it.

    It prints as text and shows itself in notebooks. It is true as a condition if the check passed: a check that did
    not decide is false, since missing evidence is no pass.

    Examples
    --------
    >>> import numpy as np, gradproof
    >>> report = gradproof.check(lambda x: np.sum(x**3), np.array([0.5, 2.0]), grad=lambda x: x**2)
    >>> report.verdict, report.cause
    ('wrong', 'factor')
    >>> round(report.detail, 6)
    0.333333
    """

    __slots__ = ("_core", "_data")

    def __init__(self, core: _core.Report) -> None:
        self._core = core
        self._data: dict[str, Any] = json.loads(core.json())

    @property
    def verdict(self) -> Verdict:
        """``'pass'``, ``'wrong'`` or ``'inconclusive'``."""
        return _verdict(self._data["verdict"])

    @property
    def passed(self) -> bool:
        """Whether the verdict is a pass."""
        return self.verdict == "pass"

    @property
    def cause(self) -> str | None:
        """The name of the cause, such as ``'sign'``, ``'detached'``, ``'missing_sum'``, ``'kink'``; None for a pass."""
        return _cause(self._data["cause"])[0]

    @property
    def detail(self) -> Any:
        """What belongs to the cause: the factor, the axis, the order of axes; None for most."""
        return _cause(self._data["cause"])[1]

    @property
    def reason(self) -> str:
        """The reason in a sentence."""
        return str(self._data["reason"])

    @property
    def notes(self) -> list[str]:
        """Further observations: kinks nearby, noise, what was left out."""
        return list(self._data["notes"])

    @property
    def seed(self) -> int:
        """The seed of the random directions: the same seed repeats the check."""
        return int(self._data["seed"])

    @property
    def value(self) -> float:
        """The value at the point; for an array, the sum of its values with random weights."""
        return _number(self._data["value"])

    @property
    def precision(self) -> str:
        """The type of all numbers: ``'float64'`` or ``'float32'``."""
        return str(self._data["precision"]).replace("f", "float")

    @property
    def calls(self) -> Calls:
        """How often the function and its derivatives were called."""
        return Calls(**self._data["calls"])

    @property
    def inputs(self) -> list[Input]:
        """One entry for each input and order."""
        rows = self._data["inputs"]
        return [Input(**{**row, "shape": tuple(row["shape"]), "largest": _number(row["largest"])}) for row in rows]

    @property
    def worst(self) -> Comparison | None:
        """The comparison with the largest difference beside the allowed one."""
        worst = self._data["worst"]
        if worst is None:
            return None
        numeric = Estimate(**{key: _number(value) for key, value in worst["numeric"].items()})
        return Comparison(
            place=worst["place"],
            order=worst["order"],
            by=worst["by"],
            analytic=_number(worst["analytic"]),
            forward=worst["forward"],
            numeric=numeric,
            allowed=_number(worst["allowed"]),
            verdict=_verdict(worst["verdict"]),
            cause=_cause(worst["cause"])[0],
            reason=worst["reason"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, texts and numbers, for a file; a number that is not finite is None.

        Beside what the attributes give, this holds all of the worst comparison, and the remainders step by step.
        """
        data: dict[str, Any] = _plain(json.loads(self._core.json()))
        return data

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return self._core.text().rstrip("\n")

    def __repr__(self) -> str:
        cause = f", {self._core.cause()}" if self.cause else ""
        return f"<Report: {self.verdict}{cause}; {self.reason}>"

    def _repr_html_(self) -> str:
        return self._core.html()

    def _noted(self, notes: list[str]) -> Report:
        core = self._core
        for note in notes:
            core = core.noted(note)
        return Report(core)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._core.json())

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self._core.json(),)


def _read(text: str) -> Report:
    return Report(_core.Report.from_json(text))


def _number(x: float | None) -> float:
    return math.nan if x is None else x


def _verdict(name: str) -> Verdict:
    verdict: Verdict = name.lower()  # type: ignore[assignment]
    return verdict


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _cause(cause: Any) -> tuple[str | None, Any]:
    if isinstance(cause, dict):
        [(name, detail)] = cause.items()
        return _snake(name), detail
    return (None if cause is None else _snake(cause)), None


def _plain(data: Any) -> Any:
    """The same data with verdicts and causes by the names that the attributes have."""
    if isinstance(data, list):
        return [_plain(item) for item in data]
    if not isinstance(data, dict):
        return data
    plain = {key: _plain(value) for key, value in data.items()}
    if "verdict" in data:
        plain["verdict"] = _verdict(data["verdict"])
    if "cause" in data:
        plain["cause"], plain["detail"] = _cause(data["cause"])
    return plain
