"""Leaving a receiving service, as the person sees it: one decision, a progress bar, and an end (12.2).

Theory. A service is left in good order when every peer knows of it and nothing can still arrive there (5.5). Each
relationship goes through that by itself, when its peer is on line, so leaving takes days and many commands; a row says
that it is under way, and each pass looks whether it is over. ::

    waiting     the peer has not confirmed the set without the service
    confirmed   the peer has; a queue lifetime later nothing is on its way there any more
    released    nothing of this relationship is at the service

Rules:

1. The row is written with the decision, and goes with the last root (PORT-5) or when the service is taken up again.
2. A service is left when every relationship has released it and it says that it stores nothing; one that does not
   answer is asked again with the next pass.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from communicator_impl.client.courier import Silent
from communicator_impl.client.records import number_name
from communicator_impl.errors import CommunicatorError, ServiceError
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_spec import NONE, ErrorClass

if TYPE_CHECKING:
    from communicator_impl.client.device import Device

__all__ = ["Departure", "Departures"]

_PREFIX: Final = "leaving"
_NOT_KNOWN: Final = (ErrorClass.FORGED, ErrorClass.UNKNOWN)


class Departure(NamedTuple):
    """How far a person is with leaving a service (PORT-3): counts of relationships; `stored` is None if it is silent.

    `until_s` is the latest date until which somebody may still write there; 0 when nobody may.
    """

    uri: str
    waiting: int
    confirmed: int
    released: int
    stored: int | None
    until_s: int


class Departures:
    """Rows `leaving/SERVICE`: since when, in seconds."""

    def __init__(self, device: "Device") -> None:
        self._device, self._vault, self._book, self._courier = device, device.vault, device.book, device.courier

    def begin(self, service: int, now_ms: int) -> None:
        """Note the decision, in its transaction."""
        self._vault.save(number_name(_PREFIX, service), (now_ms // 1000).to_bytes(8))

    def over(self, service: int) -> None:
        """Note that a service was left, or is used again."""
        self._vault.delete(number_name(_PREFIX, service))

    def services(self) -> list[int]:
        """Return the services that are being left."""
        return [int(name.rpartition("/")[2]) for name in self._vault.keys(f"{_PREFIX}/")]

    def turn(self) -> None:
        """Leave for good each service at which nothing is needed any more; one that is silent is asked again."""
        for service in self._ready():
            if self._book.may_ask(service, self._device.clock()):
                try:
                    self.finish(service)
                except Silent:
                    self._book.silent(service, self._device.clock())

    def finish(self, service: int) -> bool:
        """Leave a service for good if nothing there is needed any more; False while something is (STATE-11)."""
        device = self._device
        relationships = device.core.relationships()
        stores = [store for r in relationships for store in device.core.stores(r, service)]
        roots = {root for root, key in stores if self._is_empty(service, key)}
        with device.step():
            requests = device.core.leave(device.clock(), service, lambda root: root in roots)
            if requests is not None:
                device.plan(NONE, Step(requests))
                self.over(service)
                for relationship in relationships:
                    device.ledger.revoked(relationship, service, device.clock())
        device.post.carry_out()
        return requests is not None

    def _ready(self) -> list[int]:
        """Return the services that every relationship has released (STATE-11)."""
        core, now_ms = self._device.core, self._device.clock()
        dates = [(s, r, due_ms) for r in core.relationships() for s, due_ms in core.leaving(r).items()]
        held = {s for s, r, due_ms in dates if core.root(r, s) is not None or due_ms > now_ms}  # a link ends by itself
        in_use = set(self._book.setting.receiving)
        return [service for service in self.services() if service not in held | in_use]

    def _is_empty(self, service: int, access_key: bytes) -> bool:
        try:
            return not self._courier.fetch(self._book.uri(service), access_key)
        except Silent:
            raise
        except ServiceError as error:
            return error.error_class in _NOT_KNOWN  # nothing was ever registered there

    def progress(self) -> list[Departure]:
        """Return how far each of them is; asks the services what they still store."""
        return [self._departure(self._device.core, service) for service in self.services()]

    def _departure(self, core: RelationshipManager, service: int) -> Departure:
        there = [r for r in core.relationships() if core.stores(r, service)]
        dates = [core.leaving(r)[service] for r in there if service in core.leaving(r)]
        waiting = sum(service in core.leaving(r) and service in core.moving(r) for r in there)
        confirmed = len(dates) - waiting
        stored = self._stored(core, service, there)
        until_s = -(-max(dates, default=0) // 1000)
        return Departure(self._book.uri(service), waiting, confirmed, len(there) - len(dates), stored, until_s)

    def _stored(self, core: RelationshipManager, service: int, relationships: list[int]) -> int | None:
        uri, keys = self._book.uri(service), [key for r in relationships for _, key in core.stores(r, service)]
        try:
            return sum(len(self._courier.fetch(uri, key)) for key in keys)
        except CommunicatorError:
            return None
