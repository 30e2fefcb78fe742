"""Bodies and contents: what is encoded is the one encoding, is read back as it was, and nothing else is read.

Theory. Deterministic CBOR has one encoding for a value, so the suite writes it with a library of its own and compares
bytes. What differs from it in form only (a longer integer, another order, bytes behind the end, a field that nobody
knows) is malformed.

Rules:

1. Values are drawn from edges: 0, 23, 24, the limits, and what lies beside them.
2. Each spoilt encoding has the good one for a twin.
"""

from collections.abc import Callable
from typing import Final

import cbor2
from hypothesis import strategies as st
from hypothesis.stateful import rule

from communicator_conformance.properties.searching import Machine
from communicator_conformance.vectors import Step
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Bodies", "Contents"]

_E: Final = PARAMETERS.envelope
_C: Final = PARAMETERS.content
MESSAGE, RECEIPT = 0, 1
NUMBERS: Final = (0, 1, 23, 24, 255, 256, 65_535, 65_536, _E.number_max - 1, _E.number_max)


def _longer(good: bytes) -> bytes:
    """Write the first field's name in two bytes."""
    return good[:1] + b"\x18\x00" + good[2:]


def _one_more(good: bytes) -> bytes:
    return cbor2.dumps({**cbor2.loads(good), 99: 0}, canonical=True)


def _backwards(good: bytes) -> bytes:
    pairs = list(cbor2.loads(good).items())[::-1]
    return good[:1] + b"".join(cbor2.dumps(part, canonical=True) for pair in pairs for part in pair)


SPOILT: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a longer integer": _longer,
    "another order": _backwards,
    "one more field": _one_more,
    "bytes behind the end": lambda good: good + b"\x00",
    "cut short": lambda good: good[:-1],
    "no end stated": lambda good: b"\xbf" + good[1:] + b"\xff",
    "a name of another type": lambda good: good[:1] + b"\xf4" + good[2:],
}


class _Codec(Machine):
    """One kind of bytes: its operations, and the name of the bytes in both."""

    area = ""

    def check(self, values: dict[str, object], good: bytes, more: dict[str, object]) -> None:
        """Encode and decode a value; `more` is what decoding gives beside what encoding takes."""
        with self.judged() as trial:
            trial.take(f"{self.area}.encode", values, {self.area: good.hex()})
            trial.take(f"{self.area}.decode", {self.area: good.hex()}, {**values, **more})

    def check_spoilt(self, good: bytes, how: str) -> None:
        """Decode what is not the one encoding."""
        self.good: dict[str, object] = {self.area: good.hex()}
        bad = {self.area: SPOILT[how](good).hex()}
        with self.judged() as trial:
            trial.refuse(f"{self.area}.decode", bad, ErrorClass.MALFORMED, instead=self.good)

    def probe(self) -> list[Step]:
        """Decode the good encoding."""
        return [Step("probe", f"{self.area}.decode", self.good)]


_sizes = st.sampled_from((0, 1, 23, 24, 255, 256))
_numbers = st.sampled_from(NUMBERS)
_gaps = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30)), max_size=_E.received_ranges_max)


def _ranges(floor: int, gaps: list[tuple[int, int]]) -> list[list[int]]:
    """Return ascending ranges that do not touch: each begins `gap` missing numbers after the last, and has one more."""
    found, edge = [], floor
    for gap, more in gaps:
        found.append([edge + gap, edge + gap + more])
        edge += gap + more + 1
    return [each for each in found if each[1] <= _E.number_max]


class Bodies(_Codec):
    """Messages and receipts."""

    name = "body"
    area = "body"
    needs = frozenset({"rm", "body"})
    clauses = ("ENV-1", "ENV-3", "ENV-14", "ENV-15")

    @rule(number=st.none() | _numbers, holds=_numbers, floor=_numbers, gaps=_gaps, size=_sizes)
    def round_trip(self, number: int | None, holds: int, floor: int, gaps: list[tuple[int, int]], size: int) -> None:
        """Encode and decode values from the edges."""
        values = _body(number, holds, [floor, _ranges(floor, gaps)], "5a" * size)
        given = {name: value for name, value in values.items() if value is not None}
        self.check(given, _encoded(values), {} if number is not None else {"number": None})

    @rule(number=st.none() | _numbers, how=st.sampled_from(sorted(SPOILT)))
    def spoil(self, number: int | None, how: str) -> None:
        """Decode another form of a good encoding."""
        self.check_spoilt(_encoded(_body(number, 3, [12, [[13, 14]]], "5a")), how)

    @rule(floor=st.integers(0, 30), width=st.integers(0, 5))
    def touch(self, floor: int, width: int) -> None:
        """Decode a range that touches the floor."""
        good = _encoded(_body(7, 3, [floor, [[floor + 1, floor + 1 + width]]], "5a"))
        bad = _encoded(_body(7, 3, [floor, [[floor, floor + 1 + width]]], "5a"))
        self.good = {"body": good.hex()}
        with self.judged() as trial:
            trial.refuse("body.decode", {"body": bad.hex()}, ErrorClass.MALFORMED, instead=self.good)  # ENV-15


def _body(number: int | None, holds: int, received: list[object], content: str) -> dict[str, object]:
    kind = RECEIPT if number is None else MESSAGE
    return {"kind": kind, "number": number, "received": received, "holds": holds, "content": content}


def _encoded(body: dict[str, object]) -> bytes:
    numbered = {} if body["number"] is None else {2: body["number"]}
    fields = {0: _E.body_version, 1: body["kind"], **numbered, 3: body["received"], 4: body["holds"]}
    return cbor2.dumps({**fields, 7: bytes.fromhex(str(body["content"]))}, canonical=True)


class Contents(_Codec):
    """What an application puts into a message: a type and data."""

    name = "content"
    area = "content"
    needs = frozenset({"rm", "content"})
    clauses = ("CONT-1",)

    @rule(size=_sizes, length=st.sampled_from((3, 23, 24, _C.type_bytes_max)))
    def round_trip(self, size: int, length: int) -> None:
        """Encode and decode values from the edges."""
        media = "a/" + "b" * (length - 2)
        self.check(*_content(media, b"\x5a" * size), {})

    @rule(text=st.lists(st.sampled_from("a\u00f6\u4e2d\U0001f600"), max_size=20))
    def write_text(self, text: list[str]) -> None:
        """Encode and decode a text of one to four bytes a letter."""
        self.check(*_content(_C.text_type, "".join(text).encode()), {})

    @rule(how=st.sampled_from(sorted(SPOILT)))
    def spoil(self, how: str) -> None:
        """Decode another form of a good encoding."""
        self.check_spoilt(_content(_C.text_type, b"text")[1], how)


def _content(media: str, data: bytes) -> tuple[dict[str, object], bytes]:
    good = cbor2.dumps({0: _C.version, 1: media, 2: data}, canonical=True)
    return {"type": media, "data": data.hex(), "attachments": []}, good
