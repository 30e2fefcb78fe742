"""The story of one message as a message-sequence chart: who does what, from top to bottom.

A lane is a place: a device, a sending or a receiving service. Steps are in their order and not to scale, with the time
on the left. With the eyes of an observer on, what it did not see is missing, and whom it did not see is “somebody”.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import altair as alt

from communicator_reports.document import Figure, Panel
from communicator_reports.explorer.following import candidates, story
from communicator_reports.figures.theme import PALETTE
from communicator_spec.events import NONE, Event, Kind, peer_of

__all__ = ["failover", "sequence"]

_ROW: Final = 27
_WHEN: Final = "split(datum.value, '|')[containerSize()[0] < 470 ? 2 : 1]"
_SOMEBODY: Final = "somebody"
_WORDS: Final = {
    Kind.ACCEPTED: "a person writes", Kind.SENT: "hands over, for {to}", Kind.FORWARDED: "hands on",
    Kind.GAVE_UP: "gives up", Kind.STORED: "stores", Kind.FETCHED: "shows", Kind.CONFIRMED: "has it; it is deleted",
    Kind.DELIVERED: "a person reads", Kind.DUPLICATE: "known already", Kind.ACKNOWLEDGED: "receipt arrives",
    Kind.FAILED: "says: not delivered", Kind.CRASHED: "is down", Kind.RECOVERED: "is up again",
    Kind.DIED: "is gone for good", Kind.TAKEN: "has it, durably", Kind.REFUSED: "refuses",
}  # fmt: skip
_AT_VIA: Final = frozenset({Kind.GAVE_UP, Kind.TAKEN, Kind.CRASHED, Kind.RECOVERED, Kind.DIED})
_BAD: Final = frozenset({Kind.GAVE_UP, Kind.CRASHED, Kind.DIED, Kind.FAILED, Kind.REFUSED})


class _Step(NamedTuple):
    """One row of the chart: it happens at a lane, or goes from one to another."""

    key: str
    source: str
    target: str
    words: str
    bad: bool


def sequence(rows: Sequence[Event]) -> Panel:
    """Return the chart of some events in their order; there must be at least one."""
    steps = [_step(number, row) for number, row in enumerate(sorted(rows, key=_order))]
    lanes = _lanes(steps)
    at = {lane: number for number, lane in enumerate(lanes)}
    values = [
        {"key": s.key, "from": at[s.source], "to": at[s.target], "middle": (at[s.source] + at[s.target]) / 2,
         "words": s.words, "colour": PALETTE[0] if s.bad else PALETTE[2], "back": at[s.target] < at[s.source],
         "moves": s.source != s.target}
        for s in steps
    ]  # fmt: skip
    keys = [s.key for s in steps]
    head = alt.Axis(
        title=None, values=list(range(len(lanes))), labelExpr=f"{lanes!r}[datum.value]", orient="top", grid=True,
        domain=False, ticks=False, labelLimit=150, labelPadding=6, labelFontWeight="bold", labelOverlap=False,
    )  # fmt: skip
    scale = alt.Scale(domain=[-0.5, len(lanes) - 0.5], nice=False)
    time = alt.Axis(title=None, domain=False, ticks=False, labelExpr=_WHEN, labelOverlap=False)
    y = alt.Y("key:N", sort=keys, scale=alt.Scale(domain=keys), axis=time)
    colour = alt.Color("colour:N", scale=None)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=scale, axis=head)

    base = alt.Chart().encode(y=y, color=colour)
    arrow = base.transform_filter("datum.moves").mark_rule(strokeWidth=1.6).encode(x=x("from"), x2="to:Q")
    heads = [
        base.transform_filter(f"datum.moves && {test}").mark_point(filled=True, size=70, opacity=1, shape=shape)
        .encode(x=x("to")) for test, shape in (("datum.back", "triangle-left"), ("!datum.back", "triangle-right"))
    ]  # fmt: skip
    dot = base.transform_filter("!datum.moves").mark_point(filled=True, size=45, opacity=1).encode(x=x("from"))
    words = alt.Chart().mark_text(dy=-8, fontSize=10.5).encode(y=y, x=x("middle"), text="words:N")
    chart = alt.layer(arrow, *heads, dot, words, data=alt.InlineData(values=values), width="container",
                      height=_ROW * len(keys))  # fmt: skip
    return Panel("", chart.to_dict())


def _step(number: int, row: Event) -> _Step:
    kind = Kind(row.kind)
    device = f"device {row.end}" if row.end != NONE else _SOMEBODY
    sending, receiving = _named("sending", row.via), _named("receiving", row.service)
    source = target = device
    if kind is Kind.SENT:
        target = sending
    elif kind is Kind.FORWARDED:
        source, target = sending, receiving
    elif kind in _AT_VIA and row.via != NONE:
        source = target = sending
    elif kind is Kind.CONFIRMED:
        target = receiving
    elif kind is Kind.FETCHED:
        source = receiving
    elif kind in (Kind.STORED, Kind.REFUSED, Kind.CRASHED, Kind.RECOVERED, Kind.DIED, Kind.TAKEN):
        source = target = receiving
    where = receiving if row.service != NONE else "some receiving service"
    words = _WORDS.get(kind, kind.name.lower()).format(to=where)
    return _Step(f"{number:04d}|{_time(row.t_ms)}|{_time(row.t_ms, 8)}", source, target, words, kind in _BAD)


def _order(row: Event) -> tuple[int, bool]:
    """Put what is handed on before what is stored by it: a sending service learns of it later, in the same moment."""
    return row.t_ms, row.kind != Kind.FORWARDED


def _named(role: str, number: int) -> str:
    return f"{role} {number}" if number != NONE else _SOMEBODY


def _lanes(steps: Sequence[_Step]) -> list[str]:
    """Return the lanes from left to right: the first device, sending and receiving services, the other devices."""
    found = list(dict.fromkeys(lane for step in steps for lane in (step.source, step.target)))
    devices = [lane for lane in found if lane.startswith("device")]
    services = [lane for role in ("sending", "receiving") for lane in sorted(found) if lane.startswith(role)]
    return [*devices[:1], *services, *devices[1:], *([_SOMEBODY] if _SOMEBODY in found else [])]


def _time(t_ms: int, until: int = 12) -> str:
    """Return a time as day and time of day; `until` cuts the latter."""
    day, rest = divmod(t_ms, 86_400_000)
    hour, rest = divmod(rest, 3_600_000)
    clock = f"{hour:02d}:{rest // 60_000:02d}:{rest % 60_000 / 1000:06.3f}"
    return clock[:until] if until < 12 else f"day\u00a0{day}, {clock}"


def failover(rows: Sequence[Event], data: str) -> Figure | None:
    """Draw the message that was handed over most often and arrived; None if none needed a second way.

    `data` is the file that the events are from.
    """
    hard = [story(rows, end, message) for end, message, sent, ms in candidates(rows) if sent > 1 and ms >= 0]
    failed = [numbers for numbers in hard if any(rows[n].kind in _BAD for n in numbers)]
    if not failed:
        return None
    chosen = [rows[n] for n in min(failed, key=len)]
    first = next(row for row in chosen if row.kind == Kind.ACCEPTED)
    caption = (
        f"**One message finds another way**, from device {first.end} to device {peer_of(first.end)}, out of the event"
        " log. Steps are in their order and not to scale; the time is on the left."
    )
    return Figure("failover", caption, data, (sequence(chosen),), columns=1)
