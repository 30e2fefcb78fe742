"""Numbers are written as people read them."""

import math

import pytest

from communicator_reports.document import runs
from communicator_reports.quantities import NARROW, bytes_text, count, duration, number, percent, with_interval
from communicator_simulations.statistics import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234567, "1 234 567"), (0.012345, "0.0123"), (-3.5, "−3.50"), (math.inf, "∞"), (12, "12")],
)
def test_number_has_three_digits(value: float, text: str) -> None:
    assert number(value).replace(NARROW, " ") == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (Interval(348, 301.2, 394.8, 4), "348 [301, 395]"),
        (Interval(1.6, -2, 6.8, 4), "1.6 [0, 6.8]"),
        (Interval(0, 0, 0.39, 4), "0 [0, 0.39]"),
        (Interval(5, -math.inf, math.inf, 1), "5"),
        (Interval(math.inf, math.inf, math.inf, 4), "not reached"),
        (Interval(0, 0, 0, 4), "0 [0, 0]"),
    ],
)
def test_interval_has_two_digits_of_its_width(x: Interval, text: str) -> None:
    assert with_interval(x, floor=0.0).replace("\u00a0", " ") == text


def test_units_are_si() -> None:
    assert [duration(s).replace(NARROW, " ") for s in (0.25, 1.5, 90, 7200, 172_800)] == [
        "250 ms", "1.50 s", "1.50 min", "2 h", "2 d",
    ]  # fmt: skip
    assert bytes_text(395e6).replace(NARROW, " ") == "395 MB"
    assert count(1e4).replace(NARROW, " ") == "10 000"
    assert percent(0.8).replace(NARROW, " ") == "80 %"


def test_prose_has_strong_and_code_and_keeps_units_together() -> None:
    assert [(r.style, r.text.replace(NARROW, "_")) for r in runs("at **95 %** of `x` 10 000")] == [
        ("plain", "at "), ("strong", "95_%"), ("plain", " of "), ("code", "x"), ("plain", " 10_000"),
    ]  # fmt: skip
