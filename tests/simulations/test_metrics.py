"""Every metric on a log written by hand, whose answer is known."""

import math
from typing import Final

import pytest

from communicator_simulations.metrics import CUTOVER_H, LATENCY_MS, Measured, measure
from communicator_spec import NONE, Command, Event, Kind, Row

HOUR, DAY = 3_600_000, 86_400_000
ALEX, BLAIR, CASEY, DANA = 7, 8, 9, 10
A, B, C, D = 0, 1, 2, 3  # ends: Alex and Blair are one relationship, Casey and Dana another
OLD, NEW, VIA = 4, 5, 6


def row(t: int, kind: Kind, end: int = NONE, **columns: int) -> Row:
    return Event(t, kind, end, **columns)


def issued(t: int, end: int, service: int, version: int = 1, until: int = 30 * DAY) -> Row:
    return row(t, Kind.ISSUED, end, message=version, service=service, serial=version, value=until)


def accepted(t: int, end: int, number: int) -> Row:
    return row(t, Kind.ACCEPTED, end, message=number, value=0)


def delivered(t: int, end: int, number: int) -> Row:
    return row(t, Kind.DELIVERED, end, message=number, service=OLD)


def sent(t: int, end: int, command: Command, via: int = VIA) -> Row:
    return row(t, Kind.SENT, end, service=OLD, via=via, value=command)


PAIRED: Final = [row(0, Kind.PAIRED, end, value=person) for end, person in enumerate((ALEX, BLAIR, CASEY, DANA))]
BOTH_REACH: Final = [*PAIRED, *(issued(0, end, OLD) for end in range(4))]


def measured(rows: list[Row], from_ms: int = 0, end_ms: int = DAY, exposed: frozenset[int] = frozenset()) -> Measured:
    return measure(rows, from_ms, end_ms, exposed, 4096)


def figures(found: Measured, *names: str) -> list[int | float]:
    return [found.row[name] for name in names]


def test_latency_runs_from_acceptance_to_the_first_delivery() -> None:
    waits_ms = [1000, 2000, 4000, 400_000]
    rows = [accepted(10 * n, A, n) for n in range(4)]
    rows += [delivered(10 * n + wait_ms, B, n) for n, wait_ms in enumerate(waits_ms)]
    found = measured([*BOTH_REACH, *rows, delivered(DAY, B, 0)])
    assert figures(found, "messages", "delivered", "delivered_share") == [4, 4, 1.0]
    assert figures(found, "latency_p50_s", "latency_p90_s", "latency_p999_s") == [2.0, 4.0, 4.0]
    assert found.row["latency_mean_s"] == pytest.approx(sum(waits_ms) / 4000)
    shares = dict(found.latency)
    assert set(shares) == set(LATENCY_MS)
    assert [shares[ms] for ms in (500, 1500, 2000, 5000, 600_000)] == [0, 0.25, 0.25, 0.75, 1]


def test_a_message_is_delivered_pending_failed_or_refused() -> None:
    failed = row(5, Kind.FAILED, A, message=1)
    late = row(5, Kind.FAILED, A, message=2)
    rows = [accepted(1, A, n) for n in range(4)] + [delivered(2, B, 0), failed, late, delivered(9, B, 2)]
    found = measured([*BOTH_REACH, *rows, accepted(3, C, 0), row(4, Kind.ENDED, D)])
    assert figures(found, "delivered", "failed", "pending", "refused", "messages") == [2, 1, 1, 1, 4]
    assert figures(found, "delivered_share", "failed_share", "pending_share") == [0.5, 0.25, 0.25]


def test_what_was_delivered_before_the_end_is_not_refused() -> None:
    rows = [accepted(1, C, 0), delivered(2, D, 0), row(3, Kind.ENDED, D), accepted(4, C, 1)]
    assert figures(measured([*BOTH_REACH, *rows]), "delivered", "refused") == [1, 1]


def test_messages_of_the_warm_up_are_not_counted() -> None:
    rows = [accepted(1, A, 0), delivered(2, B, 0), accepted(HOUR, A, 1)]
    assert figures(measured([*BOTH_REACH, *rows], from_ms=HOUR), "messages", "delivered", "pending") == [1, 0, 1]


def test_exposed_are_messages_to_people_of_the_provider_under_study() -> None:
    rows = [accepted(1, A, 0), delivered(2, B, 0), accepted(1, A, 1), accepted(1, B, 0), delivered(2, A, 0)]
    found = measured([*BOTH_REACH, *rows], exposed=frozenset({BLAIR}))
    assert figures(found, "exposed", "exposed_delivered_share", "exposed_pending_share") == [2, 0.5, 0.5]


def test_a_log_without_messages_has_no_shares() -> None:
    found = measured([])
    assert figures(found, "messages", "delivered_share", "latency_p99_s", "cut_off_share", "left_share") == [0] * 5
    assert found.load == []
    assert found.cutover == []
    assert found.row["cutover_peer_p50_h"] == math.inf


