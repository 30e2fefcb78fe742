"""What each role can tell from what it sees: advantages over guessing, as designed and broken."""

from collections.abc import Sequence
from typing import Final

from communicator_reports.document import Chip, Figure
from communicator_reports.figures.dots import Axis, Dot, dots
from communicator_reports.figures.theme import BREAK
from communicator_reports.findings import Findings, Game
from communicator_reports.quantities import Quantity, shown

__all__ = ["advantage_of", "linkage"]

_DESIGNS: Final = ("#2B7FC4", "#009E73", "#8A6FC9")
_BROKEN: Final = ("#D55E00", "#CC79A7", "#A67C00")


def linkage(findings: Findings) -> Figure | None:
    """Draw the advantage of every distinguisher; None if no game was played."""
    games = [g for g in findings.games if g.interval is not None]
    if not games:
        return None
    palette = _colours(games)
    axis = Axis("advantage over guessing", -0.25, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    parts: dict[str, list[Game]] = {}
    for g in sorted(games, key=lambda g: g.permitted):
        parts.setdefault(_title(g), []).append(g)
    panels = tuple(dots(title, _rows(part, palette), axis) for title, part in parts.items())
    caption = (
        "**How well each role links what it sees.** 0: no better than guessing; 1: always right. An implementation"
        f" that is broken on purpose shows that the distinguishers work. Right: {', '.join(palette)}. Bars: 95 %"
        " intervals."
    )
    chips = tuple(Chip(name, colour) for name, colour in palette.items())
    return Figure("linkage", caption, "linkage.parquet", panels, legend=chips)


def advantage_of(game: Game) -> Quantity:
    """Return an advantage with its interval, two decimals."""
    x = game.interval
    if x is None:
        return Quantity("not measured")
    return shown(f"{_two(x.mean)} [{_two(x.low)}, {_two(x.high)}]", x.mean, x.low, x.high)


def _two(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _colours(games: Sequence[Game]) -> dict[str, str]:
    names = dict.fromkeys(g.implementation for g in games)
    broken = {g.implementation for g in games if not g.designed}
    cool, warm = iter(_DESIGNS), iter(_BROKEN)
    return {name: next(warm if name in broken else cool) for name in names}


def _rows(games: Sequence[Game], palette: dict[str, str]) -> list[Dot]:
    rows: list[Dot] = []
    for g in games:
        x = g.interval
        if x is None:
            continue
        beside = {y.implementation: y.advantage for y in games if _place(y) == _place(g)}
        text = " · ".join(_two(beside.get(name)) for name in palette)
        low, high = max(-1.0, x.low), min(1.0, x.high)
        rows.append(Dot("", g.distinguisher, g.distinguisher, palette[g.implementation],
                        x.mean, low, high, text, text, g.implementation))  # fmt: skip
    return rows


def _title(game: Game) -> str:
    allowed = "permitted" if game.permitted else "forbidden"
    return f"{game.role[:1].upper()}{game.role[1:]} ({allowed}){BREAK}{game.question}"


def _place(game: Game) -> tuple[str, str, str]:
    return game.role, game.question, game.distinguisher
