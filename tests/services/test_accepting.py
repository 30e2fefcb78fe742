"""How acceptances are committed together, and what strangers and the resolver get of the time."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from communicator_impl.errors import PeerError
from communicator_impl.services.database import Database, GroupCommit, migrate
from communicator_impl.services.receiving import Backlog
from communicator_impl.services.schema import accepted


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/service.sqlite3", 4)
    migrate(made)
    return made


def rows(database: Database) -> list[tuple[int, bytes]]:
    with database.reading() as connection:
        found = connection.execute(select(accepted.c.at_ms, accepted.c.request).order_by(accepted.c.id))
        return [(row.at_ms, row.request) for row in found]


async def put(
    commit: GroupCommit, requests: Sequence[bytes], asked: threading.Event | None = None
) -> list[BaseException | None]:
    waiting = [commit.put(number, request) for number, request in enumerate(requests)]
    if asked is not None:
        asked.set()
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_who_is_answered_is_stored_in_the_order_of_asking(database: Database) -> None:  # RECV-1
    shared: list[int] = []
    commit = GroupCommit(database, shared.append)
    requests = [bytes([number]) for number in range(100)]
    asked = threading.Event()
    with database.turn:  # so that they wait for each other
        asking = threading.Thread(target=lambda: asyncio.run(put(commit, requests, asked)))
        asking.start()
        asked.wait()
    asking.join()
    commit.stop()
    assert rows(database) == list(enumerate(requests))
    assert sum(shared) == 100
    assert len(shared) < 100
    database.close()


def test_what_is_not_stored_is_not_confirmed(database: Database) -> None:  # SVC-8
    shared: list[int] = []
    commit = GroupCommit(database, shared.append)
    database.transact(lambda connection: connection.execute(text("ALTER TABLE accepted RENAME TO away")))
    failed = asyncio.run(put(commit, [b"a", b"b"]))
    assert [isinstance(one, SQLAlchemyError) for one in failed] == [True, True]
    database.transact(lambda connection: connection.execute(text("ALTER TABLE away RENAME TO accepted")))
    assert asyncio.run(put(commit, [b"c"])) == [None]
    commit.stop()
    assert rows(database) == [(0, b"c")]
    assert shared == [1]
    database.close()


def test_who_left_is_stored_all_the_same(database: Database) -> None:
    commit = GroupCommit(database, lambda _count: None)

    async def leave() -> None:
        with database.turn:
            gone, stays = commit.put(0, b"gone"), commit.put(1, b"stays")
            gone.cancel()
        await stays

    asyncio.run(leave())
    commit.stop()
    assert rows(database) == [(0, b"gone"), (1, b"stays")]
    database.close()


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_resolver_rests_only_when_more_comes_than_it_can_resolve() -> None:
    clock = Clock()
    backlog = Backlog(1000, clock)
    backlog.came(10)
    clock.now_s = 0.1
    assert backlog.resolved(10, 0.1) == 0.0
    backlog.came(100)
    clock.now_s = 0.2
    assert backlog.resolved(10, 0.05) == pytest.approx(0.05 * 9)  # a tenth of the time
    backlog.came(610)
    clock.now_s = 0.3
    assert backlog.resolved(100, 0.1) == pytest.approx(0.1 * (1 / 0.6 - 1))  # 600 of 1000: the less room, the more
    clock.now_s = 9.0
    assert backlog.resolved(100, 0.1) == 0.0  # nothing came
    assert backlog.waiting == 500


def test_the_resolver_never_rests_for_long_or_without_room() -> None:
    clock = Clock()
    backlog = Backlog(100, clock)
    backlog.came(100)
    with pytest.raises(PeerError):
        backlog.check()
    clock.now_s = 60.0
    assert backlog.resolved(1, 60.0) < 1.0
    backlog.came(200)
    clock.now_s = 60.1
    assert backlog.resolved(1, 0.1) == 0.0
