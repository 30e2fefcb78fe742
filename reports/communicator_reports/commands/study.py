"""`communicator study`: the whole study, from vectors to report."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from communicator_reports.commands import options
from communicator_reports.commands.asking import Asked, asks
from communicator_reports.commands.interruption import resumable

__all__ = ["study"]

_STEPS = 5


def _list(wanted: bool) -> None:
    if wanted:
        from communicator_reports.studies import study_names

        print("\n".join(study_names()))
        raise typer.Exit


@asks
def study(
    asked: Asked,
    out: options.Out = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small population and few runs: a minute.")] = False,
    replications: options.Replications = None,
    workers: options.Workers = options.CORES,
    events: options.Events = False,
    as_json: options.Json = False,
    named: Annotated[bool, typer.Option("--list", callback=_list, is_eager=True, help="Name the studies.")] = False,
) -> None:
    """Play the vectors, simulate the scenario, play the linkage games, and write a report.

    Ctrl-C leaves no half-written report; the same command goes on where it stopped.
    Exit code 1: a vector failed, or an invariant was violated; the report is written all the same.

    Examples:

      communicator study migration

      communicator study migration --quick --out /tmp/look

      communicator study ./my-study        # a folder with study.toml and prose.md
    """
    from communicator_reports.enough import Often
    from communicator_reports.progress import Steps
    from communicator_reports.study import run_study

    wish = asked.wish(Often(replications), events=events)
    target = out or Path("out") / Path(asked.scenario).stem
    errors = Console(stderr=True)
    with resumable(target, errors):
        done = run_study(wish, target, workers, Steps(errors, _STEPS + events), quick=quick)
    _print(done.out, as_json)
    raise typer.Exit(0 if done.ok else 1)


def _print(folder: Path, as_json: bool) -> None:
    from communicator_reports.conclusion import conclusion, conclusion_lines

    if as_json:
        print(json.dumps(conclusion(folder), ensure_ascii=False))
        return
    console = Console(highlight=False)
    for line in conclusion_lines(folder):
        console.print(line, markup=False, soft_wrap=True)
