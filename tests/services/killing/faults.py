"""Services that break their promise, each in one way: what the judge must find.

Theory. A judge who never saw a loss may be blind. So each of these is a service with one planted fault, which a kill at
the right moment turns into a loss; they wait a little at that moment, so that a few kills are enough.

A fault whose place the service no longer passes would prove nothing: each says in the log when it is reached, and a
campaign whose service was to have a fault and never said so fails for that.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from queue import Queue
from typing import TypeVar

from sqlalchemy import Connection, delete

from communicator_impl.queue_entry import State
from communicator_impl.services import database, resolver
from communicator_impl.services.forwarder import Forwarder
from communicator_impl.services.schema import accepted
from communicator_impl.services.sending_store import Taken

Found = TypeVar("Found")

LATE_S = 0.05


def reached(fault: str) -> str:
    """Return the line that says that a fault was reached."""
    return f"planted fault reached: {fault}"


def _say(fault: str) -> None:
    """Write it once, from whichever process: what a service says of itself is no word of this."""
    if fault not in _said:
        _said.add(fault)
        os.write(2, f"{reached(fault)}\n".encode())


_said: set[str] = set()


def accepts_before_commit() -> None:
    """Acceptance is answered, and then stored."""
    put = database.GroupCommit.put

    def early(self: database.GroupCommit, at_ms: int, request: bytes) -> "asyncio.Future[None]":
        _say("accepts-before-commit")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        loop.call_later(LATE_S, put, self, at_ms, request)
        return done

    database.GroupCommit.put = early  # type: ignore[method-assign]


def answers_before_commit() -> None:
    """Whatever a request does is tried, undone and answered, and done a little later."""
    transact = database.Database.transact
    later: Queue[tuple[float, database.Database, Callable[[Connection], object]]] = Queue()

    def carry_out() -> None:
        while True:
            due, of, work = later.get()
            time.sleep(max(0.0, due - time.monotonic()))
            transact(of, work)

    def early(self: database.Database, work: Callable[[Connection], Found]) -> Found:
        _say("answers-before-commit")
        with self.writing() as connection:
            found = work(connection)
            connection.rollback()
        later.put((time.monotonic() + LATE_S, self, work))
        return found

    threading.Thread(target=carry_out, daemon=True).start()
    database.Database.transact = early  # type: ignore[method-assign]


def deletes_before_store() -> None:
    """What was accepted is taken out in one transaction, and stored in another one."""
    decide = resolver.Resolver.decide

    def apart(self: resolver.Resolver, looked: resolver.Looked) -> resolver.Resolved:
        _say("deletes-before-store")
        these = accepted.c.id.in_(looked.ids)
        with self._database.writing() as connection:
            rows = [row._asdict() for row in connection.execute(accepted.select().where(these))]
            connection.execute(delete(accepted).where(these))
        time.sleep(LATE_S)
        with self._database.writing() as connection:
            connection.execute(accepted.insert(), rows)
        return decide(self, looked)

    resolver.Resolver.decide = apart  # type: ignore[method-assign]


def concludes_before_post() -> None:
    """A submission counts as forwarded, and is posted afterwards."""
    attempts = Forwarder._attempts

    async def early(self: Forwarder, group: list[Taken]) -> list[Taken]:
        _say("concludes-before-post")
        done = [Taken(one.ticket, one.entry.finished(State.FORWARDED)) for one in group]
        await self._work.run(self._conclude, done)
        return await attempts(self, group)

    Forwarder._attempts = early  # type: ignore[method-assign]


FAULTS: dict[str, Callable[[], None]] = {
    "accepts-before-commit": accepts_before_commit,
    "answers-before-commit": answers_before_commit,
    "deletes-before-store": deletes_before_store,
    "concludes-before-post": concludes_before_post,
}
