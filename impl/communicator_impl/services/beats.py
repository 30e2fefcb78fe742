"""Answers that leave on a beat, so that how long something took cannot be read from when its answer came (RECV-3).

Theory. An answer leaves a whole number of beats after its request. The timer of an event loop counts whole milliseconds
from the instant at which it last had something to do, and that is the end of the work which the beat is to hide: its
fraction of a millisecond would stay in the answer. So a clock outside the loop ticks while anybody waits, and answers
whose beat has come leave at a tick; the ticks run from the arrival of the first request on, whatever the work takes.

Rules:

1. Nobody waits: nothing ticks.
2. Work that fails is not held back: whoever refuses says so at once.
"""

import asyncio
import heapq
import itertools
import math
import select
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["BEAT_S", "Beats"]

BEAT_S: Final = 0.010
"""Longer than it takes to resolve one request."""

_TICK_S: Final = 0.0005


class Beats:
    """The beats of one event loop."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._kept = 0
        self._wanted = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Do something, and go on a whole number of beats after it began."""
        begin_s = time.monotonic()
        self._begin()
        try:
            yield
            beats = math.floor((time.monotonic() - begin_s) / BEAT_S) + 1
            await self._until(begin_s + beats * BEAT_S)
        finally:
            self._kept -= 1
            if self._kept == 0:
                self._wanted.clear()

    def _begin(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._tick, name="beats", daemon=True).start()
        self._kept += 1
        self._wanted.set()

    async def _until(self, due_s: float) -> None:
        assert self._loop is not None
        ended = self._loop.create_future()
        heapq.heappush(self._due, (due_s, next(self._numbers), ended))
        await ended

    def _tick(self) -> None:
        assert self._loop is not None
        try:
            while self._wanted.wait():
                select.select((), (), (), _TICK_S)  # a span of time, where `time.sleep` waits for an instant
                self._loop.call_soon_threadsafe(self._release)
        except RuntimeError:  # the loop has ended
            return

    def _release(self) -> None:
        now_s = time.monotonic()
        while self._due and self._due[0][0] <= now_s:
            _, _, ended = heapq.heappop(self._due)
            if not ended.done():
                ended.set_result(None)
