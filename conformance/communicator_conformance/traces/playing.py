"""Runs of the formal model, taken by programs step by step, and compared with the model after each.

Theory. A kept run (`communicator_spec.formal.kept`) is a sequence of decisions: who does what next, what is lost, when
time passes. The model says what follows; so do the programs. After each step the rows that were reported and all that
both devices keep must be equal, so a difference has a place: the step, and the field.

Rules:

1. The program under test plays every role that it offers: the model is what it is compared with. The others are the
   partner's.
2. Beside the kept runs are walks whose decisions are drawn from the seed of the run.
3. A run goes as far as programs can take it (`communicator_spec.formal.lockstep`, rule 5).
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from communicator_conformance.errors import TesteeError
from communicator_conformance.questions import UPSET, Flaw, Questions, Refused
from communicator_conformance.scripts.casting import ROLES
from communicator_conformance.testee import Testee
from communicator_conformance.traces.roles import LiveRoles
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec import Row, Terms
from communicator_spec.formal import Model, State, Step, World
from communicator_spec.formal.kept import kept, load_kept, transplanted
from communicator_spec.formal.lockstep import WEIGHTS, Divergence, Performable, Stage, is_performable, walked_world
from communicator_spec.formal.repeating import nodes_world
from communicator_spec.formal.walks import walk
from communicator_spec.nodes import Reach

__all__ = ["WALKS", "play", "tests"]

WALKS: Final = 1
"""How many walks a run draws in each profile."""
DEPTH: Final = 80
PROFILES: Final = ("label/1", "two-layer/1")
NEEDS: Final = frozenset({"live", "events", "formal"})
DRAWN: Final = "drawn"

CLAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "submits": ("DELIV-1", "DELIV-3"),
    "wakes": ("DELIV-5", "DELIV-8", "DELIV-9", "STATE-6"),
    "fetches": ("DELIV-2", "DELIV-26", "DELIV-27", "DELIV-28"),
    "hears": ("DELIV-6",),
    "moves": ("STATE-9", "STATE-23"),
    "switches": ("ROLE-4",),
    "leaves": ("STATE-10", "STATE-11"),
    "refuses": ("DELIV-29", "DELIV-31"),
    "forwards": ("ADDR-16", "ADDR-17", "SEND-10"),
    "waits": ("DELIV-11", "DELIV-24"),
    "givesUp": ("DELIV-11",),
    "writesJunk": ("DELIV-4",),
}
"""What each action of the model enacts (`spec/formal/README.md`)."""


class _Plan(NamedTuple):
    """A run to take: its world, its beginning and its steps."""

    world: World
    init: State
    steps: tuple[Step[State], ...]


def tests() -> tuple[str, ...]:
    """Return the ids of all traces, in order."""
    names = [*(name.removesuffix(".jsonl") for name in kept()), DRAWN]
    return tuple(_id(name, profile) for name in names for profile in PROFILES)


def play(
    program: Testee, partner: Testee, chosen: frozenset[str], seed: int, examples: int | None = None
) -> Iterator[Result]:
    """Take the chosen runs; `examples` is how many walks are drawn in each profile."""
    for name in [*(name.removesuffix(".jsonl") for name in kept()), DRAWN]:
        for profile in PROFILES:
            if _id(name, profile) in chosen:
                yield _played(program, partner, name, profile, seed, WALKS if examples is None else examples)


def _id(name: str, profile: str) -> str:
    return f"trace/{name}:{profile.partition('/')[0]}"


def _played(program: Testee, partner: Testee, name: str, profile: str, seed: int, walks: int) -> Result:
    test = _id(name, profile)
    try:
        offers = program.hello.offers
    except TesteeError as error:
        return Result(test, Status.FAILED, fault=error.fault, detail=str(error))
    missing = (NEEDS | {profile}) - offers
    if missing or not offers & set(ROLES.values()):
        return Result(test, Status.SKIPPED, detail=f"needs {', '.join(sorted(missing)) or 'a role'}")
    plans = [_kept_plan(name, profile)] if name != DRAWN else [_drawn_plan(profile, seed, n) for n in range(walks)]
    clauses = _clauses(plans)
    lines: tuple[str, ...] = ()
    for number, plan in enumerate(plans):
        own = hashlib.sha256(f"{test} {seed} {number}".encode()).digest()
        questions = Questions(own, trace=program.trace)
        fault, detail = _taken(program, partner, profile, plan, questions)
        lines += tuple(questions.lines) if program.trace else ()
        if fault is not None:
            where = f"walk {number}, " if name == DRAWN else ""
            return Result(test, Status.FAILED, clauses, fault, where + detail, tuple(questions.lines))
    return Result(test, Status.PASSED, clauses, lines=lines)


def _taken(
    program: Testee, partner: Testee, profile: str, plan: _Plan, questions: Questions
) -> tuple[Fault | None, str]:
    """Take one run; return what is wrong, and at which step."""

    def cast(kind: str, number: int) -> Testee:
        return program if ROLES[kind] in program.hello.offers else partner  # rule 1

    def roles(providers: int, terms: Terms, reach: Reach, _: object, emit: Callable[[Row], None]) -> LiveRoles:
        return LiveRoles(profile, cast, questions, _operators(plan.world), providers, terms, reach, emit)

    at, before = "before the first step", plan.init
    try:
        stage = Stage(plan.world, roles)
        stage.begin(before)
        for number, step in enumerate(plan.steps):
            at = f"step {number + 1} of {len(plan.steps)}, {step.action}"
            stage.perform(step.action, dict(step.picks), before, step.state)
            before = step.state
    except Divergence as parted:
        return Fault.STATE, f"{at}: {parted.told}"
    except Flaw as flaw:
        return flaw.fault, f"{at}: {flaw}"
    except Refused as refused:
        return Fault.REJECTED, f"{at}: {refused}"
    except TesteeError as error:
        return error.fault, f"{at}: {error}"
    except UPSET as error:
        return Fault.SCHEMA, f"{at}: an answer that nobody can carry on: {error!r}"
    return None, ""


# -------------------------------------------------------------------- what is taken


def _operators(world: World) -> set[int]:
    named = [services for table in (world.receiving, world.sending) for services in table.values()]
    return set().union(*named, world.spare, world.spareSending)


@cache
def _kept_plan(name: str, profile: str) -> _Plan:
    trace = load_kept(f"{name}.jsonl")
    world = nodes_world(trace, profile)
    return _Plan(world, Model(world).init(), _performable(transplanted(world, trace)))


def _drawn_plan(profile: str, seed: int, number: int) -> _Plan:
    world = walked_world(profile)
    walked = Performable(world)
    return _Plan(world, walked.init(), tuple(walk(walked, DEPTH, seed, number, WEIGHTS)))  # rule 2


def _performable(steps: Sequence[Step[State]]) -> tuple[Step[State], ...]:
    end = next((n for n, step in enumerate(steps) if not is_performable(step)), len(steps))  # rule 3
    return tuple(steps[:end])


def _clauses(plans: Sequence[_Plan]) -> tuple[str, ...]:
    actions = {step.action for plan in plans for step in plan.steps}
    return tuple(sorted({clause for action in actions for clause in CLAUSES.get(action, ())}))
