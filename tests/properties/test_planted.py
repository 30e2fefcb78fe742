"""Every planted fault is found, and what is found is short enough to read."""

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import Broken, Machine
from tests.properties.planted import FAULTS, Fault
from tests.properties.town import Shape

STEPS_MOST: Final = 12
SEARCH: Final = settings(
    max_examples=400,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def smallest_program(fault: Fault) -> Broken:
    """Let Hypothesis find the fault, and return how the shortest program that it found ends."""

    class Faulty(Machine):
        parts = fault.parts
        shapes = (Shape((fault.profile,) * 2, 4), Shape((fault.profile,) * 3, 3))

    with pytest.raises(Broken) as caught:
        run_state_machine_as_test(Faulty, settings=SEARCH)
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS))
def test_planted_fault_is_found_and_shrinks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = smallest_program(FAULTS[name])
    assert found.invariant == FAULTS[name].broken
    assert found.steps <= STEPS_MOST


def test_every_invariant_has_a_fault_that_breaks_it() -> None:
    from communicator_spec import Monitors
    from communicator_spec.terms import standard_terms

    promises = {invariant.name for invariant in Monitors(standard_terms()).invariants}
    assert promises <= {fault.broken for fault in FAULTS.values()}
