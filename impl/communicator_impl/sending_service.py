"""A sending service: a durable queue of sealed requests with retries.

Theory. A device hands over a request and goes to sleep; this service brings it to a receiving service that may be down
for days. It is told which service, opaque bytes and a date after which they are useless. It never sees an address, a
root or a person's name, so it cannot tell two messages to one person from two messages to two.

::

    submit ──▶ queued ──attempt, 202──────────▶ forwarded
                │  ▲ ──attempt, refused───────▶ refused
                │  └── attempt, anything else: wait, then again
                └───── too late ──────────────▶ expired

Rules:

1. A ticket is drawn; who submits the same again, with the same token if one is asked for, gets the same ticket and no
   second delivery, also after a crash and after the request was forwarded, until its date (DELIV-25).
2. An entry is on disk before its ticket is returned, with the token's nonce and the submission's digest in the same
   write, and its end before the outcome is (DELIV-21). What cannot be kept is refused.
3. It stops before the address expires: no attempt at or after the not-after time, and no waiting beyond it (DELIV-11).
4. A device is told once that a receiving service does not answer (DELIV-24); whoever asks is told each time.
5. A ticket that is not known looks like one that expired: nothing tells what was ever submitted (SEND-13).
"""

import heapq
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.queue_entry import Entry, State, Ticket
from communicator_impl.storage import Storage
from communicator_impl.submission import Submission, checked_request, first_attempt_ms
from communicator_spec import ErrorClass, Kind, Terms, backoff_ms
from communicator_spec.errors import STATUS
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Attempt",
    "Forwarded",
    "GaveUp",
    "Level",
    "Offer",
    "Outcome",
    "Reply",
    "RetryAt",
    "SendingService",
    "Status",
    "Ticket",
    "TurnedDown",
    "check_submission",
    "concluded",
    "kept_until_ms",
    "reading",
    "status_of",
]

_V: Final = PARAMETERS.service
_TAKEN: Final = 202
_PREFIX: Final = "queue/"


class Attempt(NamedTuple):
    """What to post, and to which receiving service: these bytes and nothing else (SEND-9)."""

    uri: str
    request: bytes


class Forwarded(NamedTuple):
    """The receiving service took it; there is nothing more to do."""


class TurnedDown(NamedTuple):
    """The receiving service refused it for good; there is nothing more to do."""


class RetryAt(NamedTuple):
    """Try again at `at_ms`; `notice`: tell the device that the receiving service does not answer."""

    at_ms: int
    notice: bool


class GaveUp(NamedTuple):
    """It would arrive too late; there is nothing more to do."""


Outcome = Forwarded | TurnedDown | RetryAt | GaveUp


class Reply(NamedTuple):
    """What a receiving service said to an attempt: whether it answered, and the class if it refused."""

    answered: bool
    refusal: ErrorClass | None = None


class Status(NamedTuple):
    """What became of a submission; `unreachable` while it is queued and its receiving service has been silent."""

    state: State
    unreachable: bool


class Level(StrEnum):
    """How much a service can take now."""

    OPEN = "open"
    BUSY = "busy"
    CLOSED = "closed"


class Offer(NamedTuple):
    """What an operator offers: means of delays, and how many submissions there is room for.

    Above `busy_at` of them the service says that it is busy; `retry_after_s` is what it says then, `calm_s` otherwise.
    """

    delay_mean_s: tuple[int, ...] = (0,)
    submissions_max: int = 1 << 20
    busy_at: int = 3 << 18
    retry_after_s: int = 60
    calm_s: int = 600


