"""The figures that a scenario asks for in its own file: lines, dots, or a heat map, always with intervals.

Lines and dots have the 95 % interval of each mean as a bar. A tile of a heat map has its mean as colour and number, and
the interval below. Scales and titles are the scenario's, so that this module knows no scenario.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import altair as alt

from communicator_reports.document import Chip, Figure, Panel
from communicator_reports.figures.theme import FAULTS, PALETTE
from communicator_simulations.account import SHARES, Drawn, Scale
from communicator_simulations.conclusions import Cells, Side, Value, estimate
from communicator_simulations.scenario import Policy, Scenario

__all__ = ["drawn"]

_HEIGHT: Final = 230
_TILE: Final = 52
_USUAL: Final = ("static", "one", "two")
_APART: Final = 0.008
"""How far the lines of a panel stand apart, of its width: what is equal would hide what is behind it."""
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


class _Mark(NamedTuple):
    """One estimate, in the units of the figure: where it stands, and its ends."""

    panel: str
    series: str
    along: float | str
    up: float | str
    mean: float
    low: float
    high: float
    text: str


def drawn(figure: Drawn, results: Cells, scenario: Scenario) -> Figure | None:
    """Return a figure of the results; None if nothing was run that it shows."""
    marks = list(_marks(figure, results, _words(scenario)))
    if not marks:
        return None
    names = list(dict.fromkeys(mark.series for mark in marks))
    colours = _colours(names, [policy for policy in scenario.policy if policy.label in names])
    form = {"lines": _lines, "dots": _dots, "heat": _heat}[figure.kind]
    look = _Look(names, colours, max((m.high for m in marks if math.isfinite(m.high)), default=0.0) or 1.0)
    panels = []
    for title in dict.fromkeys(mark.panel for mark in marks):
        own = [mark for mark in marks if mark.panel == title]
        panels.append(Panel(title, form(figure, own, look)))
    chips = () if figure.kind == "heat" or len(names) == 1 else tuple(map(Chip, names, colours))
    return Figure(figure.name, figure.caption, "runs.parquet", tuple(panels), min(2, len(panels)), chips)


def _colours(names: Sequence[str], policies: Sequence[Policy]) -> list[str]:
    """Return the colour of each series; policies that many scenarios have look alike in all of them."""
    usual = {policy.label: PALETTE[_USUAL.index(policy.name)] for policy in policies if policy.name in _USUAL}
    others = iter([colour for colour in PALETTE if colour not in usual.values()] * len(names))
    return [usual.get(name) or next(others) for name in names]


class _Look(NamedTuple):
    """Names and colours of the series, and the highest end of an interval: all panels have one scale."""

    names: list[str]
    colours: list[str]
    top: float

    def channels(self) -> dict[str, Any]:
        """Return colour and shape; a single series needs no legend."""
        legend = alt.Legend(symbolOpacity=1, symbolSize=80) if len(self.names) > 1 else None
        shapes = [_SHAPES[i % len(_SHAPES)] for i in range(len(self.names))]
        return {
            "color": alt.Color("series:N", scale=alt.Scale(domain=self.names, range=self.colours), legend=legend),
            "shape": alt.Shape("series:N", scale=alt.Scale(domain=self.names, range=shapes), legend=legend),
        }


def _words(scenario: Scenario) -> dict[tuple[str, Value], str]:
    """Return what readers call policies and faults."""
    faults: dict[tuple[str, Value], str] = {("fault", name): text for name, text in FAULTS.items()}
    return {**faults, **{("policy", policy.name): policy.label for policy in scenario.policy}}


def _marks(figure: Drawn, results: Cells, words: Mapping[tuple[str, Value], str]) -> Iterator[_Mark]:
    for key, cell in results.cells.items():
        at = dict(zip(results.keys, key, strict=True))
        some = next(iter(cell.values()))
        wanted = {figure.along.name, figure.series, figure.panels or figure.series, (figure.up or figure.along).name}
        if any(at.get(name) != value for name, value in figure.where.items()) or wanted - {*at, *some}:
            continue

        def place(scale: Scale, at: Mapping[str, Value] = {**some, **at}) -> float | str:
            value = at[scale.name]
            return words.get((scale.name, value), value) if isinstance(value, str) else scale.times * value

        def named(name: str, at: Mapping[str, Value] = at) -> str:
            return words.get((name, at[name]), str(at[name])) if name in at else ""

        x = estimate(results, cell, Side(figure.value.name, times=figure.value.times))
        if math.isnan(x.mean):
            continue  # a share of nothing
        low, high = max(min(0.0, x.mean), x.low), x.high
        if figure.value.name in SHARES:
            high = min(high, figure.value.times)
        if not x.low <= x.mean <= x.high or x.n < 2:  # not reached, or one replication: a point without a bar
            low = high = x.mean
        up = place(figure.up) if figure.up else ""
        text = f"{_short(x.mean)}\n{_short(low)}–{_short(high)}"
        yield _Mark(named(figure.panels), named(figure.series), place(figure.along), up, x.mean, low, high, text)


def _short(value: float) -> str:
    """Return a number with two digits, or without decimals."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _y(scale: Scale, look: _Look, field: str = "mean") -> alt.Y:
    log: dict[str, Any] = {"type": "symlog", "constant": 1} if scale.log else {}
    kind = alt.Scale(domain=[0, look.top], nice=True, **log)
    return alt.Y(f"{field}:Q", scale=kind, axis=alt.Axis(title=scale.title, tickCount=5, format=",.4~r"))


