"""Tokens at the door: what a request shows, and the mark that it was spent, in the transaction that it pays for.

Theory. `redemption` says what is taken; here its marks are rows. A mark that is written in the same transaction as
what it pays for can neither be lost nor pay twice, and a request that is refused costs nothing, because its transaction
is undone (TOK-14, TOK-18).

Rules:

1. All instances look at the same rows (TOK-15); two that take one nonce at once are told apart by its key.
2. Keys come from the documents of the issuers that the operator named, and from nobody else (SVC-13).
3. While the keys of an issuer were never read, a token that might be its own is not refused, and the request is not
   answered: the reason is ours.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, delete, insert, select
from starlette.requests import Request

from communicator_impl.errors import OwnError, PeerError
from communicator_impl.issuer_keys import IssuerKey
from communicator_impl.redemption import Redeemed, Redemption, request_digest
from communicator_impl.services.clock import forget, forgotten_s
from communicator_impl.services.events import is_on, write
from communicator_impl.services.http import Refusal
from communicator_impl.services.schema import spent
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, read_authorization
from communicator_spec import ErrorClass, Kind
from communicator_spec.events import named
from communicator_spec.places import PlaceEvent

__all__ = ["Till"]

_CHALLENGE: Final = "WWW-Authenticate"
_MARKS: Final = "tokens"


class _Marks:
    """The marks as `Redemption` asks for them, on the connection of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, key: str, value: bytes) -> None:
        ends_s, key_id, nonce = _read(key)
        row = {"key_id": key_id, "nonce": nonce, "ends_s": ends_s, "digest": value}
        self._connection.execute(insert(spent).values(row))

    def load(self, key: str) -> bytes | None:
        _, key_id, nonce = _read(key)
        wanted = select(spent.c.digest).where(spent.c.key_id == key_id, spent.c.nonce == nonce)
        found: bytes | None = self._connection.execute(wanted).scalar()
        return found

    def delete(self, key: str) -> None:
        _, key_id, nonce = _read(key)
        self._connection.execute(delete(spent).where(spent.c.key_id == key_id, spent.c.nonce == nonce))

    def keys(self, prefix: str) -> Iterator[str]:
        rows = self._connection.execute(select(spent).order_by(spent.c.ends_s, spent.c.key_id, spent.c.nonce))
        places = (Redeemed(r.nonce, r.key_id, r.digest, r.ends_s, repeated=True).place for r in rows)
        return (place for place in places if place.startswith(prefix))


class Till:
    """What one origin takes; `host` is its own, `issuers` the hosts of issuers by purpose."""

    def __init__(self, host: str, issuers: Mapping[Purpose, tuple[str, ...]]) -> None:
        self._host = host
        self._issuers = dict(issuers)
        self._keys: dict[str, tuple[IssuerKey, ...]] = {}

    def learn(self, issuer: str, keys: Iterable[IssuerKey]) -> None:
        """Take the keys of an issuer in the place of those known before."""
        self._keys = {**self._keys, issuer: tuple(keys)}  # others may be reading

    def needed(self, purpose: Purpose) -> bool:
        """Tell whether a request of this purpose needs a token."""
        return bool(self._issuers.get(purpose))

    def shown(self, request: Request, purpose: Purpose, now_ms: int) -> bytes | None:
        """Return the token of a request; None where none is needed.

        Without one `FORGED`, with a challenge (TOK-6), or `OwnError` if there is nothing to challenge with (rule 3).
        """
        if not self.needed(purpose):
            return None
        try:
            return read_authorization(request.headers.get("authorization", ""))
        except PeerError as error:
            if error.error_class is not ErrorClass.FORGED:
                raise
            redemption = self._redemption(MemoryStorage())
            demand = redemption.demand(now_ms, purpose)
            if not demand:
                self._check_known(redemption, purpose)
            raise Refusal(ErrorClass.FORGED, tuple((_CHALLENGE, value) for value in demand), "token") from error

    def digest(self, request: Request, body: bytes) -> bytes:
        """Return the digest by which two requests are the same (9.4)."""
        return request_digest(request.method, target_of(request), body)

    def pay(
        self, connection: Connection, now_ms: int, purpose: Purpose, shown: bytes | None, digest: bytes
    ) -> Redeemed | None:
        """Check a token and write its mark, in the transaction of what it pays for (TOK-13, TOK-14)."""
        if shown is None:
            return None
        redemption = self._redemption(_Marks(connection))
        judged_ms = max(now_ms, 1000 * forgotten_s(connection, _MARKS))  # TOK-16: what was forgotten is not new
        redeemed = self._checked(redemption, judged_ms, purpose, shown, digest)
        redemption.keep(redeemed)
        if is_on(connection) and not redeemed.repeated:
            token = named(redeemed.key_id + redeemed.nonce)
            write(connection, [PlaceEvent(now_ms, Kind.SPENT, message=token)])
        return redeemed

    def verify(self, now_ms: int, purpose: Purpose, shown: bytes) -> None:
        """Check all of a token but whether it is spent, before a request costs anything (SEC-8)."""
        self._checked(self._redemption(MemoryStorage()), now_ms, purpose, shown, b"")

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Forget marks of keys that have ended (TOK-16)."""
        connection.execute(delete(spent).where(spent.c.ends_s <= forget(connection, _MARKS, now_ms // 1000)))

    def _checked(self, redemption: Redemption, now_ms: int, purpose: Purpose, shown: bytes, digest: bytes) -> Redeemed:
        try:
            return redemption.check(now_ms, purpose, shown, digest)
        except PeerError as error:
            if error.error_class is ErrorClass.FORGED:
                self._check_known(redemption, purpose)
            raise

    @staticmethod
    def _check_known(redemption: Redemption, purpose: Purpose) -> None:
        """Raise `OwnError` if what was decided was decided without the keys of an issuer (rule 3)."""
        if not redemption.knows(purpose):
            raise OwnError(ErrorClass.UNKNOWN, "keys of an issuer")

    def _redemption(self, marks: "_Marks | MemoryStorage") -> Redemption:
        redemption = Redemption(self._host, self._issuers, marks)
        named = {host for hosts in self._issuers.values() for host in hosts}
        for issuer, keys in self._keys.items():
            if issuer in named:  # SVC-13
                redemption.learn(issuer, keys)
        return redemption


def target_of(request: Request) -> str:
    """Return path and query as they were sent."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    return (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _read(place: str) -> tuple[int, bytes, bytes]:
    _, ends_s, key_id, nonce = place.split("/")
    return int(ends_s), bytes.fromhex(key_id), bytes.fromhex(nonce)
