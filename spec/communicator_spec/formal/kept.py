"""Runs worth keeping: `runs/*.jsonl`, chosen so that together they show what the model can do.

The counts of `checks.toml` say that something was found; a kept run shows it, and can be repeated on the model and on
every implementation of it without a search. What is kept, in this order:

1. `fault-…`: for every seeded fault the shortest run that breaks its property, in the faulty world.
2. `witness-…`: for every instance shortest runs to its witnesses, but for those that a longer one meets on its way.
3. `walk-…`: of the random walks the one that takes the most actions while no revocation waits, up to the first time
   that it takes the last of them; then, for each action that it does not take, the shortest walk to it.

The choice depends on the text and on `checks.toml` alone, so the files can be made again and compared.

A run belongs to its world. `transplanted` takes its decisions in another one, as far as they go: the decisions of a
counterexample, in the world without the fault, lead to where the fault would have mattered.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from communicator_spec.formal.checks import Checks, InstanceCheck, WalksCheck
from communicator_spec.formal.explore import explore
from communicator_spec.formal.generated import Grant, Queued
from communicator_spec.formal.machine import Step
from communicator_spec.formal.model import Model, State, World, world
from communicator_spec.formal.running import run
from communicator_spec.formal.traces import Trace, read, written
from communicator_spec.formal.values import FormalError
from communicator_spec.formal.walks import walk

__all__ = ["KEPT", "kept", "load_kept", "traces", "transplanted"]

KEPT: Final = Path(__file__).parent / "runs"


def traces(checks: Checks) -> dict[str, str]:
    """Return the runs worth keeping, by file name. About 20 s. `FormalError`: a fault or a witness is not found."""
    found: dict[str, str] = {}
    for fault in checks.fault:
        found[_file("fault", fault.fault)] = _wanted(run(fault, checks).trace, fault.fault)
    for instance in checks.instance:
        found.update(_witnesses(instance))
    for walks in checks.walks:
        found.update(_walks(walks))
    return found


def kept(folder: Path = KEPT) -> dict[str, str]:
    """Return the committed runs as text, by file name."""
    return {path.name: path.read_text() for path in sorted(folder.glob("*.jsonl"))}


def load_kept(name: str, folder: Path = KEPT) -> Trace:
    """Return one committed run."""
    return read((folder / name).read_text(), Model.record)


def transplanted(chosen: World, trace: Trace) -> list[Step[State]]:
    """Take the decisions of a run in another world: the longest beginning that this world has."""
    model = Model(chosen)
    state, taken = model.init(), list[Step[State]]()
    for action, picks in trace.steps:
        wanted = _names(picks)
        alike = {s.state: s for s in model.candidates(state, action, {}) if _names(dict(s.picks)) == wanted}
        if len(alike) != 1:
            break
        taken += alike.values()
        state = taken[-1].state
    return taken


def _names(picks: Mapping[str, object]) -> dict[str, object]:
    """Name submissions and grants by their addresses: what else they hold may differ from world to world."""
    return {name: _name(value) for name, value in picks.items()}


def _name(value: object) -> object:
    if isinstance(value, Queued):
        return value.submission.address
    if isinstance(value, Grant):
        return (value.service, value.serial)
    return value


# ---------------------------------------------------------------------- choosing


class _Denied(Model):
    """The model, in which a witness has a denial: what breaks it is a run to the witness."""

    def definition(self, name: str) -> Callable[[State], object]:
        if not name.startswith("not "):
            return super().definition(name)
        is_true = super().definition(name.removeprefix("not "))
        return lambda state: not is_true(state)


def _witnesses(check: InstanceCheck) -> Iterator[tuple[str, str]]:
    name = check.instance or check.name
    model = _Denied(world(name, check.set))
    runs: dict[str, Sequence[Step[State]]] = {}
    for witness in check.witnesses:
        violation = explore(model, (f"not {witness}",)).violation
        if violation is None:
            raise FormalError(f"{check.name} has no run to {witness}")
        runs[witness] = violation.steps
    met: set[str] = set()
    for witness in sorted(runs, key=lambda w: (-len(runs[w]), w)):
        if witness not in met:
            met |= {other for other in runs if any(model.value(other, step.state) for step in runs[witness])}
            yield _file("witness", check.name, witness), written(name, check.set, runs[witness])


def _walks(check: WalksCheck) -> Iterator[tuple[str, str]]:
    name = check.instance or check.name
    model = Model(world(name, check.set))
    walked = [list(walk(model, check.depth, check.seed, number, check.weights)) for number in range(check.count)]
    prompt = [list(takewhile(lambda step: not step.state.revoking, steps)) for steps in walked]
    best = max(prompt, key=lambda steps: len(_actions(steps)))  # the first of several
    yield _file("walk", check.name), written(name, check.set, best[: max(_first(best).values()) + 1])
    for action in sorted(set(model.actions) - set(check.never) - _actions(best)):
        places = [(_first(steps)[action], number) for number, steps in enumerate(walked) if action in _first(steps)]
        if not places:
            raise FormalError(f"no walk of {check.name} takes {action}")
        place, number = min(places)
        yield _file("walk", check.name, action), written(name, check.set, walked[number][: place + 1])


def _first(steps: Sequence[Step[State]]) -> dict[str, int]:
    """Return when each action is taken first."""
    found: dict[str, int] = {}
    for place, step in enumerate(steps):
        found.setdefault(step.action, place)
    return found


def _actions(steps: Sequence[Step[State]]) -> set[str]:
    return {step.action for step in steps}


def _wanted(text: str, fault: str) -> str:
    if not text:
        raise FormalError(f"{fault!r} breaks nothing")
    return text


def _file(*words: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", " ".join(words)) + ".jsonl"
