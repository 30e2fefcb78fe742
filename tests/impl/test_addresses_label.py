"""Profile label/1: labels, windows, epochs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from communicator_impl.addresses import (
    KeySchedule,
    Label,
    LabelGrant,
    LabelRoot,
    LabelTable,
    Position,
    Profile,
    derive_label,
    seal_labelled,
)
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600
UNTIL = NOW + 86_400
URI = "https://rs.example"
TEXT = b"ciphertext"
WINDOW = PARAMETERS.address.label_window
CAPACITY = PARAMETERS.address.grant_capacity_max
ENTROPY = SeededEntropy(b"label")
SCHEDULE = KeySchedule.generate(URI, (Profile.LABEL,), NOW, ENTROPY)


class World:
    """One service, one root, one epoch."""

    def __init__(self, window: int = WINDOW, capacity: int = CAPACITY, lanes: int = 1) -> None:
        self.root = LabelRoot.generate(ENTROPY)
        self.key = self.root.epoch_key(3)
        self.grant = LabelGrant(self.root.root, 3, self.key, UNTIL, capacity, lanes)
        self.table = LabelTable(window)
        self.table.register(self.grant)

    def seal(self, index: int, lane: int = 0) -> bytes:
        label = derive_label(self.key, lane, index)
        return seal_labelled(label, TEXT, SCHEDULE.config().sealing_key(NOW), ENTROPY)

    def accept(self, index: int, lane: int = 0) -> Position:
        found = self.table.resolve(self.seal(index, lane), SCHEDULE, NOW)
        assert (found.root, found.lane, found.index) == (self.root.root, lane, index)
        assert found.ciphertext == TEXT
        return self.table.spend(found)

    def refused(self, sealed: bytes, now: int = NOW) -> ErrorClass:
        with pytest.raises(PeerError) as caught:
            self.table.resolve(sealed, SCHEDULE, now)
        return caught.value.error_class


@pytest.fixture
def world() -> World:
    return World()


def test_an_envelope_is_65_bytes_longer_than_its_ciphertext(world: World) -> None:
    assert len(world.seal(0)) == len(TEXT) + 1 + 48 + 16


def test_a_label_passes_once(world: World) -> None:
    world.accept(0)
    assert world.refused(world.seal(0)) is ErrorClass.UNKNOWN


def test_resolving_spends_nothing_and_a_second_spend_is_refused(world: World) -> None:
    sealed = world.seal(0)
    found = world.table.resolve(sealed, SCHEDULE, NOW)
    assert world.table.resolve(sealed, SCHEDULE, NOW) == found
    world.table.spend(found)
    with pytest.raises(PeerError):
        world.table.spend(found)


def test_messages_may_overtake_by_the_window_and_no_more(world: World) -> None:
    assert world.refused(world.seal(WINDOW)) is ErrorClass.UNKNOWN
    world.accept(WINDOW - 1)
    world.accept(0)
    world.accept(2 * WINDOW - 1)
    assert world.refused(world.seal(WINDOW - 2)) is ErrorClass.UNKNOWN
    world.accept(WINDOW)


def test_capacity_cuts_the_window() -> None:
    world = World(capacity=4)
    world.accept(3)
    assert world.refused(world.seal(4)) is ErrorClass.UNKNOWN


def test_lanes_have_windows_of_their_own() -> None:
    world = World(window=4, lanes=2)
    world.accept(3, lane=0)
    assert world.refused(world.seal(4, lane=1)) is ErrorClass.UNKNOWN
    world.accept(3, lane=1)
    assert world.refused(world.seal(0, lane=2)) is ErrorClass.UNKNOWN


def test_the_date_itself_is_already_too_late(world: World) -> None:
    sealed = world.seal(0)
    world.table.resolve(sealed, SCHEDULE, UNTIL - 1)
    assert world.refused(sealed, UNTIL) is ErrorClass.EXPIRED
    world.table.erase(UNTIL)
    assert world.refused(sealed, UNTIL) is ErrorClass.UNKNOWN


def test_revoking_an_epoch_or_a_root_deletes_its_window(world: World) -> None:
    later = LabelGrant(world.root.root, 4, world.root.epoch_key(4), UNTIL, 10)
    world.table.register(later)
    world.table.revoke(world.root.root, 4)
    world.accept(0)
    world.table.revoke(world.root.root)
    assert world.refused(world.seal(1)) is ErrorClass.UNKNOWN
    assert not world.table._labels


def test_an_envelope_for_another_service_or_with_a_flipped_bit_is_forged(world: World) -> None:
    sealed = world.seal(0)
    assert world.refused(sealed[:-1] + bytes([sealed[-1] ^ 1])) is ErrorClass.FORGED
    elsewhere = KeySchedule("https://other.example", (Profile.LABEL,), SCHEDULE.outer)
    with pytest.raises(PeerError) as caught:
        world.table.resolve(sealed, elsewhere, NOW)
    assert caught.value.error_class is ErrorClass.FORGED


def test_an_unknown_generation_is_unknown_and_a_stump_is_malformed(world: World) -> None:
    sealed = world.seal(0)
    assert world.refused(bytes([9]) + sealed[1:]) is ErrorClass.UNKNOWN
    assert world.refused(sealed[:65]) is ErrorClass.MALFORMED


def test_labels_of_a_granted_epoch_tell_nothing_about_the_next() -> None:
    root = LabelRoot.generate(ENTROPY)
    labels = {derive_label(root.epoch_key(e), lane, i) for e in range(4) for lane in (0, 1) for i in range(50)}
    assert len(labels) == 400
    assert all(len(label) == 16 for label in labels)


def test_an_epoch_registers_once_and_within_limits(world: World) -> None:
    world.accept(0)
    labels = dict(world.table._labels)
    world.table.register(world.grant)  # RECV-6: again, with the same values
    assert world.table._labels == labels
    with pytest.raises(PeerError) as caught:
        world.table.register(msgspec.structs.replace(world.grant, capacity=world.grant.capacity - 1))
    assert caught.value.error_class is ErrorClass.REFUSED
    for capacity, lanes in ((0, 1), (CAPACITY + 1, 1), (1, 0)):
        with pytest.raises(PeerError):
            world.table.register(LabelGrant(world.root.root, 9, world.key, UNTIL, capacity, lanes))
    with pytest.raises(PeerError):
        world.table.register(LabelGrant(world.root.root, 9, world.key, UNTIL + 1, 1))


def test_a_grant_is_for_whole_hours_and_a_bounded_lifetime(world: World) -> None:
    assert world.root.grant(3, UNTIL, CAPACITY, NOW) == world.grant
    too_long = NOW + PARAMETERS.address.lifetime_long_term_s_max + 3600
    for until in (UNTIL + 1, too_long):
        with pytest.raises(InputError):
            world.root.grant(3, until, CAPACITY, NOW)


@given(st.lists(st.integers(0, 40), max_size=40))
def test_a_restored_table_holds_the_labels_of_the_old_one(indices: list[int]) -> None:
    world, position = World(window=8), Position(0, 0, 0)
    for index in indices:
        if derive_label(world.key, 0, index) in world.table._labels:
            position = world.accept(index)
    restored = LabelTable(8)
    restored.register(world.grant, [position])
    assert restored._labels.keys() == world.table._labels.keys()


class WindowMachine(RuleBasedStateMachine):
    """The table against the definition of the window."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(window=8, capacity=60)
        self.spent: set[int] = set()

    def expected(self) -> set[Label]:
        top = max(self.spent, default=-1) + 1
        indices = range(max(0, top - 8), min(top + 8, 60))
        return {derive_label(self.world.key, 0, i) for i in indices if i not in self.spent}

    @rule(index=st.integers(0, 63))
    def message_arrives(self, index: int) -> None:
        if derive_label(self.world.key, 0, index) in self.expected():
            self.world.accept(index)
            self.spent.add(index)
        else:
            assert self.world.refused(self.world.seal(index)) is ErrorClass.UNKNOWN

    @invariant()
    def the_table_holds_the_unspent_labels_of_the_window(self) -> None:
        assert self.world.table._labels.keys() == self.expected()


TestWindow = WindowMachine.TestCase
