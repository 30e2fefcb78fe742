"""Runs the services of one process: starts them on a database that is up to date, and stops them without losing work.

Theory. A process is replaceable: it holds connections, threads and counts, and everything that counts for others is in
the database. So it may be killed at any instruction; stopping it politely only saves clients a repetition.

How it stops, on SIGTERM or SIGINT:

1. readiness says no, and whoever waits is answered with what there is
2. no new connections; requests under way are answered
3. what was handed to the group commit is written; the threads end after the batch that they are at
4. the connections to the database are closed

Rules:

1. Threads that work on their own (`Worker`) say when they fail and try again; they end only when they are told.
2. Outside a loopback address the server speaks TLS 1.3 only (SVC-2).
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from communicator_impl.addresses import Profile
from communicator_impl.entropy import SystemEntropy
from communicator_impl.sending_service import Offer
from communicator_impl.services.attachments import AttachmentEndpoints
from communicator_impl.services.database import Database, GroupCommit, migrate
from communicator_impl.services.draining import Application, drained
from communicator_impl.services.events import warn
from communicator_impl.services.forwarder import Forwarder
from communicator_impl.services.http import JSON, Frame, Rates, Work
from communicator_impl.services.issuers import Issuers
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.outward import Outward
from communicator_impl.services.paying import Till
from communicator_impl.services.proxy import ProxyEndpoints
from communicator_impl.services.published import Published, publish
from communicator_impl.services.receiving import Backlog, Kit, ReceivingEndpoints
from communicator_impl.services.receiving_store import ReceivingStore
from communicator_impl.services.resolving import ResolverApart
from communicator_impl.services.sending import SendingEndpoints
from communicator_impl.services.sending_store import SendingStore
from communicator_impl.services.settings import Settings
from communicator_impl.services.waiting import Bells, Listener
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

__all__ = ["Host", "serve"]

_V: Final = PARAMETERS.service
_CONNECTIONS: Final = 16
_REFRESH_S: Final = 2.0
_ERASE_S: Final = 3600.0
_IDLE_S: Final = 0.2
_AFTER_ERROR_S: Final = 1.0
_BACKLOG: Final = 1024
_FETCH_S: Final = 30.0
_ISSUERS_S: Final = 3600.0
_ISSUERS_AGAIN_S: Final = 5.0


class Worker:
    """A thread that takes one step after the other; `step` tells whether there is more to do at once."""

    def __init__(self, name: str, step: Callable[[], bool], log: Log, idle_s: float) -> None:
        self._name = name
        self._step = step
        self._log = log
        self._idle_s = idle_s
        self._stopped = False
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wanted.set()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopped = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            pause_s = self._idle_s
            try:
                if self._step():
                    continue
            except Exception as error:  # a worker that ended would be missed by nobody until it is too late
                self._log.failed(f"{self._name} failed", error)
                pause_s = _AFTER_ERROR_S
            self._wanted.wait(pause_s)
            self._wanted.clear()


class Host:
    """All that one process runs, from the start to the stop; built inside a running event loop."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.metrics = Metrics()
        self.database = Database(settings.database.url, _CONNECTIONS, settings.event_log)
        self.database.keep_to_oneself()
        migrate(self.database)
        self.published = self._publish()
        self.bells = Bells()
        self.is_ready = False
        self.outward = Outward(settings.sending.named_addresses, settings.sending.attempt_s)
        self._forwarder: Forwarder | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._workers: list[Worker] = []
        self._ends: list[Callable[[], None]] = []
        self._last: list[Callable[[], None]] = []
        self._kit = Kit(self.database, Work(_CONNECTIONS - 4), _till(settings), self.bells)
        self._issuers = Issuers(_issuers(settings), self.database, self.outward, self._kit.work, self._kit.till)
        service = settings.service
        rates = Rates(service.address_per_s, service.address_burst)
        self._frame = Frame(rates, self.metrics, log, lambda: self.published.revision)

    # ---------------------------------------------------------------- parts

    def application(self) -> Application:
        """Build what is served, and the workers behind it."""
        routes: list[BaseRoute] = [Route(_V.document_path, self._frame.endpoint("document", self._document))]
        if self.settings.receives:
            routes += self._receiving()
        if self.settings.sends:
            routes += self._sending()
        self._add("keeper", self._keep, _REFRESH_S)
        if self.database.is_postgres:
            self._ends.append(Listener(self.database, self.bells).stop)
        self.metrics.gauge("waiting_devices", lambda: self.bells.waiting)
        application = Starlette(routes=routes, exception_handlers=self._frame.handlers())
        application.router.redirect_slashes = False  # a path that is not served is unknown, and leads nowhere
        return drained(application)

    def operations(self) -> Starlette:
        """Build what only the operator asks: is it alive, is it ready, what does it count."""
        return Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._metrics),
            ]
        )

    def _receiving(self) -> list[BaseRoute]:
        settings = self.settings.receiving
        backlog = self._backlog = Backlog(settings.pending_max)
        resolver = ResolverApart(self.database)

        def step() -> bool:
            done = resolver.step()
            backlog.waiting = max(0, backlog.waiting - done.rows)
            self.metrics.count("messages_stored", done.stored)
            for error_class, count in done.refused.items():
                self.metrics.count("messages_not_resolved", count, error=error_class.value)
            if not self.database.is_postgres:  # there the database tells, when it is durable
                self.bells.ring_from_thread(done.topics)
            return done.rows > 0

        worker = self._add("resolver", step, _IDLE_S)

        def stored(count: int) -> None:
            backlog.waiting += count
            worker.wake()

        commit = GroupCommit(self.database, stored)
        self._ends.insert(0, commit.stop)
        self._last.append(resolver.stop)
        self.metrics.gauge("requests_to_resolve", lambda: backlog.waiting)
        profiles = tuple(Profile(number) for number in settings.profiles)
        self._store = ReceivingStore(profiles, settings.lanes_max)
        endpoints = ReceivingEndpoints(self._kit, self._store, commit, backlog)
        return endpoints.routes(self._frame) + ProxyEndpoints(self._kit, Outward((), _FETCH_S)).routes(self._frame)

    def _sending(self) -> list[BaseRoute]:
        settings, entropy = self.settings.sending, SystemEntropy()
        terms = msgspec.structs.replace(standard_terms(), retry_min_ms=int(settings.retry_s_min * 1000))
        self._queue = SendingStore(terms, Offer(settings.delay_mean_s, settings.submissions_max))
        if not self.database.is_postgres:
            self.database.transact(self._queue.release)
        parts = (self.database, self._queue, self.outward, self._kit.work, self.bells, entropy)
        self._forwarder = Forwarder(*parts, self.metrics, self.log, settings.attempt_s)
        self.metrics.gauge("submissions_held", lambda: self._queue.held)
        uri = self.settings.service.uri
        self._uploads = AttachmentEndpoints(
            self._kit, uri, entropy, lambda: self.published.secret, settings.uploads_bytes_max
        )
        endpoints = SendingEndpoints(self._kit, self._queue, entropy, self._forwarder.wake, self._uploads.is_full)
        return endpoints.routes(self._frame) + self._uploads.routes(self._frame)

    def _add(self, name: str, step: Callable[[], bool], idle_s: float) -> Worker:
        worker = Worker(name, step, self.log, idle_s)
        self._workers.append(worker)
        return worker

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Start the workers."""
        self._erased_s = 0.0
        for worker in self._workers:
            worker.start()
        if self._forwarder is not None:
            self._tasks.append(asyncio.create_task(self._forwarder.run()))
        self._tasks.append(asyncio.create_task(self._learn()))
        self.is_ready = True
        warn(self.log, self.settings.event_log)
        self.log.write("started", run=self.settings.service.run, revision=self.published.revision)

    async def stop(self) -> None:
        """Write what is under way and end (steps 3 and 4)."""
        self._stopping.set()
        if self._forwarder is not None:
            await self._forwarder.stop()
        await asyncio.gather(*self._tasks)
        await self.outward.close()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for end in self._ends:
            end()
        for worker in self._workers:
            worker.stop()
        for end in self._last:
            end()
        self.database.close()
        self.log.write("stopped")

    async def _learn(self) -> None:
        """Fetch the keys of the issuers, again when they did not answer, and every hour."""
        while not self._stopping.is_set():
            pause_s = _ISSUERS_AGAIN_S
            try:
                if await self._issuers.fetch(self.log):
                    pause_s = _ISSUERS_S
                await self._kit.work.run(self._issuers.load)
            except (SQLAlchemyError, OSError) as error:
                self.log.failed("issuers failed", error)
            await asyncio.wait([asyncio.ensure_future(self._stopping.wait())], timeout=pause_s)

    def _publish(self) -> Published:
        now_s, entropy = int(time.time()), SystemEntropy()
        return self.database.transact(lambda connection: publish(connection, self.settings, now_s, entropy))

    def _keep(self) -> bool:
        """Look whether the document or the keys of issuers changed, and erase what has ended: once in a while."""
        self.published = self._publish()
        self._issuers.load()
        if time.monotonic() - self._erased_s >= _ERASE_S:
            self._erased_s = time.monotonic()
            now_ms = time.time_ns() // 1_000_000
            self.database.transact(lambda connection: self._kit.till.erase(connection, now_ms))
            if self.settings.receives:
                self.database.transact(lambda connection: self._store.erase(connection, now_ms))
            if self.settings.sends:
                self.database.transact(lambda connection: self._queue.erase(connection, now_ms))
                self.database.transact(lambda connection: self._uploads.erase(connection, now_ms // 1000))
        with self.database.reading() as connection:
            if self.settings.receives:
                self._backlog.waiting = self._store.pending(connection)
            if self.settings.sends:
                self._queue.count(connection)
                self._uploads.count(connection)
        return False

    # ---------------------------------------------------------------- small endpoints

    async def _document(self, request: Request) -> Response:
        """Publish the document (SVC-14)."""
        return Response(self.published.document, media_type=JSON)

    async def _live(self, request: Request) -> Response:
        return PlainTextResponse("live")

    async def _ready(self, request: Request) -> Response:
        return PlainTextResponse("ready" if self.is_ready else "not ready", 200 if self.is_ready else 503)

    async def _metrics(self, request: Request) -> Response:
        return PlainTextResponse(self.metrics.text())


async def serve(settings: Settings, log: Log) -> None:
    """Run the services until the process is told to stop."""
    host = Host(settings, log)
    servers = [_server(host.application(), settings, settings.service.listen_port)]
    if settings.service.operations_port:
        servers.append(_operations(host, settings.service.operations_port))
    host.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    running = [asyncio.create_task(server.serve()) for server in servers]
    told = asyncio.create_task(stopped.wait())
    await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
    host.is_ready = False  # 1
    host.bells.close()
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # 2
    results = await asyncio.gather(*running, return_exceptions=True)
    await host.stop()  # 3, 4
    told.cancel()
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _server(application: Application, settings: Settings, port: int) -> Server:
    service = settings.service
    return Server(
        application,
        address=service.listen_host,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=_BACKLOG,
        backpressure=_BACKLOG,
        log_enabled=False,
        ssl_cert=Path(service.tls_certificate) if service.tls_certificate else None,
        ssl_key=Path(service.tls_key) if service.tls_key else None,
    )


def _operations(host: Host, port: int) -> Server:
    return Server(host.operations(), address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)


def _till(settings: Settings) -> Till:
    """Make the till of all services that run, with what the document says that they take (SVC-13)."""
    taken = _taken(settings).items()
    issuers = {Purpose(name): tuple(uri.partition("://")[2] for uri in uris) for name, uris in taken}
    return Till(settings.host, issuers)


def _issuers(settings: Settings) -> tuple[str, ...]:
    return tuple(sorted({uri for uris in _taken(settings).values() for uri in uris}))


def _taken(settings: Settings) -> dict[str, tuple[str, ...]]:
    receiving = settings.receiving.tokens if settings.receives else {}
    return receiving | (settings.sending.tokens if settings.sends else {})
