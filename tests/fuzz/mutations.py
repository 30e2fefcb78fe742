"""Changes to valid encodings that know the form: what a strict parser must notice, and what may break a careless one.

Theory. Random bytes die at the first head of CBOR or the first brace of JSON. So a change is made in the tree of values
(another type, a number at its limit, a missing, repeated or unknown key, a text of another length, a deeper nest), or
in how the tree is written (a longer integer than needed, keys out of order or twice, indefinite lengths, a tag, a
length beyond all memory), or in the bytes (flips, cuts, insertions).

Rules:

1. `mutate(form, data, draw)` is a function of its arguments: the same draw gives the same bytes.
2. A byte string that is CBOR itself is changed inside half of the time.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Final

import cbor2
from tests.fuzz.target import Form

from communicator_impl import wire

__all__ = ["hostile", "mutate"]

_EDGES: Final = (0, 1, 2, 23, 24, 255, 256, 3600, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32)
_NUMBERS: Final = (
    *_EDGES,
    (1 << 53) - 1,
    1 << 53,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    1 << 64,
    -1,
    -(1 << 64),
    1e300,
)
_TEXTS: Final = (
    "",
    "a",
    "\0",
    "ä",
    "e\u0301",
    "\U0010ffff",
    "x" * 300,
    "https://a.example",
    "http://127.0.0.1",
    "../x",
)
_SIZES: Final = (0, 1, 12, 15, 16, 17, 31, 32, 33, 64, 128, 137, 176, 186, 256, 2800)
_PIECES: Final = (
    b"\0",
    b"\xff",
    b"\x80",
    b"[",
    b"{",
    b'"',
    b"\\ud800",
    b"\\u0000",
    b"1e999",
    b"NaN",
    b"-0",
    b"=",
    b"%",
)
_MORE: Final = (b" ", b"\n", b"\r\n", b"https://", b"://", b"@", b"#", b"[::1]", b":0", b"9" * 40, b"\xd8\x00", b"null")
_STRINGS: Final = (*_PIECES, *_MORE)
_DEEP: Final = 64


def mutate(form: Form, data: bytes, draw: Random) -> bytes:
    """Return other bytes: one to four changes."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        data = _once(form, data, draw)
    return data


def hostile(form: Form) -> tuple[bytes, ...]:
    """Return bytes that ask for much: lengths beyond memory, nests beyond the stack, many small items."""
    deep, many = 10_000, 1 << 14
    if form is Form.CBOR:
        heads = (b"\x5b", b"\x7b", b"\x9b", b"\xbb")
        huge = tuple(head + size.to_bytes(8) for head in heads for size in (1 << 31, 1 << 40, 1 << 63, (1 << 64) - 1))
        nested = (b"\x81" * deep + b"\0", b"\xa1\0" * deep + b"\0", b"\xd8\x1c\x81" * deep + b"\0", b"\x9f" * deep)
        return (*huge, *nested, b"\x99\x40\0" + bytes(many), b"\xc2\x59\x40\0" + b"\xff" * many, bytes(many))
    nests = tuple(text * deep for text in (b"[", b'{"a":', b"[{", b"(", b"'"))
    closed = (b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep)
    tables = (b"x = " + b"[" * deep + b"]" * deep, b"x = " + b"9" * many)
    return (*nests, *closed, *tables, b"9" * many, b'"' + b"a" * many + b'"', b"[" + b"0," * many + b"0]", b"\\" * many)


def _once(form: Form, data: bytes, draw: Random) -> bytes:
    if form is Form.CBOR and draw.random() < 0.75:
        return _cbor(data, draw)
    if form is Form.JSON and draw.random() < 0.75:
        return _json(data, draw)
    return _bytes(data, draw)


# -------------------------------------------------------------------- bytes


