"""The log of a directory: one, whoever writes it, whenever it is killed; and a directory with two logs is found out."""

import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.patience import eventually
from tests.services.asking import ENTROPY, Person, key_of, leaves_of, open_account, path_of, tokens
from tests.services.ports import free_port
from tests.services.postgres import postgres
from tests.services.running import Service

from communicator_impl.directory import Entry, Head, Leaf, Proof, make_entry
from communicator_impl.directory_reader import SplitView
from communicator_impl.errors import CommunicatorError, OwnError, PeerError, ServiceError
from communicator_impl.keys import Identity
from communicator_impl.log_tree import LogTree, Peaks
from communicator_impl.services.database import Database, migrate
from communicator_impl.services.directory_client import DirectoryClient
from communicator_impl.services.directory_log import DirectoryLog, locked
from communicator_impl.services.directory_watch import DirectoryWatch
from communicator_impl.services.file_storage import FileStorage
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose
from communicator_spec.errors import ErrorClass

URI = "https://directory.example"
NOW_S = 1_767_225_600
DAY_S = 86_400


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def refusal(error: BaseException) -> ErrorClass:
    assert isinstance(error, CommunicatorError)
    return error.error_class


# -------------------------------------------------------------------- tables, at any date


class Log:
    """A log in a file, written at dates that the test chooses."""

    def __init__(self, folder: Path) -> None:
        self.database, self.log = Database(f"sqlite:///{folder}/log.sqlite3"), DirectoryLog(URI)
        migrate(self.database)
        self.open(NOW_S)

    def open(self, at_s: int, uri: str = URI) -> None:
        self.database.transact(lambda c: DirectoryLog(uri).open(c, locked(c, ENTROPY), at_s))

    def append(self, entry: Entry, at_s: int = NOW_S) -> Head:
        self.database.transact(lambda c: self.log.append(c, locked(c, ENTROPY), entry, at_s))
        return self.head()

    def refresh(self, at_s: int) -> Head:
        self.database.transact(lambda c: self.log.refresh(c, locked(c, ENTROPY), at_s))
        return self.head()

    def head(self) -> Head:
        with self.database.reading() as connection:
            return self.log.head(connection)

    def spoil(self, statement: str) -> None:
        with self.database.writing() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def entry(n: int) -> Entry:
    return make_entry(f"name {n}", 0, IDENTITY, NOW_S)


IDENTITY = Identity.generate(ENTROPY)


def test_the_tree_in_the_tables_is_that_in_memory(log: Log) -> None:  # DIR-12
    memory = LogTree()
    for n in range(20):
        made = entry(n)
        memory.append(made.leaf().hash())
        assert log.append(made).tree == memory.root()
        with log.database.reading() as connection:
            for index in range(n + 1):
                proof = Proof.decode(log.log.proof(connection, f"name {index}") or b"")
                assert proof.path == memory.inclusion_path(index)


