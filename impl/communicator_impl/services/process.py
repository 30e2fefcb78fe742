"""One service in one process: what a directory and an authorization service share around their endpoints.

Theory. A process is replaceable (`serve` says why and how it stops). What differs from service to service is its part
of the document, its endpoints, and what it does once in a while; the rest is here. ::

    settings ─▶ database, migrated ─▶ part ─▶ document with revision ─▶ endpoints, keeper ─▶ served until told to stop

Rules:

1. The document and its revision are in the database: all instances publish the same ones (SVC-18).
2. Paths are matched as they were sent, so that a name may hold whatever a percent sign encodes.
3. Outside a loopback address the server speaks TLS 1.3 only (SVC-2).
4. A refusal reaches a client that is still sending (`draining`).
"""

import asyncio
import hashlib
import signal
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from granian.constants import Interfaces, SSLProtocols
from granian.server.embed import Server
from sqlalchemy import Connection, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from communicator_impl.document import Document
from communicator_impl.services.database import Database, insert_new, migrate
from communicator_impl.services.draining import Application, Receive, Scope, Send, drained
from communicator_impl.services.events import warn
from communicator_impl.services.http import JSON, Frame, Rates, Work
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.schema import kept
from communicator_impl.services.serve import Worker
from communicator_impl.services.settings import Settings, SettingsError
from communicator_spec.parameters import PARAMETERS

__all__ = ["Kit", "Part", "held", "now_ms", "read_settings", "require", "run"]

Read = TypeVar("Read", bound=Settings)

_CONNECTIONS: Final = 16
_KEEP_S: Final = 1.0
_BACKLOG: Final = 1024
_PREFIX: Final = "COMMUNICATOR_"


class Kit(NamedTuple):
    """What the endpoints of a process work with."""

    database: Database
    work: Work
    log: Log
    metrics: Metrics


