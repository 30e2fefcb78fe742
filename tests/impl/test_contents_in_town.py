"""Contents between two relationship managers: everything is delivered and acknowledged, whatever it is."""

import pytest
from tests.impl.small_town import HOUR, PROFILES, Town

from communicator_impl.addresses import Profile
from communicator_impl.content import Content, encode_content
from communicator_impl.routing import Routes
from communicator_spec import Kind

ROUTES = Routes("talk")


@PROFILES
@pytest.mark.parametrize(
    "content",
    [
        encode_content(Content("text/plain", b"good morning")),
        encode_content(Content("application/vnd.nobody-knows", bytes(500))),  # CONT-2
        b"not a content",  # CONT-14
        b"",
    ],
    ids=["text", "unknown type", "malformed", "missing"],
)
def test_any_content_arrives_is_acknowledged_and_is_offered(profile: Profile, content: bytes) -> None:
    town = Town(profile)
    town.submit(0, content)
    town.run(12 * HOUR)
    assert town.application[1] == {0: content}
    assert len(town.reported(Kind.DELIVERED)) == 1
    assert [event.message for event in town.reported(Kind.ACKNOWLEDGED)] == [0]
    assert town.particle(0).outbox == {}
    (offer,) = ROUTES.offers(1, 0, town.application[1][0])
    assert offer.application == "talk"
    assert offer.can_be_shown == content.endswith(b"good morning")
