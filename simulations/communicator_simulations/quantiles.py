"""Quantiles of the latency of all delivered messages of a study's replications, with bootstrap intervals.

A run keeps no latency of each message, only how many took how long, by the steps of `metrics.LATENCY_MS`. Within a step
messages are taken as spread evenly on a logarithmic scale, which is finer than any conclusion. The replication is the
unit that is drawn again (`statistics.resampling`): with few of them the interval is too short.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from communicator_simulations.metrics import LATENCY_MS
from communicator_simulations.statistics import Interval, bootstrap_quantile
from communicator_simulations.sweep import Stored

__all__ = ["SHARES", "latency_quantile"]

SHARES: Final = (0.5, 0.9, 0.99)
"""The quantiles that a summary names."""

_PARTS: Final = 16
_EDGES_MS: Final = np.array([LATENCY_MS[0] / 10, *LATENCY_MS, 2 * LATENCY_MS[-1]])
_SPREAD_MS: Final = np.exp(np.interp(np.arange(1, _PARTS * (_EDGES_MS.size - 1) + 1) / _PARTS,
                                     np.arange(_EDGES_MS.size), np.log(_EDGES_MS)))  # fmt: skip


def latency_quantile(runs: Sequence[Stored], share: float, seed: int, confidence: float = 0.95) -> Interval | None:
    """Return when so many of the delivered messages had arrived, s; None for one replication, or if one delivers none.

    `runs` are the replications of one policy under one fault.
    """
    counts = [_counts(run) for run in runs]
    if len(runs) < 2 or not all(count.any() for count in counts):
        return None
    found = bootstrap_quantile([_SPREAD_MS] * len(runs), share, seed, confidence, weights=counts)
    return Interval(found.mean / 1000, found.low / 1000, found.high / 1000, found.n)


def _counts(run: Stored) -> NDArray[np.float64]:
    """Return how many messages took as long as each value of the spread."""
    messages, delivered = float(run.row["messages"]), float(run.row["delivered"])
    within = [share * messages for _, share in run.latency]
    steps = np.diff([0.0, *within, delivered]).clip(min=0)
    return np.repeat(steps / _PARTS, _PARTS)
