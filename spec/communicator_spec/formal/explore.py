"""Exhaustive search: every state that a machine can reach, shortest runs first.

Breadth first, so the first violation found is one of the shortest, and the witness of each possibility too. Rules:

- An invariant is judged in every state, once; one that reads an observed variable on every step.
- A witness is a definition that must be true in some state: a search that never reaches it has proved nothing.
- A search that was stopped says so (`complete` is false); its counts depend on when it was stopped.
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from communicator_spec.formal.machine import Machine, Step
from communicator_spec.formal.states import States

S = TypeVar("S", bound=tuple[object, ...])


class Violation(NamedTuple, Generic[S]):
    """A property that does not hold, and a shortest run that shows it: where it begins, and its steps."""

    name: str
    begin: S
    steps: tuple[Step[S], ...]


class Found(NamedTuple, Generic[S]):
    """What a search found. `depth` is the number of steps to the state furthest from the beginning."""

    states: int
    transitions: int
    depth: int
    dead_ends: int  # states without successor
    complete: bool
    violation: Violation[S] | None
    witnesses: dict[str, int | None]  # steps to each, None if not reached


class Watcher(Protocol[S]):
    """Sees a search as it goes: `fairness` keeps the graph with it."""

    def saw_state(self, number: int, state: S) -> None:
        """Take a new state; numbers rise by one."""
        ...

    def saw_step(self, source: int, step: Step[S], target: int) -> None:
        """Take a step; those of one source come together, the sources in order."""
        ...


def explore(
    machine: Machine[S],
    invariants: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    *,
    states_max: int | None = None,
    stop: Callable[[int, int], bool] | None = None,
    watcher: Watcher[S] | None = None,
) -> Found[S]:
    """Search until everything is seen, a property is violated, or it is enough.

    Enough is `states_max` states, or when `stop(states, transitions)` says so; it is asked after every hundred states.
    `KeyError`: no such definition.
    """
    return _Search(machine, invariants, witnesses, watcher).run(states_max, stop)


class _Search(Generic[S]):
    def __init__(
        self, machine: Machine[S], invariants: Sequence[str], witnesses: Sequence[str], watcher: Watcher[S] | None
    ) -> None:
        self.machine = machine
        self.states = States(machine)
        definitions = [(name, machine.definition(name)) for name in invariants]
        self.of_states = [d for d in definitions if not machine.observes(d[0])]
        self.of_steps = [d for d in definitions if machine.observes(d[0])]
        self.sought = {name: machine.definition(name) for name in witnesses}
        self.reached: dict[str, int | None] = dict.fromkeys(witnesses)
        self.watcher = watcher
        self.frontier: list[int] = []
        self.transitions = self.depth = self.dead_ends = 0
        self.violation: Violation[S] | None = None

    def run(self, states_max: int | None, stop: Callable[[int, int], bool] | None) -> Found[S]:
        """Go layer by layer."""
        for ordinal, state in enumerate(self.machine.inits()):
            number, new = self.states.add(state, ordinal=ordinal)
            if new:
                self._enter(number, state, 0)
        stopped = False
        while self.frontier and self.violation is None and not stopped:
            layer, self.frontier = self.frontier, []
            for i, number in enumerate(layer):
                stopped = bool(
                    (states_max is not None and len(self.states) >= states_max)
                    or (stop is not None and i % 100 == 0 and stop(len(self.states), self.transitions))
                )
                if stopped or not self._expand(number):
                    break
            if self.frontier:
                self.depth += 1
        complete = not stopped and self.violation is None
        counts = len(self.states), self.transitions, self.depth, self.dead_ends
        return Found(*counts, complete, self.violation, self.reached)

    def _expand(self, number: int) -> bool:
        """Take every step from a state; false if that violated a property."""
        steps = self.machine.steps(self.states.state(number))
        self.dead_ends += not steps
        self.transitions += len(steps)
        for ordinal, step in enumerate(steps):
            target, new = self.states.add(step.state, number, ordinal)
            if self.watcher is not None:
                self.watcher.saw_step(number, step, target)
            for name, holds in self.of_steps:
                if not holds(step.state):
                    begin, path = self.states.path(number)
                    self.violation = Violation(name, begin, (*path, step))
                    return False
            if new and not self._enter(target, step.state, self.depth + 1):
                return False
        return True

    def _enter(self, number: int, state: S, depth: int) -> bool:
        """Judge a new state; false if it violates a property."""
        self.frontier.append(number)
        if self.watcher is not None:
            self.watcher.saw_state(number, state)
        for name, is_true in list(self.sought.items()):
            if is_true(state):
                self.reached[name] = depth
                del self.sought[name]
        for name, holds in self.of_states:
            if not holds(state):
                begin, steps = self.states.path(number)
                self.violation = Violation(name, begin, tuple(steps))
                return False
        return True
