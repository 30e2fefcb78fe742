"""What a run is to do: people and whom they know, what they write and decide, and which faults meet whom when.

Theory. A run of real processes is not deterministic, but what it is asked to do is: all of it is drawn from a seed
before anything starts, with labelled draws, so that the same seed gives the same plan on every machine. Which crash
point a kill takes is the one choice left to the run: the point that was taken least often among those that are passed.

Rules:

1. Every fault of a plan is counted when it was seen to happen; a run in which one did not happen is not valid.
2. Times are real seconds since the beginning; the clocks of the processes run `pace` times as fast.
"""

import random
from enum import StrEnum
from typing import Final

import msgspec

from communicator_simulations.chaos.planted import Bug
from communicator_simulations.chaos.talker import Step

__all__ = ["OPERATORS", "OVERTIME_S", "Fault", "Kind", "Pair", "Plan", "planned"]

OPERATORS: Final = 3
_DAY_S: Final = 86_400
_DAYS: Final = 5.5
_PACES: Final = (60, 6000)
_MESSAGES_S: Final = 0.25
_MESSAGES: Final = 10
"""Of each person: so many a second, and so many in the time of the plan at least."""
_LOAD: Final = (0.12, 0.95)
OVERTIME_S: Final = 60.0
"""For so long people go on writing, if what has to happen has not been seen by then."""
_FILES: Final = 4
_TROUBLES: Final = (
    "reset",
    "lost-answer",
    "delay",
    "duplicate",
    "reorder",
    "cut-request",
    "cut-answer",
    "throttle",
    "silence",
    "corrupt",
)
_SHARES: Final = (0.2, 0.6)
_SHARES_OF_BYTES: Final = (0.02, 0.1)
"""Of what goes through, for bits that flip: a request is in several pieces, and one of them is enough."""


class Kind(StrEnum):
    """What may happen to whom."""

    KILL = "kill"  # at a crash point
    KILL_ANYWHERE = "kill-anywhere"  # at whatever instruction
    PAUSE = "pause"
    TROUBLE = "trouble"  # on the connections to one operator
    SKEW = "skew"  # killed, and started with a clock that is off
    FULL = "full"  # no more room for what it writes
    OLD = "old"  # a service continues with an older database


class Fault(msgspec.Struct, frozen=True):
    """One fault: when, what, whom (`person`, `service` or `resolver`, and which), how, and for how long."""

    at_s: float
    kind: Kind
    role: str
    which: int
    how: str = ""
    for_s: float = 0.0
    amount: float = 0.0


class Pair(msgspec.Struct, frozen=True):
    """One relationship: who invites whom."""

    inviter: int
    other: int


class Plan(msgspec.Struct, frozen=True):
    """All that a seed says."""

    seed: int
    people: int
    seconds: float
    pace: int
    pairs: tuple[Pair, ...]
    receiving: tuple[tuple[int, ...], ...]
    senders: tuple[tuple[int, ...], ...]
    steps: tuple[tuple[Step, ...], ...]
    faults: tuple[Fault, ...]

    def ends_of(self, person: int) -> list[int]:
        """Return the ends of one person."""
        found = [2 * number for number, pair in enumerate(self.pairs) if pair.inviter == person]
        return found + [2 * number + 1 for number, pair in enumerate(self.pairs) if pair.other == person]


def planned(
    people: int, minutes: float, seed: int, kills: int, *, faults: bool, uris: tuple[str, ...], bug: Bug | None = None
) -> Plan:
    """Draw a plan; `uris` are the operators' origins, `kills` are at crash points, `faults` what comes besides.

    With a planted bug the faults are those that expose it, and no others.
    """
    seconds = 60 * minutes
    pairs = _pairs(people, random.Random(f"{seed} pairs"))
    orders = [random.Random(f"{seed} services {n}").sample(range(OPERATORS), OPERATORS) for n in range(people)]
    receiving = tuple(tuple(order[:2]) for order in orders)
    senders = tuple(tuple(order[1:]) for order in orders)
    plan = Plan(seed, people, seconds, _pace(seconds), pairs, receiving, senders, (), ())
    steps = tuple(_steps(plan, person, uris) for person in range(people))
    drawn = _exposing(plan, kills, bug) if bug else _kills(plan, kills) + (_others(plan) if faults else [])
    return msgspec.structs.replace(plan, steps=steps, faults=tuple(sorted(drawn, key=lambda fault: fault.at_s)))


def _pace(seconds: float) -> int:
    least, most = _PACES
    return min(max(int(_DAYS * _DAY_S / seconds), least), most)