def test_traffic_is_counted_by_command_and_in_bytes() -> None:
    commands = [Command.MESSAGE, Command.MESSAGE, Command.RECEIPT, Command.UPDATE, Command.MOVED]
    rows = [accepted(1, A, 0), accepted(1, A, 1), *(sent(2, A, command) for command in commands)]
    found = measured([*BOTH_REACH, *rows])
    assert figures(found, "sent_message", "sent_receipt", "sent_update", "sent_moved") == [2, 1, 1, 1]
    assert figures(found, "automated_share", "sent_bytes", "issued") == [1.0, 5 * 4096, 4]


def test_incidents_are_counted() -> None:
    kinds = [Kind.DUPLICATE, Kind.REFUSED, Kind.REFUSED, Kind.GAVE_UP, Kind.INJECTED, Kind.CRASHED]
    found = measured([*BOTH_REACH, *(row(1, kind, service=OLD) for kind in kinds)])
    assert figures(found, "duplicate", "unresolved", "gave_up", "injected", "crashed") == [1, 2, 1, 1, 1]


def test_load_is_total_and_busiest_hour_of_each_provider() -> None:
    at = (1, 2, HOUR, 3 * HOUR, 3 * HOUR + 1, 4 * HOUR - 1)
    stored = [row(t, Kind.STORED, A, service=NEW, serial=1, position=i) for i, t in enumerate(at[:3])]
    found = measured([*BOTH_REACH, *(sent(t, A, Command.MESSAGE) for t in at), *stored])
    assert found.load == [(VIA, "sending", 6, 3), (NEW, "receiving", 3, 2)]


DIED: Final = row(HOUR, Kind.DIED, service=OLD)


@pytest.mark.parametrize(
    ("rows", "cut_off", "one_way"),
    [
        ([], 0, 0),
        ([DIED], 2, 0),
        ([issued(0, B, NEW), DIED], 1, 1),
        ([issued(0, A, NEW), issued(0, B, NEW), DIED], 1, 0),
        ([row(1, Kind.ENDED, C), DIED], 1, 0),
        ([row(1, Kind.DIED, via=OLD)], 0, 0),
    ],
    ids=["nothing happens", "service dies", "one has a standby", "both have", "refused is not cut off", "other role"],
)
def test_cut_off_is_who_holds_no_address_that_works(rows: list[Row], cut_off: int, one_way: int) -> None:
    found = measured([*BOTH_REACH, *rows])
    assert figures(found, "relationships", "cut_off", "one_way") == [2, cut_off, one_way]
    assert found.row["cut_off_share"] == cut_off / 2


def test_only_what_the_peer_holds_and_what_is_valid_reaches() -> None:
    unheard = [issued(2, B, NEW, version=2), DIED]
    assert figures(measured([*BOTH_REACH, *unheard]), "cut_off", "one_way") == [2, 0]
    heard = [*unheard, row(3, Kind.UPDATED, A, value=2)]
    assert figures(measured([*BOTH_REACH, *heard]), "cut_off", "one_way") == [1, 1]
    assert figures(measured(BOTH_REACH, end_ms=30 * DAY), "cut_off") == [2]
    moved = [row(2, Kind.MOVED, end, service=OLD, value=1) for end in (A, B)]
    assert figures(measured([*BOTH_REACH, *moved]), "cut_off") == [1]


def test_cutover_lasts_until_peers_hold_the_set_without_the_old_service() -> None:
    moves = [row(HOUR, Kind.MOVED, A, service=OLD, value=2), row(2 * HOUR, Kind.MOVED, C, service=OLD, value=3)]
    learnt = [row(4 * HOUR, Kind.UPDATED, B, value=2), row(3 * HOUR, Kind.UPDATED, D, value=2)]
    found = measured([*BOTH_REACH, *moves, *learnt])
    assert figures(found, "moves", "movers", "peers_informed_share", "movers_complete_share") == [2, 2, 0.5, 0.5]
    assert figures(found, "cutover_peer_p50_h", "cutover_all_p50_h") == [3.0, 3.0]
    assert {h: (peers, people) for h, peers, people in found.cutover}[4] == (0.5, 0.5)
    assert [h for h, _, _ in found.cutover] == list(CUTOVER_H)
    later = measured([*BOTH_REACH, *moves, *learnt, row(12 * HOUR, Kind.UPDATED, D, value=5)])
    assert figures(later, "peers_informed_share", "cutover_peer_p90_h") == [1.0, 3.0]
    assert {h: peers for h, peers, _ in later.cutover}[12] == 1.0


def test_people_have_left_counted_from_their_first_move() -> None:
    moves = [row(t, Kind.MOVED, end, service=OLD, value=2) for t, end in ((DAY, A), (2 * DAY, C))]
    left = row(4 * DAY, Kind.LEFT, service=OLD, value=ALEX)
    found = measured([*BOTH_REACH, *moves, left])
    assert figures(found, "movers", "left", "left_share", "left_median_d") == [2, 1, 0.5, 3.0]
