"""Bugs of a service: an answer before its cause is durable, a mark that is not set, a word that nobody said."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from queue import Queue
from typing import Final, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from communicator_impl.queue_entry import Entry, State, Ticket
from communicator_impl.services import host, resolver
from communicator_impl.services.database import Database, GroupCommit, database_of
from communicator_impl.services.forwarder import Forwarder
from communicator_impl.services.receiving_store import ReceivingStore
from communicator_impl.services.schema import accepted, messages, submissions
from communicator_impl.services.sending_store import SendingStore, Taken
from communicator_impl.services.settings import Settings
from communicator_impl.submission import Submission
from communicator_simulations.chaos.connections import Fault
from communicator_simulations.chaos.harm import lose_tail
from communicator_simulations.chaos.planted.bug import LATE_S, Bug, Patch, Reached, replaced

__all__ = ["OF_SERVICES"]

Found = TypeVar("Found")

_LOST: Final = 2
_KEPT: Final = 24
"""Commits that make a store what it is: without them it does not open, and nothing is to be judged."""
_CONFIRMED_MOST: Final = 64


def _accepts_before_commit(patch: Patch, reached: Reached) -> None:
    put = GroupCommit.put

    def early(self: GroupCommit, at_ms: int, request: bytes) -> "asyncio.Future[None]":
        reached()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        loop.call_later(LATE_S, put, self, at_ms, request)
        return done

    replaced(patch, GroupCommit, "put", early)


def _answers_before_commit(patch: Patch, reached: Reached) -> None:
    transact = Database.transact
    later: Queue[tuple[float, Database, Callable[[Connection], object]]] = Queue()

    def carry_out() -> None:
        while True:
            due, of, work = later.get()
            time.sleep(max(0.0, due - time.monotonic()))
            transact(of, work)

    def early(self: Database, work: Callable[[Connection], Found]) -> Found:
        reached()
        with self.writing() as connection:
            found = work(connection)
            connection.rollback()
        later.put((time.monotonic() + LATE_S, self, work))
        return found

    threading.Thread(target=carry_out, daemon=True).start()
    replaced(patch, Database, "transact", early)


def _deletes_before_it_stores(patch: Patch, reached: Reached) -> None:
    decide = resolver.Resolver.decide

    def apart(self: resolver.Resolver, looked: resolver.Looked) -> resolver.Resolved:
        reached()
        with self._database.reading() as connection:
            found = connection.execute(accepted.select().where(accepted.c.id.in_(looked.ids)))
            rows = [row._asdict() for row in found]
        decide(self, resolver.Looked(looked.ids, [], {}))
        time.sleep(LATE_S)
        with self._database.writing() as connection:
            connection.execute(accepted.insert(), rows)
        return decide(self, looked)

    replaced(patch, resolver.Resolver, "decide", apart)


def _concludes_before_it_posts(patch: Patch, reached: Reached) -> None:
    attempts = Forwarder._attempts

    async def early(self: Forwarder, group: list[Taken]) -> list[Taken]:
        reached()
        done = [Taken(one.ticket, one.entry.finished(State.FORWARDED)) for one in group]
        await self._work.run(self._conclude, done)
        await asyncio.sleep(LATE_S)
        return await attempts(self, group)

    replaced(patch, Forwarder, "_attempts", early)


def _takes_silence_for_a_yes(patch: Patch, reached: Reached) -> None:
    right = Forwarder._post

    async def post(self: Forwarder, entry: Entry) -> tuple[Entry, bool]:
        after, connected = await right(self, entry)
        if connected:
            return after, connected
        reached()
        return entry.finished(State.FORWARDED), True

    replaced(patch, Forwarder, "_post", post)


def _spends_no_address(patch: Patch, reached: Reached) -> None:
    right = resolver._Batch.write

    def write(self: resolver._Batch) -> tuple[str, ...]:
        if self._blocks or self._positions:
            reached()
        self._blocks.clear()
        self._positions.clear()
        return right(self)

    def write_labels(self: resolver._Batch) -> None:
        return

    replaced(patch, resolver._Batch, "write", write)
    replaced(patch, resolver._Batch, "_write_labels", write_labels)


def _takes_a_submission_again(patch: Patch, reached: Reached) -> None:
    right = SendingStore.submit

    def submit(
        self: SendingStore,
        connection: Connection,
        now_ms: int,
        submission: Submission,
        nonce: bytes,
        draw: float,
        fresh: Ticket,
    ) -> Ticket:
        known = select(submissions.c.ticket).where(submissions.c.digest == submission.digest())
        if connection.execute(known).first() is not None:
            reached()
        return right(self, connection, now_ms, submission, bytes(fresh), draw, fresh)

    replaced(patch, SendingStore, "submit", submit)


def _confirms_everything(patch: Patch, reached: Reached) -> None:
    right = ReceivingStore.confirm

    def confirm(
        self: ReceivingStore, connection: Connection, now_ms: int, access_key: bytes, numbers: Sequence[int]
    ) -> None:
        owner = self.owner(connection, access_key)
        mine = select(messages.c.number).where(messages.c.root == owner.root).order_by(messages.c.number)
        held = list(connection.execute(mine.limit(_CONFIRMED_MOST)).scalars())
        if set(held) > set(numbers):
            reached()
        right(self, connection, now_ms, access_key, held or numbers)

    replaced(patch, ReceivingStore, "confirm", confirm)


def _does_not_flush(patch: Patch, reached: Reached) -> None:
    def lost(settings: Settings, connections: int) -> Database:
        path = make_url(settings.database.url).database
        if path and lose_tail(path, _LOST, _KEPT):
            reached()
        return database_of(settings, connections)

    replaced(patch, host, "database_of", lost)


OF_SERVICES: Final = (
    Bug(
        "accepts-before-commit",
        "Acceptance is answered, and then stored.",
        _accepts_before_commit,
        ("services.receiving:accept after",),
        (),
        ("accounted",),
    ),
    Bug(
        "answers-before-commit",
        "Whatever a request does is tried, undone and answered, and done a little later.",
        _answers_before_commit,
        ("services.sending:submit after", "services.receiving:confirm after"),
        (),
        ("sent-and-taken", "accounted", "kept-until-confirmed"),
    ),
    Bug(
        "deletes-before-it-stores",
        "What was accepted is taken out in one transaction, and stored in another one.",
        _deletes_before_it_stores,
        ("services.resolver:Resolver.decide:1 after",),
        (),
        ("accounted",),
    ),
    Bug(
        "concludes-before-it-posts",
        "A submission counts as forwarded, and is posted afterwards.",
        _concludes_before_it_posts,
        ("services.forwarder:Forwarder._post:1 before",),
        (),
        ("accounted",),
    ),
    Bug(
        "takes-silence-for-a-yes",
        "A receiving service that does not answer counts as one that has taken a request.",
        _takes_silence_for_a_yes,
        ("services.receiving:accept before",),
        ((Fault.RESET, "/v1/accept"),),
        ("accounted",),
    ),
    Bug(
        "spends-no-address",
        "An address is good for any number of messages.",
        _spends_no_address,
        (),
        ((Fault.DUPLICATE, "/v1/accept"), (Fault.LOST_ANSWER, "/v1/accept")),
        ("only-peers",),
    ),
    Bug(
        "takes-a-submission-again",
        "A submission that comes again is another one.",
        _takes_a_submission_again,
        (),
        ((Fault.DUPLICATE, "/v1/submit"), (Fault.LOST_ANSWER, "/v1/submit")),
        ("sent-and-taken",),
    ),
    Bug(
        "confirms-everything",
        "Who confirms some messages has all of them deleted.",
        _confirms_everything,
        (),
        ((Fault.DELAY, "/v1/confirm"),),
        ("kept-until-confirmed", "kept-before-confirmed"),
    ),
    Bug(
        "does-not-flush-what-it-answered",
        "The database does not flush its log, and the last commits are lost with the power.",
        _does_not_flush,
        ("services.sending:submit after", "services.receiving:accept after"),
        (),
        ("sent-and-taken", "accounted", "kept-until-confirmed"),
    ),
)
