"""`communicator report`: documents out of result files; nothing is run again."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from communicator_reports.commands import options

if TYPE_CHECKING:
    from communicator_reports.comparing import Comparison
    from communicator_reports.results_file import Results

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Draw reports from results, compare them, open them; nothing is run.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results.")]


@app.command()
def build(folder: Folder, as_json: options.Json = False) -> None:
    """Draw a report from the results in a folder: page, PDF, figures, tables and results.json.

    If results are missing, incomplete or broken, it says which command makes them again, and writes nothing. Exit code
    1: a claim of the study is false in these results; the text says so.

    Example:

      communicator report build out/migration
    """
    from communicator_reports.claims import contradicted
    from communicator_reports.progress import Steps
    from communicator_reports.report import draw

    _complete(folder)
    with Steps(Console(stderr=True), 1).step("drawing the report") as update:
        written = draw(folder, update)
    if as_json:
        print(json.dumps({"written": [str(path) for path in written]}))
    else:
        for path in written[:2]:
            print(path)
    wrong = contradicted(_results(folder).claims)
    for name in wrong:
        print(f"false in these results: {name}", file=sys.stderr)
    raise typer.Exit(1 if wrong else 0)


def _complete(folder: Path) -> None:
    """Refuse what holds no results before anything is announced."""
    from communicator_reports.findings import load

    load(folder)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A folder of results with its report.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    as_json: options.Json = False,
) -> None:
    """Compare two reports: which numbers moved beyond their intervals, and what made them. Exit code 1: some moved.

    Example:

      communicator report diff out/before out/migration
    """
    from communicator_reports.comparing import compare

    found = compare(_results(before), _results(after))
    if as_json:
        moved = [row._asdict() for row in found.moved]
        print(json.dumps({"compared": found.compared, "moved": moved, "origins": found.origins}, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(1 if found.moved else 0)


def _results(folder: Path) -> "Results":
    from communicator_reports.report import RESULTS
    from communicator_reports.results_file import decode

    path = _drawn(folder, RESULTS)
    return decode(path.read_bytes(), str(path))


def _drawn(folder: Path, name: str) -> Path:
    from communicator_simulations.results import ResultsError

    path = folder / name
    if not path.is_file():
        raise ResultsError(f"{path} is not there; draw it with: communicator report build {folder}")
    return path


def _print(found: "Comparison") -> None:
    console = Console(highlight=False)
    for name, a, b in found.origins:
        console.print(f"{name}: {a} → {b}", markup=False, soft_wrap=True)
    for row in found.moved:
        where = f"{row.table}, {row.row}, {row.column}"
        console.print(
            f"{where}: {row.before or 'not there'} → {row.after or 'not there'}", markup=False, soft_wrap=True
        )
    console.print(f"{len(found.moved)} of {found.compared} numbers moved beyond their intervals")


@app.command("open")
def open_(folder: Folder) -> None:
    """Show a report in the browser.

    Example:

      communicator report open out/migration
    """
    page = _drawn(folder, "index.html")
    typer.launch(str(page.resolve()))
    print(page)
