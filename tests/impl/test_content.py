"""Contents, attachments in them and profiles: what comes back, and what is malformed."""

from importlib.resources import files
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl import wire
from communicator_impl.content import (
    Attachment,
    Content,
    Location,
    NameChange,
    Profile,
    Told,
    decode_content,
    decode_profile,
    encode_content,
    encode_profile,
    latest,
    name_change,
)
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import validate

A, C = PARAMETERS.attachment, PARAMETERS.content
PLACE = ["https://sending.example/v1/attachments/x", b"k" * 32, b"d" * 32, 1_768_435_200]
FILE = {0: 48_213, 1: [PLACE], 2: "image/jpeg", 3: "lake.jpg"}
TEXT = {0: 1, 1: "text/plain", 2: b"good morning"}
WITH_FILE = {**TEXT, 3: [FILE]}
PROFILE = {0: "Alex", 1: "they", 2: FILE}

names = st.text(st.characters(exclude_characters="/\\\x7f", min_codepoint=0x20, codec="utf-8"), min_size=1, max_size=40)
good_names = names.filter(lambda n: n not in (".", ".."))
kinds = st.text(st.characters(codec="utf-8"), min_size=1, max_size=31)
locations = st.builds(
    Location,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**64 - 1),
)
attachments = st.builds(
    Attachment,
    st.integers(0, A.file_bytes_max),
    st.lists(locations, min_size=1, max_size=2).map(tuple),
    kinds,
    st.none() | good_names,
)
profiles = st.builds(Profile, kinds, st.none() | st.text("abc", min_size=1, max_size=63), st.none() | attachments)
contents = st.builds(Content, st.just("a/b"), st.binary(max_size=90), st.lists(attachments, max_size=3).map(tuple))


def malformed(data: bytes) -> bool:
    with pytest.raises(PeerError) as caught:
        decode_content(data)
    return caught.value.error_class is ErrorClass.MALFORMED


@given(contents)
def test_contents_come_back_and_follow_the_schema(content: Content) -> None:
    data = encode_content(content)
    assert decode_content(data) == content
    assert validate("content", data) is None


@given(profiles)
def test_profiles_come_back_and_follow_the_schema(profile: Profile) -> None:
    data = encode_profile(profile)
    assert decode_profile(data) == profile
    assert validate("person", data) is None
    whole = encode_content(Content(C.profile_type, data))
    assert decode_content(whole).data == data


@given(st.binary(max_size=60))
def test_whatever_decodes_is_what_is_encoded(data: bytes) -> None:
    try:
        content = decode_content(data)
    except PeerError:
        return
    assert encode_content(content) == data


def test_the_schema_repeats_the_limits_of_the_table() -> None:
    source = files("communicator_spec").joinpath("communicator.cddl").read_text()
    for limit in (f"0..{A.file_bytes_max}", f"1*{A.locations_max} location", f"1*{A.per_message_max} attachment"):
        assert limit in source
    assert f"uri: tstr .size (1..{A.uri_bytes_max})" in source


def test_the_twins_of_everything_malformed_are_taken() -> None:
    assert decode_content(wire.encode(TEXT)).data == b"good morning"
    assert decode_content(wire.encode(WITH_FILE)).attachments[0].name == "lake.jpg"
    most = {**FILE, 1: [PLACE] * A.locations_max, 3: "x" * A.name_bytes_max}
    assert decode_content(wire.encode({**TEXT, 1: "x" * C.type_bytes_max, 3: [most]})).type == "x" * 127
    assert len(decode_content(wire.encode({**TEXT, 3: [FILE] * A.per_message_max})).attachments) == 8
    assert decode_content(wire.encode({**TEXT, 1: "a/b", 2: b"\xff"})).data == b"\xff"


WRONG_CONTENTS: dict[str, object] = {
    "no map": [],
    "another version": {**TEXT, 0: 2},
    "no version": {1: "text/plain", 2: b""},
    "no type": {0: 1, 2: b""},
    "no data": {0: 1, 1: "text/plain"},
    "an unknown field": {**TEXT, 4: 0},
    "an empty type": {**TEXT, 1: ""},
    "a long type": {**TEXT, 1: "x" * (C.type_bytes_max + 1)},
    "a long type in bytes": {**TEXT, 1: "ü" * 64},
    "data as text": {**TEXT, 2: "good morning"},
    "text that is not UTF-8": {**TEXT, 2: b"\xff"},
    "an empty list": {**TEXT, 3: []},
    "nine attachments": {**TEXT, 3: [FILE] * 9},
    "an attachment that is none": {**TEXT, 3: [0]},
    "a profile without a name": {0: 1, 1: C.profile_type, 2: wire.encode({1: "they"})},
    "a profile that is text": {0: 1, 1: C.profile_type, 2: b"Alex"},
}


