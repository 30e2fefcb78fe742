"""A terminal that may vanish: looks whether it is still there, and ends the screen when it is not.

Theory. A terminal can go without a word to the program in it: its window is closed and the hangup is ignored (`nohup`),
or it never was the terminal from which signals come. From then on each read ends at once with nothing, and each write
fails; a screen that goes on reading takes a core. So somebody looks, and the screen ends as with the key that leaves:
what was asked for is stored first.

Rules:

1. The terminal is asked for its settings twice a second, by a thread for this alone; one that is gone has none.
2. What cannot be written is dropped, and `/dev/null` takes the place of a terminal that is gone: the screen has to end
   by itself, and nothing on the way there may wait for a terminal, or fail because there is none.
"""

import os
import sys
import termios
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, TextIO, cast

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from io import TextIOWrapper

    from communicator_reports.terminal.app import Terminal

__all__ = ["TerminalDriver"]

_LOOK_S: Final = 0.5
_STANDARD: Final = (0, 1, 2)


class _Output:
    """The file that is written to; what it does not take is dropped (rule 2)."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Input and output of a screen, as long as there is a terminal."""

    _looking: Event | None = None

    def start_application_mode(self) -> None:
        """Begin, or go on after the person had stopped the program."""
        if sys.__stderr__ is not None:
            self._file = cast("TextIOWrapper", _Output(sys.__stderr__))
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._looking = Event()
        Thread(target=self._look, args=(self._looking,), name="terminal", daemon=True).start()

    def disable_input(self) -> None:
        """Read and look no more."""
        if self._looking is not None:
            self._looking.set()
        super().disable_input()

    def _look(self, is_over: Event) -> None:
        ours = [number for number in _STANDARD if os.isatty(number)]
        while not is_over.wait(_LOOK_S):
            try:
                termios.tcgetattr(self.fileno)
            except termios.error:
                self._leave(ours)
                return

    def _leave(self, ours: list[int]) -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in ours:
            os.dup2(nothing, number)
        os.close(nothing)
        self.exit_event.set()  # nobody reads any more
        terminal = cast("Terminal", self._app)
        terminal.call_later(terminal.leave_at_once)
