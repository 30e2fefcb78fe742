"""What the end of a run says of invariants and conclusions, and which exit code follows from it."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import typer
from rich.console import Console

__all__ = ["List", "say_conclusions", "unproven", "violated"]

_STYLES: Final = {"holds": "green", "false": "red", "undecided": "yellow", "not asked": "dim"}


def violated(summary: Mapping[str, object]) -> list[str]:
    """Return the names of the invariants that did not hold."""
    rows = cast(Sequence[Mapping[str, object]], summary["invariants"])
    return [str(row["name"]) for row in rows if row["violations"]]


def unproven(summary: Mapping[str, object]) -> bool:
    """Tell whether a conclusion of the scenario is false in these results, or not decided by them."""
    rows = cast(Sequence[Mapping[str, object]], summary.get("conclusions", ()))
    return any(row["outcome"] in ("false", "undecided") for row in rows)


def say_conclusions(console: Console, summary: Mapping[str, object]) -> None:
    """Print each conclusion of the scenario, whether it may be drawn from these results, and the deciding numbers."""
    for row in cast(Sequence[Mapping[str, object]], summary.get("conclusions", ())):
        outcome = str(row["outcome"])
        console.print(f"[{_STYLES[outcome]}]{outcome}[/]: {row['says']}", highlight=False, soft_wrap=True)
        cases = f" (nearest of {row['cases']} cases)" if cast(int, row["cases"]) > 1 else ""
        console.print(f"    {row['shown']}{cases}", highlight=False, markup=False, soft_wrap=True)


def _list(wanted: bool) -> None:
    """Print each scenario of the package with its question, and whether its command is `sweep` or `simulate`."""
    if not wanted:
        return
    from communicator_simulations.scenario import decoded, scenario_names

    names = scenario_names()
    for name in names:
        table = decoded(name)
        command = "sweep" if "sweep" in table else "simulate"
        print(f"{f'communicator {command} {name}':<40} {table['question']}")
    raise typer.Exit


List = typer.Option("--list", callback=_list, is_eager=True, help="Name all scenarios with their questions, and end.")
