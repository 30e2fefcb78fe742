"""The model and the real cores tell the same story: two logs of one world are equal, event for event."""

from collections import Counter
from functools import cache
from typing import Final

import msgspec
import numpy as np
import pytest
from tests.simulations.worlds import HARSH, Parting, by_cores, by_model, changed, explain, judge, parting, town

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones, Schedule
from communicator_model.traces import Trace
from communicator_model.world import World
from communicator_simulations.runs import Supplies
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_simulations.sweep import plan, supplies_for
from communicator_spec import Command, ErrorClass, Kind, Row

MIGRATION: Final = load_scenario("migration")
POLICIES: Final = [policy.name for policy in MIGRATION.policy]
PEOPLE, DAYS = 60, 1.0
REFUSALS: Final = list(ErrorClass)


def with_profile(scenario: Scenario, profile: str) -> Scenario:
    return msgspec.structs.replace(scenario, profile=profile)


@cache
def measured_or_synthetic() -> Supplies:
    """The measured trace where it is, else a synthetic one: the cores must agree with the model on either."""
    small = msgspec.structs.replace(MIGRATION.people, count=PEOPLE, days=DAYS)
    return supplies_for(plan(msgspec.structs.replace(MIGRATION, people=small), 1, None, None), 0)


def same_story(scenario: Scenario, policy: str, fault: FaultKind, supplies: Supplies, *,
               tolerate_failed: bool = False) -> list[Row]:  # fmt: skip
    """Run one world on both fidelities; check that the logs are equal and no promise is broken; return the log."""
    model = by_model(scenario, policy, fault, supplies)
    cores = by_cores(scenario, policy, fault, supplies)
    where = parting(model.log, cores.log)
    assert where is None, explain(where)
    violations = [judge(run, tolerate_failed=tolerate_failed) for run in (model, cores)]
    assert violations == [[], []]
    return cores.log


def counted(log: list[Row]) -> Counter[str]:
    """Count events by kind; sent ones also by command, refused ones by error class."""
    found = Counter(Kind(row[1]).name for row in log)
    found.update("SENT " + Command(row[8]).name for row in log if row[1] == Kind.SENT)
    found.update("REFUSED " + REFUSALS[row[8]].value for row in log if row[1] == Kind.REFUSED)
    return found


@pytest.mark.parametrize("fault", FaultKind)
@pytest.mark.parametrize("policy", POLICIES)
def test_migration_with_label_addresses(policy: str, fault: FaultKind) -> None:
    assert same_story(MIGRATION, policy, fault, measured_or_synthetic())


@pytest.mark.parametrize("fault", [FaultKind.SUNSET, FaultKind.DEATH])
def test_migration_with_two_layer_addresses(fault: FaultKind) -> None:
    assert same_story(with_profile(MIGRATION, "two-layer/1"), "two", fault, measured_or_synthetic())


def write_past_each_other(messages: int) -> Supplies:
    """Two people with phones that are always online, who write so many messages in the same second."""
    sender = np.arange(2 * messages) % 2
    trace = Trace.of("past each other", "", np.zeros(2 * messages, dtype=np.int64), sender, 1 - sender)
    return Supplies(trace, Phones("always", "", (Schedule.of([(0, 86_400)]),)))


@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
def test_who_write_past_each_other_find_each_other_again(profile: str) -> None:  # STATE-28
    # 2 services x (4 + 2) addresses are 12: more messages than addresses, in both directions, before either arrives.
    calm = msgspec.structs.replace(MIGRATION.weather, loss=0.0, outage_every_d=0.0, refusal_share=0.0)
    scenario = changed(MIGRATION, profile=profile, weather=calm)
    kinds = counted(same_story(scenario, "two", FaultKind.NONE, write_past_each_other(14)))
    assert kinds["DELIVERED"] == 2 * 14
    assert kinds["FAILED"] == 0


