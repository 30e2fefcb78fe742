"""`communicator conform mutants`: the test of the tests."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from communicator_reports.commands.interruption import resumable

if TYPE_CHECKING:
    from communicator_conformance.mutants import Fate, Score

__all__ = ["mutants"]

_REFERENCE: Final = "communicator_impl"
_ENOUGH: Final = 0.98


def mutants(
    program: Annotated[
        list[str] | None, typer.Argument(metavar="[MODULE...]", help="What `python -m` starts; the list says it, too.")
    ] = None,
    package: Annotated[str, typer.Option(metavar="PKG", help="The Python package that is changed.")] = _REFERENCE,
    rows: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Its list, instead of the package's mutants.toml.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="How many of the mutants drawn from its source.")] = 60,
    everything: Annotated[bool, typer.Option("--all", help="All mutants drawn from its source.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="What the sample is drawn from.")] = 0,
    select: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only mutants of these names, e.g. 'ratchet.*'.")
    ] = "*",
    all_tests: Annotated[
        bool, typer.Option("--all-tests", help="Go on after a kill: every test, every mutant.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = os.cpu_count() or 1,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long one answer may take.")] = 30.0,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Results so far; what is in it is not played again.")
    ] = Path("out/mutants.jsonl"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead.")] = False,
) -> None:
    """Break the reference, one place at a time, and see whether the tests notice.

    Mutants come from a list and from the source itself: checks, durable writes, bound fields and limits.

    Exit code 1: the score is below 98 %, a survivor has no explanation, an explanation is not true, or a clause that
    tests cite has no killer.

    Examples:

      communicator conform mutants

      communicator conform mutants --all --select 'ratchet.*'

      communicator conform mutants --package my_package --list mutants.toml -- my_package.adapter
    """
    from communicator_conformance.mutants import Order, campaign, read_list, shipped

    path = rows or shipped(package)
    found = read_list(path)
    order = Order(
        path, tuple(program or found.program), None if everything else sample, seed, select, all_tests, timeout
    )
    errors = Console(stderr=True)
    with resumable(out, errors), Progress(console=errors, transient=True) as progress:
        bar = progress.add_task("starting", total=None)
        score = campaign(
            order, workers=workers, kept=out,
            seen=lambda what, done, of: progress.update(bar, description=what[:40], completed=done, total=of),
        )  # fmt: skip
    if as_json:
        print(json.dumps(_plain(score)))
    else:
        _show(score, Console(highlight=False, soft_wrap=True))
    raise typer.Exit(0 if _good(score, whole=select == "*") else 1)


def _good(score: "Score", *, whole: bool) -> bool:
    unexplained = [fate for fate in score.survivors if fate.name not in score.explained]
    enough = score.value >= _ENOUGH and not unexplained and not score.stale
    return enough and not (whole and score.unjudged)


def _plain(score: "Score") -> dict[str, Any]:
    return {
        "killed": score.killed,
        "total": len(score.counted),
        "score": round(score.value, 4),
        "survivors": [_row(fate) | {"why": score.explained.get(fate.name)} for fate in score.survivors],
        "equivalent": score.equivalent,
        "stale": score.stale,
        "clauses_without_killer": score.unjudged,
        "tests": score.tests,
        "tests_that_kill_nothing": score.idle,
        "mutants": [_row(fate) for fate in score.fates],
    }


def _row(fate: "Fate") -> dict[str, Any]:
    what = {"name": fate.name, "clause": fate.clause or None, "operator": fate.operator, "place": fate.place}
    return {**what, "was": fate.was, "now": fate.now, "met": fate.met, "killed_by": [test for test, _ in fate.killers]}


def _show(score: "Score", console: Console) -> None:
    for fate in score.fates:
        if fate.killers:
            test, fault = fate.killers[0]
            console.print(f"{fate.name}  {fate.clause}  {test} ({fault})", markup=False, style="dim")
    for fate in score.survivors:
        why = score.explained.get(fate.name)
        console.print(f"survives  {fate.name}  {fate.clause}  after {fate.met} tests", markup=False)
        console.print(f"          {why or f'{fate.was}  →  {fate.now}'}", markup=False)
    for name in score.stale:
        console.print(f"killed, and explained as one that lives: {name}", markup=False)
    if score.unjudged:
        console.print(f"clauses that tests cite and no mutant of which they kill: {', '.join(score.unjudged)}")
    for name in score.idle or ():
        console.print(f"kills nothing: {name}", markup=False)
    rest = f"{len(score.survivors)} survivors, {len(score.equivalent)} equivalent; {score.tests} tests"
    console.print(f"mutation score: {score.killed} of {len(score.counted)} ({score.value:.1%}), {rest}")
