"""`communicator conform privacy`: what each party can tell of a program, game by game."""

import json
import sys
from fnmatch import filter as matching
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from communicator_conformance.verdicts import Result
from communicator_reports.commands.conform.program import Program

__all__ = ["privacy"]

_STYLES = {"passed": "green", "failed": "red"}


def privacy(
    testee: Program,
    select: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only tests whose id matches, e.g. 'privacy/network/*'.")
    ] = "*",
    replications: Annotated[
        int | None, typer.Option(min=1, help="Populations that play each game; more show smaller leaks.")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="What everything that is drawn comes from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of the table.")] = False,
) -> None:
    """Play the privacy games, and show what the best distinguisher of each found.

    Exit code 1: somebody can tell what the standard hides from him.

    Examples:

      communicator conform privacy reference

      communicator conform privacy --replications 200 --select '*/both-ends:label' -- ./my-adapter
    """
    import msgspec

    from communicator_conformance import privacy as games
    from communicator_conformance.testee import Testee, reference

    chosen = matching(games.ids_of(), select)
    if not chosen:
        raise typer.BadParameter(f"nothing matches {select!r}; ids begin with privacy/", param_hint="--select")
    with Testee(testee, timeout) as program, reference() as partner:
        shown = Console(stderr=True, quiet=as_json or not sys.stderr.isatty())
        profiles = len({test.rpartition(":")[2] for test in chosen})
        with Progress(console=shown, transient=True) as progress:
            task = progress.add_task("populations", total=profiles * (replications or games.POPULATIONS))
            lived = partial(progress.advance, task)
            results = list(games.play(program, partner, frozenset(chosen), seed, replications, lived))
    if as_json:
        print(json.dumps({"seed": seed, "results": msgspec.to_builtins(results)}))
    else:
        Console().print(_table(results))
    raise typer.Exit(1 if any(r.status == "failed" for r in results) else 0)


def _table(results: "list[Result]") -> Table:
    table = Table("test", "verdict", "what was found")
    for result in results:
        style = _STYLES.get(result.status, "dim")
        table.add_row(
            result.id.removeprefix("privacy/"), f"[{style}]{result.fault or result.status}[/]", escape(result.detail)
        )
    return table
