"""PostgreSQL for one run: a private server in a folder of the run, or databases of its own at one that is there.

Rules:

1. A private server is reached over a socket in its folder, and nowhere else; it ends when whoever started it does, in
   whatever way that ends (PR_SET_PDEATHSIG).
2. At a server that is there a run makes databases whose names nobody else has, and drops them; it touches nothing else.
"""

import os
import pwd
import secrets
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
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

__all__ = ["Existing", "Postgres", "is_there", "reason_against"]

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


class Existing:
    """A server that is there, by the URL of a database of it; who is named in the URL may create databases."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._run = f"communicator_chaos_{secrets.token_hex(6)}"
        self._made: list[str] = []

    def create(self, database: str) -> str:
        """Make an empty database, and return its URL."""
        name = f"{self._run}_{database}"
        self._execute("CREATE DATABASE {}", name)
        self._made.append(name)
        url = self._server.set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(hide_password=False)

    def close(self) -> None:
        """Drop what was made, whoever still uses it."""
        while self._made:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._made.pop())

    def _execute(self, statement: str, name: str) -> None:
        url = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def reason_against(server: str) -> str:
    """Return why no run can use a server; empty if one can make a database there."""
    try:
        with Existing(server) as existing:
            existing.create("try")
    except ArgumentError:
        return "no URL of a database"
    except psycopg.Error as error:
        return str(error).strip().partition("\n")[0] or type(error).__name__
    return ""
