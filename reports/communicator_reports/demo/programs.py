"""The programs of a demonstration: services and people, each a process of its own that is started, stopped and killed.

Theory. What is shown has to be what a person would run, so each of them is the command `communicator` with options that
anybody may type (`Program.typed`); there is no other way in or out. A service is `communicator serve`, a person is
`communicator rm shell`, which takes commands as lines and says in JSON what came of them. Loading the program takes a
second, so one process loads it and each of the others is forked from that one before anything ran (`beginning`).

Rules:

1. No process outlives its demonstration: `end` kills what still runs, and each of them ends when it is gone.
2. Children have sessions of their own, so that Ctrl-C reaches the demonstration alone.
3. Ports are below those that the system gives to clients: a dead service's port stays empty, and nobody meets itself.
"""

import json
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeVar

from communicator_reports.demo.beginning import LOADED, Start, begin

__all__ = ["Arrival", "DemoError", "Done", "Person", "Program", "Service", "eventually", "free_ports"]

Seen = TypeVar("Seen")

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(LOADED))
PATIENCE_S: Final = 180.0
_PAUSE_S: Final = 0.03
_PORTS_FROM: Final = 12_000
_CLIENTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CLIENTS_FROM: Final = 32_768


class DemoError(RuntimeError):
    """A demonstration that cannot go on: a program ended, or what had to come did not; the text says which."""


class Done(NamedTuple):
    """What came of a line: the exit code that the command has as a program, and its output."""

    line: str
    code: int
    output: str


class Arrival(NamedTuple):
    """A message that a person saw: from whom by the name that the person uses, and the text."""

    sender: str
    text: str


def eventually(look: Callable[[], Seen], what: str, *, pause_s: float = _PAUSE_S) -> Seen:
    """Look until it is what was waited for; `DemoError` names `what` never came."""
    until_s = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        if time.monotonic() > until_s:
            raise DemoError(f"{what}: not within {PATIENCE_S:.0f} seconds")
        time.sleep(pause_s)
    return seen


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address at which nobody listens (rule 3)."""
    end = int(_CLIENTS.read_text().split()[0]) if _CLIENTS.exists() else _CLIENTS_FROM
    found: list[int] = []
    for port in random.SystemRandom().sample(range(_PORTS_FROM, max(end, 2 * _PORTS_FROM)), 64 * count):
        with socket.socket() as probe:
            if len(found) < count and probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found


class Program:
    """One process at a time; `typed` is what a person would type for it."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], folder: Path, log: str) -> None:
        self.words, self.folder, self.log = tuple(words), folder, folder / log
        self.fault = ""
        self._environment = dict(environment)
        self._process: ForkServerProcess | None = None
        self._line: socket.socket | None = None

    @property
    def typed(self) -> str:
        """The command as a person types it."""
        return " ".join(("communicator", *self.words))

    def start(self) -> None:
        """Start the process; what it says of itself is in its log."""
        self._start(self.words)

    def _start(self, words: Sequence[str]) -> ForkServerProcess:
        self.end()
        own, other = socket.socketpair()
        start = Start(tuple(words), self._environment, str(self.folder), str(self.log), self.fault)
        process = _CONTEXT.Process(target=begin, args=(start, other), daemon=True)
        process.start()
        other.close()
        self._process, self._line = process, own
        return process

    def said(self, words: Sequence[str]) -> str:
        """Run the program with other words to its end, and return its output; `DemoError` if it failed."""
        process = self._start(words)
        assert self._line is not None
        with self._line.makefile("r", encoding="utf-8") as output:
            text = output.read()
        process.join()
        if process.exitcode:
            raise self.ended()
        return text

    @property
    def was_started(self) -> bool:
        """Tell whether there ever was a process."""
        return self.log.exists()

    def lives(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """End the process at whatever instruction it is (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def end(self) -> None:
        """Kill it, and close what is left of it (rule 1)."""
        self.kill()
        if self._line is not None:
            self._line.close()
        self._process = self._line = None

    def ended(self) -> "DemoError":
        """Say that it ended by itself, with the last that it wrote."""
        said = self.log.read_text("utf-8", "replace").strip()[-500:] if self.log.exists() else ""
        return DemoError(f"{self.typed} ended: {said}")


class Service(Program):
    """One service of one operator, with a database of its own."""

    def __init__(self, role: str, operator: str, port: int, folder: Path, front: int | None = None) -> None:
        self.role, self.operator, self.port = role, operator, port
        self.uri = f"http://127.0.0.1:{front or port}"
        self.file = folder / f"{role}-{operator.lower()}.sqlite3"
        self._database = f"sqlite:///{self.file}"
        named = {"COMMUNICATOR_SERVICE_OPERATOR": operator, "COMMUNICATOR_SERVICE_ADDRESS_BURST": "1000000"}
        named |= {"COMMUNICATOR_DIRECTORY_MODE": "brokered"} if role == "directory" else {}
        words = ("serve", role, "--port", str(port), "--uri", self.uri)
        logged = ("--database", f"sqlite:///{self.file.name}", "--event-log")
        super().__init__((*words, *logged), named, folder, f"{self.file.stem}.txt")

    @property
    def name(self) -> str:
        """What it is called in the demonstration."""
        return f"{self.role} {self.operator}"

    def answers(self) -> bool:
        """Tell whether it answers; `DemoError` if it has ended by itself."""
        if not self.lives():
            raise self.ended()
        return self.answers_anybody()

    def answers_anybody(self) -> bool:
        """Tell whether somebody answers at its port."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/.well-known/communicator.json")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def events(self) -> list[str]:
        """Return its event log, whether it runs or not."""
        from communicator_impl.services.database import Database
        from communicator_impl.services.events import exported

        database = Database(self._database)
        try:
            with database.reading() as connection:
                return [*exported(connection)]
        finally:
            database.close()

    def stop(self) -> None:
        """Ask it to end in good order, and wait until it has."""
        self.signal(signal.SIGTERM)
        eventually(lambda: not self.lives(), f"{self.name} ends")


