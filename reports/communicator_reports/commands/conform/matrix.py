"""`communicator conform matrix`: every program with every other."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from communicator_reports.commands.conform.pages import check_folders

if TYPE_CHECKING:
    from communicator_conformance.matrix import Cell

__all__ = ["matrix"]


def matrix(
    programs: Annotated[
        list[str], typer.Argument(metavar="NAME=COMMAND...", help="Two or more; 'reference' is known.")
    ],
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="What everything that is drawn comes from.")] = 0,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page to send to others.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Play every script with every pair of programs.

    The row plays the first of each kind of role, the column the second.

    Exit code 1: a pair does not work together, or no pair plays anything.

    Examples:

      communicator conform matrix reference 'mine=python3 adapter.py'

      communicator conform matrix --html matrix.html reference 'mine=./adapter --quiet'

      communicator conform matrix --json reference 'a=./a --quiet' 'b=node b.js'
    """
    import shlex

    import msgspec
    from rich.table import Table

    from communicator_conformance.matrix import cells
    from communicator_conformance.verdicts import Status

    try:
        named = {name: shlex.split(command or name) for name, _, command in (text.partition("=") for text in programs)}
    except ValueError as error:
        raise typer.BadParameter(f"{error}: quote the command as for a shell", param_hint="NAME=COMMAND") from error
    if not all(named.values()):
        raise typer.BadParameter("a program has no name", param_hint="NAME=COMMAND")
    if len(named) < len(programs):
        raise typer.BadParameter("each program needs a name of its own", param_hint="NAME=COMMAND")
    check_folders(html=html)
    console = Console(stderr=True, quiet=not sys.stderr.isatty() or as_json)
    found = []
    for cell in cells(named, timeout, seed):
        found.append(cell)
        passed = f"{cell.count(Status.PASSED)} of {len(cell.results)} passed"
        console.print(f"{cell.first} with {cell.second}: {passed}", markup=False)
    if html is not None:
        from communicator_reports.conformance_page import render_matrix

        lines = {name: shlex.join(command) for name, command in named.items()}
        command = shlex.join(["communicator", "conform", "matrix", "--seed", str(seed), *programs])
        html.write_text(render_matrix(found, lines, command), "utf-8")
    if as_json:
        print(json.dumps([msgspec.to_builtins(cell) | {"ok": cell.ok} for cell in found]))
    else:
        shown = Table("first \\ second", *map(escape, named))
        for first in named:
            shown.add_row(escape(first), *(_cell(cell) for cell in found if cell.first == first))
        Console().print(shown)
        _show_failures(found)
    played = [cell for cell in found if _played(cell)]
    raise typer.Exit(0 if played and all(cell.ok for cell in played) else 1)


def _show_failures(cells: "list[Cell]") -> None:
    """Print the first failure of each pair, and what to do about the faults among them."""
    from communicator_conformance.hints import hints
    from communicator_conformance.verdicts import Status

    console = Console(soft_wrap=True, highlight=False, emoji=False)
    firsts = [(c, next((r for r in c.results if r.status is Status.FAILED), None)) for c in cells]
    for cell, failed in firsts:
        if failed is not None:
            text = f"{cell.first} with {cell.second}: {failed.id}: {failed.fault}: {failed.detail}"
            console.print("\n".join((text, *failed.log)), markup=False)
    for fault, hint in hints(failed for _, failed in firsts if failed is not None).items():
        console.print(f"[yellow]{fault}[/]: {escape(hint)}")


def _played(cell: "Cell") -> bool:
    from communicator_conformance.verdicts import Status

    return cell.count(Status.SKIPPED) < len(cell.results)


def _cell(cell: "Cell") -> str:
    from communicator_conformance.verdicts import Status

    if not _played(cell):
        return "[dim]no part[/]"
    color = "green" if cell.ok else "red"
    return f"[{color}]{cell.count(Status.PASSED)}/{len(cell.results) - cell.count(Status.SKIPPED)}[/]"
