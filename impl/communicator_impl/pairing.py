"""Two people who meet in person, both devices in one process: for simulations and tests."""

from communicator_impl.particle_fields import Setting
from communicator_impl.relationship_manager import RelationshipManager, Step

__all__ = ["pair"]


def pair(
    now_ms: int,
    managers: tuple[RelationshipManager, RelationshipManager],
    relationships: tuple[int, int],
    settings: tuple[Setting, Setting],
) -> tuple[Step, Step]:
    """Let two devices meet: the whole exchange at one instant, the first end's events before the second's."""
    (first, second), (one, other) = managers, relationships
    package = first.invite(now_ms, one, settings[0])
    answer = second.accept(now_ms, other, settings[1], package)
    greeting, step = first.complete(now_ms, one, answer)
    return step, second.conclude(now_ms, other, greeting)
