"""An authorization service over HTTP: all or none, once however often, never too many, also when it is killed."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.impl.issuing import EPOCH_MS, NOW, RepeatsKeys
from tests.patience import eventually
from tests.services.asking import (
    ENTROPY,
    ISSUER_KEYS,
    OCTETS,
    WELL_KNOWN,
    asked,
    bearer,
    body_of,
    finished,
    issuing,
    now_s,
    open_account,
)
from tests.services.interface import Interface
from tests.services.ports import free_port
from tests.services.postgres import postgres
from tests.services.running import Service

from communicator_impl.document import Document
from communicator_impl.errors import PeerError
from communicator_impl.issuer_keys import IssuerKey, epoch_begin_s, epoch_of, read_issuer_document
from communicator_impl.services import authorization_store
from communicator_impl.services.authorization_store import AuthorizationStore
from communicator_impl.services.database import Database, migrate
from communicator_impl.tokens import Purpose, TokenKey
from communicator_spec.errors import ErrorClass

ONE = {"content-type": "application/private-token-request"}
ISSUER, ORIGIN = "https://authorization.example", "https://directory.example"
ALLOWED = 128
FEW = {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": f"{{query = {ALLOWED}, submit = 2}}"}
EPOCH_S = EPOCH_MS // 1000
NOW_S = NOW // 1000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("authorization"), "authorization", settings=FEW) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with Interface("authorization").client(service.base) as opened:
        yield opened


@pytest.fixture
def account(service: Service) -> bytes:
    return open_account(service)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["class"]


def ask(client: httpx.Client, account: bytes, body: bytes, media: dict[str, str] | None = None) -> httpx.Response:
    return client.post("/v1/tokens", content=body, headers=bearer(account) | (media or OCTETS))


def left(client: httpx.Client, account: bytes) -> dict[str, int]:
    found: dict[str, int] = client.get("/v1/allowance", headers=bearer(account)).json()
    return found


def batch(client: httpx.Client, service: Service, purpose: Purpose, n: int) -> bytes:
    return body_of(asked(issuing(client, purpose), service.uri, ORIGIN, n))


# -------------------------------------------------------------------- keys


def test_everybody_sees_the_keys_of_three_epochs(
    client: httpx.Client, service: Service
) -> None:  # TOK-1, TOK-2, TOK-22
    now = epoch_of(now_s())
    wanted = {(purpose, now + n) for purpose in Purpose for n in range(3)}

    def shown() -> set[tuple[Purpose, int]]:
        return {(key.purpose, key.epoch) for key in read_issuer_document(client.get(ISSUER_KEYS).content)}

    older = {(purpose, now - 1) for purpose in Purpose}  # where an epoch began while this service runs
    assert eventually(shown, lambda seen: seen - older == wanted) - older == wanted
    found = read_issuer_document(client.get(ISSUER_KEYS).content)
    for epoch in range(now, now + 3):
        assert len({key.key.identifier()[-1] for key in found if key.epoch == epoch}) == len(Purpose)
    part = Document.decode(client.get(WELL_KNOWN).content, service.uri).authorization
    assert part is not None
    assert part.issuer == service.uri.partition("://")[2]


# -------------------------------------------------------------------- tokens


def test_a_batch_of_tokens(client: httpx.Client, service: Service, account: bytes) -> None:  # AUTH-1, AUTH-2, AUTH-3
    pending = asked(issuing(client, Purpose.QUERY), service.uri, ORIGIN, 64)
    answer = ask(client, account, body_of(pending))
    assert len(finished(pending, answer.content)) == 64
    assert left(client, account)["query"] == ALLOWED - 64
    assert ask(client, account, body_of(pending)).content == answer.content
    assert left(client, account)["query"] == ALLOWED - 64
    assert ask(client, account, batch(client, service, Purpose.QUERY, 64)).status_code == 200
    assert refused(ask(client, account, batch(client, service, Purpose.QUERY, 2))) == (429, "limit")
    assert ask(client, account, body_of(pending)).content == answer.content
    assert left(client, account)["submit"] == 2


def test_one_token_has_the_media_types_of_the_rfc(client: httpx.Client, service: Service, account: bytes) -> None:
    pending = asked(issuing(client, Purpose.QUERY), service.uri, ORIGIN, 1)
    answer = ask(client, account, body_of(pending), ONE)
    assert answer.headers["content-type"] == "application/private-token-response"
    assert len(finished(pending, answer.content)) == 1
    assert refused(ask(client, account, body_of(pending))) == (400, "malformed")
    assert refused(ask(client, account, 2 * body_of(pending), ONE)) == (413, "too-large")


def test_all_or_none(client: httpx.Client, service: Service, account: bytes) -> None:  # AUTH-1
    good = batch(client, service, Purpose.QUERY, 3)
    broken = good[:259] + good[259:262] + b"\xff" * 256
    assert refused(ask(client, account, broken)) == (400, "malformed")
    too_many = good + batch(client, service, Purpose.SUBMIT, 3)
    assert refused(ask(client, account, too_many)) == (429, "limit")
    assert left(client, account)["query"] == ALLOWED


def test_every_status_of_the_file_happens(service: Service, account: bytes, tmp_path: Path) -> None:  # SVC-4, SVC-5
    interface = Interface("authorization")
    with interface.client(service.base) as client:
        assert client.get(WELL_KNOWN).status_code == 200
        good = batch(client, service, Purpose.SUBMIT, 2)
        used = {row.key.identifier()[-1] for row in read_issuer_document(client.get(ISSUER_KEYS).content)}
        strange = good[:2] + bytes([next(byte for byte in range(256) if byte not in used)]) + good[3:]
        answers = [ask(client, account, body) for body in (good, b"", strange, bytes(259 * 64 + 1))]
        assert [answer.status_code for answer in answers] == [200, 400, 403, 413]  # TOK-23
        assert refused(ask(client, account, batch(client, service, Purpose.SUBMIT, 2))) == (429, "limit")
        assert refused(ask(client, bytes(32), good)) == (401, "forged")  # SVC-12
        assert refused(client.get("/v1/allowance", headers=bearer(bytes(32)))) == (401, "forged")
        assert left(client, account)["submit"] == 0
    few = {"COMMUNICATOR_SERVICE_ADDRESS_PER_S": "0.01", "COMMUNICATOR_SERVICE_ADDRESS_BURST": "3"}
    with Service(tmp_path, "authorization", settings=few) as slow, interface.client(slow.base) as hurried:
        while hurried.get("/v1/allowance").status_code != 429:
            pass
        for path in (WELL_KNOWN, ISSUER_KEYS):
            assert refused(hurried.get(path)) == (429, "limit")
    assert interface.documented == interface.seen


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_bytes_get_an_answer_of_the_standard(service: Service, data: st.DataObject) -> None:  # SVC-4
    with Interface("authorization").client(service.base) as client:
        keys = [key.key.identifier()[-1] for key in read_issuer_document(client.get(ISSUER_KEYS).content)]
        row = st.tuples(st.sampled_from([*keys, 0, 255]), st.binary(min_size=256, max_size=256))
        rows = st.lists(row.map(lambda one: b"\x00\x02" + bytes([one[0]]) + one[1]), max_size=3).map(b"".join)
        body = data.draw(st.binary(max_size=600) | rows)
        account = data.draw(st.sampled_from([ANYBODY.of(service), bytes(32), bytes(31), bytes(33)]))
        media = data.draw(st.sampled_from([ONE, OCTETS, {"content-type": "text/plain"}]))
        assert ask(client, account, body, media).status_code < 500


class Anybody:
    """One account for all examples of a property."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def of(self, service: Service) -> bytes:
        self._key = self._key or open_account(service)
        return self._key


