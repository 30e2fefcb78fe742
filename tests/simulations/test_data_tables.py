"""Messages and devices that a scenario asks for: made, named, refused, and the same on both fidelities."""

from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.simulations.worlds import HARSH, HARSH_FILE, by_cores, by_model, explain, judge, parting

from communicator_model.devices import Several
from communicator_model.faults import FaultKind
from communicator_model.traces import BESIDE
from communicator_simulations.data_tables import DevicesTable, WorkloadTable
from communicator_simulations.runs import Supplies
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario
from communicator_simulations.sweep import describe_trace, plan, supplies_for
from communicator_simulations.sweeps.parameters import parameters

TABLES: Final = """
[workload]
graph = "blocks"
habits = "copenhagen"
mean_degree = 3.0
blocks = 2
within = 0.5

[devices]
source = "on-off"
on_mean_min = 90
off = "weibull"
off_mean_min = 60
off_shape = 0.7
second = 0.3
"""
SMALL: Final = Path(HARSH_FILE).read_text("utf-8").replace("count = 0\ndays = 0", "count = 20\ndays = 2") + TABLES


def load(folder: Path, text: str) -> Scenario:
    path = folder / "tried.toml"
    path.write_text(text, "utf-8")
    return load_scenario(str(path))


def supplies(scenario: Scenario, replication: int = 0, *, synthetic: bool = True) -> Supplies:
    return supplies_for(plan(scenario, 1, None, None, synthetic=synthetic), replication)


def test_both_fidelities_live_with_them(tmp_path: Path) -> None:
    scenario = load(tmp_path, SMALL)
    data = supplies(scenario)
    assert data.trace.messages > 30
    model, cores = (run(scenario, "two", FaultKind.DEATH, data) for run in (by_model, by_cores))
    where = parting(model.log, cores.log)
    assert where is None, explain(where)
    assert judge(model, tolerate_failed=True) == []


def test_a_replication_draws_what_it_says(tmp_path: Path) -> None:
    scenario = load(tmp_path, SMALL)
    first, second = (supplies(scenario, replication) for replication in (0, 1))
    assert first.trace.digest == supplies(scenario).trace.digest
    assert first.trace.digest != second.trace.digest  # other messages
    assert {tuple(p) for p in second.trace.pairs().tolist()} & {tuple(p) for p in first.trace.pairs().tolist()}
    assert any(isinstance(phone, Several) for phone in first.phones.schedules)
    assert first.phones.digest != second.phones.digest
    assert describe_trace(first.trace)["name"] == "blocks, 20 people who write as in copenhagen"


def test_a_sweep_finds_them() -> None:
    scenario = msgspec.structs.replace(HARSH, workload=WorkloadTable("power-law"), devices=DevicesTable())
    assert {"workload.exponent", "workload.graph", "devices.second", "devices.off_mean_min"} <= set(
        parameters(scenario)
    )


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('graph = "blocks"', 'graph = "tree"', "$.workload.graph"),
        ('"copenhagen"', '"paris"', "workload.habits must be one of collegemsg, copenhagen"),
        ("mean_degree = 3.0", "mean_degree = 30.0", "workload: no graph of 20 people"),
        ("blocks = 2", "blocks = 8", "workload: such small blocks"),
        ("count = 20\n", "count = 0\n", "workload needs people.count"),
        ("days = 2\n", "days = 0\n", "workload needs people.days"),
        ('graph = "blocks"', 'graph = "ego-facebook"', "ego-facebook has its own people"),
        ("drain_days = 10", 'drain_days = 10\nresamples = ["window"]', "no other window"),
        ("second = 0.3", "second = 1.3", "devices: second and third"),
        ("off_shape = 0.7", "off_shape = 0", "devices: the shape of weibull"),
        ('source = "on-off"', 'source = "tape"', "$.devices.source"),
    ],
)
def test_what_cannot_be_made_is_refused_with_its_key(tmp_path: Path, was: str, now: str, said: str) -> None:
    assert was in SMALL
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, SMALL.replace(was, now, 1))
    assert said in str(caught.value)


def test_a_trace_contradicts_a_workload(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="--trace contradicts"):
        plan(load(tmp_path, SMALL), 1, tmp_path / "tried.toml", None)


def test_published_people_and_phones_if_they_are_here(tmp_path: Path) -> None:
    if (BESIDE / "facebook_combined.txt").exists():
        text = SMALL.replace("count = 20", "count = 0").replace('graph = "blocks"', 'graph = "ego-facebook"')
        data = supplies(load(tmp_path, text.replace('source = "on-off"', 'source = "flash"')), synthetic=False)
        assert data.trace.people == 4039
        assert data.phones.name.startswith("FLASH")
