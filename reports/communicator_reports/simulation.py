"""A sweep from its wish to its files.

1. run what is missing, keeping every finished run in the work folder
2. write the tables and the summary, and what the scenario itself asks for: conclusions and figures
3. write the event logs, if they were asked for: every run is then simulated once more, and its log kept (`logs`)
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from communicator_reports.enough import run_enough
from communicator_reports.progress import Steps, Update
from communicator_reports.provenance import provenance
from communicator_reports.questioned import write_question
from communicator_reports.wishes import Wish
from communicator_simulations import results
from communicator_simulations.account import account_of, results_of, verdicts
from communicator_simulations.runs import RunKey, record
from communicator_simulations.settling import settling
from communicator_simulations.sources import source_digest
from communicator_simulations.sweep import Plan, Sweep, supplies_for
from communicator_simulations.sweeps.tasks import fidelity_named
from communicator_simulations.workers import finished
from communicator_spec.nodes import Fidelity

__all__ = ["Simulation", "simulate_into"]


class Simulation(NamedTuple):
    """What a sweep found, and what is to be cleared once it is safe."""

    summary: dict[str, object]
    sweep: Sweep


def simulate_into(folder: Path, wish: Wish, plan: Plan, work: Path, workers: int, steps: Steps,
                  command: Sequence[str]) -> Simulation:  # fmt: skip
    """Run the plan and write its results into `folder`; runs that are in `work` already are not run again.

    `command` is what is written down as the command that does this again.
    """
    fidelity = fidelity_named(wish.fidelity, plan.scenario.profile, plan.seed)

    def sweep_of(longer: Plan) -> Sweep:
        return Sweep(longer, work, fidelity, wish.fidelity, source_digest())

    if wish.rule is None:  # 1
        sweep = sweep_of(plan)
        with steps.step(f"simulating {len(plan.keys)} runs") as update:
            sweep.run(min(workers, len(plan.keys)), update)
    else:
        with steps.step(f"simulating until {wish.rule.precision.metric} is known well enough") as update:
            plan, sweep = run_enough(plan, wish.rule, sweep_of, workers, update)
    stored = sweep.results()
    for name, table in results.tables(stored).items():  # 2
        table.write_parquet(folder / f"{name}.parquet")
    summary: dict[str, object] = {**results.summary(plan, stored, wish.rule), "fidelity": wish.fidelity.value}
    scenario, account = plan.scenario, account_of(wish.scenario, plan.scenario)
    found = results_of([({}, scenario, stored)])
    summary |= verdicts(account, found)
    write_question(folder, account, found, scenario)
    if wish.warm_up:
        with steps.step("looking for the warm-up") as update:
            summary["warm_up"] = _warm_up(plan, fidelity, update)
    results.write_json(folder / "summary.json", summary)
    results.write_json(folder / "provenance.json", provenance(["communicator", *command], plan))
    if wish.events:  # 3
        (folder / "events").mkdir()
        with steps.step("writing event logs") as update:
            write = partial(_write_log, plan, fidelity, folder / "events")
            for done, _ in enumerate(finished(write, plan.keys, workers, fresh=True), start=1):
                update(done, len(plan.keys))
    return Simulation(summary, sweep)


def _warm_up(plan: Plan, fidelity: Fidelity, update: Update) -> list[dict[str, object]]:
    supplies = supplies_for(plan, 0)
    policies = list(dict.fromkeys(key.policy for key in plan.keys))
    rows: list[dict[str, object]] = []
    for done, policy in enumerate(policies, start=1):
        rows.append(settling(plan.scenario, plan.seed, supplies, policy, fidelity)._asdict())
        update(done, len(policies))
    return rows


def _write_log(plan: Plan, fidelity: Fidelity, folder: Path, key: RunKey) -> None:
    path = folder / f"{key.policy}-{key.fault}-{key.replication}.parquet"
    record(path, plan.scenario, plan.seed, supplies_for(plan, key.replication), key, fidelity)
