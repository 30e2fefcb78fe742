"""Invariants about services: what was answered for becomes something, is shown until it is confirmed, and counts once.

Only live services write what these judge (TAKEN and the kinds after it). A service says that it has a request before it
knows what the request is, so two promises meet here: nothing that was acknowledged is lost (each TAKEN has one end),
and nothing comes from nowhere (each end has its TAKEN). Requests are told apart by `named`; the same bytes may be taken
twice, because who got no answer sends again, and then they end twice.

A log begins with its database: what was taken before it was switched on looks as if it came from nowhere.
"""

from collections import Counter
from typing import Final

from communicator_spec.events import NONE, Command, Kind, Row
from communicator_spec.monitors import Handler, Invariant, Violation

__all__ = ["Accounted", "CountedOnce", "KeptUntilConfirmed"]

_Address = tuple[int, int, int, int]
_NEVER_TOOK: Final = "forwarded, and the receiving service never took it"


class Accounted(Invariant):
    """What a service took ends once: stored or refused there, forwarded or given up; and nothing else does.

    A forwarded request was taken by the receiving service, if that one writes a log.
    """

    name = "accounted"
    clauses = ("RECV-1", "SEND-1", "SEND-10")
    of_live_services = True
    __slots__ = ("_early", "_open", "_settled", "_taken")

    def __init__(self, *, settled: bool = False) -> None:
        self._settled = settled
        self._open: dict[tuple[int, int, int], list[Row]] = {}  # (via, service, request)
        self._taken: dict[int, set[int]] = {}  # by receiving service
        self._early: list[Row] = []  # forwarded before it was known whether the receiving service writes a log
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch requests at both services."""
        return {
            Kind.TAKEN: self._take,
            Kind.STORED: self._resolve,
            Kind.REFUSED: self._resolve,
            Kind.FORWARDED: self._forward,
            Kind.GAVE_UP: self._conclude,
            Kind.DIED: self._die,
        }

    def _take(self, row: Row) -> None:
        self._open.setdefault((row[7], row[4], row[3]), []).append(row)
        if row[7] == NONE:
            self._taken.setdefault(row[4], set()).add(row[3])

    def _resolve(self, row: Row) -> None:
        if row[3] != NONE:
            self._end((NONE, row[4], row[3]), row)

    def _forward(self, row: Row) -> None:
        if row[3] == NONE:
            return  # a simulated service names no request
        self._conclude(row)
        if row[4] not in self._taken:
            self._early.append(row)
        elif row[3] not in self._taken[row[4]]:
            self._report([row], _NEVER_TOOK)

    def _conclude(self, row: Row) -> None:
        if row[3] != NONE:
            self._end((row[7], row[4], row[3]), row)

    def _end(self, key: tuple[int, int, int], row: Row) -> None:
        waiting = self._open.get(key)
        if not waiting:
            self._report([row], "ended, and was not taken, or ended before")
            return
        waiting.pop()
        if not waiting:
            del self._open[key]

    def _die(self, row: Row) -> None:
        for key in [key for key in self._open if key[:2] == (NONE, row[4]) or NONE != key[0] == row[7]]:
            del self._open[key]

    def finish(self, t_ms: int) -> list[Violation]:
        """Add what was forwarded to nobody, and what was taken and became nothing."""
        for row in self._early:
            if row[3] not in self._taken.get(row[4], {row[3]}):
                self._report([row], _NEVER_TOOK)
        if self._settled:
            for rows in self._open.values():
                self._report(rows[:1], "taken, and became nothing")
        return self.found


class KeptUntilConfirmed(Invariant):
    """A live service shows what it stored, and never again what it deleted; it deletes what the owner confirmed.

    What is stored when everything is settled has been withdrawn with its roots, or is forgotten: with those of an end
    that refuses its peer, or heard that the peer does, and with those of a contact whose peer holds another set. A
    message among them is still one that `nothing-lost` asks for.
    """

    name = "kept-until-confirmed"
    clauses = ("RECV-11", "DELIV-26")
    of_live_services = True
    __slots__ = ("_contacts", "_ended", "_live", "_replaced", "_settled", "_shown", "_stored")

    def __init__(self, *, settled: bool = False) -> None:
        self._settled = settled
        self._live: set[int] = set()
        self._stored: dict[_Address, Row] = {}
        self._shown: set[_Address] = set()
        self._ended: set[int] = set()
        self._contacts: set[tuple[int, int, int]] = set()
        self._replaced: set[int] = set()  # the ends whose peer holds another set than that of the contact
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch the stores of live services."""
        return {
            Kind.ISSUED: self._issue,
            Kind.UPDATED: self._update,
            Kind.TAKEN: self._take,
            Kind.STORED: self._store,
            Kind.FETCHED: self._show,
            Kind.CONFIRMED: self._confirm,
            Kind.ENDED: self._end,
            Kind.RECEIVED: self._receive,
            Kind.DIED: self._die,
        }

    def _take(self, row: Row) -> None:
        if row[7] == NONE:
            self._live.add(row[4])

    def _issue(self, row: Row) -> None:
        if row[3] == 0:  # of a contact
            self._contacts.add((row[2], row[4], row[5]))

    def _update(self, row: Row) -> None:
        if self._settled:  # else nobody asks
            self._replaced.add(row[2] ^ 1)  # SES-27

    def _store(self, row: Row) -> None:
        if row[4] in self._live:
            self._stored[row[2], row[4], row[5], row[6]] = row

    def _show(self, row: Row) -> None:
        address = (row[2], row[4], row[5], row[6])
        self._shown.add(address)
        if address not in self._stored:
            self._report([row], "shown, and not stored, or confirmed before")

    def _confirm(self, row: Row) -> None:
        if row[4] not in self._live:
            return
        address = (row[2], row[4], row[5], row[6])
        if self._stored.pop(address, None) is None:
            self._report([row], "confirmed, and not stored, or confirmed before")
        elif address not in self._shown:
            self._report([row], "confirmed, and never shown")
        self._shown.discard(address)

    def _end(self, row: Row) -> None:
        self._ended.add(row[2])

    def _receive(self, row: Row) -> None:
        if row[8] == Command.END:  # whoever hears of the end withdraws its roots, and what is stored there
            self._ended.add(row[2])

    def _die(self, row: Row) -> None:
        self._stored = {address: stored for address, stored in self._stored.items() if address[1] != row[4]}

    def finish(self, t_ms: int) -> list[Violation]:
        """Add what is stored and nobody confirmed."""
        if self._settled:
            for address, stored in self._stored.items():
                withdrawn = address[0] in self._replaced and address[:3] in self._contacts
                if address[0] not in self._ended and not withdrawn:
                    self._report([stored], "stored, and never confirmed")
        return self.found


