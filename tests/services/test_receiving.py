"""A receiving service over HTTP: what strangers and owners see, and that nothing is lost by kill -9."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.patience import eventually
from tests.services.owning import CBOR, LabelOwner, TwoLayerOwner, accept, arrived, body, config_of, settled
from tests.services.running import Service

from communicator_impl.document import base64url

WAIT_S = 50
"""How long a device waits here; nothing but what is tested ends that long before."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("receiving"), "receiving") as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as opened:
        yield opened


@pytest.mark.parametrize("profile", [LabelOwner, TwoLayerOwner])
def test_what_is_accepted_reaches_its_owner_once(
    client: httpx.Client, service: Service, profile: type[LabelOwner] | type[TwoLayerOwner]
) -> None:  # ADDR-1, ADDR-17, RECV-10, RECV-11
    owner = profile(config_of(client, service.uri)).register(client)
    requests = [owner.request(i, body(i)) for i in range(3)]
    assert [accept(client, request) for request in (*requests, *requests)] == [202] * 6
    found = settled(client, owner, 3)
    assert [one.ciphertext for one in found] == [body(i) for i in range(3)]
    assert [one.number for one in found] == sorted({one.number for one in found})
    assert owner.fetch(client) == found
    owner.confirm(client, [found[0].number])
    assert owner.fetch(client) == found[1:]


def test_who_still_sends_sees_that_it_is_too_much(client: httpx.Client) -> None:  # SVC-4, SVC-6
    for path, media in (
        ("/v1/roots", "application/json"),
        ("/v1/accept", "application/cbor"),
        ("/nowhere", "text/plain"),
    ):
        answer = client.post(path, content=iter([bytes(1 << 16)] * 15), headers={"Content-Type": media})
        assert answer.status_code == (404 if path == "/nowhere" else 413)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_another_sealing_of_a_spent_address_is_not_stored(client: httpx.Client, service: Service) -> None:  # ADDR-17
    owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
    for number in range(4):
        assert accept(client, owner.request(7, body(number))) == 202
    assert accept(client, owner.request(8, body(9))) == 202
    settled(client, owner, 2)
    service.resolves()
    assert [one.ciphertext for one in owner.fetch(client)] == [body(0), body(9)]


def test_a_window_moves_with_what_arrives(client: httpx.Client, service: Service) -> None:  # ADDR-22
    owner = LabelOwner(config_of(client, service.uri)).register(client)
    for index in (0, 255, 300, 44, 557, 45):
        assert accept(client, owner.request(index, body(index))) == 202
    settled(client, owner, 4)
    service.resolves()
    assert [one.index for one in owner.fetch(client)] == [0, 255, 300, 45]  # the window was 45 to 556


def test_a_key_that_two_roots_register_stops_nobody(client: httpx.Client, service: Service) -> None:  # ADDR-36
    owner = LabelOwner(config_of(client, service.uri)).register(client)
    for index in (255, 256):
        assert accept(client, owner.request(index, body(index))) == 202
    assert len(settled(client, owner, 2)) == 2  # the window is 1 to 512
    thief = LabelOwner(owner.config)
    thief.grant = msgspec.structs.replace(thief.grant, key=owner.grant.key)
    thief.register(client)
    for index in (0, 255, 257, 300):  # at the first two the window of the thief moves into that of the owner
        assert accept(client, owner.request(index, body(1000 + index))) == 202
    other = TwoLayerOwner(owner.config).register(client)
    assert accept(client, other.request(0, body(1))) == 202
    assert len(settled(client, other, 1)) == 1, "nobody else is stopped"
    assert [one.index for one in settled(client, owner, 4)] == [255, 256, 257, 300]
    service.resolves()
    assert [one.index for one in thief.fetch(client)] == [0, 255]


@pytest.mark.parametrize("path", ["/v1/revoke", "/v1/latency"])
def test_an_epoch_that_is_no_number_is_not_taken_for_the_root(
    client: httpx.Client, service: Service, path: str
) -> None:
    owner = LabelOwner(config_of(client, service.uri)).register(client)
    asked = {"latency": "pull"} if path == "/v1/latency" else {}
    for epoch in (None, 1 << 32, -1, True, "1"):
        answer = client.post(path, json={**asked, "epoch": epoch}, headers=owner.authority)
        assert (answer.status_code, answer.json()["class"]) == (400, "malformed"), epoch
    assert client.post(path, json={**asked, "epoch": 0}, headers=owner.authority).status_code == 204
    assert owner.fetch(client) == []


def test_every_address_gets_one_answer(client: httpx.Client, service: Service) -> None:  # ENV-8, ENV-12
    config = config_of(client, service.uri)
    owner, stranger = LabelOwner(config).register(client), LabelOwner(config)
    known = owner.request(0, body(0))
    asked = (known, known, stranger.request(0, body(0)), TwoLayerOwner(config).request(0, body(0)))
    seen = set()
    for request in asked:
        answer = client.post("/v1/accept", content=request, headers=CBOR)
        seen.add((answer.status_code, answer.content, tuple(sorted(answer.headers))))
    assert seen == {(202, b"", ("content-length", "date", "server"))}


