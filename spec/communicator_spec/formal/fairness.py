"""What must come in the end: `p ~> q` under strong fairness, on the complete graph of a machine.

Theory (Emerson and Lei 1987). A run is a path that goes on for ever, or ends where nothing can be done. It is strongly
fair when every *class* of steps that is possible infinitely often is taken infinitely often. `p ~> q` fails exactly
when from some reachable state with p a fair run never meets q. Such a run ends in a state without successor, or stays
for ever in a strongly connected set of states without q in which every class that is possible somewhere is also taken
inside. The sets are found by Tarjan's algorithm; from one with an unfair class, the states where that class is possible
are taken out, and what is left is searched again.

Rules:

1. A class says exactly what an implementation guarantees: an action alone, or with some picks, or fields of picks
   (`forwards/q.submission.via` is one class per sending service). Steps without a class may starve.
2. Fairness is judged on the whole graph: an incomplete search proves nothing and is refused.
3. A counterexample is a run to a state with p, from there to a cycle, and the cycle, which takes every class that it
   makes possible. An empty cycle is a state without successor.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from communicator_spec.formal.explore import Found, explore
from communicator_spec.formal.machine import Machine, Step
from communicator_spec.formal.values import FormalError

S = TypeVar("S", bound=tuple[object, ...])

NO_CLASS = 0


class Incomplete(FormalError):
    """The graph was not searched to its end."""


class FairClass(NamedTuple):
    """Steps of an action that are one class for the same values of some picks, each followed into some fields."""

    action: str
    picks: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, text: str) -> "FairClass":
        """Return the class that `action/pick.field/pick` names."""
        action, *picks = text.split("/")
        return cls(action, tuple(tuple(pick.split(".")) for pick in picks))

    def of(self, step: Step[S]) -> tuple[object, ...]:
        """Return which class of this kind a step is in. `KeyError`, `AttributeError`: no such pick or field."""
        given = dict(step.picks)
        found: list[object] = [self.action]
        for name, *fields in self.picks:
            value = given[name]
            for field in fields:
                value = getattr(value, field)
            found.append(value)
        return tuple(found)


class FairRun(NamedTuple, Generic[S]):
    """A counterexample: where it begins, the steps to the cycle, and those of the cycle."""

    begin: S
    prefix: tuple[Step[S], ...]
    cycle: tuple[Step[S], ...]


class Verdict(NamedTuple, Generic[S]):
    """Whether p leads to q; how many classes are fair; and a fair run that shows that it does not."""

    holds: bool
    classes: int
    found: Found[S]
    run: FairRun[S] | None


class Graph(Generic[S]):
    """Every state and step of a machine: about 8 bytes a step, beside what the search itself keeps."""

    def __init__(self, fair: Iterable[FairClass], of_states: Sequence[Callable[[S], object]]) -> None:
        self._fair = {each.action: each for each in fair}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._of_states = of_states
        self.truths: list[bytearray] = [bytearray() for _ in of_states]
        self._first = array("Q", [0])
        self._targets = array("I")
        self._classes = array("I")

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self._numbers)

    def saw_state(self, number: int, state: S) -> None:
        """Judge a new state."""
        for truths, judge in zip(self.truths, self._of_states, strict=True):
            truths.append(bool(judge(state)))

    def saw_step(self, source: int, step: Step[S], target: int) -> None:
        """Keep a step."""
        while len(self._first) <= source:
            self._first.append(len(self._targets))
        kind = self._fair.get(step.action)
        number = NO_CLASS if kind is None else self._numbers.setdefault(kind.of(step), len(self._numbers) + 1)
        self._targets.append(target)
        self._classes.append(number)

    def close(self) -> None:
        """Say that no step follows."""
        while len(self._first) <= len(self.truths[0]):
            self._first.append(len(self._targets))

    def steps(self, source: int) -> Iterator[tuple[int, int, int]]:
        """Yield the steps of a state: (ordinal, target, class)."""
        first, last = self._first[source], self._first[source + 1]
        for i in range(first, last):
            yield i - first, self._targets[i], self._classes[i]

    def targets(self, source: int) -> Iterator[int]:
        """Yield where the steps of a state lead."""
        return iter(self._targets[self._first[source] : self._first[source + 1]])

    def __len__(self) -> int:
        return len(self._first) - 1


def leads_to(
    machine: Machine[S],
    start: str,
    goal: str,
    fair: Sequence[FairClass],
    stop: Callable[[int, int], bool] | None = None,
) -> Verdict[S]:
    """Judge whether every fair run that meets a state with `start` meets one with `goal`, then or later.

    `Incomplete` if `stop` ended the search; `KeyError` if there is no such definition or action, or one action twice.
    """
    unknown = {each.action for each in fair} - set(machine.actions)
    if unknown or len({each.action for each in fair}) != len(fair):
        raise KeyError(f"fair classes name {sorted(unknown) or 'an action twice'}")
    graph: Graph[S] = Graph(fair, [machine.definition(start), machine.definition(goal)])
    found = explore(machine, watcher=graph, stop=stop)
    if not found.complete:
        raise Incomplete(f"{found.states} states, and no end")
    graph.close()
    is_start, is_goal = graph.truths
    region = reachable(graph, (n for n in range(len(graph)) if is_start[n] and not is_goal[n]), is_goal)
    trap = fair_set(graph, region)
    if trap is None:
        return Verdict(True, graph.classes, found, None)  # named in the tuple
    return Verdict(False, graph.classes, found, _run(machine, graph, trap))


def reachable(graph: Graph[S], begin: Iterable[int], avoid: bytearray) -> set[int]:
    """Return the states on paths from some states that avoid others."""
    found = set(begin)
    waiting = sorted(found)
    while waiting:
        for target in graph.targets(waiting.pop()):
            if not avoid[target] and target not in found:
                found.add(target)
                waiting.append(target)
    return found


def fair_set(graph: Graph[S], region: set[int]) -> set[int] | None:
    """Return states of a region in which a fair run can stay, or one without successor; None if there are none."""
    work = [region]
    while work:
        for component in components(graph, work.pop()):
            steps = [(target in component, number) for n in component for _, target, number in graph.steps(n)]
            if not steps:
                return component
            if not any(inside for inside, _ in steps):
                continue
            unfair = {number for _, number in steps if number} - {number for inside, number in steps if inside}
            if not unfair:
                return component
            rest = {n for n in component if not any(number in unfair for _, _, number in graph.steps(n))}
            if rest:
                work.append(rest)
    return None


def components(graph: Graph[S], region: set[int]) -> Iterator[set[int]]:
    """Yield the strongly connected components of a region (Tarjan 1972, without recursion), from fixed roots."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in sorted(region):
        if root in index:
            continue
        work = [(root, graph.targets(root))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in region:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, graph.targets(target)))
                    break
                if target in on_stack:
                    low[node] = min(low[node], low[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    yield _popped(stack, on_stack, node)


def _popped(stack: list[int], on_stack: set[int], node: int) -> set[int]:
    component: set[int] = set()
    while node not in component:
        member = stack.pop()
        on_stack.discard(member)
        component.add(member)
    return component


# ---------------------------------------------------------------------- counterexamples
def _run(machine: Machine[S], graph: Graph[S], trap: set[int]) -> FairRun[S]:
    """Return a run through a state with p into the trap, and a cycle there that is fair."""
    is_start, is_goal = graph.truths
    everywhere = bytearray(len(graph))
    to_start = _path(graph, [0], {n for n in range(len(graph)) if is_start[n] and _meets(graph, n, trap)}, everywhere)
    into = _path(graph, [to_start[-1][1] if to_start else 0], trap, is_goal)
    entry = (into or to_start)[-1][1] if into or to_start else 0
    cycle: list[tuple[int, int]] = []
    outside = bytearray(n not in trap for n in range(len(graph)))
    at = entry
    wanted = sorted({number for n in trap for _, target, number in graph.steps(n) if target in trap and number})
    for number in wanted:
        sources = {n for n in trap if any(k == number and t in trap for _, t, k in graph.steps(n))}
        cycle += _path(graph, [at], sources, outside)
        at = cycle[-1][1] if cycle else entry
        ordinal, target = next((o, t) for o, t, k in graph.steps(at) if k == number and t in trap)
        cycle.append((ordinal, target))
        at = target
    if at != entry or not cycle:
        cycle += _closing(graph, at, entry, trap, outside)
    return _replayed(machine, [*to_start, *into], cycle)


def _meets(graph: Graph[S], begin: int, trap: set[int]) -> bool:
    is_goal = graph.truths[1]
    return not is_goal[begin] and not trap.isdisjoint(reachable(graph, [begin], is_goal))


def _closing(graph: Graph[S], at: int, entry: int, trap: set[int], outside: bytearray) -> list[tuple[int, int]]:
    """Return a way back to where the cycle begins, of at least one step if there is one."""
    for ordinal, target, _ in graph.steps(at):
        if target in trap:
            return [(ordinal, target), *_path(graph, [target], {entry}, outside)]
    return []


def _path(graph: Graph[S], begin: Sequence[int], goals: set[int], avoid: bytearray) -> list[tuple[int, int]]:
    """Return a shortest path to one of some states, as (ordinal of the step, target); no state on it is avoided."""
    came: dict[int, tuple[int, int] | None] = dict.fromkeys(begin)
    waiting = deque(begin)
    while waiting:
        node = waiting.popleft()
        if node in goals:
            path: list[tuple[int, int]] = []
            step = came[node]
            while step is not None:
                path.append((step[1], node))
                node = step[0]
                step = came[node]
            return path[::-1]
        for ordinal, target, _ in graph.steps(node):
            if target not in came and not avoid[target]:
                came[target] = (node, ordinal)
                waiting.append(target)
    raise AssertionError("the states are connected")


def _replayed(machine: Machine[S], prefix: Sequence[tuple[int, int]], cycle: Sequence[tuple[int, int]]) -> FairRun[S]:
    begin = state = machine.init()
    steps: list[Step[S]] = []
    for ordinal, _ in (*prefix, *cycle):
        step = machine.steps(state)[ordinal]
        steps.append(step)
        state = step.state
    return FairRun(begin, tuple(steps[: len(prefix)]), tuple(steps[len(prefix) :]))
