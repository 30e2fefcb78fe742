"""Intervals over independent replications.

Every figure of a study is a mean over replications with a 95 % interval of Student's t. Replications share nothing but
the scenario; within a replication the policies and faults share all random draws, so differences are taken pair by
pair, which removes what the population and the weather have in common.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

__all__ = ["Interval", "interval", "paired", "proportion"]


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean of independent values with its t interval; one value alone has an unbounded one."""
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs at least one value")
    mean = sum(values) / n
    if n == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * spread / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean difference of values that belong together, with its t interval."""
    return interval([a - b for a, b in zip(ours, theirs, strict=True)], confidence)


def proportion(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return a proportion with its Wilson interval (Wilson 1927)."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, centre - half, centre + half, trials)
