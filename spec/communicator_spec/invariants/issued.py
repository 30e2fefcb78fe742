"""What several invariants know of grants: which there are, where, and until when.

Theory. A run issues more grants than it sends messages, and most of them end soon. So one index serves all monitors
that ask, and it keeps of each end a short tuple: what is valid or ended lately, and the last grant of each service. A
serial that is not kept, below one that is, is of a grant that has ended: serials of one service rise (STATE-18). Lately
is a month, because clocks of live devices jump.
"""

from typing import Final

from communicator_spec.events import Row

__all__ = ["Issued"]

_MANY: Final = 3 * 8
_LATELY_MS: Final = 30 * 86_400_000
_ENDED_MS: Final = 0


class Issued:
    """Which grants there are, and until when. Monitors may share one; to note a row a second time changes nothing."""

    __slots__ = ("_grants",)

    def __init__(self) -> None:
        self._grants: dict[int, tuple[int, ...]] = {}  # by end: services, serials and dates in turns

    def note(self, row: Row) -> None:
        """Note what an ISSUED row says."""
        new = (row[4], row[5], row[8])
        known = self._grants.get(row[2], ())
        if known[-3:] != new:
            self._grants[row[2]] = (_lasting(known, row[0]) if len(known) >= _MANY else known) + new

    def until_ms(self, end: int, service: int, serial: int) -> int | None:
        """Return when a grant ends, or a time in the past if that is forgotten; None if it was never issued."""
        known = self._grants.get(end, ())
        found = None
        for at in range(len(known) - 3, -1, -3):
            if known[at] == service:
                if known[at + 1] == serial:
                    return known[at + 2]
                if known[at + 1] > serial:
                    found = _ENDED_MS
        return found

    def last_ms(self, end: int, service: int) -> int | None:
        """Return when the last address of an end at a service ends; None if there never was one."""
        known = self._grants.get(end, ())
        dates = [known[at + 2] for at in range(0, len(known), 3) if known[at] == service]
        return max(dates, default=None)

    def services(self, end: int) -> set[int]:
        """Return all services at which an end ever had an address."""
        return set(self._grants.get(end, ())[::3])


def _lasting(known: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    """Return what is valid of some grants or ended lately, and the last one of each service."""
    last = {known[at]: at for at in range(0, len(known), 3)}
    kept = [at for at in range(0, len(known), 3) if known[at + 2] > now_ms - _LATELY_MS or last[known[at]] == at]
    return tuple([value for at in kept for value in known[at : at + 3]])
