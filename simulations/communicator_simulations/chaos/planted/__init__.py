"""Bugs that a run must find: each is the reference with one mistake, planted by name in a process of its own."""

from collections.abc import Mapping
from typing import Final

from communicator_simulations.chaos.planted.bug import Bug, Patch, Reached, reached_line, said
from communicator_simulations.chaos.planted.of_clients import OF_CLIENTS
from communicator_simulations.chaos.planted.of_services import OF_SERVICES

__all__ = ["BUGS", "Bug", "Patch", "Reached", "plant", "reached_line"]

BUGS: Final[Mapping[str, Bug]] = {bug.name: bug for bug in (*OF_CLIENTS, *OF_SERVICES)}


def plant(name: str, patch: Patch = setattr, reached: Reached | None = None) -> Bug:
    """Plant a bug in this process; unless it is told whom to tell, it says on the standard error when it is reached."""
    bug = BUGS[name]
    bug.plant(patch, reached or said(name))
    return bug
