"""The parameters of a scenario by dotted names, such as `weather.loss` or `policy.two.ephemeral_lifetime_h`.

Theory. A scenario is a tree of tables; what has a name (a policy) is found by it. So each number, text or switch of a
scenario has one dotted name, also one that is added tomorrow.

Rules:

1. A name that there is not is refused with those that are like it, a value of a wrong type with what is expected.
2. Names, labels and descriptions are no parameters, nor is the number of replications: they change no run. Nor are
   lists, such as what a replication draws anew: a point has one value.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple, TypeVar, get_args

import msgspec

from communicator_simulations.scenario import Scenario, ScenarioError

__all__ = ["Parameter", "Value", "changed", "parameters"]

Value = bool | int | float | str
"""What a parameter may be set to."""

_TEXTS: Final = {"name", "label", "description", "question"}
_NO_PARAMETERS: Final = {"study.replications"}


class Parameter(NamedTuple):
    """A parameter: its value in the scenario (None: not set there), and whether it takes whole numbers alone."""

    value: object
    whole: bool


def parameters(scenario: Scenario) -> dict[str, Parameter]:
    """Return all parameters of a scenario by their dotted names, in the order of the file."""
    return {name: found for name, found in _leaves(scenario, "") if name not in _NO_PARAMETERS}


def _leaves(table: msgspec.Struct, prefix: str) -> Iterator[tuple[str, Parameter]]:
    for field in msgspec.structs.fields(table):
        value, name = getattr(table, field.name), f"{prefix}{field.name}"
        if isinstance(value, msgspec.Struct):
            yield from _leaves(value, f"{name}.")
        elif _are_tables(value):
            for row in value:
                yield from _leaves(row, f"{name}.{row.name}.")
        elif field.name not in _TEXTS and not isinstance(value, (tuple, list, dict)):
            kinds = get_args(field.type) or (field.type,)
            if any(isinstance(kind, type) and issubclass(kind, msgspec.Struct) for kind in kinds):
                continue  # a table that this scenario does not have
            yield name, Parameter(value, int in kinds and float not in kinds)


def _are_tables(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(row, msgspec.Struct) for row in value)


def changed(scenario: Scenario, name: str, value: Value) -> Scenario:
    """Return the scenario with one parameter set.

    Raises `ScenarioError` for a name that there is not, and for a value of another type. Whether the whole is possible
    is for `check_scenario` to say.
    """
    known = parameters(scenario)
    if name not in known:
        close = get_close_matches(name, known, 3, 0.5) or list(known)
        raise ScenarioError(f"no parameter {name!r} in this scenario; there are, for example: {', '.join(close)}")
    try:
        tree = msgspec.to_builtins(_put(scenario, name.split("."), value))
        return msgspec.convert(tree, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{name}={value}: {error}") from None


T = TypeVar("T", bound=msgspec.Struct)


def _put(table: T, path: Sequence[str], value: Value) -> T:
    """Return the table with one value set; nothing is checked."""
    field, *rest = path
    below = getattr(table, field)
    new: object = value
    if isinstance(below, msgspec.Struct):
        new = _put(below, rest, value)
    elif isinstance(below, tuple):
        new = tuple(_put(row, rest[1:], value) if row.name == rest[0] else row for row in below)
    return msgspec.structs.replace(table, **{field: new})
