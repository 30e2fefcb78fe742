"""Invariants about addresses: used before they expire and once, replaced by newer ones only, and left safely.

An address is (owner, service, serial, position). A SENT row names it from the sender's side, so its owner is the peer
of the row's end; in ISSUED, STORED and CONFIRMED rows the end is the owner itself.
"""

from typing import Final

from communicator_spec.events import NONE, Event, Kind, Row
from communicator_spec.invariants.issued import Issued
from communicator_spec.monitors import ANY, Handler, Invariant, Numbers

__all__ = ["NoExpiredAddress", "NoReturn", "SafeDeparture", "SetsOnlyGrow", "SingleUse"]

_PLACES: Final = 1 << 16  # more than there are services
_SERIALS: Final = 1 << 32  # more than there are: an epoch is a u32


def _grant(end: int, service: int, serial: int) -> int:
    """Name a grant by one number; `end` is its owner or, where only one of the two occurs, its holder."""
    return (end * _PLACES + service) * _SERIALS + serial


def _lasting(end: int, service: int, until_ms: int) -> Event:
    """Return what a grant that was issued there until then looks like."""
    return Event(ANY, Kind.ISSUED, end, ANY, service, ANY, ANY, ANY, until_ms)


class NoExpiredAddress(Invariant):
    """No address is used before it was issued, or at or after its valid-until date."""

    name = "no-expired-address"
    clauses = ("STATE-3",)
    __slots__ = ("_issued",)

    def __init__(self, issued: Issued | None = None) -> None:
        self._issued = issued or Issued()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch grants and the two places where an address is used."""
        return {Kind.ISSUED: self._issued.note, Kind.SENT: self._send, Kind.STORED: self._store}

    def _send(self, row: Row) -> None:
        until_ms = self._issued.until_ms(row[2] ^ 1, row[4], row[5])
        if until_ms is None or row[0] >= until_ms:
            self._complain(row, row[2] ^ 1, until_ms, "sent to")

    def _store(self, row: Row) -> None:
        until_ms = self._issued.until_ms(row[2], row[4], row[5])
        if until_ms is None or row[0] >= until_ms:
            self._complain(row, row[2], until_ms, "stored at")

    def _complain(self, row: Row, owner: int, until_ms: int | None, what: str) -> None:
        if until_ms is None:
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
        self._used: Numbers[int] = Numbers()  # by grant
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch transmissions."""
        return {Kind.SENT: self._send}

    def _send(self, row: Row) -> None:
        if not self._used.add(_grant(row[2], row[4], row[5]), row[6]):
            before = Event(ANY, Kind.SENT, row[2], ANY, *row[4:7], ANY, ANY)
            self._report([row], "address used twice", before)


