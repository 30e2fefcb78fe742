"""Faults that a search has to find: each breaks one parser in a way in which parsers are broken.

Theory. A search that finds nothing may be a search that sees nothing. So each of these takes away one check, and a test
holds both searches, by properties and by coverage, to finding it within the budget that they have in CI.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from communicator_impl import session, wire
from communicator_impl.addresses import values
from communicator_impl.agreement import Opening
from communicator_impl.body import Received
from communicator_impl.tokens import Token

__all__ = ["PLANTED", "Fault", "plant"]


class Fault(NamedTuple):
    """The target that shows it, where the check is, and what stands in its place."""

    target: str
    owner: object
    name: str
    instead: object


def _any_length(value: object, size: int | None = None, most: int | None = None) -> bytes:
    """Read a byte string of any length."""
    if type(value) is not bytes:
        raise wire.wrong("a byte string is expected")
    return value


def _any_padding(padded: bytes) -> bytes:
    """Take off the padding without a look at it."""
    return padded[2 : 2 + int.from_bytes(padded[:2])]


def _any_order(value: object) -> Received:
    """Read ranges in any order."""
    floor, ranges = wire.array(value, 2, size=2)
    pairs = tuple((wire.uint(a), wire.uint(b)) for a, b in map(_pair, wire.array(ranges, 64)))
    return Received(wire.uint(floor), pairs)


def _pair(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _no_type(data: bytes) -> Token:
    """Read a token by its places, whatever its type and length."""
    return Token(data[2:34], data[34:66], data[66:98], data[98:])


def _no_look(data: bytes) -> Opening:
    """Read an opening whose length was not checked."""
    return Opening(data[:16], values.root(data[16:32]), data[-32:])  # type: ignore[arg-type]


PLANTED: Final[dict[str, Fault]] = {
    "lengths": Fault("root", wire, "octets", _any_length),
    "padding": Fault("padding", session, "_unpad", _any_padding),
    "ranges": Fault("body", Received, "from_wire", _any_order),
    "token": Fault("token", Token, "decode", _no_type),
    "opening": Fault("opening", Opening, "from_bytes", _no_look),
}


def plant(name: str, put: Callable[[object, str, object], object] = setattr) -> Fault:
    """Break a parser in this process; a name that no fault has raises KeyError."""
    fault = PLANTED[name]
    put(fault.owner, fault.name, fault.instead)
    return fault
