"""What a planted bug is: a mistake of the reference, made in one process by name, that says when it was reached.

Theory. A judge who never saw a loss may be blind. So there are programs that break one promise each, as a programmer
would break it who never thought of a crash at that place; a run that has one of them must fail. A bug whose place is no
longer passed would prove nothing, so each says when it acts, and a run that never hears of it proves nothing either.

Rules:

1. A bug replaces what is there: a name that is gone stops it at once (`replaced`).
2. A bug that a fault at one instant exposes waits a little there (`LATE_S`), so that few tries are enough.
"""

import os
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = ["LATE_S", "Bug", "Exposure", "Patch", "Place", "Reached", "reached_line", "replaced", "said"]

LATE_S: Final = 0.05

Patch = Callable[[object, str, object], None]
"""Sets an attribute; `setattr` in a process of its own."""
Reached = Callable[[], None]


class Place(StrEnum):
    """Which process has a bug."""

    CLIENT = "client"
    SERVICE = "service"


class Exposure(StrEnum):
    """What turns a bug into something that can be seen, and where."""

    KILL_CLIENT = "kill-client"
    KILL_SERVICE = "kill-service"
    CONNECTION = "connection"
    ALWAYS = "always"


class Bug(NamedTuple):
    """A planted bug: `at` are functions at which a kill exposes it, or faults of connections that do.

    `caught_by` names what has to find it: invariants of the standard, or a comparison (`accounts`, `records`).
    """

    name: str
    place: Place
    says: str
    plant: Callable[[Patch, Reached], None]
    exposed_by: Exposure
    at: tuple[str, ...]
    caught_by: tuple[str, ...]


def replaced(patch: Patch, owner: object, name: str, new: object) -> None:
    """Put something in the place of what has to be there."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name}: the bug is planted where nothing is")
    patch(owner, name, new)


def reached_line(name: str) -> str:
    """Return the line that says that a bug was reached."""
    return f"planted bug reached: {name}"


def said(name: str) -> Reached:
    """Return what writes that line once, from whichever process and thread."""
    done = threading.Event()

    def say() -> None:
        if not done.is_set():
            done.set()
            os.write(2, f"{reached_line(name)}\n".encode())

    return say
