"""Owners of roots, as a device is one: they register, seal what their correspondents would send, fetch and confirm."""

import io
import time

import cbor2
import httpx
from tests.patience import PATIENCE_S, eventually

from communicator_impl.addresses import LabelRoot, ServiceConfig, TwoLayerRoot, derive_label, round_up_to_hour
from communicator_impl.document import Document, base64url
from communicator_impl.entropy import SystemEntropy
from communicator_impl.envelope import Delivery, label_request, two_layer_request

CBOR = {"content-type": "application/cbor"}
ENTROPY = SystemEntropy()
DAY_S = 86_400


def now_s() -> int:
    return int(time.time())


def body(number: int) -> bytes:
    """Return a ciphertext that no other test message has."""
    return number.to_bytes(8) + bytes(2792)


def config_of(client: httpx.Client, uri: str) -> ServiceConfig:
    document = Document.decode(client.get("/.well-known/communicator.json").content, uri)
    assert document.receiving is not None
    return document.receiving.config


def deliveries(response: httpx.Response) -> list[Delivery]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/cbor-seq"
    source, found = io.BytesIO(response.content), []
    while source.tell() < len(response.content):
        found.append(Delivery.decode(cbor2.dumps(cbor2.load(source), canonical=True)))
    return found


class Owner:
    """What both profiles share."""

    access_key: bytes

    @property
    def authority(self) -> dict[str, str]:
        return {"authorization": f"Bearer {base64url(self.access_key)}"}

    def fetch(self, client: httpx.Client, wait_s: int | None = None) -> list[Delivery]:
        query = {} if wait_s is None else {"wait": str(wait_s)}
        return deliveries(client.get("/v1/messages", params=query, headers=self.authority))

    def confirm(self, client: httpx.Client, numbers: list[int]) -> None:
        answer = client.post("/v1/confirm", json={"numbers": numbers}, headers=self.authority)
        assert answer.status_code == 204, answer.text

    def drain(self, client: httpx.Client) -> list[Delivery]:
        """Fetch and confirm until nothing is left."""
        found: list[Delivery] = []
        while batch := self.fetch(client):
            found += batch
            self.confirm(client, [one.number for one in batch])
        return found


class LabelOwner(Owner):
    """A root of label/1 with one epoch."""

    def __init__(self, config: ServiceConfig, epoch: int = 1) -> None:
        self.config = config
        self.root = LabelRoot.generate(ENTROPY)
        self.access_key = self.root.access_key()
        until_s = round_up_to_hour(now_s() + DAY_S)
        self.grant = self.root.grant(epoch, until_s, 1024, now_s())

    def registration(self) -> dict[str, object]:
        return {"root": base64url(self.root.root), "profile": 2, "access_key": base64url(self.access_key)}

    def epoch(self) -> dict[str, object]:
        grant = self.grant
        named = {"epoch": grant.epoch, "key": base64url(grant.key), "valid_until": grant.valid_until_s}
        return {**named, "capacity": grant.capacity}

    def register(self, client: httpx.Client, headers: dict[str, str] | None = None) -> "LabelOwner":
        answer = client.post("/v1/roots", json=self.registration(), headers=headers)
        assert answer.status_code == 204, answer.text
        answer = client.post("/v1/epochs", json=self.epoch(), headers=self.authority)
        assert answer.status_code == 204, answer.text
        return self

    def request(self, index: int, ciphertext: bytes) -> bytes:
        label = derive_label(self.grant.key, 0, index)
        return label_request(label, self.config.sealing_key(now_s()), ciphertext, ENTROPY)


class TwoLayerOwner(Owner):
    """A root of two-layer/1."""

    def __init__(self, config: ServiceConfig) -> None:
        self.config = config
        self.root = TwoLayerRoot.generate(ENTROPY)
        self.access_key = self.root.access_key()

    def registration(self) -> dict[str, object]:
        named = {"root": base64url(self.root.root), "profile": 1, "access_key": base64url(self.access_key)}
        return {**named, "verify_key": base64url(self.root.registration().verify_key)}

    def register(self, client: httpx.Client, headers: dict[str, str] | None = None) -> "TwoLayerOwner":
        answer = client.post("/v1/roots", json=self.registration(), headers=headers)
        assert answer.status_code == 204, answer.text
        return self

    def request(self, index: int, ciphertext: bytes) -> bytes:
        until_s = round_up_to_hour(now_s() + DAY_S)
        (address,) = self.root.issue(self.config, range(index, index + 1), until_s, now_s(), ENTROPY)
        return two_layer_request(address, self.config.sealing_key(now_s()), ciphertext, ENTROPY)


def accept(client: httpx.Client, request: bytes) -> int:
    return client.post("/v1/accept", content=request, headers=CBOR).status_code


def settled(client: httpx.Client, owner: Owner, count: int, within_s: float = PATIENCE_S) -> list[Delivery]:
    """Return what an owner has, once it is as many messages or the time is over."""
    return eventually(lambda: owner.fetch(client), lambda found: len(found) >= count, within_s)


def arrived(client: httpx.Client, owner: Owner, count: int, within_s: float = PATIENCE_S) -> list[Delivery]:
    """Fetch and confirm until so many messages came or the time is over, and once more; returns all that came."""
    found: list[Delivery] = []

    def look() -> int:
        found.extend(owner.drain(client))
        return len(found)

    eventually(look, lambda came: came >= count, within_s)
    return found + owner.drain(client)
