"""Small worlds for the tests of this folder: data made once, one run on each fidelity, and where two logs part.

`HARSH` squeezes years into two weeks: addresses expire, idle relationships announce, messages escalate and fail. Its
data are synthetic, so what occurs in it occurs on every machine. A run costs about 0.1 ms an event with the real cores,
and a thirtieth of that on the model.
"""

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.real import Parts, impl_fidelity
from communicator_simulations.runs import RunKey, Simulated, Supplies, model_fidelity, simulate
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_spec import Event, Kind, Monitors, Row, Violation

__all__ = [
    "DAY_MS",
    "HARSH",
    "HARSH_FILE",
    "SEED",
    "STORMY_FILE",
    "Parting",
    "by_cores",
    "by_model",
    "changed",
    "explain",
    "judge",
    "parting",
    "town",
]

DAY_MS: Final = 86_400_000
HARSH_FILE: Final = str(Path(__file__).with_name("harsh.toml"))
HARSH: Final = load_scenario(HARSH_FILE)
STORMY_FILE: Final = str(Path(__file__).with_name("stormy.toml"))
SEED: Final = 1


class Parting(NamedTuple):
    """Where two logs part: the row number, what each says there (None: it has ended), and the last they agree on."""

    number: int
    expected: Event | None
    found: Event | None
    before: Event | None

    @property
    def kinds(self) -> tuple[Kind | None, Kind | None]:
        """What kind of event was expected, and what kind came."""
        return _kind(self.expected), _kind(self.found)


@cache
def town(people: int, days: float) -> Supplies:
    """Return people who write, and phones, of the same synthetic make for every test."""
    return Supplies(synthesise(SEED).restrict(people, days), Phones.synthetic(SEED))


@cache
def by_model(scenario: Scenario, policy: str, fault: FaultKind, supplies: Supplies) -> Simulated:
    """Run one world on the population model."""
    return simulate(scenario, SEED, supplies, RunKey(policy, fault, 0), model_fidelity(scenario.profile))


def by_cores(scenario: Scenario, policy: str, fault: FaultKind, supplies: Supplies,
             parts: Parts | None = None) -> Simulated:  # fmt: skip
    """Run the same world on the real cores, or on mutants of them."""
    fidelity = impl_fidelity(scenario.profile, SEED, parts)
    return simulate(scenario, SEED, supplies, RunKey(policy, fault, 0), fidelity)


def judge(run: Simulated, *, tolerate_failed: bool = False) -> list[Violation]:
    """Return what the invariants find; with two services of each kind no message may fail, unless that is tolerated."""
    standby = run.terms.receiving_services >= 2 and run.terms.sending_services >= 2
    monitors = Monitors(run.terms, tolerate_failed=tolerate_failed or not standby, grace_ms=DAY_MS)
    monitors.feed_all(run.log)
    return monitors.finish(run.conditions.horizon_ms, run.log)


def parting(expected: list[Row], found: list[Row]) -> Parting | None:
    """Return where `found` parts from `expected`; None if it does not."""
    if expected == found:
        return None
    length = min(len(expected), len(found))
    index = next((i for i in range(length) if expected[i] != found[i]), length)
    return Parting(index, _row(expected, index), _row(found, index), _row(expected, index - 1))


def explain(where: Parting | None) -> str:
    """Say for a person where two logs part."""
    if where is None:
        return "the logs are equal"
    lines = (("after", where.before), ("the model says", where.expected), ("the cores say", where.found))
    return f"the logs part at row {where.number}\n" + "\n".join(f"  {who}: {_named(event)}" for who, event in lines)


def changed(scenario: Scenario, **changes: object) -> Scenario:
    """Return a scenario with some of its tables replaced."""
    return msgspec.structs.replace(scenario, **changes)


def _row(rows: list[Row], index: int) -> Event | None:
    return Event(*rows[index]) if 0 <= index < len(rows) else None


def _kind(event: Event | None) -> Kind | None:
    return None if event is None else Kind(event.kind)


def _named(event: Event | None) -> str:
    return "nothing more" if event is None else f"{Kind(event.kind).name} {event}"
