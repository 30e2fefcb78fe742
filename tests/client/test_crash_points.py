"""A device dies at every durable write and at every request, just before and just after it; nothing is lost or doubled.

The points are found by running, not listed: a run without a death counts them, and then each is a run of its own.
"""

from pathlib import Path
from typing import Final

import pytest
from tests.client.small_post import URIS, Host, World
from tests.client.two_people import texts

from communicator_impl.errors import CommunicatorError
from communicator_simulations.chaos.planted import plant

STEP_MS: Final = 120_000
HOUR_MS: Final = 3_600_000
TURNS: Final = 12
SAID: Final = {3: "one", 5: "two", 7: "three"}
LASTING: Final = ("commit", "request", "confirm", "submit")


def played(folder: Path, at: tuple[int, bool] | None, whose: int = 0) -> tuple[tuple[Host, Host], World]:
    """Let two people meet and write to each other while one of them dies once."""
    world = World()
    folder.mkdir()
    hosts = Host(folder / "ann", world, "ann"), Host(folder / "ben", world, "ben")
    ann, ben = (host.device for host in hosts)
    _, contact = ann.invite("Ben")
    ben.approach("Ann", contact)
    hosts[whose].deaths.passed = 0
    hosts[whose].deaths.kinds.clear()
    hosts[whose].deaths.at = at
    for turn in range(TURNS):
        if turn == 4:
            world.down.add(URIS[0])
        if turn == 9:
            world.down.clear()
        if turn in SAID:
            for host in hosts:
                host.say(0, SAID[turn])
        for host in hosts:
            host.turn()
        world.post()
        world.now_ms += STEP_MS
    for _ in range(16):  # as long as the slowest receipt and an escalation take
        for host in hosts:
            host.turn()
        world.post()
        world.now_ms += 2 * HOUR_MS
    return hosts, world


def check(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        assert texts(host.device, 0, own=False) == [*SAID.values()]
        states = [message.state.value for own, _, message in host.device.history.messages(0) if own]
        assert states == ["delivered"] * len(SAID)
        assert host.device.core.waiting(0) == ()
        host.close()


@pytest.mark.slow
@pytest.mark.parametrize("whose", [0, 1])
def test_a_device_may_die_at_every_point(tmp_path: Path, whose: int) -> None:
    hosts, _ = played(tmp_path / "whole", None, whose)
    count, kinds = hosts[whose].deaths.passed, hosts[whose].deaths.kinds
    check(hosts)
    assert kinds.keys() >= set(LASTING)
    killed = 0
    for number in range(whose, count, 2):  # the other half is the other device's
        for after in (False, True):
            hosts, _ = played(tmp_path / f"{number} {after}", (number, after), whose)
            assert hosts[whose].died == 1, number
            killed += 1
            check(hosts)
    print(f"{count} points, {dict(kinds)}; killed at {killed}")


# -------------------------------------------------------------------- planted mistakes


PLANTED: Final = (
    "confirms-before-it-stores",
    "forgets-a-parcel-before-it-is-taken",
    "keeps-each-value-by-itself",
    "begins-with-an-empty-outbox",
    "drains-before-the-history",
)


def found(folder: Path, whose: int) -> str:
    """Return the first death after which something is wrong, if there is one."""
    for number in range(10, 90):  # what comes before is the beginning
        for after in (False, True):
            try:
                hosts, _ = played(folder / f"{whose} {number} {after}", (number, after), whose)
                check(hosts)
            except (AssertionError, CommunicatorError):
                return f"{number} {after}"
            if not hosts[whose].died:
                return ""
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = list[str]()
    plant(name, monkeypatch.setattr, lambda: reached.append(name))
    assert any(found(tmp_path, whose) for whose in (0, 1))
    assert reached