class Part(Protocol):
    """What one service adds; `keep` runs in a thread of its own, once a second."""

    def document(self, revision: int) -> Document:
        """Return what the origin publishes."""
        ...

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return the endpoints."""
        ...

    def keep(self, now_ms: int) -> None:
        """Do what is due, and erase what has ended."""
        ...


def now_ms() -> int:
    """Return the time at which a request is carried out."""
    return time.time_ns() // 1_000_000


def held(connection: Connection, name: str, first: bytes, revision: int = 0) -> tuple[int, bytes]:
    """Return what is kept under a name, and hold its lock until the transaction ends; `first` if there was nothing."""
    insert_new(connection, kept, {"name": name, "revision": revision, "value": first})
    found = connection.execute(select(kept.c.revision, kept.c.value).where(kept.c.name == name).with_for_update())
    row = found.one()
    return row.revision, row.value


# -------------------------------------------------------------------- settings


def read_settings(
    kind: type[Read],
    path: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, Mapping[str, object]] | None = None,
) -> Read:
    """Read settings with one section more than those of all services, the last one of `kind`: `SettingsError`."""
    section = kind.__struct_fields__[-1]
    prefix = f"{_PREFIX}{section.upper()}_"
    of_section = sorted(name for name in environment if name.startswith(prefix))
    named = {name.removeprefix(prefix).lower(): _value(environment[name]) for name in of_section}
    given = dict(flags or {})
    found = kind.read(path, environment, {**given, section: {**named, **given.get(section, {})}})
    if not isinstance(found, kind):
        raise SettingsError("settings of another service")
    return found


def require(holds: bool, text: str) -> None:
    """Raise `SettingsError` with a text that says what would do."""
    if not holds:
        raise SettingsError(text)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


# -------------------------------------------------------------------- life


class _Host:
    """Everything of one process, built inside a running event loop."""

    def __init__(self, settings: Settings, log: Log, make: Callable[[Kit], Part]) -> None:
        self._settings = settings
        self.log = log
        metrics = Metrics()
        database = Database(settings.database.url, _CONNECTIONS, settings.event_log)
        self._kit = Kit(database, Work(_CONNECTIONS - 4), log, metrics)
        migrate(self._kit.database)
        self._part = make(self._kit)
        self._revision, self._document = self._publish()
        self._keeper = Worker("keeper", self._keep, log, _KEEP_S)
        rates = Rates(settings.service.address_per_s, settings.service.address_burst)
        self._frame = Frame(rates, metrics, log, lambda: self._revision)
        self.is_ready = self.is_stopping = False

    def application(self) -> Application:
        """Build what is served."""
        routes: list[BaseRoute] = [
            Route(PARAMETERS.service.document_path, self._frame.endpoint("document", self._shown), methods=["GET"]),
            *self._part.routes(self._frame),
        ]
        application = Starlette(routes=routes, exception_handlers=self._frame.handlers())
        application.router.redirect_slashes = False
        return drained(as_sent(application))

    def operations(self) -> Starlette:
        """Build what only the operator asks."""
        return Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._counts),
            ]
        )

    def start(self) -> None:
        """Start the keeper; ready is who has kept once."""
        self._keeper.start()
        warn(self.log, self._settings.event_log)
        self.log.write("started", revision=self._revision)

    def stop(self) -> None:
        """End when nothing is under way."""
        self._keeper.stop()
        self._kit.database.close()
        self.log.write("stopped")

    def _publish(self) -> tuple[int, bytes]:
        """Return revision and document; the revision rises with each change (SVC-18)."""
        digest = hashlib.sha256(self._part.document(0).encode()).digest()
        name = "document " + hashlib.sha256(self._settings.service.uri.encode()).hexdigest()[:16]

        def work(connection: Connection) -> int:
            revision, known = held(connection, name, digest, revision=1)
            if known != digest:
                revision += 1
                connection.execute(kept.update().where(kept.c.name == name).values(revision=revision, value=digest))
            return revision

        revision = self._kit.database.transact(work)
        return revision, self._part.document(revision).encode()

    def _keep(self) -> bool:
        self._part.keep(now_ms())
        self.is_ready = not self.is_stopping
        return False

    async def _shown(self, request: Request) -> Response:
        """Publish the document (SVC-14)."""
        return Response(self._document, media_type=JSON)

    async def _live(self, request: Request) -> Response:
        return PlainTextResponse("live")

    async def _ready(self, request: Request) -> Response:
        return PlainTextResponse("ready" if self.is_ready else "not ready", 200 if self.is_ready else 503)

    async def _counts(self, request: Request) -> Response:
        return PlainTextResponse(self._kit.metrics.text())


def as_sent(application: Application) -> Application:
    """Match paths as they were sent (rule 2)."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes = scope["raw_path"]
            scope = {**scope, "path": raw.partition(b"?")[0].decode("latin-1")}
        await application(scope, receive, send)

    return called


async def run(settings: Settings, log: Log, make: Callable[[Kit], Part]) -> None:
    """Run one service until the process is told to stop."""
    host = _Host(settings, log, make)
    service = settings.service
    servers = [_server(host.application(), settings, service.listen_host, service.listen_port)]
    if service.operations_port:
        servers.append(_server(host.operations(), None, "127.0.0.1", service.operations_port))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    host.start()
    running = [asyncio.create_task(server.serve()) for server in servers]
    told = asyncio.create_task(stopped.wait())
    await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
    host.is_stopping, host.is_ready = True, False
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]
    results = await asyncio.gather(*running, return_exceptions=True)
    await asyncio.to_thread(host.stop)
    told.cancel()
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _server(application: Application | Starlette, settings: Settings | None, host: str, port: int) -> Server:
    certificate = settings.service.tls_certificate if settings else ""
    key = settings.service.tls_key if settings else ""
    return Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=_BACKLOG,
        backpressure=_BACKLOG,
        log_enabled=False,
        websockets=False,
        ssl_cert=Path(certificate) if certificate else None,
        ssl_key=Path(key) if key else None,
        ssl_protocol_min=SSLProtocols.tls13,  # SVC-2
    )
