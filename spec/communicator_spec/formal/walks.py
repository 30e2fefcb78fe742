"""Random walks: far into worlds that are too large to search.

A walk picks an action by its weight among those that are possible, then one of its steps uniformly. So an action with
many picks (a message to forward out of ten) is not taken ten times as often. Walks are numbered; a walk is a function
of the machine, the seed, its number and the weights, and can be walked again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from communicator_spec.formal.draws import draw
from communicator_spec.formal.explore import Violation
from communicator_spec.formal.machine import Machine, Step

S = TypeVar("S", bound=tuple[object, ...])

NORMAL = 100


class Walked(NamedTuple, Generic[S]):
    """What walks found: how many steps in all, how often each action was taken, witnesses met, the first violation."""

    walks: int
    steps: int
    actions: dict[str, int]
    witnesses: dict[str, int]  # in how many walks
    violation: Violation[S] | None


def walk(
    machine: Machine[S], depth: int, seed: int, number: int = 0, weights: Mapping[str, int] | None = None
) -> Iterator[Step[S]]:
    """Yield the steps of one walk: `depth` of them, or until nothing can be done.

    A weight is a whole number, 100 if not given; an action of weight 0 is taken only when nothing else is possible.
    """
    state = machine.init()
    for i in range(depth):
        steps = machine.steps(state)
        if not steps:
            return
        by_action: dict[str, list[Step[S]]] = {}
        for step in steps:
            by_action.setdefault(step.action, []).append(step)
        chosen = by_action[_weighed(list(by_action), weights or {}, draw(1 << 64, seed, number, i, 0))]
        step = chosen[draw(len(chosen), seed, number, i, 1)]
        yield step
        state = step.state


def _weighed(actions: Sequence[str], weights: Mapping[str, int], drawn: int) -> str:
    listed = [weights.get(action, NORMAL) for action in actions]
    if not sum(listed):
        listed = [1] * len(listed)
    left = drawn * sum(listed) >> 64
    for action, weight in zip(actions, listed, strict=True):
        if left < weight:
            return action
        left -= weight
    raise AssertionError("weights are counted")


def walks(
    machine: Machine[S],
    count: int,
    depth: int,
    seed: int,
    invariants: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    weights: Mapping[str, int] | None = None,
) -> Walked[S]:
    """Walk `count` times; stop at the first violation of an invariant. `KeyError`: no such definition."""
    holds = [(name, machine.definition(name)) for name in invariants]
    sought = [(name, machine.definition(name)) for name in witnesses]
    actions: Counter[str] = Counter()
    met = dict.fromkeys(witnesses, 0)
    for number in range(count):
        taken: list[Step[S]] = []
        here: set[str] = set()
        for step in walk(machine, depth, seed, number, weights):
            taken.append(step)
            actions[step.action] += 1
            here.update(name for name, is_true in sought if name not in here and is_true(step.state))
            for name, judge in holds:
                if not judge(step.state):
                    violation = Violation(name, machine.init(), tuple(taken))
                    return Walked(number + 1, actions.total(), dict(sorted(actions.items())), met, violation)
        for name in here:
            met[name] += 1
    return Walked(count, actions.total(), dict(sorted(actions.items())), met, None)
