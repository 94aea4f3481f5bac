"""The Rust half of the package."""

from collections.abc import Callable
from typing import Any

import numpy as np

class Report:
    """A report of the checker."""

    @staticmethod
    def from_json(text: str) -> Report:
        """Read a report from the text that `json` gives."""

    def json(self) -> str:
        """The report as data, in JSON; a number that is not finite is null."""

    def cause(self) -> str | None:
        """The cause in words."""

    def text(self) -> str:
        """The report as text."""

    def html(self) -> str:
        """The report as HTML."""

    def noted(self, note: str) -> Report:
        """The same report with a further note."""

def check(
    value: Callable[..., Any],
    derivatives: dict[str, Callable[..., Any] | None],
    point: list[np.ndarray],
    names: list[str],
    options: dict[str, Any],
) -> Report:
    """Check a function of a list of arrays at a point, all of one type."""
