"""The processes of a run: services and people, each with a row in the ledger, started again whenever they have died.

Rules:

1. A service listens at a port that the kernel chose and that is held for it as long as the run lasts; people know it by
   an address of the relay.
2. A process that dies is seen by its descriptor, at once; nothing is asked by name, and nobody else is ever killed.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from communicator_simulations.chaos.child import Start

__all__ = ["Nursery", "Process", "held_port"]

_DEATH_MS: Final = 30_000


def held_port() -> socket.socket:
    """Return a socket that holds a port of the loopback address, where somebody else may listen meanwhile."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    return found


class Nursery:
    """The parent of all processes of a run."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        command = (sys.executable, "-m", "communicator_simulations.chaos.child")
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def start(self, wanted: Start) -> int:
        """Start a process, and return its number."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(msgspec.json.encode(wanted).decode(), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


class Process:
    """A service or a person; `wanted` says how it is started, each time anew."""

    def __init__(self, name: str, role: str, which: int, nursery: Nursery, wanted: Callable[[], Start]) -> None:
        self.name, self.role, self.which = name, role, which
        self.starts = 0
        self.pid = 0
        self.started_s = 0.0
        self.dead_s = 0.0
        self.paused = False
        self._nursery, self._wanted = nursery, wanted
        self._descriptor = -1

    def start(self) -> None:
        """Start it; it is not running."""
        self.pid = self._nursery.start(self._wanted())
        self.starts += 1
        self.started_s = time.monotonic()
        try:
            self._descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._descriptor = -1

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        if self._descriptor < 0:
            return False
        ended, _, _ = select.select([self._descriptor], [], [], 0)
        if ended:
            os.close(self._descriptor)
            self._descriptor = -1
        return not ended

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.lives:
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """End it at whatever instruction it is, and wait until it is gone."""
        self.send(signal.SIGKILL)
        if self._descriptor >= 0:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            assert poll.poll(_DEATH_MS), f"{self.name} does not die"
        assert not self.lives

    def children(self) -> list[int]:
        """Return the processes that it has started."""
        found = list[int]()
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found
