"""Two instances of each of the four services on one PostgreSQL, each pair behind one origin of a real balancer."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import psycopg
from tests.patience import PATIENCE_S, eventually
from tests.services.asking import open_account
from tests.services.balancer import answers, balanced, fronts_for
from tests.services.owning import ENTROPY, now_s
from tests.services.postgres import postgres
from tests.services.running import Service

from communicator_impl.document import base64url
from communicator_impl.issuer_keys import read_issuer_document
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose, authorization
from communicator_impl.wallet import Purse, Wallet

ROLES = ("authorization", "directory", "receiving", "sending")
ALLOWED = 256
CONTACTS_PER_DAY = 64
DEMANDS = {
    "directory": ("GET", "/v1/names/nobody"),
    "receiving": ("POST", "/v1/roots"),
    "sending": ("POST", "/v1/submit"),
}
"""What nobody may do without a token."""
ISSUER_KEYS = "/.well-known/private-token-issuer-directory"


class Pair:
    """Two instances of one service: `uri` is the origin that people know, `database` what both share."""

    def __init__(self, role: str, port: int, database: str, folder: Path, settings: Mapping[str, str]) -> None:
        self.role, self.port, self.database = role, port, database
        self.uri = self.base = f"http://127.0.0.1:{port}"
        self.instances: tuple[Service, Service] = (
            Service(folder, role, database=database, uri=self.uri, settings=settings),
            Service(folder, role, database=database, uri=self.uri, settings=settings),
        )

    @property
    def host(self) -> str:
        return self.uri.partition("://")[2]

    def client(self) -> httpx.Client:
        """Return a client of the origin, as a device is one."""
        return httpx.Client(base_url=self.uri, timeout=2 * PATIENCE_S)

    def clients(self, stack: ExitStack) -> list[httpx.Client]:
        """Return a client of each instance."""
        return [stack.enter_context(httpx.Client(base_url=one.base, timeout=2 * PATIENCE_S)) for one in self.instances]

    def knows_its_issuer(self) -> None:
        """Wait until each instance shows a challenge to whoever comes without a token."""
        method, path = DEMANDS[self.role]
        for one in self.instances:
            ask = partial(httpx.request, method, one.base + path, timeout=PATIENCE_S)
            shown = eventually(ask, lambda answer: "www-authenticate" in answer.headers)
            assert "www-authenticate" in shown.headers, f"{self.role} does not know the keys of its issuer"

    def served(self) -> list[float]:
        """Return how many requests each instance answered."""
        return [self.served_by(place) for place in range(2)]

    def served_by(self, place: int) -> float:
        """Return how many requests one instance answered since it started."""
        counted = metrics(self.instances[place]).items()
        return sum(n for name, n in counted if name.startswith("communicator_requests_total"))


class World:
    """All pairs, and what an operator does."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.authorization, self.directory, self.receiving, self.sending = pairs
        self.pairs = tuple(pairs)

    def device(self) -> "Device":
        return Device(self)


