"""Services that are wrong in one way: something in front of a real one changes a request, or what was answered."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

import httpx
from tests.patience import PATIENCE_S

__all__ = ["FAULTS", "Fault", "wrong_in_one_way"]

PASSED_ON: Final = ("authorization", "content-type", "communicator-tokens")
PASSED_BACK: Final = ("content-type", "communicator-revision", "www-authenticate", "retry-after")


class Answer(NamedTuple):
    """What goes back: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Fault(NamedTuple):
    """What is wrong with one operation of the authorization service, and the check that must see it."""

    operation: str
    check: str
    change: Callable[[Answer], Answer] = lambda answer: answer
    takes_anybody: bool = False


def _failing(answer: Answer) -> Answer:
    return Answer(500, {"content-type": "text/plain"}, b"Traceback") if answer.status == 200 else answer


def _teapot(answer: Answer) -> Answer:
    return answer._replace(status=202) if answer.status == 200 else answer


def _shorter(answer: Answer) -> Answer:
    if answer.status != 200:
        return answer
    found = {name: value for name, value in json.loads(answer.body).items() if name != "revision"}
    return answer._replace(body=json.dumps(found).encode())


def _of_another_kind(answer: Answer) -> Answer:
    return answer._replace(headers={**answer.headers, "content-type": "text/html"}) if answer.status == 200 else answer


def _without_class(answer: Answer) -> Answer:
    return answer._replace(body=b'{"detail": "no"}') if answer.status == 401 else answer


def _of_no_revision(answer: Answer) -> Answer:
    return answer._replace(headers={**answer.headers, "communicator-revision": "new"})


def _never_refuses(answer: Answer) -> Answer:
    blind = {"content-type": "application/octet-stream", "communicator-revision": "1"}
    return Answer(200, blind, bytes(512)) if answer.status == 400 else answer


FAULTS: Final = {
    "answers 500": Fault("allowance", "not_a_server_error", _failing),
    "answers with another status": Fault("allowance", "status_code_conformance", _teapot),
    "leaves a member out": Fault("document", "response_schema_conformance", _shorter),
    "answers in another kind": Fault("issuer", "content_type_conformance", _of_another_kind),
    "has a revision that is none": Fault("allowance", "response_headers_conformance", _of_no_revision),
    "refuses without a class": Fault("allowance", "refused_by_class", _without_class),
    "takes what is malformed": Fault("issue", "negative_data_rejection", _never_refuses),
    "takes anybody": Fault("allowance", "ignored_auth", takes_anybody=True),
}


@contextmanager
def wrong_in_one_way(base: str, fault: Fault, authority: str) -> Iterator[str]:
    """Stand before the service at `base`, with that fault; yields the place to ask."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.close_connection = True
            self.raw_requestline = self.rfile.readline(65_537)
            if self.raw_requestline and self.parse_request():
                self._pass()

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            if fault.takes_anybody:
                headers["authorization"] = authority
            with httpx.Client(base_url=base, timeout=2 * PATIENCE_S) as client:
                got = client.request(self.command, self.path, content=body, headers=headers)
            kept = {name: got.headers[name] for name in PASSED_BACK if name in got.headers}
            answer = fault.change(Answer(got.status_code, kept, got.content))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
