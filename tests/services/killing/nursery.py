"""Starts services by forking: a process that has loaded what they import, and lends its memory to each.

Theory. Loading a service takes a second, starting it takes a few hundredths. A process that was forked before anything
ran has threads, files and connections of its own, dies alone, and is as real as any.

Rules:

1. The nursery has one thread and opens nothing; a child begins as a fresh process of its own session does.
2. A line in JSON on its input is a start; the answer is the number of the process.
"""

import gc
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

DEATH_S = 30.0


class Nursery:
    """The parent of all services of a campaign."""

    def __init__(self) -> None:
        command = (sys.executable, "-m", "tests.services.killing.nursery")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, role: str, settings: Mapping[str, str], log: Path, fault: str = "") -> int:
        """Start a service, and return the number of its process."""
        wanted = {"role": role, "settings": dict(settings), "log": str(log), "fault": fault}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def end(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process and wait until it is gone."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, number)
        ended, _, _ = select.select([descriptor], [], [], DEATH_S)
        assert ended, f"process {process} did not end"
    finally:
        os.close(descriptor)


def children(process: int) -> list[int]:
    """Return the processes that a process has started."""
    found = list[int]()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, task.read_text().split())
    return found


def lives(process: int) -> bool:
    """Tell whether a process is there and not a corpse."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# -------------------------------------------------------------------- inside


def _serve() -> None:
    """Fork a service for each line, until there are no more."""
    from tests.services.killing import start

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    gc.freeze()
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _become(json.loads(line), start.run)
        print(process, flush=True)


def _become(wanted: "dict[str, object]", run: "object") -> None:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(str(wanted["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(source, number)
        settings = wanted["settings"]
        assert isinstance(settings, dict)
        os.environ.update(settings)
        assert callable(run)
        run(str(wanted["role"]), str(wanted["fault"]))
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
