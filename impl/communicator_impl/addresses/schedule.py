"""A receiving service's secret keys by generation: open with the right one, rotate, erase.

Theory. The generation byte in front of a seal picks the key. A generation that has not begun, has
ended or never was is all the same to whoever asks: `UNKNOWN`, and the outward answer is the uniform
one (ADDR-14). Erasure is the point of generations: once `erased` has dropped a key and the old
schedule is gone from storage, nothing opens what was recorded under it.

Rules:

1. A schedule is a value; `rotated` and `erased` return a new one, and the service stores that
   before it uses it.
2. Secret keys are loaded once, not at each message: loading costs as much as opening.
3. Rotation overlaps: a new outer generation begins at once, and the ones before it live on until
   their own end, so that a sender with yesterday's configuration still gets through.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_impl import hpke, wire
from communicator_impl.addresses.config import Generation, ServiceConfig, service_uri
from communicator_impl.addresses.values import Profile
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["BACKDATE_S", "KeySchedule", "SecretGeneration"]

BACKDATE_S: Final = PARAMETERS.session.backdate_s
_P = PARAMETERS.address
_STATE_BYTES_MAX = 1 << 16


class SecretGeneration(msgspec.Struct, frozen=True):
    """One secret key with its public half and its time."""

    secret: bytes
    public: Generation

    @classmethod
    def generate(cls, number: int, now: int, lifetime_s: int, entropy: Entropy, label: str) -> "SecretGeneration":
        """Draw a key pair for now and the next `lifetime_s`; it begins a day ago, for clocks that are slow."""
        pair = hpke.KeyPair.generate(entropy, label)
        return cls(pair.secret, Generation(number, pair.public, max(now - BACKDATE_S, 0), now + lifetime_s))


class KeySchedule:
    """All secret keys that a receiving service holds at present; more of a kind than it may publish are `LIMIT`."""

    def __init__(
        self,
        uri: str,
        profiles: tuple[Profile, ...],
        outer: tuple[SecretGeneration, ...],
        inner: tuple[SecretGeneration, ...] = (),
    ) -> None:
        if max(len(outer), len(inner)) > _P.generations_max:  # ADDR-35
            raise InputError(ErrorClass.LIMIT, "more generations than a configuration carries")
        self.uri = uri
        self.profiles = profiles
        self.outer = outer
        self.inner = inner
        self._outer = _loaded(outer)
        self._inner = _loaded(inner)

    @classmethod
    def generate(
        cls,
        uri: str,
        profiles: tuple[Profile, ...],
        now: int,
        entropy: Entropy,
        lifetime_s: int = _P.lifetime_long_term_s_max,
    ) -> "KeySchedule":
        """Make the first generation of each kind that the profiles need."""
        empty = cls(uri, profiles, (), ())
        return empty.rotated(now, entropy, lifetime_s, lifetime_s)

    def config(self) -> ServiceConfig:
        """Return what the service publishes."""
        outer = tuple(g.public for g in self.outer)
        inner = tuple(g.public for g in self.inner)
        return ServiceConfig(self.uri, PARAMETERS.suite.number, self.profiles, outer, inner)

    def open_outer(self, generation: int, info: bytes, sealed: bytes, now: int) -> bytes:
        """Open what a sender sealed: two-layer/1's outer layer, or label/1's envelope."""
        return hpke.open_sealed(_pick(self._outer, generation, now), info, sealed)

    def open_inner(self, generation: int, info: bytes, sealed: bytes, now: int) -> bytes:
        """Open what a recipient sealed: two-layer/1's inner layer."""
        return hpke.open_sealed(_pick(self._inner, generation, now), info, sealed)

    def rotated(
        self, now: int, entropy: Entropy, outer_lifetime_s: int, inner_lifetime_s: int | None = None
    ) -> "KeySchedule":
        """Return a schedule with one more outer generation, and one more inner one if asked for."""
        number = _free_number(self.outer, now)
        outer = SecretGeneration.generate(number, now, outer_lifetime_s, entropy, "service.outer")
        inner = self.inner
        if inner_lifetime_s is not None and Profile.TWO_LAYER in self.profiles:
            number = _free_number(inner, now)
            fresh = SecretGeneration.generate(number, now, inner_lifetime_s, entropy, "service.inner")
            inner = (*inner, fresh)
        return KeySchedule(self.uri, self.profiles, (*self.outer, outer), inner)

    def erased(self, now: int) -> "KeySchedule":
        """Return a schedule without the keys whose time has ended (ADDR-27)."""
        outer = tuple(g for g in self.outer if now < g.public.not_after_s)
        inner = tuple(g for g in self.inner if now < g.public.not_after_s)
        return KeySchedule(self.uri, self.profiles, outer, inner)

    def to_bytes(self) -> bytes:
        """Encode for the service's own storage, secrets included."""
        rows = [[[g.secret, g.public.to_wire()] for g in kind] for kind in (self.outer, self.inner)]
        return wire.encode([self.uri, [int(p) for p in self.profiles], *rows])

    @classmethod
    def from_bytes(cls, data: bytes) -> "KeySchedule":
        """Read what `to_bytes` wrote."""
        try:
            uri, profiles, outer, inner = wire.array(wire.decode(data, _STATE_BYTES_MAX), 4, size=4)
            numbers = [wire.uint(p) for p in wire.array(profiles, len(Profile))]
            kinds = tuple(Profile(n) for n in numbers)
            return cls(service_uri(uri), kinds, _stored(outer), _stored(inner))
        except (InputError, PeerError, ValueError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored key schedule") from error


def _loaded(
    generations: Iterable[SecretGeneration],
) -> dict[int, tuple[Generation, X25519PrivateKey]]:
    return {g.public.number: (g.public, X25519PrivateKey.from_private_bytes(g.secret)) for g in generations}


def _pick(keys: dict[int, tuple[Generation, X25519PrivateKey]], generation: int, now: int) -> X25519PrivateKey:
    held = keys.get(generation)
    if held is None or not held[0].live(now):  # ADDR-14
        raise PeerError(ErrorClass.UNKNOWN, f"no live generation {generation}")
    return held[1]


def _free_number(generations: tuple[SecretGeneration, ...], now: int) -> int:
    """Return the number after the newest one, skipping those still in use (ADDR-13).

    No more than a configuration and an address set can carry: with one more, no owner could tell a correspondent.
    """
    if len(generations) >= _P.generations_max:  # ADDR-35
        raise InputError(ErrorClass.LIMIT, "as many generations as a configuration carries")
    used = {g.public.number for g in generations if now < g.public.not_after_s}
    start = generations[-1].public.number + 1 if generations else 0
    for step in range(_P.generation_max + 1):
        number = (start + step) % (_P.generation_max + 1)
        if number not in used:
            return number
    raise OwnError(ErrorClass.LIMIT, "all generation numbers are in use")


def _stored(value: object) -> tuple[SecretGeneration, ...]:
    rows = (wire.array(row, 2, size=2) for row in wire.array(value, _P.generation_max + 1))
    size = PARAMETERS.suite.secret_key_bytes
    return tuple(SecretGeneration(wire.octets(s, size), Generation.from_wire(p)) for s, p in rows)
