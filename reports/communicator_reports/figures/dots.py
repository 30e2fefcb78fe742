"""Dots with intervals, row by row under bold headings: the form for comparing a few estimates.

Every row has its name on the left and its number on the right, so that the figure can be read without measuring. Where
the page is narrow, short names and bare means stand there instead. Dots of one group and label share a row, one below
the other; then `series` tells them apart, and the figure has a legend.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import altair as alt

from communicator_reports.document import Panel
from communicator_reports.figures.theme import PER_ROW

__all__ = ["Axis", "Dot", "dots"]

_NARROW: Final = "containerSize()[0] < 470"
_SEPARATOR: Final = "|"


class Dot(NamedTuple):
    """One row: where it belongs, what it is called, its estimate, and the estimate in words.

    A group is a heading above its rows; the empty one has none.
    """

    group: str
    label: str
    short: str
    colour: str
    mean: float
    low: float
    high: float
    text: str
    short_text: str
    series: str = ""


class Axis(NamedTuple):
    """The axis along which the dots lie; `log` is linear below 1 and logarithmic above."""

    title: str
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    log: bool = False


def dots(title: str, rows: Sequence[Dot], axis: Axis) -> Panel:
    """Return one panel."""
    values: list[dict[str, Any]] = []
    keys: dict[tuple[str, str], str] = {}
    for row in rows:
        if row.group and (row.group, "") not in keys:
            keys[row.group, ""] = _key(len(keys), "", "", "", "")
            values.append({"key": keys[row.group, ""], "heading": row.group})
        if (row.group, row.label) not in keys:
            keys[row.group, row.label] = _key(len(keys), row.label, row.short, row.text, row.short_text)
        values.append({"key": keys[row.group, row.label], **row._asdict()})
    room = 6 * max(len(row.short) for row in rows)
    look = _Look(list(keys.values()), room, axis, dict.fromkeys((r.series, r.colour) for r in rows))
    layers = [_headings(look), _intervals(look), _points(look)]
    height = (PER_ROW + 4 * (len(look.series) - 1)) * len(keys)
    chart = alt.layer(*layers, data=alt.InlineData(values=values), height=height, width="container")
    return Panel(title, chart.resolve_axis(y="independent").to_dict())


class _Look(NamedTuple):
    """What the layers of a panel share: rows from top to bottom, the axis, and names and colours of the series.

    `room` is how far a heading may reach to the left, over short names, where the page is narrow.
    """

    keys: list[str]
    room: int
    axis: Axis
    looks: dict[tuple[str, str], None]

    @property
    def series(self) -> list[str]:
        """The names of the series; a single one has no name."""
        return list(dict.fromkeys(name for name, _ in self.looks))


def _key(number: int, *words: str) -> str:
    return _SEPARATOR.join([str(number), *(word.replace(_SEPARATOR, "/") for word in words)])


def _y(keys: Sequence[str], orient: Literal["left", "right"] | None, wide: int, narrow: int) -> alt.Y:
    """Return the band scale over all rows; its axis shows part `wide` of a key, or `narrow` if there is no room."""
    part = f"split(datum.value, '{_SEPARATOR}')"
    axis = None
    if orient is not None:
        axis = alt.Axis(
            orient=orient, title=None, domain=False, ticks=False, labelPadding=8, labelLimit=260, labelOverlap=False,
            labelExpr=f"{_NARROW} ? {part}[{narrow}] : {part}[{wide}]",
        )  # fmt: skip
    return alt.Y("key:N", sort=None, scale=alt.Scale(domain=list(keys), padding=0.1), axis=axis)


def _x(field: str, axis: Axis) -> alt.X:
    scale = alt.Scale(type="symlog", constant=1) if axis.log else alt.Scale()
    scale = alt.Scale(**{**scale.to_dict(), "domain": [axis.low, axis.high], "nice": False, "clamp": True})
    ticks: dict[str, Any] = {"values": list(axis.ticks)} if axis.ticks else {"tickCount": 5}
    words = "replace(format(datum.value, ',~f'), /,/g, '\u202f')"
    shown = alt.Axis(title=axis.title, labelExpr=words, labelFlush=False, **ticks)
    return alt.X(field, type="quantitative", scale=scale, axis=shown)


def _headings(look: _Look) -> alt.Chart:
    text = alt.Chart().transform_filter("isValid(datum.heading)").mark_text(align="left", fontWeight="bold", dy=2)
    at = alt.value({"expr": f"{_NARROW} ? -{look.room} : 0"})
    chart: alt.Chart = text.encode(y=_y(look.keys, None, 0, 0), x=at, text="heading:N")
    return chart


def _channels(look: _Look) -> dict[str, Any]:
    """Return colour, and with several series their offset within a row."""
    if len(look.series) == 1:
        return {"color": alt.Color("colour:N", scale=None)}
    names, colours = [name for name, _ in look.looks], [colour for _, colour in look.looks]
    return {
        "color": alt.Color(
            "series:N", scale=alt.Scale(domain=names, range=colours), legend=alt.Legend(symbolOpacity=1, symbolSize=80)
        ),
        "yOffset": alt.YOffset("series:N", scale=alt.Scale(domain=names)),
    }


def _intervals(look: _Look) -> alt.Chart:
    rule = alt.Chart().transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5, opacity=0.55)
    chart: alt.Chart = rule.encode(
        y=_y(look.keys, "left", 1, 2), x=_x("low", look.axis), x2="high:Q", **_channels(look)
    )
    return chart


def _points(look: _Look) -> alt.Chart:
    size = 65 if len(look.series) == 1 else 35
    point = alt.Chart().transform_filter("isValid(datum.mean)").mark_point(filled=True, size=size, opacity=1)
    tooltip = [alt.Tooltip("group:N", title="under"), alt.Tooltip("label:N", title="for"),
               alt.Tooltip("text:N", title="estimate")]  # fmt: skip
    if len(look.series) > 1:
        tooltip[0] = alt.Tooltip("series:N", title="of")
    chart: alt.Chart = point.encode(
        y=_y(look.keys, "right", 3, 4), x=_x("mean", look.axis), tooltip=tooltip, **_channels(look)
    )
    return chart
