"""How figures of a run are compared and shown.

Theory. Absolute times say what a machine does; a ratio of two things that were measured in turns says what the code
does. So rounds of both are taken in pairs, one right after the other, and what is shown is the mean of the ratios of
the pairs with its 95 % interval: whatever slows the machine for a while slows both halves of a pair.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from scipy.stats import binom, t

__all__ = ["Ratio", "Row", "Titled", "median_ratio", "quantile", "ratio", "show"]

Row = dict[str, str | float]
Titled = tuple[str, list[Row]]
"""The title of a table, and its rows."""
_WIDTH = 120


class Ratio(NamedTuple):
    """A mean (or median) ratio and its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def row(self) -> Row:
        """Return the three numbers by name."""
        return {"ratio": self.mean, "low": self.low, "high": self.high}


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Return the ratio of paired rounds: the geometric mean, and Student's interval of the logarithms."""
    logs = [math.log(a / b) for a, b in zip(above, below, strict=True)]
    mean = statistics.mean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(mean), 0.0, math.inf)
    half = float(t.ppf(0.975, len(logs) - 1)) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def median_ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Return the median ratio of paired rounds, and the order statistics that enclose it with 95 % (any distribution).

    For rounds of which some are disturbed far more than others: a mean would be moved by them.
    """
    found = sorted(a / b for a, b in zip(above, below, strict=True))
    outside = int(binom.ppf(0.025, len(found), 0.5))
    low, high = (found[outside - 1], found[-outside]) if outside else (0.0, math.inf)
    return Ratio(statistics.median(found), low, high)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows of one kind as a table."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    Console(width=_WIDTH).print(table)


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
