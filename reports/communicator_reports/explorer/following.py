"""Everything in an event log that belongs to one message.

A message is its sender's end and its number there. No event names it from end to end, on purpose: services must not be
able to. The log is complete, so that what belongs together can be found from outside:

1. The ends name it: taken from a person, sent, delivered, known already, acknowledged, failed.
2. Each time it is sent, an address is spent. Services name the address: stored, shown, fetched.
3. What a service stored has a request, where the log is of live services; whoever had the same request is part of it.
   A simulated log has no requests: there a sending service hands on at the very time at which it is stored.
4. A sending service that gives up does so for a hand-over to the same receiving service that was never stored.
5. Faults of the services that took part, while the message was under way, are part of the story.
"""

from collections.abc import Sequence
from typing import Final

from communicator_spec.events import NONE, Event, Kind, peer_of

__all__ = ["Rows", "candidates", "story"]

Rows = Sequence[Event]
Address = tuple[int, int, int, int]
"""Owner's end, service, serial, position."""

_AT_SENDER: Final = frozenset({Kind.ACCEPTED, Kind.SENT, Kind.ACKNOWLEDGED, Kind.FAILED})
_AT_RECEIVER: Final = frozenset({Kind.DELIVERED, Kind.DUPLICATE})
_AT_ADDRESS: Final = frozenset({Kind.STORED, Kind.FETCHED, Kind.CONFIRMED})
_WITH_REQUEST: Final = frozenset({Kind.TAKEN, Kind.FORWARDED, Kind.GAVE_UP, Kind.REFUSED, Kind.STORED})
_FAULTS: Final = frozenset({Kind.CRASHED, Kind.RECOVERED, Kind.DIED})


def story(rows: Rows, end: int, message: int) -> list[int]:
    """Return the numbers of the rows about one message, in their order; `end` is the sender's."""
    own = [n for n, row in enumerate(rows) if _names(row, end, message)]  # 1
    if not own:
        return []
    sent = [rows[n] for n in own if rows[n].kind == Kind.SENT]
    addresses = {(peer_of(end), row.service, row.serial, row.position) for row in sent}
    stored = [n for n, row in enumerate(rows) if row.kind in _AT_ADDRESS and address_of(row) in addresses]  # 2
    found = {*own, *stored, *_handed_on(rows, sent, [rows[n] for n in stored])}  # 3, 4
    first, last = min(found), max(found)
    services, vias = {row.service for row in sent}, {row.via for row in sent}
    for n in range(first, last):  # 5
        row = rows[n]
        if row.kind in _FAULTS and (row.via in vias if row.via != NONE else row.service in services):
            found.add(n)
    return sorted(found)


def address_of(row: Event) -> Address:
    """Return the address that an event of a receiving service is about."""
    return row.end, row.service, row.serial, row.position


def _names(row: Event, end: int, message: int) -> bool:
    if row.message != message:
        return False
    return (row.kind in _AT_SENDER and row.end == end) or (row.kind in _AT_RECEIVER and row.end == peer_of(end))


def _handed_on(rows: Rows, sent: Rows, stored: Rows) -> set[int]:
    requests = {row.message for row in stored if row.kind == Kind.STORED and row.message != NONE}
    paths = {(row.via, row.service) for row in sent}
    times = {(row.t_ms, row.service) for row in stored if row.kind == Kind.STORED and row.message == NONE}
    arrived = {row.service for row in stored if row.kind == Kind.STORED}
    lost = {(row.via, row.service): row.t_ms for row in sent if row.service not in arrived}
    found: set[int] = set()
    for n, row in enumerate(rows):
        if row.kind in _WITH_REQUEST and row.message != NONE:
            if row.message in requests:
                found.add(n)
        elif row.kind == Kind.FORWARDED and (row.via, row.service) in paths and (row.t_ms, row.service) in times:
            found.add(n)
        elif row.kind == Kind.GAVE_UP and row.t_ms >= lost.get((row.via, row.service), row.t_ms + 1):
            del lost[row.via, row.service]
            found.add(n)
    return found


def candidates(rows: Rows, most: int = 50) -> list[tuple[int, int, int, int]]:
    """Return messages worth following: (sender's end, number, hand-overs, ms until delivered), the hardest first.

    Hard is what was sent most often, then what took longest; a message that was not delivered has -1 ms.
    """
    begun: dict[tuple[int, int], int] = {}
    sent: dict[tuple[int, int], int] = {}
    took: dict[tuple[int, int], int] = {}
    for row in rows:
        if row.kind == Kind.ACCEPTED:
            begun[row.end, row.message] = row.t_ms
        elif row.kind == Kind.SENT and (row.end, row.message) in begun:
            sent[row.end, row.message] = sent.get((row.end, row.message), 0) + 1
        elif row.kind == Kind.DELIVERED and (peer_of(row.end), row.message) in begun:
            key = peer_of(row.end), row.message
            took.setdefault(key, row.t_ms - begun[key])
    found = [(*key, sent.get(key, 0), took.get(key, -1)) for key in begun]
    return sorted(found, key=lambda one: (-one[2], one[3] != -1, -one[3], one[:2]))[:most]
