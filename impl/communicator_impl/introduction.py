"""Two people who meet: four short texts from nothing to a relationship that works in both directions.

Theory. Two devices side by side exchange a key package, the opening of a session, and each other's first complete
address set; nothing of it passes a service. The owner of the package cannot send before the first message arrived
(SES-11), so the other end speaks first, and the package's owner answers.

::

    invite      key package            ──▶
                opening, first set     ◀──   accept
    complete    first set              ──▶
                                             conclude

From afar they do the same by a contact (8.4): a package with an address for one stranger. The opening goes to that
address like any message, and with it the stranger's set; the owner's set comes back by it. ::

    offer       contact                ──▶   approach    and writes, as to anybody
    welcome     what came there        ◀──   opening, first set
                own set, as ever       ──▶

Rules:

1. Only the package is in clear; both sets travel inside the session, so they are authentic.
2. An end says that it is paired when it holds the other's set, and reports its own first grants then.
3. A set that does not fit a first message raises `InputError`: fewer services, or smaller batches.
4. An identity makes one package, of the suite that the person has chosen (EXT-6), and begins in that of the other's
   package, unless the person requires a higher one (EXT-11).
"""

from typing import Final, NamedTuple

from communicator_impl import session as sessions
from communicator_impl.addresses import round_up_to_hour
from communicator_impl.body import Body, decode_body, encode_body
from communicator_impl.body import Kind as BodyKind
from communicator_impl.body import Received as Receipt
from communicator_impl.directory import Contact
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError, PeerError
from communicator_impl.keys import Identity, KeyPackage, make_package
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Setting
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.session import Session
from communicator_impl.suite import Suite
from communicator_impl.turn import Turn
from communicator_spec import ErrorClass, Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["CLASSICAL", "INVITATION_S", "Introduction", "Suites"]

INVITATION_S: Final = 86_400
_BACKDATE_S: Final = PARAMETERS.session.backdate_s


class Suites(NamedTuple):
    """What a person chose: the suite of own packages, and the least that one of somebody else must have."""

    own: Suite = Suite.CLASSICAL
    least: Suite = Suite.CLASSICAL


CLASSICAL: Final = Suites()


