"""Experiments: arms, questions, costs, and what may be concluded from them."""

from functools import cache
from typing import Final

import msgspec
import numpy as np
import pytest

from communicator_model.faults import FaultKind
from communicator_simulations.adversaries.campaign import campaign
from communicator_simulations.adversaries.cover import Way, with_cover
from communicator_simulations.adversaries.experiment import (
    Arm,
    Experiment,
    Found,
    Row,
    check_experiment,
    play,
    pooled,
    rows_of,
    worlds,
)
from communicator_simulations.adversaries.pareto import points
from communicator_simulations.adversaries.questions import QUESTIONS
from communicator_simulations.adversaries.traffic import COVER, arrivals, submissions
from communicator_simulations.adversaries.watching import watched
from communicator_simulations.runs import RunKey, Supplies, prepare
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario
from communicator_simulations.sweep import Plan, Sources, supplies_for

LEAST: Final = 10


def small(replications: int = 1) -> Plan:
    scenario = load_scenario("migration")
    people = msgspec.structs.replace(scenario.people, count=24, days=5)
    study = msgspec.structs.replace(scenario.study, drain_days=1, replications=replications)
    return Plan(msgspec.structs.replace(scenario, people=people, study=study), 3, Sources(None, None), ())


ARMS: Final = (
    Arm("standard", "the standard"),
    Arm("none", "no receipts", receipts=False),
    Arm("at once", "at once", phones="always", receipt_delay_min_h=0, receipt_delay_max_h=0),
    Arm("cover", "cover", cover_per_day=30),
    Arm("late", "late", delay_s=1800, questions=("background", "least squares")),
    Arm("closing", "closing", fault="sunset", questions=("successor",)),
)
EXPERIMENT: Final = Experiment(tuple(q for q in QUESTIONS if q != "successor"), ARMS, least=LEAST, most=30)


@cache
def found() -> tuple[Found, ...]:
    plan = small()
    return tuple(
        one for arms in worlds(EXPERIMENT) for one in play(EXPERIMENT, plan.scenario, 3, supplies_for(plan, 0), arms, 0)
    )


def figure(arm: str, question: str, name: str) -> float:
    row = next(r for r in pooled(found(), 1, same_people=True) if (r["arm"], r["question"]) == (arm, question))
    return float(row[name] or 0)


def cost(arm: str, name: str) -> float:
    return next(one.costs[name] for one in found() if one.arm == arm)


def test_arms_that_differ_in_the_view_alone_share_a_run() -> None:
    assert [[arm.name for arm in arms] for arms in worlds(EXPERIMENT)] == [
        ["standard", "none", "cover"], ["at once"], ["late"], ["closing"],
    ]  # fmt: skip


@pytest.mark.parametrize("question", ["person, arrival", "person, fetch"])
def test_receipts_at_once_are_found(question: str) -> None:
    assert figure("at once", question, "advantage_low") > 0.3
    assert figure("at once", question, "advantage_low") > figure("standard", question, "advantage_high")
    assert figure("at once", question, "identified") > 0.5


def test_who_sees_everything_at_once_knows_who_writes_to_whom() -> None:
    """The planted leak of every service: what goes in comes out within the same minute."""
    for question in ("disclosure", "background", "least squares"):
        assert figure("standard", question, "advantage_low") > 0.5
    assert figure("late", "background", "advantage") < figure("standard", "background", "advantage")


def test_an_address_a_message_and_one_length_tell_nothing() -> None:
    for question in ("address", "length"):
        assert figure("standard", question, "advantage_low") == figure("standard", question, "advantage_high") == 0


def test_cover_costs_bytes_and_no_time_and_delay_costs_time_and_few_bytes() -> None:
    assert cost("cover", "bytes_per_message") > 2 * cost("standard", "bytes_per_message")
    assert cost("cover", "latency_p50_s") == cost("standard", "latency_p50_s")
    assert cost("late", "latency_p50_s") > 600 > cost("standard", "latency_p50_s")
    assert cost("late", "bytes_per_message") < 2 * cost("standard", "bytes_per_message")
    assert cost("none", "receipts_per_message") == 0 < cost("standard", "receipts_per_message")


