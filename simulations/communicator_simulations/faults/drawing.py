"""From a seed to a fault plan: who, on which terms, what they write, and what happens to them.

Theory. Plans that have a little of everything all look alike, and what needs many crashes, or none, is never met. So
each plan draws first which kinds of faults it has at all (swarm testing, Groce et al., ISSTA 2012), on which terms
people are, and how they write; then the faults themselves.

Rules:

1. A draw depends on the seed and on what it is for: a part of this module can change without the others.
2. Contact is kept (the assumption of the standard's promises): at most one provider dies, everybody who used it moves
   within days, nobody and nothing is out of reach for as long as an address lives, and who know each other write once
   in a third of that time: who has caused nothing may not send by himself either (STATE-12).
3. People write about as often as measured ones (CollegeMsg: 0.16 messages a person and day), some half or three times
   as often, and sometimes past each other, all at once.
"""

import random
from typing import Final

import msgspec

from communicator_simulations.faults.plan import DAY, HOUR, Fault, FaultPlan, Person, What, check, terms_of

__all__ = ["draw_plan"]

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_PROVIDERS: Final = 5
_DAYS: Final = (15, 30, 60, 90)
_RATES: Final = (0.08, 0.16, 0.16, 0.16, 0.16, 0.5)
"""Messages a person and day."""
_LOOKS_MIN: Final = (10, 10, 10, 300)
_PER_PLAN: Final = (2, 10)
_KINDS_SHARE: Final = 0.45
_TERMS: Final[tuple[dict[str, int], ...]] = (
    {},
    {"long_term_lifetime_ms": 30 * _DAY_MS, "long_term_refresh_ms": 10 * _DAY_MS, "ephemeral_capacity": 64},
    {"long_term_lifetime_ms": 20 * _DAY_MS, "long_term_refresh_ms": 8 * _DAY_MS, "ephemeral_lifetime_ms": 3 * _DAY_MS,
     "ephemeral_refresh_ms": _DAY_MS},
    {"long_term_capacity": 4, "ephemeral_lifetime_ms": 0},
    {"long_term_capacity": 3, "ephemeral_capacity": 4, "ephemeral_lifetime_ms": 4 * _DAY_MS,
     "ephemeral_refresh_ms": _DAY_MS},
    {"message_lifetime_ms": 6 * _DAY_MS, "queue_lifetime_ms": _DAY_MS},
    {"ranges_max": 1, "message_lifetime_ms": 8 * _DAY_MS, "long_term_capacity": 64, "ephemeral_capacity": 64},
)  # fmt: skip
_LATE_D: Final = 4
"""A provider dies this many days before the end of the faults at least, so that everybody can move."""


def draw_plan(seed: int, people: int = 4) -> FaultPlan:
    """Return the plan of a seed."""
    chance = random.Random(f"{seed} world")
    days = chance.choice(_DAYS)
    profile = chance.choice(("label/1", "label/1", "two-layer/1"))
    possible = (
        _TERMS
        if profile == "label/1"
        else [t for t in _TERMS if not {"long_term_capacity", "ephemeral_capacity"} & t.keys()]
    )
    terms = dict(chance.choice(possible))
    everybody = tuple(_person(random.Random(f"{seed} person {n}")) for n in range(people))
    pairs = _pairs(people, random.Random(f"{seed} pairs"))
    calm = 1 + max(_days(terms.get("message_lifetime_ms", 14 * _DAY_MS)), 5)
    plan = FaultPlan(
        seed, days * DAY, (calm + 1) * DAY, _PROVIDERS, everybody, pairs, profile, chance.choice(_LOOKS_MIN), terms,
    )  # fmt: skip
    writes = _writes(random.Random(f"{seed} writes"), days, people, len(pairs)) + _contact(plan, seed)
    faults = sorted(_faults(plan, random.Random(f"{seed} faults"), days), key=lambda fault: fault.at_min)
    return check(msgspec.structs.replace(plan, writes=tuple(sorted(writes)), faults=tuple(faults)))


