"""Where a file is fetched, in which order, and when it is lost (chapter 10.4).

Theory. A file lies at up to four places until a date each, and whoever fetches it shows himself to the server: the
sender chose that server, so it may be the sender's own. So a receiving service fetches in the person's place, and the
person is asked before the device connects by itself. What cannot be fetched any more is said, and the message stays.

The order:

1. each place that has not ended, by each receiving service that offers to fetch
2. if none gave the file and the person agrees: each place that has not ended, directly
3. otherwise the file is lost for now: the person is told

Rules:

1. No retrieval begins for a stranger (ATT-16).
2. An attempt fails when nothing comes and when what comes is refused (`attachment.decrypt`): no attempt is made twice.
3. The message is as delivered as it was; nothing here reports anything to anybody else.
"""

from typing import Final, NamedTuple

import msgspec

from communicator_impl.content import Attachment
from communicator_impl.errors import InputError
from communicator_spec.errors import ErrorClass

__all__ = ["DIRECTLY", "Advice", "Attempt", "Retrieval"]

DIRECTLY: Final = -1
"""In the place of a receiving service: the device itself connects."""


class Attempt(NamedTuple):
    """What a host does next: fetch `place` of the attachment by a receiving service, or `DIRECTLY`."""

    place: int
    service: int


class Advice(NamedTuple):
    """What comes next: an attempt, or a question to the person, or the news that the file is lost."""

    attempt: Attempt | None = None
    ask: bool = False
    lost: bool = False


class Retrieval(msgspec.Struct, frozen=True):
    """One file that is being fetched; `proxies` are the receiving services that offer to."""

    attachment: Attachment
    proxies: tuple[int, ...]
    directly: bool | None = None
    failures: frozenset[Attempt] = frozenset()

    @classmethod
    def begin(cls, attachment: Attachment, proxies: tuple[int, ...], *, agreed: bool) -> "Retrieval":
        """Begin; `agreed` says that the person has agreed to the relationship."""
        if not agreed:  # ATT-16
            raise InputError(ErrorClass.REFUSED, "a file of a stranger")
        return cls(attachment, proxies)

    def advice(self, now_s: int) -> Advice:
        """Return what comes next."""
        alive = [n for n, place in enumerate(self.attachment.locations) if place.valid_until_s > now_s]
        ways = (*self.proxies, DIRECTLY) if self.directly else self.proxies  # ATT-15
        for attempt in (Attempt(place, service) for service in ways for place in alive):
            if attempt not in self.failures:
                return Advice(attempt)
        if alive and self.directly is None:
            return Advice(ask=True)
        return Advice(lost=True)  # ATT-17

    def failed(self, attempt: Attempt) -> "Retrieval":
        """Nothing came, or what came was refused."""
        return msgspec.structs.replace(self, failures=self.failures | {attempt})

    def answered(self, *, directly: bool) -> "Retrieval":
        """The person has decided whether the device may connect by itself."""
        return msgspec.structs.replace(self, directly=directly)
