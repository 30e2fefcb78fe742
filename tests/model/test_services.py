"""The services of the model keep the promises that the real ones keep with keys and bytes."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.small_worlds import HOUR_MS, TERMS, only

from communicator_model.receiving import Parcel, ReceivingService
from communicator_model.sending import SendingService
from communicator_spec import ErrorClass, Grant, Kind, Row
from communicator_spec.nodes import DONE

END, SERVICE, SENDER, WINDOW = 4, 2, 3, 8
UNTIL_MS = 10 * HOUR_MS
REASONS = list(ErrorClass)


class Offer(NamedTuple):
    """What a device hands to a sending service."""

    not_after_ms: int = UNTIL_MS
    service: int = SERVICE
    parcel: object = "bytes"
    via: int = SENDER
    end: int = END
    reference: int = 0
    draw_index: int = 0


class Receiver:
    """A receiving service with one grant, and its log."""

    def __init__(self, *, remembers_spent: bool = False) -> None:
        self.log: list[Row] = []
        self.core = ReceivingService(SERVICE, WINDOW, self.log.append, remembers_spent=remembers_spent)
        self.core.issue(0, END, Grant(SERVICE, 1, True, UNTIL_MS, 1000))

    def post(self, position: int, *, serial: int = 1, now_ms: int = 5, end: int = END) -> int | None:
        return self.core.accept(now_ms, Parcel(end, serial, position, position))

    def refusals(self) -> list[ErrorClass]:
        return [REASONS[event.value] for event in only(self.log, Kind.REFUSED)]


@pytest.mark.parametrize(("remembers", "reason"), [(False, ErrorClass.UNKNOWN), (True, ErrorClass.REPLAYED)])
def test_an_address_resolves_once(remembers: bool, reason: ErrorClass) -> None:
    receiver = Receiver(remembers_spent=remembers)
    assert receiver.post(0) == END
    assert receiver.post(0) is None
    assert receiver.refusals() == [reason]
    assert [item.position for item in receiver.core.fetch(END)] == [0]


def test_an_address_resolves_until_its_date_and_not_at_it() -> None:
    receiver = Receiver()
    assert receiver.post(0, now_ms=UNTIL_MS - 1) == END
    assert receiver.post(1, now_ms=UNTIL_MS) is None
    assert receiver.refusals() == [ErrorClass.EXPIRED]


def test_what_was_never_issued_is_unknown() -> None:
    receiver = Receiver()
    assert [receiver.post(0, serial=2), receiver.post(0, end=END + 1), receiver.post(0, end=-1)] == [None] * 3
    assert set(receiver.refusals()) == {ErrorClass.UNKNOWN}


def test_the_window_moves_with_the_highest_position() -> None:
    receiver = Receiver()
    assert receiver.post(WINDOW) is None
    assert receiver.post(WINDOW - 1) == END
    assert receiver.post(2 * WINDOW - 1) == END
    assert receiver.post(WINDOW - 2) is None  # the window has passed it
    assert receiver.post(WINDOW) == END


@given(st.lists(st.integers(0, 30), max_size=60))
def test_every_position_is_stored_at_most_once_in_any_order(positions: list[int]) -> None:
    receiver = Receiver()
    taken = [position for position in positions if receiver.post(position) == END]
    assert len(set(taken)) == len(taken)
    assert [item.position for item in receiver.core.fetch(END)] == taken
    assert len(receiver.log) == len(positions)


def test_what_is_fetched_stays_until_it_is_confirmed() -> None:
    receiver = Receiver()
    receiver.post(3)
    receiver.post(1)
    for _ in range(2):
        assert [item.position for item in receiver.core.fetch(END)] == [3, 1]
    receiver.core.confirm(9, END)
    assert list(receiver.core.fetch(END)) == []
    assert [event.position for event in only(receiver.log, Kind.CONFIRMED)] == [3, 1]


def test_a_revoked_end_resolves_no_more_and_others_do() -> None:
    receiver = Receiver()
    receiver.core.issue(0, END + 1, Grant(SERVICE, 1, True, UNTIL_MS, 1000))
    receiver.post(0)
    receiver.core.revoke(END)
    assert receiver.post(1) is None
    assert list(receiver.core.fetch(END)) == []
    assert receiver.post(0, end=END + 1) == END + 1


def test_a_dead_receiving_service_has_forgotten_everything() -> None:
    receiver = Receiver()
    receiver.post(0)
    receiver.core.die()
    assert list(receiver.core.fetch(END)) == []
    assert receiver.post(1) is None


class Sender:
    """A sending service and its log."""

    def __init__(self) -> None:
        self.log: list[Row] = []
        self.core = SendingService(SENDER, TERMS, self.log.append)


def test_what_was_forwarded_is_forgotten() -> None:
    sender = Sender()
    ticket = sender.core.submit(0, Offer())
    assert sender.core.attempt(1, ticket) == "bytes"
    assert sender.core.outcome(1, ticket, answered=True, draw=0.5) == (DONE, False)
    assert sender.core.attempt(2, ticket) is None
    assert [(e.service, e.via) for e in only(sender.log, Kind.FORWARDED)] == [(SERVICE, SENDER)]


def test_two_submissions_of_the_same_bytes_are_two() -> None:
    sender = Sender()
    assert sender.core.submit(0, Offer()) != sender.core.submit(0, Offer())


@given(st.floats(0, 1, exclude_max=True))
def test_pauses_double_up_to_the_most(draw: float) -> None:
    sender, now_ms, pauses = Sender(), 0, []
    ticket = sender.core.submit(0, Offer(not_after_ms=1 << 60))
    for _ in range(14):
        retry_ms, _ = sender.core.outcome(now_ms, ticket, answered=False, draw=draw)
        pauses.append(retry_ms - now_ms)
        now_ms = retry_ms
    ceilings = [min(TERMS.retry_min_ms << n, TERMS.retry_max_ms) for n in range(14)]
    assert pauses == [int(ceiling * (0.5 + 0.5 * draw)) for ceiling in ceilings]
    assert ceilings[-1] == TERMS.retry_max_ms


def test_nothing_is_tried_at_or_after_the_last_moment() -> None:
    sender = Sender()
    late, waiting = sender.core.submit(0, Offer()), sender.core.submit(0, Offer())
    assert sender.core.attempt(UNTIL_MS, late) is None
    assert sender.core.outcome(UNTIL_MS - 1, waiting, answered=False, draw=0.0) == (DONE, False)
    assert len(only(sender.log, Kind.GAVE_UP)) == 2
    assert sender.core.attempt(UNTIL_MS - 1, waiting) is None


def test_a_device_is_told_once_that_a_service_is_silent() -> None:
    sender = Sender()
    ticket = sender.core.submit(0, Offer())
    times = (TERMS.unreachable_notice_ms - 1, TERMS.unreachable_notice_ms, 2 * TERMS.unreachable_notice_ms)
    notices = [sender.core.outcome(now_ms, ticket, answered=False, draw=0.0).notice for now_ms in times]
    assert notices == [False, True, False]


def test_a_dead_sending_service_tries_nothing_more() -> None:
    sender = Sender()
    ticket = sender.core.submit(0, Offer())
    sender.core.die()
    assert sender.core.attempt(1, ticket) is None
    assert sender.log == []
