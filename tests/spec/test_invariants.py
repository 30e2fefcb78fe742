"""Each invariant holds on a clean log, and names the events when it is broken on purpose."""

from collections.abc import Callable, Sequence
from typing import Final

import pytest

from communicator_spec.events import NONE, Command, Event, Kind, Row
from communicator_spec.invariants import Monitors
from communicator_spec.monitors import MOST, Violation
from communicator_spec.policies import Terms

DAY: Final = 86_400_000
A, B = 0, 1  # the two ends of one relationship
ALEX, BLAIR = 7, 8  # two people
OLD, NEW, SENDER = 3, 4, 5

TERMS: Final = Terms(
    receiving_services=2,
    sending_services=2,
    long_term_lifetime_ms=365 * DAY,
    long_term_refresh_ms=120 * DAY,
    ephemeral_lifetime_ms=30 * DAY,
    ephemeral_refresh_ms=10 * DAY,
    long_term_capacity=64,
    ephemeral_capacity=64,
    ranges_max=8,
    announces=True,
    receipt_delay_min_ms=1,
    receipt_delay_max_ms=2,
    escalate_after_ms=10,
    message_lifetime_ms=20 * DAY,
    queue_lifetime_ms=2 * DAY,
    retry_min_ms=1,
    retry_max_ms=2,
    unreachable_notice_ms=1,
    suspect_ms=1,
    dead_after_ms=1,
    announce_spread_ms=1,
)


def row(t: int, kind: Kind, end: int = NONE, **columns: int) -> Row:
    return Event(t, kind, end, **columns)


def issued(t: int, end: int, service: int, serial: int = 1, until: int = 30 * DAY) -> Row:
    return row(t, Kind.ISSUED, end, service=service, serial=serial, position=0, value=until)


def sent(t: int, end: int, service: int, position: int, *, serial: int = 1, message: int = NONE,
         command: int = Command.MESSAGE) -> Row:  # fmt: skip
    columns = {"message": message, "service": service, "serial": serial, "position": position}
    return row(t, Kind.SENT, end, **columns, via=SENDER, value=command)


def stored(t: int, owner: int, service: int, position: int, serial: int = 1) -> Row:
    return row(t, Kind.STORED, owner, service=service, serial=serial, position=position)


def confirmed(t: int, owner: int, service: int, position: int, serial: int = 1) -> Row:
    return row(t, Kind.CONFIRMED, owner, service=service, serial=serial, position=position)


START: Final = [
    row(0, Kind.PAIRED, A, value=ALEX),
    issued(0, A, OLD),
    issued(0, A, NEW),
    row(0, Kind.PAIRED, B, value=BLAIR),
    issued(0, B, OLD),
    issued(0, B, NEW),
]

MESSAGE: Final = [
    row(10, Kind.ACCEPTED, A, message=0, value=0),
    sent(11, A, OLD, 0, message=0),
    row(12, Kind.FORWARDED, via=SENDER, service=OLD),
    stored(12, B, OLD, 0),
    row(13, Kind.DELIVERED, B, message=0, service=OLD),
    confirmed(13, B, OLD, 0),
]

RECEIPT: Final = [
    sent(20, B, OLD, 0, command=Command.RECEIPT),
    stored(21, A, OLD, 0),
    row(22, Kind.RECEIVED, A, service=OLD, value=Command.RECEIPT),
    row(22, Kind.ACKNOWLEDGED, A, message=0),
    confirmed(22, A, OLD, 0),
]

MOVE: Final = [  # Blair's end leaves OLD; Alex's end learns it
    row(30, Kind.MOVED, B, service=OLD, value=2),
    sent(30, B, NEW, 0, command=Command.MOVED),
    stored(31, A, NEW, 0),
    row(32, Kind.UPDATED, A, value=2),
    row(32, Kind.RECEIVED, A, service=NEW, value=Command.MOVED),
    confirmed(32, A, NEW, 0),
    row(32 + 2 * DAY, Kind.RELEASED, B, service=OLD),
    row(32 + 2 * DAY, Kind.LEFT, service=OLD, value=BLAIR),
]

