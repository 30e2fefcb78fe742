"""The sending service's queue: tickets, retries, dates, notices, and nothing lost or doubled by a crash."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, InputError, OwnError, PeerError
from communicator_impl.queue_entry import State
from communicator_impl.sending_service import (
    Attempt,
    Forwarded,
    GaveUp,
    Level,
    Offer,
    Reply,
    RetryAt,
    SendingService,
    Status,
    Ticket,
    TurnedDown,
    reading,
)
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission, first_attempt_ms
from communicator_spec import ErrorClass, Kind, backoff_ms
from communicator_spec.errors import STATUS
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

TERMS = standard_terms()
NOW = 1_767_225_600_000
LATER = NOW + TERMS.queue_lifetime_ms
REQUEST = b"sealed"
URI, OTHER = "https://p03.example", "https://p04.example"
NOTICE = TERMS.unreachable_notice_ms
SUBMISSION = Submission(URI, REQUEST, LATER)
NONCE = bytes(range(32))


class Full(MemoryStorage):
    """Refuses writes when told to."""

    is_full = False

    def save(self, key: str, value: bytes) -> None:
        if self.is_full:
            raise OSError("no space")
        super().save(key, value)


class Desk:
    def __init__(self, offer: Offer | None = None) -> None:
        self.storage = Full()
        self.events: list[CoreEvent] = []
        self.offer = offer
        self.entropy = SeededEntropy(b"desk")
        self.core = self.restarted()

    def restarted(self) -> SendingService:
        entropy = self.entropy.fork(f"{len(self.storage.values)}")
        return SendingService(7, TERMS, self.storage, entropy, self.events.append, number, self.offer)

    def submit(self, now_ms: int = NOW, **changes: object) -> Ticket:
        return self.core.submit(now_ms, other(**changes))


def number(uri: str) -> int:
    return int(uri.removeprefix("https://p").removesuffix(".example"))


def other(**changes: object) -> Submission:
    return Submission(**{"uri": URI, "request": REQUEST, "not_after_ms": LATER, **changes})  # type: ignore[arg-type]


def refused(desk: Desk, submission: Submission, now_ms: int = NOW, nonce: bytes = b"") -> ErrorClass:
    """Submit what is refused; nothing happens, and the service goes on."""
    before = dict(desk.storage.values)
    with pytest.raises(CommunicatorError) as caught:
        desk.core.submit(now_ms, submission, nonce)
    assert desk.storage.values == before
    return caught.value.error_class


# -------------------------------------------------------------------- what a submission is


@given(
    st.binary(min_size=1, max_size=4096),
    st.integers(0, 1 << 40),
    st.integers(0, PARAMETERS.service.delay_mean_s_max),
)
def test_a_submission_comes_back(request: bytes, not_after_s: int, delay_s: int) -> None:
    whole = Submission(OTHER, request, not_after_s * 1000, delay_s)
    assert Submission.decode(whole.encode()) == whole


FIELDS: dict[object, object] = {0: 1, 1: URI, 2: REQUEST, 3: NOW // 1000, 4: 0}
FAULTS: dict[str, tuple[dict[object, object], ErrorClass]] = {
    "another version": (FIELDS | {0: 2}, ErrorClass.MALFORMED),
    "no origin": (FIELDS | {1: URI + "/"}, ErrorClass.MALFORMED),  # SVC-1
    "an empty request": (FIELDS | {2: b""}, ErrorClass.MALFORMED),
    "a request of 4,097 bytes": (FIELDS | {2: bytes(4097)}, ErrorClass.TOO_LARGE),
    "a delay beyond an hour": (FIELDS | {4: 3601}, ErrorClass.MALFORMED),
    "no date": ({key: value for key, value in FIELDS.items() if key != 3}, ErrorClass.MALFORMED),
    "one more field": (FIELDS | {5: 0}, ErrorClass.MALFORMED),
    "more bytes than the largest": (FIELDS | {2: bytes(5000)}, ErrorClass.TOO_LARGE),
}


@pytest.mark.parametrize(("fields", "error_class"), FAULTS.values(), ids=FAULTS.keys())
def test_one_fault_in_a_submission_is_refused(fields: dict[object, object], error_class: ErrorClass) -> None:
    with pytest.raises(PeerError) as caught:
        Submission.decode(wire.encode(fields))
    assert caught.value.error_class is error_class


def test_the_largest_submission_is_taken() -> None:  # SEND-8
    uri = "https://" + ".".join(["a" * 59, "b" * 60])
    desk = Desk(Offer(delay_mean_s=(0, 3600)))
    largest = Submission(uri, bytes(4096), LATER, 3600)
    assert len(largest.encode()) <= PARAMETERS.service.submission_bytes_max
    ticket = desk.core.submit(NOW, Submission.decode(largest.encode()))
    assert desk.core.attempt(NOW, ticket) == Attempt(uri, bytes(4096))


# -------------------------------------------------------------------- tickets and repetitions


def test_a_ticket_is_drawn_and_tells_nothing() -> None:  # SEND-3
    desk = Desk()
    tickets = {desk.submit(request=b"%d" % n) for n in range(50)}
    assert len(tickets) == 50
    assert all(len(ticket) == PARAMETERS.service.ticket_bytes for ticket in tickets)


def test_the_same_submission_gets_the_same_ticket_and_goes_out_once() -> None:  # DELIV-25, SVC-7
    desk = Desk()
    ticket = desk.submit()
    assert desk.submit(NOW + 1) == ticket
    assert desk.submit(uri=OTHER) != ticket
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    for core in (desk.core, desk.restarted()):
        assert core.submit(NOW + 2, SUBMISSION) == ticket
        assert core.attempt(NOW + 2, ticket) is None


def test_a_token_pays_for_one_submission() -> None:  # SEND-2
    desk = Desk()
    ticket = desk.core.submit(NOW, SUBMISSION, NONCE)
    for _ in range(2):
        assert desk.core.submit(NOW, SUBMISSION, NONCE) == ticket
        assert refused(desk, other(request=b"another"), nonce=NONCE) is ErrorClass.REPLAYED
        desk.core = desk.restarted()
    assert desk.core.submit(NOW, SUBMISSION, NONCE[::-1]) != ticket


def test_token_digest_and_submission_are_one_write() -> None:  # SEND-1, SVC-8
    desk = Desk()
    desk.storage.is_full = True
    with pytest.raises(OSError, match="no space"):
        desk.core.submit(NOW, SUBMISSION, NONCE)
    desk.storage.is_full = False
    desk.core = desk.restarted()
    assert desk.core.waiting() == ()
    desk.core.submit(NOW, other(request=b"another"), NONCE)
    ((_, stored),) = desk.storage.values.items()
    assert NONCE in stored


# -------------------------------------------------------------------- what is refused


def test_a_date_beyond_two_days_is_taken_as_two_days() -> None:  # SEND-4
    desk = Desk()
    ticket = desk.submit(not_after_ms=LATER + 86_400_000)
    assert desk.core.attempt(LATER - 1, ticket) is not None
    assert desk.core.attempt(LATER, ticket) is None
    assert desk.core.status(LATER, ticket).state is State.EXPIRED


def test_dates_are_after_now() -> None:
    desk = Desk()
    assert refused(desk, other(not_after_ms=NOW)) is ErrorClass.EXPIRED  # SEND-5
    desk.submit(not_after_ms=LATER)
    desk.submit(not_after_ms=NOW + 1)


def test_a_repetition_is_answered_after_its_date_too() -> None:  # SVC-7
    desk = Desk()
    ticket = desk.submit()
    assert desk.core.submit(LATER, SUBMISSION) == ticket


def test_only_delays_that_are_offered_are_taken() -> None:  # SEND-6
    desk = Desk(Offer(delay_mean_s=(0, 60)))
    assert refused(desk, other(delay_mean_s=61)) is ErrorClass.REFUSED
    desk.submit(delay_mean_s=60)
    desk.submit(delay_mean_s=0)
    with pytest.raises(InputError):
        Desk(Offer(delay_mean_s=(60,)))


def test_impossible_requests_are_refused() -> None:
    desk = Desk()
    assert refused(desk, other(request=b"")) is ErrorClass.MALFORMED
    assert refused(desk, other(request=bytes(4097))) is ErrorClass.TOO_LARGE


def test_what_there_is_no_room_for_is_refused_and_nothing_is_dropped() -> None:  # SEND-15
    desk = Desk(Offer(submissions_max=3, busy_at=2, retry_after_s=30, calm_s=900))
    assert desk.core.level() == (Level.OPEN, 900)
    tickets = [desk.submit(request=b"%d" % n) for n in range(2)]
    assert desk.core.level() == (Level.BUSY, 30)
    tickets.append(desk.submit(request=b"2"))
    assert desk.core.level() == (Level.CLOSED, 30)
    assert refused(desk, other(request=b"3")) is ErrorClass.LIMIT
    assert desk.submit(request=b"2") == tickets[2]
    assert [desk.core.attempt(NOW, ticket) for ticket in tickets] == [Attempt(URI, b"%d" % n) for n in range(3)]
    desk.core.outcome(NOW, tickets[0], answered=True, draw=0.0)
    desk.core.erase(LATER)
    assert desk.core.level() == (Level.BUSY, 30)
    assert desk.core.submit(NOW, other(request=b"3"))


def test_a_service_that_closes_takes_nothing_new_and_finishes_what_it_has() -> None:
    desk = Desk()
    ticket = desk.submit()
    desk.core.close()
    assert desk.core.level()[0] is Level.CLOSED
    assert refused(desk, other(request=b"late")) is ErrorClass.LIMIT
    assert desk.submit() == ticket
    assert desk.core.attempt(NOW, ticket) == Attempt(URI, REQUEST)


# -------------------------------------------------------------------- delays


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 3600), st.integers(1, TERMS.queue_lifetime_ms))
def test_a_delay_never_misses_the_date(draw: float, mean_s: int, left_ms: int) -> None:  # SEND-7
    at_ms = first_attempt_ms(NOW, mean_s, NOW + left_ms, draw)
    assert NOW <= at_ms < NOW + left_ms


def test_delays_are_exponential_with_the_mean_that_was_asked_for() -> None:  # SEND-7
    points = [(n + 0.5) / 10_000 for n in range(10_000)]
    delays = [first_attempt_ms(NOW, 600, LATER, draw) - NOW for draw in points]
    assert sum(delays) / len(delays) == pytest.approx(600_000, rel=0.01)
    for share in (0.1, 0.5, 0.9):
        expected = -math.log(1 - share) * 600_000
        assert sum(delay <= expected for delay in delays) / len(delays) == pytest.approx(share, abs=0.001)
    assert first_attempt_ms(NOW, 0, LATER, 0.999) == NOW


def test_what_is_due_is_named_once_in_the_order_of_time() -> None:
    desk = Desk(Offer(delay_mean_s=(0, 60)))
    late = desk.core.submit(NOW, other(request=b"late", delay_mean_s=60), draw=0.5)
    soon = desk.core.submit(NOW, other(request=b"soon"))
    delay_ms = int(math.log(2) * 60_000)
    assert desk.core.take_due(NOW) == (soon,)
    assert desk.core.take_due(NOW) == ()
    assert desk.core.next_ms() == NOW + delay_ms
    assert desk.restarted().take_due(NOW) == (soon,)  # its outcome was not known when the service crashed
    outcome = desk.core.outcome(NOW, soon, answered=False, draw=0.0)
    assert isinstance(outcome, RetryAt)
    assert outcome.at_ms < NOW + delay_ms
    assert desk.core.next_ms() == outcome.at_ms
    assert desk.core.take_due(NOW + 60_000) == (soon, late)
    for ticket in (soon, late):
        desk.core.outcome(NOW + 60_000, ticket, answered=True, draw=0.0)
    assert desk.core.next_ms() is None


# -------------------------------------------------------------------- attempts and outcomes


def test_an_answered_attempt_ends_the_work() -> None:  # SEND-10
    desk = Desk()
    ticket = desk.submit()
    assert desk.core.attempt(NOW, ticket) == Attempt(URI, REQUEST)  # SEND-9: unchanged
    assert desk.core.outcome(NOW, ticket, answered=True, draw=0.0) == Forwarded()
    assert desk.core.attempt(NOW, ticket) is None
    assert desk.core.waiting() == ()
    assert desk.events == [CoreEvent(NOW, Kind.FORWARDED, service=3, via=7)]


@pytest.mark.parametrize("error_class", [c for c in ErrorClass if c is not ErrorClass.LIMIT])
def test_every_refusal_but_limit_ends_the_work(error_class: ErrorClass) -> None:  # SEND-10
    desk = Desk()
    ticket = desk.submit()
    assert desk.core.outcome(NOW, ticket, answered=True, draw=0.0, refusal=error_class) == TurnedDown()
    assert desk.core.attempt(NOW, ticket) is None
    assert desk.core.status(NOW, ticket) == Status(State.REFUSED, unreachable=False)
    assert desk.restarted().status(NOW, ticket).state is State.REFUSED
    assert [event.kind for event in desk.events] == [Kind.GAVE_UP]


def test_a_limit_is_an_answer_and_is_followed_by_another_attempt() -> None:  # SEND-10
    desk = Desk()
    ticket, limit = desk.submit(), ErrorClass.LIMIT
    when = NOW + NOTICE
    outcome = desk.core.outcome(when, ticket, answered=True, draw=0.0, refusal=limit, retry_after_ms=7_200_000)
    assert outcome == RetryAt(when + 7_200_000, notice=False)
    assert desk.core.status(when, ticket) == Status(State.QUEUED, unreachable=False)
    again = desk.core.outcome(when + NOTICE - 1, ticket, answered=False, draw=0.0)
    assert isinstance(again, RetryAt)
    assert not again.notice
    last = desk.core.outcome(when + NOTICE, ticket, answered=False, draw=0.0)
    assert isinstance(last, RetryAt)
    assert last.notice


def test_only_202_takes_and_only_a_refusal_with_its_body_refuses() -> None:  # SEND-10, SVC-6
    assert reading(202) == Reply(answered=True)
    for error_class, status in STATUS.items():
        assert reading(status, error_class.value) == Reply(answered=True, refusal=error_class)
        assert reading(status) == reading(status, "another") == Reply(answered=False)
    for other in (None, 200, 204, 301, 302, 307, 418, 500, 502, 503, 504):
        assert reading(other) == reading(other, "malformed") == Reply(answered=False)


def test_retries_follow_the_backoff_policy() -> None:  # DELIV-11
    desk = Desk()
    ticket = desk.submit()
    now = NOW
    for attempts in range(6):
        outcome = desk.core.outcome(now, ticket, answered=False, draw=0.25)
        assert isinstance(outcome, RetryAt)
        assert outcome.at_ms == now + backoff_ms(attempts, 0.25, TERMS)
        now = outcome.at_ms


def test_a_device_is_told_once_that_a_service_does_not_answer() -> None:  # DELIV-24
    desk = Desk()
    ticket = desk.submit()
    notices = []
    for wait in (0, NOTICE - 1, NOTICE, NOTICE + 1):
        outcome = desk.restarted().outcome(NOW + wait, ticket, answered=False, draw=0.0)
        assert isinstance(outcome, RetryAt)
        notices.append(outcome.notice)
    assert notices == [False, False, True, False]


def test_it_gives_up_rather_than_arrive_too_late() -> None:
    desk = Desk()
    ticket = desk.submit(not_after_ms=NOW + TERMS.retry_min_ms // 2)
    assert desk.core.outcome(NOW, ticket, answered=False, draw=0.0) == GaveUp()
    assert desk.core.attempt(NOW, ticket) is None
    assert [event.kind for event in desk.events] == [Kind.GAVE_UP]


def test_nothing_is_posted_at_or_after_the_date() -> None:
    desk = Desk()
    ticket = desk.submit()
    assert desk.core.attempt(LATER - 1, ticket) is not None
    assert desk.core.attempt(LATER, ticket) is None
    assert [event.kind for event in desk.events] == [Kind.GAVE_UP]


# -------------------------------------------------------------------- what became of it


def test_whoever_asks_learns_the_state() -> None:
    desk = Desk()
    ticket = desk.submit()
    assert desk.core.status(NOW + NOTICE, ticket) == Status(State.QUEUED, unreachable=False)  # never tried
    desk.core.outcome(NOW, ticket, answered=False, draw=0.0)
    assert desk.core.status(NOW + NOTICE - 1, ticket) == Status(State.QUEUED, unreachable=False)
    assert desk.core.status(NOW + NOTICE, ticket) == Status(State.QUEUED, unreachable=True)
    desk.core.outcome(NOW + NOTICE, ticket, answered=True, draw=0.0)
    assert desk.core.status(NOW + NOTICE, ticket) == Status(State.FORWARDED, unreachable=False)


def test_an_unknown_ticket_looks_like_one_that_expired() -> None:  # SEND-13
    desk = Desk()
    ticket = desk.submit()
    desk.core.outcome(NOW, ticket, answered=False, draw=0.0)
    unknown = desk.core.status(LATER, bytes(16))
    assert unknown == desk.core.status(NOW, b"") == Status(State.EXPIRED, unreachable=False)
    assert desk.core.status(LATER, ticket) == unknown
    desk.core.attempt(LATER, ticket)
    assert desk.core.status(LATER, ticket) == unknown
    desk.core.erase(LATER)
    assert desk.core.status(LATER, ticket) == unknown


# -------------------------------------------------------------------- storage


def test_what_waits_survives_a_restart() -> None:  # DELIV-21
    desk = Desk()
    ticket = desk.submit()
    desk.core.outcome(NOW, ticket, answered=False, draw=0.0)
    again = desk.restarted()
    assert again.waiting() == (ticket,)
    assert again.next_ms() == NOW + backoff_ms(0, 0.0, TERMS)
    assert again.attempt(NOW + 1, ticket) == Attempt(URI, REQUEST)
    outcome = again.outcome(NOW, ticket, answered=False, draw=0.0)
    assert outcome == RetryAt(NOW + backoff_ms(1, 0.0, TERMS), notice=False)


def test_finished_work_is_forgotten_after_its_date_and_its_request_at_once() -> None:
    desk = Desk()
    ticket = desk.submit()
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    assert not any(REQUEST in value for value in desk.storage.values.values())
    desk.core.erase(LATER - 1)
    assert len(desk.storage.values) == 1
    desk.core.erase(LATER)
    assert desk.storage.values == {}
    assert refused(desk, SUBMISSION, LATER) is ErrorClass.EXPIRED


def test_a_ticket_that_is_not_queued_has_no_outcome() -> None:
    desk = Desk()
    ticket = desk.submit()
    desk.core.outcome(NOW, ticket, answered=True, draw=0.0)
    for unknown in (ticket, Ticket(bytes(16))):
        with pytest.raises(InputError):
            desk.core.outcome(NOW, unknown, answered=True, draw=0.0)


def test_a_damaged_queue_is_not_guessed_at() -> None:
    desk = Desk()
    desk.submit()
    (key,) = desk.storage.values
    desk.storage.values[key] += b"\0"
    with pytest.raises(OwnError):
        desk.restarted()
