"""What a replication draws anew is what its scenario names, each by a draw of its own, and nothing else."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from communicator_model.faults import FaultKind
from communicator_model.population import Person
from communicator_model.synthetic import synthesise
from communicator_model.traces import Trace
from communicator_simulations.runs import RunKey, Supplies, prepare
from communicator_simulations.scenario import Drawn, Scenario, ScenarioError, check_scenario, load_scenario
from communicator_simulations.sweep import Plan, Sources, supplies_for

MIGRATION = load_scenario("migration")
PARTS: tuple[Drawn, ...] = ("messages", "graph", "window", "services", "devices")


def scenario(*resamples: Drawn, count: int = 30, days: float = 5) -> Scenario:
    people = msgspec.structs.replace(MIGRATION.people, count=count, days=days)
    study = msgspec.structs.replace(MIGRATION.study, resamples=resamples)
    return msgspec.structs.replace(MIGRATION, people=people, study=study)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred people and thousands of messages, to be read as a trace: made once."""
    trace = synthesise(1, people=300, messages=5000, days=40)
    path = tmp_path_factory.mktemp("data") / "trace.txt"
    path.write_text("".join(f"{a} {b} {t_ms // 1000}\n" for t_ms, a, b in trace.rows()))
    return path


def replication(which: Scenario, number: int, file: Path | None) -> tuple[Supplies, list[Person], int]:
    plan = Plan(which, 1, Sources(file, None), ())
    supplies = supplies_for(plan, number)
    drawn = prepare(which, 1, supplies, RunKey("two", FaultKind.DEATH, number))
    return supplies, drawn.people, drawn.conditions.seed


def equal(one: Trace, two: Trace) -> bool:
    pairs = ((one.t_ms, two.t_ms), (one.sender, two.sender), (one.receiver, two.receiver))
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_named_is_drawn_anew_and_the_rest_is_kept(part: Drawn, file: Path) -> None:
    source = None if part == "messages" else file
    (first, people, seed), (second, others, other) = (replication(scenario(part), n, source) for n in (0, 1))
    assert seed != other  # the weather always is
    assert (first.trace.digest == second.trace.digest) is (part != "messages")
    assert equal(first.trace, second.trace) is (part not in ("messages", "graph", "window"))
    assert (first.trace.origin_s == second.trace.origin_s) is (part not in ("messages", "graph", "window"))
    assert (first.phones.digest == second.phones.digest) is (part != "devices")
    assert ([p.phone for p in people] == [p.phone for p in others]) is (part != "devices")
    for column in ("receiving", "sending", "spares"):
        assert ([getattr(p, column) for p in people] == [getattr(p, column) for p in others]) is (part != "services")


def test_each_part_is_drawn_alike_whatever_else_is_drawn(file: Path) -> None:
    """So that two scenarios that differ in what they resample share the draws that both make."""
    everything, _, _ = replication(scenario(*PARTS), 3, file)
    alone, people, _ = replication(scenario("devices"), 3, file)
    other, others, _ = replication(scenario("devices", "services"), 3, file)
    assert everything.phones.digest == alone.phones.digest == other.phones.digest
    assert [p.phone for p in people] == [p.phone for p in others]


def test_nothing_named_leaves_the_weather_alone_to_differ(file: Path) -> None:
    (first, people, seed), (second, others, other) = (replication(scenario(), n, file) for n in (0, 1))
    assert equal(first.trace, second.trace)
    assert first.phones == second.phones
    assert people == others
    assert seed != other


def test_every_window_and_circle_has_the_size_that_was_asked_for(file: Path) -> None:
    whole, _, _ = replication(scenario("messages", count=0, days=0), 0, file)
    cuts = [whole.trace.restrict(30, 5, window=u, circle=u) for u in (0.0, 0.3, 0.6, 0.999999)]
    assert all(cut.people == 30 and cut.messages > 0 and cut.duration_ms < 5 * 86_400_000 for cut in cuts)
    assert len({cut.origin_s for cut in cuts}) == 4
    last_s = whole.trace.origin_s + whole.trace.duration_ms // 1000
    assert all(cut.origin_s + cut.duration_ms // 1000 <= last_s for cut in cuts)


def test_a_window_longer_than_the_trace_is_the_trace(file: Path) -> None:
    whole, _, _ = replication(scenario("messages", count=0, days=0), 0, file)
    assert equal(whole.trace.restrict(days=10_000, window=0.7), whole.trace)


def test_the_usual_is_not_written_down_and_the_unusual_is() -> None:
    """The summary of a scenario that keeps to it is the same as before there was a choice."""
    assert "resamples" not in msgspec.to_builtins(MIGRATION)["study"]
    assert msgspec.to_builtins(scenario("graph"))["study"]["resamples"] == ("graph",)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (scenario("graph", count=0), "people.count"),
        (scenario("window", days=0), "people.days"),
        (scenario("devices", "devices"), "once"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong: Scenario, key: str) -> None:
    with pytest.raises(ScenarioError, match=key):
        check_scenario(wrong, "tried")
