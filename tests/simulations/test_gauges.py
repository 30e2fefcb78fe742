"""Gauges read what their scenario asks for, from logs that are written by hand."""

import pytest

from communicator_model.faults import Fault, FaultKind
from communicator_model.phones import Absence
from communicator_simulations.gauges import Away, Gauge, Mixture, Struck, Surge
from communicator_simulations.metrics import Reader
from communicator_spec import Kind, Row

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
END_MS = 30 * DAY_MS
FAULT = Fault(FaultKind.OUTAGE, 0, 5 * DAY_MS, DAY_MS, 0, 0, 0)
"""Provider 0 is out on the sixth day."""


def row(t_ms: int, kind: Kind, end: int = -1, message: int = -1, service: int = -1, serial: int = -1,
        position: int = -1, value: int = -1) -> Row:  # fmt: skip
    return (t_ms, kind, end, message, service, serial, position, -1, value)


def pairs(number: int, t_ms: int = 0) -> list[Row]:
    """Pair people 2i and 2i + 1 in relationship i."""
    return [row(t_ms, Kind.PAIRED, end, value=end) for end in range(2 * number)]


def given(end: int, until_ms: int, service: int = 1) -> Row:
    """The peer of an end holds an address of it, from the first set on."""
    return row(0, Kind.ISSUED, end, 1, service, 1, 1, until_ms)


def found(gauge: Gauge, log: list[Row], exposed: frozenset[int] = frozenset()) -> dict[str, int | float]:
    reader = Reader(0, END_MS, exposed)
    for part in (log[:3], log[3:]):
        reader.read(part)
        gauge.read(part)
    return gauge.row(reader)


def test_messages_are_struck_that_exposed_people_are_written_during_the_outage() -> None:
    at = FAULT.at_ms
    log = [
        *pairs(2),
        row(at - 1, Kind.ACCEPTED, 0, 0),  # too early
        row(at, Kind.ACCEPTED, 0, 1),
        row(at + 1, Kind.ACCEPTED, 2, 0),  # to somebody else
        row(at + HOUR_MS, Kind.ACCEPTED, 0, 2),
        row(at + 2 * HOUR_MS, Kind.DELIVERED, 1, 1),
        row(at + 9 * HOUR_MS, Kind.DELIVERED, 3, 0),
        row(at + DAY_MS, Kind.ACCEPTED, 0, 3),  # too late
    ]
    row_ = found(Struck(FAULT, at + 5 * HOUR_MS), log, frozenset({1}))
    assert row_ == {"struck": 2, "struck_mean_h": 3.0, "struck_p50_h": 2.0, "struck_p90_h": 2.0}


def test_a_surge_is_counted_by_minutes_of_the_day_after_the_return() -> None:
    back = FAULT.at_ms + DAY_MS
    times = [back - 1, back, back + 1, back + 59_999, back + 60_000, back + DAY_MS - 1, back + DAY_MS]
    log = [row(t_ms, Kind.STORED, 0, service=0) for t_ms in times]
    log += [row(back, Kind.STORED, 0, service=1), row(back, Kind.CONFIRMED, 0, service=0)]
    row_ = found(Surge(FAULT), log)
    assert (row_["surge_stored"], row_["surge_stored_peak"], row_["surge_stored_peak_share"]) == (5, 3, 0.6)
    assert (row_["surge_fetched"], row_["surge_fetched_peak"]) == (1, 1)


def test_the_absent_are_cut_off_who_are_held_by_nobody_three_days_after_their_return() -> None:
    absence = Absence(2 * DAY_MS, 4 * DAY_MS)
    early, late = 7 * DAY_MS - 1, 7 * DAY_MS + 1
    log = [
        *pairs(5),
        *(given(end, early) for end in (0, 1, 3, 4, 5)),  # 0: cut off; 2: among those who stayed
        given(2, late),
        *(given(end, late) for end in (6, 7, 8, 9)),
        row(8 * DAY_MS, Kind.ISSUED, 0, 2, 1, 2, 1, END_MS),  # after one has looked
    ]
    row_ = found(Away({0: absence, 2: absence, 6: absence, 7: absence}, absence), log)
    assert (row_["away_relationships"], row_["away_cut"]) == (2, 1), "both away, or neither, does not count"
    assert (row_["stayed_relationships"], row_["stayed_cut"]) == (2, 1)


def test_a_mixture_tells_relationships_by_how_many_are_others() -> None:
    log = [*pairs(3), *(given(end, END_MS + 1) for end in (0, 1, 3))]
    row_ = found(Mixture({2, 4, 5}), log)
    assert [row_[f"{kind}_relationships"] for kind in ("none", "one", "both")] == [1, 1, 1]
    assert [row_[f"{kind}_cut_share"] for kind in ("none", "one", "both")] == [0.0, 0.0, 1.0]
    assert row_["one_half_share"] == pytest.approx(1.0)
