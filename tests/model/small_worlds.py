"""Worlds of a few people on the population model, with calm weather unless a test asks for worse.

Ann uses the services 0 and 1 to receive and 2 and 3 to send; Bob 2 and 3 to receive, 4 and 5 to send.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from communicator_model.faults import Conditions, Fault, FaultKind, Weather
from communicator_model.lines import world_type
from communicator_model.nodes import ModelNodes
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_model.services import CALM as CALM_SERVICES
from communicator_model.services import Services
from communicator_model.traces import Trace
from communicator_model.world import World
from communicator_spec import Event, Kind, Row, Terms
from communicator_spec.nodes import Nodes, Reach
from communicator_spec.terms import standard_terms

__all__ = [
    "ALWAYS",
    "ANN",
    "BOB",
    "CALM",
    "DAY_MS",
    "HOUR_MS",
    "PEOPLE",
    "TERMS",
    "Finished",
    "fault_of",
    "live",
    "only",
]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
ANN, BOB = 0, 1
PROVIDERS: Final = 6
TERMS: Final = standard_terms()
ALWAYS: Final = Schedule.of([(0, 86_400)])
PEOPLE: Final = (Person(ANN, (0, 1), (2, 3), (4, 5), 0), Person(BOB, (2, 3), (4, 5), (0, 1), 1))
CALM: Final = Weather(
    delay_min_ms=50,
    delay_mean_ms=300,
    loss=0.0,
    push_ms=1000,
    fetch_spread_ms=0,
    outage_every_ms=0,
    outage_mean_ms=0,
    stranger_every_ms=0,
    refusal_share=0.0,
    refusal_mean_ms=0,
)


class Finished(NamedTuple):
    """A world that has run to its horizon."""

    world: World
    log: list[Row]


def fault_of(kind: FaultKind = FaultKind.NONE, provider: int = 2, at_ms: int = 0, lasts_ms: int = 0) -> Fault:
    """Return a fault to which everybody reacts within an hour."""
    return Fault(kind, provider, at_ms, lasts_ms, lasts_ms, HOUR_MS // 4, HOUR_MS)


def nodes(providers: int, terms: Terms, reach: Reach, receipt_draw: Callable[[int, int], float],
          emit: Callable[[Row], None]) -> Nodes:  # fmt: skip
    """Build the population model's nodes."""
    return ModelNodes(providers, 256, False, terms, reach, receipt_draw, emit)


def live(
    messages: Sequence[tuple[int, int, int]],
    *,
    weather: Weather = CALM,
    fault: Fault | None = None,
    services: Services = CALM_SERVICES,
    phones: Sequence[Schedule] = (ALWAYS, ALWAYS),
    people: Sequence[Person] = PEOPLE,
    providers: int = PROVIDERS,
    horizon_ms: int = DAY_MS,
    seed: int = 1,
    **changes: int | bool,
) -> Finished:
    """Run a world in which people write (second, sender, receiver); `changes` are to the standard's terms."""
    time_s, sender, receiver = (np.array(column, dtype=np.int64) for column in zip(*messages, strict=True))
    trace = Trace.of("by hand", "", time_s, sender, receiver)
    log: list[Row] = []
    terms = msgspec.structs.replace(TERMS, **changes)
    conditions = Conditions(seed, fault or fault_of(), weather, horizon_ms, services)
    world = world_type(conditions)(trace, people, phones, providers, terms, conditions, nodes, log)
    world.run()
    return Finished(world, log)


def only(log: Sequence[Row], kind: Kind, **columns: int) -> list[Event]:
    """Return the events of one kind, in order; `columns` choose among them."""
    found = [Event(*row) for row in log if row[1] == kind]
    return [event for event in found if all(getattr(event, name) == value for name, value in columns.items())]
