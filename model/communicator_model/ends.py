"""One person's end of one relationship: what the reference implementation calls a Particle, reduced to logic.

A study holds millions of ends that are idle most of the time: an idle end costs its memory and nothing else. So it is
slots; what it remembers of grants is forgotten with them; and what it seldom has (an outbox, suspects, a move, gaps) is
`NOTHING` until then, or a small value that is replaced and never changed. What happens to an end is decided in
`relationships`.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

from communicator_model.receiving import Parcel
from communicator_spec import Grant

__all__ = ["NEVER", "NOTHING", "Body", "End", "Entry", "Transmission", "only", "without"]

NEVER: Final = 1 << 62
"""A deadline that does not come."""

NOTHING: Final[dict[Any, Any]] = {}
"""What all ends share that have nothing: never written to."""

_NONE: Final[frozenset[Any]] = frozenset()
K = TypeVar("K")
V = TypeVar("V")


def without(mapping: dict[K, V], key: K) -> dict[K, V]:
    """Return a mapping without one key; `NOTHING` if that is all."""
    return {k: v for k, v in mapping.items() if k != key} or NOTHING


def only(notes: dict[tuple[int, int], V], grants: Sequence[Grant]) -> dict[tuple[int, int], V]:
    """Return what is noted of these grants: what no set names any more is forgotten."""
    if not notes:
        return notes
    names = [grant[:2] for grant in grants]
    return {name: notes[name] for name in names if name in notes} or NOTHING


class Body(NamedTuple):
    """The plaintext of one message between relationship managers, as far as the model needs it."""

    command: int
    number: int
    floor: int
    above: tuple[tuple[int, int], ...]
    holds: int
    version: int
    grants: tuple[Grant, ...] | None


class Transmission(NamedTuple):
    """One hand-over to a sending service. `reference` and `draw_index` never leave the device."""

    via: int
    service: int
    not_after_ms: int
    parcel: Parcel
    end: int
    reference: int
    draw_index: int


class Entry:
    """A message in the outbox."""

    __slots__ = ("accepted_ms", "attempts", "due_ms", "service")

    def __init__(self, now_ms: int) -> None:
        self.accepted_ms = now_ms
        self.attempts = 0
        self.due_ms = now_ms
        self.service = -1  # where the last transmission went; -1: nowhere yet


class End:
    """One person's end of one relationship."""

    __slots__ = (
        "automated", "beyond", "confirmed", "credit", "ended", "floor", "held", "held_version",
        "introduced", "issued", "mine", "moved", "next_number", "notice_attempts", "notice_due", "opened", "outbox",
        "receipt_due", "receipt_from", "receipts", "release_due", "renew_at", "request_due", "senders",
        "services", "spent", "suspects", "turns", "update_due", "used", "version",
    )  # fmt: skip

    def __init__(self, services: tuple[int, ...], senders: tuple[int, ...]) -> None:
        self.services = services
        self.senders = senders
        # own address set
        self.mine: tuple[Grant, ...] = ()
        self.version = 0
        self.confirmed = 0
        self.introduced: tuple[int, ...] = ()  # for each grant of it, the first version that carried it
        self.issued: tuple[int, ...] = ()  # service, last serial and latest valid-until there, of one after the other
        self.spent: dict[tuple[int, int], int] = NOTHING
        self.renew_at = 0
        self.update_due = NEVER
        # services that were replaced: the version without each, and when the last address there ends
        self.moved: dict[int, int] = NOTHING
        self.release_due: dict[int, int] = NOTHING
        self.notice_due = NEVER
        self.notice_attempts = 0
        # the peer's address set
        self.held: tuple[Grant, ...] = ()
        self.held_version = 0
        self.request_due = NEVER
        self.used: dict[tuple[int, int], int] = NOTHING
        self.turns: dict[int, int] = NOTHING
        self.suspects: dict[int, int] = NOTHING
        # messages
        self.next_number = 0
        self.outbox: dict[int, Entry] = NOTHING
        self.opened: frozenset[tuple[int, int, int]] = _NONE  # fetched and not confirmed: it does not open again
        self.floor = 0
        self.beyond: frozenset[int] = _NONE
        self.receipt_due = NEVER
        self.receipt_from = -1  # the service at which arrived what the receipt is for
        self.receipts = 0
        self.credit = 1  # pairing is a human act
        self.automated = 0
        self.ended = False

    @property
    def serials(self) -> dict[int, int]:
        """The last serial at each service."""
        return dict(zip(self.issued[::3], self.issued[1::3], strict=True))

    @property
    def last_until(self) -> dict[int, int]:
        """When the last address at each service ends, ms."""
        return dict(zip(self.issued[::3], self.issued[2::3], strict=True))

    def note_issued(self, grant: Grant) -> None:
        """Note that a grant exists: its serial, and that addresses at its service last at least until it ends."""
        service, serial, _, until_ms, _ = grant
        until_ms = max(self.last_until.get(service, 0), until_ms)
        at = self.issued[::3].index(service) * 3 if service in self.issued[::3] else len(self.issued)
        self.issued = (*self.issued[:at], service, serial, until_ms, *self.issued[at + 3 :])

    def deadline_ms(self) -> int:
        """Return when this end has something to do next; huge if never."""
        if self.ended:
            return NEVER
        due = self.receipt_due
        if self.update_due < due:
            due = self.update_due
        if self.request_due < due:
            due = self.request_due
        if self.notice_due < due:
            due = self.notice_due
        if self.outbox:
            for entry in self.outbox.values():
                if entry.due_ms < due:
                    due = entry.due_ms
        if self.release_due:
            due = min(due, *self.release_due.values())
        return due
