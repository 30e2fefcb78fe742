"""What passed which crash point, and who is to die at one: a file that all processes of a run have in memory.

Theory. A process that is killed at an instant says nothing afterwards. So what it passed is counted where the kernel
keeps it, in a shared file, one row for each process that is ever to die, and the order to die stands in the same row:
at which places it dies, and how often each is passed first. A place is a point and a phase, 0 before and 1 after. ::

    row of a process    where it died · passes of each place · for each place 0, or 1 + how often it is let through

Rules:

1. A row has one process that counts in it; the orchestrator writes orders and reads the rest.
2. A process dies by SIGKILL, which it sends to itself: no instruction of it follows, and no handler runs.
"""

import mmap
import os
import signal
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

__all__ = ["Ledger", "Place"]

_HEAD: Final = 1
_WORD: Final = 4
Place = tuple[int, int]
"""A point and a phase."""


class Ledger:
    """The shared file; `rows` processes, `points` points."""

    def __init__(self, path: Path, rows: int, points: int) -> None:
        self._width = _width(points)
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
        return cls(path, path.stat().st_size // (_width(points) * _WORD), points)

    # ---------------------------------------------------------------- in a process that may die

    def passed(self, row: int, point: int, phase: int) -> None:
        """Count a pass, and die if this is where."""
        place = 2 * point + phase
        armed = _HEAD + 2 * self._points + place
        with self._lock:
            self._put(row, _HEAD + place, self._get(row, _HEAD + place) + 1)
            left = self._get(row, armed)
            if left > 1:
                self._put(row, armed, left - 1)
            if left == 1:
                self._put(row, 0, place + 1)
                os.kill(os.getpid(), signal.SIGKILL)  # rule 2
                threading.Event().wait()

    # ---------------------------------------------------------------- in the orchestrator

    def order(self, row: int, places: Mapping[Place, int]) -> None:
        """Say where a process is to die, and how many passes each place lets through before; nowhere else."""
        armed = [0] * (2 * self._points)
        for (point, phase), passes in places.items():
            armed[2 * point + phase] = passes + 1
        begin = (row * self._width + _HEAD + len(armed)) * _WORD
        struct.pack_into(f"<{len(armed)}I", self._map, begin, *armed)

    def death(self, row: int) -> Place | None:
        """Return where a process has died since this was asked last."""
        place = self._get(row, 0)
        if not place:
            return None
        self._put(row, 0, 0)
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


def _width(points: int) -> int:
    return _HEAD + 4 * points
