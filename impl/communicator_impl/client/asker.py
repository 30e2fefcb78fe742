"""What a device asks directories and issuers for, as the owner of a name or account, or as a stranger.

Theory. A directory may not learn who asks, nor an issuer where its tokens go (KNOW-13, KNOW-14), and whatever passes
over one connection is linked by it. So each request here has a connection of its own, opened for it and closed after
it. Every request may be repeated until it is answered (SVC-7); what an answer means is for others to judge.

Rules:

1. No answer, status 5xx and 429 raise `Silent`, any other refusal `ServiceError` with the class that was named.
   429 of a directory is an answer, though: it has no contact to give (DIR-10), and raises class `LIMIT`.
2. No redirection is followed, and no answer is read beyond its limit (SVC-9).
3. A name stands in a path percent-encoded, dots too: `..` is a name like any other.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from communicator_impl.client.courier import Silent, class_of, verifier
from communicator_impl.document import Document, base64url
from communicator_impl.errors import PeerError, ServiceError
from communicator_impl.tokens import Purpose, Token, authorization
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

if TYPE_CHECKING:
    from communicator_impl.services.directory_client import DirectoryClient

__all__ = ["Asker", "Fetched", "name_path"]

_V: Final = PARAMETERS.service
_TIMEOUT_S: Final = 15.0
_ANSWER_BYTES_MAX: Final = 1 << 20
_BROKEN: Final = 500
_BUSY: Final = 429
_CBOR, _SEQUENCE, _OCTETS = "application/cbor", "application/cbor-seq", "application/octet-stream"
_JSON: Final = "application/json"
_ISSUER: Final = "/.well-known/private-token-issuer-directory"


class Fetched(NamedTuple):
    """An answer: its status, its body, and the values of `WWW-Authenticate`."""

    status: int
    data: bytes
    demands: tuple[str, ...] = ()


def name_path(name: str, what: str = "") -> str:
    """Return the path of a name, as it is sent."""
    return f"/v1/names/{quote(name, safe='').replace('.', '%2E')}{what}"


_LIFETIME_S: Final = PARAMETERS.attachment.lifetime_s_min
_DEMANDED: Final[dict[Purpose, tuple[str, str, str, bytes | None]]] = {
    Purpose.QUERY: ("GET", name_path("-"), "", None),
    Purpose.CONTACT: ("POST", name_path("-", "/contact"), "", None),
    Purpose.REGISTER: ("POST", "/v1/roots", _JSON, b"{}"),
    Purpose.FETCH: ("POST", "/v1/fetch", _JSON, b"{}"),
    Purpose.SUBMIT: ("POST", "/v1/submit", _CBOR, b""),
    Purpose.UPLOAD: (
        "POST", f"/v1/attachments?lifetime={_LIFETIME_S}", _OCTETS, bytes(PARAMETERS.attachment.chunk_bytes),
    ),
}  # fmt: skip
"""A request of each purpose that is whole but for its token: method, path and query, media type and body."""


class Asker:
    """Requests to directories and issuers, one connection for each."""

    def document(self, uri: str) -> Document:
        """Return what an origin publishes (SVC-19)."""
        try:
            return Document.decode(self._good(uri, "GET", _V.document_path).data, uri)
        except PeerError as error:
            raise ServiceError(error.error_class, f"{uri} publishes no document that can be read") from error

    def way(self, uri: str, base: str = "") -> "DirectoryClient":
        """Return a way to the log of a directory."""
        from communicator_impl.services.directory_client import DirectoryClient

        return DirectoryClient(uri, base.rstrip("/"))

    # ---------------------------------------------------------------- owners of names

    def register(self, uri: str, name: str, access_key: bytes, entry: bytes) -> bytes:
        """Put an entry into the log; return its proof."""
        return self._good(uri, "PUT", name_path(name), _bearer(access_key), entry, _CBOR).data

    def stock(self, uri: str, name: str, access_key: bytes) -> int:
        """Return how many contacts are left."""
        return _count(self._good(uri, "GET", name_path(name, "/stock"), _bearer(access_key)).data)

    def deposit(self, uri: str, name: str, access_key: bytes, contacts: Sequence[bytes]) -> int:
        """Leave contacts, each for one stranger; return how many there are."""
        path, shown = name_path(name, "/contacts"), _bearer(access_key)
        return _count(self._good(uri, "POST", path, shown, b"".join(contacts), _SEQUENCE).data)

    # ---------------------------------------------------------------- strangers

    def lookup(self, uri: str, name: str, token: Token | None) -> bytes:
        """Return the proof of a name's entry; `UNKNOWN` if there is none."""
        return self._good(uri, "GET", name_path(name), _paid(token)).data

    def contact(self, uri: str, name: str, token: Token | None) -> bytes:
        """Take a contact of a name; `LIMIT` if there is none to give, for whatever reason (DIR-10)."""
        return self._good(uri, "POST", name_path(name, "/contact"), _paid(token), b"").data

    def demanded(self, uri: str, purpose: Purpose) -> tuple[str, ...]:
        """Return what a service asks of whoever shows no token: it names the issuers' keys (TOK-6)."""
        method, path, kind, content = _DEMANDED[purpose]
        return self._ask(uri, method, path, {"content-type": kind} if kind else None, content).demands

    # ---------------------------------------------------------------- accounts

    def issuer_keys(self, base: str) -> bytes:
        """Return what an issuer shows everybody, over one way to it."""
        return self._good(base.rstrip("/"), "GET", _ISSUER).data

    def tokens(self, uri: str, access_key: bytes, requests: bytes) -> bytes:
        """Have a batch of tokens signed; `LIMIT` if the account has used up what it gets in this epoch."""
        return self._good(uri, "POST", "/v1/tokens", _bearer(access_key), requests, _OCTETS).data

    def allowance(self, uri: str, access_key: bytes) -> dict[str, int]:
        """Return what an account may still ask for, by purpose; `FORGED` for a key of no account."""
        return {str(k): int(v) for k, v in _json(self._good(uri, "GET", "/v1/allowance", _bearer(access_key)).data)}

    # ---------------------------------------------------------------- requests

    def _good(
        self,
        uri: str,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        kind: str = "",
    ) -> Fetched:
        shown = {**(headers or {}), **({"content-type": kind} if kind else {})}
        answer = self._ask(uri, method, target, shown, content)
        if answer.status >= _BROKEN:
            raise Silent(ErrorClass.LIMIT, f"{uri} answers {answer.status}")
        if answer.status == _BUSY:
            raise ServiceError(ErrorClass.LIMIT, f"{uri} refuses: nothing to give now")
        if not 200 <= answer.status < 300:
            raise ServiceError(class_of(answer.data), f"{uri} refuses: status {answer.status}")
        return answer

    def _ask(
        self,
        uri: str,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Fetched:
        import httpx

        data = bytearray()
        try:
            with (  # TOK-11, KNOW-13: a connection for one request
                httpx.Client(follow_redirects=False, verify=verifier(), timeout=_TIMEOUT_S) as client,  # SVC-9
                client.stream(method, uri + target, headers=dict(headers or {}), content=content) as answer,
            ):
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > _ANSWER_BYTES_MAX:
                        raise ServiceError(ErrorClass.TOO_LARGE, f"{uri}: an answer without end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Silent(ErrorClass.UNKNOWN, f"{uri} does not answer ({type(error).__name__})") from error
        return Fetched(answer.status_code, bytes(data), tuple(answer.headers.get_list("www-authenticate")))


def _bearer(access_key: bytes) -> dict[str, str]:
    return {"authorization": f"Bearer {base64url(access_key)}"}


def _paid(token: Token | None) -> dict[str, str]:
    return {} if token is None else {"authorization": authorization(token)}


def _json(data: bytes) -> list[tuple[object, int]]:
    try:
        found = json.loads(data)
        return [(name, value) for name, value in found.items() if type(value) is int]
    except (ValueError, AttributeError, RecursionError) as error:
        raise ServiceError(ErrorClass.MALFORMED, "an answer that cannot be read") from error


def _count(data: bytes) -> int:
    found = dict(_json(data)).get("contacts", -1)
    if not 0 <= found <= 1 << 32:
        raise ServiceError(ErrorClass.MALFORMED, "a number of contacts that cannot be")
    return found
