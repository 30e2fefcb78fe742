"""Two people with real cores and real services: small test clients that write down what their devices report."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import httpx
from tests.patience import PATIENCE_S
from tests.services.owning import CBOR, config_of, deliveries

from communicator_impl.addresses import ServiceConfig
from communicator_impl.core_event import CoreEvent
from communicator_impl.document import base64url
from communicator_impl.entropy import SystemEntropy
from communicator_impl.pairing import pair
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request, RevokeRoot, Setting
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item, item_of
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission
from communicator_spec import NONE, Kind, Terms
from communicator_spec.places import PlaceEvent, event_line, naming_line, root_line


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Book:
    """The numbers of services, the same at all devices."""

    def __init__(self, receiving: Sequence[str], sending: Sequence[str]) -> None:
        self.receiving, self.sending = tuple(receiving), tuple(sending)
        self.configs: dict[int, ServiceConfig] = {}

    def learn(self) -> None:
        for number, uri in enumerate(self.receiving):
            with httpx.Client(base_url=uri, timeout=PATIENCE_S) as client:
                self.configs[number] = config_of(client, uri)

    def number(self, uri: str) -> int:
        return self.receiving.index(uri)

    def uri(self, number: int) -> str:
        return self.receiving[number]

    def config(self, number: int) -> ServiceConfig | None:
        return self.configs.get(number)

    def lines(self) -> list[str]:
        """Say which number each URI has: one operator has a receiving and a sending service."""
        return [naming_line(uri, n) for uris in (self.receiving, self.sending) for n, uri in enumerate(uris)]


@dataclass
class Everything:
    """Everything answers, as far as a device knows."""

    receiving: Sequence[bool]
    sending: Sequence[bool]


@dataclass
class Seen:
    """What a test learns of a device besides its log."""

    delivered: list[bytes] = field(default_factory=list)
    acknowledged: int = 0
    unanswered: int = 0


class Entropy(SystemEntropy):
    """The system's, which notes each fraction that is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[str, float]] = []

    def fraction(self, label: str, entity: int, index: int) -> float:
        found = super().fraction(label, entity, index)
        self.drawn.append((label, found))
        return found


