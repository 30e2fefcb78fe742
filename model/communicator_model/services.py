"""What services can take, and what befalls them: data that a run's conditions name in full.

A service has a number: 2 p is the receiving service of provider p, 2 p + 1 its sending service.

Rules:

1. A service that nothing is said of takes everything at once and is always up, and costs nothing.
2. Whatever befalls a service befalls it at the same instant under every policy.
3. Each entry has a name, by which a run counts how often it came to pass.
"""

from enum import StrEnum

import msgspec

from communicator_model.laws import Law

__all__ = ["CALM", "Capacity", "Failing", "Services", "Strike", "StrikeKind"]


class Capacity(msgspec.Struct, frozen=True):
    """A limit of some services, each with a line of its own, first come first served.

    A receiving service serves submissions and fetches alike. Where `waiting_max` wait already, it refuses the next one
    with class limit and `retry_after_ms`. Who has waited `patience_ms` for an answer asks again later, and what waits
    is served all the same. A sending service has the rate alone: its queue is durable.
    """

    name: str
    services: tuple[int, ...]
    each_us: int
    waiting_max: int
    retry_after_ms: int
    patience_ms: int


class Failing(msgspec.Struct, frozen=True):
    """A process of crashes and repairs, ms; all of its services `together` (a region), or each by itself."""

    name: str
    services: tuple[int, ...]
    together: bool
    up: Law
    down: Law


class StrikeKind(StrEnum):
    """What happens once."""

    OUTAGE = "outage"  # out of reach for a while; what they stored is kept
    DEATH = "death"  # gone without warning, with everything they stored; providers, not single services
    RESTORED = "restored"  # out of reach for a while, and then back with what they had stored some time before


class Strike(msgspec.Struct, frozen=True):
    """Something that happens once, to all of its services at the same time. `age_ms`: how old a restored state is."""

    name: str
    kind: StrikeKind
    services: tuple[int, ...]
    at_ms: int
    lasts_ms: int
    age_ms: int


class Services(msgspec.Struct, frozen=True):
    """Everything that is said of services."""

    capacity: tuple[Capacity, ...] = ()
    failing: tuple[Failing, ...] = ()
    strikes: tuple[Strike, ...] = ()


CALM = Services()
"""Services that take everything and never fail."""
