"""A receiving service without cryptography: roots, grants, single use, a store for each root.

It keeps the promises that the reference implementation keeps with keys and bytes: an address resolves while its grant
is unexpired, inside the window, and once; everything else is refused, and whoever submitted it cannot tell.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from communicator_spec import ErrorClass, Grant, Kind, Row
from communicator_spec.parameters import PARAMETERS

__all__ = ["Parcel", "ReceivingService", "Root"]

_REASONS: Final = list(ErrorClass)
_EXPIRED: Final = _REASONS.index(ErrorClass.EXPIRED)
_UNKNOWN: Final = _REASONS.index(ErrorClass.UNKNOWN)
_REPLAYED: Final = _REASONS.index(ErrorClass.REPLAYED)
_LIMIT: Final = _REASONS.index(ErrorClass.LIMIT)
_MESSAGES_MAX: Final = PARAMETERS.service.root_messages_max
_REMEMBERED_MS: Final = 35 * 86_400_000  # nothing is forwarded after its grant has expired: only strangers notice
_STORED: Final = int(Kind.STORED)  # looking into an enumeration takes as long as a call
_CONFIRMED: Final = int(Kind.CONFIRMED)


class Parcel(msgspec.Struct, frozen=True, gc=False):
    """What travels to a receiving service: an address and a sealed body. `end` is negative for junk."""

    end: int
    serial: int
    position: int
    body: object


class Root(msgspec.Struct, gc=False):
    """What one end has at this service: grants, oldest first, a bit for each position of each, and what is stored."""

    grants: tuple[Grant, ...] = ()
    spent: tuple[int, ...] = ()
    stored: tuple[Parcel, ...] = ()


_NOWHERE: Final = Root()


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
        self._roots: dict[int, Root] = {}  # by end

    def issue(self, now_ms: int, end: int, grant: Grant) -> None:
        """Register a grant of a relationship end; its addresses resolve from now on."""
        root = self._roots.get(end)
        if root is None:
            root = self._roots[end] = Root()
        elif root.grants and root.grants[0].valid_until_ms < now_ms - _REMEMBERED_MS:
            known = zip(root.grants, root.spent, strict=True)
            left = [(old, bits) for old, bits in known if old.valid_until_ms >= now_ms - _REMEMBERED_MS]
            root.grants, root.spent = tuple([old for old, _ in left]), tuple([bits for _, bits in left])
        root.grants = (*root.grants, grant)
        root.spent = (*root.spent, 0)

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone; return the end whose store grew, or None."""
        assert isinstance(parcel, Parcel)
        end, serial, position = parcel.end, parcel.serial, parcel.position
        root = self._roots.get(end, _NOWHERE)
        for at, grant in enumerate(root.grants):  # noqa: B007
            if grant[1] == serial:
                break
        else:
            return self._refused(now_ms, _UNKNOWN)
        bits = root.spent[at]
        reason = self._refusal(now_ms, grant, bits, position)
        if reason is not None:
            return self._refused(now_ms, reason)
        if len(root.stored) >= _MESSAGES_MAX:
            return self._refused(now_ms, _LIMIT)  # RECV-4: and the address is not spent
        spent = root.spent
        root.spent = (*spent[:at], bits | 1 << position, *spent[at + 1 :])
        root.stored = (*root.stored, parcel)
        self._emit((now_ms, _STORED, end, -1, self._service, serial, position, -1, -1))
        return end

    def _refused(self, now_ms: int, reason: int) -> int | None:
        self._emit((now_ms, Kind.REFUSED, -1, -1, self._service, -1, -1, -1, reason))
        return None

    def _refusal(self, now_ms: int, grant: Grant, spent: int, position: int) -> int | None:
        top, window = spent.bit_length(), self._window  # after the highest position that was spent
        is_spent = spent >> position & 1
        _, _, _, until_ms, capacity = grant
        in_window = top - window <= position < top + window and position < capacity
        if not in_window or is_spent > self._remembers_spent:
            return _UNKNOWN
        if now_ms >= until_ms:  # STATE-3
            return _EXPIRED
        return _REPLAYED if is_spent else None

    def fetch(self, end: int) -> Sequence[Parcel]:
        """Return everything stored for one root, oldest first; it stays until confirmed."""
        return self._roots.get(end, _NOWHERE).stored

    def confirm(self, now_ms: int, end: int) -> None:
        """Delete what was fetched for one root: the device has it durably."""
        root = self._roots.get(end)
        if root is not None:
            stored, root.stored = root.stored, ()
            for parcel in stored:
                self._emit((now_ms, _CONFIRMED, end, -1, self._service, parcel.serial, parcel.position, -1, -1))

    def revoke(self, end: int) -> None:
        """Forget a root: nothing sent to its addresses resolves any more, and nothing stored remains."""
        self._roots.pop(end, None)

    def die(self) -> None:
        """Lose everything, for good."""
        self._roots.clear()
