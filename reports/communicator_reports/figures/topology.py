"""Who talks with whom, and where they are reached: the graph of a small run, out of its event log.

People are dots, joined by their relationships; the colour is the receiving service at which most of their addresses
are. The layout is networkx's, from a fixed seed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import altair as alt
import networkx as nx

from communicator_reports.document import Chip, Figure, Panel
from communicator_reports.figures.theme import PALETTE
from communicator_spec.events import NONE, Event, Kind

__all__ = ["topology"]

_SEED: Final = 1
_HEIGHT: Final = 430
_OTHERS: Final = "others"
_GREY: Final = "#7d8894"


def topology(rows: Sequence[Event], data: str) -> Figure | None:
    """Draw the people of a run; None if nobody is paired. `data` is the file that the events are from."""
    person = {row.end: row.value for row in rows if row.kind == Kind.PAIRED and row.value != NONE}
    both = ((who, person[end ^ 1]) for end, who in person.items() if end ^ 1 in person)
    pairs = sorted({(min(two), max(two)) for two in both})
    if not pairs:
        return None
    graph: nx.Graph[int] = nx.Graph(pairs)
    homes: dict[int, Counter[int]] = defaultdict(Counter)
    for row in rows:
        if row.kind == Kind.ISSUED and row.end in person:
            homes[person[row.end]][row.service] += 1
    home = {who: min(found, key=lambda service: (-found[service], service)) for who, found in homes.items()}
    popular = [service for service, _ in sorted(Counter(home.values()).items(), key=lambda one: (-one[1], one[0]))]
    names = {service: f"receiving {service}" for service in popular[: len(PALETTE)]}
    colours = {**{name: PALETTE[n] for n, name in enumerate(names.values())}, _OTHERS: _GREY}
    where = nx.spring_layout(graph, seed=_SEED, k=1.6 / len(graph) ** 0.5, iterations=150)
    of = {who: names.get(home.get(who, NONE), _OTHERS) for who in graph}
    dots = [{"x": round(float(where[w][0]), 4), "y": round(float(where[w][1]), 4), "person": w, "at": of[w],
             "relationships": graph.degree[w]} for w in graph]  # fmt: skip
    lines = [{"x": round(float(where[a][0]), 4), "y": round(float(where[a][1]), 4),
              "x2": round(float(where[b][0]), 4), "y2": round(float(where[b][1]), 4)} for a, b in pairs]  # fmt: skip
    caption = (
        f"**Who talks with whom** in the run that is looked into: {len(graph)} people, {len(pairs)} relationships. The"
        " colour is the receiving service at which most of a person’s addresses are; the size is how many relationships"
        " the person has."
    )
    used = [name for name in colours if name in of.values()]
    chips = tuple(Chip(name, colours[name]) for name in used)
    return Figure("topology", caption, data, (_panel(dots, lines, {n: colours[n] for n in used}),), 1, chips)


def _panel(dots: list[dict[str, object]], lines: list[dict[str, float]], colours: dict[str, str]) -> Panel:
    bare = alt.Scale(nice=False, zero=False)
    x, y = alt.X("x:Q", axis=None, scale=bare), alt.Y("y:Q", axis=None, scale=bare)
    edge = alt.Chart(alt.InlineData(values=lines)).mark_rule(opacity=0.25, strokeWidth=0.8)
    node = alt.Chart(alt.InlineData(values=dots)).mark_point(filled=True, opacity=1)
    colour = alt.Color("at:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())))
    tooltip = [alt.Tooltip("person:Q"), alt.Tooltip("at:N", title="reached at"), alt.Tooltip("relationships:Q")]
    size = alt.Size("relationships:Q", scale=alt.Scale(range=[30, 260]), legend=None)
    chart = alt.layer(
        edge.encode(x=x, y=y, x2="x2", y2="y2"), node.encode(x=x, y=y, color=colour, size=size, tooltip=tooltip),
        width="container", height=_HEIGHT,
    )  # fmt: skip
    return Panel("", chart.to_dict())
