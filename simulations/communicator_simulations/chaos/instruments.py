"""Watches the few functions through which everything durable, asked and answered goes, and names what goes through.

Theory. A process that is to die at a point must run the code of everybody else, so nothing in the code knows of points.
Instead a child process of a run wraps, before it opens anything, the commit of a store, the commit of a connection to a
database, the transport of a client's requests, the outward requests of a service, and the endpoints::

    Vault._commit, Vault.save, Vault.delete · DefaultDialect.do_commit · HTTPTransport.handle_request
    Outward.post · Frame.endpoint

Rules:

1. A wrapper does what it wraps, and passes a point before and one after it; it changes nothing else.
2. A transaction that another thread carries out is named by the function that made its work (`Database.transact`).
"""

import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import httpx
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from starlette.requests import Request

from communicator_impl.client.vault import Vault
from communicator_impl.services.database import Database
from communicator_impl.services.draining import Receive, Scope, Send
from communicator_impl.services.http import Frame
from communicator_impl.services.outward import Answer, Outward
from communicator_simulations.chaos.ledger import Ledger
from communicator_simulations.chaos.points import located, scan

__all__ = ["watch_client", "watch_service"]

Passed = Callable[[int, int], None]
_LOCALS: Final = ".<locals>."
_work: Final = threading.local()


class _Watch:
    """Names what happens now, and counts it in one row of the ledger."""

    def __init__(self, ledger: Ledger, row: int) -> None:
        self._ledger, self._row = ledger, row
        self._located = located()
        self._answers = {p.name.partition(":")[2]: n for n, p in enumerate(scan()) if p.kind == "answer"}

    @contextmanager
    def point(self, kinds: str) -> Iterator[None]:
        """Do something that lasts."""
        number = self._here(kinds)
        self.passed(number, 0)
        yield
        self.passed(number, 1)

    def passed(self, number: int | None, phase: int) -> None:
        """Pass a point, if it is one."""
        if number is not None:
            self._ledger.passed(self._row, number, phase)

    def answer(self, name: str) -> int | None:
        """Return the number of an endpoint."""
        return self._answers.get(name)

    def _here(self, kinds: str) -> int | None:
        frame: FrameType | None = sys._getframe(3)  # beyond this class and `contextmanager`
        while frame is not None:
            for number, point in self._located.get((frame.f_code.co_filename, frame.f_code.co_qualname), ()):
                if point.kind in kinds and point.first <= frame.f_lineno <= point.last:
                    return number
            frame = frame.f_back
        return self._of_work(kinds)

    def _of_work(self, kinds: str) -> int | None:
        """Name a transaction by the function that made its work, where another thread carries it out (rule 2)."""
        for work in reversed(getattr(_work, "stack", ())):
            code = getattr(getattr(work, "__func__", work), "__code__", None)
            while code is not None:
                file, function = code.co_filename, code.co_qualname.rpartition(_LOCALS)[0]
                for number, point in self._located.get((file, function), ()):
                    if point.kind in kinds:
                        return number
                break
        return None


def watch_client(ledger: Ledger, row: int) -> None:
    """Watch the store and the requests of a device in this process."""
    watch = _Watch(ledger, row)
    commit, save, delete = Vault._commit, Vault.save, Vault.delete
    handle = httpx.HTTPTransport.handle_request

    def committed(self: Vault) -> None:
        with watch.point("commit write"):
            commit(self)

    def saved(self: Vault, key: str, value: bytes) -> None:
        if not self._depth:
            save(self, key, value)
            return
        with watch.point("write"):
            save(self, key, value)

    def deleted(self: Vault, key: str) -> None:
        if not self._depth:
            delete(self, key)
            return
        with watch.point("write"):
            delete(self, key)

    def handled(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        with watch.point("send"):
            return handle(self, request)

    flush = os.fsync

    def flushed(file: int) -> None:
        with watch.point("file"):
            flush(file)

    os.fsync = flushed  # type: ignore[assignment]
    Vault._commit, Vault.save, Vault.delete = committed, saved, deleted  # type: ignore[method-assign]
    httpx.HTTPTransport.handle_request = handled  # type: ignore[method-assign]


def watch_service(ledger: Ledger, row: int) -> None:
    """Watch transactions, outward requests and answers of a service in this process."""
    watch = _Watch(ledger, row)
    commit, transact, post, endpoint = DefaultDialect.do_commit, Database.transact, Outward.post, Frame.endpoint

    def committed(self: DefaultDialect, connection: DBAPIConnection) -> None:
        with watch.point("commit"):
            commit(self, connection)  # type: ignore[no-untyped-call]

    def transacted(self: Database, work: Callable[..., Any]) -> Any:  # noqa: ANN401 whatever the work returns
        stack = _work.__dict__.setdefault("stack", [])
        stack.append(work)
        try:
            return transact(self, work)
        finally:
            stack.pop()

    async def posted(self: Outward, *given: Any) -> Answer:  # noqa: ANN401
        with watch.point("send"):
            return await post(self, *given)

    def framed(self: Frame, name: str, *given: Any, **named: Any) -> Callable[[Request], Awaitable[Any]]:  # noqa: ANN401
        inner, number = endpoint(self, name, *given, **named), watch.answer(name)

        async def answered(request: Request) -> Any:  # noqa: ANN401 what Starlette awaits
            response = await inner(request)

            async def sent(scope: Scope, receive: Receive, send: Send) -> None:
                watch.passed(number, 0)
                await response(scope, receive, send)
                watch.passed(number, 1)

            return sent

        return answered

    DefaultDialect.do_commit = committed  # type: ignore[method-assign]
    Database.transact = transacted  # type: ignore[method-assign]
    Outward.post = posted  # type: ignore[method-assign, assignment]
    Frame.endpoint = framed  # type: ignore[method-assign]
