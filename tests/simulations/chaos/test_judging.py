"""What is confirmed before it is delivered is found, and what could not be opened any more is none of it."""

from communicator_simulations.chaos.judging import kept_before_confirmed
from communicator_spec import Command, Event, Kind


def address(kind: Kind, serial: int, **columns: int) -> Event:
    return Event(1, kind, service=2, serial=serial, position=0, **columns)


CONTACT = address(Kind.ISSUED, 1, end=0, message=0)
FIRST = address(Kind.SENT, 1, end=1, message=7, via=3, value=Command.MESSAGE)
CONFIRMED = address(Kind.CONFIRMED, 1, end=0)
DELIVERED = Event(1, Kind.DELIVERED, 0, 7, 2)
ANSWERED = address(Kind.CONFIRMED, 2, end=0)


def test_what_was_delivered_may_be_confirmed() -> None:
    assert kept_before_confirmed([FIRST, DELIVERED, CONFIRMED]) == []


def test_what_was_not_delivered_yet_may_not() -> None:
    (said,) = kept_before_confirmed([FIRST, CONFIRMED, DELIVERED])
    assert "message 7 was not delivered" in said


def test_what_comes_to_a_contact_may_once_its_reply_was_answered() -> None:
    assert kept_before_confirmed([CONTACT, FIRST, ANSWERED, CONFIRMED]) == []
    assert len(kept_before_confirmed([CONTACT, FIRST, CONFIRMED, ANSWERED])) == 1
