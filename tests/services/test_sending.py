"""A sending service over HTTP: tickets, attempts and states, and that kill -9 loses nothing that has a ticket."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from tests.patience import eventually
from tests.services.owning import CBOR, LabelOwner, TwoLayerOwner, arrived, body, config_of, now_s, settled
from tests.services.ports import free_port
from tests.services.running import Service

from communicator_impl.document import Document, base64url
from communicator_impl.submission import Submission

WAIT_S = 50
"""How long a device waits here; what it waits for ends that."""
QUEUED = 'communicator_attempts_total{outcome="queued"}'
"""Attempts after which a submission is queued as before."""
FAST = {"COMMUNICATOR_SENDING_NAMED_ADDRESSES": '["127.0.0.1"]', "COMMUNICATOR_SENDING_RETRY_S_MIN": "0.2"}


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("receiving"), "receiving") as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("sending"), "sending", settings=FAST) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as opened:
        yield opened


def submission(uri: str, request: bytes = b"request", *, lasts_s: int = 600, delay_mean_s: int = 0) -> Submission:
    return Submission(uri, request, (now_s() + lasts_s) * 1000, delay_mean_s)


def submit(client: httpx.Client, wanted: Submission) -> httpx.Response:
    return client.post("/v1/submit", content=wanted.encode(), headers=CBOR)


def ticket_of(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def state(client: httpx.Client, ticket: str, wait_s: int = 0) -> str:
    answer = client.get(f"/v1/submissions/{ticket}", params={"wait": str(wait_s)})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["state"]
    return found


def test_a_submission_reaches_the_receiving_service(
    client: httpx.Client, receiving: Service
) -> None:  # SEND-9, SEND-10
    with receiving.client() as other:
        owner = LabelOwner(config_of(other, receiving.uri)).register(other)
        ticket = ticket_of(submit(client, submission(receiving.uri, owner.request(0, body(1)))))
        assert [one.ciphertext for one in settled(other, owner, 1)] == [body(1)]
    assert state(client, ticket, wait_s=WAIT_S) == "forwarded"


def test_the_same_again_gets_the_same_ticket(client: httpx.Client, receiving: Service) -> None:  # SEND-2, DELIV-25
    wanted = submission(receiving.uri, b"nothing that a receiving service takes")
    first = ticket_of(submit(client, wanted))
    assert len(first) == 22
    assert ticket_of(submit(client, wanted)) == first
    assert state(client, first, wait_s=WAIT_S) == "refused"
    assert ticket_of(submit(client, wanted)) == first
    assert ticket_of(submit(client, submission(receiving.uri, b"something else"))) != first


def test_what_cannot_be_kept_is_refused_by_class(client: httpx.Client, receiving: Service) -> None:  # SEND-4 … SEND-6
    uri = receiving.uri
    asked = {
        (410, "expired"): submission(uri, lasts_s=-1),
        (403, "refused"): submission(uri, delay_mean_s=17),
        (400, "malformed"): submission(uri, b""),
        (413, "too-large"): submission(uri, bytes(4097)),
    }
    for (status, name), wanted in asked.items():
        answer = submit(client, wanted)
        assert (answer.status_code, answer.json()["class"]) == (status, name)
    answer = submit(client, submission("http://receiving.example"))
    assert (answer.status_code, answer.json()["class"]) == (400, "malformed")  # SVC-1
    assert submit(client, submission(uri, b"from a device whose clock is fast", lasts_s=200_000)).status_code == 202


def test_an_unknown_ticket_looks_expired(client: httpx.Client) -> None:  # SEND-13
    assert client.get(f"/v1/submissions/{base64url(bytes(16))}").json() == {"state": "expired", "unreachable": False}
    assert client.get("/v1/submissions/AAAA").status_code == 400


def test_a_delayed_submission_waits(client: httpx.Client, receiving: Service) -> None:  # SEND-7
    tickets = [ticket_of(submit(client, submission(receiving.uri, bytes([n]), delay_mean_s=600))) for n in range(8)]
    at_once = ticket_of(submit(client, submission(receiving.uri, b"at once")))
    assert state(client, at_once, wait_s=WAIT_S) == "refused"  # by its receiving service, so it was brought there
    # Half a minute would do for all eight once in 10^10 times.
    assert "queued" in {state(client, ticket) for ticket in tickets}


def test_what_is_not_reached_is_tried_until_its_date(client: httpx.Client) -> None:  # DELIV-11, SEND-10
    nobody = f"http://127.0.0.1:{free_port()}"
    soon, late = (ticket_of(submit(client, submission(nobody, lasts_s=lasts_s))) for lasts_s in (3, 600))
    assert state(client, soon, wait_s=WAIT_S) == "expired"
    assert state(client, late) == "queued"


def test_a_service_that_comes_back_gets_what_waited(
    client: httpx.Client, service: Service, tmp_path: Path
) -> None:  # DELIV-11
    with Service(tmp_path, "receiving") as away, away.client() as other:
        owner = TwoLayerOwner(config_of(other, away.uri)).register(other)
        away.kill()
        tickets = [ticket_of(submit(client, submission(away.uri, owner.request(i, body(i))))) for i in range(40)]
        attempts = service.metrics().get(QUEUED, 0)
        assert eventually(lambda: service.metrics().get(QUEUED, 0) >= attempts + 16)
        assert {state(client, ticket) for ticket in tickets} == {"queued"}
        away.start()
        found = settled(other, owner, 40, within_s=3 * WAIT_S)  # it was silent, and is asked again ever later
        assert sorted(one.ciphertext for one in found) == [body(i) for i in range(40)]


def test_a_dead_origin_is_probed_once_for_all_that_wait(client: httpx.Client, service: Service) -> None:
    dead = Knocks()
    attempts = service.metrics().get(QUEUED, 0)
    tickets = [ticket_of(submit(client, submission(dead.uri, bytes([number]), lasts_s=60))) for number in range(12)]
    wanted = attempts + 3 * len(tickets)
    assert eventually(lambda: dead.count >= 3 and service.metrics().get(QUEUED, 0) >= wanted)
    assert dead.stop() <= len(tickets)  # where each by itself would have knocked three times


class Knocks:
    """Hangs up on whoever connects, and counts."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.count = 0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self.server.accept()
            self.count += 1
            last = connection.recv(4, 0) == b"stop"
            connection.close()
            if last:
                return

    def stop(self) -> int:
        found = self.count
        with socket.create_connection(self.server.getsockname()) as connection:
            connection.sendall(b"stop")
        self.thread.join()
        self.server.close()
        return found


