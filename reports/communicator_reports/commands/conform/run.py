"""`communicator conform run`: play everything against one program."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from communicator_reports.commands.conform.pages import check_folders, check_list, command_of, write_pages
from communicator_reports.commands.conform.program import Program

__all__ = ["run"]


def run(
    testee: Program,
    select: Annotated[str, typer.Option(metavar="PATTERN", help="Only tests whose id matches, e.g. 'label/*'.")] = "*",
    vectors: Annotated[Path | None, typer.Option(metavar="DIR", help="Vectors to use instead of our own.")] = None,
    expectations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your list of known failures; they do not fail the run.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Rewrite the list from what fails now.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="What everything that is drawn comes from.")] = 0,
    examples: Annotated[
        int | None, typer.Option(min=1, help="Examples of each property and walks of each profile to draw.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(min=1, help="Populations that play each privacy game; more show smaller leaks.")
    ] = None,
    save_vectors: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where counterexamples go; else beside reports.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML.")] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write one result a line.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page to send to others.")] = None,
    badge: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a badge, as SVG.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Keep the lines of tests that passed, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Play everything against a program that speaks the line protocol. Options come before the program.

    The word `run` may be left out. Exit code 1: it does not conform.

    Examples:

      communicator conform reference

      communicator conform --html report.html --badge badge.svg -- ./my-adapter

      communicator conform --select 'label/*' --junit junit.xml -- ./my-adapter --quiet

      communicator conform --select 'property/*' --examples 1000 --save-vectors found -- ./my-adapter
    """
    from communicator_conformance import report
    from communicator_conformance import run as run_suite

    check_folders(junit=junit, jsonl=jsonl, html=html, badge=badge)
    check_list(expectations, update=update)
    console = Console(stderr=as_json)
    beside = next((path.parent for path in (jsonl, junit, html) if path is not None), Path())
    save = save_vectors or beside / "counterexamples"
    with TemporaryDirectory() as folder:
        shown = Console(stderr=True, quiet=not sys.stderr.isatty()) if as_json else console
        verdict = run_suite(
            testee, vectors=vectors, select=select, timeout_s=timeout, expectations=expectations, update=update,
            seed=seed, examples=examples, replications=replications, save=save, trace=trace,
            out=Path(folder), console=shown,
        )  # fmt: skip
        for path, name in ((junit, "junit.xml"), (jsonl, "results.jsonl")):
            if path is not None:
                path.write_bytes((Path(folder) / name).read_bytes())
    write_pages(verdict, html, badge, command_of(testee, select=select, seed=seed, vectors=vectors), vectors)
    if as_json:
        print(json.dumps(report.summary(verdict) | {"failures": [r.id for r in verdict.failures]}))
    elif not verdict.failures and all(r.status == "skipped" for r in verdict.results if r.clauses):
        hint = f"nothing that it offers matches {select!r}; `communicator conform reference` shows what there is"
        console.print(hint, markup=False)
    raise typer.Exit(0 if verdict.ok else 1)
