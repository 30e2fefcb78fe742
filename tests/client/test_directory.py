"""Relationships that begin at a directory: who registers, who is found, who waits, and who is let in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.directory_town import Town, town
from tests.client.two_people import closing, device, go_on, texts

from communicator_impl.client.records import Stage
from communicator_impl.errors import InputError
from communicator_spec import ErrorClass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as running:
        yield running


def test_a_stranger_is_found_waits_and_is_let_in(place: Town, tmp_path: Path) -> None:  # DIR-11, PORT-15, PORT-16
    uri = place.directory.uri
    ann, ben = device(tmp_path / "ann", [place.post]), device(tmp_path / "ben", [place.post])
    with closing(ann, ben):
        assert ann.names.register(uri, "ann@example", place.name("ann@example"), keeps=4).left == 4
        ben.purses.open_account(place.issuer.uri, place.account())
        there = ben.finder.find(uri, "ann@example", "Ann", "may I?").relationship
        ben.say(there, "are you there?")
        go_on([ben, ann], lambda: len(ann.strangers.waiting()) == 1)
        (waiting,) = ann.strangers.waiting()
        assert [offer.data for offer in waiting.visitor.offers] == [b"may I?"]
        assert ann.history.people() == {}
        ann.turn()
        assert ann.post.is_empty(), "nothing leaves before the person agrees"
        ann.strangers.agree(waiting.relationship, "Ben")
        number = waiting.relationship
        assert texts(ann, number, own=False) == ["may I?"]
        ann.say(number, "come in")
        go_on([ann, ben], lambda: texts(ben, there, own=False) == ["come in"])
        assert ann.history.person(number).stage is Stage.TOGETHER
        assert ben.history.person(there).stage is Stage.TOGETHER
        assert ann.strangers.waiting() == []
        with pytest.raises(InputError) as caught:
            ann.strangers.agree(number, "Ben")
        assert caught.value.error_class is ErrorClass.UNKNOWN
