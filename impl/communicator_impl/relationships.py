"""What a host may ask of relationships, without changing anything: a relationship manager answers, at any time.

Rule: nothing here makes a step, so nothing is saved and nothing is reported. Who asks of a relationship that is not
there is refused as unknown.
"""

from communicator_impl.address_set import WireSet
from communicator_impl.addresses import Root
from communicator_impl.body import Received as Receipt
from communicator_impl.errors import InputError
from communicator_impl.keys import IdentityKey
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, Delivered, MayBeLost
from communicator_impl.suite import Suite
from communicator_spec import ErrorClass, Grant

__all__ = ["Relationships"]


class Relationships:
    """Particles by local number, and what they say."""

    def __init__(self) -> None:
        self._particles: dict[int, Particle] = {}

    def relationships(self) -> tuple[int, ...]:
        """Return the local numbers of all relationships, ascending."""
        return tuple(sorted(self._particles))

    def root(self, relationship: int, service: int) -> Root | None:
        """Return the root to fetch for one relationship at one service, if there is one."""
        own = self._of(relationship).roots.get(service)
        return None if own is None else own.root

    def access_key(self, relationship: int, service: int) -> bytes | None:
        """Return what shows a service that one may fetch and confirm there, if there is a root."""
        own = self._of(relationship).roots.get(service)
        return None if own is None else own.access_key()

    def stores(self, relationship: int, service: int) -> tuple[tuple[Root, bytes], ...]:
        """Return the roots to fetch at one service, each with its access key: the own one, and that of a contact."""
        p = self._of(relationship)
        found = (roots.get(service) for roots in (p.roots, p.contact))
        return tuple((own.root, own.access_key()) for own in found if own is not None)

    def identities(self, relationship: int) -> tuple[IdentityKey, IdentityKey] | None:
        """Return the own and the peer's public identity in one relationship, once both are known (SEC-6)."""
        p = self._of(relationship)
        return None if p.identity is None or p.session is None else (p.identity.public, p.session.peer)

    def suite(self, relationship: int) -> Suite | None:
        """Return the suite of one relationship, or of the package that was given out for it; None after the end."""
        p = self._of(relationship)
        if p.session is not None:
            return p.session.suite
        return None if p.invitation is None else p.invitation.package.suite

    def own_grants(self, relationship: int) -> tuple[tuple[Grant, int], ...]:
        """Return the grants of the own set, each with how many of its addresses were used."""
        p = self._of(relationship)
        return tuple((grant, p.spent.get((grant.service, grant.serial), 0)) for grant in p.mine)

    def peer_grants(self, relationship: int) -> tuple[tuple[Grant, int], ...]:
        """Return the grants of the peer that are held, each with how many of its addresses were used here."""
        p = self._of(relationship)
        return tuple((grant, p.used.get((grant.service, grant.serial), 0)) for grant in p.held)

    def leaving(self, relationship: int) -> dict[int, int]:
        """Return the services that are being left, and when the last address there ends, in milliseconds."""
        return dict(self._of(relationship).release_due)

    def moving(self, relationship: int) -> tuple[int, ...]:
        """Return the replaced services of whose replacement the peer has not confirmed to know."""
        return tuple(sorted(self._of(relationship).moved))

    def peer_set(self, relationship: int) -> WireSet | None:
        """Return the peer's complete address set that is held: all that this end knows of where the peer is."""
        return self._of(relationship).peer

    def tells_read(self, relationship: int) -> bool:
        """Tell whether the peer is told what the person sees."""
        return self._of(relationship).tells_read

    def seen(self, relationship: int) -> Receipt:
        """Return which own messages the peer's person has seen, as far as the peer tells."""
        return self._of(relationship).seen

    def waiting(self, relationship: int) -> tuple[int, ...]:
        """Return the numbers of the own messages that are neither acknowledged nor given up, ascending."""
        return tuple(sorted(self._of(relationship).outbox))

    def next_number(self, relationship: int) -> int:
        """Return the number that the next message gets: after a crash it tells whether the last one was accepted."""
        return self._of(relationship).next_number

    def is_synchronised(self, relationship: int) -> bool:
        """Tell whether messages can be submitted; not after a restored backup, until the peer has answered."""
        return not self._of(relationship).restored

    def needs_person(self, relationship: int) -> bool:
        """Tell whether a person has to decide about another attempt, because there were too many (PORT-22)."""
        p = self._of(relationship)
        return p.restored and p.resync_due == NEVER

    def undelivered(self, relationship: int) -> tuple[Delivered, ...]:
        """Return the messages that the application has not confirmed; after a crash, hand them over again."""
        return self._of(relationship).inbox

    def losses(self, relationship: int) -> tuple[MayBeLost, ...]:
        """Return what may be lost after a restored backup, until the application has confirmed it (PORT-25)."""
        return self._of(relationship).losses

    def released(self, relationship: int, service: int) -> bool:
        """Tell whether no address of this relationship points to a service that is being left."""
        p = self._of(relationship)
        return p.ended or service not in p.release_due

    def _of(self, relationship: int) -> Particle:
        particle = self._particles.get(relationship)
        if particle is None:
            raise InputError(ErrorClass.UNKNOWN, "no such relationship")
        return particle
