"""A screen without a terminal, and people in a world in memory: what tests of the screen, and its picture, begin with.

Theory. The screen's own thread drives the first device, the test the second one; a lock makes each of their turns one.
A turn is taken when somebody nudges, so nothing depends on time, and the clock of the world is the test's.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.client.small_post import KEY, URIS, Deaths, World, WorldCourier
from tests.patience import PATIENCE_S
from textual.pilot import Pilot

from communicator_impl.client import Device, Vault
from communicator_reports.terminal.app import Terminal

__all__ = ["Stage", "seen", "shown", "until"]

PAUSE_S: Final = 0.01


class Stage:
    """A world with the screen's person, and others."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.world, self.lock = folder, World(), threading.RLock()
        self._devices: list[Device] = []
        self._watches: list[Turns] = []
        self.me = self.device("me")

    def device(self, name: str) -> Device:
        """Return a new device that uses both services."""
        vault = Vault.create(self.folder / name, KEY)
        vault._connection.execute("PRAGMA synchronous = OFF")  # nobody cuts the power here
        draws = self.world.entropy.fork(name)
        courier = WorldCourier(self.world, Deaths())
        found = Device(vault, courier=courier, entropy=draws, clock=lambda: self.world.now_ms)
        found.use(URIS, URIS)
        self._devices.append(found)
        return found

    def close(self) -> None:
        """Close all stores."""
        for device in self._devices:
            device.close()

    def use_one(self) -> None:
        """Have the screen's person receive at the first service alone."""
        self.me.use(URIS[:1], URIS)

    def turns(self, device: Device) -> "Turns":
        """Return what drives the screen's device."""
        self._watches.append(Turns(self, device))
        return self._watches[-1]

    def meet(self, name: str) -> Device:
        """Let somebody come who is called `name`, before the screen is open."""
        other = self.device(name)
        _, contact = self.me.invite(name)
        other.approach("me", contact)
        self.settle(other)
        return other

    def settle(self, *others: Device, times: int = 6) -> None:
        """Let everybody take turns while the screen is closed."""
        for _ in range(times):
            for device in (self.me, *others):
                device.turn()
            self.world.post()
            self.world.now_ms += 120_000

    def go_on(self, *others: Device) -> None:
        """Let the others take a turn, and the screen's device notice."""
        with self.lock:
            for device in others:
                device.turn()
            self.world.post()
            self.world.now_ms += 120_000
        self.nudge()

    def nudge(self) -> None:
        """Have the screen's device take a turn."""
        if self._watches:
            self._watches[-1].nudge()

    @asynccontextmanager
    async def open(self, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
        """Show the screen."""
        terminal = Terminal(self.me, "me.store", is_light=False, watching=self.turns)
        try:
            async with terminal.run_test(size=size) as pilot:
                yield pilot
        finally:
            terminal.worker.stop()
            await asyncio.to_thread(terminal.worker.join)


class Turns:
    """In place of `Watch`: a turn for each nudge."""

    def __init__(self, stage: Stage, device: Device) -> None:
        self._stage, self._device = stage, device
        self._nudged, self._over = threading.Event(), threading.Event()

    def run(self, after: Callable[[], None]) -> None:
        while not self._over.is_set():
            with self._stage.lock:
                self._device.turn()
                self._stage.world.post()
                after()
            self._nudged.wait()
            self._nudged.clear()

    def stop(self) -> None:
        self._over.set()
        self._nudged.set()

    def nudge(self) -> None:
        self._nudged.set()


def shown(pilot: Pilot[None]) -> str:
    """Return what is on the screen, as text."""
    return "\n".join(strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], holds: Callable[[], object], go_on: Callable[[], None] = lambda: None) -> None:
    """Wait until something holds; `go_on` is done before each look but the first."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + PATIENCE_S
    while True:
        await pilot.pause(PAUSE_S)
        if holds():
            return
        assert loop.time() < until_s, shown(pilot)
        go_on()


async def seen(pilot: Pilot[None], *words: str, go_on: Callable[[], None] = lambda: None) -> str:
    """Wait until all these words are on the screen; returns the screen."""
    await until(pilot, lambda: all(word in shown(pilot) for word in words), go_on)
    return shown(pilot)
