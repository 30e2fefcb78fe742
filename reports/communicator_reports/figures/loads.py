"""Who carries the load: transmissions and bytes of each provider."""

from typing import Any, Final

import altair as alt
import polars as pl

from communicator_reports.document import Figure, Panel
from communicator_reports.figures.theme import FAULTS, chips, colours
from communicator_reports.findings import Findings
from communicator_simulations.statistics import interval
from communicator_spec.parameters import PARAMETERS

__all__ = ["load"]

_ROLES: Final = {"receiving": "stored at receiving services", "sending": "handed to sending services"}


def load(findings: Findings, worst: str) -> Figure:
    """Draw the bytes of each provider without a fault and under the worst one."""
    faults = [f for f in findings.summary.faults if f in ("none", worst)]
    panels = tuple(
        Panel(f"{FAULTS[fault]}: {what}", _panel(findings, fault, role))
        for fault in faults for role, what in _ROLES.items()
    )  # fmt: skip
    size = PARAMETERS.envelope.request_bytes_max
    first = findings.summary.scenario.fault.provider + 1
    caption = (
        f"**Load of each provider over the whole run**, in envelopes of {size} bytes; every message has the same size."
        f" Provider {first} is the one that fails. Bars: 95 % intervals."
    )
    shown = {findings.policy(name).label for name in findings.summary.policies}
    legend = tuple(c for c in chips(findings.summary.scenario.policy) if c.label in shown)
    return Figure("load", caption, "load.parquet", panels, legend=legend)


def _panel(findings: Findings, fault: str, role: str) -> dict[str, Any]:
    labels = [findings.policy(name).label for name in findings.summary.policies]
    every = findings.summary.scenario.policy
    palette = dict(zip((p.label for p in every), colours(every), strict=True))
    colour = alt.Color(
        "policy:N",
        scale=alt.Scale(domain=labels, range=[palette[name] for name in labels]),
        legend=alt.Legend(symbolOpacity=1, symbolSize=80),
    )
    providers = alt.X("provider:O", axis=alt.Axis(title="provider, by popularity", labelAngle=0, grid=False))
    offset = alt.XOffset("policy:N", scale=alt.Scale(domain=labels))
    base = alt.Chart().encode(x=providers, xOffset=offset, color=colour)
    bar = base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q", axis=_axis()), y2="high:Q")
    point = base.mark_point(filled=True, size=30, opacity=1).encode(y=alt.Y("mean:Q", axis=_axis()), tooltip=_tooltip())
    rows = _rows(findings, fault, role)
    chart = alt.layer(bar, point, data=alt.InlineData(values=rows), height=190, width="container")
    found: dict[str, Any] = chart.to_dict()
    return found


def _axis() -> alt.Axis:
    return alt.Axis(title="MB", tickCount=5, format=",~r")


def _tooltip() -> list[alt.Tooltip]:
    return [alt.Tooltip("provider:O"), alt.Tooltip("policy:N"), alt.Tooltip("mean:Q", title="MB", format=",.1f"),
            alt.Tooltip("low:Q", title="95 % from", format=",.1f"),
            alt.Tooltip("high:Q", title="to", format=",.1f")]  # fmt: skip


def _rows(findings: Findings, fault: str, role: str) -> list[dict[str, Any]]:
    """Return the estimates; a provider that carried nothing in a replication carried zero."""
    table = findings.tables["load"].filter(pl.col("fault") == fault, pl.col("role") == role)
    size, rounds = PARAMETERS.envelope.request_bytes_max / 1e6, findings.summary.replications
    rows: list[dict[str, Any]] = []
    for name in findings.summary.policies:
        for provider in range(findings.summary.scenario.people.providers):
            found = table.filter(pl.col("policy") == name, pl.col("provider") == provider)["messages"].to_list()
            x = interval([size * n for n in found] + [0.0] * (rounds - len(found)))
            low, high = (max(0.0, x.low), x.high) if x.n > 1 else (x.mean, x.mean)
            rows.append({"provider": provider + 1, "policy": findings.policy(name).label,
                         "mean": x.mean, "low": low, "high": high})  # fmt: skip
    return rows
