"""The runs of a sweep, each named by the hash of everything that decides its result.

Theory. A run is a pure function of scenario, data, code, seed and key. A name that is the hash of those says whether a
result is already there, in any folder, after any interruption, and however the sweep around it has grown since.

Rules:

1. What decides a run is hashed, and nothing else: of the policies only the run's own, no label, no number of
   replications. So a sweep over one policy's parameters runs each other policy once.
2. All points share their draws (common random numbers): people, phones, weather and faults of a replication are equal
   wherever their parameters are, and differences between points are taken pair by pair.
3. A run is computed only by the code and on the data that its name speaks of, wherever it is computed.
"""

import hashlib
import time
from collections.abc import Sequence
from functools import lru_cache
from platform import node
from typing import Final, NamedTuple

import msgspec

from communicator_simulations.runs import RunKey, Supplies, model_fidelity, run
from communicator_simulations.scenario import FAULTS, Scenario
from communicator_simulations.sources import source_digest
from communicator_simulations.sweep import Plan, Sources, stored, supplies_for
from communicator_simulations.sweeps.design import Point
from communicator_simulations.sweeps.store import FORMAT, SweepError, packed
from communicator_spec.nodes import Fidelity

__all__ = ["Computed", "Job", "Layout", "compute", "fidelity_named", "lay_out"]

_CACHED: Final = 4


class Job(NamedTuple):
    """One run, wherever it is done; `digests` are those of its messages and phones, `version` that of the code."""

    id: str
    scenario: Scenario
    seed: int
    sources: Sources
    key: RunKey
    fidelity: str
    digests: tuple[str, str]
    version: str


class Layout(NamedTuple):
    """A sweep, ready to run: for each point its jobs. Points may share jobs."""

    scenario: Scenario
    seed: int
    points: tuple[Point, ...]
    jobs: tuple[tuple[Job, ...], ...]

    @property
    def wanted(self) -> list[Job]:
        """All jobs, each once; those that share data follow each other."""
        once = {job.id: job for row in self.jobs for job in row}
        return sorted(once.values(), key=lambda job: job.key.replication)


class Computed(NamedTuple):
    """A finished job: the bytes of its file, and what it took."""

    data: bytes
    seconds: float


def lay_out(plan: Plan, points: Sequence[Point], fidelity: str) -> Layout:
    """Return the jobs of all points; the runs at each are those of the plan, on the plan's data.

    Loads or makes the data once, to know their digests. Raises `DataError` for data that cannot be used.
    """
    seeds = [plan.seed if point.scenario.study.seed == plan.scenario.study.seed else point.scenario.study.seed
             for point in points]  # fmt: skip
    rows = [
        tuple(_job(point.scenario, seed, plan.sources, key, fidelity) for key in plan.keys)
        for point, seed in zip(points, seeds, strict=True)
    ]
    return Layout(plan.scenario, plan.seed, tuple(points), tuple(rows))


def _job(scenario: Scenario, seed: int, sources: Sources, key: RunKey, fidelity: str) -> Job:
    bare = _bare(scenario, key.policy)
    found = _supplies(_of_data(bare), seed, sources, key.replication)
    digests = (found.trace.digest, found.phones.digest)
    version = source_digest()
    decides = (FORMAT, bare, seed, digests, key.policy, key.fault.value, key.replication, fidelity, version)
    name = hashlib.sha256(msgspec.json.encode(decides)).hexdigest()[:32]
    return Job(name, bare, seed, sources, key, fidelity, digests, version)


@lru_cache(maxsize=1024)
def _bare(scenario: Scenario, policy: str) -> Scenario:
    """Return the scenario without what changes nothing in a run of this policy."""
    replace = msgspec.structs.replace
    own = next(p for p in scenario.policy if p.name == policy)
    others = [p for p in scenario.policy if scenario.others is not None and p.name == scenario.others.policy != policy]
    study = replace(scenario.study, replications=1, seed=0, faults=FAULTS, policies=())
    return replace(
        scenario, question="", study=study, policy=tuple(replace(p, label="", description="") for p in (own, *others))
    )


@lru_cache(maxsize=1024)
def _of_data(scenario: Scenario) -> Scenario:
    """Return the scenario without what cannot change its data, so that points share them."""
    return msgspec.structs.replace(scenario, policy=(), weather=None, fault=None, services=None)


@lru_cache(maxsize=_CACHED)
def _supplies(scenario: Scenario, seed: int, sources: Sources, replication: int) -> Supplies:
    return supplies_for(Plan(scenario, seed, sources, ()), replication)


def compute(job: Job) -> Computed:
    """Run a job in this process.

    Raises `SweepError` if this machine's code or data are not those of the job.
    """
    if source_digest() != job.version:
        raise SweepError(f"the worker on {node()} has other sources of Communicator; install the same there")
    supplies = _supplies(_of_data(job.scenario), job.seed, job.sources, job.key.replication)
    if (supplies.trace.digest, supplies.phones.digest) != job.digests:
        names = " and ".join(str(path) for path in job.sources if path) or "synthetic data"
        raise SweepError(f"the worker on {node()} has other data: {names}; copy the same there, to the same path")
    fidelity = fidelity_named(job.fidelity, job.scenario.profile, job.seed)
    begun = time.perf_counter()
    result = run(job.scenario, job.seed, supplies, job.key, fidelity)
    return Computed(packed(job.id, stored(result)), time.perf_counter() - begun)


def fidelity_named(name: str, profile: str, seed: int) -> Fidelity:
    """Return what plays the roles: `model`, the population model, or `impl`, the real cores."""
    if name == "model":
        return model_fidelity(profile)
    from communicator_simulations.real import impl_fidelity  # the whole cryptography, only for this

    return impl_fidelity(profile, seed)
