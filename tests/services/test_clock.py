"""Clocks that jump: nothing acknowledged is lost, nothing waits for ever, and nothing that was erased is new again."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from tests.services.owning import TwoLayerOwner, body, now_s

from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.entropy import SystemEntropy
from communicator_impl.envelope import decode_request
from communicator_impl.latency import Notice
from communicator_impl.root_owners import RootRegistration
from communicator_impl.services.clock import Clock, Steps, forget, forgotten_s
from communicator_impl.services.database import Database, migrate
from communicator_impl.services.receiving_store import ReceivingStore
from communicator_impl.services.resolver import Resolver
from communicator_impl.services.schema import accepted, kept, messages

S = 1000
HOUR, DAY = 3600 * S, 86_400 * S
START = 1_800_000_000 * S


class Machine:
    """A machine with two clocks, of which one jumps."""

    def __init__(self) -> None:
        self.wall_ms, self.count_ms = START, 7 * DAY
        self.clock = Clock(lambda: self.wall_ms * 1_000_000, lambda: self.count_ms * 1_000_000)

    def passes(self, ms: int) -> None:
        self.wall_ms, self.count_ms = self.wall_ms + ms, self.count_ms + ms


def test_a_clock_that_jumps_ahead_is_believed_after_an_hour() -> None:
    machine = Machine()
    machine.passes(5 * S)
    assert machine.clock.now_ms() == START + 5 * S
    machine.wall_ms += DAY
    for minute in range(60):
        assert machine.clock.now_ms() == START + 5 * S + minute * 60 * S
        machine.passes(60 * S)
    machine.wall_ms -= DAY
    assert machine.clock.now_ms() == START + HOUR + 5 * S
    machine.wall_ms += DAY
    machine.clock.now_ms()
    machine.passes(HOUR)
    assert machine.clock.now_ms() == START + DAY + 2 * HOUR + 5 * S


@pytest.mark.parametrize("back_ms", [HOUR, DAY])
def test_a_clock_that_goes_back_is_followed_and_noticed_once(back_ms: int) -> None:
    machine = Machine()
    steps = Steps(machine.clock.now_ms, lambda: machine.count_ms / 1000)
    machine.passes(HOUR)
    assert steps.back_ms() == 0
    machine.wall_ms -= back_ms
    assert machine.clock.now_ms() == START + HOUR - back_ms
    assert steps.back_ms() == back_ms
    assert steps.back_ms() == 0


def test_a_correction_of_seconds_is_no_jump() -> None:
    machine = Machine()
    machine.wall_ms += 30 * S
    assert machine.clock.now_ms() == START + 30 * S


def test_nobody_waits_for_a_notice_of_tomorrow() -> None:  # RECV-13
    given = Notice(START + DAY, 3)
    assert given.known(START).until_ms == START
    assert given.known(START + DAY - S) == given


class Receiving:
    """The tables of a receiving service, and what it does at chosen times."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/clock.sqlite3")
        migrate(self.database)
        self.store = ReceivingStore((Profile.TWO_LAYER,), 1)
        self.entropy = SystemEntropy()

    def open(self, now_ms: int) -> TwoLayerOwner:
        schedule = KeySchedule.generate("https://rs.example", (Profile.TWO_LAYER,), now_ms // S, self.entropy)
        owner = TwoLayerOwner(schedule.config())
        wanted = RootRegistration(
            owner.root.root, int(Profile.TWO_LAYER), owner.access_key, owner.root.registration().verify_key
        )
        row = {"name": "schedule", "revision": 0, "value": schedule.to_bytes()}

        def work(connection: Connection) -> None:
            connection.execute(kept.insert().values(row))
            self.store.register(connection, now_ms, wanted)

        self.database.transact(work)
        return owner

    def take(self, at_ms: int, request: bytes) -> int:
        """Accept and resolve; returns how many messages there are then."""
        decode_request(request)
        row = {"at_ms": at_ms, "request": request}
        self.database.transact(lambda connection: connection.execute(accepted.insert().values(row)))
        Resolver(self.database).step()
        with self.database.reading() as connection:
            return len(connection.execute(select(messages.c.number)).all())


def test_a_spent_address_stays_spent_when_the_clock_goes_back(tmp_path: Path) -> None:  # ADDR-17
    now_ms = now_s() * S
    service = Receiving(tmp_path)
    owner = service.open(now_ms)
    request, other = owner.request(0, body(1)), owner.request(1, body(2))
    assert service.take(now_ms, request) == 1
    service.database.transact(lambda connection: service.store.erase(connection, now_ms + 2 * DAY))
    assert service.take(now_ms, request) == 1
    assert service.take(now_ms, other) == 1
    service.database.close()


def test_what_was_forgotten_stays_forgotten(tmp_path: Path) -> None:  # TOK-16
    database = Database(f"sqlite:///{tmp_path}/forgotten.sqlite3")
    migrate(database)
    with database.writing() as connection:
        assert forgotten_s(connection, "tokens") == 0
        assert forget(connection, "tokens", 5000) == forgotten_s(connection, "tokens") == 4940
        assert forget(connection, "tokens", 1000) == forgotten_s(connection, "tokens") == 4940
        assert forgotten_s(connection, "addresses") == 0
    database.close()
