"""Clocks that jump under a running service: real processes, whose clock the tests move by libfaketime.

All of a service sees the clock that is moved, its server in Rust and its resolver too; the clock that only counts goes
on. What a service makes of it is in `clock`: a jump ahead is not believed for an hour, one back is followed at once.
"""

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.patience import eventually
from tests.services.owning import TwoLayerOwner, accept, arrived, body, config_of
from tests.services.running import Service

DAY, HOUR = 86_400, 3600
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
TICKS = os.sysconf("SC_CLK_TCK")


class Jumping(Service):
    """A receiving service on a machine whose clock is `time` seconds beside the true one."""

    def __init__(self, folder: Path, beside_s: int) -> None:
        assert LIBRARIES, "these tests need libfaketime: apt-get install faketime"
        self._time = folder / "time"
        self.jump(beside_s)
        faked = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._time),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        super().__init__(folder, "receiving", settings=faked | {"COMMUNICATOR_SERVICE_EVENT_LOG": "true"})

    def jump(self, beside_s: int) -> None:
        """Move the clock; whoever reads it from now on sees that."""
        new = self._time.with_name("new")
        new.write_text(f"{beside_s:+d}")
        new.replace(self._time)

    def share(self) -> float:
        """Return how much of one core the service takes in a second in which nobody asks for anything."""
        began_s, before_s = time.monotonic(), self._worked_s()
        time.sleep(1)
        return (self._worked_s() - before_s) / (time.monotonic() - began_s)

    def _worked_s(self) -> float:
        found = [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]
        stats = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in found]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def replayed(service: Jumping, client: httpx.Client, requests: list[bytes]) -> None:
    """Bring requests again, and wait until the service has judged each of them."""
    before = refused(service)
    assert [accept(client, request) for request in requests] == [202] * len(requests)
    assert eventually(lambda: refused(service) >= before + len(requests)), service.metrics()


def refused(service: Jumping) -> float:
    """Return how many requests did not resolve."""
    return sum(count for name, count in service.metrics().items() if "messages_not_resolved_total" in name)


def has_forgotten(service: Jumping) -> bool:
    """Tell whether marks of spent addresses were erased."""
    with closing(sqlite3.connect(service.database.removeprefix("sqlite:///"))) as connection:
        found = connection.execute(
            "SELECT count(*) FROM kept WHERE name = ? AND revision > 0", ("forgotten addresses",)
        )
        return bool(found.fetchone()[0])


def judged_at_s(service: Jumping) -> float:
    """Return how far beside the true time the newest event of the service is, in seconds."""
    with closing(sqlite3.connect(service.database.removeprefix("sqlite:///"))) as connection:
        (newest_ms,) = connection.execute("SELECT t_ms FROM events ORDER BY id DESC LIMIT 1").fetchone()
        return float(newest_ms) / 1000 - time.time()


def machine_s(service: Jumping) -> float:
    """Return how far beside the true time the clock of the service's machine was at the newest event, in seconds."""
    with closing(sqlite3.connect(service.database.removeprefix("sqlite:///"))) as connection:
        (newest_us,) = connection.execute("SELECT at_us FROM events ORDER BY id DESC LIMIT 1").fetchone()
        return float(newest_us) / 1e6 - time.time()


@pytest.mark.slow
def test_jumps_of_the_clock_lose_nothing_and_open_nothing(tmp_path: Path) -> None:  # SVC-8, ADDR-17
    requests = list[bytes]()
    service = Jumping(tmp_path, -3 * DAY)  # keys that are older than the jumps
    service.start().stop()
    service.jump(0)
    with service, service.client() as client, ThreadPoolExecutor(4) as loaders:
        owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
        for beside_s, followed_s in ((0, 0), (DAY, 0), (0, 0), (-HOUR, -HOUR), (-DAY, -DAY), (0, -DAY)):
            texts = [body(len(requests) + index) for index in range(21)]
            new = [owner.request(len(requests) + index, text) for index, text in enumerate(texts)]
            statuses = loaders.map(partial(accept, client), new[1:])
            service.jump(beside_s)
            assert list(statuses) == [202] * 20
            assert accept(client, new[0]) == 202
            found = [one.ciphertext for one in arrived(client, owner, 21)]
            assert sorted(found) == sorted(texts), beside_s
            assert abs(judged_at_s(service) - followed_s) < 600, beside_s
            assert abs(machine_s(service) - beside_s) < 600, beside_s  # it did jump
            # A loop that does not wait takes all of one core, in every second.
            assert eventually(service.share, lambda share: share < 0.5) < 0.5, beside_s
            requests += new
        replayed(service, client, requests[::12])
        assert owner.fetch(client) == []
        assert service.stop() == 0
    service.jump(3 * DAY)
    with service, service.client() as client:
        assert eventually(lambda: has_forgotten(service))
        for beside_s in (0, -DAY):
            service.jump(beside_s)
            replayed(service, client, requests[::12])
            assert owner.fetch(client) == [], beside_s