ANYBODY = Anybody()


# -------------------------------------------------------------------- several instances, and kill -9


def test_two_instances_count_one_allowance(tmp_path: Path) -> None:  # AUTH-2, AUTH-3, TOK-2
    uri = f"http://127.0.0.1:{free_port()}"
    with postgres() as database:
        first, second = (Service(tmp_path, "authorization", database=database, uri=uri, settings=FEW) for _ in range(2))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Service.start, (first, second)))
            with first, second, first.client() as a, second.client() as b:
                assert a.get(ISSUER_KEYS).content == b.get(ISSUER_KEYS).content
                assert a.get(WELL_KNOWN).content == b.get(WELL_KNOWN).content
                account = open_account(first)
                bodies = [batch(a, first, Purpose.QUERY, 16) for _ in range(12)]
                tries = [(client, body) for body in bodies for client in (a, b)]
                answers = list(pool.map(lambda one: ask(one[0], account, one[1]), tries))
                for one, other in zip(answers[::2], answers[1::2], strict=True):
                    assert one.status_code in (200, 429)
                    assert {one.status_code, other.status_code} <= {200, 429}
                    assert one.status_code != 200 or other.status_code != 200 or one.content == other.content
                granted = {i // 2 for i, answer in enumerate(answers) if answer.status_code == 200}
                assert len(granted) == ALLOWED // 16
                assert left(a, account)["query"] == left(b, account)["query"] == 0


@pytest.mark.slow
def test_kill_takes_no_answer_back(tmp_path: Path) -> None:  # AUTH-2, SVC-8
    rich = {"COMMUNICATOR_AUTHORIZATION_ALLOWANCES": "{query = 100000}"}
    service, chance = Service(tmp_path, "authorization", settings=rich), random.Random(4)
    answered: dict[bytes, bytes] = {}
    account = b""
    for _ in range(2):
        with service:
            account = account or open_account(service)
            stopped = threading.Event()
            worker = threading.Thread(target=keep_asking, args=(service, account, answered, stopped))
            worker.start()
            wanted = len(answered) + chance.randint(2, 8)
            assert eventually(lambda wanted=wanted: len(answered) >= wanted)  # type: ignore[misc]
            service.kill()
            stopped.set()
            worker.join()
    with service, service.client() as client:
        counted = 100_000 - left(client, account)["query"]
        assert counted >= 4 * len(answered) >= 4 * 4
        for body, signatures in answered.items():
            assert ask(client, account, body).content == signatures
        assert 100_000 - left(client, account)["query"] == counted


def keep_asking(service: Service, account: bytes, answered: dict[bytes, bytes], stopped: threading.Event) -> None:
    try:
        with service.client() as client:
            key = issuing(client, Purpose.QUERY)
            while not stopped.is_set():
                body = body_of(asked(key, service.uri, ORIGIN, 4))
                answered[body] = ask(client, account, body).raise_for_status().content
    except httpx.TransportError:
        return


# -------------------------------------------------------------------- epochs, at any date


class Years:
    """The tables of a service, asked at dates that the test chooses."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/years.sqlite3")
        migrate(self.database)
        self.store = AuthorizationStore(dict.fromkeys(Purpose, 8), ENTROPY, RepeatsKeys())
        self.account = b"k" * 32
        self.database.transact(lambda c: authorization_store.open_account(c, self.account))

    def wake(self, at_s: int) -> tuple[IssuerKey, ...]:
        self.database.transact(lambda c: self.store.wake(c, at_s))
        with self.database.reading() as connection:
            return self.store.keys(connection, at_s)

    def issue(self, at_s: int, body: bytes) -> bytes:
        with self.database.reading() as connection:
            order = self.store.order(connection, at_s, self.account, body)
        signed = self.store.sign(order)
        self.database.transact(lambda c: self.store.count(c, at_s * 1000, order))
        return signed

    def left(self, at_s: int) -> int:
        with self.database.reading() as connection:
            return self.store.allowance(connection, at_s, self.account)[Purpose.QUERY]


@pytest.fixture
def years(tmp_path: Path) -> Years:
    return Years(tmp_path)


def one_of(keys: tuple[IssuerKey, ...], at_s: int) -> bytes:
    key = next(key for key in keys if key.purpose is Purpose.QUERY and key.issues(at_s))
    return body_of(asked(key, ISSUER, ORIGIN, 2))


def test_an_allowance_is_for_an_epoch_and_nothing_of_it_stays(years: Years) -> None:  # AUTH-3, AUTH-4, TOK-1
    first, later = years.wake(NOW_S), NOW_S + EPOCH_S
    body = one_of(first, NOW_S)
    years.issue(NOW_S, body)
    assert (years.left(NOW_S), years.left(later)) == (6, 8)
    keys = years.wake(later)
    assert {key.epoch for key in keys} == {epoch_of(NOW_S) + n for n in range(4)}
    with years.database.reading() as connection:
        for table in ("issued", "answered"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    used = {key.key.identifier()[-1] for key in keys if key.issues(later)}
    old = next(key for key in first if key.issues(NOW_S) and key.key.identifier()[-1] not in used)
    with pytest.raises(PeerError) as caught:
        years.issue(later, body_of(asked(old, ISSUER, ORIGIN, 2)))
    assert caught.value.error_class is ErrorClass.REFUSED
    assert years.issue(later, one_of(keys, later))


def test_secrets_end_with_their_epoch_and_keys_with_their_tokens(years: Years) -> None:  # TOK-1, TOK-16
    first = years.wake(NOW_S)
    secret = bytes.fromhex(f"{primes(first, years):0256x}")
    years.wake(NOW_S + EPOCH_S)
    folder = Path(years.database.url.removeprefix("sqlite:///")).parent
    with years.database.writing() as connection:
        rows = connection.exec_driver_sql("SELECT own FROM issuer_keys").scalars().all()
    assert not any(secret in row for row in rows)
    years.database.close()  # the last connection folds the write-ahead log into the file
    assert not any(secret in path.read_bytes() for path in folder.iterdir())
    last = years.wake(NOW_S + 2 * EPOCH_S)
    assert {key.epoch for key in last} == {epoch_of(NOW_S) + n for n in range(1, 5)}


def primes(keys: tuple[IssuerKey, ...], years: Years) -> int:
    """Return a prime of the key that issues queries first."""
    with years.database.reading() as connection:
        order = years.store.order(connection, NOW_S, years.account, one_of(keys, NOW_S))
    own = order.rows[0][0]
    assert own.secret is not None
    assert own.public.key == TokenKey(own.secret.public)
    return own.secret.p


def test_keys_that_nobody_saw_in_time_do_not_issue(years: Years) -> None:  # TOK-2
    years.wake(NOW_S)
    away = NOW_S + 9 * EPOCH_S
    keys = years.wake(away)
    with pytest.raises(PeerError) as caught:
        years.issue(away, one_of(keys, away))
    assert caught.value.error_class is ErrorClass.REFUSED
    good = epoch_begin_s(epoch_of(away) + 2)
    assert years.issue(good, one_of(years.wake(good), good))
