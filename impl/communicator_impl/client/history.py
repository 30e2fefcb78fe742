"""What a person sees: people, messages and their ways, kept in the store beside the Particles.

Theory. The core forgets what is settled, a person does not. So every event of the core that a person would ask about
changes a row here, in the transaction of the step that reported it; nothing is worked out afterwards.

Rules:

1. A message has one row. What comes twice under one number changes nothing.
2. A profile is a message that changes a person, the newest by number (CONT-6).
"""

from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec

from communicator_impl.body import Received
from communicator_impl.client.book import Book
from communicator_impl.client.records import (
    Message,
    Parcel,
    Person,
    Stage,
    State,
    Ticket,
    Way,
    message_name,
    number_name,
    packed,
    unpacked,
)
from communicator_impl.client.vault import Vault
from communicator_impl.content import decode_content, decode_profile
from communicator_impl.core_event import CoreEvent
from communicator_impl.errors import InputError, PeerError
from communicator_spec import NONE, Command, ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["History"]

_PROFILE = PARAMETERS.content.profile_type


class History:
    """People and messages of one device."""

    def __init__(self, vault: Vault, book: Book) -> None:
        self._vault = vault
        self._book = book

    # ---------------------------------------------------------------- people

    def begin(
        self,
        relationship: int,
        name: str,
        stage: Stage,
        began_s: int,
        link: bytes = b"",
        taken: bytes = b"",
        attested: str = "",
    ) -> None:
        """Note a relationship that begins, with the contact that was made, or the one that was taken up."""
        digest = sha256(taken).hexdigest() if taken else ""
        self._save_person(relationship, Person(name, stage, began_s, link.hex(), taken=digest, attested=attested))

    def refuse_used(self, contact: bytes) -> None:
        """Raise `InputError` for a contact that was made here, or taken up here before."""
        link, digest = contact.hex(), sha256(contact).hexdigest()
        for number, person in self.people().items():
            if person.link == link:
                raise InputError(ErrorClass.REFUSED, "this is a link of your own; give it to one other person")
            if person.taken == digest:
                text = f"you have used this link already: relationship {number}; ask for a new one to begin another"
                raise InputError(ErrorClass.REPLAYED, text)

    def person(self, relationship: int) -> Person:
        """Return the person of one relationship."""
        value = self._vault.load(number_name("person", relationship))
        if value is None:
            raise InputError(ErrorClass.UNKNOWN, f"there is no relationship {relationship}")
        return unpacked(value, Person)

    def people(self) -> dict[int, Person]:
        """Return all people by relationship, ascending."""
        rows = self._vault.items("person/")
        return {int(name.rpartition("/")[2]): unpacked(value, Person) for name, value in rows}

    def ended(self, relationship: int) -> None:
        """Note that a relationship is over."""
        self._change(relationship, stage=Stage.ENDED, link="")

    def _change(self, relationship: int, **changes: object) -> None:
        self._save_person(relationship, msgspec.structs.replace(self.person(relationship), **changes))

    def _save_person(self, relationship: int, person: Person) -> None:
        self._vault.save(number_name("person", relationship), packed(person))

    def rename(self, relationship: int, name: str) -> None:
        """Call a person otherwise."""
        self._change(relationship, name=name)

    def verified(self, relationship: int) -> None:
        """Note that the two compared their fingerprint."""
        self._change(relationship, verified=True)

    def told_profile(self, relationship: int, profile: bytes) -> None:
        """Note the own profile in one relationship."""
        self._change(relationship, own_profile=profile)

    def called(self, relationship: int) -> str:
        """Return what a person is called here: as the device's owner says, else as the person says (CONT-7)."""
        person = self.person(relationship)
        told = person.peer_profile and decode_profile(person.peer_profile).name
        return person.name or told or f"person {relationship}"

    # ---------------------------------------------------------------- messages

    def wrote(self, relationship: int, number: int, date_s: int, content: bytes) -> None:
        """Note an own message."""
        self._save(relationship, number, Message(date_s, content, State.WAITING), own=True)

    def received(self, relationship: int, number: int, date_s: int, content: bytes) -> None:
        """Note a message of the peer, once."""
        if self.message(relationship, number, own=False) is None:
            self._save(relationship, number, Message(date_s, content, State.RECEIVED), own=False)
            self._apply_profile(relationship, number, content)

    def message(self, relationship: int, number: int, *, own: bool) -> Message | None:
        """Return a message, if there is one of this number."""
        value = self._vault.load(message_name(relationship, own=own, number=number))
        return None if value is None else unpacked(value, Message)

    def messages(self, relationship: int) -> list[tuple[bool, int, Message]]:
        """Return (own, number, message) of one relationship, in the order of their dates."""
        found = [(own, *one) for own in (True, False) for one in self._direction(relationship, own=own)]
        return sorted(found, key=lambda one: (one[2].date_s, one[0], one[1]))

    def numbers(self, relationship: int) -> list[int]:
        """Return the numbers of what the peer wrote, without opening any of it."""
        names = self._vault.keys(message_name(relationship, own=False))
        return [int(name.rpartition("/")[2]) for name in names]

    def note_read(self, relationship: int) -> frozenset[int]:
        """Mark everything of the peer as read; return the numbers of what was not."""
        fresh = [(n, m) for n, m in self._direction(relationship, own=False) if not m.is_read]
        for number, message in fresh:
            self._save(relationship, number, msgspec.structs.replace(message, is_read=True), own=False)
        return frozenset(number for number, _ in fresh)

    def seen(self, relationship: int, seen: Received) -> None:
        """Note which own messages the peer's person has seen, as far as the peer tells."""
        for number, message in self._direction(relationship, own=True):
            if message.state is State.DELIVERED and number in seen:
                self._save(relationship, number, msgspec.structs.replace(message, state=State.SEEN), own=True)

    def unread(self, relationship: int) -> int:
        """Return how many messages of the peer were not read."""
        return sum(not message.is_read for _, message in self._direction(relationship, own=False))

    def travelled(self, ticket: Ticket | Parcel, said: str) -> None:
        """Note what became of the newest transmission of a message by one way."""
        message = self.message(ticket.relationship, ticket.reference, own=True) if ticket.reference != NONE else None
        if message is None:
            return
        via, service = self._book.uri(ticket.via), self._book.uri(ticket.service)
        ways = list(message.ways)
        for place in reversed(range(len(ways))):
            if (ways[place].via, ways[place].service) == (via, service):
                if ways[place].said != said:
                    ways[place] = msgspec.structs.replace(ways[place], said=said)
                    changed = msgspec.structs.replace(message, ways=tuple(ways))
                    self._save(ticket.relationship, ticket.reference, changed, own=True)
                return

    def _direction(self, relationship: int, *, own: bool) -> Iterator[tuple[int, Message]]:
        for name, value in self._vault.items(message_name(relationship, own=own)):
            yield int(name.rpartition("/")[2]), unpacked(value, Message)

    def _save(self, relationship: int, number: int, message: Message, *, own: bool) -> None:
        self._vault.save(message_name(relationship, own=own, number=number), packed(message))

    def _apply_profile(self, relationship: int, number: int, data: bytes) -> None:
        try:
            content = decode_content(data)
        except PeerError:
            return
        if content.type == _PROFILE and number > self.person(relationship).peer_profile_number:  # CONT-6
            self._change(relationship, peer_profile=content.data, peer_profile_number=number)

    # ---------------------------------------------------------------- what the core reports

    def note(self, event: CoreEvent) -> None:
        """Take an event of the core, inside the transaction of its step."""
        match event.kind:
            case Kind.PAIRED:
                stage = self.person(event.relationship).stage if self._is_known(event.relationship) else Stage.ANSWERED
                if stage is Stage.INVITED:
                    self._change(event.relationship, stage=Stage.TOGETHER, link="")
            case Kind.UPDATED:
                self._change(event.relationship, stage=Stage.TOGETHER)
            case Kind.SENT if event.value == Command.MESSAGE:
                via, service = self._book.uri(event.via), self._book.uri(event.service)
                way = Way(via, service, event.t_ms, without=self._without())
                self._change_message(event, lambda m: msgspec.structs.replace(m, ways=(*m.ways, way)))
            case Kind.ACKNOWLEDGED:
                at_s = event.t_ms // 1000
                self._change_message(event, lambda m: msgspec.structs.replace(m, state=State.DELIVERED, settled_s=at_s))
            case Kind.FAILED:
                at_s = event.t_ms // 1000
                self._change_message(event, lambda m: msgspec.structs.replace(m, state=State.FAILED, settled_s=at_s))
            case Kind.RECEIVED if event.value == Command.END:
                self.ended(event.relationship)

    def _without(self) -> tuple[str, ...]:
        own = {self._book.uri(number) for number in self._book.setting.sending}
        return tuple(uri for uri in self._book.silent_now() if uri in own)

    def _is_known(self, relationship: int) -> bool:
        return self._vault.load(number_name("person", relationship)) is not None

    def _change_message(self, event: CoreEvent, change: Callable[[Message], Message]) -> None:
        message = self.message(event.relationship, event.message, own=True)
        if message is not None:
            self._save(event.relationship, event.message, change(message), own=True)
