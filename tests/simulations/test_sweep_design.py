"""What may be varied, which points that gives, and what is refused before anything runs."""

from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.simulations.worlds import HARSH, HARSH_FILE

from communicator_simulations.scenario import ScenarioError, load_scenario
from communicator_simulations.sweeps.design import Point, axis, points, read_design
from communicator_simulations.sweeps.parameters import Value, changed, parameters

MIGRATION: Final = load_scenario("migration")
SWEEP: Final = """
[sweep]
design = "lhs"
samples = 8
[sweep.vary]
"policy.two.receiving_services" = [2, 3]
weather.loss = "0:0.1"
"""


def values(found: list[Point], name: str) -> list[Value]:
    return [dict(point.values)[name] for point in found]


def of(vary: list[str], samples: int | None = None, seed: int = 1) -> list[Point]:
    return points(MIGRATION, read_design("migration", vary, None, samples), seed)


def test_every_parameter_can_be_set_by_its_name_and_nothing_else_changes() -> None:
    known = parameters(MIGRATION)
    assert {"weather.loss", "policy.two.ephemeral_lifetime_h", "people.providers", "profile", "study.seed"} <= set(
        known
    )
    assert not {"name", "policy.two.label", "study.replications"} & set(known)
    for name, parameter in known.items():
        fresh = True if name.endswith("announces") else 1
        value = parameter.value if isinstance(parameter.value, (bool, int, float, str)) else fresh
        there = parameters(changed(MIGRATION, name, value))
        assert there[name].value == value
        assert {k: v for k, v in there.items() if k != name} == {k: v for k, v in known.items() if k != name}


def test_a_grid_is_every_combination() -> None:
    found = of(["weather.loss=0:0.1:3", "policy.two.receiving_services=2,3"])
    assert [point.values for point in found] == [
        (("weather.loss", loss), ("policy.two.receiving_services", n)) for loss in (0.0, 0.05, 0.1) for n in (2, 3)
    ]
    assert [point.scenario.weather.loss for point in found] == [0.0, 0.0, 0.05, 0.05, 0.1, 0.1]
    assert [point.scenario.policy[2].receiving_services for point in found] == [2, 3] * 3


def test_a_hypercube_takes_each_stratum_once_and_each_value_alike() -> None:
    found = of(["weather.loss=0:0.1", "weather.push_ms=1:1000:log", "policy.two.receiving_services=2,3"], 16)
    losses = [float(x) for x in values(found, "weather.loss")]
    assert sorted(int(loss * 160) for loss in losses) == list(range(16))
    assert losses != sorted(losses)
    pushes = values(found, "weather.push_ms")
    assert all(isinstance(push, int) and 1 <= push <= 1000 for push in pushes)
    assert 4 <= sum(int(push) <= 32 for push in pushes) <= 12  # even in the logarithm
    assert sorted(values(found, "policy.two.receiving_services")) == [2] * 8 + [3] * 8


def test_an_axis_more_moves_no_other_and_a_seed_moves_all() -> None:
    one = values(of(["weather.loss=0:0.1"], 8), "weather.loss")
    assert values(of(["weather.push_ms=1:9", "weather.loss=0:0.1"], 8), "weather.loss") == one
    assert values(of(["weather.loss=0:0.1"], 8, seed=2), "weather.loss") != one


def test_a_table_says_the_same_as_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "swept.toml"
    path.write_text(Path(HARSH_FILE).read_text("utf-8") + SWEEP, "utf-8")
    assert load_scenario(str(path)) == HARSH
    given = read_design(HARSH_FILE, ["policy.two.receiving_services=2,3", "weather.loss=0:0.1"], "lhs", 8)
    assert read_design(str(path), [], None, None) == given
    wider = read_design(str(path), ["weather.loss=0:0.2"], None, 4)
    assert wider == msgspec.structs.replace(given, axes=(given.axes[0], axis("weather.loss", "0:0.2")), samples=4)


@pytest.mark.parametrize(
    ("vary", "samples", "complaint"),
    [
        (["weather.los=0,1"], None, "no parameter 'weather.los' .* weather.loss"),
        (["policy.three.announces=true,false"], None, "no parameter 'policy.three.announces'"),
        (["study.replications=1,2"], None, "no parameter 'study.replications'"),
        (["weather.loss=0,0.7"], None, r"point weather.loss=0.7 cannot be: weather.loss must lie in \[0, 0.5\)"),
        (["weather.loss=0,much"], None, "weather.loss=much: Expected `float`, got `str`"),
        (["weather.push_ms=1.5"], None, "Expected `int`, got `float`"),
        (["people.providers=4,true"], None, "people.providers=True: Expected `int`, got `bool`"),
        (["weather.loss"], None, "write NAME=VALUES"),
        (["weather.loss="], None, "needs finite values"),
        (["weather.loss=0,nan"], None, "needs finite values"),
        (["weather.loss=0,0.1,0"], None, "each once"),
        (["weather.loss=0.1:0"], 4, "LOW must be below HIGH"),
        (["weather.push_ms=0:9:log"], 4, "above 0 with :log"),
        (["weather.loss=0:inf"], 4, "a range is"),
        (["weather.loss=0:a"], 4, "a range is"),
        (["weather.loss=0:0.1:1"], None, "STEPS must be"),
        (["weather.loss=0:0.1"], None, "a grid needs steps"),
        (["weather.loss=0:0.1:1000", "weather.push_ms=1:1000:500"], None, "500,000 points"),
        ([], None, "nothing is varied"),
        (["policy.two.ephemeral_lifetime_h=24,168"], None, r"point .*_lifetime_h=24 cannot be: .*56 h"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_would_do(vary: list[str], samples: int | None, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        of(vary, samples)


@pytest.mark.parametrize(
    ("kind", "samples", "complaint"), [("lhs", None, "needs --samples"), ("grid", 4, "leave --samples out")]
)
def test_a_design_that_contradicts_itself_is_refused(kind: str, samples: int | None, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        read_design("migration", ["weather.loss=0:0.1"], kind, samples)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", ["[sweep]\nsamples = 4\n", "[sweep]\nvary = {}\nmore = 1\n", "sweep = 3\n"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, table: str) -> None:
    path = tmp_path / "swept.toml"
    path.write_text(table, "utf-8")
    with pytest.raises(ScenarioError, match=r"swept.toml: \[sweep\]"):
        read_design(str(path), ["weather.loss=0,0.1"], None, None)
