"""The screen as a person uses it: by keys, by the mouse, in windows of all sizes, with services that fall silent."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.small_post import URIS
from tests.client.two_people import texts
from tests.reports.terminal.stage import Stage, seen, shown, until

from communicator_impl.client import Device, link_of
from communicator_impl.client.records import Stage as How
from communicator_reports.terminal.app import Terminal

WIDE, MIDDLE, NARROW, TINY = (160, 50), (100, 30), (60, 24), (40, 20)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.close()


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_a_message_is_written_and_delivered(stage: Stage) -> None:
    ben = stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(WIDE) as pilot:
            await seen(pilot, "Ben", "ready", "✓ 2 services answer")
            await pilot.press("enter", *"hello", "ctrl+j", *"you", "enter")
            await seen(pilot, "hello", "you", "→  sent")
            assert "write to Ben" in await seen(pilot, "write to Ben")
            await seen(pilot, "✓  delivered", go_on=lambda: stage.go_on(ben))

    play(scene())
    assert texts(ben, 0, own=False) == ["hello\nyou"]
    assert texts(stage.me, 0, own=True) == ["hello\nyou"]


def test_what_arrives_is_shown_and_read_when_it_is_looked_at(stage: Stage) -> None:
    ben = stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Nothing was written yet")
            with stage.lock:
                ben.say(0, "are you there?")
            await seen(pilot, "1 new", "new ─", "are you there?", go_on=lambda: stage.go_on(ben))
            assert stage.me.history.unread(0) == 1
            await pilot.press("enter")
            await until(pilot, lambda: "1 new" not in shown(pilot))
            assert "new ─" in shown(pilot)  # where it began is still seen
            with stage.lock:
                ben.say(0, "good")
            await seen(pilot, "good", go_on=lambda: stage.go_on(ben))
            await until(pilot, lambda: "1 new" not in shown(pilot))

    play(scene())
    assert stage.me.history.unread(0) == 0


def test_a_draft_stays_with_its_person(stage: Stage) -> None:
    for name in ("Ben", "Clara"):
        stage.meet(name)

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Clara")
            await pilot.press("enter", *"for ben", "escape", "escape", "down")
            await seen(pilot, "write to Clara")
            assert "for ben" not in shown(pilot)
            await pilot.click("#people", offset=(3, 0))
            await seen(pilot, "for ben")
            await pilot.press("ctrl+c")
            await seen(pilot, "a text was not sent")

    play(scene())
    assert texts(stage.me, 0, own=True) == []


def test_the_path_of_a_message_is_shown(stage: Stage) -> None:
    ben = stage.meet("Ben")
    stage.world.down.add(URIS[1])
    stage.me.say(0, "some way or other")
    stage.settle(ben, times=40)

    async def scene() -> None:
        async with stage.open(WIDE) as pilot:
            found = await seen(pilot, "some way or other", "path of the message", "✗ 1 of 2 services silent")
            assert found.index("✗ silent; tried again") < found.index("✓ stored there")
            for words in ("one.example → two.example", "one.example → one.example"):
                assert words in found

    play(scene())


def test_addresses_of_both_directions_are_shown(stage: Stage) -> None:
    ben = stage.meet("Ben")
    for device in (ben, stage.me):
        device.say(0, "x")
        stage.settle(ben)

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Ben")
            await pilot.press("d")
            found = await seen(pilot, "Ben reaches you at", "you reach Ben at", "services")
            assert found.count("long-term") == found.count("short-lived") == 4
            assert found.count("standby") == found.count("in use") == 4
            await pilot.press("escape", "escape")
            assert "reaches you" not in await seen(pilot, "ready")

    play(scene())


@pytest.mark.parametrize("size", [NARROW, TINY])
def test_a_narrow_window_shows_one_pane_at_a_time(stage: Stage, size: tuple[int, int]) -> None:
    ben = stage.meet("Ben")
    stage.meet("Maximiliana Konstantinopolitanska-Wolfeschlegelstein")
    ben.say(0, "a long message " * 20)
    stage.settle(ben)

    async def scene() -> None:
        async with stage.open(size) as pilot:
            assert "long message" not in await seen(pilot, "Maximiliana", "1 new")
            await pilot.press("enter")
            assert "Maximiliana" not in await seen(pilot, "long message", "write to Ben")
            await pilot.press("escape", "enter")
            assert "long message" not in await seen(pilot, "path of the message", "reaches you")
            await pilot.press("escape", "escape")
            await seen(pilot, "Maximiliana")
            await pilot.resize_terminal(*WIDE)
            await seen(pilot, "Maximiliana", "long message", "path of the message")

    play(scene())


def test_silent_services_are_a_note_and_lose_nothing(stage: Stage) -> None:
    ben = stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Ben")
            with stage.lock:
                stage.world.down |= set(URIS)
            await pilot.press("enter", *"hello", "enter")
            await seen(pilot, "no answer from", "✗ no service answers", "·  kept", go_on=lambda: stage.go_on())
            with stage.lock:
                stage.world.down.clear()
            await seen(pilot, "back:", "✓  delivered", go_on=lambda: stage.go_on(ben))

    play(scene())
    assert texts(ben, 0, own=False) == ["hello"]


def test_what_was_sent_off_is_stored_before_the_screen_closes(stage: Stage) -> None:
    stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Ben")
            with stage.lock:  # the store is busy all the while
                await pilot.press("enter", *"hello", "enter", "ctrl+c")
                await seen(pilot, "hello", "…  writing", "leaving")
                assert texts(stage.me, 0, own=True) == []
            await until(pilot, lambda: not pilot.app.is_running)

    play(scene())
    assert texts(stage.me, 0, own=True) == ["hello"]


def test_a_text_that_is_refused_comes_back(stage: Stage) -> None:
    stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Ben")
            await pilot.press("enter")
            assert isinstance(pilot.app, Terminal)
            pilot.app.line_to_write.load_text("x" * 100_000)
            await pilot.press("enter")
            await seen(pilot, "bytes, at most")
            assert pilot.app.line_to_write.text == "x" * 100_000
            await pilot.press("ctrl+a", "delete")

    play(scene())
    assert texts(stage.me, 0, own=True) == []


def test_an_error_of_the_store_ends_the_screen_and_is_said(stage: Stage) -> None:
    def breaks(_: Device) -> None:
        raise ZeroDivisionError

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Nobody yet")
            assert isinstance(pilot.app, Terminal)
            pilot.app.worker.do(breaks)
            await until(pilot, lambda: not pilot.app.is_running)

    with pytest.raises(ZeroDivisionError):
        play(scene())


def test_people_meet_compare_and_part(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "Nobody yet")
            await pilot.press("i", *"Ben", "enter")
            await seen(pilot, "link for Ben", "communicator:contact/", "Whoever uses it")
            await pilot.press("r")
            await seen(pilot, "The QR codes need a window of")
            await pilot.resize_terminal(100, 40)
            await pilot.press("r")
            await seen(pilot, "▀", "1 of ")
            await pilot.press("space")
            await seen(pilot, "2 of ")
            await pilot.press("escape", "escape", "f")
            await seen(pilot, "Ben has not answered yet", "invited")
            with stage.lock:
                ben = stage.device("Ben")
                ben.approach("me", bytes.fromhex(stage.me.history.person(0).link))
            await seen(pilot, "ready", go_on=lambda: stage.go_on(ben))
            await pilot.press("f")
            await seen(pilot, "fingerprint with Ben", "in person or by voice")
            await pilot.press("y")
            await seen(pilot, "ready · verified")
            await pilot.press("r")
            await seen(pilot, "read is told", "Ben is told what you have read")
            await pilot.press("e")
            await seen(pilot, "end the relationship with Ben?", "[ ] let the person know")
            await pilot.press("enter", "x", "enter")
            await seen(pilot, "nothing has ended")
            await pilot.press("e", *"end", "tab", "space", "enter")
            await seen(pilot, "ended", "The conversation is over")

    play(scene())
    assert stage.me.history.person(0).stage is How.ENDED


def test_a_link_is_accepted_or_said_to_be_none(stage: Stage) -> None:
    ann = stage.device("ann")
    _, contact = ann.invite("me")

    async def scene() -> None:
        async with stage.open(NARROW) as pilot:
            await seen(pilot, "Nobody yet")
            for link, words in (("no link", "a link begins with"), (link_of(contact), "write to Ann")):
                await pilot.press("a")
                await seen(pilot, "accept a link")
                await pilot.press("enter")
                await seen(pilot, "this is needed")
                for letters in (link, "Ann"):
                    pilot.app.screen.focused.value = letters  # type: ignore[union-attr]
                    await pilot.press("enter")
                await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
                await pilot.press("w")
                await seen(pilot, words)
            with stage.lock:
                ann.say(0, "welcome")
            await seen(pilot, "welcome", go_on=lambda: stage.go_on(ann))

    play(scene())
    assert texts(stage.me, 0, own=False) == ["welcome"]


def test_a_service_is_left_for_another(stage: Stage) -> None:
    stage.use_one()
    ben = stage.meet("Ben")

    async def scene() -> None:
        async with stage.open(WIDE) as pilot:
            await seen(pilot, "Ben", "ready")
            await pilot.press("m")
            await seen(pilot, "receive at another service", "https://one.example")
            await pilot.press("tab", *"https://two.example", "enter")
            await seen(pilot, "two.example takes the place of one.example", "draining", go_on=lambda: stage.go_on(ben))

    play(scene())
    assert [stage.me.book.uri(n) for n in stage.me.book.setting.receiving] == ["https://two.example"]


def test_many_messages_are_scrolled_by_keys(stage: Stage) -> None:
    ben = stage.meet("Ben")
    for number in range(500):
        stage.me.say(0, f"message {number}")
    ben.turn()

    async def scene() -> None:
        async with stage.open(MIDDLE) as pilot:
            await seen(pilot, "message 499")
            await pilot.press("enter", "pageup")
            await until(pilot, lambda: "message 499" not in shown(pilot))
            await pilot.press("escape", "home")
            await seen(pilot, "message 0", "January 2026")
            await pilot.press("down", "down", "end")
            assert "message 0 " not in await seen(pilot, "message 499")

    play(scene())


@pytest.mark.parametrize("size", [WIDE, TINY])
def test_help_says_every_key_and_mark(stage: Stage, size: tuple[int, int]) -> None:
    async def scene() -> None:
        async with stage.open(size) as pilot:
            await pilot.press("question_mark")
            await seen(pilot, "help", "invite somebody")
            await pilot.press(*["pagedown"] * 4)
            await seen(pilot, "of no use any")
            await pilot.press("escape", "t")
            await until(pilot, lambda: pilot.app.theme == "communicator-light")
            assert "of no use any" not in shown(pilot)

    play(scene())
