"""All tests as one table, played one at a time; and what the sound program enters in each of them.

Theory. A test that never enters a function cannot notice what is wrong in it. So the sound program is watched once,
test by test, and a mutant then meets only the tests that enter the function it changes; those that cite its clause
first, and of these the ones that enter least: they are the quickest, and say most precisely what is wrong.

Rules:

1. Only a test that the sound program passes can kill.
2. Whether a mutant lives does not depend on the order; only which test is first to kill it does.
3. Games about privacy take no part: they judge what is seen of a population, and have leaks of their own to find.
"""

import sys
from collections.abc import Iterable, Sequence
from mmap import mmap
from pathlib import Path
from typing import Final

import msgspec

from communicator_conformance.kinds import KINDS
from communicator_conformance.mutants.values import Mutant
from communicator_conformance.runner import play_all
from communicator_conformance.testee import REFERENCE, Testee
from communicator_conformance.vectors import published
from communicator_conformance.verdicts import Result, Status

__all__ = ["Suite", "Test", "order", "watch"]

_HOST: Final = "communicator_conformance.mutants.host"
_NUMBER_BYTES: Final = 8
_GAMES: Final = "privacy/"  # rule 3


class Test(msgspec.Struct, frozen=True):
    """A test that the sound program passes: the clauses it cites, and what it enters, as `module function`."""

    __test__ = False  # not a test class, whatever its name suggests

    id: str
    clauses: tuple[str, ...]
    enters: frozenset[str]


class Suite:
    """Every vector and every test of the other kinds but games, by id."""

    def __init__(self, seed: int = 0) -> None:
        self._vectors = {name: msgspec.structs.replace(v, twin=None) for name, v in published().items()}
        self._others = {test: kind for kind in KINDS for test in kind.tests() if not test.startswith(_GAMES)}
        self._seed = seed

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids: vectors first, then kind by kind."""
        return (*sorted(self._vectors), *self._others)

    def play(self, test: str, program: Testee, partner: Testee) -> Result:
        """Play one test; the twin of a negative is a test of its own."""
        if test in self._vectors:
            return play_all(program, {test: self._vectors[test]})[-1]
        (result,) = self._others[test].play(program, partner, frozenset({test}), self._seed)
        return result


def watch(
    suite: Suite, rows: Path, program: Sequence[str], tests: Iterable[str], folder: Path, timeout_s: float
) -> list[Test]:
    """Play tests with the sound program and return those that it passes, with what each enters."""
    board = folder / "entered"
    board.write_bytes(bytes(_NUMBER_BYTES) + b"\n")
    command = [sys.executable, "-m", _HOST, str(rows), "--note", str(board), "--", *program]
    passed: dict[int, Result] = {}
    with (
        Testee(command, timeout_s) as sound,
        Testee([REFERENCE], timeout_s) as partner,
        board.open("r+b") as file,
        mmap(file.fileno(), _NUMBER_BYTES) as number,
    ):
        for at, test in enumerate(tests, 1):
            number[:] = at.to_bytes(_NUMBER_BYTES)
            result = suite.play(test, sound, partner)
            if result.status is Status.PASSED:
                passed[at] = result
    entered: dict[int, set[str]] = {}
    for line in board.read_bytes()[_NUMBER_BYTES + 1 :].decode().splitlines():
        at_text, _, place = line.partition(" ")
        entered.setdefault(int(at_text), set()).add(place)
    return [Test(r.id, r.clauses, frozenset(entered.get(at, ()))) for at, r in passed.items()]


def order(mutant: Mutant, tests: Iterable[Test]) -> list[Test]:
    """Return the tests that can notice a mutant, the likeliest to kill it first.

    A change outside of all functions shows wherever its module is entered, and perhaps elsewhere: it meets all tests.
    """
    head = f"{mutant.module} "
    place = head + mutant.function

    def rank(test: Test) -> tuple[bool, bool, int, str]:
        near = place in test.enters if mutant.function else any(entry.startswith(head) for entry in test.enters)
        return mutant.clause not in test.clauses, not near, len(test.enters), test.id

    able = [test for test in tests if not mutant.function or place in test.enters]
    return sorted(able, key=rank)
