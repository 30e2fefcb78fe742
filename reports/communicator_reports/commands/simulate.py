"""`communicator simulate`: run a scenario and keep its results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, cast

import typer
from rich.console import Console
from rich.table import Table

from communicator_reports.commands import options
from communicator_reports.commands.asking import Asked, asks
from communicator_reports.commands.attacking import attack
from communicator_reports.commands.concluding import List, say_conclusions, unproven, violated
from communicator_reports.commands.interruption import resumable
from communicator_reports.commands.later import group_of

__all__ = ["app", "outcome_table", "simulate"]

_SHOWN: Final = (
    ("undelivered per 10,000", "undelivered", 1.0),
    ("… to exposed people", "exposed_undelivered", 1.0),
    ("cut off per 10,000", "cut_off_share", 10_000.0),
    ("99 % arrive within, h", "latency_p99_s", 1 / 3600),
    ("automated per message", "automated_share", 1.0),
)


@asks
def simulate(
    asked: Asked,
    replications: options.HowOften = None,
    width: options.Width = None,
    metric: options.Metric = None,
    workers: options.Workers = options.CORES,
    out: options.Out = None,
    warm_up: options.WarmUp = False,
    events: options.Events = False,
    as_json: options.Json = False,
    listed: Annotated[bool, List] = False,
) -> None:
    """Run a scenario: every policy under every fault, in every replication.

    Writes summary.json and runs, latency, cutover and load as Parquet; for a scenario with a question of its own also
    question.html and question.pdf. Exit code 1: an invariant was violated, or a conclusion of the scenario is not
    what these results say.

    Examples:

      communicator simulate --list

      communicator simulate migration --people 200 --days 5 --replications 2

      communicator simulate migration --people 200 --days 5 --width 10% --metric automated_share

      communicator simulate migration --fault death --policy static --policy two

      communicator simulate scenario migration --fidelity impl --people 40 --days 3
    """
    from communicator_reports.building import building, work_folder
    from communicator_reports.enough import understood
    from communicator_reports.progress import Steps
    from communicator_reports.simulation import simulate_into
    from communicator_reports.wishes import plan_of
    from communicator_simulations.adversaries.experiment import experiment_of

    wish = asked.wish(understood(replications, width, metric), events=events, warm_up=warm_up)
    plan = plan_of(wish)
    experiment = experiment_of(wish.scenario, plan.scenario)
    if experiment is not None:
        raise typer.Exit(attack(wish, plan, experiment, workers, out, as_json))
    target = out or Path("out") / plan.scenario.name
    errors = Console(stderr=True)
    steps = Steps(errors, 1 + warm_up + events)
    with resumable(target, errors), building(target) as folder:
        done = simulate_into(folder, wish, plan, work_folder(target), workers, steps, ["simulate", *wish.words()])
    done.sweep.clear()
    broken = violated(done.summary)
    if as_json:
        print(json.dumps(done.summary, ensure_ascii=False))
    else:
        console = Console()
        console.print(outcome_table(done.summary))
        _conclude(console, done.summary, target, broken)
    raise typer.Exit(1 if broken or unproven(done.summary) else 0)


def outcome_table(summary: Mapping[str, object]) -> Table:
    """Return what became of messages and relationships, with 95 % intervals."""
    cells = {
        (str(r["fault"]), str(r["policy"]), str(r["metric"])): r
        for r in cast(Sequence[Mapping[str, object]], summary["outcomes"])
    }
    table = Table(title=f"mean over {_times(summary)}, 95 % interval in brackets")
    for name in ("fault", "policy"):
        table.add_column(name)
    for name, _, _ in _SHOWN:
        table.add_column(name, justify="right")
    for fault in cast(Sequence[str], summary["faults"]):
        for number, policy in enumerate(cast(Sequence[str], summary["policies"])):
            row = [_cell(cells, fault, policy, metric, scale) for _, metric, scale in _SHOWN]
            table.add_row("" if number else fault, policy, *row)
        table.add_section()
    return table


def _times(summary: Mapping[str, object]) -> str:
    number = cast(int, summary["replications"])
    return f"{number} replications" if number > 1 else "one replication"


def _cell(cells: Mapping[tuple[str, str, str], Mapping[str, object]], fault: str, policy: str, metric: str,
          scale: float) -> str:  # fmt: skip
    if metric.endswith("undelivered"):
        prefix = metric.removesuffix("undelivered")
        metric, scale, offset = f"{prefix}delivered_share", -10_000.0, 10_000.0
    else:
        offset = 0.0
    cell = cells[fault, policy, metric]
    mean, low, high = (cast("float | None", cell[name]) for name in ("mean", "low", "high"))
    if mean is None:
        return "not reached"
    if low is None or high is None:
        return f"{offset + scale * mean:.3g}"
    bounds = sorted(max(0.0, offset + scale * x) for x in (low, high))
    return f"{offset + scale * mean:.3g} [{bounds[0]:.3g}, {bounds[1]:.3g}]"


def _reached(precision: Mapping[str, object]) -> str:
    """Say whether the intervals are as narrow as was asked for, and what they are."""
    width, looks = cast(float, precision["width"]), cast(Sequence[int], precision["looks"])
    wide = f"{100 * width:g} % of its mean" if precision["relative"] else f"{width:g}"
    found = "every interval is at most" if precision["reached"] else "[red]not every interval is at most[/red]"
    return (
        f"{precision['metric']}: {found} {wide} wide after {precision['replications']} replications"
        f" (looks after {', '.join(map(str, looks))}; intervals at"
        f" {100 * cast(float, precision['confidence']):.3g} %, which is 95 % over all looks)"
    )


def _warmed(row: Mapping[str, object]) -> str:
    """Say where one policy's warm-up ends, and whether the scenario leaves as much out."""
    name, own = row["policy"], f"the scenario counts from day {row['scenario_d']:.2f}"
    if row["detected_d"] is None:
        return f"warm-up of {name}: too few messages to tell; {own}"
    found = f"MSER-5 ends it at day {row['detected_d']:.2f}"
    if not row["settled"]:
        found = "[red]has not settled in half of the run[/red]"
    return f"warm-up of {name}: {found}; {own}" + ("" if row["enough"] else " [red](too early)[/red]")


