"""Laws fitted to lengths that were seen, how well they fit, and how alike two samples are.

Theory. Each family (`laws`) is fitted by maximum likelihood; the one with the least AIC = 2 k - 2 ln L is chosen
(Akaike 1974), which says which of them is best and not that it is good. How good is said by the Kolmogorov-Smirnov
distance, the largest difference between two distribution functions, with an interval by the bootstrap (Efron 1979), and
by quantiles side by side (a QQ plot in numbers). No p-value: of 50,000 pauses of people, every simple law is wrong.

Rules:

1. Lengths are positive. What was measured in whole units is passed with half a unit added.
2. The bootstrap resamples whole groups (pairs of people, phones), for what one of them does is not independent.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.laws import Law

__all__ = ["QUANTILES", "Alike", "Fit", "FitError", "alike", "distance", "fits"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
"""At which two samples, or a sample and a law, are put side by side."""

_ROUNDS: Final = 100
_LEAST: Final = 10
_STEPS: Final = 300


class FitError(ValueError):
    """There is nothing to fit a law to."""


class Fit(NamedTuple):
    """A fitted law, its AIC, and its distance from what it was fitted to."""

    law: Law
    aic: float
    distance: float


class Alike(NamedTuple):
    """How alike two samples are: their distance with a 95 % interval, and quantiles of both."""

    distance: float
    low: float
    high: float
    quantiles: tuple[tuple[float, float], ...]


def fits(lengths: Floats) -> list[Fit]:
    """Return the fitted laws, the best by AIC first. Raises `FitError` for fewer than ten lengths, or one of 0."""
    x = np.sort(np.asarray(lengths, dtype=np.float64))
    if x.size < _LEAST or not x[0] > 0 or x[0] == x[-1]:
        raise FitError(f"{x.size} lengths: a law needs ten that are positive and not all equal")
    made = [_exponential(x), _weibull(x), _lognormal(x), _hyperexponential(x)]
    found = [Fit(law, 2 * k - 2 * likelihood, distance(x, law)) for law, k, likelihood in made]
    return sorted(found, key=lambda fit: fit.aic)


def distance(lengths: Floats, law: Law) -> float:
    """Return the Kolmogorov-Smirnov distance between a sample and a law."""
    x = np.sort(lengths)
    expected = law.cdf(x)
    steps = np.arange(x.size + 1) / x.size
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))


def alike(ones: Sequence[Floats], others: Sequence[Floats], seed: int) -> Alike:
    """Compare two samples, each in groups that are independent of each other."""
    one, other = np.concatenate(list(ones)), np.concatenate(list(others))
    grid = np.unique(np.quantile(np.concatenate((one, other)), np.linspace(0, 1, 513)))
    counts = [np.array([np.searchsorted(np.sort(g), grid, side="right") for g in groups]) for groups in (ones, others)]
    sizes = [np.array([g.size for g in groups], dtype=np.int64) for groups in (ones, others)]
    rng = Generator(Philox(key=subseed(seed, "alike")))
    seen = []
    for _ in range(_ROUNDS):
        shares = []
        for count, size in zip(counts, sizes, strict=True):
            weights = np.bincount(rng.integers(size.size, size=size.size), minlength=size.size)
            shares.append(weights @ count / max(1, int(weights @ size)))
        seen.append(float(np.abs(shares[0] - shares[1]).max()))
    apart = np.abs(counts[0].sum(axis=0) / one.size - counts[1].sum(axis=0) / other.size).max()
    low, high = np.quantile(seen, (0.025, 0.975)).tolist()
    sides = np.quantile(one, QUANTILES).tolist(), np.quantile(other, QUANTILES).tolist()
    return Alike(float(apart), low, high, tuple(zip(*sides, strict=True)))


Made = tuple[Law, int, float]
"""A law, how many parameters it has, and its log-likelihood."""


def _exponential(x: Floats) -> Made:
    mean = float(x.mean())
    return Law("exponential", (mean,)), 1, -x.size * (math.log(mean) + 1)


def _lognormal(x: Floats) -> Made:
    logs = np.log(x)
    centre, spread = float(logs.mean()), max(float(logs.std()), 1e-6)
    likelihood = -float(logs.sum()) - x.size * (math.log(spread) + 0.5 * math.log(2 * math.pi) + 0.5)
    return Law("lognormal", (math.exp(centre), spread)), 2, likelihood


def _weibull(x: Floats) -> Made:
    """The shape k solves sum(x^k ln x) / sum(x^k) - 1 / k = mean(ln x), whose left side rises: bisection."""
    logs = np.log(x)
    scaled, mean = logs - logs.max(), float(logs.mean())

    def side(shape: float) -> float:
        powers = np.exp(shape * scaled)
        return float((powers * logs).sum() / powers.sum()) - 1 / shape - mean

    shape = _root(side, 0.01, 50.0)
    scale = float(np.exp(logs.max() + np.log(np.exp(shape * scaled).mean()) / shape))
    terms = math.log(shape) - shape * math.log(scale)
    return Law("weibull", (scale, shape)), 2, x.size * terms + (shape - 1) * float(logs.sum()) - x.size


def _root(side: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if side(middle) < 0 else (low, middle)
    return math.sqrt(low * high)


def _hyperexponential(x: Floats) -> Made:
    """Expectation and maximisation, from the shorter and the longer half."""
    middle = x.size // 2
    share, short, long = 0.5, float(x[:middle].mean()), float(x[middle:].mean())
    before = -math.inf
    for _ in range(_STEPS):
        ones = share / short * np.exp(-x / short)
        others = (1 - share) / long * np.exp(-x / long)
        both = np.maximum(ones + others, 1e-300)
        likelihood = float(np.log(both).sum())
        if likelihood - before < 1e-6 * abs(likelihood):
            break
        before, member = likelihood, ones / both
        share = min(max(float(member.mean()), 1e-6), 1 - 1e-6)
        short = max(float((member * x).sum() / member.sum()), 1e-9)
        long = max(float(((1 - member) * x).sum() / (1 - member).sum()), 1e-9)
    return Law("hyperexponential", (share, short, long)), 3, likelihood
