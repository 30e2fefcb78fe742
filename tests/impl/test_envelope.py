"""Envelopes: what a sending service hands over, and what a device gets."""

import pytest

from communicator_impl import wire
from communicator_impl.addresses import (
    KeySchedule,
    Label,
    LabelGrant,
    LabelRoot,
    LabelTable,
    Profile,
    Rdas,
    TwoLayerRoot,
    TwoLayerTable,
    derive_label,
    seal_labelled,
)
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import (
    AddressTables,
    Delivery,
    LabelRequest,
    TwoLayerRequest,
    decode_request,
    label_request,
    resolve,
    spend,
    two_layer_request,
)
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

E = PARAMETERS.envelope
NOW = 1_767_225_600
UNTIL = NOW + 86_400
ENTROPY = SeededEntropy(b"envelope")
SCHEDULE = KeySchedule.generate("https://rs.example", (Profile.TWO_LAYER, Profile.LABEL), NOW, ENTROPY)
KEY = SCHEDULE.config().sealing_key(NOW)
CIPHERTEXT = ENTROPY.draw("ciphertext", E.ciphertext_classes_bytes[0])
TWO_LAYER = TwoLayerRoot.generate(ENTROPY)
LABEL = LabelRoot.generate(ENTROPY)


def tables() -> AddressTables:
    held = AddressTables(TwoLayerTable(), LabelTable())
    held.two_layer.register(TWO_LAYER.registration())
    held.label.register(LabelGrant(LABEL.root, 0, LABEL.epoch_key(0), UNTIL, 100))
    return held


def request(profile: Profile, ciphertext: bytes = CIPHERTEXT) -> bytes:
    if profile is Profile.LABEL:
        return label_request(derive_label(LABEL.epoch_key(0), 0, 0), KEY, ciphertext, ENTROPY)
    rdas = TWO_LAYER.issue(SCHEDULE.config(), range(1), UNTIL, NOW, ENTROPY)[0]
    return two_layer_request(rdas, KEY, ciphertext, ENTROPY)


def refused(data: bytes) -> ErrorClass:
    with pytest.raises(PeerError) as caught:
        decode_request(data)
    return caught.value.error_class


@pytest.mark.parametrize("profile", Profile)
def test_a_request_arrives_once(profile: Profile) -> None:
    held, data = tables(), request(profile)
    arrival = resolve(decode_request(data), SCHEDULE, held, NOW)
    assert arrival == resolve(decode_request(data), SCHEDULE, held, NOW)
    assert arrival.ciphertext == CIPHERTEXT
    assert arrival.root == (LABEL if profile is Profile.LABEL else TWO_LAYER).root
    spend(arrival, held)
    with pytest.raises(PeerError):
        resolve(decode_request(data), SCHEDULE, held, NOW)


def test_requests_have_one_length_for_each_profile() -> None:
    assert {len(request(Profile.TWO_LAYER)) for _ in range(3)} == {2998}
    assert {len(request(Profile.LABEL)) for _ in range(3)} == {2874}


def test_requests_stay_within_the_limit_and_deliveries_within_theirs() -> None:
    assert max(len(request(p)) for p in Profile) <= E.request_bytes_max
    assert len(Delivery(2**64 - 1, CIPHERTEXT, 2**32 - 1, 2**32 - 1).encode()) == 2829 <= E.device_bytes_max
    with pytest.raises(PeerError) as caught:
        Delivery(0, bytes(E.device_bytes_max), 0).encode()
    assert caught.value.error_class is ErrorClass.TOO_LARGE


def test_a_delivery_comes_back() -> None:
    for delivery in (Delivery(70_000, CIPHERTEXT, 9), Delivery(70_000, CIPHERTEXT, 9, 0)):
        assert Delivery.decode(delivery.encode()) == delivery


