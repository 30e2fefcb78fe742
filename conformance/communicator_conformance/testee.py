"""A testee: a program behind pipes, asked one question at a time, replaced when it misbehaves.

Theory. One process answers thousands of questions; starting one for each would cost more than all
the cryptography. So a process is kept until it hangs, dies or talks nonsense; then it is killed and
the next question goes to a fresh one, which says hello again.

A program that hangs costs its time-out once, and not once a test: how often it is waited for in vain has a limit.
What is not asked for that reason counts as hung, so patience that has an end never makes a pass.

Rules:

1. `ask` returns an answer or raises a `TesteeError`; after a raise the process is gone, or was not asked.
2. A fresh process holds no handles: a test that spans a restart has failed already.
3. Only the process started here, with its own children, is ended here.
4. `lines` holds what was said lately, as it was said, the oldest first; whoever wants less clears it. The end of the
   log of a process that was given up stands there, too. With `trace` it holds everything since then, and results keep
   it whether they passed or not.
5. `reference` stands for the reference implementation's adapter, started like any other program.
6. A program that once did not say hello is not started again.
7. After the first hang a tenth of the time-out is enough, but ten times the slowest answer so far is always granted. An
   operation that has hung twice is not asked again, and after eight hangs in all nothing is.
"""

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Final, Self

from communicator_conformance import protocol
from communicator_conformance.errors import Hung, PartnerError, TesteeError
from communicator_conformance.pipes import Program
from communicator_conformance.protocol import Answer, Hello
from communicator_conformance.verdicts import LOG_MARK

__all__ = ["REFERENCE", "Lines", "Testee", "reference", "resolve"]

REFERENCE: Final = "reference"
_START_S: Final = 30.0  # virtual machines take their time, once
_LINES: Final = 64
_SHOWN: Final = 8192
_HANGS_OF_ONE: Final = 2
_HANGS_OF_ALL: Final = 8
_SHORTER: Final = 10


def reference() -> "Testee":
    """Return the reference as a partner: it is not what is tested, so the time-out of a run is not its."""
    return _Reference([REFERENCE], _START_S)


def resolve(command: list[str]) -> list[str]:
    """Return the command to start; the one word `reference` becomes the reference adapter."""
    if command == [REFERENCE]:
        return [sys.executable, "-m", "communicator_impl.adapter"]
    return list(command)


class Lines:
    """The last lines that were exchanged, or with `trace` all of them; they become text when somebody looks."""

    def __init__(self, *, trace: bool = False) -> None:
        self._held: deque[tuple[str, bytes]] = deque(maxlen=None if trace else _LINES)

    def __iter__(self) -> Iterator[str]:
        return (f"{mark} {_shown(line)}" for mark, line in self._held)

    def add(self, mark: str, line: bytes) -> None:
        """Keep one line behind its mark."""
        self._held.append((mark, line))

    def clear(self) -> None:
        """Forget them."""
        self._held.clear()


class _Patience:
    """How long to wait for an answer, after what has been waited for in vain (rule 7)."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._slowest_s = 0.0
        self._hangs: Counter[str] = Counter()

    def wait_s(self, op: str) -> float:
        """Return how long to wait for this operation; raises `Hung` if it is not to be asked."""
        if self._hangs.total() >= _HANGS_OF_ALL:
            raise Hung(f"not asked: the program hung {_HANGS_OF_ALL} times")
        if self._hangs[op] >= _HANGS_OF_ONE:
            raise Hung(f"not asked: {op} hung {_HANGS_OF_ONE} times")
        if not self._hangs:
            return self._timeout_s
        return min(self._timeout_s, max(self._timeout_s / _SHORTER, self._slowest_s * _SHORTER))

    def answered(self, after_s: float) -> None:
        """Learn how long an answer took."""
        self._slowest_s = max(self._slowest_s, after_s)

    def hung(self, op: str) -> None:
        """Learn that an operation was not answered."""
        self._hangs[op] += 1


class Testee:
    """A program under test."""

    __test__ = False  # not a test class, whatever its name suggests

    def __init__(self, command: list[str], timeout_s: float = 10.0, *, trace: bool = False) -> None:
        self.command = resolve(command)
        self.trace = trace
        self.lines = Lines(trace=trace)
        self._start_s = max(timeout_s, _START_S)
        self._patience = _Patience(timeout_s)
        self._program: Program | None = None
        self._number = 0
        self._hello: Hello | None = None
        self._speechless: TesteeError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def hello(self) -> Hello:
        """What the program says about itself; starts it when needed."""
        if self._hello is None or self._program is None:
            self._start()
        assert self._hello is not None
        return self._hello

    def ask(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        """Send one request and wait for its answer."""
        timeout_s = self._patience.wait_s(op)
        if self._program is None:
            self._start()
        self._number += 1
        begun_s = time.monotonic()
        try:
            line = self._exchange(protocol.encode_request(self._number, op, now, entropy, args), timeout_s)
            self._patience.answered(time.monotonic() - begun_s)
            return protocol.decode_answer(line, self._number)
        except TesteeError as error:
            if isinstance(error, Hung):
                self._patience.hung(op)
            self._give_up()
            raise

    def stop(self) -> None:
        """End the process, if there is one."""
        program, self._program = self._program, None
        if program is not None:
            program.kill()
            program.close()

    def _start(self) -> None:
        if self._speechless is not None:  # rule 6
            raise type(self._speechless)(str(self._speechless))
        self.stop()
        try:
            self._program = Program(self.command)
            self._number = 1
            line = self._exchange(protocol.encode_hello(self._number), self._start_s)
            self._hello = protocol.decode_hello(line, self._number)
        except TesteeError as error:
            self._give_up()
            self._speechless = error
            raise

    def _exchange(self, line: bytes, timeout_s: float) -> bytes:
        assert self._program is not None
        self.lines.add("→", line)
        answer = self._program.exchange(line, timeout_s)
        self.lines.add("←", answer)
        return answer

    def _give_up(self) -> None:
        """Kill the process and keep the end of its log."""
        program, self._program = self._program, None
        if program is not None:
            program.kill()
            for line in program.log():
                self.lines.add(LOG_MARK, line.encode())
            program.close()


class _Reference(Testee):
    """The reference as a partner; what goes wrong with it is a `PartnerError`."""

    @property
    def hello(self) -> Hello:
        try:
            return super().hello
        except TesteeError as error:
            raise _not_the_testee(error) from error

    def ask(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        try:
            return super().ask(op, now, entropy, args)
        except TesteeError as error:
            raise _not_the_testee(error) from error


def _not_the_testee(error: TesteeError) -> PartnerError:
    return PartnerError(f"the reference, which plays the other part, failed ({error}); run again, on a quieter machine")


def _shown(line: bytes) -> str:
    """Return a line for people: as text, and cut where nobody reads on."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
