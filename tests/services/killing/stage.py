"""What stands on the stage of a campaign: processes of one service on one database, and the scenes of four services.

A scene starts its services, makes the loaders, and judges at the end what no single loader can.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from tests.patience import PATIENCE_S
from tests.services.asking import Person
from tests.services.issuer import Issuer
from tests.services.killing import authorization, directory
from tests.services.killing.both import Writing
from tests.services.killing.nursery import Nursery, children, end, lives
from tests.services.killing.receiving import Owning
from tests.services.killing.sending import Destination, Submitting, Uploading
from tests.services.killing.world import Link, Loader, World
from tests.services.ports import free_port

from communicator_impl.addresses import ServiceConfig
from communicator_impl.document import Document
from communicator_impl.services import authorization_store
from communicator_impl.services.database import Database

START_S = 300.0
DOCUMENT = "/.well-known/communicator.json"
"""A document is there when a service is."""


class Service:
    """All processes of one service: as many as its database can have."""

    def __init__(
        self, nursery: Nursery, folder: Path, role: str, database: str, settings: Mapping[str, str], fault: str = ""
    ) -> None:
        self.role, self.database, self.fault = role, database, fault
        count = 1 if database.startswith("sqlite") else 2
        self.ports = [free_port() for _ in range(count)]
        self.operations = [free_port() for _ in range(count)]
        self.uri = f"http://127.0.0.1:{self.ports[0]}"
        self.log = folder / f"{role}.log"
        self.starts_s: list[float] = []
        self._nursery = nursery
        self._settings = dict(settings)
        self._processes = [0] * count

    def start(self, place: int) -> None:
        """Start one process; it is ready when it shows its document."""
        named = {
            "SERVICE_RUN": self.role,
            "SERVICE_URI": self.uri,
            "SERVICE_LISTEN_PORT": str(self.ports[place]),
            "SERVICE_OPERATIONS_PORT": str(self.operations[place]),
            "SERVICE_ADDRESS_PER_S": "100000",
            "SERVICE_ADDRESS_BURST": "100000",
            "DATABASE_URL": self.database,
        }
        settings = {f"COMMUNICATOR_{name}": value for name, value in named.items()} | self._settings
        self._processes[place] = self._nursery.start(self.role, settings, self.log, self.fault)

    def wait(self, place: int) -> bool:
        """Wait until a process shows its document; False if it ended instead."""
        began = time.monotonic()
        while time.monotonic() < began + START_S:
            if _shows(self.ports[place]):
                self.starts_s.append(time.monotonic() - began)
                return True
            if not lives(self._processes[place]):
                return False
            time.sleep(0.005)
        raise AssertionError(f"{self.role} does not start: {self.log.read_text()[-2000:]}")

    def begin(self) -> None:
        """Start all processes for the first time."""
        for place in range(len(self.ports)):
            self.start(place)
            assert self.wait(place), self.log.read_text()[-2000:]

    def kill(self, place: int) -> None:
        """End one process at whatever instruction it is."""
        end(self._processes[place])

    def helpers(self, place: int) -> list[int]:
        """Return the processes that one process has started."""
        return children(self._processes[place])

    def end(self) -> None:
        """End all processes."""
        for place in range(len(self.ports)):
            if self._processes[place]:
                self.kill(place)


def _shows(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", DOCUMENT)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Scene(NamedTuple):
    """Services, loaders, and what is judged when all have finished."""

    services: list[Service]
    loaders: list[Loader]
    judge: Callable[[], None]


class Props(NamedTuple):
    """What every scene is made with; `databases` makes an empty database by a name."""

    world: World
    nursery: Nursery
    folder: Path
    issuer: Issuer
    databases: Callable[[str], str]
    fault: str
    loaders: int

    def service(self, role: str, settings: Mapping[str, str]) -> Service:
        """Start a service on a new database."""
        made = Service(self.nursery, self.folder, role, self.databases(f"{role}_data"), settings, self.fault)
        made.begin()
        return made

    def takes(self, part: str, *purposes: str) -> dict[str, str]:
        """Return the setting by which a service asks for tokens."""
        tokens = ", ".join(f'{purpose} = ["{self.issuer.uri}"]' for purpose in purposes)
        return {f"COMMUNICATOR_{part.upper()}_TOKENS": f"{{{tokens}}}"}


def _config(world: World, service: Service) -> ServiceConfig:
    with closing(Link(world, service.ports)) as link:
        found = Document.decode(link.ask("GET", DOCUMENT).body, service.uri).receiving
    assert found is not None
    return found.config


def _origin(service: Service) -> str:
    return service.uri.partition("://")[2]


def _nothing() -> None:
    """Judge nothing: each loader has judged what it knows."""


@contextmanager
def receiving(props: Props) -> Iterator[Scene]:
    """Owners at a receiving service."""
    service = props.service("receiving", FAST | props.takes("receiving", "register"))
    config, world = _config(props.world, service), props.world
    links = (Link(world, service.ports) for _ in range(props.loaders))
    loaders: list[Loader] = [
        Owning(world, f"owner {n}", link, config, props.issuer, _origin(service)) for n, link in enumerate(links)
    ]
    yield Scene([service], loaders, _nothing)


FAST = {
    "COMMUNICATOR_SENDING_NAMED_ADDRESSES": '["127.0.0.1"]',
    "COMMUNICATOR_SENDING_RETRY_S_MIN": "0.1",
    "COMMUNICATOR_SENDING_ATTEMPT_S": "6",
}


@contextmanager
def sending(props: Props) -> Iterator[Scene]:
    """Devices at a sending service."""
    service = props.service("sending", FAST | props.takes("sending", "submit", "upload"))
    world, origin = props.world, _origin(service)
    with Destination() as destination:
        loaders: list[Loader] = [
            Submitting(world, f"device {n}", Link(world, service.ports), destination, props.issuer, origin)
            for n in range(props.loaders - 2)
        ]
        loaders += [Uploading(world, f"upload {n}", Link(world, service.ports), props.issuer, origin) for n in range(2)]
        yield Scene([service], loaders, _nothing)


@contextmanager
def both(props: Props) -> Iterator[Scene]:
    """Correspondents at two services, of which either may die."""
    to = props.service("receiving", FAST | props.takes("receiving", "register"))
    by = props.service("sending", FAST)
    config, world = _config(props.world, to), props.world
    loaders: list[Loader] = [
        Writing(world, f"pen {n}", Link(world, to.ports), config, props.issuer, _origin(to), Link(world, by.ports))
        for n in range(props.loaders)
    ]
    yield Scene([to, by], loaders, _nothing)


@contextmanager
def names(props: Props) -> Iterator[Scene]:
    """People and strangers at a directory."""
    brokered = {
        "COMMUNICATOR_DIRECTORY_MODE": "brokered",
        "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": "1000000",
    }
    service = props.service("directory", brokered | props.takes("directory", "query", "contact"))
    world, link = props.world, Link(props.world, service.ports)
    part = Document.decode(link.ask("GET", DOCUMENT).body, service.uri).directory
    assert part is not None
    log, half = directory.Log(service.uri, part.key), props.loaders // 2
    people = [Person(service, f"person {n}") for n in range(half)]
    owners = [
        directory.Registering(world, f"owner {n}", Link(world, service.ports), person, log)
        for n, person in enumerate(people)
    ]
    known = [person.name for person in people]
    strangers = [
        directory.Asking(world, f"asks {n}", Link(world, service.ports), log, known, props.issuer, _origin(service))
        for n in range(half)
    ]
    with closing(link):
        yield Scene([service], [*owners, *strangers], partial(directory.judge, world, link, log))


@contextmanager
def tokens(props: Props) -> Iterator[Scene]:
    """Accounts at an authorization service."""
    purpose = authorization.PURPOSE.value
    allowed = {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": f"{{{purpose} = {authorization.ALLOWED}}}"}
    service = props.service("authorization", allowed)
    accounts = authorization.draw_accounts(5000)
    database = Database(service.database)
    with database.writing() as connection:
        for account in accounts:
            authorization_store.open_account(connection, account)
    database.close()
    with closing(Link(props.world, service.ports)) as link:
        key = authorization.issuing(link)
    loaders: list[Loader] = [
        authorization.Ordering(
            props.world,
            f"account {n}",
            Link(props.world, service.ports),
            accounts[n :: props.loaders],
            key,
            service.uri,
        )
        for n in range(props.loaders)
    ]
    yield Scene([service], loaders, _nothing)


SCENES = {"receiving": receiving, "sending": sending, "both": both, "directory": names, "authorization": tokens}
"""The four services, and two of them at once."""
