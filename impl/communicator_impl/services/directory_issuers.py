"""The keys of the issuers whose tokens a service takes: fetched from their documents, and shared by all instances.

Theory. An issuer shows its keys an epoch before they issue, so a service that reads the document once an hour knows
every key in time, and an issuer that is away for a day is not missed. What was read is in the database: a new instance
begins with what the others know.

Rules:

1. Only issuers that the document of the service names are asked and listened to (SVC-13).
2. A document that is refused changes nothing: what was read before stays.
3. Before the keys of all issuers of a purpose were read for the first time, a request that needs a token is not
   answered at all, since it would be refused for a reason that is ours.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from communicator_impl.errors import CommunicatorError, OwnError
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.services.database import Database, put
from communicator_impl.services.directory_client import get_bytes
from communicator_impl.services.observation import Log
from communicator_impl.services.paying import Till
from communicator_impl.services.schema import kept
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass

__all__ = ["Issuers"]

_PATH: Final = "/.well-known/private-token-issuer-directory"
_AGAIN_S: Final = 3600
_RETRY_S: Final = 5
_BYTES_MAX: Final = 1 << 18


class Issuers:
    """The issuers of one service; `tokens`: purpose → their URIs."""

    def __init__(self, host: str, tokens: Mapping[str, tuple[str, ...]], database: Database, log: Log) -> None:
        self._tokens = {Purpose(purpose): uris for purpose, uris in tokens.items()}
        self._uris = tuple(sorted({uri for uris in tokens.values() for uri in uris}))
        self._database = database
        self._log = log
        self._known: dict[str, bytes] = {}
        self._tried_s: dict[str, int] = {}
        self.till = Till(host, {purpose: tuple(map(_host, uris)) for purpose, uris in self._tokens.items()})

    def check_known(self, purpose: Purpose) -> None:
        """Raise `OwnError` while the keys of an issuer are not known (rule 3)."""
        if any(uri not in self._known for uri in self._tokens.get(purpose, ())):
            raise OwnError(ErrorClass.UNKNOWN, "keys of an issuer")

    def keep(self, now_s: int) -> None:
        """Read what other instances know, and fetch what is due; waits for the network."""
        for uri in self._uris:
            with self._database.reading() as connection:
                fetched_s, document = _stored(connection, uri)
            self._learn(uri, document)
            due_s = max(fetched_s + _AGAIN_S if document else 0, self._tried_s.get(uri, 0) + _RETRY_S)
            if now_s >= due_s:
                self._tried_s[uri] = now_s
                self._fetch(uri, now_s)

    def _fetch(self, uri: str, now_s: int) -> None:
        try:
            document = get_bytes(uri + _PATH, _BYTES_MAX)
            read_issuer_document(document)
        except CommunicatorError as error:  # rule 2
            self._log.failed("issuer not read", error)
            return
        row = {"name": _name(uri), "revision": now_s, "value": document}
        self._database.transact(lambda connection: put(connection, kept, [row]))
        self._learn(uri, document)

    def _learn(self, uri: str, document: bytes) -> None:
        if document and document != self._known.get(uri):
            self.till.learn(_host(uri), read_issuer_document(document))  # SVC-13
            self._known[uri] = document


def _stored(connection: Connection, uri: str) -> tuple[int, bytes]:
    row = connection.execute(select(kept.c.revision, kept.c.value).where(kept.c.name == _name(uri))).first()
    return (0, b"") if row is None else (row.revision, row.value)


def _name(uri: str) -> str:
    return "issuer " + hashlib.sha256(uri.encode()).hexdigest()[:24]


def _host(uri: str) -> str:
    return uri.partition("://")[2]
