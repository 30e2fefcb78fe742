"""A receiving service without cryptography: roots, grants, single use, a store for each root.

It keeps the promises that the reference implementation keeps with keys and bytes: an address resolves while its grant
is unexpired, inside the window, and once; everything else is refused, and whoever submitted it cannot tell.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from communicator_spec import ErrorClass, Grant, Kind, Row
from communicator_spec.parameters import PARAMETERS

__all__ = ["Item", "Parcel", "ReceivingService"]

_REASONS: Final = list(ErrorClass)
_EXPIRED: Final = _REASONS.index(ErrorClass.EXPIRED)
_UNKNOWN: Final = _REASONS.index(ErrorClass.UNKNOWN)
_REPLAYED: Final = _REASONS.index(ErrorClass.REPLAYED)
_LIMIT: Final = _REASONS.index(ErrorClass.LIMIT)
_MESSAGES_MAX: Final = PARAMETERS.service.root_messages_max


class Parcel(NamedTuple):
    """What travels to a receiving service: an address and a sealed body. `end` is negative for junk."""

    end: int
    serial: int
    position: int
    body: object


class Item(NamedTuple):
    """What a device fetches: the sealed body, and which of its addresses it came to."""

    serial: int
    position: int
    body: object


class _Entry:
    """A registered grant: what it holds, the highest spent position + 1, and what was spent in the window."""

    __slots__ = ("capacity", "spent", "top", "valid_until_ms")

    def __init__(self, grant: Grant) -> None:
        self.valid_until_ms = grant.valid_until_ms
        self.capacity = grant.capacity
        self.top = 0
        self.spent: set[int] = set()


class ReceivingService:
    """One provider's receiving service, as the population model sees it.

    `remembers_spent`: a spent address is recognised as such (two-layer/1); otherwise it is like one that never was
    (label/1, where a spent label leaves the table).
    """

    def __init__(self, service: int, window: int, emit: Callable[[Row], None], *, remembers_spent: bool) -> None:
        self._service = service
        self._remembers_spent = remembers_spent
        self._window = window
        self._emit = emit
        self._grants: dict[tuple[int, int], _Entry] = {}
        self._store: dict[int, list[Item]] = {}

    def issue(self, end: int, grant: Grant) -> None:
        """Register a grant of a relationship end; its addresses resolve from now on."""
        self._grants[end, grant.serial] = _Entry(grant)

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone; return the end whose store grew, or None."""
        assert isinstance(parcel, Parcel)
        end, serial, position, body = parcel
        entry = self._grants.get((end, serial))
        reason = self._refusal(now_ms, entry, position)
        if reason is None and len(self._store.get(end, ())) >= _MESSAGES_MAX:
            reason = _LIMIT  # RECV-4: and the address is not spent
        if reason is not None or entry is None:
            self._emit((now_ms, Kind.REFUSED, -1, -1, self._service, -1, -1, -1, reason or _UNKNOWN))
            return None
        self._spend(entry, position)
        self._store.setdefault(end, []).append(Item(serial, position, body))
        self._emit((now_ms, Kind.STORED, end, -1, self._service, serial, position, -1, -1))
        return end

    def _refusal(self, now_ms: int, entry: _Entry | None, position: int) -> int | None:
        if entry is None:
            return _UNKNOWN
        in_window = entry.top - self._window <= position < min(entry.top + self._window, entry.capacity)
        if not in_window or (position in entry.spent and not self._remembers_spent):
            return _UNKNOWN
        if now_ms >= entry.valid_until_ms:  # STATE-3
            return _EXPIRED
        return _REPLAYED if position in entry.spent else None

    def _spend(self, entry: _Entry, position: int) -> None:
        entry.spent.add(position)
        if position >= entry.top:
            entry.top = position + 1
            if len(entry.spent) > 2 * self._window:
                entry.spent = {i for i in entry.spent if i >= entry.top - self._window}

    def fetch(self, end: int) -> list[Item]:
        """Return everything stored for one root, oldest first; it stays until confirmed."""
        return self._store.get(end, [])

    def confirm(self, now_ms: int, end: int) -> None:
        """Delete what was fetched for one root: the device has it durably."""
        for serial, position, _ in self._store.pop(end, []):
            self._emit((now_ms, Kind.CONFIRMED, end, -1, self._service, serial, position, -1, -1))

    def revoke(self, end: int) -> None:
        """Forget a root: nothing sent to its addresses resolves any more, and nothing stored remains."""
        for key in [key for key in self._grants if key[0] == end]:
            del self._grants[key]
        self._store.pop(end, None)

    def die(self) -> None:
        """Lose everything, for good."""
        self._grants.clear()
        self._store.clear()
