"""A world in memory with a directory: what strangers may do, what a directory may not, and deaths at every point."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.client.small_town import ACCOUNT, DAY_MS
from tests.client.strangers_play import Play
from tests.client.two_people import texts

from communicator_impl.client import Device
from communicator_impl.client.finding import Finder, _Search
from communicator_impl.client.purses import Account, Purses
from communicator_impl.client.records import Stage
from communicator_impl.doors import State
from communicator_impl.errors import CommunicatorError
from communicator_impl.tokens import Purpose
from communicator_impl.wallet import Purse, Wallet

EVERY: Final = 6


def played(folder: Path, at: tuple[int, bool] | None, whose: int) -> Play:
    play = Play(folder, at, whose)
    play.register()
    play.open_account()
    play.find()
    play.go_on()
    number = play.let_in()
    play.ann.say(number, "come in")
    play.go_on(8)
    play.go_on(6, DAY_MS // 24)
    return play


def check(play: Play) -> None:
    """One relationship, each message once; two tokens, a batch for each, one contact, one entry: nothing was lost."""
    ann, ben = play.ann.device, play.ben.device
    (number,), (there,) = ann.history.people(), ben.history.people()
    assert texts(ann, number, own=False) == ["may I?"]
    assert texts(ben, there, own=False) == ["come in"]
    assert ann.history.person(number).stage is ben.history.person(there).stage is Stage.TOGETHER
    assert len(set(play.town.shown)) == 2
    left = play.town.issuer.allowance(play.world.now_ms, ACCOUNT)
    assert (left[Purpose.QUERY], left[Purpose.CONTACT]) == (1024 - 64, 1024 - 64)
    assert play.town.directory._head.size == 1
    stock = play.town.directory._contacts["ann"].values()
    assert sum(one.given_day is not None for one in stock) == 1
    known = {one.ends_s for one in ann.strangers.contacts().values() if one.way.state is State.OPEN}
    assert len(known) <= len(ann.strangers.contacts()) == len(stock) - 1
    play.close()


LASTING: Final = ({"commit", "entry", "deposit", "request"}, {"commit", "tokens", "query", "take", "submit"})
OFTEN: Final = ("commit", "request")


@pytest.mark.slow
@pytest.mark.parametrize("whose", [0, 1])
def test_a_device_may_die_at_every_point_of_a_beginning(tmp_path: Path, whose: int) -> None:
    whole = played(tmp_path / "whole", None, whose)
    order = list(whole.hosts[whose].deaths.order)
    check(whole)
    assert set(order) >= LASTING[whose]
    points = [n for n, kind in enumerate(order) if kind not in OFTEN or n % EVERY == whose % EVERY]
    for number in points:
        for after in (False, True):
            play = played(tmp_path / f"{number} {after}", (number, after), whose)
            assert play.hosts[whose].died == 1, (number, order[number])
            check(play)


# -------------------------------------------------------------------- planted mistakes


def numbers_a_search_anew(patch: pytest.MonkeyPatch) -> None:
    right = Finder._search

    def search(self: Finder, uri: str, name: str) -> _Search:
        return _Search(uri, name, self._device.entropy.draw(right(self, uri, name).row, 16))

    patch.setattr(Finder, "_search", search)


def forgets_what_it_asked_for(patch: pytest.MonkeyPatch) -> None:
    right = Purses._restock

    def restock(self: Purses, wallet: Wallet, purse: Purse, account: Account, uri: str) -> None:
        wallet.refused(self._clock(), purse)
        right(self, wallet, purse, account, uri)

    patch.setattr(Purses, "_restock", restock)


def lets_in_by_halves(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def step(_: Device) -> Iterator[None]:
        yield

    patch.setattr(Device, "step", step)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "whose", "kind"),
    [(numbers_a_search_anew, 1, "take"), (forgets_what_it_asked_for, 1, "tokens"), (lets_in_by_halves, 0, "commit")],
)
def test_a_planted_mistake_is_found(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], whose: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    whole = played(tmp_path / "whole", None, whose)
    order = list(whole.hosts[whose].deaths.order)
    check(whole)
    points = [number for number, passed in enumerate(order) if passed == kind]
    assert any(is_spoilt(tmp_path / str(number), (number, True), whose) for number in points[len(points) // 2 :])


def is_spoilt(folder: Path, at: tuple[int, bool], whose: int) -> bool:
    try:
        check(played(folder, at, whose))
    except (AssertionError, CommunicatorError):
        return True
    return False
