"""Progress of long steps, shown on the error stream so that the output stays clean.

On a terminal there is a bar with the time that remains; elsewhere one line when a step begins.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Steps", "Update"]

Update = Callable[[int, int], None]
"""(done, in all)."""


class Steps:
    """The steps of one command, one after the other."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._number = 0

    @contextmanager
    def step(self, name: str) -> Iterator[Update]:
        """Announce a step, and show how far it is."""
        self._number += 1
        title = f"[{self._number}/{self._total}] {name}" if self._total > 1 else name
        if not self._console.is_terminal:
            self._console.print(title, markup=False, highlight=False)
            yield lambda done, total: None
            return
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        self._console.print(f"{title} ✓", markup=False, highlight=False)
