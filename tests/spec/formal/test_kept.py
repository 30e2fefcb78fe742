"""The committed runs are what the text gives, show what they are kept for, and belong to their worlds."""

from typing import Final

import pytest

from communicator_spec.formal.checks import FaultCheck, load
from communicator_spec.formal.kept import kept, load_kept, traces, transplanted
from communicator_spec.formal.machine import Step
from communicator_spec.formal.model import Model, State, world
from communicator_spec.formal.traces import replay, written

CHECKS: Final = load()
NAMES: Final = sorted(kept())


def file_of(check: FaultCheck) -> str:
    return "fault-" + check.fault.replace(" ", "-") + ".jsonl"


def taken(name: str) -> tuple[Model, list[Step[State]]]:
    trace = load_kept(name)
    model = Model(world(trace.instance, trace.overrides))
    return model, replay(model, trace.steps)


def test_they_are_what_the_text_and_the_checks_give() -> None:
    assert traces(CHECKS) == kept()


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_taken_again_and_written_the_same(name: str) -> None:
    trace = load_kept(name)
    _, steps = taken(name)
    assert steps == taken(name)[1]
    assert written(trace.instance, trace.overrides, steps) == kept()[name]


def test_together_they_take_every_action() -> None:
    actions = {action for name in NAMES for action, _ in load_kept(name).steps}
    assert actions == set(Model("walk").actions)


def test_together_they_reach_every_witness() -> None:
    reached: set[tuple[str, str]] = set()
    for name in NAMES:
        trace = load_kept(name)
        if not trace.overrides:
            model, steps = taken(name)
            witnesses = [w for check in CHECKS.instance for w in check.witnesses]
            reached |= {(trace.instance, w) for w in witnesses if any(model.value(w, step.state) for step in steps)}
    assert reached >= {(check.instance or check.name, w) for check in CHECKS.instance for w in check.witnesses}


@pytest.mark.parametrize("check", CHECKS.fault, ids=lambda check: check.fault)
def test_a_fault_breaks_its_property_in_its_run_and_only_with_the_fault(check: FaultCheck) -> None:
    name = file_of(check)
    model, steps = taken(name)
    assert model.world.terms.fault == check.fault
    assert len(steps) == check.steps
    assert all(model.value(check.breaks, step.state) for step in steps[:-1])
    assert not model.value(check.breaks, steps[-1].state)
    trace = load_kept(name)
    sound = Model(world(trace.instance, {**trace.overrides, "terms.fault": "none"}))
    without = transplanted(sound.world, trace)
    assert without
    assert all(sound.value(check.breaks, step.state) for step in without)


def test_every_former_counterexample_is_kept() -> None:
    learnt = {check.fault: file_of(check) for check in CHECKS.fault if check.found}
    assert len(learnt) >= 6
    assert set(learnt.values()) <= set(NAMES)


def test_a_run_is_carried_to_another_world_as_far_as_that_has_it() -> None:
    trace = load_kept("witness-deliver-wSettled.jsonl")
    same = transplanted(world("deliver"), trace)
    assert len(same) == len(trace.steps)
    other = transplanted(world("deliver", {"terms.longTermCapacity": 4}), trace)
    assert len(other) == len(trace.steps)
    assert {g.capacity for g in other[-1].state.devices[0].mine} == {4}
    assert transplanted(world("move"), trace) == [], "nobody writes there"
