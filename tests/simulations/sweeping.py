"""A small sweep for tests: six points of a dozen people, on the population model; and a Dask cluster to kill.

Scheduler and workers are processes of their own, on a port that stays the test's while the scheduler is down.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.patience import PATIENCE_S, eventually
from tests.services.ports import free_port
from tests.simulations.fingerprint import SMALL, small_plan

from communicator_simulations.scenario import Scenario
from communicator_simulations.sweeps.design import points, read_design
from communicator_simulations.sweeps.running import Workers, run_sweep
from communicator_simulations.sweeps.store import Store
from communicator_simulations.sweeps.tasks import Layout, lay_out

__all__ = ["TABLES", "VARY", "Cluster", "files", "layout", "nothing", "swept"]

VARY: Final = ("weather.loss=0,0.1,0.2", "policy.two.receiving_services=2,3")
TABLES: Final = ("points", "runs", "latency", "cutover", "load", "means")


def nothing(done: int, total: int) -> None:
    """Progress that nobody watches."""


def layout(folder: Path, seed: int = 1, vary: tuple[str, ...] = VARY, scenario: Scenario = SMALL) -> Layout:
    """Lay out a small sweep; the messages lie in `folder`."""
    folder.mkdir(exist_ok=True)
    plan = small_plan(folder, seed, scenario, policies=["one", "two"], faults=["death"])
    return lay_out(plan, points(plan.scenario, read_design("migration", vary, None, None), seed), "model")


def swept(wish: Layout, folder: Path, workers: int = 1, cluster: str | None = None) -> dict[str, bytes]:
    """Run a sweep into a folder, and return its tables and results."""
    run_sweep(wish, Store(folder), Workers(workers, cluster), nothing)
    return files(folder)


def files(folder: Path) -> dict[str, bytes]:
    """Return the tables and results of a folder by name, without how long things took."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "times.jsonl"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


class Cluster:
    """A Dask scheduler and two workers of one thread, each a process."""

    def __init__(self) -> None:
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._scheduler()
        self.workers = [self._worker() for _ in range(2)]

    def _scheduler(self) -> subprocess.Popen[bytes]:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard")

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                           "--death-timeout", str(PATIENCE_S))  # fmt: skip

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *words]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, **quiet, env={**os.environ, "PYTHONHASHSEED": "random"})  # type: ignore[call-overload,no-any-return]

    def restart(self) -> list[int]:
        """Kill the scheduler, wait until its workers have given up, start all anew; returns how the old ones ended."""
        self.scheduler.send_signal(signal.SIGKILL)
        ended = [self.scheduler.wait(PATIENCE_S)]
        ended += [self.end(worker) for worker in self.workers]
        self.scheduler = self._scheduler()
        self.workers = [self._worker() for _ in range(2)]
        return ended

    def kill_one(self) -> int:
        """Kill one worker; returns how it ended."""
        return self.end(self.workers[0])

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> int:
        """Kill a process, and return how it ended."""
        process.send_signal(signal.SIGKILL)
        return process.wait(PATIENCE_S)

    def has_workers(self) -> bool:
        """Whether both workers have reported to the scheduler."""
        from distributed import Client

        with suppress(OSError):
            client = Client(self.address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
            try:
                return eventually(lambda: len(client.scheduler_info()["workers"]), lambda seen: seen == 2) == 2
            finally:
                client.close()  # type: ignore[no-untyped-call]
        return False

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Cluster"]:
        """Start a cluster, and end it."""
        cluster = cls()
        try:
            assert cluster.has_workers()
            yield cluster
        finally:
            for process in (cluster.scheduler, *cluster.workers):
                cls.end(process)
