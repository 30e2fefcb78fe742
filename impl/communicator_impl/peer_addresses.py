"""The peer's addresses in one relationship: adopting a newer set, and sealing one message to one address.

Theory. The peer's set comes inside a message, whole, so it is authentic and replaces whatever is held (STATE-1). With
it come the keys to seal to; they come from the peer and not from its service, so a service cannot mark senders by
giving each another key (T8). What a message travels under is used up with the message: a label of the grant's epoch,
or one signed address of its batch.

Rules:

1. A position is taken before anything is sealed, and never given back: an address that was perhaps seen is spent.
2. Stock that an earlier version carried is kept; a set that claims more than it has counts as what it has.
3. A service without a live key is not offered for sending; its configuration may then be fetched by the host.
"""

from typing import Final

import msgspec

from communicator_impl.addresses import Profile, SealingKey, derive_label
from communicator_impl.body import ServiceEntry, WireGrant, WireSet
from communicator_impl.entropy import Entropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.errors import OwnError, PeerError
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER
from communicator_impl.turn import ServiceBook, Turn
from communicator_spec import ErrorClass, Grant, Terms, request_at, usable
from communicator_spec.parameters import PARAMETERS

__all__ = ["PeerAddresses"]

_SKIPPED: Final = PARAMETERS.resync.position_skip
_SKIPPED_AGAIN: Final = PARAMETERS.resync.position_skip_again
_LANE: Final = 0
"""Devices have lanes of their own (T14); this manager is one device."""


class PeerAddresses:
    """The sender's half of the address state, for all relationships of one person."""

    def __init__(self, terms: Terms, book: ServiceBook, entropy: Entropy) -> None:
        self._terms = terms
        self._book = book
        self._entropy = entropy

    def is_newer(self, p: Particle, addresses: WireSet) -> bool:
        """Tell whether a set replaces the one that is held (STATE-1)."""
        return addresses.version > p.held_version

    def adopt(self, p: Particle, addresses: WireSet) -> None:
        """Replace the held set, whole."""
        stock = _stock_of(p.peer)
        services = tuple(_with_stock(entry, stock) for entry in addresses.services)
        p.peer = WireSet(addresses.version, services)
        p.held = tuple(self._grant(entry, grant) for entry in services for grant in entry.grants)
        p.held_version = addresses.version
        at_ms = request_at(p.held, self._terms)
        p.request_due = NEVER if at_ms is None else at_ms

    def offers(self, turn: Turn) -> tuple[Grant, ...]:
        """Return the held grants whose service can be sealed to now (EXT-8)."""
        p = turn.particle
        live = {s for s in {grant.service for grant in p.held} if self._key(turn, s) is not None}
        return tuple(grant for grant in p.held if grant.service in live)

    def has_address(self, turn: Turn) -> bool:
        """Tell whether an address of the peer is left that can be used now."""
        used = turn.particle.used
        return any(usable(grant, used.get(grant[:2], 0), turn.now_ms) for grant in self.offers(turn))

    def take(self, p: Particle, grant: Grant) -> int:
        """Return the next unused position of a grant and count it as used."""
        name = (grant.service, grant.serial)
        position = p.used.get(name, 0)
        self._advance_position(p, name, position)
        return position

    def _advance_position(self, p: Particle, name: tuple[int, int], position: int) -> None:
        p.used[name] = position + 1

    def skip(self, p: Particle) -> None:
        """Leave out what a lost device may have used: 128 positions of an epoch, all but the last of a batch (12.6).

        Only 16 where that was done before: beyond a window, the receiving service does not look for a label.
        """
        entries = p.peer.services if p.peer else ()
        batches = {self._book.number(entry.uri) for entry in entries if entry.profile is Profile.TWO_LAYER}
        for service, serial, _, _, capacity in p.held:
            name = (service, serial)
            used, last = p.used.get(name, 0), capacity - 1
            step = _SKIPPED_AGAIN if name in p.skipped else _SKIPPED
            p.used[name] = max(used, last if service in batches else min(used + step, last))
            p.skipped[name] = p.used[name]

    def seal(self, turn: Turn, grant: Grant, position: int, ciphertext: bytes) -> bytes:
        """Return the request that carries a ciphertext to one address."""
        key = self._key(turn, grant.service)
        secret = _find(turn.particle, self._book.uri(grant.service), grant.serial).secret
        if key is None:
            raise OwnError(ErrorClass.EXPIRED, "sealing without a live key")
        if isinstance(secret, tuple):
            return two_layer_request(secret[position], key, ciphertext, self._entropy)
        return label_request(derive_label(secret, _LANE, position), key, ciphertext, self._entropy)

    def _grant(self, entry: ServiceEntry, grant: WireGrant) -> Grant:
        secret = grant.secret
        capacity = min(grant.capacity, len(secret)) if isinstance(secret, tuple) else grant.capacity
        until_ms = grant.valid_until_s * 1000
        return Grant(self._book.number(entry.uri), grant.serial, grant.long_term, until_ms, capacity)

    def _key(self, turn: Turn, service: int) -> SealingKey | None:
        """Return the newest live key that the peer named, else the newest that its service publishes."""
        peer, uri = turn.particle.peer, self._book.uri(service)
        entries = [entry for entry in peer.services if entry.uri == uri] if peer else []
        config = self._book.config(service)
        for source in (*entries, config):
            try:
                if source is not None:
                    return source.sealing_key(turn.now_s)
            except PeerError:
                continue
        return None


def _stock_of(peer: WireSet | None) -> dict[tuple[str, int], WireGrant]:
    entries = peer.services if peer else ()
    return {(entry.uri, grant.serial): grant for entry in entries for grant in entry.grants}


def _with_stock(entry: ServiceEntry, stock: dict[tuple[str, int], WireGrant]) -> ServiceEntry:
    """Fill in the batches that an earlier version carried."""
    grants = tuple(
        msgspec.structs.replace(grant, secret=stock[entry.uri, grant.serial].secret)
        if grant.secret == () and (entry.uri, grant.serial) in stock
        else grant
        for grant in entry.grants
    )
    return msgspec.structs.replace(entry, grants=grants)


def _find(p: Particle, uri: str, serial: int) -> WireGrant:
    found = _stock_of(p.peer).get((uri, serial))
    if found is None:
        raise OwnError(ErrorClass.UNKNOWN, "no secret for a held grant")
    return found
