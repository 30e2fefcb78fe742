"""A Particle: everything that one end of a relationship must remember.

Theory. A relationship is owned by its two ends, and what an end owns is this record: the session's keys, the secrets
behind its own addresses, the peer's complete address set, and what is under way. It is one value on disk, so that a
crash leaves the state before a step or the state after it. The managers change a copy and keep it only when the step
has succeeded.

Services are small numbers here, given by the host's service book; the wire and only the wire carries their names. The
book never changes a number.

Rules:

1. `to_bytes` is deterministic and `from_bytes` its inverse, the order of every mapping included: order decides which
   of two things that are due at one instant comes first.
2. `copy` shares what is frozen and copies what is not; changing a copy changes nothing else.
3. The bytes hold secret keys. They belong into encrypted storage, and never into an export.
4. `inbox` and `pending` are promises to the host that survive a crash: messages that the application has not
   confirmed, and requests to services that may not have been carried out.
5. After the end, `forget` leaves the messages, the numbers and the promises to the host, and no key (PORT-11).
"""

from typing import Any, Final

import msgspec

from communicator_impl import wire
from communicator_impl.body import Received, WireSet
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.keys import Identity, PackageSecret
from communicator_impl.particle_fields import (
    FLAG,
    GRANTS,
    IDENTITY,
    INBOX,
    INVITATION,
    LOSSES,
    NEVER,
    NUMBER,
    NUMBER_BY_NAME,
    NUMBER_BY_NUMBER,
    NUMBER_SET,
    NUMBERS,
    OUTBOX,
    PEER,
    PENDING,
    PLACE,
    ROOTS,
    SECRETS,
    SEEN,
    SESSION,
    Codec,
    Delivered,
    MayBeLost,
    OwnRoot,
    Queued,
    Request,
    Secret,
)
from communicator_impl.session import Session
from communicator_spec import NONE, ErrorClass, Grant

__all__ = ["Particle"]

_VERSION: Final = 2
_BYTES_MAX: Final = 1 << 28


