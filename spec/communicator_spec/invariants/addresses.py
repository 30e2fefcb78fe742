"""Invariants about addresses: used before they expire and once, replaced by newer ones only, and left safely.

An address is (owner, service, serial, position). A SENT row names it from the sender's side, so its owner is the peer
of the row's end; in ISSUED, STORED and CONFIRMED rows the end is the owner itself.
"""

from communicator_spec.events import NONE, Event, Kind, Row
from communicator_spec.monitors import ANY, Handler, Invariant, Numbers

__all__ = ["NoExpiredAddress", "NoReturn", "SafeDeparture", "SetsOnlyGrow", "SingleUse"]

Grants = tuple[int, int, int]
"""What names a grant: its owner (or, where only one of the two occurs, its holder), service and serial."""


class NoExpiredAddress(Invariant):
    """No address is used before it was issued, or at or after its valid-until date."""

    name = "no-expired-address"
    clauses = ("STATE-3",)
    __slots__ = ("_until_ms",)

    def __init__(self) -> None:
        self._until_ms: dict[Grants, int] = {}
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch grants and the two places where an address is used."""
        return {Kind.ISSUED: self._issue, Kind.SENT: self._send, Kind.STORED: self._store}

    def _issue(self, row: Row) -> None:
        self._until_ms[row[2], row[4], row[5]] = row[8]

    def _send(self, row: Row) -> None:
        if row[0] >= self._until_ms.get((row[2] ^ 1, row[4], row[5]), 0):
            self._late(row, row[2] ^ 1, "sent to")

    def _store(self, row: Row) -> None:
        if row[0] >= self._until_ms.get((row[2], row[4], row[5]), 0):
            self._late(row, row[2], "stored at")

    def _late(self, row: Row, owner: int, what: str) -> None:
        if (owner, row[4], row[5]) not in self._until_ms:
            self._report([row], f"{what} an address that was never issued")
        else:
            issued = Event(ANY, Kind.ISSUED, owner, ANY, row[4], row[5], ANY, ANY, ANY)
            self._report([row], f"{what} an expired address", issued)


class SingleUse(Invariant):
    """No position of a grant is used for two transmissions."""

    name = "single-use"
    clauses = ("ADDR-25",)
    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: Numbers[Grants] = Numbers()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch transmissions."""
        return {Kind.SENT: self._send}

    def _send(self, row: Row) -> None:
        if not self._used.add((row[2], row[4], row[5]), row[6]):
            before = Event(ANY, Kind.SENT, row[2], ANY, *row[4:7], ANY, ANY)
            self._report([row], "address used twice", before)


class SetsOnlyGrow(Invariant):
    """The version of the peer's set that an end holds strictly rises."""

    name = "sets-only-grow"
    clauses = ("STATE-1", "STATE-14")
    __slots__ = ("_versions",)

    def __init__(self) -> None:
        self._versions: dict[int, Row] = {}
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch sets."""
        return {Kind.UPDATED: self._update}

    def _update(self, row: Row) -> None:
        before = self._versions.get(row[2])
        if before is not None and row[8] <= before[8]:
            self._report([before, row], "an older set replaced a newer one")
        else:
            self._versions[row[2]] = row


class NoReturn(Invariant):
    """No grant is issued at a receiving service after the person moved away, until the person takes it up again."""

    name = "no-return"
    clauses = ("STATE-9",)
    __slots__ = ("_moved",)

    def __init__(self) -> None:
        self._moved: dict[tuple[int, int], Row] = {}  # (end, service): the decision
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch decisions and grants."""
        return {Kind.MOVED: self._move, Kind.ISSUED: self._issue}

    def _move(self, row: Row) -> None:
        self._moved[row[2], row[4]] = row
        self._moved.pop((row[2], row[6]), None)  # taken up in its place

    def _issue(self, row: Row) -> None:
        moved = self._moved.get((row[2], row[4]))
        if moved is not None:
            self._report([moved, row], "issued at a service that the person has moved away from")


