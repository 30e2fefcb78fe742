"""A script: who is on stage, what people do and when, what goes wrong in between, and what must be true in the end.

Theory. A script is data, so that it reads the same for every implementation, can be shrunk, and can be played by any
cast. Times are counted from the beginning. Everything that nobody lists goes well.

Rules:

1. Unknown keys, names of nobody and times that are none are errors of the script, found before anything is played.
2. A fault that never fires makes the play invalid: a script that tests nothing must not pass.
3. What must be true is said in `expect`; that nothing is lost or doubled is expected of every script.
"""

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from communicator_conformance.errors import VectorError

__all__ = ["Expect", "Fault", "FaultKind", "Link", "Person", "Scene", "Script", "published_scripts", "seconds"]

_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_SUFFIX: Final = ".toml"


class Link(StrEnum):
    """Where bytes travel."""

    SUBMIT = "submit"  # device → sending service
    ACCEPT = "accept"  # sending service → receiving service
    FETCH = "fetch"  # receiving service → device


class FaultKind(StrEnum):
    """What goes wrong with bytes on a link."""

    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"
    REPLAY = "replay"  # once more, `by` later
    REORDER = "reorder"  # two or more that are fetched together, backwards


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's services, in order of preference; a clock that is wrong by `skew`."""

    receiving: tuple[str, ...] = ("r0", "r1")
    sending: tuple[str, ...] = ("s0", "s1")
    skew: str = "0s"


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a person or an operator does at one time."""

    at: str
    do: str
    who: str = ""
    to: str = ""
    text: str = ""
    count: int = 1
    every: str = "0s"
    tell: bool = False
    leave: bool = True
    name: str = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that goes wrong on a link, for each `every`th passage between two times, at most `most` times."""

    link: Link
    kind: FaultKind
    since: str = "0s"
    until: str = "3650d"
    every: int = 1
    most: int = 1 << 30
    by: str = "0s"
    service: str = ""


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that must be true at one time; without a time, in the end."""

    that: str
    who: str = ""
    to: str = ""
    at: str = ""
    value: int | str | bool | list[str] | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole script; `lasts` is when it ends; with `second` it is played again with the parts changed.

    In the profiles of `hybrid` it is played again in suite 2, by programs that offer the feature `hybrid`.
    """

    title: str
    clauses: tuple[str, ...]
    lasts: str
    people: dict[str, Person]
    scenes: tuple[Scene, ...]
    faults: tuple[Fault, ...] = ()
    expects: tuple[Expect, ...] = ()
    profiles: tuple[str, ...] = ("label/1", "two-layer/1")
    hybrid: tuple[str, ...] = ()
    loses: bool = False
    second: bool = False

    def receivers(self) -> tuple[str, ...]:
        """Return every receiving service that is named, in order."""
        moved = (scene.to for scene in self.scenes if scene.do == "move")
        return _unique([name for person in self.people.values() for name in person.receiving] + list(moved))

    def senders(self) -> tuple[str, ...]:
        """Return every sending service that is named, in order."""
        return _unique([name for person in self.people.values() for name in person.sending])


def seconds(text: str) -> int:
    """Read a duration such as `90s`, `5min`, `2h` or `30d`; also `-90s`."""
    found = re.fullmatch(r"(-?\d+)(s|min|h|d)", text)
    if found is None:
        raise VectorError(f"{text!r} is no duration such as 90s, 5min, 2h or 30d")
    return int(found[1]) * _UNITS[found[2]]


@cache
def published_scripts() -> dict[str, Script]:
    """Return the suite's scripts by name, in ascending order."""
    found = sorted((f.name, f.read_bytes()) for f in files(__package__).iterdir() if f.name.endswith(_SUFFIX))
    return {name.removesuffix(_SUFFIX): _read(name, raw) for name, raw in found}


def _read(name: str, raw: bytes) -> Script:
    try:
        plain: dict[str, Any] = tomllib.loads(raw.decode())
        script = msgspec.convert(plain, Script)
    except (ValueError, msgspec.ValidationError) as error:
        raise VectorError(f"{name}: {error}") from error
    for text in _times(script):
        seconds(text)
    nobody = sorted(set(_named(script)) - {*script.people, *script.receivers(), *script.senders()})
    if nobody:
        raise VectorError(f"{name}: nobody is called {', '.join(nobody)}")
    return script


def _times(script: Script) -> Iterator[str]:
    yield script.lasts
    for scene in script.scenes:
        yield from (scene.at, scene.every)
    for fault in script.faults:
        yield from (fault.since, fault.until, fault.by)
    for expect in script.expects:
        yield expect.at or script.lasts
    for person in script.people.values():
        yield person.skew


def _named(script: Script) -> Iterator[str]:
    """Yield everybody who acts, is acted upon or is looked at."""
    for scene in script.scenes:
        yield from (*scene.who.split(), *scene.to.split())
        if scene.do == "move":
            yield scene.name
    for expect in script.expects:
        yield from (*expect.who.split(), *expect.to.split())


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
