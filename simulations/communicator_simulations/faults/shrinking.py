"""Cutting a failing plan down to what it needs, by delta debugging (Zeller and Hildebrandt, 2002).

Theory. Faults, messages and days are lists of which most has nothing to do with the failure. `cut` removes halves,
quarters and so on, as long as the rest still fails in the same way: by the same judge, and the same name. Because a
plan is all that a run depends on, the outcome is a function of the plan: the same plan shrinks to the same plan.

Rules:

1. What counts is the finding's judge and name, not its text: numbers and dates move when something is cut.
2. Faults that meet nothing any more are left out by the way, so that what remains is valid.
3. Nothing is changed but by leaving something out, the end of the phase of faults excepted.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from communicator_simulations.faults.judging import Finding, firing, judge, ran
from communicator_simulations.faults.plan import DAY, FaultPlan

__all__ = ["Shrunk", "cut", "found_by", "shrink"]

T = TypeVar("T")
_RUNS_MAX: Final = 400


class Shrunk(NamedTuple):
    """The smallest plan that was found, what it shows, and how many runs that took."""

    plan: FaultPlan
    finding: Finding
    runs: int


def found_by(plan: FaultPlan, plant: str = "") -> tuple[FaultPlan, Finding | None]:
    """Run a plan on both fidelities and judge it; return it without what met nothing, and what was found."""
    valid, cores = firing(plan, "impl", plant)
    return valid, judge(valid, ran(valid, "model"), cores).found


def cut(items: Sequence[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Return a part of the list that still fails and of which no single item can be left out.

    `fails` is asked of parts only; the whole list is known to fail.
    """
    left, parts = list(items), 2
    if left and fails([]):
        return []
    while len(left) > 1:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            if rest and fails(rest):
                left, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(left))
    return left


def shrink(plan: FaultPlan, finding: Finding, plant: str = "") -> Shrunk:
    """Return the smallest plan found that fails in the same way; at most 400 runs."""
    trial = _Trial(plan, finding, plant)
    while True:
        before = trial.best
        _fewer(trial.best, "faults", trial.fails)
        _fewer(trial.best, "writes", trial.fails)
        _shorter(trial.best, trial.fails)
        if trial.best == before:
            return Shrunk(trial.best, trial.shown, trial.runs)


class _Trial:
    """Remembers the smallest plan that failed in the same way so far."""

    def __init__(self, plan: FaultPlan, finding: Finding, plant: str) -> None:
        self.best, self.shown, self.runs = plan, finding, 0
        self._plant = plant

    def fails(self, candidate: FaultPlan) -> bool:
        """Tell whether a smaller plan fails in the same way (rules 1, 2)."""
        if self.runs >= _RUNS_MAX:
            return False
        self.runs += 1
        valid, found = found_by(candidate, self._plant)
        if found is None or found[:2] != self.shown[:2]:
            return False
        self.best, self.shown = valid, found
        return True


def _fewer(plan: FaultPlan, of: str, fails: Callable[[FaultPlan], bool]) -> None:
    """Leave out what is not needed of one of the plan's lists."""
    items: tuple[object, ...] = getattr(plan, of)
    cut(items, lambda left: fails(msgspec.structs.replace(plan, **{of: tuple(left)})))


def _shorter(plan: FaultPlan, fails: Callable[[FaultPlan], bool]) -> None:
    """End the phase of faults as early as everything in it allows, if that fails too."""
    last = max([at for at, _ in plan.writes] + [fault.at_min + fault.for_min for fault in plan.faults], default=0)
    ends_min = min(plan.faults_min, -(-(last + 1) // DAY) * DAY)
    if ends_min < plan.faults_min:
        fails(msgspec.structs.replace(plan, faults_min=ends_min))
