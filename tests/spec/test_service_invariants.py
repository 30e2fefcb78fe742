"""The invariants of live services: a log that keeps every promise is clean, and each way to break one is found."""

import pytest

from communicator_spec.events import NONE, Command, Event, Kind, Row
from communicator_spec.invariants import Monitors
from communicator_spec.terms import standard_terms

SENDING, RECEIVING, OWNER, REQUEST = 3, 1, 0, 77


def event(kind: Kind, **columns: int) -> Row:
    return tuple(Event(0, kind, **columns))  # type: ignore[return-value]


def at_sender(kind: Kind) -> Row:
    return event(kind, via=SENDING, service=RECEIVING, message=REQUEST)


def at_receiver(kind: Kind) -> Row:
    return event(
        kind, service=RECEIVING, message=REQUEST, end=OWNER if kind is Kind.STORED else NONE, serial=2, position=5
    )


def of_owner(kind: Kind) -> Row:
    return event(kind, end=OWNER, service=RECEIVING, serial=2, position=5)


def counted(kind: Kind, name: int, place: int = NONE) -> Row:
    return event(kind, service=RECEIVING, message=name, position=place)


ISSUED = event(Kind.ISSUED, end=OWNER, service=RECEIVING, serial=2, message=1, value=1 << 50)
TAKEN = event(Kind.TAKEN, service=RECEIVING, message=REQUEST)
WALK = (
    event(Kind.PAIRED, end=0, value=0),
    event(Kind.PAIRED, end=1, value=1),
    ISSUED,
    event(Kind.ACCEPTED, end=1, message=0),
    event(Kind.SENT, end=1, message=0, service=RECEIVING, serial=2, position=5, via=SENDING, value=0),
    at_sender(Kind.TAKEN),
    TAKEN,
    at_sender(Kind.FORWARDED),
    at_receiver(Kind.STORED),
    of_owner(Kind.FETCHED),
    of_owner(Kind.FETCHED),
    event(Kind.DELIVERED, end=OWNER, message=0, service=RECEIVING),
    of_owner(Kind.CONFIRMED),
    counted(Kind.SPENT, 1),
    counted(Kind.GRANTED, 1),
    counted(Kind.DEPOSITED, 2),
    counted(Kind.HANDED, 2),
    counted(Kind.ENTERED, 5, 0),
    counted(Kind.ENTERED, 6, 1),
)


def judged(rows: tuple[Row, ...]) -> list[tuple[str, str]]:
    monitors = Monitors(standard_terms(), settled=True)
    monitors.feed_all(rows)
    return [(violation.invariant, violation.detail) for violation in monitors.finish(1)]


def test_a_walk_that_keeps_every_promise_is_clean() -> None:
    assert judged(WALK) == []


def without(row: Row) -> tuple[Row, ...]:
    return tuple(other for other in WALK if other != row)


BROKEN = {
    "taken, and became nothing": (without(at_sender(Kind.FORWARDED)), "accounted"),
    "forwarded, and the receiving service never took it": (
        (event(Kind.TAKEN, service=RECEIVING, message=1), *without(TAKEN)),
        "accounted",
    ),
    "ended, and was not taken, or ended before": ((*WALK, at_sender(Kind.GAVE_UP)), "accounted"),
    "shown, and not stored, or confirmed before": ((*WALK, of_owner(Kind.FETCHED)), "kept-until-confirmed"),
    "confirmed, and not stored, or confirmed before": ((*WALK, of_owner(Kind.CONFIRMED)), "kept-until-confirmed"),
    "confirmed, and never shown": (without(of_owner(Kind.FETCHED)), "kept-until-confirmed"),
    "stored, and never confirmed": (without(of_owner(Kind.CONFIRMED)), "kept-until-confirmed"),
    "spent twice": ((*WALK, counted(Kind.SPENT, 1)), "counted-once"),
    "granted twice": ((*WALK, counted(Kind.GRANTED, 1)), "counted-once"),
    "handed twice": ((*WALK, counted(Kind.HANDED, 2)), "counted-once"),
    "handed out, and never deposited": ((*WALK, counted(Kind.HANDED, 3)), "counted-once"),
    "not at the next place of the log": ((*WALK, counted(Kind.ENTERED, 7, 3)), "counted-once"),
}


@pytest.mark.parametrize("detail", BROKEN)
def test_each_way_to_break_a_promise_is_found(detail: str) -> None:
    rows, invariant = BROKEN[detail]
    assert (invariant, detail) in judged(rows)


def test_what_was_forwarded_before_a_service_wrote_anything_is_not_forgotten() -> None:
    early = (at_sender(Kind.TAKEN), at_sender(Kind.FORWARDED))
    later = event(Kind.TAKEN, service=RECEIVING, message=1)
    assert ("accounted", "forwarded, and the receiving service never took it") in judged((*early, later))
    assert judged(early) == []  # a service that writes no log


def test_what_died_with_its_service_is_not_missed() -> None:
    assert judged((*without(of_owner(Kind.CONFIRMED)), event(Kind.DIED, service=RECEIVING))) == []


def changed(row: Row, **columns: int) -> Row:
    return tuple(Event(*row)._replace(**columns))  # type: ignore[return-value]


LEFT_OVER = without(of_owner(Kind.CONFIRMED))
OF_CONTACT = tuple(changed(row, message=0) if row == ISSUED else row for row in LEFT_OVER)


@pytest.mark.parametrize(
    "row",
    [
        event(Kind.ENDED, end=OWNER),
        event(Kind.RECEIVED, end=OWNER, service=RECEIVING, value=Command.END),
    ],
)
def test_what_is_stored_goes_with_the_end_of_its_own_relationship_alone(row: Row) -> None:
    missed = ("kept-until-confirmed", "stored, and never confirmed")
    assert missed not in judged((*LEFT_OVER, row))
    assert missed in judged((*LEFT_OVER, changed(row, end=OWNER ^ 1)))


def test_another_command_withdraws_nothing() -> None:
    row = event(Kind.RECEIVED, end=OWNER, service=RECEIVING, value=Command.RECEIPT)
    assert ("kept-until-confirmed", "stored, and never confirmed") in judged((*LEFT_OVER, row))


def test_what_is_stored_at_a_contact_goes_with_it_once_the_peer_holds_another_set() -> None:  # SES-27
    missed = ("kept-until-confirmed", "stored, and never confirmed")
    newer = event(Kind.UPDATED, end=OWNER ^ 1, value=1)
    assert missed not in judged((*OF_CONTACT, newer))
    assert missed in judged(OF_CONTACT), "nobody holds another set"
    assert missed in judged((*OF_CONTACT, event(Kind.UPDATED, end=OWNER, value=1))), "the owner does"
    assert missed in judged((*LEFT_OVER, newer)), "the address is of no contact"


def test_a_message_that_goes_with_a_contact_is_still_asked_for() -> None:
    lost = tuple(row for row in OF_CONTACT if row[1] != Kind.DELIVERED)
    later_ms = 1 << 50
    monitors = Monitors(standard_terms(), settled=True)
    monitors.feed_all((*lost, event(Kind.UPDATED, end=OWNER ^ 1, value=1)))
    assert {violation.invariant for violation in monitors.finish(later_ms)} == {"nothing-lost"}


def test_every_invariant_of_live_services_is_broken_here() -> None:
    judges = Monitors(standard_terms()).invariants
    assert {invariant for _, invariant in BROKEN.values()} == {judge.name for judge in judges if judge.of_live_services}
