"""The account of transmissions: a sum that is wrong by one is found, whichever way."""

from communicator_simulations.chaos.accounts import sent_and_taken
from communicator_spec import Command, Event, Kind

SENT = Event(1, Kind.SENT, 0, 7, 2, 1, 0, 3, Command.MESSAGE)
TAKEN = Event(2, Kind.TAKEN, message=99, service=2, via=3)
ARRIVED = Event(3, Kind.TAKEN, message=99, service=2)


def test_what_was_sent_is_taken_kept_or_dropped() -> None:
    assert sent_and_taken([SENT, TAKEN, ARRIVED], {}, 0) == []
    assert sent_and_taken([SENT, ARRIVED], {(3, 2): 1}, 0) == []
    assert sent_and_taken([SENT, ARRIVED], {}, 1) == []


def test_what_is_missing_is_found() -> None:
    (said,) = sent_and_taken([SENT, SENT, TAKEN], {}, 0)
    assert said.startswith("1 were sent, and not taken, by 3 to 2")
    assert sent_and_taken([SENT, SENT, SENT, TAKEN], {(3, 2): 1}, 0)
    assert sent_and_taken([SENT, SENT, SENT, TAKEN], {}, 1)


def test_what_nobody_sent_is_found() -> None:
    (said,) = sent_and_taken([SENT, TAKEN, TAKEN], {}, 5)
    assert said == "1 were taken and never sent, by 3 to 2"


def test_one_way_does_not_make_up_for_another() -> None:
    elsewhere = TAKEN._replace(via=4)
    assert len(sent_and_taken([SENT, elsewhere], {}, 0)) == 2
