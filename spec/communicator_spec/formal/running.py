"""One check, run: what it found, and what is wrong with that.

A result is a plain value, so that it can come from another process and be shown in the order of the file, whatever was
done first. Everything in it but `seconds` depends on the model and on the check alone.
"""

import time
from collections.abc import Mapping

import msgspec

from communicator_spec.formal.checks import Check, Checks, FaultCheck, InstanceCheck, LivenessCheck, WalksCheck
from communicator_spec.formal.explore import Violation, explore
from communicator_spec.formal.fairness import FairClass, leads_to
from communicator_spec.formal.machine import Step
from communicator_spec.formal.model import Model, State, world
from communicator_spec.formal.traces import plain_picks, written
from communicator_spec.formal.walks import walks

COUNTS = ("states", "transitions", "depth", "dead_ends")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. `counts` are those that the file commits; `problems` is empty if all is well."""

    kind: str
    name: str
    where: str
    counts: dict[str, int]
    verdict: str
    problems: tuple[str, ...] = ()
    run: tuple[str, ...] = ()  # the steps that show it, a line each
    trace: str = ""  # the same as `traces` writes it
    seconds: float = 0.0

    @property
    def key(self) -> str:
        """What names the check in its table."""
        return "fault" if self.kind == "fault" else "name"


def run(check: Check, checks: Checks) -> Result:
    """Run one check. `KeyError` if it names what the model does not have."""
    began = time.perf_counter()
    if isinstance(check, InstanceCheck):
        result = _instance(check)
    elif isinstance(check, FaultCheck):
        result = _fault(check, checks)
    elif isinstance(check, LivenessCheck):
        result = _liveness(check, checks)
    else:
        result = _walks(check)
    return msgspec.structs.replace(result, seconds=time.perf_counter() - began)


def _lines(steps: tuple[Step[State], ...]) -> tuple[str, ...]:
    return tuple(f"{i + 1:3} {step.action} {plain_picks(dict(step.picks))}" for i, step in enumerate(steps))


def _differences(check: Check, counts: Mapping[str, int]) -> list[str]:
    return [
        f"{name} {number:,}, not {getattr(check, name):,} as committed (--update if that is meant)"
        for name, number in counts.items()
        if getattr(check, name) != number
    ]


def _instance(check: InstanceCheck) -> Result:
    """Search a world to its end."""
    name = check.instance or check.name
    found = explore(Model(world(name, check.set)), check.invariants, check.witnesses)
    if found.violation is not None:
        violation = found.violation
        return Result(
            kind="instance",
            name=check.name,
            where=name,
            counts={},
            verdict=f"{violation.name} violated",
            problems=(f"{violation.name} does not hold: {len(violation.steps)} steps",),
            run=_lines(violation.steps),
            trace=written(name, check.set, violation.steps),
        )
    counts: dict[str, int] = {count: getattr(found, count) for count in COUNTS}
    unmet = [f"witness {witness} is not reached" for witness, depth in found.witnesses.items() if depth is None]
    return Result(
        kind="instance",
        name=check.name,
        where=name,
        counts=counts,
        verdict=f"{len(check.invariants)} hold, {len(check.witnesses) - len(unmet)}/{len(check.witnesses)} witnesses",
        problems=(*unmet, *_differences(check, counts)),
    )


def _fault(check: FaultCheck, checks: Checks) -> Result:
    """Look for what a seeded fault breaks."""
    found: Violation[State] | None
    if check.walks:
        by = next(each for each in checks.walks if each.name == check.walks)
        name = by.instance or by.name
        overrides = {**by.set, **check.set, checks.text.fault: check.fault}
        model = Model(world(name, overrides))
        found = walks(model, by.count, by.depth, by.seed, (check.breaks,), (), by.weights).violation
    else:
        name = check.instance
        overrides = {**check.set, checks.text.fault: check.fault}
        found = explore(Model(world(name, overrides)), (check.breaks,)).violation
    if found is None:
        problem = f"{check.breaks} holds in spite of the fault"
        return Result(kind="fault", name=check.fault, where=name, counts={}, verdict="NOT FOUND", problems=(problem,))
    counts = {"steps": len(found.steps)}
    return Result(
        kind="fault",
        name=check.fault,
        where=name,
        counts=counts,
        verdict=f"breaks {check.breaks}",
        problems=tuple(_differences(check, counts)),
        run=_lines(found.steps),
        trace=written(name, overrides, found.steps),
    )


def _liveness(check: LivenessCheck, checks: Checks) -> Result:
    """Judge whether one thing leads to another."""
    overrides = {**check.set, **({checks.text.fault: check.fault} if check.fault else {})}
    fair = [FairClass.read(text) for text in check.fair]
    verdict = leads_to(Model(world(check.instance, overrides)), check.start, check.goal, fair)
    counts = {"states": verdict.found.states}
    problems = _differences(check, counts)
    said = f"{check.start} ~> {check.goal} {'holds' if verdict.holds else 'fails'}"
    shown: tuple[str, ...] = ()
    if verdict.run is not None:
        shown = (*_lines(verdict.run.prefix), "    then for ever", *_lines(verdict.run.cycle))
    if verdict.holds != check.holds:
        problems.insert(0, said)
    return Result(
        kind="liveness",
        name=check.name,
        where=check.instance,
        counts=counts,
        verdict=f"{said}, {verdict.classes} fair classes",
        problems=tuple(problems),
        run=shown,
    )


def _walks(check: WalksCheck) -> Result:
    """Walk at random."""
    name = check.instance or check.name
    model = Model(world(name, check.set))
    found = walks(model, check.count, check.depth, check.seed, check.invariants, check.witnesses, check.weights)
    problems = [f"witness {witness} is not met" for witness, times in found.witnesses.items() if not times]
    idle = (set(model.actions) - set(found.actions)) ^ set(check.never)
    problems += [f"action {action} is {'' if action in check.never else 'never '}taken" for action in sorted(idle)]
    shown: tuple[str, ...] = ()
    if found.violation is not None:
        problems = [f"{found.violation.name} does not hold: walk {found.walks}, {len(found.violation.steps)} steps"]
        shown = _lines(found.violation.steps)
    return Result(
        kind="walks",
        name=check.name,
        where=name,
        counts={},
        verdict=f"{found.walks} walks, {found.steps:,} steps, {len(found.actions)} actions",
        problems=tuple(problems),
        run=shown,
        trace=written(name, check.set, found.violation.steps) if found.violation else "",
    )
