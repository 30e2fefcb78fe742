"""The receiving service: one answer for everybody, single use, durability, keys that come and go."""

from collections.abc import Callable

import pytest

from communicator_impl import wire
from communicator_impl.addresses import (
    LabelGrant,
    LabelRoot,
    Profile,
    Rdas,
    Root,
    TwoLayerRoot,
    derive_label,
    seal_labelled,
)
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.receiving_service import Acceptance, Answer, KeyLifetimes, ReceivingService
from communicator_impl.root_record import Item, address_index, address_name
from communicator_impl.storage import MemoryStorage
from communicator_spec import ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600_000
DAY = 86_400_000
URI = "https://rs.example"
UNTIL_S = NOW // 1000 + 7 * 86_400
BODY = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
SERIAL = 3
PROFILES = pytest.mark.parametrize("profile", [Profile.LABEL, Profile.TWO_LAYER])


class Died(Exception):
    """The service lost its power."""


class LoggingStorage(MemoryStorage):
    """Notes what happens when, and dies on demand instead of writing."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log
        self.dies = False

    def save(self, key: str, value: bytes) -> None:
        if self.dies:
            raise Died
        self.log.append("save")
        super().save(key, value)


class Desk:
    """One service, one root, one grant with four addresses."""

    def __init__(self, profile: Profile, seed: bytes = b"desk") -> None:
        self.profile = profile
        self.log: list[str] = []
        self.events: list[CoreEvent] = []
        self.storage = LoggingStorage(self.log)
        self.entropy = SeededEntropy(seed)
        self.core = self.restarted()
        self.stock: tuple[Rdas, ...] = ()
        if profile is Profile.LABEL:
            self.label = LabelRoot.generate(self.entropy)
            self.root: Root = self.label.root
            self.core.register_root(self.root, None)
            self.grant = LabelGrant(self.root, SERIAL, self.label.epoch_key(SERIAL), UNTIL_S, 4)
            self.core.issue(self.grant)
        else:
            two = TwoLayerRoot.generate(self.entropy)
            self.root = two.root
            self.core.register_root(self.root, two.registration().verify_key)
            indices = range(address_index(SERIAL, 0), address_index(SERIAL, 4))
            self.stock = two.issue(self.core.config(), indices, UNTIL_S, NOW // 1000, self.entropy)

    def emit(self, event: CoreEvent) -> None:
        self.log.append(event.kind.name)
        self.events.append(event)

    def restarted(self) -> ReceivingService:
        lives = KeyLifetimes(30 * 86_400, 60 * 86_400)
        entropy = self.entropy.fork(f"{len(self.log)}")
        return ReceivingService(5, URI, (self.profile,), NOW, self.storage, entropy, self.emit, lives)

    def request(self, position: int, body: bytes = BODY) -> bytes:
        key = self.core.config().sealing_key(NOW // 1000)
        if self.profile is Profile.LABEL:
            label = derive_label(self.label.epoch_key(SERIAL), 0, position)
            return label_request(label, key, body, self.entropy)
        return two_layer_request(self.stock[position], key, body, self.entropy)


@PROFILES
def test_a_valid_address_stores_the_message_for_its_root(profile: Profile) -> None:
    desk = Desk(profile)
    assert desk.core.accept(NOW, desk.request(2)) == Acceptance(Answer.TAKEN, desk.root)
    assert desk.core.fetch(desk.root) == (Item(0, SERIAL, 2, BODY),)
    stored = CoreEvent(NOW, Kind.STORED, root=desk.root, service=5, serial=SERIAL, position=2)
    assert desk.events == [stored]


def junk(desk: Desk) -> bytes:
    request = bytearray(desk.request(0))
    request[-1] ^= 1
    return bytes(request)


def replayed(desk: Desk) -> bytes:
    desk.core.accept(NOW, desk.request(0))
    return desk.request(0)


def repeated(desk: Desk) -> bytes:
    request = desk.request(0)
    desk.core.accept(NOW, request)
    return request


def revoked(desk: Desk) -> bytes:
    request = desk.request(0)
    desk.core.revoke(desk.root)
    return request


def of_another_service(desk: Desk) -> bytes:
    return Desk(desk.profile, b"another").request(0)


def of_no_size_class_inside(desk: Desk) -> bytes:
    if desk.profile is Profile.TWO_LAYER:
        return junk(desk)
    label = derive_label(desk.label.epoch_key(SERIAL), 0, 0)
    sealed = seal_labelled(label, BODY[:-1], desk.core.config().sealing_key(NOW // 1000), desk.entropy)
    return wire.encode({0: 1, 1: int(Profile.LABEL), 2: sealed})  # the sender's own code refuses to make this


FAULTS = [junk, replayed, repeated, revoked, of_another_service, of_no_size_class_inside]


@PROFILES
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_gets_the_answer_of_success_and_stores_nothing(
    profile: Profile, fault: Callable[[Desk], bytes]
) -> None:
    desk = Desk(profile)
    request = fault(desk)
    before = desk.core.fetch(desk.root)
    acceptance = desk.core.accept(NOW, request)
    assert acceptance.answer is Answer.TAKEN
    assert acceptance.root is None
    assert acceptance.refusal is not None
    assert desk.core.fetch(desk.root) == before
    assert desk.events[-1].kind is Kind.REFUSED
    assert desk.events[-1].root is None
    assert desk.events[-1].value == list(ErrorClass).index(acceptance.refusal)


@PROFILES
def test_an_expired_address_gets_the_answer_of_success_and_stores_nothing(profile: Profile) -> None:
    desk = Desk(profile)
    request = desk.request(0)
    late = UNTIL_S * 1000
    assert desk.core.accept(late, request) == Acceptance(Answer.TAKEN, None, ErrorClass.EXPIRED)
    assert desk.core.accept(late - 1, request) == Acceptance(Answer.TAKEN, desk.root)


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (bytes(4097), Answer.TOO_LARGE),
        (b"", Answer.MALFORMED),
        (b"junk", Answer.MALFORMED),
        (wire.encode({0: 1, 1: 9, 2: b""}), Answer.MALFORMED),
        (wire.encode({0: 1, 1: 1, 2: bytes(186), 3: bytes(17)}), Answer.MALFORMED),
    ],
)
def test_only_size_and_outer_form_are_refused_outwardly(request_bytes: bytes, answer: Answer) -> None:
    desk = Desk(Profile.LABEL)
    acceptance = desk.core.accept(NOW, request_bytes)
    assert (acceptance.answer, acceptance.root) == (answer, None)


@PROFILES
def test_message_and_spent_mark_are_one_write_and_come_before_the_answer(profile: Profile) -> None:
    desk = Desk(profile)
    del desk.log[:]
    desk.core.accept(NOW, desk.request(0))
    assert desk.log == ["save", "STORED"]


@PROFILES
def test_a_crash_before_the_write_leaves_the_address_unspent(profile: Profile) -> None:
    desk = Desk(profile)
    request = desk.request(0)
    desk.storage.dies = True
    with pytest.raises(Died):
        desk.core.accept(NOW, request)
    desk.storage.dies = False
    again = desk.restarted()
    assert again.fetch(desk.root) == ()
    assert again.accept(NOW, request) == Acceptance(Answer.TAKEN, desk.root)


@PROFILES
def test_a_restart_keeps_messages_and_spent_marks(profile: Profile) -> None:
    desk = Desk(profile)
    first, second = desk.request(3), desk.request(1)
    desk.core.accept(NOW, first)
    again = desk.restarted()
    assert again.fetch(desk.root) == (Item(0, SERIAL, 3, BODY),)
    assert again.config() == desk.core.config()
    assert again.accept(NOW, first).root is None
    assert again.accept(NOW, second).root == desk.root


@PROFILES
def test_confirming_deletes_exactly_what_was_fetched(profile: Profile) -> None:
    desk = Desk(profile)
    desk.core.accept(NOW, desk.request(0))
    fetched = frozenset(item.number for item in desk.core.fetch(desk.root))
    desk.core.accept(NOW, desk.request(1))
    desk.core.confirm(NOW, desk.root, fetched)
    desk.core.confirm(NOW, desk.root, fetched)
    assert [item.position for item in desk.core.fetch(desk.root)] == [1]
    confirmed = [event for event in desk.events if event.kind is Kind.CONFIRMED]
    assert [(event.serial, event.position) for event in confirmed] == [(SERIAL, 0)]
    assert desk.restarted().fetch(desk.root) == desk.core.fetch(desk.root)


@PROFILES
def test_revoking_forgets_messages_too_and_for_good(profile: Profile) -> None:
    desk = Desk(profile)
    desk.core.accept(NOW, desk.request(0))
    desk.core.revoke(desk.root)
    desk.core.revoke(desk.root)
    for core in (desk.core, desk.restarted()):
        assert core.fetch(desk.root) == ()
        assert core.accept(NOW, desk.request(1)).refusal is ErrorClass.UNKNOWN


@PROFILES
def test_rotated_keys_overlap_and_old_ones_are_erased(profile: Profile) -> None:
    desk = Desk(profile)
    before = desk.request(0)
    desk.core.rotate_keys(NOW + DAY)
    assert desk.restarted().config() == desk.core.config()
    assert len(desk.core.config().outer) == 2
    assert desk.core.accept(NOW + DAY, before).root == desk.root
    newest = desk.core.config().sealing_key((NOW + DAY) // 1000)
    assert newest.generation == 1
    desk.core.erase(NOW + 30 * DAY)
    assert [g.number for g in desk.core.config().outer] == [1]
    assert desk.restarted().config() == desk.core.config()


def test_an_epoch_is_erased_after_its_date_with_its_key() -> None:
    desk = Desk(Profile.LABEL)
    request = desk.request(0)
    desk.core.erase(UNTIL_S * 1000)
    assert desk.core.accept(UNTIL_S * 1000 - 1, request).refusal is ErrorClass.UNKNOWN
    assert all(value.find(desk.grant.key) < 0 for value in desk.storage.values.values())


@PROFILES
def test_registering_and_issuing_may_be_repeated_but_not_changed(profile: Profile) -> None:
    desk = Desk(profile)
    if profile is Profile.LABEL:
        desk.core.register_root(desk.root, None)
        desk.core.issue(desk.grant)
    with pytest.raises(PeerError) as caught:
        desk.core.register_root(desk.root, bytes(32))
    assert caught.value.error_class is ErrorClass.REFUSED
    assert desk.core.accept(NOW, desk.request(0)).root == desk.root


def test_a_grant_for_an_unknown_root_is_refused() -> None:
    desk = Desk(Profile.LABEL)
    desk.core.revoke(desk.root)
    with pytest.raises(PeerError) as caught:
        desk.core.issue(desk.grant)
    assert caught.value.error_class is ErrorClass.UNKNOWN


def test_a_damaged_record_is_not_guessed_at() -> None:
    desk = Desk(Profile.LABEL)
    key = next(desk.storage.keys("root/"))
    desk.storage.values[key] = desk.storage.values[key][:-1]
    with pytest.raises(OwnError):
        desk.restarted()


def test_serial_and_position_fit_one_address_index() -> None:
    for name in ((0, 0), (SERIAL, 4), (65_535, 65_535)):
        assert address_name(address_index(*name)) == name
