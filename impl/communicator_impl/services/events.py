"""The event log of a service, for tests: what it took, resolved, showed and deleted, row by row, with addresses.

Theory. A log is evidence only if it says exactly what happened, also when the process is killed at any instruction. So
a row of the log is written in the transaction of the fact that it tells: both are durable, or neither is. Nothing has
to be deduplicated, and all instances of a service write one log with one order. Appending to a file before each answer
would need a second flush, and a crash between the two would leave a row without its fact, or the other way round.

This log links addresses to each other and to times: everything that the service otherwise takes care not to know. It is
off, it is for tests, and no service that strangers use may write it.

Rules:

1. Whether there is a log, and of which service, is an option of the connections of a database (`Database`): a store
   writes to the connection that it works on, and a log that is off costs one look into that option.
2. The order of rows is that of their numbers. Two transactions that touch the same root, submission, name or account
   take turns at its lock, and number their rows while they hold it; between others there is no order that matters.
3. A request is known by `named`, so that a sending and a receiving service say the same of the same bytes.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, insert, select

from communicator_impl.services.observation import Log
from communicator_impl.services.schema import events
from communicator_spec import NONE, ErrorClass, Kind
from communicator_spec.places import PlaceEvent, event_line

__all__ = ["EVENT_LOG", "exported", "is_on", "origin", "refusal", "warn", "write"]

EVENT_LOG: Final = "communicator_event_log"
_CLASSES: Final = list(ErrorClass)
_PAGE: Final = 4096


def is_on(connection: Connection) -> bool:
    """Tell whether this service writes an event log: then what a row needs has to be found."""
    return bool(origin(connection))


def origin(connection: Connection) -> str:
    """Return the URI of the service that writes; empty if the log is off."""
    uri: str = connection.get_execution_options().get(EVENT_LOG, "")
    return uri


def write(connection: Connection, rows: Sequence[PlaceEvent]) -> None:
    """Write rows in the transaction of what they tell, of this service if they name none; nothing if it is off."""
    uri = origin(connection)
    if uri and rows:
        at_us = time.time_ns() // 1000
        values = [{**row._asdict(), "service": row.service or uri, "at_us": at_us} for row in rows]
        connection.execute(insert(events), [{name: v for name, v in one.items() if name != "end"} for one in values])


def warn(log: Log, event_log: str) -> None:
    """Say loudly that the log is on; nothing if it is off."""
    if event_log:
        log.write("EVENT LOG IS ON: it links addresses; for tests only, never for strangers")


def refusal(error_class: ErrorClass) -> int:
    """Return the number of an error class in the log."""
    return _CLASSES.index(error_class)


def exported(connection: Connection) -> Iterator[str]:
    """Return the whole log as lines of `communicator_spec.places`, in its order."""
    last = 0
    while True:
        wanted = select(events).where(events.c.id > last).order_by(events.c.id).limit(_PAGE)
        page = connection.execute(wanted).all()
        for row in page:
            columns = (row.message, row.service, row.serial, row.position, row.via, row.value)
            event = PlaceEvent(row.t_ms, Kind(row.kind), NONE, row.root, *columns)
            yield event_line(event, row.at_us, row.id)
        if len(page) < _PAGE:
            return
        last = page[-1].id
