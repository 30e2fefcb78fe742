"""The event vocabulary: what every producer writes and every judge reads.

An event is a row of integers, so that a million of them are cheap to keep, sort, compare and store. Names are
resolved at the edges by whoever prints them. The vocabulary is closed: a producer that needs a new fact adds a row
to `VOCABULARY`, with its meaning.

Two rules make the log evidence:

1. An event states what its **place** knows at that instant. A core emits it only after it has parsed, resolved or
   decrypted the bytes in question, never from what it was going to send.
2. The log holds no ciphertext. What a role saw byte for byte is an `Observation`, kept apart (`views`), so that the
   logs of two fidelities can be compared event for event.

Where a message column is a request, token, order, entry or contact, it is `named(bytes)`: the same number at whoever
has the same bytes. Only live processes know it; a simulated log has NONE there, and none of the kinds from TAKEN on.
"""

import hashlib
from enum import IntEnum
from typing import Final, NamedTuple

__all__ = [
    "NONE",
    "VOCABULARY",
    "Command",
    "Event",
    "Kind",
    "Row",
    "end_of",
    "is_sending",
    "named",
    "peer_of",
]

Row = tuple[int, int, int, int, int, int, int, int, int]
"""An event without its names: what producers append by the million."""

NONE: Final = -1
"""The value of a column that does not apply."""


class Kind(IntEnum):
    """What happened."""

    PAIRED = 1
    ACCEPTED = 2
    ISSUED = 3
    SENT = 4
    FORWARDED = 5
    GAVE_UP = 6
    STORED = 7
    REFUSED = 8
    CONFIRMED = 9
    DELIVERED = 10
    DUPLICATE = 11
    RECEIVED = 12
    ACKNOWLEDGED = 13
    FAILED = 14
    UPDATED = 15
    MOVED = 16
    RELEASED = 17
    LEFT = 18
    ENDED = 19
    CRASHED = 20
    RECOVERED = 21
    DIED = 22
    INJECTED = 23
    TAKEN = 24
    FETCHED = 25
    SPENT = 26
    GRANTED = 27
    ENTERED = 28
    DEPOSITED = 29
    HANDED = 30


class Command(IntEnum):
    """The commands between relationship managers (chapter 6); the numbers are on the wire (DELIV-32)."""

    MESSAGE = 0
    RECEIPT = 1
    UPDATE = 2
    REQUEST_UPDATE = 3
    END = 4
    MOVED = 5
    READ = 6
    RESYNC = 7


class Event(NamedTuple):
    """One row of the log.

    `end` is one person's end of one relationship: `2 * relationship + side`. `service` is a receiving service and
    `via` a sending service; both number providers. `serial` and `position` name an address: the grant, and its position
    in it.
    """

    t_ms: int
    kind: int
    end: int = NONE
    message: int = NONE
    service: int = NONE
    serial: int = NONE
    position: int = NONE
    via: int = NONE
    value: int = NONE


VOCABULARY: Final[dict[Kind, str]] = {
    Kind.PAIRED: "end; value = person. The relationship exists at this end, with a first address set of the peer.",
    Kind.ACCEPTED: "end, message; value = size class. The device took the message from the application, durably.",
    Kind.ISSUED: "end (owner), service, serial; message = version of the set that it first appears in; "
    "position = 1 if long-term; value = valid-until in ms. A grant exists.",
    Kind.SENT: "end (sender), message, service, serial, position, via; value = command. Handed to a sending service.",
    Kind.FORWARDED: "via, service; message = request. A receiving service took the bytes from a sending service.",
    Kind.GAVE_UP: "via, service; message = request. A sending service stopped trying.",
    Kind.STORED: "end (owner), service, serial, position; message = request. The address resolved, was spent, and its "
    "message was stored.",
    Kind.REFUSED: "service; message = request; value = position of the error class. Resolving failed; nobody outside "
    "learns it.",
    Kind.CONFIRMED: "end (owner), service, serial, position. The device has the message; the service deleted it.",
    Kind.DELIVERED: "end (receiver), message (the sender's number), service. Handed to the application.",
    Kind.DUPLICATE: "end (receiver), message, service. Opened, known already, dropped.",
    Kind.RECEIVED: "end (receiver), service; value = command. An automated command was opened.",
    Kind.ACKNOWLEDGED: "end (sender), message. The sender learnt that the peer's device has it.",
    Kind.FAILED: "end (sender), message. The application was told that it was not delivered.",
    Kind.UPDATED: "end (holder); value = version. A newer complete set of the peer's addresses is held.",
    Kind.MOVED: "end (owner), service; value = version; position = the receiving service that the person takes up in "
    "its place, if any. From this version of its set on, the service is not in it.",
    Kind.RELEASED: "end (owner), service. No address of this end points there any more: expired, or withdrawn and "
    "confirmed by the peer longer ago than a sending service keeps anything.",
    Kind.LEFT: "service; value = person. The person has left the receiving service.",
    Kind.ENDED: "end. This person refuses the peer from now on.",
    Kind.CRASHED: "service or via. Not reachable; what it stored is kept.",
    Kind.RECOVERED: "service or via. Reachable again; value = how much older than its crash what it stores now is, ms, "
    "if a backup was restored.",
    Kind.DIED: "service or via. Gone for good, with everything that it stored.",
    Kind.INJECTED: "service; value = 0 junk, 1 replay. Somebody without a relationship submitted bytes.",
    Kind.TAKEN: "service, and via at a sending service; message = request. A receiving service (202) or, with via, a "
    "sending service (ticket) answered that it has a request, durably.",
    Kind.FETCHED: "end (owner), service, serial, position. The service shows a stored message to its owner.",
    Kind.SPENT: "service; message = token. It paid at this service.",
    Kind.GRANTED: "service; message = order; value = tokens. An authorization service counted them and signs them.",
    Kind.ENTERED: "service; message = entry; position = its place. It is in the log of a directory.",
    Kind.DEPOSITED: "service; message = contact. A directory keeps it for one stranger.",
    Kind.HANDED: "service; message = contact. A directory gave it to a stranger.",
}


def peer_of(end: int) -> int:
    """Return the other end of the same relationship."""
    return end ^ 1


def end_of(relationship: int, side: int) -> int:
    """Return the end of `relationship` at `side` (0 or 1)."""
    return 2 * relationship + side


def is_sending(event: Event) -> bool:
    """Tell whether a fault event concerns a sending service."""
    return event.via != NONE


def named(data: bytes) -> int:
    """Return the number of some bytes in a log: 53 bits of their SHA-256, so that every reader of JSON keeps it."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8]) >> 11
