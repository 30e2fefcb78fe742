"""What a server sees of connections: each carries one root, one relationship, or one file."""

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from communicator_impl.client.courier import Courier
from communicator_impl.errors import ServiceError
from communicator_spec import ErrorClass


class Seeing:
    """A server that notes the connection and the headers of each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, set[str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, self.client_address[1], {name.lower() for name in self.headers}))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                body = json.dumps({"submit": "open", "uri": "https://x.example/1", "valid_until": 5}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Seeing]:
    found = Seeing()
    yield found
    found.http.shutdown()
    found.http.server_close()


def test_each_file_has_a_connection_of_its_own(server: Seeing) -> None:  # ATT-10, ATT-15
    courier = Courier()
    courier.takes_submissions(server.uri)
    for _ in range(2):
        courier.store(server.uri, io.BytesIO(bytes(65_536)), 86_400)
        courier.fetch_file(server.uri, "https://x.example/1", 1000)
        courier.download(f"{server.uri}/v1/attachments/1", 1000)
    courier.takes_submissions(server.uri)
    courier.close()
    files = [port for path, port, _ in server.seen if path != "/v1/state"]
    (others,) = {port for path, port, _ in server.seen if path == "/v1/state"}
    assert len({*files, others}) == 7
    sent = {name for _, _, names in server.seen for name in names}
    assert sent <= {"host", "content-length", "content-type"}


def test_each_root_and_each_relationship_has_a_connection_of_its_own(server: Seeing) -> None:  # KNOW-10, KNOW-11
    courier = Courier()
    for _ in range(2):
        for number in range(2):
            courier.confirm(server.uri, bytes([number]) * 32, frozenset({1}))
            with contextlib.suppress(ServiceError):  # this server knows no submission
                courier.progress(server.uri, bytes(16), number)
    courier.close()
    ports = [port for _, port, _ in server.seen]
    assert len(set(ports)) == 4
    assert ports[:4] == ports[4:]
    assert {name for _, _, names in server.seen for name in names} <= {
        "host", "authorization", "content-length", "content-type"
    }  # fmt: skip


@pytest.mark.parametrize(
    "place", ["http://198.51.100.7/a", "ftp://x.example/a", "https://X.example/a", "x", "https://"]
)
def test_a_device_connects_only_to_what_is_an_origin(place: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Courier().download(place, 1000)
    assert caught.value.error_class is ErrorClass.MALFORMED


def test_what_is_longer_than_the_file_is_not_read(server: Seeing) -> None:
    with pytest.raises(ServiceError) as caught:
        Courier().download(f"{server.uri}/v1/attachments/1", 10)
    assert caught.value.error_class is ErrorClass.TOO_LARGE
