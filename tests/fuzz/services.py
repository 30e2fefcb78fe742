"""Targets at the edge of the services: bodies, headers, paths and queries of requests, answers of others, settings.

A request is read as the services read it: through Starlette, from a scope and a stream, without a socket.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request
from tests.fuzz.seeds import NOW
from tests.fuzz.target import Find, Form, Target

from communicator_impl.addresses import Profile
from communicator_impl.document import base64url
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import PeerError
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.root_owners import EpochRegistration, RootOwners, RootRegistration, checked_registration
from communicator_impl.sending_service import reading
from communicator_impl.services import attachments, directory, forwarder, http, outward, proxy, receiving
from communicator_impl.services.part import Kit
from communicator_impl.services.paying import Till
from communicator_impl.services.settings import Settings, SettingsError
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS

__all__ = ["BODIES", "TARGETS"]

_JSON_MAX: Final = PARAMETERS.service.json_bytes_max

BODIES: Final[dict[str, tuple[type[msgspec.Struct], dict[str, object]]]] = {
    "roots": (
        receiving._Roots,
        {
            "root": base64url(bytes(16)),
            "profile": 1,
            "access_key": base64url(bytes(32)),
            "verify_key": base64url(bytes(32)),
        },
    ),
    "epochs": (
        receiving._Epochs,
        {"epoch": 1, "key": base64url(bytes(32)), "valid_until": 3600, "capacity": 9, "lanes": 2},
    ),
    "revoke": (receiving._Revoke, {"epoch": 3}),
    "latency": (receiving._LatencyOf, {"latency": "batched", "epoch": 2}),
    "confirm": (receiving._Confirm, {"numbers": [0, 1, (1 << 53) - 1]}),
    "fetch": (proxy._Fetch, {"uri": "https://rs.example/v1/attachments/x"}),
}
"""Every kind of JSON body, with a valid one; a test looks for `json_of` in the services."""


_NONE: Any = None  # no database, no threads: nothing is stored


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _request(body: bytes = b"", query: bytes = b"", **headers: bytes) -> Request:
    """Return a request as a server makes it of what a client sent."""
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query, "headers": named}

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def _upload(data: bytes) -> None:
    """Read the form of an upload: its length, its lifetime and its tokens, of which none are asked for here, or one."""
    length, lifetime, *more = [*data.split(b"\n"), b"", b""]
    request = _request(
        query=b"lifetime=" + lifetime,
        content_type=b"application/octet-stream",
        content_length=length,
        authorization=b'PrivateToken token="' + more[0] + b'"',
        communicator_tokens=b",".join(more),
    )
    for purposes in ({}, {Purpose.UPLOAD: ("issuer.example",)}):
        kit = Kit(_NONE, _NONE, Till("rs.example", purposes), _NONE, _NONE, _NONE)
        endpoints = attachments.AttachmentEndpoints(kit, "https://rs.example", SeededEntropy(b"fuzz"), b"", 1)
        _refused(partial(endpoints._form, request))


def _body_of(name: str) -> Callable[[bytes], None]:
    kind = BODIES[name][0]

    def read(data: bytes) -> None:
        request = _request(data, content_type=b"application/json", content_length=str(len(data)).encode())
        found, same = _loop().run_until_complete(http.json_of(request, kind))
        if same != data or len(data) > _JSON_MAX:
            raise Find("another body, or a longer one than any")
        _encodable(found)
        _carry_out(found)

    return read


def _carry_out(found: msgspec.Struct) -> None:
    """Hand what was read to the core, as a service hands it to its tables, with a root that is known."""
    core = ReceivingService(
        0, "https://rs.example", tuple(Profile), NOW, MemoryStorage(), SeededEntropy(b"fuzz"), _quiet
    )
    owners, key = RootOwners(core, MemoryStorage()), bytes(32)
    owners.register(NOW, RootRegistration(b"\x0d" * 16, int(Profile.LABEL), key))
    match found:
        case receiving._Roots():
            wanted = RootRegistration(found.root, found.profile, found.access_key, receiving._of(found.verify_key))
            checked_registration(wanted, tuple(Profile))
            owners.register(NOW, wanted)
        case receiving._Epochs():
            until_s = min(found.valid_until, 1 << 62)
            owners.issue(NOW, key, EpochRegistration(found.epoch, found.key, until_s, found.capacity, found.lanes))
        case receiving._Revoke():
            owners.revoke(NOW, key, receiving._of(found.epoch))
        case receiving._LatencyOf():
            owners.set_latency(NOW, key, found.latency, receiving._of(found.epoch))
        case receiving._Confirm():
            owners.confirm(NOW, key, found.numbers)
        case proxy._Fetch():
            proxy._checked(found.uri)


def _quiet(_event: object) -> None:
    """Hear nothing."""


def _encodable(value: object) -> None:
    """Make sure that what was read can be worked with: texts have an encoding, numbers fit a database."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    if isinstance(value, tuple):
        for item in value:
            _encodable(item)
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise Find("a number that no database holds")
    elif isinstance(value, str):
        value.encode()


def _header(data: bytes) -> None:
    """Read a header in every place in which one is read."""
    request = _request(authorization=data, content_type=data, content_length=data, communicator_tokens=data)
    length = http._length(request.headers)
    if length < 0:
        raise Find("a negative length")
    proxy_headers = [(b"Content-Length", data)]
    for read in (
        lambda: http.access_key(request),
        lambda: http.check_media(request.headers, http.CBOR),
        lambda: proxy._check_length(proxy_headers),
        lambda: attachments._decimal(data.decode("latin-1")),
    ):
        _refused(read)


