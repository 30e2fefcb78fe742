"""What a device keeps beside its Particles: people, messages, and what is on its way to a service; a row each.

Theory. Names of rows sort as their subjects do, so a list is a range. Values are MessagePack of the records below; the
vault seals them, and nobody else reads them, so they need no schema but their types.

================================  ==================================================================
name                              value
================================  ==================================================================
`person/R`                        `Person`: what the device's owner calls relationship R, how it began
`message/R/own/N`, `…/peer/N`     `Message` N of one direction
`request/S`                       a request to a receiving service that is not carried out yet
`outgoing/S`                      `Parcel`: not yet taken by a sending service
`ticket/S`                        `Ticket`: taken, not yet known to be forwarded
`draft/S`, `piece/S/F/P`          a message that waits for its files, and the files in pieces (`uploads`)
`address/R/own|peer/SERVICE/N`    a grant that is or was in a set (`ledger`)
`leaving/SERVICE`                 a receiving service that is being left (`leaving`)
`contact/R`                       a contact at a directory by which nobody was let in (`strangers`)
`name/URI/NAME`                   an own name at a directory (`names`); `search/…`, `doubt/…`, `taken/…` (`finding`)
`account/URI`, `wallet/…`         accounts and tokens (`purses`, `wallet`)
`event/S`                         a line of the event log, where one is wanted
================================  ==================================================================

Rules:

1. R, N and S are numbers with zeros in front; S counts up for ever.
2. What is in none of the rows was never announced to anybody.
"""

from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from communicator_impl.errors import OwnError
from communicator_spec import ErrorClass

__all__ = [
    "Message",
    "Parcel",
    "Person",
    "Stage",
    "State",
    "Ticket",
    "Way",
    "message_name",
    "number_name",
    "packed",
    "unpacked",
]

_DIGITS: Final = 16


class State(StrEnum):
    """What became of a message."""

    WAITING = "waiting"  # no receipt yet
    DELIVERED = "delivered"
    SEEN = "seen"
    FAILED = "failed"
    RECEIVED = "received"  # the peer's


class Stage(StrEnum):
    """How far a relationship is."""

    INVITED = "invited"  # a link was made, nobody has come yet
    ANSWERED = "answered"  # a link was taken up, no answer yet
    TOGETHER = "together"
    ENDED = "ended"


class Person(msgspec.Struct, frozen=True, array_like=True):
    """One relationship as its owner sees it; `link` as long as nobody has used it, `taken` the digest of the peer's.

    `attested` is the name at a directory whose entry has the identity with which it began.
    """

    name: str
    stage: Stage
    began_s: int
    link: str = ""
    own_profile: bytes = b""
    peer_profile: bytes = b""
    peer_profile_number: int = -1
    verified: bool = False
    taken: str = ""
    attested: str = ""


class Way(msgspec.Struct, frozen=True, array_like=True):
    """One transmission of a message: from where to where, when, and what the sending service says of it.

    `without` are the own sending services that did not answer when it was chosen.
    """

    via: str
    service: str
    at_ms: int
    said: str = ""
    without: tuple[str, ...] = ()


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message of one direction; `date_s` is when it was written or arrived."""

    date_s: int
    content: bytes
    state: State
    ways: tuple[Way, ...] = ()
    settled_s: int = 0
    is_read: bool = False


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A submission for a sending service."""

    via: int
    service: int
    request: bytes
    not_after_ms: int
    relationship: int
    reference: int


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """A submission that a sending service has taken; `told` once it said that nobody answers there."""

    via: int
    service: int
    ticket: bytes
    not_after_ms: int
    relationship: int
    reference: int
    told: bool = False

    @classmethod
    def of(cls, parcel: Parcel, ticket: bytes) -> "Ticket":
        """Return what is kept of a parcel that was taken."""
        p = parcel
        return cls(p.via, p.service, ticket, p.not_after_ms, p.relationship, p.reference)


Record = TypeVar("Record", bound=msgspec.Struct)


def packed(record: msgspec.Struct) -> bytes:
    """Return a record as a value."""
    return msgspec.msgpack.encode(record)


def unpacked(value: bytes, kind: type[Record]) -> Record:
    """Read a value; what is not of its kind raises `OwnError`."""
    try:
        return msgspec.msgpack.decode(value, type=kind)
    except msgspec.MsgspecError as error:
        raise OwnError(ErrorClass.MALFORMED, f"a stored {kind.__name__.lower()} is damaged") from error


def number_name(prefix: str, number: int) -> str:
    """Return the name of a numbered row."""
    return f"{prefix}/{number:0{_DIGITS}d}"


def message_name(relationship: int, *, own: bool, number: int | None = None) -> str:
    """Return the name of a message, or the prefix of all of one direction."""
    head = f"{number_name('message', relationship)}/{'own' if own else 'peer'}/"
    return head if number is None else f"{head}{number:0{_DIGITS}d}"
