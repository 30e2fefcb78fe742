"""A sending service: a durable queue of sealed envelopes with retries.

Theory. A device hands over an envelope and goes to sleep; this service brings it to a receiving service that may be
down for days. It is told which service, opaque bytes and a date after which they are useless. It never sees an
address, a root or a person's name, so it cannot tell two messages to one person from two messages to two.

::

    submit ──▶ queued ──attempt, answered──▶ forwarded
                │  ▲
                │  └─ attempt, unanswered: wait, then again
                └──── too late: given up

Rules:

1. A ticket is the digest of service and envelope: who submits the same twice gets the same ticket and no second
   delivery, also after a crash and after the envelope was forwarded, until its date (DELIV-25).
2. An entry is on disk before its ticket is returned, and its end before the outcome is (DELIV-21).
3. It stops before the address expires: no attempt at or after `not_after_ms`, and no waiting beyond it (DELIV-11).
4. A device is told once that a receiving service does not answer (DELIV-24).
"""

import hashlib
from typing import NamedTuple, NewType

import msgspec

from communicator_impl import wire
from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.storage import Storage
from communicator_spec import ErrorClass, Kind, Terms, backoff_ms
from communicator_spec.parameters import PARAMETERS

__all__ = ["Attempt", "Forwarded", "GaveUp", "RetryAt", "SendingService", "Ticket"]

Ticket = NewType("Ticket", bytes)

_REQUEST_MAX = PARAMETERS.envelope.request_bytes_max
_ENTRY_MAX = _REQUEST_MAX + 128
_PREFIX = "queue/"


class Attempt(NamedTuple):
    """What to post, and to which receiving service."""

    service: int
    request: bytes


class Forwarded(NamedTuple):
    """The receiving service took it; there is nothing more to do."""


class RetryAt(NamedTuple):
    """Try again at `at_ms`; `notice`: tell the device that the receiving service does not answer."""

    at_ms: int
    notice: bool


class GaveUp(NamedTuple):
    """It would arrive too late; there is nothing more to do."""


class _Queued(msgspec.Struct, frozen=True):
    """One submission; `envelope` is empty once it was forwarded or given up."""

    service: int
    envelope: bytes
    submitted_ms: int
    not_after_ms: int
    attempts: int = 0
    noticed: bool = False

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        return wire.encode([*msgspec.structs.astuple(self)])

    @classmethod
    def from_bytes(cls, data: bytes) -> "_Queued":
        """Read what `to_bytes` wrote."""
        try:
            row = wire.array(wire.decode(data, _ENTRY_MAX), 6, size=6)
            service, submitted_ms, not_after_ms, attempts = (wire.uint(row[i]) for i in (0, 2, 3, 4))
            return cls(service, wire.octets(row[1]), submitted_ms, not_after_ms, attempts, wire.boolean(row[5]))
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored submission") from error


class SendingService:
    """One operator's sending service; `via` is its number."""

    def __init__(self, via: int, terms: Terms, storage: Storage, emit: Emit) -> None:
        self._via = via
        self._terms = terms
        self._storage = storage
        self._emit = emit
        self._queue: dict[Ticket, _Queued] = {}
        for key in storage.keys(_PREFIX):
            stored = storage.load(key)
            if stored is not None:
                self._queue[Ticket(bytes.fromhex(key.removeprefix(_PREFIX)))] = _Queued.from_bytes(stored)

    def waiting(self) -> tuple[Ticket, ...]:
        """Return the tickets that still need attempts: what a host plans after a restart."""
        return tuple(ticket for ticket, queued in self._queue.items() if queued.envelope)

    def submit(self, now_ms: int, service: int, envelope: bytes, not_after_ms: int) -> Ticket:
        """Keep an envelope durably and return its ticket; the same envelope always gets the same one."""
        if not envelope:
            raise InputError(ErrorClass.MALFORMED, "empty envelope")
        if len(envelope) > _REQUEST_MAX:  # ENV-2
            raise InputError(ErrorClass.TOO_LARGE, "envelope")
        ticket = _ticket(service, envelope)
        if ticket not in self._queue:  # DELIV-25
            self._keep(ticket, _Queued(service, envelope, now_ms, not_after_ms))
        return ticket

    def attempt(self, now_ms: int, ticket: Ticket) -> Attempt | None:
        """Return the bytes to post; None if it is too late or there is nothing to do for this ticket."""
        queued = self._queue.get(ticket)
        if queued is None or not queued.envelope:
            return None
        if self._is_late(now_ms, queued):  # DELIV-11
            self._finish(now_ms, ticket, queued, Kind.GAVE_UP)
            return None
        return Attempt(queued.service, queued.envelope)

    def outcome(self, now_ms: int, ticket: Ticket, *, answered: bool, draw: float) -> Forwarded | RetryAt | GaveUp:
        """Take the result of an attempt: forget what was forwarded, plan the next attempt of what was not.

        `draw` in [0, 1) spreads the retries. An unknown ticket raises `InputError`.
        """
        queued = self._queue.get(ticket)
        if queued is None or not queued.envelope:
            raise InputError(ErrorClass.UNKNOWN, "no such ticket in the queue")
        if answered:
            self._finish(now_ms, ticket, queued, Kind.FORWARDED)
            return Forwarded()
        at_ms = now_ms + backoff_ms(queued.attempts, draw, self._terms)
        if self._is_late(at_ms, queued):  # DELIV-11
            self._finish(now_ms, ticket, queued, Kind.GAVE_UP)
            return GaveUp()
        notice = self._is_notice_due(now_ms, queued)
        noticed = queued.noticed or notice
        self._keep(ticket, msgspec.structs.replace(queued, attempts=queued.attempts + 1, noticed=noticed))
        return RetryAt(at_ms, notice)

    def erase(self, now_ms: int) -> None:
        """Forget finished submissions whose date has passed; the host calls this now and then."""
        for ticket, queued in list(self._queue.items()):
            if not queued.envelope and now_ms >= queued.not_after_ms:
                del self._queue[ticket]
                self._storage.delete(_key(ticket))

    def _is_late(self, t_ms: int, queued: _Queued) -> bool:
        return t_ms >= queued.not_after_ms

    def _is_notice_due(self, now_ms: int, queued: _Queued) -> bool:
        waited_ms = now_ms - queued.submitted_ms
        return not queued.noticed and waited_ms >= self._terms.unreachable_notice_ms  # DELIV-24

    def _finish(self, now_ms: int, ticket: Ticket, queued: _Queued, kind: Kind) -> None:
        self._keep(ticket, msgspec.structs.replace(queued, envelope=b""))
        self._emit(CoreEvent(now_ms, kind, service=queued.service, via=self._via))

    def _keep(self, ticket: Ticket, queued: _Queued) -> None:
        self._storage.save(_key(ticket), queued.to_bytes())
        self._queue[ticket] = queued


def _ticket(service: int, envelope: bytes) -> Ticket:
    return Ticket(hashlib.sha256(service.to_bytes(8) + envelope).digest())


def _key(ticket: Ticket) -> str:
    return _PREFIX + ticket.hex()
