"""The document of an origin: what its services are, as everybody reads it at `/.well-known/communicator.json`.

Theory. A device that knows a URI needs nothing else: the document says which services the origin runs, with which keys,
sizes and options. It is JSON, because people read it too; the configuration of a receiving service in it has one CBOR
encoding, and correspondents compare the digest of that. So a member that a reader does not know cannot change what two
readers agree on, and the document may grow.

Rules:

1. Unlike everywhere else a member that is not known is ignored, at every level (SVC-15). One that is known is checked,
   and a document with a wrong one is refused as a whole (SVC-21).
2. A document speaks for the origin that it came from, and for no other (SVC-21).
3. The configuration is read in the order of the document, and nothing is sorted (SVC-17).
4. It is used for an hour without asking again (SVC-16).
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from communicator_impl import wire
from communicator_impl.addresses import Generation, Profile, ServiceConfig
from communicator_impl.addresses.config import service_uri
from communicator_impl.errors import PeerError
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Authorization",
    "Directory",
    "Document",
    "Issuers",
    "Receiving",
    "Sending",
    "base64url",
    "is_fresh",
    "unbase64url",
]

_V: Final = PARAMETERS.service
_INTEGER_MAX: Final = (1 << 53) - 1
_DIGITS_MAX: Final = 16

Part = TypeVar("Part")

Issuers = tuple[tuple[str, tuple[str, ...]], ...]
"""Purpose → URIs of the issuers whose tokens are taken for it; none: no token is needed."""


class Receiving(msgspec.Struct, frozen=True):
    """A receiving service: its configuration, sizes, latency classes, and whether it fetches attachments."""

    config: ServiceConfig
    request_bytes_max: int
    ciphertext_classes_bytes: tuple[int, ...]
    latency: tuple[str, ...]
    proxy: bool
    tokens: Issuers


class Sending(msgspec.Struct, frozen=True):
    """A sending service: sizes, the means of delays that it offers in seconds, and chunks → tokens of an upload."""

    uri: str
    request_bytes_max: int
    delay_mean_s: tuple[int, ...]
    queue_lifetime_s: int
    upload: tuple[tuple[int, int], ...]
    tokens: Issuers


class Directory(msgspec.Struct, frozen=True):
    """A directory: how it introduces, for which names, and the key that signs its heads."""

    uri: str
    mode: str
    namespace: str
    key: bytes
    tokens: Issuers


class Authorization(msgspec.Struct, frozen=True):
    """An authorization service: the host name of its tokens, and how long its keys are good."""

    uri: str
    issuer: str
    epoch_s: int
    redeem_grace_s: int


class Document(msgspec.Struct, frozen=True):
    """What one origin publishes; a service that it does not run is None."""

    revision: int
    operator: str
    receiving: Receiving | None = None
    sending: Sending | None = None
    directory: Directory | None = None
    authorization: Authorization | None = None

    def encode(self) -> bytes:
        """Return the document as it is published."""
        parts = {name: getattr(self, name) for name in _WRITERS}
        services = {name: _WRITERS[name](part) for name, part in parts.items() if part is not None}
        head = {"version": _V.document_version, "revision": self.revision, "operator": self.operator}
        return json.dumps(head | services, indent=2, ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes, origin: str) -> "Document":
        """Read what an origin published: `TOO_LARGE`, or `MALFORMED` as a whole (SVC-21)."""
        document = _Members(_json(data))
        if document.uint("version") != _V.document_version:
            raise wire.wrong("unknown version of a document")
        found = cls(
            document.uint("revision"),
            document.text("operator"),
            document.part("receiving", _receiving),
            document.part("sending", _sending),
            document.part("directory", _directory),
            document.part("authorization", _authorization),
        )
        if any(uri != service_uri(origin) for uri in found.uris()):
            raise wire.wrong("a document speaks for its own origin")
        return found

    def uris(self) -> tuple[str, ...]:
        """Return the URIs of the services that the document names."""
        named = (self.sending, self.directory, self.authorization)
        first = () if self.receiving is None else (self.receiving.config.uri,)
        return (*first, *(service.uri for service in named if service is not None))


def is_fresh(fetched_s: int, now_s: int) -> bool:
    """Tell whether a document may be used without asking whether it changed (SVC-16)."""
    return 0 <= now_s - fetched_s < _V.document_max_age_s


# -------------------------------------------------------------------- reading


class _Members:
    """The members of one object; each reader names one, and the others are not looked at (SVC-15)."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise wire.wrong("an object is expected")
        self._value: dict[str, object] = value

    def __getitem__(self, name: str) -> object:
        if name not in self._value:
            raise wire.wrong(f"no {name}")
        return self._value[name]

    def part(self, name: str, read: "Callable[[_Members], Part]") -> "Part | None":
        return read(_Members(self._value[name])) if name in self._value else None

    def uint(self, name: str) -> int:
        return wire.uint(self[name], _INTEGER_MAX)

    def text(self, name: str) -> str:
        return _text(self[name])

    def flag(self, name: str) -> bool:
        return wire.boolean(self[name])

    def uri(self) -> str:
        return service_uri(self["uri"])

    def rows(self, name: str) -> list[object]:
        value = self[name]
        if not isinstance(value, list):
            raise wire.wrong(f"{name} is not a list")
        return value

    def uints(self, name: str) -> tuple[int, ...]:
        return tuple(wire.uint(item, _INTEGER_MAX) for item in self.rows(name))

    def octets(self, name: str) -> bytes:
        return unbase64url(self.text(name))

    def items(self, name: str) -> Iterable[tuple[str, object]]:
        return _Members(self[name])._value.items()

    def issuers(self) -> Issuers:
        lists = ((purpose, _Members({"of": value}).rows("of")) for purpose, value in self.items("tokens"))
        return tuple((purpose, tuple(service_uri(uri) for uri in uris)) for purpose, uris in lists)


