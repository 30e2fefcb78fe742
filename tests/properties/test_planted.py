"""Every planted fault is found, and what is found is short enough to read.

Theory. Hypothesis deletes from a list faster than from a run of a machine, so here a program is a list of the machine's
own rules with their arguments. A rule that is not offered at its turn is passed over, and does not count as a step.

Rules:

1. Steps that bring messages on their way are drawn more often than faults, and what a fault names likely more often
   still; nothing is left out.
2. The search is the same each time, and only the promise that the fault breaks counts as found.
"""

from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from tests.properties.machine import Broken, Machine
from tests.properties.planted import FAULTS, Fault
from tests.properties.town import Shape

from communicator_spec import Monitors
from communicator_spec.terms import standard_terms

STEPS_MOST: Final = 12
RULES: Final = {rule.function.__name__: rule for rule in Machine().rules}
OFTEN: Final = (
    "somebody_writes",
    "a_device_wakes",
    "a_request_arrives",
    "a_device_fetches",
    "time_passes",
    "hours_pass_calmly",
)
SEARCH: Final = settings(
    max_examples=800,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


class Call(NamedTuple):
    """One rule with its arguments."""

    name: str
    arguments: dict[str, Any]


def calls(name: str) -> st.SearchStrategy[Call]:
    return st.fixed_dictionaries(RULES[name].arguments_strategies).map(lambda arguments: Call(name, arguments))


def programs(fault: Fault) -> st.SearchStrategy[list[Call]]:
    names = st.sampled_from([*OFTEN * 2, *RULES, *fault.likely * 20])
    pieces = [st.lists(names.flatmap(calls), max_size=6)] * 5
    return st.tuples(*pieces).map(lambda found: [call for piece in found for call in piece])


def outcome(fault: Fault, program: list[Call]) -> tuple[str, int]:
    """Run a program; return the promise that it breaks, if any, and how many steps it took."""
    machine = Machine()
    machine.parts = fault.parts  # type: ignore[misc]  # of this instance
    machine.shapes = [Shape((fault.profile,) * fault.people, 3, fault.transport)]  # type: ignore[misc]
    try:
        machine.people_meet(shape=0, friends=0)
        for name, arguments in program:
            if all(offered(machine) for offered in RULES[name].preconditions):
                RULES[name].function(machine, **arguments)
        if fault.shows_at_the_end:
            machine.outlive()
    except Broken as broken:
        return broken.invariant, broken.steps
    return "", machine.steps


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS))
def test_planted_fault_is_found_and_shrinks(name: str) -> None:
    fault = FAULTS[name]
    program = find(programs(fault), lambda program: outcome(fault, program)[0] == fault.broken, settings=SEARCH)
    assert len(program) <= STEPS_MOST
    assert outcome(fault, program) == outcome(fault, program)


def test_every_invariant_has_a_fault_that_breaks_it() -> None:
    judges = Monitors(standard_terms()).invariants
    assert {judge.name for judge in judges if not judge.of_live_services} <= {fault.broken for fault in FAULTS.values()}