class Introduction:
    """The first texts of a relationship, for one person."""

    def __init__(
        self, person: int, own: OwnAddresses, peer: PeerAddresses, entropy: Entropy, suites: Suites = CLASSICAL
    ) -> None:
        self._person = person
        self._own = own
        self._peer = peer
        self._entropy = entropy
        self._suites = suites

    def invite(
        self, now_ms: int, setting: Setting, identity: Identity | None = None, lifetime_s: int = INVITATION_S
    ) -> tuple[Particle, bytes]:
        """Return a Particle that waits for an answer, and the package to show; `identity`: that of a name (8.4)."""
        identity = identity or Identity.generate(self._entropy)
        begin_s = max(now_ms // 1000 - _BACKDATE_S, 0)  # SES-26
        suite = self._suites.own
        secret = make_package(identity, begin_s, _BACKDATE_S + lifetime_s, self._entropy, suite=suite)  # EXT-6
        particle = Particle(services=setting.receiving, senders=setting.sending, identity=identity, invitation=secret)
        return particle, secret.package.encode()

    def meet(self, setting: Setting) -> Particle:
        """Return a Particle for an end that is about to answer a package."""
        identity = Identity.generate(self._entropy)
        return Particle(services=setting.receiving, senders=setting.sending, identity=identity)

    def accept(self, turn: Turn, package: bytes) -> bytes:
        """Answer a package: the opening of a session, with the own first set in it."""
        decoded = self._allowed(KeyPackage.decode(package, turn.now_s))
        session = sessions.start(_identity_of(turn.particle), decoded, turn.now_s, self._entropy)
        answer = self._hand_over(turn, session)
        turn.events.clear()  # reported when the relationship exists
        return answer

    def complete(self, turn: Turn, answer: bytes) -> bytes:
        """Read the answer: the relationship exists here; return the own first set."""
        p = turn.particle
        if p.invitation is None:
            raise InputError(ErrorClass.REFUSED, "nobody was invited")
        session, plain, _ = sessions.accept(_identity_of(p), [p.invitation], answer, turn.now_s, self._entropy)
        p.invitation = None  # SES-6
        self._adopt(p, plain)
        turn.report(Kind.PAIRED, value=self._person)
        return self._hand_over(turn, session)

    def conclude(self, turn: Turn, greeting: bytes) -> None:
        """Read the other's first set: the relationship exists here too."""
        p = turn.particle
        if p.session is None or not p.session.awaits_reply:
            raise InputError(ErrorClass.REFUSED, "no greeting is expected")
        p.session, plain = sessions.open_message(p.session, greeting, self._entropy)
        self._adopt(p, plain)
        turn.report(Kind.PAIRED, value=self._person)
        for grant in p.mine:
            self._own.report_issued(turn, grant)

    # ---------------------------------------------------------------- from afar

    def offer(self, turn: Turn) -> bytes:
        """Return the contact for one stranger; the particle has just been made by `invite`."""
        p = turn.particle
        assert p.invitation is not None
        package = p.invitation.package
        until_s = round_up_to_hour(package.not_after_s + PARAMETERS.session.package_grace_s)
        return Contact(package, self._own.contact_set(turn, until_s)).encode()

    def approach(self, turn: Turn, contact: bytes) -> None:
        """Begin with a contact: from now on messages can be written, and the own set goes with them."""
        p, read = turn.particle, Contact.decode(contact, turn.now_s)
        p.session = sessions.start(_identity_of(p), self._allowed(read.package), turn.now_s, self._entropy)
        self._peer.adopt(p, read.addresses)
        turn.report(Kind.PAIRED, value=self._person)
        p.update_due = turn.now_ms  # the owner learns of this end even if nobody writes

    def welcome(self, turn: Turn, ciphertext: bytes, came_s: int) -> Body:
        """Open what came to a contact: the relationship exists; the body is still to be applied. Else `PeerError`."""
        p = turn.particle
        if p.invitation is None:
            raise PeerError(ErrorClass.UNKNOWN, "nobody was invited")
        own = _identity_of(p)
        p.session, plain, _ = sessions.accept(own, [p.invitation], ciphertext, came_s, self._entropy)
        body = decode_body(plain)
        if body.addresses is None:
            raise PeerError(ErrorClass.MALFORMED, "an introduction without an address set")
        p.invitation = None  # SES-6
        p.restart_s = p.session.restart_s
        turn.report(Kind.PAIRED, value=self._person)
        p.update_due = turn.now_ms
        return body

    def _hand_over(self, turn: Turn, session: Session) -> bytes:
        """Make the own first set and seal it; in person, handing over is confirmation enough."""
        p = turn.particle
        p.session = session  # how much room there is
        self._own.refresh(turn, in_conversation=True, everywhere=True)
        body = Body(BodyKind.UPDATE, Receipt(), p.held_version, addresses=self._own.complete_set(p))
        p.session, text = sessions.seal(session, encode_body(body), self._entropy)
        p.confirmed = p.version
        return text

    def _allowed(self, package: KeyPackage) -> KeyPackage:
        """Return a package whose suite the person takes; else `REFUSED`, and nothing was sent (EXT-11)."""
        if package.suite < self._suites.least:
            raise InputError(ErrorClass.REFUSED, f"a package of suite {package.suite}, which the person does not take")
        return package

    def _adopt(self, p: Particle, plain: bytes) -> None:
        body = decode_body(plain)
        if body.addresses is None:
            raise PeerError(ErrorClass.MALFORMED, "an introduction without an address set")
        self._peer.adopt(p, body.addresses)


def _identity_of(p: Particle) -> Identity:
    if p.identity is None:
        raise OwnError(ErrorClass.REFUSED, "the relationship has ended")
    return p.identity
