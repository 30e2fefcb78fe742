"""What the world drives: the same calls reach the population model and the real cores.

A fidelity is a `Nodes`: relationship managers, one receiving and one sending service for each provider. The world
owns time, the network, devices and faults; nodes own state and decisions, and emit events. Bytes (`Parcel` here,
sealed envelopes there) pass through the world unread.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from communicator_model.ends import Setting
from communicator_model.receiving import Parcel, ReceivingService
from communicator_model.relationships import Reach, RelationshipManagers
from communicator_model.sending import Outcome, SendingService, Submission
from communicator_spec import Row, Terms, peer_of

__all__ = ["Managers", "ModelNodes", "Nodes", "Receiving", "Sending", "Travelling"]


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


class Nodes(Protocol):
    """One fidelity."""

    @property
    def managers(self) -> Managers:
        """The relationship managers."""

    @property
    def receiving(self) -> Sequence[Receiving]:
        """Receiving services by provider."""

    @property
    def sending(self) -> Sequence[Sending]:
        """Sending services by provider."""

    def junk(self, service: int, draw: float) -> object:
        """What a stranger makes up for one receiving service."""

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """What a stranger writes to an address that the end `holder` was given by its peer."""


class ModelNodes:
    """The population model: no cryptography."""

    def __init__(
        self,
        providers: int,
        window: int,
        remembers_spent: bool,
        terms: Terms,
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> None:
        self.receiving = [ReceivingService(p, window, emit, remembers_spent=remembers_spent) for p in range(providers)]
        self.sending = [SendingService(p, terms, emit) for p in range(providers)]
        self.managers = RelationshipManagers(terms, self.receiving, reach, receipt_draw, emit)

    def junk(self, service: int, draw: float) -> object:
        """Return an address that was never issued."""
        return Parcel(-1, int(draw * (1 << 30)), 0, None)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """Return a parcel that resolves and does not open."""
        return Parcel(peer_of(holder), serial, position, None)
