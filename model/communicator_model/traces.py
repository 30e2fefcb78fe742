"""Message traces: who wrote to whom, and when.

A trace is three parallel columns. It comes from a file in SNAP's temporal format, one message a
line, `src dst unix_seconds` (CollegeMsg: https://snap.stanford.edu/data/CollegeMsg.html), or from
the module `synthetic`.

Rules:

1. Time starts at 0 with the first message and never goes back; messages of one second keep the
   order of their lines. The unix second of the first message stays known as `origin_s`, for the
   hour of the day.
2. People are numbered densely in the order in which they first appear in time, a sender before its
   receiver, so the numbers depend on the messages and not on the publisher's ids.
3. A file is wrong or right as a whole: the first bad line is named, nothing is skipped except blank
   lines and comments (`#`).
4. `restrict` is a function of the trace and its two numbers. Nothing is drawn.

Errors, all of them the input's fault:

    DataError
    ├── TraceError    a trace file is missing or malformed, or has too few people
    └── PhoneError    the same for phone schedules (module `phones`)
"""

import hashlib
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from communicator_spec.errors import Explained

__all__ = ["DataError", "Trace", "TraceError", "file_bytes", "find_data", "find_trace", "load_trace"]

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]

DATA_VARIABLE = "COMMUNICATOR_DATA"
BESIDE = Path("..") / "shared" / "data"
TRACE_FILE = "collegemsg.txt"
SIZE_BYTES_MAX = 1 << 29
_ROWS = 1 << 16
ID_MAX = (1 << 63) - 1
LINE_BYTES_MAX = 100
TIME_S_MAX = 1 << 40
DAY_MS = 86_400_000


class DataError(Explained, ValueError):
    """Something that was given to the model as data cannot be used."""


