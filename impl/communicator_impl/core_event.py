"""What a core reports: rows of the event vocabulary, from the place of one core.

A core knows its own names only: a relationship manager its local relationship numbers, a receiving service its roots.
Whoever runs several cores turns these into the ends of the common log (`communicator_spec.Event`); the other columns
are those of the vocabulary already.

Rules:

1. A core reports an event only after it has parsed, resolved, decrypted or sealed the bytes in question.
2. Events of one step are reported in order, after the state that they tell of is durable. A crash in between can
   lose a report, never a fact.
"""

from collections.abc import Callable
from typing import NamedTuple

from communicator_spec import NONE, Kind

__all__ = ["CoreEvent", "Emit"]


class CoreEvent(NamedTuple):
    """One event; `relationship` is local to one manager, `root` to one receiving service."""

    t_ms: int
    kind: Kind
    relationship: int = NONE
    root: bytes | None = None
    message: int = NONE
    service: int = NONE
    serial: int = NONE
    position: int = NONE
    via: int = NONE
    value: int = NONE


Emit = Callable[[CoreEvent], None]
