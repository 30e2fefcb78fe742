"""`communicator conform`: hold an implementation against the standard."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from communicator_conformance.verdicts import Verdict

if TYPE_CHECKING:
    from communicator_conformance.doctor import Finding
    from communicator_conformance.matrix import Cell

__all__ = ["app"]

_RUN = "run"


class _RunsByDefault(TyperGroup):
    """`communicator conform TESTEE` is `communicator conform run TESTEE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its own context
        """Put the command in front that nobody has to write."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


_HELP = """Hold an implementation against the standard.

Examples:

  communicator conform reference

  communicator conform init python

  communicator conform doctor -- python3 adapter/adapter.py

  communicator conform run --help
"""

app = typer.Typer(cls=_RunsByDefault, no_args_is_help=True, help=_HELP)


@app.command(_RUN, context_settings={"allow_interspersed_args": False})
def conform(
    testee: Annotated[list[str], typer.Argument(metavar="TESTEE...", help="'reference', or -- and a command line.")],
    select: Annotated[str, typer.Option(metavar="PATTERN", help="Only tests whose id matches, e.g. 'label/*'.")] = "*",
    vectors: Annotated[Path | None, typer.Option(metavar="DIR", help="Vectors to use instead of our own.")] = None,
    expectations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your list of known failures; they do not fail the run.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Rewrite the list from what fails now.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="What everything that is drawn comes from.")] = 0,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML.")] = None,
    jsonl: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write one result a line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Play vectors and scripts against a program that speaks the line protocol. Options come before the program.

    The word `run` may be left out. Exit code 1: it does not conform.

    Examples:

      communicator conform reference

      communicator conform --select 'label/*' --junit junit.xml -- ./my-adapter --quiet
    """
    from communicator_conformance import report, run

    if update and expectations is None:
        raise typer.BadParameter(
            "give the list that is to be rewritten with --expectations FILE", param_hint="--update"
        )
    if expectations is not None and not update and not expectations.is_file():
        raise typer.BadParameter(f"{expectations} is no file; --update makes one", param_hint="--expectations")
    console = Console(stderr=as_json)
    with TemporaryDirectory() as folder:
        shown = Console(stderr=True, quiet=not sys.stderr.isatty()) if as_json else console
        verdict = run(
            testee, vectors=vectors, select=select, timeout_s=timeout, expectations=expectations, update=update,
            seed=seed, out=Path(folder), console=shown,
        )  # fmt: skip
        for path, name in ((junit, "junit.xml"), (jsonl, "results.jsonl")):
            if path is not None:
                path.write_bytes((Path(folder) / name).read_bytes())
    if as_json:
        print(json.dumps(report.summary(verdict) | {"failures": [r.id for r in verdict.failures]}))
    elif not verdict.results or all(r.status == "skipped" for r in verdict.results):
        console.print(f"nothing matches {select!r}; `communicator conform reference` shows what there is")
    raise typer.Exit(_exit_code(verdict))


def _exit_code(verdict: Verdict) -> int:
    return 0 if verdict.ok else 1


@app.command("init")
def init(
    language: Annotated[str, typer.Argument(help="python, javascript or shell.")],
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it.")] = Path("adapter"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Write a first adapter that runs, with its list of known failures.

    Examples:

      communicator conform init javascript

      communicator conform init python --folder my-adapter
    """
    from communicator_conformance.starting import begin

    begun = begin(language, folder)
    if as_json:
        print(json.dumps({"files": [str(path) for path in begun.files], "command": begun.command}))
        return
    for path in begun.files:
        print(path)
    print(f"\nNow: cd {folder} && {begun.command}")


@app.command("doctor", context_settings={"allow_interspersed_args": False})
def doctor(
    testee: Annotated[list[str], typer.Argument(metavar="TESTEE...", help="'reference', or -- and a command line.")],
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    lines: Annotated[bool, typer.Option("--lines", help="Show the lines exchanged for what is well, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead.")] = False,
) -> None:
    """Say what is wrong with an adapter, step by step, with the exact lines exchanged.

    Exit code 1: something is.

    Examples:

      communicator conform doctor -- python3 adapter/adapter.py

      communicator conform doctor --lines reference
    """
    import msgspec

    from communicator_conformance.doctor import State, examine
    from communicator_conformance.testee import Testee
    from communicator_conformance.vectors import published

    console = Console(quiet=as_json, soft_wrap=True, highlight=False)
    findings = []
    with Testee(testee, timeout) as program:
        for finding in examine(program, published()):
            findings.append(finding)
            _show(finding, console, lines=lines or finding.state is State.ILL)
    ill = [finding for finding in findings if finding.state is State.ILL]
    if as_json:
        print(json.dumps({"well": not ill, "findings": msgspec.to_builtins(findings)}))
    console.print(f"\n{len(ill)} wrong" if ill else "\nall is well: communicator conform plays the vectors")
    raise typer.Exit(1 if ill else 0)


def _show(finding: "Finding", console: Console, *, lines: bool) -> None:
    from communicator_conformance.doctor import State

    if finding.state is State.UNOFFERED and not lines:
        return
    mark = {State.WELL: "[green]well[/]", State.ILL: "[red]ill [/]", State.UNOFFERED: "[dim]–   [/]"}[finding.state]
    console.print(f"{mark}  {escape(finding.what)}  [dim]{escape(finding.detail)}[/]")
    if finding.hint:
        console.print(f"      [yellow]{escape(finding.hint)}[/]")
    for line in finding.lines if lines else ():
        console.print(f"      {escape(line)}")


@app.command("matrix")
def matrix(
    programs: Annotated[
        list[str], typer.Argument(metavar="NAME=COMMAND...", help="Two or more; 'reference' is known.")
    ],
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Play every script with every pair of programs.

    The row plays the first of each kind of role, the column the second.

    Exit code 1: a pair does not work together.

    Examples:

      communicator conform matrix reference 'mine=python3 adapter.py'

      communicator conform matrix --json reference 'a=./a --quiet' 'b=node b.js'
    """
    import shlex

    import msgspec
    from rich.table import Table

    from communicator_conformance.matrix import cells
    from communicator_conformance.verdicts import Status

    named = {name: shlex.split(command or name) for name, _, command in (text.partition("=") for text in programs)}
    if len(named) < len(programs):
        raise typer.BadParameter("each program needs a name of its own", param_hint="NAME=COMMAND")
    console = Console(stderr=True, quiet=not sys.stderr.isatty() or as_json)
    found = []
    for cell in cells(named, timeout):
        found.append(cell)
        console.print(f"{cell.first} with {cell.second}: {cell.count(Status.PASSED)} of {len(cell.results)} passed")
    if as_json:
        print(json.dumps([msgspec.to_builtins(cell) | {"ok": cell.ok} for cell in found]))
    else:
        shown = Table("first \\ second", *named)
        for first in named:
            shown.add_row(first, *(_cell(cell) for cell in found if cell.first == first))
        Console().print(shown)
    raise typer.Exit(0 if all(cell.ok or not _played(cell) for cell in found) else 1)


def _played(cell: "Cell") -> bool:
    from communicator_conformance.verdicts import Status

    return cell.count(Status.SKIPPED) < len(cell.results)


def _cell(cell: "Cell") -> str:
    from communicator_conformance.verdicts import Status

    if not _played(cell):
        return "[dim]no part[/]"
    color = "green" if cell.ok else "red"
    return f"[{color}]{cell.count(Status.PASSED)}/{len(cell.results) - cell.count(Status.SKIPPED)}[/]"
