"""A device: one store, its relationships, and one pass after another over everything that is due.

Theory. The core says what is to be done, and the store remembers what is not done yet; a pass tries each of it once. So
nothing depends on a pass being finished: a device that is killed at any instant begins the next pass with what is in
its store. ::

    pass     ask own services for their documents → carry out requests → hand over parcels → ask after tickets
             → fetch, hand over to the history, confirm → store files → wake what is due
             → carry out, hand over once more → leave for good what nothing points to any more

Rules:

1. A step of the core, what is to be done because of it, and what a person sees of it are one transaction (`_step`).
   Services are asked outside of transactions, and every request to them may be repeated.
2. A message is confirmed at its service after it is in the history, never before (DELIV-27).
3. If a transaction fails, the core is built anew from the store: it must not be ahead of it.
4. Times come from `clock`, in milliseconds since 1970; nothing else reads a clock.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_impl import pace
from communicator_impl.attachment import Shelf
from communicator_impl.client import links
from communicator_impl.client.asker import Asker
from communicator_impl.client.book import Book
from communicator_impl.client.clocks import Clocks
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.files import Files
from communicator_impl.client.finding import Finder
from communicator_impl.client.history import History
from communicator_impl.client.leaving import Departures
from communicator_impl.client.ledger import Ledger
from communicator_impl.client.log import EventLog
from communicator_impl.client.names import Names
from communicator_impl.client.post import Post
from communicator_impl.client.purses import Purses
from communicator_impl.client.records import Stage, packed
from communicator_impl.client.sight import look_again
from communicator_impl.client.strangers import Strangers
from communicator_impl.client.suites import check_link, chosen, keep
from communicator_impl.client.uploads import Uploads, Waiting
from communicator_impl.client.vault import Vault
from communicator_impl.content import Attachment, Content, Profile, decode_content, encode_content, encode_profile
from communicator_impl.core_event import CoreEvent
from communicator_impl.document import Document
from communicator_impl.entropy import Entropy, SystemEntropy
from communicator_impl.errors import CommunicatorError, InputError, ServiceError
from communicator_impl.fingerprint import fingerprint
from communicator_impl.introduction import INVITATION_S, Suites
from communicator_impl.keys import Identity
from communicator_impl.particle_fields import NEVER, Request, Setting
from communicator_impl.queue_entry import State
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_spec import ErrorClass, Terms
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

__all__ = ["Device", "Turned"]

_TEXT: Final = PARAMETERS.content.text_type
_PROFILE: Final = PARAMETERS.content.profile_type
_NOT_KNOWN: Final = (ErrorClass.FORGED, ErrorClass.UNKNOWN)
_REST_MS: Final = 15_000


class Turned(NamedTuple):
    """What one pass did: how many messages arrived, and when the next one has something to do."""

    arrived: int
    next_ms: int


class Device:
    """The relationship manager of one person, with its store and its connections; `person` is its number in a log."""

    def __init__(
        self,
        vault: Vault,
        *,
        courier: Courier | None = None,
        asker: Asker | None = None,
        entropy: Entropy | None = None,
        terms: Terms | None = None,
        clock: Callable[[], int] = pace.now_ms,
        log: bool = False,
        person: int = 0,
    ) -> None:
        self.vault = vault
        self.courier = courier or Courier(clock)
        self.clock = clock
        self.book = Book(vault, self.courier)
        self.clocks = Clocks(self.book, self.courier, clock)
        self.history = History(vault, self.book)
        self.entropy, asker = entropy or SystemEntropy(), asker or Asker()
        self.purses = Purses(vault, asker, self.entropy, clock)
        self.post = Post(vault, self.book, self.courier, self.purses, clock, self.history.travelled)
        self.log = EventLog(vault, self.book) if log else None
        self._person = person
        self.uploads = Uploads(vault, self.book, self.courier, self.purses, self.entropy, clock)
        self.files = Files(self.book, self.courier, self.purses, clock)
        self.ledger = Ledger(vault)
        self.departures = Departures(self)
        self.sent_with_files: dict[int, int] = {}  # drafts of this process, and the numbers that they got
        self._terms = terms or standard_terms("label/1")
        self._reported: list[CoreEvent] = []
        self._build()
        self.strangers = Strangers(self)
        self.names = Names(self, asker, self.purses)
        self.finder = Finder(self, asker, self.purses, self.names)

    def close(self) -> None:
        """Close the store and all connections."""
        self.courier.close()
        self.vault.close()

    def _build(self) -> None:
        report = self._reported.append
        suites = self.suites = chosen(self.vault)
        self.core = RelationshipManager(
            self._person, self._terms, self.book, self.vault, self.entropy, report, suites=suites
        )
        self._reported.clear()

    # ---------------------------------------------------------------- what people do

    def use(self, receiving: Sequence[str], sending: Sequence[str]) -> None:
        """Use these services from now on; each is asked for its document first, and has to run what it is used for."""
        numbers = {uri: self.book.number(uri) for uri in (*receiving, *sending)}
        documents = {uri: self.book.learn(number, self.clock()) for uri, number in numbers.items()}
        for uri in receiving:
            if documents[uri].receiving is None:
                raise InputError(ErrorClass.UNKNOWN, f"{uri} runs no receiving service")
        for uri in sending:
            if documents[uri].sending is None:
                raise InputError(ErrorClass.UNKNOWN, f"{uri} runs no sending service")
        self.book.choose(Setting(tuple(numbers[uri] for uri in receiving), tuple(numbers[uri] for uri in sending)))

    def choose_suites(self, suites: Suites) -> None:
        """Make links of this suite from now on, and take none that has less; what there is keeps its suite."""
        if suites.own is not self.suites.own and any(name.keeps for name in self.names.all()):  # EXT-6
            raise InputError(ErrorClass.REFUSED, "a name has contacts of the other suite; give it up first")
        keep(self.vault, suites)
        self._build()

    def invite(
        self,
        name: str,
        relationship: int | None = None,
        lifetime_s: int = INVITATION_S,
        identity: Identity | None = None,
    ) -> tuple[int, bytes]:
        """Make a contact for somebody who is to be called `name`, good for so long; return number and contact.

        `identity` is that of an own name at a directory: the contact is then one of that entry (DIR-4).
        """
        number, setting = self.new_number(relationship), self.setting()
        with self._step():
            contact, step = self.core.offer(self.clock(), number, setting, identity, lifetime_s)
            self.history.begin(number, name, Stage.INVITED, self.clock() // 1000, contact)
            self.plan(number, step)
        self.post.carry_out()
        return number, contact

    def approach(self, name: str, contact: bytes, relationship: int | None = None) -> int:
        """Take a contact up: the relationship's number. Messages may be written at once."""
        number, setting = self.new_number(relationship), self.setting()
        self.history.refuse_used(contact)
        with links.explained(), self._step():
            check_link(contact, self.clock() // 1000, self.suites)
            step = self.core.approach(self.clock(), number, setting, contact)
            self.history.begin(number, name, Stage.ANSWERED, self.clock() // 1000, taken=contact)
            self.plan(number, step)
        return number

    def say(self, relationship: int, text: str) -> int:
        """Write a message; it is accepted, durably, when this returns its number."""
        return self.submit(relationship, Content(_TEXT, text.encode()))

    def submit(self, relationship: int, content: Content) -> int:
        """Write any content."""
        with self._step():
            return self._write(relationship, encode_content(content))

    def _write(self, relationship: int, data: bytes) -> int:
        number = self.core.submit(self.clock(), relationship, data)
        self.history.wrote(relationship, number, self.clock() // 1000, data)
        return number

    def attach(self, relationship: int, content: Content, files: Sequence[tuple[Path, str]]) -> int:
        """Write a message with files, each with its media type; it is sent once they are stored (ATT-13).

        Returns the number of the draft. With a profile the file is its picture.
        """
        if self.history.person(relationship).stage is Stage.ENDED:
            raise InputError(ErrorClass.REFUSED, "the relationship has ended")
        with self.vault.together():
            draft = self.post.count()
            self.uploads.plan(draft, relationship, content.type, content.data, files)
        return draft

    def fetch(self, relationship: int, file: Attachment, shelf: Shelf, *, directly: bool = False) -> str:
        """Put a file of the peer on a shelf; return who fetched it. Raises as `Files.fetch`."""
        return self.files.fetch(self.history.person(relationship).stage, file, shelf, directly=directly)

    def read(self, relationship: int) -> None:
        """The person has seen everything that came in one relationship."""
        with self._step():
            self.core.read(self.clock(), relationship, self.history.note_read(relationship))

    def tell_profile(self, relationship: int, profile: Profile) -> int:
        """Say what one is called in one relationship, with the next message."""
        data = encode_profile(profile)
        with self._step():
            number = self.core.submit(self.clock(), relationship, encode_content(Content(_PROFILE, data)))
            self.history.told_profile(relationship, data)
        return number

    def tell_read(self, relationship: int, *, on: bool) -> None:
        """Let the peer know what was read from now on, or not."""
        with self._step():
            self.core.tell_read(self.clock(), relationship, on=on)

    def fingerprint(self, relationship: int) -> tuple[str, ...] | None:
        """Return what two people compare, once both ends are known."""
        found = self.core.identities(relationship)
        return None if found is None else fingerprint(*found)

    def replace_receiving(self, old: str, new: str, *, leave: bool) -> None:
        """Receive at another service from now on, everywhere; with `leave`, the old one is left in good order."""
        self.clocks.demand()
        number, chosen = self.book.number(new), self.book.setting
        gone = self.book.number(old)
        if gone not in chosen.receiving or number in chosen.receiving:
            raise InputError(ErrorClass.REFUSED, "the first has to be in use, and the second must not be")
        if self.book.learn(number, self.clock()).receiving is None:
            raise InputError(ErrorClass.UNKNOWN, f"{new} runs no receiving service")
        setting = Setting(tuple(number if s == gone else s for s in chosen.receiving), chosen.sending)
        with self._step():
            self.book.choose(setting)
            for relationship in self.core.relationships():
                draw = self.entropy.fraction("announce", relationship, 0)
                announce_ms = self.clock() + int(draw * self._terms.announce_spread_ms)
                self.core.move(self.clock(), relationship, gone, setting, announce_ms, leave=leave)
            self.departures.over(number)
            if leave:
                self.departures.begin(gone, self.clock())

    def replace_senders(self, sending: Sequence[str]) -> None:
        """Send by other services from now on; nobody else learns of it (PORT-1)."""
        numbers = tuple(self.book.number(uri) for uri in sending)
        for number in numbers:
            if self.book.learn(number, self.clock()).sending is None:
                raise InputError(ErrorClass.UNKNOWN, f"{self.book.uri(number)} runs no sending service")
        with self._step():
            self.book.choose(Setting(self.book.setting.receiving, numbers))
            for relationship in self.core.relationships():
                self.core.change_senders(self.clock(), relationship, numbers)

    def finish_leaving(self, uri: str) -> bool:
        """Leave a service for good if nothing there is needed any more; False while something is (STATE-11)."""
        return self.departures.finish(self.book.number(uri))

    def restored(self) -> None:
        """Say that the store came from a backup: every relationship is synchronised before it is used (12.6)."""
        with self._step():
            self.core.restored(self.clock())
            self.names.restored()
            for draft, waiting in self.uploads.all().items():  # the lost device may have sent it
                self.uploads.fail(draft, waiting, "written before the backup; send it again if it did not arrive")

    def end(self, relationship: int, *, tell: bool) -> None:
        """End a relationship, silently or with a word (12.4)."""
        self.book.probe(self._senders(), self.clock())
        with self._step():
            self.plan(relationship, self.core.refuse(self.clock(), relationship, tell=tell, reach=self.book))
            self.history.ended(relationship)
            self.ledger.ended(relationship, self.clock())
        self.post.carry_out()
        self.post.hand_over()

    # ---------------------------------------------------------------- one pass

    def turn(self, *, fetches: bool = True, wakes: bool = True) -> Turned:
        """Do everything that is due, once; somebody else may look what has arrived, or nothing is to be sent yet."""
        if self.clocks.check() is not None:
            return Turned(0, self.clock() + _REST_MS)
        for relationship in self.core.relationships():
            self.core.rewind(self.clock(), relationship)
        setting = self.book.setting
        self.book.refresh([*dict.fromkeys((*setting.receiving, *setting.sending))], self.clock())
        self.post.carry_out()
        self.post.hand_over()
        self._ask_after()
        arrived = sum(self._fetch(*place) for place in self.places()) if fetches else 0
        if wakes:
            self._store_files()
            self._wake()
            self.names.turn()
            for document in self._own_documents():
                self.purses.use_at(document)
            self.purses.turn()
        self.post.carry_out()
        self.post.hand_over()
        self.departures.turn()
        return Turned(arrived, self._next_ms())

    def places(self) -> tuple[tuple[int, int, bytes], ...]:
        """Return where something may be fetched: relationship, service and access key."""
        return tuple(
            (relationship, service, key)
            for relationship in self.core.relationships()
            for service in range(len(self.book.receiving))
            for _, key in self.core.stores(relationship, service)
        )

    def take(self, relationship: int, service: int, access_key: bytes, items: Sequence[Item]) -> int:
        """Apply what was fetched from one place, then confirm it there; returns how many messages it was."""
        if not items or relationship not in self.core.relationships():  # a contact that was taken back meanwhile
            return 0
        if self.strangers.has(relationship):
            self.strangers.knock(relationship, service, items)
            fresh, taken = 0, frozenset(item.number for item in items)
        else:
            with self._step():
                received = self.core.receive(self.clock(), relationship, service, items)
                fresh, taken = self.deliver(relationship), received.confirm
                self.plan(relationship, Step(received.requests))
        self.courier.confirm(self.book.uri(service), access_key, taken)
        return fresh

    def deliver(self, relationship: int) -> int:
        """Take over what the core has delivered, inside `step`; return how many messages it was."""
        fresh = self.core.undelivered(relationship)
        for message in fresh:
            self.history.received(relationship, message.number, self.clock() // 1000, message.content)
        self.core.drain(self.clock(), relationship, frozenset(message.number for message in fresh))
        return len(fresh)

    def _fetch(self, relationship: int, service: int, access_key: bytes) -> int:
        if not self.book.may_ask(service, self.clock()):
            return 0
        try:
            items = self.courier.fetch(self.book.uri(service), access_key)
            self.book.heard(service, self.clock())
            return self.take(relationship, service, access_key, items)
        except Silent:
            self.book.silent(service, self.clock())
        except ServiceError as error:
            if error.error_class not in _NOT_KNOWN:
                raise
            self.forgotten(relationship, service)
        return 0

    def forgotten(self, relationship: int, service: int) -> None:
        """Register everything once more at a service that knows nothing of it, as one does with an old database."""
        if not self.post.registers(service):
            with self._step():
                for request in self.core.registrations(relationship, service):
                    self._plan_request(relationship, request)

    def _wake(self) -> None:
        due = [r for r in self.core.relationships() if self.core.deadline_ms(r) <= self.clock()]
        if due:
            self.book.probe(self._senders(), self.clock())
        for relationship in due:
            if not self._can_send() and not self._has_overdue(relationship):
                continue  # it stays due: the core would wait for hours, and somebody may answer with the next pass
            with self._step():
                self.plan(relationship, self.core.wake(self.clock(), relationship, self.book))

    def _can_send(self) -> bool:
        return any(self.book.sending[sender] for sender in self._senders())

    def _has_overdue(self, relationship: int) -> bool:
        """Tell whether a message is to be given up: that needs no service (DELIV-10)."""
        waiting = (self.history.message(relationship, n, own=True) for n in self.core.waiting(relationship))
        oldest_ms = self.clock() - self._terms.message_lifetime_ms
        return any(message is not None and message.date_s * 1000 <= oldest_ms for message in waiting)

    def _next_ms(self) -> int:
        rest_ms = 0 if self._can_send() else self.clock() + _REST_MS  # what is due waits for a service
        deadlines = (max(self.core.deadline_ms(r), rest_ms) for r in self.core.relationships())
        is_done = self.post.is_empty() and self.uploads.is_empty()
        waits_ms = NEVER if is_done else self.clock() + _REST_MS
        return min((*deadlines, self.names.next_ms(), self.purses.next_ms(), waits_ms))

    def _store_files(self) -> None:
        """Store the files of messages that wait for them; what is stored by then is submitted (ATT-13)."""
        for draft, waiting in self.uploads.all().items():
            if waiting.error or not self.core.is_synchronised(waiting.relationship):
                continue
            if self.history.person(waiting.relationship).stage is Stage.ENDED:
                self.uploads.fail(draft, waiting, "the relationship has ended")
                continue
            content = self.uploads.carry_out(draft, waiting)
            if content is not None:
                self._submit_draft(draft, waiting, content)

    def _submit_draft(self, draft: int, waiting: Waiting, content: bytes) -> None:
        try:
            with self._step():
                self.sent_with_files[draft] = self._write(waiting.relationship, content)
                if waiting.draft.type == _PROFILE:
                    self.history.told_profile(waiting.relationship, decode_content(content).data)
                self.uploads.forget(draft)
        except InputError as error:
            self.uploads.fail(draft, waiting, error.detail)

    def _ask_after(self) -> None:
        """Learn what became of submissions; the core is told of a service that nobody reaches (DELIV-6)."""
        for name, held, progress in self.post.asked_after():
            is_queued = progress.state is State.QUEUED
            with self._step():
                said = "unreachable" if progress.unreachable and is_queued else progress.state.value
                self.history.travelled(held, said)
                if not is_queued:
                    self.vault.delete(name)
                elif progress.unreachable and not held.told:
                    self.core.unreachable(self.clock(), held.relationship, held.service, held.reference)
                    self.vault.save(name, packed(msgspec.structs.replace(held, told=True)))

    # ---------------------------------------------------------------- steps

    @contextmanager
    def step(self) -> Iterator[None]:
        """Make several steps of the core one transaction: what raises inside undoes them all."""
        try:
            with self._step():
                yield
        except InputError:
            self._build()  # a step before the one that raised was taken
            raise

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Make a step of the core and everything that follows from it one transaction (rule 1)."""
        try:
            with self.vault.together():
                yield
                for event in self._reported:
                    self.history.note(event)
                    if self.log is not None:
                        self.log.write(event, self.post.count())
                look_again(self, self._reported)
        except CommunicatorError as error:
            if not isinstance(error, InputError):
                self._build()  # rule 3
            raise
        except BaseException:
            self._build()
            raise
        finally:
            self._reported.clear()

    def plan(self, relationship: int, step: Step) -> None:
        """Write down what a step asks for, inside `step`."""
        for request in step.requests:
            self._plan_request(relationship, request)
        for out in step.transmissions:
            self.post.plan_parcel(out)

    def _plan_request(self, relationship: int, request: Request) -> None:
        self.post.plan_request(request)
        if self.log is not None:
            self.log.name_root(request, relationship, self.post.count())

    def new_number(self, wanted: int | None = None) -> int:
        """Return the number of the next relationship."""
        taken = self.core.relationships()
        number = max(taken, default=-1) + 1 if wanted is None else wanted
        if number in taken:
            raise InputError(ErrorClass.REFUSED, f"relationship {number} is there already")
        return number

    def setting(self) -> Setting:
        """Return the services of new relationships; `InputError` if none are chosen, or while the clock is wrong."""
        self.clocks.demand()
        setting = self.book.setting
        if not setting.receiving or not setting.sending:
            raise InputError(ErrorClass.REFUSED, "no services are chosen yet")
        for document in self._own_documents():
            self.purses.need_account(document)
        return setting

    def _own_documents(self) -> list[Document]:
        """Return what is known of the services in use."""
        chosen = self.book.setting
        found = (self.book.document(number) for number in dict.fromkeys((*chosen.receiving, *chosen.sending)))
        return [document for document in found if document is not None]

    def _senders(self) -> tuple[int, ...]:
        return self.book.setting.sending
