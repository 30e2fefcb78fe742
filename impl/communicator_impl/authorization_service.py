"""An authorization service: it gives accounts tokens that it cannot recognise when they are spent.

Theory. The service knows its accounts and how many tokens each asked for, and signs what it cannot read. What could
still mark a person is the key: so there is one for each purpose and epoch, everybody sees the same ones, and they are
seen before they are used. ::

    announced ──begin of its epoch──▶ issues ──end of its epoch──▶ taken by services ──7 days──▶ ended
        │                                        secret erased                          forgotten
        └─ at least one epoch

How token requests are answered, at `now_ms`:

1. find the account by its access key: `FORGED`
2. read the requests: `MALFORMED`, `TOO_LARGE`
3. find each key by the last byte of its id, among those that issue now: `REFUSED`
4. a repetition of what was answered in this epoch goes on without being counted (AUTH-2)
5. count: more than is left of one purpose refuses all: `LIMIT` (AUTH-1, AUTH-3)
6. sign, keep the count, answer

Rules:

1. What was signed is never kept: a repetition is signed again, to the same bytes, since the signature follows from the
   request. Only the digest of the requests stays, and that until the epoch ends (AUTH-4).
2. The keys that issue in one epoch differ in the last byte of their ids (TOK-22).
3. Secret keys are gone at the first `wake` after their epoch; access keys are stored as their digests.
4. If the storage raises, throw the core away and build it anew: it is ahead of its disk.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Self

import msgspec

from communicator_impl import wire
from communicator_impl.blind_rsa import SigningKey
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.issuer_keys import IssuerKey, epoch_begin_s, epoch_of, write_issuer_document
from communicator_impl.storage import Storage
from communicator_impl.tokens import Asked, Purpose, TokenKey, read_requests
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["AuthorizationService", "MakeKey", "OwnKey"]

MakeKey = Callable[[Entropy], SigningKey]
"""Makes a signing key; a host may keep it in a machine of its own."""

_T: Final = PARAMETERS.token
_KEY, _ACCOUNT = "issuer/key/", "issuer/account/"
_AHEAD: Final = 2  # epochs after this one whose keys exist
_PURPOSES: Final = tuple(Purpose)
_PRIME_BYTES: Final = _T.authenticator_bytes // 2
_RECORD_MAX: Final = 1 << 24
_ROWS_MAX: Final = 1 << 18


class OwnKey(msgspec.Struct, frozen=True):
    """A key of one's own: when it was first shown, and its secret until its epoch ends."""

    public: IssuerKey
    shown_s: int
    secret: SigningKey | None

    @classmethod
    def made(cls, purpose: Purpose, epoch: int, shown_s: int, secret: SigningKey) -> Self:
        """Make the key of a purpose and an epoch."""
        return cls(IssuerKey(purpose, epoch, TokenKey(secret.public)), shown_s, secret)

    @property
    def byte(self) -> int:
        """The last byte of its id, by which requests name it."""
        return self.public.key.identifier()[-1]

    def issues(self, now_s: int, founded_s: int) -> bool:
        """Tell whether it may sign now: in its epoch, and shown to everybody an epoch before (TOK-2)."""
        seen_before = self.shown_s == founded_s or self.shown_s + _T.epoch_s <= self.public.begins_s
        return self.public.issues(now_s) and seen_before

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        p, q = (self.secret.p, self.secret.q) if self.secret else (0, 0)
        primes = [p.to_bytes(_PRIME_BYTES), q.to_bytes(_PRIME_BYTES)]
        return wire.encode([self.public.purpose, self.public.epoch, self.shown_s, self.public.key.encode(), *primes])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        try:
            purpose, epoch, shown_s, key, *primes = wire.array(wire.decode(data, _RECORD_MAX), 6, size=6)
            public = IssuerKey(Purpose(wire.text(purpose, 16)), wire.uint(epoch), TokenKey.decode(wire.octets(key)))
            p, q = (int.from_bytes(wire.octets(prime, _PRIME_BYTES)) for prime in primes)
            if (p or q) and p * q != public.key.key.n:
                raise wire.wrong("primes of another key")
            return cls(public, wire.uint(shown_s), SigningKey(p, q) if p else None)
        except (PeerError, ValueError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored key") from error


class _Account(msgspec.Struct, frozen=True):
    """What one account took in one epoch: counts in the order of the purposes, and the digests of its requests."""

    epoch: int = 0
    counts: tuple[int, ...] = (0,) * len(_PURPOSES)
    answered: tuple[bytes, ...] = ()

    def at(self, epoch: int) -> "_Account":
        """Return this account in an epoch: nothing of another one remains (AUTH-4)."""
        return self if self.epoch == epoch else _Account(epoch)

    def with_request(self, digest: bytes, asked: Mapping[Purpose, int]) -> "_Account":
        """Count a request."""
        counts = tuple(n + asked.get(purpose, 0) for purpose, n in zip(_PURPOSES, self.counts, strict=True))
        return _Account(self.epoch, counts, (*self.answered, digest))

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        return wire.encode([self.epoch, list(self.counts), list(self.answered)])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        try:
            epoch, counts, answered = wire.array(wire.decode(data, _RECORD_MAX), 3, size=3)
            numbers = wire.array(counts, len(_PURPOSES), size=len(_PURPOSES))
            digests = wire.array(answered, _ROWS_MAX)
            return cls(wire.uint(epoch), tuple(map(wire.uint, numbers)), tuple(wire.octets(d, 32) for d in digests))
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored account") from error


class AuthorizationService:
    """One operator's authorization service; `allowances`: tokens of each purpose for an account in an epoch."""

    def __init__(
        self,
        now_ms: int,
        allowances: Mapping[Purpose, int],
        storage: Storage,
        entropy: Entropy,
        make_key: MakeKey = SigningKey.generate,
    ) -> None:
        self._allowances = allowances
        self._storage = storage
        self._entropy = entropy
        self._make_key = make_key
        self._keys: dict[tuple[Purpose, int], OwnKey] = {}
        self.wake(now_ms)

    # ---------------------------------------------------------------- keys

    def keys(self, now_ms: int) -> tuple[IssuerKey, ...]:
        """Return the public keys that everybody sees: announced, issuing, or not yet ended (TOK-2)."""
        found = (own.public for own in self._keys.values() if _s(now_ms) < own.public.ends_s)
        return tuple(sorted(found, key=lambda k: (k.epoch, k.purpose)))

    def document(self, now_ms: int) -> bytes:
        """Return the JSON of `/.well-known/private-token-issuer-directory`."""
        return write_issuer_document(self.keys(now_ms))

    def wake(self, now_ms: int) -> None:
        """Make the keys of the epochs to come and erase what has ended; call it at least once an epoch.

        The first keys of a new service issue at once; every later one was shown for an epoch before (TOK-2).
        """
        now_s = _s(now_ms)
        epoch = epoch_of(now_s)
        self._restore()  # what another instance made
        for name, own in list(self._keys.items()):
            self._age(now_s, name, own)
        for number in range(epoch, epoch + _AHEAD + 1):
            for purpose in _PURPOSES:
                if (purpose, number) not in self._keys:
                    self._keep(self._made(purpose, number, now_s))

    def next_wake_ms(self, now_ms: int) -> int:
        """Return when the next epoch begins."""
        return 1000 * epoch_begin_s(epoch_of(_s(now_ms)) + 1)

    # ---------------------------------------------------------------- accounts

    def open_account(self, access_key: bytes) -> None:
        """Add an account; how it came into being is the operator's business. Repeating it changes nothing."""
        if len(access_key) != PARAMETERS.service.access_key_bytes:
            raise InputError(ErrorClass.MALFORMED, "access key")
        place = _place(access_key)
        if self._storage.load(place) is None:
            self._storage.save(place, _Account().to_bytes())

    def close_account(self, access_key: bytes) -> None:
        """Forget an account; its tokens stay valid, since nobody knows which they are."""
        self._storage.delete(_place(access_key))  # SVC-12

    def allowance(self, now_ms: int, access_key: bytes) -> dict[Purpose, int]:
        """Return the tokens that an account has left in this epoch, by purpose; `FORGED`."""
        account = self._account(access_key).at(epoch_of(_s(now_ms)))
        return {p: max(0, self._allowances.get(p, 0) - n) for p, n in zip(_PURPOSES, account.counts, strict=True)}

    # ---------------------------------------------------------------- tokens

    def issue(self, now_ms: int, access_key: bytes, body: bytes) -> bytes:
        """Answer token requests, one after the other, with blind signatures in the same order (the steps above)."""
        now_s = _s(now_ms)
        account = self._account(access_key).at(epoch_of(now_s))  # 1
        asked = read_requests(body)  # 2
        keys = [self._named(now_s, row) for row in asked]  # 3
        counts = Counter(own.public.purpose for own in keys)
        digest = hashlib.sha256(body).digest()
        repeated = digest in account.answered  # 4, AUTH-2
        if not repeated:
            self._check_allowance(now_ms, access_key, counts)  # 5
        signed = b"".join(self._sign(own, row) for own, row in zip(keys, asked, strict=True))  # 6
        if not repeated:
            self._storage.save(_place(access_key), account.with_request(digest, counts).to_bytes())
        return signed  # AUTH-1: all of them

    def _named(self, now_s: int, row: Asked) -> OwnKey:
        for own in self._keys.values():
            if own.byte == row.key_byte and own.issues(now_s, self._founded_s()) and own.secret is not None:
                return own
        raise PeerError(ErrorClass.REFUSED, "no key with this id issues now")

    def _check_allowance(self, now_ms: int, access_key: bytes, counts: Mapping[Purpose, int]) -> None:
        left = self.allowance(now_ms, access_key)
        if any(n > left[purpose] for purpose, n in counts.items()):
            raise PeerError(ErrorClass.LIMIT, "tokens of this epoch are used up")  # AUTH-3

    def _sign(self, own: OwnKey, row: Asked) -> bytes:
        if own.secret is None:
            raise OwnError(ErrorClass.EXPIRED, "a key that issues has no secret")
        return own.secret.sign_blinded(row.blinded, self._entropy)

    def _account(self, access_key: bytes) -> _Account:
        stored = self._storage.load(_place(access_key))
        if stored is None:
            raise PeerError(ErrorClass.FORGED, "access key")  # SVC-12
        return _Account.from_bytes(stored)

    # ---------------------------------------------------------------- state

    def _made(self, purpose: Purpose, epoch: int, now_s: int) -> OwnKey:
        """Make a key whose id ends unlike those of the same epoch (TOK-22)."""
        taken = {own.byte for own in self._keys.values() if own.public.epoch == epoch}
        while True:
            made = OwnKey.made(purpose, epoch, now_s, self._make_key(self._entropy))
            if made.byte not in taken and all(made.public.key != own.public.key for own in self._keys.values()):
                return made  # TOK-1: a key of its own

    def _age(self, now_s: int, name: tuple[Purpose, int], own: OwnKey) -> None:
        if now_s >= own.public.ends_s:
            self._storage.delete(_key_place(own))
            del self._keys[name]
        elif now_s >= own.public.issues_until_s and own.secret is not None:
            self._keep(msgspec.structs.replace(own, secret=None))

    def _founded_s(self) -> int:
        """Return when the oldest key was first shown."""
        return min(own.shown_s for own in self._keys.values())

    def _keep(self, own: OwnKey) -> None:
        self._storage.save(_key_place(own), own.to_bytes())
        self._keys[own.public.purpose, own.public.epoch] = own

    def _restore(self) -> None:
        for place in list(self._storage.keys(_KEY)):
            stored = self._storage.load(place)
            if stored is not None:
                own = OwnKey.from_bytes(stored)
                self._keys[own.public.purpose, own.public.epoch] = own


def _s(now_ms: int) -> int:
    return now_ms // 1000


def _place(access_key: bytes) -> str:
    return _ACCOUNT + hashlib.sha256(access_key).hexdigest()


def _key_place(own: OwnKey) -> str:
    return f"{_KEY}{own.public.epoch:08d}/{own.public.purpose}"
