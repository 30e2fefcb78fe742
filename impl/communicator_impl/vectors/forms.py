"""CBOR as it must not be: an encoder that also writes what the deterministic encoding forbids.

Theory. A defect of the encoding is made on the value, not on its bytes: the value is written as always, and at one
place stands `Raw` (these bytes, whatever they are) or `Pairs` (these keys in this order, twice if they stand twice). So
a vector differs from its twin at that place and nowhere else.

Rules:

1. A value without `Raw` and `Pairs` has its one deterministic encoding (ENV-1); a test compares with `wire.encode`.
2. A path names places in a value: keys of maps, positions of arrays. `put` returns a new value.
"""

import struct
from typing import NamedTuple

__all__ = ["Pairs", "Path", "Raw", "at", "double", "encode", "endless", "head", "ordered", "put"]

Path = tuple[int | str, ...]
_UINT, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5
_WIDTHS = (1, 2, 4, 8)


class Raw(NamedTuple):
    """These bytes, in the place of an item."""

    data: bytes


class Pairs(NamedTuple):
    """A map with its keys in this order."""

    items: tuple[tuple[object, object], ...]


def head(major: int, number: int, longer: bool = False) -> bytes:
    """Return the head of an item: its type and a number, in the fewest bytes, or in the next longer form."""
    fewest = 0 if number < 24 else next(i for i, n in enumerate(_WIDTHS, 1) if number < 1 << 8 * n)
    form = fewest + longer
    if form == 0:
        return bytes([major << 5 | number])
    return bytes([major << 5 | 23 + form]) + number.to_bytes(_WIDTHS[form - 1])


def encode(value: object, longer: bool = False) -> bytes:
    """Encode a value; `longer` writes its outermost head longer than it needs to be."""
    match value:
        case Raw(data):
            return data
        case bool():
            return (b"\xf8" if longer else b"") + bytes([0xF4 + value - 0xE0 * longer])
        case int():
            return head(_UINT, value, longer)
        case bytes():
            return head(_BYTES, len(value), longer) + value
        case str():
            return head(_TEXT, len(value.encode()), longer) + value.encode()
        case Pairs(items):
            return head(_MAP, len(items), longer) + _pairs(items)
        case list():
            return head(_ARRAY, len(value), longer) + b"".join(map(encode, value))
        case dict():
            return encode(ordered(value), longer)
    raise TypeError(type(value))


def ordered(value: dict[object, object]) -> Pairs:
    """Return a map with its keys in the order of their encodings."""
    return Pairs(tuple(sorted(value.items(), key=lambda pair: encode(pair[0]))))


def endless(value: object) -> Raw:
    """Return an item without a length: a string in one chunk, an array or a map up to its break."""
    data = encode(value)
    inside = data if isinstance(value, (bytes, str)) else data[len(_head_of(data)) :]
    return Raw(bytes([data[0] & 0xE0 | 0x1F]) + inside + b"\xff")


def double(value: int) -> Raw:
    """Return a number as a floating-point number of eight bytes."""
    return Raw(b"\xfb" + struct.pack(">d", value))


def at(value: object, path: Path) -> object:
    """Return what stands at a path."""
    for step in path:
        value = value[step]  # type: ignore[index]  # maps and arrays both
    return value


def put(value: object, path: Path, new: object) -> object:
    """Return the value with something else at a path."""
    if not path:
        return new
    first, *rest = path
    inner = put(value[first], tuple(rest), new)  # type: ignore[index]  # maps and arrays both
    if isinstance(value, dict):
        return {**value, first: inner}
    assert isinstance(value, list)
    return [inner if i == first else item for i, item in enumerate(value)]


def _pairs(items: tuple[tuple[object, object], ...]) -> bytes:
    return b"".join(encode(key) + encode(item) for key, item in items)


def _head_of(data: bytes) -> bytes:
    short = data[0] & 0x1F
    return data[: 1 if short < 24 else 1 + _WIDTHS[short - 24]]
