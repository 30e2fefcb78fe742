"""The pace of time: a demonstration or a test lets all clocks of its processes go faster than the world's.

Theory. Receipts take minutes and addresses live for days; nobody waits for that. Processes that have the same value of
one environment variable agree on a time that goes N times as fast since an instant that they share, so the terms of the
standard stay as they are and only the waiting is short. A process can be given a clock that is wrong, too. ::

    COMMUNICATOR_PACE = N@T          N times as fast since T, in milliseconds since 1970
                        N@T+S N@T-S  the same, and this process is S seconds ahead, or behind

Rules:

1. Without the variable, time is the machine's. No one sets it but whoever starts the processes of a test.
2. Clocks go faster; what waits for the network or a processor does not: `real_s` turns a span of this time into one of
   the machine's, where a process is to sleep through it.
"""

import functools
import os
import re
import time
from typing import Final, NamedTuple

from communicator_impl.errors import InputError
from communicator_spec.errors import ErrorClass

__all__ = ["VARIABLE", "Pace", "count_ns", "count_s", "now_ms", "now_ns", "parse", "real_s"]

VARIABLE: Final = "COMMUNICATOR_PACE"

_FORM: Final = re.compile(r"([1-9][0-9]{0,5})@([0-9]{1,15})([+-][0-9]{1,10})?", re.ASCII)
_MS_NS: Final = 1_000_000
_S_NS: Final = 1_000_000_000


class Pace(NamedTuple):
    """How many times as fast time goes, since when, and how far this process is ahead."""

    times: int = 1
    since_ns: int = 0
    ahead_ns: int = 0

    def text(self) -> str:
        """Return the value of the variable."""
        ahead = f"{self.ahead_ns // _S_NS:+}" if self.ahead_ns else ""
        return f"{self.times}@{self.since_ns // _MS_NS}{ahead}"

    def of(self, machine_ns: int) -> int:
        """Return the time at an instant of the machine's clock, both in nanoseconds since 1970."""
        return self.since_ns + (machine_ns - self.since_ns) * self.times + self.ahead_ns


def parse(text: str) -> Pace:
    """Read a value of the variable; `MALFORMED` if it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            ErrorClass.MALFORMED, f"{VARIABLE} is like 60@1767225600000 or 60@1767225600000-30, not {text}"
        )
    return Pace(int(found[1]), int(found[2]) * _MS_NS, int(found[3] or 0) * _S_NS)


@functools.cache
def _own() -> Pace:
    return parse(os.environ[VARIABLE]) if VARIABLE in os.environ else Pace()


def now_ns() -> int:
    """Return the time in nanoseconds since 1970."""
    return _own().of(time.time_ns())


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return now_ns() // _MS_NS


def count_ns() -> int:
    """Return nanoseconds of a clock that only counts, also while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) * _own().times


def count_s() -> float:
    """Return seconds of a clock that only counts, while the machine is awake."""
    return time.monotonic() * _own().times


def real_s(span_s: float) -> float:
    """Return how long the machine sleeps for a span of this time."""
    return span_s / _own().times
