"""A device against real services: people meet by a link, write, and lose nothing."""

from pathlib import Path

import pytest
from tests.client.two_people import closing, device, go_on, texts
from tests.services.running import Service

from communicator_impl.client.records import Stage


@pytest.mark.slow
def test_two_people_meet_by_a_link_and_write(tmp_path: Path) -> None:
    with Service(tmp_path, "both") as one, Service(tmp_path, "both") as other:
        ann, ben = device(tmp_path / "ann.store", [one, other]), device(tmp_path / "ben.store", [other, one])
        with closing(ann, ben):
            number, contact = ann.invite("Ben")
            there = ben.approach("Ann", contact)
            ben.say(there, "hello")
            go_on([ben, ann], lambda: texts(ann, number, own=False) == ["hello"])
            ann.say(number, "welcome")
            go_on([ann, ben], lambda: texts(ben, there, own=False) == ["welcome"])
            assert ann.history.person(number).stage is Stage.TOGETHER
            assert ben.history.person(there).stage is Stage.TOGETHER
