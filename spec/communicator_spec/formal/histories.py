"""The log of a population, relationship by relationship: what the formal model can be asked about.

The model has one relationship with ends 0 and 1. So a log is taken apart:

1. A history begins where two people meet and has every row of the two ends, renamed. PAIRED itself is its beginning.
2. Faults of services are in every history; those of before the meeting are told at its beginning. A service that is
   down is not down a second time when there are two causes: the second CRASHED says nothing new.
3. LEFT names a person. It is a row of the histories in which this person's end had addresses there and had not ended.
4. FORWARDED, GAVE_UP and REFUSED name no end, by design (ENV-8): no history has them. What a service did not do is
   therefore never held against a log.
5. The log does not say what changed no row: that a device looked and found no way, that a sending service complained,
   which sending services a person uses, how long a receipt was to be held back. Whoever runs the world notes it in a
   diary (`Note`), with its place in the log. A note is a claim like a row: the model must be able to do what it says.

What the model does not have is refused with `NotValidated`, never left out: the commands END, READ and RESYNC, sizes of
messages other than the smallest, and a message of a stranger (INJECTED) that was stored.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from communicator_spec.events import NONE, Command, Kind, Row
from communicator_spec.formal.values import FormalError

__all__ = ["FAULTS", "NAMELESS", "History", "NotValidated", "Note", "Said", "histories"]

FAULTS: Final = frozenset((Kind.CRASHED, Kind.RECOVERED, Kind.DIED))
NAMELESS: Final = frozenset((Kind.FORWARDED, Kind.GAVE_UP, Kind.REFUSED, Kind.INJECTED))
_KNOWN: Final = frozenset((Command.MESSAGE, Command.RECEIPT, Command.UPDATE, Command.REQUEST_UPDATE, Command.MOVED))


class NotValidated(FormalError):
    """The log has something that the model does not have: nothing can be said about it."""


class Said(IntEnum):
    """What a note says; its values are named after each."""

    USES = 1  # sending services, in order of preference: when the two meet, or from now on
    LOOKED = 2  # none. The device did what was due, and no row came of it
    COMPLAINED = 3  # via, service, message. A sending service tells the device that a receiving service is silent
    HEARD = 4  # service, message. The device learns of it
    HOLDS = 5  # ms. In what it does next, the device plans a receipt, so much later
    ANNOUNCES = 6  # ms. In what it does next, the device plans the announcement of a move, so much later


class Note(NamedTuple):
    """One line of a diary: how many rows the log had, when, which end, and what is said with which values."""

    place: int
    t_ms: int
    end: int
    said: Said
    values: tuple[int, ...] = ()


class History(NamedTuple):
    """What one relationship wrote: when two people met, who, and every row and note since, in order."""

    relationship: int
    start_ms: int
    people: tuple[int, int]
    senders: tuple[tuple[int, ...], tuple[int, ...]]
    lines: tuple[Row | Note, ...]


def histories(log: Sequence[Row], diary: Iterable[Note]) -> dict[int, History]:
    """Take a log and its diary apart, by relationship. `NotValidated`: they have what the model does not have."""
    split = _Split()
    place = 0
    for note in diary:
        for row in log[place : note.place]:
            split.row(row)
        split.note(note)
        place = note.place
    for row in log[place:]:
        split.row(row)
    return {number: found.closed(number) for number, found in split.open.items()}


class _Open:
    """A history that is being written down."""

    def __init__(self, start_ms: int, down: Iterable[Row]) -> None:
        self._start_ms = start_ms
        self._down = [(start_ms, *row[1:]) for row in down]
        self._lines: list[Row | Note] = []
        self._senders: list[tuple[int, ...]] = [(), ()]
        self.people = [NONE, NONE]
        self.homes: set[tuple[int, int]] = set()
        self.ended: set[int] = set()

    def add(self, row: Row) -> None:
        """Add a row; what was down when the two met stands behind their first addresses (2)."""
        if row[:2] != (self._start_ms, Kind.ISSUED) or row[3] != 1:
            self._lines += self._down
            self._down = []
        self._lines.append(row)

    def note(self, note: Note) -> None:
        """Add a note; the first one says with which sending services an end began."""
        if note.said == Said.USES and not self._senders[note.end]:
            self._senders[note.end] = note.values
        else:
            self._lines.append(note)

    def closed(self, number: int) -> History:
        """Return the history."""
        people, senders = (self.people[0], self.people[1]), (self._senders[0], self._senders[1])
        return History(number, self._start_ms, people, senders, (*self._lines, *self._down))


class _Split:
    def __init__(self) -> None:
        self.open: dict[int, _Open] = {}
        self._ends_of: dict[int, list[tuple[_Open, int]]] = {}
        self._down: dict[tuple[int, int], Row] = {}
        self._injected: tuple[int, int] | None = None  # when and where a stranger wrote, in the row before

    def note(self, note: Note) -> None:
        """Put one note where it belongs."""
        number, side = divmod(note.end, 2)
        self._met(number, note).note(note._replace(end=side))

    def row(self, row: Row) -> None:
        """Put one row where it belongs."""
        t_ms, kind, end, _, service, _, _, _, value = row
        _known(row)
        if kind == Kind.STORED and self._injected == (t_ms, service):
            raise NotValidated(f"a stranger's message was stored: {row}")
        self._injected = (t_ms, service) if kind == Kind.INJECTED else None
        if kind in FAULTS:
            self._fault(row)
        elif kind == Kind.LEFT:
            for found, side in self._ends_of.get(value, ()):
                if (side, service) in found.homes and side not in found.ended:  # 3
                    found.add((*row[:8], side))
        elif end != NONE:  # 4
            self._of_end(row)

    def _fault(self, row: Row) -> None:
        place = (row[4], row[7])
        if row[1] == Kind.CRASHED and place in self._down:
            return  # 2
        if row[1] == Kind.RECOVERED:
            self._down.pop(place, None)
        else:
            self._down[place] = row
        for found in self.open.values():
            found.add(row)

    def _of_end(self, row: Row) -> None:
        t_ms, kind, end, _, service, _, _, _, value = row
        number, side = divmod(end, 2)
        if kind == Kind.PAIRED:  # 1
            found = self.open.setdefault(number, _Open(t_ms, self._down.values()))
            found.people[side] = value
            self._ends_of.setdefault(value, []).append((found, side))
            return
        found = self._met(number, row)
        found.add((t_ms, kind, side, *row[3:]))
        if kind == Kind.ISSUED:
            found.homes.add((side, service))
        elif kind == Kind.ENDED:
            found.ended.add(side)

    def _met(self, number: int, line: Row | Note) -> _Open:
        if number not in self.open:
            raise NotValidated(f"nobody has met: {line}")
        return self.open[number]


def _known(row: Row) -> None:
    kind, value = row[1], row[8]
    if kind in (Kind.SENT, Kind.RECEIVED) and value not in _KNOWN:
        raise NotValidated(f"the model does not have this command: {row}")
    if kind == Kind.ACCEPTED and value != 0:
        raise NotValidated(f"the model has one size of messages: {row}")
