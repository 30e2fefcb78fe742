"""Bootstrap intervals for quantiles, with the replication as the unit.

Theory. Messages of one run share its people, phones and weather: they are not independent, and an interval that takes
them as independent is many times too short. Replications are. So whole replications are drawn with replacement, the
quantile of all their values together is taken each time, and the interval is read from how it varies: corrected for
bias and skewness (BCa; Efron, "Better bootstrap confidence intervals", 1987), with the jackknife over replications.

Rules:

1. A quantile is the smallest value with at least that share of all values at or below it. It is one of the values.
2. The draws come from the seed that is given, and from nothing else.
3. Two replications at least. With fewer than about ten the interval is too short: nothing was seen of the tails.
4. Where the correction is not defined (all replications alike), the interval is the percentile one.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from communicator_simulations.statistics.intervals import Interval

__all__ = ["bootstrap_quantile", "pooled_quantile"]

Floats = NDArray[np.float64]
_NORMAL: Final = NormalDist()


class _Pool:
    """The values of all replications in order; each with its weight, and with the replication that it is from."""

    def __init__(self, replications: Sequence[ArrayLike], weights: Sequence[ArrayLike] | None) -> None:
        parts = [np.asarray(part, dtype=np.float64).ravel() for part in replications]
        heavy = [np.ones_like(part) for part in parts]
        if weights is not None:
            heavy = [np.asarray(part, dtype=np.float64).ravel() for part in weights]
        if [p.size for p in parts] != [h.size for h in heavy] or any((h < 0).any() for h in heavy):
            raise ValueError("every value needs a weight, and none may be negative")
        self.replications = len(parts)
        if not parts or not all(heap.sum() > 0 for heap in heavy):
            raise ValueError("a quantile needs values in every replication")
        values = np.concatenate(parts)
        if not np.isfinite(values).all():
            raise ValueError("a quantile needs finite values")
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._weights = np.concatenate(heavy)[order]
        self._from = np.repeat(np.arange(len(parts)), [part.size for part in parts])[order]

    def quantile(self, share: float, times: NDArray[np.int64]) -> float:
        """Return the quantile when replication i is there `times[i]` times."""
        below = np.cumsum(times[self._from] * self._weights)
        place = int(np.searchsorted(below, share * below[-1] * (1 - 1e-12)))
        return float(self._values[min(place, below.size - 1)])


def pooled_quantile(replications: Sequence[ArrayLike], share: float,
                    weights: Sequence[ArrayLike] | None = None) -> float:  # fmt: skip
    """Return the quantile of the values of all replications together; `weights` as for `bootstrap_quantile`."""
    _check_share(share)
    pool = _Pool(replications, weights)
    return pool.quantile(share, np.ones(pool.replications, dtype=np.int64))


def bootstrap_quantile(replications: Sequence[ArrayLike], share: float, seed: int, confidence: float = 0.95,
                       draws: int = 1000, weights: Sequence[ArrayLike] | None = None) -> Interval:  # fmt: skip
    """Return a quantile of the values of all replications together, with its BCa interval.

    `replications` holds one array of values for each; `weights`, how often each value occurred, if they are counted.
    `ValueError` for fewer than two replications. Costs draws * values.
    """
    _check_share(share)
    pool = _Pool(replications, weights)
    n = pool.replications
    if n < 2 or draws < 100 or not 0 < confidence < 1:
        raise ValueError(f"{n} replications and {draws} draws say nothing at a confidence of {confidence}")
    found = pool.quantile(share, np.ones(n, dtype=np.int64))
    rng = np.random.Generator(np.random.PCG64(seed))
    times = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    drawn = np.sort([pool.quantile(share, row) for row in times])
    without = np.array([pool.quantile(share, row) for row in 1 - np.eye(n, dtype=np.int64)])
    tails = _corrected(found, drawn, without, (1 - confidence) / 2)
    low, high = (float(drawn[min(int(tail * drawn.size), drawn.size - 1)]) for tail in tails)
    return Interval(found, min(low, found), max(high, found), n)


def _corrected(found: float, drawn: Floats, without: Floats, tail: float) -> tuple[float, float]:
    """Return the two levels at which the draws are read: Efron's (1987) equations 2.3 and 6.6."""
    below = (np.count_nonzero(drawn < found) + np.count_nonzero(drawn <= found)) / (2 * drawn.size)
    away = without.mean() - without
    scale = float((away**2).sum()) ** 1.5
    if not 0 < below < 1 or scale == 0:  # 4
        return tail, 1 - tail
    bias, skew = _NORMAL.inv_cdf(below), float((away**3).sum()) / (6 * scale)

    def level(z: float) -> float:
        return _NORMAL.cdf(bias + (bias + z) / (1 - skew * (bias + z)))

    return level(_NORMAL.inv_cdf(tail)), level(_NORMAL.inv_cdf(1 - tail))


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"a quantile at {share} does not lie between 0 and 1")