class CountedOnce(Invariant):
    """A token pays once, an order and a contact count once, and the log of a directory has no gap."""

    name = "counted-once"
    clauses = ("TOK-14", "TOK-15", "AUTH-2", "DIR-5", "DIR-13")
    of_live_services = True
    __slots__ = ("_places", "_seen")

    def __init__(self) -> None:
        self._seen: set[tuple[int, int, int]] = set()  # (kind, service, name)
        self._places: Counter[int] = Counter()
        super().__init__()

    def handlers(self) -> dict[Kind, Handler]:
        """Watch what counts."""
        return {
            Kind.SPENT: self._count,
            Kind.GRANTED: self._count,
            Kind.DEPOSITED: self._count,
            Kind.HANDED: self._hand,
            Kind.ENTERED: self._enter,
        }

    def _count(self, row: Row) -> None:
        key = (row[1], row[4], row[3])
        if key in self._seen:
            self._report([row], f"{Kind(row[1]).name.lower()} twice")
        self._seen.add(key)

    def _hand(self, row: Row) -> None:
        self._count(row)
        if (int(Kind.DEPOSITED), row[4], row[3]) not in self._seen:
            self._report([row], "handed out, and never deposited")

    def _enter(self, row: Row) -> None:
        self._count(row)
        if row[6] != self._places[row[4]]:
            self._report([row], "not at the next place of the log")
        self._places[row[4]] = row[6] + 1
