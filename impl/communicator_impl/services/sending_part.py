"""A sending service as a part of a process: submissions, what becomes of them, attachments, and the forwarder."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection
from starlette.routing import BaseRoute

from communicator_impl.document import Document, Sending
from communicator_impl.entropy import SystemEntropy
from communicator_impl.sending_service import Offer
from communicator_impl.services.attachments import UPLOAD_TOKENS, AttachmentEndpoints
from communicator_impl.services.forwarder import Forwarder
from communicator_impl.services.http import Frame
from communicator_impl.services.kept import held_secret
from communicator_impl.services.outward import Outward
from communicator_impl.services.part import Kit, Part
from communicator_impl.services.sending import SendingEndpoints
from communicator_impl.services.sending_store import SendingStore
from communicator_impl.services.settings import Settings, is_loopback
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

__all__ = ["SendingPart"]

_SECRET: Final = "secret"
_OWN_MACHINE: Final = ("127.0.0.1", "localhost", "::1")
_SECRET_BYTES: Final = 32


class SendingPart(Part):
    """One sending service."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        chosen, entropy = settings.sending, SystemEntropy()
        self._chosen, self._uri, self._kit, self._entropy = chosen, settings.service.uri, kit, entropy
        terms = msgspec.structs.replace(standard_terms(), retry_min_ms=int(chosen.retry_s_min * 1000))
        self._queue = SendingStore(terms, Offer(chosen.delay_mean_s, chosen.submissions_max))
        self._outward = Outward(_named(chosen.named_addresses, self._uri), chosen.attempt_s)
        parts = (kit.database, self._queue, self._outward, kit.work, kit.bells, entropy)
        self._forwarder = Forwarder(*parts, kit.metrics, kit.log, chosen.attempt_s)
        self._forwarding: asyncio.Task[None] | None = None
        secret = kit.database.transact(self._secret)
        self._uploads = AttachmentEndpoints(kit, self._uri, entropy, secret, chosen.uploads_bytes_max)
        if not kit.database.is_postgres:
            kit.database.transact(self._queue.release)
        kit.metrics.gauge("submissions_held", lambda: self._queue.held)

    def describe(self, connection: Connection, document: Document, now_s: int) -> Document:
        """Publish what is offered."""
        sending = Sending(
            self._uri,
            PARAMETERS.envelope.request_bytes_max,
            self._chosen.delay_mean_s,
            PARAMETERS.delivery.queue_lifetime_s,
            UPLOAD_TOKENS,
            tuple(sorted(self._chosen.tokens.items())),
        )
        return msgspec.structs.replace(document, sending=sending)

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return the endpoints for submissions and attachments."""
        endpoints = SendingEndpoints(self._kit, self._queue, self._entropy, self._forwarder.wake, self._uploads.is_full)
        return endpoints.routes(frame) + self._uploads.routes(frame)

    def start(self) -> None:
        """Begin to forward."""
        self._forwarding = asyncio.create_task(self._forwarder.run())

    def keep(self, now_ms: int) -> None:
        """Count what is held."""
        with self._kit.database.reading() as connection:
            self._queue.count(connection)
            self._uploads.count(connection)

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Erase submissions and uploads whose date has passed."""
        self._queue.erase(connection, now_ms)
        self._uploads.erase(connection, now_ms // 1000)

    async def stop(self) -> None:
        """Take nothing more, and wait for the attempts that are under way."""
        await self._forwarder.stop()
        if self._forwarding is not None:
            await self._forwarding
        await self._outward.close()

    def _secret(self, connection: Connection) -> bytes:
        """Return what keys that delete uploads are made of: the same for all instances, and always."""
        return held_secret(connection, _SECRET, self._entropy.draw("service.secret", _SECRET_BYTES))


def _named(chosen: tuple[str, ...] | None, uri: str) -> tuple[str, ...]:
    """Return the hosts that are no public ones and may be connected to."""
    if chosen is not None:
        return chosen
    return _OWN_MACHINE if is_loopback(urlsplit(uri).hostname or "") else ()
