"""A small town of real cores: people with devices, providers with both services, and everything between them.

Theory. The cores do no input or output, so a host has to carry bytes, keep storages and restart what crashed. This host
does what the cores' documentation asks of hosts and decides nothing by itself: each method is one step that something
outside chooses, in any order. `journeys` adds what happens on the way between services.

Rules:

1. Rows reach the log through the cores' own reports; names are translated as in `communicator_simulations.real`. The
   host adds faults only: CRASHED, RECOVERED, DIED, INJECTED.
2. A core whose disk was full is thrown away and built anew from that disk, and whoever called it got no answer.
3. A request that an owner's service could not take is kept and carried out, in order, when the service is back.
4. Same shape and same steps, same bytes: every life of a core draws from an entropy of its own.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from tests.properties.sight import Leak, Misfit, Sight
from tests.properties.viewpoints import NOBODY, Tag, Transport, Viewpoints
from tests.properties.watched import Disk, DiskFullError, watched_manager, watched_receiving

from communicator_impl.addresses import Profile, Root, ServiceConfig
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import Arrival
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request, Setting
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_impl.sending_service import SendingService
from communicator_simulations.real import Parts
from communicator_spec import Kind, Monitors, Row
from communicator_spec.monitors import Violation
from communicator_spec.terms import standard_terms
from communicator_spec.views import Role, outside

__all__ = ["DAY", "HOUR", "MINUTE", "Shape", "Town"]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
T = TypeVar("T")


class Shape(NamedTuple):
    """Who lives in a town: a profile for each person, how many providers there are, and how connections look."""

    profiles: tuple[Profile, ...]
    providers: int
    transport: Transport = outside


class Town:
    """The cores, their disks, the clock, the log and its judges."""

    def __init__(self, shape: Shape, parts: Parts | None = None) -> None:
        self.now = DAY
        self.shape = shape
        self.parts = parts or Parts()
        self.terms = [standard_terms("label/1" if p is Profile.LABEL else "two-layer/1") for p in shape.profiles]
        self.log: list[Row] = []
        self.monitors = Monitors(self.terms[0])
        self.sight = Sight()
        self.people: list[int] = []  # by end
        self.look = Viewpoints(self.sight, self.people, shape.transport)
        self._ends: dict[bytes, int] = {}  # by root
        self.tags: dict[tuple[int, int, int, int], Tag] = {}  # by owner's end, service, serial, position
        self._entropy = SeededEntropy(b"town")
        self._lives = 0
        providers, everyone = range(shape.providers), range(len(shape.profiles))
        self.alive = [True] * shape.providers
        self.receiving = [True] * shape.providers  # these two are the `Reach` of every device
        self.sending = [True] * shape.providers
        self.waiting_requests: list[list[tuple[int, Request]]] = [[] for _ in providers]
        self._manager_type = watched_manager(self.parts, self._opened)
        self._receiving_type = watched_receiving(self.parts, self._resolved)
        self.device_disks, self.receiving_disks, self.sending_disks = (
            [Disk() for _ in group] for group in (everyone, providers, providers)
        )
        self.rsa = [self._new_receiving(p) for p in providers]
        self.ssa = [self._new_sending(p) for p in providers]
        self.devices = [self._new_manager(p) for p in everyone]
        k = shape.providers
        self.settings = [Setting((p % k, (p + 1) % k), ((p + 2) % k, (p + 3) % k)) for p in everyone]
        self.leaving: list[set[int]] = [set() for _ in everyone]
        self.application: dict[int, dict[int, bytes]] = {}
        self.refused: set[int] = set()
        for service in providers:
            self.sight.publish(self.rsa[service].config())

    # ---------------------------------------------------------------- the book, and the log

    def number(self, uri: str) -> int:
        """Read a service's number from its name."""
        return int(uri.removeprefix("https://p").removesuffix(".example"))

    def uri(self, number: int) -> str:
        """Name a service."""
        return f"https://p{number:02}.example"

    def config(self, number: int) -> ServiceConfig | None:
        """Return what a service publishes; of one that is gone, what it published last."""
        return self.rsa[number].config()

    def emit(self, kind: Kind, service: int = -1, via: int = -1, value: int = -1) -> None:
        """Add a fault to the log."""
        self._add((self.now, kind, -1, -1, service, -1, -1, via, value))

    def _report(self, event: CoreEvent) -> None:
        end = event.relationship if event.root is None else self._ends[event.root]
        _, _, _, _, message, service, serial, position, via, value = event
        self._add((event.t_ms, event.kind, end, message, service, serial, position, via, value))

    def _add(self, row: Row) -> None:
        self.log.append(row)
        self.monitors.feed(row)
        if row[1] == Kind.SENT:
            sender, recipient = self.people[row[2]], self.people[row[2] ^ 1]
            tag = Tag(row[2], row[3], len(self.log), sender, recipient)
            self.tags[row[2] ^ 1, row[4], row[5], row[6]] = tag

    def broken(self) -> list[Leak | Misfit | Violation]:
        """Return the promises that do not hold any more, as far as the log and the views tell."""
        found = [violation for invariant in self.monitors.invariants for violation in invariant.found]
        return [*self.sight.misfits, *self.sight.leaks, *sorted(found, key=lambda violation: violation.t_ms)]

    # ---------------------------------------------------------------- lives of cores

    def _life(self, name: str) -> SeededEntropy:
        self._lives += 1
        return self._entropy.fork(f"{name} life {self._lives}")

    def _new_receiving(self, p: int) -> ReceivingService:
        entropy, disk = self._life("receiving"), self.receiving_disks[p]
        return self._receiving_type(p, self.uri(p), tuple(Profile), self.now, disk, entropy, self._report)

    def _new_sending(self, p: int) -> SendingService:
        entropy, disk = self._life("sending"), self.sending_disks[p]
        return self.parts.sending(p, self.terms[0], disk, entropy, self._report, self.number)

    def _new_manager(self, person: int) -> RelationshipManager:
        entropy, disk, terms = self._life("device"), self.device_disks[person], self.terms[person]
        profiles = (self.shape.profiles[person],)
        return self._manager_type(person, terms, self, disk, entropy, self._report, profiles)

    def restart_receiving(self, p: int) -> None:
        """Crash a receiving service and start it again from its disk."""
        self.rsa[p] = self._new_receiving(p)

    def restart_sending(self, p: int) -> None:
        """Crash a sending service and start it again from its disk."""
        self.ssa[p] = self._new_sending(p)

    def restart_device(self, person: int) -> None:
        """Crash a device and start it again; it hands over what the application has not confirmed."""
        self.devices[person] = self._new_manager(person)
        for end in self.ends_of(person):
            self.hand_over(end)

    def call(self, person: int, what: Callable[[RelationshipManager], T]) -> T | None:
        """Call a device's manager; None if its disk was full, and it was started again."""
        try:
            return what(self.devices[person])
        except DiskFullError:
            self.restart_device(person)
            return None

    def call_receiving(self, p: int, what: Callable[[ReceivingService], T]) -> T | None:
        """Call a receiving service; None if its disk was full, and it was started again."""
        try:
            return what(self.rsa[p])
        except DiskFullError:
            self.restart_receiving(p)
            return None

    def call_sending(self, p: int, what: Callable[[SendingService], T]) -> T | None:
        """Call a sending service; None if its disk was full, and it was started again."""
        try:
            return what(self.ssa[p])
        except DiskFullError:
            self.restart_sending(p)
            return None

    # ---------------------------------------------------------------- relationships

    def ends_of(self, person: int) -> list[int]:
        """Return a person's ends of relationships."""
        return [end for end, someone in enumerate(self.people) if someone == person]

    def meet(self, first: int, second: int) -> None:
        """Let two people meet; nothing of it passes a service, and their disks are not full."""
        one, other = len(self.people), len(self.people) + 1
        self.people += [first, second]
        a, b = self.devices[first], self.devices[second]
        for person in (first, second):
            self.device_disks[person].is_full = False
        package = a.invite(self.now, one, self.settings[first])
        answer = b.accept(self.now, other, self.settings[second], package)
        greeting, step = a.complete(self.now, one, answer)
        steps = step, b.conclude(self.now, other, greeting)
        for rule, text in (("key-package", package), ("ciphertext", answer), ("ciphertext", greeting)):
            self.sight.hold(rule, Role.CORRESPONDENT, "in person", text)
        for end, texts in ((other, (package, greeting)), (one, (answer,))):
            for text in texts:
                self.look.met(self.now, end, text)
        for end, begun in zip((one, other), steps, strict=True):
            self.application[end] = {}
            self.carry_out(end, begun.requests)
            self.remember(end)

    def remember(self, end: int) -> None:
        """Look at what a device keeps of its correspondent."""
        self.look.remembered(self.now, end, self.device_disks[self.people[end]].values[f"particle/{end}"])

    # ---------------------------------------------------------------- what a host does with a step

    def carry_out(self, end: int, requests: Sequence[Request]) -> None:
        """Do what a manager asks of its own services; what cannot be done now waits for the service."""
        for request in requests:
            if isinstance(request, RegisterRoot):
                self._ends[request.root] = end
            self.waiting_requests[request.service].append((end, request))
        for service in {request.service for request in requests}:
            self.catch_up(service)

    def catch_up(self, service: int) -> None:
        """Let a receiving service that is up take the requests that wait for it, in order."""
        waiting = self.waiting_requests[service]
        while waiting and self.receiving[service]:
            end, request = waiting[0]
            self.look.asked(self.now, end, request)
            if self.call_receiving(service, lambda core, r=request: _done(core, r)) is None:  # type: ignore[misc]
                return  # its disk was full: the owner asks again
            waiting.pop(0)

    def hand_over(self, end: int) -> None:
        """Give the application what waits for it, and tell the manager so; contents never change."""
        person = self.people[end]
        waiting = self.devices[person].undelivered(end)
        if waiting:
            self.application[end].update({message.number: message.content for message in waiting})
            numbers = frozenset(message.number for message in waiting)
            self.call(person, lambda manager: manager.drain(self.now, end, numbers))

    def step_of(self, end: int) -> Step:
        """Wake an end if something is due there."""
        person = self.people[end]
        return self.call(person, lambda manager: manager.wake(self.now, end, self)) or Step()

    # ---------------------------------------------------------------- views

    def tag_of(self, end: int, service: int, serial: int, position: int) -> Tag:
        """Return which hand-over an address was used for."""
        return self.tags.get((end, service, serial, position), NOBODY)

    def _opened(self, end: int, service: int, item: Item, plain: bytes) -> None:
        self.look.opened(self.now, end, self.tag_of(end, service, item.serial, item.position), plain)

    def _resolved(self, service: int, arrival: Arrival, name: tuple[int, int], address: bytes) -> None:
        tag = self.tag_of(self._ends[arrival.root], service, *name)
        self.look.resolved(self.now, service, tag, address, arrival.ciphertext, arrival.root)

    def record_of(self, service: int, root: Root) -> None:
        """Look at what a receiving service keeps for a root."""
        stored = self.receiving_disks[service].values.get(f"root/{root.hex()}")
        if stored is not None:
            self.look.recorded(self.now, service, self._ends[root], stored)


def _done(core: ReceivingService, request: Request) -> bool:
    """Carry out one request."""
    if isinstance(request, RegisterRoot):
        core.register_root(request.root, request.verify_key)
    elif isinstance(request, IssueGrant):
        core.issue(request.grant)
    else:
        core.revoke(request.root)
    return True
