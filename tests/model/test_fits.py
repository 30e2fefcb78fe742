"""Laws: what they draw, what is fitted to it, and how far a sample is from another."""

import math

import numpy as np
import pytest
from numpy.random import Generator, Philox

from communicator_model.fits import FitError, alike, distance, fits
from communicator_model.laws import FAMILIES, Family, Law, LawError, law_of

SHAPES = {"fixed": 1.0, "exponential": 1.0, "weibull": 0.6, "lognormal": 1.3, "hyperexponential": 5.0}


def uniform(size: int, seed: int = 1) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return Generator(Philox(key=seed)).random(size)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_law_has_the_mean_that_is_asked_for_and_draws_one_at_a_time_as_many_at_once(family: Family) -> None:
    law, u = law_of(family, 90.0, SHAPES[family]), uniform(200_000)
    many = law.lengths(u)
    assert law.mean == pytest.approx(90.0)
    assert many.mean() == pytest.approx(90.0, rel=0.04)
    assert many[:200].tolist() == pytest.approx([law.draw(value) for value in u[:200].tolist()])
    assert (many >= 0).all()


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "fixed"])
def test_a_sample_is_as_near_to_its_law_as_chance_allows(family: Family) -> None:
    law = law_of(family, 90.0, SHAPES[family])
    assert distance(law.lengths(uniform(20_000)), law) < 1.95 / math.sqrt(20_000)  # 99.9 % of samples


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "fixed"])
def test_what_a_law_drew_is_fitted_by_it(family: Family) -> None:
    law = law_of(family, 90.0, SHAPES[family])
    best = fits(law.lengths(uniform(8000, 2)))[0]
    assert best.distance < 0.02
    if family != "exponential":  # which is a Weibull law, too
        assert best.law.family == family
        assert best.law.parameters == pytest.approx(law.parameters, rel=0.12)


def test_the_best_has_the_least_aic() -> None:
    found = fits(uniform(500) + 0.1)
    assert [fit.aic for fit in found] == sorted(fit.aic for fit in found)
    assert len({fit.law.family for fit in found}) == 4


def test_there_must_be_something_to_fit() -> None:
    for lengths in ([1.0] * 20, [0.0, *range(1, 20)], [1.0, 2.0]):
        with pytest.raises(FitError, match="needs ten"):
            fits(np.array(lengths, dtype=np.float64))


def test_samples_of_one_law_are_alike_and_of_two_are_not() -> None:
    law, other = Law("exponential", (10.0,)), Law("exponential", (14.0,))
    draws = [np.split(uniform(3000, seed), 300) for seed in (1, 2)]
    same = alike([law.lengths(u) for u in draws[0]], [law.lengths(u) for u in draws[1]], 1)
    apart = alike([law.lengths(u) for u in draws[0]], [other.lengths(u) for u in draws[1]], 1)
    assert same.distance < 0.05
    assert 0.08 < apart.low <= apart.distance <= apart.high < 0.25
    assert all(theirs > ours for ours, theirs in apart.quantiles)


@pytest.mark.parametrize(
    ("family", "mean", "shape", "said"),
    [("pareto", 1, 1, "no law 'pareto'"), ("fixed", 0, 1, "positive"), ("weibull", 1, 0, "shape"),
     ("hyperexponential", 1, 0.5, "shape"), ("exponential", math.inf, 1, "positive")],
)  # fmt: skip
def test_a_law_that_cannot_be_is_refused(family: str, mean: float, shape: float, said: str) -> None:
    with pytest.raises(LawError, match=said):
        law_of(family, mean, shape)