def _conclude(console: Console, summary: Mapping[str, object], target: Path, broken: Sequence[str]) -> None:
    first = cast(Sequence[Mapping[str, object]], summary["invariants"])[0]
    if "precision" in summary:
        console.print(_reached(cast(Mapping[str, object], summary["precision"])), highlight=False)
    for row in cast(Sequence[Mapping[str, object]], summary.get("warm_up", ())):
        console.print(_warmed(row), highlight=False)
    if broken:
        console.print(f"[red]invariants violated: {', '.join(broken)}[/red]; the first events are in summary.json")
    else:
        console.print(f"all invariants hold over {cast(int, first['events']):,} events in {first['runs']} runs")
    say_conclusions(console, summary)
    console.print(f"results: {target}", highlight=False)


_HELP: Final = """Run a scenario, explore faults, or show what attacks achieve.

`communicator simulate NAME` is `communicator simulate scenario NAME`.

Examples:

  communicator simulate migration --people 200 --days 5 --replications 2

  communicator simulate scenario --help

  communicator simulate fuzz --minutes 10

  communicator simulate threats
"""
_OTHERS: Final = {
    "fuzz": "Explore fault plans on the real cores; shrink what fails, and say how to run it again.",
    "threats": "Attack the scheme as it was drafted, and the standard: T1 to T18 of chapter 14.",
}

app = typer.Typer(cls=group_of(_OTHERS, "scenario"), no_args_is_help=True, help=_HELP)
app.command("scenario")(simulate)
