"""Targets that are whole cores: a device that meets somebody or hears a restart, a reader of a directory, an issuer.

Each begins from a copy of what was stored, so that what one input changed does not meet the next one.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fuzz import seeds
from tests.fuzz.seeds import ENTROPY, NOW
from tests.fuzz.target import Find, Form, Target
from tests.impl.issuing import issuing_service
from tests.impl.naming import SEED, URI, redemption
from tests.impl.small_town import SETTINGS

from communicator_impl import session as sessions
from communicator_impl.directory import Proof
from communicator_impl.directory_reader import DirectoryReader
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, PeerError
from communicator_impl.keys import Identity, KeyPackage
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.root_record import Item
from communicator_impl.session import Session
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, request

__all__ = ["TARGETS"]

_KEY: Final = b"k" * 32


def _copy(disk: MemoryStorage) -> MemoryStorage:
    made = MemoryStorage()
    made.values.update(disk.values)
    return made


def _quiet(_event: object) -> None:
    """Hear nothing."""


def _manager(person: int, disk: MemoryStorage) -> RelationshipManager:
    people = seeds.town()
    entropy = SeededEntropy(b"manager %d" % person)
    return RelationshipManager(person, people.terms, seeds.Book(people), disk, entropy, _quiet, people.profiles)


class _Meeting(NamedTuple):
    """Two people who meet: what each has on disk before the other's bytes come, and those bytes."""

    invites: MemoryStorage
    package: bytes
    answers: MemoryStorage
    answer: bytes


@cache
def _meeting() -> _Meeting:
    now_ms, disks = seeds.town().now, (MemoryStorage(), MemoryStorage())
    package = _manager(0, disks[0]).invite(now_ms, 7, SETTINGS[0])
    answer = _manager(1, disks[1]).accept(now_ms, 7, SETTINGS[1], package)
    return _Meeting(disks[0], package, disks[1], answer)


def _package(data: bytes) -> None:
    _manager(1, MemoryStorage()).accept(seeds.town().now, 7, SETTINGS[1], data)


def _answer(data: bytes) -> None:
    """Answer an invitation with any body, sealed as it should be, and then with the bytes themselves."""
    now_ms, met = seeds.town().now, _meeting()
    manager = _manager(0, _copy(met.invites))
    package = KeyPackage.decode(met.package, now_ms // 1000)
    begun = sessions.start(seeds.identity("peer"), package, now_ms // 1000, ENTROPY)
    for answer in (_sealed(begun, data), data):
        try:
            manager.complete(now_ms, 7, answer)
        except CommunicatorError:
            continue


def _sealed(session: Session, body: bytes) -> bytes:
    try:
        return sessions.seal(session, body, ENTROPY)[1]
    except CommunicatorError:
        return body  # longer than any body


def _greeting(data: bytes) -> None:
    """Greet somebody who answered, with any body."""
    now_ms, met = seeds.town().now, _meeting()
    held = _manager(0, _copy(met.invites))._of(7)
    assert held.invitation is not None
    assert held.identity is not None
    session, _, _ = sessions.accept(held.identity, [held.invitation], met.answer, now_ms // 1000, ENTROPY)
    manager = _manager(1, _copy(met.answers))
    for greeting in (_sealed(session, data), data):
        try:
            manager.conclude(now_ms, 7, greeting)
        except CommunicatorError:
            continue


def _restarted(data: bytes) -> None:
    """Let a peer that lost its state begin anew, with any body."""
    people = seeds.town()
    lost, kept = people.particle(0), people.people[1]
    assert lost.identity is not None
    own: Identity = lost.identity
    peer = people.particle(1).identity
    assert peer is not None
    begun = sessions.restart(own, peer.public, people.now // 1000, ENTROPY)
    manager = _manager(1, _copy(people.disks[1]))
    if kept.relationships() != manager.relationships():
        raise Find("another device")
    manager.receive(people.now, 1, 2, (Item(0, 1, 0, _sealed(begun, data)),))


def _redeemed(data: bytes) -> None:
    redemption(MemoryStorage(), paid=True).check(NOW, Purpose.CONTACT, data, bytes(32))


@cache
def _issuer() -> MemoryStorage:
    storage = MemoryStorage()
    issuing_service(storage).open_account(_KEY)
    return storage


def _issued(data: bytes) -> None:
    """Ask an issuer for tokens: as many signatures as requests."""
    answer = issuing_service(_copy(_issuer())).issue(NOW, _KEY, data)
    if len(answer) // 256 != len(data) // 259:
        raise Find("not one signature for each request")


def _asked() -> Iterable[bytes]:
    for purpose in (Purpose.SUBMIT, Purpose.QUERY):
        for own in issuing_service(_copy(_issuer()))._keys.values():
            if own.public.purpose is purpose:
                yield request(own.public.key, bytes(32), ENTROPY).request()


def _read(data: bytes) -> None:
    """Let a reader take any answer of its directory, and a contact of a name that it has read."""
    shown = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    reader = DirectoryReader(URI, shown, MemoryStorage())
    reader.read(NOW, "blair", seeds.proof())
    with suppress(PeerError):
        reader.read_contact(NOW, "blair", data)
    proof = Proof.decode(data)
    reader.compare(NOW, proof.head)
    reader.read(NOW, proof.entry.name, proof, proof.path)


TARGETS: Final = (
    Target(
        "meet-package",
        _package,
        ("introduction:Introduction.accept", "relationship_manager:RelationshipManager.accept"),
        lambda: (_meeting().package,),
    ),
    Target(
        "meet-answer",
        _answer,
        ("introduction:Introduction.complete", "relationship_manager:RelationshipManager.complete"),
        lambda: seeds.vectors("body.decode.body"),
    ),
    Target(
        "meet-greeting",
        _greeting,
        ("introduction:Introduction.conclude", "relationship_manager:RelationshipManager.conclude"),
        lambda: seeds.vectors("body.decode.body"),
    ),
    Target(
        "restart-received",
        _restarted,
        ("resynchronisation:Resynchronisation.answer",),
        lambda: seeds.vectors("body.decode.body"),
    ),
    Target("redeemed", _redeemed, ("redemption:Redemption.check",), seeds.tokens, Form.RAW),
    Target("issued", _issued, ("authorization_service:AuthorizationService.issue",), _asked, Form.RAW),
    Target(
        "read",
        _read,
        (
            "directory_reader:DirectoryReader.read",
            "directory_reader:DirectoryReader.compare",
            "directory_reader:DirectoryReader.read_contact",
        ),
        lambda: (seeds.proof().encode(), *seeds.contacts()),
    ),
)
