"""Two instances of each of the four services on one PostgreSQL, behind a balancer: one service, whoever answers."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import httpx
import psycopg
import pytest
from tests.patience import PATIENCE_S, eventually
from tests.services.asking import (
    CBOR,
    ENTROPY,
    ISSUER_KEYS,
    OCTETS,
    Person,
    asked,
    bearer,
    body_of,
    issuing,
    open_account,
    path_of,
)
from tests.services.balancer import DOCUMENT
from tests.services.four import ALLOWED, CONTACTS_PER_DAY, Device, World, answered, four_services
from tests.services.owning import TwoLayerOwner, accept, arrived, body, config_of, deliveries, now_s, settled
from tests.services.websocket import Frames

from communicator_impl import session as sessions
from communicator_impl.address_set import ServiceEntry, WireGrant, WireSet
from communicator_impl.addresses import Profile, round_up_to_hour
from communicator_impl.attachment import MemoryShelf, Sealed, decrypt, encrypt
from communicator_impl.directory import Contact, Proof
from communicator_impl.directory_reader import DirectoryReader
from communicator_impl.envelope import two_layer_request
from communicator_impl.keys import Identity, PackageSecret, make_package
from communicator_impl.services.directory_client import DirectoryClient
from communicator_impl.services.receiving_store import access_key_topic
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose

WAIT_S = 60
"""How long a device waits here: nothing but a notification ends that earlier, since a long poll looks once."""
TOLD_S = WAIT_S - 5
NUMBERS = count()
DAY_S = 86_400
FILE = b"a file"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with four_services(tmp_path_factory.mktemp("four")) as running:
        yield running


def registered(world: World, device: Device) -> TwoLayerOwner:
    with world.receiving.client() as client:
        owner = TwoLayerOwner(config_of(client, world.receiving.uri))
        return owner.register(client, device.header(Purpose.REGISTER))


def submission(world: World, request: bytes) -> Submission:
    return Submission(world.receiving.uri, request, (now_s() + 600) * 1000)


def upload(client: httpx.Client, data: bytes, token: dict[str, str]) -> httpx.Response:
    answer = client.post("/v1/attachments?lifetime=86400", content=data, headers=OCTETS | token)
    assert answer.status_code == 201, answer.text
    return answer


def submit(client: httpx.Client, wanted: Submission, token: dict[str, str]) -> httpx.Response:
    return client.post("/v1/submit", content=wanted.encode(), headers=CBOR | token)


# -------------------------------------------------------------------- the whole walk


def test_a_whole_walk_through_one_origin_of_each(world: World) -> None:
    """Alex opens a way at a directory; Blair finds it, writes a first message with a file, and Alex reads both."""
    alex, blair = world.device(), world.device()
    before = {pair.role: pair.served() for pair in world.pairs}
    with ExitStack() as stack:
        at = {pair.role: stack.enter_context(pair.client()) for pair in world.pairs}
        owner, person = registered(world, alex), Person(world.directory, "alex")
        person.register(at["directory"])
        secret, contact = _contact(person, owner)
        assert person.deposit(at["directory"], [contact.encode()]).json() == {"contacts": 1}
        text = _writes(world, blair, at)
        (message,) = deliveries(at["receiving"].get(f"/v1/messages?wait={WAIT_S}", headers=owner.authority))
        _, plain, _ = sessions.accept(person.identity, [secret], message.ciphertext, now_s(), ENTROPY)
        assert plain == text
        uri, shelf = plain[:-64].decode(), MemoryShelf()
        decrypt([httpx.get(uri, timeout=PATIENCE_S).content], Sealed(plain[-64:-32], plain[-32:]), len(FILE), shelf)
        assert shelf.file == FILE
        owner.confirm(at["receiving"], [message.number])
    for pair in world.pairs:
        assert all(now > then for now, then in zip(pair.served(), before[pair.role], strict=True)), pair.role


def _contact(person: Person, owner: TwoLayerOwner) -> tuple[PackageSecret, Contact]:
    secret = make_package(person.identity, now_s(), 7 * DAY_S, ENTROPY)
    until_s = round_up_to_hour(now_s() + 30 * DAY_S)
    stock = owner.root.issue(owner.config, range(1), until_s, now_s(), ENTROPY)
    entry = ServiceEntry(
        owner.config.uri, Profile.TWO_LAYER, owner.config.outer, (WireGrant(1, True, until_s, 1, stock),)
    )
    return secret, Contact(secret.package, WireSet(1, (entry,)))


def _writes(world: World, blair: Device, at: dict[str, httpx.Client]) -> bytes:
    """Look Alex up, upload a file, and submit a first message that names it."""
    way = DirectoryClient(world.directory.uri)
    reader = DirectoryReader(world.directory.uri, way.document().key, MemoryStorage())
    answer = at["directory"].get(path_of("alex"), headers=blair.header(Purpose.QUERY))
    reader.read(now_s() * 1000, "alex", Proof.decode(answer.content))
    answer = at["directory"].post(path_of("alex", "/contact"), headers=blair.header(Purpose.CONTACT))
    contact, pieces = reader.read_contact(now_s() * 1000, "alex", answer.content), list[bytes]()
    sealed = encrypt([FILE], len(FILE), pieces.append, ENTROPY)
    answer = upload(at["sending"], b"".join(pieces), blair.header(Purpose.UPLOAD))
    uri: str = answer.json()["uri"]
    text = uri.encode() + sealed.key + sealed.digest
    begun = sessions.start(Identity.generate(ENTROPY), contact.package, now_s(), ENTROPY)
    _, ciphertext = sessions.seal(begun, text, ENTROPY)
    (entry,) = contact.addresses.services
    stock = entry.grants[0].secret
    assert isinstance(stock, tuple)
    request = two_layer_request(stock[0], entry.sealing_key(now_s()), ciphertext, ENTROPY)
    assert submit(at["sending"], submission(world, request), blair.header(Purpose.SUBMIT)).status_code == 202
    return text


# -------------------------------------------------------------------- what is shared


def test_all_instances_publish_one_document(world: World) -> None:  # SVC-17, SVC-18, TOK-2
    for pair in world.pairs:
        with ExitStack() as stack:
            first, second = (client.get(DOCUMENT) for client in pair.clients(stack))
        assert first.content == second.content
        assert first.headers["communicator-revision"] == second.headers["communicator-revision"]
    with ExitStack() as stack:
        first, second = (client.get(ISSUER_KEYS) for client in world.authorization.clients(stack))
    assert first.content == second.content


def test_a_token_that_was_spent_at_one_instance_is_spent_at_the_other(world: World) -> None:  # TOK-15, SVC-7
    device = world.device()
    with ExitStack() as stack:
        first, second = world.receiving.clients(stack)
        config, shown = config_of(first, world.receiving.uri), device.header(Purpose.REGISTER)
        one, other = TwoLayerOwner(config).registration(), TwoLayerOwner(config).registration()
        for client in (second, first, second):
            assert client.post("/v1/roots", json=one, headers=shown).status_code == 204
        for client in (first, second):
            assert client.post("/v1/roots", json=other, headers=shown).status_code == 409


def test_hundreds_of_tokens_are_each_spent_once_at_both(world: World) -> None:  # TOK-13, TOK-15
    device = world.device()
    shown = [device.header(Purpose.QUERY) for _ in range(256)]

    both = threading.Barrier(2)

    def look(place: int, client: httpx.Client) -> list[int]:
        """Show all of them: one from the first on, the other from the last, so that each has won where it began."""
        both.wait()
        order = shown[:: -1 if place else 1]
        found = [client.get(path_of(f"nobody at {place}"), headers=token).status_code for token in order]
        return found[:: -1 if place else 1]

    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first, second = pool.map(look, range(2), world.directory.clients(stack))
    assert {tuple(sorted(pair)) for pair in zip(first, second, strict=True)} == {(404, 409)}
    assert 0 < first.count(404) < len(shown), "both have won"


def test_a_token_pays_for_one_submission_at_both(world: World) -> None:  # SEND-2, DELIV-25
    device = world.device()
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        first, second = world.sending.clients(stack)
        for number in range(64):
            token, requests = device.header(Purpose.SUBMIT), [bytes([number, n]) for n in range(2)]
            asked_at = zip((first, second, second, first), (0, 1, 0, 1), strict=True)
            found = [pool.submit(submit, at, submission(world, requests[n]), token) for at, n in asked_at]
            statuses = [one.result().status_code for one in found]
            assert statuses in ([202, 409, 202, 409], [409, 202, 409, 202])
            assert len({one.result().content for one in found if one.result().status_code == 202}) == 1


def test_an_address_is_spent_once_at_both(world: World) -> None:  # ADDR-17, ADDR-28
    owner = registered(world, world.device())
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        first, second = world.receiving.clients(stack)
        for index in range(100):
            request, other = owner.request(index, body(2 * index)), owner.request(index, body(2 * index + 1))
            asked_at = ((first, request), (second, request), (first, other), (second, other))
            assert [one.result() for one in [pool.submit(accept, *pair) for pair in asked_at]] == [202] * 4
        _resolved(world)
        found = owner.drain(first)
    assert sorted(one.index for one in found) == list(range(100))


def _resolved(world: World) -> None:
    """Wait until no instance has anything to resolve."""
    for one in world.receiving.instances:
        one.resolves()


def test_an_account_gets_its_tokens_and_no_more_at_both(world: World) -> None:  # AUTH-2, AUTH-3
    account, uri = open_account(world.authorization), world.authorization.uri
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        clients = world.authorization.clients(stack)
        key = issuing(clients[0], Purpose.FETCH)
        bodies = [body_of(asked(key, uri, "https://any.example", 64)) for _ in range(ALLOWED // 64 + 4)]

        def ask(place: int, content: bytes) -> httpx.Response:
            return clients[place % 2].post("/v1/tokens", content=content, headers=bearer(account) | OCTETS)

        found = list(pool.map(ask, range(len(bodies)), bodies))
        good = [place for place, answer in enumerate(found) if answer.status_code == 200]
        assert len(good) == ALLOWED // 64
        assert {answer.status_code for answer in found} == {200, 429}
        for place in good:  # the other instance signs the same again, and counts nothing
            assert ask(place + 1, bodies[place]).content == found[place].content
        left = [client.get("/v1/allowance", headers=bearer(account)).json()["fetch"] for client in clients]
    assert left == [0, 0]


def test_an_upload_is_at_both(world: World) -> None:  # ATT-6, ATT-7, ATT-8, SVC-7
    data, token = ENTROPY.draw("data", 2 * 65_536), world.device().header(Purpose.UPLOAD)
    with ExitStack() as stack:
        first, second = world.sending.clients(stack)
        stored = upload(first, data, token).json()
        assert upload(second, data, token).json() == stored
        path = stored["uri"].removeprefix(world.sending.uri)
        assert [client.get(path).content for client in (first, second)] == [data] * 2
        key = {"authorization": f"Bearer {stored['delete_key']}"}
        assert second.delete(path, headers=key).status_code == 204
        assert [client.get(path).status_code for client in (first, second)] == [404] * 2


def test_the_log_of_both_is_one(world: World) -> None:  # DIR-12, DIR-13, DIR-15
    people = [Person(world.directory, f"writer {next(NUMBERS)}") for _ in range(60)]
    stopped, found, sizes = threading.Event(), list[Proof](), set[int]()
    with ExitStack() as stack:
        clients = world.directory.clients(stack)

        def write(place: int, people: list[Person]) -> list[Proof]:
            return [person.register(clients[place]) for person in people[place::2]]

        def watch() -> None:
            """Read the heads of both, over and over, as one reader: a fork raises."""
            ways = [DirectoryClient(world.directory.uri, one.base) for one in world.directory.instances]
            reader = DirectoryReader(world.directory.uri, ways[0].document().key, MemoryStorage())
            while not stopped.is_set():
                for way in ways:
                    head = way.head()
                    gap = reader.gap(head)
                    reader.compare(now_s() * 1000, head, way.consistency(*gap) if gap else ())
                    sizes.add(head.size)

        with ThreadPoolExecutor(3) as pool:
            watched = pool.submit(watch)
            try:
                for some in (people[:20], people[20:40], people[40:]):
                    before = len(sizes)
                    writers = [pool.submit(write, place, some) for place in range(2)]
                    found += [proof for writer in writers for proof in writer.result()]
                    assert eventually(lambda before=before: watched.done() or len(sizes) > before)  # type: ignore[misc]
            finally:
                stopped.set()
            watched.result()
        again = [clients[1 - place].get("/v1/log/head").content for place in range(2)]
    assert again[0] == again[1]
    assert len({proof.index for proof in found}) == len(people)
    assert len(sizes) > 2, "the log grew while it was read"
    query = world.device().header(Purpose.QUERY)
    with world.directory.instances[1].client() as other:  # what the first wrote
        assert Proof.decode(other.get(path_of(people[0].name), headers=query).content).entry == people[0].entry_made


def test_a_contact_is_handed_out_once_by_both(world: World) -> None:  # DIR-5, DIR-9, DIR-10
    person, device = Person(world.directory, "popular"), world.device()
    asked_with = [device.header(Purpose.CONTACT) for _ in range(CONTACTS_PER_DAY + 8)]
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        clients = world.directory.clients(stack)
        person.register(clients[0])
        for _ in range(2):
            answer = person.deposit(clients[1], person.contacts(CONTACTS_PER_DAY // 2 + 8))
            assert answer.status_code == 200, answer.text

        def ask(place: int, other: int = 0) -> httpx.Response:
            path = path_of("popular", "/contact")
            return clients[(place + other) % 2].post(path, headers=asked_with[place])

        found = list(pool.map(ask, range(len(asked_with))))
        given = {place: answer.content for place, answer in enumerate(found) if answer.status_code == 200}
        assert len(set(given.values())) == len(given) == CONTACTS_PER_DAY  # a limit of both together
        assert {answer.status_code for answer in found} == {200, 429}
        for place, content in given.items():
            assert (
                clients[1 - place % 2].post(path_of("popular", "/contact"), headers=asked_with[place]).content
                == content
            )


# -------------------------------------------------------------------- who waits is told


def test_who_waits_at_one_instance_hears_what_the_other_stores(world: World) -> None:  # RECV-12
    owner = registered(world, world.device())
    topic, told = access_key_topic(owner.access_key), list[str]()
    with (
        ExitStack() as stack,
        psycopg.connect(world.receiving.database.replace("+psycopg", ""), autocommit=True) as ear,
    ):
        ear.execute("LISTEN communicator")
        first, second = world.receiving.clients(stack)
        frames = stack.enter_context(Frames(world.receiving.instances[1].port, owner.authority))
        with ThreadPoolExecutor(1) as pool:
            for index in range(5):
                waiting = pool.submit(owner.fetch, second, WAIT_S)
                world.receiving.instances[1].waits(2)
                began = time.monotonic()
                assert accept(first, owner.request(index, body(index))) == 202
                (message,) = waiting.result()
                assert frames.read().ciphertext == message.ciphertext == body(index)
                assert time.monotonic() - began < TOLD_S
                owner.confirm(first, [message.number])
                told += _told(ear, topic)
    assert told.count(topic) == 5


def _told(ear: "psycopg.Connection[tuple[object, ...]]", topic: str) -> list[str]:
    """Return what PostgreSQL tells, up to something of a topic."""
    told = list[str]()
    for note in ear.notifies(timeout=PATIENCE_S):
        told.append(note.payload)
        if note.payload == topic:
            break
    return told


def test_who_waits_hears_a_new_latency_class_at_the_other(world: World) -> None:  # RECV-12, RECV-13
    owner = registered(world, world.device())
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        first, second = world.receiving.clients(stack)
        pull = first.post("/v1/latency", json={"latency": "pull"}, headers=owner.authority)
        assert pull.status_code == 204, pull.text
        assert accept(first, owner.request(0, body(0))) == 202
        assert len(settled(first, owner, 1)) == 1
        waiting = pool.submit(owner.fetch, second, WAIT_S)
        world.receiving.instances[1].waits(1)
        began = time.monotonic()
        first.post("/v1/latency", json={"latency": "immediate"}, headers=owner.authority)
        assert len(waiting.result()) == 1
        assert time.monotonic() - began < TOLD_S


def test_what_was_told_while_nobody_listened_is_heard(world: World) -> None:  # RECV-12
    owner = registered(world, world.device())
    url = world.receiving.database.replace("+psycopg", "")
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as operator:
        first, second = world.receiving.clients(stack)
        waiting = pool.submit(owner.fetch, second, WAIT_S)
        world.receiving.instances[1].waits(1)
        began = time.monotonic()
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN communicator'"
        assert operator.execute(cut + " AND datname = current_database()").rowcount == 2
        assert accept(first, owner.request(0, body(0))) == 202
        assert len(waiting.result()) == 1
        assert time.monotonic() - began < TOLD_S


# -------------------------------------------------------------------- instances come and go


class Traffic:
    """Devices that submit through the one origin as much as they are told; each repeats what was not answered."""

    def __init__(self, world: World, threads: int = 3) -> None:
        self._world, self._stopped = world, threading.Event()
        self.owner = registered(world, world.device())
        self.acknowledged: set[bytes] = set()
        self.unanswered = list[str]()
        self._lock, self._numbers, self._wanted = threading.Lock(), count(), 0
        self._permits = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._bring) for _ in range(threads)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._permits.release(len(self._threads))
        for thread in self._threads:
            thread.join()

    def begin(self, messages: int, first: int = 0) -> None:
        """Send so many more, and return when the first of them are acknowledged."""
        self._wanted += messages
        self._permits.release(messages)
        self.acknowledges(self._wanted - messages + first)

    def acknowledges(self, wanted: int = 0) -> None:
        """Wait until everything is acknowledged, or so much."""
        wanted = wanted or self._wanted
        seen = eventually(lambda: len(self.acknowledged), lambda seen: seen >= wanted, 3 * PATIENCE_S)
        assert seen >= wanted, f"{seen} of {self._wanted}, {self.unanswered}"

    def _bring(self) -> None:
        device = self._world.device()
        device.unanswered = self.unanswered
        with self._world.sending.client() as client:
            while self._permits.acquire() and not self._stopped.is_set():
                with self._lock:
                    number = next(self._numbers)
                request = self.owner.request(number, body(number))
                token, wanted = device.header(Purpose.SUBMIT), submission(self._world, request).encode()
                while not self._taken(client, wanted, token) and not self._stopped.is_set():
                    time.sleep(0.02)
                with self._lock:
                    self.acknowledged.add(body(number))

    def _taken(self, client: httpx.Client, wanted: bytes, token: dict[str, str]) -> bool:
        answer = answered(client, "POST", "/v1/submit", self.unanswered, wanted, CBOR | token)
        assert answer is None or answer.status_code == 202, answer.text
        return answer is not None

    def arrived(self) -> list[bytes]:
        """Fetch through the one origin until everything that was acknowledged is here and all is resolved."""
        with self._world.receiving.client() as client:
            found = arrived(client, self.owner, len(self.acknowledged), 3 * PATIENCE_S)
            _resolved(self._world)
            return [one.ciphertext for one in found + self.owner.drain(client)]


@pytest.mark.slow
def test_an_instance_of_each_is_killed_and_the_others_go_on(world: World) -> None:  # RECV-1, SEND-1, SVC-8
    with Traffic(world) as traffic:
        traffic.begin(100, first=20)
        for pair in world.pairs:
            pair.instances[0].kill()
        at_death = [pair.served_by(1) for pair in world.pairs]
        traffic.acknowledges()
        world.device().header(Purpose.FETCH)
        with world.directory.client() as client:
            Person(world.directory, "alone").register(client)
        alone = [pair.served_by(1) for pair in world.pairs]
        assert all(now > then for now, then in zip(alone, at_death, strict=True)), "the balancer goes on"
        _start(world, 0)
        traffic.begin(30)
        traffic.acknowledges()
    arrived = traffic.arrived()
    assert len(arrived) == len(set(arrived)) == 130
    assert traffic.acknowledged == set(arrived)


@pytest.mark.slow
def test_a_rolling_restart_is_not_noticed(world: World) -> None:  # SVC-6, SVC-8
    with Traffic(world) as traffic:
        for place in range(2):
            traffic.begin(90, first=5)
            for pair in world.pairs:
                assert pair.instances[place].stop() == 0
            traffic.acknowledges()
            _start(world, place)
        traffic.begin(30)
        traffic.acknowledges()
    arrived = traffic.arrived()
    assert len(arrived) == len(set(arrived)) == 210
    assert traffic.acknowledged == set(arrived)
    assert traffic.unanswered == []


def _start(world: World, place: int) -> None:
    with ThreadPoolExecutor(len(world.pairs)) as pool:
        list(pool.map(lambda pair: pair.instances[place].start(), world.pairs))