class SetsOnlyGrow(Invariant):
    """The version of the peer's set that an end holds strictly rises."""

    name = "sets-only-grow"
    clauses = ("STATE-1", "STATE-14")
    __slots__ = ("_versions",)

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch sets."""
        return {Kind.UPDATED: self._update}

    def _update(self, row: Row) -> None:
        before = self._versions.get(row[2])
        if before is not None and row[8] <= before:
            newer = Event(ANY, Kind.UPDATED, row[2], ANY, ANY, ANY, ANY, ANY, before)
            self._report([row], "an older set replaced a newer one", newer)
        else:
            self._versions[row[2]] = row[8]


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
    when the person has ended the relationship. A grant issued at a service again withdraws the withdrawal. What is
    stored at a contact goes with its roots, once the peer holds another set; `nothing-lost` still asks for it.
    """

    name = "safe-departure"
    clauses = ("STATE-10", "STATE-11", "STATE-27")
    __slots__ = (
        "_concerned", "_confirmed_ms", "_contacts", "_ended", "_ends", "_is_noted", "_issued", "_left", "_moved",
        "_queue_ms", "_released", "_replaced", "_store",
    )  # fmt: skip

    def __init__(self, queue_lifetime_ms: int, issued: Issued | None = None) -> None:
        self._queue_ms = queue_lifetime_ms
        self._ends: dict[int, tuple[int, ...]] = {}  # by person
        self._issued = issued or Issued()
        self._is_noted = issued is not None
        self._concerned: set[int] = set()  # the ends of which one of the next four knows anything
        self._moved: dict[int, dict[int, int]] = {}  # end: service: version; not yet confirmed
        self._confirmed_ms: dict[tuple[int, int], int] = {}
        self._released: set[tuple[int, int]] = set()
        self._left: dict[tuple[int, int], Row] = {}
        self._store: dict[tuple[int, int], list[Row]] = {}
        self._ended: set[int] = set()
        self._contacts: dict[int, set[int]] = {}  # grants of contacts, by end
        self._replaced: set[int] = set()  # ends with a contact whose peer holds another set
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
            Kind.RECOVERED: self._recover,
        }

    def _pair(self, row: Row) -> None:
        self._ends[row[8]] = (*self._ends.get(row[8], ()), row[2])

    def _issue(self, row: Row) -> None:
        if not self._is_noted:
            self._issued.note(row)
        if row[3] == 0:
            self._contacts.setdefault(row[2], set()).add(_grant(row[2], row[4], row[5]))
        if row[2] in self._concerned:
            self._take_up(row)

    def _take_up(self, row: Row) -> None:
        """The end uses a service again that it had withdrawn."""
        key = (row[2], row[4])
        self._released.discard(key)
        self._left.pop(key, None)
        self._confirmed_ms.pop(key, None)
        self._moved.get(row[2], {}).pop(row[4], None)

    def _move(self, row: Row) -> None:
        self._concerned.add(row[2])
        self._moved.setdefault(row[2], {})[row[4]] = row[8]

    def _update(self, row: Row) -> None:
        if row[2] ^ 1 in self._contacts:
            self._replaced.add(row[2] ^ 1)
        pending = self._moved.get(row[2] ^ 1)
        if pending:
            for service in [s for s, version in pending.items() if version <= row[8]]:
                del pending[service]
                self._confirmed_ms[row[2] ^ 1, service] = row[0]

    def _release(self, row: Row) -> None:
        key = (row[2], row[4])
        last_ms = self._issued.last_ms(*key)
        confirmed_ms = self._confirmed_ms.get(key)
        withdrawn = confirmed_ms is not None and row[0] >= confirmed_ms + self._queue_ms
        if last_ms is None or row[0] >= last_ms or withdrawn:
            self._concerned.add(row[2])
            self._released.add(key)
        else:
            detail = "released, and neither expired nor withdrawn for a queue lifetime"
            self._report([row], detail, _lasting(*key, last_ms))

    def _leave(self, row: Row) -> None:
        service = row[4]
        for end in self._ends.get(row[8], ()):
            key = (end, service)
            last_ms = self._issued.last_ms(*key)
            if last_ms is None or end in self._ended:
                continue
            if row[0] < last_ms and key not in self._released:
                self._report([row], "left while an address there was valid", _lasting(*key, last_ms))
            for stored in self._store.get(key, ()):
                if end not in self._replaced or _grant(end, service, stored[5]) not in self._contacts[end]:  # SES-27
                    self._report([stored, row], "left while a message was stored there")
            self._concerned.add(end)
            self._left[key] = row

    def _send(self, row: Row) -> None:
        if self._left and (row[2] ^ 1, row[4]) in self._left:
            self._after(row, (row[2] ^ 1, row[4]), "sent to")

    def _stored(self, row: Row) -> None:
        key = (row[2], row[4])
        store = self._store.get(key)
        if store is None:
            self._store[key] = [row]
        else:
            store.append(row)
        if key in self._left:
            self._after(row, key, "stored at")

    def _after(self, row: Row, key: tuple[int, int], what: str) -> None:
        if key[0] not in self._ended:
            self._report([self._left[key], row], f"{what} a service after the person left it")

    def _confirm(self, row: Row) -> None:
        key = (row[2], row[4])
        store = self._store.get(key)
        if store is not None:
            store = [stored for stored in store if stored[5] != row[5] or stored[6] != row[6]]
            if store:
                self._store[key] = store
            else:
                del self._store[key]

    def _end(self, row: Row) -> None:
        self._ended.add(row[2])

    def _recover(self, row: Row) -> None:
        if row[8] != NONE:  # with an old database: what it stores now, only the service knows
            self._die(row)

    def _die(self, row: Row) -> None:
        if row[4] != NONE:
            for key in [key for key in self._store if key[1] == row[4]]:
                del self._store[key]
