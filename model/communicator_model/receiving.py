"""A receiving service without cryptography: roots, grants, single use, a store for each root.

It keeps the promises that the reference implementation keeps with keys and bytes: an address resolves while its grant
is unexpired, inside the window, and once; everything else is refused, and whoever submitted it cannot tell.
"""

from collections.abc import Callable, Iterable
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
_REMEMBERED_MS: Final = 35 * 86_400_000  # nothing is forwarded after its grant has expired: only strangers notice
_STORED: Final = int(Kind.STORED)  # looking into an enumeration takes as long as a call
_CONFIRMED: Final = int(Kind.CONFIRMED)


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
        self._grants: dict[int, tuple[Grant, ...]] = {}  # by end, oldest first
        self._spent: dict[tuple[int, int], int] = {}  # by end and serial: a bit for each position; most have none
        self._store: dict[int, list[Item]] = {}

    def issue(self, now_ms: int, end: int, grant: Grant) -> None:
        """Register a grant of a relationship end; its addresses resolve from now on."""
        grants = self._grants.get(end, ())
        if grants and grants[0].valid_until_ms < now_ms - _REMEMBERED_MS:
            self._forget(end, [known for known in grants if known.valid_until_ms < now_ms - _REMEMBERED_MS])
            grants = tuple(known for known in grants if known.valid_until_ms >= now_ms - _REMEMBERED_MS)
        self._grants[end] = (*grants, grant)

    def _forget(self, end: int, grants: Iterable[Grant]) -> None:
        for grant in grants:
            self._spent.pop((end, grant.serial), None)

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone; return the end whose store grew, or None."""
        assert isinstance(parcel, Parcel)
        end, serial, position, body = parcel
        for grant in self._grants.get(end, ()):
            if grant.serial == serial:
                break
        else:
            return self._refused(now_ms, _UNKNOWN)
        spent = self._spent.get((end, serial), 0)
        reason = self._refusal(now_ms, grant, spent, position)
        if reason is not None:
            return self._refused(now_ms, reason)
        stored = self._store.get(end)
        if stored is None:
            stored = self._store[end] = []
        elif len(stored) >= _MESSAGES_MAX:
            return self._refused(now_ms, _LIMIT)  # RECV-4: and the address is not spent
        self._spent[end, serial] = spent | 1 << position
        stored.append(Item(serial, position, body))
        self._emit((now_ms, _STORED, end, -1, self._service, serial, position, -1, -1))
        return end

    def _refused(self, now_ms: int, reason: int) -> int | None:
        self._emit((now_ms, Kind.REFUSED, -1, -1, self._service, -1, -1, -1, reason))
        return None

    def _refusal(self, now_ms: int, grant: Grant, spent: int, position: int) -> int | None:
        top, window = spent.bit_length(), self._window  # after the highest position that was spent
        is_spent = spent >> position & 1
        if not top - window <= position < min(top + window, grant.capacity) or is_spent > self._remembers_spent:
            return _UNKNOWN
        if now_ms >= grant.valid_until_ms:  # STATE-3
            return _EXPIRED
        return _REPLAYED if is_spent else None

    def fetch(self, end: int) -> list[Item]:
        """Return everything stored for one root, oldest first; it stays until confirmed."""
        return self._store.get(end, [])

    def confirm(self, now_ms: int, end: int) -> None:
        """Delete what was fetched for one root: the device has it durably."""
        for serial, position, _ in self._store.pop(end, []):
            self._emit((now_ms, _CONFIRMED, end, -1, self._service, serial, position, -1, -1))

    def revoke(self, end: int) -> None:
        """Forget a root: nothing sent to its addresses resolves any more, and nothing stored remains."""
        self._forget(end, self._grants.pop(end, ()))
        self._store.pop(end, None)

    def die(self) -> None:
        """Lose everything, for good."""
        self._grants.clear()
        self._spent.clear()
        self._store.clear()
