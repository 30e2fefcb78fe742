"""Strangers: what a first message may occupy and cause before the person has agreed (chapter 12.5).

Theory. Nobody is reached without consent, so a first message needs a way that the person opened: a package shown in
person, an introduction, or a contact at a directory. Whoever comes in person or by an introduction was agreed to then.
Whoever comes by a contact knocks: one message is kept, unread by any application, and nothing leaves the device until
the person decides. A way is for one stranger, so a stranger is a way.

The states of a way, and what may happen to it; an absent cell is an error:

======== =============== ======== ======== ======== ==========
state    knock, agreed   knock    agree    decline  close door
======== =============== ======== ======== ======== ==========
OPEN     AGREED          WAITING                    CLOSED
WAITING                  WAITING  AGREED   CLOSED   WAITING
AGREED   AGREED          AGREED                     AGREED
CLOSED   CLOSED          CLOSED                     CLOSED
======== =============== ======== ======== ======== ==========

Rules:

1. A way keeps at most one ciphertext, of one size class. Whatever comes after it is dropped; the stranger's device
   sends it again, since it gets no receipt.
2. No method returns anything to send or to fetch. Agreeing returns the ciphertext, with which the relationship begins.
3. Only a ciphertext that opens with the way's own package is kept, so nobody else can use up the one place.
4. A door that is closed takes the ways that nobody has used; it has no effect on who came before.
5. Declining tells the stranger nothing: the way is as if it had never been used.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from communicator_impl import session as sessions
from communicator_impl import wire
from communicator_impl.body import decode_body
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.keys import Identity, IdentityKey, PackageSecret
from communicator_impl.routing import Offer, Routes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Door", "Doors", "Knock", "State", "Visitor", "Way", "look"]

_CLASSES: Final = PARAMETERS.envelope.ciphertext_classes_bytes
_NAME_BYTES: Final = PARAMETERS.session.package_id_bytes
_BYTES_MAX: Final = 1 << 28
_ROWS_MAX: Final = 1 << 16
_ANYBODY: Final = -1  # no relationship number


class Door(IntEnum):
    """How a stranger can come."""

    IN_PERSON = 0
    INTRODUCTION = 1
    DIRECTORY = 2


class State(IntEnum):
    """Where one way is."""

    OPEN = 0
    WAITING = 1
    AGREED = 2
    CLOSED = 3


class _Event(IntEnum):
    WELCOME = 0  # a knock by somebody the person has agreed to already
    KNOCK = 1
    AGREE = 2
    DECLINE = 3
    CLOSE = 4


_NEXT: Final = {
    (State.OPEN, _Event.WELCOME): State.AGREED,
    (State.OPEN, _Event.KNOCK): State.WAITING,
    (State.OPEN, _Event.CLOSE): State.CLOSED,
    (State.WAITING, _Event.KNOCK): State.WAITING,
    (State.WAITING, _Event.AGREE): State.AGREED,
    (State.WAITING, _Event.DECLINE): State.CLOSED,
    (State.WAITING, _Event.CLOSE): State.WAITING,  # PORT-14
    (State.AGREED, _Event.WELCOME): State.AGREED,
    (State.AGREED, _Event.KNOCK): State.AGREED,
    (State.AGREED, _Event.CLOSE): State.AGREED,
    (State.CLOSED, _Event.WELCOME): State.CLOSED,
    (State.CLOSED, _Event.KNOCK): State.CLOSED,
    (State.CLOSED, _Event.CLOSE): State.CLOSED,
}


class Knock(NamedTuple):
    """A first message that waits: its ciphertext and when it came, in seconds."""

    ciphertext: bytes
    came_s: int


class Way(msgspec.Struct, frozen=True):
    """One package that was given out, by its identifier (16 bytes), and what came by it."""

    name: bytes
    door: Door
    state: State = State.OPEN
    waiting: Knock | None = None


class Visitor(NamedTuple):
    """What the person sees in order to decide: who, and the first message; its files are named and not fetched."""

    identity: IdentityKey
    offers: tuple[Offer, ...]


class Doors(msgspec.Struct, frozen=True):
    """All ways of one person; every method returns a new value."""

    ways: tuple[Way, ...] = ()

    def give_out(self, name: bytes, door: Door) -> "Doors":
        """Note that a package left through a door."""
        if len(name) != _NAME_BYTES or any(way.name == name for way in self.ways):
            raise InputError(ErrorClass.REFUSED, "no new way")
        return Doors((*self.ways, Way(name, door)))

    def knock(self, ciphertext: bytes, secret: PackageSecret, own: Identity, now_s: int, entropy: Entropy) -> "Doors":
        """Take what came by one way; `FORGED` or `MALFORMED` if it opens no session there, and nothing changes.

        The session that proves it is thrown away: until the person agrees there is none.
        """
        way = self.way(secret.package.identifier())
        if len(ciphertext) not in _CLASSES:
            raise PeerError(ErrorClass.MALFORMED, "ciphertext of no size class")
        event = _Event.KNOCK if way.door is Door.DIRECTORY else _Event.WELCOME
        if way.state is not State.OPEN:
            return self._with(_moved(way, event))  # PORT-16
        sessions.accept(own, [secret], ciphertext, now_s, entropy)
        moved = _moved(way, event)
        kept = Knock(ciphertext, now_s) if moved.state is State.WAITING else None  # DIR-11
        return self._with(msgspec.structs.replace(moved, waiting=kept))

    def agree(self, name: bytes) -> tuple["Doors", Knock]:
        """The person wants the relationship: return what it begins with."""
        way = self.way(name)
        moved = _moved(way, _Event.AGREE)
        assert way.waiting is not None
        return self._with(msgspec.structs.replace(moved, waiting=None)), way.waiting

    def decline(self, name: bytes) -> "Doors":
        """The person does not: forget the message; the host revokes the root of this way, and tells nobody."""
        return self._with(msgspec.structs.replace(_moved(self.way(name), _Event.DECLINE), waiting=None))

    def close(self, door: Door) -> tuple["Doors", tuple[bytes, ...]]:
        """Close a door: return the names of the ways whose packages and roots end now (PORT-14)."""
        moved = tuple(_moved(way, _Event.CLOSE) if way.door is door else way for way in self.ways)
        ended = tuple(b.name for a, b in zip(self.ways, moved, strict=True) if a.state is not b.state)
        return Doors(moved), ended

    def forget(self, name: bytes) -> "Doors":
        """Drop a way that is settled, once its root is revoked or serves a relationship."""
        if self.way(name).state not in (State.AGREED, State.CLOSED):
            raise InputError(ErrorClass.REFUSED, "a way that is not settled")
        return Doors(tuple(way for way in self.ways if way.name != name))

    def waiting(self) -> tuple[Way, ...]:
        """Return the ways at which somebody waits for the person, in the order in which they were given out."""
        return tuple(way for way in self.ways if way.state is State.WAITING)

    def way(self, name: bytes) -> Way:
        """Return one way; `UNKNOWN` if it was never given out."""
        for way in self.ways:
            if way.name == name:
                return way
        raise InputError(ErrorClass.UNKNOWN, "no such way")

    def to_bytes(self) -> bytes:
        """Encode for a device's storage."""
        return wire.encode([[w.name, w.door, w.state, list(w.waiting or ())] for w in self.ways])

    @classmethod
    def from_bytes(cls, data: bytes) -> "Doors":
        """Read what `to_bytes` wrote; anything else raises `OwnError`."""
        try:
            rows = wire.array(wire.decode(data, _BYTES_MAX), _ROWS_MAX)
            return cls(tuple(_read(wire.array(row, 4, size=4)) for row in rows))
        except (PeerError, ValueError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored doors") from error

    def _with(self, changed: Way) -> "Doors":
        return Doors(tuple(changed if way.name == changed.name else way for way in self.ways))


def look(way: Way, secret: PackageSecret, own: Identity, entropy: Entropy) -> Visitor:
    """Read a first message for the person alone: no session begins, nothing is fetched (PORT-15, ATT-16)."""
    if way.waiting is None:
        raise InputError(ErrorClass.REFUSED, "nobody waits there")
    session, plain, _ = sessions.accept(own, [secret], way.waiting.ciphertext, way.waiting.came_s, entropy)
    body = decode_body(plain)
    routes = Routes("the person")  # no application that the person uses gets anything (DIR-11)
    offers = () if body.number is None else routes.offers(_ANYBODY, body.number, body.content or b"")
    return Visitor(session.peer, offers)


def _moved(way: Way, event: _Event) -> Way:
    state = _NEXT.get((way.state, event))
    if state is None:
        raise InputError(ErrorClass.REFUSED, f"{event.name} of a way that is {way.state.name}")
    return msgspec.structs.replace(way, state=state)


def _read(row: list[object]) -> Way:
    waiting = None
    if row[3] != []:
        ciphertext, came_s = wire.array(row[3], 2, size=2)
        waiting = Knock(wire.octets(ciphertext, most=max(_CLASSES)), wire.uint(came_s))
    return Way(wire.octets(row[0], _NAME_BYTES), Door(wire.uint(row[1])), State(wire.uint(row[2])), waiting)
