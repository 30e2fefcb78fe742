"""The nursery of a run: a process that has loaded everything, and forks each service and each person of the run.

Theory. Loading a service or a client takes a second, opening its files a few hundredths. A process that was forked
before anything was open has threads, files and connections of its own, dies alone, and is as real as any.

Rules:

1. The nursery has one thread and opens nothing. A line in JSON on its input is a start (`Start`), the answer the number
   of the process.
2. Whoever starts the nursery may die: then it dies too, and what it started (PR_SET_PDEATHSIG).
3. A child is what a person runs, with the points watched (`instruments`), and a planted bug if there is one.
"""

import asyncio
import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import alembic.command
import anyio._backends._asyncio
import msgspec
import psycopg
import sqlalchemy.dialects.postgresql.psycopg

from communicator_impl import pace
from communicator_impl.services import clock, resolving
from communicator_impl.services.host import serve
from communicator_impl.services.observation import Log
from communicator_impl.services.outward import everybodys_context
from communicator_impl.services.settings import Settings
from communicator_simulations.chaos import planted, talker
from communicator_simulations.chaos.instruments import watch_client, watch_service
from communicator_simulations.chaos.ledger import Ledger
from communicator_simulations.chaos.points import scan

__all__ = ["Forked", "Start", "lend", "main"]

_LOADED: Final = (alembic.command, anyio._backends._asyncio, psycopg, sqlalchemy.dialects.postgresql.psycopg)
"""What a service imports late."""
_DEATH_SIGNAL: Final = 1
_COMMAND: Final = (sys.executable, "-m", "communicator_simulations.chaos.child")
"""A second helper of a service loads all of its own."""
_HELPER: Final = "COMMUNICATOR_CHAOS_HELPER"


class Start(msgspec.Struct, frozen=True):
    """A process that is wanted: a service by its settings, or a person by a file (`talker.Part`).

    `row` is its row in the ledger, `helper_row` that of the process that resolves for it; `plant` names a planted bug.
    """

    environment: dict[str, str]
    log: str
    ledger: str
    row: int
    helper_row: int = -1
    person: str = ""
    plant: str = ""


def main() -> None:
    """Fork a child for each line, until there are no more; or be the helper of a service that lost its first one."""
    if _HELPER in os.environ:
        _die_with_parent()
        if os.getppid() == 1:  # its service died before that
            return
        start = msgspec.json.decode(os.environ[_HELPER], type=Start)
        _prepare(start, start.helper_row)
        resolving.main()
        return
    _die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    everybodys_context()
    scan()
    gc.freeze()
    for line in sys.stdin:
        start = msgspec.json.decode(line, type=Start)
        process = os.fork()
        if process == 0:
            _become(start)
        print(process, flush=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _become(start: Start) -> None:
    code = 1
    try:
        _die_with_parent()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(start.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(source, number)
        os.environ.update(start.environment)
        pace._own.cache_clear()
        clock._clock = clock.Clock()
        _run(start)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run(start: Start) -> None:
    if start.person:
        _prepare(start, start.row)
        talker.run(start.person)
        return
    lend(Forked(lambda: _prepare(start, start.helper_row)))
    resolving._COMMAND = _COMMAND  # type: ignore[misc]
    os.environ[_HELPER] = msgspec.json.encode(start).decode()
    _prepare(start, start.row)
    asyncio.run(serve(Settings.read(None, os.environ), Log()))


def _prepare(start: Start, row: int) -> None:
    """Plant the bug, if there is one, and watch the points."""
    if start.plant:
        planted.plant(start.plant)
    ledger = Ledger.opened(Path(start.ledger), len(scan()))
    (watch_client if start.person else watch_service)(ledger, row)


class Forked:
    """A process that resolves, forked before anything is open: SQLite cannot be carried into another process."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        theirs, write = os.pipe()
        read, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _die_with_parent()
            os.setsid()
            os.dup2(theirs, 0)
            os.dup2(answers, 1)
            os.closerange(3, 4096)
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            try:
                prepare()
                resolving.main()
            finally:
                os._exit(0)
        os.close(theirs)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(write, "w"), os.fdopen(read, "r")

    def communicate(self) -> None:
        """End it after what it is at."""
        for stream in (self.stdin, self.stdout):
            with suppress(OSError):
                stream.close()
        os.waitpid(self.pid, 0)


def lend(first: Forked) -> None:
    """Let the service take this process for the first one that it starts."""
    real, waiting = subprocess.Popen, [first]

    def start(command: object, **options: object) -> object:
        return waiting.pop() if waiting else real(command, **options)  # type: ignore[call-overload]

    subprocess.Popen = start  # type: ignore[assignment,misc]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings of a service as variables."""
    return {f"COMMUNICATOR_{name}": value for name, value in settings.items()}


if __name__ == "__main__":
    main()
