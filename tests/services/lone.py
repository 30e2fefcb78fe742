"""A directory or an authorization service as a process of its own on a free port, and how it is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from tests.services.running import free_port

START_S = 60.0
COMMAND = (
    "import asyncio, os;"
    "from communicator_impl.services.observation import Log;"
    "from communicator_impl.services.{role} import serve_{role};"
    "from communicator_impl.services.{role}_settings import read_{role}_settings;"
    "asyncio.run(serve_{role}(read_{role}_settings(None, os.environ), Log()))"
)
"""What `communicator serve` does, without loading its other commands."""


class Service:
    """One process; `stop` asks it to end, `kill` does not."""

    def __init__(
        self,
        folder: Path,
        role: str,
        *,
        database: str | None = None,
        uri: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.role, self.port, self.operations_port = role, free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.uri = uri or self.base
        self.database = database or f"sqlite:///{folder}/{role}-{self.port}.sqlite3"
        self.log = folder / f"log-{self.port}.txt"
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        named = {
            "COMMUNICATOR_SERVICE_URI": self.uri,
            "COMMUNICATOR_SERVICE_LISTEN_PORT": str(self.port),
            "COMMUNICATOR_SERVICE_OPERATIONS_PORT": str(self.operations_port),
            "COMMUNICATOR_SERVICE_ADDRESS_PER_S": "100000",
            "COMMUNICATOR_SERVICE_ADDRESS_BURST": "100000",
            "COMMUNICATOR_DATABASE_URL": self.database,
        }
        command = (sys.executable, "-c", COMMAND.format(role=self.role))
        with self.log.open("ab") as log:
            environment = os.environ | named | self._settings
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        while not self._is_ready():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)
        return self

    def _is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return httpx.get(f"http://127.0.0.1:{self.operations_port}/health/ready").status_code == 200
        except (httpx.TransportError, OSError):
            return False

    def kill(self) -> None:
        """End the process at whatever instruction it is."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """Ask the process to end, and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=20)
        self._process = None
        return code

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, timeout=30)

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
