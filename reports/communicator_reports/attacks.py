"""An experiment with adversaries from its wish to its files.

1. run every world and ask every question (`communicator_simulations.adversaries`)
2. write the tables: `attacks` and `costs` by replication, `targets` with intervals over targets, `pareto`
3. write the summary with the conclusions, and the question as page, sheet and pictures
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from communicator_reports.document import Figure
from communicator_reports.figures.pareto import Price, pareto
from communicator_reports.progress import Steps
from communicator_reports.provenance import provenance
from communicator_reports.questioned import write_question
from communicator_reports.wishes import Wish
from communicator_simulations import results
from communicator_simulations.account import account_of, verdicts
from communicator_simulations.adversaries import pareto as fronts
from communicator_simulations.adversaries.campaign import Campaign, campaign
from communicator_simulations.adversaries.experiment import Arm, Experiment
from communicator_simulations.adversaries.questions import QUESTIONS
from communicator_simulations.conclusions import Cells, Value, cells_of
from communicator_simulations.scenario import ScenarioError
from communicator_simulations.sweep import Plan, describe_trace, supplies_for

__all__ = ["attack_into", "cells"]

_PRICES: Final = (
    Price("latency_p50_s", "half of the messages arrive within, min", 1 / 60, "how long messages take"),
    Price("receipt_p50_s", "half of the receipts arrive within, min", 1 / 60, "how long receipts take"),
    Price("bytes_per_message", "bytes on the way for each message", 1.0, "what travels"),
)


def attack_into(folder: Path, wish: Wish, plan: Plan, experiment: Experiment, workers: int,
                steps: Steps) -> dict[str, object]:  # fmt: skip
    """Run an experiment and write its results into `folder`; return its summary."""
    _refuse(wish)
    with steps.step(
        f"watching {len(experiment.arm)} arms in {plan.scenario.study.replications} replications"
    ) as update:
        found = campaign(experiment, plan, workers, update)  # 1
    points = fronts.rows(experiment.arm, found.attacks, found.costs)
    tables = {**found._asdict(), "pareto": points}
    for name, rows in tables.items():  # 2
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / f"{name}.parquet")
    account, cut = account_of(wish.scenario, plan.scenario), cells(found)
    summary = _summary(plan, experiment, found) | verdicts(account, cut)
    results.write_json(folder / "summary.json", summary)
    results.write_json(folder / "provenance.json", provenance(["communicator", "simulate", *wish.words()], plan))
    arms = [f"**{arm.name}** {arm.label}" for arm in experiment.arm]
    write_question(folder, account, cut, plan.scenario, arms, _fronts(experiment.arm, found))  # 3
    return summary


def cells(found: Campaign) -> Cells:
    """Return the rows of attacks with the costs of their arms, as cells of conclusions and figures."""
    paid = {(row["arm"], row["replication"]): row for row in found.costs}
    rows: list[Mapping[str, Value]] = [
        {name: value for name, value in {**paid[row["arm"], row["replication"]], **row}.items() if value is not None}
        for row in found.attacks
    ]
    return cells_of(rows, ("arm", "question"))


def _refuse(wish: Wish) -> None:
    """Refuse what an experiment with adversaries cannot do."""
    asked = {"--policy": wish.policies, "--fault": wish.faults, "--events": wish.events, "--warm-up": wish.warm_up,
             "--width": wish.rule, "--fidelity impl": wish.fidelity.value == "impl"}  # fmt: skip
    for name, value in asked.items():
        if value:
            raise ScenarioError(
                f"{name} says nothing to a scenario with adversaries, whose arms say what runs; leave it out"
            )


def _summary(plan: Plan, experiment: Experiment, found: Campaign) -> dict[str, object]:
    return {
        "scenario": plan.scenario.name,
        "question": plan.scenario.question,
        "seed": plan.seed,
        "replications": plan.scenario.study.replications,
        "trace": describe_trace(supplies_for(plan, 0).trace),
        "window_s": experiment.window_s,
        "least": experiment.least,
        "questions": {name: {"observer": q.observer, "finds": q.finds} for name, q in QUESTIONS.items()},
        "targets": found.targets,
        "costs": found.costs,
    }


def _fronts(arms: Sequence[Arm], found: Campaign) -> list[Figure]:
    """Return the Pareto figures, if the arms belong to series: questions asked of arms that differ in their cost."""
    if not any(arm.series for arm in arms):
        return []
    questions = dict.fromkeys(str(row["question"]) for row in found.attacks)
    figures: list[Figure] = []
    for price in _PRICES:
        points = {q: fronts.points(arms, found.attacks, found.costs, q, price.name) for q in questions}
        panels = [(_title(q), own) for q, own in points.items() if _differ([point.cost.mean for point in own])]
        if panels:
            figures.append(pareto(price, panels))
    return figures


def _differ(costs: Sequence[float]) -> bool:
    return len(costs) > 2 and max(costs) > 1.05 * min(costs)


def _title(question: str) -> str:
    asked = QUESTIONS[question]
    return f"{asked.observer[:1].upper()}{asked.observer[1:]} — {asked.finds} ({question})"
