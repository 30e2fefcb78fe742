"""Whole roles behind handles: what a relationship manager and the services have in common as testees.

Theory. Scripts put several programs on one stage: the suite carries every byte between them and keeps the clock, so a
role here is a core and the memory that its host would give it. What a role hands out is an encoding of the wire, or a
name that the suite chose; numbers of this implementation stay inside.

Rules:

1. Times are whole seconds on the line and milliseconds inside; a deadline is rounded up, so that whoever is woken at it
   has something to do.
2. `restart` builds the core anew from its disk; a snapshot is a copy of the disk, and `restore` puts it back.
3. Randomness is that of the request at hand.
4. Every answer carries the events that the core reported meanwhile, with names in the place of numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar, overload

import msgspec

from communicator_impl import addresses as a
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import Entropy
from communicator_impl.storage import MemoryStorage
from communicator_spec import NONE, Kind

__all__ = ["Book", "Role", "ms", "operations", "played", "seconds"]


class _Draws:
    """The randomness of the request at hand."""

    real = False

    def __init__(self, first: Entropy) -> None:
        self.now = first
        self.least = False  # the shortest of every delay

    def draw(self, label: str, n: int) -> bytes:
        return self.now.draw(label, n)

    def fraction(self, label: str, entity: int, index: int) -> float:
        return 0.0 if self.least else self.now.fraction(label, entity, index)


class Book:
    """Numbers for operators, in the order in which they are first named, and what was fetched of each."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.configs: dict[str, a.ServiceConfig] = {}

    def number(self, uri: str) -> int:
        """Return the number of an operator, a new one for a name never seen."""
        if uri not in self.uris:
            self.uris.append(uri)
        return self.uris.index(uri)

    def uri(self, number: int) -> str:
        """Return the name of an operator."""
        return self.uris[number]

    def config(self, number: int) -> a.ServiceConfig | None:
        """Return what was fetched last of an operator."""
        return self.configs.get(self.uris[number])


class Role(ABC):
    """A core that can be built anew from its disk, and what it reported."""

    def __init__(self, entropy: Entropy) -> None:
        self.disk = MemoryStorage()
        self.draws = _Draws(entropy)
        self.reported: list[CoreEvent] = []

    @abstractmethod
    def restart(self, now_ms: int) -> None:
        """Build the core from the disk."""

    @abstractmethod
    def uri(self, number: int) -> str:
        """Return the name of a service by its number here."""

    def restored(self, now_ms: int) -> None:  # noqa: B027 - services do not care
        """Learn that the disk is a copy of an older one."""

    def row(self, event: CoreEvent) -> dict[str, object]:
        """Return an event with names in the place of numbers; what does not apply is left out."""
        names = ("service", "via", "position") if event.kind is Kind.MOVED else ("service", "via")
        told = {
            k: self.uri(v) if k in names else v
            for k, v in event._asdict().items()
            if v not in (NONE, None) and k != "t_ms"
        }
        return {**told, "kind": event.kind.name.lower()}


class _Snapshot(msgspec.Struct, frozen=True):
    """What a disk held."""

    values: dict[str, bytes]


Played = TypeVar("Played", bound=Role)


def played(c: Call, name: str, kind: type[Played]) -> Played:
    """Return the role behind a handle, ready for this request."""
    role = c.of(name, kind)
    role.draws.now = c.entropy
    return role


def _restart(c: Call, role: Role) -> None:
    role.restart(ms(c))


def _snapshot(c: Call, role: Role) -> object:
    return {"snapshot": c.keep(_Snapshot(dict(role.disk.values)))["handle"]}


def _restore(c: Call, role: Role) -> None:
    role.disk.values = dict(c.of("snapshot", _Snapshot).values)
    role.restart(ms(c))
    role.restored(ms(c))


def _with_events(name: str, kind: type[Role], operation: Callable[[Call], object]) -> Operation:
    """Return the operation with what the role reports while it runs."""

    def told(c: Call) -> object:
        result = operation(c)
        found = dict(result) if isinstance(result, dict) else {}
        role = played(msgspec.structs.replace(c, args={name: found.get("handle", c.args.get(name))}), name, kind)
        reported, role.reported[:] = [role.row(event) for event in role.reported], []
        return {**found, "events": reported}

    return told


def operations(name: str, kind: type[Role], table: Mapping[str, Callable[[Call], object]]) -> dict[str, Operation]:
    """Return the operations of one kind of role: its own, and those of every disk."""

    def on_disk(operation: Callable[[Call, Role], object]) -> Callable[[Call], object]:
        return lambda c: operation(c, played(c, name, kind))

    lives = {"restart": on_disk(_restart), "save": on_disk(_snapshot), "restore": on_disk(_restore)}
    return {f"{name}.{verb}": _with_events(name, kind, operation) for verb, operation in {**table, **lives}.items()}


def ms(c: Call) -> int:
    """Return the time of a request in milliseconds."""
    return c.now * 1000


@overload
def seconds(ms: int) -> int: ...
@overload
def seconds(ms: None) -> None: ...
def seconds(ms: int | None) -> int | None:
    """Return a time in seconds, rounded up."""
    return None if ms is None else -(-ms // 1000)
