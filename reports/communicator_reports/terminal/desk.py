"""What the screen shows, as values: nothing of it changes, and nothing of it knows the store or the terminal.

Theory. The thread that owns the store looks at it after each pass, and hands over a `Desk` if it is another one than
before. So nothing is shared between the two threads but values. All texts in them may be shown as they are
(`characters`).
"""

from enum import StrEnum

import msgspec

from communicator_impl.client.ledger import Standing as AddressStanding

__all__ = ["Address", "Attempt", "Desk", "Opened", "Said", "Service", "Someone", "Standing"]


class Standing(StrEnum):
    """What became of a message."""

    WRITING = "writing"  # on its way into the store
    KEPT = "kept"  # durable here; no service has taken it yet
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CAME = "came"  # the peer's


class Someone(msgspec.Struct, frozen=True):
    """A relationship in the list of people; `suite` is empty where there is only one."""

    number: int
    name: str
    state: str
    unread: int
    is_over: bool
    verified: bool = False
    suite: str = ""
    link: str = ""
    tells_read: bool = False


class Attempt(msgspec.Struct, frozen=True):
    """One transmission of a message; `came_of_it` as the client keeps it, empty if nothing is known yet.

    `without` are the sending services that did not answer then.
    """

    via: str
    service: str
    at_ms: int
    came_of_it: str
    without: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """A message; `settled_s` is when it was delivered or given up, 0: neither."""

    own: bool
    number: int
    date_s: int
    text: str
    standing: Standing
    is_read: bool = True
    settled_s: int = 0
    attempts: tuple[Attempt, ...] = ()

    @property
    def key(self) -> tuple[bool, int]:
        """What names the message in its relationship."""
        return self.own, self.number


class Address(msgspec.Struct, frozen=True):
    """A grant of addresses at a service; `until_s` is when it ends."""

    service: str
    long_term: bool
    standing: AddressStanding
    used: int
    capacity: int
    until_s: int


class Opened(msgspec.Struct, frozen=True):
    """A relationship that was looked into: its messages, and its addresses in both directions."""

    number: int
    messages: tuple[Said, ...]
    own: tuple[Address, ...]
    peer: tuple[Address, ...]


class Service(msgspec.Struct, frozen=True):
    """A service in use or being left; `left_by` is how many relationships still have an address there."""

    uri: str
    receives: bool
    sends: bool
    is_silent: bool
    is_left: bool = False
    left_by: int = 0
    until_s: int = 0


class Desk(msgspec.Struct, frozen=True):
    """All that is shown; `opened` are the relationships that were looked into, the others are as they were."""

    people: tuple[Someone, ...] = ()
    services: tuple[Service, ...] = ()
    opened: tuple[Opened, ...] = ()

    def someone(self, number: int | None) -> Someone | None:
        """Return the person of one relationship."""
        return next((one for one in self.people if one.number == number), None)

    @property
    def silent(self) -> tuple[str, ...]:
        """The services that did not answer lately."""
        return tuple(one.uri for one in self.services if one.is_silent)
