"""The time of a service: that of the machine, but not at once when the machine's jumps ahead.

Theory. What a service erases because it has ended is gone for ever, and what it expires is not brought any more. So a
clock that jumps a day ahead, and back when somebody notices, must not take a day of messages and keys with it. A second
clock of the machine only counts, and never jumps; while the two agree, they are the time. ::

    the machine's clock          what a service does
    ─────────────────────────    ─────────────────────────────────────────────────────────
    jumps ahead                  counts on from where it was; believes it after an hour
    goes back                    follows at once; what was erased stays ended (`forgotten_s`)
    was wrong at the start       believes it: a process knows no other time

Rules:

1. Every decision of a service takes its time here; lengths of waiting are measured by clocks that only count.
2. What was erased in the database because it had ended counts as ended for ever, whatever the clock says later: a
   second mark that is erased must not make an address or a token new again (ADDR-17, TOK-16).
"""

import threading
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, select

from communicator_impl import pace
from communicator_impl.services.database import put
from communicator_impl.services.schema import kept

__all__ = ["Clock", "forget", "forgotten_s", "now_ms", "now_s"]

_MS: Final = 1_000_000
_JUMP_MS: Final = 60_000
_BELIEVED_MS: Final = 3_600_000
_SETTLED_S: Final = 60


class Clock:
    """Follows the clock of the machine as above; `wall_ns` is that clock, `count_ns` the one that only counts."""

    def __init__(self, wall_ns: Callable[[], int] = pace.now_ns, count_ns: Callable[[], int] = pace.count_ns) -> None:
        self._wall_ns = wall_ns
        self._count_ns = count_ns
        self._ahead_ms = self._difference_ms()
        self._jumped_at_ms: int | None = None
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return the time, in milliseconds since 1970."""
        with self._lock:
            self._follow()
            return self._count_ms() + self._ahead_ms

    def _follow(self) -> None:
        seen_ms = self._difference_ms()
        if seen_ms <= self._ahead_ms + _JUMP_MS:
            self._ahead_ms, self._jumped_at_ms = seen_ms, None
        elif self._jumped_at_ms is None:
            self._jumped_at_ms = self._count_ms()
        elif self._count_ms() - self._jumped_at_ms >= _BELIEVED_MS:
            self._ahead_ms, self._jumped_at_ms = seen_ms, None

    def _difference_ms(self) -> int:
        return self._wall_ns() // _MS - self._count_ms()

    def _count_ms(self) -> int:
        return self._count_ns() // _MS


class Steps:
    """Tells how far a clock went back since it was asked last."""

    def __init__(self, now_ms: Callable[[], int], count_s: Callable[[], float] = pace.count_s) -> None:
        self._now_ms, self._count_s = now_ms, count_s
        self._before = now_ms() - int(count_s() * 1000)

    def back_ms(self) -> int:
        """Return how many milliseconds the clock went back; 0 if it did not, or by less than a minute."""
        ahead = self._now_ms() - int(self._count_s() * 1000)
        back_ms, self._before = self._before - ahead, ahead
        return back_ms if back_ms >= _JUMP_MS else 0


_clock = Clock()


def now_ms() -> int:
    """Return the time at which a request is carried out, in milliseconds since 1970."""
    return _clock.now_ms()


def now_s() -> int:
    """Return the time in seconds."""
    return now_ms() // 1000


# -------------------------------------------------------------------- what was erased


def forget(connection: Connection, what: str, now_s: int) -> int:
    """Note that what ended before a time is erased, in this transaction; returns that time, a minute ago.

    The minute is for requests that are being made durable now.
    """
    until_s = max(now_s - _SETTLED_S, forgotten_s(connection, what))
    put(connection, kept, [{"name": _name(what), "revision": until_s, "value": b""}])
    return until_s


def forgotten_s(connection: Connection, what: str) -> int:
    """Return the time before which all that had ended may be erased: nothing is judged at an earlier one (rule 2)."""
    found: int | None = connection.execute(select(kept.c.revision).where(kept.c.name == _name(what))).scalar()
    return found or 0


def _name(what: str) -> str:
    return f"forgotten {what}"
