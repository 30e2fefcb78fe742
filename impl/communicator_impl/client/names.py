"""Names that the device's owner has at directories: the entry, the stock of contacts, and a watch over the log.

Theory. A directory hands out what the owner left there, while the device is off. So the device looks now and then how
much is left, fills up when half is gone (`contact_supply`), replaces what ends, and reads the whole log for entries of
its name that it did not make. What it has not finished is in the row, and the next look goes on there. ::

    planned ──entry in the log──▶ kept ◀──look, at a drawn time── stock, new contacts, log
       ▲                           │
       └──── new identity ─────────┘──── given up: a last identity, no contacts

Rules:

1. An entry is stored, and noted as one's own, before it is sent; the same one is sent until it is answered (SVC-7).
2. Looks come at times of their own, drawn between six and twelve hours apart, or when the person asks: they say nothing
   about when somebody came (KNOW-13).
3. With a new identity the old contacts end: the directory forgets its stock, and the device revokes their roots after
   the entry is in the log, so that no stranger gets a dead one meanwhile.
4. A look in the background raises nothing; what went wrong is in the row until a look succeeds.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from communicator_impl import wire
from communicator_impl.client.asker import Asker
from communicator_impl.client.courier import Silent
from communicator_impl.client.purses import Purses
from communicator_impl.client.records import packed, unpacked
from communicator_impl.contact_supply import contacts_wanted
from communicator_impl.directory import Entry, Head, Leaf, Proof, checked_name, make_entry
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.doors import State
from communicator_impl.errors import CommunicatorError, InputError, PeerError, ServiceError
from communicator_impl.keys import Identity, IdentityKey
from communicator_impl.particle_fields import IDENTITY, NEVER
from communicator_impl.redemption import request_digest
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    from communicator_impl.client.device import Device
    from communicator_impl.document import Document
    from communicator_impl.services.directory_watch import DirectoryWatch

__all__ = ["KEEPS", "Name", "Names"]

_PREFIX: Final = "name/"
_IDENTITY_BYTES_MAX: Final = 1 << 12
_LOOK_MS: Final = 6 * 3_600_000
_LATER_MS: Final = 600_000
KEEPS: Final = 16
"""How many contacts a device leaves at a directory, if nothing else is wanted."""


class Name(msgspec.Struct, frozen=True, array_like=True):
    """One name at one directory, with the secret identity of its newest entry."""

    uri: str
    name: str
    access_key: bytes
    keeps: int
    identity: bytes = b""
    entry: bytes = b""
    in_log: bool = False
    is_brokered: bool = False
    left: int = 0
    look_ms: int = 0
    looks: int = 0
    trouble: str = ""

    @property
    def sequence(self) -> int:
        """The number of the newest entry; -1 before there is one."""
        return Entry.decode(self.entry).sequence if self.entry else -1

    @property
    def secret(self) -> Identity | None:
        """The secret identity of the newest entry."""
        if not self.identity:
            return None
        found = IDENTITY.read(wire.decode(self.identity, _IDENTITY_BYTES_MAX))
        assert isinstance(found, Identity)
        return found

    @property
    def row(self) -> str:
        """Where it is stored."""
        return f"{_PREFIX}{self.uri}/{self.name}"


class Names:
    """All names of one device."""

    def __init__(self, device: "Device", asker: Asker, purses: Purses) -> None:
        self._device, self._vault = device, device.vault
        self._asker, self._purses = asker, purses

    def all(self) -> list[Name]:
        """Return all names, those that were given up excepted."""
        found = (unpacked(value, Name) for _, value in self._vault.items(_PREFIX))
        return [known for known in found if known.keeps or not known.in_log]

    def name(self, uri: str, name: str) -> Name:
        """Return one name; `UNKNOWN` if it is none of this device."""
        value = self._vault.load(f"{_PREFIX}{uri}/{name}")
        if value is None:
            raise InputError(ErrorClass.UNKNOWN, f"{name} is not registered at {uri} by this device")
        return unpacked(value, Name)

    def identity(self, name: str, uri: str = "") -> Identity:
        """Return the identity with which links of an own name are made; `uri` where several directories have it."""
        found = [one for one in self.all() if one.name == name and uri in ("", one.uri) and one.in_log]
        if not found:
            raise InputError(ErrorClass.UNKNOWN, f"{name} is registered nowhere by this device")
        if len(found) > 1:
            at = ", ".join(one.uri for one in found)
            raise InputError(ErrorClass.REFUSED, f"{name} is registered at {at}; name one of them: --directory")
        (identity,) = [one.secret for one in found]
        assert identity is not None
        return identity

    # ---------------------------------------------------------------- what the person does

    def register(self, uri: str, name: str, access_key: bytes, keeps: int = KEEPS) -> Name:
        """Take a name, or go on with one; the entry is in the log, and contacts lie there, when this returns."""
        if not 0 < keeps <= PARAMETERS.directory.contacts_stored_max:
            raise InputError(ErrorClass.REFUSED, "a directory keeps no such number of contacts")
        checked_name(name)
        self._device.setting()
        directory = self._document(uri).directory
        assert directory is not None
        value = self._vault.load(f"{_PREFIX}{uri}/{name}")
        known = Name(uri, name, access_key, keeps) if value is None else unpacked(value, Name)
        wanted = msgspec.structs.replace(
            known, access_key=access_key, keeps=keeps, is_brokered=directory.mode == "brokered"
        )
        if known.keeps and known.entry:
            self._keep(wanted)
        else:
            self._plan(wanted, known.sequence + 1, known.secret)
        return self.look(self.name(uri, name))

    def replace(self, uri: str, name: str) -> Name:
        """Give a name another identity, signed by the one before; all contacts are replaced."""
        known = self._settled(uri, name)
        self._plan(known, known.sequence + 1, known.secret)
        return self.look(self.name(uri, name))

    def give_up(self, uri: str, name: str) -> int:
        """Close the door: a last identity without contacts; return how many contacts were taken back (PORT-14)."""
        known, contacts = self._settled(uri, name), self._device.strangers.contacts(uri, name).values()
        taken = sum(contact.way.state is State.OPEN for contact in contacts)
        self._plan(msgspec.structs.replace(known, keeps=0), known.sequence + 1, known.secret)
        self._enter(self.name(uri, name))
        return taken

    def restored(self) -> None:
        """The store came from a backup: contacts may lie there that it does not know, so all are replaced."""
        for known in self.all():
            if known.in_log:
                self._plan(msgspec.structs.replace(known, look_ms=0), known.sequence + 1, known.secret)

    def _settled(self, uri: str, name: str) -> Name:
        """Return a name whose last entry is in the log: another one follows on it."""
        known = self.name(uri, name)
        return known if known.in_log else self._enter(known)

    # ---------------------------------------------------------------- looks

    def turn(self) -> None:
        """Look after each name that is due."""
        for known in self.all():
            if known.look_ms <= self._device.clock():
                try:
                    self.look(known)
                except CommunicatorError as error:
                    self._fail(known, error)

    def next_ms(self) -> int:
        """Return when the next look is due."""
        return min((known.look_ms for known in self.all()), default=NEVER)

    def look(self, known: Name, heads: Sequence[Head] = ()) -> Name:
        """Look after one name: entry, contacts, log; whatever raises is tried again with the next look."""
        if not known.in_log:
            known = self._enter(known)
        if not known.keeps:  # giving up is over
            return known
        self._device.strangers.expire()
        self._watch(known).look(self._device.clock(), heads)
        next_ms, left, trouble = self._next_look_ms(known), 0, ""
        if any(leaf.sequence > known.sequence for leaf in self.alarms(known)):
            trouble = "somebody else made the newest entry; if it was nobody you know: register --replace"
        elif known.is_brokered:
            left = self._refill(known, next_ms // 1000)
        known = msgspec.structs.replace(known, left=left, look_ms=next_ms, looks=known.looks + 1, trouble=trouble)
        self._keep(known)
        return known

    def alarms(self, known: Name) -> tuple[Leaf, ...]:
        """Return entries of the name in the log that this device did not make (DIR-17)."""
        return DirectoryMonitor(known.uri, known.name, self._vault).alarms

    def seen(self, known: Name) -> None:
        """The person has seen the alarms."""
        DirectoryMonitor(known.uri, known.name, self._vault).seen()

    def _fail(self, known: Name, error: CommunicatorError) -> None:
        known = self.name(known.uri, known.name)
        later_ms = self._device.clock() + _LATER_MS
        self._keep(msgspec.structs.replace(known, look_ms=later_ms, trouble=error.line))

    def _next_look_ms(self, known: Name) -> int:
        draw = self._device.entropy.fraction("directory.look", int.from_bytes(known.row.encode()[-6:]), known.looks)
        return self._device.clock() + int((1 + draw) * _LOOK_MS)

    # ---------------------------------------------------------------- the entry

    def _plan(self, known: Name, sequence: int, before: Identity | None) -> None:
        """Make an identity and its entry, and store both before anybody hears of them (rule 1)."""
        identity = Identity.generate(self._device.entropy)
        entry = make_entry(known.name, sequence, identity, self._device.clock() // 1000, before)
        kept = wire.encode(IDENTITY.write(identity))
        with self._vault.together():
            DirectoryMonitor(known.uri, known.name, self._vault).made(entry)
            self._keep(msgspec.structs.replace(known, identity=kept, entry=entry.encode(), in_log=False))

    def _enter(self, known: Name) -> Name:
        """Have the entry in the log, and see that it is there (DIR-14)."""
        try:
            data = self._asker.register(known.uri, known.name, known.access_key, known.entry)
        except ServiceError as error:
            if error.error_class is ErrorClass.FORGED:
                raise InputError(ErrorClass.FORGED, f"{known.uri} knows no name of this access key") from error
            if error.error_class is not ErrorClass.REFUSED:
                raise
            return self._follow(known, error)
        self._believe(known, data)
        known = msgspec.structs.replace(known, in_log=True)
        self._keep(known)
        strangers, identity = self._device.strangers, Entry.decode(known.entry).identity
        before = [
            r for r in strangers.contacts(known.uri, known.name) if not known.keeps or self._identity(r) != identity
        ]
        strangers.close(before)  # rule 3
        return known

    def _identity(self, relationship: int) -> IdentityKey | None:
        found = self._device.core.invitation(relationship)
        return None if found is None else found[0].public

    def _believe(self, known: Name, data: bytes) -> None:
        watch = self._watch(known)
        watch.look(self._device.clock())
        proof = Proof.decode(data)
        if proof.entry.encode() != known.entry:
            raise PeerError(ErrorClass.FORGED, f"{known.uri} answers with another entry than it was given")
        gap = watch.reader.gap(proof.head)
        path = self._asker.way(known.uri).consistency(*gap) if gap else ()
        watch.reader.read(self._device.clock(), known.name, proof, path)

    def _follow(self, known: Name, refused: ServiceError) -> Name:
        """Make an entry after the one that somebody else made before, perhaps this person's lost device."""
        document = self._document(known.uri)
        path = f"{known.row} {known.looks} {known.sequence}"
        payment = self._purses.pay(document, Purpose.QUERY, request_digest("GET", path, b""))
        try:
            proof = Proof.decode(self._asker.lookup(known.uri, known.name, payment.token))
        except ServiceError as error:
            raise error if isinstance(error, Silent) else refused from error
        self._purses.settled(payment)
        if proof.entry.sequence < known.sequence:
            raise refused
        watch = self._watch(known)
        watch.look(self._device.clock())
        gap = watch.reader.gap(proof.head)
        way = self._asker.way(known.uri)
        watch.reader.read(self._device.clock(), known.name, proof, way.consistency(*gap) if gap else ())
        self._plan(known, proof.entry.sequence + 1, None)
        return self._enter(self.name(known.uri, known.name))

    # ---------------------------------------------------------------- the stock

    def _refill(self, known: Name, look_again_s: int) -> int:
        """Leave as many contacts as are wanted; return how many lie there (DIR-7)."""
        left = self._asker.stock(known.uri, known.name, known.access_key)
        left = self._upload(known, left)
        missing = contacts_wanted(left, known.keeps, self._ends_s(known), look_again_s)
        if missing:
            identity = known.secret
            assert identity is not None
            with self._device.step():
                for _ in range(missing):
                    self._device.strangers.give_out(known.uri, known.name, identity)
        return self._upload(known, left)

    def _upload(self, known: Name, left: int) -> int:
        """Leave at the directory what was made; strangers write to roots that are registered by then."""
        self._device.post.carry_out()
        made = {r: c for r, c in self._device.strangers.contacts(known.uri, known.name).items() if c.bytes_left}
        if not made:
            return left
        if not any(self._device.book.receiving[s] for s in self._device.setting().receiving):
            raise Silent(ErrorClass.UNKNOWN, "no receiving service answers; contacts are made when one does")
        most = sorted(made)[: PARAMETERS.directory.contacts_upload_max]
        left = self._asker.deposit(known.uri, known.name, known.access_key, [made[r].bytes_left for r in most])
        self._device.strangers.left_there(most)
        return left

    def _ends_s(self, known: Name) -> list[int]:
        """Return when the contacts end that may still lie there."""
        contacts, now_s = self._device.strangers.contacts(known.uri, known.name).values(), self._device.clock() // 1000
        return [one.ends_s for one in contacts if one.way.state is State.OPEN and now_s < one.ends_s]

    # ---------------------------------------------------------------- the log

    def _watch(self, known: Name) -> "DirectoryWatch":
        from communicator_impl.services.directory_watch import DirectoryWatch

        return DirectoryWatch(known.uri, self._vault, [self._asker.way(known.uri)], [known.name])

    def _document(self, uri: str) -> "Document":
        document = self._asker.document(uri)
        if document.directory is None:
            raise InputError(ErrorClass.UNKNOWN, f"{uri} runs no directory")
        return document

    def _keep(self, known: Name) -> None:
        self._vault.save(known.row, packed(known))
