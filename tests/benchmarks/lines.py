"""What a step through the pipe costs, beside the barest exchange of lines between two processes.

Run: python -m tests.benchmarks lines

*Bare* is a program that reads a line and writes it back, asked with two system calls and nothing else: no JSON, no
time-out, no log. *Steps* are questions of the line protocol to the reference adapter, as a run asks them: encoded,
sent, answered, read and recorded. None has public-key work in it, so what is measured is the line and both of its ends.
At least 5,000 a second is what the suite promises; the table has those of the best round.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tests.benchmarks._figures import Row, Titled, ratio

from communicator_conformance.protocol import Accepted, encode_request
from communicator_conformance.testee import Testee

__all__ = ["tables"]

NOW, SEED = 1_767_225_600, "5e" * 32
ROUNDS, REPEATS = 15, 1500
ECHO: Final = "import os\nwhile line := os.read(0, 65536):\n    os.write(1, line)"
STEPS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "derive a label (HMAC)": ("label.derive", {"key": "c0" * 32, "lane": 0, "index": 9}),
    "grant an epoch (HKDF)": ("label.grant", {"secret": "c0" * 32, "epoch": 3, "valid_until_s": NOW + 86_400}),
    "size of an attachment": ("attachment.size", {"length": 70_000}),
    "encode a body (CBOR)": (
        "body.encode",
        {"kind": 0, "number": 1, "received": [0, []], "holds": 0, "content": "00" * 2000},
    ),
}


class _Echo:
    """The barest other end of a pipe."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-S", "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._popen.stdin
        assert self._popen.stdout
        self._in, self._out = self._popen.stdin.fileno(), self._popen.stdout.fileno()

    def ask(self, line: bytes) -> None:
        """Send a line and read it back."""
        os.write(self._in, line)
        assert os.read(self._out, 1 << 16) == line

    def stop(self) -> None:
        """End it."""
        with self._popen:
            self._popen.kill()


def _seconds(act: Callable[[], object], repeats: int) -> float:
    begun = time.perf_counter()
    for _ in range(repeats):
        act()
    return (time.perf_counter() - begun) / repeats


def _taken(testee: Testee, op: str, args: Mapping[str, object]) -> None:
    assert isinstance(testee.ask(op, NOW, SEED, args), Accepted)


def _row(name: str, testee: Testee, echo: _Echo, rounds: int, repeats: int) -> Row:
    op, args = STEPS[name]
    line = encode_request(1, op, NOW, SEED, args)
    steps, bare = list[float](), list[float]()
    for _ in range(rounds):
        steps.append(_seconds(lambda: _taken(testee, op, args), repeats))
        bare.append(_seconds(lambda: echo.ask(line), repeats))
    return {"step": name, **ratio(steps, bare).row(), "steps/s": 1 / min(steps), "bare/s": 1 / min(bare)}


def tables(is_short: bool) -> Iterator[Titled]:
    """Yield the one table: each kind of step beside the bare exchange of the same line."""
    rounds, repeats = (2, 20) if is_short else (ROUNDS, REPEATS)
    echo = _Echo()
    try:
        with Testee(["reference"]) as testee:
            testee.hello  # noqa: B018 - a process that has said hello
            yield "a step through the pipe", [_row(name, testee, echo, rounds, repeats) for name in STEPS]
    finally:
        echo.stop()
