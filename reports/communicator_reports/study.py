"""The main job: everything that a report is drawn from, computed once.

1. the published vectors and scripts, played against the reference implementation
2. the scenario: every policy under every fault, judged by the invariants
3. the linkage games: what each role can tell from what it sees
4. the knowledge table and the digests that belong to it
5. one small run, whose event log is kept to be looked into
6. the report, drawn from the files alone

The study's file says which of these there are, and how often (`studies`).

Cost: nearly all of it is step 2, which is resumable; the others take seconds.
"""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import polars as pl

from communicator_conformance import Verdict
from communicator_conformance import run as run_vectors
from communicator_model.faults import FaultKind
from communicator_reports.building import building, work_folder
from communicator_reports.claims import Judged, contradicted
from communicator_reports.findings import KEPT
from communicator_reports.progress import Steps
from communicator_reports.report import RESULTS, draw
from communicator_reports.results_file import decode
from communicator_reports.simulation import Simulation, simulate_into
from communicator_reports.studies import Quick, Study, copy_study, find_study, load_study, usual_study
from communicator_reports.wishes import Wish, plan_of
from communicator_simulations.linkage import play
from communicator_simulations.results import write_json
from communicator_simulations.runs import RunKey, model_fidelity, record
from communicator_simulations.sweep import Plan, supplies_for
from communicator_spec.views import KNOWLEDGE, Relation

__all__ = ["Done", "run_study"]


class Done(NamedTuple):
    """A finished study; without vectors there is no verdict."""

    out: Path
    verdict: Verdict | None
    claims: tuple[Judged, ...]
    summary: dict[str, object]

    @property
    def ok(self) -> bool:
        """Whether every vector passed and every invariant held, and no claim is contradicted."""
        rows = cast(list[dict[str, object]], self.summary["invariants"])
        return (
            (self.verdict is None or self.verdict.ok)
            and not any(row["violations"] for row in rows)
            and not contradicted(self.claims)
        )


def run_study(wish: Wish, out: Path, workers: int, steps: Steps, *, quick: bool) -> Done:
    """Run everything and put the report at `out`; nothing is there before it is complete.

    `wish.scenario` names a study, or a scenario that is told in the words of the usual one.
    """
    found = find_study(wish.scenario)
    source = found or usual_study()
    study, _ = load_study(source)
    wanted = _quick(wish, study.quick) if quick else wish
    plan = plan_of(replace(wanted, scenario=study.scenario) if found else wanted)
    with building(out) as folder:
        copy_study(source, folder)
        verdict = _vectors(study.vectors, folder / "vectors", steps) if study.vectors else None  # 1
        command = ["study", *wish.words(), *["--quick"] * quick]
        done = simulate_into(folder, wanted, plan, work_folder(out), workers, steps, command)  # 2
        rounds = study.quick.game_rounds if quick else study.game_rounds
        if study.game_rounds:
            _games(folder, plan, workers, steps, rounds)  # 3
        if study.knowledge:
            write_json(folder / "knowledge.json", knowledge())  # 4
        if study.kept and study.kept.policy in [policy.name for policy in plan.scenario.policy]:
            _keep(folder, wanted, study, plan, steps)  # 5
        with steps.step("drawing the report") as update:
            draw(folder, update)  # 6
        claims = decode((folder / RESULTS).read_bytes()).claims
    _clear(done, out)
    return Done(out, verdict, claims, done.summary)


def _keep(folder: Path, wish: Wish, study: Study, plan: Plan, steps: Steps) -> None:
    """Run a part of the study once more, small, and keep its log; the fault has the part's own place in time."""
    kept = study.kept
    assert kept is not None
    people = kept.people if wish.people is None else min(kept.people, wish.people)
    days = kept.days if wish.days is None else min(kept.days, wish.days)
    scenario = plan.scenario
    size = msgspec.structs.replace(scenario.people, count=people, days=days)
    small = plan._replace(scenario=msgspec.structs.replace(scenario, people=size))
    key = RunKey(kept.policy, FaultKind(kept.fault), 0)
    with steps.step("keeping a small run"):
        fidelity = model_fidelity(scenario.profile)
        record(folder / KEPT, small.scenario, plan.seed, supplies_for(small, 0), key, fidelity)


def _quick(wish: Wish, size: Quick) -> Wish:
    people = size.people if wish.people is None else wish.people
    days = size.days if wish.days is None else wish.days
    replications = size.replications if wish.replications is None else wish.replications
    return replace(wish, people=people, days=days, replications=replications)


def _vectors(testee: str, folder: Path, steps: Steps) -> Verdict:
    with steps.step("playing the vectors"):
        verdict = run_vectors(testee.split(), out=folder)
    return verdict


def _games(folder: Path, plan: Plan, workers: int, steps: Steps, rounds: int) -> None:
    with steps.step("playing the linkage games") as update:
        rows = [_finite(row) for row in play(plan.seed, rounds, workers, update)]
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
