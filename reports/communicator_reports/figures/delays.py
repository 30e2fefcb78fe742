"""How long things take: messages to arrive, and people to move."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from communicator_reports.document import Chip, Figure, Panel
from communicator_reports.figures.lines import Point, Shape, lines
from communicator_reports.figures.theme import FAULTS, chips, colours, dashes
from communicator_reports.findings import Findings
from communicator_simulations.statistics import interval

__all__ = ["cutover", "latency", "moved_under"]

_FLOOR: Final = 1e-5


def latency(findings: Findings) -> Figure:
    """Draw the share of messages that are still on their way, over time."""
    table = findings.tables["latency"].with_columns(
        time_s=pl.col("latency_ms") / 1000, value=(1 - pl.col("share")).clip(0.0, 1.0)
    )
    shape = _shape(findings, "time since the message was accepted", "not yet delivered", floor=_floor(table))
    panels = tuple(
        Panel(FAULTS[fault], lines("", _points(findings, table, fault), shape).spec)
        for fault in findings.summary.faults
    )
    caption = (
        "**Share of messages not yet delivered, over the time since they were accepted.** Both scales are"
        " logarithmic. The plateau from a second to hours is phones that are off line; a line that ends on the floor"
        " arrived whole, one that stays above it is lost messages. Bands: 95 % intervals."
    )
    return Figure("latency", caption, "latency.parquet", panels, legend=_legend(findings))


def cutover(findings: Findings) -> Figure | None:
    """Draw how far people have got with leaving a provider, over time; None if nobody leaves."""
    faults = moved_under(findings)
    if not faults:
        return None
    shape = _shape(findings, "time since the person chose another provider", "share", log=False)
    panels: list[Panel] = []
    for fault in faults:
        for column, what in (("peers_share", "peers who know"), ("people_share", "people whose peers all know")):
            table = findings.tables["cutover"].with_columns(time_s=pl.col("hours") * 3600.0, value=pl.col(column))
            panels.append(Panel(f"{FAULTS[fault]}: {what}", lines("", _points(findings, table, fault), shape).spec))
    caption = (
        "**Share of peers who hold the new addresses, and of people all of whose peers do, over the time since the"
        " person chose another provider.** Bands: 95 % intervals."
    )
    return Figure("cutover", caption, "cutover.parquet", tuple(panels), legend=_legend(findings))


def moved_under(findings: Findings) -> list[str]:
    """Return the faults under which somebody moved."""
    seen = set(findings.tables["cutover"]["fault"].to_list())
    return [fault for fault in findings.summary.faults if fault in seen]


def _floor(table: pl.DataFrame) -> float:
    """Return the decade below the smallest share that occurs."""
    shares = table.filter(pl.col("value") > 0)["value"].to_list()
    floor = 0.1
    while shares and floor > min(shares) and floor > _FLOOR:
        floor /= 10
    return floor


def _shape(findings: Findings, time: str, share: str, *, log: bool = True, floor: float = 0.0) -> Shape:
    every = findings.summary.scenario.policy
    shown = [i for i, p in enumerate(every) if p.name in findings.summary.policies]
    return Shape(time, share, log, floor, tuple(every[i].label for i in shown),
                 tuple(colours(every)[i] for i in shown), tuple(tuple(dashes(every)[i]) for i in shown))  # fmt: skip


def _legend(findings: Findings) -> tuple[Chip, ...]:
    labels = {findings.policy(name).label for name in findings.summary.policies}
    return tuple(chip for chip in chips(findings.summary.scenario.policy) if chip.label in labels)


def _points(findings: Findings, table: pl.DataFrame, fault: str) -> Sequence[Point]:
    points: list[Point] = []
    for name in findings.summary.policies:
        rows = table.filter(pl.col("fault") == fault, pl.col("policy") == name)
        for (time_s,), group in rows.group_by(["time_s"], maintain_order=True):
            x = interval(group.sort("replication")["value"].to_list())
            low, high = (x.low, x.high) if x.n > 1 else (x.mean, x.mean)
            points.append(Point(findings.policy(name).label, float(str(time_s)), x.mean, low, high))
    return points
