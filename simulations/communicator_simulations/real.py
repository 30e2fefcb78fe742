"""The real cores inside the simulated world: same clock, network and faults, real bytes and real cryptography.

Every relationship manager, sending service and receiving service is the reference implementation's sans-IO core, driven
by the world through the calls that also drive the population model. This module translates names (URIs, roots and local
numbers there, small integers in the log) and decides nothing.

Rules:

1. An event reaches the log only because a core reported it, and a core reports only what it has parsed, resolved,
   decrypted or sealed. Nothing here invents one.
2. A relationship's local number is its end in the log, so that draws for delays are those of the model.
3. What a role sees is recorded at the role's own boundary, unfiltered (`Views`), if somebody listens.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from communicator_impl.address_set import encode_set
from communicator_impl.addresses import Label, Profile, Root, ServiceConfig, derive_label
from communicator_impl.body import Body, WireSet, encode_body
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import Entropy, SeededEntropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.errors import PeerError
from communicator_impl.inbox import Inbox
from communicator_impl.outbox import Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.pairing import pair
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request, RevokeRoot
from communicator_impl.particle_fields import Setting as RealSetting
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.sending_service import Attempt, RetryAt, SendingService, Ticket
from communicator_impl.sending_service import Outcome as RealOutcome
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing, Turn
from communicator_model.draws import subseed
from communicator_spec import ErrorClass, Row, Terms
from communicator_spec.nodes import DONE, Fidelity, Nodes, Outcome, Reach, Restored, Setting, Travelling
from communicator_spec.parameters import PARAMETERS

__all__ = ["Parts", "RealNodes", "Travel", "Views", "impl_fidelity"]

PROFILES = {"label/1": Profile.LABEL, "two-layer/1": Profile.TWO_LAYER}


class Travel(NamedTuple):
    """A hand-over to a sending service, as the world carries it."""

    via: int
    service: int
    not_after_ms: int
    parcel: bytes
    end: int
    reference: int
    draw_index: int


class Views:
    """Told what crosses each role's boundary; this one does not listen."""

    configs: Sequence[ServiceConfig] = ()
    """What the services publish."""

    def submitted(self, now_ms: int, travel: Travel) -> None:
        """A sending service got an envelope, its destination and its date."""

    def posted(self, now_ms: int, service: int, request: bytes) -> None:
        """A receiving service got a request."""

    def requested(self, now_ms: int, end: int, request: Request) -> None:
        """A receiving service was asked by an owner to register, issue or revoke."""

    def stored(self, now_ms: int, service: int, end: int, state: bytes) -> None:
        """A receiving service holds this for a root after taking a message."""

    def fetched(self, now_ms: int, service: int, end: int, root: bytes, bodies: Sequence[bytes]) -> None:
        """A receiving service answered a fetch."""

    def opened(self, now_ms: int, end: int, plain: bytes) -> None:
        """A correspondent's device decrypted a body."""


class Parts(NamedTuple):
    """Which classes play the roles: the reference implementation, or a mutant of it."""

    manager: type[RelationshipManager] = RelationshipManager
    own: type[OwnAddresses] = OwnAddresses
    peer: type[PeerAddresses] = PeerAddresses
    outbox: type[Outbox] = Outbox
    inbox: type[Inbox] = Inbox
    receiving: type[ReceivingService] = ReceivingService
    sending: type[SendingService] = SendingService


