"""A private PostgreSQL server for tests, started by the tests themselves, as a user that is not root."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.services.running import free_port

START_S = 30.0
OPTIONS = (
    "listen_addresses=127.0.0.1",
    "max_connections=120",
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


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty database; yields its URL."""
    folder = Path(tempfile.mkdtemp(prefix="communicator-postgres-"))
    runs_as = user()
    if runs_as is not None:
        os.chown(folder, pwd.getpwnam(runs_as).pw_uid, -1)
    data, port = folder / "data", free_port()
    make = (str(binaries() / "initdb"), "-D", str(data), "-A", "trust", "-U", "communicator", "-E", "UTF8", "--no-sync")
    subprocess.run(make, user=runs_as, check=True, capture_output=True, cwd=folder)
    options = [part for option in OPTIONS for part in ("-c", option)]
    command = (str(binaries() / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *options)
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, user=runs_as, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(port)
        yield f"postgresql+psycopg://communicator@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder)


def _wait(port: int) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(f"postgresql://communicator@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < until, "PostgreSQL did not start"
            time.sleep(0.05)
