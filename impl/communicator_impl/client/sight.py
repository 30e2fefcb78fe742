"""What a person sees of a step that the history does not keep: which addresses there are, and what was read.

Theory. An event says that something changed, and the core says what it is now. So what is shown is taken from the core
once all events of a step were noted, inside the transaction of that step.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from communicator_impl.core_event import CoreEvent
from communicator_spec import Command, Kind

if TYPE_CHECKING:
    from communicator_impl.client.device import Device

__all__ = ["look_again"]


def look_again(device: "Device", events: Iterable[CoreEvent]) -> None:
    """Take over what changed, once for each relationship."""
    changed = dict.fromkeys((event.kind, event.value, event.relationship) for event in _of_interest(events))
    for kind, value, relationship in changed:
        if kind is Kind.ISSUED:
            grants = device.core.own_grants(relationship)
            device.ledger.note(relationship, device.clock(), own=True, grants=grants)
        elif kind is Kind.UPDATED:
            grants = device.core.peer_grants(relationship)
            device.ledger.note(relationship, device.clock(), own=False, grants=grants)
        elif value == Command.READ:
            device.history.seen(relationship, device.core.seen(relationship))
        else:
            device.ledger.ended(relationship, device.clock())


def _of_interest(events: Iterable[CoreEvent]) -> Iterable[CoreEvent]:
    for event in events:
        if event.kind in (Kind.ISSUED, Kind.UPDATED):
            yield event._replace(value=0)  # one look, whatever was issued
        elif event.kind is Kind.RECEIVED and event.value in (Command.READ, Command.END):
            yield event
