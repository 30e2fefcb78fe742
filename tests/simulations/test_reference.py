"""The world that studies run tells the story of the readable one: their logs are equal, event for event."""

from collections import Counter
from typing import Final

import msgspec
import pytest
from tests.simulations.worlds import HARSH, SEED, STORMY_FILE, explain, parting, town

from communicator_model.faults import FaultKind
from communicator_model.reference import ReferenceWorld
from communicator_model.world import World
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, prepare
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_spec import Kind, Row
from communicator_spec.nodes import Fidelity

MIGRATION: Final = load_scenario("migration")
STORMY: Final = load_scenario(STORMY_FILE)
Version = type[World] | type[ReferenceWorld]


def told_by(version: Version, scenario: Scenario, key: RunKey, supplies: Supplies, contexts: int,
            fidelity: Fidelity) -> tuple[list[Row], dict[str, int], int]:  # fmt: skip
    """Run one world; return its log, how often each fault fired, and how often the log was offered for reading."""
    people, terms, conditions = prepare(scenario, SEED, supplies, key)[:3]
    log: list[Row] = []
    offers: list[int] = []
    providers = scenario.people.providers
    world = version(supplies.trace, people, supplies.phones.schedules, providers, terms, conditions, fidelity, log,
                    contexts)  # fmt: skip
    world.run(lambda: offers.append(len(log)))
    return log, world.fired, len(offers)


def same(scenario: Scenario, key: RunKey, supplies: Supplies, contexts: int = 1,
         fidelity: Fidelity | None = None) -> Counter[Kind]:  # fmt: skip
    fidelity = fidelity or model_fidelity(scenario.profile)
    fast, fired, _ = told_by(World, scenario, key, supplies, contexts, fidelity)
    readable, also_fired, offers = told_by(ReferenceWorld, scenario, key, supplies, contexts, fidelity)
    where = parting(readable, fast)
    assert where is None, explain(where)
    assert fired == also_fired
    assert offers > 0
    return Counter(Kind(row[1]) for row in fast)


@pytest.mark.parametrize("fault", FaultKind)
@pytest.mark.parametrize("policy", [policy.name for policy in MIGRATION.policy])
def test_migration_under_every_fault(policy: str, fault: FaultKind) -> None:
    kinds = same(MIGRATION, RunKey(policy, fault, 0), town(60, 6))
    assert kinds[Kind.DELIVERED] > 100
    assert (kinds[Kind.MOVED] > 0) == (fault in (FaultKind.SUNSET, FaultKind.DEATH))


@pytest.mark.parametrize("fault", FaultKind)
@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
def test_harsh_weather_and_several_contexts(profile: str, fault: FaultKind) -> None:
    scenario = msgspec.structs.replace(HARSH, profile=profile)
    kinds = same(scenario, RunKey("two", fault, 1), town(24, 5), contexts=3)
    must = {Kind.CRASHED, Kind.RECOVERED, Kind.INJECTED, Kind.REFUSED, Kind.ENDED, Kind.GAVE_UP}
    assert must <= set(kinds)


@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
def test_everything_that_befalls_services_but_lines(profile: str) -> None:
    services = msgspec.structs.replace(STORMY.services, capacity=())
    scenario = msgspec.structs.replace(STORMY, profile=profile, services=services)
    kinds = same(scenario, RunKey("two", FaultKind.SUNSET, 0), town(24, 5), contexts=2)
    assert kinds[Kind.DIED] == 4


def test_lines_are_refused_by_the_readable_world() -> None:
    with pytest.raises(ValueError, match="no lines"):
        same(STORMY, RunKey("two", FaultKind.NONE, 0), town(12, 2))


def test_on_the_real_cores_too() -> None:
    assert same(HARSH, RunKey("two", FaultKind.SUNSET, 0), town(12, 2), 1, impl_fidelity(HARSH.profile, SEED))
