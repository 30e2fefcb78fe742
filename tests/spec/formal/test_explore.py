import os
import subprocess
import sys

import pytest
from tests.spec.formal.texts import channel

from communicator_spec.formal.explore import explore
from communicator_spec.formal.states import States


def test_counts_are_those_on_paper() -> None:
    found = explore(channel(), ["exactlyOnce", "tellsTheTruth"], ["allArrived", "outOfOrder"])
    # (submitted, waiting, arrived): 0 {} []; 1 {0} [], 1 {} [0]; 2 {01} [], {1} [0], {0} [1], {} [01], {} [10]
    assert (found.states, found.depth, found.dead_ends) == (8, 4, 2)
    assert found.complete
    assert found.violation is None
    assert found.witnesses == {"allArrived": 4, "outOfOrder": 4}


def test_a_planted_fault_is_found_in_a_shortest_run() -> None:
    found = explore(channel(fault="forgets"), ["exactlyOnce"])
    assert found.violation is not None
    assert found.violation.name == "exactlyOnce"
    assert [step.action for step in found.violation.steps] == ["submits", "carries", "carries"]
    assert found.violation.steps[-1].state.arrived == (0, 0)
    assert not found.complete


def test_a_property_of_steps_is_judged_on_every_step() -> None:
    found = explore(channel(fault="lies"), ["tellsTheTruth"])
    assert found.violation is not None
    assert [step.action for step in found.violation.steps] == ["submits", "carries"]


def test_a_witness_that_is_not_reached_is_none() -> None:
    found = explore(channel(messages=1), [], ["outOfOrder"])
    assert found.witnesses == {"outOfOrder": None}


def test_a_search_that_was_stopped_says_so() -> None:
    assert not explore(channel(), states_max=3).complete
    assert not explore(channel(), stop=lambda states, transitions: True).complete
    with pytest.raises(KeyError):
        explore(channel(), ["noSuchThing"])


def test_states_are_kept_exactly() -> None:
    model = channel()
    states = States(model)
    begin = model.init()
    assert states.add(begin) == (0, True)
    for ordinal, step in enumerate(model.steps(begin)):
        number, new = states.add(step.state, 0, ordinal)
        assert new
        assert model.key(states.state(number)) == model.key(step.state)
        assert states.add(step.state, 0, ordinal) == (number, False)
        assert states.path(number)[1] == [step]


SCRIPT = """
from communicator_spec.formal.explore import explore
from communicator_spec.formal.fairness import FairClass, leads_to
from communicator_spec.formal.model import Model
from communicator_spec.formal.traces import written
from communicator_spec.formal.walks import walk, walks
from tests.spec.formal.texts import channel, source
print(source("operators"))
print(explore(channel(messages=3, fault="forgets"), ["exactlyOnce"]))
print(leads_to(channel(), "begun", "allArrived", [FairClass.read("carries/n")]))
model = Model("walk")
print(written("walk", {}, walk(model, 60, 3)))
print(explore(model, states_max=300)[:5], walks(model, 2, 40, 1))
"""


def test_output_does_not_depend_on_the_seed_of_hashes() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(seen) == 1
    assert len(seen.pop()) > 10_000
