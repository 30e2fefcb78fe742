"""Without its authority, a private endpoint answers alike whether a thing is there, to the last byte (SVC-20)."""

import secrets
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import httpx
import pytest
from tests.services.asking import CBOR, OCTETS, SEQUENCE, bearer, path_of
from tests.services.described.world import MAKERS, Real, World, worlds
from tests.services.websocket import Frames

from communicator_impl.document import base64url

ASKED: Final = {"content-type": "application/json"}


class Things(NamedTuple):
    """Names by which somebody asks for what is there, and the same of what is not."""

    epoch: int
    number: int
    upload: str
    name: str


class Endpoint(NamedTuple):
    """How one endpoint is asked for a thing: service, method, path, headers, body."""

    service: str
    method: str
    path: Callable[[Things], str]
    headers: dict[str, str] = ASKED
    body: Callable[[Things], bytes] = lambda things: b""


ENDPOINTS: Final = {
    "registerRoot": Endpoint("receiving", "POST", lambda t: "/v1/roots", body=lambda t: b"{}"),
    "registerEpoch": Endpoint(
        "receiving",
        "POST",
        lambda t: "/v1/epochs",
        body=lambda t: _json(t, b'"key": "%s", "valid_until": 3600, "capacity": 1' % (b"A" * 43)),
    ),
    "revoke": Endpoint("receiving", "POST", lambda t: "/v1/revoke", body=lambda t: _json(t)),
    "setLatency": Endpoint("receiving", "POST", lambda t: "/v1/latency", body=lambda t: _json(t, b'"latency": "pull"')),
    "messages": Endpoint("receiving", "GET", lambda t: "/v1/messages?wait=1"),
    "confirm": Endpoint("receiving", "POST", lambda t: "/v1/confirm", body=lambda t: b'{"numbers": [%d]}' % t.number),
    "fetchAttachment": Endpoint(
        "receiving", "POST", lambda t: "/v1/fetch", body=lambda t: b'{"uri": "https://[::1]/%s"}' % t.upload.encode()
    ),
    "submit": Endpoint("sending", "POST", lambda t: "/v1/submit", CBOR),
    "upload": Endpoint("sending", "POST", lambda t: "/v1/attachments?lifetime=86400", OCTETS, lambda t: bytes(65_536)),
    "deleteUpload": Endpoint("sending", "DELETE", lambda t: f"/v1/attachments/{t.upload}"),
    "register": Endpoint("directory", "PUT", lambda t: path_of(t.name), CBOR),
    "lookup": Endpoint("directory", "GET", lambda t: path_of(t.name)),
    "stock": Endpoint("directory", "GET", lambda t: path_of(t.name, "/stock")),
    "deposit": Endpoint("directory", "POST", lambda t: path_of(t.name, "/contacts"), SEQUENCE),
    "contact": Endpoint("directory", "POST", lambda t: path_of(t.name, "/contact")),
    "issue": Endpoint("authorization", "POST", lambda t: "/v1/tokens", OCTETS),
    "allowance": Endpoint("authorization", "GET", lambda t: "/v1/allowance"),
}
KINDS: Final = (
    "no key",
    "a key that nobody has",
    "a key of another length",
    "no base64url",
    "another scheme",
    "the key of another",
)


def _json(things: Things, more: bytes = b"") -> bytes:
    return b'{"epoch": %d%s}' % (things.epoch, b", " + more if more else b"")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(tmp_path_factory.mktemp("alike")) as found:
        yield found


@pytest.fixture(scope="module")
def there(world: World) -> Things:
    """Return things that are there, of people who ask nothing in these tests."""
    upload = str((MAKERS["download"](world, "").path or {})["id"])
    return Things(
        world.reader.grant.epoch, world.reader.fetch(world.clients["receiving"])[0].number, upload, world.known.name
    )


NOWHERE: Final = Things(77, 1 << 40, base64url(bytes(32)), "person nobody")


