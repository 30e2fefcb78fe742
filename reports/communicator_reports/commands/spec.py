"""`communicator spec`: read the standard's clauses, and check them and their citations."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from communicator_reports.commands import options
from communicator_spec.clauses import Clause, load_clauses, standard_digest
from communicator_spec.coverage import Citation, Place
from communicator_spec.coverage import check as problems_of
from communicator_spec.coverage import coverage as coverage_of
from communicator_spec.html import render_standard

__all__ = ["app"]

app = typer.Typer(help="List, show and check the clauses of the standard.", no_args_is_help=True)

_Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="The checkout; by default the current folder.")]


@app.command("list")
def list_(
    chapter: Annotated[int | None, typer.Option(min=1, help="Only this chapter.")] = None,
    as_json: options.Json = False,
) -> None:
    """List all clauses.

    Example:

      communicator spec list --chapter 6
    """
    clauses = [c for c in load_clauses() if chapter in (None, c.chapter)]
    if as_json:
        print(json.dumps([msgspec.to_builtins(c) for c in clauses]))
        return
    table = Table("clause", "level", "judged by", "text", caption=f"{len(clauses)} clauses, {standard_digest()}")
    for c in clauses:
        table.add_row(c.id, c.level, c.disposition, c.text)
    Console().print(table, highlight=False)


@app.command()
def show(
    clause: Annotated[str, typer.Argument(metavar="ID", help="For example addr-7.")], as_json: options.Json = False
) -> None:
    """Show one clause in full.

    Example:

      communicator spec show addr-7
    """
    known = {c.id: c for c in load_clauses()}
    found = known.get(clause.upper())
    if found is None:
        raise typer.BadParameter(f"there is no clause {clause}; 'communicator spec list' shows all", param_hint="ID")
    if as_json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        _show(Console(), found)


def _show(console: Console, c: Clause) -> None:
    console.print(f"[bold]{c.id}[/bold]  chapter {c.chapter}, {c.level}", highlight=False)
    console.print(c.text, markup=False, highlight=False)
    console.print(f"binds: {', '.join(c.roles)}\njudged by: {c.disposition}\ndigest: {c.digest}", highlight=False)


@app.command()
def check(root: _Root = Path(), as_json: options.Json = False) -> None:
    """Check chapters, generated files and citations in a checkout. Exit code 1: something is wrong.

    Example:

      communicator spec check
    """
    problems = problems_of(_checkout(root))
    if as_json:
        print(json.dumps([p._replace(path=str(p.path))._asdict() for p in problems]))  # type: ignore[arg-type]
    for p in () if as_json else problems:
        print(f"{p.path}:{p.line}: {p.kind}: {p.detail}")
    if not as_json:
        print(f"{len(problems)} problems", file=sys.stderr)
    raise typer.Exit(1 if problems else 0)


@app.command()
def coverage(root: _Root = Path(), as_json: options.Json = False) -> None:
    """Count where each clause is cited: code, tests, vectors.

    Example:

      communicator spec coverage --json
    """
    table = coverage_of(_checkout(root))
    if as_json:
        counts = {name: {place.value: len(found) for place, found in cited.items()} for name, cited in table.items()}
        print(json.dumps(counts))
    else:
        Console().print(_coverage_table(table), highlight=False)


@app.command()
def html(out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")], root: _Root = Path()) -> None:
    """Write the standard of a checkout as one HTML page, with the coverage of each clause beside it.

    Example:

      communicator spec html out/standard.html
    """
    page = render_standard(_checkout(root))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    print(f"{out}: {len(page) // 1000} kB", file=sys.stderr)


def _coverage_table(table: Mapping[str, Mapping[Place, Sequence[Citation]]]) -> Table:
    places = (Place.CODE, Place.TESTS, Place.VECTORS)
    bare = sum(not any(cited[p] for p in places) for cited in table.values())
    shown = Table("clause", *places, caption=f"{len(table)} clauses, {bare} not cited outside the standard")
    for name, cited in table.items():
        shown.add_row(name, *(str(len(cited[p]) or "·") for p in places))
    return shown


def _checkout(root: Path) -> Path:
    """Return the root of the checkout, or refuse a folder that is none."""
    if not (root / "spec" / "communicator_spec").is_dir():
        raise typer.BadParameter(f"{root.resolve()} is no checkout of the project", param_hint="--root")
    return root