def _bytes(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    to = min(len(data), at + draw.choice((1, 1, 2, 4, 16, 64)))
    change: Callable[[], bytes] = draw.choice(
        (
            lambda: data[:at] + bytes(b ^ 1 << draw.randrange(8) for b in data[at : at + 1]) + data[at + 1 :],
            lambda: data[:at] + bytes((draw.randrange(256),)) + data[at + 1 :],
            lambda: data[:at],
            lambda: data[:at] + data[to:],
            lambda: data[:to] + data[at:],
            lambda: data[:at] + draw.choice(_STRINGS) + data[at:],
            lambda: data + draw.randbytes(draw.choice((1, 2, 16))),
            lambda: data[:at] + draw.choice(_STRINGS) + data[to:],
        )
    )
    return change()


# -------------------------------------------------------------------- trees


def _cbor(data: bytes, draw: Random) -> bytes:
    try:
        value = cbor2.loads(data, max_depth=_DEEP, semantic_decoders=wire._REFUSED)
        _emit(value)
    except Exception:  # no CBOR of which there is a tree
        return _bytes(data, draw)
    if draw.random() < 0.7:
        return _emit(_tree(value, draw, _cbor_leaf))
    return _emit(value, draw, draw.randrange(_heads(value)))


def _json(data: bytes, draw: Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, draw)
    text = json.dumps(_tree(value, draw, _json_leaf), ensure_ascii=draw.random() < 0.5)
    if text.startswith("{") and draw.random() < 0.1:
        text = '{"version": 1, ' + text[1:]  # a member twice
    return text.encode("utf-8", "surrogatepass")


def _tree(value: object, draw: Random, leaf: Callable[[object, Random], object]) -> object:
    """Change one place of a tree."""
    inside = isinstance(value, (list, dict)) and value
    if inside and draw.random() < 0.8:
        if isinstance(value, dict):
            key = draw.choice(list(value))
            return _changed_map(value, key, draw, leaf)
        assert isinstance(value, list)
        at = draw.randrange(len(value))
        row = list(value)
        kind = draw.random()
        if kind < 0.1:
            return row[:at] + row[at + 1 :]
        if kind < 0.2:
            return [*row[:at], row[at], *row[at:]]
        if kind < 0.25:
            return row * draw.choice((2, 9, 40))
        row[at] = _tree(row[at], draw, leaf)
        return row
    return leaf(value, draw)


def _changed_map(
    value: dict[object, object], key: object, draw: Random, leaf: Callable[[object, Random], object]
) -> dict[object, object]:
    kind = draw.random()
    if kind < 0.1:
        return {k: v for k, v in value.items() if k != key}
    if kind < 0.15:
        return {**value, (draw.randrange(300) if isinstance(key, int) else draw.choice(_TEXTS)): value[key]}
    if kind < 0.2 and isinstance(key, int):
        return {**{k: v for k, v in value.items() if k != key}, draw.choice(("a", True, -1, b"")): value[key]}
    return {**value, key: _tree(value[key], draw, leaf)}


def _cbor_leaf(value: object, draw: Random) -> object:
    kind = draw.random()
    if isinstance(value, bytes) and kind < 0.6:
        if len(value) > 2 and draw.random() < 0.5:
            return _cbor(value, draw)
        return draw.choice((_bytes(value, draw), value + b"\0", value[:-1], bytes(draw.choice(_SIZES))))
    if isinstance(value, bool) and kind < 0.6:
        return not value
    if isinstance(value, int) and kind < 0.6:
        return draw.choice((value + 1, max(value - 1, 0), draw.choice(_NUMBERS)))
    if isinstance(value, str) and kind < 0.6:
        return draw.choice((value + draw.choice(_TEXTS), value[:-1], value.upper(), draw.choice(_TEXTS)))
    return draw.choice(
        (draw.choice(_NUMBERS), draw.choice(_TEXTS), draw.randbytes(draw.choice(_SIZES)), None, True, [], {}, [value])
    )


def _json_leaf(value: object, draw: Random) -> object:
    kind = draw.random()
    if isinstance(value, str) and kind < 0.5:
        at = draw.randrange(len(value) + 1)
        more = draw.choice((*_TEXTS, "\ud800", "=", "A"))
        return draw.choice((value[:at] + more + value[at:], value[:at], value.upper(), more))
    if isinstance(value, int) and kind < 0.5:
        return draw.choice((value + 1, value - 1, draw.choice(_NUMBERS), float(min(value, 1 << 60))))
    odd = (float("nan"), float("inf"), 10**400, "\udfff")
    return draw.choice((draw.choice(_NUMBERS), draw.choice(_TEXTS), None, True, [], {}, [value], {"": value}, *odd))


# -------------------------------------------------------------------- writing CBOR, with one fault


def _heads(value: object) -> int:
    if isinstance(value, list):
        return 1 + sum(map(_heads, value))
    if isinstance(value, dict):
        return 1 + sum(_heads(k) + _heads(v) for k, v in value.items())
    return 1


class _Writer:
    """Writes a tree; the head with the number `fault` is written as no strict reader takes it."""

    def __init__(self, draw: Random, fault: int) -> None:
        self._draw, self._left = draw, fault

    def write(self, value: object) -> bytes:
        self._left -= 1
        wrong = self._left == -1
        if isinstance(value, list):
            inside = [self.write(item) for item in value]
            return self._container(4, len(value), inside, wrong)
        if isinstance(value, dict):
            pairs = [self.write(k) + self.write(v) for k, v in value.items()]
            return self._container(5, len(value), pairs, wrong)
        plain = cbor2.dumps(value, canonical=True)
        return self._spoilt(plain) if wrong else plain

    def _container(self, major: int, size: int, inside: list[bytes], wrong: bool) -> bytes:
        if not wrong:
            return _head(major, size) + b"".join(inside)
        kind = self._draw.randrange(5)
        if kind == 0:
            return bytes(((major << 5) | 31,)) + b"".join(inside) + b"\xff"
        if kind == 1 and inside:
            return _head(major, size + 1) + b"".join([*inside, self._draw.choice(inside)])
        if kind == 2 and len(inside) > 1:
            return _head(major, size) + b"".join(reversed(inside))
        if kind == 3:
            return _head(major, self._draw.choice((size + 1, max(size - 1, 0), 1 << 40))) + b"".join(inside)
        return self._spoilt(_head(major, size)) + b"".join(inside)

    def _spoilt(self, plain: bytes) -> bytes:
        major, low = plain[0] >> 5, plain[0] & 31
        kind = self._draw.randrange(3)
        if kind == 0:
            return bytes((0xC0 | self._draw.choice((0, 1, 2, 3, 4, 5, 23)),)) + plain
        if kind == 1:
            return b"\xd8" + bytes((self._draw.choice((24, 25, 28, 29, 30, 35, 36, 37, 64, 100)),)) + plain
        if low < 24 and major != 7:
            return bytes((major << 5 | 24, low)) + plain[1:]
        return bytes((major << 5 | 27,)) + b"\xff" * 8 + plain[1:]


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for code, size in ((24, 1), (25, 2), (26, 4)):
        if number < 1 << 8 * size:
            return bytes((major << 5 | code,)) + number.to_bytes(size)
    return bytes((major << 5 | 27,)) + number.to_bytes(8)


def _emit(value: object, draw: Random | None = None, fault: int = -1) -> bytes:
    """Write a tree as a strict reader wants it, but for one head."""
    if draw is None:
        return cbor2.dumps(value, canonical=True)
    return _Writer(draw, fault).write(value)
