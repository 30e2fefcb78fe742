"""The tables of a report: every number with its 95 % interval, and its paired difference to the baseline."""

import math
from collections.abc import Callable
from typing import Final

import polars as pl

from communicator_reports.document import Cell, Table
from communicator_reports.figures.delays import moved_under
from communicator_reports.figures.games import advantage_of
from communicator_reports.figures.theme import FAULTS
from communicator_reports.findings import Findings
from communicator_reports.measures import (
    AUTOMATED,
    BYTES,
    CUT_OFF,
    EXPOSED,
    LATENCIES,
    ONE_WAY,
    PER,
    UNDELIVERED,
    Estimates,
    Measure,
)
from communicator_reports.quantities import Quantity, counted, measured, number, shown
from communicator_simulations.statistics import interval

__all__ = ["calibration", "cut_off", "cutover", "games", "invariants", "knowledge", "latency", "load", "traffic",
           "undelivered", "vectors"]  # fmt: skip

_HOUR_S: Final = 3600.0
Cells = Callable[[str, str], tuple[Cell, ...]]


def undelivered(findings: Findings, estimates: Estimates) -> Table:
    """Return what became of messages."""

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        events, of = (estimates.events(UNDELIVERED, fault, policy), estimates.total("messages", fault, policy))
        return (
            counted(events, of),
            _rare(estimates, UNDELIVERED, fault, policy),
            _versus(estimates, UNDELIVERED, fault, policy, PER),
            _rare(estimates, EXPOSED, fault, policy),
            _versus(estimates, EXPOSED, fault, policy, PER),
        )

    header = ("not delivered", "per 10 000", "difference", "exposed, per 10 000", "difference")
    return _by_policy(
        findings, "undelivered", header, cells,
        "**Messages that are not delivered**, all and those to exposed people. Counts add up all replications;"
        f" differences are to {_baseline(findings, estimates)}, replication by replication.",
    )  # fmt: skip


def cut_off(findings: Findings, estimates: Estimates) -> Table:
    """Return what became of relationships."""

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        return (
            _rare(estimates, CUT_OFF, fault, policy),
            _versus(estimates, CUT_OFF, fault, policy, PER),
            _rare(estimates, ONE_WAY, fault, policy),
            _versus(estimates, ONE_WAY, fault, policy, PER),
        )

    header = ("cut off, per 10 000", "difference", "one way, per 10 000", "difference")
    return _by_policy(findings, "cut-off", header, cells, "**Relationships** at the end of the run.")


def latency(findings: Findings, estimates: Estimates) -> Table:
    """Return quantiles of the latency of delivered messages."""

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        median, *late = LATENCIES
        return (
            measured(estimates.of(median, fault, policy), floor=0.0),
            *(measured(estimates.of(m, fault, policy), 1 / _HOUR_S, floor=0.0) for m in late),
            _versus(estimates, late[1], fault, policy, 1 / _HOUR_S),
        )

    header = ("50 %, s", "90 %, h", "99 %, h", "99.9 %, h", "difference at 99 %, h")
    return _by_policy(findings, "latency", header, cells, "**Time until so many of the delivered messages arrived.**")


def cutover(findings: Findings, estimates: Estimates) -> Table | None:
    """Return how people get away from a provider; None if nobody does."""
    faults = tuple(moved_under(findings))
    if not faults:
        return None

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        def column(name: str, scale: float = 1.0) -> Quantity:
            ceiling = 100.0 if scale == 100 else math.inf
            return measured(estimates.column(name, fault, policy), scale, floor=0.0, ceiling=ceiling)

        left = ("—", "—") if fault != "sunset" else (column("left_share", 100), column("left_median_d"))
        return (column("movers"), column("peers_informed_share", 100), column("cutover_peer_p50_h"),
                column("cutover_all_p90_h"), *left)  # fmt: skip

    header = ("people who move", "peers who learn of it, %", "half of the peers, h", "all peers of 90 %, h",
              "people who have left, %", "median until left, d")  # fmt: skip
    caption = (
        "**Moving.** “Not reached”: in some replication fewer learn of it than the column asks for. Nobody can leave"
        " a provider that is dead."
    )
    return _by_policy(findings, "cutover", header, cells, caption, faults)