def _tooltip(figure: Drawn) -> list[alt.Tooltip]:
    along = alt.Tooltip("along", title=figure.along.title, type="nominal")
    low, high = alt.Tooltip("low:Q", title="95 % from", format=".3~g"), alt.Tooltip("high:Q", title="to", format=".3~g")
    return [along, alt.Tooltip("series:N", title=figure.series), alt.Tooltip("mean:Q", format=".4~g"), low, high]


def _lines(figure: Drawn, marks: Sequence[_Mark], look: _Look) -> dict[str, Any]:
    values = sorted({mark.along for mark in marks if not isinstance(mark.along, str)})
    scale = alt.Scale(type="log" if figure.along.log else "linear", nice=False, zero=False, padding=12)
    axis = alt.Axis(title=figure.along.title, values=values, format=".3~g", labelOverlap="greedy", grid=False)
    base = alt.Chart().encode(x=alt.X("place:Q", scale=scale, axis=axis))
    colour, shape = look.channels()["color"], look.channels()["shape"]
    bar = base.mark_rule(strokeWidth=2, opacity=0.55).encode(y=_y(figure.value, look, "low"), y2="high:Q", color=colour)
    line = base.mark_line(strokeWidth=1.6, opacity=0.8).encode(y=_y(figure.value, look), color=colour)
    point = base.mark_point(filled=True, size=60, opacity=1).encode(
        y=_y(figure.value, look), color=colour, shape=shape, tooltip=_tooltip(figure)
    )
    return _plain(bar, line, point, marks=marks, places=_apart(figure, marks, values, look.names))


def _apart(figure: Drawn, marks: Sequence[_Mark], values: Sequence[float], names: Sequence[str]) -> list[float]:
    """Return where each mark stands, beside those of other series at the same value."""
    log, places = figure.along.log, list[float]()
    width = (math.log(values[-1] / values[0]) if log else values[-1] - values[0]) * _APART
    for mark in marks:
        shift = width * (names.index(mark.series) - (len(names) - 1) / 2)
        at = float(mark.along)
        places.append(at * math.exp(shift) if log else at + shift)
    return places


def _dots(figure: Drawn, marks: Sequence[_Mark], look: _Look) -> dict[str, Any]:
    order = list(dict.fromkeys(str(mark.along) for mark in marks))
    across = alt.X("along:N", sort=order, axis=alt.Axis(title=figure.along.title, labelAngle=0, grid=False))
    offset = alt.XOffset("series:N", scale=alt.Scale(domain=look.names))
    base = alt.Chart().encode(x=across, xOffset=offset)
    colour, shape = look.channels()["color"], look.channels()["shape"]
    bar = base.mark_rule(strokeWidth=2.5, opacity=0.55).encode(
        y=_y(figure.value, look, "low"), y2="high:Q", color=colour
    )
    point = base.mark_point(filled=True, size=65, opacity=1).encode(
        y=_y(figure.value, look), color=colour, shape=shape, tooltip=_tooltip(figure)
    )
    return _plain(bar, point, marks=marks)


def _heat(figure: Drawn, marks: Sequence[_Mark], look: _Look) -> dict[str, Any]:
    assert figure.up is not None
    rows = sorted({mark.up for mark in marks if not isinstance(mark.up, str)}, reverse=True)
    axis: dict[str, Any] = {"format": ".3~g", "grid": False, "labelAngle": 0}
    base = alt.Chart().encode(
        x=alt.X("along:O", axis=alt.Axis(title=figure.along.title, **axis)),
        y=alt.Y("up:O", sort=rows, axis=alt.Axis(title=figure.up.title, **axis)),
    )
    most = max((mark.mean for mark in marks), default=1.0) or 1.0
    legend = alt.Legend(title=figure.value.title, orient="right", gradientLength=140)
    scale = alt.Scale(scheme="blues", domain=[0, most])
    tile = base.mark_rect().encode(color=alt.Color("mean:Q", scale=scale, legend=legend), tooltip=_tooltip(figure))
    ink = alt.condition(f"datum.mean > {0.55 * most}", alt.value("#ffffff"), alt.value("#1d232b"))
    text = base.mark_text(fontSize=10, lineBreak="\n", baseline="middle", dy=-5, lineHeight=12)
    return _plain(tile, text.encode(text="text:N", color=ink), marks=marks, height=_TILE * max(1, len(rows)))


def _plain(*layers: alt.Chart, marks: Sequence[_Mark], height: int = _HEIGHT,
           places: Sequence[float] | None = None) -> dict[str, Any]:  # fmt: skip
    rows = zip(marks, places or [0.0] * len(marks), strict=True)
    values = [{**mark._asdict(), "place": place} for mark, place in rows if math.isfinite(mark.mean)]
    chart = alt.layer(*layers, data=alt.InlineData(values=values), height=height, width="container")
    plain: dict[str, Any] = chart.to_dict()
    return plain
