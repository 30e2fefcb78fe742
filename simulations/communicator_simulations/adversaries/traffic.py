"""Views of observers, taken from the event log.

Theory. The log says what happened where. What an observer can tell apart is less: a mailbox, a device, an address. A
`View` is a column of times and a column of *things*, which are numbers without meaning; whose a thing is, is kept
beside it for the judge (`end`, `person`), and no attack reads it.

| observer | sees | taken by |
|---|---|---|
| sending services | which device hands over, when, for which service; the address if unsealed | `submissions` |
| receiving services | which mailbox gets something, when, from whom; when it is fetched | `arrivals`, `fetches` |
| both | which device hands over to which mailbox: the same bytes pass both | `channels` |
| correspondents | when something of the other arrives, in their own relationships | `openings` |

Rules:

1. All services of a kind are taken as one observer: an upper bound for any one of them.
2. A device is seen by its network address, as if no device used a relay: an upper bound, too.
3. A mailbox is what a receiving service can tell apart: a root (an end at a service), as the standard has it; or a
   person, as where everybody has one address. The same log gives both.
4. Nobody but the two ends can tell a receipt from a message: both have one size. `without` leaves commands out, to ask
   what would be seen if they did not travel.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_spec import Command, Kind, Row

__all__ = ["COVER", "Handed", "Mailbox", "Traffic", "View", "Watch", "arrivals", "channels", "fetched_at", "fetches",
           "handed", "openings", "submissions", "view_of"]  # fmt: skip

Ints = NDArray[np.int64]
Mailbox = Literal["root", "person"]

COVER: Final = -2
"""The command of a message that nobody wrote and nobody reads (`cover`)."""

_T, _END, _MESSAGE, _SERVICE, _SERIAL, _POSITION, _VIA, _VALUE = 0, 2, 3, 4, 5, 6, 7, 8
_WATCHED: Final = frozenset({Kind.PAIRED, Kind.SENT, Kind.STORED, Kind.CONFIRMED, Kind.DELIVERED, Kind.DUPLICATE,
                             Kind.RECEIVED, Kind.MOVED, Kind.ACCEPTED, Kind.ACKNOWLEDGED})  # fmt: skip


class View(NamedTuple):
    """What an observer saw, in order of time; `end` and `person` are for judges: whose each thing is, -1 if nobody's.

    `thing` numbers things from 0; `end[thing]` is an end of a relationship, `service[thing]` where it is.
    """

    t_ms: Ints
    thing: Ints
    end: Ints
    service: Ints
    person: Ints

    @property
    def things(self) -> int:
        """How many things there are."""
        return int(self.person.size)

    def times_of(self, thing: int) -> Ints:
        """Return when a thing was seen."""
        found: Ints = self.t_ms[self.thing == thing]
        return found


class Traffic(NamedTuple):
    """The rows of a log that views are made of: one array (rows, 9) for each kind, as in the log."""

    sent: Ints
    stored: Ints
    confirmed: Ints
    opened: Ints
    moved: Ints
    accepted: Ints
    acknowledged: Ints
    person: Ints
    """By end."""
    command: Ints
    """By row of `stored`: what was in it; -1: nobody of the population sent it."""
    via: Ints
    """By row of `stored`: the sending service that posted it."""
    device: Ints
    """By row of `sent`: whose device it was."""
    to: Ints
    """By row of `sent`: the end that it goes to."""


class Watch:
    """Collects, from a log that comes in parts, what views are made of."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Row]] = {int(kind): [] for kind in _WATCHED}

    def read(self, rows: Sequence[Row]) -> None:
        """Read the next rows."""
        kept = self._rows
        for row in rows:
            if row[1] in kept:
                kept[row[1]].append(row)

    def traffic(self) -> Traffic:
        """Return what was collected."""

        def of(*kinds: Kind) -> Ints:
            rows = [row for kind in kinds for row in self._rows[kind]]
            found = np.array(rows, dtype=np.int64).reshape(-1, 9)
            return found[np.argsort(found[:, _T], kind="stable")]

        sent, stored, paired = of(Kind.SENT), of(Kind.STORED), of(Kind.PAIRED)
        person = np.full(int(paired[:, _END].max(initial=-1)) + 1, -1, dtype=np.int64)
        person[paired[:, _END]] = paired[:, _VALUE]
        columns = _joined(sent, stored)
        opened = of(Kind.DELIVERED, Kind.DUPLICATE, Kind.RECEIVED)
        return Traffic(sent, stored, of(Kind.CONFIRMED), opened, of(Kind.MOVED), of(Kind.ACCEPTED),
                       of(Kind.ACKNOWLEDGED), person, columns[:, 0], columns[:, 1],
                       person[sent[:, _END]], sent[:, _END] ^ 1)  # fmt: skip


