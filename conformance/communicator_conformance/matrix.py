"""The matrix: every program with every other, each in both parts of every script.

Theory. That two programs conform does not yet say that they work together; that they play the scripts together does. A
cell names who plays the first of each kind of role (row) and who plays the second (column), so the two cells of a pair
are two different plays, and the diagonal is a program with itself, in two processes.

Rules:

1. A cell in which one of the two has no part is empty; it is no success.
2. A program that cannot be started fails its whole row and column, and the others go on. Each program has one testee
   for all its rows and one for all its columns, so that silence is waited for once in each and not in every cell.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import msgspec

from communicator_conformance.scripts import between, published_scripts, scripts_of
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Result, Status

__all__ = ["Cell", "cells"]


class Cell(msgspec.Struct, frozen=True):
    """All plays of one pair: who was first, who was second, and the results in order of their ids."""

    first: str
    second: str
    results: tuple[Result, ...]

    def count(self, status: Status) -> int:
        """Return how many plays ended like this."""
        return sum(r.status is status for r in self.results)

    @property
    def ok(self) -> bool:
        """Whether something was played, and nothing failed."""
        return self.count(Status.PASSED) > 0 and self.count(Status.FAILED) == 0


def cells(
    programs: dict[str, list[str]],
    timeout_s: float = 10.0,
    seed: int = 0,
    seen: Callable[[Cell], None] = lambda _: None,
) -> Iterator[Cell]:
    """Play all scripts with each pair of programs, by name; questions draw from `seed`, `seen` is told each cell."""
    scripts = published_scripts()
    every = frozenset(test for name, script in scripts.items() for test, _ in scripts_of(script, name))
    with ExitStack() as stack:
        rows, columns = ({n: stack.enter_context(Testee(c, timeout_s)) for n, c in programs.items()} for _ in range(2))
        for first, second in _pairs(list(programs)):
            pair = rows[first], columns[second]
            cell = Cell(first, second, tuple(between(*pair, scripts, every, both=True, seed=seed)))
            seen(cell)
            yield cell


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((first, second) for first in names for second in names)
