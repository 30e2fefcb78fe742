"""The keys of the issuers that the operator named: fetched now and then, and kept for all instances.

Theory. A token is checked with a key that everybody sees (TOK-2). So any instance may fetch the document of an issuer,
and what one has fetched is good for all; while an issuer does not answer, the keys that are known go on being good.

Rules:

1. Only the issuers that the document of this service names are asked, and listened to (SVC-13).
2. What does not read as the document of an issuer changes nothing.
"""

import hashlib
from typing import Final

from sqlalchemy import Connection, select

from communicator_impl.errors import PeerError
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.services.database import Database, put
from communicator_impl.services.http import Work
from communicator_impl.services.observation import Log
from communicator_impl.services.outward import NotAnswered, Outward
from communicator_impl.services.paying import Till
from communicator_impl.services.schema import kept

__all__ = ["Issuers"]

_PATH: Final = "/.well-known/private-token-issuer-directory"
_BYTES_MAX: Final = 1 << 18
_OK: Final = 200


class Issuers:
    """The issuers of one service by URI."""

    def __init__(self, uris: tuple[str, ...], database: Database, outward: Outward, work: Work, till: Till) -> None:
        self._uris = uris
        self._database, self._outward, self._work, self._till = database, outward, work, till

    async def fetch(self, log: Log) -> bool:
        """Fetch all documents, keep what was read; tells whether all answered."""
        found = [await self._one(uri, log) for uri in self._uris]
        return all(found)

    def load(self) -> None:
        """Learn the keys that any instance has fetched."""
        with self._database.reading() as connection:
            for uri in self._uris:
                self._learn(connection, uri)

    async def _one(self, uri: str, log: Log) -> bool:
        try:
            answer = await self._outward.get(uri + _PATH, _BYTES_MAX)
            if answer.status != _OK:
                return False
            read_issuer_document(answer.body)
        except (NotAnswered, PeerError) as error:
            log.failed("issuer not read", error)
            return False
        row = {"name": _name(uri), "revision": 0, "value": answer.body}

        def work(connection: Connection) -> None:
            put(connection, kept, [row])

        await self._work.run(self._database.transact, work)
        return True

    def _learn(self, connection: Connection, uri: str) -> None:
        stored = connection.execute(select(kept.c.value).where(kept.c.name == _name(uri))).scalar()
        if stored is not None:
            self._till.learn(uri.partition("://")[2], read_issuer_document(stored))


def _name(uri: str) -> str:
    return "issuer " + hashlib.sha256(uri.encode()).hexdigest()[:16]
