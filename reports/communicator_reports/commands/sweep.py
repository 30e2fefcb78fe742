"""`communicator sweep`: many scenarios out of one, and how far they are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from communicator_reports.commands import options
from communicator_reports.commands.asking import Asked, asks
from communicator_reports.commands.concluding import say_conclusions, unproven, violated

if TYPE_CHECKING:
    from communicator_simulations.sweeps.store import Store
    from communicator_simulations.sweeps.tasks import Layout

__all__ = ["app"]

_SHOWN: Final = 20
_METRICS: Final = (
    ("delivered", "delivered_share"),
    ("half within, s", "latency_p50_s"),
    ("99 % within, s", "latency_p99_s"),
    ("automated per message", "automated_share"),
)


class _RunsByDefault(TyperGroup):
    """`sweep SCENARIO` stands for `sweep run SCENARIO`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its own context
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunsByDefault,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Vary any parameters of a scenario, on this machine or a cluster; see how far it is.",
    epilog="Example: communicator sweep migration --vary weather.loss=0,0.05 --people 60 --days 3 --dry-run",
)


@app.command()
@asks
def run(
    *,
    vary: options.Vary = None,
    design: options.Design = None,
    samples: options.Samples = None,
    asked: Asked,
    replications: options.Replications = None,
    workers: options.Workers = options.CORES,
    cluster: options.Cluster = None,
    out: options.SweepOut = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and how long it may take; run nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run a scenario at every point of a design, and keep each run and the tables in a folder.

    Every finished run is a file that is named after what decides it: Ctrl-C loses only what is under way, the same
    command goes on, and a wider sweep into the same folder runs only what is new. Exit code 1: an invariant was broken,
    or a conclusion of the scenario is not what these results say.

    Examples:

      communicator sweep provider-death

      communicator sweep migration --vary weather.loss=0,0.05 --people 60 --days 3

      communicator sweep migration --vary policy.two.ephemeral_lifetime_h=24,168 --vary weather.loss=0:0.1 --samples 16

      communicator sweep migration --vary weather.loss=0:0.1:5 --cluster tcp://127.0.0.1:8786
    """
    from communicator_reports.enough import Often
    from communicator_reports.questioned import write_question
    from communicator_reports.wishes import plan_of
    from communicator_simulations.account import account_of
    from communicator_simulations.sweeps.design import points, read_design
    from communicator_simulations.sweeps.running import Workers, cells_in, run_sweep
    from communicator_simulations.sweeps.store import Store
    from communicator_simulations.sweeps.tasks import lay_out

    plan = plan_of(asked.wish(Often(replications)))
    chosen = points(plan.scenario, read_design(asked.scenario, vary or (), design, samples), plan.seed)
    layout = lay_out(plan, chosen, asked.fidelity.value)
    store = Store(out or Path("out") / f"sweep-{plan.scenario.name}")
    if dry_run:
        _tell(layout, store, 1 if cluster else workers, as_json)
        return
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    account = account_of(asked.scenario, plan.scenario)
    try:
        summary = run_sweep(layout, store, Workers(workers, cluster, _say(errors)), _progress(errors), account)
    except KeyboardInterrupt:
        errors.print(f"communicator: stopped; finished runs are in {store.folder}, and the same command goes on",
                     markup=False)  # fmt: skip
        raise typer.Exit(130) from None
    write_question(store.folder, account, cells_in(layout, store), plan.scenario)
    _show(summary, store.folder, as_json)
    raise typer.Exit(1 if violated(summary) or unproven(summary) else 0)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a sweep.")],
    as_json: options.Json = False,
) -> None:
    """Say how far the sweep in a folder is. Every file is looked into; exit code 1: one of them cannot be used.

    Example:

      communicator sweep status out/sweep-migration
    """
    from communicator_reports.pace import duration
    from communicator_simulations.sweeps.running import standing
    from communicator_simulations.sweeps.store import Store, described

    found = standing(described(folder), Store(folder))
    if as_json:
        print(json.dumps(found._asdict()))
    else:
        print(f"{found.finished:,} of {found.total:,} runs, {found.points_finished:,} of {found.points:,} points")
        if found.mean_s is not None and found.finished < found.total:
            left = duration(found.mean_s * (found.total - found.finished))
            print(f"{duration(found.mean_s)} a run; about {left} left for one process")
        for line in found.refused:
            print(line)
    raise typer.Exit(1 if found.refused else 0)


def _say(errors: Console) -> Any:  # noqa: ANN401 - a function of a text
    return lambda line: errors.print(line, markup=False)


def _progress(errors: Console) -> Any:  # noqa: ANN401 - a function of two numbers
    """Return what shows rate and time left: lines now and then, on a terminal one line that changes."""
    from communicator_reports.pace import Pace

    pace = Pace(_say(errors))
    if not errors.is_terminal:
        return pace

    def show(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        errors.file.write(f"\r\x1b[K{pace.line(done, total)}{end}")
        errors.file.flush()

    return show


def _tell(layout: "Layout", store: "Store", processes: int, as_json: bool) -> None:
    """Say what would run."""
    from communicator_reports.pace import duration

    wanted = layout.wanted
    there = store.finished(job.id for job in wanted)
    times = store.seconds()
    seconds = [times[task] for task in there if task in times]
    left = len(wanted) - len(there)
    estimate_s = sum(seconds) / len(seconds) * left / processes if seconds else None
    if as_json:
        points = [{"values": dict(p.values), "tasks": [job.id for job in row]}
                  for p, row in zip(layout.points, layout.jobs, strict=True)]  # fmt: skip
        print(json.dumps({"points": points, "finished": len(there), "left": left, "estimate_s": estimate_s}))
        return
    for number, (point, row) in enumerate(zip(layout.points, layout.jobs, strict=True)):
        if number == _SHOWN:
            print(f"… and {len(layout.points) - _SHOWN:,} points more (--json shows all)")
            break
        done = sum(job.id in there for job in row)
        values = " ".join(f"{name}={value}" for name, value in point.values)
        print(f"point {number}: {values}: {len(row)} runs, {done} finished")
    time_left = "not known before a run is finished" if estimate_s is None else f"about {duration(estimate_s)}"
    print(f"{len(wanted):,} different runs, {len(there):,} finished, {left:,} to do; time: {time_left}")


def _show(summary: Mapping[str, object], folder: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(_table(summary))
    broken = violated(summary)
    console.print(f"[red]invariants violated: {', '.join(broken)}[/red]" if broken else "all invariants hold")
    say_conclusions(console, summary)
    console.print(f"results: {folder}; in Python: communicator_simulations.results.open_sweep({str(folder)!r})",
                  soft_wrap=True, markup=False)  # fmt: skip


def _table(summary: Mapping[str, object]) -> Table:
    """Return a few figures of each point, beside the parameters that differ; all of them are in `means.parquet`."""
    points = cast(Sequence[Mapping[str, object]], summary["points"])
    varied = [name for name in points[0] if name != "point" and len({point[name] for point in points}) > 1]
    rows: dict[tuple[int, str, str], dict[str, Mapping[str, object]]] = {}
    for mean in cast(Sequence[Mapping[str, object]], summary["means"]):
        key = (cast(int, mean["point"]), str(mean["fault"]), str(mean["policy"]))
        rows.setdefault(key, {})[str(mean["metric"])] = mean
    table = Table(title="mean over replications, and half of its 95 % interval")
    for name in varied:
        table.add_column(name.replace(".", "\n"))
    table.add_column("fault")
    table.add_column("policy")
    for name, _ in _METRICS:
        table.add_column(name, justify="right")
    for (number, fault, policy), figures in list(rows.items())[: 3 * _SHOWN]:
        values = [str(points[number][name]) for name in varied]
        table.add_row(*values, fault, policy, *(_cell(figures[metric]) for _, metric in _METRICS))
    if len(rows) > 3 * _SHOWN:
        table.caption = f"the first {3 * _SHOWN} of {len(rows)} rows; all are in means.parquet"
    return table


def _cell(mean: Mapping[str, object]) -> str:
    value, low, high = (cast("float | None", mean[name]) for name in ("mean", "low", "high"))
    if value is None:
        return "not reached"
    return f"{value:.4g}" if low is None or high is None else f"{value:.4g} ± {(high - low) / 2:.2g}"
