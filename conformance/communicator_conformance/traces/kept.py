"""What a device shows of itself, read into the shapes of the formal model's walks.

Rules:

1. Every field of `communicator_spec.nodes.KEPT` is there, and no other shape of it; anything else is a flaw.
2. Dates are seconds on the line, null for never; services are URIs, null for none.
"""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import msgspec

from communicator_conformance.questions import BEGIN_S, Answer, Flaw
from communicator_conformance.verdicts import Fault
from communicator_spec import NONE, Grant
from communicator_spec.nodes import KEPT

__all__ = ["NEVER", "kept_of", "number_of", "uri_of"]

NEVER: Final = 1 << 62
_Grants = tuple[tuple[str, int, bool, int | None, int], ...]
_ByService = tuple[tuple[str, int], ...]
_ByGrant = tuple[tuple[str, int, int], ...]
_Until = tuple[tuple[str, int | None], ...]
_Outbox = tuple[tuple[int, int | None, int | None, int, str | None], ...]


def uri_of(service: int) -> str:
    """Return the name of an operator."""
    return f"https://p{service:02}.example"


def number_of(uri: str) -> int:
    """Return the number of an operator, by its name; a name that nobody has is a flaw of who says it."""
    found = re.fullmatch(r"https://p(\d\d)\.example", uri)
    if found is None:
        raise Flaw(Fault.MISMATCH, f"nobody is called {uri}")
    return int(found[1])


class _Shown(msgspec.Struct, frozen=True):
    """The answer to `person.projection`."""

    services: tuple[str, ...]
    senders: tuple[str, ...]
    mine: _Grants
    version: int
    confirmed: int
    serials: _ByService
    spent: _ByGrant
    last_until: _Until
    renew_at: int | None
    update_due: int | None
    moved: _ByService
    release_due: _Until
    notice_due: int | None
    notice_attempts: int
    held: _Grants
    held_version: int
    used: _ByGrant
    turns: _ByService
    suspects: _Until
    request_due: int | None
    next_number: int
    outbox: _Outbox
    floor: int
    beyond: tuple[int, ...]
    receipt_due: int | None
    receipt_from: str | None
    credit: int
    automated: int
    ended: bool


class _Waiting(NamedTuple):
    """A message in the outbox."""

    accepted_ms: int
    due_ms: int
    attempts: int
    service: int


def kept_of(answer: Answer) -> SimpleNamespace:
    """Read what a device shows: numbers for services, milliseconds since the beginning. `Flaw`: not of that shape."""
    try:
        shown = msgspec.convert({name: answer[name] for name in KEPT}, _Shown)
    except msgspec.ValidationError as error:
        raise Flaw(Fault.SCHEMA, f"person.projection: {error}") from error  # rule 1
    return SimpleNamespace(**{name: _READ.get(name, _same)(getattr(shown, name)) for name in KEPT})


def _same(value: object) -> object:
    return value


def _ms(date_s: int | None) -> int:
    return NEVER if date_s is None else (date_s - BEGIN_S) * 1000


def _service(uri: str | None) -> int:
    return NONE if uri is None else number_of(uri)


def _services(uris: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(map(number_of, uris))


def _grants(rows: _Grants) -> tuple[Grant, ...]:
    return tuple(Grant(number_of(uri), serial, long, _ms(until), room) for uri, serial, long, until, room in rows)


def _by_service(rows: _ByService) -> dict[int, int]:
    return {number_of(uri): value for uri, value in rows}


def _by_grant(rows: _ByGrant) -> dict[tuple[int, int], int]:
    return {(number_of(uri), serial): value for uri, serial, value in rows}


def _until(rows: _Until) -> dict[int, int]:
    return {number_of(uri): _ms(date) for uri, date in rows}


def _outbox(rows: _Outbox) -> dict[int, _Waiting]:
    return {n: _Waiting(_ms(taken), _ms(due), tries, _service(last)) for n, taken, due, tries, last in rows}


_READ: Final[dict[str, Callable[[Any], object]]] = {
    **dict.fromkeys(("services", "senders"), _services),
    **dict.fromkeys(("mine", "held"), _grants),
    **dict.fromkeys(("serials", "moved", "turns"), _by_service),
    **dict.fromkeys(("last_until", "release_due", "suspects"), _until),
    **dict.fromkeys(("spent", "used"), _by_grant),
    **dict.fromkeys(("renew_at", "update_due", "notice_due", "request_due", "receipt_due"), _ms),
    "outbox": _outbox, "beyond": set, "receipt_from": _service,
}  # fmt: skip
