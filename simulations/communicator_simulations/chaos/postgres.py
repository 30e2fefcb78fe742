"""A private PostgreSQL server for one run: in a folder of the run, reached over a socket there, and nowhere else.

Rules:

1. It ends when whoever started it does, in whatever way that ends (PR_SET_PDEATHSIG).
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg

__all__ = ["Postgres", "is_there"]

_START_S: Final = 120.0
_OPTIONS: Final = ("listen_addresses=", "max_connections=300", "shared_buffers=32MB", "wal_level=minimal")
_GUARDED: Final = """
import ctypes, os, signal, sys
user, parent, *command = sys.argv[1:]
if int(user) != os.geteuid():
    os.setuid(int(user))
ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # after the user is another: a change of it takes the signal back
if os.getppid() == int(parent):
    os.execv(command[0], command)
"""


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[4])
    named = shutil.which("initdb")
    return found[-1].parent if found else Path(named).parent if named else None


def is_there() -> bool:
    """Tell whether a server is installed."""
    return _binaries() is not None


class Postgres:
    """A server that runs as long as this is open; as root it runs as the user `postgres`, since it refuses root."""

    def __init__(self) -> None:
        binaries = _binaries()
        assert binaries is not None, "PostgreSQL is not installed"
        self._folder = Path(tempfile.mkdtemp(prefix="communicator-chaos-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        data = str(self._folder / "data")
        made = (str(binaries / "initdb"), "-D", data, "-A", "trust", "-U", "communicator", "-E", "UTF8", "--no-sync")
        subprocess.run(made, user=self._user, check=True, capture_output=True, cwd=self._folder)
        options = [part for option in (*_OPTIONS, "wal_level=minimal", "max_wal_senders=0") for part in ("-c", option)]
        command = (str(binaries / "postgres"), "-D", data, "-k", str(self._folder), *options)
        owner = pwd.getpwnam(self._user).pw_uid if self._user is not None else os.geteuid()
        guarded = (sys.executable, "-c", _GUARDED, str(owner), str(os.getpid()), *command)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(guarded, stdout=log, stderr=log, cwd=self._folder, start_new_session=True)
        self._wait()

    def create(self, database: str) -> str:
        """Make an empty database, and return its URL."""
        with psycopg.connect(self._named("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        return f"postgresql+psycopg://communicator@/{database}?host={self._folder}"

    def close(self) -> None:
        """End the server, and remove everything."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self._folder)

    def _named(self, database: str) -> str:
        return f"postgresql://communicator@/{database}?host={self._folder}"

    def _wait(self) -> None:
        until = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._named("postgres")).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()[-1000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