def test_4096_bytes_are_read_and_4097_are_too_large() -> None:
    assert refused(bytes(E.request_bytes_max)) is ErrorClass.MALFORMED
    assert refused(bytes(E.request_bytes_max + 1)) is ErrorClass.TOO_LARGE


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("version", {0: 2, 1: 2, 2: b"x"}),
        ("version is a boolean", {0: True, 1: 2, 2: b"x"}),
        ("profile", {0: 1, 1: 3, 2: b"x"}),
        ("profile is a boolean", {0: 1, 1: True, 2: bytes(186), 3: CIPHERTEXT}),
        ("unknown field", {0: 1, 1: 2, 2: b"x", 3: b"y"}),
        ("missing ciphertext", {0: 1, 1: 1, 2: bytes(186)}),
        ("address too short", {0: 1, 1: 1, 2: bytes(185), 3: CIPHERTEXT}),
        ("ciphertext of no class", {0: 1, 1: 1, 2: bytes(186), 3: CIPHERTEXT[:-1]}),
        ("text", {0: 1, 1: 2, 2: "x"}),
        ("not a map", [1, 2, b"x"]),
    ],
)
def test_one_fault_in_the_outer_form_is_malformed(fault: str, value: object) -> None:
    assert refused(wire.encode(value)) is ErrorClass.MALFORMED, fault


@pytest.mark.parametrize("profile", Profile)
def test_a_request_that_is_read_is_the_one_encoding_of_what_was_read(profile: Profile) -> None:  # ENV-1
    whole = request(profile)
    around = (*range(12), *range(190, 202))
    read = 0
    for place, value in ((place, value) for place in around for value in range(256)):
        changed = whole[:place] + bytes([value]) + whole[place + 1 :]
        try:
            found = decode_request(changed)
        except PeerError:
            continue
        strings = (found.address, found.ciphertext) if isinstance(found, TwoLayerRequest) else (found.sealed,)
        assert changed == wire.encode({0: 1, 1: int(profile), **dict(enumerate(strings, 2))})
        read += 1
    inside = 4 + 8 if profile is Profile.TWO_LAYER else 3 + 12  # of these places, those in a byte string
    assert read == inside * 256 + len(around) - inside


def test_their_positive_twins_pass_whatever_the_address_says() -> None:
    outer = decode_request(wire.encode({0: 1, 1: 1, 2: bytes(186), 3: CIPHERTEXT}))
    assert isinstance(outer, TwoLayerRequest)
    assert isinstance(decode_request(wire.encode({0: 1, 1: 2, 2: b"x"})), LabelRequest)


def test_an_address_taken_to_another_ciphertext_does_not_resolve() -> None:
    value = wire.decode(request(Profile.TWO_LAYER), E.request_bytes_max)
    assert isinstance(value, dict)
    swapped = wire.encode({**value, 3: bytes(len(CIPHERTEXT))})
    with pytest.raises(PeerError) as caught:
        resolve(decode_request(swapped), SCHEDULE, tables(), NOW)
    assert caught.value.error_class is ErrorClass.FORGED


def test_a_labelled_ciphertext_of_no_class_is_malformed_inside() -> None:
    sealed = seal_labelled(derive_label(LABEL.epoch_key(0), 0, 0), CIPHERTEXT[:-1], KEY, ENTROPY)
    outer = decode_request(wire.encode({0: 1, 1: 2, 2: sealed}))
    with pytest.raises(PeerError) as caught:
        resolve(outer, SCHEDULE, tables(), NOW)
    assert caught.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("ciphertext", [b"", CIPHERTEXT[:-1], CIPHERTEXT + b"\0"])
def test_no_request_is_made_for_a_ciphertext_of_no_class(profile: Profile, ciphertext: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        request(profile, ciphertext)
    assert caught.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("size", [0, 15, 17, 136, 138])
def test_no_request_is_made_for_an_address_of_another_length(size: int) -> None:
    with pytest.raises(PeerError) as by_layers:
        two_layer_request(Rdas(bytes(size)), KEY, CIPHERTEXT, ENTROPY)
    with pytest.raises(PeerError) as by_label:
        label_request(Label(bytes(size)), KEY, CIPHERTEXT, ENTROPY)
    assert by_layers.value.error_class is by_label.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("profile", Profile)
def test_two_requests_for_one_ciphertext_share_only_what_the_profile_shows(profile: Profile) -> None:
    first, second = request(profile), request(profile)
    hidden = {first[at : at + 5] for at in range(10, len(first) - 4)}
    shared = sum(second[at : at + 5] in hidden for at in range(10, len(second) - 4))
    expected = len(CIPHERTEXT) if profile is Profile.TWO_LAYER else 0
    assert abs(shared - expected) < 10
