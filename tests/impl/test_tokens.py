"""Tokens: the RFCs' vectors, what chapter 9 fixes, and refusals by class."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from tests.impl.issuing import ISSUER, ORIGIN, issuer_key, signer, token

from communicator_impl.blind_rsa import SigningKey
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.issuer_keys import IssuerKey, epoch_begin_s, read_issuer_document, write_issuer_document
from communicator_impl.tokens import (
    Purpose,
    Token,
    TokenKey,
    authorization,
    challenge,
    challenge_digest,
    challenge_header,
    finish,
    read_authorization,
    read_requests,
    request,
    request_with,
)
from communicator_spec.errors import ErrorClass
from communicator_spec.examples import examples

DATA = Path(__file__).parent / "data"
ISSUANCE = json.loads((DATA / "rfc9578.json").read_text())["vectors"]
SCHEME = json.loads((DATA / "rfc9577.json").read_text())["vectors"]
TYPE = (2).to_bytes(2)


def refusal(call: object, *args: object) -> ErrorClass:
    assert callable(call)
    with pytest.raises((PeerError, InputError)) as caught:
        call(*args)
    return caught.value.error_class


@pytest.mark.parametrize("row", ISSUANCE)
def test_the_issuance_of_rfc_9578(row: dict[str, str]) -> None:
    raw = {name: bytes.fromhex(value) for name, value in row.items()}
    loaded = load_pem_private_key(raw["skS"], None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    numbers = loaded.private_numbers()
    secret, key = SigningKey(numbers.p, numbers.q), TokenKey.decode(raw["pkS"])
    assert key.encode() == raw["pkS"]
    assert key == TokenKey(secret.public)
    digest = Token.decode(raw["token"]).challenge_digest
    pending = request_with(key, digest, raw["nonce"], raw["salt"], int.from_bytes(raw["blind"]))
    assert pending.request() == raw["token_request"]
    answer = secret.sign_blinded(pending.blinded, SeededEntropy(b"rfc"))
    assert answer == raw["token_response"]
    made = finish(pending, answer)
    assert made.encode() == raw["token"]
    made.verify(key)


@pytest.mark.parametrize("row", [row for row in SCHEME if not row["redemption_context"] and row["origin_info"]])
def test_the_challenges_of_rfc_9577(row: dict[str, str]) -> None:
    issuer, origin = (bytes.fromhex(row[name]).decode() for name in ("issuer_name", "origin_info"))
    if "," in origin:  # a list of origins is not of this protocol
        assert refusal(challenge, issuer, origin) is ErrorClass.MALFORMED
        return
    nonce, key_id = bytes.fromhex(row["nonce"]), bytes.fromhex(row["token_key_id"])
    shown = Token(nonce, challenge_digest(issuer, origin), key_id, bytes(256))
    assert shown.signed().hex() == row["token_authenticator_input"]


def test_the_challenge_is_that_of_the_chapter() -> None:  # TOK-5
    assert challenge("authorization.example", "sending.example") == examples()["challenge"].data


@pytest.mark.parametrize("host", ["", "Example.org", "a b", "example.org/", "https://a", "ä.example", "-a", "a" * 260])
def test_a_challenge_names_hosts(host: str) -> None:
    assert refusal(challenge, host, ORIGIN) is ErrorClass.MALFORMED
    assert refusal(challenge, ISSUER, host) is ErrorClass.MALFORMED
    assert challenge("localhost:8080", "[::1]:80")


def test_a_token_round_trip() -> None:
    made = token("round trip")
    assert Token.decode(made.encode()) == made
    assert len(made.encode()) == 354
    made.verify(TokenKey(signer("issuer").public))


def test_two_tokens_share_nothing_but_what_everybody_sees() -> None:  # TOK-8
    entropy, key = SeededEntropy(b"two"), TokenKey(signer("issuer").public)
    one, other = (request(key, bytes(32), entropy) for _ in range(2))
    assert not {one.nonce, one.inverse, one.blinded} & {other.nonce, other.inverse, other.blinded}
    assert one.request()[:3] == other.request()[:3]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (bytes(255), ErrorClass.MALFORMED),
        (bytes(257), ErrorClass.MALFORMED),
        (bytes(256), ErrorClass.FORGED),
        (b"\xff" * 256, ErrorClass.FORGED),
    ],
)
def test_an_answer_that_is_no_signature_gives_no_token(answer: bytes, expected: ErrorClass) -> None:  # TOK-7
    pending = request(TokenKey(signer("issuer").public), bytes(32), SeededEntropy(b"answer"))
    assert refusal(finish, pending, answer) is expected


def test_the_answer_of_another_key_gives_no_token() -> None:  # TOK-7
    pending = request(TokenKey(signer("issuer").public), bytes(32), SeededEntropy(b"other"))
    small = pending.blinded if int.from_bytes(pending.blinded) < signer("other").public.n else bytes(255) + b"\x07"
    answer = signer("other").sign_blinded(small, SeededEntropy(b"x"))
    assert refusal(finish, pending, answer) is ErrorClass.FORGED


@given(st.binary(max_size=400))
def test_bytes_that_are_no_token_are_malformed(data: bytes) -> None:
    if len(data) != 354 or data[:2] != TYPE:
        assert refusal(Token.decode, data) is ErrorClass.MALFORMED
    assert refusal(Token.decode, b"\x00\x01" + bytes(352)) is ErrorClass.MALFORMED


@given(st.integers(0, 341), st.integers(1, 255))
def test_a_key_has_one_encoding(place: int, flip: int) -> None:  # TOK-21
    good = TokenKey(signer("issuer").public).encode()
    bad = good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :]
    if 81 < place < 336:  # in the middle of the modulus: another key
        assert TokenKey.decode(bad).encode() == bad
    elif place not in (81, 336):
        assert refusal(TokenKey.decode, bad) is ErrorClass.MALFORMED
    assert refusal(TokenKey.decode, good[:-1]) is ErrorClass.MALFORMED
    assert refusal(TokenKey.decode, good + b"\0") is ErrorClass.MALFORMED


def test_a_key_is_odd_and_has_2048_bits() -> None:  # TOK-21
    good = TokenKey(signer("issuer").public).encode()
    assert refusal(TokenKey.decode, good[:81] + bytes([good[81] & 0x7F]) + good[82:]) is ErrorClass.MALFORMED
    assert refusal(TokenKey.decode, good[:336] + bytes([good[336] & 0xFE]) + good[337:]) is ErrorClass.MALFORMED


def test_requests_are_read_one_after_the_other() -> None:
    key = TokenKey(signer("issuer").public)
    rows = [request(key, bytes(32), SeededEntropy(b"%d" % i)).request() for i in range(3)]
    asked = read_requests(b"".join(rows))
    assert [TYPE + bytes([a.key_byte]) + a.blinded for a in asked] == rows


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ErrorClass.MALFORMED),
        (TYPE + bytes(256), ErrorClass.MALFORMED),
        (TYPE + bytes(258), ErrorClass.MALFORMED),
        (b"\x00\x01" + bytes(257), ErrorClass.MALFORMED),
        ((TYPE + bytes(257)) * 65, ErrorClass.TOO_LARGE),
    ],
)
def test_requests_of_another_layout_are_refused(body: bytes, expected: ErrorClass) -> None:
    assert refusal(read_requests, body) is expected


def test_headers() -> None:  # TOK-6
    made = token("header")
    header = authorization(made)
    assert len(header) == len('PrivateToken token=""') + 354 // 3 * 4
    assert read_authorization(header) == made.encode()
    assert read_authorization(header.replace("PrivateToken", "privatetoken")) == made.encode()
    asked = challenge_header(ISSUER, ORIGIN, TokenKey(signer("issuer").public))
    assert asked.startswith("PrivateToken challenge=")
    assert base64.urlsafe_b64decode(asked.split('"')[1]) == challenge(ISSUER, ORIGIN)
    assert base64.urlsafe_b64decode(asked.split('"')[3]) == TokenKey(signer("issuer").public).encode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ErrorClass.FORGED),
        ("Bearer abcd", ErrorClass.FORGED),
        ("PrivateToken", ErrorClass.MALFORMED),
        ("PrivateToken token=", ErrorClass.MALFORMED),
        ('PrivateToken token="a"', ErrorClass.MALFORMED),
        ('PrivateToken token="AB=="', ErrorClass.MALFORMED),
        ('PrivateToken token="AAAA", token="AAAA"', ErrorClass.MALFORMED),
    ],
)
def test_headers_that_carry_no_token(header: str, expected: ErrorClass) -> None:
    assert refusal(read_authorization, header) is expected


# -------------------------------------------------------------------- the issuer's document


KEYS = tuple(issuer_key(purpose, name=purpose) for purpose in Purpose)


def test_the_document_of_an_issuer_is_read_as_it_was_written() -> None:
    assert read_issuer_document(write_issuer_document(KEYS)) == KEYS


def _document(**changes: object) -> bytes:
    whole = json.loads(write_issuer_document(KEYS))
    whole["token-keys"][0] |= {name.replace("_", "-"): value for name, value in changes.items()}
    return json.dumps(whole).encode()


def test_what_a_reader_does_not_know_is_ignored() -> None:
    assert read_issuer_document(_document(colour="red")) == KEYS
    assert read_issuer_document(_document(token_type=1)) == KEYS[1:]
    assert read_issuer_document(_document(purpose="dance")) == KEYS[1:]


@pytest.mark.parametrize(
    "changes",
    [
        {"not_before": KEYS[0].begins_s + 1},
        {"not_after": KEYS[0].ends_s + 1},
        {"not_after": KEYS[0].issues_until_s},
        {"token_key": "AAAA"},
        {"token_key": "ä"},
        {"token_key": 7},
        {"purpose": Purpose.UPLOAD},
    ],
)
def test_a_document_with_a_key_of_no_epoch_is_malformed(changes: dict[str, object]) -> None:  # TOK-1
    assert refusal(read_issuer_document, _document(**changes)) is ErrorClass.MALFORMED


def test_one_key_for_two_purposes_is_malformed() -> None:  # TOK-1
    twice = (KEYS[0], IssuerKey(Purpose.CONTACT, KEYS[0].epoch + 1, KEYS[0].key))
    assert refusal(read_issuer_document, write_issuer_document(twice)) is ErrorClass.MALFORMED
    assert read_issuer_document(write_issuer_document(twice[:1])) == twice[:1]


def test_a_document_of_endless_keys_is_too_large() -> None:
    rows = tuple(IssuerKey(Purpose.SUBMIT, epoch, KEYS[0].key) for epoch in range(257))
    assert refusal(read_issuer_document, write_issuer_document(rows)) is ErrorClass.TOO_LARGE
    assert refusal(read_issuer_document, b" " * (1 << 19)) is ErrorClass.TOO_LARGE
    assert refusal(read_issuer_document, b"[]") is ErrorClass.MALFORMED
    assert refusal(read_issuer_document, b"\xff") is ErrorClass.MALFORMED


def test_an_epoch_issues_a_week_and_is_taken_for_another() -> None:
    key = KEYS[0]
    assert key.begins_s == epoch_begin_s(key.epoch)
    assert (key.issues_until_s - key.begins_s, key.ends_s - key.issues_until_s) == (604_800, 604_800)
    assert [key.issues(t) for t in (key.begins_s - 1, key.begins_s, key.issues_until_s - 1, key.issues_until_s)] == [
        False,
        True,
        True,
        False,
    ]
