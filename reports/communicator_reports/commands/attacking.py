"""What the end of an experiment with adversaries says: a row for each question and arm."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.table import Table

from communicator_reports.commands.concluding import say_conclusions, unproven

if TYPE_CHECKING:
    from communicator_reports.wishes import Wish
    from communicator_simulations.adversaries.experiment import Experiment
    from communicator_simulations.sweep import Plan

__all__ = ["attack", "attack_table"]


def attack(wish: "Wish", plan: "Plan", experiment: "Experiment", workers: int, out: Path | None,
           as_json: bool) -> int:  # fmt: skip
    """Run an experiment with adversaries, print what it found, and return the exit code."""
    from communicator_reports.attacks import attack_into
    from communicator_reports.building import building
    from communicator_reports.progress import Steps

    target = out or Path("out") / plan.scenario.name
    with building(target) as folder:
        summary = attack_into(folder, wish, plan, experiment, workers, Steps(Console(stderr=True), 1))
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        console = Console()
        console.print(attack_table(summary))
        say_conclusions(console, summary)
        console.print(f"results: {target}", highlight=False)
    return 1 if unproven(summary) else 0


def attack_table(summary: Mapping[str, object]) -> Table:
    """Return what was found, by question and arm, with intervals over targets."""
    rows = cast(Sequence[Mapping[str, object]], summary["targets"])
    table = Table(title="mean over targets, 95 % interval in brackets (bootstrap over targets)")
    for name in ("question", "arm"):
        table.add_column(name)
    for name in ("targets", "of", "advantage", "first is right", "in first five", "suspects", "bits", "known after"):
        table.add_column(name, justify="right")
    for question in dict.fromkeys(str(row["question"]) for row in rows):
        own = [row for row in rows if row["question"] == question]
        for number, row in enumerate(own):
            shown = [_cell(row, name) for name in ("advantage", "top_1", "top_5", "suspects", "entropy", "after")]
            many = f"{cast(float, row['candidates']):.0f}"
            table.add_row("" if number else question, str(row["arm"]), str(row["targets"]), many, *shown)
        table.add_section()
    return table


def _cell(row: Mapping[str, object], name: str) -> str:
    mean, low, high = (cast("float | None", row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    if mean is None:
        return "–" if row["identified"] is None else "never"
    return f"{mean:.3g} [{_end(low)}, {_end(high)}]"


def _end(value: float | None) -> str:
    return "never" if value is None else f"{value:.2g}"