class Device:
    """A device's tokens: asked for in batches through the origin of the issuer, and spent one by one."""

    def __init__(self, world: World) -> None:
        self._world, self._account = world, open_account(world.authorization)
        self._wallet = Wallet(MemoryStorage(), ENTROPY)
        self._asked = 0
        self.unanswered = list[str]()

    def header(self, purpose: Purpose) -> dict[str, str]:
        """Return a token that no request has had."""
        purse = Purse(self._world.authorization.host, self._at(purpose).host, purpose)
        self._wallet.open(now_s() * 1000, purse, at_once=True)
        if not self._wallet.left(now_s() * 1000, purse):
            self._restock(purse)
        self._asked += 1
        return {"authorization": authorization(self._wallet.spend(now_s() * 1000, purse, self._asked.to_bytes(32)))}

    def _restock(self, purse: Purse) -> None:
        """Ask for a batch, the same one until it is answered."""
        shown = {"authorization": f"Bearer {base64url(self._account)}", "content-type": "application/octet-stream"}
        with self._world.authorization.client() as client:
            keys = read_issuer_document(self._answered(client, "GET", ISSUER_KEYS, b"", {}).content)
            key = next(one for one in keys if one.purpose is purse.purpose and one.issues(now_s()))
            body = self._wallet.ask(now_s() * 1000, purse, key)
            answer = self._answered(client, "POST", "/v1/tokens", body, shown)
            self._wallet.answered(now_s() * 1000, purse, answer.content)

    def _answered(
        self, client: httpx.Client, method: str, path: str, content: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        while True:
            answer = answered(client, method, path, self.unanswered, content, headers)
            if answer is not None:
                assert answer.status_code == 200, answer.text
                return answer
            time.sleep(0.02)

    def _at(self, purpose: Purpose) -> Pair:
        if purpose in (Purpose.QUERY, Purpose.CONTACT):
            return self._world.directory
        return self._world.sending if purpose in (Purpose.SUBMIT, Purpose.UPLOAD) else self._world.receiving


def answered(
    client: httpx.Client, method: str, path: str, unanswered: list[str], content: bytes, headers: dict[str, str]
) -> httpx.Response | None:
    """Ask once; None, and a line in `unanswered`, when there was no answer in the sense of the standard (SVC-6)."""
    try:
        answer = client.request(method, path, content=content, headers=headers)
    except httpx.TransportError as error:
        unanswered.append(f"{path}: {error}")
        return None
    if answer.status_code >= 500:
        unanswered.append(f"{path}: {answer.status_code}")
        return None
    return answer


def metrics(instance: Service) -> dict[str, float]:
    return instance.metrics()


def _settings(issuer: str) -> dict[str, dict[str, str]]:
    allowed = ", ".join(f"{purpose.value} = {ALLOWED}" for purpose in Purpose)
    outward = {"COMMUNICATOR_SENDING_NAMED_ADDRESSES": '["127.0.0.1"]'}
    pace = {"COMMUNICATOR_SENDING_RETRY_S_MIN": "0.2", "COMMUNICATOR_SENDING_ATTEMPT_S": "10"}
    return {
        "authorization": {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": f"{{{allowed}}}"},
        "directory": {
            "COMMUNICATOR_DIRECTORY_MODE": "brokered",
            "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": str(CONTACTS_PER_DAY),
            "COMMUNICATOR_DIRECTORY_TOKENS": f'{{query = ["{issuer}"], contact = ["{issuer}"]}}',
        },
        "receiving": {**outward, "COMMUNICATOR_RECEIVING_TOKENS": f'{{register = ["{issuer}"]}}'},
        "sending": {
            **outward,
            **pace,
            "COMMUNICATOR_SENDING_TOKENS": f'{{submit = ["{issuer}"], upload = ["{issuer}"]}}',
        },
    }


@contextmanager
def databases(server: str, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Make a database for each service on one server."""
    url = server.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield {name: server.rpartition("/")[0] + f"/{name}" for name in names}


@contextmanager
def four_services(folder: Path) -> Iterator[World]:
    """Run everything: a server of databases, eight instances, a balancer."""
    fronts = dict(zip(ROLES, fronts_for(len(ROLES)), strict=True))
    chosen = _settings(f"http://127.0.0.1:{fronts['authorization']}")
    with ExitStack() as stack:
        urls = stack.enter_context(databases(stack.enter_context(postgres()), ROLES))
        world = World([Pair(role, fronts[role], urls[role], folder, chosen[role]) for role in ROLES])
        instances = [one for pair in world.pairs for one in pair.instances]
        behind = {pair.port: [(one.port, one.operations_port) for one in pair.instances] for pair in world.pairs}
        for one in instances:
            stack.callback(one.__exit__, None, None, None)
        stack.enter_context(balanced(behind))
        issuers, others = instances[:2], instances[2:]
        for some in (issuers, others):  # the others ask for the keys of the issuer as soon as they run
            with ThreadPoolExecutor(len(some)) as pool:
                list(pool.map(lambda one: one.start(), some))
        for pair in world.pairs:
            with pair.client() as client:
                answers(client)
        for pair in world.pairs[1:]:
            pair.knows_its_issuer()
        yield world