def test_outer_forms_are_refused_by_class(client: httpx.Client) -> None:  # ENV-2, SVC-4
    for data, status, name in ((b"\xa0", 400, "malformed"), (bytes(4097), 413, "too-large"), (b"", 400, "malformed")):
        answer = client.post("/v1/accept", content=data, headers=CBOR)
        assert (answer.status_code, answer.json()["class"]) == (status, name)
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.post("/v1/accept", content=b"\xa0").status_code == 400


def test_registering_again_is_for_the_same_values(client: httpx.Client, service: Service) -> None:  # RECV-6, SVC-7
    config = config_of(client, service.uri)
    owner, other = LabelOwner(config).register(client), LabelOwner(config).register(client)
    owner.register(client)
    for changed in ({"root": base64url(other.root.root)}, {"access_key": base64url(other.access_key)}):
        answer = client.post("/v1/roots", json=owner.registration() | changed)
        assert (answer.status_code, answer.json()["class"]) == (403, "refused")
    answer = client.post("/v1/epochs", json=owner.epoch() | {"capacity": 4}, headers=owner.authority)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"profile": 3},
        {"profile": "2"},
        {"profile": 2.0},
        {"root": "AAAA"},
        {"root": "A" * 21 + "B"},
        {"access_key": "="},
        {"verify_key": "A" * 43},
        {"access_key": None},
    ],
)
def test_a_registration_is_as_the_schema_says(
    client: httpx.Client, service: Service, change: dict[str, object]
) -> None:  # SVC-3
    owner = LabelOwner(config_of(client, service.uri))
    answer = client.post("/v1/roots", json=owner.registration() | change)
    assert (answer.status_code, answer.json()["class"]) == (400, "malformed")


def test_json_names_a_member_once_and_is_short(client: httpx.Client) -> None:  # SVC-3
    headers = {"content-type": "application/json", "authorization": f"Bearer {base64url(bytes(32))}"}
    twice = client.post("/v1/confirm", content=b'{"numbers":[1],"numbers":[1]}', headers=headers)
    long = client.post("/v1/confirm", content=b'{"numbers":[' + b"1," * 9000 + b"1]}", headers=headers)
    assert (twice.status_code, long.status_code) == (400, 413)


def test_an_unknown_key_is_forged_unless_it_forgets(client: httpx.Client) -> None:  # SVC-12, SVC-20, RECV-8
    headers = {"authorization": f"Bearer {base64url(bytes(32))}"}
    asked = [
        client.get("/v1/messages", headers=headers),
        client.get("/v1/messages", params={"wait": "1"}, headers=headers),
        client.get("/v1/messages"),
        client.post("/v1/confirm", json={"numbers": [1]}, headers=headers),
        client.post("/v1/latency", json={"latency": "pull"}, headers=headers),
    ]
    assert {(answer.status_code, answer.json()["class"]) for answer in asked} == {(401, "forged")}
    assert client.post("/v1/revoke", json={}, headers=headers).status_code == 204
    assert client.post("/v1/revoke", json={"epoch": 1}, headers=headers).status_code == 204


def test_a_revoked_root_is_forgotten(client: httpx.Client, service: Service) -> None:  # ADDR-24, DELIV-30
    config = config_of(client, service.uri)
    owner, other = LabelOwner(config).register(client), LabelOwner(config).register(client)
    for one in (owner, other):
        assert accept(client, one.request(0, body(0))) == 202
        settled(client, one, 1)
    assert client.post("/v1/revoke", json={}, headers=owner.authority).status_code == 204
    assert client.get("/v1/messages", headers=owner.authority).status_code == 401
    assert len(other.fetch(client)) == 1


def test_a_full_root_takes_no_more_and_spends_nothing(client: httpx.Client, service: Service) -> None:  # RECV-4
    config = config_of(client, service.uri)
    owner = TwoLayerOwner(config).register(client)
    for index in range(1024):
        assert accept(client, owner.request(index, body(index))) == 202
    late = owner.request(1024, body(1024))
    assert accept(client, late) == 202
    refused = 'communicator_messages_not_resolved_total{error="limit"}'
    assert eventually(lambda: service.metrics().get(refused))
    oldest = owner.fetch(client)
    assert [one.ciphertext for one in oldest] == [body(i) for i in range(64)]
    owner.confirm(client, [one.number for one in oldest])
    assert accept(client, late) == 202
    service.resolves()
    assert [one.ciphertext for one in owner.drain(client)] == [body(i) for i in range(64, 1025)]


