"""The main job: everything that a report is drawn from, computed once.

1. the published vectors and scripts, played against the reference implementation
2. the scenario: every policy under every fault, judged by the invariants
3. the linkage games: what each role can tell from what it sees
4. the knowledge table and the digests that belong to it
5. the report, drawn from the files alone

Cost: nearly all of it is step 2, which is resumable; the others take seconds.
"""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, cast

import polars as pl

from communicator_conformance import Verdict
from communicator_conformance import run as run_vectors
from communicator_reports.building import building, work_folder
from communicator_reports.progress import Steps
from communicator_reports.report import draw
from communicator_reports.simulation import Simulation, simulate_into
from communicator_reports.wishes import Wish, plan_of
from communicator_simulations.linkage import play
from communicator_simulations.results import write_json
from communicator_simulations.sweep import Plan
from communicator_spec.views import KNOWLEDGE, Relation

__all__ = ["QUICK", "Study", "run_study"]

QUICK: Final[dict[str, int | float]] = {"people": 120, "days": 20.0, "replications": 2}
"""What `--quick` asks for where nothing else was asked for: a look, not a result."""

_GAME_ROUNDS: Final = 9
_GAME_ROUNDS_QUICK: Final = 3


class Study(NamedTuple):
    """A finished study."""

    out: Path
    verdict: Verdict
    summary: dict[str, object]

    @property
    def ok(self) -> bool:
        """Whether every vector passed and every invariant held."""
        rows = cast(list[dict[str, object]], self.summary["invariants"])
        return self.verdict.ok and not any(row["violations"] for row in rows)


def run_study(wish: Wish, out: Path, workers: int, steps: Steps, *, quick: bool) -> Study:
    """Run everything and put the report at `out`; nothing is there before it is complete."""
    wanted = _quick(wish) if quick else wish
    plan = plan_of(wanted)
    with building(out) as folder:
        verdict = _vectors(folder / "vectors", steps)  # 1
        command = ["study", *wish.words(), *["--quick"] * quick]
        done = simulate_into(folder, wanted, plan, work_folder(out), workers, steps, command)  # 2
        _games(folder, plan, workers, steps, quick)  # 3
        write_json(folder / "knowledge.json", knowledge())  # 4
        with steps.step("drawing the report") as update:
            draw(folder, update)  # 5
    _clear(done, out)
    return Study(out, verdict, done.summary)


def _quick(wish: Wish) -> Wish:
    people = int(QUICK["people"]) if wish.people is None else wish.people
    days = QUICK["days"] if wish.days is None else wish.days
    replications = int(QUICK["replications"]) if wish.replications is None else wish.replications
    return replace(wish, people=people, days=days, replications=replications)


def _vectors(folder: Path, steps: Steps) -> Verdict:
    with steps.step("playing the vectors"):
        verdict = run_vectors(["reference"], out=folder)
    return verdict


def _games(folder: Path, plan: Plan, workers: int, steps: Steps, quick: bool) -> None:
    with steps.step("playing the linkage games") as update:
        rows = [_finite(row) for row in play(plan.seed, _GAME_ROUNDS_QUICK if quick else _GAME_ROUNDS, workers, update)]
    pl.DataFrame(rows).write_parquet(folder / "linkage.parquet")
    write_json(folder / "linkage.json", rows)


def _finite(row: dict[str, object]) -> dict[str, object]:
    """Write what could not be measured as null, which is all that JSON has for it."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def knowledge() -> list[dict[str, object]]:
    """Return the knowledge table as data: party, what it may learn and must not, clause."""
    return [
        {
            "party": " + ".join(row.party),
            "permitted": [r.value for r in Relation if r in row.permitted],
            "forbidden": [r.value for r in Relation if r in row.forbidden],
            "clauses": list(row.clauses),
        }
        for row in KNOWLEDGE
    ]


def _clear(done: Simulation, out: Path) -> None:
    """Drop the finished runs: the results hold what they said."""
    done.sweep.clear()
    work = work_folder(out)
    if work.is_dir() and not any(work.iterdir()):
        shutil.rmtree(work, ignore_errors=True)
