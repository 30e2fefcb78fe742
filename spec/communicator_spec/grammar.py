"""The wire schema as a table of places: every rule, every field of it, and what may stand there.

Theory. `schema` says whether bytes fit a rule. Whoever wants to break each field in each way has to know the fields
first, so the same file is read here as text: a small part of CDDL (RFC 8610), the part that the file uses. A **place**
is a rule or a field of it, written `rule` or `rule.field`: the number that stands in the file, or the name of a
position in an array. Structures without a name of their own are places of the rule around them
(`received.ranges.from`); what has a name is described once, at its own rule.

Rules:

1. What this reader does not understand raises; nothing is skipped.
2. A choice between rules has no place of its own: its rules have.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from communicator_spec.schema import source

__all__ = ["Field", "Form", "Kind", "Place", "places", "read", "rule"]

_TOKEN: Final = re.compile(r"\s*(?:;[^\n]*)?(=>|\.\.|\.size|[A-Za-z][\w-]*|\d+|[={}\[\](),/?*:])")
_UINT_MAX: Final = (1 << 64) - 1
_OPEN_ENDED: Final = 1 << 64
_PARTS: Final = ("map", "row", "list", "table")
Kind = str
"""`uint`, `bytes`, `text`, `bool`, `map`, `table` (text keys), `row` (named positions), `list`, `choice`."""


class Field(NamedTuple):
    """A field of a map or a position of an array."""

    name: str
    optional: bool
    form: "Form"


class Form(NamedTuple):
    """What may stand at a place: smallest and largest value, length or number of items; `inside` if it has parts."""

    kind: Kind
    low: int = 0
    high: int = _OPEN_ENDED
    inside: tuple[Field, ...] = ()
    rule: str = ""


class Place(NamedTuple):
    """A place, the kind of what stands around it (empty for a rule), whether it may be missing, and its form."""

    name: str
    around: Kind
    optional: bool
    form: Form


class _Reader:
    """Reads tokens of one rule after the other."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0

    def rules(self) -> Iterator[tuple[str, Form]]:
        while self._at < len(self._tokens):
            name = self._take()
            self._take("=")
            yield name, self._type()

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise ValueError(f"the wire schema has {token!r} where {wanted or 'something'!r} is expected")
        self._at += 1
        return token

    def _took(self, wanted: str) -> bool:
        if self._peek() != wanted:
            return False
        self._at += 1
        return True

    def _type(self) -> Form:
        options = [self._single()]
        while self._took("/"):
            options.append(self._single())
        if len(options) == 1:
            return options[0]
        return Form("choice", inside=tuple(Field(o.rule, False, o) for o in options))

    def _single(self) -> Form:
        if self._took("{"):
            return self._map()
        if self._took("["):
            return self._array()
        token = self._take()
        if token.isdecimal():
            return Form("uint", int(token), int(self._take()) if self._took("..") else int(token))
        if token in ("uint", "bstr", "tstr"):
            return self._sized(token)
        return Form("bool") if token == "bool" else Form("rule", rule=token)

    def _sized(self, token: str) -> Form:
        low, high = self._size() if self._took(".size") else (0, _OPEN_ENDED)
        if token == "uint":
            return Form("uint", 0, _UINT_MAX if high == _OPEN_ENDED else (1 << 8 * high) - 1)
        return Form({"bstr": "bytes", "tstr": "text"}[token], low, high)

    def _size(self) -> tuple[int, int]:
        if not self._took("("):
            number = int(self._take())
            return number, number
        low = int(self._take())
        self._take("..")
        high = int(self._take())
        self._take(")")
        return low, high

    def _map(self) -> Form:
        fields: list[Field] = []
        while not self._took("}"):
            many, optional = self._took("*"), self._took("?")
            key = self._take()
            self._take("=>")
            fields.append(Field(key, optional, self._type()))
            self._took(",")
            if many:
                self._take("}")
                return Form("table", inside=(Field("value", False, fields[0].form),))
        return Form("map", len(fields), len(fields), tuple(fields))

    def _array(self) -> Form:
        low, high = 0, _OPEN_ENDED
        if self._peek(1) == "*":
            low, high = int(self._take()), int(self._peek(1)) if self._peek(1).isdecimal() else _OPEN_ENDED
            self._take("*")
            high = int(self._take())
        elif not self._took("*"):
            return self._row()
        item = self._type()
        self._take("]")
        return Form("list", low, high, (Field("item", False, item),))

    def _row(self) -> Form:
        fields = []
        while not self._took("]"):
            name = self._take()
            self._take(":")
            fields.append(Field(name, False, self._type()))
            self._took(",")
        return Form("row", len(fields), len(fields), tuple(fields))


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, re.sub(r";[^\n]*", "", text).strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"the wire schema has {text[at : at + 20]!r}, which is not read here")
        tokens.append(found[1])
        at = found.end()
    return tokens


def read(text: str) -> dict[str, Form]:
    """Return the rules of a schema by name; `ValueError` for what is not read here."""
    return dict(_Reader(_tokens(text)).rules())


@cache
def _rules() -> dict[str, Form]:
    return read(source())


def rule(name: str) -> Form:
    """Return the form of a rule, with names of other rules followed. Raises KeyError for one that does not exist."""
    return _followed(_rules()[name])


def _followed(form: Form) -> Form:
    if form.kind == "rule":
        return rule(form.rule)._replace(rule=form.rule)
    if form.kind == "choice":
        return form._replace(inside=tuple(f._replace(form=_followed(f.form)) for f in form.inside))
    return form


@cache
def places() -> dict[str, Place]:
    """Return every place of the schema by name, in the order of the file."""
    found: list[Place] = []
    for name in _rules():
        form = rule(name)
        options = [f.form for f in form.inside if not f.form.rule] if form.kind == "choice" else [form]
        found += [p for option in options if option.kind in _PARTS for p in _of(Place(name, "", False, option))]
    return {place.name: place for place in found}


def _of(place: Place) -> Iterator[Place]:
    yield place
    for field in place.form.inside:
        named = field.form.kind == "rule" and rule(field.form.rule).kind in (*_PARTS, "choice")
        name = place.name if place.form.kind == "list" and field.form.kind == "row" else f"{place.name}.{field.name}"
        inner = Place(name, place.form.kind, field.optional, _followed(field.form))
        if place.form.kind == "list" and field.form.kind == "row":
            yield from list(_of(inner))[1:]  # the items of a list of rows have the list's name
        elif named or inner.form.kind not in _PARTS:
            yield inner
        else:
            yield from _of(inner)
