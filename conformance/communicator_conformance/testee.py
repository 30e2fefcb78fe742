"""A testee: a program behind pipes, asked one question at a time, replaced when it misbehaves.

Theory. One process answers thousands of questions; starting one for each would cost more than all
the cryptography. So a process is kept until it hangs, dies or talks nonsense; then it is killed and
the next question goes to a fresh one, which says hello again. Two threads drain its pipes, because
a program that fills a pipe nobody reads stands still.

Rules:

1. `ask` returns an answer or raises a `TesteeError`; after a raise the process is gone.
2. A fresh process holds no handles: a test that spans a restart has failed already.
3. Only the process started here, with its own children, is ended here.
4. `lines` holds what was said lately, as it was said, the oldest first; whoever wants less clears it. With `trace` it
   holds everything since then, and results keep it whether they passed or not.
5. `reference` stands for the reference implementation's adapter, started like any other program.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import IO, Self

from communicator_conformance import protocol
from communicator_conformance.errors import Died, Garbage, Hung, TesteeError
from communicator_conformance.protocol import Answer, Hello

__all__ = ["REFERENCE", "Testee", "resolve"]

REFERENCE = "reference"
_TAIL_LINES = 5
_START_S = 30.0  # virtual machines take their time, once
_GRACE_S = 1.0
_END = b""
_LINES = 64
_SHOWN = 8192


def resolve(command: list[str]) -> list[str]:
    """Return the command to start; the one word `reference` becomes the reference adapter."""
    if command == [REFERENCE]:
        return [sys.executable, "-m", "communicator_impl.adapter"]
    return list(command)


class Testee:
    """A program under test."""

    __test__ = False  # not a test class, whatever its name suggests

    def __init__(self, command: list[str], timeout_s: float = 10.0, *, trace: bool = False) -> None:
        self.command = resolve(command)
        self.trace = trace
        self._timeout_s = timeout_s
        self._process: _Process | None = None
        self._hello: Hello | None = None
        self.lines: deque[str] = deque(maxlen=None if trace else _LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def hello(self) -> Hello:
        """What the program says about itself; starts it when needed."""
        if self._hello is None or self._process is None:
            self._start()
        assert self._hello is not None
        return self._hello

    def ask(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        """Send one request and wait for its answer."""
        self.hello  # noqa: B018 - a process that has said hello
        assert self._process is not None
        number = self._process.next_number()
        line = self._exchange(protocol.encode_request(number, op, now, entropy, args), self._timeout_s)
        try:
            return protocol.decode_answer(line, number)
        except Garbage as error:
            raise self._gone(error) from error

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _start(self) -> None:
        self.stop()
        self._process = _Process(self.command)
        number = self._process.next_number()
        line = self._exchange(protocol.encode_hello(number), max(self._timeout_s, _START_S))
        try:
            self._hello = protocol.decode_hello(line, number)
        except Garbage as error:
            raise self._gone(error) from error

    def _exchange(self, line: bytes, timeout_s: float) -> bytes:
        assert self._process is not None
        self.lines.append(f"→ {_shown(line)}")
        try:
            answer = self._process.exchange(line, timeout_s)
        except TesteeError as error:
            raise self._gone(error) from error
        self.lines.append(f"← {_shown(answer)}")
        return answer

    def _gone(self, error: TesteeError) -> TesteeError:
        """Stop the process and return the same error with the last lines of its log."""
        process = self._process
        self.stop()
        tail = process.tail() if process else ""
        return type(error)(f"{error}; stderr: {tail}" if tail else str(error))


class _Process:
    """One running program with its two draining threads."""

    def __init__(self, command: list[str]) -> None:
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a wrapper script and what it started end together
            )
        except OSError as error:
            raise Died(f"cannot start {command[0]}: {error.strerror}") from error
        assert self._popen.stdin
        assert self._popen.stdout
        assert self._popen.stderr
        self._stdin: IO[bytes] = self._popen.stdin
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._log: deque[str] = deque(maxlen=_TAIL_LINES)
        self._number = 0
        self._threads = [
            threading.Thread(target=_drain_answers, args=(self._popen.stdout, self._lines), daemon=True),
            threading.Thread(target=_drain_log, args=(self._popen.stderr, self._log), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def next_number(self) -> int:
        """Return the id of the next request."""
        self._number += 1
        return self._number

    def exchange(self, line: bytes, timeout_s: float) -> bytes:
        """Write one line and read one."""
        with contextlib.suppress(queue.Empty):
            if self._lines.get_nowait() == _END:
                raise Died(f"stdout is closed, {self._status()}")
            raise Garbage("an answer that nobody asked for")
        try:
            self._stdin.write(line)
            self._stdin.flush()
        except OSError as error:
            raise Died(f"stdin is closed, {self._status()}") from error
        try:
            answer = self._lines.get(timeout=timeout_s)
        except queue.Empty as error:
            raise Hung(f"no answer within {timeout_s:g} s") from error
        if answer == _END:
            raise Died(f"stdout is closed, {self._status()}")
        return answer

    def tail(self) -> str:
        """Return the last lines of stderr."""
        return " | ".join(self._log)

    def stop(self) -> None:
        """Kill the process with what it started, wait for it and close its pipes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()
        for thread in self._threads:
            thread.join(_GRACE_S)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            _close(pipe)

    def _status(self) -> str:
        try:
            return f"exit code {self._popen.wait(_GRACE_S)}"
        except subprocess.TimeoutExpired:
            return "still running"


def _shown(line: bytes) -> str:
    """Return a line for people: as text, and cut where nobody reads on."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _drain_answers(pipe: IO[bytes], lines: "queue.Queue[bytes]") -> None:
    while True:
        line = pipe.readline(protocol.LINE_BYTES_MAX)
        lines.put(line)
        if line == _END:
            return


def _drain_log(pipe: IO[bytes], log: "deque[str]") -> None:
    while line := pipe.readline(protocol.LINE_BYTES_MAX):
        log.append(line.decode("utf-8", "replace").strip())


def _close(pipe: IO[bytes] | None) -> None:
    with contextlib.suppress(OSError):  # unsent bytes for a process that is gone
        if pipe is not None:
            pipe.close()