CLEAN: Final = [*START, *MESSAGE, *RECEIPT, *MOVE]


def judge(rows: Sequence[Row], t_end: int = 3 * DAY, *, tolerate_failed: bool = True) -> list[Violation]:
    monitors = Monitors(TERMS, tolerate_failed=tolerate_failed)
    monitors.feed_all(rows)
    return monitors.finish(t_end, rows)


def without(rows: Sequence[Row], *dropped: Row) -> list[Row]:
    return [r for r in rows if r not in dropped]


def expect(found: Sequence[Violation], invariant: str, *rows: Row) -> None:
    assert [(v.invariant, v.events) for v in found] == [(invariant, tuple(Event(*r) for r in rows))]


def test_clean_log_passes() -> None:
    assert judge(CLEAN) == []


def test_row_by_row_equals_all_at_once() -> None:
    broken = [*CLEAN, MESSAGE[4]]
    monitors = Monitors(TERMS)
    for each in broken:
        monitors.feed(each)
    assert monitors.finish(3 * DAY, broken) == judge(broken)


def test_second_delivery_breaks_exactly_once_and_both_are_named() -> None:
    again = row(40, Kind.DELIVERED, B, message=0, service=NEW)
    expect(judge([*START, *MESSAGE, again]), "exactly-once", MESSAGE[4], again)


def test_number_used_twice_breaks_exactly_once() -> None:
    again = row(40, Kind.ACCEPTED, A, message=0, value=0)
    found = judge([*START, *MESSAGE, again], 41)
    expect(found, "exactly-once", MESSAGE[0], again)


def test_delivery_of_what_was_never_accepted_breaks_exactly_once_and_only_peers() -> None:
    rows = without([*START, *MESSAGE], MESSAGE[0])
    found = judge(rows)
    assert {v.invariant for v in found} == {"exactly-once", "only-peers"}
    assert all(v.events == (Event(*MESSAGE[4]),) for v in found)


def test_message_that_vanishes_is_lost_after_its_lifetime_and_not_before() -> None:
    rows = [*START, MESSAGE[0], MESSAGE[1]]
    assert judge(rows, 10 + TERMS.message_lifetime_ms) == []
    expect(judge(rows, 11 + TERMS.message_lifetime_ms), "nothing-lost", MESSAGE[0])


def test_acknowledgement_without_delivery_is_a_loss() -> None:
    rows = [*without([*START, *MESSAGE], MESSAGE[4]), RECEIPT[3]]
    expect(judge(rows), "nothing-lost", MESSAGE[0], RECEIPT[3])


def test_telling_of_a_failure_is_enough_unless_it_is_not_tolerated() -> None:
    failed = row(25 * DAY, Kind.FAILED, A, message=0)
    rows = [*START, MESSAGE[0], failed]
    assert judge(rows, 26 * DAY) == []
    expect(judge(rows, 26 * DAY, tolerate_failed=False), "nothing-lost", MESSAGE[0], failed)


@pytest.mark.parametrize(
    "excuse",
    [
        [row(1 * DAY, Kind.ENDED, B)],
        [row(1 * DAY, Kind.DIED, service=OLD), row(1 * DAY, Kind.DIED, service=NEW)],
        [row(26 * DAY, Kind.DELIVERED, B, message=0, service=NEW)],
    ],
    ids=["peer ended", "all services of the peer dead", "delivered after all"],
)
def test_failure_is_excused(excuse: list[Row]) -> None:
    rows = sorted([*START, MESSAGE[0], row(25 * DAY, Kind.FAILED, A, message=0), *excuse])
    assert judge(rows, 27 * DAY, tolerate_failed=False) == []


def test_outbox_of_a_person_who_ended_the_relationship_is_not_lost() -> None:
    assert judge([*START, MESSAGE[0], row(12, Kind.ENDED, A)], 99 * DAY) == []


