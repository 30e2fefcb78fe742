"""The line protocol: one JSON object a line, requests on the testee's stdin, answers on its stdout.

::

    → {"id":1,"op":"hello","protocol":1}
    ← {"id":1,"ok":{"name":"…","version":"…","language":"…","roles":["rm"],"profiles":["two-layer/1"],
                    "suites":[1],"features":["derandomized"]}}
    → {"id":2,"op":"address.diversify","now":1767225600,"entropy":"<hex>","args":{…}}
    ← {"id":2,"ok":{…}}  |  {"id":2,"error":{"class":"expired","detail":"…"}}  |  {"id":2,"unsupported":true}

Theory. Pipes cost microseconds where containers cost seconds, and every language can read a line.
The testee is a function of what it is told: time and randomness come with each request. Byte
strings are lower-case hex; objects that live in the testee are opaque handles, text of its choice.

Rules:

1. An answer carries the id of its request and exactly one of `ok`, `error` and `unsupported`; a
   field that no rule names makes it garbage.
2. Error classes are the normative ones; the detail is never compared.
3. `"ignored": true` beside nothing else in `ok` says: understood, dropped, nothing changed.
4. stderr is a free log.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from communicator_conformance.errors import Garbage
from communicator_spec.errors import ErrorClass

__all__ = [
    "PROTOCOL",
    "Accepted",
    "Answer",
    "Hello",
    "Ignored",
    "Rejected",
    "Unsupported",
    "decode_answer",
    "decode_hello",
    "encode_hello",
    "encode_request",
]

PROTOCOL = 1
LINE_BYTES_MAX = 1 << 20


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a testee says about itself; it is only tested for what it offers here."""

    name: str
    version: str
    language: str
    roles: tuple[str, ...]
    profiles: tuple[str, ...]
    suites: tuple[int, ...]
    features: tuple[str, ...] = ()

    @property
    def offers(self) -> frozenset[str]:
        """Roles, profiles and features by name."""
        return frozenset((*self.roles, *self.profiles, *self.features))


class Accepted(msgspec.Struct, frozen=True):
    """The operation succeeded with this result."""

    result: dict[str, object]


class Ignored(msgspec.Struct, frozen=True):
    """The input was understood and dropped without effect."""


class Rejected(msgspec.Struct, frozen=True):
    """The operation was refused; the detail is for people."""

    error_class: ErrorClass
    detail: str = ""


class Unsupported(msgspec.Struct, frozen=True):
    """The testee does not know the operation."""


Answer = Accepted | Ignored | Rejected | Unsupported


class _Error(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    error_class: ErrorClass = msgspec.field(name="class")
    detail: str = ""


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: int
    ok: dict[str, object] | UnsetType = UNSET
    error: _Error | UnsetType = UNSET
    unsupported: bool | UnsetType = UNSET


def encode_hello(number: int) -> bytes:
    """Return the first request of every process."""
    return msgspec.json.encode({"id": number, "op": "hello", "protocol": PROTOCOL}) + b"\n"


def encode_request(number: int, op: str, now: int, entropy: str, args: Mapping[str, object]) -> bytes:
    """Return one request as a line."""
    whole = {"id": number, "op": op, "now": now, "entropy": entropy, "args": args}
    return msgspec.json.encode(whole) + b"\n"


def decode_answer(line: bytes, number: int) -> Answer:
    """Read the answer to request `number`; anything else raises `Garbage`."""
    try:
        answer = msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # not JSON, not UTF-8, too deep
        raise Garbage(f"{error}: {_shown(line)}") from error
    kinds = [answer.ok, answer.error, answer.unsupported]
    if answer.id != number or sum(kind is not UNSET for kind in kinds) != 1 or answer.unsupported is False:
        raise Garbage(f"not one answer to request {number}: {_shown(line)}")
    if isinstance(answer.error, _Error):
        return Rejected(answer.error.error_class, answer.error.detail)
    if not isinstance(answer.ok, dict):
        return Unsupported()
    return Ignored() if answer.ok == {"ignored": True} else Accepted(answer.ok)


def decode_hello(line: bytes, number: int) -> Hello:
    """Read the answer to hello; anything else raises `Garbage`."""
    answer = decode_answer(line, number)
    if not isinstance(answer, Accepted):
        raise Garbage(f"no hello: {_shown(line)}")
    try:
        return msgspec.convert(answer.result, Hello)
    except msgspec.ValidationError as error:
        raise Garbage(f"hello: {error}") from error


def _shown(line: bytes) -> str:
    return line[:120].decode("utf-8", "replace").strip()
