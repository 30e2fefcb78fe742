"""Cases of every member of an origin's document (chapter 8.1): the one structure that is JSON, and that may grow.

Theory. As in `field_cases`, completeness is a loop: the document here runs all four services, and each member at each
level is missing, null, there twice, of another type, and each number negative, a fraction, and larger than any that
JSON readers agree on. A member that nobody knows is ignored at every level (SVC-15), so that is a positive case.

Rules:

1. `document/MEMBER-DEFECT`, with dots between levels; the first of a list stands for all, as `item` if it is no object.
2. A service that the origin does not run has no member, so each of the four may be absent, and no other member. The
   operation gives the configuration of the receiving service, so that one is not left out here.
"""

import json
from collections.abc import Iterator
from typing import Final

from communicator_impl.vectors.forms import Path, at, put
from communicator_impl.vectors.story import Case, Step
from communicator_spec.errors import ErrorClass
from communicator_spec.examples import document

__all__ = ["member_cases"]

_SERVICES: Final = ("receiving", "sending", "directory", "authorization")
_WHOLE: Final = document(*_SERVICES)
_ORIGIN: Final = "https://receiving.example"
_AGAIN: Final = "the same member again"
_SAID: Final = {
    "missing": "is missing",
    "null": "is null",
    "twice": "stands twice",
    "mistyped": "is of another type",
    "negative": "is a negative number",
    "fraction": "is a fraction",
    "over": "is a number beyond those that all readers of JSON have",
}
_TABLES: Final = ("tokens", "upload")
"""Objects whose members are entries, and may be any."""


def _decode(data: bytes) -> Step:
    return Step("decode", "document.decode", {"document": data, "origin": _ORIGIN})


def member_cases() -> list[Case]:
    """Return all cases of members."""
    good = Case("document/whole", "a document of four services", ("SVC-21",), (_decode(_bytes(_WHOLE)),))
    return [good, *_of_object(good, (), "")]


def _of_object(good: Case, path: Path, label: str) -> Iterator[Case]:
    """Yield the cases of an object and of all members in it."""
    value = at(_WHOLE, path)
    assert isinstance(value, dict)
    name = label or "document"
    if not path or path[-1] not in _TABLES:
        grown = put(_WHOLE, path, {**value, "later": [None, 1.5, {"version": "…"}]})
        said = f"{name}: a member that nobody knows is ignored"
        yield Case(f"document/{name}-unknown", said, ("SVC-15",), (_decode(_bytes(grown)),))
    for member in value:
        yield from _of_member(good, path, member, f"{label}.{member}".lstrip("."))


def _of_member(good: Case, path: Path, member: str, label: str) -> Iterator[Case]:
    around, here = at(_WHOLE, path), (*path, member)
    assert isinstance(around, dict)
    rest = {name: value for name, value in around.items() if name != member}
    if member in _SERVICES[1:]:
        said = f"{label}: the origin does not run it"
        yield Case(f"document/{label}-without", said, ("SVC-21",), (_decode(_bytes(put(_WHOLE, path, rest))),))
    elif member not in _SERVICES and (not path or path[-1] not in _TABLES):
        yield _wrong(good, label, "missing", _bytes(put(_WHOLE, path, rest)))
    twice = _bytes(put(_WHOLE, path, {**around, _AGAIN: around[member]}))
    yield _wrong(good, label, "twice", twice.replace(_AGAIN.encode(), member.encode()))
    yield from _of_value(good, here, label)


def _of_value(good: Case, path: Path, label: str) -> Iterator[Case]:
    value = at(_WHOLE, path)
    for name, wrong in (("null", None), ("mistyped", _mistyped(value))):
        yield _wrong(good, label, name, _bytes(put(_WHOLE, path, wrong)))
    if isinstance(value, int) and not isinstance(value, bool):
        for name, number in (("negative", -1), ("fraction", value + 0.5), ("over", 1 << 53)):
            yield _wrong(good, label, name, _bytes(put(_WHOLE, path, number)))
    if isinstance(value, dict):
        yield from _of_object(good, path, label)
    elif isinstance(value, list) and isinstance(value[0], dict):
        yield from _of_object(good, (*path, 0), label)
    elif isinstance(value, list):
        yield from _of_value(good, (*path, 0), f"{label}.item")


def _mistyped(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case int():
            return str(value)
        case str():
            return 1
        case list():
            return {}
    return []


def _wrong(good: Case, label: str, defect: str, data: bytes) -> Case:
    refused = good.refused(f"{label}-{defect}", f"{label} {_SAID[defect]}", ("SVC-21",), ErrorClass.MALFORMED)
    return refused.changed("decode", None, document=data)


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode()
