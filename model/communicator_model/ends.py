"""One person's end of one relationship: what the reference implementation calls a Particle, reduced to logic.

A study holds millions of ends that are idle most of the time: an idle end costs its memory and nothing else. So it is
slots; what it counts of grants are tuples as long as the set of grants, which many ends share; and what it seldom has
(an outbox, suspects, a move, gaps) is `NOTHING` until then, or a small value that is replaced and never changed. What
happens to an end is decided in `relationships`.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from communicator_model.receiving import Parcel
from communicator_spec import Grant, Terms

__all__ = ["NEVER", "NOTHING", "Body", "End", "Entry", "Transmission", "carried", "counted", "without"]

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


def carried(notes: Sequence[int], before: Sequence[Grant], after: Sequence[Grant], new: int = 0) -> tuple[int, ...]:
    """Return the notes of the grants of one set for those of the next: what no set names any more is forgotten."""
    known = dict(zip(before, notes, strict=True))
    return tuple([known.get(grant, new) for grant in after])


def counted(counts: tuple[int, ...], key: int) -> int:
    """Return how often a key was counted, from keys and counts in turns."""
    for at in range(0, len(counts), 2):
        if counts[at] == key:
            return counts[at + 1]
    return 0


class Body(msgspec.Struct, frozen=True, gc=False):
    """The plaintext of one message between relationship managers, as far as the model needs it."""

    command: int
    number: int
    floor: int
    above: tuple[tuple[int, int], ...]
    holds: int
    version: int
    grants: tuple[Grant, ...] | None


class Transmission(msgspec.Struct, frozen=True, gc=False):
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

    __slots__ = (  # what is looked at together lies together
        "automated",
        "beyond",
        "confirmed",
        "credit",
        "ended",
        "floor",
        "held",
        "held_version",
        "introduced",
        "issued",
        "mine",
        "moved",
        "next_number",
        "notice_attempts",
        "notice_due",
        "opened",
        "outbox",
        "receipt_due",
        "receipt_from",
        "receipts",
        "release_due",
        "renew_at",
        "request_due",
        "senders",
        "services",
        "spent_of",
        "suspects",
        "turned",
        "update_due",
        "used_of",
        "version",
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
        self.spent_of: tuple[int, ...] = ()  # for each grant of it, how many addresses up to the highest that was used
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
        self.used_of: tuple[int, ...] = ()  # for each grant of it, how many addresses are used
        self.turned: tuple[int, ...] = ()  # sending services, and how often each was chosen, in turns
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

    @property
    def spent(self) -> dict[tuple[int, int], int]:
        """How many addresses of the own grants are known to be spent, by service and serial."""
        return {grant[:2]: spent for grant, spent in zip(self.mine, self.spent_of, strict=True) if spent}

    @property
    def used(self) -> dict[tuple[int, int], int]:
        """How many addresses of the peer's grants are used, by service and serial."""
        return {grant[:2]: used for grant, used in zip(self.held, self.used_of, strict=True) if used}

    @property
    def turns(self) -> dict[int, int]:
        """How often each sending service was chosen."""
        return dict(zip(self.turned[::2], self.turned[1::2], strict=True))

    def turns_of(self, via: int) -> int:
        """Return how often one sending service was chosen."""
        return counted(self.turned, via)

    def take_turn(self, via: int) -> None:
        """Count that a sending service was chosen."""
        turned = self.turned
        for at in range(0, len(turned), 2):
            if turned[at] == via:
                self.turned = (*turned[: at + 1], turned[at + 1] + 1, *turned[at + 2 :])
                return
        self.turned = (*turned, via, 1)

    def note_issued(self, grant: Grant) -> None:
        """Note that a grant exists: its serial, and that addresses at its service last at least until it ends."""
        service, serial, _, until_ms, _ = grant
        issued = self.issued
        for at in range(0, len(issued), 3):
            if issued[at] == service:
                self.issued = (*issued[: at + 1], serial, max(until_ms, issued[at + 2]), *issued[at + 3 :])
                return
        self.issued = (*issued, service, serial, until_ms)

    def plan_renewal(self, now_ms: int, terms: Terms, *, in_conversation: bool) -> None:
        """Plan when the own set is renewed next, in a message and, at the latest, without one."""
        renew_at = update_due = NEVER
        for _, _, long_term, until_ms, _ in self.mine:
            if long_term:
                renew_at = min(renew_at, until_ms - terms.long_term_refresh_ms)
                update_due = min(update_due, until_ms - terms.long_term_refresh_ms // 2)
            else:
                renew_at = min(renew_at, until_ms - terms.ephemeral_refresh_ms)
        wanted = len(self.services) * (2 if terms.ephemeral_lifetime_ms else 1)
        if len(self.mine) < wanted:  # a service was out of reach, or this was no conversation
            renew_at = min(renew_at, now_ms + (terms.retry_max_ms if in_conversation else 0))
        self.renew_at = renew_at
        self.update_due = update_due if terms.announces else NEVER
