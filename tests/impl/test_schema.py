"""The CDDL schema and the codecs describe the same bytes."""

import pytest

from communicator_impl import wire
from communicator_impl.addresses import (
    EpochKey,
    KeySchedule,
    LabelRoot,
    Profile,
    Rdas,
    ServiceConfig,
    TwoLayerRoot,
    derive_label,
)
from communicator_impl.body import Body, Kind, Received, ServiceEntry, WireGrant, WireSet, encode_body, encode_set
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import Delivery, label_request, two_layer_request
from communicator_impl.keys import Identity, make_package
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import source, validate

NOW = 1_767_225_600
UNTIL = NOW + 86_400
ENTROPY = SeededEntropy(b"schema")
CIPHERTEXT = bytes(PARAMETERS.envelope.ciphertext_classes_bytes[0])
SOURCE = source()


def real_bytes() -> dict[str, list[bytes]]:
    schedule = KeySchedule.generate("https://rs.example", tuple(Profile), NOW, ENTROPY)
    config: ServiceConfig = schedule.config()
    key, two, one = config.sealing_key(NOW), TwoLayerRoot.generate(ENTROPY), LabelRoot.generate(ENTROPY)
    stock = two.issue(config, range(2), UNTIL, NOW, ENTROPY)
    by_profile: dict[Profile, EpochKey | tuple[Rdas, ...]] = {Profile.TWO_LAYER: stock, Profile.LABEL: one.epoch_key(0)}
    entries = (
        ServiceEntry(f"https://p{p}.example", p, config.outer, (WireGrant(1, True, UNTIL, 2, secret),))
        for p, secret in by_profile.items()
    )
    addresses = WireSet(3, tuple(entries))
    digests = ((config.uri, config.digest()),)
    message = Body(Kind.MESSAGE, Received(2, ((4, 5),)), 1, 7, addresses, digests, b"text")
    return {
        "two-layer-request": [two_layer_request(stock[0], key, CIPHERTEXT, ENTROPY)],
        "label-request": [label_request(derive_label(one.epoch_key(0), 0, 0), key, CIPHERTEXT, ENTROPY)],
        "delivery": [Delivery(5, CIPHERTEXT, 2**32 - 1).encode(), Delivery(5, CIPHERTEXT, 9, 0).encode()],
        "body": [encode_body(message), encode_body(Body(Kind.END, Received(), 0))],
        "address-set": [encode_set(addresses)],
        "service-config": [config.encode()],
        "key-package": [make_package(Identity.generate(ENTROPY), NOW, 86_400, ENTROPY).package.encode()],
    }


REAL = real_bytes()


@pytest.mark.parametrize("rule", REAL)
def test_the_schema_accepts_what_the_code_writes(rule: str) -> None:
    for data in REAL[rule]:
        assert validate(rule, data) is None
        assert validate("wire", data) is None


@pytest.mark.parametrize("rule", REAL)
def test_the_schema_refuses_an_unknown_and_a_missing_field(rule: str) -> None:
    for data in REAL[rule]:
        value = wire.decode(data, 4096)
        assert isinstance(value, dict)
        for wrong in ({**value, 99: 0}, {k: v for k, v in value.items() if k != 0}):
            assert validate(rule, wire.encode(wrong)) is not None


def test_the_schema_repeats_the_lengths_of_the_parameter_table() -> None:
    a, e = PARAMETERS.address, PARAMETERS.envelope
    sizes = (a.sda_bytes, a.rdas_bytes, a.epoch_key_bytes, e.ciphertext_classes_bytes[0], e.digest_bytes)
    for size in sizes:
        assert f"bstr .size {size}" in SOURCE
    assert f"0..{e.number_max}" in SOURCE
    assert f"(1..{a.uri_bytes_max})" in SOURCE
    assert f"0..{a.grant_capacity_max}" in SOURCE


def test_the_sums_of_the_parameter_table_hold() -> None:
    s, a, p = PARAMETERS.suite, PARAMETERS.address, PARAMETERS.session
    seal = s.public_key_bytes + s.tag_bytes
    assert a.rda_bytes == 1 + seal + a.root_bytes + 4 + 4
    assert a.rdas_bytes == a.rda_bytes + s.signature_bytes
    assert a.sda_bytes == 1 + seal + a.rdas_bytes
    identity = 2 * s.public_key_bytes + s.signature_bytes
    assert p.opening_bytes == p.package_id_bytes + identity + s.public_key_bytes
    assert p.opening_sealed_bytes == p.opening_bytes + seal
    assert p.header_bytes == s.public_key_bytes + 4 + 4
    assert p.header_sealed_bytes == p.header_bytes + s.tag_bytes
    assert p.overhead_bytes == p.salt_bytes + p.header_sealed_bytes + s.tag_bytes
