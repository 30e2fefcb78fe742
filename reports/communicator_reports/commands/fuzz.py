"""`communicator simulate fuzz`: explore fault plans on the real cores, run one, or look for faults that are planted."""

import json
import shlex
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from communicator_reports.commands import options

if TYPE_CHECKING:
    from communicator_simulations.faults.fuzzing import Explored, Sought
    from communicator_simulations.faults.judging import Finding, Verdict
    from communicator_simulations.faults.plan import FaultPlan

__all__ = ["fuzz", "replay_line"]

_NOT_VALID: Final = 3
_ALL: Final = "all"


def fuzz(
    minutes: Annotated[float, typer.Option(min=0.01, help="For how long plans are explored.")] = 10.0,
    seed: Annotated[int, typer.Option(min=0, help="Where the plans come from.")] = 1,
    people: Annotated[int, typer.Option(min=3, max=64, help="How many people are in each plan.")] = 4,
    plan: Annotated[
        str, typer.Option(metavar="FILE|JSON", help="Run this plan, and no other.", show_default="none")
    ] = "",
    write: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Print the plan of this number as TOML.", show_default="none")
    ] = None,
    plant: Annotated[
        str, typer.Option(metavar="FAULT", help="Plant a seeded fault of the formal model: a name, or all.",
                          show_default="none"),
    ] = "",
    shrinks: Annotated[bool, typer.Option("--shrink/--no-shrink", help="Cut what shows a planted fault.")] = True,
    workers: options.Workers = options.CORES,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where it is kept how far an exploration is.")
    ] = Path("out/fuzz"),
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Explore fault plans on the real cores; shrink what fails, and say how to run it again.

    Each plan runs on the population model and on the real cores, in one world; invariants, liveness, agreement of the
    two and the formal model judge it. The same command goes on where an earlier one stopped. Exit code 1: something was
    found (or a planted fault was not). 3: a fault of the given plan met nothing, so it proves nothing.

    Examples:

      communicator simulate fuzz --minutes 10 --seed 7

      communicator simulate fuzz --write 3 > plan.toml; communicator simulate fuzz --plan plan.toml

      communicator simulate fuzz --plant all
    """
    from communicator_simulations.faults.drawing import draw_plan
    from communicator_simulations.faults.fuzzing import plan_seed
    from communicator_simulations.faults.plan import load
    from communicator_simulations.faults.planted import PLANTS

    if plant and plant not in (*PLANTS, _ALL):
        raise typer.BadParameter(f"known are all, {', '.join(PLANTS)}", param_hint="--plant")
    if write is not None:
        print(draw_plan(plan_seed(seed, write), people).toml(), end="")
        return
    if plan:
        if plant == _ALL:
            raise typer.BadParameter("a plan is run with one planted fault", param_hint="--plant")
        raise typer.Exit(_one(load(plan), plant, as_json))
    if plant:
        raise typer.Exit(
            _sought(list(PLANTS) if plant == _ALL else [plant], seed, people, workers, as_json, shrinks=shrinks)
        )
    raise typer.Exit(_explore(minutes, seed, people, workers, out, as_json))


def replay_line(plan: "FaultPlan", plant: str = "") -> str:
    """Return the line that runs a plan again."""
    words = ["communicator", "simulate", "fuzz", "--plan", plan.json()]
    return shlex.join(words + (["--plant", plant] if plant else []))


# ---------------------------------------------------------------------- one plan


def _one(plan: "FaultPlan", plant: str, as_json: bool) -> int:
    """Run one plan as it is; what meets nothing makes it not valid."""
    from communicator_simulations.faults.judging import judge, ran

    verdict = judge(plan, ran(plan, "model"), ran(plan, "impl", plant))
    if as_json:
        print(json.dumps({"plant": plant, **_plainly(plan, verdict)}))
    else:
        for number, (fault, met) in enumerate(zip(plan.faults, verdict.met, strict=True)):
            print(f"  {number:3}  {fault.line:60}  {f'met {met}' if met else 'MET NOTHING'}")
        print(f"{verdict.messages} messages, {verdict.events:,} events, {plan.person_days:.0f} person-days")
        print(_said(verdict.found) if verdict.found else "nothing is wrong")
        for number in verdict.unfired:
            print(f"not valid: fault {number} met nothing: {plan.faults[number].line}")
    return 1 if verdict.found else _NOT_VALID if verdict.unfired else 0


def _plainly(plan: "FaultPlan", verdict: "Verdict") -> dict[str, object]:
    return {
        "faults": [{"line": f.line, "met": met} for f, met in zip(plan.faults, verdict.met, strict=True)],
        "unfired": list(verdict.unfired),
        "found": verdict.found._asdict() if verdict.found else None,
        "messages": verdict.messages, "events": verdict.events, "person_days": plan.person_days,
    }  # fmt: skip


def _said(finding: "Finding") -> str:
    return f"{finding.judge}: {finding.name}: {finding.detail}"


# ---------------------------------------------------------------------- planted faults


def _sought(plants: list[str], seed: int, people: int, workers: int, as_json: bool, *, shrinks: bool) -> int:
    """Look for planted faults; the table is Markdown, so that a document can have it as it is."""
    from communicator_simulations.faults.fuzzing import Sought, sought

    if not as_json:
        print("| planted fault | plans | s | found by | the plan that shows it |\n|---|---|---|---|---|")
    found: dict[str, Sought] = {}
    left = list(plants)
    with Console(stderr=True).status("looking"):
        for one in sought(plants, seed, people, workers, shrinks=shrinks):
            found[one.plant] = one
            while not as_json and left and left[0] in found:  # in the order of the list
                print(_row(found[left.pop(0)]), flush=True)
    if as_json:
        print(json.dumps([_sought_plainly(found[name]) for name in plants]))
    elif len(found) == 1:
        for one in found.values():
            if one.shrunk is not None:
                print(f"\n{_said(one.shrunk.finding)}\n{replay_line(one.shrunk.plan, one.plant)}")
    return int(any(one.shrunk is None for one in found.values()))


def _row(one: "Sought") -> str:
    if one.shrunk is None:
        return f"| {one.plant} | {one.plans} | {one.cpu_s:.1f} | NOT FOUND | |"
    plan, finding = one.shrunk.plan, one.shrunk.finding
    counted = Counter(fault.what.value for fault in plan.faults)
    faults = ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "no fault"
    by = finding.judge if finding.judge in ("agreement", "formal model") else f"{finding.judge}: {finding.name}"
    return f"| {one.plant} | {one.plans} | {one.cpu_s:.1f} | {by} | {len(plan.writes)} messages; {faults} |"


def _sought_plainly(one: "Sought") -> dict[str, object]:
    base: dict[str, object] = {"plant": one.plant, "plans": one.plans, "cpu_s": round(one.cpu_s, 2)}
    if one.shrunk is None:
        return base | {"found": None}
    shrunk = one.shrunk
    return base | {
        "found": shrunk.finding._asdict(), "shrink_runs": shrunk.runs, "faults": len(shrunk.plan.faults),
        "writes": len(shrunk.plan.writes), "replay": replay_line(shrunk.plan, one.plant),
    }  # fmt: skip


# ---------------------------------------------------------------------- exploring


def _explore(minutes: float, seed: int, people: int, workers: int, out: Path, as_json: bool) -> int:
    from communicator_simulations.faults.fuzzing import explore, known_of
    from communicator_simulations.faults.shrinking import shrink

    errors, began = Console(stderr=True), time.monotonic()
    keep = out / f"seed-{seed}-people-{people}.json"
    before = known_of(keep, seed, people)
    try:
        with errors.status("drawing plans") as status:
            explored, failure = explore(
                before, 60 * minutes, workers, keep, lambda known: status.update(_figures(known, before, began))
            )
            if failure is not None:
                status.update(f"shrinking plan {failure.number}")
                shrunk = None if failure.finding.judge == "validity" else shrink(failure.plan, failure.finding)
    except KeyboardInterrupt:
        errors.print(f"communicator: stopped; what was done is in {keep}. The same command goes on.", highlight=False)
        return 130
    rest = None if failure is None else failure.plan if shrunk is None else shrunk.plan
    if as_json:
        print(json.dumps(_explored_plainly(explored, failure and failure.number, rest)))
    else:
        print(_figures(explored, before, began))
        met = explored.tried.met
        print("faults that met something: " + ", ".join(f"{name} {met[name]:,}" for name in sorted(met)))
    if failure is None or rest is None:
        print("" if as_json else "nothing is wrong", end="" if as_json else "\n")
        return 0
    if not as_json:
        finding = failure.finding if shrunk is None else shrunk.finding
        print(f"plan {failure.number}: {_said(finding)}")
        print("".join(f"  {fault.line}\n" for fault in rest.faults) + replay_line(rest))
    return 1


def _figures(known: "Explored", before: "Explored", began: float) -> str:
    """Say how much was explored, and how fast: hours by the clock on the wall, person-days by that of the processor."""
    tried, passed_s = known.tried, max(time.monotonic() - began, 1e-9)
    hours = (tried.hours - before.tried.hours) / passed_s
    rate = tried.person_days / max(tried.cpu_s, 1e-9)
    return (
        f"seed {known.seed}: {tried.plans:,} plans, {sum(tried.faults.values()):,} faults, "
        f"{tried.messages:,} messages, {tried.person_days:,.0f} person-days; {hours:,.0f} simulated hours a second, "
        f"{rate:,.0f} person-days a second and core"
    )


def _explored_plainly(explored: "Explored", number: int | None, rest: "FaultPlan | None") -> dict[str, object]:
    tried = explored.tried
    return {
        "seed": explored.seed, "people": explored.people, "plans": tried.plans, "person_days": tried.person_days,
        "calm_person_days": tried.calm_days, "hours": tried.hours, "messages": tried.messages, "events": tried.events,
        "cpu_s": round(tried.cpu_s, 2), "person_days_per_core_second": tried.person_days / max(tried.cpu_s, 1e-9),
        "faults": tried.faults, "met": tried.met, "failed": number, "replay": rest and replay_line(rest),
    }  # fmt: skip
