"""The suite as a receiving service: what a sending service hands over, and how often (8.3, chapter 6).

Theory. What a request looks like when it arrives, and whether another attempt follows, only the receiver sees. So the
suite listens at a loopback address, for a sending service on the same machine whose operator lets it connect there, and
answers as each test wants: taken, refused, or not at all.

Rules:

1. A request is told by its bytes, which nobody else has; what else arrives is answered `202` and forgotten.
2. Nothing of the sender may arrive with it: every header beyond what HTTP itself needs is named in the failure.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from communicator_conformance.services.cases import Case, Need
from communicator_conformance.services.outcomes import Failed, Skipped, expect
from communicator_conformance.services.sending import submission, submit
from communicator_conformance.services.world import World, settle
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import STATUS, ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["LISTENING", "Listener", "listener"]

_OF_HTTP: Final = {
    *{"host", "content-type", "content-length", "transfer-encoding", "connection", "accept", "accept-encoding"},
    "user-agent",
}
_AGENT_MAX: Final = 64
_RETRY_S: Final = 2.0 * PARAMETERS.delivery.retry_s_min
_QUIET_S: Final = 1.5
_POLL_S: Final = 0.05
_TAKEN: Final = 202
_NOTHING: Final = 0
_BODY_BYTES_MAX: Final = 1 << 20
_LINE_BYTES_MAX: Final = 1 << 10


class Listener:
    """What arrives, by its bytes: headers of each attempt, and the answers that follow each other."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.answers: dict[bytes, list[int]] = {}
        self.seen: dict[bytes, list[dict[str, str]]] = {}

    def expects(self, request: bytes, *answers: int) -> None:
        """Answer the attempts of a request so; the last answer stays."""
        self.answers[request], self.seen[request] = list(answers), []

    def taken(self, request: bytes, headers: dict[str, str]) -> int:
        """Note an attempt and return its answer; 0: none."""
        if request not in self.answers:
            return _TAKEN
        self.seen[request].append(headers)
        answers = self.answers[request]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def attempts(self, request: bytes, count: int, within_s: float) -> list[dict[str, str]]:
        """Wait for so many attempts."""
        return settle(lambda: list(self.seen[request]), lambda seen: len(seen) >= count, within_s)


@contextmanager
def listener(port: int) -> Iterator[Listener]:
    """Listen on a port of the loopback address."""
    found = Listener(f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take one request."""
            body = self._body()
            status = found.taken(body, {name.lower(): value for name, value in self.headers.items()})
            if status == _NOTHING:
                self.close_connection = True
                return
            error_class = next((one for one, code in STATUS.items() if code == status), None)
            problem = b"" if error_class is None else f'{{"class": "{error_class}"}}'.encode()
            self.send_response_only(status)
            self.send_header("content-length", str(len(problem)))
            if problem:
                self.send_header("content-type", "application/problem+json")
            if error_class is ErrorClass.LIMIT:
                self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(problem)

        def _body(self) -> bytes:
            """Read what was sent, whole or in chunks (RFC 9112, section 7.1)."""
            if self.headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(min(int(self.headers.get("content-length", "0")), _BODY_BYTES_MAX))
            parts = bytearray()
            while size := int(self.rfile.readline(_LINE_BYTES_MAX).partition(b";")[0], 16):
                parts += self.rfile.read(min(size, _BODY_BYTES_MAX))
                self.rfile.readline(_LINE_BYTES_MAX)
                if len(parts) > _BODY_BYTES_MAX:
                    raise ConnectionError("more than anybody sends")
            self.rfile.readline(_LINE_BYTES_MAX)
            return bytes(parts)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a connection that breaks off brought nothing."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_S})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(world: World) -> Listener:
    if world.listener is None:
        raise Skipped("needs --listen PORT")
    return world.listener


def _sent(world: World, *answers: int) -> tuple[Listener, bytes, str]:
    """Submit a request to the suite itself, and say how its attempts are answered."""
    there, request = _listening(world), world.draw(512)
    there.expects(request, *answers)
    ticket = submit(world, submission(world, request, uri=there.uri)).must(202).json()["ticket"]
    return there, request, ticket


def _unchanged(world: World) -> None:
    """The bytes are those that were submitted, and no header tells of anybody."""
    there, request, _ = _sent(world, _TAKEN)
    seen = there.attempts(request, 1, world.client.timeout_s)
    expect(bool(seen), "a submission was not handed over unchanged, or not at all", Fault.LOST)
    more = sorted(set(seen[0]) - _OF_HTTP)
    expect(not more, f"a request is handed over with headers that nobody needs: {', '.join(more)}", Fault.TOLD_APART)
    expect(seen[0].get("content-type") == "application/cbor", "a request is handed over as another media type")
    expect(len(seen[0].get("user-agent", "")) <= _AGENT_MAX, "its user agent tells too much", Fault.TOLD_APART)


def _once(status: int) -> Callable[[World], None]:
    """An answer that ends the attempts ends them."""

    def play(world: World) -> None:
        there, request, ticket = _sent(world, status)
        expect(bool(there.attempts(request, 1, world.client.timeout_s)), "a submission was not handed over", Fault.LOST)
        time.sleep(_QUIET_S)
        count = len(there.seen[request])
        expect(count == 1, f"{count} attempts of a submission that was answered {status}", Fault.DOUBLED)
        wanted = "forwarded" if status == _TAKEN else "refused"
        state = world.client.call("sending.submission", path={"ticket": ticket}).must(200).json()["state"]
        expect(state == wanted, f"a submission that was answered {status} is {state}, not {wanted}", Fault.STATE)

    return play


def _again(*statuses: int) -> Callable[[World], None]:
    """No answer, and one that is none, are followed by another attempt with the same bytes."""

    def play(world: World) -> None:
        for status in statuses:
            there, request, _ = _sent(world, status, _TAKEN)
            seen = there.attempts(request, 2, _RETRY_S + world.client.timeout_s)
            what = f"the answer {status}" if status else "no answer"
            if len(seen) < 2:
                raise Failed(Fault.LOST, f"no other attempt after {what}")

    return play


def _case(name: str, clauses: str, play: Callable[[World], None]) -> Case:
    return Case(f"service/sending/handed-over/{name}", tuple(clauses.split()), play, Need.LISTEN)


LISTENING: Final = (
    _case("unchanged", "SEND-9", _unchanged),
    _case("taken-once", "SEND-10", _once(_TAKEN)),
    _case("refused-once", "SEND-10", _once(400)),
    _case("again", "SEND-10 SVC-6", _again(_NOTHING, 503, 429)),
)
