"""Exploring fault plans on the real cores for as long as one likes: seeds in, the smallest failing plan out.

Theory. Each number is a plan (`drawing`), each plan is run on the population model first, which is cheap and tells
which of its faults meet nothing; those are left out, so that what the real cores run is valid. Then all judges look
(`judging`). Plans share nothing, so any number of processes explores them, and what was done is kept as a list of
blocks: an exploration that was stopped goes on where it was.

Rules:

1. A plan's number is its seed, together with that of the exploration: `draw_plan(plan_seed(seed, number))`.
2. Work is counted in seconds of the processor, so that person-days per second and core are what they say however many
   processes ran; judging and the runs on the model are part of it.
3. The first failure ends the exploration; what it shows is shrunk.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_simulations.faults.drawing import draw_plan
from communicator_simulations.faults.judging import Finding, Verdict, firing, judge, ran
from communicator_simulations.faults.plan import DAY, FaultPlan
from communicator_simulations.faults.shrinking import Shrunk, shrink
from communicator_simulations.workers import finished

__all__ = ["BLOCK", "Explored", "Failure", "Sought", "Tried", "explore", "known_of", "plan_seed", "seek", "sought",
           "tried"]  # fmt: skip

BLOCK: Final = 5
"""How many plans are one piece of work."""
_AHEAD: Final = 50
"""How many pieces of work are planned at a time."""
_MANY: Final = 1_000_000


class Failure(NamedTuple):
    """A plan that fails, its number, and how."""

    number: int
    plan: FaultPlan
    finding: Finding


class Tried(msgspec.Struct, frozen=True):
    """What came of some plans; times in seconds of one processor."""

    plans: int = 0
    person_days: float = 0.0
    calm_days: float = 0.0
    hours: float = 0.0
    messages: int = 0
    events: int = 0
    cpu_s: float = 0.0
    met: dict[str, int] = {}
    faults: dict[str, int] = {}

    def plus(self, other: "Tried") -> "Tried":
        """Add up."""
        added = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("plans", "person_days", "calm_days", "hours", "messages", "events", "cpu_s")
        }
        met, faults = (dict(Counter(a) + Counter(b)) for a, b in ((self.met, other.met), (self.faults, other.faults)))
        return Tried(**added, met=met, faults=faults)


class Explored(msgspec.Struct, frozen=True):
    """How far an exploration is: which blocks are done, and what came of them."""

    seed: int
    people: int
    done: tuple[int, ...] = ()
    tried: Tried = Tried()


def plan_seed(seed: int, number: int) -> int:
    """Return the seed of one plan of an exploration."""
    return seed * _MANY + number


def tried(seed: int, number: int, people: int, plant: str = "") -> tuple[FaultPlan, Verdict]:
    """Draw one plan, leave out what meets nothing, run it on the real cores and judge it."""
    plan, model = firing(draw_plan(plan_seed(seed, number), people))
    return plan, judge(plan, model, ran(plan, "impl", plant))


def _block(job: tuple[int, int, int]) -> tuple[Tried, Failure | None]:
    """Try the plans of one block, up to the first that fails."""
    seed, people, first = job
    began, sum_ = time.process_time(), Tried()
    for number in range(first * BLOCK, (first + 1) * BLOCK):
        plan, verdict = tried(seed, number, people)
        sum_ = sum_.plus(_counted(plan, verdict))
        if verdict.found is not None or verdict.unfired:
            unfired = ", ".join(plan.faults[n].line for n in verdict.unfired)
            finding = verdict.found or Finding("validity", "unfired", f"met something on the model alone: {unfired}")
            return _timed(sum_, began), Failure(number, plan, finding)
    return _timed(sum_, began), None


def _timed(sum_: Tried, began: float) -> Tried:
    return msgspec.structs.replace(sum_, cpu_s=time.process_time() - began)


def _counted(plan: FaultPlan, verdict: Verdict) -> Tried:
    met: Counter[str] = Counter()
    for fault, times in zip(plan.faults, verdict.met, strict=True):
        met[fault.what.value] += times
    hours = (plan.faults_min + plan.calm_min) / 60
    calm_days = len(plan.people) * plan.calm_min / DAY
    faults = dict(Counter(fault.what.value for fault in plan.faults))
    return Tried(1, plan.person_days, calm_days, hours, verdict.messages, verdict.events, met=dict(met), faults=faults)


def explore(
    known: Explored, seconds: float, workers: int, keep: Path | None = None,
    tell: Callable[[Explored], None] = lambda explored: None,
) -> tuple[Explored, Failure | None]:  # fmt: skip
    """Try plans until the time is over or one fails; `keep` is written after each block, and can be gone on from."""
    until = time.monotonic() + seconds
    for jobs in _jobs(known):
        for (_, _, first), (sum_, failure) in finished(_block, jobs, workers):
            done = tuple(sorted({*known.done, first}))
            known = msgspec.structs.replace(known, done=done, tried=known.tried.plus(sum_))
            if keep is not None:
                _write(keep, known)
            tell(known)
            if failure is not None or time.monotonic() >= until:
                return known, failure
    raise AssertionError("there is always another plan")


def _jobs(known: Explored) -> Iterator[list[tuple[int, int, int]]]:
    """Yield work that is not done yet, for ever."""
    done = frozenset(known.done)
    left = (first for first in count() if first not in done)
    while True:
        yield [(known.seed, known.people, next(left)) for _ in range(_AHEAD)]


def known_of(path: Path, seed: int, people: int) -> Explored:
    """Return how far an exploration is; one of which nothing is kept has not begun."""
    return msgspec.json.decode(path.read_bytes(), type=Explored) if path.exists() else Explored(seed, people)


def _write(path: Path, known: Explored) -> None:
    """Replace the file at once, so that whoever stops leaves a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(known))
    part.replace(path)


class Sought(NamedTuple):
    """How a planted fault was found: after how many plans and seconds of a processor; None: it was not."""

    plant: str
    plans: int
    cpu_s: float
    shrunk: Shrunk | None


def seek(plant: str, seed: int, people: int = 4, most: int = 2000, *, shrinks: bool = True) -> Sought:
    """Try plans on cores with a planted fault until one shows it."""
    began = time.process_time()
    for number in range(most):
        plan, verdict = tried(seed, number, people, plant)
        if verdict.found is not None:
            took = time.process_time() - began
            found = shrink(plan, verdict.found, plant) if shrinks else Shrunk(plan, verdict.found, 0)
            return Sought(plant, number + 1, took, found)
    return Sought(plant, most, time.process_time() - began, None)


def sought(plants: Sequence[str], seed: int, people: int, workers: int, *, shrinks: bool = True) -> Iterator[Sought]:
    """Look for several planted faults, each in a process of its own if there are several."""
    for _, found in finished(_seek, [(plant, seed, people, shrinks) for plant in plants], workers):
        yield found


def _seek(job: tuple[str, int, int, bool]) -> Sought:
    plant, seed, people, shrinks = job
    return seek(plant, seed, people, shrinks=shrinks)
