"""A contact that its owner left at a directory: in stock, then handed out once, then forgotten (chapter 8.4).

Theory. A contact is for one stranger. So the same value says whether it is still there and, if not, which token took
it: one write moves it from one to the other, and no crash hands it out twice. ::

    in stock ──handed out──▶ given on a day, to a mark ──package and mark ended──▶ over
        └─────────── identity replaced, or package ended ────────────────────────▶ over

Rules:

1. A value; each change gives a new one.
2. What was handed out stays as long as the same request may come again, and until its day is over, which it counts for.
"""

from typing import Final, Self

import msgspec

from communicator_impl import wire
from communicator_impl.directory import Contact, Entry
from communicator_impl.errors import OwnError, PeerError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["StoredContact", "day_of", "read_deposited"]

_RECORD_MAX: Final = 2 * PARAMETERS.directory.contact_bytes_max
_DAY_S: Final = 86_400


def day_of(now_s: int) -> int:
    """Return the number of the day."""
    return now_s // _DAY_S


class StoredContact(msgspec.Struct, frozen=True):
    """A contact in stock, or one that was handed out: on which day, and the mark of the token that paid."""

    contact: bytes
    begins_s: int
    ends_s: int
    identity: bytes
    given_day: int | None = None
    mark: str = ""

    def usable(self, now_s: int, entry: Entry) -> bool:
        """Tell whether it may be handed out now."""
        current = self.identity == entry.identity.to_bytes()  # DIR-6
        return current and self.given_day is None and self.begins_s <= now_s < self.ends_s

    def over(self, now_s: int, entry: Entry) -> bool:
        """Tell whether nobody can ask for it again."""
        stale = self.identity != entry.identity.to_bytes() and self.given_day is None
        marked_until_s = int(self.mark.split("/")[1]) if self.mark else 0
        today = self.given_day == day_of(now_s)
        return stale or (not today and now_s >= max(self.ends_s, marked_until_s))

    def to_bytes(self) -> bytes:
        """Encode for storage."""
        given = [] if self.given_day is None else [self.given_day]
        return wire.encode([self.contact, self.begins_s, self.ends_s, self.identity, given, self.mark.encode()])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        try:
            contact, begins_s, ends_s, identity, given, mark = wire.array(wire.decode(data, _RECORD_MAX), 6, size=6)
            days = [wire.uint(day) for day in wire.array(given, 1)]
            return cls(
                wire.octets(contact),
                wire.uint(begins_s),
                wire.uint(ends_s),
                wire.octets(identity),
                days[0] if days else None,
                wire.octets(mark).decode(),
            )
        except (PeerError, UnicodeDecodeError) as error:
            raise OwnError(ErrorClass.MALFORMED, "stored contact") from error


def read_deposited(data: bytes, now_s: int, entry: Entry) -> StoredContact:
    """Read a contact that an owner leaves here (DIR-6)."""
    contact = Contact.decode(data, now_s)
    contact.check(entry)
    package = contact.package
    return StoredContact(data, package.not_before_s, package.not_after_s, package.identity.to_bytes())
