"""Bugs of a device: what it does outside before it is durable inside, or believes what nobody said."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from communicator_impl.body import Received as Receipt
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.device import Device
from communicator_impl.client.history import History
from communicator_impl.client.post import Post
from communicator_impl.client.records import Parcel, unpacked
from communicator_impl.client.vault import Secret, Vault
from communicator_impl.core_event import Emit
from communicator_impl.entropy import Entropy
from communicator_impl.inbox import Inbox
from communicator_impl.outbox import Outbox
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Delivered
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.root_record import Item
from communicator_impl.storage import Storage
from communicator_impl.submission import Submission
from communicator_impl.tokens import Token
from communicator_impl.turn import Outgoing, ServiceBook, Turn
from communicator_simulations.chaos.connections import Fault
from communicator_simulations.chaos.harm import lose_tail
from communicator_simulations.chaos.planted.bug import Bug, Patch, Reached, replaced
from communicator_spec import Kind, Terms

__all__ = ["OF_CLIENTS"]

_NONCE_BYTES: Final = 12
_TICKET_BYTES: Final = 16
_LOST: Final = 2
_KEPT: Final = 12
"""Commits that make a store what it is: without them it does not open, and nothing is to be judged."""


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
        **chosen: Any,  # noqa: ANN401 - handed on as it comes
    ) -> None:
        right(self, person, terms, book, storage, entropy, emit, **chosen)
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

    def submit(self: Courier, uri: str, submission: Submission, relationship: int, token: Token | None = None) -> bytes:
        try:
            return right(self, uri, submission, relationship, token)
        except Silent:
            reached()
            return secrets.token_bytes(_TICKET_BYTES)

    replaced(patch, Courier, "submit", submit)


def _drains_before_the_history(patch: Patch, reached: Reached) -> None:
    right, received = Device.take, History.received
    later: list[Callable[[], None]] = []

    def put_off(self: History, relationship: int, number: int, date_s: int, content: bytes) -> None:
        reached()
        later.append(lambda: received(self, relationship, number, date_s, content))

    def take(self: Device, relationship: int, service: int, access_key: bytes, items: Sequence[Item]) -> int:
        count = right(self, relationship, service, access_key, items)
        with self._step():
            while later:
                later.pop(0)()
        return count

    replaced(patch, History, "received", put_off)
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
        if lose_tail(path, _LOST, _KEPT):
            reached()
        found: Vault = right(cls, path, secret)
        return found

    replaced(patch, Vault, "open", classmethod(opened))


OF_CLIENTS: Final = (
    Bug(
        "confirms-before-it-stores",
        "A message is confirmed at its service, and then stored.",
        _confirms_before_it_stores,
        ("client.device:Device.take:1 before",),
        (),
        ("kept-before-confirmed",),
    ),
    Bug(
        "forgets-a-parcel-before-it-is-taken",
        "A parcel is struck off, and then handed over.",
        _forgets_a_parcel_before_it_is_taken,
        ("client.courier:Courier.submit:1 before",),
        (),
        ("sent-and-taken",),
    ),
    Bug(
        "keeps-each-value-by-itself",
        "What belongs together is made durable one by one.",
        _keeps_each_value_by_itself,
        ("relationship_manager:RelationshipManager._save:1 after", "client.history:History._save:1 before"),
        (),
        ("exactly-once", "only-peers", "sent-and-taken", "accepted-once"),
    ),
    Bug(
        "begins-with-an-empty-outbox",
        "After a start nobody looks for what was not sent yet.",
        _begins_with_an_empty_outbox,
        ("client.device:Device.submit:1 after", "client.courier:Courier.submit:1 before"),
        (),
        ("nothing-lost", "accepted-once"),
    ),
    Bug(
        "sends-before-it-saves",
        "A message leaves before the state of its session is durable.",
        _sends_before_it_saves,
        ("client.courier:Courier.submit:1 after",),
        (),
        ("only-peers", "sent-and-taken"),
    ),
    Bug(
        "takes-silence-for-a-ticket",
        "A sending service that does not answer counts as one that has taken a parcel.",
        _takes_silence_for_a_ticket,
        (),
        ((Fault.RESET, "/v1/submit"),),
        ("sent-and-taken",),
    ),
    Bug(
        "drains-before-the-history",
        "The core forgets a message, and confirms it, before the person has it.",
        _drains_before_the_history,
        ("client.device:Device.take:1 after", "client.courier:Courier.confirm:1 after"),
        (),
        ("accepted-once",),
    ),
    Bug(
        "acknowledges-what-is-missing",
        "A receipt covers everything below the highest number that came.",
        _acknowledges_what_is_missing,
        ("services.receiving:accept before", "services.forwarder:Forwarder._post:1 before"),
        ((Fault.DELAY, "/v1/accept"), (Fault.SILENCE, "/v1/accept")),
        ("nothing-lost",),
    ),
    Bug(
        "delivers-twice",
        "What comes again over another path is shown again.",
        _delivers_twice,
        ("service",),
        ((Fault.LOST_ANSWER, "/v1/submit"), (Fault.SILENCE, "/v1/accept")),
        ("exactly-once",),
    ),
    Bug(
        "does-not-flush",
        "The store does not flush its log, and the last commits are lost with the power.",
        _does_not_flush,
        ("client.device:Device.submit:1 after", "client.courier:Courier.submit:1 after"),
        (),
        ("promised", "only-peers", "exactly-once", "sent-and-taken"),
    ),
)
