"""Every way in which a field of the wire schema can be wrong: from a place and a good value to values that are not.

Theory. The kind of a place decides what can be wrong with it, and what stands around it decides whether it can be
missing, stand twice or be null. Nothing here knows a message; `field_cases` brings the messages.

Rules:

1. A defect has a name, a sentence, the clause that it breaks, and a value with nothing else wrong.
2. A limit is broken by one: `most` is the value at the limit, which is good, and `over` is one more.
3. What is signed is signed again where the defect is in the value; a defect of the encoding leaves the signature alone,
   which covers the one encoding.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from communicator_impl.vectors.forms import Pairs, Path, Raw, at, double, encode, endless, ordered, put
from communicator_spec.grammar import Form, Place

__all__ = ["Defect", "Good", "defects", "goods", "whole"]

_NULL: Final = Raw(b"\xf6")
_KIND_OF_BODY: Final = {"message-body.1": {"over": "EXT-9"}, "state-body.1": {"over": "EXT-9", "under": "ENV-14"}}
_UINT_MAX: Final = (1 << 64) - 1
_SAID: Final = {
    "missing": "is missing",
    "twice": "stands twice",
    "null": "is null",
    "long-key": "has its name in more bytes than it needs",
    "long-head": "begins with a longer head than it needs",
    "endless": "has no length, but an end",
    "mistyped": "is of another type",
    "negative": "is a negative number",
    "float": "is a floating-point number",
    "not-utf8": "is text that is not UTF-8",
    "over": "is one beyond its limit",
    "under": "is one below its limit",
    "empty": "is empty",
    "unsorted": "has its fields in another order",
    "unknown": "has a field more",
    "key-twice": "has one key twice",
    "key-mistyped": "has a key that is no text",
    "trailing": "is followed by a byte",
    "cut": "lacks its last byte",
    "no-bytes": "is no byte at all",
    "tagged": "stands behind a tag",
}
_OF_ENCODING: Final = frozenset(
    ("long-key", "long-head", "endless", "unsorted", "key-twice", "not-utf8", "trailing", "cut", "no-bytes", "tagged")
)


class Defect(NamedTuple):
    """One way to be wrong; `value` is the whole message, `signed` whether its signatures are to be made again."""

    name: str
    said: str
    clause: str
    value: object
    signed: bool


class Good(NamedTuple):
    """A value at its limit, or without an optional field."""

    name: str
    said: str
    value: object


def defects(place: Place, field: int | str | None, root: object, path: Path) -> Iterator[Defect]:
    """Yield what can be wrong at a path of a message; `field` is the key or position there, None for a rule."""
    value = at(root, path)
    made = list(_of_value(place.form, value, field is not None and bool(place.form.rule)))
    if field is not None:
        made.append(("null", _NULL))
        yield from _of_field(place, field, root, path[:-1])
    for name, wrong in made:
        yield _defect(name, put(root, path, wrong), _clause(name, place))


def goods(place: Place, field: int | str, root: object, path: Path) -> Iterator[Good]:
    """Yield the message with a place at its limit, and without it if it may be missing."""
    form, value = _plain(place.form), at(root, path)
    most = _filled(form, value, form.high) if form.high <= _UINT_MAX and form.low != form.high else None
    if most is not None:
        yield Good("most", "is at its limit", put(root, path, most))
    if place.optional:
        around = at(root, path[:-1])
        assert isinstance(around, dict)
        bare = {key: item for key, item in around.items() if key != field}
        yield Good("without", "may be missing, and is", put(root, path[:-1], bare))


def whole(root: object) -> Iterator[Defect]:
    """Yield what can be wrong with the bytes of a message."""
    data = encode(root)
    for name, wrong in (
        ("trailing", data + b"\0"),
        ("cut", data[:-1]),
        ("no-bytes", b""),
        ("tagged", b"\xd9\xd9\xf7" + data),
    ):
        yield _defect(name, Raw(wrong), "ENV-1")


def _defect(name: str, value: object, clause: str) -> Defect:
    return Defect(name, _SAID[name], clause, value, name not in _OF_ENCODING)


def _clause(name: str, place: Place) -> str:
    if name in _OF_ENCODING:
        return "ENV-1"
    if place.name in _KIND_OF_BODY:
        return _KIND_OF_BODY[place.name].get(name, "ENV-3")
    numbered = place.form.kind == "uint" and name in ("over", "under")
    return "ENV-5" if numbered and (place.form.low == place.form.high or place.form.rule == "profile") else "ENV-3"


def _of_field(place: Place, field: int | str, root: object, path: Path) -> Iterator[Defect]:
    """Yield what can be wrong with having a field: none, two, or under a name that is written otherwise."""
    around = at(root, path)
    if place.around == "map":
        assert isinstance(around, dict)
        items = ordered(around).items
        rest = {key: item for key, item in around.items() if key != field}
        if not place.optional:
            yield _defect("missing", put(root, path, rest), "ENV-3")
        twice = Pairs(tuple(pair for pair in items for _ in range(1 + (pair[0] == field))))
        long = Pairs(tuple((Raw(encode(k, longer=True)) if k == field else k, v) for k, v in items))
        yield Defect("twice", _SAID["twice"], "ENV-1", put(root, path, twice), False)
        yield _defect("long-key", put(root, path, long), "ENV-1")
    elif place.around == "row":
        assert isinstance(around, list)
        without = [item for i, item in enumerate(around) if i != field]
        twice_over = [item for i, item in enumerate(around) for _ in range(1 + (i == field))]
        yield _defect("missing", put(root, path, without), "ENV-3")
        yield _defect("twice", put(root, path, twice_over), "ENV-3")


def _plain(form: Form) -> Form:
    """Return the last of several forms: an epoch key, of the secrets of a grant."""
    return form.inside[-1].form if form.kind == "choice" else form


def _of_value(form: Form, value: object, elsewhere: bool) -> Iterator[tuple[str, object]]:
    """Yield what can be wrong with a value; a structure with a rule of its own is broken `elsewhere`."""
    match _plain(form).kind:
        case "uint":
            yield from _of_number(form, value)
        case "bytes" | "text":
            yield from _of_string(_plain(form), value)
        case "bool":
            assert isinstance(value, bool)
            yield "mistyped", int(value)
            yield "long-head", Raw(encode(value, longer=True))
        case kind:
            yield "mistyped", list(value.values()) if isinstance(value, dict) else dict(enumerate(_list(value)))
            if not elsewhere:
                yield "long-head", Raw(encode(value, longer=True))
                yield "endless", endless(value)
                yield from _of_parts(kind, form, value)


def _of_number(form: Form, value: object) -> Iterator[tuple[str, object]]:
    assert isinstance(value, int)
    yield "mistyped", str(value)
    yield "long-head", Raw(encode(value, longer=True))
    yield "negative", Raw(b"\x20")
    yield "float", double(value)
    yield "over", form.high + 1 if form.high < _UINT_MAX else Raw(b"\xc2\x49\x01" + bytes(8))
    if form.low:
        yield "under", form.low - 1


def _of_string(form: Form, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, str):
        yield "mistyped", value.encode()
        yield "not-utf8", Raw(encode("x" * len(value))[: -len(value)] + b"\xff" * len(value))
    else:
        assert isinstance(value, bytes)
        yield "mistyped", "x" * len(value)
    yield "long-head", Raw(encode(value, longer=True))
    yield "endless", endless(value)
    if form.high <= _UINT_MAX:
        yield "over", _filled(form, value, form.high + 1)
    if form.low:
        yield "under", value[: form.low - 1]
    if form.low > 1:
        yield "empty", value[:0]


def _of_parts(kind: str, form: Form, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from _of_map(kind, value)
    elif kind == "row":
        yield "empty", []
    if kind == "list" and form.high <= _UINT_MAX:
        yield "over", _filled(form, value, form.high + 1)
    if kind == "list" and form.low:
        yield "under", _list(value)[: form.low - 1]


def _of_map(kind: str, value: dict[object, object]) -> Iterator[tuple[str, object]]:
    items = ordered(value).items
    if len(items) > 1:
        yield "unsorted", Pairs((items[1], items[0], *items[2:]))
    if kind == "map":
        yield "unknown", {**value, max(key for key in value if isinstance(key, int)) + 1: 0}
        yield "empty", {}
    else:
        yield "key-twice", Pairs((items[0], *items))
        yield "key-mistyped", {str(key).encode(): item for key, item in value.items()}


def _filled(form: Form, value: object, size: int) -> object:
    """Return a value of a size: a number itself, a string with more at its end, a list of its first item."""
    match value:
        case bool():
            return None
        case int():
            return size
        case bytes():
            return value[:size].ljust(size, b"x")
        case str():
            return value[:size].ljust(size, "x")
        case list() if form.kind == "list":
            return value[:1] * size
    return None


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
