"""The event log of a device, in the form in which logs of many places come together (`communicator_spec.places`).

Theory. A log that is judged must say what happened and nothing else, so an event is a row of the transaction that made
it true. It links addresses to people and is for tests: a device writes one only if it is told to.

Rules:

1. A relationship's local number is its end in the log; whoever wants to judge chooses the numbers.
"""

import time

from communicator_impl.client.book import Book
from communicator_impl.client.records import number_name
from communicator_impl.client.vault import Vault
from communicator_impl.core_event import CoreEvent
from communicator_impl.particle_fields import RegisterRoot, Request
from communicator_spec import NONE
from communicator_spec.places import PlaceEvent, event_line, root_line

__all__ = ["EventLog"]


class EventLog:
    """Writes rows `event/S`, a line of the log each."""

    def __init__(self, vault: Vault, book: Book) -> None:
        self._vault = vault
        self._book = book

    def write(self, event: CoreEvent, number: int) -> None:
        """Keep an event of the core."""
        service = "" if event.service == NONE else self._book.uri(event.service)
        via = "" if event.via == NONE else self._book.uri(event.via)
        columns = (event.message, service, event.serial, event.position, via, event.value)
        place = PlaceEvent(event.t_ms, event.kind, event.relationship, None, *columns)
        self._keep(number, event_line(place, time.time_ns() // 1000, number))

    def name_root(self, request: Request, relationship: int, number: int) -> None:
        """Keep whose a root is."""
        if isinstance(request, RegisterRoot):
            self._keep(number, root_line(request.root, relationship))

    def lines(self) -> list[str]:
        """Return the log."""
        return [value.decode() for _, value in self._vault.items("event/")]

    def _keep(self, number: int, line: str) -> None:
        self._vault.save(number_name("event", number), line.encode())
