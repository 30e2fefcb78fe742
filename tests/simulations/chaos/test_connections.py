"""Each fault of a connection, alone: what the client sees, what the service hears, and that it is counted."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.patience import PATIENCE_S, eventually
from tests.simulations.chaos.heard import Heard, Listener, listening

from communicator_simulations.chaos.certificate import Certificate, certificate_for
from communicator_simulations.chaos.connections import Fault, Relay, Trouble

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BODY = bytes(range(256)) * 4


class Way:
    """A client, a relay and a service."""

    def __init__(self, relay: Relay, service: Listener, certificate: Certificate | None = None) -> None:
        self.relay, self.service = relay, service
        self.port = relay.open(service.port)
        self._trusted = certificate.trusted() if certificate else NOBODY

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.relay.uri(self.port), timeout=PATIENCE_S, verify=self._trusted)

    def post(self, path: str = "/one", body: bytes = BODY) -> bytes:
        with self.client() as client:
            return client.post(path, content=body).content

    def meets(self, fault: Fault, *, path: str = "/", amount_s: float = PATIENCE_S) -> None:
        self.relay.trouble(self.port, Trouble(fault, path=path, amount_s=amount_s))

    def breaks(self) -> None:
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
            self.post()


@pytest.fixture
def way() -> Iterator[Way]:
    with listening() as service, Relay(7) as relay:
        yield Way(relay, service)


@pytest.fixture
def private_way(tmp_path: Path) -> Iterator[Way]:
    made = certificate_for("127.0.0.1", tmp_path)
    with listening() as service, Relay(7, made) as relay:
        yield Way(relay, service, made)


def test_without_faults_everything_goes_through(way: Way) -> None:
    with way.client() as client:
        for _ in range(3):
            assert client.post("/one", content=BODY).content == BODY
            assert client.get("/chunks").content == b"abcdef"
            assert client.get("/nothing").status_code == 204
    assert len(way.service.heard) == 9
    assert not way.relay.fired


def test_a_reset_request_is_never_heard(way: Way) -> None:
    way.meets(Fault.RESET)
    way.breaks()
    assert way.service.heard == []
    assert way.relay.fired == {Fault.RESET: 1}


def test_a_silent_way_says_nothing_until_the_client_gives_up(way: Way) -> None:
    way.meets(Fault.SILENCE)
    with way.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/one", content=BODY, timeout=0.1)
    assert eventually(lambda: way.relay.fired == {Fault.SILENCE: 1})
    assert way.service.heard == []


def test_a_lost_answer_is_one_to_a_request_that_was_heard(way: Way) -> None:
    way.meets(Fault.LOST_ANSWER)
    way.breaks()
    assert way.service.heard == [Heard("/one", BODY)]
    assert way.relay.fired == {Fault.LOST_ANSWER: 1}


def test_a_delayed_request_is_heard_later(way: Way) -> None:
    way.meets(Fault.DELAY, amount_s=0.05)
    assert way.post() == BODY
    assert way.relay.fired == {Fault.DELAY: 1}


def test_a_duplicate_is_the_same_request_heard_twice(way: Way) -> None:
    way.meets(Fault.DUPLICATE)
    assert way.post() == BODY
    assert eventually(lambda: way.relay.fired == {Fault.DUPLICATE: 1}), way.relay.fired
    assert way.service.heard == [Heard("/one", BODY)] * 2


def test_of_two_requests_the_later_one_is_heard_first(way: Way) -> None:
    way.meets(Fault.REORDER, path="/first")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(way.post, "/first/a")
        assert eventually(lambda: way.relay.held(way.port) == 1)
        way.relay.calm()
        assert way.post("/other") == BODY  # of no matter to it
        assert way.post("/first/b") == BODY
        assert first.result() == BODY
    assert [path for path, _ in way.service.heard] == ["/other", "/first/b", "/first/a"]
    assert way.relay.fired == {Fault.REORDER: 1}


def test_what_nothing_overtakes_was_not_reordered(way: Way) -> None:
    way.meets(Fault.REORDER, amount_s=0.05)
    assert way.post() == BODY
    assert not way.relay.fired[Fault.REORDER]


def test_half_a_request_is_none(way: Way) -> None:
    way.meets(Fault.CUT_REQUEST)
    way.breaks()
    assert eventually(lambda: way.service.broken == 1)
    assert way.service.heard == []
    assert way.relay.fired == {Fault.CUT_REQUEST: 1}


def test_half_an_answer_is_none(way: Way) -> None:
    way.meets(Fault.CUT_ANSWER)
    way.breaks()
    assert way.service.heard == [Heard("/one", BODY)]
    assert way.relay.fired == {Fault.CUT_ANSWER: 1}


def test_a_slow_way_changes_nothing(way: Way) -> None:
    way.meets(Fault.THROTTLE, amount_s=0.05)
    assert way.post() == BODY
    assert way.relay.fired == {Fault.THROTTLE: 1}


def test_a_flipped_bit_below_tls_breaks_the_connection_and_is_never_heard(private_way: Way) -> None:
    way = private_way
    assert way.post() == BODY
    way.meets(Fault.CORRUPT)
    for _ in range(10):
        with way.client() as client, pytest.raises(httpx.TransportError):
            client.post("/one", content=BODY, timeout=0.5)  # a longer record than it is keeps waiting
    assert way.service.heard == [Heard("/one", BODY)]
    assert eventually(lambda: way.relay.fired[Fault.CORRUPT] >= 10)
    way.relay.calm()
    assert way.post() == BODY


def test_below_tls_whole_requests_are_known_too(private_way: Way) -> None:
    private_way.meets(Fault.LOST_ANSWER, path="/one")
    private_way.breaks()
    assert private_way.service.heard == [Heard("/one", BODY)]
    assert private_way.post("/two") == BODY


def test_without_tls_nothing_is_changed_on_the_way(way: Way) -> None:
    changed = {a ^ b for a, b in zip(b'{"numbers": [1]}', b'{"numbers": [3]}', strict=True)}
    assert changed == {0, 1 << 1}  # one bit, and another message is deleted
    with pytest.raises(ValueError, match="without TLS"):
        way.meets(Fault.CORRUPT)


def test_a_share_of_the_requests_and_a_path(way: Way) -> None:
    way.relay.trouble(way.port, Trouble(Fault.DELAY, share=0.5, path="/one", amount_s=0.0))
    with way.client() as client:
        for _ in range(40):
            client.post("/one", content=b"")
            client.post("/two", content=b"")
    assert 5 < way.relay.fired[Fault.DELAY] < 35


def test_a_service_that_ended_is_one_that_breaks_connections_until_it_is_back(way: Way) -> None:
    with listening() as gone:
        port = gone.port
    way.relay.aim(way.port, port)
    way.breaks()
    way.relay.aim(way.port, way.service.port)
    assert way.post() == BODY


def test_a_service_hears_no_more_of_a_client_that_went_away(way: Way) -> None:
    way.service.go_on.clear()
    with way.client() as client, pytest.raises(httpx.ReadTimeout):
        client.get("/waits", timeout=0.1)
    way.service.go_on.set()
    assert way.post() == BODY
