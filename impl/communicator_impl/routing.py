"""Which application gets what arrived, and how much of it (chapter 11).

Theory. A relationship carries contents of any type, and the person decides which application gets which. An
application is given what it needs to show one message and nothing that would let it act in the relationship: no key,
no address, nothing of another relationship. Files are named to it by their place in the message; the relationship
manager fetches them, because their locations and keys stay with it.

What becomes of a content, in this order:

1. one that is malformed, or missing, goes to the application for conversations as one that cannot be shown
2. a profile goes to nobody: the relationship manager applies it (`content.latest`)
3. text goes to the application for conversations, whatever else it is routed to
4. the application that the person chose for this type in this relationship gets it, otherwise the one that is
   registered for the type, otherwise the one for conversations, as one that cannot be shown

Rules:

1. Each message has at least one offer, a profile excepted; nothing here can stop its receipt.
2. An offer is made from one content and nothing else.
"""

from typing import Final, NamedTuple

import msgspec

from communicator_impl.content import Attachment, Content, decode_content
from communicator_impl.errors import PeerError
from communicator_spec.parameters import PARAMETERS

__all__ = ["File", "Offer", "Routes"]

_C: Final = PARAMETERS.content


class File(NamedTuple):
    """What an application learns of a file; it asks for it by its place in the message."""

    place: int
    length: int
    type: str
    name: str | None


class Offer(NamedTuple):
    """One message for one application; `type` is empty if the content could not be read."""

    application: str
    number: int
    type: str
    data: bytes
    files: tuple[File, ...]
    can_be_shown: bool


class Routes(msgspec.Struct, frozen=True):
    """Where contents go: `registered` by type, `chosen` by relationship and type."""

    conversations: str
    registered: tuple[tuple[str, str], ...] = ()
    chosen: tuple[tuple[int, str, str], ...] = ()

    def register(self, kind: str, application: str) -> "Routes":
        """Let an application take all contents of a type that are not routed otherwise."""
        rest = tuple(row for row in self.registered if row[0] != kind)
        return msgspec.structs.replace(self, registered=(*rest, (kind, application)))

    def choose(self, relationship: int, kind: str, application: str) -> "Routes":
        """Route all contents of one type and one relationship to an application (CONT-4)."""
        rest = tuple(row for row in self.chosen if row[:2] != (relationship, kind))
        return msgspec.structs.replace(self, chosen=(*rest, (relationship, kind, application)))

    def offers(self, relationship: int, number: int, content: bytes) -> tuple[Offer, ...]:
        """Return who is offered a delivered message."""
        try:
            read = decode_content(content)
        except PeerError:
            return (Offer(self.conversations, number, "", b"", (), False),)  # 1, CONT-14
        if read.type == _C.profile_type:
            return ()  # 2
        first = (self.conversations,) if read.type == _C.text_type else ()  # 3, CONT-3
        application = self._application(relationship, read.type)
        if application not in (None, *first):
            first = (*first, application)  # 4
        if not first:
            return (_offer(self.conversations, number, read, can_be_shown=False),)  # CONT-2
        return tuple(_offer(name, number, read, can_be_shown=True) for name in first)

    def _application(self, relationship: int, kind: str) -> str | None:
        for of, routed, application in self.chosen:
            if (of, routed) == (relationship, kind):
                return application
        return dict(self.registered).get(kind)


def _offer(application: str, number: int, content: Content, *, can_be_shown: bool) -> Offer:
    files = tuple(map(_file, range(len(content.attachments)), content.attachments))  # CONT-5
    return Offer(application, number, content.type, content.data, files, can_be_shown)


def _file(place: int, attachment: Attachment) -> File:
    return File(place, attachment.length, attachment.type, attachment.name)
