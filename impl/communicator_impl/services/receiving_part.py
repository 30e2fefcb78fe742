"""A receiving service as a part of a process: acceptance, its resolver, what owners ask, and the proxy for attachments.

Theory. Acceptance makes bytes durable and resolving comes later, so this part has two threads: the group commit, which
writes what strangers brought, and the one that tells the resolver's process to work through it.
"""

import time
from typing import Final

import msgspec
from sqlalchemy import Connection
from starlette.routing import BaseRoute

from communicator_impl.addresses import Profile
from communicator_impl.document import Document, Receiving
from communicator_impl.entropy import SystemEntropy
from communicator_impl.services.database import GroupCommit
from communicator_impl.services.generations import current_schedule
from communicator_impl.services.http import Frame
from communicator_impl.services.outward import Outward
from communicator_impl.services.part import Kit, Part
from communicator_impl.services.proxy import ProxyEndpoints
from communicator_impl.services.receiving import Backlog, ReceivingEndpoints
from communicator_impl.services.receiving_store import ReceivingStore
from communicator_impl.services.resolving import ResolverApart
from communicator_impl.services.settings import Settings
from communicator_impl.services.worker import Worker
from communicator_spec.parameters import PARAMETERS

__all__ = ["ReceivingPart"]

_E: Final = PARAMETERS.envelope
_CLASSES: Final = ("immediate", "batched", "pull")
_IDLE_S: Final = 0.2
_FETCH_S: Final = 30.0


class ReceivingPart(Part):
    """One receiving service."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        chosen = self._chosen = settings.receiving
        self._uri = settings.service.uri
        self._kit = kit
        self._profiles = tuple(Profile(number) for number in chosen.profiles)
        self._entropy = SystemEntropy()
        self._store = ReceivingStore(self._profiles, chosen.lanes_max)
        self._backlog = Backlog(chosen.pending_max)
        self._resolver = ResolverApart(kit.database)
        self._worker = Worker("resolver", self._resolve, kit.log, _IDLE_S)
        self._commit = GroupCommit(kit.database, self._stored)
        self._outward = Outward(chosen.named_addresses, _FETCH_S)
        kit.metrics.gauge("requests_to_resolve", lambda: self._backlog.waiting)

    def describe(self, connection: Connection, document: Document, now_s: int) -> Document:
        """Publish the keys of now; rotates them when it is time."""
        rotate_s = self._chosen.rotate_s
        schedule = current_schedule(connection, self._uri, self._profiles, rotate_s, now_s, self._entropy)
        receiving = Receiving(
            schedule.config(),
            _E.request_bytes_max,
            tuple(_E.ciphertext_classes_bytes),
            _CLASSES,
            proxy=True,
            tokens=tuple(sorted(self._chosen.tokens.items())),
        )
        return msgspec.structs.replace(document, receiving=receiving)

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return the endpoints for strangers and owners, and the proxy."""
        endpoints = ReceivingEndpoints(self._kit, self._store, self._commit, self._backlog)
        proxy = ProxyEndpoints(self._kit, self._outward, self._chosen.named_addresses)
        return endpoints.routes(frame) + proxy.routes(frame)

    def start(self) -> None:
        """Begin to resolve."""
        self._worker.start()

    def keep(self, now_ms: int) -> None:
        """Count what waits to be resolved: other instances accept and resolve too."""
        with self._kit.database.reading() as connection:
            self._backlog.waiting = self._store.pending(connection)

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Erase roots that nobody asks for any more, epochs, and marks of what is over."""
        self._store.erase(connection, now_ms)

    async def stop(self) -> None:
        """Write what was accepted, and end after the batch that is under way."""
        work = self._kit.work
        await work.run(self._commit.stop)
        await work.run(self._worker.stop)
        await work.run(self._resolver.stop)
        await self._outward.close()

    # ---------------------------------------------------------------- threads

    def _stored(self, count: int) -> None:
        self._backlog.came(count)
        self._worker.wake()

    def _resolve(self) -> bool:
        began_s = time.monotonic()
        done = self._resolver.step()
        rest_s = self._backlog.resolved(done.rows, time.monotonic() - began_s)
        self._kit.metrics.count("messages_stored", done.stored)
        for error_class, count in done.refused.items():
            self._kit.metrics.count("messages_not_resolved", count, error=error_class.value)
        if not self._kit.database.is_postgres:  # there the database tells, when it is durable
            self._kit.bells.ring_from_thread(done.topics)
        time.sleep(rest_s)
        return done.rows > 0
