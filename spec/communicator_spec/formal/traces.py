"""Runs written down: JSON lines, one step a line, so that a run can be kept, compared and repeated.

The first line names the world (an instance, and what differs from it); every other line is `[action, {pick: value}]`.
States are not written: a run is repeated by taking its steps again, and a run that the model no longer has is refused.
Values: numbers, truth values and texts are themselves; `{"set": [...]}`, `{"map": [[key, value], ...]}` and
`{"rec": name, ...}` are sets, maps and records, `{"case": [label, value]}` a case of a sum type, a plain array a list
or tuple. Sets and maps are written in order, so the same run gives the same bytes.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from communicator_spec.formal.machine import Machine, Step
from communicator_spec.formal.values import FormalError, Map, Variant, ordered

S = TypeVar("S", bound=tuple[object, ...])


class NotARun(FormalError):
    """The model cannot take this step, or can take it in several ways; the message says which step."""


class Trace(NamedTuple):
    """A run: the instance, what differs from it, and (action, picks) for each step."""

    instance: str
    overrides: Mapping[str, object]
    steps: tuple[tuple[str, Mapping[str, object]], ...]


def plain(value: object) -> object:
    """Return a value of the model as JSON has it."""
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, frozenset):
        return {"set": [plain(each) for each in ordered(value)]}
    if isinstance(value, Map):
        return {"map": [[plain(key), plain(value[key])] for key in ordered(frozenset(value))]}
    if isinstance(value, Variant):
        return {"case": [value.label, plain(value.value)]}
    if isinstance(value, tuple):
        fields: tuple[str, ...] | None = getattr(value, "_fields", None)
        if fields is None:
            return [plain(each) for each in value]
        return {"rec": type(value).__name__, **{f: plain(v) for f, v in zip(fields, value, strict=True)}}
    raise TypeError(f"not a value of a model: {value!r}")


def valued(data: object, record: Callable[..., object]) -> object:
    """Return the value of the model that JSON stands for; `record(name, **fields)` makes the records."""
    if isinstance(data, list):
        return tuple(valued(each, record) for each in data)
    if not isinstance(data, dict):
        return data
    if "set" in data:
        return frozenset(valued(each, record) for each in data["set"])
    if "map" in data:
        return Map({valued(key, record): valued(value, record) for key, value in data["map"]})
    if "case" in data:
        return Variant(data["case"][0], valued(data["case"][1], record))
    fields = {name: valued(value, record) for name, value in data.items() if name != "rec"}
    return record(data["rec"], **fields)


def written(instance: str, overrides: Mapping[str, object], steps: Iterable[Step[S]]) -> str:
    """Return a run as JSON lines."""
    lines: list[object] = [{"instance": instance, "overrides": dict(overrides)}]
    lines += [[step.action, {name: plain(value) for name, value in step.picks}] for step in steps]
    return "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)


def read(text: str, record: Callable[..., object]) -> Trace:
    """Return the run that JSON lines describe."""
    head, *lines = (json.loads(line) for line in text.splitlines())
    steps = ((action, {name: valued(value, record) for name, value in picks.items()}) for action, picks in lines)
    return Trace(head["instance"], head["overrides"], tuple(steps))


def replay(machine: Machine[S], steps: Sequence[tuple[str, Mapping[str, object]]]) -> list[Step[S]]:
    """Take the steps of a run again; `NotARun` at the first that the model has not, or not in one way only."""
    state = machine.init()
    taken: list[Step[S]] = []
    for number, (action, picks) in enumerate(steps):
        found = {step.state: step for step in machine.candidates(state, action, picks)}
        if len(found) != 1:
            raise NotARun(f"step {number + 1}: {action} {plain_picks(picks)} can be taken in {len(found)} ways")
        taken += found.values()
        state = taken[-1].state
    return taken


def plain_picks(picks: Mapping[str, object]) -> str:
    """Return picks in one line."""
    return " ".join(f"{name}={json.dumps(plain(value), separators=(',', ':'))}" for name, value in picks.items())
