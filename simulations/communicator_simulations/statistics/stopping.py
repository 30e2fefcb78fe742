"""When a study has enough replications: its intervals are as narrow as was asked for.

Theory. Who adds replications until the interval is narrow enough stops too often just when the spread came out small
by chance; the interval then holds its level less often than it says (Chow and Robbins 1965 prove it right for widths
that go to zero only; Singham and Schruben, "Finite-sample performance of absolute precision stopping rules", 2012,
measure the loss). The rule here holds its level for any number of looks that was fixed before:

1. At least `first` replications, then one half more each time, at most `most`: a few looks instead of one after each.
2. All K looks together may be wrong with a chance of 5 %: each has Student's interval at 1 - 0.05/K (Bonferroni). So
   whichever look is the last, and why, its interval holds with 95 % at least, as far as Student's does.
3. What is reported has the level of rule 2: wider than an interval at 95 % with as many replications, by a third.
4. Every policy under every fault must be narrow enough, and the look at `most` is the last, reached or not.

A metric that is equal in all replications has an interval without width, and is narrow enough at the first look.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from communicator_simulations.statistics.intervals import Interval, interval

__all__ = ["FIRST", "Precision", "PrecisionError", "Rule"]

FIRST: Final = 8
"""With fewer, Student's interval of skewed values is too short, and the first look comes too early."""

_GROWTH: Final = 1.5


class PrecisionError(ValueError):
    """What was asked for is no width, or no interval."""


class Precision(NamedTuple):
    """How wide an interval may be from end to end: in the metric's own unit, or as a part of its mean."""

    metric: str
    width: float
    relative: bool

    def is_met(self, found: Interval) -> bool:
        """Tell whether an interval is narrow enough; one that is unbounded, or not reached, never is."""
        wide = found.high - found.low
        if not math.isfinite(wide):
            return False
        return wide <= self.width * (abs(found.mean) if self.relative else 1.0)


class Rule(NamedTuple):
    """A precision, and how many replications to spend on it."""

    precision: Precision
    most: int = 64
    first: int = FIRST

    def check(self) -> "Rule":
        """Return the rule; `PrecisionError` if it makes no sense."""
        if not 0 < self.precision.width < math.inf:
            raise PrecisionError(f"a width of {self.precision.width:g} cannot be reached: it must be more than 0")
        if self.first < 2:
            raise PrecisionError(f"{self.first} replication has no interval: start with 2 or more")
        if self.most < self.first:
            raise PrecisionError(f"at most {self.most} replications: the first look takes {self.first}")
        return self

    def looks(self) -> tuple[int, ...]:
        """Return after how many replications to look: all of the looks, fixed before the first."""
        numbers = [self.first]
        while numbers[-1] < self.most:
            numbers.append(min(self.most, math.ceil(numbers[-1] * _GROWTH)))
        return tuple(numbers)

    @property
    def confidence(self) -> float:
        """The confidence of one look, if all of them together are to hold with 95 % (rule 2)."""
        return 1 - 0.05 / len(self.looks())

    def is_met(self, cells: Iterable[Sequence[float]]) -> bool:
        """Tell whether the intervals of all cells, one value a replication each, are narrow enough."""
        return all(self.precision.is_met(self.interval(values)) for values in cells)

    def interval(self, values: Sequence[float]) -> Interval:
        """Return the interval of one cell, at the confidence of one look."""
        if all(map(math.isfinite, values)):
            return interval(values, self.confidence)
        return Interval(math.inf, -math.inf, math.inf, len(values))

    def stop(self, values: Sequence[float]) -> int:
        """Return at which look a sequence of values would have stopped; it holds `most` values or more."""
        return next((now for now in self.looks() if self.is_met([values[:now]])), self.most)
