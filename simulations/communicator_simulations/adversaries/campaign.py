"""All runs of an experiment with adversaries, on any number of workers, with the same rows as result."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from communicator_simulations.adversaries.experiment import Arm, Experiment, Found, Row, play, pooled, rows_of, worlds
from communicator_simulations.runs import Supplies
from communicator_simulations.sweep import Plan, supplies_for
from communicator_simulations.workers import finished

__all__ = ["Campaign", "campaign"]

_Job = tuple[int, tuple[Arm, ...]]


class Campaign(NamedTuple):
    """The tables of an experiment: `attacks` and `costs` a row for each arm and replication, `targets` pooled."""

    attacks: list[Row]
    costs: list[Row]
    targets: list[Row]


def campaign(experiment: Experiment, plan: Plan, workers: int, progress: Callable[[int, int], None]) -> Campaign:
    """Run every world of the experiment in every replication of the plan, and ask all questions."""
    rounds = range(plan.scenario.study.replications)
    jobs: list[_Job] = [(replication, arms) for replication in rounds for arms in worlds(experiment)]
    done: dict[_Job, list[Found]] = {}
    progress(0, len(jobs))
    for job, found in finished(partial(_one, experiment, plan), jobs, workers):
        done[job] = found
        progress(len(done), len(jobs))
    order = {arm.name: number for number, arm in enumerate(experiment.arm)}
    every = sorted((one for job in jobs for one in done[job]), key=lambda one: (one.replication, order[one.arm]))
    attacks, costs = rows_of(every)
    return Campaign(attacks, costs, pooled(every, plan.seed, same_people=_same_people(plan)))


def _one(experiment: Experiment, plan: Plan, job: _Job) -> list[Found]:
    replication, arms = job
    return play(experiment, plan.scenario, plan.seed, _supplies(plan, replication), arms, replication)


@lru_cache(maxsize=1)
def _supplies(plan: Plan, replication: int) -> Supplies:
    """Load the data of one replication once for the worlds that follow each other."""
    return supplies_for(plan, replication)


def _same_people(plan: Plan) -> bool:
    """Tell whether a person of one replication is the same in the next: those of a file, if no other are drawn."""
    drawn: Sequence[str] = plan.scenario.study.resamples
    return plan.sources.trace is not None and not {"graph", "window"} & set(drawn)
