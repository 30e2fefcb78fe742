"""Replications are added until the intervals are narrow enough, by a rule that is fixed before it starts."""

import math

import numpy as np
import pytest

from communicator_simulations.statistics import Interval, Precision, PrecisionError, Rule, interval

ABSOLUTE = Precision("delivered_share", 0.5, relative=False)
RELATIVE = Precision("delivered_share", 0.1, relative=True)


def test_looks_are_few_and_fixed() -> None:
    assert Rule(ABSOLUTE).looks() == (8, 12, 18, 27, 41, 62, 64)
    assert Rule(ABSOLUTE, most=8).looks() == (8,)
    assert Rule(ABSOLUTE, most=12).looks() == (8, 12)


def test_all_looks_together_may_be_wrong_as_often_as_one_interval() -> None:
    for most in (8, 20, 64, 500):
        rule = Rule(ABSOLUTE, most)
        assert len(rule.looks()) * (1 - rule.confidence) == pytest.approx(0.05)


def test_one_look_is_the_usual_interval() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert Rule(ABSOLUTE, most=8).interval(values) == interval(values)


def test_a_width_is_from_end_to_end_in_the_unit_or_as_a_part_of_the_mean() -> None:
    assert ABSOLUTE.is_met(Interval(10, 9.75, 10.25, 8))
    assert not ABSOLUTE.is_met(Interval(10, 9.7, 10.3, 8))
    assert RELATIVE.is_met(Interval(-10, -10.5, -9.5, 8))
    assert not RELATIVE.is_met(Interval(5, 4.5, 5.5, 8))
    assert not RELATIVE.is_met(Interval(0, -0.1, 0.1, 8))


def test_what_was_not_reached_or_has_no_interval_is_never_narrow() -> None:
    assert not ABSOLUTE.is_met(interval([3.0]))
    assert not Rule(ABSOLUTE).is_met([[1.0] * 7 + [math.inf]])


def test_every_cell_must_be_narrow() -> None:
    narrow, wide = [1.0, 1.01] * 4, [0.0, 9.0] * 4
    assert Rule(ABSOLUTE).is_met([narrow, narrow])
    assert not Rule(ABSOLUTE).is_met([narrow, wide])


def test_it_stops_at_a_look_and_later_for_more() -> None:
    values = np.random.Generator(np.random.PCG64(1)).normal(0.0, 0.3, 64).tolist()
    stops = [Rule(Precision("x", width, relative=False)).stop(values) for width in (5.0, 0.5, 0.3, 0.01)]
    assert stops == sorted(stops)
    assert stops[0] == 8 < stops[1] < stops[3] == 64
    assert set(stops) <= set(Rule(ABSOLUTE).looks())


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (Rule(Precision("x", 0.0, relative=False)), "more than 0"),
        (Rule(Precision("x", -1.0, relative=True)), "more than 0"),
        (Rule(Precision("x", math.inf, relative=True)), "more than 0"),
        (Rule(Precision("x", math.nan, relative=True)), "more than 0"),
        (Rule(ABSOLUTE, most=7), "at most 7"),
        (Rule(ABSOLUTE, first=1), "no interval"),
    ],
)
def test_nonsense_is_refused(rule: Rule, complaint: str) -> None:
    with pytest.raises(PrecisionError, match=complaint):
        rule.check()
