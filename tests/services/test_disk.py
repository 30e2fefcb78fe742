"""A disk without room: nothing is acknowledged, the process goes on, says so, and needs no restart when there is room.

Room is taken by the limit that the kernel puts on the size of a file, from outside and while the service runs: each
write of the database beyond it fails as it does on a full disk.
"""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.services.disk import fill, limit, until_ready_is
from tests.services.owning import TwoLayerOwner, accept, arrived, body, config_of, settled
from tests.services.postgres import Postgres, user
from tests.services.running import Service


def test_a_full_disk_acknowledges_nothing_and_needs_no_restart(tmp_path: Path) -> None:  # SVC-6, SVC-8
    with Service(tmp_path, "receiving") as service, service.client() as client:
        client.event_hooks = {}
        owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
        assert accept(client, owner.request(0, body(0))) == 202
        assert len(settled(client, owner, 1)) == 1
        before = service.log.read_text().count("accept failed")
        fill(service, 1 << 12)
        statuses = [accept(client, owner.request(index, body(index))) for index in range(1, 20)]
        assert statuses == [503] * 19
        assert len(owner.fetch(client)) == 1
        until_ready_is(service, 503)
        assert service.log.read_text().count("accept failed") == before + 1
        fill(service, resource.RLIM_INFINITY)
        assert accept(client, owner.request(20, body(20))) == 202
        assert [one.ciphertext for one in settled(client, owner, 2)] == [body(0), body(20)]
        until_ready_is(service, 200)


# -------------------------------------------------------------------- PostgreSQL


@contextmanager
def without_room(server: Postgres) -> Iterator[int]:
    """Fill the disk of a server; it refuses what needs a new page, but not to change a row, so readiness says yes."""
    ballast = server.folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 12))
    assert shutil.disk_usage(server.folder).free == 0
    try:
        yield 200
        assert server.pid
    finally:
        ballast.unlink()


@contextmanager
def without_log(server: Postgres) -> Iterator[int]:
    """Let a server write no file beyond 4 kB: it cannot write its log, and so it gives up."""
    limit(server.pid, 1 << 12, user())
    try:
        yield 503
    finally:
        if server.pid:
            limit(server.pid, resource.RLIM_INFINITY, user())


def survives(folder: Path, server: Postgres, full: Callable[[Postgres], AbstractContextManager[int]]) -> None:
    """Write to a service until its database takes no more, make room, and look."""
    with Service(folder, "receiving", database=server.url) as service, service.client() as client:
        client.event_hooks = {}
        owner = TwoLayerOwner(config_of(client, service.uri)).register(client)
        acknowledged, refused = list[int](), 0
        with full(server) as ready:
            for index in range(400):
                status = accept(client, owner.request(index, body(index)))
                assert status in (202, 503)
                acknowledged += [index] if status == 202 else []
                refused = 0 if status == 202 else refused + 1
                if refused == 20:
                    break
            assert refused == 20
            until_ready_is(service, ready)
        if not server.pid:
            server.start()  # as its manager does
        server.recovered()
        until_ready_is(service, 200)
        assert accept(client, owner.request(500, body(500))) == 202
        wanted = [body(index) for index in (*acknowledged, 500)]
        found = [one.ciphertext for one in arrived(client, owner, len(wanted))]
        assert sorted(found) == sorted(wanted)


def test_postgresql_on_a_full_disk_loses_nothing_and_goes_on(tmp_path: Path) -> None:  # SVC-6, SVC-8
    with Postgres("128m") as server:
        survives(tmp_path, server, without_log)
        if server.is_mounted:
            survives(tmp_path, server, without_room)
