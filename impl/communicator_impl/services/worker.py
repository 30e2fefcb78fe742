"""Threads that work on their own: they say when they fail, try again, and end only when they are told.

Theory. A thread that died is missed by nobody until it is too late. So whatever a step raises is written to the log by
its class alone, and the next step comes a moment later; what must not be tried for ever is for the step to set aside.
"""

import threading
from collections.abc import Callable
from typing import Final

from communicator_impl.services.observation import Log

__all__ = ["Worker"]

_AFTER_ERROR_S: Final = 1.0


class Worker:
    """A thread that takes one step after the other; `step` tells whether there is more to do at once."""

    def __init__(self, name: str, step: Callable[[], bool], log: Log, idle_s: float) -> None:
        self._name = name
        self._step = step
        self._log = log
        self._idle_s = idle_s
        self._stopped = False
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wanted.set()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopped = True
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            pause_s = self._idle_s
            try:
                if self._step():
                    continue
            except Exception as error:  # whatever it is, the next step comes
                self._log.failed(f"{self._name} failed", error)
                pause_s = _AFTER_ERROR_S
            if not self._stopped:
                self._wanted.wait(pause_s)
            self._wanted.clear()
