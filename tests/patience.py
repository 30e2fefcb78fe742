"""Waiting for what must come: until it is seen, however slow the machine is, and not for a span of time.

Theory. A test that sleeps a second and looks says something of the machine. One that looks until it sees what it waits
for costs as long as that takes, and fails only when it never comes: so the time after which it gives up may be long,
and says nothing of speed.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["PATIENCE_S", "eventually"]

Seen = TypeVar("Seen")

PATIENCE_S: Final = 60.0
"""After so long, nothing comes any more; also the time that a test lets a server take for one answer."""
_PAUSE_S: Final = 0.02


def eventually(look: Callable[[], Seen], is_it: Callable[[Seen], object] = bool, within_s: float = PATIENCE_S) -> Seen:
    """Look until it is what was waited for; returns what was seen last, for the test to judge."""
    until_s = time.monotonic() + within_s
    while not is_it(seen := look()) and time.monotonic() < until_s:
        time.sleep(_PAUSE_S)
    return seen
