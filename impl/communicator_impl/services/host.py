"""One process: the services of one origin, on one database, from the start to the stop.

Theory. A process is replaceable: it holds connections, threads and counts, and everything that counts for others is in
the database. So it may be killed at any instruction; stopping it politely only saves clients a repetition. What differs
from service to service is a `Part`; the rest is here::

    settings ─▶ database, migrated ─▶ parts ─▶ one document with revision ─▶ endpoints, keeper, eraser ─▶ served

How it stops, on SIGTERM or SIGINT:

1. readiness says no, and whoever waits is answered with what there is
2. no new connections; requests under way are answered
3. each part finishes what is under way; the threads end after their step
4. the connections to the database are closed

Rules:

1. Ready is who has kept everything a moment ago, and has asked each issuer once: while the database is away, readiness
   says no, and a process goes on by itself when it is back.
2. What one part fails at keeps no other from its own.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from communicator_impl.errors import OwnError
from communicator_impl.services.authorization import AuthorizationPart
from communicator_impl.services.database import database_of, migrate, settle_secrets
from communicator_impl.services.direct import direct
from communicator_impl.services.directory import DirectoryPart
from communicator_impl.services.draining import Application, drained
from communicator_impl.services.events import warn
from communicator_impl.services.http import JSON, Frame, Rates, Work
from communicator_impl.services.issuers import Issuers
from communicator_impl.services.listening import Listening, as_sent
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.part import Kit, Part
from communicator_impl.services.paying import Till
from communicator_impl.services.published import Published, publish
from communicator_impl.services.receiving_part import ReceivingPart
from communicator_impl.services.sending_part import SendingPart
from communicator_impl.services.settings import Settings, SettingsError
from communicator_impl.services.waiting import Bells, Listener
from communicator_impl.services.worker import Worker
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS

__all__ = ["Host", "serve"]

_PARTS: Final[Mapping[str, Callable[[Settings, Kit], Part]]] = {
    "receiving": ReceivingPart,
    "sending": SendingPart,
    "directory": DirectoryPart,
    "authorization": AuthorizationPart,
}
_CONNECTIONS: Final = 16
_OF_THREADS: Final = 4
"""Connections for threads that work on their own: keeper, eraser, group commit, resolver."""
_KEEP_S: Final = 2.0
_KEPT_S: Final = 15.0
_ERASE_S: Final = 60.0
_ISSUERS_S: Final = 5.0
_NEVER: Final = float("-inf")

Step = Callable[[], object]


class Host:
    """All that one process runs; built inside a running event loop."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        database = database_of(settings, _CONNECTIONS)
        database.keep_to_oneself()
        migrate(database)
        settle_secrets(database)
        till = Till(settings.host, {Purpose(name): tuple(map(_host, uris)) for name, uris in settings.tokens.items()})
        self._kit = Kit(database, Work(_CONNECTIONS - _OF_THREADS), till, Bells(), log, Metrics())
        self._parts = {name: _PARTS[name](settings, self._kit) for name in settings.services}
        self._published = self._publish()
        self._issuers = Issuers(_issuers(settings), self._kit, settings.service.uri, self._own_issuer())
        self._keeper = Worker("keeper", self._keep, log, _KEEP_S)
        self._eraser = Worker("eraser", self._erase, log, _ERASE_S)
        self._listener: Listener | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._kept_s, self._has_asked = _NEVER, False
        self._kit.metrics.gauge("waiting_devices", lambda: self._kit.bells.waiting)

    # ---------------------------------------------------------------- what is served

    def application(self) -> Application:
        """Build what everybody may ask."""
        rates = Rates(self._settings.service.address_per_s, self._settings.service.address_burst)
        frame = Frame(rates, self._kit.metrics, self._kit.log, lambda: self._published.revision)
        document = frame.endpoint("document", self._document)
        routes: list[BaseRoute] = [Route(PARAMETERS.service.document_path, document, methods=["GET"])]
        for part in self._parts.values():
            routes += part.routes(frame)
        application = Starlette(routes=routes, exception_handlers=frame.handlers())
        application.router.redirect_slashes = False  # a path that is not served is unknown, and leads nowhere
        return drained(as_sent(direct(routes, application)))

    def operations(self) -> Starlette:
        """Build what only the operator asks: is it alive, is it ready, what does it count."""
        return Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._counts),
            ]
        )

    # ---------------------------------------------------------------- life

    async def start(self) -> None:
        """Start what the parts do by themselves, and what is done once in a while."""
        for part in self._parts.values():
            part.start()
        if self._kit.database.is_postgres:
            self._listener = Listener(self._kit.database, self._kit.bells)
        self._eraser.start()
        self._keeper.start()
        self._fetching = asyncio.create_task(self._fetch())
        warn(self._kit.log, self._settings.event_log)
        if "receiving" in self._parts and not self._settings.tokens.get("register"):  # RECV-5
            self._kit.log.write("no issuer for register: whoever reaches this service may register roots")
        names = " ".join(self._parts)
        self._kit.log.write("started", run=names, revision=self._published.revision)

    def leave(self) -> None:
        """Say that this process ends, to whoever asks or waits (step 1)."""
        self._stopping.set()
        self._kit.bells.close()

    async def stop(self) -> None:
        """Finish what is under way, and end (steps 3 and 4)."""
        for part in self._parts.values():
            await part.stop()
        if self._fetching is not None:
            await self._fetching
        await self._issuers.close()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._keeper.stop()
        self._eraser.stop()
        if self._listener is not None:
            self._listener.stop()
        self._kit.database.close()
        self._kit.log.write("stopped")

    # ---------------------------------------------------------------- once in a while

    def _keep(self) -> bool:
        now_ms = self._kit.now_ms
        steps: dict[str, Step] = {name: partial(part.keep, now_ms) for name, part in self._parts.items()}
        kept = self._all(
            {"database": self._kit.database.write, "document": self._renew, "issuers": self._issuers.load, **steps}
        )
        self._kept_s = time.monotonic() if kept else _NEVER
        return False

    def _erase(self) -> bool:
        erasing = {"tokens": self._kit.till.erase} | {name: part.erase for name, part in self._parts.items()}
        self._all({name: partial(self._erase_of, erase, self._kit.now_ms) for name, erase in erasing.items()})
        return False

    def _erase_of(self, erase: Callable[[Connection, int], None], now_ms: int) -> None:
        self._kit.database.transact(lambda connection: erase(connection, now_ms))

    def _all(self, steps: Mapping[str, Step]) -> bool:
        """Take all steps, whichever of them fail (rule 2); tells whether none did."""
        failed = 0
        for name, step in steps.items():
            try:
                step()
            except Exception as error:
                self._kit.log.failed(f"{name} not kept", error)
                failed += 1
        return not failed

    async def _fetch(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._issuers.fetch()
                await self._kit.work.run(self._issuers.load)
                self._has_asked = True
            except Exception as error:
                self._kit.log.failed("issuers failed", error)
            try:
                async with asyncio.timeout(_ISSUERS_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def _renew(self) -> None:
        self._published = self._publish()

    def _publish(self) -> Published:
        service, parts, now_s = self._settings.service, self._parts.values(), self._kit.now_ms // 1000
        return self._kit.database.transact(lambda connection: publish(connection, service, parts, now_s))

    def _own_issuer(self) -> Callable[[], bytes] | None:
        part = self._parts.get("authorization")
        return part.shown if isinstance(part, AuthorizationPart) else None

    # ---------------------------------------------------------------- small endpoints

    async def _document(self, request: Request) -> Response:
        """Publish the document (SVC-14)."""
        return Response(self._published.document, media_type=JSON)

    async def _live(self, request: Request) -> Response:
        return PlainTextResponse("live")

    async def _ready(self, request: Request) -> Response:
        has_kept = time.monotonic() - self._kept_s < _KEPT_S
        is_ready = has_kept and self._has_asked and not self._stopping.is_set()  # rule 1
        return PlainTextResponse("ready" if is_ready else "not ready", 200 if is_ready else 503)

    async def _counts(self, request: Request) -> Response:
        return PlainTextResponse(self._kit.metrics.text())


async def serve(settings: Settings, log: Log, told: Callable[[str], None] = lambda line: None) -> None:
    """Run the services until the process is told to stop; `told` gets the line that says where they are.

    `SettingsError`: an address, a database or what is in it cannot be used, and what would do.
    """
    service = settings.service
    places = [Listening(service.listen_host, service.listen_port, "service.listen_port")]
    if service.operations_port:
        places.append(Listening("127.0.0.1", service.operations_port, "service.operations_port"))
    host = _host_of(settings, log)
    servers = [places[0].server(host.application(), service)]
    servers += [place.server(host.operations()) for place in places[1:]]
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await host.start()
    running = [asyncio.create_task(server.serve()) for server in servers]
    told(f"{', '.join(settings.services)}: {service.uri}")
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
    host.leave()  # 1
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # 2
    results = await asyncio.gather(*running, return_exceptions=True)
    await host.stop()  # 3, 4
    waiting.cancel()
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _host_of(settings: Settings, log: Log) -> Host:
    try:
        return Host(settings, log)
    except SQLAlchemyError as error:
        text = "database.url: no database there; start its server, or name a file in a folder that is there"
        raise SettingsError(f"{text} ({type(error).__name__})") from error
    except OwnError as error:
        text = f"database.url: what is stored there is damaged: {error.detail}; restore its newest backup"
        raise SettingsError(text) from error


def _host(uri: str) -> str:
    return uri.partition("://")[2]


def _issuers(settings: Settings) -> tuple[str, ...]:
    return tuple(sorted({uri for uris in settings.tokens.values() for uri in uris}))
