"""Which addresses there were in a relationship, and what became of each: issued, draining, expired.

Theory. The core keeps the grants of the newest set, and forgets what left it. A person who wants to see addresses
change needs those, too: a grant that left the set is good until its date, so that what is on its way still arrives
(5.2). So each set is written down when it changes, and what is not in the newest one is draining until it expires. ::

    in use     the next transmission to the service takes one of its addresses
    standby    held for later: the long-term grant beside a usable ephemeral one (STATE-7)
    spent      every address was used
    draining   left the set; what was sent to it still arrives
    expired    past its date, or its root was revoked

Rules:

1. Nothing is decided by these rows, they are only shown.
2. They have no secrets, and go thirty days after they expired.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from communicator_impl.client.records import number_name, packed, unpacked
from communicator_impl.client.vault import Vault
from communicator_spec import Grant

__all__ = ["AddressRow", "Ledger", "Standing"]

Used = Sequence[tuple[Grant, int]]

_KEPT_MS: Final = 30 * 86_400_000


class Standing(StrEnum):
    """What became of a grant."""

    IN_USE = "in use"
    STANDBY = "standby"
    SPENT = "spent"
    DRAINING = "draining"
    EXPIRED = "expired"


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    service: int
    serial: int
    long_term: bool
    valid_until_ms: int
    capacity: int
    used: int

    @property
    def grant(self) -> Grant:
        return Grant(self.service, self.serial, self.long_term, self.valid_until_ms, self.capacity)


class AddressRow(msgspec.Struct, frozen=True):
    """One grant as a person sees it; `used` of a former one is what was known when it left the set."""

    service: int
    long_term: bool
    valid_until_ms: int
    used: int
    capacity: int
    standing: Standing


class Ledger:
    """Rows `address/R/own|peer/SERVICE/SERIAL`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def note(self, relationship: int, now_ms: int, *, own: bool, grants: Used) -> None:
        """Write down the newest set of one end, inside the transaction of its step."""
        for grant, used in grants:
            self._vault.save(_name(relationship, own, grant.service, grant.serial), packed(_Kept(*grant, used)))
        for name, value in self._vault.items(_prefix(relationship, own)):
            if unpacked(value, _Kept).valid_until_ms + _KEPT_MS <= now_ms:
                self._vault.delete(name)

    def rows(self, relationship: int, now_ms: int, *, own: bool, grants: Used) -> list[AddressRow]:
        """Return all grants of one end: those of the newest set first, then former ones, the youngest first."""
        current = [_row(grant, used, _standing(grant, used, grants, now_ms)) for grant, used in grants]
        names = {grant[:2] for grant, _ in grants}
        kept = [unpacked(value, _Kept) for _, value in self._vault.items(_prefix(relationship, own))]
        former = [
            _row(k.grant, k.used, Standing.EXPIRED if k.valid_until_ms <= now_ms else Standing.DRAINING)
            for k in sorted(kept, key=lambda k: (-k.valid_until_ms, k.service, -k.serial))
            if k.grant[:2] not in names
        ]
        return current + former

    def ended(self, relationship: int, now_ms: int) -> None:
        """A relationship has ended: all its roots were revoked."""
        self._end(_prefix(relationship, True), now_ms)

    def revoked(self, relationship: int, service: int, now_ms: int) -> None:
        """The root of one relationship at a service was revoked: what was issued there has ended."""
        self._end(f"{_prefix(relationship, True)}{service}/", now_ms)

    def _end(self, prefix: str, now_ms: int) -> None:
        for name, value in self._vault.items(prefix):
            kept = unpacked(value, _Kept)
            if kept.valid_until_ms > now_ms:
                self._vault.save(name, packed(msgspec.structs.replace(kept, valid_until_ms=now_ms)))


def _standing(grant: Grant, used: int, grants: Used, now_ms: int) -> Standing:
    if grant.valid_until_ms <= now_ms:
        return Standing.EXPIRED
    if used >= grant.capacity:
        return Standing.SPENT
    beside = (
        other.service == grant.service and not other.long_term and n < other.capacity and other.valid_until_ms > now_ms
        for other, n in grants
    )
    return Standing.STANDBY if grant.long_term and any(beside) else Standing.IN_USE


def _row(grant: Grant, used: int, standing: Standing) -> AddressRow:
    return AddressRow(grant.service, grant.long_term, grant.valid_until_ms, used, grant.capacity, standing)


def _prefix(relationship: int, own: bool) -> str:
    return f"{number_name('address', relationship)}/{'own' if own else 'peer'}/"


def _name(relationship: int, own: bool, service: int, serial: int) -> str:
    return f"{_prefix(relationship, own)}{service}/{serial}"
