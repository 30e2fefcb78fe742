"""A disk without room: nothing is acknowledged, the process goes on, says so, and needs no restart when there is room.

Room is taken by the limit that the kernel puts on the size of a file, from outside and while the service runs: each
write of the database beyond it fails as it does on a full disk.
"""

import resource
import time
from pathlib import Path

from tests.services.owning import TwoLayerOwner, accept, body, config_of, settled
from tests.services.running import Service, _status


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
        until = time.monotonic() + 20
        while _status(service.operations_port, "/health/ready") == 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert service.log.read_text().count("accept failed") == before + 1
        fill(service, resource.RLIM_INFINITY)
        assert accept(client, owner.request(20, body(20))) == 202
        assert [one.ciphertext for one in settled(client, owner, 2)] == [body(0), body(20)]
        while _status(service.operations_port, "/health/ready") != 200:
            assert time.monotonic() < until
            time.sleep(0.1)


def fill(service: Service, size: int) -> None:
    """Let the processes of a service write no file beyond a size."""
    assert service._process is not None
    process = service._process.pid
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    for one in (process, *map(int, children)):
        _, hard = resource.prlimit(one, resource.RLIMIT_FSIZE)
        resource.prlimit(one, resource.RLIMIT_FSIZE, (size, hard))
