"""How much of the beginning of a run is warm-up: MSER-5.

Theory. A simulation starts empty, and its first observations say more about that than about what it is asked. Cutting
them removes bias and costs observations. The marginal standard error rule (White, "An effective truncation heuristic
for bias reduction in simulation output", 1997; in batches of five: White, Cobb and Spratt 2000) cuts where the interval
of what is left would be shortest: the number d of batches that minimises ::

    sum over i > d of (batch_i - mean of those)^2 / (batches - d)^2

Rules:

1. At most half is cut. A minimum beyond that says that the series has not settled; `settled` is then false.
2. The rule is a report. Which cut a study makes is the scenario's, and is decided before anything is simulated.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["WarmUp", "mser5"]

_BATCH: Final = 5
_LEAST: Final = 10
"""How many batches there must be."""


class WarmUp(NamedTuple):
    """What to cut: so many observations of how many, the mean of the rest, and of everything."""

    cut: int
    of: int
    mean: float
    mean_of_all: float
    settled: bool


def mser5(series: ArrayLike) -> WarmUp:
    """Return what MSER-5 cuts off a series of observations in order; `ValueError` for fewer than fifty."""
    values = np.asarray(series, dtype=np.float64).ravel()
    if values.size < _BATCH * _LEAST or not np.isfinite(values).all():
        raise ValueError(f"warm-up is looked for in {_BATCH * _LEAST} finite observations or more")
    batches = values[: values.size // _BATCH * _BATCH].reshape(-1, _BATCH).mean(axis=1)
    batches -= (centre := float(batches.mean()))
    left = np.arange(batches.size, 0, -1)
    sums, squares = (np.cumsum(x[::-1])[::-1] for x in (batches, batches**2))
    error = (squares - sums**2 / left) / left.astype(np.float64) ** 2
    candidates = error[: batches.size - _LEAST // 2]  # a few batches that happen to be alike are no state
    best = int(np.argmin(candidates))
    cut = min(best, batches.size // 2)  # 1
    mean = centre + float(sums[cut]) / int(left[cut])
    return WarmUp(cut * _BATCH, values.size, mean, float(values.mean()), best == cut)
