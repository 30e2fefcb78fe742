"""A device: one store, its relationships, and one pass after another over everything that is due.

Theory. The core says what is to be done, and the store remembers what is not done yet; a pass tries each of it once. So
nothing depends on a pass being finished: a device that is killed at any instant begins the next pass with what is in
its store. ::

    pass     ask own services for their documents → carry out requests → hand over parcels → ask after tickets
             → fetch, hand over to the history, confirm → wake what is due → carry out, hand over once more

Rules:

1. A step of the core, what is to be done because of it, and what a person sees of it are one transaction (`_step`).
   Services are asked outside of transactions, and every request to them may be repeated.
2. A message is confirmed at its service after it is in the history, never before (DELIV-27).
3. If a transaction fails, the core is built anew from the store: it must not be ahead of it.
4. Times come from `clock`, in milliseconds since 1970; nothing else reads a clock.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec

from communicator_impl import wire
from communicator_impl.client.book import Book
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.history import History
from communicator_impl.client.log import EventLog
from communicator_impl.client.records import Parcel, Stage, Ticket, number_name, packed, unpacked
from communicator_impl.client.vault import Vault
from communicator_impl.content import Content, encode_content
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import Entropy, SystemEntropy
from communicator_impl.errors import CommunicatorError, InputError, ServiceError
from communicator_impl.particle_fields import NEVER, PENDING, Request, Setting
from communicator_impl.queue_entry import State
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing
from communicator_spec import ErrorClass, Terms
from communicator_spec.terms import standard_terms

__all__ = ["Device", "Turned", "now_ms"]

_COUNTER: Final = "counter"
_REQUEST_BYTES_MAX: Final = 1 << 16
_TEXT: Final = "text/plain"
_REST_MS: Final = 15_000


def now_ms() -> int:
    """Return the time of the machine, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Turned(NamedTuple):
    """What one pass did: how many messages arrived, and when the next one has something to do."""

    arrived: int
    next_ms: int


