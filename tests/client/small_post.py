"""Devices with stores on disk in a world in memory: real cores of services, one clock, and deaths at chosen instants.

Theory. What a device does that lasts is a commit of its store or a request to a service. Each of them is a point at
which a device may die, just before it or just after it; a point is counted when it is passed, so the harness knows how
many there are by running once, and nobody has to list them.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from communicator_impl.addresses import Profile
from communicator_impl.client import Device, KeyFile, Vault
from communicator_impl.client.asker import Asker
from communicator_impl.client.courier import Courier, Progress, Silent, Stored
from communicator_impl.content import Content
from communicator_impl.core_event import CoreEvent
from communicator_impl.document import Document, Receiving, Sending
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import ServiceError
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request
from communicator_impl.queue_entry import State
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.root_record import Item
from communicator_impl.sending_service import RetryAt, SendingService, Ticket
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission
from communicator_impl.tokens import Token
from communicator_spec import ErrorClass
from communicator_spec.terms import standard_terms

KEY: Final = KeyFile(bytes(range(32)))
URIS: Final = ("https://one.example", "https://two.example")


class Died(BaseException):
    """The device lost its power."""


class Deaths:
    """Counts points, and kills at one of them: `at` = (number of the point, whether it has happened by then)."""

    def __init__(self) -> None:
        self.passed = 0
        self.at: tuple[int, bool] | None = None
        self.kinds: Counter[str] = Counter()
        self.order: list[str] = []

    @contextmanager
    def point(self, kind: str) -> Iterator[None]:
        """Do something that lasts."""
        number = self.passed
        self.passed += 1
        self.kinds[kind] += 1
        self.order.append(kind)
        if self.at == (number, False):
            self.at = None
            raise Died(kind)
        yield
        if self.at == (number, True):
            self.at = None
            raise Died(kind)


class World:
    """Two operators, and the time."""

    def __init__(self) -> None:
        self.now_ms = 1_767_225_600_000
        self.entropy = SeededEntropy(b"small post")
        self.events: list[CoreEvent] = []
        self.down: set[str] = set()
        self.rsa = {uri: self._receiving(uri) for uri in URIS}
        self.ssa = {uri: self._sending(uri) for uri in URIS}
        self.uploads: dict[str, bytes] = {}  # by their URI
        self._due: list[tuple[int, str, Ticket]] = []
        self._owners: dict[bytes, tuple[str, bytes]] = {}

    def _receiving(self, uri: str) -> ReceivingService:
        draws = self.entropy.fork(f"receiving {uri}")
        return ReceivingService(0, uri, tuple(Profile), self.now_ms, MemoryStorage(), draws, self.events.append)

    def _sending(self, uri: str) -> SendingService:
        draws = self.entropy.fork(f"sending {uri}")
        return SendingService(0, standard_terms(), MemoryStorage(), draws, self.events.append, URIS.index)

    def forget(self, uri: str) -> None:
        """Let a receiving service go on with a database from before it knew anybody."""
        for key in [key for key, (where, _) in self._owners.items() if where == uri]:
            self.rsa[uri].revoke(self._owners.pop(key)[1])  # type: ignore[arg-type]

    def submitted(self, via: str, submission: Submission) -> bytes:
        ticket = self.ssa[via].submit(self.now_ms, submission)
        self._due.append((self.now_ms, via, ticket))
        return ticket

    def post(self) -> None:
        """Bring what is due."""
        due, self._due = self._due, []
        for at_ms, via, ticket in due:
            if at_ms > self.now_ms or via in self.down:
                self._due.append((at_ms, via, ticket))
                continue
            attempt = self.ssa[via].attempt(self.now_ms, ticket)
            if attempt is not None:
                answered = attempt.uri not in self.down
                if answered:
                    self.rsa[attempt.uri].accept(self.now_ms, attempt.request)
                outcome = self.ssa[via].outcome(self.now_ms, ticket, answered=answered, draw=0.5)
                if isinstance(outcome, RetryAt):
                    self._due.append((outcome.at_ms, via, ticket))

    def stored(self, via: str, ciphertext: bytes, lifetime_s: int) -> Stored:
        """Keep an upload; the same one is kept once (SVC-7)."""
        uri = f"{via}/v1/attachments/{hashlib.sha256(ciphertext).hexdigest()[:43]}"
        self.uploads[uri] = ciphertext
        return Stored(uri, self.now_ms // 1000 + lifetime_s)

    def register(self, uri: str, request: Request) -> None:
        rsa = self.rsa[uri]
        if isinstance(request, RegisterRoot):
            rsa.register_root(request.root, request.verify_key)
            self._owners[request.access_key] = (uri, request.root)
        elif isinstance(request, IssueGrant):
            self.root(request.access_key)
            rsa.issue(request.grant)
        else:
            rsa.revoke(request.root)

    def root(self, access_key: bytes) -> bytes:
        if access_key not in self._owners:
            raise ServiceError(ErrorClass.FORGED, "access key")
        return self._owners[access_key][1]


class WorldCourier(Courier):
    """Asks the services of a world; each request that changes something is a point."""

    def __init__(self, world: World, deaths: Deaths) -> None:
        super().__init__()
        self._world, self._deaths = world, deaths

    def _ask_for(self, uri: str) -> None:
        if uri in self._world.down:
            raise Silent(ErrorClass.UNKNOWN, uri)

    @contextmanager
    def _asking(self, kind: str, uri: str) -> Iterator[None]:
        self._ask_for(uri)
        with self._deaths.point(kind):
            yield

    def document(self, uri: str) -> bytes:
        self._ask_for(uri)
        receiving = Receiving(self._world.rsa[uri].config(), 4096, (2800,), ("immediate",), True, ())
        return Document(1, uri, receiving, Sending(uri, 4096, (0,), 604_800, ((1, 1), (2, 1)), ())).encode()

    def carry_out(self, uri: str, request: Request, token: Token | None = None) -> None:
        with self._asking("request", uri):
            self._world.register(uri, request)

    def fetch(self, uri: str, access_key: bytes, wait_s: int | None = None) -> list[Item]:
        self._ask_for(uri)
        return list(self._world.rsa[uri].fetch(self._world.root(access_key)))  # type: ignore[arg-type]

    def confirm(self, uri: str, access_key: bytes, numbers: frozenset[int]) -> None:
        with self._asking("confirm", uri):
            self._world.rsa[uri].confirm(self._world.now_ms, self._world.root(access_key), numbers)  # type: ignore[arg-type]

    def submit(self, uri: str, submission: Submission, relationship: int, token: Token | None = None) -> bytes:
        with self._asking("submit", uri):
            return self._world.submitted(uri, submission)

    def store(self, uri: str, ciphertext: IO[bytes], lifetime_s: int, *tokens: Token | None) -> Stored:
        with self._asking("upload", uri):
            return self._world.stored(uri, ciphertext.read(), lifetime_s)

    def fetch_file(self, uri: str, place: str, most: int, token: Token | None = None) -> bytes:
        self._ask_for(uri)
        return self._found(place)

    def download(self, place: str, most: int) -> bytes:
        return self._found(place)

    def _found(self, place: str) -> bytes:
        if place not in self._world.uploads or any(place.startswith(uri) for uri in self._world.down):
            raise ServiceError(ErrorClass.UNKNOWN, place)
        return self._world.uploads[place]

    def progress(self, uri: str, ticket: bytes, relationship: int) -> Progress:
        self._ask_for(uri)
        status = self._world.ssa[uri].status(self._world.now_ms, Ticket(ticket))
        return Progress(State(status.state), status.unreachable)

    def takes_submissions(self, uri: str) -> bool:
        self._ask_for(uri)
        return True


class DyingVault(Vault):
    """A store whose commits are points."""

    deaths: Deaths

    def _commit(self) -> None:
        with self.deaths.point("commit"):
            super()._commit()


class Host:
    """A device that starts again when it has died, until what it was asked for is done."""

    def __init__(
        self, path: Path, world: World, name: str, asker: Callable[[Deaths], Asker] = lambda _: Asker()
    ) -> None:
        self.deaths, self.died, self._asker = Deaths(), 0, asker
        self._path, self._world, self._name, self._lives = path, world, name, 0
        Vault.create(path, KEY).close()
        self.device = self._start()
        self.device.use(URIS, URIS)
        self.deaths.passed = 0
        self.deaths.kinds.clear()
        self.deaths.order.clear()

    def _start(self) -> Device:
        vault = DyingVault.open(self._path, KEY)
        vault._connection.execute("PRAGMA synchronous = OFF")  # nobody cuts the power here
        vault.deaths = self.deaths
        self._lives += 1
        draws = self._world.entropy.fork(f"{self._name} {self._lives}")
        courier = WorldCourier(self._world, self.deaths)
        asker = self._asker(self.deaths)
        return Device(vault, courier=courier, asker=asker, entropy=draws, clock=lambda: self._world.now_ms)

    def turn(self) -> None:
        """Take a turn; who dies in it begins again."""
        self.survive(lambda: self.device.turn())

    def say(self, relationship: int, text: str) -> None:
        """Write something once, whatever happens meanwhile: whether it was accepted shows its number."""
        number = self.device.core.next_number(relationship)
        while self.device.core.next_number(relationship) == number:
            self.survive(lambda: self.device.say(relationship, text))

    def attach(self, relationship: int, text: str, path: Path) -> None:
        """Write something with a file once, whatever happens meanwhile: whether it was accepted shows the store."""
        content, number = Content("text/plain", text.encode()), self.device.core.next_number(relationship)
        while not self.device.uploads.all() and self.device.core.next_number(relationship) == number:
            self.survive(lambda: self.device.attach(relationship, content, [(path, "image/jpeg")]))

    def survive(self, what: Callable[[], object]) -> None:
        """Do something; who dies in it begins again."""
        try:
            what()
        except Died:
            self.died += 1
            self.device.vault.close()  # as the system does when a process has ended
            self.device = self._start()

    def close(self) -> None:
        self.device.close()