def test_whoever_waits_is_told_at_once(client: httpx.Client, service: Service) -> None:  # RECV-12
    owner = LabelOwner(config_of(client, service.uri)).register(client)
    with ThreadPoolExecutor(1) as pool, service.client() as other:
        waiting = pool.submit(owner.fetch, other, WAIT_S)
        service.waits(1)
        accepted_s = time.monotonic()
        assert accept(client, owner.request(0, body(0))) == 202
        assert len(waiting.result()) == 1
    assert time.monotonic() - accepted_s < WAIT_S - 5  # it was told; at the end of its time it would have looked


def test_a_class_holds_back_what_is_told_and_not_what_is_asked(
    client: httpx.Client, service: Service
) -> None:  # RECV-13
    owner = LabelOwner(config_of(client, service.uri)).register(client)
    chosen = client.post("/v1/latency", json={"latency": "pull", "epoch": 1}, headers=owner.authority)
    assert chosen.status_code == 204
    assert accept(client, owner.request(0, body(0))) == 202
    settled(client, owner, 1)
    assert owner.fetch(client, wait_s=1) == []
    assert len(owner.fetch(client)) == 1
    client.post("/v1/latency", json={"latency": "batched", "epoch": 1}, headers=owner.authority)
    assert len(owner.fetch(client, wait_s=5)) == 1
    assert accept(client, owner.request(1, body(1))) == 202
    settled(client, owner, 2)
    assert len(owner.fetch(client, wait_s=1)) == 1  # what was told may be told again; what is new has to wait
    assert len(owner.fetch(client)) == 2


def test_every_answer_to_a_device_says_which_document_is_current(client: httpx.Client) -> None:  # SVC-18, SVC-10
    revision = str(client.get("/.well-known/communicator.json").json()["revision"])
    refused = client.get("/v1/messages")
    assert refused.headers["communicator-revision"] == revision
    assert "set-cookie" not in refused.headers


def test_what_is_not_served_is_unknown(client: httpx.Client) -> None:  # SVC-4
    for method, path in (("GET", "/v1/accept"), ("GET", "/v1/nothing"), ("PUT", "/v1/messages")):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["class"]) == (404, "unknown")


def test_the_process_stops_when_it_is_asked(tmp_path: Path) -> None:
    with Service(tmp_path, "receiving") as running, running.client() as client:
        owner = LabelOwner(config_of(client, running.uri)).register(client)
        assert accept(client, owner.request(0, body(0))) == 202
        assert running.stop() == 0
        running.start()
        assert len(settled(client, owner, 1)) == 1


def test_whoever_waits_is_answered_when_the_process_stops(tmp_path: Path) -> None:
    with Service(tmp_path, "receiving") as running, running.client() as client:
        owner = LabelOwner(config_of(client, running.uri)).register(client)
        with ThreadPoolExecutor(1) as pool, running.client() as other:
            waiting = pool.submit(owner.fetch, other, WAIT_S)
            running.waits(1)
            asked_s = time.monotonic()
            assert running.stop() == 0
            assert waiting.result() == []
        assert time.monotonic() - asked_s < WAIT_S - 5


@pytest.mark.slow
def test_kill_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:  # RECV-1, SVC-8, ADDR-17
    service = Service(tmp_path, "receiving").start()
    with service.client() as client:
        config = config_of(client, service.uri)
        owners: list[LabelOwner | TwoLayerOwner] = [LabelOwner(config).register(client) for _ in range(4)]
        owners += [TwoLayerOwner(config).register(client) for _ in range(4)]
    senders = [Sender(service, owner, 1000 * place) for place, owner in enumerate(owners)]

    def acknowledged() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    chance = random.Random(20_260_101)
    for _ in range(4):
        wanted = acknowledged() + chance.randint(40, 200)
        assert eventually(lambda wanted=wanted: acknowledged() >= wanted)  # type: ignore[misc]
        service.kill()
        service.start()
    for sender in senders:
        sender.stopped = True
    for thread in threads:
        thread.join()
    service.resolves()
    with service.client() as client:
        for sender in senders:
            expected = sorted(sender.acknowledged)
            found = [one.ciphertext for one in arrived(client, sender.owner, len(expected))]
            assert Counter(found).most_common(1)[0][1] == 1
            assert sorted(found) == expected
        assert acknowledged() > 4 * 40
    service.kill()


class Sender:
    """Brings requests as a sending service does: each until it is answered; a second of silence is no answer."""

    def __init__(self, service: Service, owner: LabelOwner | TwoLayerOwner, base: int) -> None:
        self.service, self.owner, self.base = service, owner, base
        self.acknowledged: list[bytes] = []
        self.stopped = False

    def run(self) -> None:
        with self.service.client() as client:
            for index in count():
                request = self.owner.request(index, body(self.base + index))
                while not self._brought(client, request):
                    time.sleep(0.05)
                self.acknowledged.append(body(self.base + index))
                if self.stopped or len(self.acknowledged) == 900:
                    return

    def _brought(self, client: httpx.Client, request: bytes) -> bool:
        try:
            return accept(client, request) == 202
        except httpx.TransportError:
            return False
