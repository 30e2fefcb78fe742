"""A device's stock of tokens: asked for long before they are needed, spent once, the oldest first (chapter 9.3).

Theory. Whoever fetches a token and spends it at once shows that the two belong together, and so does whoever asks for
exactly as many as he needs. So a device asks for batches of one size, at times that have nothing to do with what it
does. A purse holds the tokens of one issuer for one service and one purpose::

    enough ──fewer than 16──▶ planned ──drawn time──▶ due ──ask──▶ asked ──answer──▶ enough
                                  ▲                                  │
                                  └─────────── refused ──────────────┘

Rules:

1. What is asked for is stored before it leaves: after a crash the same requests go out again, and the issuer answers
   them again and counts them once (AUTH-2).
2. A token is given to one request, by the digest of the request, and that is stored before the token leaves. The same
   request gets the same token again, another request never gets it (TOK-17), not even when the request was refused.
3. An answer is taken as a whole: if one signature in it is none, the batch is asked for again (TOK-7).
4. `ask` and `spend` are separate calls: the host uses a connection of its own for each.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import msgspec

from communicator_impl import wire
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.issuer_keys import IssuerKey
from communicator_impl.storage import Storage
from communicator_impl.tokens import Pending, Purpose, Token, TokenKey, challenge_digest, finish, request
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Purse", "Wallet"]

_T: Final = PARAMETERS.token
_PREFIX: Final = "wallet/"
_DAY_MS: Final = 86_400_000
_BYTES_MAX: Final = 1 << 24
_ROWS_MAX: Final = 1 << 16


class Purse(NamedTuple):
    """Which tokens: hosts of the issuer and of the service, and the purpose."""

    issuer: str
    origin: str
    purpose: Purpose

    @property
    def place(self) -> str:
        """Where its state is stored."""
        return f"{_PREFIX}{self.issuer}/{self.origin}/{self.purpose}"


class _Held(msgspec.Struct, frozen=True):
    """A token, when it ends, and the digest of the request that it was given to (empty: none)."""

    token: bytes
    ends_s: int
    given: bytes = b""


class _State(msgspec.Struct, frozen=True):
    """A purse: its tokens, the time at which to ask (0: none planned), and a batch that was asked for."""

    held: tuple[_Held, ...] = ()
    ask_at_ms: int = 0
    draws: int = 0
    pending: tuple[Pending, ...] = ()
    pending_ends_s: int = 0

    def free(self, now_s: int) -> tuple[_Held, ...]:
        """Return the tokens that no request has, those first that end first (TOK-12)."""
        usable = (h for h in self.held if not h.given and now_s < h.ends_s)
        return tuple(sorted(usable, key=lambda h: (h.ends_s, h.token)))

    def to_bytes(self) -> bytes:
        """Encode for storage: secrets of the blinding included."""
        rows = [[p.key.encode(), p.nonce, p.challenge_digest, p.blinded, _number(p.inverse)] for p in self.pending]
        held = [[h.token, h.ends_s, h.given] for h in self.held]
        return wire.encode([held, self.ask_at_ms, self.draws, rows, self.pending_ends_s])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        try:
            held, ask_at_ms, draws, rows, ends_s = wire.array(wire.decode(data, _BYTES_MAX), 5, size=5)
            tokens = tuple(_held(row) for row in wire.array(held, _ROWS_MAX))
            pending = tuple(_pending(row) for row in wire.array(rows, _T.batch))
            return cls(tokens, wire.uint(ask_at_ms), wire.uint(draws), pending, wire.uint(ends_s))
        except PeerError as error:
            raise OwnError(ErrorClass.MALFORMED, "stored tokens") from error


class Wallet:
    """All purses of one device."""

    def __init__(self, storage: Storage, entropy: Entropy) -> None:
        self._storage = storage
        self._entropy = entropy
        self._states: dict[Purse, _State] = {}
        for place in list(storage.keys(_PREFIX)):
            stored = storage.load(place)
            if stored is not None:
                issuer, origin, purpose = place.removeprefix(_PREFIX).split("/")
                self._states[Purse(issuer, origin, Purpose(purpose))] = _State.from_bytes(stored)

    # ---------------------------------------------------------------- stock

    def open(self, now_ms: int, purse: Purse, at_once: bool = False) -> None:
        """Begin a purse; it asks at a time that is drawn, or `at_once` when somebody waits for the first tokens."""
        if purse not in self._states:
            challenge_digest(purse.issuer, purse.origin)  # what is no host is refused here
            first = _State(ask_at_ms=now_ms) if at_once else self._planned(now_ms, purse, _State())
            self._keep(purse, first)

    def left(self, now_ms: int, purse: Purse) -> int:
        """Return how many tokens no request has yet."""
        return len(self._of(purse).free(now_ms // 1000))

    def due(self, now_ms: int) -> tuple[Purse, ...]:
        """Return the purses for which the time to ask has come, and those whose batch was not answered."""
        return tuple(p for p, s in self._sorted() if s.pending or 0 < s.ask_at_ms <= now_ms)

    def next_wake_ms(self) -> int | None:
        """Return the next time at which a purse is due."""
        return min((s.ask_at_ms for _, s in self._sorted() if s.ask_at_ms), default=None)

    def wake(self, now_ms: int) -> None:
        """Drop what has ended, and plan to ask where few are left (TOK-10); at least once a day."""
        now_s = now_ms // 1000
        for purse, state in self._sorted():
            kept = tuple(h for h in state.held if now_s < h.ends_s)
            new = state if len(kept) == len(state.held) else msgspec.structs.replace(state, held=kept)
            if new.pending and now_s >= new.pending_ends_s:
                new = msgspec.structs.replace(new, pending=(), pending_ends_s=0)
            new = self._planned(now_ms, purse, new)
            if new != state:
                self._keep(purse, new)

    # ---------------------------------------------------------------- asking

    def ask(self, now_ms: int, purse: Purse, key: IssuerKey) -> bytes:
        """Return the requests of one batch for the issuer; the same ones until they are answered or refused (TOK-9)."""
        state = self._of(purse)
        if key.purpose is not purse.purpose or not key.issues(now_ms // 1000):
            raise InputError(ErrorClass.REFUSED, "a key that does not issue for this purse now")
        if not state.pending or now_ms // 1000 >= state.pending_ends_s - _T.redeem_grace_s:
            digest = challenge_digest(purse.issuer, purse.origin)
            batch = tuple(request(key.key, digest, self._entropy) for _ in range(_T.batch))
            state = msgspec.structs.replace(state, pending=batch, pending_ends_s=key.ends_s, ask_at_ms=0)
            self._keep(purse, state)
        return b"".join(p.request() for p in state.pending)

    def answered(self, now_ms: int, purse: Purse, answer: bytes) -> int:
        """Take the issuer's answer and return how many tokens it gave; a wrong one changes nothing (TOK-7)."""
        state, size = self._of(purse), _T.authenticator_bytes
        if not state.pending:
            raise InputError(ErrorClass.UNKNOWN, "nothing was asked for")
        if len(answer) != size * len(state.pending):
            raise PeerError(ErrorClass.MALFORMED, "length of an answer")
        parts = (answer[i : i + size] for i in range(0, len(answer), size))
        made = [finish(p, part).encode() for p, part in zip(state.pending, parts, strict=True)]
        held = (*state.held, *(_Held(token, state.pending_ends_s) for token in made))
        full = msgspec.structs.replace(state, held=held, pending=(), pending_ends_s=0, ask_at_ms=0)
        self._keep(purse, self._planned(now_ms, purse, full))
        return len(made)

    def refused(self, now_ms: int, purse: Purse) -> None:
        """Give a batch up that the issuer refused, and plan another one within a day."""
        state = msgspec.structs.replace(self._of(purse), pending=(), pending_ends_s=0, ask_at_ms=0)
        self._keep(purse, self._planned(now_ms, purse, state))

    # ---------------------------------------------------------------- spending

    def spend(self, now_ms: int, purse: Purse, digest: bytes) -> Token:
        """Return the token for one request, by the digest of the request; raises `LIMIT` when none is left (TOK-17)."""
        state, now_s = self._of(purse), now_ms // 1000
        for held in state.held:
            if held.given == digest and now_s < held.ends_s:
                return Token.decode(held.token)
        free = state.free(now_s)
        if not free:
            raise InputError(ErrorClass.LIMIT, "no token left")
        chosen = free[0]  # TOK-12
        given = msgspec.structs.replace(chosen, given=digest)
        held_now = tuple(given if h is chosen else h for h in state.held)
        spent = msgspec.structs.replace(state, held=held_now)
        self._keep(purse, self._planned(now_ms, purse, spent))
        return Token.decode(chosen.token)

    def settled(self, purse: Purse, digest: bytes) -> None:
        """Forget the token of a request that was answered for good."""
        state = self._of(purse)
        held = tuple(h for h in state.held if h.given != digest)
        if len(held) != len(state.held):
            self._keep(purse, msgspec.structs.replace(state, held=held))

    # ---------------------------------------------------------------- state

    def _planned(self, now_ms: int, purse: Purse, state: _State) -> _State:
        """Draw the time to ask, once, when fewer than 16 tokens remain (TOK-10)."""
        few = len(state.free(now_ms // 1000)) < _T.stock_min
        if not few or state.pending or state.ask_at_ms:
            return state
        entity = int.from_bytes(challenge_digest(purse.issuer, purse.origin)[:6])
        fraction = self._entropy.fraction(f"wallet.{purse.purpose}", entity, state.draws)
        at_ms = now_ms + 1 + int(fraction * (_DAY_MS - 1))
        return msgspec.structs.replace(state, ask_at_ms=at_ms, draws=state.draws + 1)

    def _of(self, purse: Purse) -> _State:
        state = self._states.get(purse)
        if state is None:
            raise InputError(ErrorClass.UNKNOWN, "no such purse")
        return state

    def _sorted(self) -> Iterator[tuple[Purse, _State]]:
        return iter(sorted(self._states.items()))

    def _keep(self, purse: Purse, state: _State) -> None:
        self._storage.save(purse.place, state.to_bytes())
        self._states[purse] = state


def _number(value: int) -> bytes:
    return value.to_bytes(_T.authenticator_bytes)


def _held(value: object) -> _Held:
    token, ends_s, given = wire.array(value, 3, size=3)
    return _Held(wire.octets(token, _T.token_bytes), wire.uint(ends_s), wire.octets(given))


def _pending(value: object) -> Pending:
    key, nonce, digest, blinded, inverse = wire.array(value, 5, size=5)
    return Pending(
        TokenKey.decode(wire.octets(key)),
        wire.octets(nonce, _T.nonce_bytes),
        wire.octets(digest, _T.challenge_digest_bytes),
        wire.octets(blinded, _T.authenticator_bytes),
        int.from_bytes(wire.octets(inverse, _T.authenticator_bytes)),
    )
