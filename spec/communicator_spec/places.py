"""The log of one place as a file, and how the files of many places become one event log.

Theory. A live place knows its own names only: a receiving service its roots, a device its ends, everybody the URIs of
services. So what it writes is an event with names, and the numbers of the common log (`Event`) are given when the files
are brought together: a device says which root is which end, and whoever runs the world may say which number a URI has.
Such files together link addresses to people. They are for tests; a service that strangers use writes none.

A file is lines of JSON, of four kinds:

    {"at_us": 17…, "t_ms": 17…, "kind": "STORED", "id": 7, "root": "6f…", "service": "https://…", "serial": 1, …}
    {"at_us": 17…, "note": "HOLDS", "end": 0, "values": [60000]}        what a device did without an event
    {"root": "6f…", "end": 0}                                           a device names a root
    {"uri": "https://…", "number": 2}                                   several URIs may have one number

Rules:

1. The order within a file is that of its place; `id`, if there is one, only grows. Between files `at_us` decides: the
   clock when the line was written. Clocks have to agree better than a message travels.
2. `t_ms` is the time at which a place judged, such as that at which a request was accepted; it may lie before the line.
3. A column that does not apply is left out. What is not in `COLUMNS`, a root that nobody named and a number out of its
   order are refused, never repaired.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from communicator_spec.events import NONE, Event, Kind, Row

__all__ = [
    "COLUMNS",
    "Merged",
    "PlaceError",
    "PlaceEvent",
    "Remark",
    "event_line",
    "merged",
    "naming_line",
    "root_line",
]

COLUMNS: Final = ("end", "message", "service", "serial", "position", "via", "value")
_EVENT: Final = frozenset((*COLUMNS, "at_us", "t_ms", "kind", "id", "root"))
_NOTE: Final = frozenset(("at_us", "note", "end", "values"))
_URIS: Final = ("service", "via")


class PlaceError(ValueError):
    """A file that is no log of a place, or files that do not belong together; the text says where."""


class PlaceEvent(NamedTuple):
    """An event in the names of its place; without a root or a URI: None and empty."""

    t_ms: int
    kind: Kind
    end: int = NONE
    root: bytes | None = None
    message: int = NONE
    service: str = ""
    serial: int = NONE
    position: int = NONE
    via: str = ""
    value: int = NONE


class Remark(NamedTuple):
    """A note of a device (`communicator_spec.formal.histories.Note`) with how many rows stand before it."""

    place: int
    t_ms: int
    end: int
    said: str
    values: tuple[int, ...]


class Merged(NamedTuple):
    """One event log, its notes, and the number of each URI."""

    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]
    numbers: dict[str, int]


def event_line(event: PlaceEvent, at_us: int, number: int | None = None) -> str:
    """Return an event as a line; `number` is its place in a log that is counted."""
    found: dict[str, object] = {"at_us": at_us, "t_ms": event.t_ms, "kind": event.kind.name}
    found |= {} if number is None else {"id": number}
    found |= {} if event.root is None else {"root": event.root.hex()}
    found |= {name: value for name in COLUMNS if (value := getattr(event, name)) not in (NONE, "")}
    return json.dumps(found)


def root_line(root: bytes, end: int) -> str:
    """Return the line by which a device says whose a root is."""
    return json.dumps({"root": root.hex(), "end": end})


def naming_line(uri: str, number: int) -> str:
    """Return the line that gives a URI its number."""
    return json.dumps({"uri": uri, "number": number})


def merged(files: Iterable[tuple[str, Iterable[str]]]) -> Merged:
    """Bring the files of all places together, each with its name: `PlaceError`."""
    names = _Names()
    streams = [_read(name, lines, names) for name, lines in files]
    rows: list[Row] = []
    remarks: list[Remark] = []
    for at_us, _, where, found in heapq.merge(*map(_ordered, range(len(streams)), streams), key=lambda one: one[:2]):
        if "note" in found:
            values = tuple(_whole(value, where) for value in _list(found.get("values", []), where))
            place = (len(rows), at_us // 1000, _column(found, "end", where))
            remarks.append(Remark(*place, str(found["note"]), values))
        else:
            rows.append(names.row(found, where))
    return Merged(tuple(rows), tuple(remarks), names.numbers)


# -------------------------------------------------------------------- reading

_Line = dict[str, object]


class _Names:
    """Which end a root is, and which number a URI has."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._ends: dict[str, int] = {}

    def learn(self, found: _Line, where: str) -> None:
        """Take a line that names something; another name than before is refused."""
        table, key, value = self._ends, found.get("root"), found.get("end")
        if "uri" in found:
            table, key, value = self.numbers, found["uri"], found.get("number")
        number = _whole(value, where)
        if not isinstance(key, str) or table.setdefault(key, number) != number:
            raise PlaceError(f"{where}: named in two ways")

    def row(self, found: _Line, where: str) -> Row:
        """Return an event with the numbers of the common log."""
        kind = Kind.__members__.get(str(found["kind"]))
        if kind is None or not _EVENT.issuperset(found):
            raise PlaceError(f"{where}: no event of this vocabulary")
        numbers = {name: _column(found, name, where) for name in COLUMNS if name not in _URIS}
        numbers |= {name: self._number(found.get(name)) for name in _URIS}
        if "root" in found:
            end = self._ends.get(str(found["root"]))
            if end is None:
                raise PlaceError(f"{where}: a root that no device named")
            numbers["end"] = end
        return Event(_column(found, "t_ms", where), kind, **numbers)

    def _number(self, uri: object) -> int:
        if uri is None:
            return NONE
        return self.numbers.setdefault(str(uri), max(self.numbers.values(), default=NONE) + 1)


def _read(name: str, lines: Iterable[str], names: _Names) -> list[tuple[str, _Line]]:
    """Read one file; what it names is learnt, the rest returned in its order."""
    found, last = [], NONE
    for number, text in enumerate(lines, 1):
        where = f"{name}:{number}"
        try:
            line = json.loads(text)
        except ValueError as error:
            raise PlaceError(f"{where}: no JSON") from error
        if not isinstance(line, dict):
            raise PlaceError(f"{where}: no object")
        if "kind" not in line and not ("note" in line and _NOTE.issuperset(line)):
            names.learn(line, where)
            continue
        if "id" in line:
            if _whole(line["id"], where) <= last:
                raise PlaceError(f"{where}: not in the order of its place")
            last = _whole(line["id"], where)
        found.append((where, line))
    return found


def _ordered(stream: int, lines: Sequence[tuple[str, _Line]]) -> Iterator[tuple[int, int, str, _Line]]:
    """Give each line a time that does not go back within its file (1)."""
    latest = 0
    for where, line in lines:
        latest = max(latest, _whole(line.get("at_us"), where))
        yield latest, stream, where, line


def _column(found: _Line, name: str, where: str) -> int:
    return _whole(found[name], where) if name in found else NONE


def _whole(value: object, where: str) -> int:
    if type(value) is not int or value < 0:
        raise PlaceError(f"{where}: a whole number is expected")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise PlaceError(f"{where}: a list is expected")
    return value