class Device:
    """The device of one person with one relationship: a real core, HTTP, and a log in the names of this device."""

    def __init__(self, end: int, terms: Terms, book: Book) -> None:
        self.end, self.book, self.terms = end, book, terms
        self.lines = book.lines()
        self.seen, self.entropy = Seen(), Entropy()
        self._at_us = 0
        self.manager = RelationshipManager(end, terms, book, MemoryStorage(), self.entropy, self._report)
        self._reach = Everything([True] * len(book.receiving), [True] * len(book.sending))
        self._clients: dict[str, httpx.Client] = {}

    def at(self) -> int:
        """Begin a step: its events have the time at which it began."""
        now_us = max(time.time_ns() // 1000, self._at_us + 1)
        self._at_us = now_us
        return now_us // 1000

    def write(self, number: int) -> bytes:
        """Submit a message that nobody else wrote."""
        text = b"%d wrote %d" % (self.end, number)
        self.manager.submit(self.at(), self.end, text)
        return text

    def turn(self) -> None:
        """Do what is due, and fetch wherever there is a root."""
        at_ms = self.at()
        if self.manager.deadline_ms(self.end) <= at_ms:
            self.carry_out(self.manager.wake(at_ms, self.end, self._reach))
        for service in range(len(self.book.receiving)):
            key = self.manager.access_key(self.end, service)
            items = None if key is None else self._fetch(service, key)
            if key is not None and items:
                self._take(service, key, items)

    def _take(self, service: int, key: bytes, items: Sequence[Item]) -> None:
        at_ms = self.at()
        received = self.manager.receive(at_ms, self.end, service, items)
        self._requests(received.requests)
        self.seen.delivered += [message.content for message in received.deliveries]
        self.manager.drain(at_ms, self.end, frozenset(message.number for message in received.deliveries))
        body = {"numbers": sorted(received.confirm)}
        self._until(self.book.uri(service), "/v1/confirm", 204, json=body, headers=_bearer(key))

    def _fetch(self, service: int, key: bytes) -> list[Item] | None:
        try:
            answer = self._client(self.book.uri(service)).get("/v1/messages", headers=_bearer(key))
        except httpx.TransportError:
            self.seen.unanswered += 1
            return None
        return [item_of(one) for one in deliveries(answer)]

    def carry_out(self, step: Step) -> None:
        """Do what a step asks for: requests first, then transmissions."""
        self._requests(step.requests)
        for out in step.transmissions:
            body = Submission(self.book.uri(out.service), out.request, out.not_after_ms).encode()
            self._until(self.book.sending[out.via], "/v1/submit", 202, content=body, headers=CBOR)

    def _requests(self, requests: Iterable[Request]) -> None:
        for request in requests:
            uri, headers = self.book.uri(request.service), _bearer(request.access_key)
            match request:
                case RegisterRoot(_, root, verify_key, access_key):
                    self.lines.append(root_line(root, self.end))
                    named = {"root": base64url(root), "access_key": base64url(access_key)}
                    proof = (
                        {"profile": 2} if verify_key is None else {"profile": 1, "verify_key": base64url(verify_key)}
                    )
                    self._until(uri, "/v1/roots", 204, json={**named, **proof})
                case IssueGrant(_, grant, _):
                    numbers = {"epoch": grant.epoch, "valid_until": grant.valid_until_s, "capacity": grant.capacity}
                    epoch = {**numbers, "key": base64url(grant.key), "lanes": grant.lanes}
                    self._until(uri, "/v1/epochs", 204, json=epoch, headers=headers)
                case RevokeRoot():
                    self._until(uri, "/v1/revoke", 204, json={}, headers=headers)

    def _until(self, uri: str, path: str, status: int, **request: object) -> None:
        """Ask until there is an answer; every request may be repeated (SVC-7)."""
        until = time.monotonic() + 2 * PATIENCE_S
        while True:
            try:
                answer = self._client(uri).post(path, **request)  # type: ignore[arg-type]
                break
            except httpx.TransportError:
                self.seen.unanswered += 1
                assert time.monotonic() < until, f"{uri}{path}: no answer"
                time.sleep(0.05)
        assert answer.status_code == status, answer.text

    def _client(self, uri: str) -> httpx.Client:
        if uri not in self._clients:
            self._clients[uri] = httpx.Client(base_url=uri, timeout=PATIENCE_S)
        return self._clients[uri]

    def _report(self, event: CoreEvent) -> None:
        self.seen.acknowledged += event.kind is Kind.ACKNOWLEDGED
        service = "" if event.service == NONE else self.book.receiving[event.service]
        via = "" if event.via == NONE else self.book.sending[event.via]
        columns = (event.message, service, event.serial, event.position, via, event.value)
        self.lines.append(event_line(PlaceEvent(event.t_ms, event.kind, self.end, None, *columns), self._at_us))

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def meet(first: Device, second: Device, settings: tuple[Setting, Setting]) -> None:
    """Let two devices meet in person."""
    at_ms = first.at()
    second._at_us = first._at_us
    steps = pair(at_ms, (first.manager, second.manager), (first.end, second.end), settings)
    for device, step in zip((first, second), steps, strict=True):
        device.carry_out(step)


def go_on(devices: Sequence[Device], is_over: Callable[[], bool], within_s: float = 5 * PATIENCE_S) -> bool:
    """Let devices take turns until something holds; tell whether it does."""
    until = time.monotonic() + within_s
    while not is_over():
        if time.monotonic() > until:
            return False
        for device in devices:
            device.turn()
        time.sleep(0.01)
    return True


def _bearer(key: bytes) -> dict[str, str]:
    return {"authorization": f"Bearer {base64url(key)}"}
