"""Deterministic CBOR (RFC 8949 §4.2), read strictly: one value has one encoding.

Theory. If two encodings of one value were accepted, whoever relays the bytes could mark a message
by re-encoding it, and two implementations could disagree about a digest. So a decoder accepts
exactly what the encoder writes: it decodes, encodes again and compares. The protocol uses unsigned
integers, byte strings, text strings, arrays, booleans and maps; tags are refused before they are
interpreted, everything else fails where a typed field is read.

Rules:

1. Everything that arrives from outside goes through `decode`, with a limit on its length. Too long
   is `TOO_LARGE`, anything else that is wrong is `MALFORMED`.
2. The readers below (`fields`, `uint`, `octets`, …) check type and range; a map names its keys, and
   an unknown key is an error (ENV-3).
3. Keys of one map are all of one type, so the order of RFC 8949 and the older length-first order
   agree.
"""

from io import BytesIO
from typing import NoReturn

import cbor2

from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "array",
    "boolean",
    "decode",
    "encode",
    "fields",
    "octets",
    "sequence",
    "text",
    "text_map",
    "uint",
    "wrong",
]

_UINT_MAX = (1 << 64) - 1
_INTEGER = frozenset((int,))  # booleans and simple values compare equal to integers, and are none
_NESTING = PARAMETERS.envelope.nesting_max
# Tags that the library would interpret by itself (dates, big numbers, regular expressions, sharing …).
_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def _refuse_tag(_decoder: object) -> NoReturn:
    raise ValueError("tags have no place in this protocol")


_REFUSED = dict.fromkeys(_TAGS, _refuse_tag)


def wrong(detail: str) -> PeerError:
    """Make the error for bytes that are not what the schema describes."""
    return PeerError(ErrorClass.MALFORMED, detail)


def encode(value: object) -> bytes:
    """Encode deterministically; the caller passes only the types named above."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, limit: int) -> object:
    """Decode bytes that were encoded deterministically and are at most `limit` long."""
    if len(data) > limit:  # ENV-2
        raise PeerError(ErrorClass.TOO_LARGE, f"{len(data)} bytes, at most {limit}")
    try:
        value: object = cbor2.loads(
            data,
            max_depth=_NESTING,  # ENV-4
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_REFUSED,
        )
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise wrong("not CBOR of this protocol") from error
    if again != data:  # ENV-1: one encoding only, nothing after it
        raise wrong("not the deterministic encoding")
    return value


def sequence(data: bytes, most: int, each: int) -> tuple[bytes, ...]:
    """Split a CBOR sequence (RFC 8742) into its items: at most `most`, of `each` bytes, as `decode` asks."""
    if len(data) > most * each:
        raise PeerError(ErrorClass.TOO_LARGE, f"{len(data)} bytes, at most {most} items of {each}")
    source, items, begin = BytesIO(data), list[bytes](), 0
    while begin < len(data):
        try:
            cbor2.load(source, max_depth=_NESTING, allow_indefinite=False, semantic_decoders=_REFUSED)
        except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise wrong("not a sequence of CBOR") from error
        items.append(data[begin : source.tell()])
        begin = source.tell()
        decode(items[-1], each)
    if len(items) > most:
        raise PeerError(ErrorClass.LIMIT, f"{len(items)} items, at most {most}")
    return tuple(items)


def fields(value: object, required: frozenset[int], optional: frozenset[int] = frozenset()) -> dict[int, object]:
    """Read a map with unsigned keys: all required ones, and none that is not named (ENV-3)."""
    if type(value) is not dict:
        raise wrong("a map is expected")
    keys = value.keys()
    if not (required <= keys <= required | optional) or not _INTEGER.issuperset(map(type, keys)):
        raise wrong("missing or unknown field")
    return value


def text_map(value: object, limit: int, key_bytes_max: int) -> dict[str, object]:
    """Read a map with text keys and at most `limit` entries."""
    if type(value) is not dict or len(value) > limit:
        raise wrong("a map with text keys is expected")
    for key in value:
        text(key, key_bytes_max)
    return value


def uint(value: object, most: int = _UINT_MAX) -> int:
    """Read an unsigned integer of at most `most`."""
    if type(value) is not int or not 0 <= value <= most:
        raise wrong("an unsigned integer in range is expected")
    return value


def boolean(value: object) -> bool:
    """Read a boolean."""
    if type(value) is not bool:
        raise wrong("a boolean is expected")
    return value


def octets(value: object, size: int | None = None, most: int | None = None) -> bytes:
    """Read a byte string of exactly `size` or at most `most` bytes."""
    if type(value) is not bytes:
        raise wrong("a byte string is expected")
    if (size is not None and len(value) != size) or (most is not None and len(value) > most):
        raise wrong("byte string of another length")
    return value


def text(value: object, most: int) -> str:
    """Read a text string of 1 to `most` bytes of UTF-8."""
    if type(value) is not str or not 0 < len(value.encode()) <= most:
        raise wrong("a text string in range is expected")
    return value


def array(value: object, most: int, size: int | None = None) -> list[object]:
    """Read an array of at most `most` items, or of exactly `size`."""
    if type(value) is not list or len(value) > most or (size is not None and len(value) != size):
        raise wrong("an array in range is expected")
    return value
