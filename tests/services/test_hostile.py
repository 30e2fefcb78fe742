"""Slow connections, junk and overlong requests: a service stays open to others, in bounded memory (SEC-8)."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S
from tests.services.hostile import SLOW, STAY, UNREAD, Honest, memory_bytes, sent_junk, slowed
from tests.services.owning import CBOR
from tests.services.running import Service
from tests.services.strangers import Line, Senders, http_request, post

from communicator_impl.errors import PeerError
from communicator_impl.services.http import Rates
from communicator_impl.services.listening import HEAD_S

MEGABYTE = 1 << 20


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, "receiving") as running:
        yield running


@pytest.mark.slow
def test_slow_connections_are_cut_and_others_are_served(service: Service) -> None:  # SEC-8
    found = slowed(service, 270, stay=(*STAY, UNREAD), honest=3)  # an unread answer is the operating system's to cut
    assert set(SLOW) - set(found.cut_after_s) <= {*STAY, UNREAD}
    assert {kind: found.left.get(kind, 0) for kind in found.cut_after_s if kind != UNREAD} == {
        kind: 0 for kind in found.cut_after_s if kind != UNREAD
    }
    assert min(low for low, _ in found.cut_after_s.values()) > HEAD_S - 2  # nobody is cut who is only not quick
    assert found.served >= 1, "while none of them was cut"
    assert found.memory_most_bytes - found.memory_before_bytes < 64 * MEGABYTE


def test_more_idle_connections_than_the_queue_has_room_close_nothing(service: Service) -> None:  # SEC-8
    idle = [socket.create_connection(("127.0.0.1", service.port), PATIENCE_S) for _ in range(1200)]
    with Line(service.port) as line:
        assert line.ask(http_request("GET", "/.well-known/communicator.json")).status == 200
    for one in idle:
        one.close()


@pytest.mark.slow
def test_junk_costs_bounded_memory_and_gets_one_answer_of_each_class(service: Service) -> None:  # SEC-8, ENV-8, ENV-12
    found = sent_junk(service, 20_000, honest=3)
    assert {status: different for status, (_, different) in found.answers.items()} == {202: 1, 400: 1, 413: 1}
    assert sum(times for times, _ in found.answers.values()) > 0.99 * 20_000
    assert found.memory_most_bytes - found.memory_before_bytes < 48 * MEGABYTE
    assert found.storage_most_bytes - found.storage_before_bytes < 128 * MEGABYTE
    assert found.delivered_during_s < found.seconds / 4, "it does not wait for the end of the junk"


def test_beyond_its_rate_an_address_gets_one_answer_whatever_it_sends(tmp_path: Path) -> None:  # ENV-12, SVC-5
    slow = {"COMMUNICATOR_SERVICE_ADDRESS_PER_S": "0.001", "COMMUNICATOR_SERVICE_ADDRESS_BURST": "2000"}
    with Service(tmp_path, "receiving", settings=slow) as service, service.client() as client:
        senders, seen = Senders(client, service, random.Random(1)), set()
        requests = [senders.make(kind) for kind in ("valid", "replayed", "garbage")] + [
            post(b"junk"),
            post(bytes(5000)),
        ]
        with Line(service.port) as line:
            while line.ask(post(b"")).status != 429:
                pass
            seen = {line.ask(request).data for request in requests}
    assert len(seen) == 1
    assert b"retry-after: " in next(iter(seen)).lower()


def test_addresses_have_no_more_buckets_than_there_is_room_for() -> None:  # SEC-8
    rates = Rates(1, 1, clock=lambda: 0.0)
    for number in range(100_000):
        rates.take(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}")
    assert len(rates._buckets) <= 1 << 16
    with pytest.raises(PeerError):
        rates.take("2001:db8:1:869f")  # the last ones are remembered


OVERLONG = {
    "head of a megabyte": (http_request("GET", "/v1/messages", {"x": "a" * MEGABYTE}), {431, 0}),
    "head of sixty kilobytes": (http_request("GET", "/v1/messages", {"x": "a" * 60_000}), {401}),
    "two thousand lines": (http_request("GET", "/v1/messages", {f"x{i}": "" for i in range(2000)}), {431, 0}),
    "parameters": (http_request("GET", "/v1/messages?" + "&".join(f"a{i}=1" for i in range(5000))), {401}),
    "path of a megabyte": (http_request("GET", "/" + "a" * MEGABYTE), {414, 431, 400, 0}),
    "one byte a chunk": (
        http_request("POST", "/v1/accept", CBOR | {"transfer-encoding": "chunked"}).replace(
            b"content-length: 0\r\n", b""
        )
        + b"1\r\nx\r\n" * 4200
        + b"0\r\n\r\n",
        {413},
    ),
    "no request": (bytes(MEGABYTE), {400, 0}),
}


def test_what_is_overlong_is_refused_in_bounded_memory(service: Service) -> None:  # SEC-8
    Honest(service).delivered_s(1)  # whatever loads late is there

    def sent() -> int:
        for name, (data, wanted) in OVERLONG.items():
            assert _asked(service.port, data) in wanted, name
        return memory_bytes(service.pid)

    before = sent()
    for _ in range(12):
        sent()
    assert memory_bytes(service.pid) - before < 32 * MEGABYTE
    with Line(service.port) as line:
        assert line.ask(http_request("GET", "/.well-known/communicator.json")).status == 200


def _asked(port: int, data: bytes) -> int:
    """Return the status of the answer; 0: the connection ended without one."""
    with Line(port) as line:
        try:
            return line.ask(data).status
        except OSError:
            return 0
