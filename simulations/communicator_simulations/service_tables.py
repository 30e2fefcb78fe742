"""What a scenario file says of services: the table `[services]`, in the units in which one thinks.

    [[services.capacity]]        what they can take
    [[services.failing]]         crashes and repairs, again and again; `together`: a region
    [[services.strikes]]         what happens once: an outage, a death, a backup that is restored

Each entry has a name, by which a sweep finds it (`services.capacity.small.per_s`) and a run counts how often it came to
pass. `providers` empty or left out: all of them.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from communicator_model.laws import Family, LawError, law_of
from communicator_model.services import Capacity, Failing, Services, Strike, StrikeKind

__all__ = ["CapacityTable", "FailingTable", "ServicesTable", "StrikeTable", "complaints"]

_HOUR_MS = 3_600_000
_CHOICES = 10
"""How many providers a person would ever turn to: two and eight spares."""

Role = Literal["receiving", "sending", "both"]


class CapacityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What each of some services can take.

    `per_s`: requests a second. For a receiving service: how many wait at most before it refuses, after how long one may
    ask again, and how long those who ask wait for an answer.
    """

    name: str
    per_s: float
    providers: tuple[int, ...] = ()
    role: Role = "receiving"
    waiting_max: int = 1000
    retry_after_s: float = 60
    patience_s: float = 30


class FailingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Crashes and repairs: how long services are up and down, by laws with a mean and a shape (`laws.law_of`)."""

    name: str
    up_mean_h: float
    down_mean_h: float
    providers: tuple[int, ...] = ()
    role: Role = "both"
    together: bool = False
    up: Family = "exponential"
    up_shape: float = 1.0
    down: Family = "exponential"
    down_shape: float = 1.0


class StrikeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens once, at a share of the trace's duration; it lasts `lasts_h`.

    death: of providers, both services. restored: they come back with what they stored `age_h` before they went.
    """

    name: str
    what: StrikeKind
    at_share: float
    providers: tuple[int, ...] = ()
    role: Role = "both"
    lasts_h: float = 0.0
    age_h: float = 0.0


class ServicesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that a scenario says of services."""

    capacity: tuple[CapacityTable, ...] = ()
    failing: tuple[FailingTable, ...] = ()
    strikes: tuple[StrikeTable, ...] = ()

    def resolve(self, providers: int, duration_ms: int) -> Services:
        """Return the same for a run: services by number, and times in ms."""

        def capacity(t: CapacityTable) -> Capacity:
            retry_ms, patience_ms = round(1000 * t.retry_after_s), round(1000 * t.patience_s)
            return Capacity(t.name, _services(t, providers), round(1e6 / t.per_s), t.waiting_max, retry_ms, patience_ms)

        def failing(t: FailingTable) -> Failing:
            up = law_of(t.up, t.up_mean_h * _HOUR_MS, t.up_shape)
            down = law_of(t.down, t.down_mean_h * _HOUR_MS, t.down_shape)
            return Failing(t.name, _services(t, providers), t.together, up, down)

        def strike(t: StrikeTable) -> Strike:
            at_ms, age_ms = round(t.at_share * duration_ms), round(t.age_h * _HOUR_MS)
            lasts_ms = round(t.lasts_h * _HOUR_MS)
            return Strike(t.name, t.what, _services(t, providers), at_ms, lasts_ms, min(age_ms, at_ms))

        return Services(
            tuple(map(capacity, self.capacity)), tuple(map(failing, self.failing)), tuple(map(strike, self.strikes))
        )


def _services(table: CapacityTable | FailingTable | StrikeTable, providers: int) -> tuple[int, ...]:
    roles = {"receiving": (0,), "sending": (1,), "both": (0, 1)}[table.role]
    return tuple(2 * p + role for p in table.providers or range(providers) for role in roles)


def complaints(tables: ServicesTable, providers: int, under_study: int) -> Iterator[str]:
    """Say what is impossible in these tables, each with its key."""
    names = [table.name for group in (tables.capacity, tables.failing, tables.strikes) for table in group]
    if len(set(names)) < len(names) or not all(re.fullmatch("[a-z][a-z0-9-]*", name) for name in names):
        yield "services: each entry must have a name of its own, of small letters, digits and hyphens"
    for group in (tables.capacity, tables.failing, tables.strikes):
        for table in group:
            if not set(table.providers) <= set(range(providers)):
                yield f"services {table.name!r}: providers must be numbers below people.providers ({providers})"
            if len(set(table.providers)) < len(table.providers):
                yield f"services {table.name!r}: providers must be named once"
    yield from _of_capacity(tables, providers)
    for failing in tables.failing:
        try:
            law_of(failing.up, failing.up_mean_h, failing.up_shape)
            law_of(failing.down, failing.down_mean_h, failing.down_shape)
        except LawError as error:
            yield f"services.failing {failing.name!r}: {error}"
    yield from _of_strikes(tables, providers, under_study)


def _of_capacity(tables: ServicesTable, providers: int) -> Iterator[str]:
    limited = [service for table in tables.capacity for service in _services(table, providers)]
    if len(set(limited)) < len(limited):
        yield "services.capacity: one service must not have two capacities"
    for table in tables.capacity:
        where = f"services.capacity {table.name!r}"
        if not 0.001 <= table.per_s <= 1e6:
            yield f"{where}: per_s must lie in [0.001, 1,000,000]"
        if table.waiting_max < 0:
            yield f"{where}: waiting_max must not be negative"
        if table.retry_after_s <= 0 or table.patience_s <= 0:
            yield f"{where}: retry_after_s and patience_s must be positive"


def _of_strikes(tables: ServicesTable, providers: int, under_study: int) -> Iterator[str]:
    dying = {under_study}
    for strike in tables.strikes:
        where = f"services.strikes {strike.name!r}"
        if not 0 <= strike.at_share < 1:
            yield f"{where}: at_share must lie in [0, 1)"
        if strike.lasts_h < 0 or strike.age_h < 0:
            yield f"{where}: lasts_h and age_h must not be negative"
        if strike.what is StrikeKind.OUTAGE and not strike.lasts_h:
            yield f"{where}: an outage needs lasts_h"
        if strike.what is StrikeKind.RESTORED and not strike.age_h:
            yield f"{where}: a restored backup needs age_h"
        if strike.what is StrikeKind.DEATH:
            dying |= set(strike.providers or range(providers))
            if strike.role != "both":
                yield f"{where}: a provider dies with both of its services: leave role out"
    most = min(providers, _CHOICES) - 3
    if len(dying) - 1 > most:
        yield f"services.strikes: at most {most} providers beside fault.provider may die: people need others to go to"
