"""What one service adds to a process, and what all of them work with.

Theory. Four services differ in what they publish, answer, and do once in a while; how a process starts, is watched and
stops is the same for all (`host`). So a service is a part with six methods, and a process runs any parts of an origin::

    describe ─▶ start ─▶ keep, keep, … erase, … ─▶ stop
                 └─ routes: answered from here ──┘

Rules:

1. A part keeps nothing that another instance would miss; what is to be the same everywhere is in the database.
2. What a part does by itself it does in its own `Worker` or task, from `start` to `stop`.
"""

from typing import NamedTuple, Protocol

from sqlalchemy import Connection
from starlette.routing import BaseRoute

from communicator_impl.document import Document
from communicator_impl.services import clock
from communicator_impl.services.database import Database
from communicator_impl.services.http import Frame, Work
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.paying import Till
from communicator_impl.services.waiting import Bells

__all__ = ["Kit", "Part"]


class Kit(NamedTuple):
    """What the parts of one process share."""

    database: Database
    work: Work
    till: Till
    bells: Bells
    log: Log
    metrics: Metrics

    @property
    def now_ms(self) -> int:
        """The time at which a request is carried out."""
        return clock.now_ms()


class Part(Protocol):
    """One service of an origin; what it does not say it has nothing to do for."""

    def describe(self, connection: Connection, document: Document, now_s: int) -> Document:
        """Return the document with this service in it; in the transaction in which it is published."""
        ...

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return the endpoints."""
        ...

    def start(self) -> None:
        """Begin what it does by itself; in the event loop."""

    def keep(self, now_ms: int) -> None:
        """Do what is due, and count: every other second, in a thread."""

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Erase what has ended: once a minute, in a thread, in a transaction of its own."""

    async def stop(self) -> None:
        """Finish what is under way; what others were told of it is durable then."""
