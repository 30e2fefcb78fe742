"""A store of states that is exact and small.

States of a model differ in few of their variables, and most values of a variable occur in many states. So every value
is kept once, per variable, and a state is the row of their numbers, packed into bytes (Spin calls it collapse
compression). Two states are the same exactly when their rows are: no digest, no chance of a collision. A state gets a
number in the order in which it is found; how it was found (from which state, by which of its steps) takes eight bytes.
"""

from array import array
from typing import Generic, TypeVar

from communicator_spec.formal.machine import Machine, Step

S = TypeVar("S", bound=tuple[object, ...])

ROOT = 0xFFFFFFFF
_NOTHING = object()


class States(Generic[S]):
    """The states of one machine that were found so far. About 200 bytes a state."""

    def __init__(self, machine: Machine[S]) -> None:
        self._machine = machine
        self._kept = machine.kept
        self._numbers: list[dict[object, int]] = [{} for _ in range(self._kept)]
        self._values: list[list[object]] = [[] for _ in range(self._kept)]
        self._index: dict[bytes, int] = {}
        self._rows: list[bytes] = []
        self._parents = array("I")
        self._ordinals = array("I")
        self._last: tuple[tuple[object, ...], array[int]] = (_NOTHING,) * self._kept, array("I", [0] * self._kept)
        self._blank = (None,) * (len(machine.fields) - self._kept)

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, state: S, parent: int = ROOT, ordinal: int = 0) -> tuple[int, bool]:
        """Return the number of a state, and whether it is new: then it was found by that step of its parent."""
        last, known = self._last
        row = known[:]
        for i, value in enumerate(state[: self._kept]):
            if value is not last[i]:  # a step leaves most variables alone
                numbers = self._numbers[i]
                number = numbers.get(value)
                if number is None:
                    number = numbers[value] = len(self._values[i])
                    self._values[i].append(value)
                row[i] = number
        packed = row.tobytes()
        found = self._index.setdefault(packed, len(self._rows))
        if found != len(self._rows):
            return found, False
        self._rows.append(packed)
        self._parents.append(parent)
        self._ordinals.append(ordinal)
        return found, True

    def state(self, number: int) -> S:
        """Return a state; its observed variables are None, for they are no part of it."""
        row = array("I", self._rows[number])
        kept = (values[n] for n, values in zip(row, self._values, strict=True))
        state = tuple.__new__(self._machine.state, (*kept, *self._blank))
        self._last = state, row
        return state

    def path(self, number: int) -> tuple[S, list[Step[S]]]:
        """Return the state in which the run to a state begins, and its steps; computes the steps again."""
        chain = [number]
        while self._parents[chain[-1]] != ROOT:
            chain.append(self._parents[chain[-1]])
        chain.reverse()
        begin = state = self._machine.inits()[self._ordinals[chain[0]]]
        steps: list[Step[S]] = []
        for reached in chain[1:]:
            step = self._machine.steps(state)[self._ordinals[reached]]
            steps.append(step)
            state = step.state
        return begin, steps