@pytest.mark.parametrize("profile", ["label/1", "two-layer/1"])
def test_who_ends_a_relationship_aloud_is_heard_in_both(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(world: World, now_ms: int, end: int) -> None:  # DELIV-31
        for transmission in world._managers.refuse(now_ms, end, tell=True):
            world._hand_over(now_ms, transmission)

    monkeypatch.setattr(World, "_refuse", refuse)
    told = (with_profile(HARSH, profile), "two", FaultKind.NONE, town(16, 3))
    model, cores = by_model.__wrapped__(*told), by_cores(*told)
    where = parting(model.log, cores.log)
    assert where is None, explain(where)
    assert judge(model) == judge(cores) == []
    kinds = counted(cores.log)
    assert kinds["SENT END"] > kinds["ENDED"] > 0
    assert Command.END in {Command(row[8]) for row in cores.log if row[1] == Kind.RECEIVED}


ALWAYS: Final = {
    *("PAIRED", "ACCEPTED", "ISSUED", "SENT", "FORWARDED", "GAVE_UP", "STORED", "REFUSED", "CONFIRMED", "DELIVERED"),
    *("DUPLICATE", "RECEIVED", "ACKNOWLEDGED", "FAILED", "UPDATED", "ENDED", "CRASHED", "RECOVERED", "INJECTED"),
    *("SENT MESSAGE", "SENT RECEIPT", "SENT UPDATE", "SENT REQUEST_UPDATE", "REFUSED unknown"),
}
BY_FAULT: Final = {
    FaultKind.NONE: set[str](),
    FaultKind.SUNSET: {"MOVED", "SENT MOVED", "RELEASED", "LEFT", "DIED"},
    FaultKind.DEATH: {"MOVED", "SENT MOVED", "DIED"},
    FaultKind.OUTAGE: set[str](),
}
BY_PROFILE: Final = {"label/1": set[str](), "two-layer/1": {"REFUSED expired", "REFUSED replayed"}}


@pytest.mark.parametrize(
    ("profile", "policy", "fault"),
    [
        ("label/1", "two", FaultKind.NONE),
        ("label/1", "two", FaultKind.SUNSET),
        ("label/1", "one", FaultKind.DEATH),
        ("label/1", "two", FaultKind.OUTAGE),
        ("two-layer/1", "two", FaultKind.SUNSET),
        ("two-layer/1", "one", FaultKind.DEATH),
    ],
)
def test_when_everything_goes_wrong_it_does_and_in_both(profile: str, policy: str, fault: FaultKind) -> None:
    log = same_story(with_profile(HARSH, profile), policy, fault, town(16, 3))
    wanted = ALWAYS | BY_FAULT[fault] | BY_PROFILE[profile]
    assert wanted - counted(log).keys() == set()


def test_addresses_expire_and_are_renewed_while_nobody_writes() -> None:
    # STATE-20, STATE-21, STATE-29: after the last message and its receipts, only long-term grants are issued
    run = by_model(HARSH, "two", FaultKind.NONE, town(16, 3))
    idle_ms = int(town(16, 3).trace.duration_ms) + run.terms.message_lifetime_ms
    idle = [row for row in run.log if row[0] > idle_ms]
    issued = [row for row in idle if row[1] == Kind.ISSUED]
    ended = [row for row in run.log if row[1] == Kind.ISSUED and row[8] <= run.conditions.horizon_ms]
    assert ended
    assert issued
    assert all(row[6] == 1 for row in issued)
    assert {Command(row[8]) for row in idle if row[1] == Kind.SENT} == {Command.UPDATE, Command.REQUEST_UPDATE}


def test_messages_escalate_to_another_service() -> None:
    log = by_model(HARSH, "two", FaultKind.DEATH, town(16, 3)).log
    ways: dict[tuple[int, int], set[int]] = {}
    for row in log:
        if row[1] == Kind.SENT and row[8] == Command.MESSAGE:
            ways.setdefault((row[2], row[3]), set()).add(row[4])
    assert max(map(len, ways.values())) >= 2


def test_a_difference_is_told_with_the_first_event_that_differs() -> None:
    log = by_model(HARSH, "one", FaultKind.NONE, town(16, 3)).log
    shorter = parting(log, log[:7])
    assert shorter is not None
    assert shorter.kinds == (Kind(log[7][1]), None)
    assert "row 7" in explain(shorter)
    assert "nothing more" in explain(shorter)
    assert parting(log, list(log)) is None
    assert isinstance(parting(log, log[1:]), Parting)


@cache
def of_scenario(name: str) -> tuple[Scenario, Supplies]:
    """A scenario of the package, and a small population for it."""
    scenario = load_scenario(name)
    small = msgspec.structs.replace(scenario.people, count=16, days=8.0)
    scenario = msgspec.structs.replace(scenario, people=small)
    return scenario, supplies_for(plan(scenario, 3, None, None, synthetic=True), 0)


def test_people_on_other_terms_meet_on_the_cores_as_in_the_model() -> None:
    scenario, supplies = of_scenario("adoption")
    log = same_story(scenario, "two", FaultKind.DEATH, supplies, tolerate_failed=True)
    services = [len({row[4] for row in log if row[1] == Kind.ISSUED and row[2] == end and row[3] == 1})
                for end in {row[2] for row in log if row[1] == Kind.PAIRED}]  # fmt: skip
    assert set(services) == {1, 2}, "both kinds of people are there"


@pytest.mark.parametrize("policy", ["silent", "standard"])
def test_people_are_away_on_the_cores_as_in_the_model(policy: str) -> None:
    scenario, supplies = of_scenario("expiry")
    assert scenario.absence is not None
    absence = msgspec.structs.replace(scenario.absence, share=0.4, away_d=3.0)
    scenario = msgspec.structs.replace(scenario, absence=absence)
    assert same_story(scenario, policy, FaultKind.NONE, supplies)
