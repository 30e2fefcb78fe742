"""Invariants about messages: delivered once, never lost, from nobody but the peer, and no more than people cause.

What a message is at each place: a number at the end that accepted it (ACCEPTED, ACKNOWLEDGED, FAILED), the same number
at the peer (DELIVERED, DUPLICATE), and in between only addresses (SENT, STORED).
"""

from typing import Final

from communicator_spec.events import Command, Event, Kind, Row
from communicator_spec.invariants.issued import Issued
from communicator_spec.monitors import ANY, Handler, Invariant, Numbers, Violation

__all__ = ["AUTOMATED", "ExactlyOnce", "HumanRate", "NothingLost", "OnlyPeers"]

AUTOMATED: Final = frozenset(map(int, (Command.RECEIPT, Command.UPDATE, Command.REQUEST_UPDATE, Command.READ)))
"""The commands that no person causes (chapter 6)."""

_MOVED: Final = int(Command.MOVED)
_RESYNC: Final = int(Command.RESYNC)


class ExactlyOnce(Invariant):
    """A message reaches the application at most once, and only after the peer's device has accepted it."""

    name = "exactly-once"
    clauses = ("DELIV-1", "DELIV-2")
    __slots__ = ("_delivered", "accepted")

    def __init__(self) -> None:
        self.accepted: Numbers[int] = Numbers()
        self._delivered: Numbers[int] = Numbers()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch messages at both devices."""
        return {Kind.ACCEPTED: self._accept, Kind.DELIVERED: self._deliver}

    def _accept(self, row: Row) -> None:
        if not self.accepted.add(row[2], row[3]):
            self._report([row], "number used twice", Event(ANY, Kind.ACCEPTED, row[2], row[3], *[ANY] * 5))

    def _deliver(self, row: Row) -> None:
        end, number = row[2], row[3]
        if not self._delivered.add(end, number):
            self._report([row], "delivered twice", Event(ANY, Kind.DELIVERED, end, number, *[ANY] * 5))
        if not self.accepted.has(end ^ 1, number):
            self._report([row], "delivered, and never accepted")


class NothingLost(Invariant):
    """An accepted message is delivered, or pending within its lifetime, or the application was told that it failed.

    With `tolerate_failed` false, being told is not enough: two receiving services survive every fault of the standard's
    fault model. Only the end of the relationship excuses, or a peer that lost every receiving service that it ever had.
    `grace_ms` is for how long a device may be offline when it would have to tell.
    """

    name = "nothing-lost"
    clauses = ("DELIV-3", "DELIV-10", "DELIV-12")
    __slots__ = ("_dead", "_ended", "_failed", "_is_noted", "_issued", "_pending", "_tolerate_failed", "_within_ms")

    def __init__(
        self, lifetime_ms: int, issued: Issued | None = None, *, tolerate_failed: bool = True, grace_ms: int = 0
    ) -> None:
        """`issued`: the grants, if another monitor notes them."""
        self._within_ms = lifetime_ms + grace_ms
        self._tolerate_failed = tolerate_failed
        self._pending: dict[tuple[int, int], Row] = {}
        self._failed: dict[tuple[int, int], tuple[Row, Row]] = {}
        self._ended: set[int] = set()
        self._issued = issued or Issued()
        self._is_noted = issued is not None
        self._dead: set[int] = set()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch a message's fates; for the strict mode also what may excuse a failure."""
        table: dict[Kind, Handler] = {
            Kind.ACCEPTED: self._accept,
            Kind.DELIVERED: self._deliver,
            Kind.ACKNOWLEDGED: self._acknowledge,
            Kind.FAILED: self._fail,
            Kind.ENDED: self._end,
        }
        if not self._tolerate_failed:
            table[Kind.DIED] = self._die
            if not self._is_noted:
                table[Kind.ISSUED] = self._issued.note
        return table

    def _accept(self, row: Row) -> None:
        self._pending[row[2], row[3]] = row

    def _deliver(self, row: Row) -> None:
        key = (row[2] ^ 1, row[3])
        self._pending.pop(key, None)
        if self._failed:
            self._failed.pop(key, None)

    def _acknowledge(self, row: Row) -> None:
        accepted = self._pending.pop((row[2], row[3]), None)
        if accepted is not None:
            self._report([accepted, row], "acknowledged, and not delivered")

    def _fail(self, row: Row) -> None:
        accepted = self._pending.pop((row[2], row[3]), None)
        if accepted is not None and not self._tolerate_failed and not self._excused(row[2]):
            self._failed[row[2], row[3]] = (accepted, row)

    def _excused(self, end: int) -> bool:
        services = self._issued.services(end ^ 1)
        over = end in self._ended or end ^ 1 in self._ended
        return over or (bool(services) and services <= self._dead)

    def _end(self, row: Row) -> None:
        self._ended.add(row[2])

    def _die(self, row: Row) -> None:
        self._dead.add(row[4])

    def finish(self, t_ms: int) -> list[Violation]:
        """Add what was never heard of again."""
        for (end, _), accepted in self._pending.items():
            if t_ms - accepted[0] > self._within_ms and end not in self._ended:
                self._report([accepted], "neither delivered nor reported within its lifetime")
        for pair in self._failed.values():
            self._report(pair, "failed although the peer could be reached")
        return self.found


