"""What a streaming invariant is: a monitor that reads rows once, in order, and names the events that break it.

Theory. A log of a study has millions of rows, so a monitor may neither keep them nor look at each twice. It keeps what
it needs to recognise a fault: counters, floors and small dictionaries of what is still open. Most faults are a pair of
events, and by the time the second is seen the first is gone. So a violation carries the second event and a pattern of
the first, and `recall` finds the first in one more pass over the log, which only a broken log pays for.

Rules:

1. A monitor handles the kinds that it names in `handlers` and never sees another.
2. A monitor never raises and never stops: it reports and goes on, so that one fault does not hide the next. It records
   at most `MOST` violations.
3. Rows come in the order of the log, which is the order of causes; equal times are fine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from communicator_spec.events import Event, Kind, Row

__all__ = ["ANY", "MOST", "Handler", "Invariant", "Numbers", "Violation", "recall"]

ANY: Final = -2
"""A column of a pattern that matches everything."""

MOST: Final = 50
"""How many violations one monitor records."""

Handler = Callable[[Row], None]
K = TypeVar("K", bound=Hashable)


class Violation(NamedTuple):
    """One broken promise: which, when it became certain, and the events that show it.

    `earlier` holds patterns of events that were seen before and not kept; `recall` turns them into events.
    """

    invariant: str
    t_ms: int
    events: tuple[Event, ...]
    detail: str
    earlier: tuple[Event, ...] = ()


class Numbers(Generic[K]):
    """Sets of numbers by key, small when each set is nearly all numbers below some floor."""

    __slots__ = ("_beyond", "_floors")

    def __init__(self) -> None:
        self._floors: dict[K, int] = {}
        self._beyond: set[tuple[K, int]] = set()

    def add(self, key: K, number: int) -> bool:
        """Add a number to the set of `key`; tell whether it was new."""
        floor = self._floors.get(key, 0)
        if number == floor:
            floor += 1
            beyond = self._beyond
            while beyond and (key, floor) in beyond:
                beyond.remove((key, floor))
                floor += 1
            self._floors[key] = floor
            return True
        if number < floor or (key, number) in self._beyond:
            return False
        self._beyond.add((key, number))
        return True

    def has(self, key: K, number: int) -> bool:
        """Tell whether a number is in the set of `key`."""
        return number < self._floors.get(key, 0) or (key, number) in self._beyond


class Invariant(ABC):
    """One promise of the standard, checked on a stream of rows.

    `of_live_services`: only logs of live services have what could break it, so a simulation is no evidence for it.
    """

    name: ClassVar[str]
    clauses: ClassVar[tuple[str, ...]]
    of_live_services: ClassVar[bool] = False

    __slots__ = ("_handlers", "found")

    def __init__(self) -> None:
        self.found: list[Violation] = []
        self._handlers = self.handlers()

    @abstractmethod
    def handlers(self) -> dict[Kind, Handler]:
        """Return what to call for each kind of event that this invariant cares about."""

    def feed(self, row: Row) -> None:
        """Read one row."""
        handler = self._handlers.get(row[1])  # type: ignore[call-overload]  # Kind is an int
        if handler is not None:
            handler(row)

    def finish(self, t_ms: int) -> list[Violation]:
        """Return the violations; the run ended at `t_ms`."""
        return self.found

    def _report(self, rows: Iterable[Row], detail: str, *earlier: Event) -> None:
        if len(self.found) < MOST:
            events = tuple(Event(*row) for row in rows)
            self.found.append(Violation(self.name, events[-1].t_ms, events, detail, earlier))


def recall(violations: Iterable[Violation], rows: Iterable[Row]) -> list[Violation]:
    """Replace the patterns of earlier events by the first events that match them.

    One pass over `rows`, only if something has to be found: O(rows x patterns of the same kind).
    """
    listed = list(violations)
    wanted: dict[int, set[Event]] = {}
    for violation in listed:
        for pattern in violation.earlier:
            wanted.setdefault(pattern.kind, set()).add(pattern)
    found: dict[Event, Event] = {}
    for row in rows if wanted else ():
        for pattern in wanted.get(row[1], ()):
            if pattern not in found and _matches(pattern, row):
                found[pattern] = Event(*row)
    return [_completed(violation, found) for violation in listed]


def _matches(pattern: Event, row: Row) -> bool:
    return all(wanted in (ANY, column) for wanted, column in zip(pattern, row, strict=True))


def _completed(violation: Violation, found: dict[Event, Event]) -> Violation:
    before = [found[p] for p in violation.earlier if p in found and found[p] not in violation.events]
    left = tuple(p for p in violation.earlier if p not in found)
    return violation._replace(events=(*before, *violation.events), earlier=left)
