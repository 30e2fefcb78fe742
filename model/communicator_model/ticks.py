"""A SimPy environment on whole milliseconds, which takes plain calls beside events and stays fast when millions wait.

Theory. Stock SimPy keeps one heap of everything that is to come, so each push and pop walks through memory that no
cache holds, and each event is an object with a list of callbacks. A population of slotted state machines needs neither:
what it plans is a call with one value. So the future is cut into spans of a minute. A call for a later span is appended
to the list of that span; a span is sorted when it begins, and only what is planned within it is inserted in order. ::

    spans to come    heap of numbers, a list of (time, call, value) each, in the order of planning
    this span        one list, sorted by time; what is planned for it goes behind everything of the same time

Rules:

1. Same time, same order: what was planned first runs first, as in stock SimPy; urgent events (the start and the
   interruption of processes) run before anything else of their time. So processes, timeouts and stores work as they
   do there, and mix with plain calls.
2. Time is an integer number of milliseconds. A SimPy delay that is none is refused.
3. Nothing is cancelled. Who plans again marks what was planned before as void, and looks when it is called.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeVar

import simpy
from simpy.core import EmptySchedule, Infinity, SimTime
from simpy.events import NORMAL, URGENT, Event, EventPriority

__all__ = ["NEVER_MS", "Ticks"]

NEVER_MS: Final = 1 << 62
"""A time that does not come."""

_SPAN_MS: Final = 60_000
_time: Final = itemgetter(0)

T = TypeVar("T")
_Planned = tuple[int, Callable[[int, Any], object], Any]


class Ticks(simpy.Environment):
    """A SimPy environment; `at` plans a call, everything else is as in SimPy."""

    def __init__(self) -> None:
        super().__init__(0)
        self._spans: list[int] = []  # a heap of the spans to come
        self._later: dict[int, list[_Planned]] = {}
        self._span = -1
        self._here: list[_Planned] = []  # this span, sorted by time
        self._done = 0  # how much of it has run
        self._urgent: deque[Event] = deque()
        self.calls = 0

    @property
    def now(self) -> int:
        """The current time, ms."""
        return self._now  # type: ignore[return-value]  # SimPy's type is wider

    def at(self, t_ms: int, call: Callable[[int, T], object], value: T) -> None:
        """Run `call(t_ms, value)` at `t_ms`, which must not be in the past."""
        span = t_ms // _SPAN_MS
        if span == self._span:
            insort(self._here, (t_ms, call, value), key=_time)
            return
        later = self._later.get(span)
        if later is None:
            self._later[span] = [(t_ms, call, value)]
            heappush(self._spans, span)
        else:
            later.append((t_ms, call, value))

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: SimTime = 0) -> None:
        """Plan an event of SimPy; `ValueError` if its delay is no whole number, or it is urgent and not for now."""
        if priority == URGENT and delay == 0:
            self._urgent.append(event)
        elif priority == NORMAL and delay == int(delay):
            self.at(self.now + int(delay), self._fire, event)
        else:
            raise ValueError(f"an event with priority {priority} after {delay} ms: only whole delays, and normal ones")

    def peek(self) -> SimTime:
        """Return the time of what comes next; infinite if nothing does."""
        if self._urgent:
            return self._now
        if self._done < len(self._here):
            return self._here[self._done][0]
        return min(self._later[self._spans[0]], key=_time)[0] if self._spans else Infinity

    def step(self) -> None:
        """Run what comes next; `EmptySchedule` if nothing does."""
        if self._urgent:
            self._fire(self.now, self._urgent.popleft())
        elif self._done < len(self._here) or self._begin_span(NEVER_MS):
            t_ms, call, value = self._here[self._done]
            self._done += 1
            self._now = t_ms
            call(t_ms, value)
        else:
            raise EmptySchedule

    def run(self, until: SimTime | Event | None = None) -> object:
        """Run until a time (excluded), until an event has been processed, or until nothing is left, as SimPy does."""
        if isinstance(until, Event):
            return super().run(until)
        self.run_until(NEVER_MS if until is None else int(until))
        return None

    def run_until(self, end_ms: int, after_span: Callable[[], object] = lambda: None) -> None:
        """Run everything before `end_ms`; `after_span` is called between spans, to empty what has filled up."""
        urgent = self._urgent
        while urgent:
            self._fire(self.now, urgent.popleft())
        while self._done < len(self._here) or self._begin_span(end_ms):
            here, done = self._here, self._done
            try:
                for t_ms, call, value in islice(here, done, None):  # it grows
                    if t_ms >= end_ms:
                        self._now = end_ms
                        return
                    done += 1
                    self._now = t_ms
                    call(t_ms, value)
                    while urgent:
                        self._fire(t_ms, urgent.popleft())
            finally:
                self.calls += done - self._done
                self._done = done
            after_span()
        if end_ms < NEVER_MS:
            self._now = end_ms

    def _begin_span(self, end_ms: int) -> bool:
        """Go on to the next span that begins before `end_ms`; one that has begun takes nothing for an earlier one."""
        if not self._spans or self._spans[0] * _SPAN_MS >= end_ms:
            return False
        self._span = heappop(self._spans)
        self._here = self._later.pop(self._span)
        self._here.sort(key=_time)  # stable: equal times stay in the order of planning
        self._done = 0
        return True

    def _fire(self, now_ms: int, event: Event) -> None:
        """Run the callbacks of an event, as SimPy does."""
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # SimPy marks it processed so
        for callback in callbacks:
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):
            failure = type(event._value)(*event._value.args)
            failure.__cause__ = event._value
            raise failure