class OnlyPeers(Invariant):
    """Nobody but the peer reaches an end, and not even the peer after the person has ended the relationship.

    What is stored was sent by the peer to exactly that address, and each transmission is stored at most once: junk
    and replays, INJECTED or not, lead to nothing. A service that came back with an old database (RECOVERED with a
    value) has forgotten which addresses were spent, so each may be stored there once more; no device opens it twice.
    """

    name = "only-peers"
    clauses = ("DELIV-4", "DELIV-23")
    __slots__ = ("_accepted", "_again", "_ended", "_is_noted", "_open")

    def __init__(self, accepted: Numbers[int] | None = None) -> None:
        """`accepted`: the numbers by end, if another monitor notes them before this one looks."""
        self._accepted = accepted or Numbers()
        self._is_noted = accepted is not None
        self._ended: set[int] = set()
        self._open: set[tuple[int, int, int, int]] = set()
        self._again: dict[int, set[tuple[int, int, int, int]]] = {}  # by service with an old database
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch what arrives, and what may."""
        table: dict[Kind, Handler] = {
            Kind.RECOVERED: self._recover,
            Kind.SENT: self._send,
            Kind.STORED: self._store,
            Kind.DELIVERED: self._deliver,
            Kind.ENDED: self._end,
        }
        return table if self._is_noted else {**table, Kind.ACCEPTED: self._accept}

    def _accept(self, row: Row) -> None:
        self._accepted.add(row[2], row[3])

    def _send(self, row: Row) -> None:
        self._open.add((row[2] ^ 1, row[4], row[5], row[6]))

    def _store(self, row: Row) -> None:
        address = (row[2], row[4], row[5], row[6])
        if address in self._open:
            self._open.remove(address)
        elif row[4] in self._again and address not in self._again[row[4]]:
            self._again[row[4]].add(address)
        else:
            before = Event(ANY, Kind.STORED, row[2], ANY, *row[4:7], ANY, ANY)
            self._report([row], "stored without a transmission of the peer, or for the second time", before)

    def _recover(self, row: Row) -> None:
        if row[4] >= 0 <= row[8]:
            self._again[row[4]] = set()

    def _deliver(self, row: Row) -> None:
        end = row[2]
        if end in self._ended:
            self._report([row], "delivered after the end", Event(ANY, Kind.ENDED, end, *[ANY] * 6))
        if not self._accepted.has(end ^ 1, row[3]):
            self._report([row], "delivered, and the peer never accepted it")

    def _end(self, row: Row) -> None:
        self._ended.add(row[2])


class HumanRate(Invariant):
    """At each end, automated transmissions never exceed what people caused there, at any moment.

    People cause: the pairing, messages submitted, messages delivered, moves, and the peer's moves, each once; and a
    RESYNC of the peer, each time that it arrives.
    """

    name = "human-rate"
    clauses = ("STATE-12",)
    __slots__ = ("_credit", "_fresh")

    def __init__(self) -> None:
        self._credit: dict[int, int] = {}
        self._fresh: set[int] = set()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch causes and automated transmissions."""
        return {
            Kind.PAIRED: self._cause,
            Kind.ACCEPTED: self._cause,
            Kind.MOVED: self._cause,
            Kind.DELIVERED: self._deliver,
            Kind.UPDATED: self._update,
            Kind.DUPLICATE: self._settle,
            Kind.RECEIVED: self._receive,
            Kind.SENT: self._send,
        }

    def _cause(self, row: Row) -> None:
        self._credit[row[2]] = self._credit.get(row[2], 0) + 1

    def _deliver(self, row: Row) -> None:
        self._cause(row)
        self._fresh.discard(row[2])

    def _update(self, row: Row) -> None:
        self._fresh.add(row[2])

    def _settle(self, row: Row) -> None:
        self._fresh.discard(row[2])

    def _receive(self, row: Row) -> None:
        is_news = row[8] == _MOVED and row[2] in self._fresh  # a decision counts once, however often it is told
        if is_news or row[8] == _RESYNC:
            self._cause(row)
        self._fresh.discard(row[2])

    def _send(self, row: Row) -> None:
        if row[8] not in AUTOMATED:
            return
        left = self._credit.get(row[2], 0)
        if left > 0:
            self._credit[row[2]] = left - 1
        else:
            self._report([row], f"automated {Command(row[8]).name} beyond what people caused at this end")