def _days(ms: int) -> int:
    return -(-ms // _DAY_MS)


def _person(chance: random.Random) -> Person:
    order = chance.sample(range(_PROVIDERS), 4)
    return Person(tuple(order[:2]), tuple(order[1:3] if chance.random() < 0.5 else order[2:4]))


def _pairs(people: int, chance: random.Random) -> tuple[tuple[int, int], ...]:
    """Let everybody know the next one, and sometimes somebody else."""
    found = {tuple(sorted((n, (n + 1) % people))) for n in range(people)}
    if people > 3 and chance.random() < 0.3:
        found.add((0, 2))
    return tuple((a, b) for a, b in sorted(found))


def _writes(chance: random.Random, days: int, people: int, pairs: int) -> list[tuple[int, int]]:
    """Spread messages over the phase of faults; some come in bursts of both ends."""
    rate, found = chance.choice(_RATES), list[tuple[int, int]]()
    left = max(4, round(rate * people * days))
    bursty = chance.random() < 0.4
    while left > 0:
        at_min, end = chance.randrange(days * DAY), chance.randrange(2 * pairs)
        burst = chance.randint(2, 6) if bursty else 1
        found += [(at_min, end ^ (number & 1)) for number in range(burst)]
        left -= burst
    return found


def _contact(plan: FaultPlan, seed: int) -> list[tuple[int, int]]:
    """Let both ends of each relationship write at least once in a third of an address's life (rule 2)."""
    every = _days(terms_of(plan).long_term_lifetime_ms) * DAY // 3
    ends, chance = range(2 * len(plan.pairs)), random.Random(f"{seed} contact")
    return [(at + chance.randrange(every // 2), end) for end in ends for at in range(0, plan.faults_min - every, every)]


def _faults(plan: FaultPlan, chance: random.Random, days: int) -> list[Fault]:
    kinds = [what for what in What if chance.random() < _KINDS_SHARE] or [chance.choice(list(What))]
    found: list[Fault] = []
    if What.DIE in kinds and days > 2 * _LATE_D:
        found += _death(plan, chance, days)
    plain = [what for what in kinds if what is not What.DIE]
    dead = found[0].which if found else -1
    for _ in range(chance.randint(*_PER_PLAN) if plain else 0):
        found.append(_fault(plan, chance, chance.choice(plain), days, dead))
    moves = [fault for fault in found if fault.what is What.MOVE]
    return [_aimed(fault, chance.choice(moves), chance, days) if moves else fault for fault in found]


def _aimed(fault: Fault, move: Fault, chance: random.Random, days: int) -> Fault:
    """Let half of what lasts meet somebody who moves, about that time: there most can go wrong."""
    if not fault.for_min or fault.whom == "sending" or chance.random() < 0.5:
        return fault
    at_min = min(max(move.at_min + chance.randint(-DAY, 3 * DAY), 0), days * DAY - 1)
    which = move.services[0] if fault.whom == "receiving" else move.which
    return msgspec.structs.replace(fault, at_min=at_min, which=which)


def _death(plan: FaultPlan, chance: random.Random, days: int) -> list[Fault]:
    """Let a provider die, and everybody who used it replace it within a few days (rule 2)."""
    at_min, provider = chance.randrange((days - 2 * _LATE_D) * DAY), chance.randrange(plan.providers)
    found = [Fault(at_min, What.DIE, whom, provider) for whom in ("receiving", "sending")]
    for number, person in enumerate(plan.people):
        moves_min = at_min + chance.randint(2 * DAY, _LATE_D * DAY)
        for what, used in ((What.MOVE, person.receiving), (What.SWITCH, person.sending)):
            if provider in used:
                spare = chance.choice([p for p in range(plan.providers) if p not in used and p != provider])
                found.append(Fault(moves_min, what, "person", number, services=(provider, spare)))
    return found


def _fault(plan: FaultPlan, chance: random.Random, what: What, days: int, dead: int) -> Fault:
    at_min, people = chance.randrange(days * DAY), range(len(plan.people))
    provider = chance.choice([p for person in plan.people for p in person.receiving])  # one that is used
    for_min = chance.choice((HOUR, 6 * HOUR, DAY))
    match what:
        case What.CRASH:
            is_sending = chance.random() < 0.3
            used = chance.choice([p for person in plan.people for p in person.sending])
            of = ("sending", used) if is_sending else ("receiving", provider)
            return Fault(at_min, what, *of, for_min=for_min)
        case What.LOSE | What.LOSE_ANSWERS | What.DUPLICATE:
            return Fault(at_min, what, "receiving", provider, for_min=for_min)
        case What.DELAY:
            by_min = chance.choice((10, 12 * HOUR, 3 * DAY, 8 * DAY))
            return Fault(at_min, what, "receiving", provider, for_min=for_min, by_min=by_min)
        case What.OFFLINE:
            return Fault(at_min, what, "person", chance.choice(people), for_min=chance.choice((6 * HOUR, DAY, 2 * DAY)))
        case What.DEVICE_DIES | What.UNCONFIRMED:
            return Fault(at_min, what, "person", chance.choice(people), for_min=5 * DAY)
        case What.JUNK | What.REPLAY:
            return Fault(at_min, what, "receiving", provider)
        case What.STRAY | What.REFUSE:
            return Fault(at_min, what, "end", chance.randrange(2 * len(plan.pairs)))
        case _:
            return _decision(plan, chance, what, at_min, dead)


def _decision(plan: FaultPlan, chance: random.Random, what: What, at_min: int, dead: int) -> Fault:
    """Let somebody replace a service, by one that lives; one that is dead is replaced by `_death`."""
    number = chance.randrange(len(plan.people))
    person = plan.people[number]
    used = person.receiving if what is What.MOVE else person.sending
    old = chance.choice([p for p in used if p != dead] or [used[0]])
    spare = chance.choice([p for p in range(plan.providers) if p not in used and p != dead])
    return Fault(at_min, what, "person", number, services=(old, spare))
