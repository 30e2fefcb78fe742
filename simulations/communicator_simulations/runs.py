"""One run: a policy under a fault, in one replication of a scenario, at one fidelity.

A run is a pure function of (scenario, data, key): it reads no clock and shares nothing with other runs, so that it may
be computed anywhere and in any order. What a replication resamples, beyond the weather, the scenario says
(`study.resamples`): which services each person uses, which phone each carries, which people and days of the trace; and
without a trace, a new synthetic population.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np

from communicator_model.draws import stream, subseed
from communicator_model.faults import Conditions, FaultKind
from communicator_model.lines import world_type
from communicator_model.nodes import ModelNodes
from communicator_model.phones import Absence, Interrupted, Phones, Schedule
from communicator_model.population import Person, Population
from communicator_model.services import CALM
from communicator_model.traces import Trace
from communicator_model.world import World
from communicator_simulations.gauges import Away, Gauge, Mixture, Struck, Surge
from communicator_simulations.logs import Basis, EventLog
from communicator_simulations.metrics import Measured, Reader, measured
from communicator_simulations.scenario import Scenario, ScenarioError
from communicator_spec import Row, Terms
from communicator_spec.invariants import Monitors
from communicator_spec.monitors import Violation, recall
from communicator_spec.nodes import Fidelity, Nodes, Reach
from communicator_spec.parameters import PARAMETERS

__all__ = ["Prepared", "Run", "RunKey", "Supplies", "model_fidelity", "prepare", "record", "run", "simulate"]


_PART: Final = 1 << 15
"""How many rows of a log wait for their readers."""

_DAY_MS: Final = 86_400_000


class RunKey(NamedTuple):
    """Which run of a study."""

    policy: str
    fault: FaultKind
    replication: int


class Supplies(NamedTuple):
    """The data of one replication."""

    trace: Trace
    phones: Phones


class Run(NamedTuple):
    """What one run leaves behind."""

    key: RunKey
    measured: Measured
    violations: list[Violation]
    events: int
    fired: dict[str, int]


class Simulated(NamedTuple):
    """A finished world: its log, and what it was made of."""

    log: list[Row]
    world: World
    people: list[Person]
    terms: Terms
    conditions: Conditions


@dataclass(frozen=True)
class _ModelFidelity:
    """Builds the population model's nodes, in whatever process it is called."""

    profile: str
    others: Mapping[int, Terms] = field(default_factory=dict)

    def mixed(self, others: Mapping[int, Terms]) -> Fidelity:
        """Return the same with people on other terms."""
        return replace(self, others=others)

    def __call__(
        self,
        providers: int,
        terms: Terms,
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> Nodes:
        window, remembers = PARAMETERS.address.label_window, self.profile == "two-layer/1"
        return ModelNodes(providers, window, remembers, terms, reach, receipt_draw, emit, self.others)


@runtime_checkable
class Mixable(Protocol):
    """A fidelity that can have people on different terms."""

    def mixed(self, others: Mapping[int, Terms]) -> Fidelity:
        """Return the same with these people on terms of their own."""


def model_fidelity(profile: str) -> Fidelity:
    """Return the fidelity that runs the population model, for one address profile."""
    return _ModelFidelity(profile)


class Prepared(NamedTuple):
    """What a world is made of, beside the data."""

    people: list[Person]
    terms: Terms
    conditions: Conditions
    schedules: tuple[Schedule, ...]
    trace: Trace
    absences: dict[int, Absence]
    absence: Absence | None
    others: dict[int, Terms]


def prepare(scenario: Scenario, seed: int, supplies: Supplies, key: RunKey) -> Prepared:
    """Draw people and conditions of one run; policies and faults of one replication share every draw."""

    def seed_of(replication: int) -> int:
        return subseed(seed, scenario.name, "replication", replication)

    study, own_seed = scenario.study, seed_of(key.replication)
    terms = next(p for p in scenario.policy if p.name == key.policy).terms(scenario.profile)
    people = Population.draw(
        seed_of(study.round_of("services", key.replication)),
        phone_seed=seed_of(study.round_of("devices", key.replication)),
        people=supplies.trace.people,
        providers=scenario.people.providers,
        receiving=max(2, terms.receiving_services),
        sending=max(2, terms.sending_services),
        zipf_s=scenario.people.zipf,
        phones=len(supplies.phones),
    ).people()
    conditions = scenario.conditions(own_seed, key.fault, int(supplies.trace.duration_ms))
    schedules, trace = supplies.phones.schedules, supplies.trace
    others = _others(scenario, own_seed, people)
    if scenario.absence is None:
        return Prepared(people, terms, conditions, schedules, trace, {}, None, others)
    from_ms = conditions.fault.at_ms
    absence = Absence(from_ms, from_ms + round(scenario.absence.away_d * _DAY_MS))
    draw = stream(own_seed, "absence")
    away = dict.fromkeys((n for n in range(len(people)) if draw(n, 0) < scenario.absence.share), absence)
    phones = [Interrupted.by(schedules[people[number].phone], absence) for number in away]
    for phone, number in enumerate(away, start=len(schedules)):
        people[number] = replace(people[number], phone=phone)
    there = _of_those_there(trace, away)
    return Prepared(people, terms, conditions, (*schedules, *phones), there, away, absence, others)


def _others(scenario: Scenario, seed: int, people: list[Person]) -> dict[int, Terms]:
    """Return the terms of those who do what another policy says, and let them use as many services as it says.

    A larger share has the same people and more.
    """
    table = scenario.others
    if table is None:
        return {}
    terms = next(p for p in scenario.policy if p.name == table.policy).terms(scenario.profile)
    draw, m, n = stream(seed, "others"), terms.receiving_services, terms.sending_services
    found = {person.number: terms for person in people if draw(person.number, 0) < table.share}
    for number in found:
        person = people[number]
        spares = tuple(dict.fromkeys((*person.receiving[m:], *person.spares)))
        people[number] = replace(person, receiving=person.receiving[:m], sending=person.sending[:n], spares=spares)
    return found


def _of_those_there(trace: Trace, away: dict[int, Absence]) -> Trace:
    """Return the messages without those of people who are away: nobody writes without a device."""
    t_ms, sender = trace.t_ms, trace.sender
    writes = np.ones(trace.messages, dtype=np.bool_)
    for person, absence in away.items():
        writes &= (sender != person) | (t_ms < absence.from_ms) | (t_ms >= absence.until_ms)
    return trace.only(writes)


def simulate(scenario: Scenario, seed: int, supplies: Supplies, key: RunKey, fidelity: Fidelity, contexts: int = 1,
             log: list[Row] | None = None, drain: Callable[[], object] = lambda: None) -> Simulated:  # fmt: skip
    """Run one world to its horizon and return its log.

    `seed` is the study's. `contexts` is how many relationships each pair of people keeps. Rows go to `log`, if somebody
    wants to see them as they come; `drain` is called from time to time, and may take them out.
    """
    prepared = prepare(scenario, seed, supplies, key)
    people, terms, conditions, *_ = prepared
    log = [] if log is None else log
    return Simulated(log, _simulated(scenario, prepared, fidelity, log, drain, contexts), people, terms, conditions)


def _simulated(scenario: Scenario, prepared: Prepared, fidelity: Fidelity, log: list[Row], drain: Callable[[], object],
               contexts: int = 1) -> World:  # fmt: skip
    people, terms, conditions, schedules, trace, *_ = prepared
    providers = scenario.people.providers
    if prepared.others:
        if not isinstance(fidelity, Mixable):
            raise ScenarioError("[others]: this fidelity has no people on terms of their own")
        fidelity = fidelity.mixed(prepared.others)
    world = world_type(conditions)(trace, people, schedules, providers, terms, conditions, fidelity, log, contexts)
    world.run(drain)
    return world


def run(scenario: Scenario, seed: int, supplies: Supplies, key: RunKey, fidelity: Fidelity,
        also: Callable[[list[Row]], object] = lambda rows: None) -> Run:  # fmt: skip
    """Run, judge and measure, a part of the log at a time; `also` reads each part, too."""
    prepared = prepare(scenario, seed, supplies, key)
    people, terms, conditions = prepared[:3]
    must, grace_ms = _must_deliver(prepared), _grace_ms(prepared)
    monitors = Monitors(terms, tolerate_failed=not must, grace_ms=grace_ms, live=False)
    gauges = _gauges(scenario, prepared)
    exposed = frozenset(p.number for p in people if p.receiving[0] == conditions.fault.provider)
    reader = Reader(conditions.fault.at_ms, conditions.horizon_ms, exposed)
    log: list[Row] = []
    events = 0

    def read(at_least: int = _PART) -> None:
        nonlocal events
        if len(log) < at_least:
            return
        events += len(log)
        monitors.feed_all(log)
        reader.read(log)
        for gauge in gauges:
            gauge.read(log)
        also(log)
        log.clear()

    # A run allocates millions of small tuples and makes no cycles: the cyclic collector would take half of the time.
    gc.disable()
    try:
        world = _simulated(scenario, prepared, fidelity, log, read)
        read(0)
        violations = monitors.finish(conditions.horizon_ms)
        if any(violation.earlier for violation in violations):  # only a broken run is run again
            violations = recall(violations, simulate(scenario, seed, supplies, key, fidelity).log)
        figures = measured(reader, PARAMETERS.envelope.request_bytes_max)
        figures.row["violations"] = len(violations)
        for gauge in gauges:
            figures.row |= gauge.row(reader)
        result = Run(key, figures, violations, events, dict(world.fired))
        world.dismantle()
        return result
    finally:
        gc.enable()


def record(path: Path, scenario: Scenario, seed: int, supplies: Supplies, key: RunKey, fidelity: Fidelity) -> None:
    """Run one world and keep its event log as a Parquet file, which is written while it runs."""
    prepared = prepare(scenario, seed, supplies, key)
    rows: list[Row] = []
    basis = Basis(prepared.terms, not _must_deliver(prepared), _grace_ms(prepared), prepared.conditions.horizon_ms)
    with EventLog(path, basis) as log:

        def write(at_least: int = _PART) -> None:
            if len(rows) >= at_least:
                log.write(rows)
                rows.clear()

        _simulated(scenario, prepared, fidelity, rows, write).dismantle()
        write(0)


def _gauges(scenario: Scenario, prepared: Prepared) -> list[Gauge]:
    fault, horizon_ms = prepared.conditions.fault, prepared.conditions.horizon_ms
    named: dict[str, Gauge] = {"struck": Struck(fault, horizon_ms), "surge": Surge(fault)}
    gauges = [named[name] for name in scenario.study.gauges]
    gauges += [] if prepared.absence is None else [Away(prepared.absences, prepared.absence)]
    return gauges if scenario.others is None else [*gauges, Mixture(prepared.others.keys())]


def _must_deliver(prepared: Prepared) -> bool:
    """With a standby service nothing may be lost under any fault of one provider, not even with a notice.

    Unless somebody is away for longer than a message lives or has no standby, or more befalls services than one fault
    of one provider.
    """
    terms, alone = prepared.terms, prepared.conditions.services == CALM
    if prepared.absence is not None or prepared.others:
        return False
    return terms.receiving_services >= 2 and terms.sending_services >= 2 and alone


def _grace_ms(prepared: Prepared) -> int:
    """Return how much longer than its lifetime a message may be pending: a device fails it when it is back on line."""
    return _DAY_MS + (prepared.absence.until_ms - prepared.absence.from_ms if prepared.absence else 0)
