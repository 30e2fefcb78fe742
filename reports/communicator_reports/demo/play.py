"""The whole demonstration: the stage is set, scene after scene is played, and judges that know no mercy have the end.

Theory. A demonstration that looks well proves little. So it ends as every test of live services does: the event logs of
all places come together and are held against the invariants of the standard, and what was written is compared with what
was read.

Rules:

1. A scene that does not see what it is about ends the play; what was played until then is judged all the same.
2. Nothing is left when it ends, however it ends.
"""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from communicator_reports.commands.judge import Verdict, verdict
from communicator_reports.demo.broken import LOSES
from communicator_reports.demo.programs import DemoError
from communicator_reports.demo.scenes import FIRST, SCENES
from communicator_reports.demo.seen import learns
from communicator_reports.demo.stage import Stage
from communicator_reports.demo.telling import Teller
from communicator_spec import Violation
from communicator_spec.places import PlaceError
from communicator_spec.views import Role

__all__ = ["PACE", "Outcome", "play"]

PACE: Final = 28_800
"""How many times as fast the clocks go: one second is eight hours."""
_PROFILE: Final = "label/1"
_SHOWN: Final = 6
_ROLES: Final = (Role.SENDING, Role.RECEIVING, Role.DIRECTORY, Role.AUTHORIZATION, Role.NETWORK)


class Outcome(msgspec.Struct, frozen=True):
    """What came of it: `missing` has messages that were not read exactly once, by who should have read them."""

    scenes: list[dict[str, object]]
    days: float
    seconds: float
    messages: int
    events: dict[str, int]
    missing: dict[str, list[str]]
    violations: list[str]
    failure: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether all went as the standard says."""
        return not (self.missing or self.violations or self.failure)


def play(folder: Path, teller: Teller, times: int = PACE, *, broken: bool = False) -> Outcome:
    """Play all scenes in an empty folder; `broken`: the first ones, with services that lose what they took."""
    began_s = time.monotonic()
    stage = Stage(folder, times, {"receiving": LOSES} if broken else {})
    failure = ""
    try:
        _introduce(teller, times, broken=broken)
        try:
            stage.open()
            for scene in FIRST if broken else SCENES:
                scene(stage, teller)
        except DemoError as error:  # rule 1
            failure = str(error)
        return _end(stage, teller, failure, began_s)
    finally:
        stage.close()  # rule 2


def _introduce(teller: Teller, times: int, *, broken: bool) -> None:
    hours = times / 3600
    teller.says(f"One second here is {times // 60} minutes ({hours:.3g} hours), in all processes.", style="bold")
    teller.says(
        "Ann and Ben run a client each. Two operators, North and South, run a sending, a",
        "receiving, a directory and an authorization service each. All are processes of",
        "their own, with real HTTP between them and real kill -9.",
    )
    if broken:
        teller.says("Planted: the receiving services forget every third message that they accepted.", style="red")


def _end(stage: Stage, teller: Teller, failure: str, began_s: float) -> Outcome:
    """Judge what happened, and say it."""
    teller.begin("The judges", stage.hours())
    missing: dict[str, list[str]] = {}
    found = Verdict({}, (), {})
    try:
        missing = stage.missing()
        found = verdict(stage.save_logs(), settled=stage.settled, profile=_PROFILE)
    except (DemoError, PlaceError) as error:
        failure = failure or str(error)
    names = {number: stage.place_of(uri) for uri, number in found.numbers.items()}
    broken = [_broken(one, names) for one in found.violations]
    messages = sum(map(len, stage.written.values()))
    days, seconds = stage.hours() / 24, time.monotonic() - began_s
    outcome = Outcome(teller.scenes, days, seconds, messages, found.counts, missing, broken, failure)
    _say(outcome, teller, len(stage.services) + len(stage.people))
    return outcome


def _say(outcome: Outcome, teller: Teller, places: int) -> None:
    count = sum(outcome.events.values())
    teller.says(f"{count} events in the logs of {places} places were brought together and judged.")
    if outcome.holds:
        teller.shows([(role.value, learns(role)) for role in _ROLES], ("who", "may find out what is of the"))
        teller.says(f"✓ all invariants of the standard hold over {count} events", style="green")
    for line, times in Counter(outcome.violations).most_common(_SHOWN):
        teller.says(f"✗ {line}{f', {times} times' if times > 1 else ''}", style="red")
    for name, texts in outcome.missing.items():
        teller.says(f"✗ {name} did not read once: {', '.join(texts)}", style="red")
    if outcome.failure:
        teller.says(f"✗ {outcome.failure}", style="red")
    elif not outcome.missing:
        teller.says(f"✓ {outcome.messages} messages, each of them read once", style="green")
    teller.says(f"{outcome.days:.0f} days in {outcome.seconds:.0f} seconds.", style="dim")


def _broken(violation: Violation, names: Mapping[int, str]) -> str:
    """Say which invariant was broken, and where."""
    places = {names[event.service] for event in violation.events if event.service in names}
    where = f" ({', '.join(sorted(places))})" if places else ""
    return f"{violation.invariant}: {violation.detail}{where}"