def load(findings: Findings) -> Table:
    """Return how unevenly the load is spread: the busiest hour of the busiest provider."""
    table = findings.tables["load"]

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        found: list[Cell] = []
        for role in ("receiving", "sending"):
            rows = table.filter((table["fault"] == fault) & (table["policy"] == policy) & (table["role"] == role))
            for column in ("messages", "peak_hour"):
                best = rows.group_by("replication").agg(pl.col(column).max()).sort("replication")
                found.append(measured(interval([float(v) for v in best[column]]), floor=0.0))
        return tuple(found)

    header = ("received", "received, busiest hour", "sent", "sent, busiest hour")
    return _by_policy(findings, "load", header, cells, "**Transmissions at the provider that has most.**")


def traffic(findings: Findings, estimates: Estimates) -> Table:
    """Return what traffic costs."""

    def cells(fault: str, policy: str) -> tuple[Cell, ...]:
        return (
            measured(estimates.of(AUTOMATED, fault, policy)),
            _versus(estimates, AUTOMATED, fault, policy, 1.0),
            measured(estimates.of(BYTES, fault, policy), 1e-6),
            _versus(estimates, BYTES, fault, policy, 1e-6),
        )

    header = ("automated per message", "difference", "sent, MB", "difference")
    return _by_policy(findings, "traffic", header, cells, "**What traffic costs.**")


def games(findings: Findings) -> Table:
    """Return all linkage games with their witnesses."""
    rows: list[tuple[Cell, ...]] = []
    former = ""
    names = list(dict.fromkeys(g.distinguisher for g in findings.games))
    for g in sorted(findings.games, key=lambda g: (g.permitted, g.role, g.question, names.index(g.distinguisher))):
        group = f"{g.role} · {g.question} — {'permitted' if g.permitted else 'forbidden'}"
        heading, former = "" if group == former else group, group
        witness = f"`{g.witness}`" if g.witness else "—"
        rows.append((heading, g.distinguisher, g.implementation, witness, advantage_of(g), counted(g.trials)))
    header = ("role · question", "by", "implementation", "witness", "advantage", "trials")
    caption = "**Linkage games.** A witness is a string of bytes that proves a link."
    return Table("games", caption, header, tuple(rows), left=4, grouped=True)


def knowledge(findings: Findings) -> Table:
    """Return who may learn what."""
    rows = tuple(
        (row.party, ", ".join(row.permitted) or "nothing", ", ".join(row.forbidden) or "nothing", " ".join(row.clauses))
        for row in findings.knowledge
    )
    header = ("party", "may learn", "must not learn", "clause")
    return Table("knowledge", "**Knowledge**: who may link what, by the standard.", header, rows, left=4)


def invariants(findings: Findings) -> Table:
    """Return what the monitors promise and found."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (row.name, row.promise, " ".join(row.clauses), counted(row.events), counted(row.violations))
        for row in findings.summary.invariants
    )
    header = ("invariant", "promise", "clauses", "events checked", "violations")
    return Table("invariants", "**Invariants** over all event logs of all runs.", header, rows, left=3)


def vectors(findings: Findings) -> Table:
    """Return how many vectors of each area passed."""
    areas: dict[str, list[str]] = {}
    for result in findings.vector_results:
        areas.setdefault(result.id.partition("/")[0], []).append(result.status)
    statuses = ("passed", "failed", "skipped")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (area, *(counted(found.count(status)) for status in statuses)) for area, found in sorted(areas.items())
    )
    return Table("vectors", "**Vectors and scripts** by area.", ("area", *statuses), rows)


def calibration(findings: Findings) -> Table:
    """Return how close the synthetic messages are to the published ones."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (row.name, *(shown(number(x), x) for x in (row.published, row.here, row.ratio)))
        for row in findings.summary.data.calibration
    )
    header = ("figure", "CollegeMsg, published", "here", "ratio")
    return Table("calibration", "**Synthetic messages beside the published ones.**", header, rows)


def _by_policy(findings: Findings, name: str, header: tuple[str, ...], cells: Cells, caption: str,
               faults: tuple[str, ...] = ()) -> Table:  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for fault in faults or findings.summary.faults:
        for n, policy in enumerate(findings.summary.policies):
            rows.append(("" if n else FAULTS[fault], findings.policy(policy).label, *cells(fault, policy)))
    return Table(name, caption, ("fault", "policy", *header), tuple(rows), left=2, grouped=True)


def _rare(estimates: Estimates, measure: Measure, fault: str, policy: str) -> Quantity:
    return measured(estimates.of(measure, fault, policy), PER, floor=0.0)


def _versus(estimates: Estimates, measure: Measure, fault: str, policy: str, scale: float) -> Cell:
    if policy == estimates.baseline:
        return "—"
    return measured(estimates.difference(measure, fault, policy), scale)


def _baseline(findings: Findings, estimates: Estimates) -> str:
    return f"“{findings.policy(estimates.baseline).label}”"
