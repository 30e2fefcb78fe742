"""A Particle on disk: every field comes back, in the same order, and one state has one encoding."""

from collections.abc import Sequence

import msgspec
import pytest

from communicator_impl.addresses import KeySchedule, LabelGrant, Profile, ServiceConfig
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import OwnError
from communicator_impl.pairing import pair
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Delivered, IssueGrant, Queued, RegisterRoot, RevokeRoot, Setting
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.storage import MemoryStorage
from communicator_spec.terms import standard_terms

NOW = 1_767_225_600_000
PROFILES = pytest.mark.parametrize("profile", list(Profile))
SETTINGS = (Setting((0, 1), (2, 3)), Setting((2, 1), (0, 3)))


class Book:
    """Four operators that publish one configuration each; all are in reach."""

    receiving: Sequence[bool] = (True,) * 4
    sending: Sequence[bool] = (True,) * 4

    def __init__(self, profile: Profile) -> None:
        entropy = SeededEntropy(b"book")
        uris = [self.uri(k) for k in range(4)]
        self.configs = [KeySchedule.generate(uri, (profile,), NOW // 1000, entropy).config() for uri in uris]

    def number(self, uri: str) -> int:
        return int(uri.removeprefix("https://p").removesuffix(".example"))

    def uri(self, number: int) -> str:
        return f"https://p{number}.example"

    def config(self, number: int) -> ServiceConfig | None:
        return self.configs[number]


def stored(profile: Profile) -> list[bytes]:
    """Every state that two ends of one relationship pass through, from invitation to a message under way."""
    states: list[bytes] = []

    class Recording(MemoryStorage):
        def save(self, key: str, value: bytes) -> None:
            super().save(key, value)
            states.append(value)

    name = "label/1" if profile is Profile.LABEL else "two-layer/1"
    terms, book, entropy = standard_terms(name), Book(profile), SeededEntropy(b"particle")
    events: list[CoreEvent] = []
    one, two = (RelationshipManager(p, terms, book, Recording(), entropy, events.append, (profile,)) for p in (0, 1))
    pair(NOW, (one, two), (0, 1), SETTINGS)
    one.submit(NOW, 0, b"hello")
    one.submit(NOW, 0, b"")
    one.wake(NOW, 0, book)
    one.unreachable(NOW, 0, 2, 0)
    one.move(NOW, 0, 0, Setting((3, 1), (2, 3)), NOW + 5, leave=True)
    one.wake(NOW + 6, 0, book)
    one.refuse(NOW + 7, 0)
    return states


def full(data: bytes) -> Particle:
    """A Particle in which no field has its first value."""
    particle = Particle.from_bytes(data)
    root = next(iter(particle.roots.values())).root
    particle.outbox = {9: Queued(b"x", 5, 6), 3: Queued(b"", 1, 2, 3, 4)}
    particle.beyond, particle.floor, particle.next_number = {7, 5}, 4, 10
    particle.moved, particle.release_due = {3: 1, 0: 2}, {2: 9, 1: 8}
    particle.suspects, particle.spent = {1: 4, 0: 5}, {(1, 2): 3, (0, 1): 9}
    particle.inbox = (Delivered(1, b"a"), Delivered(0, b""))
    grant = LabelGrant(root, 1, SeededEntropy(b"k").draw("k", 32), 3600, 5)  # type: ignore[arg-type]
    particle.pending = (
        RegisterRoot(1, root, None, bytes(32)),
        RegisterRoot(2, root, bytes(32), bytes(32)),
        IssueGrant(1, grant, bytes(32)),
        RevokeRoot(0, root, bytes(32)),
    )
    return particle


@PROFILES
def test_every_stored_state_comes_back_and_has_one_encoding(profile: Profile) -> None:
    states = stored(profile)
    assert len(states) >= 9
    for data in states:
        assert Particle.from_bytes(data).to_bytes() == data


@PROFILES
def test_every_field_comes_back_in_its_order(profile: Profile) -> None:
    particle = full(stored(profile)[-2])
    again = Particle.from_bytes(particle.to_bytes())
    for field in msgspec.structs.fields(Particle):
        ours, theirs = getattr(particle, field.name), getattr(again, field.name)
        assert theirs == ours, field.name
        assert type(theirs) is type(ours), field.name
        if isinstance(ours, dict):
            assert list(theirs) == list(ours), field.name


def test_changing_a_copy_changes_nothing_else() -> None:
    particle = full(stored(Profile.LABEL)[-2])
    before = particle.to_bytes()
    copy = particle.copy()
    for field in msgspec.structs.fields(Particle):
        value = getattr(copy, field.name)
        if isinstance(value, dict | set):
            value.clear()
    copy.version += 1
    assert particle.to_bytes() == before


def test_damaged_bytes_are_not_guessed_at() -> None:
    data = full(stored(Profile.LABEL)[-2]).to_bytes()
    for damaged in (b"", data[:-1], data + b"\0", data[:1] + b"\x09" + data[2:]):
        with pytest.raises(OwnError):
            Particle.from_bytes(damaged)


def test_an_invitation_waits_without_a_deadline() -> None:
    particle = Particle.from_bytes(stored(Profile.LABEL)[0])
    assert particle.session is None
    assert particle.deadline_ms() > 1 << 60
