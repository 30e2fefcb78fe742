"""What a place costs that is waited for: a request in minutes, and no more where something on the way is impatient."""

import threading
from types import SimpleNamespace
from typing import Final, cast

import pytest

from communicator_impl.client import Device, watching
from communicator_impl.client.courier import Courier, Silent
from communicator_impl.client.watching import Watch
from communicator_impl.root_record import Item
from communicator_spec import ErrorClass

IMPATIENT_S: Final = 60
REQUESTS: Final = 60


class _Stop(threading.Event):
    def __init__(self) -> None:
        super().__init__()
        self.pauses = list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


def listened(
    monkeypatch: pytest.MonkeyPatch, impatient_s: int, dead: bool = False
) -> tuple[list[int], list[int], _Stop]:
    """Wait at a place where connections are ended after so long; return what was asked for, what was answered."""
    asked, answered, stop, now_s = list[int](), list[int](), _Stop(), [0.0]

    class Impatient(Courier):
        def fetch(self, uri: str, access_key: bytes, wait_s: int | None = None) -> list[Item]:
            assert wait_s is not None
            asked.append(wait_s)
            if len(asked) == REQUESTS:
                stop.set()
            now_s[0] += 0 if dead else min(wait_s, impatient_s)
            if dead or wait_s > impatient_s:
                raise Silent(ErrorClass.UNKNOWN, uri)
            answered.append(wait_s)
            return []

    monkeypatch.setattr(watching, "Courier", Impatient)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    place = watching._Place(0, 0, bytes(32))
    Watch(cast(Device, None))._listen(place, "https://one.example", stop)
    return asked, answered, stop


def test_a_place_at_rest_is_asked_for_about_five_minutes_and_never_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, _ = listened(monkeypatch, 3600)
    assert answered == asked
    assert 240 <= min(asked) < max(asked) <= 300


def test_a_place_that_is_cut_off_is_asked_again_at_once_and_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, stop = listened(monkeypatch, IMPATIENT_S)
    assert stop.pauses == []
    assert max(asked[1:]) <= IMPATIENT_S + 20
    assert len(answered) >= REQUESTS / 2


def test_a_place_that_does_not_answer_is_asked_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    _, answered, stop = listened(monkeypatch, IMPATIENT_S, dead=True)
    assert answered == []
    assert stop.pauses[:3] == [2.0, 4.0, 8.0]
    assert stop.pauses[-1] == 300.0