def test_only_public_addresses_are_called(tmp_path: Path) -> None:  # SEND-11
    called = Knocks()
    quick = {"COMMUNICATOR_SENDING_RETRY_S_MIN": "0.2", "COMMUNICATOR_SENDING_NAMED_ADDRESSES": "[]"}
    with Service(tmp_path, "sending", settings=quick) as careful, careful.client() as client:
        ticket = ticket_of(submit(client, submission(called.uri)))
        assert eventually(lambda: careful.metrics().get(QUEUED, 0) > 2)
        assert state(client, ticket) == "queued"
    assert called.stop() == 0


def test_the_document_says_what_is_offered(client: httpx.Client, service: Service) -> None:  # SVC-14, SVC-18
    answer = client.get("/.well-known/communicator.json")
    document = Document.decode(answer.content, service.uri)
    assert document.receiving is None
    assert document.sending is not None
    assert document.sending.delay_mean_s == (0, 60, 600)
    assert answer.headers["communicator-revision"] == str(document.revision)
    assert client.get("/v1/state").json()["submit"] == "open"


@pytest.mark.slow
def test_kill_loses_no_submission_and_delivers_none_twice(
    tmp_path: Path, receiving: Service
) -> None:  # SEND-1, DELIV-21
    service = Service(tmp_path, "sending", settings=FAST).start()
    with receiving.client() as client:
        config = config_of(client, receiving.uri)
        owners: list[LabelOwner | TwoLayerOwner] = [LabelOwner(config).register(client)]
        owners.append(TwoLayerOwner(config).register(client))
    devices = [Device(service, receiving.uri, owner, 1000 * place) for place, owner in enumerate(owners)]
    threads = [threading.Thread(target=device.run) for device in devices]
    for thread in threads:
        thread.start()
    chance = random.Random(7)
    for _ in range(3):
        tickets = sum(len(device.tickets) for device in devices) + chance.randint(5, 30)
        assert eventually(lambda tickets=tickets: sum(len(device.tickets) for device in devices) >= tickets)  # type: ignore[misc]
        service.kill()
        service.start()
    for device in devices:
        device.stopped = True
    for thread in threads:
        thread.join()
    with receiving.client() as client, service.client() as sender:
        for device in devices:
            found = [one.ciphertext for one in arrived(client, device.owner, len(device.tickets), 3 * WAIT_S)]
            assert sorted(found) == sorted(body(number) for number in device.tickets)
            for number, (wanted, ticket) in device.tickets.items():
                assert ticket_of(submit(sender, wanted)) == ticket, number
    service.kill()


class Device:
    """Submits one request after the other, each until it has a ticket."""

    def __init__(self, service: Service, uri: str, owner: LabelOwner | TwoLayerOwner, base: int) -> None:
        self.service, self.uri, self.owner, self.base = service, uri, owner, base
        self.tickets: dict[int, tuple[Submission, str]] = {}
        self.stopped = False

    def run(self) -> None:
        with self.service.client() as client:
            for index in count():
                wanted = submission(self.uri, self.owner.request(index, body(self.base + index)))
                while (ticket := self._submitted(client, wanted)) is None:
                    time.sleep(0.05)
                self.tickets[self.base + index] = (wanted, ticket)
                if self.stopped or len(self.tickets) == 200:
                    return

    def _submitted(self, client: httpx.Client, wanted: Submission) -> str | None:
        try:
            answer = submit(client, wanted)
        except httpx.TransportError:
            return None
        return ticket_of(answer) if answer.status_code == 202 else None
