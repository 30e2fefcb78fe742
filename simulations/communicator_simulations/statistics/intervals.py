"""Intervals over independent replications, and exact ones for counts.

Every figure of a study is a mean over replications with a 95 % interval of Student's t. Replications share nothing but
the scenario; within a replication the policies and faults share all random draws, so differences are taken pair by
pair, which removes what the population and the weather have in common.

Counts of events that are independent have exact intervals, which hold their level for every true value, and more:
Clopper and Pearson (1934) for a share of trials, Garwood (1936) for a number of events in a time. Wilson's holds its
level on average only, and is shorter for it.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from scipy import stats

__all__ = ["Interval", "exact_proportion", "exact_rate", "interval", "paired", "proportion"]


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float
    low: float
    high: float
    n: int


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean of independent values with its t interval; one value alone has an unbounded one."""
    _check_confidence(confidence)
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs at least one value")
    mean = sum(values) / n
    if n == 1:
        return Interval(mean, -math.inf, math.inf, 1)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = _student(confidence, n - 1) * spread / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the mean difference of values that belong together, with its t interval."""
    return interval([a - b for a, b in zip(ours, theirs, strict=True)], confidence)


def proportion(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return a proportion with its Wilson interval (Wilson 1927)."""
    _check_counts(successes, trials, confidence)
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, centre - half, centre + half, trials)


def exact_proportion(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return a proportion of independent trials with its exact interval (Clopper and Pearson 1934)."""
    _check_counts(successes, trials, confidence)
    tail, failures = (1 - confidence) / 2, trials - successes
    low = float(stats.beta.ppf(tail, successes, failures + 1)) if successes else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, failures)) if failures else 1.0
    return Interval(successes / trials, low, high, trials)


def exact_rate(events: int, exposure: float, confidence: float = 0.95) -> Interval:
    """Return the rate of a Poisson process with its exact interval (Garwood 1936).

    `exposure` is the time, or whatever else, in which the events were counted; the rate is in its inverse unit.
    """
    _check_confidence(confidence)
    if events < 0 or not 0 < exposure < math.inf:
        raise ValueError(f"{events} events in {exposure} are no rate")
    tail = (1 - confidence) / 2
    low = float(stats.chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * events + 2)) / 2
    return Interval(events / exposure, low / exposure, high / exposure, events)


@lru_cache(maxsize=1024)
def _student(confidence: float, freedom: int) -> float:
    return float(stats.t.ppf(0.5 + confidence / 2, freedom))


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} does not lie between 0 and 1")


def _check_counts(successes: int, trials: int, confidence: float) -> None:
    _check_confidence(confidence)
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no proportion")
