"""One population whose traffic adversaries look at: data, terms, and the views of one run.

Rules:

1. The scenario decides people, services, weather and terms, as in every study; here a run is watched, not judged.
2. Runs that are compared share people, phones and draws, except for what is compared.
3. `always` puts phones on line day and night: then a receipt that is not held back follows at once.
"""

import gc
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones, Schedule
from communicator_simulations.adversaries.traffic import Traffic, Watch
from communicator_simulations.logs import parts
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, simulate
from communicator_simulations.scenario import Scenario
from communicator_spec import Row

__all__ = ["ALWAYS", "Watched", "always_on", "kept", "watched", "with_delay", "with_receipts"]

ALWAYS: Final = Schedule.of([(0, 86_400)])
_PART: Final = 50_000


class Watched(NamedTuple):
    """What was on record in one run; `messages` is how many people wrote."""

    traffic: Traffic
    messages: int


def watched(scenario: Scenario, seed: int, supplies: Supplies, policy: str, fault: FaultKind = FaultKind.NONE,
            replication: int = 0) -> Watched:  # fmt: skip
    """Run one policy of a scenario on the population model, and keep what views are made of."""
    watch, log = Watch(), list[Row]()

    def drain(at_least: int = _PART) -> None:
        if len(log) >= at_least:
            watch.read(log)
            log.clear()

    key = RunKey(policy, fault, replication)
    gc.disable()  # as in `runs.run`
    try:
        simulate(scenario, seed, supplies, key, model_fidelity(scenario.profile), 1, log, drain).world.dismantle()
        drain(0)
    finally:
        gc.enable()
    return Watched(watch.traffic(), supplies.trace.messages)


def kept(path: Path) -> Traffic:
    """Return what views are made of from an event log that was kept (`--events`), at whatever fidelity it was made."""
    watch = Watch()
    for rows in parts(path):
        watch.read(rows)
    return watch.traffic()


def always_on(supplies: Supplies) -> Supplies:
    """Return the same messages with phones that are never off line."""
    return Supplies(supplies.trace, Phones("always on line", "always", (ALWAYS,)))


def with_receipts(scenario: Scenario, policy: str, least_h: float, most_h: float) -> Scenario:
    """Return the scenario with receipts of one policy held back for so long."""
    changed = tuple(
        msgspec.structs.replace(p, receipt_delay_min_h=least_h, receipt_delay_max_h=most_h) if p.name == policy else p
        for p in scenario.policy
    )
    return msgspec.structs.replace(scenario, policy=changed)


def with_delay(scenario: Scenario, mean_ms: int) -> Scenario:
    """Return the scenario with an exponential delay at sending services, beside that of the network."""
    weather = msgspec.structs.replace(scenario.weather, delay_mean_ms=scenario.weather.delay_mean_ms + mean_ms)
    return msgspec.structs.replace(scenario, weather=weather)