@pytest.mark.parametrize("what", WRONG_CONTENTS)
def test_a_content_that_is_not_built_so_is_malformed(what: str) -> None:
    assert malformed(wire.encode(WRONG_CONTENTS[what]))  # CONT-1, ATT-12


WRONG_FILES: dict[str, dict[int, object]] = {
    "no length": {1: [PLACE], 2: "a/b"},
    "a length that fits no upload": {**FILE, 0: A.file_bytes_max + 1},
    "no location": {**FILE, 1: []},
    "five locations": {**FILE, 1: [PLACE] * 5},
    "a location without a date": {**FILE, 1: [PLACE[:3]]},
    "an empty URI": {**FILE, 1: [["", *PLACE[1:]]]},
    "a long URI": {**FILE, 1: [["x" * 256, *PLACE[1:]]]},
    "a short key": {**FILE, 1: [[PLACE[0], b"k" * 31, *PLACE[2:]]]},
    "a long digest": {**FILE, 1: [[*PLACE[:2], b"d" * 33, PLACE[3]]]},
    "an empty type": {**FILE, 2: ""},
    "an empty name": {**FILE, 3: ""},
    "a long name": {**FILE, 3: "x" * 256},
    "an unknown field": {**FILE, 4: 0},
    "a slash": {**FILE, 3: "../lake.jpg"},
    "a backslash": {**FILE, 3: "..\\lake.jpg"},
    "a line break": {**FILE, 3: "lake\n.jpg"},
    "a delete": {**FILE, 3: "lake\x7f.jpg"},
    "the folder": {**FILE, 3: "."},
    "the folder above": {**FILE, 3: ".."},
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_an_attachment_that_is_not_built_so_is_malformed(what: str) -> None:
    file = WRONG_FILES[what]
    assert malformed(wire.encode({**TEXT, 3: [file]}))  # ATT-18
    assert malformed(wire.encode({0: 1, 1: C.profile_type, 2: wire.encode({0: "Alex", 2: file})}))


@pytest.mark.parametrize(
    "wrong", [{**PROFILE, 0: "x" * 256}, {**PROFILE, 1: ""}, {**PROFILE, 1: "x" * 64}, {**PROFILE, 3: 0}]
)
def test_a_profile_that_is_not_built_so_is_malformed(wrong: dict[int, object]) -> None:
    assert decode_profile(wire.encode(PROFILE)).pronouns == "they"
    with pytest.raises(PeerError):
        decode_profile(wire.encode(wrong))


@pytest.mark.parametrize("content", [Content("", b""), Content("text/plain", b"\xff"), Content("\ud800", b"")])
def test_what_a_peer_would_refuse_is_not_encoded(content: Content) -> None:
    with pytest.raises(InputError):
        encode_content(content)


def test_what_no_body_holds_is_too_large() -> None:
    around = len(encode_content(Content("a/b", bytes(2000)))) - 2000
    full = Content("a/b", bytes(2900 - around))
    assert len(encode_content(full)) == 2900
    with pytest.raises(InputError) as caught:
        encode_content(msgspec.structs.replace(full, data=full.data + b"\0"))
    assert caught.value.error_class is ErrorClass.TOO_LARGE


def test_the_profile_with_the_highest_number_wins_in_any_order() -> None:
    told = [Told(n, Profile(f"name {n}")) for n in (3, 5, 8, 13)]
    for order in permutations(told):
        held = None
        for one in order:
            held = latest(held, one)
        assert held == told[-1]  # CONT-6


def test_the_person_sees_a_change_of_name_and_nothing_else() -> None:
    alex, sam = Profile("Alex"), Profile("Sam", "they")
    assert name_change(None, Told(1, alex)) is None
    assert name_change(Told(1, alex), Told(2, sam)) == NameChange("Alex", "Sam")  # CONT-7
    assert name_change(Told(2, sam), Told(1, alex)) is None  # an older one changes nothing
    assert name_change(Told(2, sam), Told(3, Profile("Sam"))) is None
