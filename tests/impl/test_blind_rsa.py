"""Blind signatures: the RFC's vectors, every variant, and what a signer cannot know."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import blind_rsa
from communicator_impl.blind_rsa import BlindingKey, SigningKey, Variant
from communicator_impl.entropy import SeededEntropy, SystemEntropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_spec.errors import ErrorClass

RFC = json.loads((Path(__file__).parent / "data" / "rfc9474.json").read_text())["vectors"]
VARIANTS = {
    "PSS, randomized": blind_rsa.PSS_RANDOMIZED,
    "PSS without salt, randomized": blind_rsa.PSSZERO_RANDOMIZED,
    "PSS": blind_rsa.PSS_DETERMINISTIC,
    "PSS without salt": blind_rsa.PSSZERO_DETERMINISTIC,
}


@cache
def key(name: str = "signer") -> SigningKey:
    return SigningKey.generate(SeededEntropy(name.encode()))


def rfc_key(row: dict[str, str]) -> SigningKey:
    return SigningKey(int(row["p"], 16), int(row["q"], 16))


@pytest.mark.parametrize("row", RFC)
def test_the_vectors_of_the_rfc(row: dict[str, str]) -> None:
    signer, message, salt = rfc_key(row), bytes.fromhex(row["msg"]), bytes.fromhex(row["salt"])
    inverse = int(row["inv"], 16)
    factor = pow(inverse, -1, signer.public.n)
    blinded = blind_rsa.blind_with(signer.public, message, salt, factor)
    assert blinded.message.hex() == row["blinded_msg"]
    assert blinded.inverse == inverse
    answer = signer.sign_blinded(blinded.message, SeededEntropy(b"rfc"))
    assert answer.hex() == row["blind_sig"]
    variant = Variant(len(salt), 0)
    assert blind_rsa.finalize(signer.public, message, answer, inverse, variant).hex() == row["sig"]


@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_signs_what_it_does_not_see(name: str) -> None:
    variant, entropy = VARIANTS[name], SeededEntropy(b"holder")
    message = blind_rsa.prepare(b"a message", entropy, variant)
    assert len(message) == variant.prefix_bytes + 9
    blinded = blind_rsa.blind(key().public, message, entropy, variant)
    answer = key().sign_blinded(blinded.message, entropy)
    signature = blind_rsa.finalize(key().public, message, answer, blinded.inverse, variant)
    key().public.verify(message, signature, variant)
    with pytest.raises(PeerError) as caught:
        key().public.verify(message + b"!", signature, variant)
    assert caught.value.error_class is ErrorClass.FORGED


def test_every_signature_fits_everything_that_the_signer_saw() -> None:  # TOK-20
    signer, entropy = key(), SeededEntropy(b"unlinkable")
    public, n = signer.public, signer.public.n
    seen, signatures = [], []
    for i in range(4):
        blinded = blind_rsa.blind(public, b"%d" % i, entropy)
        answer = signer.sign_blinded(blinded.message, entropy)
        seen.append(blinded.message)
        signatures.append(blind_rsa.finalize(public, b"%d" % i, answer, blinded.inverse))
    for message in seen:
        for signature in signatures:
            encoded = pow(int.from_bytes(signature), blind_rsa.EXPONENT, n)
            factor = signer._power(int.from_bytes(message) * pow(encoded, -1, n) % n)
            assert encoded * pow(factor, blind_rsa.EXPONENT, n) % n == int.from_bytes(message)


def test_blinding_the_same_message_twice_gives_nothing_in_common() -> None:  # TOK-8
    entropy = SeededEntropy(b"twice")
    one, other = (blind_rsa.blind(key().public, b"same", entropy) for _ in range(2))
    assert one.message != other.message
    assert one.inverse != other.inverse


@given(st.binary(min_size=256, max_size=256), st.binary(max_size=64))
def test_an_answer_that_is_no_signature_is_forged(answer: bytes, message: bytes) -> None:
    blinded = blind_rsa.blind(key().public, message, SeededEntropy(b"forged"))
    with pytest.raises(PeerError) as caught:
        blind_rsa.finalize(key().public, message, answer, blinded.inverse)
    assert caught.value.error_class is ErrorClass.FORGED


@given(st.binary(max_size=600).filter(lambda b: len(b) != 256))
def test_wrong_lengths_are_malformed_on_both_sides(data: bytes) -> None:
    blinded = blind_rsa.blind(key().public, b"x", SeededEntropy(b"length"))
    with pytest.raises(PeerError) as caught:
        blind_rsa.finalize(key().public, b"x", data, blinded.inverse)
    assert caught.value.error_class is ErrorClass.MALFORMED
    with pytest.raises(PeerError) as caught:
        key().sign_blinded(data, SeededEntropy(b"length"))
    assert caught.value.error_class is ErrorClass.MALFORMED


@pytest.mark.parametrize("value", [0, "n", "n+1"])
def test_a_signer_takes_only_numbers_below_its_modulus(value: int | str) -> None:
    n = key().public.n
    number = {"n": n, "n+1": n + 1}.get(str(value), 0)
    with pytest.raises(PeerError) as caught:
        key().sign_blinded(number.to_bytes(256), SeededEntropy(b"range"))
    assert caught.value.error_class is ErrorClass.MALFORMED


def test_a_factor_without_an_inverse_blinds_nothing() -> None:
    for factor in (0, key().p, key().public.n, key().public.n + 1):
        with pytest.raises(InputError):
            blind_rsa.blind_with(key().public, b"x", bytes(48), factor)


def test_a_modulus_too_short_for_the_salt_is_refused() -> None:
    with pytest.raises(InputError):
        blind_rsa.blind_with(BlindingKey((1 << 512) - 569), b"x", bytes(48), 3)


class FaultyKey(SigningKey, frozen=True):
    """A signer in which one half of the computation goes wrong."""

    def _power(self, value: int) -> int:
        return (super()._power(value) + self.q) % self.public.n


def test_a_fault_in_the_computation_never_leaves_the_signer() -> None:
    faulty = FaultyKey(key().p, key().q)
    with pytest.raises(OwnError):
        faulty.sign_blinded((7).to_bytes(256), SeededEntropy(b"fault"))


def test_the_base_of_the_private_operation_is_blinded() -> None:
    seen: list[int] = []

    class Watched(SigningKey, frozen=True):
        def _power(self, value: int) -> int:
            seen.append(value)
            return super()._power(value)

    watched, message = Watched(key().p, key().q), (7).to_bytes(256)
    entropy = SeededEntropy(b"watched")
    assert watched.sign_blinded(message, entropy) == watched.sign_blinded(message, entropy)
    assert len({7, *seen}) == 3


def test_keys_have_all_their_bits_and_differ() -> None:
    keys = [key("one"), key("two"), SigningKey.generate(SystemEntropy())]
    assert [k.public.n.bit_length() for k in keys] == [2048] * 3
    assert len({p for k in keys for p in (k.p, k.q)}) == 6
    assert SigningKey.generate(SeededEntropy(b"one")) == key("one")
