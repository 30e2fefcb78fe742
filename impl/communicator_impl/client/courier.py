"""What a device asks services for, over HTTP: documents, stores, submissions; one method each.

Theory. Every request may be repeated (SVC-7), so a failure is one of two things: no answer, which may be different in
a minute, or a refusal, which will not. Nothing of this decides what happens then.

Rules:

1. No answer, status 5xx and 429 raise `Silent`; any other refusal `ServiceError` with the class that the service named.
2. No redirection is followed, and no answer is read beyond its limit (SVC-9).
3. Connections are kept, and each carries one thing: what is done for one root (KNOW-10), or one relationship's
   submissions (KNOW-11). They share no cookie, and send no header that the request does not need.
4. What speaks HTTP is loaded with the first request: a command that asks nobody does not wait for it.
5. A file travels over a connection that carries nothing else (ATT-10, ATT-15).
"""

import json
import socket
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import cache
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from communicator_impl import pace, wire
from communicator_impl.document import Document, base64url, unbase64url
from communicator_impl.envelope import Delivery
from communicator_impl.errors import PeerError, ServiceError
from communicator_impl.particle_fields import IssueGrant, RegisterRoot, Request
from communicator_impl.queue_entry import State
from communicator_impl.root_record import Item, item_of
from communicator_impl.submission import Submission
from communicator_impl.tokens import Token, authorization
from communicator_spec import ErrorClass
from communicator_spec.origin import is_origin
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Courier", "Progress", "Silent", "Stored", "class_of", "shown", "verifier"]

_V, _E = PARAMETERS.service, PARAMETERS.envelope
_ANSWER_BYTES_MAX: Final = 1 << 26
_TIMEOUT_S: Final = 15.0
_DELIVERY_BYTES_MAX: Final = _E.request_bytes_max
_ITEMS_MAX: Final = 1 << 16
_BUSY: Final = 429
_BROKEN: Final = 500
_FETCHED_S: Final = 330.0  # longer than a proxy tries


class Silent(ServiceError):
    """A service that does not answer, or cannot at the moment."""


class Progress(NamedTuple):
    """What a sending service says of a submission."""

    state: State
    unreachable: bool


class Stored(NamedTuple):
    """Where a sending service keeps an upload, and until when, in seconds."""

    uri: str
    valid_until_s: int


