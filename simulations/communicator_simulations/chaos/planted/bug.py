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
from typing import Final, NamedTuple

from communicator_simulations.chaos.connections import Fault

__all__ = ["LATE_S", "Bug", "Patch", "Reached", "reached_line", "replaced", "said"]

LATE_S: Final = 0.05

Patch = Callable[[object, str, object], None]
"""Sets an attribute; `setattr` in a process of its own."""
Reached = Callable[[], None]


class Bug(NamedTuple):
    """A planted bug, and what exposes it: a kill at one of these points, or these faults of connections, or nothing.

    `kills` are names of `points` with a phase, or `person`, `service` or `resolver`: anywhere in one of these.
    `troubles` are (fault, path of a request).
    `caught_by` names what finds it: invariants of the standard, or comparisons of the run (`judging`, `accounts`).
    """

    name: str
    says: str
    plant: Callable[[Patch, Reached], None]
    kills: tuple[str, ...]
    troubles: tuple[tuple[Fault, str], ...]
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
