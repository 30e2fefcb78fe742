"""What becomes of messages and relationships, and what traffic costs: dots with intervals, policy by policy."""

from collections.abc import Callable
from typing import Final

from communicator_reports.document import Figure, Panel
from communicator_reports.figures.dots import Axis, Dot, dots
from communicator_reports.figures.theme import FAULTS, colours
from communicator_reports.findings import Findings
from communicator_reports.measures import (
    AUTOMATED,
    BYTES,
    CUT_OFF,
    EXPOSED,
    ONE_WAY,
    PER,
    UNDELIVERED,
    Estimates,
    Measure,
)
from communicator_reports.quantities import NARROW, number, with_interval

__all__ = ["cut_off", "traffic", "undelivered"]

_DECADES: Final = (0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)


def undelivered(findings: Findings, estimates: Estimates) -> Figure:
    """Draw how many messages are never delivered: the figure of the study."""
    panels = tuple(
        _rare(findings, estimates, measure, title)
        for measure, title in ((UNDELIVERED, "All messages"), (EXPOSED, "Messages to people who rely on that provider"))
    )
    caption = (
        "**Messages that are not delivered, per 10 000, by fault and policy.** Dot: mean over replications; bar: 95 %"
        " interval. The scale is logarithmic above 1 and linear below, so that 0 is on it."
    )
    return Figure("undelivered", caption, "runs.parquet", panels)


def cut_off(findings: Findings, estimates: Estimates) -> Figure:
    """Draw how many relationships are cut off for good."""
    pairs = ((CUT_OFF, "Neither can reach the other"), (ONE_WAY, "Only one can reach the other"))
    panels = tuple(_rare(findings, estimates, measure, title) for measure, title in pairs)
    caption = (
        "**Relationships that are cut off at the end, per 10 000.** A relationship is cut off if neither holds an"
        " address of the other that still works: no later message can repair it. If only one does, a message from"
        " there can."
    )
    return Figure("cut-off", caption, "runs.parquet", panels)


def traffic(findings: Findings, estimates: Estimates) -> Figure:
    """Draw what a policy costs in traffic."""
    share = _panel(findings, estimates, AUTOMATED, "Automated transmissions per message", 1.0, _linear("per message"))
    size = _panel(findings, estimates, BYTES, "Bytes handed to sending services", 1e-6, _linear("MB"))
    caption = (
        "**What traffic costs.** Left: receipts and address updates for each message that a person wrote; the"
        " standard's limit is 1. Right: all transmissions in full-size envelopes, warm-up included."
    )
    return Figure("traffic", caption, "runs.parquet", (share, size))


def _rare(findings: Findings, estimates: Estimates, measure: Measure, title: str) -> Panel:
    def axis(highest: float) -> Axis:
        top = next((d for d in _DECADES[2:] if d >= highest), _DECADES[-1])
        ticks = tuple(d for d in _DECADES if d <= top)
        return Axis(f"per 10{NARROW}000", 0.0, top, ticks, log=True)

    return _panel(findings, estimates, measure, title, PER, axis)


def _linear(unit: str) -> Callable[[float], Axis]:
    return lambda highest: Axis(unit, 0.0, 1.05 * highest or 1.0)


def _panel(findings: Findings, estimates: Estimates, measure: Measure, title: str, scale: float,
           axis: Callable[[float], Axis]) -> Panel:  # fmt: skip
    rows: list[Dot] = []
    policies = [findings.policy(name) for name in findings.summary.policies]
    palette = dict(zip((p.name for p in findings.summary.scenario.policy),
                       colours(findings.summary.scenario.policy), strict=True))  # fmt: skip
    for fault in findings.summary.faults:
        for policy in policies:
            x = estimates.of(measure, fault, policy.name)
            low, high = max(0.0, scale * x.low), min(scale * x.high, 1e12)
            bounded = x.n > 1
            mean = scale * x.mean
            dot = Dot(FAULTS[fault], policy.label, policy.name, palette[policy.name], mean, low if bounded else mean,
                      high if bounded else mean, with_interval(x, scale, floor=0.0), number(mean))  # fmt: skip
            rows.append(dot)
    return dots(title, rows, axis(max(row.high for row in rows)))
