"""What a forked process becomes: one of the services as `communicator serve` runs it, or one with a planted bug."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

import alembic.command
import anyio._backends._asyncio
import psycopg
import sqlalchemy.dialects.postgresql.psycopg

from communicator_impl.services import resolving
from communicator_impl.services.host import serve
from communicator_impl.services.observation import Log
from communicator_impl.services.outward import everybodys_context
from communicator_impl.services.settings import Settings, SettingsError
from communicator_simulations.chaos.planted import plant

LOADED = (alembic.command, anyio._backends._asyncio, psycopg, sqlalchemy.dialects.postgresql.psycopg)
"""What a service imports late."""
everybodys_context()


class Forked:
    """A process that resolves, forked before anything is open: SQLite cannot be carried into another process."""

    def __init__(self) -> None:
        theirs, write = os.pipe()
        read, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.dup2(theirs, 0)
            os.dup2(answers, 1)
            os.closerange(3, 4096)
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            try:
                resolving.main()
            finally:
                os._exit(0)
        os.close(theirs)
        os.close(answers)
        self.stdin, self.stdout = os.fdopen(write, "w"), os.fdopen(read, "r")

    def communicate(self) -> None:
        """End it after what it is at."""
        for stream in (self.stdin, self.stdout):
            with suppress(OSError):
                stream.close()
        os.waitpid(self.pid, 0)


def lend(first: Forked) -> None:
    """Let the service take this process for the first one that it starts; a later one loads all of its own."""
    real, waiting = subprocess.Popen, [first]

    def start(command: object, **options: object) -> object:
        return waiting.pop() if waiting else real(command, **options)  # type: ignore[call-overload]

    subprocess.Popen = start  # type: ignore[assignment,misc]


def run(role: str, fault: str) -> None:
    """Serve until the process ends."""
    if fault:
        plant(fault)
    if role in ("receiving", "both"):
        lend(Forked())
    try:
        asyncio.run(serve(Settings.read(None, os.environ), Log()))
    except SettingsError as error:
        os.write(2, f"{error}\n".encode())
        raise SystemExit(2) from error
