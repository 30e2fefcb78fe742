"""Vectors that others wrote: how many there are, which of them apply, and that we agree with every one that does.

The copies in `data` are pinned by digest. Counts are stated, so that a file which is read as empty fails.
"""

import hashlib
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest

from communicator_impl import hpke, tokens
from communicator_impl.hpke import Aead

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "vectors"
PINNED = {
    "rfc9474": ("rfc9474_blind_rsa", 2, "72e5d5b8e3cc2fc06d181a0028fb92c84fc04696e2b5ebd1cf101419becc33fc"),
    "rfc9577": ("privacypass_auth_scheme", 5, "54562db62a0a97b376f20963bd9a17141d0fcfb61e6e681e289d3c10db66d1c2"),
    "rfc9578": ("rfc9578_publicly_verifiable", 5, "d44ca5bc15dc903a7e9ed57b8e3b8dc7bf8e822e2880c4630a70dbc42e6d3a32"),
}
KINDS = {"another redemption context": 3, "ours": 1, "no origin": 1}
BASE, X25519, HKDF_SHA256 = 0, 0x0020, 0x0001
MESSAGES = 257


def rows(name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((DATA / f"{name}.json").read_text())["vectors"]
    return found


def digest(found: object) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize("name", PINNED)
def test_the_copies_are_what_their_authors_published(name: str) -> None:
    original, count, pinned = PINNED[name]
    assert len(rows(name)) == count
    assert digest(rows(name)) == pinned
    beside = SHARED / f"{original}.json"  # a clone elsewhere has the copy alone
    assert not beside.exists() or digest(json.loads(beside.read_text())) == pinned


# -------------------------------------------------------------------- RFC 9180


@cache
def hpke_rows(name: str = "test-vectors") -> list[dict[str, Any]]:
    with cryptography_vectors.open_vector_file(f"HPKE/{name}.json", "r") as file:
        found: list[dict[str, Any]] = json.load(file)
    return found


def why_not(row: dict[str, Any]) -> str:
    """Return why a vector does not apply; empty if it does."""
    if row["mode"] != BASE:
        return "a mode with a key of the sender: chapter 2 seals in base mode"
    if row["kem_id"] != X25519:
        return "a KEM of no suite"
    if row["kdf_id"] != HKDF_SHA256:
        return "a KDF of no suite"
    return "" if row["aead_id"] in list(Aead) else "an AEAD of no suite, or none at all"


OURS = [row for row in hpke_rows() if not why_not(row)]


def test_which_vectors_of_rfc_9180_apply() -> None:
    assert Counter(why_not(row) for row in hpke_rows()) == {
        "": 2,
        "a mode with a key of the sender: chapter 2 seals in base mode": 96,
        "a KEM of no suite": 24,
        "a KDF of no suite": 4,
        "an AEAD of no suite, or none at all": 2,
    }
    assert {row["aead_id"] for row in OURS} == set(Aead)
    later = hpke_rows("hpke-pq-test-vectors")
    assert later
    assert all(row["kem_id"] != X25519 or why_not(row) for row in later)  # ML-KEM and X-Wing are of no suite


def raw(row: dict[str, Any]) -> dict[str, bytes]:
    texts = {name: value for name, value in row.items() if isinstance(value, str) and name != "comment"}
    return {name: bytes.fromhex(value) for name, value in texts.items()}


def test_every_key_of_our_kem_is_derived_as_in_the_vectors() -> None:
    of_kem = [raw(row) for row in hpke_rows() if row["kem_id"] == X25519]
    assert len(of_kem) == 32
    for row in of_kem:
        assert hpke.derive_key_pair(row["ikmR"]) == hpke.KeyPair(row["skRm"], row["pkRm"])
        assert hpke.derive_key_pair(row["ikmE"]) == hpke.KeyPair(row["skEm"], row["pkEm"])


def test_the_shared_secret_depends_on_the_kem_alone() -> None:
    of_kem = [raw(row) for row in hpke_rows() if (row["mode"], row["kem_id"]) == (BASE, X25519)]
    assert len(of_kem) == 8
    for row in of_kem:
        agreed = hpke.derive_key_pair(row["ikmE"]).private_key().exchange(hpke.public_key(row["pkRm"]))
        assert hpke._shared_secret(agreed, row["enc"] + row["pkRm"]) == row["shared_secret"]


@pytest.mark.parametrize("row", OURS, ids=lambda row: Aead(row["aead_id"]).name)
def test_every_message_of_a_vector_is_sealed_and_opened(row: dict[str, Any]) -> None:
    """Exporting is used nowhere in this protocol; one message is sealed for each encapsulation, the first of these."""
    of, aead = raw(row), Aead(row["aead_id"])
    cipher, nonce = hpke.schedule(of["shared_secret"], of["info"], aead)
    assert nonce == of["base_nonce"]
    assert len(row["encryptions"]) == MESSAGES
    for number, message in enumerate(map(raw, row["encryptions"])):
        at = (int.from_bytes(nonce) ^ number).to_bytes(len(nonce))
        assert at == message["nonce"]
        assert cipher.encrypt(at, message["pt"], message["aad"]) == message["ct"]
        assert cipher.decrypt(at, message["ct"], message["aad"]) == message["pt"]


@pytest.mark.parametrize("row", OURS, ids=lambda row: Aead(row["aead_id"]).name)
def test_a_box_with_the_ephemeral_key_of_a_vector(row: dict[str, Any]) -> None:
    of, aead, first = raw(row), Aead(row["aead_id"]), raw(row["encryptions"][0])
    ephemeral, recipient = hpke.derive_key_pair(of["ikmE"]), hpke.KeyPair(of["skRm"], of["pkRm"]).private_key()
    public, private = hpke.public_key(of["pkRm"]), ephemeral.private_key()
    box = hpke._seal_with(of["enc"], private, public, of["info"], first["pt"], aead)
    assert box[: len(of["enc"])] == of["enc"]
    assert len(box) == len(first["pt"]) + hpke.OVERHEAD
    cipher, nonce = hpke.schedule(of["shared_secret"], of["info"], aead)
    assert box[len(of["enc"]) :] == cipher.encrypt(nonce, first["pt"], b"")  # no associated data: rule 1 of the module
    for opened in (hpke.open_sealed, hpke.open_by_hand):
        assert opened(recipient, of["info"], box, aead) == first["pt"]


# -------------------------------------------------------------------- RFC 9577, RFC 9578


def test_the_layout_of_a_token_in_every_vector_of_rfc_9577() -> None:
    """What is signed has one layout, whatever the challenge; challenges that are not ours are the next test's."""
    for row in map(raw, rows("rfc9577")):
        token = tokens.Token.decode(row["token_authenticator_input"] + bytes(256))
        assert (token.nonce, token.key_id) == (row["nonce"], row["token_key_id"])
        assert token.signed() == row["token_authenticator_input"]
        assert tokens.read_authorization(tokens.authorization(token)) == token.encode()


def test_which_challenges_are_of_this_protocol() -> None:
    """TOK-5: one origin, and no redemption context; the vectors that say otherwise are read by nobody here."""
    kinds = Counter[str]()
    for row in map(raw, rows("rfc9577")):
        kinds[kind_of(row)] += 1
        if kind_of(row) == "ours":
            issuer, origin = row["issuer_name"].decode(), row["origin_info"].decode()
            named = tokens.Token.decode(row["token_authenticator_input"] + bytes(256)).challenge_digest
            assert tokens.challenge_digest(issuer, origin) == named
    assert kinds == KINDS


def kind_of(row: dict[str, bytes]) -> str:
    if row["redemption_context"]:
        return "another redemption context"
    return "no origin" if not row["origin_info"] else "several origins" if b"," in row["origin_info"] else "ours"


def test_the_tokens_of_rfc_9578_verify_and_travel() -> None:
    for row in map(raw, rows("rfc9578")):
        key, token = tokens.TokenKey.decode(row["pkS"]), tokens.Token.decode(row["token"])
        token.verify(key)
        assert token.challenge_digest == hashlib.sha256(row["token_challenge"]).digest()
        (asked,) = tokens.read_requests(row["token_request"])
        assert (asked.key_byte, asked.blinded) == (key.identifier()[-1], row["token_request"][3:])
        assert tokens.read_authorization(tokens.authorization(token)) == row["token"]
