"""What a world drives: the same calls reach every fidelity, and live programs.

A fidelity is a `Nodes`: relationship managers, one receiving and one sending service for each provider. The world
owns time, the network, devices and faults; nodes own state and decisions, and emit events. Bytes pass through the world
unread. Population model, real cores and programs behind pipes are three of them.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from communicator_spec.events import Row
from communicator_spec.policies import Terms

__all__ = [
    "DONE",
    "KEPT",
    "Driven",
    "Fidelity",
    "Managers",
    "Nodes",
    "Outcome",
    "Reach",
    "Receiving",
    "Restored",
    "Sending",
    "Setting",
    "Submission",
    "Travelling",
]

DONE: Final = -1
"""`Outcome.retry_ms` when there is nothing more to do."""

KEPT: Final = (
    "services", "senders", "mine", "version", "confirmed", "serials", "spent", "last_until", "renew_at", "update_due",
    "moved", "release_due", "notice_due", "notice_attempts", "held", "held_version", "used", "turns", "suspects",
    "request_due", "next_number", "outbox", "floor", "beyond", "receipt_due", "receipt_from", "credit", "automated",
    "ended",
)  # fmt: skip
"""What a device keeps of a relationship, as far as policies and formal model know it."""


class Setting(NamedTuple):
    """The services that one person uses now, in order of preference."""

    receiving: tuple[int, ...]
    sending: tuple[int, ...]


class Outcome(NamedTuple):
    """What follows from one attempt: when to try again (`DONE`: never), and whether to tell the device."""

    retry_ms: int
    notice: bool


class Restored(NamedTuple):
    """What a service has again, or no more, after its backup was restored."""

    queued: Sequence[tuple[int, "Travelling"]]
    """Of a sending service: tickets, and what they are for, that were done with and are to be tried again."""
    forgotten: Sequence[int]
    """Of a receiving service: the ends that it does not know any more."""
    stored: Sequence[int]
    """Of a receiving service: the ends for which it stores something."""


class Reach(Protocol):
    """What a device can reach at this instant."""

    @property
    def receiving(self) -> Sequence[bool]:
        """Whether each receiving service answers."""

    @property
    def sending(self) -> Sequence[bool]:
        """Whether each sending service answers."""


class Submission(Protocol):
    """What a device hands over, as far as this service may look at it."""

    @property
    def service(self) -> int:
        """The receiving service."""

    @property
    def not_after_ms(self) -> int:
        """When the bytes become useless."""

    @property
    def parcel(self) -> object:
        """The bytes."""


class Travelling(Submission, Protocol):
    """A hand-over from a device to a sending service, with what only the world and the device know of it."""

    @property
    def via(self) -> int:
        """The sending service."""

    @property
    def end(self) -> int:
        """Whose it is; known to the world, not to any service."""

    @property
    def reference(self) -> int:
        """The message number, or negative; known to the device alone."""

    @property
    def draw_index(self) -> int:
        """Numbers the transmission among those of its end, for the network's draws."""


class Managers(Protocol):
    """The relationship managers of everybody, by relationship end."""

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Start a relationship with ends `first` and `first + 1`."""

    def submit(self, now_ms: int, end_id: int, size: int) -> int:
        """Take a message from the application."""

    def deadline_ms(self, end_id: int) -> int:
        """When `wake` has something to do."""

    def wake(self, now_ms: int, end_id: int) -> Sequence[Travelling]:
        """Do what is due."""

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        """Fetch, apply and confirm what one service stores for one end; or lose the confirmation."""

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        """Take a sending service's notice."""

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Replace a receiving service by the person's decision."""

    def change_senders(self, now_ms: int, end_id: int, senders: tuple[int, ...]) -> None:
        """Use other sending services."""

    def refuse(self, now_ms: int, end_id: int, *, tell: bool = False) -> Sequence[Travelling]:
        """End a relationship; `tell` the peer, or say nothing."""

    def leave(self, now_ms: int, person: int, service: int, ends: Sequence[int]) -> bool:
        """Leave a receiving service if nothing points to it any more; tell whether that was so."""

    def restart(self, end_id: int) -> None:
        """The device of an end dies and comes back with what it had stored."""

    def kept(self, end_id: int) -> object:
        """What the device of an end keeps: a value with the attributes of `ends.End`."""


class Receiving(Protocol):
    """One receiving service."""

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone; return the end whose store grew."""

    def die(self) -> None:
        """Lose everything."""


class Sending(Protocol):
    """One sending service."""

    def submit(self, now_ms: int, submission: Travelling) -> int:
        """Keep bytes durably; return a ticket."""

    def attempt(self, now_ms: int, ticket: int) -> object | None:
        """Return the bytes to post, or None."""

    def outcome(self, now_ms: int, ticket: int, *, answered: bool, draw: float) -> Outcome:
        """Take the result of an attempt."""

    def die(self) -> None:
        """Lose everything."""


class Driven(Protocol):
    """What a walk drives."""

    @property
    def managers(self) -> Managers:
        """The relationship managers."""

    @property
    def receiving(self) -> Sequence[Receiving]:
        """Receiving services by provider."""

    @property
    def sending(self) -> Sequence[Sending]:
        """Sending services by provider."""

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """What a stranger writes to an address that the end `holder` was given by its peer."""


class Nodes(Driven, Protocol):
    """One fidelity."""

    def junk(self, service: int, draw: float) -> object:
        """What a stranger makes up for one receiving service."""

    def turned_away(self, now_ms: int, via: int, ticket: int, draw: float, retry_after_ms: int) -> Outcome:
        """Tell a sending service that a receiving service refused an attempt, because it has too much to do."""

    def keep(self, service: int) -> None:
        """Make a backup of what a service stores: 2 p is the receiving service of provider p, 2 p + 1 the other."""

    def restore(self, service: int) -> Restored:
        """Put the backup of a service in place of what it stores."""

    def register(self, now_ms: int, end_id: int, service: int) -> None:
        """Let a device register everything once more at a receiving service that does not know it."""


Fidelity = Callable[[int, Terms, Reach, Callable[[int, int], float], Callable[[Row], None]], Nodes]
"""(providers, terms, reach, receipt draws, emit) → nodes."""