def test_questions_without_targets_have_no_row() -> None:
    rows, costs = rows_of(found())
    assert {str(row["arm"]) for row in costs} == {arm.name for arm in ARMS}
    for one in found():
        for question, verdicts in one.judged.items():
            assert bool(verdicts) == any((r["arm"], r["question"]) == (one.arm, question) for r in rows)


def test_the_same_seed_gives_the_same_tables_on_any_number_of_workers() -> None:
    quick = Experiment(("person, fetch", "background"), ARMS[:3], least=LEAST, most=20)
    plan = small()
    serial, parallel = (campaign(quick, plan, workers, lambda done, total: None) for workers in (1, 2))
    assert serial == parallel
    other = campaign(quick, plan._replace(seed=4), 1, lambda done, total: None)
    assert other.attacks != serial.attacks


def test_cover_adds_loops_and_changes_nothing_else() -> None:
    plan = small()
    supplies: Supplies = supplies_for(plan, 0)
    scenario: Scenario = plan.scenario
    bare = watched(scenario, 3, supplies, "two").traffic
    people = prepare(scenario, 3, supplies, RunKey("two", FaultKind.NONE, 0)).people
    full = with_cover(bare, 20, people, supplies.phones.schedules, Way(50, 300), 1)
    loops = full.command == COVER
    assert (full.stored[~loops] == bare.stored).all()
    assert loops.sum() == (full.sent[:, 8] == COVER).sum() > 0
    days = (bare.sent[-1, 0] - bare.sent[0, 0]) / 86_400_000
    devices = np.unique(full.device[full.sent[:, 8] == COVER]).size
    assert loops.sum() / days / devices == pytest.approx(20, rel=0.15)
    assert (full.person[full.to[full.sent[:, 8] == COVER]] == full.device[full.sent[:, 8] == COVER]).all()
    assert arrivals(full, "root").things == arrivals(bare, "root").things
    assert (np.diff(submissions(full).t_ms) >= 0).all()


def test_the_front_is_what_nobody_beats_in_both() -> None:
    names = ("cheap", "dear", "silly", "same")
    arms = [Arm(name, name, series=name) for name in names]
    left, paid = (0.9, 0.1, 0.95, 0.9), (1.0, 5.0, 3.0, 1.0)
    attacks: list[Row] = [
        {"arm": n, "question": "q", "replication": 0, "advantage": a} for n, a in zip(names, left, strict=True)
    ]
    costs: list[Row] = [{"arm": n, "replication": 0, "latency_p50_s": p} for n, p in zip(names, paid, strict=True)]
    front = {p.arm: p.front for p in points(arms, attacks, costs, "q", "latency_p50_s")}
    assert front == {"cheap": True, "dear": True, "silly": False, "same": True}


@pytest.mark.parametrize(
    ("arm", "complaint"),
    [
        (Arm("a", "a", questions=("whom",)), "no question"),
        (Arm("a", "a", delay_s=-1), "negative"),
        (Arm("a", "a", receipt_delay_min_h=1), "belong together"),
        (Arm("standard", "twice"), "different names"),
    ],
)
def test_an_impossible_experiment_is_refused(arm: Arm, complaint: str) -> None:
    wrong = msgspec.structs.replace(EXPERIMENT, arm=(ARMS[0], arm))
    with pytest.raises(ScenarioError, match=complaint):
        check_experiment(wrong, small().scenario, "test")


def test_receipts_that_come_after_the_resend_are_refused() -> None:
    wrong = msgspec.structs.replace(
        EXPERIMENT, arm=(Arm("slow", "slow", receipt_delay_min_h=1, receipt_delay_max_h=40),)
    )
    with pytest.raises(ScenarioError, match="receipt_delay_max"):
        check_experiment(wrong, small().scenario, "test")