def test_a_head_is_signed_every_half_day_with_a_date_that_only_grows(log: Log) -> None:  # DIR-16
    first = log.append(entry(0))
    assert log.refresh(NOW_S + DAY_S // 2 - 1) == first
    second = log.refresh(NOW_S + DAY_S // 2)
    assert (second.size, second.tree, second.date_s) == (first.size, first.tree, NOW_S + DAY_S // 2)
    assert log.append(entry(1), NOW_S).date_s == second.date_s  # the clock went back


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_entries WHERE place = 1",
        "DELETE FROM log_heads WHERE size = 3",
        "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 1",
        "DELETE FROM log_nodes WHERE level = 1",
    ],
)
def test_a_log_that_was_tampered_with_is_not_gone_on_with(log: Log, statement: str) -> None:
    for n in range(3):
        log.append(entry(n))
    log.open(NOW_S)
    log.spoil(statement)
    with pytest.raises(OwnError):
        log.open(NOW_S)


def test_a_log_has_one_uri(log: Log) -> None:
    with pytest.raises(OwnError):
        log.open(NOW_S, "https://another.example")


def test_two_trees_of_one_size_are_not_signed(log: Log) -> None:
    log.append(entry(0))
    head = log.head()
    log.spoil("UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 0")
    with pytest.raises(OwnError):
        log.refresh(NOW_S + DAY_S)
    assert log.head() == head


# -------------------------------------------------------------------- several instances, and kill -9


def register_all(service: Service, n: int, name: str) -> list[Proof]:
    with service.client() as client:
        return [Person(service, f"{name} {i}").register(client) for i in range(n)]


def check_log(client: httpx.Client, uri: str, proofs: list[Proof]) -> None:
    """Hold all proofs, and the heads in them, against the log as it is now."""
    key, last = key_of(client, uri), Head.decode(client.get("/v1/log/head").content)
    leaves = [leaf for first in range(0, last.size, 1024) for leaf in leaves_of(client, first, last.size)]
    hashes = [Leaf.decode(leaf).hash() for leaf in leaves]
    assert Peaks().extended(hashes).root() == last.tree
    peaks, size = Peaks(), 0
    for proof in sorted(proofs, key=lambda one: one.head.size):
        proof.check(now_ms() // 1000, uri, key, proof.entry.name)
        assert hashes[proof.index] == proof.entry.leaf().hash()
        peaks, size = peaks.extended(hashes[size : proof.head.size]), proof.head.size
        assert peaks.root() == proof.head.tree


def test_two_instances_write_one_log_and_share_one_stock(tmp_path: Path) -> None:  # DIR-5, DIR-9, TOK-15
    uri = f"http://127.0.0.1:{free_port()}"
    with postgres() as database, Service(tmp_path, "authorization") as issuer, ThreadPoolExecutor(8) as pool:
        rules = {
            "COMMUNICATOR_DIRECTORY_MODE": "brokered",
            "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": "6",
            "COMMUNICATOR_DIRECTORY_TOKENS": f'{{contact = ["{issuer.uri}"]}}',
        }
        pair = tuple(Service(tmp_path, "directory", database=database, uri=uri, settings=rules) for _ in range(2))
        list(pool.map(Service.start, pair))
        with pair[0], pair[1], pair[0].client() as first, pair[1].client() as second, issuer.client() as issuing:
            jobs = [pool.submit(register_all, pair[n % 2], 8, f"crowd {n}") for n in range(6)]
            proofs = [proof for job in jobs for proof in job.result()]
            assert len({proof.index for proof in proofs}) == 48
            check_log(first, uri, proofs)
            check_log(second, uri, proofs)
            blair = Person(pair[0], "blair \0")
            blair.register(first)
            blair.deposit(first, blair.contacts(9))
            shown = list(tokens(issuing, issuer.uri, uri, Purpose.CONTACT, open_account(issuer)))[:9]
            asks = [(client, token) for token in shown for client in (first, second)]
            answers = list(pool.map(lambda one: contact_of(one[0], blair.name, one[1]), asks))
            by_token = list(zip(answers[::2], answers[1::2], strict=True))
            assert all(one == other for one, other in by_token)
            given = [one for one, _ in by_token if one]
            assert len(given) == len(set(given)) == 6


def contact_of(client: httpx.Client, name: str, token: str) -> bytes:
    answer = client.post(path_of(name, "/contact"), headers={"authorization": token})
    assert answer.status_code in (200, 429), answer.text
    return answer.content if answer.status_code == 200 else b""


@pytest.mark.slow
def test_kill_takes_no_entry_back_and_makes_no_second_log(tmp_path: Path) -> None:  # DIR-13, DIR-15, SVC-7, SVC-8
    service, chance = Service(tmp_path, "directory"), random.Random(3)
    proofs: list[Proof] = []
    tried: list[tuple[Person, Entry]] = []
    for life in range(3):
        with service:
            workers = [
                threading.Thread(target=keep_registering, args=(service, f"life {life} worker {n}", proofs, tried))
                for n in range(3)
            ]
            for worker in workers:
                worker.start()
            wanted = len(proofs) + chance.randint(5, 15)
            assert eventually(lambda wanted=wanted: len(proofs) >= wanted)  # type: ignore[misc]
            service.kill()
            for worker in workers:
                worker.join()
    with service, service.client() as client:
        check_log(client, service.uri, proofs)
        size = Head.decode(client.get("/v1/log/head").content).size
        assert len(proofs) <= size <= len(tried)
        for person, made in tried:  # what got no answer is repeated: registered now, or was already
            assert Proof.decode(person.put(client, made).content).entry == made
        assert Head.decode(client.get("/v1/log/head").content).size == len(tried)
        check_log(client, service.uri, proofs)
        assert service.stop() == 0


def keep_registering(service: Service, name: str, proofs: list[Proof], tried: list[tuple[Person, Entry]]) -> None:
    n = 0
    try:
        with service.client() as client:
            while True:
                n += 1
                person = Person(service, f"{name} {n}")
                made = person.entry()
                tried.append((person, made))
                proofs.append(Proof.decode(person.put(client, made).raise_for_status().content))
    except httpx.TransportError:
        return


# -------------------------------------------------------------------- who watches


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Service, Person]]:
    """Yield two servers of one directory, with one key, and a log that parted after its second entry."""
    folder = tmp_path_factory.mktemp("faces")
    uri = f"http://127.0.0.1:{free_port()}"
    first = Service(folder, "directory", uri=uri)
    second = Service(folder, "directory", uri=uri)
    with first, first.client() as client:
        alex = Person(first, "alex")
        alex.register(client)
        Person(first, "blair").register(client)
        assert first.stop() == 0
    shutil.copy(first.database.removeprefix("sqlite:///"), second.database.removeprefix("sqlite:///"))
    with first, second:
        yield first, second, alex