class Particle(msgspec.Struct, kw_only=True):
    """One end of one relationship. Names are those of the model's ends where both exist."""

    services: tuple[int, ...]
    senders: tuple[int, ...]
    identity: Identity | None = None  # none after the end
    # session: none until the peer is known; an invitation until it is answered
    session: Session | None = None
    invitation: PackageSecret | None = None
    # own address set
    mine: tuple[Grant, ...] = ()
    version: int = 0
    confirmed: int = 0
    serials: dict[int, int] = {}
    spent: dict[tuple[int, int], int] = {}
    last_until: dict[int, int] = {}
    renew_at: int = 0
    update_due: int = NEVER
    roots: dict[int, OwnRoot] = {}
    contact: dict[int, OwnRoot] = {}  # where a stranger writes a first message, until the peer holds the own set
    secrets: dict[tuple[int, int], Secret] = {}
    introduced: dict[tuple[int, int], int] = {}  # the first version of the set that carried a grant
    # services that were replaced: the version without each, and when the last address there ends
    moved: dict[int, int] = {}
    release_due: dict[int, int] = {}
    notice_due: int = NEVER
    notice_attempts: int = 0
    # the peer's address set: as it came, stock of earlier versions included, and what the policies need of it
    peer: WireSet | None = None
    held: tuple[Grant, ...] = ()
    held_version: int = 0
    request_due: int = NEVER
    used: dict[tuple[int, int], int] = {}
    turns: dict[int, int] = {}
    suspects: dict[int, int] = {}
    # messages
    next_number: int = 0
    outbox: dict[int, Queued] = {}
    floor: int = 0
    beyond: set[int] = set()
    receipt_due: int = NEVER
    receipt_from: int = NONE  # the service at which arrived what the receipt is for
    receipts: int = 0
    credit: int = 1  # pairing is a human act
    automated: int = 0
    ended: bool = False
    # what the person has read, if the peer may know (READ), and what the peer's person has
    tells_read: bool = False
    read_floor: int = 0
    read_beyond: set[int] = set()
    read_due: int = NEVER
    seen: Received = Received()
    # a restored backup: not synchronised; not known to be restored; an opening of ours waits for its answer
    restored: bool = False
    suspected: bool = False
    asked: bool = False
    resync_due: int = NEVER
    begun: tuple[int, ...] = ()  # when we began
    skipped: dict[tuple[int, int], int] = {}  # the peer's grants of which positions were left out, and up to where
    asked_s: int = 0  # the time in our latest opening
    restart_s: int = 0  # that of the latest opening that was adopted
    previous: Session | None = None  # to read with, until a date; no message from `cutoff` on
    previous_until: int = 0
    cutoff: int = NEVER
    # promises to the host
    losses: tuple[MayBeLost, ...] = ()
    inbox: tuple[Delivered, ...] = ()
    pending: tuple[Request, ...] = ()

    def copy(self) -> "Particle":
        """Return a copy that may be changed."""
        new = msgspec.structs.replace(self)
        for name in _MUTABLE:
            setattr(new, name, getattr(self, name).copy())
        return new

    def deadline_ms(self) -> int:
        """Return when this end has something to do next; huge if never."""
        if self.ended or self.session is None:
            return NEVER
        if self.restored:  # PORT-17
            return self.resync_due
        due = min(self.receipt_due, self.notice_due, self.update_due, self.request_due, self.read_due)
        for entry in self.outbox.values():
            due = min(due, entry.due_ms)
        return min(due, *self.release_due.values()) if self.release_due else due

    def forget(self) -> None:
        """Erase all keys and secrets, and everything else that only a living relationship needs (PORT-11)."""
        empty = Particle(services=(), senders=())
        for name in _FIELDS.keys() - _STAYS:
            setattr(self, name, getattr(empty, name))

    def to_bytes(self) -> bytes:
        """Encode for a device's storage, secrets included; 2–5 kB and 100–250 µs for an ordinary relationship."""
        rows = [codec.write(getattr(self, name)) for name, codec in _FIELDS.items()]
        return wire.encode([_VERSION, *rows])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Particle":
        """Read what `to_bytes` wrote; anything else raises `OwnError`."""
        size = len(_FIELDS) + 1
        try:
            version, *rows = wire.array(wire.decode(data, _BYTES_MAX), size, size=size)
            if version != _VERSION:
                raise wire.wrong("unknown version of a stored Particle")
            named = zip(_FIELDS.items(), rows, strict=True)
            values: dict[str, Any] = {name: codec.read(row) for (name, codec), row in named}
            found = cls(**values)
            if found.to_bytes() != data:
                raise wire.wrong("a stored Particle that nobody wrote")
        except (PeerError, TypeError, ValueError, IndexError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored Particle") from error
        return found


_FIELDS: Final[dict[str, Codec]] = {
    "services": NUMBERS,
    "senders": NUMBERS,
    "identity": IDENTITY,
    "session": SESSION,
    "invitation": INVITATION,
    "mine": GRANTS,
    "version": NUMBER,
    "confirmed": NUMBER,
    "serials": NUMBER_BY_NUMBER,
    "spent": NUMBER_BY_NAME,
    "last_until": NUMBER_BY_NUMBER,
    "renew_at": NUMBER,
    "update_due": NUMBER,
    "roots": ROOTS,
    "contact": ROOTS,
    "secrets": SECRETS,
    "introduced": NUMBER_BY_NAME,
    "moved": NUMBER_BY_NUMBER,
    "release_due": NUMBER_BY_NUMBER,
    "notice_due": NUMBER,
    "notice_attempts": NUMBER,
    "peer": PEER,
    "held": GRANTS,
    "held_version": NUMBER,
    "request_due": NUMBER,
    "used": NUMBER_BY_NAME,
    "turns": NUMBER_BY_NUMBER,
    "suspects": NUMBER_BY_NUMBER,
    "next_number": NUMBER,
    "outbox": OUTBOX,
    "floor": NUMBER,
    "beyond": NUMBER_SET,
    "receipt_due": NUMBER,
    "receipt_from": PLACE,
    "receipts": NUMBER,
    "credit": NUMBER,
    "automated": NUMBER,
    "ended": FLAG,
    "tells_read": FLAG,
    "read_floor": NUMBER,
    "read_beyond": NUMBER_SET,
    "read_due": NUMBER,
    "seen": SEEN,
    "restored": FLAG,
    "suspected": FLAG,
    "asked": FLAG,
    "resync_due": NUMBER,
    "begun": NUMBERS,
    "skipped": NUMBER_BY_NAME,
    "asked_s": NUMBER,
    "restart_s": NUMBER,
    "previous": SESSION,
    "previous_until": NUMBER,
    "cutoff": NUMBER,
    "losses": LOSSES,
    "inbox": INBOX,
    "pending": PENDING,
}

_STAYS: Final = frozenset({"next_number", "outbox", "floor", "beyond", "ended", "losses", "inbox", "pending"})

_MAPPINGS: Final = (NUMBER_BY_NUMBER, NUMBER_BY_NAME, NUMBER_SET, OUTBOX, ROOTS, SECRETS)
_MUTABLE: Final = tuple(name for name, codec in _FIELDS.items() if codec in _MAPPINGS)
