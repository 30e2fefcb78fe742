"""Lines with bands: the form for shares over time, one line a policy.

A band is the 95 % interval over replications, point by point. Time is logarithmic, with the marks at seconds, minutes,
hours and days at which people think.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import altair as alt

from communicator_reports.document import Panel

__all__ = ["Point", "Shape", "lines"]

_TIME: Final = (
    "datum.value < 60 ? format(datum.value, '~r') + ' s' : datum.value < 3600 ? format(datum.value / 60, '~r') + ' min'"
    " : datum.value < 86400 ? format(datum.value / 3600, '~r') + ' h' : format(datum.value / 86400, '~r') + ' d'"
)
_TICKS_S: Final = (1, 10, 60, 600, 3600, 21_600, 86_400, 604_800, 2_592_000)


class Point(NamedTuple):
    """One point of a line, with its interval; `time_s` in seconds."""

    policy: str
    time_s: float
    mean: float
    low: float
    high: float


class Shape(NamedTuple):
    """What the lines of a panel look like: scales, names, colours and dashes in the order of the policies."""

    time: str
    share: str
    log: bool
    floor: float
    names: tuple[str, ...]
    colours: tuple[str, ...]
    dashes: tuple[tuple[int, ...], ...]


def lines(title: str, points: Sequence[Point], shape: Shape) -> Panel:
    """Return one panel; points below the floor are not drawn."""
    values = [p._asdict() for p in points if p.mean >= shape.floor]
    for value in values:
        value["low"] = max(value["low"], shape.floor)
        value["high"] = min(value["high"], 1.0)
    base = alt.Chart().encode(x=_x(points, shape))
    legend = alt.Legend(symbolType="stroke", symbolOpacity=1)
    looks: dict[str, Any] = {
        "color": alt.Color(
            "policy:N", scale=alt.Scale(domain=list(shape.names), range=list(shape.colours)), legend=legend
        ),
        "strokeDash": alt.StrokeDash(
            "policy:N", scale=alt.Scale(domain=list(shape.names), range=[*shape.dashes]), legend=legend
        ),
    }
    band = base.mark_area(opacity=0.18).encode(y=_y(shape, "low"), y2="high:Q", color=looks["color"])
    line = base.mark_line(strokeWidth=2.2).encode(y=_y(shape, "mean"), tooltip=_tooltip(shape), **looks)
    chart = alt.layer(band, line, data=alt.InlineData(values=values), height=210, width="container")
    return Panel(title, chart.to_dict())


def _x(points: Sequence[Point], shape: Shape) -> alt.X:
    times = [p.time_s for p in points] or [1.0, 10.0]
    ticks = [t for t in _TICKS_S if min(times) <= t <= max(times)]
    scale = alt.Scale(type="log", domain=[min(times), max(times)], nice=False)
    axis = alt.Axis(title=shape.time, values=ticks, labelExpr=_TIME, grid=True, labelOverlap="greedy")
    return alt.X("time_s:Q", scale=scale, axis=axis)


def _y(shape: Shape, field: str) -> alt.Y:
    if not shape.log:
        axis = alt.Axis(title=shape.share, labelExpr="format(100 * datum.value, 'd') + '\u202f%'", tickCount=5)
        return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    ticks = [10.0**-k for k in range(10) if 10.0**-k >= 0.99 * shape.floor]
    words = "datum.value > 0.99 ? 'all' : '1 in ' + replace(format(round(1 / datum.value), ','), /,/g, '\u202f')"
    axis = alt.Axis(title=shape.share, values=ticks, labelExpr=words)
    return alt.Y(f"{field}:Q", scale=alt.Scale(type="log", domain=[shape.floor, 1], nice=False), axis=axis)


def _tooltip(shape: Shape) -> list[alt.Tooltip]:
    form = ".3~g" if shape.log else ".1%"
    return [
        alt.Tooltip("policy:N", title="policy"),
        alt.Tooltip("time_s:Q", title="after, s", format=",~r"),
        alt.Tooltip("mean:Q", title="share", format=form),
        alt.Tooltip("low:Q", title="95 % from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
    ]
