"""One mutant meets the tests: who kills it, and by what.

Rules:

1. The first kill ends it, unless every test is asked for.
2. Without a kill by a test of its own clause a mutant of a list is dead all the same, but its clause has no killer.
3. A mutant that hangs is asked nothing more: it costs its time-out once.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from communicator_conformance.mutants.suite import Suite, Test, order
from communicator_conformance.mutants.values import Mutant, MutantError
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault, Status

__all__ = ["Fate", "Server", "meet"]

_HOST: Final = "communicator_conformance.mutants.host"
_STUB: Final = Path(__file__).with_name("stub.py")


class Fate(msgspec.Struct, frozen=True):
    """What became of a mutant: `killers` are tests with the fault that each found, in the order in which they met."""

    name: str
    clause: str
    operator: str
    place: str
    was: str
    now: str
    met: int
    killers: tuple[tuple[str, str], ...]
    judged: bool  # a test that cites the clause killed it

    @property
    def killed(self) -> bool:
        """Whether some test failed."""
        return bool(self.killers)


class Server:
    """A running server of mutants; `command` starts one of them. It ends with the process that started it."""

    def __init__(self, rows: Path, program: Sequence[str], folder: Path) -> None:
        self._socket = folder / "mutants"
        command = [sys.executable, "-m", _HOST, str(rows), "--serve", str(self._socket), "--", *program]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout
        assert self._process.stderr
        if self._process.stdout.readline() != b"ready\n":
            raise MutantError(self._process.stderr.read().decode().strip().rpartition("\n")[2])

    def command(self, name: str) -> list[str]:
        """Return the command of a mutant; the empty name is the sound program."""
        return [sys.executable, "-I", "-S", str(_STUB), str(self._socket), name]


def meet(
    mutant: Mutant, tests: Sequence[Test], suite: Suite, server: Server, timeout_s: float, *, all_tests: bool = False
) -> Fate:
    """Let a mutant meet the tests that can notice it."""
    killers: list[tuple[str, str]] = []
    met, judged = 0, False
    with Testee(server.command(mutant.name), timeout_s) as program, Testee(server.command(""), timeout_s) as partner:
        for test in order(mutant, tests):
            met += 1
            result = suite.play(test.id, program, partner)
            if result.status is Status.FAILED:
                killers.append((result.id, result.fault or ""))
                judged = judged or mutant.clause in test.clauses
                if not all_tests or result.fault is Fault.HUNG:
                    break
    place = f"{mutant.module}.{mutant.function}".strip(".")
    was, now = (text.decode() for text in (mutant.edit.was, mutant.edit.now))
    return Fate(mutant.name, mutant.clause, mutant.operator, place, was, now, met, tuple(killers), judged)