class Device:
    """The relationship manager of one person, with its store and its connections."""

    def __init__(
        self,
        vault: Vault,
        *,
        courier: Courier | None = None,
        entropy: Entropy | None = None,
        terms: Terms | None = None,
        clock: Callable[[], int] = now_ms,
        log: bool = False,
    ) -> None:
        self.vault = vault
        self.courier = courier or Courier()
        self.clock = clock
        self.book = Book(vault, self.courier)
        self.history = History(vault, self.book)
        self.log = EventLog(vault, self.book) if log else None
        self._entropy = entropy or SystemEntropy()
        self._terms = terms or standard_terms("label/1")
        self._reported: list[CoreEvent] = []
        self._counter = int.from_bytes(vault.load(_COUNTER) or b"")
        self._build()

    def close(self) -> None:
        """Close the store and all connections."""
        self.courier.close()
        self.vault.close()

    def _build(self) -> None:
        report = self._reported.append
        self.core = RelationshipManager(0, self._terms, self.book, self.vault, self._entropy, report)
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

    def invite(self, name: str, relationship: int | None = None) -> tuple[int, bytes]:
        """Make a contact for somebody who is to be called `name`; return the relationship's number and the contact."""
        number, setting = self._new(relationship), self._setting()
        with self._step():
            contact, step = self.core.offer(self.clock(), number, setting)
            self.history.begin(number, name, Stage.INVITED, self.clock() // 1000, contact)
            self._plan(number, step)
        self._carry_out()
        return number, contact

    def approach(self, name: str, contact: bytes, relationship: int | None = None) -> int:
        """Take a contact up: the relationship's number. Messages may be written at once."""
        number, setting = self._new(relationship), self._setting()
        with self._step():
            step = self.core.approach(self.clock(), number, setting, contact)
            self.history.begin(number, name, Stage.ANSWERED, self.clock() // 1000)
            self._plan(number, step)
        return number

    def say(self, relationship: int, text: str) -> int:
        """Write a message; it is accepted, durably, when this returns its number."""
        return self.submit(relationship, Content(_TEXT, text.encode()))

    def submit(self, relationship: int, content: Content) -> int:
        """Write any content."""
        data = encode_content(content)
        with self._step():
            number = self.core.submit(self.clock(), relationship, data)
            self.history.wrote(relationship, number, self.clock() // 1000, data)
        return number

    def read(self, relationship: int) -> None:
        """The person has seen everything that came in one relationship."""
        with self._step():
            self.core.read(self.clock(), relationship, self.history.note_read(relationship))

    def end(self, relationship: int, *, tell: bool) -> None:
        """End a relationship, silently or with a word (12.4)."""
        self.book.probe(self._senders(), self.clock())
        with self._step():
            self._plan(relationship, self.core.refuse(self.clock(), relationship, tell=tell, reach=self.book))
            self.history.ended(relationship)
        self._carry_out()
        self._hand_over()

    # ---------------------------------------------------------------- one pass

    def turn(self) -> Turned:
        """Do everything that is due, once."""
        setting = self.book.setting
        self.book.refresh([*dict.fromkeys((*setting.receiving, *setting.sending))], self.clock())
        self._carry_out()
        self._hand_over()
        self._ask_after()
        arrived = sum(self._fetch(*place) for place in self.places())
        self._wake()
        self._carry_out()
        self._hand_over()
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
        if not items:
            return 0
        with self._step():
            received = self.core.receive(self.clock(), relationship, service, items)
            fresh = self.core.undelivered(relationship)
            for message in fresh:
                self.history.received(relationship, message.number, self.clock() // 1000, message.content)
            self.core.drain(self.clock(), relationship, frozenset(message.number for message in fresh))
            self._plan(relationship, Step(received.requests))
        self.courier.confirm(self.book.uri(service), access_key, received.confirm)
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
            if error.error_class is not ErrorClass.UNKNOWN:  # not registered yet
                raise
        return 0

    def _wake(self) -> None:
        due = [r for r in self.core.relationships() if self.core.deadline_ms(r) <= self.clock()]
        if due:
            self.book.probe(self._senders(), self.clock())
        for relationship in due:
            with self._step():
                self._plan(relationship, self.core.wake(self.clock(), relationship, self.book))

    def _next_ms(self) -> int:
        deadlines = (self.core.deadline_ms(r) for r in self.core.relationships())
        waits = any(True for prefix in ("request/", "outgoing/", "ticket/") for _ in self.vault.keys(prefix))
        return min((*deadlines, self.clock() + _REST_MS if waits else NEVER))

    # ---------------------------------------------------------------- what is not done yet

    def _carry_out(self) -> None:
        """Carry out requests to own services in order; one that does not answer keeps those behind it for itself."""
        silent: set[int] = set()
        for name, value in self.vault.items("request/"):
            (request,) = PENDING.read(wire.decode(value, _REQUEST_BYTES_MAX))
            if request.service in silent or not self.book.may_ask(request.service, self.clock()):
                continue
            try:
                self.courier.carry_out(self.book.uri(request.service), request)
            except Silent:
                self.book.silent(request.service, self.clock())
                silent.add(request.service)
                continue
            self.book.heard(request.service, self.clock())
            self.vault.delete(name)

    def _hand_over(self) -> None:
        """Hand parcels to sending services; what nobody may bring any more is dropped, and escalates as if lost."""
        for name, value in self.vault.items("outgoing/"):
            parcel, now = unpacked(value, Parcel), self.clock()
            if parcel.not_after_ms <= now:
                self.vault.delete(name)
                continue
            if not self.book.may_ask(parcel.via, now):
                continue
            submission = Submission(self.book.uri(parcel.service), parcel.request, parcel.not_after_ms)
            try:
                ticket = self.courier.submit(self.book.uri(parcel.via), submission)
            except Silent:
                self.book.silent(parcel.via, now)
                continue
            self.book.heard(parcel.via, now)
            with self.vault.together():
                self.vault.delete(name)
                self.vault.save(number_name("ticket", self._count()), packed(Ticket.of(parcel, ticket)))

    def _ask_after(self) -> None:
        """Ask what became of submissions; the core learns of a receiving service that nobody reaches (DELIV-6)."""
        for name, value in self.vault.items("ticket/"):
            held, now = unpacked(value, Ticket), self.clock()
            if held.not_after_ms <= now:
                self.vault.delete(name)
                continue
            if not self.book.may_ask(held.via, now):
                continue
            try:
                progress = self.courier.progress(self.book.uri(held.via), held.ticket)
            except Silent:
                self.book.silent(held.via, now)
                continue
            except ServiceError:
                self.vault.delete(name)
                continue
            with self._step():
                self._note_progress(name, held, progress.state, unreachable=progress.unreachable)

    def _note_progress(self, name: str, held: Ticket, state: State, *, unreachable: bool) -> None:
        self.history.travelled(held, "unreachable" if unreachable and state is State.QUEUED else state.value)
        if state is not State.QUEUED:
            self.vault.delete(name)
        elif unreachable and not held.told:
            self.core.unreachable(self.clock(), held.relationship, held.service, held.reference)
            self.vault.save(name, packed(msgspec.structs.replace(held, told=True)))

    # ---------------------------------------------------------------- steps

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Make a step of the core and everything that follows from it one transaction (rule 1)."""
        try:
            with self.vault.together():
                yield
                for event in self._reported:
                    self.history.note(event)
                    if self.log is not None:
                        self.log.write(event, self._count())
        except CommunicatorError as error:
            if not isinstance(error, InputError):
                self._build()  # rule 3
            raise
        except BaseException:
            self._build()
            raise
        finally:
            self._reported.clear()

    def _plan(self, relationship: int, step: Step) -> None:
        for request in step.requests:
            self._plan_request(relationship, request)
        for out in step.transmissions:
            self._plan_parcel(out)

    def _plan_request(self, relationship: int, request: Request) -> None:
        self.vault.save(number_name("request", self._count()), wire.encode(PENDING.write((request,))))
        if self.log is not None:
            self.log.name_root(request, relationship, self._count())

    def _plan_parcel(self, out: Outgoing) -> None:
        parcel = Parcel(out.via, out.service, out.request, out.not_after_ms, out.relationship, out.reference)
        self.vault.save(number_name("outgoing", self._count()), packed(parcel))

    def _count(self) -> int:
        self._counter += 1
        self.vault.save(_COUNTER, self._counter.to_bytes(8))
        return self._counter

    def _new(self, wanted: int | None) -> int:
        taken = self.core.relationships()
        number = max(taken, default=-1) + 1 if wanted is None else wanted
        if number in taken:
            raise InputError(ErrorClass.REFUSED, f"relationship {number} is there already")
        return number

    def _setting(self) -> Setting:
        setting = self.book.setting
        if not setting.receiving or not setting.sending:
            raise InputError(ErrorClass.REFUSED, "no services are chosen yet")
        return setting

    def _senders(self) -> tuple[int, ...]:
        return self.book.setting.sending