def _refused(read: Callable[[], object]) -> None:
    try:
        read()
    except PeerError:
        return


def _query(data: bytes) -> None:
    request = _request(query=b"wait=" + data + b"&first=" + data)
    for read in (lambda: http.wait_of(request), lambda: directory._number(request, "first")):
        _refused(read)


def _path(data: bytes) -> None:
    """Read a segment of a path, as the router hands it over."""
    text = data.decode("latin-1")
    scope = {"type": "http", "path_params": {"name": text, "id": text, "ticket": text}, "headers": []}
    request = Request(scope)
    attachments._place(request)
    _refused(lambda: http.octets(text, 16))
    name = directory._name(request)
    if not 0 < len(name.encode()) <= PARAMETERS.directory.name_bytes_max:
        raise Find("a name of no length")


def _reply(data: bytes) -> None:
    """Read the answer of a receiving service, and what it says of waiting."""
    answer = outward.Answer(429, {"retry-after": data.decode("latin-1")}, data)
    if forwarder._retry_after_ms(answer) < 0:
        raise Find("a time before now")
    for status in (None, 202, 400, 429, 503):
        reading(status, forwarder._class(answer))


def _address(data: bytes) -> None:
    """Judge whatever a resolver says; what is no address is refused like one that is not public."""
    text = data.decode("latin-1")
    if outward.is_public(text) and text.startswith(("127.", "10.", "::1")):
        raise Find("an address of one's own")


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz")) / "settings.toml"


def _settings(data: bytes) -> None:
    """Read a file of settings."""
    _file().write_bytes(data)
    _said(_file(), {})


def _environment(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")  # as the operating system hands it over
    for name in ("SERVICE_URI", "SERVICE_LISTEN_PORT", "SERVICE_RUN", "SENDING_TOKENS", "DIRECTORY_MODE"):
        _said(None, {f"COMMUNICATOR_{name}": text})


def _said(path: Path | None, environment: dict[str, str]) -> None:
    try:
        Settings.read(path, environment)
    except SettingsError as error:
        if not str(error):
            raise Find("a refusal that says nothing") from error


def _json_seeds(name: str) -> Callable[[], Iterable[bytes]]:
    return lambda: (msgspec.json.encode(BODIES[name][1]), b"{}")


_HTTP: Final = ("services.http:json_of", "services.http:body_of", "root_owners:checked_registration")
_OWNERS: Final = tuple(f"root_owners:RootOwners.{name}" for name in ("issue", "revoke", "set_latency", "confirm"))
_TOML: Final = b"""[service]
uri = "https://post.example"
run = "both"
[receiving]
profiles = [1, 2]
rotate_s = 17280000
[sending]
delay_mean_s = [0, 60]
attempt_s = 3.5
[sending.tokens]
submit = ["https://issuer.example"]
"""
_HEADERS: Final = (
    b"Bearer " + base64url(bytes(32)).encode(),
    b"application/cbor; x=y",
    b"65536",
    b"Bearer",
    b"-1",
    b"",
)
_HEADER_READERS: Final = ("access_key", "check_media")

TARGETS: Final = (
    *(Target(f"body-{name}", _body_of(name), (*_HTTP, *_OWNERS), _json_seeds(name), Form.JSON) for name in BODIES),
    Target(
        "http-header",
        _header,
        (
            *(f"services.http:{name}" for name in _HEADER_READERS),
            "services.http:_length",
            "services.proxy:_check_length",
            "services.attachments:_decimal",
        ),
        lambda: _HEADERS,
        Form.TEXT,
    ),
    Target(
        "upload",
        _upload,
        ("services.attachments:AttachmentEndpoints._form", "services.attachments:AttachmentEndpoints._tokens"),
        lambda: (b"65536\n86400\nAAAA", b"131072\n864000\nAA==\nAAAA", b"0\n0", b""),
        Form.TEXT,
    ),
    Target(
        "http-query",
        _query,
        ("services.http:wait_of", "services.directory:_number"),
        lambda: (b"0", b"30", b"001", b"%30", b"1&wait=2", b"\xd9\xa3"),
        Form.TEXT,
    ),
    Target(
        "http-path",
        _path,
        ("services.directory:_name", "services.attachments:_place", "services.http:octets"),
        lambda: (b"alex", b"%C3%A5", b"a%2Fb", b"%ff", b"AAAAAAAAAAAAAAAAAAAAAA"),
        Form.TEXT,
    ),
    Target(
        "reply",
        _reply,
        ("services.forwarder:_class", "services.forwarder:_retry_after_ms", "sending_service:reading"),
        lambda: (b'{"class": "limit", "detail": "rate"}', b"5", b"[]", b'{"class": 3}'),
        Form.JSON,
    ),
    Target(
        "address-of",
        _address,
        ("services.outward:is_public",),
        lambda: (b"127.0.0.1", b"8.8.8.8", b"::ffff:10.0.0.1", b"fe80::1%eth0", b"2002::1", b"64:ff9b::7f00:1"),
        Form.TEXT,
        ValueError,
    ),
    Target(
        "settings",
        _settings,
        ("services.settings:Settings.read",),
        lambda: (_TOML, b"", b'[directory]\nmode = "brokered"\n', b"[authorization.allowances]\nsubmit = 5\n"),
        Form.TEXT,
    ),
    Target(
        "environment",
        _environment,
        ("services.settings:Settings.read",),
        lambda: (b"https://post.example", b"8420", b'{submit = ["https://issuer.example"]}', b"attesting"),
        Form.TEXT,
    ),
)
