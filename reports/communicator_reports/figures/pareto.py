"""What defences cost and what they take from an adversary: one panel a question, one line a defence.

Each line begins at the standard and goes on as its defence is made stronger. Filled points are the front: no other
point costs less and hides more. Bars are 95 % intervals over replications, in both directions.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import altair as alt

from communicator_reports.document import Chip, Figure, Panel
from communicator_reports.figures.theme import PALETTE
from communicator_simulations.adversaries.pareto import Point

__all__ = ["Price", "pareto"]

_HEIGHT: Final = 210
_PLAIN: Final = "#7a828c"  # the standard, where all lines begin
_LOWEST: Final = -0.1
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")


class Price(NamedTuple):
    """A cost: its name in the results, the title of its axis, the factor into its unit, and how a caption says it."""

    name: str
    title: str
    times: float
    words: str


def pareto(price: Price, panels: Sequence[tuple[str, Sequence[Point]]]) -> Figure:
    """Return the figure of one cost; `panels` are titles with their points, of which the first is the standard's."""
    names = list(dict.fromkeys(point.series for _, points in panels for point in points))
    colours = [_PLAIN, *PALETTE][: len(names)]
    shown = tuple(Panel(title, _panel(price, points, names, colours)) for title, points in panels)
    caption = (
        f"**What is left to an adversary, by {price.words}.** An advantage of 0 is guessing, 1 is certainty. Filled:"
        " nothing else costs less and hides more. Bars: 95 % intervals over replications."
    )
    chips = tuple(map(Chip, names, colours))
    return Figure(f"pareto-{price.name}", caption, "pareto.parquet", shown, min(2, len(shown)), chips)


def _panel(price: Price, points: Sequence[Point], names: list[str], colours: list[str]) -> dict[str, Any]:
    values = [_value(price, point, number) for number, point in enumerate(points)]
    start = values[0]
    lines = [{**start, "series": name, "number": -1} for name in names if name != start["series"]] + values[1:]
    look = alt.Color("series:N", scale=alt.Scale(domain=names, range=colours),
                     legend=alt.Legend(symbolOpacity=1, symbolSize=80))  # fmt: skip
    shape = alt.Shape("series:N", scale=alt.Scale(domain=names, range=list(_SHAPES[: len(names)])), legend=None)
    tooltip = [alt.Tooltip("label:N", title="defence"), alt.Tooltip("paid:Q", title=price.title, format=".4~g"),
               alt.Tooltip("advantage:Q", format=".3~f")]  # fmt: skip
    base = alt.Chart().encode(x=_x(price, "paid"))
    own = base.transform_filter("datum.number >= 0")
    line = base.mark_line(strokeWidth=1.4, opacity=0.55).encode(y=_y("advantage"), color=look, order="number:Q")
    up = own.mark_rule(strokeWidth=2, opacity=0.5).encode(y=_y("low"), y2="high:Q", color=look)
    across = own.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=_x(price, "paid_low"), x2="paid_high:Q", y=_y("advantage"), color=look
    )
    filled = alt.condition("datum.front", alt.value(1), alt.value(0.12))
    point = own.mark_point(size=70, strokeWidth=1.6, opacity=1).encode(
        y=_y("advantage"), color=look, fill=look, fillOpacity=filled, shape=shape, tooltip=tooltip
    )
    chart = alt.layer(line, up, across, point, data=alt.InlineData(values=[*lines, *values]), height=_HEIGHT,
                      width="container")  # fmt: skip
    plain: dict[str, Any] = chart.to_dict()
    return plain


def _value(price: Price, point: Point, number: int) -> dict[str, Any]:
    left, paid = point.advantage, point.cost

    def end(value: float, mean: float) -> float:
        return value if math.isfinite(value) else mean

    return {
        "label": point.label, "series": point.series, "number": number, "front": point.front,
        "paid": paid.mean * price.times, "paid_low": max(end(paid.low, paid.mean), paid.mean / 2) * price.times,
        "paid_high": end(paid.high, paid.mean) * price.times, "advantage": left.mean,
        "low": max(_LOWEST, end(left.low, left.mean)), "high": min(1.0, end(left.high, left.mean)),
    }  # fmt: skip


def _x(price: Price, field: str) -> alt.X:
    axis = alt.Axis(title=price.title, format="~g" if price.times < 1 else "~s", tickCount=5, grid=False)
    return alt.X(f"{field}:Q", scale=alt.Scale(type="log", nice=True), axis=axis)


def _y(field: str) -> alt.Y:
    return alt.Y(
        f"{field}:Q", scale=alt.Scale(domain=[_LOWEST, 1], clamp=True), axis=alt.Axis(title="advantage", tickCount=5)
    )