class Person(Program):
    """One person at a terminal: lines go in, messages and results come out."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name, self.number = name, number
        self.arrived: list[Arrival] = []
        self._done: list[Done] = []
        files = ("--store", f"{name.lower()}.store", "--key-file", f"{name.lower()}.key")
        self._files = files
        super().__init__(
            ("rm", "shell", "--json", *files), {"COMMUNICATOR_EVENT_LOG": str(number)}, folder, f"{name.lower()}.txt"
        )

    def run(self, *words: str) -> str:
        """Run one command of `communicator rm` as a program of its own, while the shell does not run."""
        return self.said(("rm", words[0], *self._files, *words[1:]))

    def start(self) -> None:
        """Start the shell, and listen to it in a thread."""
        self._start(self.words)
        self._done.clear()
        assert self._line is not None
        threading.Thread(target=self._listen, args=(self._line.makefile("r", encoding="utf-8"),), daemon=True).start()

    def _listen(self, output: TextIO) -> None:
        with output, suppress(OSError):
            for line in output:
                found = json.loads(line)
                if "line" in found:
                    self._done.append(Done(**found))
                else:
                    self.arrived.append(Arrival(found["from"], found["text"]))

    def types(self, line: str) -> None:
        """Type a line, and wait for nothing."""
        assert self._line is not None
        try:
            self._line.sendall(f"{line}\n".encode())
        except OSError as error:
            raise self.ended() from error

    def asks(self, line: str) -> str:
        """Type a line, and return the output of its command; `DemoError` if it failed."""
        place = len(self._done)
        self.types(line)
        done = eventually(lambda: self._at(place), f"{self.name}: {line}")
        assert done is not None
        if done.code:
            raise DemoError(f"{self.name}: {line}: {done.output}")
        return done.output

    def _at(self, place: int) -> Done | None:
        if len(self._done) <= place and not self.lives():
            raise self.ended()
        return self._done[place] if len(self._done) > place else None
