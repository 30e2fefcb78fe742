"""Whether what a simulation found agrees with what is known: at 99.9 %, on values that are independent."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from scipy import stats

from communicator_simulations.statistics import interval

__all__ = ["SURE", "close_to", "poisson_or_not"]

SURE: Final = 0.999


def close_to(truth: float, values: Sequence[float], within: float) -> bool:
    """Tell whether the interval of the mean holds the truth, and is no wider than a part of it."""
    found = interval(values, SURE)
    return found.low <= truth <= found.high and found.high - found.low <= within * truth


def poisson_or_not(counts: Sequence[int], mean: float) -> float:
    """Return the p-value of the chi-square test that counts are Poisson, in bins of five or more expected."""
    bins: list[tuple[float, int]] = []
    expected, seen, tally = 0.0, 0, Counter(counts)
    for k in range(int(stats.poisson.ppf(0.9999, mean))):
        expected += float(stats.poisson.pmf(k, mean)) * len(counts)
        seen += tally[k]
        if expected >= 5:
            bins.append((expected, seen))
            expected, seen = 0.0, 0
    last_expected = len(counts) - sum(e for e, _ in bins)
    last_seen = len(counts) - sum(s for _, s in bins)
    e, s = bins.pop()
    bins.append((e + last_expected, s + last_seen))
    return float(stats.chisquare([s for _, s in bins], [e for e, _ in bins]).pvalue)