def way(service: Service) -> DirectoryClient:
    return DirectoryClient(service.uri, service.base)


def test_two_logs_under_one_key_are_found_out(
    faces: tuple[Service, Service, Person], tmp_path: Path
) -> None:  # DIR-15, DIR-17
    first, second, alex = faces
    storage = FileStorage(tmp_path / "watch.sqlite3")
    ways = (way(first), way(second))
    watch = DirectoryWatch(first.uri, storage, ways, ("alex",))
    watch.monitors["alex"].made(alex.entry_made)
    seen = watch.look(now_ms())
    assert seen.sizes == ((first.base, 2), (second.base, 2))
    assert (seen.silent, seen.alarms) == ((), (("alex", ()),))
    with first.client() as one, second.client() as other:
        Person(first, "charlie").register(one)
        assert watch.look(now_ms()).sizes == ((first.base, 3), (second.base, 2))  # one is behind, in one log
        Person(second, "mallory").register(other)
        alone = DirectoryWatch(first.uri, MemoryStorage(), (way(second),))
        alone.look(now_ms())
        with pytest.raises(SplitView) as caught:
            DirectoryWatch(first.uri, storage, ways).look(now_ms())
        assert caught.value.ours.size == caught.value.theirs.size == 3
        Person(second, "mallory 2").register(other)
        with pytest.raises(PeerError) as longer:
            watch.look(now_ms())
        assert refusal(longer.value) is ErrorClass.FORGED
        assert alone.head is not None
        with pytest.raises(SplitView):  # by the head of another reader
            DirectoryWatch(first.uri, storage, (way(first),)).look(now_ms(), (alone.head,))
    assert watch.head is not None
    assert watch.head.size == 3
    storage.close()


def test_an_entry_that_its_owner_did_not_make_is_shown(tmp_path: Path) -> None:  # DIR-17
    with Service(tmp_path, "directory") as service, service.client() as client:
        alex = Person(service, "alex")
        storage = FileStorage(tmp_path / "watch.sqlite3")
        watch = DirectoryWatch(service.uri, storage, names=("alex",))
        alex.register(client)
        watch.monitors["alex"].made(alex.entry_made)
        assert watch.look(now_ms()).alarms == (("alex", ()),)
        thief = alex.replaced()
        alex.put(client, thief).raise_for_status()
        assert watch.look(now_ms()).alarms == (("alex", (thief.leaf(),)),)
        storage.close()
        again = DirectoryWatch(service.uri, FileStorage(tmp_path / "watch.sqlite3"), names=("alex",))
        assert again.look(now_ms()).alarms == (("alex", (thief.leaf(),)),)


def test_a_watch_keeps_the_key_and_names_ways_that_are_silent(faces: tuple[Service, Service, Person]) -> None:
    first, silent = faces[0], DirectoryClient(faces[0].uri, f"http://127.0.0.1:{free_port()}")
    storage = MemoryStorage()
    with pytest.raises(ServiceError):
        DirectoryWatch(first.uri, storage, (silent,))
    seen = DirectoryWatch(first.uri, storage, (silent, way(first))).look(now_ms())
    assert (seen.silent, len(seen.sizes)) == ((silent.base,), 1)
    place = next(key for key in storage.keys("") if key.endswith("/key"))
    storage.save(place, bytes(32))
    with pytest.raises(PeerError) as caught:
        DirectoryWatch(first.uri, storage, (way(first),))
    assert refusal(caught.value) is ErrorClass.FORGED
