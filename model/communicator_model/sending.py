"""A sending service without cryptography: a durable queue with retries.

It is told a receiving service, opaque bytes and a date after which they are useless. It never learns an address, so
it cannot tell two messages to one person from two messages to two.
"""

from collections.abc import Callable
from copy import copy
from typing import Final

from communicator_spec import Kind, Row, Terms, backoff_ms
from communicator_spec.nodes import DONE, Outcome, Restored, Travelling

__all__ = ["SendingService"]

_FORWARDED: Final = int(Kind.FORWARDED)
_FINISHED: Final = Outcome(DONE, notice=False)


class _Queued:
    """A submission that has not been forwarded."""

    __slots__ = ("attempts", "noticed", "silent_ms", "submission")

    def __init__(self, now_ms: int, submission: Travelling) -> None:
        self.submission = submission
        self.silent_ms = now_ms  # since when the receiving service has not answered
        self.attempts = 0
        self.noticed = False


class SendingService:
    """One provider's sending service, as the population model sees it."""

    def __init__(self, service: int, terms: Terms, emit: Callable[[Row], None]) -> None:
        self._service = service
        self._terms = terms
        self._emit = emit
        self._queue: dict[int, _Queued] = {}
        self._tickets = 0
        self._backup: dict[int, _Queued] = {}

    def submit(self, now_ms: int, submission: Travelling) -> int:
        """Keep a submission durably; return its ticket."""
        self._tickets += 1
        self._queue[self._tickets] = _Queued(now_ms, submission)
        return self._tickets

    def attempt(self, now_ms: int, ticket: int) -> object | None:
        """Return the bytes to post to the receiving service; None if it is too late, or they are gone."""
        queued = self._queue.get(ticket)
        if queued is None:
            return None
        if now_ms >= queued.submission.not_after_ms:  # DELIV-11
            self._give_up(now_ms, ticket)
            return None
        return queued.submission.parcel

    def outcome(self, now_ms: int, ticket: int, *, answered: bool, draw: float) -> Outcome:
        """Take the result of an attempt; forget what was forwarded, plan the next attempt of what was not."""
        queued = self._queue[ticket]
        if answered:
            del self._queue[ticket]
            service = queued.submission.service
            self._emit((now_ms, _FORWARDED, -1, -1, service, -1, -1, self._service, -1))
            return _FINISHED
        retry_ms = now_ms + backoff_ms(queued.attempts, draw, self._terms)
        if retry_ms >= queued.submission.not_after_ms:
            self._give_up(now_ms, ticket)
            return _FINISHED
        queued.attempts += 1
        waited_ms = now_ms - queued.silent_ms
        notice = not queued.noticed and waited_ms >= self._terms.unreachable_notice_ms  # DELIV-6
        queued.noticed = queued.noticed or notice
        return Outcome(retry_ms, notice)

    def turned_away(self, now_ms: int, ticket: int, draw: float, retry_after_ms: int) -> Outcome:
        """Take a refusal with class limit: it is an answer, and the next attempt waits for what it asks (SEND-10)."""
        queued = self._queue[ticket]
        retry_ms = now_ms + max(retry_after_ms, backoff_ms(queued.attempts, draw, self._terms))
        if retry_ms >= queued.submission.not_after_ms:
            self._give_up(now_ms, ticket)
            return _FINISHED
        queued.attempts += 1
        queued.silent_ms = now_ms
        queued.noticed = False
        return Outcome(retry_ms, notice=False)

    def _give_up(self, now_ms: int, ticket: int) -> None:
        service = self._queue.pop(ticket).submission.service
        self._emit((now_ms, Kind.GAVE_UP, -1, -1, service, -1, -1, self._service, -1))

    def die(self) -> None:
        """Lose everything, for good."""
        self._queue.clear()

    def keep(self) -> None:
        """Make a backup of the queue."""
        self._backup = {ticket: copy(queued) for ticket, queued in self._queue.items()}

    def restore(self) -> Restored:
        """Put the backup in place of the queue: what was done with since is there again, what came since is gone."""
        again = [(ticket, kept.submission) for ticket, kept in self._backup.items() if ticket not in self._queue]
        self._queue = {ticket: copy(queued) for ticket, queued in self._backup.items()}
        return Restored(again, (), ())
