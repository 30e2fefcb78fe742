"""Two instances on one PostgreSQL: what is spent, stored, queued and told is shared, and one may die."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.patience import eventually
from tests.services.issuer import Issuer, issuing
from tests.services.owning import LabelOwner, TwoLayerOwner, accept, arrived, body, config_of, settled
from tests.services.ports import free_port
from tests.services.postgres import postgres
from tests.services.running import Service
from tests.services.test_sending import FAST, WAIT_S, submission, submit, ticket_of

from communicator_impl.tokens import Purpose

Pair = tuple[Service, Service]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Pair]:
    settings = {**FAST, "COMMUNICATOR_SENDING_TOKENS": f'{{upload = ["{issuer.uri}"]}}'}
    folder, uri = tmp_path_factory.mktemp("instances"), f"http://127.0.0.1:{free_port()}"
    with postgres() as database:
        first, second = (Service(folder, "both", database=database, uri=uri, settings=settings) for _ in range(2))
        with ThreadPoolExecutor(2) as pool:  # both bring the database up to date at once
            list(pool.map(Service.start, (first, second)))
        with first, second:
            yield first, second


@pytest.fixture
def clients(pair: Pair) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with pair[0].client() as first, pair[1].client() as second:
        yield first, second


def test_both_publish_the_same_document(clients: tuple[httpx.Client, httpx.Client]) -> None:  # SVC-17, SVC-18
    found = [client.get("/.well-known/communicator.json") for client in clients]
    assert found[0].content == found[1].content
    assert found[0].headers["communicator-revision"] == found[1].headers["communicator-revision"]


@pytest.mark.parametrize("profile", [LabelOwner, TwoLayerOwner])
def test_an_address_is_spent_once_wherever_it_is_posted(
    pair: Pair, clients: tuple[httpx.Client, httpx.Client], profile: type[LabelOwner] | type[TwoLayerOwner]
) -> None:  # ADDR-17, ADDR-28
    first, second = clients
    owner = profile(config_of(first, pair[0].uri)).register(first)
    for index in range(40):
        requests = [owner.request(index, body(2 * index + n)) for n in range(2)]
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(accept, clients, requests)
        assert list(answers) == [202, 202]
    settled(second, owner, 40)
    for service in pair:
        service.resolves()
    found = owner.fetch(second)
    assert sorted(one.index for one in found) == list(range(40))
    assert [one.number for one in found] == sorted({one.number for one in found})


def test_whoever_waits_hears_what_another_instance_stores(
    pair: Pair, clients: tuple[httpx.Client, httpx.Client]
) -> None:  # RECV-12
    first = clients[0]
    owner = LabelOwner(config_of(first, pair[0].uri)).register(first)
    with ThreadPoolExecutor(1) as pool, pair[1].client() as other:
        waiting = pool.submit(owner.fetch, other, WAIT_S)
        pair[1].waits(1)
        accepted_s = time.monotonic()
        assert accept(first, owner.request(0, body(0))) == 202
        assert len(waiting.result()) == 1
    assert time.monotonic() - accepted_s < WAIT_S - 5  # it was told; at the end of its time it would have looked


def test_what_another_instance_resolves_is_not_waited_for(pair: Pair) -> None:  # SEC-8
    for service in pair:
        service.resolves()


def test_a_submission_has_one_ticket_at_both(clients: tuple[httpx.Client, httpx.Client]) -> None:  # SEND-2, DELIV-25
    for number in range(10):
        wanted = submission(f"http://127.0.0.1:{free_port()}", bytes([number]))
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(submit, clients, (wanted, wanted)))
        assert len({ticket_of(answer) for answer in answers}) == 1


def test_a_token_is_spent_once_wherever_it_is_shown(
    pair: Pair, clients: tuple[httpx.Client, httpx.Client], issuer: Issuer
) -> None:  # TOK-15
    origin = pair[0].uri.partition("://")[2]
    for number in range(6):
        shown = {"content-type": "application/octet-stream", **issuer.header(Purpose.UPLOAD, origin)}

        def upload(place: int, shown: dict[str, str] = shown, number: int = number) -> int:
            data = bytes([number, place]) * 32_768
            answer = clients[place].post("/v1/attachments?lifetime=86400", content=data, headers=shown)
            return answer.status_code

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(upload, (0, 1))) == [201, 409]


@pytest.mark.slow
def test_one_instance_may_die_under_load(pair: Pair, clients: tuple[httpx.Client, httpx.Client]) -> None:  # RECV-1
    first, second = pair
    config = config_of(clients[1], first.uri)
    owner = TwoLayerOwner(config).register(clients[1])
    acknowledged: set[bytes] = set()
    lock, stopped = threading.Lock(), threading.Event()

    def bring(place: int) -> None:
        with first.client() as one, second.client() as other:
            for index in range(place, 800, 4):
                request = owner.request(index, body(index))
                while not _taken((one, other)[index // 4 % 2], request) and not stopped.is_set():
                    time.sleep(0.02)
                if stopped.is_set():
                    return
                with lock:
                    acknowledged.add(body(index))

    threads = [threading.Thread(target=bring, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        wanted = len(acknowledged) + 30
        assert eventually(lambda wanted=wanted: len(acknowledged) >= wanted)  # type: ignore[misc]
        first.kill()
        first.start()
    stopped.set()
    for thread in threads:
        thread.join()
    for service in pair:
        service.resolves()
    found = [one.ciphertext for one in arrived(clients[1], owner, len(acknowledged))]
    assert len(found) == len(set(found))
    assert acknowledged <= set(found)
    assert len(acknowledged) >= 60


def _taken(client: httpx.Client, request: bytes) -> bool:
    try:
        return accept(client, request) == 202
    except httpx.TransportError:
        return False