def test_sending_at_the_valid_until_date_is_too_late() -> None:
    late = sent(30 * DAY, A, OLD, 0)
    assert judge([*START, sent(30 * DAY - 1, A, OLD, 0)]) == []
    expect(judge([*START, late]), "no-expired-address", issued(0, B, OLD), late)


def test_storing_at_the_valid_until_date_is_too_late() -> None:
    late = stored(30 * DAY, B, OLD, 0)
    expect(judge([*START, MESSAGE[1], late]), "no-expired-address", issued(0, B, OLD), late)


def test_address_that_was_never_issued_is_named() -> None:
    strange = sent(5, A, OLD, 0, serial=9)
    expect(judge([*START, strange]), "no-expired-address", strange)


def test_address_used_twice_breaks_single_use() -> None:
    again = sent(40, A, OLD, 0, message=0)
    expect(judge([*START, *MESSAGE, again]), "single-use", MESSAGE[1], again)


def test_positions_may_be_used_in_any_order_but_once() -> None:
    rows = [sent(20 + i, A, OLD, p) for i, p in enumerate((3, 1, 0, 2, 4))]
    again = sent(40, A, OLD, 3)
    assert judge([*START, *rows]) == []
    expect(judge([*START, *rows, again]), "single-use", rows[0], again)


def test_injected_bytes_that_are_stored_break_only_peers() -> None:
    injected = row(20, Kind.INJECTED, service=OLD, value=1)
    replayed = stored(20, B, OLD, 0)
    found = judge([*START, *MESSAGE, injected, replayed, confirmed(21, B, OLD, 0)])
    expect(found, "only-peers", MESSAGE[3], replayed)
    expect(judge([*START, injected, stored(20, B, OLD, 5)]), "only-peers", stored(20, B, OLD, 5))


def test_delivery_after_the_end_breaks_only_peers() -> None:
    ended = row(12, Kind.ENDED, B)
    rows = [*START, *MESSAGE[:4], ended, *MESSAGE[4:]]
    expect(judge(rows), "only-peers", ended, MESSAGE[4])


def test_one_receipt_more_than_people_caused_breaks_human_rate() -> None:
    receipts = [sent(40 + i, B, OLD, 1 + i, command=Command.RECEIPT) for i in range(2)]
    expect(judge([*START, *MESSAGE, *RECEIPT, *receipts]), "human-rate", receipts[1])


def test_a_move_counts_once_at_the_peer_however_often_it_is_told() -> None:
    told_again = row(33, Kind.RECEIVED, A, service=OLD, value=Command.MOVED)
    automated = [sent(40 + i, A, NEW, i, command=Command.UPDATE) for i in range(4)]  # paired, accepted, moved: 3
    rows = [*START, *MESSAGE, *MOVE[:6], told_again, *automated]
    expect(judge(rows), "human-rate", automated[3])


def test_older_set_after_a_newer_one_breaks_sets_only_grow() -> None:
    rows = [row(40, Kind.UPDATED, A, value=3), row(41, Kind.UPDATED, A, value=2)]
    expect(judge([*START, *rows]), "sets-only-grow", *rows)


def test_issuing_at_a_service_after_moving_away_breaks_no_return() -> None:
    again = issued(40, B, OLD, serial=2)
    expect([v for v in judge([*START, MOVE[0], again]) if v.invariant == "no-return"], "no-return", MOVE[0], again)
    assert judge([*START, MOVE[0], issued(40, B, NEW, serial=2), issued(41, A, OLD, serial=2)]) == []


def test_a_service_that_is_taken_up_again_may_issue_again() -> None:
    back = row(35, Kind.MOVED, B, service=NEW, position=OLD, value=3)
    assert judge([*START, MOVE[0], back, issued(40, B, OLD, serial=2)]) == []
    expect(
        judge([*START, MOVE[0], back, issued(40, B, NEW, serial=2)]), "no-return", back, issued(40, B, NEW, serial=2)
    )


