"""What a scenario file says beside what runs is checked when it is read, and follows the results that are there."""

from pathlib import Path

import pytest

from communicator_simulations.account import Account, account_of, results_of
from communicator_simulations.expected import expected, market_share
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario, scenario_names
from communicator_simulations.sweeps.design import points, read_design

DEATH = Path(load_scenario.__code__.co_filename).with_name("scenarios") / "provider-death.toml"
RIGHT = DEATH.read_text("utf-8")


def read(folder: Path, text: str) -> Account:
    path = folder / "tried.toml"
    path.write_text(text, "utf-8")
    return account_of(str(path), load_scenario(str(path)))


@pytest.mark.parametrize("name", [name for name in scenario_names() if name != "migration"])
def test_a_scenario_of_the_package_says_what_it_asks_and_concludes(name: str) -> None:
    scenario = load_scenario(name)
    account = account_of(name, scenario)
    assert account.about is not None
    assert account.figure
    assert account.conclusion
    assert scenario.question.endswith("?")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('where = { policy = "two" } }', 'where = { policy = "three" } }', "no policy 'three' in this scenario"),
        ('where = { policy = "two" } }', "where = { 'weather.lost' = 1 } }", "no key 'weather.lost'"),
        ('where = { policy = "two" } }', 'where = { fault = "flood" } }', "no fault 'flood'"),
        ('is = "at most"', 'is = "less than"', "less than"),
        ('kind = "lines"', 'kind = "heat"', "a heat map has an axis `up`"),
        ("than = 0.001", "then = 0.001", "then"),
        ("varies = ", "changes = ", "changes"),
    ],
)
def test_what_an_account_cannot_mean_is_refused_by_name(tmp_path: Path, was: str, now: str, said: str) -> None:
    assert was in RIGHT
    with pytest.raises(ScenarioError, match=said) as caught:
        read(tmp_path, RIGHT.replace(was, now, 1))
    assert "tried.toml" in str(caught.value)


def test_the_market_share_follows_from_the_exponent() -> None:
    scenario = load_scenario("provider-death")
    found = [
        market_share(point.scenario) for point in points(scenario, read_design("provider-death", (), None, None), 1)
    ]
    assert found[0] == pytest.approx(1 / 12)
    assert found == sorted(found)
    assert found[-1] > 0.8
    terms = expected(scenario, scenario.policy[2])
    assert terms["ephemeral_lifetime_h"] == 168
    assert terms["both_there_share"] == pytest.approx(terms["market_share"] ** 2)


def test_a_tied_parameter_follows_the_one_that_is_varied() -> None:
    scenario = load_scenario("expiry")
    chosen = points(scenario, read_design("expiry", (), None, None), 1)
    assert len(chosen) == 12
    for point in chosen:
        lifetime_h = dict(point.values)["policy.standard.long_term_lifetime_h"]
        for policy in point.scenario.policy:
            assert policy.long_term_lifetime_h == lifetime_h
            assert policy.long_term_refresh_h == pytest.approx(float(lifetime_h) / 3, rel=1e-3)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("times = 0.33333", "share = 0.3", r"\[sweep.tie\] policy.standard.long_term_refresh_h"),
        ('to = "policy.standard.long_term_lifetime_h", times = 1 ', 'to = "weather.loss", times = 1 ', "is not varied"),
        ("policy.silent.long_term_lifetime_h = {", "absence.away_d = {", "cannot be both"),
    ],
)
def test_a_tie_that_cannot_be_is_refused(tmp_path: Path, was: str, now: str, said: str) -> None:
    text = DEATH.with_name("expiry.toml").read_text("utf-8")
    assert was in text
    path = tmp_path / "tried.toml"
    path.write_text(text.replace(was, now, 1), "utf-8")
    scenario: Scenario = load_scenario(str(path))
    with pytest.raises(ScenarioError, match=said):
        points(scenario, read_design(str(path), (), None, None), 1)


def test_without_runs_there_are_no_cells() -> None:
    assert results_of([]).cells == {}
