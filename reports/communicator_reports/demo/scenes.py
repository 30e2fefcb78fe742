"""The scenes of a demonstration, in their order: each does something real, waits for what comes of it, and tells it.

Each scene has the same parts: a heading, what is done, what had to be seen (`_must`: a scene whose fault did not happen
shows nothing and fails), facts for whoever reads the result, and what each place saw.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from communicator_reports.demo.programs import DemoError, Person, eventually
from communicator_reports.demo.seen import sight
from communicator_reports.demo.stage import DAY_S, NEWCOMER, OPERATORS, Stage
from communicator_reports.demo.telling import Teller

__all__ = ["FIRST", "SCENES"]

Way = Mapping[str, str]
Row = Mapping[str, str | int]


def a_link(stage: Stage, teller: Teller) -> None:
    """Two people meet by a link."""
    ann, ben = stage.people
    teller.begin("First contact, by a link", stage.hours())
    teller.says("Ann makes a link and gives it to Ben over a way that both trust.")
    link = ann.asks("invite Ben --number 0")
    teller.typed("Ann", "communicator rm invite Ben")
    ben.asks(f"accept '{link}' --name Ann --number 1")
    teller.typed("Ben", f"communicator rm accept '{link[:32]}…' --name Ann")
    stage.says(ben, "Hello Ann!")
    teller.typed("Ben", "communicator rm say Ann 'Hello Ann!'")
    stage.settle()
    same = ann.asks("fingerprint Ben") == ben.asks("fingerprint Ann")
    _must(same, "both see one fingerprint")
    teller.fact("same_fingerprint", same)
    teller.says(
        "They are in contact: both see one fingerprint. No service learnt who they are,",
        "only that something was sent, and where to.",
    )
    _tell_seen(stage, teller)


def a_name(stage: Stage, teller: Teller) -> None:
    """A stranger asks at a directory, and waits to be let in."""
    ann, ben = stage.people
    directory = stage.service("directory", OPERATORS[1])
    teller.begin("First contact, by a name", stage.hours())
    teller.says("Ben has a name at a directory, and keeps contacts there: one for each stranger.")
    key = stage.operator.said(("directory", "open", _NAME, "--database", f"sqlite:///{directory.file.name}")).strip()
    ben.asks(f"register {_NAME} --directory {directory.uri} --key {key} --keep 2")
    teller.typed("Ben", f"communicator rm register {_NAME} --directory {directory.uri}")
    ann.asks(f"find {_NAME} --directory {directory.uri} --name {_CALLED} --say 'May I?' --number {_FOUND}")
    teller.typed("Ann", f"communicator rm find {_NAME} --directory {directory.uri}")
    waiting = eventually(lambda: json.loads(ben.asks("requests --json")), "a stranger waits at Ben's door")
    _must(waiting[0]["text"] == "May I?", "what the stranger says")
    number = waiting[0]["number"]
    ben.asks(f"accept-request {number} --name '{_CALLED}'")
    teller.typed("Ben", f"communicator rm accept-request {number} --name Cleo")
    stage.pairs(_FOUND, number)
    eventually(lambda: _is_known(ann, _CALLED), "the stranger learns that the door is open")
    taken = json.loads(ben.asks(f"unregister {_NAME} --directory {directory.uri} --json"))["taken_back"]
    teller.fact("taken_back", taken)
    teller.says("Ben saw what she wrote before he let her in; until then she learnt nothing.")
    _tell_seen(stage, teller)


def a_conversation(stage: Stage, teller: Teller) -> None:
    """Messages take turns between ways."""
    teller.begin("A conversation", stage.hours())
    texts = (("Ann", "Are you free on Friday?"), ("Ben", "Yes. At eight?"), ("Ann", "At eight."), ("Ben", "Good."))
    for name, text in texts:
        stage.says(_called(stage, name), text)
        teller.typed(name, f"communicator rm say {stage.peer(_called(stage, name)).name} '{text}'")
    stage.settle()
    ways = {way for person in stage.people for _, found in _own(stage, person) for way in map(_pair, found)}
    teller.fact("ways", len(ways))
    teller.says(
        "Messages take turns between ways. A sending service sees where to, not from",
        "whom; a receiving service sees for which root: each relationship has its own.",
    )
    _tell_seen(stage, teller)


def a_death(stage: Stage, teller: Teller) -> None:
    """A receiving service is killed; what is sent to it finds another way."""
    dead = stage.service("receiving", OPERATORS[0])
    teller.begin("A receiving service dies", stage.hours())
    dead.kill()
    _must(not dead.answers_anybody(), "the service is dead")
    teller.says(f"kill -9 of {dead.name}. Both go on writing; nobody told them.")
    rescued: list[tuple[Person, str, list[Way]]] = []
    said = 0

    def writes() -> bool:
        nonlocal said
        for person in stage.people:
            stage.says(person, _AT_A_DEATH[said] if said < len(_AT_A_DEATH) else f"And this, number {said}?")
            said += 1
        stage.settle()
        rescued[:] = _rescued(stage, dead.uri)
        return bool(rescued)

    eventually(writes, f"a message is sent to {dead.name} while it is dead, and finds another way")
    teller.fact("rescued", len(rescued))
    teller.says(f"Sent to the dead service, and then another way, by the client alone: {len(rescued)}")
    person, text, ways = rescued[0]
    teller.shows([(f"{person.name}: {text}", _told(stage, way)) for way in ways[:1]] + [("", _told(stage, ways[-1]))])
    _tell_seen(stage, teller)


def a_return(stage: Stage, teller: Teller) -> None:
    """The dead service is started again."""
    service = stage.service("receiving", OPERATORS[0])
    teller.begin("It is started again", stage.hours())
    stage.start(service)
    teller.typed(OPERATORS[0], service.typed)
    for person, text in zip(stage.people, ("It is back.", "So it is."), strict=True):
        person.asks("sync")
        stage.says(person, text)
    stage.settle()
    teller.says(
        "What it had answered for was in its database. What waited for it has gone",
        "another way, and what comes twice is dropped as known.",
    )
    _tell_seen(stage, teller)


def a_rotation(stage: Stage, teller: Teller) -> None:
    """Addresses end, and are replaced inside messages."""
    teller.begin("Addresses are replaced", stage.hours())
    teller.says("Short-lived addresses live for a week. Ann and Ben talk once a day, and do", "nothing else.")
    known: dict[tuple[str, int], Row] = {}
    drained: set[tuple[str, int]] = set()

    def look() -> None:
        found = {(str(row["service"]), int(row["valid_until_s"])): row for row in _short_lived(stage)}
        drained.update(place for place, row in found.items() if row["state"] == "draining")
        for place, row in found.items():
            before = known.get(place, row)
            known[place] = {**row, "used": max(int(row["used"]), int(before["used"]))}

    def talks() -> bool:
        look()
        for person in stage.people:
            stage.says(person, f"Day {int(stage.hours() / 24)}, says {person.name}.")
        stage.settle()
        look()
        return all(_was_replaced(uri, known, drained) for uri, _ in known)

    eventually(talks, "old addresses drain and new ones are used, at each service", pause_s=DAY_S / stage.times)
    rows = [row for place, row in sorted(known.items()) if place in drained or row["used"]]
    teller.fact("drained", len(drained))
    teller.fact("used", sum(int(row["used"]) for place, row in known.items() if place not in drained))
    teller.shows([_address(stage, row) for row in rows], ("Ben reaches Ann at", "good until", "used", "state"))
    teller.says(
        "The new ones came inside messages, and nobody was asked. What is on its way to",
        "the old ones still arrives.",
    )
    _tell_seen(stage, teller)


def a_sunset(stage: Stage, teller: Teller) -> None:
    """A service closes; its people leave it without losing a message."""
    old, new = stage.service("receiving", OPERATORS[1]), stage.service("receiving", NEWCOMER)
    teller.begin("A service closes", stage.hours())
    teller.says(f"{old.name} will close, {new.name} opens. Both move, and go on writing.")
    stage.start(new)
    for person in stage.people:
        person.asks(f"move {old.uri} {new.uri}")
        teller.typed(person.name, f"communicator rm move {old.uri} {new.uri}")
    progress: list[tuple[str, str]] = []
    texts = 0

    def leaves() -> bool:
        nonlocal texts
        texts += 1
        for person in stage.people:
            stage.says(person, f"Moving, {texts}.")
        stage.settle()
        said = {person.name: _leaving(stage, person) for person in stage.people}
        text = ", ".join(f"{name}: {how_far}" for name, how_far in said.items())
        if not progress or progress[-1][1] != text:
            progress.append((f"day {stage.hours() / 24:.1f}", text))
        return {*said.values()} == {_LEFT}

    eventually(leaves, "both have left the service", pause_s=DAY_S / 2 / stage.times)
    teller.shows(progress)
    old.stop()
    _must(not old.answers_anybody(), "the service has closed")
    for person, text in zip(stage.people, ("It has closed.", "I did not notice."), strict=True):
        stage.says(person, text)
    stage.settle()
    teller.fact("left", len(stage.people))
    teller.fact("progress", [text for _, text in progress])
    teller.says(
        "A service is left when the peer knows, and nothing can be on its way there any",
        f"more (two days). {old.name} was stopped for good, and they go on.",
    )
    _tell_seen(stage, teller)


def a_crash(stage: Stage, teller: Teller) -> None:
    """A client dies after a service has its message, and before it knows."""
    ann, ben = stage.people
    teller.begin("A client is killed in mid-send", stage.hours())
    for relay in stage.relays:
        relay.keep_answers(True)
    text = "Did this arrive?"
    stage.written[ann.name].append(text)
    ann.types(f"say Ben '{text}'")
    eventually(lambda: any(relay.kept.is_set() for relay in stage.relays), "a submission without an answer")
    ann.kill()
    _must(not ann.lives(), "the client is dead")
    for relay in stage.relays:
        relay.keep_answers(False)
    teller.typed("Ann", f"communicator rm say Ben '{text}'")
    teller.says(
        "A sending service has the message, its answer is on the way, and Ann's client",
        "gets kill -9: it cannot know. She starts it again.",
    )
    ann.start()
    teller.typed("Ann", "communicator rm shell")
    stage.settle()
    copies = [one.text for one in ben.arrived].count(text)
    _must(copies == 1, f"the message is read once, not {copies} times")
    teller.fact("copies", copies)
    teller.says("It was in her store before it was sent, so it went out again. Ben read it once.")
    _tell_seen(stage, teller)


SCENES: Final[Sequence[Callable[[Stage, Teller], None]]] = (
    a_link, a_name, a_conversation, a_death, a_return, a_rotation, a_sunset, a_crash,
)  # fmt: skip
FIRST: Final = (a_link, a_conversation)
"""What is enough to see that a service loses messages."""


_LEFT: Final = "left"
_NAME: Final = "ben@school"
_CALLED: Final = "Cleo"
"""What both call each other in the second relationship: nothing tells them, or anybody, that they know each other."""
_FOUND: Final = 1000
_AT_A_DEATH: Final = ("Still there?", "Yes.", "One of my services died.", "Mine too.")


# -------------------------------------------------------------------- what scenes share


def _must(holds: object, text: str) -> None:
    if not holds:
        raise DemoError(f"this was to be seen and was not: {text}")


def _called(stage: Stage, name: str) -> Person:
    return next(person for person in stage.people if person.name == name)


def _tell_seen(stage: Stage, teller: Teller) -> None:
    teller.seen({place: sight(place, events, stage.name_of) for place, events in stage.news().items()})


def _own(stage: Stage, person: Person) -> list[tuple[str, list[Way]]]:
    """Return own messages with their ways."""
    rows = stage.conversation(person)
    return [(str(row["text"]), _ways(row["ways"])) for row in rows if row["from"] == "me"]


def _rescued(stage: Stage, uri: str) -> list[tuple[Person, str, list[Way]]]:
    """Return messages whose first way led to one service and whose last one to another."""
    return [
        (person, text, ways) for person in stage.people for text, ways in _own(stage, person)
        if len(ways) > 1 and ways[0]["service"] == uri != ways[-1]["service"]
    ]  # fmt: skip


def _ways(value: object) -> list[Way]:
    assert isinstance(value, list)
    return value


def _is_known(person: Person, called: str) -> bool:
    """Tell whether a person knows that everything written to somebody arrived."""
    rows = json.loads(person.asks(f"show {called} --json --peek"))
    return all(row["state"] in ("delivered", "seen") for row in rows if row["from"] == "me")


def _pair(way: Way) -> tuple[str, str]:
    return way["via"], way["service"]


def _told(stage: Stage, way: Way) -> str:
    said = way["said"] or "handed over"
    return f"sending {stage.name_of(way['via'])} → receiving {stage.name_of(way['service'])}: {said}"


def _short_lived(stage: Stage) -> list[Row]:
    """Return the short-lived addresses of Ann that Ben has used or can use."""
    rows = json.loads(stage.ben.asks("addresses Ann --json"))["peer"]
    return [row for row in rows if row["kind"] == "short-lived" and row["state"] != "expired"]


def _was_replaced(uri: str, known: Mapping[tuple[str, int], Row], drained: set[tuple[str, int]]) -> bool:
    """Tell whether addresses at a service drained, and newer ones there were used."""
    old = [until_s for service, until_s in drained if service == uri]
    return any(
        row["used"] and old and until_s > min(old)
        for (service, until_s), row in known.items() if service == uri and (service, until_s) not in drained
    )  # fmt: skip


def _address(stage: Stage, row: Row) -> tuple[str, str, str, str]:
    day = f"day {stage.day_of(int(row['valid_until_s']))}"
    return f"receiving {stage.name_of(str(row['service']))}", day, str(row["used"]), str(row["state"])


def _leaving(stage: Stage, person: Person) -> str:
    """Say how far somebody is with leaving a service."""
    peer = stage.peer(person).name
    for row in json.loads(person.asks("leaving --json")):
        if row["waiting"]:
            return f"{peer} is to learn of it"
        return f"{peer} knows" if row["confirmed"] else "its addresses have ended"
    return _LEFT