def _leave(t: int) -> Row:
    return row(t, Kind.LEFT, service=OLD, value=BLAIR)


def test_leaving_before_expiry_without_release_is_unsafe() -> None:
    left = _leave(5 * DAY)
    expect(judge([*START, left]), "safe-departure", issued(0, B, OLD), left)
    assert judge([*START, _leave(30 * DAY)]) == []


def test_release_before_the_queue_lifetime_is_over_is_unsafe() -> None:
    early = row(31 + 2 * DAY, Kind.RELEASED, B, service=OLD)
    found = judge([*START, *MESSAGE, *MOVE[:6], early])
    expect(found, "safe-departure", issued(0, B, OLD), early)


def test_release_on_an_older_version_than_the_move_is_unsafe() -> None:
    rows = [row(30, Kind.MOVED, B, service=OLD, value=3), row(32, Kind.UPDATED, A, value=2), MOVE[6]]
    expect(judge([*START, *rows]), "safe-departure", issued(0, B, OLD), MOVE[6])


def test_issuing_again_withdraws_the_withdrawal() -> None:
    again = issued(40, B, OLD, serial=2, until=20 * DAY)
    back = row(39, Kind.MOVED, B, service=NEW, position=OLD, value=3)
    rows = [*START, *MESSAGE, *MOVE[:6], back, again, *MOVE[6:]]
    found = judge(rows)
    assert {v.events for v in found} == {
        (Event(*issued(0, B, OLD)), Event(*MOVE[6])),
        (Event(*issued(0, B, OLD)), Event(*MOVE[7])),
    }


@pytest.mark.parametrize(
    ("after", "invariants"),
    [
        (lambda t: sent(t, A, OLD, 1), {"safe-departure"}),
        (lambda t: stored(t, B, OLD, 1), {"safe-departure", "only-peers"}),
    ],
    ids=["sent", "stored"],
)
def test_nothing_goes_to_a_service_that_was_left(after: Callable[[int], Row], invariants: set[str]) -> None:
    late = after(3 * DAY)
    found = judge([*CLEAN, late], 4 * DAY)
    assert {v.invariant for v in found} == invariants
    assert (Event(*MOVE[7]), Event(*late)) in {v.events for v in found}


def test_leaving_with_a_message_in_the_store_is_unsafe() -> None:
    rows = without(CLEAN, MESSAGE[5])
    expect(judge(rows), "safe-departure", MESSAGE[3], MOVE[7])


def test_what_is_stored_at_a_contact_goes_when_the_peer_holds_another_set_and_not_before() -> None:
    contact = row(0, Kind.ISSUED, B, message=0, service=OLD, serial=1, position=0, value=30 * DAY)
    begun = [contact if one == issued(0, B, OLD) else one for one in START]
    unread = [*begun, *MESSAGE[:5]]
    assert judge([*unread, *MOVE]) == []
    expect(judge([*unread, _leave(30 * DAY)]), "safe-departure", MESSAGE[3], _leave(30 * DAY))
    newer = [
        issued(14, B, OLD, serial=2, until=2 * DAY),
        sent(15, A, OLD, 0, serial=2),
        stored(15, B, OLD, 0, serial=2),
    ]
    expect(judge([*unread, *newer, *MOVE]), "safe-departure", newer[2], MOVE[7])


def test_a_refused_peer_and_a_dead_store_do_not_hold_anyone_back() -> None:
    assert judge([*START, row(9, Kind.ENDED, B), _leave(10), sent(11, A, OLD, 0)]) == []
    died = row(14, Kind.DIED, service=OLD)
    assert judge([*without([*START, *MESSAGE], MESSAGE[5]), died, *MOVE]) == []


def test_a_broken_log_is_reported_within_bounds() -> None:
    again = [row(40 + i, Kind.DELIVERED, B, message=0, service=NEW) for i in range(3 * MOST)]
    assert len(judge([*START, *MESSAGE, *again])) == MOST
