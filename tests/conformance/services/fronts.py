"""What stands before a real service and is wrong in one way: it changes a request, an answer, or does not pass it on.

Theory. A suite is worth what it finds. So a real service runs behind a front on the origin that it names, and the front
breaks one promise of the standard at a time. Without a fault it passes everything on, and everything has to pass.

Rules:

1. Whether an address is live the front learns from who seals (`Watching`) and from what is registered through it: the
   bytes of a request do not tell.
2. Only one fault is in force at a time.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import httpx

from communicator_conformance.protocol import Accepted, Answer
from communicator_conformance.services.world import unbase64url
from communicator_conformance.testee import Testee

__all__ = ["Asked", "Change", "Front", "Given", "Watching", "fronted"]

_HOP = ("connection", "content-length", "host", "transfer-encoding", "date", "server")


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Given(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Change(NamedTuple):
    """What a fault does: with a request before it is passed on, or in its place, and with an answer."""

    ask: "Callable[[Front, Asked], Asked | Given | None]" = lambda front, asked: asked
    give: "Callable[[Front, Asked, Given], Given]" = lambda front, asked, given: given


class Watching(Testee):
    """A partner program that remembers with which epoch key each request was sealed."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command)
        self._labels: dict[object, bytes] = {}
        self.sealed: dict[bytes, bytes] = {}

    def ask(self, op: str, now: int, entropy: str, args: Mapping[str, object]) -> Answer:
        answer = super().ask(op, now, entropy, args)
        if isinstance(answer, Accepted) and op == "label.derive":
            self._labels[answer.result["label"]] = bytes.fromhex(str(args["key"]))
        if isinstance(answer, Accepted) and op == "envelope.seal" and args["address"] in self._labels:
            self.sealed[bytes.fromhex(str(answer.result["envelope"]))] = self._labels[args["address"]]
        return answer


class Front:
    """Stands at `uri` before what listens at `base`."""

    def __init__(self, uri: str, base: str, partner: Watching) -> None:
        self.uri, self.partner = uri, partner
        self.change = Change()
        self.count = 0
        self.kept: dict[str, Given] = {}
        self._epochs: set[bytes] = set()
        self._http = httpx.Client(base_url=base, timeout=70)
        self._later: queue.Queue[Asked | None] = queue.Queue()
        self._passing = threading.Thread(target=self._pass_later)
        self._passing.start()

    def breaks(self, change: Change) -> None:
        """Put a fault in force."""
        self.change, self.count, self.kept = change, 0, {}

    def is_unknown(self, asked: Asked) -> bool:
        """Tell whether a request is sealed to a label of an epoch that nobody registered."""
        key = self.partner.sealed.get(asked.body)
        return key is not None and key not in self._epochs

    def answered(self, asked: Asked) -> Given | None:
        """Answer a request; None: not at all."""
        self.count += 1
        changed = self.change.ask(self, asked)
        if not isinstance(changed, Asked):
            return changed
        if changed.path == "/v1/epochs" and changed.body[:1] == b"{":
            self._epochs.add(unbase64url(json.loads(changed.body)["key"]))
        return self.change.give(self, asked, self.passed(changed))

    def passed(self, asked: Asked) -> Given:
        """Ask the service itself."""
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP}
        try:
            got = self._http.request(asked.method, asked.path, headers=headers, content=asked.body)
        except httpx.TransportError:
            return Given(502, {})
        return Given(got.status_code, {n: v for n, v in got.headers.items() if n not in _HOP}, got.content)

    def pass_later(self, asked: Asked) -> None:
        """Put a request aside, to be passed on in its turn."""
        self._later.put(asked)

    def forget(self) -> None:
        """Lose what was put aside, as a process does that is killed."""
        while not self._later.empty():
            self._later.get()

    def _pass_later(self) -> None:
        while (asked := self._later.get()) is not None:
            time.sleep(0.2)
            self.passed(asked)

    def close(self) -> None:
        """End what runs."""
        self.forget()
        self._later.put(None)
        self._passing.join()
        self._http.close()


@contextmanager
def fronted(port: int, base: str, partner: Watching) -> Iterator[Front]:
    """Stand on a port of the loopback address before the service at `base`."""
    front = Front(f"http://127.0.0.1:{port}", base, partner)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            given = front.answered(Asked(self.command, self.path, headers, body))
            if given is None:
                self.close_connection = True
                return
            self.send_response_only(given.status)
            self.send_header("date", self.date_time_string())
            for name, value in given.headers.items():
                self.send_header(name, value)
            if given.status != 204:
                self.send_header("content-length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)
            self.wfile.flush()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: who asked may be gone."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        front.close()
