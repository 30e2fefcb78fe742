"""Laws of random lengths, drawn from one uniform number each: how long something is up, down, silent, or away.

Theory. What is measured of machines and people is seldom exponential: repairs are long-tailed, pauses come in bursts.
A few families say most of what is seen, and each is one formula of a uniform number u in [0, 1):

    fixed             the mean, always
    exponential       no memory
    weibull           shape < 1: the longer it has lasted, the longer it will; > 1: it wears out
    lognormal         a product of many small causes; shape is the spread of the logarithm
    hyperexponential  short ones and long ones, each exponential

Rules:

1. A draw is a function of u alone (`draws`), so that two policies meet the same weather.
2. A law is built from its mean and one shape (`law_of`), or is fitted to lengths that were seen (`fits`).
3. Lengths have the unit of the mean.
"""

import math
from statistics import NormalDist
from typing import Final, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["FAMILIES", "Family", "Law", "LawError", "law_of"]

Family = Literal["fixed", "exponential", "weibull", "lognormal", "hyperexponential"]
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)

Floats = NDArray[np.float64]
_NORMAL: Final = NormalDist()
_TINY: Final = 2.0**-54


class LawError(ValueError):
    """There is no law with such a mean and shape."""


class Law(msgspec.Struct, frozen=True):
    """A law and its parameters.

    fixed: (length); exponential: (mean); weibull: (scale, shape); lognormal: (median, spread); hyperexponential: (share
    of the first, its mean, mean of the second).
    """

    family: Family
    parameters: tuple[float, ...]

    def draw(self, u: float) -> float:
        """Turn a uniform number in [0, 1) into a length."""
        first, *rest = self.parameters
        match self.family:
            case "fixed":
                return first
            case "exponential":
                return -first * math.log1p(-u)
            case "weibull":
                return float(first * (-math.log1p(-u)) ** (1 / rest[0]))
            case "lognormal":
                return first * math.exp(rest[0] * _NORMAL.inv_cdf(max(u, _TINY)))
            case "hyperexponential":
                if u < first:
                    return -rest[0] * math.log1p(-u / first)
                return -rest[1] * math.log1p(-(u - first) / (1 - first))

    def lengths(self, u: Floats) -> Floats:
        """Turn many uniform numbers into lengths."""
        first, *rest = self.parameters
        match self.family:
            case "fixed":
                return np.full(u.shape, first)
            case "exponential":
                return -first * np.log1p(-u)
            case "weibull":
                return first * (-np.log1p(-u)) ** (1 / rest[0])
            case "lognormal":
                normal = map(_NORMAL.inv_cdf, np.maximum(u, _TINY).ravel().tolist())
                return first * np.exp(rest[0] * np.fromiter(normal, np.float64, u.size).reshape(u.shape))
            case "hyperexponential":
                is_first = u < first
                inner = np.where(is_first, u / first, (u - first) / (1 - first))
                return -np.where(is_first, rest[0], rest[1]) * np.log1p(-inner)

    @property
    def mean(self) -> float:
        """The mean length."""
        first, *rest = self.parameters
        match self.family:
            case "fixed" | "exponential":
                return first
            case "weibull":
                return first * math.gamma(1 + 1 / rest[0])
            case "lognormal":
                return first * math.exp(rest[0] ** 2 / 2)
            case "hyperexponential":
                return first * rest[0] + (1 - first) * rest[1]

    def cdf(self, lengths: Floats) -> Floats:
        """The share of lengths up to each of these, which are not negative."""
        first, *rest = self.parameters
        x = np.asarray(lengths, dtype=np.float64)
        match self.family:
            case "fixed":
                return (x >= first).astype(np.float64)
            case "exponential":
                return -np.expm1(-x / first)
            case "weibull":
                return -np.expm1(-((x / first) ** rest[0]))
            case "lognormal":
                z = np.log(np.maximum(x, 1e-300) / first) / rest[0]
                return np.fromiter(map(_NORMAL.cdf, z.ravel().tolist()), np.float64, z.size).reshape(z.shape)
            case "hyperexponential":
                return -first * np.expm1(-x / rest[0]) - (1 - first) * np.expm1(-x / rest[1])


def law_of(family: str, mean: float, shape: float = 1.0) -> Law:
    """Return the law of a family with this mean.

    `shape`: weibull's exponent; the spread of a lognormal's logarithm; a hyperexponential's squared coefficient of
    variation, with balanced means (Whitt 1982). The other two have none. Raises `LawError`.
    """
    if family not in FAMILIES:
        raise LawError(f"no law {family!r}; there are: {', '.join(FAMILIES)}")
    if not (mean > 0 and math.isfinite(mean)):
        raise LawError(f"the mean of a law must be positive, not {mean:g}")
    least = 1.0 if family == "hyperexponential" else 0.05
    if not least <= shape <= 50:
        raise LawError(f"the shape of {family} must lie in [{least:g}, 50], not {shape:g}")
    match family:
        case "weibull":
            return Law("weibull", (mean / math.gamma(1 + 1 / shape), shape))
        case "lognormal":
            return Law("lognormal", (mean * math.exp(-(shape**2) / 2), shape))
        case "hyperexponential":
            share = (1 + math.sqrt((shape - 1) / (shape + 1))) / 2
            return Law("hyperexponential", (share, mean / (2 * share), mean / (2 * (1 - share))))
        case "fixed":
            return Law("fixed", (mean,))
    return Law("exponential", (mean,))
