"""A receiving service that went on with an old database: devices register again there, and nothing is lost."""

from pathlib import Path

from tests.client.small_post import URIS, Host, World
from tests.client.two_people import texts

from communicator_impl.client.device import Device

STEP_MS = 120_000
HOUR_MS = 3_600_000


def together(folder: Path) -> tuple[Host, Host, World]:
    world = World()
    ann, ben = Host(folder / "ann", world, "ann"), Host(folder / "ben", world, "ben")
    _, contact = ann.device.invite("Ben")
    ben.device.approach("Ann", contact)
    ben.say(0, "hello")
    turn(world, ann, ben, 4)
    assert texts(ann.device, 0, own=False) == ["hello"]
    return ann, ben, world


def turn(world: World, ann: Host, ben: Host, times: int, step_ms: int = STEP_MS) -> None:
    for _ in range(times):
        for host in (ann, ben):
            host.turn()
        world.post()
        world.now_ms += step_ms


def pending(device: Device) -> bool:
    return any(True for _ in device.vault.keys("request/"))


def test_a_service_that_forgot_everybody_is_told_everything_again(tmp_path: Path) -> None:  # RECV-6, SVC-12
    ann, ben, world = together(tmp_path)
    world.forget(URIS[0])
    turn(world, ann, ben, 3)
    assert not pending(ann.device)
    world.down.add(URIS[1])  # what arrives now arrives at the other one
    ben.say(0, "by the one that forgot")
    turn(world, ann, ben, 16, HOUR_MS)
    assert texts(ann.device, 0, own=False) == ["hello", "by the one that forgot"]
    ann.close()
    ben.close()


def test_what_was_being_registered_waits_until_its_root_is_known_again(tmp_path: Path) -> None:
    ann, ben, world = together(tmp_path)
    grant = next(r for r in ann.device.core.registrations(0, 0) if hasattr(r, "grant"))
    world.forget(URIS[0])
    ann.device.post.plan_request(grant)
    ann.device.post.carry_out()
    assert pending(ann.device)
    turn(world, ann, ben, 3)
    assert not pending(ann.device)
    ann.close()
    ben.close()
