"""A deliberately broken implementation: its addresses are reused, and every view shows it.

The leak is planted in the code, never in a view: messages are still delivered exactly once, and no error is raised.
It is what a person would build who thinks of an address as an identity with a suffix ("plus addressing"):

1. Every root and every epoch key of a person begins with the same bytes, and ends with a tag for the relationship.
   Receiving services see it in roots, correspondents in the keys that they are granted.
2. An address is sealed once and used again: the ephemeral key of the seal is derived from the grant, not drawn.
   Sending services see the same encapsulated key in every message of a relationship.
"""

import hashlib
from functools import cached_property

from communicator_impl.addresses import LabelGrant, LabelRoot, derive_label
from communicator_impl.addresses.values import epoch_key, root
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import label_request
from communicator_impl.errors import OwnError
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle_fields import IssueGrant, OwnRoot, RegisterRoot, Secret
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.turn import Turn
from communicator_simulations.real import Parts
from communicator_spec import ErrorClass, Grant

__all__ = ["REUSES_ADDRESSES", "ReusesSeals", "SuffixesOneAddress"]

_COMMON = 12


class SuffixesOneAddress(OwnAddresses):
    """One address a person, with a tag for each relationship and grant."""

    @cached_property
    def _base(self) -> bytes:
        """The bytes that everything of this person begins with."""
        return self._entropy.draw("base", _COMMON)

    def _root(self, turn: Turn, service: int) -> OwnRoot:
        known = service in turn.particle.roots
        own = super()._root(turn, service)
        if known or not isinstance(own, LabelRoot):
            return own
        tagged = LabelRoot(root(self._base + own.root[_COMMON:]), own.secret)
        turn.particle.roots[service] = tagged
        turn.requests[-1] = RegisterRoot(service, tagged.root, None, tagged.access_key())
        return tagged

    def _make_secret(self, turn: Turn, own: OwnRoot, grant: Grant) -> Secret:
        if not isinstance(own, LabelRoot):
            return super()._make_secret(turn, own, grant)
        key = epoch_key(self._base + own.epoch_key(grant.serial)[_COMMON:])
        registered = LabelGrant(own.root, grant.serial, key, grant.valid_until_ms // 1000, grant.capacity)
        turn.requests.append(IssueGrant(grant.service, registered, own.access_key()))
        return key


class ReusesSeals(PeerAddresses):
    """The encapsulated key of a grant's first message serves all its messages."""

    def seal(self, turn: Turn, grant: Grant, position: int, ciphertext: bytes) -> bytes:
        """Seal with randomness that depends on the grant alone."""
        key = self._key(turn, grant.service)
        secret = next(
            wired.secret
            for entry in (turn.particle.peer.services if turn.particle.peer else ())
            for wired in entry.grants
            if entry.uri == self._book.uri(grant.service) and wired.serial == grant.serial
        )
        if key is None or isinstance(secret, tuple):
            raise OwnError(ErrorClass.EXPIRED, "this implementation knows label/1 only")
        entropy = SeededEntropy(hashlib.sha256(secret).digest())
        return label_request(derive_label(secret, 0, position), key, ciphertext, entropy)


REUSES_ADDRESSES = Parts(own=SuffixesOneAddress, peer=ReusesSeals)
