"""`communicator chaos`: real services and real devices, killed at every crash point, and what holds afterwards."""

import json
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from communicator_reports.commands import options

if TYPE_CHECKING:
    from communicator_simulations.chaos.outcome import Outcome, Wish

__all__ = ["chaos"]

_NOT_VALID: Final = 3
_SHOWN: Final = 20
_PLANT_PEOPLE: Final = 3
_PLANT_MINUTES: Final = 0.2
_PLANT_KILLS: Final = 25
_PLANT_CALM_S: Final = 25.0
_PLANT_TRIES: Final = 4
_WHOLE_KILLS: Final = 300


def chaos(
    people: Annotated[int, typer.Option(min=2, max=64, help="How many people write to each other.")] = 10,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long there are faults.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same plan; the run is not the same.")] = 1,
    database: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Of the services: sqlite; postgresql, a server that is started here; or the URL of a database at a "
            "server where the run makes databases of its own, and drops them.",
        ),
    ] = "sqlite",
    kills: Annotated[int, typer.Option(min=0, help="Kills at crash points.")] = _WHOLE_KILLS,
    plant: Annotated[
        str, typer.Option(metavar="BUG", help="Plant a bug that has to be found: a name, or all.", show_default="none")
    ] = "",
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep logs and stores here.", show_default="only if it fails")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run services and devices, kill them wherever something is stored or sent, and judge what is left.

    Exit code 1: a promise was broken (or a planted bug was not found). 3: not valid, since a fault of the plan never
    happened, or a crash point was never passed in a run of 300 kills or more.

    Examples:

      communicator chaos --people 10 --minutes 5 --seed 7

      communicator chaos --database postgresql --kills 100

      communicator chaos --database postgresql://tester@db.example/postgres --kills 100

      communicator chaos --plant all
    """
    from communicator_simulations.chaos.outcome import Wish
    from communicator_simulations.chaos.planted import BUGS
    from communicator_simulations.chaos.postgres import is_there, reason_against

    server = database if "://" in database else ""
    database = "postgresql" if server else database
    if database not in ("sqlite", "postgresql"):
        raise typer.BadParameter("sqlite, postgresql or a URL", param_hint="--database")
    if server and (reason := reason_against(server)):
        raise typer.BadParameter(reason, param_hint="--database")
    if database == "postgresql" and not server and not is_there():
        raise typer.BadParameter("PostgreSQL is not installed here", param_hint="--database")
    if plant and plant not in (*BUGS, "all"):
        raise typer.BadParameter(f"known are all, {', '.join(BUGS)}", param_hint="--plant")
    if plant:
        names = list(BUGS) if plant == "all" else [plant]
        of = (_PLANT_PEOPLE, _PLANT_MINUTES, seed, _PLANT_KILLS, database)
        wishes = [Wish(*of, name, calm_s=_PLANT_CALM_S, server=server) for name in names]
        raise typer.Exit(_planted(wishes, keep, as_json))
    outcome, folder = _run(Wish(people, minutes, seed, kills, database, server=server), keep)
    size = f"--people {people} --minutes {minutes:g} --kills {kills}"
    line = f"communicator chaos {size} --seed {seed} --database {database}"
    _show(outcome, as_json, line, folder)
    raise typer.Exit(1 if outcome.violations else _NOT_VALID if _invalid(outcome) else 0)


def _run(wish: "Wish", keep: Path | None) -> "tuple[Outcome, Path]":
    from communicator_simulations.chaos.campaign import run

    folder = (
        Path(mkdtemp(prefix="communicator-chaos-"))
        if keep is None
        else keep / (f"{wish.plant}-{wish.seed}" if wish.plant else "run")
    )
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        outcome = run(wish, folder, lambda text: status.update(f"{wish.plant or 'chaos'}: {text}"))
    if keep is None and not outcome.violations and not wish.plant:
        _remove(folder)
    return outcome, folder


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


def _invalid(outcome: "Outcome") -> list[str]:
    """Return why a run proves less than it was to."""
    found = [f"never happened: {kind}" for kind in outcome.unfired]
    if outcome.killed >= _WHOLE_KILLS:
        found += [f"never passed: {name}" for name in outcome.missed]
    return found + [f"excused, and passed: {name}" for name in outcome.stale]


def _planted(wishes: "list[Wish]", keep: Path | None, as_json: bool) -> int:
    """Run each planted bug, with the next seeds where one run does not show it; 1 if one is not found."""
    console, rows, code = Console(), list[dict[str, object]](), 0
    for wish in wishes:
        name, took = wish.plant, 0.0
        for tries in range(1, _PLANT_TRIES + 1):
            outcome, folder = _run(msgspec.structs.replace(wish, seed=wish.seed + tries - 1), keep)
            took += outcome.took_s
            if keep is None:
                _remove(folder)
            if outcome.found:
                break
        code |= not outcome.found
        rows.append({"bug": name, "reached": outcome.reached, "found": outcome.found, "s": took, "runs": tries})
        if not as_json:
            word = "found" if outcome.found else "NOT FOUND" if outcome.reached else "NEVER REACHED"
            runs = "1 run " if tries == 1 else f"{tries} runs"
            console.print(
                f"{word:<13} {name:<36} {took:4.0f} s in {runs}  {outcome.found[:100]}", highlight=False, soft_wrap=True
            )
    if as_json:
        print(json.dumps(rows))
    return code


def _show(outcome: "Outcome", as_json: bool, line: str, folder: Path) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(outcome) | {"repeat": line, "invalid": _invalid(outcome)}))
        return
    console = Console()
    console.print(_points(outcome))
    console.print(_faults(outcome))
    m = outcome.verdict.messages
    became = f"{m.delivered} delivered, {m.failed} reported as failed, {m.waiting} in outboxes"
    console.print(f"messages: {m.accepted} accepted, {became}")
    console.print(f"started: {', '.join(f'{count} times a {role}' for role, count in outcome.starts.items())}")
    console.print(f"judged by: {', '.join(outcome.verdict.invariants)}")
    for text in outcome.violations[:_SHOWN]:
        console.print(f"[red]{text}[/red]", highlight=False)
    for text in _invalid(outcome):
        console.print(f"not valid: {text}", highlight=False)
    events = sum(outcome.verdict.events.values())
    broken = f"{len(outcome.violations)} promises broken" if outcome.violations else "every promise was kept"
    console.print(
        f"{broken}, {outcome.killed} kills at {len(outcome.kills)} points in {outcome.load_s:.0f} s, {events} events"
    )
    console.print(f"the same plan again: {line}", highlight=False, soft_wrap=True)
    if outcome.violations:
        console.print(f"logs and stores: {folder}", highlight=False, soft_wrap=True)


def _points(outcome: "Outcome") -> Table:
    table = Table(title="kills at crash points")
    for name in ("point", "passed", "killed before", "killed after"):
        table.add_column(name, justify="left" if name == "point" else "right")
    for name, passed in outcome.passes.items():
        if passed:
            counts = [outcome.kills.get(f"{name} {phase}", 0) for phase in ("before", "after")]
            table.add_row(name, str(passed), *map(str, counts))
    return table


def _faults(outcome: "Outcome") -> Table:
    table = Table(title="faults")
    for name in ("fault", "planned", "seen"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    for kind, planned in sorted(outcome.planned.items()):
        table.add_row(kind, str(planned), str(outcome.fired.get(kind, 0)))
    return table
