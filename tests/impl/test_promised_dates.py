"""A date is a promise to both sides: an address resolves until then, whatever else happens at its service."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.addresses import LabelGrant, LabelRoot, Profile, TwoLayerRoot, derive_label
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.receiving_service import Acceptance, ReceivingService
from communicator_impl.root_record import address_index
from communicator_impl.storage import MemoryStorage
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

NOW_S: Final = 1_767_225_600
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S
BODY: Final = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
LIFETIMES: Final = st.integers(1, 365 * 24).map(lambda hours: hours * HOUR_S)
PROFILES: Final = pytest.mark.parametrize("profile", list(Profile))


class Place:
    """A service with one promised address, and everything that may happen to it in the meantime."""

    def __init__(self, profile: Profile, lifetime_s: int) -> None:
        self.profile = profile
        self.entropy = SeededEntropy(b"promise")
        self.storage = MemoryStorage()
        self.now_s = NOW_S
        self.until_s = NOW_S + lifetime_s
        self.lives = 0
        self.core = self.restarted()
        self.label, self.two = LabelRoot.generate(self.entropy), TwoLayerRoot.generate(self.entropy)
        self.stock = self.promise()

    def restarted(self) -> ReceivingService:
        self.lives += 1
        life = self.entropy.fork(f"life {self.lives}")
        return ReceivingService(
            0, "https://rs.example", tuple(Profile), self.now_s * 1000, self.storage, life, lambda _: None
        )

    def promise(self) -> bytes:
        """Register the root and return its one address."""
        if self.profile is Profile.LABEL:
            self.core.register_root(self.label.root, None)
            self.core.issue(LabelGrant(self.label.root, 1, self.label.epoch_key(1), self.until_s, 4))
            return derive_label(self.label.epoch_key(1), 0, 0)
        self.core.register_root(self.two.root, self.two.registration().verify_key)
        index = address_index(1, 0)
        return self.two.issue(self.core.config(), range(index, index + 1), self.until_s, self.now_s, self.entropy)[0]

    def arrives(self, at_s: int) -> Acceptance:
        """Let a message to the address arrive; the sender seals it with the keys of that day."""
        key = self.core.config().sealing_key(at_s)
        if self.profile is Profile.LABEL:
            request = label_request(derive_label(self.label.epoch_key(1), 0, 0), key, BODY, self.entropy)
        else:
            request = two_layer_request(self.stock, key, BODY, self.entropy)  # type: ignore[arg-type]
        return self.core.accept(at_s * 1000, request)

    def rotates(self) -> None:
        if len(self.core.config().outer) < 6:
            self.core.rotate_keys(self.now_s * 1000)

    def erases(self) -> None:
        self.core.erase(self.now_s * 1000)

    def restarts(self) -> None:
        self.core = self.restarted()

    def somebody_else_comes_and_goes(self) -> None:
        other = LabelRoot.generate(self.entropy)
        self.core.register_root(other.root, None)
        self.core.issue(LabelGrant(other.root, 1, other.epoch_key(1), self.until_s, 4))
        self.core.revoke(other.root)

    def junk_arrives(self) -> None:
        self.core.accept(self.now_s * 1000, bytes(4096))


HAPPENS: Final[list[Callable[[Place], None]]] = [
    Place.rotates,
    Place.erases,
    Place.restarts,
    Place.somebody_else_comes_and_goes,
    Place.junk_arrives,
]
STORY: Final = st.lists(st.tuples(st.sampled_from(HAPPENS), st.floats(0, 1)), max_size=8)


def told(place: Place, story: list[tuple[Callable[[Place], None], float]]) -> Place:
    """Let things happen, in order, at instants before the promised date."""
    for happens, share in sorted(story, key=lambda step: step[1]):
        place.now_s = NOW_S + int(share * (place.until_s - 1 - NOW_S))
        happens(place)
    return place


@PROFILES
@given(lifetime_s=LIFETIMES, story=STORY, share=st.floats(0, 1))
def test_an_address_resolves_until_its_date(
    profile: Profile, lifetime_s: int, story: list[tuple[Callable[[Place], None], float]], share: float
) -> None:  # STATE-19
    place = told(Place(profile, lifetime_s), story)
    left_s = place.until_s - 1 - place.now_s
    arrived = place.arrives(place.now_s + int(share * left_s))
    assert arrived.refusal is None
    assert arrived.root in (place.label.root, place.two.root)


@PROFILES
@given(lifetime_s=LIFETIMES, story=STORY)
def test_and_not_at_its_date(
    profile: Profile, lifetime_s: int, story: list[tuple[Callable[[Place], None], float]]
) -> None:
    place = told(Place(profile, lifetime_s), story)
    assert place.arrives(place.until_s).refusal is ErrorClass.EXPIRED


@PROFILES
def test_nor_after_its_owner_has_revoked_it(profile: Profile) -> None:
    place = Place(profile, DAY_S)
    place.core.revoke(place.label.root if profile is Profile.LABEL else place.two.root)
    assert place.arrives(NOW_S).refusal is ErrorClass.UNKNOWN
