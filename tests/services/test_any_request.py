"""Whatever is sent, the answer is one that the interface names, and the service goes on."""

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.services.owning import LabelOwner, TwoLayerOwner, config_of
from tests.services.running import Service
from tests.services.test_sending import FAST, submission

from communicator_impl.document import base64url

POSTS = ("/v1/roots", "/v1/epochs", "/v1/revoke", "/v1/latency", "/v1/confirm", "/v1/fetch", "/v1/accept", "/v1/submit")
MEDIA = ("application/json", "application/cbor", "application/octet-stream", "text/plain", "")
NAMES = ["root", "profile", "access_key", "verify_key", "epoch", "key", "valid_until", "capacity"]
NAMES += ["lanes", "latency", "numbers", "uri"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 1 << 70),
    st.floats(),
    st.text(max_size=50),
    st.binary(max_size=40).map(base64url),
    st.sampled_from(["immediate", "batched", "pull", "https://127.0.0.1/", base64url(bytes(16)), base64url(bytes(32))]),
    st.lists(st.integers(0, 1 << 54), max_size=4),
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), SCALARS, max_size=6)
BODIES = st.one_of(
    OBJECTS.map(lambda found: json.dumps(found).encode()), st.binary(max_size=200), st.just(b"[" * 5000), st.just(b"1")
)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("any"), "both", settings=FAST) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(client: httpx.Client, service: Service) -> LabelOwner:
    return LabelOwner(config_of(client, service.uri)).register(client)


@QUIET
@given(path=st.sampled_from(POSTS), media=st.sampled_from(MEDIA), data=BODIES, known=st.booleans())
def test_any_body_gets_an_answer_of_the_interface(
    client: httpx.Client, owner: LabelOwner, path: str, media: str, data: bytes, known: bool
) -> None:  # SVC-4; the client holds the answer against the interface
    headers = {"content-type": media, **(owner.authority if known and path != "/v1/revoke" else {})}
    assert client.post(path, content=data, headers=headers).status_code < 500


@QUIET
@given(
    path=st.sampled_from(("/v1/messages", "/v1/state", "/v1/submissions/", "/v1/attachments/")),
    rest=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=45),
    wait=st.sampled_from(["0", "-1", "61", "1e1", "", "٣", "001"]),
    key=st.sampled_from(["", "Bearer", "Bearer x", "PrivateToken token=x", f"Bearer {base64url(bytes(32))}"]),
)
def test_any_query_gets_an_answer_of_the_interface(
    client: httpx.Client, path: str, rest: str, wait: str, key: str
) -> None:
    place = path + rest if path.endswith("/") else path
    assert client.get(place, params={"wait": wait}, headers={"authorization": key}).status_code < 500


@QUIET
@given(st.data())
def test_a_request_with_a_changed_byte_changes_no_answer_but_to_a_refusal(
    client: httpx.Client, service: Service, data: st.DataObject
) -> None:  # ENV-8, ENV-12
    config = config_of(client, service.uri)
    profile = data.draw(st.sampled_from((LabelOwner, TwoLayerOwner)))
    request = bytearray(profile(config).request(0, bytes(2800)))
    request[data.draw(st.integers(0, len(request) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    answer = client.post("/v1/accept", content=bytes(request), headers={"content-type": "application/cbor"})
    assert answer.status_code in (202, 400)


@QUIET
@given(st.data())
def test_a_submission_with_a_changed_byte_is_taken_or_refused(
    client: httpx.Client, service: Service, data: st.DataObject
) -> None:
    wanted = bytearray(submission(service.uri).encode())
    wanted[data.draw(st.integers(0, len(wanted) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    answer = client.post("/v1/submit", content=bytes(wanted), headers={"content-type": "application/cbor"})
    assert answer.status_code < 500


OPEN_TO_ALL = "no issuer for register: whoever reaches this service may register roots"


def test_the_operator_sees_counts_and_nobody_else_does(client: httpx.Client, service: Service) -> None:
    assert client.post("/v1/accept", content=b"", headers={"content-type": "application/cbor"}).status_code == 400
    found = service.metrics()
    assert found['communicator_requests_total{endpoint="accept",status="400"}'] > 0
    assert "127.0.0.1" not in str(found)
    assert client.get("/metrics").status_code == 404
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {line["event"] for line in lines} <= {"started", "issuer not read", OPEN_TO_ALL}
