"""What passed which crash point, and who is to die at one: a file that all processes of a run have in memory.

Theory. A process that is killed at an instant says nothing afterwards. So what it passed is counted where the kernel
keeps it, in a shared file, one row for each process that is ever to die, and the order to die stands in the same row: a
point, before or after it, and how many times it is passed first. ::

    row of a process    point+1 · phase · passes left · where it died · how often (point 0, before) (point 0, after) …

Rules:

1. A row has one process that counts in it; the orchestrator writes orders and reads the rest.
2. A process dies by SIGKILL, which it sends to itself: no instruction of it follows, and no handler runs.
"""

import mmap
import os
import signal
import struct
import threading
from pathlib import Path
from typing import Final, NamedTuple, Self

__all__ = ["Ledger", "Order"]

_HEAD: Final = 4
_WORD: Final = 4


class Order(NamedTuple):
    """Where to die: number of the point, phase (0 before, 1 after), and how many passes are let through."""

    point: int
    phase: int
    passes: int


class Ledger:
    """The shared file; `rows` processes, `points` points."""

    def __init__(self, path: Path, rows: int, points: int) -> None:
        self._width = _HEAD + 2 * points
        self._points = points
        size = rows * self._width * _WORD
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._lock = threading.Lock()

    @classmethod
    def opened(cls, path: Path, points: int) -> Self:
        """Open the file of a run."""
        return cls(path, path.stat().st_size // ((_HEAD + 2 * points) * _WORD), points)

    # ---------------------------------------------------------------- in a process that may die

    def passed(self, row: int, point: int, phase: int) -> None:
        """Count a pass, and die if this is where."""
        with self._lock:
            place = _HEAD + 2 * point + phase
            self._put(row, place, self._get(row, place) + 1)
            if self._get(row, 0) != point + 1 or self._get(row, 1) != phase:
                return
            left = self._get(row, 2)
            if left:
                self._put(row, 2, left - 1)
                return
            self._put(row, 3, 2 * point + phase + 1)
            os.kill(os.getpid(), signal.SIGKILL)  # rule 2
            threading.Event().wait()

    # ---------------------------------------------------------------- in the orchestrator

    def order(self, row: int, order: Order | None) -> None:
        """Say where a process is to die; None: nowhere."""
        self._put(row, 0, 0)
        if order is not None:
            self._put(row, 1, order.phase)
            self._put(row, 2, order.passes)
            self._put(row, 0, order.point + 1)

    def ordered(self, row: int) -> Order | None:
        """Return where a process is to die."""
        point = self._get(row, 0)
        return Order(point - 1, self._get(row, 1), self._get(row, 2)) if point else None

    def death(self, row: int) -> tuple[int, int] | None:
        """Return the point and phase at which a process has died since this was asked last."""
        place = self._get(row, 3)
        if not place:
            return None
        self._put(row, 3, 0)
        return (place - 1) // 2, (place - 1) % 2

    def passes(self, row: int) -> tuple[int, ...]:
        """Return how often a process passed each (point, phase): 2 · point + phase."""
        begin = (row * self._width + _HEAD) * _WORD
        return struct.unpack_from(f"<{2 * self._points}I", self._map, begin)

    def _get(self, row: int, place: int) -> int:
        found: int = struct.unpack_from("<I", self._map, (row * self._width + place) * _WORD)[0]
        return found

    def _put(self, row: int, place: int, value: int) -> None:
        struct.pack_into("<I", self._map, (row * self._width + place) * _WORD, value)
