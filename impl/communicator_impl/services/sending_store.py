"""The queue of a sending service in tables: the rules of `sending_service`, for several instances.

Theory. A submission is one row. Its name is unique: the nonce of the token that paid for it, or the digest where none
was asked for. So who submits again meets the row and gets its ticket, at whichever instance. Who forwards takes rows
for a while; what it does not conclude in that time, because it died, another one takes.

Rules:

1. A row, the mark of its token and the digest are one transaction (SEND-1).
2. An attempt is concluded by the pure rules of the core (`concluded`), and only while the row is still queued.
3. A row that is taken is nobody else's until its time is over; PostgreSQL skips what another one is taking.
"""

import hmac
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from communicator_impl.errors import PeerError
from communicator_impl.queue_entry import Entry, State, Ticket
from communicator_impl.sending_service import Level, Offer, Status, check_submission, kept_until_ms, status_of
from communicator_impl.services import clock
from communicator_impl.services.clock import forget, forgotten_s
from communicator_impl.services.events import is_on, origin, write
from communicator_impl.services.schema import submissions
from communicator_impl.submission import Submission, checked_request, first_attempt_ms
from communicator_spec import ErrorClass, Kind, Terms
from communicator_spec.events import named
from communicator_spec.places import PlaceEvent

__all__ = ["SendingStore", "Taken", "ticket_topic"]

_C: Final = submissions.c
_ENDED: Final = "submissions"


class Taken(NamedTuple):
    """A submission that an instance has taken for an attempt."""

    ticket: Ticket
    entry: Entry


