"""One step of one relationship: what it works on, and what it will hand to the host.

Theory. A step reads a Particle, changes a copy, and gathers what must happen outside: requests to the person's own
services, transmissions, events. Nothing of it counts until the copy is on disk; if the step raises, the `Turn` is
dropped and nothing has happened.

Rules:

1. A turn is made and kept by the manager alone; the parts that work on it never store it.
2. Order is meaning: requests, transmissions and events leave in the order in which they were gathered.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from communicator_impl.addresses import ServiceConfig
from communicator_impl.core_event import CoreEvent
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Request
from communicator_spec import NONE, Kind

__all__ = ["NOTHING_REACHABLE", "Outgoing", "Reach", "ServiceBook", "Turn"]


class Reach(Protocol):
    """What a device can reach at this instant."""

    @property
    def receiving(self) -> Sequence[bool]:
        """Whether each receiving service answers."""
        ...

    @property
    def sending(self) -> Sequence[bool]:
        """Whether each sending service answers."""
        ...


class ServiceBook(Protocol):
    """The host's numbering of operators, the same for sending and receiving; a number never changes."""

    def number(self, uri: str) -> int:
        """Return the number of an operator, a new one for a name never seen."""
        ...

    def uri(self, number: int) -> str:
        """Return the name that the wire carries."""
        ...

    def config(self, number: int) -> ServiceConfig | None:
        """Return the newest configuration that was fetched of a receiving service; None before the first."""
        ...


class Outgoing(NamedTuple):
    """One hand-over to a sending service. `relationship`, `reference` and `draw_index` never leave the device."""

    via: int
    service: int
    not_after_ms: int
    request: bytes
    relationship: int
    reference: int
    draw_index: int


class _Nothing:
    """The reach of a device without a network."""

    receiving: Sequence[bool] = ()
    sending: Sequence[bool] = ()


NOTHING_REACHABLE: Reach = _Nothing()


class Turn:
    """The working copy of one step."""

    __slots__ = ("events", "now_ms", "out", "particle", "reach", "relationship", "requests")

    def __init__(self, now_ms: int, relationship: int, particle: Particle, reach: Reach) -> None:
        self.now_ms = now_ms
        self.relationship = relationship
        self.particle = particle
        self.reach = reach
        self.requests: list[Request] = []
        self.out: list[Outgoing] = []
        self.events: list[CoreEvent] = []

    @property
    def now_s(self) -> int:
        """The time in whole seconds, as addresses and keys count it."""
        return self.now_ms // 1000

    def report(
        self,
        kind: Kind,
        message: int = NONE,
        service: int = NONE,
        serial: int = NONE,
        position: int = NONE,
        via: int = NONE,
        value: int = NONE,
    ) -> None:
        """Gather an event of this relationship."""
        row = (message, service, serial, position, via, value)
        self.events.append(CoreEvent(self.now_ms, kind, self.relationship, None, *row))
