"""Four services that really run, and requests that they must take: what a search through their interfaces starts from.

Theory. A generated request is refused at the door unless it shows a token that was signed, a key of a root that is
there, or a label that nobody used. So each operation has a maker of one request that succeeds, and the search takes as
much of it as it wants: the authority alone, or all of it.

Rules:

1. Every request of a maker is a new one: what it uses up, nobody else needs.
2. Every secret that goes out is remembered; no log may hold one.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import psycopg
from tests.patience import PATIENCE_S, eventually
from tests.services.asking import Person, asked, bearer, body_of, issuing, open_account
from tests.services.issuer import Issuer
from tests.services.issuer import issuing as issuer_of_tests
from tests.services.owning import LabelOwner, TwoLayerOwner, accept, body, config_of, settled
from tests.services.postgres import postgres
from tests.services.running import Service
from tests.services.test_sending import FAST, submission

from communicator_impl.document import base64url
from communicator_impl.tokens import Purpose
from communicator_spec.openapi import SERVICES

__all__ = ["MAKERS", "ONE_REQUEST", "Real", "World", "postgres_databases", "unharmed", "worlds"]

CHUNK: Final = 65_536
ONE_REQUEST: Final = "application/private-token-request"
MANY: Final = "{" + ", ".join(f"{purpose} = 1000000" for purpose in Purpose) + "}"
HARMLESS: Final = {"started", "issuer not read"}


class Real(NamedTuple):
    """A request that succeeds; a part that is None is not needed."""

    authority: str | None = None
    path: dict[str, str] | None = None
    query: dict[str, str] | None = None
    body: bytes | dict[str, Any] | None = None


class World:
    """The services by name, an issuer, and owners for each kind of request."""

    def __init__(self, services: dict[str, Service], issuer: Issuer) -> None:
        self.services, self.issuer = services, issuer
        self.secrets: set[str] = set()
        self.keys: dict[str, str] = {}
        self.numbers = count()
        self._locks = threading.RLock()
        self.clients = {name: httpx.Client(base_url=one.base, timeout=2 * PATIENCE_S) for name, one in services.items()}
        self._wait_for_keys()
        self.config = config_of(self.clients["receiving"], services["receiving"].uri)
        self.reader, self.chooser = self.owner(), self.owner()
        self.account = open_account(services["authorization"])
        self.known = self.person()
        self.secret(base64url(self.account))
        for number in range(2):
            assert accept(self.clients["receiving"], self.reader.request(number, body(number))) == 202
        settled(self.clients["receiving"], self.reader, 2)

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients.values():
            client.close()

    def secret(self, text: str) -> str:
        """Remember what no log may hold."""
        self.secrets.add(text)
        return text

    def sent(self, path: str, real: Real, media: str) -> dict[str, str]:
        """Send to the sending service what prepares another request; it succeeds, and answers with an object."""
        headers = {"authorization": str(real.authority), "content-type": media}
        data = real.body if isinstance(real.body, bytes) else b""
        answer = self.clients["sending"].post(path, params=real.query, content=data, headers=headers)
        assert answer.status_code in (201, 202), answer.text
        found: dict[str, str] = answer.json()
        return found

    def token(self, purpose: Purpose, service: str) -> str:
        """Return a header with a fresh token."""
        with self._locks:
            found = self.issuer.header(purpose, self.services[service].uri.partition("://")[2])["authorization"]
        return self.secret(found)

    def owner(self) -> LabelOwner:
        """Register a root of label/1 with an epoch."""
        made = LabelOwner(self.config)
        for secret in (made.access_key, made.grant.key):
            self.secret(base64url(secret))
        return made.register(self.clients["receiving"], {"authorization": self.token(Purpose.REGISTER, "receiving")})

    def person(self) -> Person:
        """Open an account for a name, and register it."""
        made = self.account_of_a_name()
        made.register(self.clients["directory"])
        return made

    def account_of_a_name(self) -> Person:
        """Open an account for a name."""
        made = Person(self.services["directory"], f"person {next(self.numbers)}")
        self.keys[made.name] = bearer(made.key)["authorization"]
        self.secret(base64url(made.key))
        return made

    def _wait_for_keys(self) -> None:
        """Wait until the services know the issuer: they show its challenges."""
        places = {
            "receiving": ("POST", "/v1/roots"),
            "sending": ("POST", "/v1/submit"),
            "directory": ("GET", "/v1/names/a"),
        }
        for service, place in places.items():
            shown = eventually(
                partial(self.clients[service].request, *place), lambda answer: "www-authenticate" in answer.headers
            )
            assert "www-authenticate" in shown.headers, f"{service} knows the keys of the issuer"


# -------------------------------------------------------------------- receiving service


def _accept(world: World, media: str) -> Real:
    kind = (LabelOwner, TwoLayerOwner)[next(world.numbers) % 2]
    return Real(body=kind(world.config).request(0, secrets.token_bytes(2800)))


def _register_root(world: World, media: str) -> Real:
    kind = (LabelOwner, TwoLayerOwner)[next(world.numbers) % 2]
    made = kind(world.config)
    world.secret(base64url(made.access_key))
    return Real(world.token(Purpose.REGISTER, "receiving"), body=made.registration())


def _register_epoch(world: World, media: str) -> Real:
    owner = world.owner()
    return Real(_key(owner.access_key), body=owner.epoch())


def _revoke(world: World, media: str) -> Real:
    return Real(_key(world.owner().access_key), body={})


def _set_latency(world: World, media: str) -> Real:
    return Real(_key(world.chooser.access_key), body={"latency": "batched"})


def _messages(world: World, media: str) -> Real:
    return Real(_key(world.reader.access_key), query={"wait": "60"})


def _confirm(world: World, media: str) -> Real:
    return Real(_key(world.chooser.access_key), body={"numbers": [1, 2]})


def _notify(world: World, media: str) -> Real:
    return Real(_key(world.reader.access_key))


def _fetch(world: World, media: str) -> Real:
    return Real(world.token(Purpose.FETCH, "receiving"), body={"uri": "https://127.0.0.1/v1/attachments/a"})


# -------------------------------------------------------------------- sending service


def _submit(world: World, media: str) -> Real:
    request = LabelOwner(world.config).request(0, secrets.token_bytes(2800))
    wanted = submission(world.services["receiving"].uri, request)
    return Real(world.token(Purpose.SUBMIT, "sending"), body=wanted.encode())


def _submission(world: World, media: str) -> Real:
    ticket = world.sent("/v1/submit", _submit(world, media), "application/cbor")["ticket"]
    return Real(path={"ticket": world.secret(ticket)}, query={"wait": "1"})


def _upload(world: World, media: str) -> Real:
    return Real(world.token(Purpose.UPLOAD, "sending"), query={"lifetime": "86400"}, body=secrets.token_bytes(CHUNK))


def _stored(world: World) -> tuple[str, str]:
    found = world.sent("/v1/attachments", _upload(world, ""), "application/octet-stream")
    return world.secret(found["uri"].rpartition("/")[2]), world.secret(found["delete_key"])


def _download(world: World, media: str) -> Real:
    return Real(path={"id": _stored(world)[0]})


def _delete_upload(world: World, media: str) -> Real:
    place, key = _stored(world)
    return Real(f"Bearer {key}", path={"id": place})


# -------------------------------------------------------------------- directory service


def _register(world: World, media: str) -> Real:
    person = world.account_of_a_name()
    return Real(_key(person.key), path={"name": person.name}, body=person.entry().encode())


def _lookup(world: World, media: str) -> Real:
    return Real(world.token(Purpose.QUERY, "directory"), path={"name": world.known.name})


def _stock(world: World, media: str) -> Real:
    return Real(_key(world.known.key), path={"name": world.known.name})


def _deposit(world: World, media: str) -> Real:
    return _stock(world, media)._replace(body=world.known.contact().encode())


def _contact(world: World, media: str) -> Real:
    assert world.known.deposit(world.clients["directory"], world.known.contacts(1)).status_code == 200
    return Real(world.token(Purpose.CONTACT, "directory"), path={"name": world.known.name})


def _leaves(world: World, media: str) -> Real:
    return Real(query={"from": "0", "to": "1"})


def _consistency(world: World, media: str) -> Real:
    return Real(query={"first": "1", "second": "1"})


# -------------------------------------------------------------------- authorization service


def _issue(world: World, media: str) -> Real:
    service = world.services["authorization"]
    key = issuing(world.clients["authorization"], Purpose.QUERY)
    pending = asked(key, service.uri, world.services["directory"].uri, 1 if media == ONE_REQUEST else 2)
    return Real(_key(world.account), body=body_of(pending))


def _allowance(world: World, media: str) -> Real:
    return Real(_key(world.account))


def _nothing(world: World, media: str) -> Real:
    return Real()


def _key(access_key: bytes) -> str:
    return bearer(access_key)["authorization"]


MAKERS: Final[dict[str, Callable[[World, str], Real]]] = {
    **{"document": _nothing, "accept": _accept, "registerRoot": _register_root, "registerEpoch": _register_epoch},
    **{"revoke": _revoke, "setLatency": _set_latency, "messages": _messages, "confirm": _confirm, "notify": _notify},
    **{"fetchAttachment": _fetch, "submit": _submit, "submission": _submission, "state": _nothing, "upload": _upload},
    **{"download": _download, "deleteUpload": _delete_upload, "register": _register, "lookup": _lookup},
    **{"stock": _stock, "deposit": _deposit, "contact": _contact, "head": _nothing, "leaves": _leaves},
    **{"consistency": _consistency, "issuer": _nothing, "issue": _issue, "allowance": _allowance},
}
"""Operation → what makes a request that it takes, of the media type that is asked for."""


@contextmanager
def worlds(folder: Path, databases: dict[str, str] | None = None) -> Iterator[World]:
    """Run the four services, each a process of its own; `databases`: URLs by service in the place of SQLite files."""
    of = databases or {}
    with ExitStack() as stack:
        issuer = stack.enter_context(issuer_of_tests())
        uri = issuer.uri
        receiving = {"COMMUNICATOR_RECEIVING_TOKENS": f'{{register = ["{uri}"], fetch = ["{uri}"]}}', **FAST}
        sending = {"COMMUNICATOR_SENDING_TOKENS": f'{{submit = ["{uri}"], upload = ["{uri}"]}}', **FAST}
        directory = {
            "COMMUNICATOR_DIRECTORY_TOKENS": f'{{query = ["{uri}"], contact = ["{uri}"]}}',
            "COMMUNICATOR_DIRECTORY_MODE": "brokered",
            "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": "1000000",
        }
        services: dict[str, Service] = {
            "receiving": Service(folder, "receiving", database=of.get("receiving"), settings=receiving),
            "sending": Service(folder, "sending", database=of.get("sending"), settings=sending),
            "directory": Service(folder, "directory", database=of.get("directory"), settings=directory),
            "authorization": Service(
                folder, "authorization", database=of.get("authorization"),
                settings={"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": MANY},
            ),
        }  # fmt: skip
        for service in services.values():
            stack.enter_context(service)
        world = World(services, issuer)
        stack.callback(world.close)
        yield world


@contextmanager
def postgres_databases() -> Iterator[dict[str, str]]:
    """Run a PostgreSQL server with a database for each service; yields their URLs."""
    with postgres() as url:
        place = url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(place, autocommit=True) as connection:
            for service in SERVICES:
                connection.execute(f"CREATE DATABASE {service}_service".encode())
        yield {service: f"{url.rpartition('/')[0]}/{service}_service" for service in SERVICES}


def unharmed(world: World) -> None:
    """Check that all processes are alive and ready, that nothing failed inside, and that no log holds a secret."""
    for name, service in world.services.items():
        ready = partial(httpx.get, f"http://127.0.0.1:{service.operations_port}/health/ready", timeout=PATIENCE_S)
        assert eventually(ready, lambda answer: answer.status_code == 200).text == "ready", name
        text = service.log.read_text()
        events = {json.loads(line)["event"] for line in text.splitlines()}
        assert events <= HARMLESS, f"{name} logged {sorted(events - HARMLESS)}"
        assert [secret for secret in world.secrets if secret in text] == [], f"{name} logged a secret"