class SendingService:
    """One operator's sending service; `via` is its number in the log, `number` finds that of a receiving service."""

    def __init__(
        self,
        via: int,
        terms: Terms,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
        number: Callable[[str], int],
        offer: Offer | None = None,
    ) -> None:
        self._via = via
        self._terms = terms
        self._storage = storage
        self._entropy = entropy
        self._emit = emit
        self._number = number
        self._offer = offer or Offer()
        if 0 not in self._offer.delay_mean_s:  # SEND-6
            raise InputError(ErrorClass.REFUSED, "the delay 0 is always offered")
        self._is_closed = False
        self._queue: dict[Ticket, Entry] = {}
        self._tickets: dict[bytes, Ticket] = {}  # by what recognises a repetition
        self._due: list[tuple[int, Ticket]] = []
        for key in storage.keys(_PREFIX):
            stored = storage.load(key)
            if stored is not None:
                self._remember(Ticket(bytes.fromhex(key.removeprefix(_PREFIX))), Entry.from_bytes(stored))

    # ---------------------------------------------------------------- what devices do

    def submit(self, now_ms: int, submission: Submission, nonce: bytes = b"", draw: float = 0.0) -> Ticket:
        """Keep a submission durably and return its ticket; the same one always gets the same.

        `nonce` is that of the token that pays for it, empty where none is asked for; `draw` in [0, 1) makes the delay.
        Refusals: `MALFORMED`, `TOO_LARGE`, `REPLAYED`, `REFUSED`, `EXPIRED`, `LIMIT`.
        """
        checked_request(submission.request)
        digest = submission.digest()
        known = self._tickets.get(nonce or digest)
        if known is not None:  # DELIV-25
            if self._queue[known].digest != digest:
                raise PeerError(ErrorClass.REPLAYED, "token of another submission")  # SEND-2
            return known
        self._check(now_ms, submission)
        until_ms = kept_until_ms(now_ms, submission, self._terms)
        due_ms = first_attempt_ms(now_ms, submission.delay_mean_s, until_ms, draw)
        ticket = Ticket(self._entropy.draw("sending.ticket", _V.ticket_bytes))  # SEND-3
        entry = Entry(submission.uri, submission.request, until_ms, due_ms, due_ms, nonce, digest)
        self._keep(ticket, entry)  # SEND-1
        return ticket

    def status(self, now_ms: int, ticket: bytes) -> Status:
        """Say what became of a submission; of one that is not known, that it expired (SEND-13)."""
        entry = self._queue.get(Ticket(ticket))
        return status_of(now_ms, entry, self._terms)

    def level(self) -> tuple[Level, int]:
        """Say how much the service can take, and after how many seconds to ask again."""
        if self._is_full():
            return Level.CLOSED, self._offer.retry_after_s
        if len(self._queue) >= self._offer.busy_at:
            return Level.BUSY, self._offer.retry_after_s
        return Level.OPEN, self._offer.calm_s

    def close(self) -> None:
        """Take nothing new from now on, and go on with what is queued: before an operator closes the service."""
        self._is_closed = True

    # ---------------------------------------------------------------- what the host does

    def waiting(self) -> tuple[Ticket, ...]:
        """Return the tickets that still need attempts."""
        return tuple(ticket for ticket, entry in self._queue.items() if entry.state is State.QUEUED)

    def take_due(self, now_ms: int) -> tuple[Ticket, ...]:
        """Return what is to be attempted now, earliest first; each is named once until its outcome is known.

        What was named and had no outcome when the service crashed is named again by the next one.
        """
        found = []
        while self._due and self._due[0][0] <= now_ms:
            due_ms, ticket = heapq.heappop(self._due)
            if self._is_current(due_ms, ticket):
                found.append(ticket)
        return tuple(found)

    def next_ms(self) -> int | None:
        """Return when `take_due` has something to say; None while nothing is planned."""
        while self._due and not self._is_current(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def attempt(self, now_ms: int, ticket: Ticket) -> Attempt | None:
        """Return the bytes to post; None if it is too late or there is nothing to do for this ticket."""
        entry = self._queue.get(ticket)
        if entry is None or entry.state is not State.QUEUED:
            return None
        if _is_late(now_ms, entry):  # DELIV-11
            self._finish(now_ms, ticket, entry, State.EXPIRED)
            return None
        return Attempt(entry.uri, entry.request)

    def outcome(
        self,
        now_ms: int,
        ticket: Ticket,
        *,
        answered: bool,
        draw: float,
        refusal: ErrorClass | None = None,
        retry_after_ms: int = 0,
    ) -> Outcome:
        """Take the result of an attempt: forget what is over, plan the next attempt of what is not (SEND-10).

        `draw` in [0, 1) spreads the retries; `refusal` is the class of an answer other than 202, and `retry_after_ms`
        what came with a `limit`. An unknown ticket raises `InputError`.
        """
        entry = self._queue.get(ticket)
        if entry is None or entry.state is not State.QUEUED:
            raise InputError(ErrorClass.UNKNOWN, "no such ticket in the queue")
        reply = Reply(answered, refusal)
        after, outcome = concluded(now_ms, entry, reply, draw=draw, retry_after_ms=retry_after_ms, terms=self._terms)
        if after.state is State.QUEUED:
            self._keep(ticket, after)
        else:
            self._finish(now_ms, ticket, entry, after.state)
        return outcome

    def erase(self, now_ms: int) -> None:
        """Forget finished submissions whose date has passed; the host calls this now and then."""
        for ticket, entry in list(self._queue.items()):
            if entry.state is not State.QUEUED and now_ms >= entry.not_after_ms:
                del self._queue[ticket]
                del self._tickets[entry.name]
                self._storage.delete(_key(ticket))

    # ---------------------------------------------------------------- rules

    def _check(self, now_ms: int, submission: Submission) -> None:
        check_submission(now_ms, submission, self._offer)
        if self._is_full():  # SEND-15
            raise PeerError(ErrorClass.LIMIT, "no room")

    def _is_full(self) -> bool:
        return self._is_closed or len(self._queue) >= self._offer.submissions_max

    def _is_current(self, due_ms: int, ticket: Ticket) -> bool:
        entry = self._queue.get(ticket)
        return entry is not None and entry.state is State.QUEUED and entry.due_ms == due_ms

    # ---------------------------------------------------------------- state

    def _finish(self, now_ms: int, ticket: Ticket, entry: Entry, state: State) -> None:
        self._keep(ticket, entry.finished(state))
        kind = Kind.FORWARDED if state is State.FORWARDED else Kind.GAVE_UP
        self._emit(CoreEvent(now_ms, kind, service=self._number(entry.uri), via=self._via))

    def _keep(self, ticket: Ticket, entry: Entry) -> None:
        self._storage.save(_key(ticket), entry.to_bytes())
        self._remember(ticket, entry)

    def _remember(self, ticket: Ticket, entry: Entry) -> None:
        self._queue[ticket] = entry
        self._tickets[entry.name] = ticket
        if entry.state is State.QUEUED:
            heapq.heappush(self._due, (entry.due_ms, ticket))


def kept_until_ms(now_ms: int, submission: Submission, terms: Terms) -> int:
    """Return when a submission is given up: at its not-after time, and never later than a queue lifetime from now."""
    return min(submission.not_after_ms, now_ms + terms.queue_lifetime_ms)  # SEND-4


def check_submission(now_ms: int, submission: Submission, offer: Offer) -> None:
    """Check what depends on the time and on what a service offers: `REFUSED`, `EXPIRED`."""
    if submission.delay_mean_s not in offer.delay_mean_s:  # SEND-6
        raise PeerError(ErrorClass.REFUSED, "delay is not offered")
    if now_ms >= submission.not_after_ms:  # SEND-5
        raise PeerError(ErrorClass.EXPIRED, "not-after time has passed")


def status_of(now_ms: int, entry: Entry | None, terms: Terms) -> Status:
    """Say what became of a submission; None is one that is not known, which has expired (SEND-13)."""
    if entry is None or (entry.state is State.QUEUED and _is_late(now_ms, entry)):
        return Status(State.EXPIRED, unreachable=False)
    silent = entry.attempts > 0 and now_ms - entry.silent_ms >= terms.unreachable_notice_ms
    return Status(entry.state, unreachable=entry.state is State.QUEUED and silent)


def concluded(
    now_ms: int, entry: Entry, reply: Reply, *, draw: float, retry_after_ms: int, terms: Terms
) -> tuple[Entry, Outcome]:
    """Return a queued entry after an attempt, and what became of it; one that is over has no request any more."""
    if reply.answered and reply.refusal is not ErrorClass.LIMIT:  # SEND-10
        state = State.REFUSED if reply.refusal else State.FORWARDED
        return entry.finished(state), TurnedDown() if reply.refusal else Forwarded()
    at_ms = now_ms + max(retry_after_ms, backoff_ms(entry.attempts, draw, terms))
    if _is_late(at_ms, entry):  # DELIV-11
        return entry.finished(State.EXPIRED), GaveUp()
    silent = now_ms - entry.silent_ms >= terms.unreachable_notice_ms
    notice = not reply.answered and not entry.noticed and silent  # DELIV-24
    return entry.retried(now_ms, at_ms, answered=reply.answered, notice=notice), RetryAt(at_ms, notice)


def _is_late(t_ms: int, entry: Entry) -> bool:
    return t_ms >= entry.not_after_ms


def reading(status: int | None, problem: str | None = None) -> Reply:
    """Read what came back from `POST /v1/accept`: the status, None without an answer, and the class in the body.

    Only 202 takes, and only a refusal with the status and the body of its class refuses; anything else, as a proxy may
    say it on the way, is no answer (SEND-10, SVC-6).
    """
    if status == _TAKEN:
        return Reply(answered=True)
    for error_class, of_class in STATUS.items():
        if (status, problem) == (of_class, error_class.value):
            return Reply(answered=True, refusal=error_class)
    return Reply(answered=False)


def _key(ticket: Ticket) -> str:
    return _PREFIX + ticket.hex()
