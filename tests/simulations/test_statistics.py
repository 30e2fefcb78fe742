"""Intervals against values from tables, at their edges, and as often right as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_simulations.statistics import Interval, interval, paired, proportion

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


def test_t_interval_of_five_values() -> None:
    # Mean 3, standard deviation sqrt(2.5), t(0.975; 4) = 2.776445 (any table of Student's t)
    found = interval([1, 2, 3, 4, 5])
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert found == pytest.approx((3, 3 - half, 3 + half, 5), abs=1e-5)


def test_t_interval_at_another_confidence() -> None:
    # t(0.95; 4) = 2.131847
    found = interval([1, 2, 3, 4, 5], confidence=0.9)
    assert found.high - 3 == pytest.approx(2.131847 * math.sqrt(0.5), abs=1e-5)


def test_equal_values_have_an_interval_without_width() -> None:
    assert interval([0.25, 0.25, 0.25]) == Interval(0.25, 0.25, 0.25, 3)


def test_one_value_alone_says_nothing_about_its_spread() -> None:
    assert interval([7.0]) == Interval(7.0, -math.inf, math.inf, 1)


def test_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        interval([])


@given(VALUES)
def test_the_interval_holds_its_mean_and_moves_with_the_values(values: list[float]) -> None:
    here = interval(values)
    there = interval([value + 10 for value in values])
    assert here.low <= here.mean <= here.high
    assert there.low == pytest.approx(here.low + 10, abs=1e-3)


def test_pairs_lose_what_they_have_in_common() -> None:
    base = [10.0, 500.0, -30.0, 7000.0]
    better = [value + step for value, step in zip(base, [1.0, 1.2, 0.8, 1.0], strict=True)]
    difference = paired(better, base)
    assert difference.mean == pytest.approx(1.0)
    assert 0.5 < difference.low < difference.high < 1.5
    assert interval(better).low < 0  # taken apart, the same values show nothing


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_agrees_with_its_table(successes: int, trials: int, low: float, high: float) -> None:
    found = proportion(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (found.mean, found.n) == (successes / trials, trials)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_what_is_no_proportion_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        proportion(successes, trials)


@given(st.integers(1, 500), st.data())
def test_wilson_interval_stays_within_zero_and_one(trials: int, data: st.DataObject) -> None:
    found = proportion(data.draw(st.integers(0, trials)), trials)
    assert -1e-12 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1 + 1e-12


def test_t_intervals_are_right_as_often_as_they_say() -> None:
    rows = np.random.Generator(np.random.PCG64(1)).normal(5.0, 2.0, (1000, 6)).tolist()
    right = sum(found.low <= 5.0 <= found.high for found in map(interval, rows))
    assert right / 1000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 1000))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_wilson_intervals_are_right_about_as_often_as_they_say(share: float) -> None:
    hits = np.random.Generator(np.random.PCG64(2)).binomial(40, share, 1000).tolist()
    right = sum(found.low <= share <= found.high for found in (proportion(n, 40) for n in hits))
    assert right / 1000 == pytest.approx(0.95, abs=0.04)
