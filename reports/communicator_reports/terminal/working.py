"""The thread that owns the store while the screen is open: it watches, does what the person asks for, and looks.

Theory. A device belongs to one thread, and a screen must never wait for a service. So the screen asks for a piece of
work and goes on; the work is done between two passes of the watch, and what came of it is handed back to the screen's
thread by `tell`. ::

    screen    do(work, then) ──▶ queue ─┐                        ┌─▶ tell(then, result)
    worker    pass ─▶ after ────────────┴─▶ work ─▶ look ────────┴─▶ tell(show, desk)   pass ─▶ …

Rules:

1. Nobody else touches the device from `start` until `join` has returned.
2. What was asked for before `stop` is done before the end: a message that was sent off by the person is in the store.
3. A service that refuses or does not answer ends nothing: it is a note, and the watch begins again after a pause.
4. Any other error ends the thread, and `join` raises it.
"""

import queue
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol, TypeVar

from communicator_impl.client import Device
from communicator_impl.client.watching import Watch
from communicator_impl.errors import CommunicatorError
from communicator_reports.terminal.characters import on_one_line
from communicator_reports.terminal.desk import Desk
from communicator_reports.terminal.looking import look, numbers

__all__ = ["Watching", "Worker"]

_PAUSE_S: Final = 2.0
_PAUSE_S_MAX: Final = 60.0

Result = TypeVar("Result")


class Watching(Protocol):
    """What drives a device (`Watch`)."""

    def run(self, after: Callable[[], None]) -> None:
        """Work until it is stopped; `after` is called after each pass."""

    def stop(self) -> None:
        """End `run` soon."""

    def nudge(self) -> None:
        """Begin the next pass now."""


class Worker:
    """The thread of one device; `tell` runs something in the thread of the screen, and returns at once."""

    def __init__(
        self,
        device: Device,
        tell: Callable[[Callable[[], None]], object],
        show: Callable[[Desk], None],
        note: Callable[[str], None],
        over: Callable[[], None],
        watching: Callable[[Device], Watching] = Watch,
    ) -> None:
        self._device, self._tell, self._show, self._note, self._over = device, tell, show, note, over
        self._watching = watching
        self._asked: queue.Queue[Callable[[], None]] = queue.Queue()
        self._stopped, self._woken = threading.Event(), threading.Event()
        self._watch: Watching | None = None
        self._opened: int | None = None
        self._desk: Desk | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="store")

    # ---------------------------------------------------------------- from the screen

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what was asked for is done."""
        self._stopped.set()
        self._wake()

    def join(self) -> None:
        """Wait for the end; raises what ended the thread, if that was an error."""
        if self._thread.ident is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def open(self, relationship: int | None) -> None:
        """Look at another relationship from now on."""

        def turn_to() -> None:
            self._opened = relationship

        self._ask(turn_to)

    def do(
        self,
        work: Callable[[Device], Result],
        then: Callable[[Result], None] = lambda _: None,
        wrong: Callable[[str], None] | None = None,
    ) -> None:
        """Have something done; `then` gets the result, `wrong` (or else a note) what hindered it."""

        def carry_out() -> None:
            try:
                result = work(self._device)
            except CommunicatorError as error:
                self._tell(partial(wrong or self._note, _said(error)))
            else:
                self._tell(partial(then, result))

        self._ask(carry_out)

    def _ask(self, carry_out: Callable[[], None]) -> None:
        self._asked.put(carry_out)
        self._wake()

    def _wake(self) -> None:
        self._woken.set()
        watch = self._watch
        if watch is not None:
            watch.stop() if self._stopped.is_set() else watch.nudge()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        try:
            self._look(numbers(self._device))
            self._work()
            self._after()  # rule 2
        except BaseException as error:
            self._error = error
        finally:
            self._tell(self._over)

    def _work(self) -> None:
        pause_s = _PAUSE_S
        while not self._stopped.is_set():
            watch = self._watch = self._watching(self._device)
            if self._stopped.is_set():
                break  # nobody has told this one
            try:
                watch.run(self._after)
            except CommunicatorError as error:  # rule 3
                self._tell(partial(self._note, _said(error)))
                self._after()
                self._woken.clear()
                if not self._stopped.is_set():
                    self._woken.wait(pause_s)
                self._after()
                pause_s = min(2 * pause_s, _PAUSE_S_MAX)

    def _after(self) -> None:
        """Do what was asked for, then look; what was done may have something to send."""
        has_done = False
        while True:
            try:
                carry_out = self._asked.get_nowait()
            except queue.Empty:
                break
            carry_out()
            has_done = True
        if has_done and self._watch is not None:
            self._watch.nudge()
        self._look(() if self._opened is None else (self._opened,))

    def _look(self, opened: Iterable[int]) -> None:
        desk = look(self._device, opened)
        if desk != self._desk:
            self._desk = desk
            self._tell(partial(self._show, desk))


def _said(error: CommunicatorError) -> str:
    return on_one_line(error.detail or str(error))
