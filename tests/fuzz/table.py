"""The one table of targets."""

from typing import Final

from tests.fuzz import cores, lines, outside, peers, services, stored
from tests.fuzz.target import Target

__all__ = ["TARGETS", "covered"]

_ALL: Final = (*peers.TARGETS, *outside.TARGETS, *services.TARGETS, *stored.TARGETS, *lines.TARGETS, *cores.TARGETS)

TARGETS: Final[dict[str, Target]] = {target.name: target for target in _ALL}
if len(TARGETS) != len(_ALL):
    raise ValueError("two targets of one name")


def covered() -> frozenset[str]:
    """Return every function that a target stands for, as `package.module:qualified name`."""
    names = (name for target in _ALL for name in target.covers)
    return frozenset(name if name.startswith("communicator_") else f"communicator_impl.{name}" for name in names)
