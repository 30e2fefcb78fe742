"""What tests of directories and authorization services share: people with names, contacts, accounts and tokens."""

import time
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

import httpx

from communicator_impl import wire
from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet
from communicator_impl.addresses import KeySchedule, Profile, TwoLayerRoot, round_up_to_hour
from communicator_impl.directory import Contact, Entry, Proof, make_entry
from communicator_impl.document import Document, base64url
from communicator_impl.entropy import SystemEntropy
from communicator_impl.issuer_keys import IssuerKey, read_issuer_document
from communicator_impl.keys import Identity, make_package
from communicator_impl.services import authorization_store, directory_store
from communicator_impl.services.database import Database
from communicator_impl.tokens import Pending, Purpose, authorization, challenge_digest, finish, request

CBOR = {"content-type": "application/cbor"}
SEQUENCE = {"content-type": "application/cbor-seq"}
OCTETS = {"content-type": "application/octet-stream"}
ENTROPY = SystemEntropy()
DAY_S = 86_400
WELL_KNOWN = "/.well-known/communicator.json"
ISSUER_KEYS = "/.well-known/private-token-issuer-directory"


def now_s() -> int:
    return int(time.time())


def bearer(key: bytes) -> dict[str, str]:
    return {"authorization": f"Bearer {base64url(key)}"}


def path_of(name: str, what: str = "") -> str:
    return f"/v1/names/{quote(name, safe='').replace('.', '%2E')}{what}"


# -------------------------------------------------------------------- names


class Stored(Protocol):
    """Whatever has a database."""

    database: str


class Person:
    """Somebody with a name, its access key, and an identity that may be replaced."""

    def __init__(self, service: Stored, name: str) -> None:
        self.name, self.key = name, ENTROPY.draw("key", 32)
        self.identity = Identity.generate(ENTROPY)
        self.sequence = 0
        database = Database(service.database)
        database.transact(lambda connection: directory_store.open_account(connection, name, self.key))
        database.close()

    @property
    def authority(self) -> dict[str, str]:
        return bearer(self.key)

    def entry(self, before: Identity | None = None) -> Entry:
        return make_entry(self.name, self.sequence, self.identity, now_s(), before)

    def put(self, client: httpx.Client, entry: Entry) -> httpx.Response:
        return client.put(path_of(self.name), content=entry.encode(), headers=self.authority | CBOR)

    def register(self, client: httpx.Client) -> Proof:
        self.entry_made = self.entry()
        answer = self.put(client, self.entry_made)
        assert answer.status_code == 200, answer.text
        return Proof.decode(answer.content)

    def replaced(self) -> Entry:
        """Return the next entry, with a new identity that the one before signed."""
        before, self.identity = self.identity, Identity.generate(ENTROPY)
        self.sequence += 1
        return self.entry(before)

    def contact(self) -> Contact:
        package = make_package(self.identity, now_s(), 7 * DAY_S, ENTROPY).package
        until_s = round_up_to_hour(now_s() + 30 * DAY_S)
        config = KeySchedule.generate("https://rs.example", tuple(Profile), now_s(), ENTROPY).config()
        stock = TwoLayerRoot.generate(ENTROPY).issue(config, range(1), until_s, now_s(), ENTROPY)
        grant = WireGrant(1, True, until_s, 1, stock)
        services = (ServiceEntry(config.uri, Profile.TWO_LAYER, config.outer, (grant,)),)
        return Contact(package, WireSet(1, services))

    def contacts(self, n: int) -> list[bytes]:
        return [self.contact().encode() for _ in range(n)]

    def deposit(self, client: httpx.Client, contacts: list[bytes]) -> httpx.Response:
        headers = self.authority | SEQUENCE
        return client.post(path_of(self.name, "/contacts"), content=b"".join(contacts), headers=headers)


def key_of(client: httpx.Client, uri: str) -> bytes:
    """Return the key that signs the heads of a directory."""
    found = Document.decode(client.get(WELL_KNOWN).content, uri).directory
    assert found is not None
    return found.key


# -------------------------------------------------------------------- tokens


def open_account(service: Stored) -> bytes:
    """Open an account at an authorization service; returns its access key."""
    key, database = ENTROPY.draw("key", 32), Database(service.database)
    database.transact(lambda connection: authorization_store.open_account(connection, key))
    database.close()
    return key


def issuing(client: httpx.Client, purpose: Purpose) -> IssuerKey:
    keys = read_issuer_document(client.get(ISSUER_KEYS).content)
    return next(key for key in keys if key.purpose is purpose and key.issues(now_s()))


def asked(key: IssuerKey, issuer: str, origin: str, n: int) -> list[Pending]:
    digest = challenge_digest(issuer.partition("://")[2], origin.partition("://")[2])
    return [request(key.key, digest, ENTROPY) for _ in range(n)]


def body_of(pending: list[Pending]) -> bytes:
    return b"".join(one.request() for one in pending)


def finished(pending: list[Pending], answer: bytes) -> list[str]:
    """Return tokens as they are shown in a header; each is verified."""
    parts = (answer[256 * i :][:256] for i in range(len(pending)))
    return [authorization(finish(one, part)) for one, part in zip(pending, parts, strict=True)]


def tokens(client: httpx.Client, issuer: str, origin: str, purpose: Purpose, account: bytes) -> Iterator[str]:
    """Fetch a batch of 64 tokens."""
    pending = asked(issuing(client, purpose), issuer, origin, 64)
    answer = client.post("/v1/tokens", content=body_of(pending), headers=bearer(account) | OCTETS)
    assert answer.status_code == 200, answer.text
    return iter(finished(pending, answer.content))


def leaves_of(client: httpx.Client, first: int, to: int) -> tuple[bytes, ...]:
    answer = client.get("/v1/log/leaves", params={"from": first, "to": to})
    assert answer.status_code == 200, answer.text
    return wire.sequence(answer.content, 1024, 512)
