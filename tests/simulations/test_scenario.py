"""A scenario that is wrong is refused before anything runs, by one error that names the key."""

from pathlib import Path

import pytest
from tests.simulations.worlds import HARSH_FILE

from communicator_model.faults import FaultKind
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario, scenario_names
from communicator_simulations.sweep import plan
from communicator_spec.terms import standard_terms

HOUR_MS = 3_600_000
RIGHT = Path(HARSH_FILE).read_text("utf-8")


def load(folder: Path, text: str) -> Scenario:
    path = folder / "tried.toml"
    path.write_text(text, "utf-8")
    return load_scenario(str(path))


def complaint(folder: Path, was: str, now: str) -> str:
    """Change one line of a right scenario, and return the error."""
    assert was in RIGHT
    with pytest.raises(ScenarioError) as caught:
        load(folder, RIGHT.replace(was, now, 1))
    message = str(caught.value)
    assert "\n" not in message
    assert "tried.toml" in message or "policy 'one'" in message
    return message


def test_scenarios_of_the_package_load() -> None:
    assert "migration" in scenario_names()
    assert [load_scenario(name).name for name in scenario_names()] == scenario_names()


def test_unknown_scenario_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(ScenarioError, match=r"no scenario 'migraton'; there are: .*migration"):
        load_scenario("migraton")


def test_missing_file_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read"):
        load_scenario("nowhere.toml")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("drain_days = 10", "drain_days = 10\nlabyrinth = 3", "unknown field `labyrinth`"),
        ("drain_days = 10", 'drain_days = 10\nresamples = ["luck"]', "$.study.resamples"),
        ('name = "one"', 'name = "one"\nlong_term_lifetime_d = 6', "unknown field `long_term_lifetime_d`"),
        ("[weather]", "[wether]", "wether"),
        ("providers = 5\n", "", "missing required field `providers`"),
        ("providers = 5", 'providers = "five"', "$.people.providers"),
        ("loss = 0.1", "loss = true", "$.weather.loss"),
        ("ephemeral_lifetime_h = 24", 'ephemeral_lifetime_h = "a day"', "ephemeral_lifetime_h"),
        ("[people]", "[people", "line"),
    ],
)
def test_key_that_is_unknown_missing_or_of_another_type_is_named(tmp_path: Path, was: str, now: str, said: str) -> None:
    assert said in complaint(tmp_path, was, now)


@pytest.mark.parametrize(
    ("was", "now", "key"),
    [
        ('profile = "label/1"', 'profile = "label/2"', "profile"),
        ("providers = 5", "providers = 3", "people.providers"),
        ("zipf = 1.0", "zipf = -1.0", "people.zipf"),
        ("count = 0", "count = 1", "people.count"),
        ("days = 0", "days = -2", "people.days"),
        ("replications = 1", "replications = 0", "study.replications"),
        ("provider = 0", "provider = 5", "fault.provider"),
        ("at_share = 0.3", "at_share = 1.0", "fault.at_share"),
        ("loss = 0.1", "loss = 0.5", "weather.loss"),
        ("refusal_share = 0.2", "refusal_share = 1.2", "weather.refusal_share"),
        ('name = "two"', 'name = "one"', "policies must have different names"),
    ],
)
def test_impossible_value_is_named(tmp_path: Path, was: str, now: str, key: str) -> None:
    assert key in complaint(tmp_path, was, now)


@pytest.mark.parametrize(
    ("was", "now", "keys"),
    [
        ("ephemeral_refresh_h = 8", "ephemeral_refresh_h = 24", ("ephemeral_refresh", "ephemeral_lifetime", "24 h")),
        ("long_term_refresh_h = 48", "long_term_refresh_h = 145", ("long_term_refresh", "long_term_lifetime", "144 h")),
        ("ephemeral_lifetime_h = 24", "ephemeral_lifetime_h = 200", ("ephemeral_lifetime", "long_term_lifetime")),
        ("long_term_lifetime_h = 144", "long_term_lifetime_h = 0", ("long_term_lifetime", "positive")),
        ("escalate_after_h = 4", "escalate_after_h = 0.5", ("receipt_delay_max", "escalate_after")),
        ("message_lifetime_h = 72", "message_lifetime_h = 4", ("escalate_after", "message_lifetime")),
        ("queue_lifetime_h = 12", "queue_lifetime_h = -1", ("queue_lifetime_ms", "negative")),
        ("receiving_services = 1", "receiving_services = 0", ("receiving_services", "at least 1")),
    ],
)
def test_terms_that_contradict_each_other_are_both_named(
    tmp_path: Path, was: str, now: str, keys: tuple[str, ...]
) -> None:
    message = complaint(tmp_path, was, now)
    assert "policy 'one'" in message
    assert all(key in message for key in keys)


def test_a_scenario_needs_a_policy(tmp_path: Path) -> None:
    without = "policy = []\n" + RIGHT[: RIGHT.index("[[policy]]")]
    with pytest.raises(ScenarioError, match="at least one"):
        load(tmp_path, without)


def test_policies_change_what_they_name_and_nothing_else() -> None:
    one = load_scenario(HARSH_FILE).policy[0]
    terms, standard = one.terms("label/1"), standard_terms("label/1")
    changed = {name for name in terms.__struct_fields__ if getattr(terms, name) != getattr(standard, name)}
    assert terms.ephemeral_lifetime_ms == 24 * HOUR_MS
    assert changed == {
        *("receiving_services", "sending_services", "long_term_lifetime_ms", "long_term_refresh_ms"),
        *("ephemeral_lifetime_ms", "ephemeral_refresh_ms", "escalate_after_ms", "message_lifetime_ms"),
        *("queue_lifetime_ms", "dead_after_ms", "announce_spread_ms"),
    }


def test_unknown_policy_and_fault_are_answered_with_those_that_are_there() -> None:
    scenario = load_scenario(HARSH_FILE)
    with pytest.raises(ScenarioError, match=r"no policy 'three' in this scenario; there are: one, two"):
        plan(scenario, 1, None, None, synthetic=True, policies=["two", "three"])
    with pytest.raises(ScenarioError, match=r"no fault 'flood' in this scenario; there are: none, sunset"):
        plan(scenario, 1, None, None, synthetic=True, faults=["flood"])


def test_shares_become_times_of_the_trace() -> None:
    conditions = load_scenario(HARSH_FILE).conditions(7, FaultKind.SUNSET, 100 * HOUR_MS)
    assert conditions.seed == 7
    assert conditions.fault.at_ms == 30 * HOUR_MS
    assert conditions.fault.notice_ms == 150 * HOUR_MS
    assert conditions.fault.outage_ms == 30 * HOUR_MS
    assert conditions.weather.outage_every_ms == 48 * HOUR_MS
    assert conditions.horizon_ms == (100 + 10 * 24) * HOUR_MS
