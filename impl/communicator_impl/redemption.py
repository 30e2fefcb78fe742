"""A service's side of tokens: what it takes, what it takes twice, and what it remembers (chapter 9.4).

Theory. A token shows a right once. So a service remembers the nonce of each one that it took, until the key of the
token has ended and nobody could show it any more. Beside the nonce stands the digest of the request: whoever got no
answer repeats the request with the same token, and is served; another request with that token is a second use.

How a token is checked, for one purpose, at `now_ms` (TOK-13):

1. layout: `MALFORMED`
2. challenge of an issuer that the document names, and a key of that issuer, for this purpose, not yet ended: `FORGED`
3. signature: `FORGED`
4. nonce unspent, or spent on the same request: `REPLAYED`

Rules:

1. `check` changes nothing, so that a request which is refused afterwards costs no token (TOK-18).
2. `keep` writes the mark. A host with transactions writes it in the one that carries out the request (TOK-14); without
   them it is written first, and carrying out is repeatable: after a crash in between, the same request with the same
   token is taken, and no other.
3. Marks are read from the storage each time: all instances on one storage share them (TOK-15).
4. Keys come from the issuers' documents, each fetched by the host; an issuer that was not named is not listened to
   (SVC-13).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from communicator_impl.errors import InputError, PeerError
from communicator_impl.issuer_keys import IssuerKey
from communicator_impl.storage import Storage
from communicator_impl.tokens import Purpose, Token, challenge_digest, challenge_header
from communicator_spec import ErrorClass

__all__ = ["Redeemed", "Redemption", "request_digest"]

_SPENT: Final = "spent/"


class Redeemed(NamedTuple):
    """A token that may pay for one request: its mark, and whether the same request was paid with it before."""

    nonce: bytes
    key_id: bytes
    digest: bytes
    ends_s: int
    repeated: bool

    @property
    def place(self) -> str:
        """Where the mark is stored: by the end of the key, so that what has ended is found by its name."""
        return f"{_SPENT}{self.ends_s:012d}/{self.key_id.hex()}/{self.nonce.hex()}"


class Redemption:
    """What one service takes; `origin` is its host, `issuers` the hosts of issuers by purpose, from its document."""

    def __init__(self, origin: str, issuers: Mapping[Purpose, tuple[str, ...]], storage: Storage) -> None:
        self._origin = origin
        self._issuers = issuers
        self._storage = storage
        self._keys: dict[str, tuple[IssuerKey, ...]] = {}
        self._digests = {host: challenge_digest(host, origin) for hosts in issuers.values() for host in hosts}

    def learn(self, issuer: str, keys: Iterable[IssuerKey]) -> None:
        """Take the keys of an issuer in the place of those known before; one that nobody named is refused (SVC-13)."""
        if issuer not in self._digests:
            raise InputError(ErrorClass.REFUSED, "issuer that the document does not name")
        self._keys[issuer] = tuple(keys)

    def needed(self, purpose: Purpose) -> bool:
        """Tell whether a request of this purpose needs a token."""
        return bool(self._issuers.get(purpose))

    def knows(self, purpose: Purpose) -> bool:
        """Tell whether the keys of all issuers of a purpose were learnt."""
        return all(host in self._keys for host in self._issuers.get(purpose, ()))

    def demand(self, now_ms: int, purpose: Purpose) -> tuple[str, ...]:
        """Return the values of `WWW-Authenticate` for a request without a token: one for each issuer (TOK-6)."""
        found = (
            (host, key)
            for host in self._issuers.get(purpose, ())
            for key in self._keys.get(host, ())
            if key.purpose is purpose and key.issues(_s(now_ms))
        )
        return tuple(challenge_header(host, self._origin, key.key) for host, key in found)

    def check(self, now_ms: int, purpose: Purpose, shown: bytes, digest: bytes) -> Redeemed:
        """Check a token for one request, by the digest of the request (the numbered steps above; TOK-13)."""
        token = Token.decode(shown)  # 1
        key = self._key(_s(now_ms), purpose, token)  # 2
        token.verify(key.key)  # 3
        fresh = Redeemed(token.nonce, token.key_id, digest, key.ends_s, repeated=False)
        before = self._storage.load(fresh.place)
        if before is None:
            return fresh
        if before != digest:  # 4
            raise PeerError(ErrorClass.REPLAYED, "token spent on another request")
        return fresh._replace(repeated=True)

    def keep(self, redeemed: Redeemed) -> None:
        """Write the mark of a token that pays (TOK-14)."""
        if not redeemed.repeated:
            self._storage.save(redeemed.place, redeemed.digest)

    def erase(self, now_ms: int) -> None:
        """Forget marks of keys that have ended: nobody can show their tokens any more (TOK-16)."""
        for place in list(self._storage.keys(_SPENT)):
            if int(place.split("/")[1]) > _s(now_ms):
                break
            self._storage.delete(place)

    def _key(self, now_s: int, purpose: Purpose, token: Token) -> IssuerKey:
        for host in self._issuers.get(purpose, ()):
            if token.challenge_digest != self._digests[host]:
                continue
            for key in self._keys.get(host, ()):
                if key.purpose is purpose and now_s < key.ends_s and key.key.identifier() == token.key_id:
                    return key
        raise PeerError(ErrorClass.FORGED, "challenge or key of a token")


def request_digest(method: str, target: str, body: bytes) -> bytes:
    """Return the digest by which two requests are the same (9.4); `target` is path and query as they were sent."""
    return hashlib.sha256(f"{method} {target}\n".encode() + body).digest()


def _s(now_ms: int) -> int:
    return now_ms // 1000
