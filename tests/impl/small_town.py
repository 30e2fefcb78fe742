"""Two relationship managers and real service cores in one small town, with faults in between."""

from collections.abc import Callable
from typing import Final, TypeVar

import pytest

from communicator_impl.addresses import Profile, Root, ServiceConfig
from communicator_impl.core_event import CoreEvent
from communicator_impl.entropy import SeededEntropy
from communicator_impl.inbox import Received
from communicator_impl.introduction import CLASSICAL, Suites
from communicator_impl.pairing import pair
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request, Setting
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_impl.sending_service import RetryAt, SendingService, Ticket
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing
from communicator_spec import NONE, Kind
from communicator_spec.terms import standard_terms

__all__ = [
    "DAY",
    "HOUR",
    "OPERATORS",
    "PROFILES",
    "SETTINGS",
    "TICK",
    "Died",
    "Town",
    "expect_all_delivered",
    "expect_once_each",
    "talk",
]

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
TICK: Final = HOUR // 6
OPERATORS: Final = 4
PROFILES: Final = pytest.mark.parametrize("profile", [Profile.LABEL, Profile.TWO_LAYER])
SETTINGS: Final = (Setting((0, 1), (2, 3)), Setting((2, 1), (0, 3)))
T = TypeVar("T")

Fault = Callable[[int], bool]


class Died(Exception):
    """The device lost its power."""


class DyingStorage(MemoryStorage):
    """Dies at one save: just before it, or just after it."""

    def __init__(self) -> None:
        super().__init__()
        self.saves = 0
        self.dies_at = NONE
        self.after = True

    def save(self, key: str, value: bytes) -> None:
        self.saves += 1
        if self.saves == self.dies_at and not self.after:
            raise Died
        super().save(key, value)
        if self.saves == self.dies_at:
            raise Died


def never(_n: int) -> bool:
    return False


