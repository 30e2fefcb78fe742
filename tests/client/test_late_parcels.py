"""A sending service whose clock is ahead: a parcel that is too late there holds up no other one."""

from pathlib import Path

import pytest
from tests.client.small_post import Host, World, WorldCourier
from tests.client.test_forgotten import HOUR_MS, together, turn

from communicator_impl.errors import ServiceError
from communicator_impl.submission import Submission
from communicator_impl.tokens import Token
from communicator_spec import ErrorClass

AHEAD_MS = 30 * 86_400_000


def parcels(host: Host) -> int:
    return sum(1 for _ in host.device.vault.keys("outgoing/"))


def refuses_what_is_late(world: World, patch: pytest.MonkeyPatch) -> list[int]:
    right, refused = WorldCourier.submit, list[int]()

    def submit(self: WorldCourier, uri: str, submission: Submission, relationship: int, token: Token | None) -> bytes:
        if submission.not_after_ms <= world.now_ms + AHEAD_MS:
            refused.append(relationship)
            raise ServiceError(ErrorClass.EXPIRED, uri)
        return right(self, uri, submission, relationship, token)

    patch.setattr(WorldCourier, "submit", submit)
    return refused


def test_a_parcel_that_is_late_for_the_service_is_dropped_and_its_message_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben, world = together(tmp_path)
    with monkeypatch.context() as patch:
        refused = refuses_what_is_late(world, patch)
        ben.say(0, "too late, they say")
        turn(world, ann, ben, 2)
        assert refused
        assert parcels(ben) == 0
        assert ben.device.core.waiting(0)
    turn(world, ann, ben, 24, 2 * HOUR_MS)
    assert not ben.device.core.waiting(0)
    ann.close()
    ben.close()