def _receiving(m: _Members) -> Receiving:
    profiles = [wire.uint(p) for p in m.rows("profiles")]
    outer, inner = (tuple(_generation(_Members(g)) for g in m.rows(kind)) for kind in ("outer", "inner"))
    rows = {3: [g.to_wire() for g in outer], 4: [g.to_wire() for g in inner]}
    encoded = wire.encode({0: m.uri(), 1: m.uint("suite"), 2: profiles, **rows})
    return Receiving(
        ServiceConfig.decode(encoded),  # SVC-17
        m.uint("request_bytes_max"),
        m.uints("ciphertext_classes_bytes"),
        tuple(_text(name) for name in m.rows("latency")),
        m.flag("proxy"),
        m.issuers(),
    )


def _generation(m: _Members) -> Generation:
    return Generation(m.uint("generation"), m.octets("key"), m.uint("not_before"), m.uint("not_after"))


def _sending(m: _Members) -> Sending:
    upload = tuple((_decimal(chunks), wire.uint(count, _INTEGER_MAX)) for chunks, count in m.items("upload"))
    sizes, delays = m.uint("request_bytes_max"), m.uints("delay_mean_s")
    if 0 not in delays or max(delays) > _V.delay_mean_s_max:  # SEND-6
        raise wire.wrong("means of delays")
    return Sending(m.uri(), sizes, delays, m.uint("queue_lifetime_s"), upload, m.issuers())


def _directory(m: _Members) -> Directory:
    key = m.octets("key")
    if len(key) != PARAMETERS.suite.public_key_bytes or m.text("mode") not in ("brokered", "attesting"):
        raise wire.wrong("key or mode of a directory")
    return Directory(m.uri(), m.text("mode"), m.text("namespace"), key, m.issuers())


def _authorization(m: _Members) -> Authorization:
    return Authorization(m.uri(), m.text("issuer"), m.uint("epoch_s"), m.uint("redeem_grace_s"))


def _json(data: bytes) -> object:
    """Decode JSON in which no member is named twice and every text has an encoding."""
    if len(data) > _V.document_bytes_max:
        raise PeerError(ErrorClass.TOO_LARGE, "document")
    try:
        found: object = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise wire.wrong("not JSON") from error
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise wire.wrong("a text is expected")
    return value


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or text.startswith("0") or len(text) > _DIGITS_MAX:
        raise wire.wrong("a count is written in decimal")
    return wire.uint(int(text), _INTEGER_MAX)


def unbase64url(text: str) -> bytes:
    """Read base64url without padding in its one form (8.1); anything else is `MALFORMED`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise wire.wrong("not base64url") from error
    if base64url(raw) != text:
        raise wire.wrong("not the one encoding in base64url")
    return raw


# -------------------------------------------------------------------- writing


def base64url(raw: bytes) -> str:
    """Write base64url without padding (8.1)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write_receiving(of: Receiving) -> dict[str, object]:
    config = of.config
    head = {"uri": config.uri, "suite": config.suite, "profiles": [int(Profile(p)) for p in config.profiles]}
    keys = {"outer": [_write_key(g) for g in config.outer], "inner": [_write_key(g) for g in config.inner]}
    sizes = {
        "request_bytes_max": of.request_bytes_max,
        "ciphertext_classes_bytes": list(of.ciphertext_classes_bytes),
    }
    return {
        **head,
        **keys,
        **sizes,
        "latency": list(of.latency),
        "proxy": of.proxy,
        "tokens": _write_issuers(of.tokens),
    }


def _write_key(g: Generation) -> dict[str, object]:
    dates = {"not_before": g.not_before_s, "not_after": g.not_after_s}
    return {"generation": g.number, "key": base64url(g.public), **dates}


def _write_sending(of: Sending) -> dict[str, object]:
    plain: dict[str, object] = msgspec.structs.asdict(of)
    upload = {str(chunks): count for chunks, count in of.upload}
    return {**plain, "delay_mean_s": list(of.delay_mean_s), "upload": upload, "tokens": _write_issuers(of.tokens)}


def _write_directory(of: Directory) -> dict[str, object]:
    plain: dict[str, object] = msgspec.structs.asdict(of)
    return {**plain, "key": base64url(of.key), "tokens": _write_issuers(of.tokens)}


def _write_authorization(of: Authorization) -> dict[str, object]:
    return msgspec.structs.asdict(of)


def _write_issuers(tokens: Issuers) -> dict[str, list[str]]:
    return {purpose: list(uris) for purpose, uris in tokens}


_WRITERS: Final[Mapping[str, Any]] = {
    "receiving": _write_receiving,
    "sending": _write_sending,
    "directory": _write_directory,
    "authorization": _write_authorization,
}
