"""A fault plan: what goes wrong with whom, when and for how long, as an explicit list that can be read, kept and cut.

Theory. A seed that fails says nothing: change one draw and everything after it moves. So a seed only writes the plan
(`drawing`), and the plan is all that a run depends on: people and their services, whom they know, when they write, each
fault, and a seed for what remains (delays, jitter, when a receipt goes). Whatever is cut out of a plan leaves the rest
as it was, which is what makes it shrink. A run has two phases: one with the faults, and a calm one in which nothing
goes wrong any more and everything has to come to its end.

Rules:

1. Times are whole minutes since the beginning, so that a plan is exact in JSON and in TOML.
2. A fault counts what it met. A run in which a planned fault met nothing is not valid (`judging`).
3. What the table `WHO` does not allow is refused before anything runs, with the number of the fault.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from communicator_spec import Terms
from communicator_spec.errors import Explained
from communicator_spec.terms import TermsError, changed, standard_terms

__all__ = ["DAY", "HOUR", "MINUTE_MS", "Fault", "FaultPlan", "Person", "PlanError", "What", "check", "load", "terms_of"]

HOUR: Final = 60
DAY: Final = 24 * HOUR
"""In minutes."""
MINUTE_MS: Final = 60_000
_PROFILES: Final = ("label/1", "two-layer/1")


class PlanError(Explained, ValueError):
    """A plan is malformed or impossible."""


class What(StrEnum):
    """What may happen. Everything from `MOVE` on is a person's decision, which is as hard on a protocol as a fault."""

    CRASH = "crash"  # a service does not answer for a while; what it stored is kept
    DIE = "die"  # a service is gone for good, with everything that it stored
    LOSE = "lose"  # requests to a receiving service do not arrive
    LOSE_ANSWERS = "lose-answers"  # they do, and the answers do not
    DUPLICATE = "duplicate"  # they arrive twice
    DELAY = "delay"  # they arrive later, when nobody waits for the answer any more: `by_min`
    OFFLINE = "offline"  # a device has no connection
    DEVICE_DIES = "device-dies"  # when it is about to hand over; it goes on with what it has stored
    UNCONFIRMED = "unconfirmed"  # it dies when it has stored what it fetched, and has not confirmed that
    JUNK = "junk"  # a stranger writes to a service
    REPLAY = "replay"  # a stranger sends again what was sent to a service
    STRAY = "stray"  # a stranger writes to an address that a correspondent passed on
    MOVE = "move"  # a person replaces a receiving service: `services` are the old one and the new one
    SWITCH = "switch"  # a person replaces a sending service
    REFUSE = "refuse"  # one end ends the relationship


WHO: Final = {
    What.CRASH: ("receiving", "sending"),
    What.DIE: ("receiving", "sending"),
    What.LOSE: ("receiving",),
    What.LOSE_ANSWERS: ("receiving",),
    What.DUPLICATE: ("receiving",),
    What.DELAY: ("receiving",),
    What.OFFLINE: ("person",),
    What.DEVICE_DIES: ("person",),
    What.UNCONFIRMED: ("person",),
    What.JUNK: ("receiving",),
    What.REPLAY: ("receiving",),
    What.STRAY: ("end",),
    What.MOVE: ("person",),
    What.SWITCH: ("person",),
    What.REFUSE: ("end",),
}
"""Whom each may meet. An `end` is 2 × relationship + side; of a stray, the end that is written to."""

