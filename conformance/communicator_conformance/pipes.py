"""A program behind three pipes: a line in, a line out, and nothing that it does can hold up or fill the suite.

Theory. A question costs two writes, two reads and two changes of process; whatever is above that, the harness costs. So
no thread and no queue stands between: one poll waits for whichever of the three pipes moves first. They are never
waited for one at a time, because a program that fills a pipe nobody reads stands still.

Rules:

1. An answer counts once the whole question was taken. What came unasked is read as the answer to the next question:
   what is judged depends on the bytes, and not on when they came.
2. Of stdout about one line is held and of stderr the last few kilobytes, however much is written.
3. After a `TesteeError` the program is of no further use; `kill` ends it, with what it started.
4. The clock is read for time-outs and for nothing else.
"""

import contextlib
import errno
import math
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Final

from communicator_conformance.errors import Died, Garbage, Hung
from communicator_conformance.protocol import LINE_BYTES_MAX

__all__ = ["Program"]

_GRACE_S: Final = 1.0
_TICK_S: Final = 0.01
_READ_BYTES: Final = 1 << 16
_LOG_BYTES: Final = 1 << 12
_LOG_LINES: Final = 5
_SHOWN_BYTES: Final = 60


class Program:
    """One running process."""

    def __init__(self, command: list[str]) -> None:
        self._popen = _started(command)
        pipes = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        self._stdin, self._stdout, self._stderr = map(_unblocked, pipes)
        self._poll = select.poll()
        self._poll.register(self._stdin, 0)  # its other end is gone
        self._poll.register(self._stdout, select.POLLIN)
        self._poll.register(self._stderr, select.POLLIN)
        self._unsent = b""
        self._is_sending = False
        self._got = bytearray()
        self._looked = 0  # so much of it has no end of a line
        self._log = b""
        self._ended = False
        self._deaf_s = math.inf

    def exchange(self, line: bytes, timeout_s: float) -> bytes:
        """Write one line and return the next one; raises `Hung`, `Died` or `Garbage`."""
        until_s = time.monotonic() + timeout_s
        self._unsent += line
        self._send()
        while True:
            if not self._unsent and (answer := self._line()):  # rule 1
                return answer
            if len(self._got) > LINE_BYTES_MAX:  # rule 2
                raise Garbage(f"a line of more than {LINE_BYTES_MAX} bytes: {self._half()}")
            if self._ended:
                raise self._gone("stdout")
            left_s = min(until_s, self._deaf_s) - time.monotonic()
            if left_s <= 0:
                raise self._late()
            self._wait(left_s)

    def log(self) -> list[str]:
        """Return the last lines of stderr."""
        while chunk := _read(self._stderr):
            self._keep(chunk)
        lines = (line.strip() for line in self._log.decode("utf-8", "replace").splitlines())
        return [line for line in lines if line][-_LOG_LINES:]

    def kill(self) -> None:
        """Kill the process with what it started, and wait for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()

    def close(self) -> None:
        """Close the pipes."""
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()

    # ---------------------------------------------------------------- the three pipes

    def _wait(self, left_s: float) -> None:
        """Wait until one of the pipes moves, and move what can be moved."""
        for pipe, event in self._poll.poll(1000 * left_s):
            if pipe == self._stdout:
                self._receive()
            elif pipe == self._stdin:
                self._send() if event == select.POLLOUT else self._closed()
            elif chunk := _read(pipe):
                self._keep(chunk)
            elif chunk is not None:
                self._poll.unregister(pipe)

    def _send(self) -> None:
        """Write what the pipe takes; the rest follows when it takes more."""
        try:
            self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BlockingIOError:
            pass  # rule 1: the answer waits for the rest
        except OSError:
            self._closed()
        if self._is_sending != bool(self._unsent):
            self._is_sending = not self._is_sending
            self._poll.modify(self._stdin, select.POLLOUT if self._is_sending else 0)

    def _closed(self) -> None:
        """Nobody reads the questions any more: what was answered before still counts."""
        self._unsent, self._is_sending = b"", False
        if self._deaf_s == math.inf:
            self._deaf_s = time.monotonic() + _GRACE_S
            self._poll.unregister(self._stdin)

    def _receive(self) -> None:
        chunk = _read(self._stdout)
        if chunk:
            self._got += chunk
        if chunk == b"" or len(self._got) > LINE_BYTES_MAX:
            self._ended = chunk == b""
            self._poll.unregister(self._stdout)

    def _keep(self, chunk: bytes) -> None:
        self._log = (self._log + chunk)[-_LOG_BYTES:]

    def _line(self) -> bytes | None:
        end = self._got.find(b"\n", self._looked, LINE_BYTES_MAX) + 1
        self._looked = 0 if end else len(self._got)
        if not end:
            return None
        line = bytes(self._got[:end])
        del self._got[:end]
        return line

    # ---------------------------------------------------------------- what went wrong

    def _late(self) -> Hung | Died:
        if self._deaf_s < math.inf:
            return self._gone("stdin")
        if self._unsent:
            return Hung("the question was not read in time")
        return Hung(f"no answer in time{self._after_half()}")

    def _after_half(self) -> str:
        return f" after half a line: {self._half()}" if self._got else ""

    def _half(self) -> str:
        return bytes(self._got[:_SHOWN_BYTES]).decode("utf-8", "replace")

    def _gone(self, pipe: str) -> Hung | Died:
        """Give the process a moment to end, and its log one to be read; one that lives on has hung."""
        what, until_s = f"{pipe} is closed{self._after_half()}", time.monotonic() + _GRACE_S
        while self._popen.poll() is None:
            if time.monotonic() > until_s:
                return Hung(f"{what}, and it still runs")
            self._wait(_TICK_S)
        return Died(f"{what}, exit code {self._popen.returncode}")


def _started(command: list[str]) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that a wrapper script and what it started end together."""
    if not command:
        raise Died("cannot start: no program is named")
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except ValueError as error:  # a zero byte
        raise Died(f"cannot start {command[0]!r}: {error}") from error
    except OSError as error:
        raise Died(f"cannot start {command[0]}: {_why(command[0], error)}") from error


def _why(program: str, error: OSError) -> str:
    """Return why a program does not start, and what helps."""
    found = Path(program if os.sep in program else shutil.which(program, mode=os.F_OK) or f"/{program}")
    if found.is_dir():
        return "it is a directory; name the program in it"
    if found.is_file() and error.errno == errno.ENOENT:
        return "its first line names an interpreter that is not there"
    if found.is_file() and error.errno == errno.EACCES:
        return "it is not executable; chmod +x, or name its interpreter before it"
    if error.errno == errno.ENOEXEC:
        return "it is no program; a script begins with #! and its interpreter"
    if error.errno == errno.ENOENT and " " in program:
        return "there is no such file; the program and its arguments are separate words"
    if error.errno == errno.ENOENT:
        return "there is no such file; a program in this folder begins with ./"
    return error.strerror or "unknown error"


def _unblocked(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    os.set_blocking(pipe.fileno(), False)
    return pipe.fileno()


def _read(pipe: int) -> bytes | None:
    """Return what lies ready; nothing yet is None, and the end no bytes."""
    try:
        return os.read(pipe, _READ_BYTES)
    except BlockingIOError:
        return None