class Courier:
    """All connections of one device."""

    def __init__(self, clock: Callable[[], int] = pace.now_ms) -> None:
        self._clock = clock
        self._clients: dict[tuple[str, bytes], httpx.Client] = {}
        self.ahead_s: dict[str, int] = {}  # how far the clock was ahead of each origin's at its last answer

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def document(self, uri: str) -> bytes:
        """Return what an origin publishes; what does not speak for this origin raises."""
        data = self._ask(uri, "GET", _V.document_path)
        try:
            Document.decode(data, uri)
        except PeerError as error:
            raise ServiceError(error.error_class, "document") from error
        return data

    def carry_out(self, uri: str, request: Request, token: Token | None = None) -> None:
        """Register, issue or revoke at an own receiving service; `token` pays for a root (RECV-5)."""
        if isinstance(request, RegisterRoot):
            named: dict[str, object] = {"root": base64url(request.root), "access_key": base64url(request.access_key)}
            key = request.verify_key
            proof: dict[str, object] = {"profile": 2} if key is None else {"profile": 1, "verify_key": base64url(key)}
            self._post(uri, "/v1/roots", named | proof, apart=request.access_key, tokens=shown(token))  # ADDR-6
        elif isinstance(request, IssueGrant):
            g = request.grant
            numbers: dict[str, object] = {
                "epoch": g.epoch,
                "valid_until": g.valid_until_s,
                "capacity": g.capacity,
                "lanes": g.lanes,
            }
            self._post(uri, "/v1/epochs", numbers | {"key": base64url(g.key)}, request.access_key)
        else:
            self._post(uri, "/v1/revoke", {}, request.access_key)

    def fetch(self, uri: str, access_key: bytes, wait_s: int | None = None) -> list[Item]:
        """Return what is stored for one root; with `wait_s`, as soon as there is something."""
        target = "/v1/messages" if wait_s is None else f"/v1/messages?wait={wait_s}"
        data = self._ask(uri, "GET", target, access_key, timeout_s=_TIMEOUT_S + (wait_s or 0))
        try:
            return [item_of(Delivery.decode(one)) for one in wire.sequence(data, _ITEMS_MAX, _DELIVERY_BYTES_MAX)]
        except PeerError as error:
            raise ServiceError(error.error_class, "deliveries") from error

    def confirm(self, uri: str, access_key: bytes, numbers: frozenset[int]) -> None:
        """Say that these are durable here: the service deletes them."""
        self._post(uri, "/v1/confirm", {"numbers": sorted(numbers)}, access_key)

    def submit(self, uri: str, submission: Submission, relationship: int, token: Token | None = None) -> bytes:
        """Hand a submission over; return its ticket."""
        apart, headers = b"%d" % relationship, _CBOR | shown(token)
        data = self._ask(uri, "POST", "/v1/submit", content=submission.encode(), headers=headers, apart=apart)
        return _octets(_member(data, "ticket"))

    def progress(self, uri: str, ticket: bytes, relationship: int) -> Progress:
        """Ask what became of a submission."""
        data = self._ask(uri, "GET", f"/v1/submissions/{base64url(ticket)}", apart=b"%d" % relationship)
        try:
            return Progress(State(str(_member(data, "state"))), _member(data, "unreachable") is True)
        except ValueError as error:
            raise ServiceError(ErrorClass.MALFORMED, "state") from error

    def takes_submissions(self, uri: str) -> bool:
        """Tell whether a sending service takes submissions now."""
        return _member(self._ask(uri, "GET", "/v1/state"), "submit") != "closed"

    # ---------------------------------------------------------------- files

    def store(self, uri: str, ciphertext: IO[bytes], lifetime_s: int, *tokens: Token | None) -> Stored:
        """Upload a ciphertext; the same one again gives the same answer (SVC-7)."""
        target, kind = f"/v1/attachments?lifetime={lifetime_s}", {"content-type": "application/octet-stream"}
        headers = kind | shown(*tokens)
        data = self._ask(uri, "POST", target, content=ciphertext, headers=headers, once=True)
        where, until_s = _member(data, "uri"), _member(data, "valid_until")
        if not isinstance(where, str) or type(until_s) is not int:
            raise ServiceError(ErrorClass.MALFORMED, "upload")
        return Stored(where, until_s)

    def fetch_file(self, uri: str, place: str, most: int, token: Token | None = None) -> bytes:
        """Let a receiving service fetch a file of at most `most` bytes from where it is stored (ATT-15)."""
        content, headers = json.dumps({"uri": place}).encode(), {"content-type": "application/json"} | shown(token)
        return self._ask(
            uri, "POST", "/v1/fetch", content=content, headers=headers, timeout_s=_FETCHED_S, once=True, most=most
        )

    def download(self, place: str, most: int) -> bytes:
        """Fetch a file of at most `most` bytes from the server that stores it: that server sees who comes."""
        scheme, _, rest = place.partition("://")
        host, slash, path = rest.partition("/")
        if not is_origin(f"{scheme}://{host}") or not place.isprintable():
            raise ServiceError(ErrorClass.MALFORMED, "place of a file")
        return self._ask(f"{scheme}://{host}", "GET", slash + path, once=True, most=most)

    # ---------------------------------------------------------------- requests

    def _post(
        self,
        uri: str,
        path: str,
        body: Mapping[str, object],
        access_key: bytes | None = None,
        apart: bytes = b"",
        tokens: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        content, headers = json.dumps(body).encode(), {"content-type": "application/json", **tokens}
        self._ask(uri, "POST", path, access_key, content=content, headers=headers, apart=apart)

    def _ask(
        self,
        uri: str,
        method: str,
        target: str,
        access_key: bytes | None = None,
        *,
        content: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = _TIMEOUT_S,
        apart: bytes = b"",
        once: bool = False,
        most: int = _ANSWER_BYTES_MAX,
    ) -> bytes:
        import httpx

        sent = dict(headers or {})
        if access_key is not None:
            sent["authorization"] = f"Bearer {base64url(access_key)}"
        client, data = self._made(uri) if once else self._client(uri, access_key or apart), bytearray()
        begun_ms, patience = self._clock(), httpx.Timeout(timeout_s, connect=_TIMEOUT_S)
        try:
            with client.stream(method, target, content=content, headers=sent, timeout=patience) as answer:
                self._note_date(uri, answer.headers.get("date", ""), begun_ms)
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > most:
                        raise ServiceError(ErrorClass.TOO_LARGE, "answer")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Silent(ErrorClass.UNKNOWN, f"{uri} does not answer ({type(error).__name__})") from error
        finally:
            if once:
                client.close()
        if answer.status_code >= _BROKEN or answer.status_code == _BUSY:
            raise Silent(ErrorClass.LIMIT, f"{uri} answers {answer.status_code}")
        if not answer.is_success:
            raise ServiceError(class_of(bytes(data)), f"{uri} refuses: status {answer.status_code}")
        return bytes(data)

    def _note_date(self, uri: str, date: str, begun_ms: int) -> None:
        found = _ahead_s(date, begun_ms, self._clock())
        if found is not None:
            self.ahead_s[uri] = found

    def _client(self, uri: str, apart: bytes) -> "httpx.Client":
        if (uri, apart) not in self._clients:  # KNOW-10, KNOW-11
            self._clients[uri, apart] = self._made(uri)
        return self._clients[uri, apart]

    @staticmethod
    def _made(uri: str) -> "httpx.Client":
        import httpx

        transport = httpx.HTTPTransport(verify=verifier(), socket_options=_ASKED)
        client = httpx.Client(base_url=uri, follow_redirects=False, verify=verifier(), transport=transport)  # SVC-9
        for name in ("accept", "accept-encoding", "connection", "user-agent"):
            del client.headers[name]
        return client


@cache
def verifier() -> "ssl.SSLContext":
    """Return what checks certificates: one for all connections, because the list of authorities is long."""
    import httpx

    return httpx.create_ssl_context()


_ASKED: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}.items()
        if hasattr(socket, name)
    ),
]
"""The system asks a service that is silent whether it is still there, below TLS and HTTP: a wait takes minutes."""
_CBOR: Final = {"content-type": "application/cbor"}