class SafeDeparture(Invariant):
    """Whoever leaves a receiving service leaves nothing behind: no address that someone may use, no message.

    An address has ended when it has expired, when its withdrawal reached the peer a queue lifetime ago (RELEASED), or
    when the person has ended the relationship. A grant issued at a service again withdraws the withdrawal.
    """

    name = "safe-departure"
    clauses = ("STATE-10", "STATE-11", "STATE-27")
    __slots__ = ("_confirmed_ms", "_ended", "_ends", "_last", "_left", "_moved", "_queue_ms", "_released", "_store")

    def __init__(self, queue_lifetime_ms: int) -> None:
        self._queue_ms = queue_lifetime_ms
        self._ends: dict[int, list[int]] = {}  # by person
        self._last: dict[tuple[int, int], Row] = {}  # (end, service): the ISSUED row that lasts longest
        self._moved: dict[int, dict[int, int]] = {}  # end: service: version; not yet confirmed
        self._confirmed_ms: dict[tuple[int, int], int] = {}
        self._released: set[tuple[int, int]] = set()
        self._left: dict[tuple[int, int], Row] = {}
        self._store: dict[tuple[int, int], dict[tuple[int, int], Row]] = {}
        self._ended: set[int] = set()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch addresses, withdrawals and the store."""
        return {
            Kind.PAIRED: self._pair,
            Kind.ISSUED: self._issue,
            Kind.MOVED: self._move,
            Kind.UPDATED: self._update,
            Kind.RELEASED: self._release,
            Kind.LEFT: self._leave,
            Kind.SENT: self._send,
            Kind.STORED: self._stored,
            Kind.CONFIRMED: self._confirm,
            Kind.ENDED: self._end,
            Kind.DIED: self._die,
        }

    def _pair(self, row: Row) -> None:
        self._ends.setdefault(row[8], []).append(row[2])

    def _issue(self, row: Row) -> None:
        key = (row[2], row[4])
        last = self._last.get(key)
        if last is None or row[8] > last[8]:
            self._last[key] = row
        self._released.discard(key)
        self._left.pop(key, None)
        self._confirmed_ms.pop(key, None)
        self._moved.get(row[2], {}).pop(row[4], None)

    def _move(self, row: Row) -> None:
        self._moved.setdefault(row[2], {})[row[4]] = row[8]

    def _update(self, row: Row) -> None:
        pending = self._moved.get(row[2] ^ 1)
        if pending:
            for service in [s for s, version in pending.items() if version <= row[8]]:
                del pending[service]
                self._confirmed_ms[row[2] ^ 1, service] = row[0]

    def _release(self, row: Row) -> None:
        key = (row[2], row[4])
        last = self._last.get(key)
        confirmed_ms = self._confirmed_ms.get(key)
        withdrawn = confirmed_ms is not None and row[0] >= confirmed_ms + self._queue_ms
        if last is None or row[0] >= last[8] or withdrawn:
            self._released.add(key)
        else:
            self._report([last, row], "released, and neither expired nor withdrawn for a queue lifetime")

    def _leave(self, row: Row) -> None:
        service = row[4]
        for end in self._ends.get(row[8], ()):
            key = (end, service)
            last = self._last.get(key)
            if last is None or end in self._ended:
                continue
            if row[0] < last[8] and key not in self._released:
                self._report([last, row], "left while an address there was valid")
            for stored in self._store.get(key, {}).values():
                self._report([stored, row], "left while a message was stored there")
            self._left[key] = row

    def _send(self, row: Row) -> None:
        if self._left and (row[2] ^ 1, row[4]) in self._left:
            self._after(row, (row[2] ^ 1, row[4]), "sent to")

    def _stored(self, row: Row) -> None:
        key = (row[2], row[4])
        store = self._store.get(key)
        if store is None:
            store = self._store[key] = {}
        store[row[5], row[6]] = row
        if key in self._left:
            self._after(row, key, "stored at")

    def _after(self, row: Row, key: tuple[int, int], what: str) -> None:
        if key[0] not in self._ended:
            self._report([self._left[key], row], f"{what} a service after the person left it")

    def _confirm(self, row: Row) -> None:
        key = (row[2], row[4])
        store = self._store.get(key)
        if store is not None:
            store.pop((row[5], row[6]), None)
            if not store:
                del self._store[key]

    def _end(self, row: Row) -> None:
        self._ended.add(row[2])

    def _die(self, row: Row) -> None:
        if row[4] != NONE:
            for key in [key for key in self._store if key[1] == row[4]]:
                del self._store[key]
