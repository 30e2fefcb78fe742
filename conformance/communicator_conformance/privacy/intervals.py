"""Exact intervals for a game of two alternatives.

Theory. A distinguisher is shown two pairs, of which one belongs together, and points at one, or at none if both look
the same. Its *advantage* is the probability of a right answer minus that of a wrong one: 0 is guessing, 1 is certainty.
Trials are independent, so each of the two probabilities has the exact interval of Clopper and Pearson (1934); the
difference of their bounds, each taken at half of the error, holds the advantage whatever the distribution.

Rules:

1. No approximation for large numbers: with few trials an interval is wide, and says so.
2. Without any answer the interval holds zero.
"""

from typing import Final, NamedTuple

from scipy.special import betaincinv

__all__ = ["Advantage", "trials_wanted"]


class Advantage(NamedTuple):
    """How a distinguisher did: trials, right and wrong answers."""

    trials: int
    right: int
    wrong: int

    @property
    def value(self) -> float:
        """The advantage observed."""
        return (self.right - self.wrong) / self.trials if self.trials else 0.0

    def interval(self, miss: float) -> tuple[float, float]:
        """Return bounds of the advantage; each one alone fails with a probability of at most `miss` / 2."""
        right, wrong = (_bounds(count, self.trials, miss / 2) for count in (self.right, self.wrong))
        return right[0] - wrong[1], right[1] - wrong[0]


def _bounds(count: int, trials: int, miss: float) -> tuple[float, float]:
    """Return bounds of a proportion, each of which fails with a probability of at most `miss` / 2."""
    low = float(betaincinv(count, trials - count + 1, miss / 2)) if count else 0.0
    high = float(betaincinv(count + 1, trials - count, 1 - miss / 2)) if count < trials else 1.0
    return low, high


_MOST: Final = 1 << 12


def trials_wanted(miss: float) -> int:
    """Return with how many trials a distinguisher that is always right is told from chance."""
    return next(n for n in range(1, _MOST) if Advantage(n, n, 0).interval(miss)[0] > 0)