def _joined(sent: Ints, stored: Ints) -> Ints:
    """For each row that was stored: the command that it carried, and who posted it. An address is used once."""
    names = [_END, _SERVICE, _SERIAL, _POSITION]
    keys = sent[:, names].copy()
    keys[:, 0] ^= 1  # the address is the other end's
    known = dict(zip(map(tuple, keys.tolist()), sent[:, [_VALUE, _VIA]].tolist(), strict=True))
    found = [known.get((a, b, c, d), [-1, -1]) for a, b, c, d in stored[:, names].tolist()]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


# -------------------------------------------------------------------- views


def view_of(t_ms: Ints, names: Ints, owner: Callable[[Ints], tuple[Ints, Ints, Ints]]) -> View:
    """Number the names (rows) that occur; `owner` gives end, service and person of each."""
    known, thing = np.unique(names, axis=0, return_inverse=True)
    return View(t_ms, thing.ravel().astype(np.int64), *owner(known))


def arrivals(traffic: Traffic, mailbox: Mailbox, without: Collection[Command] = ()) -> View:
    """What receiving services see come: mailboxes that get something."""
    kept = ~np.isin(traffic.command, [int(command) for command in without])
    return _mailboxes(traffic, traffic.stored[kept], mailbox)


def fetches(traffic: Traffic, mailbox: Mailbox) -> View:
    """What receiving services see go: mailboxes that are emptied, once for each message."""
    return _mailboxes(traffic, traffic.confirmed, mailbox)


def _mailboxes(traffic: Traffic, rows: Ints, mailbox: Mailbox) -> View:
    if mailbox == "root":
        return view_of(rows[:, _T], rows[:, [_END, _SERVICE]], lambda n: (n[:, 0], n[:, 1], traffic.person[n[:, 0]]))
    names = traffic.person[rows[:, [_END]]]
    return view_of(rows[:, _T], names, lambda n: (np.full(len(n), -1), np.full(len(n), -1), n[:, 0]))


def fetched_at(traffic: Traffic) -> Ints:
    """Return when each row of `stored` was fetched, ms; -1: never. An address that was replayed counts once."""
    names = [_END, _SERVICE, _SERIAL, _POSITION]
    rows = traffic.confirmed
    known = dict(zip(map(tuple, rows[:, names].tolist()), rows[:, _T].tolist(), strict=True))
    return np.array([known.get((a, b, c, d), -1) for a, b, c, d in traffic.stored[:, names].tolist()], dtype=np.int64)


def submissions(traffic: Traffic, without: Collection[Command] = ()) -> View:
    """What sending services see: devices that hand something over."""
    kept = ~np.isin(traffic.sent[:, _VALUE], [int(command) for command in without])
    names = traffic.device[kept, None]
    return view_of(traffic.sent[kept, _T], names, lambda n: (np.full(len(n), -1), np.full(len(n), -1), n[:, 0]))


def channels(traffic: Traffic) -> View:
    """What sending and receiving services see together: a device that hands over for a root.

    `end` is the root's, so a channel and the one in the other direction have the two ends of one relationship; `person`
    is whose device it is. The time is that of the hand-over.
    """
    rows = traffic.sent
    names = np.stack((traffic.device, traffic.to, rows[:, _SERVICE]), axis=1)
    return view_of(rows[:, _T], names, lambda n: (n[:, 1], n[:, 2], n[:, 0]))


def openings(traffic: Traffic) -> View:
    """What correspondents see: that something of the other came. A thing is a relationship as one of its ends has it.

    `end` is the observer's end, `person` the one whom it observes.
    """
    rows = traffic.opened
    return view_of(rows[:, _T], rows[:, [_END]], lambda n: (n[:, 0], np.full(len(n), -1), traffic.person[n[:, 0] ^ 1]))


class Handed(NamedTuple):
    """Hand-overs as sending services see them, one each: when, by whose device, for which service.

    `end`, to which end of a relationship it goes, and `command` are the truth.
    """

    t_ms: Ints
    device: Ints
    service: Ints
    end: Ints
    command: Ints


def handed(traffic: Traffic) -> Handed:
    """Return all hand-overs."""
    rows = traffic.sent
    return Handed(rows[:, _T], traffic.device, rows[:, _SERVICE], traffic.to, rows[:, _VALUE])
