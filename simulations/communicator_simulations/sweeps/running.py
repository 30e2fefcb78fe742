"""A sweep from its layout to its tables: what is missing is run, wherever there is somebody to run it.

1. say in the folder what is swept
2. run what is missing; every finished run is kept before it is counted
3. read all runs back, in the order of the layout, and write the tables and the summary, last of all

So the number of workers, their kind and any interruption leave no trace in a table.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import NamedTuple

import msgspec
import polars as pl

from communicator_simulations import results
from communicator_simulations.account import Account, results_of, verdicts
from communicator_simulations.conclusions import Cells
from communicator_simulations.sweep import Stored
from communicator_simulations.sweeps.cluster import finished_on
from communicator_simulations.sweeps.store import (
    DESCRIPTION,
    FORMAT,
    SUMMARY,
    Described,
    Store,
    SweepError,
    described,
    write_whole,
)
from communicator_simulations.sweeps.tasks import Computed, Job, Layout, compute
from communicator_simulations.workers import finished

__all__ = ["Standing", "Workers", "cells_in", "describe", "run_sweep", "standing"]

Progress = Callable[[int, int], None]
"""(runs finished, runs in all)."""


class Workers(NamedTuple):
    """Who runs it: processes of this machine, or a Dask cluster; `say` is told what becomes of the cluster."""

    processes: int
    cluster: str | None = None
    say: Callable[[str], None] = print


class Standing(NamedTuple):
    """How far a sweep is, what cannot be used, and how long a run took on average, in seconds (None: not known)."""

    finished: int
    total: int
    points_finished: int
    points: int
    refused: list[str]
    mean_s: float | None


def describe(layout: Layout) -> Described:
    """Return what is swept, for the folder."""
    tasks = [[job.id for job in row] for row in layout.jobs]
    values = [dict(point.values) for point in layout.points]
    name = hashlib.sha256(msgspec.json.encode((values, tasks))).hexdigest()[:32]
    scenario = msgspec.to_builtins(layout.scenario)
    return Described(FORMAT, name, scenario, layout.seed, layout.jobs[0][0].fidelity, values, tasks)


def run_sweep(layout: Layout, store: Store, workers: Workers, progress: Progress,
              account: Account | None = None) -> dict[str, object]:  # fmt: skip
    """Run what is missing, write the tables, and return the summary. Ctrl-C stops at once; finished runs stay.

    `account` has the conclusions that are judged on the results. Raises `SweepError` for a file that cannot be used,
    before anything runs.
    """
    if store.folder.exists() and any(store.folder.iterdir()):
        described(store.folder)
    with store.held():
        wanted = layout.wanted
        there = store.finished(job.id for job in wanted)
        store.write(DESCRIPTION, msgspec.to_builtins(describe(layout)))  # 1
        missing = [job for job in wanted if job.id not in there]
        done = len(there)
        progress(done, len(wanted))
        for job, computed in _computed(missing, workers):  # 2
            store.keep(job.id, computed.data, computed.seconds)
            done += 1
            progress(done, len(wanted))
        return _conclude(layout, store, account or Account())  # 3


def _computed(jobs: list[Job], workers: Workers) -> Iterator[tuple[Job, Computed]]:
    if workers.cluster is None:
        source = finished(compute, jobs, workers.processes)
    else:
        source = finished_on(workers.cluster, compute, jobs, workers.say)
    with closing(source):
        try:
            yield from source
        except BrokenProcessPool:
            raise SweepError("a worker process was ended from outside; the same command goes on") from None


def cells_in(layout: Layout, store: Store) -> Cells:
    """Return the results of a finished sweep as cells, for conclusions and figures."""
    read = {job.id: store.read(job.id) for job in layout.wanted}
    return _cells(layout, [[read[job.id] for job in row] for row in layout.jobs])


def _cells(layout: Layout, rows: list[list[Stored]]) -> Cells:
    points = zip(layout.points, rows, strict=True)
    return results_of([(dict(point.values), point.scenario, stored) for point, stored in points])


def _conclude(layout: Layout, store: Store, account: Account) -> dict[str, object]:
    read = {job.id: store.read(job.id) for job in layout.wanted}
    rows = [[read[job.id] for job in row] for row in layout.jobs]
    means = [{"point": n, **row} for n, stored in enumerate(rows) for row in results.outcomes(stored)]
    for name, table in {**_tables(rows), "means": _means(means), "points": _points(layout)}.items():
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        write_whole(store.folder / f"{name}.parquet", buffer.getvalue())
    said = describe(layout)
    summary: dict[str, object] = {
        "id": said.id,
        "question": layout.scenario.question,
        "seed": said.seed,
        "fidelity": said.fidelity,
        "points": [{"point": n, **values} for n, values in enumerate(said.points)],
        "runs": len(read),
        "means": means,
        "invariants": results.invariants(list(read.values())),
        **verdicts(account, _cells(layout, rows)),
    }
    store.write(SUMMARY, summary)
    return summary


def _tables(rows: list[list[Stored]]) -> dict[str, pl.DataFrame]:
    each = [results.tables(stored) for stored in rows]
    return {
        name: pl.concat(
            [tables[name].select(pl.lit(n, pl.Int64).alias("point"), pl.all()) for n, tables in enumerate(each)],
            how="diagonal_relaxed",
        )
        for name in each[0]
    }


def _means(rows: list[dict[str, object]]) -> pl.DataFrame:
    texts = dict.fromkeys(("policy", "fault", "metric"), pl.String)
    numbers = dict.fromkeys(("mean", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema={"point": pl.Int64, **texts, **numbers, "n": pl.Int64})


def _points(layout: Layout) -> pl.DataFrame:
    rows = [{"point": n, **dict(point.values)} for n, point in enumerate(layout.points)]
    return pl.DataFrame(rows, infer_schema_length=None)


def standing(said: Described, store: Store) -> Standing:
    """Return how far the sweep of a folder is; every file is looked into, and nothing is run."""
    once = dict.fromkeys(task for row in said.tasks for task in row)
    refused = store.refused(once)
    there = {task for task in once if task not in refused and store.path(task).exists()}
    seconds = [took for task, took in store.seconds().items() if task in there]
    mean_s = sum(seconds) / len(seconds) if seconds else None
    complete = sum(there.issuperset(row) for row in said.tasks)
    return Standing(len(there), len(once), complete, len(said.tasks), list(refused.values()), mean_s)