class Town:
    """Person p has relationship p; operators by number; one clock."""

    def __init__(
        self,
        profile: Profile,
        loses: Fault = never,
        repeats: Fault = never,
        *,
        from_afar: bool = False,
        suites: Suites = CLASSICAL,
    ) -> None:
        self.suites = suites
        self.now = DAY
        self.events: list[CoreEvent] = []
        self.terms = standard_terms("label/1" if profile is Profile.LABEL else "two-layer/1")
        self.loses, self.repeats, self.posts = loses, repeats, 0
        self.entropy = SeededEntropy(b"town")
        self.receiving = [True] * OPERATORS
        self.sending = [True] * OPERATORS
        self.profiles = tuple(dict.fromkeys((profile, Profile.TWO_LAYER))) if from_afar else (profile,)
        self.rsa = [self._receiving_service(k) for k in range(OPERATORS)]
        self.ssa = [self._sending_service(k) for k in range(OPERATORS)]
        self.disks = [DyingStorage(), DyingStorage()]
        self.lives = 0
        self.people = [self._manager(p) for p in range(2)]
        self.application: list[dict[int, bytes]] = [{}, {}]
        self.queue: list[tuple[int, Ticket, Outgoing]] = []
        if from_afar:
            self.approach()
            return
        for p, step in enumerate(pair(self.now, (self.people[0], self.people[1]), (0, 1), SETTINGS)):
            self.carry_out(step.requests)
            assert step.transmissions == (), p

    def _receiving_service(self, k: int) -> ReceivingService:
        entropy = self.entropy.fork(f"service {k}")
        return ReceivingService(k, self.uri(k), self.profiles, self.now, MemoryStorage(), entropy, self.events.append)

    def _sending_service(self, k: int) -> SendingService:
        entropy = self.entropy.fork(f"sending {k}")
        return SendingService(k, self.terms, MemoryStorage(), entropy, self.events.append, self.number)

    def _manager(self, p: int) -> RelationshipManager:
        self.lives += 1
        entropy = self.entropy.fork(f"person {p} life {self.lives}")
        disk, report = self.disks[p], self.events.append
        return RelationshipManager(p, self.terms, self, disk, entropy, report, self.profiles, self.suites)

    # the book

    def number(self, uri: str) -> int:
        return int(uri.removeprefix("https://").removesuffix(".example"))

    def uri(self, number: int) -> str:
        return f"https://{number}.example"

    def config(self, number: int) -> ServiceConfig | None:
        return self.rsa[number].config()

    def approach(self) -> None:
        """Let person 1 begin with a contact of person 0."""
        contact, step = self.people[0].offer(self.now, 0, SETTINGS[0])
        self.carry_out(step.requests)
        self.perform(self.people[1].approach(self.now, 1, SETTINGS[1], contact))

    # the host

    def carry_out(self, requests: tuple[Request, ...]) -> None:
        for request in requests:
            rsa = self.rsa[request.service]
            if isinstance(request, RegisterRoot):
                rsa.register_root(request.root, request.verify_key)
            elif isinstance(request, IssueGrant):
                rsa.issue(request.grant)
            else:
                rsa.revoke(request.root)

    def call(self, p: int, what: Callable[[RelationshipManager], T]) -> T | None:
        """Call a manager; if the device dies, start it again from its disk."""
        try:
            return what(self.people[p])
        except Died:
            self.people[p] = self._manager(p)
            self.hand_over(p)
            return None

    def hand_over(self, p: int) -> None:
        waiting = self.people[p].undelivered(p)
        for message in waiting:
            assert self.application[p].setdefault(message.number, message.content) == message.content
        if waiting:
            numbers = frozenset(message.number for message in waiting)
            self.call(p, lambda m: m.drain(self.now, p, numbers))

    def submit(self, p: int, content: bytes) -> None:
        number = self.people[p].next_number(p)
        self.call(p, lambda m: m.submit(self.now, p, content))
        if self.people[p].next_number(p) == number:  # died before it was accepted
            self.submit(p, content)

    def wake(self, p: int) -> None:
        if self.people[p].deadline_ms(p) <= self.now:
            step = self.call(p, lambda m: m.wake(self.now, p, self))
            self.perform(step or Step())

    def perform(self, step: Step) -> None:
        self.carry_out(step.requests)
        for out in step.transmissions:
            submission = Submission(self.uri(out.service), out.request, out.not_after_ms)
            ticket = self.ssa[out.via].submit(self.now, submission)
            self.queue.append((self.now, ticket, out))

    def post(self) -> None:
        due = [entry for entry in self.queue if entry[0] <= self.now]
        self.queue = [entry for entry in self.queue if entry[0] > self.now]
        for _, ticket, out in due:
            attempt = self.ssa[out.via].attempt(self.now, ticket)
            if attempt is not None:
                answered = self.deliver(self.number(attempt.uri), attempt.request)
                outcome = self.ssa[out.via].outcome(self.now, ticket, answered=answered, draw=0.5)
                if isinstance(outcome, RetryAt):
                    self.queue.append((outcome.at_ms, ticket, out))
                    if outcome.notice:
                        self.note_unreachable(out)

    def note_unreachable(self, out: Outgoing) -> None:
        p = out.relationship
        self.call(p, lambda m: m.unreachable(self.now, p, out.service, out.reference))

    def deliver(self, service: int, request: bytes) -> bool:
        self.posts += 1
        if not self.receiving[service] or self.loses(self.posts):
            return False
        self.rsa[service].accept(self.now, request)
        return not self.repeats(self.posts)  # the answer is lost: it comes again

    def fetch(self, p: int) -> None:
        for service in range(OPERATORS):
            for root, _ in self.people[p].stores(p, service):
                if self.receiving[service]:
                    self.fetch_root(p, service, root, self.rsa[service].fetch(root))

    def fetch_root(self, p: int, service: int, root: Root, items: tuple[Item, ...]) -> None:
        received: Received | None = self.call(p, lambda m: m.receive(self.now, p, service, items))
        if received is not None:
            assert not received.differing
            self.carry_out(received.requests)
            self.hand_over(p)
            self.rsa[service].confirm(self.now, root, received.confirm)

    def run(self, duration_ms: int) -> None:
        for _ in range(duration_ms // TICK):
            for p in (0, 1):
                self.wake(p)
            self.post()
            for p in (0, 1):
                self.fetch(p)
            self.now += TICK

    def particle(self, p: int) -> Particle:
        """What the device of person p has on its disk."""
        return Particle.from_bytes(self.disks[p].values[f"particle/{p}"])

    def reported(self, kind: Kind) -> list[CoreEvent]:
        return [event for event in self.events if event.kind is kind]


def talk(town: Town, turns: int = 6) -> None:
    for turn in range(turns):
        town.submit(turn % 2, b"message %d" % turn)
        town.run(HOUR)
    town.run(5 * DAY)


def expect_all_delivered(town: Town, turns: int = 6) -> None:
    for p in (0, 1):
        said = {n: b"message %d" % turn for n, turn in enumerate(range(1 - p, turns, 2))}
        assert town.application[p] == said


def expect_once_each(town: Town) -> None:
    delivered = [(event.relationship, event.message) for event in town.reported(Kind.DELIVERED)]
    assert len(delivered) == len(set(delivered))
