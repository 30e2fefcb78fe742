"""What a test of a service is: an id, the clauses that it judges, what it needs, and a function that raises.

Theory. A test asks and looks. It passes when it comes to its end, fails with the fault and the sentence that it raised,
and is skipped where something that it needs was not given: then nothing was learnt, and the result says so.

What a test brought into a service it also takes away, or has it taken away when the run ends.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from communicator_conformance.services.world import World

__all__ = ["Case", "Durable", "Need"]


class Need(StrEnum):
    """What the operator has to give before a test can be played."""

    RESTART = "--restart COMMAND"
    LONG = "--long"
    TWO_NAMES = "--name NAME=KEY, twice"
    NAME = "--name NAME=KEY"
    ACCOUNT = "--account KEY"
    LISTEN = "--listen PORT"


class Case(NamedTuple):
    """One test; `play` raises `Failed` or `Skipped`, and returns otherwise."""

    id: str
    clauses: tuple[str, ...]
    play: Callable[[World], None]
    needs: Need | None = None

    @property
    def part(self) -> str:
        """The service that it is about."""
        return self.id.split("/")[1]


class Durable(NamedTuple):
    """One test around a restart: `before` does something and returns what looks for it afterwards."""

    id: str
    clauses: tuple[str, ...]
    before: Callable[[World], Callable[[], None]]
    needs: Need | None = None

    @property
    def part(self) -> str:
        """The service that it is about."""
        return self.id.split("/")[1]
