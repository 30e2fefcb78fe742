"""HPKE against RFC 9180's vectors and against the library, in both directions."""

import json
from collections.abc import Callable
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_impl import hpke
from communicator_impl.entropy import Entropy, SeededEntropy, SystemEntropy
from communicator_impl.errors import PeerError
from communicator_impl.hpke import Aead
from communicator_spec.errors import ErrorClass

BASE_MODE, X25519, HKDF_SHA256 = 0, 0x0020, 0x0001
AEADS = list(Aead)
Opener = Callable[[X25519PrivateKey, bytes, bytes], bytes]


def rfc_vectors() -> list[dict[str, Any]]:
    with cryptography_vectors.open_vector_file("HPKE/test-vectors.json", "r") as file:
        everything = json.load(file)
    suite = {"mode": BASE_MODE, "kem_id": X25519, "kdf_id": HKDF_SHA256}
    ours = [v for v in everything if suite.items() <= v.items()]
    return [v for v in ours if v["aead_id"] in AEADS]


@pytest.fixture
def recipient() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def test_there_is_a_vector_for_each_cipher() -> None:
    assert {v["aead_id"] for v in rfc_vectors()} == set(AEADS)


@pytest.mark.parametrize("vector", rfc_vectors(), ids=lambda v: Aead(v["aead_id"]).name)
def test_rfc_9180_key_pair_secret_and_schedule(vector: dict[str, Any]) -> None:
    raw = {k: bytes.fromhex(v) for k, v in vector.items() if isinstance(v, str)}
    ephemeral = hpke.derive_key_pair(raw["ikmE"])
    assert (ephemeral.secret, ephemeral.public) == (raw["skEm"], raw["enc"])
    agreed = ephemeral.private_key().exchange(hpke.public_key(raw["pkRm"]))
    shared = hpke._shared_secret(agreed, raw["enc"] + raw["pkRm"])
    assert shared == raw["shared_secret"]
    cipher, nonce = hpke.schedule(shared, raw["info"], Aead(vector["aead_id"]))
    first = {k: bytes.fromhex(v) for k, v in vector["encryptions"][0].items()}
    assert nonce == first["nonce"]
    assert cipher.encrypt(nonce, first["pt"], first["aad"]) == first["ct"]


@pytest.mark.parametrize("aead", AEADS)
def test_the_library_opens_what_a_seeded_seal_made(aead: Aead, recipient: X25519PrivateKey) -> None:
    box = hpke.seal(recipient.public_key(), b"info", b"text", SeededEntropy(b"s"), "x", aead)
    assert hpke.open_sealed(recipient, b"info", box, aead) == b"text"


@pytest.mark.parametrize("aead", AEADS)
def test_our_code_opens_what_the_library_made(aead: Aead, recipient: X25519PrivateKey) -> None:
    box = hpke.seal(recipient.public_key(), b"info", b"text", SystemEntropy(), "x", aead)
    assert hpke.open_by_hand(recipient, b"info", box, aead) == b"text"


def test_a_seeded_seal_is_reproducible_and_still_fresh_each_time(recipient: X25519PrivateKey) -> None:
    key, one, other = recipient.public_key(), SeededEntropy(b"s"), SeededEntropy(b"s")
    first, second = (hpke.seal(key, b"i", b"t", one, "x") for _ in range(2))
    assert first != second
    assert first == hpke.seal(key, b"i", b"t", other, "x")


@pytest.mark.parametrize("entropy", [SystemEntropy(), SeededEntropy(b"s")])
def test_overhead_is_48_bytes(entropy: Entropy, recipient: X25519PrivateKey) -> None:
    assert len(hpke.seal(recipient.public_key(), b"", b"12345", entropy, "x")) == 5 + 48 == 5 + hpke.OVERHEAD


@pytest.mark.parametrize("opener", [hpke.open_sealed, hpke.open_by_hand])
def test_other_info_other_key_or_a_flipped_bit_is_forged(opener: Opener, recipient: X25519PrivateKey) -> None:
    box = hpke.seal(recipient.public_key(), b"info", b"text", SystemEntropy(), "x")
    flipped = box[:-1] + bytes([box[-1] ^ 1])
    stranger = X25519PrivateKey.generate()
    for key, info, sealed in ((recipient, b"other", box), (stranger, b"info", box), (recipient, b"info", flipped)):
        with pytest.raises(PeerError) as caught:
            opener(key, info, sealed)
        assert caught.value.error_class is ErrorClass.FORGED


def test_a_box_without_room_for_key_and_tag_is_malformed(recipient: X25519PrivateKey) -> None:
    with pytest.raises(PeerError) as caught:
        hpke.open_sealed(recipient, b"", bytes(47))
    assert caught.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("entropy", [SystemEntropy(), SeededEntropy(b"s")])
def test_a_key_of_small_order_is_refused(entropy: Entropy) -> None:
    with pytest.raises(PeerError) as caught:
        hpke.seal(hpke.public_key(bytes(32)), b"", b"text", entropy, "x")
    assert caught.value.error_class is ErrorClass.MALFORMED


def test_a_box_with_a_key_of_small_order_is_forged(recipient: X25519PrivateKey) -> None:
    with pytest.raises(PeerError) as caught:
        hpke.open_sealed(recipient, b"", bytes(80))
    assert caught.value.error_class is ErrorClass.FORGED
