"""With the eyes of one observer: which events it was part of, and which columns of them it could see.

The event log knows everything; nobody in the world does. An observer is a place: one sending service, one receiving
service, one person, the network. `seen` gives an event as this place could have written it down, with every other
column empty, or nothing at all. That follows the knowledge table (chapter 7), read as what a place is *shown*; what it
may *link* from that is judged by bytes and games, not here.

1. A sending service is handed bytes, a destination and a date; it knows no ends, messages or addresses (KNOW-2).
2. A receiving service knows its roots, here the ends that own them, and their addresses; not who sends (KNOW-3).
3. A person's devices know their own ends, and what is said there (KNOW-4).
4. The network sees who connects to whom and when, and nothing inside (KNOW-6).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from communicator_spec.events import NONE, Event, Kind
from communicator_spec.views import Role

__all__ = ["Eyes", "seen"]

_ROOT: Final = frozenset({"end", "service", "serial", "position"})

_SENDING: Final[Mapping[Kind, frozenset[str]]] = {
    kind: frozenset({"via", "service"})
    for kind in (Kind.SENT, Kind.FORWARDED, Kind.GAVE_UP, Kind.TAKEN, Kind.CRASHED, Kind.RECOVERED, Kind.DIED)
}  # fmt: skip
_RECEIVING: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.ISSUED: _ROOT | {"value"},
    Kind.FORWARDED: frozenset({"via", "service"}),
    Kind.TAKEN: frozenset({"service"}),
    Kind.STORED: _ROOT,
    Kind.FETCHED: _ROOT,
    Kind.CONFIRMED: _ROOT,
    Kind.REFUSED: frozenset({"service", "value"}),
    Kind.INJECTED: frozenset({"service"}),
    Kind.SPENT: frozenset({"service", "message"}),
    Kind.CRASHED: frozenset({"service"}),
    Kind.RECOVERED: frozenset({"service"}),
    Kind.DIED: frozenset({"service"}),
}
_NETWORK: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.SENT: frozenset({"via"}),
    Kind.FORWARDED: frozenset({"via", "service"}),
    Kind.INJECTED: frozenset({"service"}),
    Kind.CONFIRMED: frozenset({"service"}),
    Kind.FETCHED: frozenset({"service"}),
}
_OF_A_DEVICE: Final = frozenset({
    Kind.PAIRED, Kind.ACCEPTED, Kind.ISSUED, Kind.SENT, Kind.CONFIRMED, Kind.DELIVERED, Kind.DUPLICATE, Kind.RECEIVED,
    Kind.ACKNOWLEDGED, Kind.FAILED, Kind.UPDATED, Kind.MOVED, Kind.RELEASED, Kind.ENDED,
})  # fmt: skip
_ALL: Final = frozenset(Event._fields)


class Eyes(NamedTuple):
    """An observer: a role, and which one of it: the number of a provider or of a person; the network has none."""

    role: Role
    number: int = NONE


def seen(eyes: Eyes, event: Event, owners: Mapping[int, int]) -> Event | None:
    """Return an event as an observer sees it, other columns empty; None: it sees nothing of it.

    `owners` says which person an end belongs to.
    """
    kind, own = Kind(event.kind), eyes.number
    columns: frozenset[str] | None = None
    if eyes.role is Role.NETWORK:
        columns = _NETWORK.get(kind)
    elif eyes.role is Role.SENDING and event.via == own:
        columns = _SENDING.get(kind)
    elif eyes.role is Role.RECEIVING and event.service == own and not _of_sending(event):
        columns = _RECEIVING.get(kind)
    elif eyes.role is Role.CORRESPONDENT and kind in _OF_A_DEVICE and owners.get(event.end) == own:
        columns = _ALL
    if columns is None:
        return None
    return event._replace(**{name: NONE for name in Event._fields[2:] if name not in columns})


def _of_sending(event: Event) -> bool:
    """Whether an event happens at a sending service, though it names a receiving one."""
    return event.kind in (Kind.SENT, Kind.GAVE_UP) or (event.kind == Kind.TAKEN and event.via != NONE)
