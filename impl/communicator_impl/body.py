"""The plaintext body: what one relationship manager tells another, inside the ratchet.

Theory. A body carries at most one thing that a person did (its kind and content) and, always, the
sender's state of the relationship: what has been received so far (cumulative, so that any later
receipt replaces a lost one) and which version of the peer's address set is held. An address set is
complete, never a difference, so any later one replaces a lost one.

::

    Body           {0: 1, 1: kind, ?2: id, 3: received, 4: holds, ?5: set, ?6: digests, ?7: content}
    received       [floor, [[from, to] …]]        all ids < floor, and these; ascending, gaps between them
    content        of a message: the application's; of READ: like received; of RESYNC: {0: next id}

Rules:

1. Only a message has an id; ids count up from 0 at each end of a relationship (ENV-14).
2. `decode_body` accepts exactly what `encode_body` writes, and gives frozen values.
"""

from enum import IntEnum
from typing import Self

import msgspec

from communicator_impl import wire
from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet, decode_set, encode_set
from communicator_impl.addresses.config import service_uri
from communicator_impl.errors import InputError, PeerError
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Body",
    "Kind",
    "Received",
    "ServiceEntry",
    "WireGrant",
    "WireSet",
    "decode_body",
    "decode_set",
    "encode_body",
    "encode_read",
    "encode_resync",
    "encode_set",
    "kind_of",
    "read_of",
    "resync_of",
]

_A, _E = PARAMETERS.address, PARAMETERS.envelope
_BODY_REQUIRED, _BODY_OPTIONAL = frozenset({0, 1, 3, 4}), frozenset({2, 5, 6, 7})
_BODY_BYTES_MAX = _E.device_bytes_max  # ENV-20


class Kind(IntEnum):
    """What a body is for."""

    MESSAGE = 0
    RECEIPT = 1
    UPDATE = 2
    REQUEST_UPDATE = 3
    END = 4
    MOVED = 5  # an update that a person caused
    READ = 6
    RESYNC = 7


class Received(msgspec.Struct, frozen=True):
    """A cumulative receipt: all ids below `floor`, and the ids of `ranges` (both ends included)."""

    floor: int = 0
    ranges: tuple[tuple[int, int], ...] = ()

    def __contains__(self, number: int) -> bool:
        return number < self.floor or any(a <= number <= b for a, b in self.ranges)

    def to_wire(self) -> list[object]:
        """Return the wire form; ranges that overlap, touch or are out of order raise."""
        edge = self.floor
        for begin, end in self.ranges:
            if not edge < begin <= end:  # ENV-15
                raise wire.wrong("received ranges are not in order")
            edge = end + 1
        return [self.floor, [list(r) for r in self.ranges]]

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the wire form."""
        floor, ranges = wire.array(value, 2, size=2)
        pairs = (wire.array(r, 2, size=2) for r in wire.array(ranges, _E.received_ranges_max))
        numbers = tuple((_number(a), _number(b)) for a, b in pairs)
        received = cls(_number(floor), numbers)
        received.to_wire()
        return received


class Body(msgspec.Struct, frozen=True):
    """One plaintext body."""

    kind: Kind
    received: Received
    holds: int
    number: int | None = None
    addresses: WireSet | None = None
    digests: tuple[tuple[str, bytes], ...] | None = None
    content: bytes | None = None


def kind_of(value: object) -> Kind:
    """Read a kind; one that this end does not know is `MALFORMED` (EXT-9)."""
    number = wire.uint(value)
    if number not in Kind._value2member_map_:
        raise wire.wrong("unknown kind")
    return Kind(number)


def encode_body(body: Body) -> bytes:
    """Encode a body; what the schema does not allow raises `InputError`."""
    try:
        data = wire.encode(_body_to_wire(body))
        decode_body(data)  # 30 µs; the encoder never writes what a peer would refuse
    except PeerError as error:
        raise InputError(error.error_class, error.detail) from error
    return data


def decode_body(data: bytes) -> Body:
    """Decode a body strictly; anything else than what `encode_body` writes is `MALFORMED`."""
    f = wire.fields(wire.decode(data, _BODY_BYTES_MAX), _BODY_REQUIRED, _BODY_OPTIONAL)
    if wire.uint(f[0]) != _E.body_version:
        raise wire.wrong("unknown body version")  # ENV-5
    kind = kind_of(f[1])
    if (kind == Kind.MESSAGE) != (2 in f):  # ENV-14
        raise wire.wrong("a message without an id, or an id where none belongs")
    body = Body(
        kind,
        Received.from_wire(f[3]),
        _number(f[4]),
        _number(f[2]) if 2 in f else None,
        WireSet.from_wire(f[5]) if 5 in f else None,
        _digests(f[6]) if 6 in f else None,
        wire.octets(f[7]) if 7 in f else None,
    )
    _check_content(body)
    return body


def encode_read(seen: Received) -> bytes:
    """Return the content of READ."""
    return wire.encode(seen.to_wire())


def read_of(body: Body) -> Received:
    """Return what a READ covers; what its own receipt does not cover is `MALFORMED` (CONT-12)."""
    seen = Received.from_wire(wire.decode(body.content or b"", _BODY_BYTES_MAX))
    received = body.received
    covered = ((0, seen.floor - 1), *seen.ranges) if seen.floor else seen.ranges
    if not all(_within(received, pair) for pair in covered):
        raise wire.wrong("READ covers what was not received")
    return seen


def encode_resync(next_number: int) -> bytes:
    """Return the content of RESYNC."""
    return wire.encode({0: next_number})


def resync_of(body: Body) -> int:
    """Return the number that the restored end would have given next."""
    return _number(wire.fields(wire.decode(body.content or b"", _BODY_BYTES_MAX), frozenset({0}))[0])


def _check_content(body: Body) -> None:  # CONT-15
    if body.kind is Kind.READ:
        read_of(body)
    elif body.kind is Kind.RESYNC:
        resync_of(body)


def _within(received: Received, pair: tuple[int, int]) -> bool:
    begin, end = max(pair[0], received.floor), pair[1]
    return end < received.floor or any(a <= begin and end <= b for a, b in received.ranges)


def _body_to_wire(body: Body) -> dict[int, object]:
    out: dict[int, object] = {
        0: _E.body_version,
        1: int(body.kind),
        3: body.received.to_wire(),
        4: body.holds,
    }
    if body.number is not None:
        out[2] = body.number
    if body.addresses is not None:
        out[5] = body.addresses.to_wire()
    if body.digests is not None:
        out[6] = dict(body.digests)
    if body.content is not None:
        out[7] = body.content
    return out


def _number(value: object) -> int:
    return wire.uint(value, _E.number_max)


def _digests(value: object) -> tuple[tuple[str, bytes], ...]:
    pairs = wire.text_map(value, _E.services_max, _A.uri_bytes_max)
    return tuple((service_uri(uri), wire.octets(d, _E.digest_bytes)) for uri, d in pairs.items())
