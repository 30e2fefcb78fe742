"""The keys of the issuers whose tokens an origin takes: fetched from their documents, and shared by all instances.

Theory. An issuer shows its keys an epoch before they issue, so a service that reads the document once an hour knows
every key in time, and an issuer that is away for a day is not missed. What any instance has read is in the database: a
new one begins with what the others know. An issuer on the own origin is read where it is, and not over the network:
nobody answers there before the start is over.

Rules:

1. Only issuers that the document of the service names are asked and listened to (SVC-13).
2. A document that is refused changes nothing: what was read before stays.
3. An issuer that does not answer holds up nobody but itself.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from communicator_impl.errors import PeerError
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.services.database import put
from communicator_impl.services.outward import NotAnswered, Outward
from communicator_impl.services.part import Kit
from communicator_impl.services.schema import kept

__all__ = ["Issuers"]

_PATH: Final = "/.well-known/private-token-issuer-directory"
_AGAIN_S: Final = 3600
_RETRY_S: Final = 5
_ANSWER_S: Final = 10.0
_BYTES_MAX: Final = 1 << 18
_OK: Final = 200


class Issuers:
    """The issuers of one origin by URI; `own_uri` is that of the origin, `own` reads what it shows if it issues."""

    def __init__(self, uris: tuple[str, ...], kit: Kit, own_uri: str, own: Callable[[], bytes] | None) -> None:
        self._kit = kit
        self._own_uri, self._own = own_uri, own
        self._uris = uris
        self._others = tuple(uri for uri in uris if uri != own_uri)
        self._outward = Outward([_host_name(uri) for uri in self._others], _ANSWER_S)
        self._known: dict[str, bytes] = {}
        self._tried_s: dict[str, int] = {}

    async def fetch(self) -> None:
        """Fetch the documents that are due, all at once, and keep what was read."""
        now_s = self._kit.now_ms // 1000
        due = await self._kit.work.run(self._due, now_s)
        await asyncio.gather(*(self._fetch(uri, now_s) for uri in due))

    def load(self) -> None:
        """Learn the keys that any instance has read; in a thread."""
        for uri in self._others:
            with self._kit.database.reading() as connection:
                self._learn(uri, _stored(connection, uri)[1])
        if self._own is not None and self._own_uri in self._uris:
            self._learn(self._own_uri, self._own())

    async def close(self) -> None:
        """Close all connections."""
        await self._outward.close()

    def _due(self, now_s: int) -> list[str]:
        due = []
        for uri in self._others:
            with self._kit.database.reading() as connection:
                fetched_s, _ = _stored(connection, uri)
            if now_s >= max(fetched_s + _AGAIN_S, self._tried_s.get(uri, 0) + _RETRY_S):
                due.append(uri)
        return due

    async def _fetch(self, uri: str, now_s: int) -> None:
        self._tried_s[uri] = now_s
        try:
            answer = await self._outward.get(uri + _PATH, _BYTES_MAX)
            if answer.status != _OK:
                raise NotAnswered(f"status {answer.status}")
            read_issuer_document(answer.body)
        except (NotAnswered, PeerError) as error:  # rule 2
            self._kit.log.failed("issuer not read", error)
            return
        row = {"name": _name(uri), "revision": now_s, "value": answer.body}
        await self._kit.work.run(self._kit.database.transact, lambda connection: put(connection, kept, [row]))

    def _learn(self, uri: str, document: bytes) -> None:
        if document and document != self._known.get(uri):
            self._kit.till.learn(uri.partition("://")[2], read_issuer_document(document))  # SVC-13
            self._known[uri] = document


def _stored(connection: Connection, uri: str) -> tuple[int, bytes]:
    row = connection.execute(select(kept.c.revision, kept.c.value).where(kept.c.name == _name(uri))).first()
    return (0, b"") if row is None else (row.revision, row.value)


def _name(uri: str) -> str:
    return "issuer " + hashlib.sha256(uri.encode()).hexdigest()[:24]


def _host_name(uri: str) -> str:
    """Return the host of an origin without its port: what the operator has named, and may be reached (RECV-15)."""
    host = uri.partition("://")[2]
    return host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
