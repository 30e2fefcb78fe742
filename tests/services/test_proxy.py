"""The proxy for attachments: what it hands on, what it cuts off, and what the server that it asks learns."""

import asyncio
import secrets
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore
import httpx
import pytest
from starlette.applications import Starlette

from communicator_impl.errors import PeerError
from communicator_impl.services.database import Database, migrate
from communicator_impl.services.http import Frame, Rates, Work
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.outward import Outward
from communicator_impl.services.part import Kit
from communicator_impl.services.paying import Till
from communicator_impl.services.proxy import ProxyEndpoints, _checked
from communicator_impl.services.waiting import Bells
from communicator_simulations.chaos.certificate import Certificate, certificate_for

PUBLIC = "93.184.216.34"
LARGEST = 64 * 1024 * 1024


class ConnectsHere(httpcore.AsyncNetworkBackend):
    """Brings every connection to one port of the loopback address, whatever public address was judged good."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.inner = httpcore.AnyIOBackend()
        self.asked: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        return await self.inner.connect_tcp("127.0.0.1", self.port, timeout)


class Server:
    """Serves what tests put into `files`, and notes the headers that came."""

    def __init__(self, certificate: Certificate) -> None:
        self.files: dict[str, bytes] = {}
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                if self.path == "/elsewhere":
                    self.send_response(302)
                    self.send_header("location", "https://127.0.0.1/")
                    self.end_headers()
                    return
                data = outer.files.get(self.path)
                self.send_response(404 if data is None else 200)
                if self.path != "/endless":
                    self.send_header("content-length", str(len(data or b"")))
                self.end_headers()
                try:
                    self.wfile.write(data or b"")
                    while self.path == "/endless":
                        self.wfile.write(bytes(1 << 20))
                except OSError:
                    outer.was_cut = True

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.was_cut = False
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = certificate.server().wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return certificate_for(PUBLIC, tmp_path)


@pytest.fixture
def server(certificate: Certificate) -> Iterator[Server]:
    found = Server(certificate)
    yield found
    found.close()


def fetch(server: Server, certificate: Certificate, folder: Path, path: str) -> tuple[httpx.Response, ConnectsHere]:
    """Ask a proxy for one file of the server, as a device does."""

    async def ask() -> tuple[httpx.Response, ConnectsHere]:
        database = Database(f"sqlite:///{folder}/proxy.sqlite3")
        migrate(database)
        network = ConnectsHere(server.http.server_port)
        outward = Outward((), 120.0, certificate.trusted(), network)
        kit = Kit(database, Work(2), Till("proxy.example", {}), Bells(), Log(), Metrics())
        frame = Frame(Rates(100, 100), Metrics(), Log(), lambda: 1)
        transport = httpx.ASGITransport(Starlette(routes=ProxyEndpoints(kit, outward).routes(frame)))
        headers = {"cookie": "a=b", "user-agent": "device", "x-forwarded-for": "198.51.100.7"}
        async with httpx.AsyncClient(transport=transport, base_url="http://proxy.example", timeout=300) as client:
            answer = await client.post("/v1/fetch", json={"uri": f"https://{PUBLIC}{path}"}, headers=headers)
        await outward.close()
        database.close()
        return answer, network

    return asyncio.run(ask())


def test_a_file_is_handed_on_whole(
    server: Server, certificate: Certificate, tmp_path: Path
) -> None:  # RECV-14, RECV-17
    server.files["/file"] = secrets.token_bytes(3 << 20)
    answer, network = fetch(server, certificate, tmp_path, "/file")
    assert answer.status_code == 200
    assert answer.content == server.files["/file"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert network.asked == [PUBLIC]
    assert server.headers == [{"host": PUBLIC}]


@pytest.mark.parametrize("path", ["/nothing", "/elsewhere"])
def test_what_is_not_there_is_unknown(
    server: Server, certificate: Certificate, tmp_path: Path, path: str
) -> None:  # SVC-9
    answer, network = fetch(server, certificate, tmp_path, path)
    assert (answer.status_code, answer.json()["class"]) == (404, "unknown")
    assert len(network.asked) == 1


@pytest.mark.parametrize("path", ["/large", "/endless"])
def test_what_is_too_long_is_cut_off(
    server: Server, certificate: Certificate, tmp_path: Path, path: str
) -> None:  # RECV-16
    server.files = {"/large": bytes(LARGEST + 1), "/endless": b""}
    answer, _ = fetch(server, certificate, tmp_path, path)
    assert (answer.status_code, answer.json()["class"]) == (413, "too-large")


def test_a_server_that_nobody_vouches_for_is_not_read(server: Server, certificate: Certificate, tmp_path: Path) -> None:
    server.files["/file"] = b"forged"
    other = tmp_path / "other"
    other.mkdir()
    answer, _ = fetch(server, certificate_for(PUBLIC, other), tmp_path, "/file")
    assert (answer.status_code, answer.json()["class"]) == (404, "unknown")


@pytest.mark.parametrize(
    "uri", ["http://example.org/a", "http://10.0.0.1/a", "http://localhost/a", "http://user@127.0.0.1/a"]
)
def test_what_an_operator_did_not_name_on_its_machine_has_to_be_https(uri: str) -> None:  # RECV-15
    named = frozenset({"127.0.0.1", "example.org", "10.0.0.1"})
    assert _checked("http://127.0.0.1:8420/a", named)
    assert _checked("https://example.org/a", named)
    with pytest.raises(PeerError):
        _checked(uri, named)
