"""A private PostgreSQL server for tests, started by the tests themselves, as a user that is not root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from tests.services.disk import mounted
from tests.services.ports import free_port

START_S = 300.0
OPTIONS = (
    "listen_addresses=127.0.0.1",
    "max_connections=300",
    "shared_buffers=32MB",
    "wal_level=minimal",
    "max_wal_senders=0",
)


def binaries() -> Path:
    """Return the folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    assert found, "these tests need PostgreSQL: apt-get install postgresql"
    return found[-1].parent


def user() -> str | None:
    """Return who runs the server: PostgreSQL refuses root."""
    return "postgres" if os.geteuid() == 0 else None


class Postgres:
    """A server with an empty database, in a folder of its own; `stop` breaks its connections, `start` begins again.

    `kill` ends all its processes at whatever instruction they are; the next start recovers. With a `size` the folder is
    a disk of its own, where mounting is allowed (`is_mounted`).
    """

    def __init__(self, size: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="communicator-postgres-"))
        self.is_mounted = bool(size) and mounted(self._folder, size)
        self._user = user()
        if self._user is not None:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._port = free_port()
        self.url = f"postgresql+psycopg://communicator@127.0.0.1:{self._port}/postgres"
        data = str(self._folder / "data")
        made = (str(binaries() / "initdb"), "-D", data, "-A", "trust", "-U", "communicator", "-E", "UTF8", "--no-sync")
        subprocess.run(made, user=self._user, check=True, capture_output=True, cwd=self._folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again and again while processes of a killed one keep its memory."""
        until = time.monotonic() + START_S
        while not self._started(until):
            assert time.monotonic() < until, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def _started(self, until: float) -> bool:
        folder = str(self._folder)
        options = [part for option in OPTIONS for part in ("-c", option)]
        command = (str(binaries() / "postgres"), "-D", f"{folder}/data", "-p", str(self._port), "-k", folder, *options)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log, cwd=folder)
        return _answers(self._process, self._port, until)

    def stop(self) -> None:
        """End it at once, whoever is connected."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the server and all its processes at whatever instruction they are."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # so that it has no more children than are found
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for process in (self._process.pid, *map(int, children.split())):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None

    @property
    def folder(self) -> Path:
        """Where the server has everything."""
        return self._folder

    @property
    def pid(self) -> int:
        """Number of its first process; 0 if that has ended."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)

    def create(self, database: str) -> str:
        """Make an empty database, and return its URL."""
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {database}")
        return self.url.removesuffix("postgres") + database

    def backends(self) -> list[int]:
        """Return the processes that work for somebody else's connections."""
        mine = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with self.connect() as connection:
            return sorted(int(str(row[0])) for row in connection.execute(mine))

    def recovered(self) -> None:
        """Wait until the server takes connections again, after one of its processes was killed."""
        assert self._process is not None
        assert _answers(self._process, self._port, time.monotonic() + START_S), "PostgreSQL has ended"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.is_mounted:
            subprocess.run(("umount", str(self._folder)), check=True)
        shutil.rmtree(self._folder)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty database; yields its URL."""
    with Postgres() as server:
        yield server.url


def _answers(process: "subprocess.Popen[bytes]", port: int, until: float) -> bool:
    """Wait until a server answers; false if it has ended, or the time is over."""
    while process.poll() is None and time.monotonic() < until:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://communicator@127.0.0.1:{port}/postgres").close()
            return True
        time.sleep(0.05)
    return False
