"""Bugs of a device: what it does outside before it is durable inside, or believes what nobody said."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from communicator_impl.body import Received as Receipt
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.device import Device
from communicator_impl.client.post import Post
from communicator_impl.client.records import Parcel, unpacked
from communicator_impl.client.vault import Secret, Vault
from communicator_impl.core_event import Emit
from communicator_impl.entropy import Entropy
from communicator_impl.inbox import Inbox
from communicator_impl.outbox import Outbox
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Delivered
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_impl.storage import Storage
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing, ServiceBook, Turn
from communicator_simulations.chaos.harm import lose_tail
from communicator_simulations.chaos.planted.bug import Bug, Exposure, Patch, Place, Reached, replaced
from communicator_spec import Kind, Terms

__all__ = ["OF_CLIENTS"]

_NONCE_BYTES: Final = 12
_TICKET_BYTES: Final = 16
_LOST: Final = 2


def _confirms_before_it_stores(patch: Patch, reached: Reached) -> None:
    right = Device.take

    def take(self: Device, relationship: int, service: int, access_key: bytes, items: Sequence[Item]) -> int:
        if items:
            reached()
            self.courier.confirm(self.book.uri(service), access_key, frozenset(item.number for item in items))
        return right(self, relationship, service, access_key, items)

    replaced(patch, Device, "take", take)


def _forgets_a_parcel_before_it_is_taken(patch: Patch, reached: Reached) -> None:
    right = Post._hand_over

    def hand_over(self: Post, name: str, parcel: Parcel) -> None:
        reached()
        self._vault.delete(name)
        right(self, name, parcel)

    replaced(patch, Post, "_hand_over", hand_over)


def _keeps_each_value_by_itself(patch: Patch, reached: Reached) -> None:
    @contextmanager
    def together(_: Vault) -> Iterator[None]:
        yield

    def save(self: Vault, key: str, value: bytes) -> None:
        reached()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, value, key.encode())
        self._connection.execute("BEGIN")
        self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, sealed))
        self._commit()

    replaced(patch, Vault, "together", together)
    replaced(patch, Vault, "save", save)


def _begins_with_an_empty_outbox(patch: Patch, reached: Reached) -> None:
    right = RelationshipManager.__init__

    def build(
        self: RelationshipManager,
        person: int,
        terms: Terms,
        book: ServiceBook,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
    ) -> None:
        right(self, person, terms, book, storage, entropy, emit)
        for particle in self._particles.values():
            if particle.outbox:
                reached()
                particle.outbox.clear()

    replaced(patch, RelationshipManager, "__init__", build)


def _sends_before_it_saves(patch: Patch, reached: Reached) -> None:
    right = Post.plan_parcel

    def plan(self: Post, out: Outgoing) -> None:
        right(self, out)
        name, value = self._vault.items("outgoing/")[-1]
        reached()
        self._hand_over(name, unpacked(value, Parcel))

    replaced(patch, Post, "plan_parcel", plan)


def _takes_silence_for_a_ticket(patch: Patch, reached: Reached) -> None:
    right = Courier.submit

    def submit(self: Courier, uri: str, submission: Submission, relationship: int) -> bytes:
        try:
            return right(self, uri, submission, relationship)
        except Silent:
            reached()
            return secrets.token_bytes(_TICKET_BYTES)

    replaced(patch, Courier, "submit", submit)


def _drains_before_the_history(patch: Patch, reached: Reached) -> None:
    def take(self: Device, relationship: int, service: int, access_key: bytes, items: Sequence[Item]) -> int:
        if not items:
            return 0
        with self._step():
            received = self.core.receive(self.clock(), relationship, service, items)
            fresh = self.core.undelivered(relationship)
            self.core.drain(self.clock(), relationship, frozenset(message.number for message in fresh))
            self._plan(relationship, Step(received.requests))
        if fresh:
            reached()
        with self._step():
            for message in fresh:
                self.history.received(relationship, message.number, self.clock() // 1000, message.content)
        self.courier.confirm(self.book.uri(service), access_key, received.confirm)
        return len(fresh)

    replaced(patch, Device, "take", take)


def _acknowledges_what_is_missing(patch: Patch, reached: Reached) -> None:
    right = Outbox._receipt

    def receipt(self: Outbox, p: Particle) -> Receipt:
        if not p.beyond:
            return right(self, p)
        reached()
        return Receipt(max(p.beyond) + 1, ())

    replaced(patch, Outbox, "_receipt", receipt)


def _delivers_twice(patch: Patch, reached: Reached) -> None:
    right = Inbox._deliver

    def deliver(self: Inbox, turn: Turn, service: int, number: int, content: bytes) -> None:
        p = turn.particle
        if not self._is_duplicate(p, number):
            right(self, turn, service, number, content)
            return
        reached()
        p.inbox = (*p.inbox, Delivered(number, content))
        turn.report(Kind.DELIVERED, message=number, service=service)

    replaced(patch, Inbox, "_deliver", deliver)


def _does_not_flush(patch: Patch, reached: Reached) -> None:
    right = Vault.open.__func__  # type: ignore[attr-defined]

    def opened(cls: type[Vault], path: Path, secret: Secret) -> Vault:
        if lose_tail(path, _LOST):
            reached()
        found: Vault = right(cls, path, secret)
        return found

    replaced(patch, Vault, "open", classmethod(opened))


OF_CLIENTS: Final = (
    Bug(
        "confirms-before-it-stores",
        Place.CLIENT,
        "A message is confirmed at its service, and then stored.",
        _confirms_before_it_stores,
        Exposure.ALWAYS,
        ("client.device:take",),
        ("accounts",),
    ),
    Bug(
        "forgets-a-parcel-before-it-is-taken",
        Place.CLIENT,
        "A parcel is struck off, and then handed over.",
        _forgets_a_parcel_before_it_is_taken,
        Exposure.KILL_CLIENT,
        ("client.post:_hand_over",),
        ("accounts",),
    ),
    Bug(
        "keeps-each-value-by-itself",
        Place.CLIENT,
        "What belongs together is made durable one by one.",
        _keeps_each_value_by_itself,
        Exposure.KILL_CLIENT,
        ("client.vault:save", "client.device:_step"),
        ("exactly-once", "accounts", "records"),
    ),
    Bug(
        "begins-with-an-empty-outbox",
        Place.CLIENT,
        "After a start nobody looks for what was not sent yet.",
        _begins_with_an_empty_outbox,
        Exposure.KILL_CLIENT,
        ("client.device:submit",),
        ("nothing-lost", "records"),
    ),
    Bug(
        "sends-before-it-saves",
        Place.CLIENT,
        "A message leaves before the state of its session is durable.",
        _sends_before_it_saves,
        Exposure.KILL_CLIENT,
        ("client.post:_hand_over",),
        ("only-peers", "accounts"),
    ),
    Bug(
        "takes-silence-for-a-ticket",
        Place.CLIENT,
        "A sending service that does not answer counts as one that has taken a parcel.",
        _takes_silence_for_a_ticket,
        Exposure.CONNECTION,
        ("reset /v1/submit", "cut-request /v1/submit"),
        ("accounts",),
    ),
    Bug(
        "drains-before-the-history",
        Place.CLIENT,
        "The core forgets a message before the person has it.",
        _drains_before_the_history,
        Exposure.KILL_CLIENT,
        ("client.device:take",),
        ("records",),
    ),
    Bug(
        "acknowledges-what-is-missing",
        Place.CLIENT,
        "A receipt covers everything below the highest number that came.",
        _acknowledges_what_is_missing,
        Exposure.CONNECTION,
        ("delay /v1/accept", "silence /v1/accept", "reset /v1/accept"),
        ("nothing-lost",),
    ),
    Bug(
        "delivers-twice",
        Place.CLIENT,
        "What comes again over another path is shown again.",
        _delivers_twice,
        Exposure.KILL_SERVICE,
        ("services.forwarder:_post",),
        ("exactly-once",),
    ),
    Bug(
        "does-not-flush",
        Place.CLIENT,
        "The store does not flush its log, and the last commits are lost with the power.",
        _does_not_flush,
        Exposure.KILL_CLIENT,
        ("client.vault:_commit",),
        ("only-peers", "exactly-once", "accounts", "records"),
    ),
)