def shown(*tokens: Token | None) -> dict[str, str]:
    """Return the headers that show tokens: the first as ever, more of them beside it (10.2)."""
    first, *more = [authorization(token) for token in tokens if token is not None] or [""]
    beside = {"communicator-tokens": ",".join(one.partition('"')[2].rstrip('"') for one in more)} if more else {}
    return ({"authorization": first} if first else {}) | beside


def _member(data: bytes, name: str) -> object:
    try:
        return json.loads(data)[name]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ServiceError(ErrorClass.MALFORMED, name) from error


def _octets(value: object) -> bytes:
    try:
        return unbase64url(str(value))
    except PeerError as error:
        raise ServiceError(ErrorClass.MALFORMED, "base64url") from error


def _ahead_s(date: str, begun_ms: int, ended_ms: int) -> int | None:
    """Return how far a clock that showed these times around an answer is ahead of the `Date` in it; None: no date."""
    from email.utils import parsedate_to_datetime

    try:
        there_s = int(parsedate_to_datetime(date).replace(tzinfo=UTC).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
    begun_s, ended_s = begun_ms // 1000, ended_ms // 1000
    return begun_s - there_s if there_s < begun_s else min(ended_s - there_s, 0)


def class_of(data: bytes) -> ErrorClass:
    """Return the class that a refusal names; `MALFORMED` if it names none."""
    try:
        return ErrorClass(json.loads(data)["class"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ErrorClass.MALFORMED
