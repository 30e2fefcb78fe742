"""The protocol's model in one world.

A world is a record of everything that an instance fixes. The instances of the Quint text are worlds with a name; others
differ from these in some fields.
"""

from collections.abc import Mapping
from typing import TypeVar

from communicator_spec.formal import generated
from communicator_spec.formal.generated import State, World
from communicator_spec.formal.machine import Machine
from communicator_spec.formal.values import Map, but

R = TypeVar("R", bound=tuple[object, ...])


def world(name: str, overrides: Mapping[str, object] | None = None) -> World:
    """Return the world of an instance of the text, with other values for some fields.

    A field is named by its path (`terms.fault`). Values are Python's, also as TOML gives them: a list for a list or a
    set, a table for a map with its keys as text. `KeyError`: no such instance or field.
    """
    if name not in generated.WORLDS:
        raise KeyError(f"the text has no instance {name}")
    found: World = generated.WORLDS[name]
    for path, value in (overrides or {}).items():
        found = _replaced(found, path.split("."), value)
    return found


def _replaced(record: R, path: list[str], value: object) -> R:
    old = getattr(record, path[0], None)
    if old is None:
        raise KeyError(f"{type(record).__name__} has no {path[0]}")
    new = _replaced(old, path[1:], value) if path[1:] and isinstance(old, tuple) else like(old, value)
    return but(record, **{path[0]: new})


def _complete(sample: World, given: Mapping[str, object]) -> World:
    """Return a world of which every field is given."""
    wrong = set(sample._fields) ^ set(given)
    if wrong:
        raise KeyError(f"a world with or without {sorted(wrong)}")
    return but(sample, **{name: like(getattr(sample, name), given[name]) for name in sample._fields})


def like(old: object, value: object) -> object:
    """Return a value as the model has it, given one of the same type. `TypeError` if it is of another."""
    if isinstance(old, Map) and isinstance(value, Mapping):
        keys, sample = [*old], next(iter(old.values()), ())
        return Map({like(keys[0], k) if keys else k: like(sample, v) for k, v in value.items()})
    fields: tuple[str, ...] = getattr(old, "_fields", ())
    if isinstance(old, tuple) and isinstance(value, Mapping) and set(fields) == set(value):
        return tuple.__new__(type(old), [like(getattr(old, name), value[name]) for name in fields])
    if isinstance(old, frozenset) and isinstance(value, (list, frozenset)):
        return frozenset(value)
    if type(old) is int and isinstance(value, str):
        return int(value)
    if type(old) is tuple and isinstance(value, (list, tuple)):
        return tuple(value)
    if type(old) is type(value):
        return value
    raise TypeError(f"{value!r} is not of the type of {old!r}")


class Model(Machine[State]):
    """The protocol's model in one world: an instance's name, a world, or a mapping with all fields of a world."""

    def __init__(self, chosen: World | str | Mapping[str, object]) -> None:
        if isinstance(chosen, str):
            chosen = world(chosen)
        elif isinstance(chosen, Mapping):
            chosen = _complete(next(iter(generated.WORLDS.values())), chosen)
        self.world = chosen
        super().__init__(generated.bind(chosen), generated.State, generated.OBSERVED)

    @staticmethod
    def record(name: str, **fields: object) -> tuple[object, ...]:
        """Return a record of the model, by the name of its type in the text. `KeyError`: no such type."""
        kind: type[tuple[object, ...]] = vars(generated)[name]
        return kind(**fields)


__all__ = ["Model", "State", "World", "world"]
