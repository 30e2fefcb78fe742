"""What tests of the services share: real processes on free ports of the loopback address, and how they are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from tests.patience import PATIENCE_S, eventually
from tests.services.interface import Interface
from tests.services.ports import free_port

COMMAND = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "serve")
BARE = (
    sys.executable,
    "-c",
    "import asyncio, os;"
    "from communicator_impl.services.observation import Log;"
    "from communicator_impl.services.host import serve;"
    "from communicator_impl.services.settings import Settings;"
    "asyncio.run(serve(Settings.read(None, os.environ), Log()))",
)
"""What `communicator serve` does, without loading its other commands."""
START_S = 300.0


def status(port: int, path: str) -> int | None:
    """Return the status of an answer; None where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


class Service:
    """One process with the services that `role` names; `stop` asks it to end, `kill` does not."""

    def __init__(
        self,
        folder: Path,
        role: str,
        *,
        database: str | None = None,
        port: int | None = None,
        uri: str | None = None,
        settings: Mapping[str, str] | None = None,
        command: tuple[str, ...] = BARE,
    ) -> None:
        self.folder, self.role, self.command = folder, role, command
        self.port, self.operations_port = port or free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.uri = uri or self.base
        self.database = database or f"sqlite:///{folder}/{role}-{self.port}.sqlite3"
        self.settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"log-{self.port}.txt"

    def start(self) -> Self:
        named = {
            "SERVICE_RUN": self.role,
            "SERVICE_URI": self.uri,
            "SERVICE_LISTEN_PORT": str(self.port),
            "SERVICE_OPERATIONS_PORT": str(self.operations_port),
            "SERVICE_ADDRESS_PER_S": "100000",
            "SERVICE_ADDRESS_BURST": "100000",
            "DATABASE_URL": self.database,
        }
        environment = {
            **os.environ,
            **{f"COMMUNICATOR_{name}": value for name, value in named.items()},
            **self.settings,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        self._wait_until_ready()
        return self

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            ready = status(self.operations_port, "/health/ready") == 200
            is_tls = (
                "COMMUNICATOR_SERVICE_TLS_KEY" in self.settings
            )  # who trusts its certificate is the test's business
            if ready and (is_tls or status(self.port, "/.well-known/communicator.json") == 200):
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log.read_text()}")

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
        code = self._process.wait(timeout=PATIENCE_S)
        self._process = None
        return code

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None
        return self._process.pid

    def metrics(self) -> dict[str, float]:
        text = httpx.get(f"http://127.0.0.1:{self.operations_port}/metrics", timeout=PATIENCE_S).text
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in text.splitlines())}

    def resolves(self) -> None:
        """Wait until nothing that was accepted is left to resolve."""
        left = eventually(lambda: self.metrics()["communicator_requests_to_resolve"], lambda left: left == 0)
        assert left == 0, "requests to resolve"

    def waits(self, devices: int) -> None:
        """Wait until so many devices hang here: their bells are hung before they look for the first time."""
        hung = eventually(lambda: self.metrics()["communicator_waiting_devices"], lambda hung: hung >= devices)
        assert hung >= devices, "devices that wait"

    def client(self) -> httpx.Client:
        """Return a client that holds every answer against the interface of the service."""
        return Interface().client(self.base)

    def __enter__(self) -> Self:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()