@dataclass(frozen=True)
class _RealFidelity:
    """Builds the real cores, in whatever process it is called."""

    profile: str
    seed: int
    parts: Parts
    views: Views
    others: Mapping[int, Terms] = field(default_factory=dict)

    def mixed(self, others: Mapping[int, Terms]) -> Fidelity:
        """Return the same with people on other terms."""
        return replace(self, others=others)

    def __call__(
        self,
        providers: int,
        terms: Terms,
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> Nodes:
        entropy = SeededEntropy(
            subseed(self.seed, "entropy").to_bytes(8), lambda label, entity, index: receipt_draw(entity, index)
        )
        profile = PROFILES[self.profile]
        return RealNodes(providers, terms, reach, entropy, profile, emit, self.parts, self.views, self.others)


def impl_fidelity(profile: str, seed: int, parts: Parts | None = None, views: Views | None = None) -> Fidelity:
    """Return the fidelity that runs the real cores; `profile` is the address profile that devices prefer."""
    return _RealFidelity(profile, seed, parts or Parts(), views or Views())


class _Book:
    """Provider p is p00.example, p01.example … for sending and receiving alike."""

    def __init__(self, services: Sequence["_Receiving"]) -> None:
        self._services = services

    def number(self, uri: str) -> int:
        return _number(uri)

    def uri(self, number: int) -> str:
        return _uri(number)

    def config(self, number: int) -> ServiceConfig | None:
        return self._services[number].core.config()


def _uri(number: int) -> str:
    return f"https://p{number:02}.example"


def _number(uri: str) -> int:
    return int(uri.removeprefix("https://p").removesuffix(".example"))


class _Receiving:
    """One receiving service, by the names of the log."""

    def __init__(self, make: Callable[[], ReceivingService], storage: MemoryStorage, views: Views, service: int,
                 ends: dict[bytes, int]) -> None:  # fmt: skip
        self.core = make()
        self._make = make
        self._storage = storage
        self._backup: dict[str, bytes] = {}
        self.dead = False
        self._views = views
        self._service = service
        self._ends = ends

    def accept(self, now_ms: int, parcel: object) -> int | None:
        assert isinstance(parcel, bytes)
        self._views.posted(now_ms, self._service, parcel)
        acceptance = self.core.accept(now_ms, parcel)
        if acceptance.root is None:
            return None
        end = self._ends[acceptance.root]
        self._views.stored(now_ms, self._service, end, acceptance.root)
        return end

    def die(self) -> None:
        self.dead = True

    def keep(self) -> None:
        """Make a backup of the database."""
        self._backup = dict(self._storage.values)

    def restore(self) -> Restored:
        """Start again with the backup in place of the database."""
        known = self._storage.values
        self._storage.values = dict(self._backup)
        self.core = self._make()
        roots = {root: end for root, end in self._ends.items() if f"root/{root.hex()}" in known}
        forgotten = [end for root, end in roots.items() if f"root/{root.hex()}" not in self._backup]
        stored = [end for root, end in self._ends.items() if self.core.fetch(Root(root))]
        return Restored((), sorted(forgotten), sorted(stored))


class _Sending:
    """One sending service; tickets become small numbers."""

    def __init__(self, make: Callable[[], SendingService], storage: MemoryStorage, views: Views) -> None:
        self._core = make()
        self._make = make
        self._storage = storage
        self._views = views
        self._tickets: list[Ticket] = []
        self._travels: list[Travel] = []
        self._backup: dict[str, bytes] = {}

    def submit(self, now_ms: int, submission: Travelling) -> int:
        assert isinstance(submission, Travel)
        self._views.submitted(now_ms, submission)
        kept = Submission(_uri(submission.service), submission.parcel, submission.not_after_ms)
        ticket = self._core.submit(now_ms, kept)
        self._tickets.append(ticket)
        self._travels.append(submission)
        return len(self._tickets) - 1

    def attempt(self, now_ms: int, ticket: int) -> object | None:
        attempt: Attempt | None = self._core.attempt(now_ms, self._tickets[ticket])
        return None if attempt is None else attempt.request

    def outcome(self, now_ms: int, ticket: int, *, answered: bool, draw: float) -> Outcome:
        return self._told(self._core.outcome(now_ms, self._tickets[ticket], answered=answered, draw=draw))

    def turned_away(self, now_ms: int, ticket: int, draw: float, retry_after_ms: int) -> Outcome:
        """A receiving service refused with class limit."""
        outcome = self._core.outcome(
            now_ms, self._tickets[ticket], answered=True, draw=draw, refusal=ErrorClass.LIMIT,
            retry_after_ms=retry_after_ms,
        )  # fmt: skip
        return self._told(outcome)

    def _told(self, outcome: RealOutcome) -> Outcome:
        if isinstance(outcome, RetryAt):
            return Outcome(outcome.at_ms, outcome.notice)
        return Outcome(DONE, notice=False)

    def die(self) -> None:
        """The world never asks a dead service again."""

    def keep(self) -> None:
        """Make a backup of the database."""
        self._backup = dict(self._storage.values)

    def restore(self) -> Restored:
        """Start again with the backup in place of the database."""
        before = set(self._core.waiting())
        self._storage.values = dict(self._backup)
        self._core = self._make()
        again = set(self._core.waiting()) - before
        queued = [(n, self._travels[n]) for n, ticket in enumerate(self._tickets) if ticket in again]
        return Restored(queued, (), ())


class _Managers:
    """Everybody's relationship managers, by end."""

    def __init__(self, make: Callable[[int], RelationshipManager], disks: Mapping[int, MemoryStorage],
                 services: Sequence[_Receiving], reach: Reach, ends: dict[bytes, int],
                 views: Views) -> None:  # fmt: skip
        self._make = make
        self._disks = disks
        self._services = services
        self._reach = reach
        self._ends = ends
        self._views = views
        self._of_person: dict[int, RelationshipManager] = {}
        self._of_end: dict[int, RelationshipManager] = {}
        self._person_of: dict[int, int] = {}

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        managers = (self._person(people[0]), self._person(people[1]))
        ends = (first, first + 1)
        self._of_end.update(zip(ends, managers, strict=True))
        self._person_of.update(zip(ends, people, strict=True))
        steps = pair(now_ms, managers, ends, (RealSetting(*settings[0]), RealSetting(*settings[1])))
        for end, step in zip(ends, steps, strict=True):
            self._carry_out(now_ms, end, step.requests)
        for end, manager in zip(ends, managers, strict=True):
            held = manager.peer_set(end)
            if held is not None:
                self._views.opened(now_ms, end, encode_set(held))

    def _person(self, person: int) -> RelationshipManager:
        if person not in self._of_person:
            self._of_person[person] = self._make(person)
        return self._of_person[person]

    def submit(self, now_ms: int, end_id: int, size: int) -> int:
        # Nobody writes the same twice: what people repeat in their own words is not for the protocol to hide.
        words = hashlib.sha256(b"%d %d" % (end_id, now_ms)).digest()
        return self._of_end[end_id].submit(now_ms, end_id, words)

    def deadline_ms(self, end_id: int) -> int:
        return self._of_end[end_id].deadline_ms(end_id)

    def wake(self, now_ms: int, end_id: int) -> Sequence[Travelling]:
        step: Step = self._of_end[end_id].wake(now_ms, end_id, self._reach)
        self._carry_out(now_ms, end_id, step.requests)
        return [_travel(out) for out in step.transmissions]

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        manager, core = self._of_end[end_id], self._services[service].core
        root = manager.root(end_id, service)
        if root is None:
            return
        items = core.fetch(root)
        self._views.fetched(now_ms, service, end_id, root, [item.body for item in items])
        received = manager.receive(now_ms, end_id, service, items)
        self._carry_out(now_ms, end_id, received.requests)
        manager.drain(now_ms, end_id, frozenset(message.number for message in received.deliveries))
        if confirms:
            core.confirm(now_ms, root, received.confirm)

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        self._of_end[end_id].unreachable(now_ms, end_id, service, reference)

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        self._of_end[end_id].move(now_ms, end_id, old, RealSetting(*setting), announce_ms, leave=leave)

    def change_senders(self, now_ms: int, end_id: int, senders: tuple[int, ...]) -> None:
        self._of_end[end_id].change_senders(now_ms, end_id, senders)

    def refuse(self, now_ms: int, end_id: int, *, tell: bool = False) -> Sequence[Travelling]:
        step = self._of_end[end_id].refuse(now_ms, end_id, tell=tell, reach=self._reach)
        self._carry_out(now_ms, end_id, step.requests)
        return [_travel(out) for out in step.transmissions]

    def leave(self, now_ms: int, person: int, service: int, ends: Sequence[int]) -> bool:
        core = self._services[service].core
        requests = self._person(person).leave(now_ms, service, lambda root: not core.fetch(root))
        if requests is None:
            return False
        for request in requests:
            self._carry_out(now_ms, self._ends[request.root], (request,))
        return True

    def register(self, now_ms: int, end_id: int, service: int) -> None:
        """Register everything once more at a service that knows nothing of it, as a client does that is told so."""
        self._carry_out(now_ms, end_id, self._of_end[end_id].registrations(end_id, service))

    def restart(self, end_id: int) -> None:
        person = self._person_of[end_id]
        manager = self._of_person[person] = self._make(person)
        self._of_end.update(dict.fromkeys(manager.relationships(), manager))

    def kept(self, end_id: int) -> Particle:
        """Return what is on the device's disk."""
        data = self._disks[self._person_of[end_id]].load(f"particle/{end_id}")
        assert data is not None, "a relationship that exists is stored"
        return Particle.from_bytes(data)

    def held(self, end_id: int) -> WireSet:
        """Return the peer's address set that an end holds, with its secrets."""
        held = self._of_end[end_id].peer_set(end_id)
        assert held is not None, "two who met hold a set of each other"
        return held

    def _carry_out(self, now_ms: int, end: int, requests: Iterable[Request]) -> None:
        """Do what a manager asks of its own services; one that is out of reach hears of it when it is back."""
        for request in requests:
            service = self._services[request.service]
            if isinstance(request, RegisterRoot):
                self._ends[request.root] = end
            if service.dead:
                continue
            self._views.requested(now_ms, end, request)
            match request:
                case RegisterRoot(_, root, verify_key, _):
                    service.core.register_root(root, verify_key)
                case IssueGrant(_, grant, _):
                    try:
                        service.core.issue(grant)
                    except PeerError as error:  # it came back with an old database: all will be registered again
                        if error.error_class is not ErrorClass.UNKNOWN:
                            raise
                case RevokeRoot(_, root, _):
                    service.core.revoke(root)


class RealNodes:
    """The reference implementation, or a mutant of it."""

    def __init__(
        self,
        providers: int,
        terms: Terms,
        reach: Reach,
        entropy: SeededEntropy,
        profile: Profile,
        emit: Callable[[Row], None],
        parts: Parts,
        views: Views,
        others: Mapping[int, Terms] | None = None,
    ) -> None:
        ends: dict[bytes, int] = {}
        self._entropy = entropy

        def report(event: CoreEvent) -> None:
            end = event.relationship if event.root is None else ends[event.root]
            _, _, _, _, message, service, serial, position, via, value = event
            emit((event.t_ms, event.kind, end, message, service, serial, position, via, value))

        def service(p: int) -> _Receiving:
            storage, own_entropy = MemoryStorage(), entropy.fork(f"service {p}")
            make = partial(parts.receiving, p, _uri(p), tuple(Profile), 0, storage, own_entropy, report)
            return _Receiving(make, storage, views, p, ends)

        def sending(p: int) -> _Sending:
            storage, own_entropy = MemoryStorage(), entropy.fork(f"sending {p}")
            return _Sending(partial(parts.sending, p, terms, storage, own_entropy, report, _number), storage, views)

        self.receiving = [service(p) for p in range(providers)]
        self.sending = [sending(p) for p in range(providers)]
        views.configs = [service.core.config() for service in self.receiving]
        book = _Book(self.receiving)
        observed = _observed(parts, views)

        disks: dict[int, MemoryStorage] = {}
        draws: dict[int, Entropy] = {}

        def person(number: int) -> RelationshipManager:
            disk = disks.setdefault(number, MemoryStorage())
            own_entropy = draws.setdefault(number, entropy.fork(f"person {number}"))  # a restart draws nothing twice
            return observed(number, (others or {}).get(number, terms), book, disk, own_entropy, report, (profile,))

        self.managers = _Managers(person, disks, self.receiving, reach, ends, views)

    def junk(self, service: int, draw: float) -> object:
        """Seal an address that was never issued to a service's published key, as any stranger can."""
        entropy = self._entropy.fork(f"stranger {draw}")
        label = Label(entropy.draw("label", PARAMETERS.address.label_bytes))
        ciphertext = entropy.draw("junk", max(PARAMETERS.envelope.ciphertext_classes_bytes))
        key = self.receiving[service].core.config().sealing_key(0)
        return label_request(label, key, ciphertext, entropy)

    def turned_away(self, now_ms: int, via: int, ticket: int, draw: float, retry_after_ms: int) -> Outcome:
        """Tell a sending service that a receiving service has too much to do."""
        return self.sending[via].turned_away(now_ms, ticket, draw, retry_after_ms)

    def keep(self, service: int) -> None:
        """Make a backup of one service's database."""
        provider, is_sending = divmod(service, 2)
        (self.sending if is_sending else self.receiving)[provider].keep()

    def restore(self, service: int) -> Restored:
        """Restore it."""
        provider, is_sending = divmod(service, 2)
        return (self.sending if is_sending else self.receiving)[provider].restore()

    def register(self, now_ms: int, end_id: int, service: int) -> None:
        """Let a device register everything once more."""
        self.managers.register(now_ms, end_id, service)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """Seal random bytes to a genuine address, as somebody can to whom its holder gave it."""
        entropy = self._entropy.fork(f"stray {holder} {service} {serial} {position}")
        ciphertext = entropy.draw("junk", max(PARAMETERS.envelope.ciphertext_classes_bytes))
        entries = (entry for entry in self.managers.held(holder).services if entry.uri == _uri(service))
        secret = next(grant.secret for entry in entries for grant in entry.grants if grant.serial == serial)
        key = self.receiving[service].core.config().sealing_key(0)
        if isinstance(secret, tuple):
            return two_layer_request(secret[position], key, ciphertext, entropy)
        return label_request(derive_label(secret, 0, position), key, ciphertext, entropy)


def _observed(parts: Parts, views: Views) -> type[RelationshipManager]:
    """Put the parts into a manager, and let `views` see what its inbox opens."""

    class ObservedInbox(parts.inbox):  # type: ignore[name-defined, misc]  # a class that is chosen at run time
        def _apply(self, turn: Turn, service: int, body: Body) -> tuple[int, ...]:
            views.opened(turn.now_ms, turn.relationship, encode_body(body))
            found: tuple[int, ...] = super()._apply(turn, service, body)
            return found

    class ObservedManager(parts.manager):  # type: ignore[name-defined, misc]  # likewise
        own_type = parts.own
        peer_type = parts.peer
        outbox_type = parts.outbox
        inbox_type = ObservedInbox

    return ObservedManager


def _travel(out: Outgoing) -> Travel:
    via, service, not_after_ms, request, relationship, reference, draw_index = out
    return Travel(via, service, not_after_ms, request, relationship, reference, draw_index)
