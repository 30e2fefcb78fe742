"""Who plays what: a program under test among partners, or against another program.

Theory. Two programs interoperate if each can be either end. So roles alternate: the first, third … of a kind is played
by the program under test, the others by its partner; the roles that it does not offer are all the partner's. In the
cast the other way round everybody plays the other part; a script whose parts differ (`second`) is played in both.
"""

from collections.abc import Iterator, Mapping

import msgspec

from communicator_conformance.errors import TesteeError
from communicator_conformance.scripts.playing import HYBRID, play, script_id
from communicator_conformance.scripts.script import Script
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Result, Status

__all__ = ["between", "can_play", "plays_of", "scripts_of"]

ROLES = {"person": "rm", "sender": "ssa", "receiver": "rsa"}
LIVE = "live"


def scripts_of(script: Script, name: str) -> Iterator[tuple[str, str]]:
    """Return the id of each play of a script, with its profile."""
    for profile in (*script.profiles, *(f"{profile}{HYBRID}" for profile in script.hybrid)):
        yield script_id(name, profile), profile


def plays_of(script: Script, name: str) -> Iterator[tuple[str, str, bool]]:
    """Return the id of each play in a run against one program, with its profile, and whether the parts are changed."""
    for test, profile in scripts_of(script, name):
        yield test, profile, False
        if script.second:
            yield f"{test}:second", profile, True


def between(
    first: Testee,
    second: Testee,
    scripts: Mapping[str, Script],
    chosen: frozenset[str],
    *,
    swapped: bool = False,
    both: bool = False,
    seed: int = 0,
) -> Iterator[Result]:
    """Play the chosen scripts with two programs.

    `swapped` gives each the parts of the other; with `both` a script is skipped unless both have a part. `seed` is what
    all questions draw from.
    """
    for name, script in sorted(scripts.items()):
        for test, profile, changed in plays_of(script, name):
            if test in chosen:
                result = _played(first, second, name, script, profile, swapped != changed, both, seed)
                yield msgspec.structs.replace(result, id=test)


def _played(
    first: Testee, second: Testee, name: str, script: Script, profile: str, swapped: bool, both: bool, seed: int
) -> Result:
    test = script_id(name, profile)
    first.lines.clear()
    second.lines.clear()
    try:
        missing = _missing(first, second, profile, both)
    except TesteeError as error:
        said = (*first.lines, *second.lines)
        return Result(test, Status.FAILED, script.clauses, error.fault, str(error), said)
    if missing:
        return Result(test, Status.SKIPPED, script.clauses, detail=missing)
    turns = dict.fromkeys(ROLES, 0)

    def cast(kind: str, _: str) -> Testee:
        turns[kind] += 1
        wanted, other = (first, second) if turns[kind] % 2 != swapped else (second, first)
        return wanted if can_play(wanted, kind, profile) else other

    return play(name, script, profile, cast, seed)


def _missing(first: Testee, second: Testee, profile: str, both: bool) -> str:
    """Return why a script cannot be played with these two; the first must have a part in it."""
    own, others = ({kind for kind in ROLES if can_play(testee, kind, profile)} for testee in (first, second))
    if not own or (both and not others):
        return f"needs live, {profile} and one of {', '.join(ROLES.values())}"
    nobody = [kind for kind in ROLES if kind not in own | others]
    return f"nobody plays a {nobody[0]}" if nobody else ""


def can_play(testee: Testee, kind: str, profile: str) -> bool:
    """Tell whether a program plays this kind of role; a service knows no suite, a sending service no profile either."""
    base, _, suite = profile.partition("+")
    wanted = {LIVE, ROLES[kind]} | (set() if kind == "sender" else {base})
    wanted |= {suite} if suite and kind == "person" else set()
    return wanted <= testee.hello.offers
