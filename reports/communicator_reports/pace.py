"""How fast a long command goes and how long it will take, from what it has done since it began.

Theory. Runs of a sweep differ in size, so the rate is that of all runs of this session, not of the last ones. What was
finished before this session says nothing of its rate.
"""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pace", "duration"]

_LINE_EVERY_S: Final = 30.0


class Pace:
    """Says how far a command is: each line has the rate and the time left.

    `say` gets at most one line in 30 s, and one for the beginning and for the end; `now` returns seconds.
    """

    def __init__(self, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._begun: tuple[float, int] | None = None
        self._said_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take note of how many runs of `total` are finished, and say so if it is time to."""
        first, now_s = self._begun is None, self._now()
        if first or done == total or now_s - self._said_s >= _LINE_EVERY_S:
            self._said_s = now_s
            self._say(self._at(now_s, done, total))

    def line(self, done: int, total: int) -> str:
        """Take note of how many runs of `total` are finished, and return the line."""
        return self._at(self._now(), done, total)

    def _at(self, now_s: float, done: int, total: int) -> str:
        line = f"{done:,} of {total:,} runs"
        self._begun = self._begun or (now_s, done)
        begun_s, before = self._begun
        spent_s = now_s - begun_s
        if done <= before or spent_s <= 0:
            return line
        rate = (done - before) / spent_s
        left = f", {duration((total - done) / rate)} left" if done < total else f" in {duration(spent_s)}"
        return f"{line}, {60 * rate:.3g} a minute{left}"


def duration(seconds: float) -> str:
    """Return a duration for people."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"
