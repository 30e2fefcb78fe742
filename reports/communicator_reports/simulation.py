"""A sweep from its wish to its files.

1. run what is missing, keeping every finished run in the work folder
2. write the tables and the summary
3. write the event logs, if they were asked for: every run is then simulated once more, and its log kept
"""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import polars as pl

from communicator_reports.fidelities import NamedFidelity
from communicator_reports.progress import Steps
from communicator_reports.provenance import provenance, source_digest
from communicator_reports.wishes import Wish
from communicator_simulations import results
from communicator_simulations.runs import RunKey, simulate
from communicator_simulations.sweep import Plan, Sweep, supplies_for
from communicator_spec import Event

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
    fidelity = NamedFidelity(wish.fidelity, plan.scenario.profile, plan.seed)
    sweep = Sweep(plan, work, fidelity, wish.fidelity, source_digest())
    with steps.step(f"simulating {len(plan.keys)} runs") as update:  # 1
        sweep.run(min(workers, len(plan.keys)), update)
    stored = sweep.results()
    for name, table in results.tables(stored).items():  # 2
        table.write_parquet(folder / f"{name}.parquet")
    summary = {**results.summary(plan, stored), "fidelity": wish.fidelity.value}
    results.write_json(folder / "summary.json", summary)
    results.write_json(folder / "provenance.json", provenance(["communicator", *command], plan))
    if wish.events:  # 3
        (folder / "events").mkdir()
        with steps.step("writing event logs") as update:
            for done, _ in enumerate(_logs(plan, fidelity, folder / "events", workers), start=1):
                update(done, len(plan.keys))
    return Simulation(summary, sweep)


def _logs(plan: Plan, fidelity: NamedFidelity, folder: Path, workers: int) -> Iterator[RunKey]:
    """Write one log for each run; yield the runs as they finish."""
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt) as pool:
        futures = {pool.submit(_write_log, plan, fidelity, key, folder): key for key in plan.keys}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(pool._processes.values()):
                process.terminate()
            raise


def _write_log(plan: Plan, fidelity: NamedFidelity, key: RunKey, folder: Path) -> None:
    log = simulate(plan.scenario, plan.seed, supplies_for(plan, key.replication), key, fidelity).log
    table = pl.DataFrame(log, schema=dict.fromkeys(Event._fields, pl.Int64), orient="row")
    table.write_parquet(folder / f"{key.policy}-{key.fault}-{key.replication}.parquet")


def _ignore_interrupt() -> None:
    """Let the parent alone answer Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
