"""A service that writes down what it hears, and what it answers: the far side of a relay."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Heard(NamedTuple):
    path: str
    body: bytes


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.heard: list[Heard] = []
        self.broken = 0
        self.go_on = threading.Event()
        self.go_on.set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        self.broken += 1


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_GET(self) -> None:
        self.server.go_on.wait()
        self.server.heard.append(Heard(self.path, b""))
        if self.path == "/chunks":
            self._answer(b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n", "transfer-encoding", "chunked")
        elif self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
        else:
            self._answer(b"y" * 1000, "content-length", "1000")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if len(body) < int(self.headers["content-length"]):
            raise ConnectionError("cut")
        self.server.heard.append(Heard(self.path, body))
        self._answer(body, "content-length", str(len(body)))

    def _answer(self, body: bytes, name: str, value: str) -> None:
        self.send_response(200)
        self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()
