"""Kept runs of the formal model, repeated on a fidelity in step with the model.

A kept run (`communicator_spec.formal.kept`) belongs to a world of the model, perhaps a faulty one. Nodes are not
faulty, have one address profile, and count in milliseconds. So its decisions are taken in the nearest world that nodes
can have (`nodes_world`), as far as they go there, and every step of that is compared.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from communicator_spec.formal import Model, World, world
from communicator_spec.formal.kept import transplanted
from communicator_spec.formal.lockstep import Stage, Walker, is_performable
from communicator_spec.formal.traces import Trace

__all__ = ["Repeated", "nodes_world", "repeat"]

_BATCH: Final = 4  # so many two-layer addresses of two services fit into one body
_PARTS: Final = 4  # STATE-29 asks a quarter of the refresh time before: whole hours in the model


class Repeated(NamedTuple):
    """How many steps a run has, how many of them the world of the nodes has, and the actions that were performed."""

    steps: int
    possible: int
    actions: tuple[str, ...]


def nodes_world(trace: Trace, profile: str) -> World:
    """Return the world of a run as nodes can have it.

    1. Without the fault.
    2. What a spent address is answered, and how many addresses fit into a body, is the profile's.
    3. Renewal is due a multiple of four hours before the end, so that half and a quarter of it are whole hours; where
       no such time is shorter than the lifetime, at the end.
    """
    sound: Mapping[str, object] = {path: value for path, value in trace.overrides.items() if path != "terms.fault"}  # 1
    terms = world(trace.instance, sound).terms
    refresh = -(-terms.longTermRefresh // _PARTS) * _PARTS
    changes: dict[str, object] = {
        "remembersSpent": profile == "two-layer/1",  # 2
        "terms.longTermRefresh": refresh if refresh <= terms.longTermLifetime else 0,  # 3
    }
    if profile == "two-layer/1":
        changes["terms.longTermCapacity"] = min(terms.longTermCapacity, _BATCH)
        changes["terms.ephemeralCapacity"] = min(terms.ephemeralCapacity, _BATCH)
    return world(trace.instance, {**sound, **changes})


def repeat(trace: Trace, profile: str, fidelity: Walker) -> Repeated:
    """Perform a run, as far as nodes can; raise `Divergence` where they do not do what the model says."""
    chosen = nodes_world(trace, profile)
    steps = transplanted(chosen, trace)
    before = Model(chosen).init()
    stage = Stage(chosen, fidelity)
    stage.begin(before)
    performed: list[str] = []
    for step in steps:
        if not is_performable(step):
            break
        stage.perform(step.action, dict(step.picks), before, step.state)
        performed.append(step.action)
        before = step.state
    return Repeated(len(trace.steps), len(steps), tuple(performed))
