"""When a device may be told of a message: the latency classes of a root and its epochs.

Theory. A person decides what may disturb. A device that asks without waiting gets everything; one that waits gets what
its classes allow, and of messages in batches as many as have gathered since the last notice.

======== ============================================================
class    the device learns of a message
======== ============================================================
immediate at once
batched   with others, at most once in 15 minutes
pull      when it asks
======== ============================================================

Rules:

1. Pure: a decision depends on class, number, the last notice and nothing else. Times are milliseconds.
2. What was told once may be told again at any time: only news disturb.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from communicator_spec.parameters import PARAMETERS

__all__ = ["NO_NOTICE", "Latency", "Notice", "tellable_ms"]

_BATCHED_MS: Final = PARAMETERS.service.batched_notice_s * 1000


class Latency(StrEnum):
    """Latency classes by their name in JSON."""

    IMMEDIATE = "immediate"
    BATCHED = "batched"
    PULL = "pull"


class Notice(NamedTuple):
    """The last notice of batched messages: until when there is no other, and all numbers below `told` were known."""

    until_ms: int
    told: int

    def known(self, now_ms: int) -> "Notice":
        """Return the notice as it counts now: over, if it is of a time from which a clock went back."""
        return self if self.until_ms <= now_ms + _BATCHED_MS else Notice(now_ms, self.told)

    def renewed(self, now_ms: int, told: int) -> "Notice":
        """Return the notice that is given now."""
        return Notice(now_ms + _BATCHED_MS, told)


NO_NOTICE: Final = Notice(0, 0)


def tellable_ms(latency: Latency, number: int, last: Notice) -> int | None:
    """Return from when on a device that waits may be told of a message (RECV-13); None: only when it asks."""
    if latency is Latency.PULL:
        return None
    if latency is Latency.IMMEDIATE or number < last.told:
        return 0
    return last.until_ms
