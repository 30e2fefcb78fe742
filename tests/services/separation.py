"""How well one measurement tells two kinds apart: the area under the ROC curve, with an interval, and a classifier.

The area is the probability that a random sample of one kind is greater than one of the other, ties counted half: 0.5
tells nothing. Its variance is DeLong's (DeLong, DeLong, Clarke-Pearson 1988), by ranks (Sun, Xu 2014). Direction is
part of the answer, so the separation of two kinds is the distance from one half.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

__all__ = ["Area", "area", "classified"]

Floats = npt.NDArray[np.float64]

_BINS: Final = 12
_FOLDS: Final = 5
_RIDGE: Final = 10.0


class Area(NamedTuple):
    """Area under the curve, with the standard error of DeLong."""

    value: float
    error: float

    def interval(self, miss: float = 0.05) -> tuple[float, float]:
        """Return the interval that misses the true area with a probability of `miss`."""
        reach = float(norm.isf(miss / 2)) * self.error
        return self.value - reach, self.value + reach

    @property
    def distance(self) -> float:
        """The area in the direction in which it is above one half."""
        return max(self.value, 1 - self.value)

    def at_least(self, miss: float) -> float:
        """Return a bound that `distance` truly reaches, except with a probability of `miss`."""
        low, high = self.interval(miss)
        return max(low, 1 - high)


def area(of: Floats, against: Floats) -> Area:
    """Return how often a sample `of` one kind is greater than one `against` it."""
    m, n = len(of), len(against)
    together = rankdata(np.concatenate([of, against]))
    greater = (together[:m] - rankdata(of)) / n
    less = 1 - (together[m:] - rankdata(against)) / m
    error = float(np.sqrt(np.var(greater, ddof=1) / m + np.var(less, ddof=1) / n))
    return Area(float(greater.mean()), error)


def classified(of: Floats, against: Floats, seed: int) -> Area:
    """Return the area of a classifier on all features together, each sample judged by folds that it is not in.

    Features (samples x features, nanoseconds) are cut at their quantiles, so that tails, gaps and steps count as well
    as shifts; a linear discriminant with a ridge weighs the pieces.
    """
    data = np.concatenate([of, against])
    labels = np.concatenate([np.ones(len(of)), np.zeros(len(against))])
    chance = np.random.default_rng(seed)
    fold = np.concatenate([chance.permutation(len(kind)) % _FOLDS for kind in (of, against)])
    scores = np.empty(len(data))
    for number in range(_FOLDS):
        known = fold != number
        cuts = np.quantile(data[known], np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)
        pieces = _pieces(data, cuts)
        design, mean = pieces[known], labels[known].mean()
        weights = np.linalg.solve(
            design.T @ design + _RIDGE * np.eye(design.shape[1]), design.T @ (labels[known] - mean)
        )
        found = pieces[~known] @ weights
        scores[~known] = rankdata(found) / len(found)
    found = area(scores[labels == 1], scores[labels == 0])
    return Area(max(found.value, 0.5), found.error)  # a classifier that is worse than a guess is one


def _pieces(data: Floats, cuts: Floats) -> Floats:
    """Return logarithms, and for each cut of each feature whether it is exceeded; all without their means."""
    logs = np.log(data)
    above = [data[:, i] > cuts[j, i] for i in range(data.shape[1]) for j in range(len(cuts))]
    pieces = np.column_stack([logs / logs.std(axis=0).clip(1e-9), *above]).astype(np.float64)
    centred: Floats = pieces - pieces.mean(axis=0)
    return centred