def _pairs(people: int, chance: random.Random) -> tuple[Pair, ...]:
    """Let everybody know the next one, and some know somebody else."""
    found = {frozenset((n, (n + 1) % people)) for n in range(people)} if people > 2 else {frozenset((0, 1))}
    for _ in range(people // 2 if people > 3 else 0):
        found.add(frozenset(chance.sample(range(people), 2)))
    ordered = sorted(tuple(sorted(pair)) for pair in found)
    return tuple(Pair(*(pair if chance.random() < 0.5 else pair[::-1])) for pair in ordered)


def _steps(plan: Plan, person: int, uris: tuple[str, ...]) -> tuple[Step, ...]:
    chance, ends = random.Random(f"{plan.seed} steps {person}"), plan.ends_of(person)
    begin, end = (share * plan.seconds for share in _LOAD)
    span_s, rate = plan.seconds + OVERTIME_S, max(_MESSAGES_S, _MESSAGES / plan.seconds)
    said = [
        Step(chance.uniform(0, span_s), "say", chance.choice(ends), f"{plan.seed}:{person}:{number}")
        for number in range(int(rate * span_s))
    ]
    decided = [Step(begin + chance.uniform(0, end - begin) / 2, "profile", ends[0], f"person {person}")]
    decided += [Step(chance.uniform(begin, end), "read", one, f"read {one}") for one in ends]
    if person % 3 == 0:
        old, new = plan.receiving[person][0], next(n for n in range(len(uris)) if n not in plan.receiving[person])
        decided.append(Step(begin, "move", -1, "move", (uris[old], uris[new])))
    if person % 3 == 1:
        turned = tuple(uris[n] for n in plan.senders[person][::-1])
        decided.append(Step(chance.uniform(begin, end), "senders", -1, "senders", turned))
        decided.append(Step(chance.uniform(begin, end), "tell_read", ends[0], "tell read"))
    if person % 3 == 2:
        decided.append(Step(chance.uniform(begin, 0.6 * end), "next", -1, "next"))
        decided.append(Step(chance.uniform(begin, end), "secret", -1, "secret"))
    if person < _FILES:
        decided.append(Step(chance.uniform(begin, 0.5 * end), "attach", ends[0], f"{plan.seed}:{person}:file"))
    decided.append(Step(begin, "take", -1, "take"))
    if plan.people > 2 and 2 * len(plan.pairs) - 1 in ends:
        decided.append(Step(0.8 * plan.seconds, "end", 2 * len(plan.pairs) - 1, "end"))
    return tuple(sorted([*said, *decided], key=lambda step: (step.at_s, step.name)))


def _kills(plan: Plan, kills: int) -> list[Fault]:
    chance, found = random.Random(f"{plan.seed} kills"), list[Fault]()
    for number in range(kills):
        at_s = plan.seconds * (0.03 + 0.94 * number / max(kills, 1))
        role = chance.choices(("person", "service", "resolver"), (6, 3, 1))[0]
        which = chance.randrange(plan.people if role == "person" else OPERATORS)
        kind = Kind.KILL if chance.random() < 0.93 else Kind.KILL_ANYWHERE
        found.append(Fault(at_s, kind, role, which))
    return found


def _exposing(plan: Plan, kills: int, bug: Bug) -> list[Fault]:
    """Return what exposes a planted bug."""
    begin_s, for_s = 0.15 * plan.seconds, 0.8 * plan.seconds
    found = [
        Fault(begin_s, Kind.TROUBLE, "service", which, f"{fault} {path}", for_s, 0.4)
        for which, (fault, path) in zip(range(OPERATORS), bug.troubles * OPERATORS, strict=False)
    ]
    for number in range(kills if bug.kills else 0):
        role = _role(bug.kills[number % len(bug.kills)])
        which = number % (plan.people if role == "person" else OPERATORS)
        found.append(Fault(begin_s + for_s * number / kills, Kind.KILL, role, which))
    return found


def _role(place: str) -> str:
    """Return who dies at a point, or what stands for one."""
    if place in ("person", "service", "resolver"):
        return place
    return "resolver" if place.startswith("services.resolver") else "service" if place.startswith("serv") else "person"


def _others(plan: Plan) -> list[Fault]:
    chance, found, begin, end = random.Random(f"{plan.seed} others"), list[Fault](), *_LOAD
    begin, end = begin * plan.seconds, end * plan.seconds

    def add(kind: Kind, role: str, how: str = "", for_s: float = 0.0, amount: float = 0.0) -> None:
        which = chance.randrange(plan.people if role == "person" else OPERATORS)
        found.append(Fault(chance.uniform(begin, end - for_s), kind, role, which, how, for_s, amount))

    rounds = max(1, round(plan.seconds / 60))
    span = (end - begin) / (rounds * len(_TROUBLES))  # one after the other, so that none takes another's place
    for number, how in enumerate(chance.sample(_TROUBLES * rounds, rounds * len(_TROUBLES))):
        at_s, which = begin + number * span, chance.randrange(OPERATORS)
        shares = _SHARES_OF_BYTES if how == "corrupt" else _SHARES
        found.append(Fault(at_s, Kind.TROUBLE, "service", which, how, 0.9 * span, chance.uniform(*shares)))
    for _ in range(rounds):
        for role in ("person", "service"):
            add(Kind.PAUSE, role, "", chance.uniform(0.5, 3.0))
            add(Kind.SKEW, role, "", 0.0, chance.choice((-600, 300, 900)))
            add(Kind.FULL, role, "", chance.uniform(1.0, 2.0))
    return found
