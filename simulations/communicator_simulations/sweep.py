"""All runs of a study, on any number of workers, resumable, with the same bytes as result.

Every finished run is kept as one file in a work folder that is named after what decides it (scenario, seed, data,
code), so that an interrupted study goes on where it stopped. Results are read back in the order of their keys, never
in the order in which they finished: the number of workers leaves no trace.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from communicator_model.draws import stream, subseed
from communicator_model.faults import FaultKind
from communicator_model.formats import open_trace
from communicator_model.phones import Phones, find_phones
from communicator_model.synthetic import synthesise
from communicator_model.traces import Trace, find_trace
from communicator_simulations.runs import Run, RunKey, Supplies, run
from communicator_simulations.scenario import Drawn, Scenario, ScenarioError
from communicator_simulations.workers import finished
from communicator_spec.monitors import Violation
from communicator_spec.nodes import Fidelity

__all__ = ["Plan", "Sources", "Stored", "Sweep", "describe_trace", "plan", "repeated", "stored", "supplies_for"]

Progress = Callable[[int, int], None]
"""(runs finished, runs in all)."""


class Sources(NamedTuple):
    """Where the data come from; None: synthetic."""

    trace: Path | None
    phones: Path | None


class Plan(NamedTuple):
    """A study, ready to run."""

    scenario: Scenario
    seed: int
    sources: Sources
    keys: tuple[RunKey, ...]


class Stored(msgspec.Struct, frozen=True):
    """A finished run as it is kept in the work folder."""

    policy: str
    fault: str
    replication: int
    row: dict[str, int | float]
    latency: list[tuple[int, float]]
    cutover: list[tuple[int, float, float]]
    load: list[tuple[int, str, int, int]]
    violations: list[tuple[str, int, str, list[tuple[int, ...]]]]
    events: int
    fired: dict[str, int]


def plan(scenario: Scenario, seed: int, trace: Path | None, phones: Path | None, *, synthetic: bool = False,
         policies: Sequence[str] = (), faults: Sequence[str] = ()) -> Plan:  # fmt: skip
    """Find the data and lay out the runs: every policy under every fault, in every replication.

    Raises `ScenarioError` for a policy or fault that there is not, `DataError` for data that is named but missing.
    """
    if scenario.workload is not None and trace is not None:
        raise ScenarioError("--trace contradicts [workload] of the scenario, which makes its messages")
    found = None if scenario.workload is not None else find_trace(trace)
    sources = Sources(None, None) if synthetic else Sources(found, find_phones(phones))
    chosen = _choose([p.name for p in scenario.policy], policies or scenario.study.policies, "policy")
    kinds = [FaultKind(f) for f in _choose([f.value for f in scenario.study.faults], faults, "fault")]
    rounds = range(scenario.study.replications)
    return Plan(scenario, seed, sources, tuple(RunKey(p, f, r) for r in rounds for f in kinds for p in chosen))


def repeated(plan: Plan, replications: int) -> Plan:
    """Return the plan with every run repeated so many times; those that it had are the first of them."""
    scenario = plan.scenario
    study = msgspec.structs.replace(scenario.study, replications=replications)
    once = dict.fromkeys(key._replace(replication=0) for key in plan.keys)
    keys = tuple(key._replace(replication=r) for r in range(replications) for key in once)
    return plan._replace(scenario=msgspec.structs.replace(scenario, study=study), keys=keys)


def _choose(known: list[str], wanted: Sequence[str], what: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise ScenarioError(f"no {what} {name!r} in this scenario; there are: {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


def supplies_for(plan: Plan, replication: int) -> Supplies:
    """Load or make the data of one replication."""
    scenario, sources, study = plan.scenario, plan.sources, plan.scenario.study

    def seed(drawn: Drawn) -> int:
        return subseed(plan.seed, scenario.name, "data", study.round_of(drawn, replication))

    def draw(drawn: Drawn) -> float | None:
        again = stream(subseed(plan.seed, scenario.name, "data"), drawn)
        return again(replication, 0) if drawn in study.resamples else None

    phones = Phones.synthetic(seed("devices")) if sources.phones is None else Phones.load(sources.phones)
    if scenario.devices is not None:
        phones = scenario.devices.phones(phones, sources.phones, seed("devices"))
    if scenario.workload is not None:
        people = scenario.people
        return Supplies(scenario.workload.trace(people.count, people.days, seed("graph"), seed("messages")), phones)
    trace = synthesise(seed("messages")) if sources.trace is None else open_trace(sources.trace)
    count, days = scenario.people.count or None, scenario.people.days or None
    if count or days:
        trace = trace.restrict(count, days, window=draw("window"), circle=draw("graph"))
    return Supplies(trace, phones)


class Sweep:
    """Runs a plan, keeping every finished run in `folder`."""

    def __init__(self, plan: Plan, folder: Path, fidelity: Fidelity, fidelity_name: str, version: str) -> None:
        self._plan = plan
        self._fidelity = fidelity
        self._folder = folder / self._name(fidelity_name, version)

    def _name(self, fidelity_name: str, version: str) -> str:
        first, scenario = supplies_for(self._plan, 0), self._plan.scenario
        study = msgspec.structs.replace(scenario.study, replications=1)  # more of them change none of the first
        decides = (
            msgspec.structs.replace(scenario, study=study),
            self._plan.seed,
            first.trace.digest,
            first.phones.digest,
            fidelity_name,
            version,
        )
        return hashlib.sha256(msgspec.json.encode(decides)).hexdigest()[:16]

    def run(self, workers: int, progress: Progress) -> None:
        """Compute what is missing. Ctrl-C stops at once; finished runs stay."""
        self._folder.mkdir(parents=True, exist_ok=True)
        missing = [key for key in self._plan.keys if not self._path(key).exists()]
        done, total = len(self._plan.keys) - len(missing), len(self._plan.keys)
        progress(done, total)
        for _ in finished(self._compute, missing, workers):
            done += 1
            progress(done, total)

    def _compute(self, key: RunKey) -> None:
        self._store(key, _supplies(self._plan, key.replication))

    def _store(self, key: RunKey, supplies: Supplies) -> None:
        result = run(self._plan.scenario, self._plan.seed, supplies, key, self._fidelity)
        path = self._path(key)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.msgpack.encode(stored(result)))
        part.replace(path)

    def _path(self, key: RunKey) -> Path:
        return self._folder / f"{key.replication}-{key.fault.value}-{key.policy}.msgpack"

    def results(self) -> list[Stored]:
        """Return the finished runs in the order of the plan."""
        return [msgspec.msgpack.decode(self._path(key).read_bytes(), type=Stored) for key in self._plan.keys]

    def clear(self) -> None:
        """Remove the work folder of this plan."""
        for path in sorted(self._folder.glob("*")):
            path.unlink()
        self._folder.rmdir()


def stored(result: Run) -> Stored:
    """Return what is kept of a finished run."""
    key, measured = result.key, result.measured
    return Stored(
        key.policy, key.fault.value, key.replication, measured.row, measured.latency, measured.cutover,
        measured.load, [_plain(v) for v in result.violations], result.events, result.fired,
    )  # fmt: skip


def _plain(violation: Violation) -> tuple[str, int, str, list[tuple[int, ...]]]:
    rows = [tuple(map(int, event)) for event in violation.events]
    return violation.invariant, violation.t_ms, violation.detail, rows


@lru_cache(maxsize=1)
def _supplies(plan: Plan, replication: int) -> Supplies:
    """Load the data of one replication once for the runs that follow each other."""
    return supplies_for(plan, replication)


def describe_trace(trace: Trace) -> dict[str, object]:
    """Return what a reader needs to recognise a trace."""
    return {
        "name": trace.name,
        "sha256": trace.digest,
        "people": trace.people,
        "messages": trace.messages,
        "pairs": len(trace.pairs()),
        "days": round(trace.duration_ms / 86_400_000, 2),
        **({"dropped": dict(trace.dropped)} if trace.dropped else {}),
    }
