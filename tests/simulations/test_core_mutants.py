"""The test of the fidelity test: every mutant of the real cores makes its log part from the model's, where it must."""

import inspect

import pytest
from tests.simulations.mutants import MUTANTS
from tests.simulations.worlds import HARSH, by_cores, by_model, explain, judge, parting, town

from communicator_simulations.faults import broken_cores
from communicator_simulations.faults.planted import PLANTS
from communicator_spec import load_clauses


@pytest.mark.parametrize("name", MUTANTS)
def test_the_log_of_a_mutant_parts_from_the_models_at_what_it_breaks(name: str) -> None:
    mutant = MUTANTS[name]
    run = by_cores(HARSH, mutant.policy, mutant.fault, town(12, 3), mutant.parts)
    where = parting(by_model(HARSH, mutant.policy, mutant.fault, town(12, 3)).log, run.log)
    assert where is not None, f"nothing shows that a core {mutant.breaks}"
    assert mutant.parts_at in where.kinds, explain(where)
    broken = {violation.invariant for violation in judge(run)}
    assert (mutant.invariant in broken) if mutant.invariant else not broken


@pytest.mark.parametrize(("policy", "fault"), sorted({(m.policy, m.fault) for m in MUTANTS.values()}))
def test_without_a_mutant_nothing_shows(policy: str, fault: str) -> None:
    chosen = next(m.fault for m in MUTANTS.values() if m.fault == fault)
    run = by_cores(HARSH, policy, chosen, town(12, 3))
    assert parting(by_model(HARSH, policy, chosen, town(12, 3)).log, run.log) is None
    assert judge(run) == []


def test_mutants_cite_clauses_that_exist() -> None:
    known = {clause.id for clause in load_clauses()}
    assert {clause for mutant in MUTANTS.values() for clause in mutant.clauses} <= known


def test_every_broken_part_is_used_and_overrides_what_the_reference_has() -> None:
    parts = {value for _, value in inspect.getmembers(broken_cores, inspect.isclass)}
    own = {part for part in parts if part.__module__ == broken_cores.__name__}
    used = [*(mutant.parts for mutant in MUTANTS.values()), *(plant.parts for plant in PLANTS.values())]
    assert own == {part for parts in used for part in parts} & own
    for part in own:
        changed = {name for name in vars(part) if inspect.isfunction(vars(part)[name])}
        assert changed
        assert all(hasattr(part.__mro__[1], name) for name in changed)
