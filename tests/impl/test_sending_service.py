"""The sending service's queue: retries, dates, notices, and nothing lost or doubled by a crash."""

import pytest

from communicator_impl.core_event import CoreEvent
from communicator_impl.errors import InputError, OwnError
from communicator_impl.sending_service import Attempt, Forwarded, GaveUp, RetryAt, SendingService
from communicator_impl.storage import MemoryStorage
from communicator_spec import ErrorClass, Kind, backoff_ms
from communicator_spec.terms import standard_terms

TERMS = standard_terms()
NOW = 1_000_000
LATER = NOW + 48 * 3_600_000
ENVELOPE = b"sealed"


class Desk:
    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.events: list[CoreEvent] = []
        self.core = self.restarted()

    def restarted(self) -> SendingService:
        return SendingService(7, TERMS, self.storage, self.events.append)


def test_an_answered_attempt_ends_the_work() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    assert desk.core.attempt(NOW, ticket) == Attempt(3, ENVELOPE)
    assert desk.core.outcome(NOW, ticket, answered=True, draw=0.0) == Forwarded()
    assert desk.core.attempt(NOW, ticket) is None
    assert desk.core.waiting() == ()
    assert desk.events == [CoreEvent(NOW, Kind.FORWARDED, service=3, via=7)]


def test_the_same_envelope_gets_the_same_ticket_and_goes_out_once() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    assert desk.core.submit(NOW + 1, 3, ENVELOPE, LATER) == ticket
    assert desk.core.submit(NOW, 4, ENVELOPE, LATER) != ticket
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    for core in (desk.core, desk.restarted()):
        assert core.submit(NOW + 2, 3, ENVELOPE, LATER) == ticket
        assert core.attempt(NOW + 2, ticket) is None


def test_retries_follow_the_backoff_policy() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    now = NOW
    for attempts in range(6):
        outcome = desk.core.outcome(now, ticket, answered=False, draw=0.25)
        assert isinstance(outcome, RetryAt)
        assert outcome.at_ms == now + backoff_ms(attempts, 0.25, TERMS)
        now = outcome.at_ms


def test_a_device_is_told_once_that_a_service_does_not_answer() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    waited = [0, TERMS.unreachable_notice_ms - 1, TERMS.unreachable_notice_ms, TERMS.unreachable_notice_ms + 1]
    notices = []
    for wait in waited:
        outcome = desk.restarted().outcome(NOW + wait, ticket, answered=False, draw=0.0)
        assert isinstance(outcome, RetryAt)
        notices.append(outcome.notice)
    assert notices == [False, False, True, False]


def test_it_gives_up_rather_than_arrive_too_late() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, NOW + TERMS.retry_min_ms // 2)
    assert desk.core.outcome(NOW, ticket, answered=False, draw=0.0) == GaveUp()
    assert desk.core.attempt(NOW, ticket) is None
    assert [event.kind for event in desk.events] == [Kind.GAVE_UP]


def test_nothing_is_posted_at_or_after_the_date() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    assert desk.core.attempt(LATER - 1, ticket) is not None
    assert desk.core.attempt(LATER, ticket) is None
    assert [event.kind for event in desk.events] == [Kind.GAVE_UP]


def test_what_waits_survives_a_restart() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    desk.core.outcome(NOW, ticket, answered=False, draw=0.0)
    again = desk.restarted()
    assert again.waiting() == (ticket,)
    assert again.attempt(NOW + 1, ticket) == Attempt(3, ENVELOPE)
    outcome = again.outcome(NOW, ticket, answered=False, draw=0.0)
    assert outcome == RetryAt(NOW + backoff_ms(1, 0.0, TERMS), notice=False)


def test_finished_work_is_forgotten_after_its_date() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    desk.core.erase(LATER - 1)
    assert len(desk.storage.values) == 1
    desk.core.erase(LATER)
    assert desk.storage.values == {}


def test_unknown_tickets_and_impossible_envelopes_are_the_callers_fault() -> None:
    desk = Desk()
    ticket = desk.core.submit(NOW, 3, ENVELOPE, LATER)
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    with pytest.raises(InputError):
        desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    with pytest.raises(InputError):
        desk.core.submit(NOW, 3, b"", LATER)
    with pytest.raises(InputError) as caught:
        desk.core.submit(NOW, 3, bytes(4097), LATER)
    assert caught.value.error_class is ErrorClass.TOO_LARGE
    assert len(desk.storage.values) == 1


def test_a_damaged_queue_is_not_guessed_at() -> None:
    desk = Desk()
    desk.core.submit(NOW, 3, ENVELOPE, LATER)
    (key,) = desk.storage.values
    desk.storage.values[key] += b"\0"
    with pytest.raises(OwnError):
        desk.restarted()
