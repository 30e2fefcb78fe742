"""Who is offered what: every message reaches somebody, and nobody gets keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.content import Attachment, Content, Location, Profile, encode_content, encode_profile
from communicator_impl.routing import File, Routes
from communicator_spec.parameters import PARAMETERS

PROFILE_TYPE = PARAMETERS.content.profile_type
PLACE = Location("https://sending.example/v1/attachments/x", b"k" * 32, b"d" * 32, 1_768_435_200)
TEXT = encode_content(Content("text/plain", b"good morning"))
CHESS = encode_content(Content("application/vnd.chess", b"e4"))
ROUTES = Routes("talk")


def who(routes: Routes, content: bytes, relationship: int = 1) -> list[tuple[str, bool]]:
    return [(offer.application, offer.can_be_shown) for offer in routes.offers(relationship, 7, content)]


def test_text_goes_to_the_conversations_whatever_else_gets_it() -> None:
    assert who(ROUTES, TEXT) == [("talk", True)]
    assert who(ROUTES.register("text/plain", "notes"), TEXT) == [("talk", True), ("notes", True)]
    assert who(ROUTES.choose(1, "text/plain", "notes"), TEXT) == [("talk", True), ("notes", True)]  # CONT-3
    assert who(ROUTES.register("text/plain", "talk"), TEXT) == [("talk", True)]


def test_a_type_that_nobody_knows_is_shown_as_one_that_cannot_be_shown() -> None:
    assert who(ROUTES, CHESS) == [("talk", False)]  # CONT-2
    assert who(ROUTES.register("application/vnd.chess", "chess"), CHESS) == [("chess", True)]


def test_the_person_routes_one_type_of_one_relationship() -> None:
    routes = ROUTES.register("application/vnd.chess", "chess").choose(1, "application/vnd.chess", "board")
    assert who(routes, CHESS, relationship=1) == [("board", True)]  # CONT-4
    assert who(routes, CHESS, relationship=2) == [("chess", True)]
    again = routes.choose(1, "application/vnd.chess", "other")
    assert who(again, CHESS, relationship=1) == [("other", True)]


@pytest.mark.parametrize("content", [b"", b"\xff", TEXT + b"\0", b"\xa0"])
def test_what_is_malformed_or_missing_is_offered_as_unreadable(content: bytes) -> None:
    (offer,) = ROUTES.offers(1, 7, content)
    assert offer == ("talk", 7, "", b"", (), False)  # CONT-14


def test_an_application_gets_no_key_and_no_address() -> None:
    file = Attachment(9, (PLACE,), "image/jpeg", "lake.jpg")
    (offer,) = ROUTES.offers(1, 7, encode_content(Content("text/plain", b"look", (file,))))
    assert offer.files == (File(0, 9, "image/jpeg", "lake.jpg"),)  # CONT-5
    for secret in (PLACE.key, PLACE.digest, PLACE.uri.encode()):
        assert secret not in repr(offer).encode()


def test_a_profile_is_applied_and_offered_to_nobody() -> None:
    picture = Attachment(9, (PLACE,), "image/jpeg")
    told = encode_content(Content(PROFILE_TYPE, encode_profile(Profile("Alex", picture=picture))))
    assert ROUTES.register(PROFILE_TYPE, "spy").offers(1, 7, told) == ()


@given(st.binary(max_size=80))
def test_whatever_arrives_is_offered_to_somebody(content: bytes) -> None:
    assert ROUTES.offers(1, 7, content)
