"""Load and judge of a sending service: devices that submit and upload, and a receiving service that is a counter.

What is judged: each submission with a ticket reaches the destination or is refused by it, and its state says so; the
same submission with the same token has the same ticket, byte for byte, another one with that token has none; it is
posted again only when a process was killed in between; an upload that was answered is there until it is deleted, and
never after.
"""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import TracebackType
from typing import Self

from tests.services.issuer import Issuer
from tests.services.killing.world import Answer, Link, Loader, World
from tests.services.owning import CBOR, now_s

from communicator_impl.document import unbase64url
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose

OCTETS = {"content-type": "application/octet-stream"}
CHUNK = 65_536
LASTS_S = 1800
KEPT = 12
LATE_S = 10.0
"""A destination may come to what it was sent when who sent it is dead."""


class Destination:
    """Answers as a receiving service does: takes most, refuses some, and is silent now and then the first time."""

    def __init__(self) -> None:
        self.taken: dict[bytes, list[float]] = {}
        self.refused: set[bytes] = set()
        self._silenced: set[bytes] = set()
        self._lock = threading.Lock()
        destination = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                status, answer = destination.judge(data)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Whoever posted was killed."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def judge(self, data: bytes) -> tuple[int, bytes]:
        """Choose an answer by the digest of a request."""
        choice = hashlib.sha256(data).digest()[0]
        with self._lock:
            if choice < 16 and data not in self._silenced:
                self._silenced.add(data)
                return 503, b""
            if choice >= 240:
                self.refused.add(data)
                return 403, b'{"class": "refused"}'
            self.taken.setdefault(data, []).append(time.monotonic())
            return 202, b""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Submitting(Loader):
    """A device that submits, asks what became of it, and repeats itself."""

    def __init__(
        self, world: World, name: str, link: Link, destination: Destination, issuer: Issuer, origin: str
    ) -> None:
        super().__init__(world, name, link)
        self._destination, self._issuer, self._origin = destination, issuer, origin
        self._tickets: dict[str, bytes] = {}
        self._kept: list[tuple[Submission, dict[str, str], Answer]] = []
        self._over: dict[str, str] = {}

    def step(self) -> None:
        """Submit once, and look at earlier ones."""
        paid = self._issuer.header(Purpose.SUBMIT, self._origin) | CBOR
        wanted = self._submission()
        answer = self.link.ask("POST", "/v1/submit", wanted.encode(), paid)
        self.expect(answer.status == 202, f"a submission is answered {answer.status} {answer.body!r}")
        if answer.status != 202:
            return
        self._tickets[json.loads(answer.body)["ticket"]] = wanted.request
        self.world.count("submitted")
        self._kept.append((wanted, paid, answer))
        self._repeat(self.chance.choice(self._kept))
        del self._kept[: -2 * KEPT]
        self._look(self.chance.choice(list(self._tickets)))

    def finish(self) -> None:
        """Each submission came to its end, the one that the destination saw."""
        for kept in self._kept[-KEPT:]:
            self._repeat(kept)
        late = [ticket for ticket in self._tickets if not self._ended(ticket)]
        self.expect(not late, f"{len(late)} of {len(self._tickets)} submissions never ended")
        for ticket, state in self._over.items():
            self._compare(self._tickets[ticket], state)

    def _submission(self) -> Submission:
        text = self.chance.randbytes(200)
        return Submission(self._destination.uri, text, (now_s() + LASTS_S) * 1000, 0)

    def _repeat(self, kept: tuple[Submission, dict[str, str], Answer]) -> None:
        wanted, paid, before = kept
        self.expect(self.link.ask("POST", "/v1/submit", wanted.encode(), paid) == before, "another answer to the same")
        if self.chance.random() < 0.2:
            other = self.link.ask("POST", "/v1/submit", self._submission().encode(), paid)
            self.expect(other.status == 409, f"a token pays for another submission: {other.status}")

    def _look(self, ticket: str) -> str:
        answer = self.link.ask("GET", f"/v1/submissions/{ticket}")
        state: str = json.loads(answer.body)["state"]
        before = self._over.get(ticket, state)
        self.expect(state == before, f"a submission was {before} and is {state}")
        if state != "queued":
            self._over[ticket] = state
        return state

    def _ended(self, ticket: str) -> bool:
        return ticket in self._over or self.eventually(lambda: self._look(ticket) != "queued", 240)

    def _compare(self, request: bytes, state: str) -> None:
        posted = self._destination.taken.get(request, [])
        self.expect((state == "forwarded") == bool(posted), f"{state}, and posted {len(posted)} times")
        self.expect((state == "refused") == (request in self._destination.refused), f"{state} without a refusal")
        for first, second in pairwise(posted):
            self.world.count("posted again")
            self.expect(
                self.world.killed_between(first - LATE_S, second),
                f"posted again after {second - first:.1f} s, and nobody was killed",
            )


class Uploading(Loader):
    """A device that uploads, downloads and deletes."""

    def __init__(self, world: World, name: str, link: Link, issuer: Issuer, origin: str) -> None:
        super().__init__(world, name, link)
        self._issuer, self._origin = issuer, origin
        self._there: dict[str, tuple[bytes, str]] = {}
        self._gone: list[str] = []

    def step(self) -> None:
        """Upload one, and download or delete another."""
        paid = self._issuer.header(Purpose.UPLOAD, self._origin) | OCTETS
        data = self.chance.randbytes(CHUNK)
        answer = self.link.ask("POST", "/v1/attachments?lifetime=86400", data, paid)
        self.expect(answer.status == 201, f"an upload is answered {answer.status} {answer.body!r}")
        again = self.link.ask("POST", "/v1/attachments?lifetime=86400", data, paid)
        self.expect(again == answer, "another answer to the same upload")
        found = json.loads(answer.body)
        path = found["uri"].partition("/v1/")[2]
        self._there[f"/v1/{path}"] = (hashlib.sha256(data).digest(), found["delete_key"])
        self.world.count("uploaded")
        chosen = self.chance.choice(list(self._there))
        self._download(chosen)
        if len(self._there) > KEPT:
            self._remove(chosen)

    def finish(self) -> None:
        """What is not deleted is there, and what is deleted is not."""
        for path in self._there:
            self._download(path)
        for path in self._gone[-KEPT:]:
            self._is_gone(path)

    def _download(self, path: str) -> None:
        answer = self.link.ask("GET", path)
        same = hashlib.sha256(answer.body).digest() == self._there[path][0]
        self.expect(answer.status == 200 and same, f"an upload is answered {answer.status}, same bytes: {same}")

    def _remove(self, path: str) -> None:
        _, key = self._there.pop(path)
        assert len(unbase64url(key)) == 32
        self.link.ask("DELETE", path, None, {"authorization": f"Bearer {key}"})
        self._gone.append(path)
        self._is_gone(path)
        self.world.count("deleted")

    def _is_gone(self, path: str) -> None:
        status = self.link.ask("GET", path).status
        self.expect(status == 404, f"a deleted upload is answered {status}")
