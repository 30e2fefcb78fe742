"""What each place saw, in a few words, out of the events that it wrote down itself.

Theory. An event states what its place knows at that instant (`communicator_spec.events`), so counting the events of one
place tells what is seen there, and nothing that somebody else knows. What nobody may learn from it is the knowledge
table of chapter 7 (`communicator_spec.views`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from communicator_spec import Command
from communicator_spec.views import Relation, Role, knowledge_of

__all__ = ["Event", "learns", "sight"]

Event = Mapping[str, object]


def sight(place: str, events: Sequence[Event], name_of: Callable[[str], str]) -> str:
    """Say what a place saw: `place` is a role and an operator, or the name of a person."""
    role = place.split()[0]
    parts = _ROLES.get(role, _person)(events, name_of)
    return ", ".join(part for part in parts if part) or "nothing"


def learns(role: Role) -> str:
    """Say what the standard lets one role learn, besides what passes it."""
    permitted = [relation.value for relation in Relation if relation in knowledge_of(role).permitted]
    return ", ".join(permitted) or "nothing"


def _person(events: Sequence[Event], name_of: Callable[[str], str]) -> Iterable[str]:
    sent = Counter(event["value"] for event in events if event["kind"] == "SENT")
    automatic = sum(sent.values()) - sent[Command.MESSAGE]
    return (
        _said(_of(events, "ACCEPTED"), "wrote {}"),
        _said(sent[Command.MESSAGE], "sent {}"),
        _said(_of(events, "DELIVERED"), "read {}"),
        _said(_of(events, "ACKNOWLEDGED"), "{} receipts"),
        _said(automatic, "{} automatic"),
        _said(_of(events, "DUPLICATE"), "{} known already"),
        _said(_of(events, "ISSUED"), "{} new grants"),
        _said(_of(events, "LEFT"), "left a service"),
    )


def _sending(events: Sequence[Event], name_of: Callable[[str], str]) -> Iterable[str]:
    taken = Counter(name_of(str(event["service"])) for event in events if event["kind"] == "TAKEN")
    to = ", ".join(f"{count} for {name}" for name, count in sorted(taken.items()))
    return (
        f"took {taken.total()} ({to})" if taken else "",
        _said(_of(events, "FORWARDED"), "handed on {}"),
        _said(_of(events, "GAVE_UP"), "gave up {}"),
    )


def _receiving(events: Sequence[Event], name_of: Callable[[str], str]) -> Iterable[str]:
    stored = [event for event in events if event["kind"] == "STORED"]
    roots = len({event["root"] for event in stored})
    return (
        _said(_of(events, "TAKEN"), "took {}"),
        f"stored {len(stored)} for {roots} {'root' if roots == 1 else 'roots'}" if stored else "",
        _said(_of(events, "REFUSED"), "dropped {}"),
        _said(_of(events, "CONFIRMED"), "deleted {} when read"),
    )


def _directory(events: Sequence[Event], name_of: Callable[[str], str]) -> Iterable[str]:
    return (
        _said(_of(events, "ENTERED"), "{} entries"),
        _said(_of(events, "DEPOSITED"), "got {} contacts"),
        _said(_of(events, "HANDED"), "gave {} to strangers"),
        _said(_of(events, "SPENT"), "took {} tokens"),
    )


def _authorization(events: Sequence[Event], name_of: Callable[[str], str]) -> Iterable[str]:
    return (_said(_of(events, "GRANTED"), "signed {} orders of tokens"),)


_ROLES: Final[Mapping[str, Callable[[Sequence[Event], Callable[[str], str]], Iterable[str]]]] = {
    "sending": _sending,
    "receiving": _receiving,
    "directory": _directory,
    "authorization": _authorization,
}


def _of(events: Sequence[Event], kind: str) -> int:
    return sum(event["kind"] == kind for event in events)


def _said(count: int, text: str) -> str:
    if count == 1 and text.endswith("s") and text.startswith("{}"):
        text = text[:-1]
    return text.format(count) if count else ""
