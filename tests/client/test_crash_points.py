"""A device dies at every durable write and at every request, just before and just after it; nothing is lost or doubled.

The points are found by running, not listed: a run without a death counts them, and then each is a run of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.client.small_post import URIS, Host, World
from tests.client.two_people import texts

from communicator_impl.client import Device, Vault
from communicator_impl.client.post import Post
from communicator_impl.client.records import Parcel
from communicator_impl.errors import CommunicatorError
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.root_record import Item

STEP_MS: Final = 120_000
HOUR_MS: Final = 3_600_000
Plant = Callable[[pytest.MonkeyPatch], None]
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


def confirms_before_it_stores(patch: pytest.MonkeyPatch) -> None:
    right = Device.take

    def take(self: Device, relationship: int, service: int, access_key: bytes, items: Sequence[Item]) -> int:
        if items:
            numbers = frozenset(item.number for item in items)
            self.courier.confirm(self.book.uri(service), access_key, numbers)
        return right(self, relationship, service, access_key, items)

    patch.setattr(Device, "take", take)


def forgets_a_parcel_before_it_is_taken(patch: pytest.MonkeyPatch) -> None:
    right = Post._hand_over

    def hand_over(self: Post, name: str, parcel: Parcel) -> None:
        self._vault.delete(name)
        right(self, name, parcel)

    patch.setattr(Post, "_hand_over", hand_over)


def keeps_each_value_by_itself(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def together(_: Vault) -> Iterator[None]:
        yield

    def save(self: Vault, key: str, value: bytes) -> None:
        sealed = bytes(12) + self._aead.encrypt(bytes(12), value, key.encode())
        self._connection.execute("BEGIN")
        self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, sealed))
        self._commit()

    patch.setattr(Vault, "together", together)
    patch.setattr(Vault, "save", save)


def begins_with_an_empty_outbox(patch: pytest.MonkeyPatch) -> None:
    right = RelationshipManager.__init__

    def build(self: RelationshipManager, *args: Any, **named: Any) -> None:  # noqa: ANN401
        right(self, *args, **named)
        for particle in self._particles.values():
            particle.outbox.clear()

    patch.setattr(RelationshipManager, "__init__", build)


PLANTED: Final = (
    confirms_before_it_stores,
    forgets_a_parcel_before_it_is_taken,
    keeps_each_value_by_itself,
    begins_with_an_empty_outbox,
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
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_found(tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(found(tmp_path, whose) for whose in (0, 1))