class SendingStore:
    """The queue; `held` is how many submissions there are, as the host counts them now and then."""

    def __init__(self, terms: Terms, offer: Offer) -> None:
        self.terms = terms
        self._offer = offer
        self.held = 0

    # ---------------------------------------------------------------- what devices do

    def submit(
        self, connection: Connection, now_ms: int, submission: Submission, nonce: bytes, draw: float, fresh: Ticket
    ) -> Ticket:
        """Keep a submission and return its ticket: `fresh`, or the one that it got before (DELIV-25).

        Refusals: `MALFORMED`, `TOO_LARGE`, `REPLAYED`, `REFUSED`, `EXPIRED`, `LIMIT`.
        """
        checked_request(submission.request)
        digest = submission.digest()
        row = connection.execute(select(_C.ticket, _C.digest).where(_C.name == (nonce or digest))).first()
        if row is not None:
            if not hmac.compare_digest(row.digest, digest):
                raise PeerError(ErrorClass.REPLAYED, "token of another submission")  # SEND-2
            return Ticket(row.ticket)
        not_before_ms = 1000 * forgotten_s(connection, _ENDED)
        check_submission(max(now_ms, not_before_ms), submission, self._offer)  # SEND-5: what was erased is not new
        if self.held >= self._offer.submissions_max:  # SEND-15
            raise PeerError(ErrorClass.LIMIT, "no room")
        until_ms = kept_until_ms(now_ms, submission, self.terms)
        due_ms = first_attempt_ms(now_ms, submission.delay_mean_s, until_ms, draw)
        entry = Entry(submission.uri, submission.request, until_ms, due_ms, due_ms, nonce, digest)
        connection.execute(insert(submissions).values(ticket=fresh, name=entry.name, **_columns(entry)))  # SEND-1
        if is_on(connection):
            self._write(connection, Kind.TAKEN, submission.uri, submission.request)
        return fresh

    def status(self, connection: Connection, now_ms: int, ticket: bytes) -> Status:
        """Say what became of a submission; of one that is not known, that it expired (SEND-13)."""
        row = connection.execute(select(submissions).where(_C.ticket == ticket)).first()
        return status_of(now_ms, None if row is None else _entry(row), self.terms)

    def level(self) -> tuple[Level, int]:
        """Say how much the service can take, and after how many seconds to ask again."""
        if self.held >= self._offer.submissions_max:
            return Level.CLOSED, self._offer.retry_after_s
        busy = self.held >= min(self._offer.busy_at, self._offer.submissions_max * 3 // 4)
        return (Level.BUSY, self._offer.retry_after_s) if busy else (Level.OPEN, self._offer.calm_s)

    # ---------------------------------------------------------------- what the forwarder does

    def next_ms(self, connection: Connection, busy: Collection[str]) -> int | None:
        """Return when something is due that is not taken, at an origin that nobody here is busy with."""
        due = select(func.min(func.max(_C.due_ms, _C.claimed_until_ms)))
        if connection.dialect.name != "sqlite":
            due = select(func.min(func.greatest(_C.due_ms, _C.claimed_until_ms)))
        found: int | None = connection.execute(due.where(_C.state == State.QUEUED, _C.uri.not_in(busy))).scalar()
        return found

    def take(self, connection: Connection, now_ms: int, until_ms: int, busy: Collection[str], most: int) -> list[Taken]:
        """Take what is due, earliest first, until a time; rows of the origins `busy` are left."""
        due = select(_C.ticket).where(
            _C.state == State.QUEUED, _C.due_ms <= now_ms, _C.claimed_until_ms <= now_ms, _C.uri.not_in(busy)
        )
        first = due.order_by(_C.due_ms, _C.ticket).limit(most).with_for_update(skip_locked=True)
        tickets = list(connection.execute(first).scalars())
        if not tickets:
            return []
        mine = update(submissions).where(_C.ticket.in_(tickets)).values(claimed_until_ms=until_ms)
        connection.execute(mine)
        rows = connection.execute(select(submissions).where(_C.ticket.in_(tickets)).order_by(_C.due_ms, _C.ticket))
        return [Taken(Ticket(row.ticket), _entry(row)) for row in rows]

    def conclude(self, connection: Connection, after: Iterable[Taken]) -> list[str]:
        """Write what became of attempts; returns whom to tell. What is over already stays as it is (SEND-10)."""
        topics = []
        for ticket, entry in sorted(after, key=lambda taken: taken.ticket):
            mine = (_C.ticket == ticket) & (_C.state == State.QUEUED)
            ends = is_on(connection) and entry.state is not State.QUEUED
            before = connection.execute(select(_C.request).where(mine).with_for_update()).first() if ends else None
            if connection.execute(update(submissions).where(mine).values(**_columns(entry))).rowcount:
                topics.append(ticket_topic(ticket))
            if before is not None:
                kind = Kind.FORWARDED if entry.state is State.FORWARDED else Kind.GAVE_UP
                self._write(connection, kind, entry.uri, before.request)
        return topics

    def release(self, connection: Connection) -> None:
        """Give back what a process had taken that died: for a database that only one process uses."""
        connection.execute(update(submissions).where(_C.claimed_until_ms > 0).values(claimed_until_ms=0))

    def bring_back(self, connection: Connection, now_ms: int, back_ms: int) -> None:
        """Move what was planned by a clock that went back: nothing waits for a time that is not near any more."""
        for time_ms in (_C.due_ms, _C.claimed_until_ms):
            later = update(submissions).where(_C.state == State.QUEUED, time_ms > now_ms)
            connection.execute(later.values({time_ms: time_ms - back_ms}))

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Forget finished submissions whose date has passed."""
        until_ms = 1000 * forget(connection, _ENDED, now_ms // 1000)
        connection.execute(delete(submissions).where(_C.state != State.QUEUED, _C.not_after_ms <= until_ms))

    def _write(self, connection: Connection, kind: Kind, uri: str, request: bytes) -> None:
        write(
            connection, [PlaceEvent(clock.now_ms(), kind, message=named(request), service=uri, via=origin(connection))]
        )

    def count(self, connection: Connection) -> None:
        """Count what there is."""
        self.held = connection.execute(select(func.count()).select_from(submissions)).scalar_one()


def ticket_topic(ticket: bytes) -> str:
    """Return the name under which whoever waits for a ticket is told."""
    return ticket.hex()


def _columns(entry: Entry) -> dict[str, object]:
    names = ("uri", "request", "not_after_ms", "due_ms", "silent_ms", "nonce", "digest", "attempts", "noticed", "state")
    return {name: getattr(entry, name) for name in names} | {"claimed_until_ms": 0}


def _entry(row: "Row[tuple[object, ...]]") -> Entry:
    times = (row.not_after_ms, row.due_ms, row.silent_ms)
    return Entry(row.uri, row.request, *times, row.nonce, row.digest, row.attempts, row.noticed, State(row.state))
