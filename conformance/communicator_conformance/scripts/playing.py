"""Plays one script with one cast, and says what came of it.

Theory. What a script is judged by lies outside the roles: what was said, what arrived, and what the other end shows.
Roles that report events are judged by the invariants of the standard as well, the same that judge simulations and
models.

What is held against every play, in this order:

1. every role answers, and gives bytes that fit the wire schema
2. what the script expects at its times
3. every fault of the script has fired
4. everything that was said has arrived, once and unchanged, and nothing else; unless the script says that it `loses`
5. every end has numbered its messages from 0 on without a gap; after a restored backup, upwards (DELIV-1, PORT-23)
6. whoever ended a relationship has revoked all of its roots (DELIV-29)
7. the invariants, if all roles report events
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from communicator_conformance.errors import TesteeError
from communicator_conformance.questions import BEGIN_S, UPSET, Flaw, Refused
from communicator_conformance.scripts.scenes import plan_scene, relationship_of
from communicator_conformance.scripts.script import Expect, Script, seconds
from communicator_conformance.scripts.stage import Actor, Device, Stage
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_spec.invariants import Monitors
from communicator_spec.terms import standard_terms

__all__ = ["HYBRID", "Cast", "play", "script_id"]

Cast = Callable[[str, str], Testee]
"""(kind, name) → the program that plays it."""

_EVENTS: Final = "events"
HYBRID: Final = "+hybrid"
"""Behind a profile: in suite 2."""


def script_id(name: str, profile: str) -> str:
    """Return the id of a play, which never changes."""
    return f"script/{name}:{profile.partition('/')[0]}{HYBRID if profile.endswith(HYBRID) else ''}"


def play(name: str, script: Script, profile: str, cast: Cast, seed: int = 0) -> Result:
    """Play a script and return its result."""
    own = hashlib.sha256(f"{name} {profile} {seed}".encode()).digest()
    stage = Stage(script, profile, own, cast)
    fault, detail = _fault(stage, script)
    lines = tuple(stage.lines) if fault or stage.trace else ()
    status = Status.FAILED if fault else Status.PASSED
    return Result(script_id(name, profile), status, script.clauses, fault, detail, lines, met=stage.met())


def _fault(stage: Stage, script: Script) -> tuple[Fault | None, str]:
    try:
        _play(stage, script)
    except Flaw as flaw:
        return flaw.fault, str(flaw)
    except Refused as refused:
        return Fault.REJECTED, str(refused)
    except TesteeError as error:
        return error.fault, str(error)
    except UPSET as error:
        return Fault.SCHEMA, f"an answer that nobody can carry on: {error!r}"
    return None, ""


def _play(stage: Stage, script: Script) -> None:
    stage.raise_curtain()  # 1
    for scene in script.scenes:
        plan_scene(stage, scene)
    for expect in script.expects:
        if expect.at:
            stage.plan(seconds(expect.at), partial(_hold, stage, expect))
    stage.run(seconds(script.lasts))
    for expect in script.expects:  # 2
        if not expect.at:
            _hold(stage, expect)
    for fault in stage.passages.unfired():  # 3
        raise Flaw(Fault.UNFIRED, f"{fault.kind} on {fault.link} never happened")
    for device in stage.devices.values():
        _check_arrivals(device, stage, script)  # 4
        _check_numbers(device, script)  # 5
        _check_roots(device)  # 6
    if all(_EVENTS in actor.testee.hello.offers for actor in _actors(stage)):  # 7
        _check_log(stage)


def _check_arrivals(device: Device, stage: Stage, script: Script) -> None:
    for relationship, end in device.ends.items():
        said = [d.said.get(relationship, []) for d in stage.devices.values() if d.ends.get(relationship) == end ^ 1]
        got = device.got.get(relationship, [])
        wanted = [message for messages in said for message in messages]
        if len(set(got)) < len(got):
            raise Flaw(Fault.DOUBLED, f"{device.name} was given {len(got) - len(set(got))} messages twice")
        if not set(got) <= set(wanted):
            raise Flaw(Fault.MISMATCH, f"{device.name} was given what nobody said")
        if len(got) < len(wanted) and not script.loses:
            raise Flaw(
                Fault.LOST, f"{len(wanted) - len(got)} of {len(wanted)} messages to {device.name} did not arrive"
            )


def _check_numbers(device: Device, script: Script) -> None:
    for said in device.said.values():
        numbers = [number for number, _ in said]
        wanted = sorted(set(numbers)) if script.loses else list(range(len(numbers)))
        if numbers != wanted:
            raise Flaw(Fault.MISMATCH, f"{device.name} numbers its messages {numbers}")


def _check_roots(device: Device) -> None:
    left = [uri for number in sorted(device.ended) for uri, _ in sorted(device.roots.get(number, ()))]
    if left:
        raise Flaw(Fault.UNMET, f"{device.name} ended a relationship and has a root of it left at {', '.join(left)}")


def _check_log(stage: Stage) -> None:
    monitors = Monitors(standard_terms(stage.profile))
    monitors.feed_all(stage.rows)
    violations = monitors.finish((BEGIN_S + stage.now_s) * 1000, stage.rows)
    if violations:
        first = violations[0]
        raise Flaw(Fault.INVARIANT, f"{first.invariant}: {first.detail} at {first.t_ms // 1000 - BEGIN_S} s")


def _actors(stage: Stage) -> Iterable[Actor]:
    return (*stage.devices.values(), *stage.receivers.values(), *stage.senders.values())


# -------------------------------------------------------------------- what a script expects


def _hold(stage: Stage, expect: Expect) -> None:
    who = stage.devices[expect.who]
    found = _seen(stage, expect, who)
    if found != expect.value:
        at = f" at {expect.at}" if expect.at else ""
        raise Flaw(Fault.UNMET, f"{expect.that} of {expect.who}{at} is {found}, not {expect.value}")


def _seen(stage: Stage, expect: Expect, who: Device) -> object:
    if expect.that == "sent":
        return who.sent
    if expect.that == "ways":
        return sorted(who.ways)
    if expect.that == "delivered" and not expect.to:
        return sum(map(len, who.got.values()))
    relationship = relationship_of(stage, who, stage.devices[expect.to])
    if expect.that == "delivered":
        return len(who.got.get(relationship, ()))
    standing = stage.ask(who, "standing", relationship=relationship)
    match expect.that:
        case "peer uses":
            return sorted(uri.removeprefix("https://").removesuffix(".example") for uri in standing["peer"])
        case "losses":
            return bool(standing["losses"])
        case "seen":
            floor, ranges = standing["seen"]
            return floor + sum(last - first + 1 for first, last in ranges)
        case "waiting":
            return len(standing["waiting"])
        case other:
            return standing[other]
