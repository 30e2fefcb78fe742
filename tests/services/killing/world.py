"""What all loaders of a campaign share: connections that count what was not answered, ledgers, and how they go on.

Rules:

1. A request is repeated until it is answered; a status from 500 on is no answer (SVC-6).
2. Whoever had sent a request and got no answer writes down from when to when, so that a kill can be seen to hit.
"""

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

PATIENCE_S = 60.0
PAUSE_S = 0.01


class Answer(NamedTuple):
    """Status, body and the headers that a client looks at."""

    status: int
    body: bytes
    kind: str


class World:
    """One campaign as its loaders see it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.stopping = threading.Event()
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.lost: list[tuple[float, float]] = []
        self.kills: list[float] = []
        self._lock = threading.Lock()

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            self.counts[name] += by

    def violated(self, text: str) -> None:
        """Write down a broken promise."""
        with self._lock:
            self.violations.append(text)

    def expect(self, holds: bool, text: str) -> None:
        """Write down a broken promise, unless it holds."""
        if not holds:
            self.violated(text)

    def hits(self) -> list[int]:
        """Return for each kill how many requests were under way and never answered."""
        with self._lock:
            lost = list(self.lost)
        return [sum(began < at <= ended for began, ended in lost) for at in self.kills]

    def killed_between(self, first: float, second: float) -> bool:
        """Tell whether there was a kill between two times."""
        return any(first < at < second for at in self.kills)


class Link:
    """Asks a service over any of its ports, one request at a time."""

    def __init__(self, world: World, ports: Sequence[int]) -> None:
        self._world = world
        self._ports = tuple(ports)
        self._turn = 0
        self._connection: HTTPConnection | None = None

    @property
    def doors(self) -> int:
        """How many processes answer."""
        return len(self._ports)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: "dict[str, str] | None" = None) -> Answer:
        """Repeat a request until it is answered."""
        until = time.monotonic() + PATIENCE_S
        while (answer := self.once(method, path, body, headers)) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path}: no answer in {PATIENCE_S} s")
            time.sleep(PAUSE_S)
        return answer

    def once(
        self, method: str, path: str, body: bytes | None = None, headers: "dict[str, str] | None" = None
    ) -> Answer | None:
        """Ask once; None without an answer."""
        if self._connection is None and not self._connect():
            return None
        assert self._connection is not None
        began = time.monotonic()
        try:
            self._connection.request(method, path, body, headers or {})
            found = self._connection.getresponse()
            answer = Answer(found.status, found.read(), found.headers.get("content-type", ""))
        except (OSError, HTTPException):
            self._world.lost.append((began, time.monotonic()))
            self._world.count("unanswered")
            self.close()
            self._turn += 1
            return None
        self._world.count("answered" if answer.status < 500 else "unavailable")
        return answer if answer.status < 500 else None

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._ports[self._turn % len(self._ports)], timeout=20)
        try:
            connection.connect()
        except OSError:
            connection.close()
            self._turn += 1
            return False
        self._connection = connection
        return True


class Loader(threading.Thread):
    """Takes one step after the other until the campaign ends, and then looks whether all is there."""

    def __init__(self, world: World, name: str, link: Link) -> None:
        super().__init__(name=name)
        self.world, self.link = world, link
        self.chance = random.Random(f"{world.seed} {name}")

    def run(self) -> None:
        """Load, and judge what only this loader knows."""
        try:
            while not self.world.stopping.is_set():
                self.step()
            self.finish()
        except BaseException as error:
            trace = traceback.extract_tb(error.__traceback__)
            place = next((f"{one.filename.rpartition('/')[2]}:{one.lineno}" for one in reversed(trace)), "")
            self.world.violated(f"{self.name}: {type(error).__name__} {error} at {place}")
        finally:
            self.link.close()

    def step(self) -> None:
        """Ask for something, and write down what was answered."""
        raise NotImplementedError

    def finish(self) -> None:
        """Look at the end whether everything is there."""
        raise NotImplementedError

    def expect(self, holds: bool, text: str) -> None:
        """Write down a broken promise of the service, unless it holds."""
        self.world.expect(holds, f"{self.name}: {text}")

    def eventually(self, holds: Callable[[], bool], within_s: float = 20.0) -> bool:
        """Look until something holds, or the time is over."""
        until = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_S)
        return True