_LASTING: Final = frozenset(
    (What.CRASH, What.LOSE, What.LOSE_ANSWERS, What.DUPLICATE, What.DELAY, What.OFFLINE, What.DEVICE_DIES,
     What.UNCONFIRMED)
)  # fmt: skip
_DECISIONS: Final = frozenset((What.MOVE, What.SWITCH))


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: when, what, whom, for how long. One that waits for something may happen within `for_min`."""

    at_min: int
    what: What
    whom: str
    which: int
    for_min: int = 0
    by_min: int = 0
    services: tuple[int, ...] = ()

    @property
    def line(self) -> str:
        """Say it in one line."""
        lasts = f" for {_time(self.for_min)}" if self.for_min else ""
        moved = f", {self.services[0]} by {self.services[1]}" if self.services else ""
        by = f", by {_time(self.by_min)}" if self.by_min else ""
        return f"{_time(self.at_min)}: {self.what} {self.whom} {self.which}{lasts}{by}{moved}"


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The providers that one person uses at the beginning, in order of preference."""

    receiving: tuple[int, ...]
    sending: tuple[int, ...]


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that a run depends on. `writes`: minute and end of each message. `terms`: what differs from the standard's.

    Faults happen for `faults_min` minutes, and for `calm_min` more there are none. `look_min`: how long it takes on
    average until a device that was told of a message looks.
    """

    seed: int
    faults_min: int
    calm_min: int
    providers: int
    people: tuple[Person, ...]
    pairs: tuple[tuple[int, int], ...]
    profile: str = "label/1"
    look_min: int = 10
    terms: dict[str, int] = {}
    writes: tuple[tuple[int, int], ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def person_days(self) -> float:
        """How many days of people the plan simulates, both phases."""
        return len(self.people) * (self.faults_min + self.calm_min) / DAY

    def person_of(self, end: int) -> int:
        """Return whose end it is."""
        return self.pairs[end >> 1][end & 1]

    def json(self) -> str:
        """Write it on one line."""
        return msgspec.json.encode(self).decode()

    def toml(self) -> str:
        """Write it for people."""
        whole: dict[str, object] = msgspec.to_builtins(self)
        tables = [("people", table) for table in msgspec.to_builtins(self.people)]
        tables += [("faults", table) for table in msgspec.to_builtins(self.faults)]
        plain = {key: value for key, value in whole.items() if key not in ("people", "faults", "terms")}
        lines = _lines(plain) + (["", "[terms]", *_lines(self.terms)] if self.terms else [])
        for name, table in tables:
            lines += ["", f"[[{name}]]", *_lines(table)]
        return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, object]) -> list[str]:
    """Write keys and values; numbers, strings and lists of them are in TOML what they are in JSON."""
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def _time(minutes: int) -> str:
    days, left = divmod(minutes, DAY)
    hours, left = divmod(left, HOUR)
    named = ((days, "d"), (hours, "h"), (left, "min"))
    return " ".join(f"{count} {unit}" for count, unit in named if count) or "0"


def load(text: str) -> FaultPlan:
    """Read a plan: JSON itself, or the name of a .json or .toml file. `PlanError` names what is wrong."""
    try:
        if text.lstrip().startswith("{"):
            return check(msgspec.json.decode(text, type=FaultPlan))
        data = Path(text).read_bytes()
        decode = msgspec.toml.decode if text.endswith(".toml") else msgspec.json.decode
        return check(decode(data, type=FaultPlan))
    except OSError as error:
        raise PlanError(f"plan {text[:80]}: {error.strerror}; give a .json or .toml file, or JSON itself") from None
    except msgspec.DecodeError as error:
        raise PlanError(f"plan {text[:80]}: {error}") from None


def terms_of(plan: FaultPlan) -> Terms:
    """Return the terms on which everybody runs. `PlanError`: they are impossible."""
    unknown = sorted(set(plan.terms) - set(Terms.__struct_fields__))
    if unknown:
        raise PlanError(f"plan: there are no terms {', '.join(unknown)}")
    try:
        return changed(standard_terms(plan.profile), **plan.terms)
    except TermsError as error:
        raise PlanError(f"plan: {error}") from None


def check(plan: FaultPlan) -> FaultPlan:
    """Return the plan, or raise `PlanError` that says what is impossible."""
    _require(plan.profile in _PROFILES, f"profile must be one of {', '.join(_PROFILES)}")
    _require(min(plan.faults_min, plan.calm_min, plan.look_min) >= 0, "phases and look_min must not be negative")
    terms_of(plan)
    places = range(plan.providers)
    for number, person in enumerate(plan.people):
        for of in (person.receiving, person.sending):
            _require(bool(of) and len(set(of)) == len(of), f"person {number} must name each service once, one at least")
            _require(all(place in places for place in of), f"person {number} uses a provider that is not there")
    for a, b in plan.pairs:
        _require(a != b and {a, b} <= set(range(len(plan.people))), f"{a} and {b} are no two people of the plan")
    ends = range(2 * len(plan.pairs))
    _require(all(at >= 0 and end in ends for at, end in plan.writes), "writes must name a minute and an end")
    for number, fault in enumerate(plan.faults):
        _check_fault(plan, fault, f"fault {number}")
    return plan


def _check_fault(plan: FaultPlan, fault: Fault, name: str) -> None:
    many = {"receiving": plan.providers, "sending": plan.providers, "person": len(plan.people),
            "end": 2 * len(plan.pairs)}  # fmt: skip
    _require(fault.whom in WHO[fault.what], f"{name}: {fault.what} is of {' or '.join(WHO[fault.what])}")
    _require(0 <= fault.which < many[fault.whom], f"{name}: there is no {fault.whom} {fault.which}")
    _require(0 <= fault.at_min <= plan.faults_min, f"{name} does not happen within the phase of faults")
    _require((fault.for_min > 0) == (fault.what in _LASTING), f"{name}: {fault.what} and for_min do not go together")
    _require((fault.by_min > 0) == (fault.what is What.DELAY), f"{name}: by_min is of a delay, and a delay has it")
    decides = fault.what in _DECISIONS
    _require(len(fault.services) == 2 * decides, f"{name}: services are the old one and the new one of a decision")
    _require(all(0 <= service < plan.providers for service in fault.services), f"{name}: no such provider")


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise PlanError(f"plan: {complaint}")
