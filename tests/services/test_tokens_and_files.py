"""Services that ask for tokens, attachments, and WebSockets, over HTTP."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import PATIENCE_S, eventually
from tests.services.issuer import Issuer, issuing, plain
from tests.services.owning import LabelOwner, accept, body, config_of, now_s
from tests.services.running import Service
from tests.services.test_sending import FAST, submission, submit, ticket_of
from tests.services.websocket import Frames

from communicator_impl.document import base64url
from communicator_impl.errors import PeerError
from communicator_impl.services.http import Rates
from communicator_impl.services.outward import NotAnswered, Outward, is_public
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass

CHUNK = 65_536
DAY = {"lifetime": "86400"}
NOT_PUBLIC = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]
BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def paid(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    receiving = f'{{register = ["{issuer.uri}"], fetch = ["{issuer.uri}"]}}'
    sending = f'{{submit = ["{issuer.uri}"], upload = ["{issuer.uri}"]}}'
    asked = {"COMMUNICATOR_RECEIVING_TOKENS": receiving, "COMMUNICATOR_SENDING_TOKENS": sending}
    with Service(tmp_path_factory.mktemp("paid"), "both", settings={**FAST, **asked}) as running:
        with running.client() as client:
            shown = eventually(
                lambda: submit(client, submission(running.uri)).headers, lambda found: "www-authenticate" in found
            )
            assert "www-authenticate" in shown, "the keys of the issuer are known"
        yield running


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("free"), "both", settings=FAST) as running:
        yield running


@pytest.fixture
def client(paid: Service) -> Iterator[httpx.Client]:
    with paid.client() as opened:
        yield opened


@pytest.fixture
def open_client(free: Service) -> Iterator[httpx.Client]:
    with free.client() as opened:
        yield opened


def origin(service: Service) -> str:
    return service.uri.partition("://")[2]


# -------------------------------------------------------------------- tokens


def test_without_a_token_the_challenge_is_shown(client: httpx.Client, paid: Service) -> None:  # TOK-6
    answer = client.post("/v1/roots", json=LabelOwner(config_of(client, paid.uri)).registration())
    assert (answer.status_code, answer.json()["class"]) == (401, "forged")
    assert answer.headers["www-authenticate"].startswith('PrivateToken challenge="')


def test_a_token_pays_once(client: httpx.Client, paid: Service, issuer: Issuer) -> None:  # RECV-5, TOK-14, SVC-7
    config = config_of(client, paid.uri)
    first, second = LabelOwner(config), LabelOwner(config)
    shown = issuer.header(Purpose.REGISTER, origin(paid))
    assert client.post("/v1/roots", json=first.registration(), headers=shown).status_code == 204
    assert client.post("/v1/roots", json=first.registration(), headers=shown).status_code == 204
    answer = client.post("/v1/roots", json=second.registration(), headers=shown)
    assert (answer.status_code, answer.json()["class"]) == (409, "replayed")


def test_a_refused_request_costs_no_token(client: httpx.Client, paid: Service, issuer: Issuer) -> None:  # TOK-18
    config = config_of(client, paid.uri)
    first, second = LabelOwner(config), LabelOwner(config)
    shown = issuer.header(Purpose.REGISTER, origin(paid))
    client.post("/v1/roots", json=first.registration(), headers=issuer.header(Purpose.REGISTER, origin(paid)))
    wrong = first.registration() | {"access_key": base64url(bytes(32))}
    assert client.post("/v1/roots", json=wrong, headers=shown).status_code == 403
    assert client.post("/v1/roots", json=second.registration(), headers=shown).status_code == 204


def test_a_token_of_another_purpose_or_origin_is_forged(
    client: httpx.Client, paid: Service, issuer: Issuer
) -> None:  # TOK-13
    owner = LabelOwner(config_of(client, paid.uri))
    for shown in (issuer.header(Purpose.SUBMIT, origin(paid)), issuer.header(Purpose.REGISTER, "other.example")):
        answer = client.post("/v1/roots", json=owner.registration(), headers=shown)
        assert (answer.status_code, answer.json()["class"]) == (401, "forged")
    answer = client.post("/v1/roots", json=owner.registration(), headers={"authorization": "PrivateToken token=AAAA"})
    assert (answer.status_code, answer.json()["class"]) == (400, "malformed")


def test_a_submission_is_paid_in_its_own_transaction(
    client: httpx.Client, paid: Service, issuer: Issuer
) -> None:  # SEND-1, SEND-2
    headers = {"content-type": "application/cbor", **issuer.header(Purpose.SUBMIT, origin(paid))}
    wanted, other = submission(paid.uri, b"one"), submission(paid.uri, b"other")
    tickets = {ticket_of(client.post("/v1/submit", content=wanted.encode(), headers=headers)) for _ in range(3)}
    assert len(tickets) == 1
    answer = client.post("/v1/submit", content=other.encode(), headers=headers)
    assert (answer.status_code, answer.json()["class"]) == (409, "replayed")


def test_a_token_that_two_ask_to_spend_at_once_pays_one(
    client: httpx.Client, paid: Service, issuer: Issuer
) -> None:  # TOK-15
    config = config_of(client, paid.uri)
    for _ in range(5):
        shown = issuer.header(Purpose.REGISTER, origin(paid))
        owners = [LabelOwner(config) for _ in range(4)]

        def register(owner: LabelOwner, shown: dict[str, str] = shown) -> int:
            return client.post("/v1/roots", json=owner.registration(), headers=shown).status_code

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(register, owners)) == [204, 409, 409, 409]


# -------------------------------------------------------------------- attachments


def upload(client: httpx.Client, data: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return client.post("/v1/attachments", params=DAY, content=data, headers={**BYTES, **(headers or {})})


def test_an_upload_is_there_until_it_is_deleted(open_client: httpx.Client, free: Service) -> None:  # ATT-6 … ATT-8
    data = secrets.token_bytes(2 * CHUNK)
    answer = upload(open_client, data)
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    path = stored["uri"].removeprefix(free.uri)
    assert path != stored["uri"]
    assert abs(stored["valid_until"] - now_s() - 86_400) < 60
    assert open_client.get(path).content == data
    assert upload(open_client, data).json() == stored
    wrong = {"authorization": f"Bearer {base64url(bytes(32))}"}
    assert open_client.delete(path, headers=wrong).status_code == 204
    assert open_client.get(path).status_code == 200
    key = {"authorization": f"Bearer {stored['delete_key']}"}
    assert open_client.delete(path, headers=key).status_code == 204
    assert open_client.delete(path, headers=key).status_code == 204
    gone, never = open_client.get(path), open_client.get(f"/v1/attachments/{base64url(bytes(32))}")
    assert (gone.status_code, gone.content) == (never.status_code, never.content) == (404, never.content)


def test_an_upload_outlives_a_killed_process(open_client: httpx.Client, free: Service) -> None:  # ATT-7
    data = secrets.token_bytes(CHUNK)
    stored = upload(open_client, data).json()
    free.kill()
    free.start()
    assert httpx.get(stored["uri"], timeout=PATIENCE_S).content == data


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, 3 * CHUNK])
def test_an_upload_has_one_of_few_sizes(open_client: httpx.Client, length: int) -> None:  # ATT-5
    answer = upload(open_client, bytes(length))
    assert (answer.status_code, answer.json()["class"]) == (400, "malformed")


def test_a_large_upload_costs_several_tokens(client: httpx.Client, paid: Service, issuer: Issuer) -> None:  # ATT-9
    data = secrets.token_bytes(16 * CHUNK)
    one = issuer.header(Purpose.UPLOAD, origin(paid))
    assert upload(client, data, one).status_code == 401
    more = {"communicator-tokens": plain(issuer.token(Purpose.UPLOAD, origin(paid)))}
    first = upload(client, data, one | more)
    assert first.status_code == 201, first.text
    assert upload(client, data, one | more).json() == first.json()
    answer = upload(client, secrets.token_bytes(16 * CHUNK), one | more)
    assert (answer.status_code, answer.json()["class"]) == (409, "replayed")


def test_the_proxy_refuses_what_is_not_public(open_client: httpx.Client, free: Service) -> None:  # RECV-15
    for uri, status in (
        ("http://example.org/file", 400),
        ("ftp://example.org/file", 400),
        (f"http://127.0.0.1:{free.port}/v1/state", 400),
        ("https://user@example.org/file", 400),
        (f"https://127.0.0.1:{free.port}/v1/state", 404),
        ("https://[::ffff:127.0.0.1]/", 404),
        ("https://localhost/", 404),
    ):
        assert open_client.post("/v1/fetch", json={"uri": uri}).status_code == status, uri


@pytest.mark.parametrize(
    "address",
    NOT_PUBLIC,
)
def test_an_address_that_is_not_everybodys_is_not_public(address: str) -> None:  # SEND-11, RECV-15
    assert not is_public(address)


@given(st.ip_addresses())
def test_what_is_public_is_global(address: object) -> None:
    found = ip_address(str(address))
    assert found.is_global or not is_public(str(found))


def test_a_name_is_judged_by_the_address_that_is_called() -> None:  # SEND-11
    async def call() -> None:
        outward = Outward((), 2.0)
        with pytest.raises(NotAnswered):
            await outward.get("http://localhost:9/", 10)
        await outward.close()

    asyncio.run(call())


# -------------------------------------------------------------------- waiting and rates


def test_a_websocket_carries_what_was_there_and_what_comes(open_client: httpx.Client, free: Service) -> None:  # RECV-12
    owner = LabelOwner(config_of(open_client, free.uri)).register(open_client)
    assert accept(open_client, owner.request(0, body(0))) == 202
    began_s = time.monotonic()
    with Frames(free.port, owner.authority) as frames:
        assert frames.status == 101
        assert frames.read().ciphertext == body(0)
        free.waits(1)
        assert accept(open_client, owner.request(1, body(1))) == 202
        assert frames.read().ciphertext == body(1)
        assert time.monotonic() - began_s < 55  # it was told; after a minute it would have looked by itself
    assert len(owner.fetch(open_client)) == 2


def test_a_websocket_of_an_unknown_key_does_not_open(free: Service) -> None:  # SVC-12
    with Frames(free.port, {"Authorization": f"Bearer {base64url(bytes(32))}"}) as frames:
        assert frames.status == 401
    with Frames(free.port, {}) as frames:
        assert frames.status == 401


def test_a_fast_address_is_slowed_and_no_other() -> None:  # SEC-8, SVC-5
    at = [0.0]
    rates = Rates(1.0, 2, clock=lambda: at[0])
    rates.take("one")
    rates.take("one")
    with pytest.raises(PeerError) as refused:
        rates.take("one")
    assert refused.value.error_class is ErrorClass.LIMIT
    rates.take("other")
    at[0] = 1.0
    rates.take("one")
