"""A sweep on a real Dask cluster: the same bytes as in one process, whoever dies meanwhile."""

import signal
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.services.ports import free_port
from tests.simulations.sweeping import Cluster, files, layout, swept

from communicator_model.traces import DataError
from communicator_simulations.sweeps.cluster import finished_on
from communicator_simulations.sweeps.running import Workers, run_sweep
from communicator_simulations.sweeps.store import Store, SweepError
from communicator_simulations.sweeps.tasks import Layout, compute


def kept(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each result file by name, with what changes if it is written again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder / "tasks").iterdir()}


def noted(folder: Path) -> Counter[str]:
    """Return how often each run was finished."""
    return Counter(msgspec.json.decode(line)["task"] for line in (folder / "times.jsonl").read_bytes().splitlines())


def errors_of_workers_are_raised_here(wish: Layout, folder: Path, address: str) -> None:
    job = wish.wanted[0]
    with pytest.raises(SweepError, match="has other sources of Communicator; install the same there"):
        list(finished_on(address, compute, [job._replace(version="other")], print))
    with pytest.raises(SweepError, match=r"has other data: .*; copy the same there"):
        list(finished_on(address, compute, [job._replace(digests=("other", "data"))], print))
    sources = job.sources._replace(trace=folder / "ghost.txt")
    with pytest.raises(DataError, match=r"ghost\.txt"):
        list(finished_on(address, compute, [job._replace(sources=sources)], print))


@pytest.mark.slow
def test_workers_and_schedulers_that_die_leave_no_trace(tmp_path: Path) -> None:
    wish = layout(tmp_path / "data")
    serial = swept(wish, tmp_path / "serial")
    folder, said, ended = tmp_path / "cluster", list[str](), dict[str, list[int]]()
    before: dict[str, tuple[int, int]] = {}

    with Cluster.running() as cluster:

        def trouble(done: int, total: int) -> None:
            if done == 3:
                ended["worker"] = [cluster.kill_one()]
            elif done == 8:
                before.update(kept(folder))
                ended["all"] = cluster.restart()
            assert total == len(wish.wanted) > 12

        run_sweep(wish, Store(folder), Workers(1, cluster.address, said.append), trouble)
        errors_of_workers_are_raised_here(wish, tmp_path, cluster.address)

    assert ended["worker"] == [-signal.SIGKILL]
    assert ended["all"][0] == -signal.SIGKILL
    assert any("is gone; waiting for it" in line for line in said)
    assert len(before) == 8
    assert before.items() <= kept(folder).items()  # what was finished was not written again
    assert noted(folder) == Counter(job.id for job in wish.wanted)
    assert files(folder) == serial


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(SweepError, match=f"no Dask scheduler answers at {address}"):
        list(finished_on(address, len, ["a"], print, connect_s=0.2))