class TraceError(DataError):
    """A trace file is missing or malformed, or a trace cannot serve the wish."""


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """Messages in order of time: `t_ms` (int64, ascending from 0), `sender` and `receiver` (int32).

    `people` is their number; a restricted trace may hold some who never write. `digest` is the
    SHA-256 of the source, in hexadecimal. The columns are read-only. `dropped` says what of the source is no message
    between two people, and how much of it.
    """

    name: str
    digest: str
    people: int
    origin_s: int
    t_ms: Ints
    sender: Ids
    receiver: Ids
    dropped: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for column in (self.t_ms, self.sender, self.receiver):
            column.flags.writeable = False

    @classmethod
    def of(cls, name: str, digest: str, time_s: Ints, sender: Ints, receiver: Ints) -> Self:
        """Sort rows by time (stable), move them to 0 and number the people densely."""
        order = np.argsort(time_s, kind="stable")
        seen = np.column_stack((sender[order], receiver[order])).ravel()
        ids, first, place = np.unique(seen, return_index=True, return_inverse=True)
        rank = np.empty(ids.size, dtype=np.int32)
        rank[np.argsort(first)] = np.arange(ids.size, dtype=np.int32)
        dense = rank[place].reshape(-1, 2)
        origin_s = int(time_s[order[0]])
        t_ms = (time_s[order] - origin_s) * 1000
        return cls(name, digest, ids.size, origin_s, t_ms, dense[:, 0].copy(), dense[:, 1].copy())

    @property
    def messages(self) -> int:
        """The number of messages."""
        return int(self.t_ms.size)

    @property
    def duration_ms(self) -> int:
        """The time between the first message and the last."""
        return int(self.t_ms[-1]) if self.messages else 0

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Yield (time in ms, sender, receiver) in order, a part of the columns at a time."""
        for begin in range(0, self.messages, _ROWS):
            part = slice(begin, begin + _ROWS)
            columns = (self.t_ms[part].tolist(), self.sender[part].tolist(), self.receiver[part].tolist())
            yield from zip(*columns, strict=True)

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the messages, of the same people at the same times."""
        return replace(self, t_ms=self.t_ms[rows], sender=self.sender[rows], receiver=self.receiver[rows])

    def pair_keys(self) -> Ints:
        """For each message, one number for its undirected pair: `smaller * people + larger`."""
        low = np.minimum(self.sender, self.receiver).astype(np.int64)
        return low * self.people + np.maximum(self.sender, self.receiver)

    def pairs(self) -> Ids:
        """The undirected pairs that have written: (pairs, 2), smaller person first, ascending."""
        keys = np.unique(self.pair_keys())
        return np.column_stack((keys // self.people, keys % self.people)).astype(np.int32)

    def restrict(self, people: int | None = None, days: float | None = None, *, window: float | None = None,
                 circle: float | None = None) -> Self:  # fmt: skip
        """Cut out a small lively trace: the densest `days`, then `people` who talk in them.

        1. The window of `days` with the most messages; the earliest of equals.
        2. In it, the most active person; then again and again whoever exchanged the most messages
           with those already chosen (the smaller number of equals). When nobody is left who wrote
           with them, the most active of the rest starts another circle. The quiet come last, the
           most active in the whole trace first: a wish for more people than the window has is
           filled up with them.
        3. Their messages among each other, and nothing else. People keep their relative order.

        `window` and `circle` are draws from [0, 1) for another cut of the same size: a window that begins at any
        message that has one after it, a circle around anybody who is active in it, each with equal chances.
        """
        window_ms = self._window_ms(days)
        first, last = _densest(self.t_ms, window_ms) if window is None else _window(self.t_ms, window_ms, window)
        chosen = _circle(self, first, last, self._wished(people), circle)
        number = np.full(self.people, -1, dtype=np.int32)
        number[chosen] = np.arange(chosen.size, dtype=np.int32)
        sender, receiver = number[self.sender[first:last]], number[self.receiver[first:last]]
        kept = (sender >= 0) & (receiver >= 0)
        t_ms = self.t_ms[first:last][kept]
        shift_ms = int(t_ms[0]) if t_ms.size else 0
        name = f"{self.name} ({chosen.size:,} people, {days or self.duration_ms / DAY_MS:.4g} days)"
        return type(self)(
            name,
            self.digest,
            chosen.size,
            self.origin_s + shift_ms // 1000,
            t_ms - shift_ms,
            sender[kept],
            receiver[kept],
            self.dropped,
        )

    def _wished(self, people: int | None) -> int:
        if people is None:
            return self.people
        if people < 2:
            raise TraceError(f"{self.name}: {people} people cannot write to each other; ask for 2 or more")
        if people > self.people:
            raise TraceError(
                f"{self.name}: {people:,} people wished, but the trace has {self.people:,};"
                " ask for fewer people or use a synthetic trace"
            )
        return people

    def _window_ms(self, days: float | None) -> int:
        if days is None:
            return self.duration_ms + 1
        if not days > 0:
            raise TraceError(f"{self.name}: a window of {days} days is empty; ask for more than 0")
        return int(min(days * DAY_MS, self.duration_ms + 1))


def _densest(t_ms: Ints, window_ms: int) -> tuple[int, int]:
    """The rows [first, last) of the window that holds the most messages."""
    ends = np.searchsorted(t_ms, t_ms + window_ms, side="left")
    first = int(np.argmax(ends - np.arange(t_ms.size)))
    return first, int(ends[first])


def _window(t_ms: Ints, window_ms: int, draw: float) -> tuple[int, int]:
    """The rows [first, last) of a window that begins at a drawn message, and ends before the trace does."""
    starts = int(np.searchsorted(t_ms, t_ms[-1] - window_ms + 1, side="right"))
    first = int(draw * max(1, starts))
    return first, int(np.searchsorted(t_ms, t_ms[first] + window_ms, side="left"))


def _circle(trace: Trace, first: int, last: int, wished: int, draw: float | None = None) -> Ids:
    """Choose people by rule 2 of `Trace.restrict`; ascending. Costs messages * log(messages)."""
    sender, receiver = trace.sender[first:last], trace.receiver[first:last]
    overall = np.bincount(np.concatenate((trace.sender, trace.receiver)), minlength=trace.people)
    active = np.bincount(np.concatenate((sender, receiver)), minlength=trace.people)
    # Most active in the window, then in the whole trace, then the smaller number.
    starters = iter(np.lexsort((-overall, -active)).tolist())
    if draw is not None:
        anybody = np.flatnonzero(active)
        starters = chain([int(anybody[int(draw * anybody.size)])], starters)
    neighbours = _neighbours(trace.people, sender, receiver)
    shared = [0] * trace.people
    chosen: dict[int, None] = {}
    heap: list[tuple[int, int]] = []
    while len(chosen) < wished:
        person = heapq.heappop(heap)[1] if heap else next(starters)
        if person in chosen:
            continue
        chosen[person] = None
        for other in neighbours[person]:
            shared[other] += 1
        for other in sorted(set(neighbours[person])):
            heapq.heappush(heap, (-shared[other], other))
    return np.array(sorted(chosen), dtype=np.int32)


def _neighbours(people: int, sender: Ids, receiver: Ids) -> list[list[int]]:
    """For each person, the other side of each of their messages."""
    found: list[list[int]] = [[] for _ in range(people)]
    for a, b in zip(sender.tolist(), receiver.tolist(), strict=True):
        found[a].append(b)
        found[b].append(a)
    return found


def load_trace(path: Path, *, drops_loops: bool = False) -> Trace:
    """Read a trace in SNAP's temporal format; raises `TraceError` with file and line.

    `drops_loops`: who writes to oneself, as in collections of mails, is dropped and counted; otherwise it is an error.
    """
    data = file_bytes(path)
    rows = [
        _row(path, number, line, drops_loops)
        for number, line in enumerate(data.splitlines(), 1)
        if line.strip() and not line.startswith(b"#")
    ]
    if not rows:
        raise TraceError(f"{path}: no message in it; each line must read `src dst unix_seconds`")
    sender, receiver, time_s = np.array(rows, dtype=np.int64).T
    digest, two = hashlib.sha256(data).hexdigest(), sender != receiver
    if not two.any():
        raise TraceError(f"{path}: no message between two people in it")
    trace = Trace.of(path.name, digest, time_s[two], sender[two], receiver[two])
    return trace if two.all() else replace(trace, dropped=(("to oneself", int((~two).sum())),))


def file_bytes(path: Path) -> bytes:
    """Read a file of a trace, unless it is too large."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes > SIZE_BYTES_MAX:
            raise TraceError(f"{path}: {size_bytes:,} bytes, more than the {SIZE_BYTES_MAX:,} allowed")
        return path.read_bytes()
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror})") from error


def _row(path: Path, number: int, line: bytes, drops_loops: bool) -> tuple[int, int, int]:
    """Parse one line; about 1 µs."""
    parts = line.split()
    if len(parts) != 3 or len(line) > LINE_BYTES_MAX or not b"".join(parts).isdigit():
        _complain(path, number, parts)
    sender, receiver, time_s = int(parts[0]), int(parts[1]), int(parts[2])
    if sender > ID_MAX or receiver > ID_MAX:
        raise TraceError(f"{path}, line {number}: id {max(sender, receiver)} is beyond {ID_MAX}")
    if sender == receiver and not drops_loops:
        raise TraceError(f"{path}, line {number}: {sender} writes to itself")
    if time_s > TIME_S_MAX:
        raise TraceError(f"{path}, line {number}: time {time_s} is beyond {TIME_S_MAX} s")
    return sender, receiver, time_s


def _complain(path: Path, number: int, parts: list[bytes]) -> NoReturn:
    """Say what is wrong with a line."""
    texts = [part[:30].decode("ascii", "replace") for part in parts]
    if len(parts) != 3:
        fault = f"{len(parts)} fields instead of 3 (`src dst unix_seconds`)"
    elif odd := [text for text in texts if not text.removeprefix("-").isdecimal()]:
        fault = f"{odd[0]!r} is not an integer"
    elif negative := [text for text in texts if text.startswith("-")]:
        fault = f"{negative[0]} is negative"
    else:
        fault = f"more than {LINE_BYTES_MAX} bytes"
    raise TraceError(f"{path}, line {number}: {fault}")


def find_trace(explicit: Path | None = None) -> Path | None:
    """Find the message trace; None means that nothing was asked for and nothing is there."""
    return find_data(TRACE_FILE, explicit, TraceError)


def find_data(name: str, explicit: Path | None, error: type[DataError]) -> Path | None:
    """Find data: `explicit`, else in the folder `COMMUNICATOR_DATA`, else beside the repository.

    What was asked for, by argument or variable, must exist. What merely could be there need not.
    """
    if explicit is not None:
        if not explicit.exists():
            raise error(f"{explicit}: no such file; give an existing one, or none for synthetic data")
        return explicit
    if folder := os.environ.get(DATA_VARIABLE):
        if not (path := Path(folder) / name).exists():
            raise error(
                f"{path}: no such file, though {DATA_VARIABLE} points to its folder; put it"
                f" there, or unset {DATA_VARIABLE} to work without"
            )
        return path
    beside = BESIDE / name
    return beside if beside.exists() else None
