"""An export holds every message and no key; a program needs nothing but chapter 12 to read it."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.content import Attachment, Content, Location, Profile, encode_content, encode_profile
from communicator_impl.errors import InputError
from communicator_impl.export import Kept, Relationship, export
from communicator_spec.parameters import PARAMETERS

NOW = 1_767_225_600
PROFILE_TYPE = PARAMETERS.content.profile_type
KEYS = [bytes([n]) * 32 for n in range(1, 5)]
URI = "https://sending.example/v1/attachments/5kW0qkTqGUzCw0Pm3cC1Vg"


def file(key: bytes, name: str | None = "lake.jpg") -> Attachment:
    return Attachment(4, (Location(URI, key, key[::-1], NOW),), "image/jpeg", name)


def told(name: str, key: bytes) -> bytes:
    return encode_content(Content(PROFILE_TYPE, encode_profile(Profile(name, "they", file(key, None)))))


HISTORY = Relationship(
    (
        Kept(True, 0, NOW, told("Alex", KEYS[0])),
        Kept(False, 0, NOW + 1, told("Blair", KEYS[1])),
        Kept(False, 2, NOW + 2, encode_content(Content("text/plain", "schön".encode(), (file(KEYS[2]),)))),
        Kept(False, 1, NOW + 3, told("Blair, older", KEYS[3])),
        Kept(True, 1, NOW + 4, encode_content(Content("application/vnd.chess", b"e4"))),
        Kept(False, 3, NOW + 5, b"not a content"),
    )
)


def spellings(secret: bytes) -> list[bytes]:
    """Every way in which bytes could stand in a JSON file, at any of three offsets of base64."""
    shifted = [base64.b64encode(bytes(n) + secret)[4:-4] for n in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *shifted]


def test_everything_that_the_paragraph_lists_is_there() -> None:
    data = json.loads(export([HISTORY]))
    assert (data["format"], data["version"]) == ("communicator export", 1)
    (relationship,) = data["relationships"]
    assert relationship["ended"] is False
    assert relationship["me"]["name"] == "Alex"
    assert relationship["peer"] == {  # the names and pictures in use (PORT-6): number 1 came after number 0
        "name": "Blair, older",
        "pronouns": "they",
        "picture": {"type": "image/jpeg", "length": 4},
    }
    rows = relationship["messages"]
    assert [(r["from"], r["number"]) for r in rows] == [(("me" if m.sent else "peer"), m.number) for m in HISTORY[0]]
    assert rows[2] == {
        "from": "peer",
        "number": 2,
        "date": "2026-01-01T00:00:02Z",
        "type": "text/plain",
        "text": "schön",
        "attachments": [{"type": "image/jpeg", "name": "lake.jpg", "length": 4}],
    }
    assert base64.b64decode(rows[4]["data"]) == b"e4"
    assert base64.b64decode(rows[5]["unreadable"]) == b"not a content"


def test_files_go_along_if_the_device_has_them() -> None:
    data = json.loads(export([HISTORY], lambda a: b"jpeg" if a.name else None))
    (attached,) = data["relationships"][0]["messages"][2]["attachments"]
    assert base64.b64decode(attached["data"]) == b"jpeg"
    assert "data" not in data["relationships"][0]["peer"]["picture"]


@pytest.mark.parametrize("key", KEYS)
def test_no_key_no_digest_and_no_place_of_an_upload(key: bytes) -> None:
    data = export([HISTORY])
    for secret in (key, key[::-1]):
        assert not any(spelling in data for spelling in spellings(secret))  # PORT-7
    assert URI.encode() not in data


def test_spellings_find_a_key_that_is_there() -> None:
    leak = Kept(True, 0, NOW, encode_content(Content("a/b", b"x" + KEYS[0])))
    data = export([Relationship((leak,))])
    assert any(spelling in data for spelling in spellings(KEYS[0]))


texts = st.text(st.characters(codec="utf-8"), max_size=40)
kept = st.builds(
    Kept, st.booleans(), st.integers(0, 2**48 - 1), st.integers(0, 2**32), texts.map(lambda t: encode_content(text(t)))
)


def text(words: str) -> Content:
    return Content("text/plain", words.encode())


@given(st.lists(kept, max_size=6, unique_by=lambda m: (m.sent, m.number)))
def test_every_text_comes_back_and_order_does_not_matter(messages: list[Kept]) -> None:
    data = export([Relationship(tuple(messages), ended=True)])
    assert data == export([Relationship(tuple(reversed(messages)), ended=True)])
    rows = json.loads(data)["relationships"][0]["messages"]
    found = {(row["from"] == "me", row["number"]): encode_content(text(row["text"])) for row in rows}
    assert found == {(m.sent, m.number): m.content for m in messages}  # PORT-6


@pytest.mark.parametrize("wrong", [(Kept(True, 0, NOW, b""),) * 2, (Kept(True, 0, 1 << 50, b""),)])
def test_what_cannot_be_history_raises(wrong: tuple[Kept, ...]) -> None:
    assert export([Relationship(wrong[:1])] if len(wrong) > 1 else [])
    with pytest.raises(InputError):
        export([Relationship(wrong)])


def test_the_file_is_plain_json() -> None:
    assert msgspec.json.decode(export([])) == {"format": "communicator export", "version": 1, "relationships": []}
