"""Intervals are right as often as they say: many studies of a known truth, each with its own interval.

Each test counts in how many of `STUDIES` the interval held the truth. It fails if that number would come by chance once
in a thousand times at most, by the exact binomial bound, were the level what it is said to be. Everything is seeded.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from communicator_simulations.statistics import (
    Interval,
    Precision,
    Rule,
    bootstrap_quantile,
    exact_proportion,
    exact_rate,
    interval,
    paired,
)

STUDIES: Final = 1000
Rng = np.random.Generator


def rng(seed: int) -> Rng:
    return np.random.Generator(np.random.PCG64(seed))


def hits(intervals: Iterable[Interval], truth: float) -> int:
    return sum(found.low <= truth <= found.high for found in intervals)


def fewest(level: float, studies: int = STUDIES) -> int:
    """How many hits an interval of this level has at least, except once in a thousand."""
    return int(stats.binom.ppf(0.001, studies, level))


def most(level: float, studies: int = STUDIES) -> int:
    return int(stats.binom.ppf(0.999, studies, level))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 4, 20])
def test_student_holds_its_level_for_normal_values(level: float, n: int) -> None:
    found = hits((interval(row, level) for row in rng(n).normal(3, 2, (STUDIES, n)).tolist()), 3)
    assert fewest(level) <= found <= most(level)


def test_student_falls_short_for_skewed_values_and_less_so_with_more_of_them() -> None:
    """Why no study should lean on four replications of something heavy-tailed."""
    found = [hits(map(interval, rng(5).exponential(1.0, (STUDIES, n)).tolist()), 1) for n in (4, 64)]
    assert found[0] < fewest(0.95)
    assert found[0] < found[1]
    assert found[1] >= fewest(0.93)


def test_pairs_hold_their_level_though_their_common_part_is_not_normal() -> None:
    source = rng(6)
    common = source.pareto(1.5, (STUDIES, 6)) * 100
    ours, theirs = common + source.normal(1, 1, common.shape), common + source.normal(0, 1, common.shape)
    found = hits((paired(a, b) for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)), 1)
    assert fewest(0.95) <= found <= most(0.95)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_clopper_and_pearson_hold_their_level_for_every_share(n: int) -> None:
    """Without chance: the probability of all outcomes whose interval holds the share."""
    found = [exact_proportion(k, n) for k in range(n + 1)]
    for share in np.linspace(0.001, 0.999, 250).tolist():
        chances = stats.binom.pmf(np.arange(n + 1), n, share).tolist()
        held = sum(p for p, x in zip(chances, found, strict=True) if x.low <= share <= x.high)
        assert held >= 0.95 - 1e-9


def test_garwood_holds_its_level_for_every_rate() -> None:
    found = [exact_rate(k, 2.0) for k in range(120)]
    for rate in np.linspace(0.01, 20, 250).tolist():
        chances = stats.poisson.pmf(np.arange(120), 2 * rate).tolist()
        held = sum(p for p, x in zip(chances, found, strict=True) if x.low <= rate <= x.high)
        assert held >= 0.95 - 1e-9


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda r, n: list(r.exponential(1.0, (n, 100))), float(np.log(10))),
        (lambda r, n: list(r.normal(0, 1, (n, 1)) + r.normal(0, 1, (n, 100))), float(stats.norm.ppf(0.9) * 2**0.5)),
    ],
    ids=["independent and skewed", "alike within a replication"],
)
@pytest.mark.slow
def test_the_bootstrap_of_a_quantile_nearly_holds_its_level(
    draw: Callable[[Rng, int], Sequence[ArrayLike]], truth: float
) -> None:
    """With thirty replications; four points of the level are its known price, and are allowed for."""
    source, studies = rng(7), 250
    found = hits((bootstrap_quantile(draw(source, 30), 0.9, seed, draws=300) for seed in range(studies)), truth)
    assert fewest(0.91, studies) <= found


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.5, 0.8, 1.2])
def test_stopping_at_a_width_holds_the_level(width: float) -> None:
    rule = Rule(Precision("x", width, relative=False))
    rows = rng(8).normal(0, 1, (STUDIES, rule.most)).tolist()
    assert hits((rule.interval(row[: rule.stop(row)]) for row in rows), 0) >= fewest(0.95)


@pytest.mark.slow
def test_stopping_after_each_replication_at_95_percent_does_not_hold_it() -> None:
    """What the rule is for: the same values, looked at naively."""

    def naive(row: list[float]) -> Interval:
        looks = (interval(row[:n]) for n in range(3, len(row) + 1))
        return next(found for found in looks if found.high - found.low <= 1.2 or found.n == len(row))

    rows = rng(8).normal(0, 1, (STUDIES, 40)).tolist()
    assert hits(map(naive, rows), 0) < fewest(0.95) - STUDIES // 50
