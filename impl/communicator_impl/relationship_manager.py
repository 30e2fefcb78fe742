"""The relationship manager of one person: Particles, their storage, and one step at a time.

Theory. The core does no input or output and reads no clock. The host calls a method with the time and what is in
reach; the method works on a copy of one Particle, makes it durable, and only then returns what is to be done outside.
If it raises, or the device dies at any instant, the stored Particle is the one before the step or the one after it.

How a relationship behaves, at every instant `now_ms`:

1. `submit` puts a message into the outbox, durably, and nothing else.
2. `wake` does everything that is due: transmissions and escalations, the announcement of a move, a receipt, the renewal
   of a long-term address, a request for the peer's, the release of a service that is being left; in this order.
3. `receive` applies what was fetched from one root.
4. `deadline_ms` tells when `wake` has something to do next.

What the host does with the result of a step, before its next call for the same relationship:

1. it carries out `requests`, in order, at the person's own receiving services; all of them may be repeated. Those of
   a first meeting may be for a service that is out of reach: the host keeps them until it is back.
2. it hands `transmissions` to the sending services.
3. it gives `deliveries` to the application, which knows (relationship, number) of what it has seen, then calls
   `drain`; then it confirms `confirm` at the receiving service.

Rules:

1. State is saved before a step returns and before an event is reported (SES-15).
2. After a crash, `deadline_ms` is 0 for a relationship whose last requests may not have been carried out, and its next
   step returns them again. Transmissions that were lost with the device escalate like any other loss; a receipt that
   was lost goes with the next transmission. `undelivered` lists what the application has not confirmed.
3. A local relationship number is the host's choice; it is never on the wire.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from communicator_impl.addresses import Profile, Root
from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError
from communicator_impl.inbox import Inbox, Received
from communicator_impl.introduction import CLASSICAL, INVITATION_S, Introduction, Suites
from communicator_impl.keys import Identity, PackageSecret
from communicator_impl.outbox import Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, Request, RevokeRoot, Setting, without_revoked
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.relationships import Relationships
from communicator_impl.resynchronisation import Resynchronisation
from communicator_impl.root_record import Item
from communicator_impl.storage import Storage
from communicator_impl.turn import NOTHING_REACHABLE, Outgoing, Reach, ServiceBook, Turn
from communicator_spec import ErrorClass, Kind, Terms

__all__ = ["RelationshipManager", "Step"]

_PREFIX: Final = "particle/"


class Step(NamedTuple):
    """What a host does after a step: requests first, in order, then transmissions."""

    requests: tuple[Request, ...] = ()
    transmissions: tuple[Outgoing, ...] = ()


class RelationshipManager(Relationships):
    """All relationships of one person; `person` is the number in the log, never on the wire.

    `own_type`, `peer_type`, `outbox_type` and `inbox_type` are the parts of a step; a subclass may replace them.
    """

    own_type = OwnAddresses
    peer_type = PeerAddresses
    outbox_type = Outbox
    inbox_type = Inbox

    def __init__(
        self,
        person: int,
        terms: Terms,
        book: ServiceBook,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
        profiles: tuple[Profile, ...] = (Profile.LABEL, Profile.TWO_LAYER),
        suites: Suites = CLASSICAL,
    ) -> None:
        super().__init__()
        self._person = person
        self._terms = terms
        self._storage = storage
        self._emit = emit
        own = self._own = self.own_type(terms, book, entropy, profiles)
        peer = self.peer_type(terms, book, entropy)
        self._outbox = self.outbox_type(terms, own, peer, entropy)
        self._introduction = Introduction(person, own, peer, entropy, suites)
        self._inbox = self.inbox_type(terms, book, own, peer, entropy, self._introduction)
        self._resync = Resynchronisation(terms, peer, entropy)
        self._handed: set[int] = set()  # whose requests this process has returned already
        for key in storage.keys(_PREFIX):
            data = storage.load(key)
            if data is not None:
                self._particles[int(key.removeprefix(_PREFIX))] = Particle.from_bytes(data)

    def registrations(self, relationship: int, service: int) -> tuple[Request, ...]:
        """Return what one service has to know of one relationship: for one that has forgotten it (RECV-6)."""
        return self._own.registrations(self._of(relationship), service)

    # ---------------------------------------------------------------- two people meet

    def invite(self, now_ms: int, relationship: int, setting: Setting) -> bytes:
        """Begin: return the key package that is shown to the other device."""
        particle, package = self._introduction.invite(now_ms, setting)
        self._keep(self._begin(now_ms, relationship, particle))
        return package

    def accept(self, now_ms: int, relationship: int, setting: Setting, package: bytes) -> bytes:
        """Answer a package: return the opening of a session, with the own first set in it."""
        turn = self._begin(now_ms, relationship, self._introduction.meet(setting))
        answer = self._introduction.accept(turn, package)
        self._keep(turn)
        return answer

    def complete(self, now_ms: int, relationship: int, answer: bytes) -> tuple[bytes, Step]:
        """Read the answer: the relationship exists here; return the greeting, with the own first set in it."""
        turn = self._turn(now_ms, relationship)
        greeting = self._introduction.complete(turn, answer)
        return greeting, self._finish(turn)

    def conclude(self, now_ms: int, relationship: int, greeting: bytes) -> Step:
        """Read the greeting: the relationship exists here too."""
        turn = self._turn(now_ms, relationship)
        self._introduction.conclude(turn, greeting)
        return self._finish(turn)

    def offer(
        self,
        now_ms: int,
        relationship: int,
        setting: Setting,
        identity: Identity | None = None,
        lifetime_s: int = INVITATION_S,
    ) -> tuple[bytes, Step]:
        """Begin from afar: return the contact for one stranger (8.4); `identity`: that of a name at a directory."""
        particle, _ = self._introduction.invite(now_ms, setting, identity, lifetime_s)
        turn = self._begin(now_ms, relationship, particle)
        contact = self._introduction.offer(turn)
        return contact, self._finish(turn)

    def approach(self, now_ms: int, relationship: int, setting: Setting, contact: bytes) -> Step:
        """Begin with somebody's contact: messages can be submitted from now on."""
        turn = self._begin(now_ms, relationship, self._introduction.meet(setting))
        self._introduction.approach(turn, contact)
        return self._finish(turn)

    def invitation(self, relationship: int) -> tuple[Identity, PackageSecret] | None:
        """Return what opens a first message, while nobody has come."""
        p = self._of(relationship)
        return None if p.identity is None or p.invitation is None else (p.identity, p.invitation)

    def admit(self, now_ms: int, relationship: int, service: int, item: Item, came_s: int) -> Step:
        """The person agrees to what came to a contact at `came_s`: the relationship exists, if it opens a session."""
        turn = self._turn(now_ms, relationship)
        self._inbox.admit(turn, service, item, came_s)
        return self._finish(turn)

    def planned(self, relationship: int) -> None:
        """The host has written the last requests down: it need not be given them again."""
        turn = self._turn(0, relationship)
        turn.particle.pending = ()
        self._keep(turn)

    def withdraw(self, relationship: int) -> tuple[RevokeRoot, ...]:
        """Forget a contact by which nobody came in; return what revokes its roots. The host carries that out."""
        p = self._of(relationship)
        if p.invitation is None:
            raise InputError(ErrorClass.REFUSED, "no contact that is open")
        self._storage.delete(f"{_PREFIX}{relationship}")
        del self._particles[relationship]
        return tuple(RevokeRoot(service, own.root, own.access_key()) for service, own in sorted(p.contact.items()))

    # ---------------------------------------------------------------- what people do

    def submit(self, now_ms: int, relationship: int, content: bytes) -> int:
        """Take a message from the application; return its number.

        Too long a content raises `InputError`, and so does a relationship that is not synchronised after a backup.
        """
        turn = self._turn(now_ms, relationship)
        if turn.particle.restored:  # PORT-23
            raise InputError(ErrorClass.REFUSED, "not synchronised after a restored backup")
        number = self._outbox.submit(turn, content)
        self._keep(turn)
        return number

    def rewind(self, now_ms: int, relationship: int) -> None:
        """Make due at once what was accepted at a time that has not come: the clock was ahead then, and is not now."""
        outbox = self._of(relationship).outbox
        if any(entry.accepted_ms > now_ms for entry in outbox.values()):
            turn = self._turn(now_ms, relationship)
            self._outbox.rewind(turn)
            self._keep(turn)

    def move(
        self, now_ms: int, relationship: int, old: int, setting: Setting, announce_ms: int, *, leave: bool
    ) -> None:
        """Replace a receiving service by the person's decision; `leave` when it still runs and is to be left.

        From now on nothing is issued at the old one. The peer learns it from the next message, or from an
        announcement at `announce_ms` at the latest.
        """
        turn = self._turn(now_ms, relationship)
        self._own.replace(turn, old, setting, announce_ms, leave=leave)
        self._keep(turn)

    def tell_read(self, now_ms: int, relationship: int, *, on: bool) -> None:
        """Let the peer know what the person sees from now on, or not (CONT-9)."""
        turn = self._turn(now_ms, relationship)
        turn.particle.tells_read = on
        turn.particle.read_due = NEVER
        self._keep(turn)

    def read(self, now_ms: int, relationship: int, numbers: frozenset[int]) -> None:
        """The person has seen these messages of the peer; one that never came raises `InputError`."""
        turn = self._turn(now_ms, relationship)
        self._inbox.note_read(turn, sorted(numbers))
        self._keep(turn)

    def change_senders(self, now_ms: int, relationship: int, senders: tuple[int, ...]) -> None:
        """Use other sending services from now on; nobody else needs to know, not even the old ones (ROLE-4, PORT-1)."""
        turn = self._turn(now_ms, relationship)
        turn.particle.senders = senders
        self._keep(turn)

    def refuse(self, now_ms: int, relationship: int, *, tell: bool = False, reach: Reach = NOTHING_REACHABLE) -> Step:
        """End the relationship: the peer is stopped at every service, nobody else is affected (DELIV-29).

        `tell` says END once at each of the peer's services, as far as a sending service is in `reach`; else it is
        silent. Nothing of the relationship's keys stays here (PORT-11).
        """
        turn = self._turn(now_ms, relationship, reach)
        p = turn.particle
        if p.ended:
            return Step()
        if tell and not p.restored and p.session is not None and p.session.ratchet.can_send:  # PORT-17
            self._outbox.send_end(turn)
        turn.report(Kind.ENDED)
        self._own.end(turn)
        return self._finish(turn)

    # ---------------------------------------------------------------- what is due

    def deadline_ms(self, relationship: int) -> int:
        """Return when `wake` has something to do for this relationship; huge if never."""
        p = self._of(relationship)
        if p.pending and relationship not in self._handed:
            return 0
        return p.deadline_ms()

    def wake(self, now_ms: int, relationship: int, reach: Reach) -> Step:
        """Do everything that is due."""
        if self.deadline_ms(relationship) > now_ms:
            return Step()
        turn = self._turn(now_ms, relationship, reach)
        p = turn.particle
        if p.restored and p.resync_due <= now_ms:  # PORT-17
            if self._resync.begin(turn):
                self._outbox.send_resync(turn)
        elif not p.ended and not p.restored and p.session is not None:  # PORT-13
            self._send(turn)
        return self._finish(turn)

    def _send(self, turn: Turn) -> None:
        p, now_ms = turn.particle, turn.now_ms
        if p.outbox:
            self._outbox.send_messages(turn)
        if p.notice_due <= now_ms:
            self._outbox.send_notice(turn)
        if p.read_due <= now_ms:
            self._outbox.send_read(turn)
        if p.receipt_due <= now_ms:
            self._outbox.send_receipt(turn)
        if p.update_due <= now_ms:
            self._outbox.send_update(turn)
        if p.request_due <= now_ms:
            self._outbox.send_request(turn)
        if p.release_due:
            self._own.release(turn)

    # ---------------------------------------------------------------- what arrives

    def receive(self, now_ms: int, relationship: int, service: int, items: Sequence[Item]) -> Received:
        """Apply what was fetched from one root at one service; all of it may be confirmed then."""
        if not items:
            return Received((), frozenset())
        turn = self._turn(now_ms, relationship)
        known = len(turn.particle.inbox)
        differing: set[int] = set()
        for item in items:
            differing.update(self._inbox.take(turn, service, item))
        step = self._finish(turn)
        numbers = frozenset(item.number for item in items)
        # DELIV-27: all of it is durable by now
        return Received(turn.particle.inbox[known:], numbers, step.requests, tuple(sorted(differing)))

    def drain(self, now_ms: int, relationship: int, numbers: frozenset[int]) -> None:
        """The application has these messages durably."""
        if not numbers:
            return
        turn = self._turn(now_ms, relationship)
        turn.particle.inbox = tuple(m for m in turn.particle.inbox if m.number not in numbers)
        self._keep(turn)

    def unreachable(self, now_ms: int, relationship: int, service: int, reference: int) -> None:
        """Take a sending service's notice that a receiving service does not answer (DELIV-6).

        The message escalates at once if there is another service to try.
        """
        turn = self._turn(now_ms, relationship)
        self._outbox.suspect(turn, service, reference)
        self._keep(turn)

    # ---------------------------------------------------------------- after a restored backup

    def restored(self, now_ms: int) -> None:
        """Say that the storage came from a backup: each relationship is synchronised before it is used (PORT-17).

        The host calls it once, fetches and hands over everything (12.6, step 1), and goes on as usual.
        """
        for relationship in self.relationships():
            turn = self._turn(now_ms, relationship)
            if turn.particle.session is not None and not turn.particle.ended:
                self._resync.expect(turn, suspected=False)
                self._keep(turn)

    def try_again(self, now_ms: int, relationship: int) -> None:
        """The person wants another attempt."""
        turn = self._turn(now_ms, relationship)
        turn.particle.begun = ()
        turn.particle.resync_due = now_ms if turn.particle.restored else NEVER
        self._keep(turn)

    def losses_told(self, now_ms: int, relationship: int) -> None:
        """The application knows what may be lost."""
        turn = self._turn(now_ms, relationship)
        turn.particle.losses = ()
        self._keep(turn)

    # ---------------------------------------------------------------- leaving a service

    def leave(self, now_ms: int, service: int, is_empty: Callable[[Root], bool]) -> tuple[RevokeRoot, ...] | None:
        """Leave a receiving service; None while an address points to it or a store there is not empty (STATE-11).

        The host carries the requests out. `is_empty` looks at the store of one root.
        """
        if not all(self._may_leave(p, now_ms, service, is_empty) for p in self._particles.values()):
            return None
        requests: list[RevokeRoot] = []
        for relationship in self.relationships():
            stores = self.stores(relationship, service)
            if stores:
                turn = self._turn(now_ms, relationship)
                for roots in (turn.particle.roots, turn.particle.contact):
                    roots.pop(service, None)
                revoked = [RevokeRoot(service, root, key) for root, key in stores]
                turn.requests.extend(revoked)  # PORT-5
                self._finish(turn)
                requests.extend(revoked)
        self._emit(CoreEvent(now_ms, Kind.LEFT, service=service, value=self._person))
        return tuple(requests)

    def _may_leave(self, p: Particle, now_ms: int, service: int, is_empty: Callable[[Root], bool]) -> bool:
        due_ms = p.release_due.get(service)
        waits = due_ms is not None and (p.session is not None or due_ms > now_ms)  # a contact that is out is not woken
        if p.ended or waits:  # STATE-10: also where no root is but that of a contact
            return p.ended
        held = [roots[service].root for roots in (p.roots, p.contact) if service in roots]
        return not held or (service not in p.services and all(map(is_empty, held)))

    # ---------------------------------------------------------------- state

    def _begin(self, now_ms: int, relationship: int, particle: Particle) -> Turn:
        if relationship in self._particles:
            raise InputError(ErrorClass.REFUSED, "relationship number is taken")
        return Turn(now_ms, relationship, particle, NOTHING_REACHABLE)

    def _turn(self, now_ms: int, relationship: int, reach: Reach = NOTHING_REACHABLE) -> Turn:
        """Work on a copy. What was returned in this process before has been carried out by now."""
        particle = self._of(relationship).copy()
        if relationship in self._handed:
            particle.pending = ()
        return Turn(now_ms, relationship, particle, reach)

    def _keep(self, turn: Turn) -> None:
        """Make a step durable, then report what happened (SES-15, ENV-18)."""
        p = turn.particle
        p.pending = without_revoked(p.pending, turn.requests) + tuple(turn.requests)
        self._save(turn.relationship, p)
        self._particles[turn.relationship] = p
        for event in turn.events:
            self._emit(event)

    def _finish(self, turn: Turn) -> Step:
        self._keep(turn)
        self._handed.add(turn.relationship)
        return Step(turn.particle.pending, tuple(turn.out))

    def _save(self, relationship: int, particle: Particle) -> None:
        self._storage.save(f"{_PREFIX}{relationship}", particle.to_bytes())
