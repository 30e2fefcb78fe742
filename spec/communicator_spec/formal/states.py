"""A store of states that is exact and small.

States of a model differ in few of their variables, and most values of a variable occur in many states. So every value is
kept once, per variable, and a state is the row of their numbers, packed into bytes (Spin calls it collapse compression).
Two states are the same exactly when their rows are: no digest, no chance of a collision. A state gets a number in the
order in which it is found; how it was found (from which state, by which of its steps) is kept in six bytes.
"""

from array import array
from typing import Generic, TypeVar, cast

from communicator_spec.formal.machine import Machine, Step

S = TypeVar("S", bound=tuple[object, ...])

ROOT = 0xFFFFFFFF


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
        self._blank = (None,) * (len(machine.fields) - self._kept)

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, state: S, parent: int = ROOT, ordinal: int = 0) -> tuple[int, bool]:
        """Return the number of a state, and whether it is new: then it was found by that step of its parent."""
        row = array("I")
        for value, numbers, values in zip(state, self._numbers, self._values, strict=False):
            number = numbers.get(value)
            if number is None:
                number = numbers[value] = len(values)
                values.append(value)
            row.append(number)
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
        kind = cast("type[S]", self._machine.state)
        return tuple.__new__(kind, (*kept, *self._blank))

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
