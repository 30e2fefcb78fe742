"""The files of a relationship: what messages list, and how a file is fetched.

Theory. The peer chose the server that stores a file, so whoever connects there shows himself to a server of the peer's
choice. A receiving service of the person's own fetches in the person's place; `retrieval` says in which order places
and services are tried, and when the person is asked.

Rules:

1. A file is named by the message that lists it and its place there, from 1: `7.1`. A picture is one of its profile.
2. Every fetch has a connection of its own, which carries nothing else (ATT-15).
3. What comes is shown only if it is the file that the message means; otherwise the next place is tried.
4. The device connects by itself only if the person said so for this file (ATT-15).
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from communicator_impl.attachment import Sealed, Shelf, chunks_of, decrypt
from communicator_impl.client.book import Book
from communicator_impl.client.courier import Courier
from communicator_impl.client.purses import Purses
from communicator_impl.client.records import Message, Stage
from communicator_impl.content import Attachment, Location, decode_content, decode_profile
from communicator_impl.errors import InputError, PeerError, ServiceError
from communicator_impl.retrieval import DIRECTLY, Attempt, Retrieval
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Files", "Listed", "listed", "origin_of"]

_PROFILE: Final = PARAMETERS.content.profile_type
_CHUNK: Final = PARAMETERS.attachment.chunk_bytes
_AGREED: Final = frozenset({Stage.ANSWERED, Stage.TOGETHER, Stage.ENDED})
"""How far a relationship is in which the person has agreed to it."""


class Listed(NamedTuple):
    """One file that a message lists: `place` counts from 1."""

    own: bool
    number: int
    place: int
    date_s: int
    attachment: Attachment
    is_picture: bool

    @property
    def reference(self) -> str:
        """What a person calls it."""
        return f"{self.number}.{self.place}"


class Files:
    """What fetches files for one device."""

    def __init__(self, book: Book, courier: Courier, purses: Purses, clock: Callable[[], int]) -> None:
        self._book, self._courier, self._purses, self._clock = book, courier, purses, clock

    def fetch(self, stage: Stage, file: Attachment, shelf: Shelf, *, directly: bool) -> str:
        """Put a file on a shelf; return the origin that fetched it, or the one that stores it if the device did.

        `REFUSED` for a stranger's file, and where only the device itself is left to connect; `EXPIRED` if every place
        has ended, `UNKNOWN` if those that have not do not give it.
        """
        retrieval = Retrieval.begin(file, self._proxies(), agreed=stage in _AGREED)  # ATT-16
        if directly:
            retrieval = retrieval.answered(directly=True)
        while (advice := retrieval.advice(self._clock() // 1000)).attempt is not None:
            attempt = advice.attempt
            place = file.locations[attempt.place]
            try:
                pieces = self._bytes(attempt, place, chunks_of(file.length) * _CHUNK)
                decrypt(pieces, Sealed(place.key, place.digest), file.length, shelf)
            except (ServiceError, PeerError):
                retrieval = retrieval.failed(attempt)
            else:
                return origin_of(place) if attempt.service == DIRECTLY else self._book.uri(attempt.service)
        raise self._lost(file, ask=advice.ask)

    def _bytes(self, attempt: Attempt, place: Location, most: int) -> Iterable[bytes]:
        if attempt.service == DIRECTLY:
            yield self._courier.download(place.uri, most)
        else:
            uri, document = self._book.uri(attempt.service), self._book.document(attempt.service)
            (payment,) = self._purses.pay_later(document, Purpose.FETCH, place.uri.encode())
            data = self._courier.fetch_file(uri, place.uri, most, payment.token)
            self._purses.settled(payment)
            yield data

    def _proxies(self) -> tuple[int, ...]:
        """Return the own receiving services that offer to fetch."""
        found = ((s, self._book.document(s)) for s in self._book.setting.receiving)
        return tuple(s for s, d in found if d is not None and d.receiving is not None and d.receiving.proxy)

    def _lost(self, file: Attachment, *, ask: bool) -> InputError:
        now_s = self._clock() // 1000
        origins = dict.fromkeys(origin_of(place) for place in file.locations if place.valid_until_s > now_s)
        if ask:
            return InputError(
                ErrorClass.REFUSED,
                f"none of your receiving services could fetch it; --directly connects to {', '.join(origins)} itself, "
                "which then sees your network address",
            )
        if origins:  # ATT-17
            return InputError(
                ErrorClass.UNKNOWN, f"{', '.join(origins)} did not give the file; ask for it again: --ask"
            )
        return InputError(ErrorClass.EXPIRED, "the file is stored nowhere any more; ask for it again: --ask")


def listed(messages: Iterable[tuple[bool, int, Message]]) -> list[Listed]:
    """Return the files that messages list, in the order of the messages."""
    return [
        Listed(own, number, place, message.date_s, attachment, is_picture)
        for own, number, message in messages
        for place, (attachment, is_picture) in enumerate(_attachments(message.content), 1)
    ]


def _attachments(data: bytes) -> list[tuple[Attachment, bool]]:
    try:
        content = decode_content(data)
    except PeerError:
        return []
    picture = decode_profile(content.data).picture if content.type == _PROFILE else None
    return [*((a, False) for a in content.attachments), *([] if picture is None else [(picture, True)])]


def origin_of(place: Location) -> str:
    """Return whose server a place is on, as a person may read it."""
    scheme, _, rest = place.uri.partition("://")
    host = rest.partition("/")[0]
    return "".join(c if c.isprintable() else "_" for c in f"{scheme}://{host}")
