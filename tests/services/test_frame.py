"""What all services share around their endpoints: rates, peers that are gone, a database that goes away, threads."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, insert, select
from tests.patience import PATIENCE_S, eventually
from tests.services.owning import LabelOwner, accept, body, config_of, settled
from tests.services.postgres import Postgres
from tests.services.running import Service
from tests.services.websocket import Frames

from communicator_impl.addresses import Profile
from communicator_impl.entropy import SystemEntropy
from communicator_impl.errors import PeerError
from communicator_impl.services import resolver
from communicator_impl.services.database import Database, GroupCommit, migrate
from communicator_impl.services.generations import current_schedule
from communicator_impl.services.http import Rates, problem
from communicator_impl.services.listening import Listening
from communicator_impl.services.observation import Log
from communicator_impl.services.schema import accepted
from communicator_impl.services.settings import SettingsError
from communicator_impl.services.worker import Worker
from communicator_spec import ErrorClass

KEEPALIVE = "02"
"""The timer of a connection at which the system asks a silent peer whether it is there (/proc/net/tcp)."""


def test_whoever_asks_too_fast_learns_when_there_is_room_again() -> None:  # SVC-5
    now = 0.0
    rates = Rates(0.1, 2, lambda: now)
    said = []
    for at_s in (0, 0, 0, 4, 9.5, 10, 10):
        now = at_s
        try:
            rates.take("192.0.2.1")
            said.append("")
        except PeerError as error:
            said.append(problem(error).headers["retry-after"])
    assert said == ["", "", "10", "6", "1", "", "10"]


def test_a_refusal_without_a_known_time_says_one_second() -> None:  # SVC-5
    assert problem(PeerError(ErrorClass.LIMIT)).headers["retry-after"] == "1"


def timers(port: int) -> set[str]:
    """Return the timers of the connections that this port has."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {row[5].partition(":")[0] for row in rows if int(row[1].partition(":")[2], 16) == port and row[3] == "01"}


def test_a_device_that_waits_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    with Service(tmp_path, "receiving") as service, service.client() as client:
        owner = LabelOwner(config_of(client, service.uri)).register(client)
        client.close()
        with Frames(service.port, owner.authority) as frames:
            assert frames.status == 101
            assert eventually(lambda: timers(service.port), lambda found: found == {KEEPALIVE}) == {KEEPALIVE}


def test_a_port_belongs_to_one_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(SettingsError, match=r"service\.listen_port.*is taken") as error:
            Listening("127.0.0.1", other.getsockname()[1], "service.listen_port")
        assert "\n" not in str(error.value)


def test_a_thread_goes_on_after_whatever_its_step_raises(tmp_path: Path) -> None:
    path, seen = tmp_path / "log", list[int]()
    with path.open("w") as stream:

        def step() -> bool:
            seen.append(len(seen))
            if len(seen) == 2:
                raise RuntimeError("secret")
            return len(seen) == 1

        worker = Worker("worker", step, Log(stream), 0.01)
        worker.start()
        eventually(lambda: len(seen) >= 4)
        worker.stop()
    assert len(seen) >= 4
    assert "RuntimeError" in path.read_text()
    assert "secret" not in path.read_text()


def database_in(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder}/frame.sqlite3")
    migrate(database)
    profiles = (Profile.TWO_LAYER, Profile.LABEL)
    database.transact(
        lambda c: current_schedule(c, "https://a.example", profiles, 10**7, 1_767_225_600, SystemEntropy())
    )
    return database


def test_whoever_goes_away_before_the_commit_holds_up_nobody(tmp_path: Path) -> None:  # RECV-1
    database = database_in(tmp_path)

    async def brought() -> None:
        commit = GroupCommit(database, lambda count: None)
        with database.writing():  # the thread waits for its turn
            gone = [commit.put(1, b"first"), commit.put(1, b"second")]
            assert gone[1].cancel()
        await asyncio.wait_for(commit.put(1, b"third"), PATIENCE_S)
        await asyncio.to_thread(commit.stop)

    asyncio.run(brought())
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(accepted)).scalar_one() >= 2
    database.close()


def test_a_request_at_which_the_resolver_fails_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # RECV-1
    database, failed = database_in(tmp_path), list[str]()
    rows = [{"at_ms": 1_767_225_600_000, "request": request} for request in (b"one", b"boom", b"three")]
    with database.writing() as connection:
        connection.execute(insert(accepted), rows)

    def decode(data: bytes) -> None:
        if data == b"boom":
            raise RuntimeError("secret")
        raise PeerError(ErrorClass.MALFORMED)

    monkeypatch.setattr(resolver, "decode_request", decode)
    done = resolver.Resolver(database, failed=lambda event, error: failed.append(type(error).__name__)).step()
    assert (done.rows, failed) == (3, ["RuntimeError"])
    assert done.refused[ErrorClass.MALFORMED] == 3
    database.close()


def ready(service: Service) -> int:
    return httpx.get(f"http://127.0.0.1:{service.operations_port}/health/ready", timeout=PATIENCE_S).status_code


def becomes(service: Service, status: int) -> bool:
    return eventually(lambda: ready(service), lambda seen: seen == status) == status


def test_a_database_that_went_away_is_connected_to_again(tmp_path: Path) -> None:  # SVC-6, SVC-8
    with Postgres() as server, Service(tmp_path, "both", database=server.url) as service, service.client() as client:
        owner = LabelOwner(config_of(client, service.uri)).register(client)
        assert accept(client, owner.request(0, body(0))) == 202
        server.stop()
        with httpx.Client(base_url=service.base, timeout=2 * PATIENCE_S) as stranger:
            assert accept(stranger, owner.request(1, body(1))) == 503
            assert stranger.get("/v1/messages", headers=owner.authority).status_code == 503
        assert becomes(service, 503)
        server.start()
        assert becomes(service, 200)
        assert accept(client, owner.request(2, body(2))) == 202
        found = {one.ciphertext for one in settled(client, owner, 2)}
        assert {body(0), body(2)} <= found
        assert service.stop() == 0
