"""Owners of roots: what an access key opens, what is never told without it, limits, latency, and who is forgotten."""

from collections.abc import Callable, Sequence

import pytest

from communicator_impl.addresses import LabelRoot, Profile, Root, TwoLayerRoot, derive_label
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import Delivery, label_request, two_layer_request
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.latency import Latency
from communicator_impl.receiving_service import Acceptance, Answer, ReceivingService
from communicator_impl.root_owners import EpochRegistration, RootOwners, RootRegistration, Told
from communicator_impl.root_record import Item, address_index, delivery_of, item_of
from communicator_impl.storage import MemoryStorage
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600_000
DAY = 86_400_000
MINUTE = 60_000
UNTIL_S = NOW // 1000 + 7 * 86_400
BODY = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
V = PARAMETERS.service
EPOCH = 3
STRANGER = b"\7" * 32
BATCH = V.batched_notice_s * 1000


class Counting(MemoryStorage):
    """Counts writes, and refuses the next one when told to."""

    writes = 0
    is_full = False

    def save(self, key: str, value: bytes) -> None:
        if self.is_full:
            raise OSError("no space")
        self.writes += 1
        super().save(key, value)


class Desk:
    """A receiving service of both profiles, and one owner of label/1 with a grant of 65,536 addresses."""

    def __init__(self) -> None:
        self.storage = Counting()
        self.entropy = SeededEntropy(b"owners")
        self.mine = LabelRoot.generate(self.entropy)
        self.root: Root = self.mine.root
        self.key = self.mine.access_key()
        self.restart()
        self.owners.register(NOW, self.registration())
        self.owners.issue(NOW, self.key, self.epoch(EPOCH))

    def restart(self) -> None:
        entropy = self.entropy.fork("life")
        self.core = ReceivingService(
            1, "https://rs.example", tuple(Profile), NOW, self.storage, entropy, lambda _: None
        )
        self.owners = RootOwners(self.core, self.storage)

    def registration(self) -> RootRegistration:
        return RootRegistration(self.root, Profile.LABEL, self.key)

    def epoch(self, number: int) -> EpochRegistration:
        return EpochRegistration(number, self.mine.epoch_key(number), UNTIL_S, 65_536)

    def request(self, position: int, epoch: int = EPOCH) -> bytes:
        key = self.core.config().sealing_key(NOW // 1000)
        return label_request(derive_label(self.mine.epoch_key(epoch), 0, position), key, BODY, self.entropy)

    def stored(self, *positions: int, epoch: int = EPOCH) -> None:
        for position in positions:
            assert self.core.accept(NOW, self.request(position, epoch)).root == self.root


def refusal(call: Callable[[], object]) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        call()
    return caught.value.error_class


# -------------------------------------------------------------------- who is an owner


def test_an_owner_fetches_and_confirms_by_the_access_key() -> None:
    desk = Desk()
    desk.stored(0, 1)
    assert desk.owners.messages(NOW, desk.key) == (Delivery(0, BODY, 0, EPOCH), Delivery(1, BODY, 1, EPOCH))
    desk.owners.confirm(NOW, desk.key, [0, 77])
    desk.owners.confirm(NOW, desk.key, [0])  # SVC-7
    desk.restart()
    assert [d.number for d in desk.owners.messages(NOW, desk.key)] == [1]


def test_in_two_layer_a_delivery_names_the_index() -> None:
    desk = Desk()
    two = TwoLayerRoot.generate(desk.entropy)
    key, verify_key = two.access_key(), two.registration().verify_key
    desk.owners.register(NOW, RootRegistration(two.root, Profile.TWO_LAYER, key, verify_key))
    index = address_index(2, 5)
    (address,) = two.issue(desk.core.config(), range(index, index + 1), UNTIL_S, NOW // 1000, desk.entropy)
    sealing_key = desk.core.config().sealing_key(NOW // 1000)
    desk.core.accept(NOW, two_layer_request(address, sealing_key, BODY, desk.entropy))
    assert desk.owners.messages(NOW, key) == (Delivery(0, BODY, index),)


@pytest.mark.parametrize("profile", Profile)
def test_a_device_gets_what_the_service_stored(profile: Profile) -> None:  # ENV-21
    item = Item(7, 3, 260, BODY)
    assert item_of(Delivery.decode(delivery_of(item, profile).encode())) == item


OWNERS_ONLY: list[Callable[[Desk, bytes], object]] = [
    lambda desk, key: desk.owners.messages(NOW, key),
    lambda desk, key: desk.owners.tell(NOW, key),
    lambda desk, key: desk.owners.confirm(NOW, key, [0]),
    lambda desk, key: desk.owners.issue(NOW, key, desk.epoch(EPOCH)),
    lambda desk, key: desk.owners.set_latency(NOW, key, Latency.PULL),
    lambda desk, key: desk.owners.set_latency(NOW, key, Latency.PULL, EPOCH),
]


@pytest.mark.parametrize("call", OWNERS_ONLY)
@pytest.mark.parametrize("key", [STRANGER, b"", b"\7" * 31])
def test_without_the_key_the_answer_does_not_depend_on_what_exists(
    call: Callable[[Desk, bytes], object], key: bytes
) -> None:  # SVC-12, SVC-20
    desk, empty = Desk(), Desk()
    desk.stored(0)
    empty.owners.revoke(NOW, empty.key)
    before = dict(desk.storage.values)
    assert refusal(lambda: call(desk, key)) is refusal(lambda: call(empty, key)) is ErrorClass.FORGED
    assert refusal(lambda: call(desk, desk.root)) is ErrorClass.FORGED  # a root's name opens nothing
    assert desk.storage.values == before
    call(desk, desk.key)


def test_a_wish_to_forget_succeeds_for_any_key_and_changes_nothing() -> None:  # SVC-12, RECV-8
    desk = Desk()
    desk.stored(0)
    before = dict(desk.storage.values)
    desk.owners.revoke(NOW, STRANGER)
    desk.owners.revoke(NOW, STRANGER, EPOCH)
    assert desk.storage.values == before
    desk.owners.revoke(NOW, desk.key, EPOCH + 1)
    desk.owners.revoke(NOW, desk.key)
    desk.owners.revoke(NOW, desk.key)
    assert refusal(lambda: desk.owners.messages(NOW, desk.key)) is ErrorClass.FORGED
    assert list(desk.storage.keys("root/")) == list(desk.storage.keys("owner/")) == []


def test_no_access_key_is_on_the_disk() -> None:
    desk = Desk()
    assert not any(desk.key in value or desk.key.hex() in name for name, value in desk.storage.values.items())


def test_each_root_has_a_key_of_its_own_that_is_not_its_secret() -> None:  # SVC-11
    entropy = SeededEntropy(b"keys")
    labels = [LabelRoot.generate(entropy) for _ in range(8)]
    signers = [TwoLayerRoot.generate(entropy) for _ in range(8)]
    keys = {root.access_key() for root in labels} | {root.access_key() for root in signers}
    assert len(keys) == 16
    assert all(len(key) == V.access_key_bytes for key in keys)
    assert not keys & {root.secret for root in labels}
    assert not keys & {root.signing_seed for root in signers}


# -------------------------------------------------------------------- registering


def test_registering_again_with_the_same_values_changes_nothing() -> None:  # RECV-6, SVC-7
    desk = Desk()
    desk.stored(0)
    before = dict(desk.storage.values)
    desk.owners.register(NOW, desk.registration())
    desk.owners.issue(NOW, desk.key, desk.epoch(EPOCH))
    assert desk.storage.values == before


def test_registering_again_with_other_values_is_refused() -> None:  # RECV-6
    desk = Desk()
    before = dict(desk.storage.values)
    good, epoch = desk.registration(), desk.epoch(EPOCH)
    others = [
        good._replace(access_key=STRANGER),
        good._replace(root=bytes(16)),
        good._replace(profile=Profile.TWO_LAYER, verify_key=bytes(32)),
    ]
    for other in others:
        assert refusal(lambda other=other: desk.owners.register(NOW, other)) is ErrorClass.REFUSED  # type: ignore[misc]
    assert refusal(lambda: desk.owners.issue(NOW, desk.key, epoch._replace(capacity=9))) is ErrorClass.REFUSED
    assert refusal(lambda: desk.owners.issue(NOW, desk.key, epoch._replace(lanes=2))) is ErrorClass.REFUSED
    assert desk.storage.values == before


@pytest.mark.parametrize(
    "changes",
    [
        {"access_key": bytes(31)},
        {"root": bytes(15)},
        {"profile": 3},
        {"profile": Profile.TWO_LAYER},
        {"verify_key": bytes(32)},
        {"profile": Profile.TWO_LAYER, "verify_key": bytes(31)},
    ],
)
def test_a_registration_of_another_form_is_malformed(changes: dict[str, object]) -> None:
    desk = Desk()
    desk.owners.revoke(NOW, desk.key)
    before = dict(desk.storage.values)
    wrong = RootRegistration(**{**desk.registration()._asdict(), **changes})
    assert refusal(lambda: desk.owners.register(NOW, wrong)) is ErrorClass.MALFORMED
    assert desk.storage.values == before
    desk.owners.register(NOW, desk.registration())


def test_a_profile_that_is_not_offered_is_refused() -> None:
    storage = MemoryStorage()
    core = ReceivingService(1, "https://rs.example", (Profile.LABEL,), NOW, storage, SeededEntropy(b""), lambda _: None)
    wanted = RootRegistration(bytes(16), Profile.TWO_LAYER, STRANGER, bytes(32))
    assert refusal(lambda: RootOwners(core, storage).register(NOW, wanted)) is ErrorClass.REFUSED


def test_epochs_are_of_label_1() -> None:
    desk = Desk()
    two = TwoLayerRoot.generate(desk.entropy)
    wanted = RootRegistration(two.root, Profile.TWO_LAYER, STRANGER, two.registration().verify_key)
    desk.owners.register(NOW, wanted)
    assert refusal(lambda: desk.owners.issue(NOW, STRANGER, desk.epoch(1))) is ErrorClass.MALFORMED
    assert refusal(lambda: desk.owners.set_latency(NOW, STRANGER, Latency.PULL, 1)) is ErrorClass.MALFORMED


def test_a_root_holds_64_epochs_and_then_no_more() -> None:  # RECV-7
    desk = Desk()
    narrow = [desk.epoch(number)._replace(capacity=1) for number in range(100, 100 + V.root_epochs_max)]
    for epoch in narrow[:-1]:
        desk.owners.issue(NOW, desk.key, epoch)
    assert refusal(lambda: desk.owners.issue(NOW, desk.key, narrow[-1])) is ErrorClass.LIMIT
    desk.owners.issue(NOW, desk.key, narrow[0])  # again, with the same values
    desk.owners.revoke(NOW, desk.key, 101)
    desk.owners.issue(NOW, desk.key, narrow[-1])
    desk.restart()
    assert len(desk.core.epochs(desk.root)) == V.root_epochs_max


def test_revoking_an_epoch_ends_its_labels_and_keeps_what_came() -> None:  # ADDR-24
    desk = Desk()
    desk.owners.issue(NOW, desk.key, desk.epoch(9))
    desk.stored(0)
    desk.owners.revoke(NOW, desk.key, EPOCH)
    for _ in range(2):
        assert desk.core.accept(NOW, desk.request(1)).refusal is ErrorClass.UNKNOWN
        desk.restart()
    desk.stored(0, epoch=9)
    assert [(d.epoch, d.index) for d in desk.owners.messages(NOW, desk.key)] == [(EPOCH, 0), (9, 0)]
    erased: bytes = desk.mine.epoch_key(EPOCH)
    assert not any(erased in value for value in desk.storage.values.values())


# -------------------------------------------------------------------- limits of a store


def test_a_full_root_stores_nothing_more_and_spends_no_address(monkeypatch: pytest.MonkeyPatch) -> None:  # RECV-4
    assert V.root_messages_max == 1024
    monkeypatch.setattr("communicator_impl.receiving_service._MESSAGES_MAX", 3)
    desk = Desk()
    desk.stored(0, 1, 2)
    late = desk.request(3)
    assert desk.core.accept(NOW, late) == Acceptance(Answer.TAKEN, None, ErrorClass.LIMIT)
    assert len(desk.owners.messages(NOW, desk.key)) == 3
    desk.owners.confirm(NOW, desk.key, [1])
    assert desk.core.accept(NOW, late) == Acceptance(Answer.TAKEN, desk.root)


def test_a_fetch_returns_the_64_oldest() -> None:
    desk = Desk()
    desk.stored(*range(V.fetch_messages_max + 2))
    assert [d.number for d in desk.owners.messages(NOW, desk.key)] == list(range(V.fetch_messages_max))
    told = desk.owners.tell(NOW, desk.key)
    assert len(told.deliveries) == V.fetch_messages_max
    assert told.next_ms == NOW
    desk.owners.confirm(NOW, desk.key, range(V.fetch_messages_max))
    assert [d.number for d in desk.owners.messages(NOW, desk.key)] == [64, 65]


def test_between_1_and_256_numbers_are_confirmed_at_once() -> None:
    desk = Desk()
    desk.owners.confirm(NOW, desk.key, range(V.confirm_numbers_max))
    outside: list[Sequence[int]] = [[], range(V.confirm_numbers_max + 1)]
    for wrong in outside:
        assert refusal(lambda w=wrong: desk.owners.confirm(NOW, desk.key, w)) is ErrorClass.MALFORMED  # type: ignore[misc]


# -------------------------------------------------------------------- latency


def numbers(told: Told) -> list[int]:
    return [delivery.number for delivery in told.deliveries]


def test_an_immediate_message_is_told_at_once_and_until_it_is_confirmed() -> None:  # RECV-13
    desk = Desk()
    assert desk.owners.tell(NOW, desk.key) == Told((), None)
    desk.stored(0)
    assert desk.owners.notice_ms(desk.root) == 0
    for _ in range(2):
        assert numbers(desk.owners.tell(NOW, desk.key)) == [0]
    assert numbers(desk.owners.tell(NOW, desk.key, after=0)) == []
    assert desk.owners.notice_ms(Root(bytes(16))) is None


def test_batched_messages_are_told_together_at_most_once_in_15_minutes() -> None:  # RECV-13
    desk = Desk()
    desk.owners.set_latency(NOW, desk.key, Latency.BATCHED)
    desk.stored(0)
    assert numbers(desk.owners.tell(NOW, desk.key)) == [0]
    desk.stored(1, 2)
    for _ in range(2):
        early = desk.owners.tell(NOW + BATCH - 1, desk.key, after=0)
        assert early == Told((), NOW + BATCH)
        desk.restart()
    assert numbers(desk.owners.tell(NOW + BATCH, desk.key, after=0)) == [1, 2]
    desk.stored(3)
    assert desk.owners.tell(NOW + BATCH, desk.key, after=2) == Told((), NOW + 2 * BATCH)
    assert numbers(desk.owners.tell(NOW + BATCH, desk.key)) == [0, 1, 2]
    desk.owners.confirm(NOW, desk.key, [0, 1, 2])
    assert desk.owners.notice_ms(desk.root) == NOW + 2 * BATCH


def test_whoever_asks_gets_everything() -> None:  # RECV-13: except in answer to a fetch without waiting
    desk = Desk()
    desk.owners.set_latency(NOW, desk.key, Latency.PULL)
    desk.stored(0, 1)
    assert desk.owners.tell(NOW, desk.key) == Told((), None)
    assert desk.owners.notice_ms(desk.root) is None
    assert [d.number for d in desk.owners.messages(NOW, desk.key)] == [0, 1]


def test_an_epoch_may_have_a_class_of_its_own() -> None:
    desk = Desk()
    desk.owners.issue(NOW, desk.key, desk.epoch(9))
    desk.owners.set_latency(NOW, desk.key, Latency.PULL)
    desk.owners.set_latency(NOW, desk.key, Latency.IMMEDIATE, 9)
    desk.owners.set_latency(NOW, desk.key, Latency.IMMEDIATE, 77)  # not registered: nothing to choose for
    desk.restart()
    desk.stored(0)
    desk.stored(0, epoch=9)
    assert numbers(desk.owners.tell(NOW, desk.key)) == [1]
    desk.owners.revoke(NOW, desk.key, 9)
    assert numbers(desk.owners.tell(NOW, desk.key)) == []


# -------------------------------------------------------------------- who is forgotten, and what a crash leaves


def test_an_owner_who_does_not_come_for_427_days_is_forgotten() -> None:  # RECV-9
    desk = Desk()
    idle = V.root_idle_s * 1000
    desk.stored(0)
    desk.owners.messages(NOW + 5 * DAY, desk.key)
    desk.restart()
    desk.owners.erase(NOW + 5 * DAY + idle)
    assert [d.number for d in desk.core.fetch(desk.root)] == [0]
    desk.owners.erase(NOW + 6 * DAY + idle)
    assert list(desk.storage.keys("root/")) == list(desk.storage.keys("owner/")) == []
    assert refusal(lambda: desk.owners.messages(NOW + 6 * DAY + idle, desk.key)) is ErrorClass.FORGED


def test_coming_twice_on_a_day_is_written_once() -> None:
    desk = Desk()
    desk.owners.messages(NOW + DAY, desk.key)
    before = desk.storage.writes
    for minutes in range(5):
        desk.owners.messages(NOW + DAY + minutes * MINUTE, desk.key)
        desk.owners.tell(NOW + DAY + minutes * MINUTE, desk.key)
    assert desk.storage.writes == before


def test_a_crash_between_the_writes_of_a_registration_is_mended_by_registering_again() -> None:  # SVC-7, SVC-8
    desk = Desk()
    desk.owners.revoke(NOW, desk.key)
    desk.core.register_root(desk.root, None)  # what a crash leaves: a root without an owner
    desk.restart()
    assert refusal(lambda: desk.owners.messages(NOW, desk.key)) is ErrorClass.FORGED
    desk.owners.register(NOW, desk.registration())
    desk.owners.issue(NOW, desk.key, desk.epoch(EPOCH))
    desk.stored(0)
    assert len(desk.owners.messages(NOW, desk.key)) == 1


def test_what_a_full_disk_refuses_was_not_done() -> None:  # SVC-8
    desk = Desk()
    desk.stored(0)
    calls: list[Callable[[], object]] = [
        lambda: desk.owners.issue(NOW, desk.key, desk.epoch(9)),
        lambda: desk.owners.set_latency(NOW, desk.key, Latency.PULL),
        lambda: desk.owners.confirm(NOW, desk.key, [0]),
        lambda: desk.owners.register(NOW, RootRegistration(bytes(16), Profile.LABEL, STRANGER)),
    ]
    before = dict(desk.storage.values)
    for call in calls:
        desk.storage.is_full = True
        with pytest.raises(OSError, match="no space"):
            call()
        desk.storage.is_full = False
        desk.restart()
        assert desk.storage.values == before
        assert len(desk.owners.messages(NOW, desk.key)) == 1


def test_a_damaged_owner_is_not_guessed_at() -> None:
    desk = Desk()
    (name,) = desk.storage.keys("owner/")
    whole = desk.storage.values[name]
    for damaged in (whole[:-1], whole + b"\0", b""):
        desk.storage.values[name] = damaged
        with pytest.raises(OwnError):
            desk.restart()
