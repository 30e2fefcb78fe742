"""What a receiving service publishes about itself: its name, its suite, its profiles and its keys
by generation.

Theory. A key that lives for ever, once leaked, opens every address ever recorded; so keys come in
generations with a beginning and an end, and the service erases a key at its end (T7). The two kinds
of keys end at different times: an outer key is used at the moment of sending and may change daily;
an inner key is pinned by addresses that were handed out, and lives until the last of them has
expired. A service that showed each correspondent a key of its own could tell them apart by the key
they use; so a configuration has one encoding, and people compare its digest inside messages (T8).

Rules:

1. A generation is one byte. A number is used again only after its earlier holder has ended.
2. `encode` is deterministic CBOR; `digest` is the first 16 bytes of SHA-256(label ‖ encoding)
   (ADDR-26).
3. Choosing a key never guesses: no live generation raises `EXPIRED`.
4. A service has one name, and `service_uri` reads it wherever one is read (SVC-1).
"""

import hashlib

import msgspec

from communicator_impl import wire
from communicator_impl.addresses.values import Profile, SealingKey
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.origin import is_origin
from communicator_spec.parameters import PARAMETERS

__all__ = ["Generation", "ServiceConfig", "newest_live", "read_generations", "service_uri"]

_P = PARAMETERS.address
_FIELDS = frozenset(range(5))


class Generation(msgspec.Struct, frozen=True):
    """One public key with its time: usable when not_before_s ≤ now < not_after_s."""

    number: int
    public: bytes
    not_before_s: int
    not_after_s: int

    def live(self, now: int) -> bool:
        """Tell whether the key may be used at `now`."""
        return self.not_before_s <= now < self.not_after_s

    def to_wire(self) -> list[object]:
        """Return the four items of the wire form."""
        return [self.number, self.public, self.not_before_s, self.not_after_s]

    @classmethod
    def from_wire(cls, value: object) -> "Generation":
        """Read the four items of the wire form."""
        number, public, begin, end = wire.array(value, 4, size=4)
        generation = cls(
            wire.uint(number, _P.generation_max),
            wire.octets(public, PARAMETERS.suite.public_key_bytes),
            wire.uint(begin),
            wire.uint(end),
        )
        if generation.not_before_s >= generation.not_after_s:
            raise wire.wrong("a generation ends before it begins")
        return generation


class ServiceConfig(msgspec.Struct, frozen=True):
    """The configuration of a receiving service, as its well-known document carries it."""

    uri: str
    suite: int
    profiles: tuple[Profile, ...]
    outer: tuple[Generation, ...]
    inner: tuple[Generation, ...] = ()

    def sealing_key(self, now: int) -> SealingKey:
        """Return the newest live outer key: what a sender seals to (ADDR-30)."""
        key = newest_live(self.outer, now)
        return SealingKey(self.uri, key.number, key.public)

    def inner_for(self, now: int, valid_until_s: int) -> Generation:
        """Return the newest live inner key that still exists when an address expires (ADDR-9)."""
        lasting = tuple(g for g in self.inner if g.not_after_s >= valid_until_s)
        return newest_live(lasting, now)

    def encode(self) -> bytes:
        """Return the one encoding of this configuration."""
        return wire.encode(
            {
                0: self.uri,
                1: self.suite,
                2: [int(p) for p in self.profiles],
                3: [g.to_wire() for g in self.outer],
                4: [g.to_wire() for g in self.inner],
            }
        )

    def digest(self) -> bytes:
        """Return the 16 bytes that correspondents compare."""
        whole = hashlib.sha256(_P.config_label.encode() + b"\0" + self.encode()).digest()
        return whole[: PARAMETERS.envelope.digest_bytes]

    @classmethod
    def decode(cls, data: bytes) -> "ServiceConfig":
        """Read a configuration.

        Unknown suites, repeated numbers, repeated profiles and inner keys without two-layer/1 are `MALFORMED`.
        """
        f = wire.fields(wire.decode(data, PARAMETERS.envelope.request_bytes_max), _FIELDS)
        if wire.uint(f[1]) != PARAMETERS.suite.number:
            raise wire.wrong("unknown suite")  # ENV-5
        profiles = tuple(_profile(p) for p in wire.array(f[2], len(Profile)))
        if len(set(profiles)) != len(profiles):  # ENV-3
            raise wire.wrong("a profile repeats")
        outer, inner = read_generations(f[3]), read_generations(f[4])
        if inner and Profile.TWO_LAYER not in profiles:  # ENV-3
            raise wire.wrong("inner keys without their profile")
        return cls(service_uri(f[0]), PARAMETERS.suite.number, profiles, outer, inner)


def service_uri(value: object) -> str:
    """Read the URI of a service; what is not an origin in its one form is `MALFORMED` (SVC-1)."""
    uri = wire.text(value, _P.uri_bytes_max)
    if not is_origin(uri):
        raise wire.wrong("the URI of a service is an https origin")
    return uri


def newest_live(generations: tuple[Generation, ...], now: int) -> Generation:
    """Return the live generation that began last; `EXPIRED` when there is none."""
    live = [g for g in generations if g.live(now)]
    if not live:
        raise PeerError(ErrorClass.EXPIRED, "no live key generation")
    return max(live, key=lambda g: (g.not_before_s, g.number))


def read_generations(value: object) -> tuple[Generation, ...]:
    """Read the generations of one kind: at most 8, no two of one number; otherwise `MALFORMED`."""
    items = wire.array(value, _P.generations_max)
    generations = tuple(Generation.from_wire(item) for item in items)
    if len({g.number for g in generations}) != len(generations):  # ENV-3
        raise wire.wrong("a generation number repeats")
    return generations


def _profile(value: object) -> Profile:
    number = wire.uint(value)
    if number not in Profile._value2member_map_:
        raise wire.wrong("unknown profile")
    return Profile(number)
