"""How a demonstration is told: a heading for each scene, sentences, what is typed, and a table of what was seen.

Everything that is said is also kept as plain values (`scenes`), for `--json` and for tests.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

__all__ = ["WIDTH", "Teller"]

WIDTH: Final = 80
_PLACE: Final = 15
"""As wide as the longest name of a place."""


class Teller:
    """Tells scenes on a console; `pause` is called between two of them."""

    def __init__(self, console: Console, pause: Callable[[], None] = lambda: None) -> None:
        self._console = console
        self._pause = pause
        self.scenes: list[dict[str, object]] = []

    def begin(self, title: str, hours: float) -> None:
        """Begin a scene; `hours` have passed by the clocks of the demonstration."""
        if self.scenes:
            self._pause()
        self.scenes.append({"title": title, "begins_h": round(hours, 1), "facts": {}, "seen": {}})
        day, hour = divmod(int(hours), 24)
        left, right = f"{len(self.scenes)}  {title} ", f" day {day}, {hour:02}:00"
        line = "─" * (WIDTH - len(left) - len(right))
        self._console.print()
        self._console.print(Text.assemble((left, "bold"), (line, "dim"), (right, "dim")))

    def says(self, *lines: str, style: str = "") -> None:
        """Say a sentence or two, in lines."""
        for line in lines:
            self._console.print(Text(line, style=style))

    def typed(self, name: str, line: str) -> None:
        """Show what somebody types."""
        shown = f"{line[: WIDTH - 11]}…" if len(line) > WIDTH - 10 else line
        self._console.print(Text.assemble((f"  {name:<6}", "cyan"), ("$ ", "dim"), shown))

    def shows(self, rows: Sequence[Sequence[str]], heads: Sequence[str] = (), style: str = "") -> None:
        """Show rows as a small table."""
        table = Table(
            box=None, show_header=bool(heads), pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", style=style
        )
        for place in range(len(rows[0]) if rows else 0):
            table.add_column(
                heads[place] if heads else "", no_wrap=place == 0, style=style or ("" if place else "cyan")
            )
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print(Padding(table, (0, 0, 0, 2)))

    def seen(self, sights: Mapping[str, str]) -> None:
        """Show what each place saw in this scene; places that saw nothing share a line."""
        self.scenes[-1]["seen"] = dict(sights)
        idle = [name for name, said in sights.items() if said == "nothing"]
        self.shows([(f"{name:<{_PLACE}}", said) for name, said in sights.items() if said != "nothing"])
        if idle:
            self.shows([(f"{'nothing':<{_PLACE}}", _together(idle))], style="dim")

    def fact(self, name: str, value: object) -> None:
        """Keep a value of this scene."""
        facts = self.scenes[-1]["facts"]
        assert isinstance(facts, dict)
        facts[name] = value

    def rule(self) -> None:
        """Draw a line."""
        self._console.print(Rule(style="dim"))


def _together(places: Sequence[str]) -> str:
    """Join places, those of one role together."""
    found: dict[str, list[str]] = {}
    for place in places:
        role, _, operator = place.partition(" ")
        found.setdefault(role, []).append(operator)
    return "; ".join(" ".join((role, " and ".join(filter(None, names)))).strip() for role, names in found.items())