def shown(world: World, endpoint: str, kind: str) -> dict[str, str]:
    """Return the authority of one kind; that of another is good, for something else."""
    if kind == "the key of another":
        purposes = ("registerRoot", "fetchAttachment", "submit", "upload", "lookup", "contact")
        elsewhere = {"registerRoot": "fetchAttachment", "fetchAttachment": "registerRoot", "submit": "upload"}
        other = {**elsewhere, "upload": "submit", "lookup": "contact", "contact": "lookup"}
        made = MAKERS[other[endpoint]](world, "") if endpoint in purposes else Real(_other(world, endpoint))
        return {"authorization": str(made.authority)}
    texts = {
        "a key that nobody has": bearer(secrets.token_bytes(32))["authorization"],
        "a key of another length": bearer(secrets.token_bytes(31))["authorization"],
        "no base64url": "Bearer " + "!" * 43,
        "another scheme": "Basic YTpi",
    }
    return {"authorization": texts[kind]} if kind in texts else {}


def _other(world: World, endpoint: str) -> str:
    service = ENDPOINTS[endpoint].service
    if service == "receiving":
        owner = world.owner()
        world.clients["receiving"].post("/v1/revoke", json={"epoch": owner.grant.epoch}, headers=owner.authority)
        return owner.authority["authorization"]
    if service == "directory":
        return world.person().authority["authorization"]
    return bearer(secrets.token_bytes(32))["authorization"]


def answered(world: World, endpoint: str, things: Things, authority: dict[str, str]) -> tuple[object, ...]:
    """Ask, and return all of the answer but its date."""
    asked = ENDPOINTS[endpoint]
    body = asked.body(things)
    if endpoint in ("register", "deposit"):
        body = world.known.entry().encode() if endpoint == "register" else world.known.contact().encode()
    client = world.clients[asked.service]
    answer = client.request(asked.method, asked.path(things), content=body, headers={**asked.headers, **authority})
    return (answer.status_code, _headers(answer), answer.content)


def _headers(answer: httpx.Response) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in answer.headers.raw if name.lower() != b"date")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_without_authority_nobody_learns_what_is_there(
    world: World, there: Things, endpoint: str, kind: str
) -> None:  # SVC-12, SVC-20, ATT-8
    authority = shown(world, endpoint, kind)
    assert answered(world, endpoint, there, authority) == answered(world, endpoint, NOWHERE, authority)
    assert world.reader.fetch(world.clients["receiving"]), "what is there is there still"
    assert world.clients["sending"].get(f"/v1/attachments/{there.upload}").status_code == 200


def test_every_private_operation_is_asked() -> None:
    open_to_all = {"document", "accept", "submission", "state", "download", "head", "leaves", "consistency", "issuer"}
    assert set(ENDPOINTS) == set(MAKERS) - open_to_all - {"notify"}


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_websocket_is_refused_alike(world: World, kind: str) -> None:  # SVC-12
    port = int(world.services["receiving"].base.rpartition(":")[2])
    with Frames(port, {"Authorization": shown(world, "messages", kind).get("authorization", "")}) as frames:
        assert frames.status == 401


def test_a_ticket_that_never_was_has_the_form_of_any(world: World) -> None:  # SEND-13
    client = world.clients["sending"]
    first, second = (client.get(f"/v1/submissions/{base64url(secrets.token_bytes(16))}") for _ in range(2))
    assert (first.status_code, _headers(first), first.content) == (200, _headers(second), second.content)
    assert first.json() == {"state": "expired", "unreachable": False}


def test_an_upload_that_was_deleted_is_as_if_it_never_was(world: World) -> None:  # ATT-8
    client = world.clients["sending"]
    real = MAKERS["deleteUpload"](world, "")
    gone = f"/v1/attachments/{(real.path or {})['id']}"
    assert client.delete(gone, headers={"authorization": str(real.authority)}).status_code == 204
    first, second = client.get(gone), client.get(f"/v1/attachments/{NOWHERE.upload}")
    assert (first.status_code, _headers(first), first.content) == (404, _headers(second), second.content)
