"""What befalls services comes to pass, the same on the model and on the real cores, and breaks no promise."""

from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.simulations.worlds import STORMY_FILE, by_cores, by_model, explain, judge, parting, town

from communicator_model.faults import FaultKind
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario
from communicator_simulations.sweeps.parameters import changed as varied
from communicator_simulations.sweeps.parameters import parameters
from communicator_spec import Event, Kind

STORMY: Final = load_scenario(STORMY_FILE)
TOWN: Final = (20, 6)


def with_profile(profile: str) -> Scenario:
    return msgspec.structs.replace(STORMY, profile=profile)


@pytest.mark.parametrize(
    ("profile", "policy", "fault"),
    [
        ("label/1", "two", FaultKind.NONE),
        ("label/1", "one", FaultKind.DEATH),
        ("two-layer/1", "two", FaultKind.DEATH),
        ("two-layer/1", "one", FaultKind.SUNSET),
    ],
)
def test_everything_that_befalls_services_does_and_in_both(profile: str, policy: str, fault: FaultKind) -> None:
    scenario = with_profile(profile)
    model = by_model(scenario, policy, fault, town(*TOWN))
    cores = by_cores(scenario, policy, fault, town(*TOWN))
    where = parting(model.log, cores.log)
    assert where is None, explain(where)
    assert judge(model, tolerate_failed=True) == judge(cores, tolerate_failed=True) == []
    assert model.world.fired == cores.world.fired
    assert {name for name, count in cores.world.fired.items() if not count} <= {"shown-again"}
    came_back_old = [Event(*row) for row in cores.log if row[1] == Kind.RECOVERED and row[8] >= 0]
    assert {event.value for event in came_back_old} == {14 * 3_600_000, 5 * 3_600_000}


RIGHT: Final = Path(STORMY_FILE).read_text("utf-8")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('name = "slow"', 'name = "careful"', "a name of its own"),
        ('name = "slow"', 'name = "Too slow"', "small letters"),
        ("per_s = 0.004", "per_s = 0", "per_s must lie in"),
        ("per_s = 0.004", 'per_s = "fast"', "$.services.capacity[0].per_s"),
        ("waiting_max = 2", "waiting_max = -2", "waiting_max must not be negative"),
        ("patience_s = 150", "patience_s = 0", "patience_s must be positive"),
        ("providers = [0, 1, 2]", "providers = [0, 7]", "numbers below people.providers (7)"),
        ("providers = [0, 1, 2]", "providers = [0, 0]", "named once"),
        ('role = "sending"\nper_s', "per_s", "two capacities"),
        ('up = "weibull"', 'up = "gaussian"', "$.services.failing[0].up"),
        ("up_shape = 0.7", "up_shape = 0", "'machines': the shape of weibull"),
        ("up_mean_h = 40", "up_mean_h = -1", "'machines': the mean of a law must be positive"),
        ("down_shape = 4.0", "down_shape = 0.5", "'region': the shape of hyperexponential"),
        ('what = "outage"', 'what = "flood"', "$.services.strikes[0].what"),
        ("at_share = 0.2\n", "at_share = 1.2\n", "'blackout': at_share"),
        ("lasts_h = 6", "lasts_h = 0", "'blackout': an outage needs lasts_h"),
        ("age_h = 14", "age_h = 0", "'old-disk': a restored backup needs age_h"),
        ("at_share = 0.5\n", 'at_share = 0.5\nrole = "sending"\n', "'bankrupt': a provider dies with both"),
        ("providers = [3]", "providers = [1, 2, 3, 4, 5]", "at most 4 providers beside fault.provider may die"),
        ("age_h = 14", "age_d = 1", "unknown field `age_d`"),
    ],
)
def test_what_cannot_befall_services_is_refused_with_its_key(tmp_path: Path, was: str, now: str, said: str) -> None:
    assert was in RIGHT
    path = tmp_path / "tried.toml"
    path.write_text(RIGHT.replace(was, now, 1), "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(str(path))
    assert said in str(caught.value)
    assert "tried.toml" in str(caught.value)


def test_a_sweep_finds_them_by_their_names() -> None:
    names = parameters(STORMY)
    assert {"services.capacity.slow.per_s", "services.failing.region.down_mean_h"} <= set(names)
    faster = varied(STORMY, "services.capacity.slow.per_s", 2.5)
    assert [table.per_s for table in faster.services.capacity] == [2.5, 0.1]
    assert faster.services.failing == STORMY.services.failing
