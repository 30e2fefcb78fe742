"""Contacts that lie at directories, and strangers who came by them: nobody is let in before the person says so.

Theory. A contact is for one stranger, whoever that will be. In the core it is a relationship without a peer; here it is
a row with a door of its own (`doors`). What comes by it is kept unread, one ciphertext at most, until the person
agrees; only then does the core see it, as of the day on which it came. ::

    given out ──knock──▶ waits ──agree───▶ a relationship like any other
        │                  └────decline──▶ forgotten, its roots revoked; the stranger hears nothing
        └── closed, or over ─────────────▶ forgotten, its roots revoked

Rules:

1. The core is not told of a knock, so that nothing leaves the device because of it (PORT-15, DIR-11).
2. The row, the core's relationship and the requests to services change in one transaction.
3. A contact has roots and a package of its own; only the identity is that of the name (DIR-4, KNOW-15).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from communicator_impl.client.records import Stage, number_name, packed, unpacked
from communicator_impl.doors import Door, Doors, State, Visitor, Way, look
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.keys import Identity, PackageSecret
from communicator_impl.relationship_manager import Step
from communicator_impl.root_record import Item
from communicator_spec import NONE, ErrorClass
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    from communicator_impl.client.device import Device

__all__ = ["Contact", "Strangers", "Waiting"]

_PREFIX: Final = "contact/"
_NEXT: Final = "next-contact"
_GRACE_S: Final = PARAMETERS.session.package_grace_s
_CONTACT_S: Final = 28 * 86_400
"""How long a contact may be handed out: long enough for a device that is off for weeks."""


class Contact(msgspec.Struct, frozen=True, array_like=True):
    """A contact that was made: for which name, its door, its bytes until they lie there, and where a knock came."""

    uri: str
    name: str
    doors: bytes
    ends_s: int
    bytes_left: bytes
    place: tuple[int, int, int, int] | None = None  # service, number, serial, position

    @property
    def way(self) -> Way:
        """The one way of this contact."""
        return Doors.from_bytes(self.doors).ways[0]


class Waiting(NamedTuple):
    """A stranger who waits: by which relationship, at which name, since when, who, and what the first message says."""

    relationship: int
    uri: str
    name: str
    came_s: int
    visitor: Visitor


class Strangers:
    """All contacts of one device that nobody was let in by."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._vault = device.vault

    def contacts(self, uri: str = "", name: str = "") -> dict[int, Contact]:
        """Return the contacts by relationship, those of one name or all."""
        found = {int(key.rpartition("/")[2]): unpacked(v, Contact) for key, v in self._vault.items(_PREFIX)}
        return {r: one for r, one in found.items() if not uri or (one.uri, one.name) == (uri, name)}

    def give_out(self, uri: str, name: str, identity: Identity) -> None:
        """Make one contact of a name; its bytes are to be left at the directory."""
        with self._device.step():
            device = self._device
            relationship, setting = max(device.new_number(), self._next_number()), device.setting()
            self._vault.save(_NEXT, (relationship + 1).to_bytes(8))
            data, step = device.core.offer(device.clock(), relationship, setting, identity, _CONTACT_S)
            device.plan(relationship, step)
            device.core.planned(relationship)
            package = self._opens(relationship)[1].package
            doors = Doors().give_out(package.identifier(), Door.DIRECTORY)
            self._keep(relationship, Contact(uri, name, doors.to_bytes(), package.not_after_s, data))

    def _next_number(self) -> int:
        """Return the lowest number that no contact has had: one that was taken back must not mean two people."""
        return int.from_bytes(self._vault.load(_NEXT) or b"")

    def left_there(self, relationships: Sequence[int]) -> None:
        """Note that the directory has these contacts."""
        with self._device.step():
            for relationship in relationships:
                self._keep(relationship, msgspec.structs.replace(self._of(relationship), bytes_left=b""))

    def has(self, relationship: int) -> bool:
        """Tell whether a relationship is a contact by which nobody was let in."""
        return self._vault.load(number_name("contact", relationship)) is not None

    # ---------------------------------------------------------------- who comes

    def knock(self, relationship: int, service: int, items: Sequence[Item]) -> None:
        """Take what came by a contact: the first that opens is kept, all else dropped (PORT-16)."""
        contact, (identity, secret) = self._of(relationship), self._opens(relationship)
        doors, place, now_s = Doors.from_bytes(contact.doors), contact.place, self._device.clock() // 1000
        for item in items:
            try:
                doors = doors.knock(item.body, secret, identity, now_s, self._device.entropy)
            except PeerError:  # nobody whom this contact was for
                continue
            if place is None and doors.waiting():
                place = (service, item.number, item.serial, item.position)
        if place != contact.place:
            with self._device.step():
                self._keep(relationship, msgspec.structs.replace(contact, doors=doors.to_bytes(), place=place))

    def waiting(self) -> list[Waiting]:
        """Return who waits for the person, in the order in which they came."""
        found = [self._seen(r, one) for r, one in self.contacts().items() if one.way.state is State.WAITING]
        return sorted(found, key=lambda one: (one.came_s, one.relationship))

    def _seen(self, relationship: int, contact: Contact) -> Waiting:
        (identity, secret), way = self._opens(relationship), contact.way
        assert way.waiting is not None
        visitor = look(way, secret, identity, self._device.entropy)
        return Waiting(relationship, contact.uri, contact.name, way.waiting.came_s, visitor)

    # ---------------------------------------------------------------- what the person says

    def agree(self, relationship: int, called: str) -> None:
        """Let a stranger in: the relationship exists, and the first message is in it."""
        contact = self._waits(relationship)
        with self._device.step():
            _, knock = Doors.from_bytes(contact.doors).agree(contact.way.name)
            service, number, serial, position = contact.place or (NONE, 0, 0, 0)
            self._vault.delete(number_name("contact", relationship))
            self._device.history.begin(relationship, called, Stage.INVITED, self._device.clock() // 1000)
            device, item = self._device, Item(number, serial, position, knock.ciphertext)
            device.plan(relationship, device.core.admit(device.clock(), relationship, service, item, knock.came_s))
            device.deliver(relationship)
            if device.core.identities(relationship) is None:
                raise OwnError(ErrorClass.FORGED, "a first message that opened once does not open any more")
        self._device.post.carry_out()

    def decline(self, relationship: int) -> None:
        """Send a stranger away, silently."""
        contact = self._waits(relationship)
        Doors.from_bytes(contact.doors).decline(contact.way.name)
        self._withdraw([relationship])

    def _waits(self, relationship: int) -> Contact:
        if not self.has(relationship) or self._of(relationship).way.state is not State.WAITING:
            raise InputError(ErrorClass.UNKNOWN, f"nobody waits under number {relationship}")
        return self._of(relationship)

    # ---------------------------------------------------------------- contacts that end

    def close(self, relationships: Sequence[int]) -> int:
        """Take contacts back by which nobody came yet; return how many (PORT-14)."""
        open_ = [r for r in relationships if Doors.from_bytes(self._of(r).doors).close(Door.DIRECTORY)[1]]
        self._withdraw(open_)
        return len(open_)

    def expire(self) -> None:
        """Take back what nobody can use any more (SES-10); who waits goes on waiting."""
        now_s = self._device.clock() // 1000
        self.close([r for r, contact in self.contacts().items() if contact.ends_s + _GRACE_S <= now_s])

    def _withdraw(self, relationships: Sequence[int]) -> None:
        if relationships:
            with self._device.step():
                for relationship in relationships:
                    self._vault.delete(number_name("contact", relationship))
                    self._device.plan(relationship, Step(self._device.core.withdraw(relationship)))
            self._device.post.carry_out()

    def _opens(self, relationship: int) -> tuple[Identity, PackageSecret]:
        found = self._device.core.invitation(relationship)
        if found is None:
            raise OwnError(ErrorClass.UNKNOWN, "a contact without a package")
        return found

    def _of(self, relationship: int) -> Contact:
        value = self._vault.load(number_name("contact", relationship))
        if value is None:
            raise InputError(ErrorClass.UNKNOWN, f"there is no contact {relationship}")
        return unpacked(value, Contact)

    def _keep(self, relationship: int, contact: Contact) -> None:
        self._vault.save(number_name("contact", relationship), packed(contact))
