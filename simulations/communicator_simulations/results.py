"""Results of a sweep as files: Parquet for every number behind a figure, one JSON for what a reader asks first.

Files are written into a folder beside the target that replaces it when it is complete: a reader sees a whole result or
the former one. Nothing in them depends on when, where or by how many workers they were computed.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from communicator_model.calibration import calibration
from communicator_model.draws import subseed
from communicator_simulations.quantiles import SHARES, latency_quantile
from communicator_simulations.statistics import Interval, Rule, interval, paired
from communicator_simulations.sweep import Plan, Stored, describe_trace, supplies_for
from communicator_simulations.sweeps.store import is_complete
from communicator_spec.invariants import Monitors
from communicator_spec.terms import standard_terms

__all__ = ["ResultsError", "SweepFrames", "cells", "check_writable", "invariants", "open_sweep", "outcomes",
           "replace_folder", "summary", "tables", "write_json"]  # fmt: skip

BASELINE = "static"
"""The policy that the others are compared with, if a scenario has it."""


class ResultsError(OSError):
    """Results cannot be written where they were asked for."""


def tables(stored: Sequence[Stored]) -> dict[str, pl.DataFrame]:
    """Return the tables of a sweep by name, rows in the order of the plan."""

    def long(names: tuple[str, ...], rows: str) -> pl.DataFrame:
        data = [(s.policy, s.fault, s.replication, *row) for s in stored for row in getattr(s, rows)]
        return pl.DataFrame(data, schema=["policy", "fault", "replication", *names], orient="row")

    runs = [
        {"policy": s.policy, "fault": s.fault, "replication": s.replication, **s.row, "events": s.events, **_fired(s)}
        for s in stored
    ]
    return {
        "runs": pl.DataFrame(runs),
        "latency": long(("latency_ms", "share"), "latency"),
        "cutover": long(("hours", "peers_share", "people_share"), "cutover"),
        "load": long(("provider", "role", "messages", "peak_hour"), "load"),
    }


def _fired(stored: Stored) -> dict[str, int]:
    return {f"fired_{name.replace('-', '_')}": count for name, count in sorted(stored.fired.items())}


def summary(plan: Plan, stored: Sequence[Stored], rule: Rule | None = None) -> dict[str, object]:
    """Return what a reader asks first: question, conditions, outcomes with intervals, invariants.

    `rule` is the one by which the number of replications was found, if it was; then all intervals are at its
    confidence.
    """
    confidence = rule.confidence if rule else 0.95
    scenario = plan.scenario
    supplies = supplies_for(plan, 0)
    synthetic = plan.sources.trace is None
    statistics = calibration(supplies.trace) if synthetic and scenario.workload is None else []
    duration_ms = int(supplies.trace.duration_ms)
    fault = scenario.conditions(0, plan.keys[0].fault, duration_ms)
    return {
        "scenario": msgspec.to_builtins(scenario),
        "seed": plan.seed,
        "replications": scenario.study.replications,
        "faults": list(dict.fromkeys(key.fault.value for key in plan.keys)),
        "policies": list(dict.fromkeys(key.policy for key in plan.keys)),
        "days": {
            "fault": round(fault.fault.at_ms / 86_400_000, 2),
            "closing": round((fault.fault.at_ms + fault.fault.notice_ms) / 86_400_000, 2),
            "horizon": round(fault.horizon_ms / 86_400_000, 2),
        },
        "data": {
            "synthetic": synthetic,
            "trace": describe_trace(supplies.trace),
            "phones": {
                "name": supplies.phones.name,
                "sha256": supplies.phones.digest,
                "count": len(supplies.phones),
                "online_share": round(supplies.phones.online_share, 3),
            },
            "calibration": [
                {"name": s.name, "published": s.published, "here": s.here, "ratio": s.ratio} for s in statistics
            ],
        },
        "outcomes": outcomes(stored, confidence),
        "paired": _paired(stored, confidence),
        "latency": _latency(stored, plan.seed, confidence),
        "invariants": invariants(stored),
        **({"precision": _precision(rule, stored)} if rule else {}),
    }


def cells(stored: Sequence[Stored], metric: str) -> list[list[float]]:
    """Return the values of a metric, one a replication, for each policy under each fault."""
    return [[float(run.row[metric]) for run in runs] for runs in _groups(stored).values()]


def _precision(rule: Rule, stored: Sequence[Stored]) -> dict[str, object]:
    values = cells(stored, rule.precision.metric)
    return {
        **rule.precision._asdict(),
        "reached": rule.is_met(values),
        "replications": len(values[0]),
        "looks": list(rule.looks()),
        "confidence": rule.confidence,
    }


def outcomes(stored: Sequence[Stored], confidence: float = 0.95) -> list[dict[str, object]]:
    """Return the mean of every figure over the replications, with its interval, for each policy and fault."""
    rows: list[dict[str, object]] = []
    for (policy, fault), runs in _groups(stored).items():
        for metric in runs[0].row:
            values = [float(r.row[metric]) for r in runs]
            rows.append({"policy": policy, "fault": fault, "metric": metric, **_plain(_finite(values, confidence))})
    return rows


def _paired(stored: Sequence[Stored], confidence: float) -> list[dict[str, object]]:
    """Differences to the baseline, replication by replication: both saw the same people, phones, weather and fault."""
    groups = _groups(stored)
    rows: list[dict[str, object]] = []
    for (policy, fault), runs in groups.items():
        base = groups.get((BASELINE, fault))
        if base is None or policy == BASELINE:
            continue
        for metric in runs[0].row:
            ours = [float(r.row[metric]) for r in runs]
            theirs = [float(r.row[metric]) for r in base]
            if all(map(math.isfinite, ours + theirs)):
                difference = _plain(paired(ours, theirs, confidence))
                rows.append({"policy": policy, "versus": BASELINE, "fault": fault, "metric": metric, **difference})
    return rows


def _latency(stored: Sequence[Stored], seed: int, confidence: float) -> list[dict[str, object]]:
    """Return quantiles of the latency of all delivered messages, s, with bootstrap intervals over replications."""
    rows: list[dict[str, object]] = []
    for (policy, fault), runs in _groups(stored).items():
        for share in SHARES:
            found = latency_quantile(runs, share, subseed(seed, "latency", policy, fault), confidence)
            if found is not None:
                within = {"within_s": found.mean, "low": found.low, "high": found.high, "n": found.n}
                rows.append({"policy": policy, "fault": fault, "share": share, **within})
    return rows


def _groups(stored: Sequence[Stored]) -> dict[tuple[str, str], list[Stored]]:
    groups: dict[tuple[str, str], list[Stored]] = {}
    for run in stored:
        groups.setdefault((run.policy, run.fault), []).append(run)
    return groups


def _finite(values: Sequence[float], confidence: float) -> Interval:
    """A figure that some replication did not reach has no mean."""
    if all(map(math.isfinite, values)):
        return interval(values, confidence)
    return Interval(math.inf, math.inf, math.inf, len(values))


def _plain(x: Interval) -> dict[str, float | int | None]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {"mean": number(x.mean), "low": number(x.low), "high": number(x.high), "n": x.n}


def invariants(stored: Sequence[Stored]) -> list[dict[str, object]]:
    """Return each invariant with how often it was broken in these runs, and the first cases."""
    rows: list[dict[str, object]] = []
    judges = [judge for judge in Monitors(standard_terms()).invariants if not judge.of_live_services]
    for invariant in judges:
        found = [
            {"policy": s.policy, "fault": s.fault, "replication": s.replication, "t_ms": v[1], "detail": v[2],
             "events": v[3]}
            for s in stored for v in s.violations if v[0] == invariant.name
        ]  # fmt: skip
        rows.append(
            {
                "name": invariant.name,
                "promise": (invariant.__doc__ or "").strip().split("\n")[0],
                "clauses": list(invariant.clauses),
                "runs": len(stored),
                "events": sum(s.events for s in stored),
                "violations": len(found),
                "first": found[:3],
            }
        )
    return rows


class SweepFrames(NamedTuple):
    """The tables of a finished sweep; each has the column `point` and a column for every parameter that was varied.

    `points` has one row a point; `runs` one a run (as `tables`); `means` one for each point, policy, fault and metric,
    with the mean over replications and the ends of its 95 % interval (null: a replication did not reach it, or there
    was one alone).
    """

    points: pl.LazyFrame
    runs: pl.LazyFrame
    latency: pl.LazyFrame
    cutover: pl.LazyFrame
    load: pl.LazyFrame
    means: pl.LazyFrame


def open_sweep(path: Path | str) -> SweepFrames:
    """Open the folder that `communicator sweep` wrote; nothing is read before it is collected.

    Raises `SweepError` for a folder that holds no sweep, or one that is not finished.
    """
    folder = Path(path)
    is_complete(folder)
    points = pl.scan_parquet(folder / "points.parquet")
    tables = (pl.scan_parquet(folder / f"{name}.parquet") for name in SweepFrames._fields[1:])
    return SweepFrames(points, *(points.join(table, on="point", maintain_order="right") for table in tables))


def write_json(path: Path, value: Mapping[str, object] | Sequence[object]) -> None:
    """Write JSON with stable bytes."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def check_writable(out: Path) -> None:
    """Raise `ResultsError` now rather than after minutes of work."""
    parent = out.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if out.exists() and not out.is_dir():
            raise ResultsError(f"{out} exists and is no folder; choose another --out")
        probe = parent / f".{out.name}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"cannot write to {parent} ({error.strerror}); choose another --out") from None


def replace_folder(new: Path, out: Path) -> None:
    """Put a finished folder in the place of `out`; a reader never sees half of it."""
    former = out.with_name(f".{out.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if out.exists():
        out.replace(former)
    new.replace(out)
    shutil.rmtree(former, ignore_errors=True)
