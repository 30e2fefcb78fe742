"""What all loaders of a campaign share: connections that count what was not answered, ledgers, and how they go on.

Rules:

1. A request is repeated until it is answered; a status from 500 on is no answer (SVC-6).
2. Whoever had sent a request and got no answer writes down from when to when, so that a kill can be seen to hit.
3. A broken promise ends a campaign: who waits for what may never come stops then, and says nothing of it.
4. Of several processes each is asked by all in turn, so that each has requests when it is killed.
"""

import random
import threading
import time
import traceback
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

from tests.patience import PATIENCE_S

PAUSE_S = 0.01
TURN = 8
"""Answers of one process before the next one is asked."""


class Answer(NamedTuple):
    """Status, body and the headers that a client looks at."""

    status: int
    body: bytes
    kind: str


class Over(Exception):
    """A promise was broken: nothing that comes after it counts."""


class World:
    """One campaign as its loaders see it; `kills`: when, and `hits`: how many requests each one took with it.

    `under_way`: how many requests wait for their answers.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.stopping = threading.Event()
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()
        self.kills: list[float] = []
        self.hits: list[int] = []
        self.under_way = 0
        self._links = 0
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

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Count a request that is under way."""
        with self._lock:
            self.under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1

    def killed(self) -> None:
        """Write down that something is killed now."""
        with self._lock:
            self.kills.append(time.monotonic())
            self.hits.append(0)

    def lost(self, began: float) -> None:
        """Write down that a request from `began` on got no answer: every kill since then hit it."""
        with self._lock:
            for place in range(bisect_right(self.kills, began), len(self.kills)):
                self.hits[place] += 1

    def turn(self) -> int:
        """Return how many links there were before."""
        with self._lock:
            self._links += 1
            return self._links - 1

    def killed_between(self, first: float, second: float) -> bool:
        """Tell whether there was a kill between two times."""
        return any(first < at < second for at in self.kills)


class Link:
    """Asks a service over any of its ports, one request at a time."""

    def __init__(self, world: World, ports: Sequence[int]) -> None:
        self._world = world
        self._ports = tuple(ports)
        self._turn = world.turn()
        self._answered = 0
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
            with self._world.asking():
                self._connection.request(method, path, body, headers or {})
                found = self._connection.getresponse()
            with found:
                answer = Answer(found.status, found.read(), found.headers.get("content-type", ""))
        except (OSError, HTTPException):
            self._world.lost(began)
            self._world.count("unanswered")
            self._move()
            return None
        if answer.status >= 500:
            self._world.lost(began)
            self._world.count("unavailable")
            return None
        self._world.count("answered")
        self._answered += 1
        if self.doors > 1 and self._answered % TURN == 0:
            self._move()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _move(self) -> None:
        self.close()
        self._turn += 1

    def _connect(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self._ports[self._turn % len(self._ports)], timeout=PATIENCE_S)
        try:
            connection.connect()
        except OSError:
            connection.close()
            self._turn += 1
            return False
        self._connection = connection
        return True


class Loader(threading.Thread, ABC):
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
            if not self.world.violations:  # rule 3
                self.finish()
        except Over:
            return
        except BaseException as error:
            trace = traceback.extract_tb(error.__traceback__)
            place = next((f"{one.filename.rpartition('/')[2]}:{one.lineno}" for one in reversed(trace)), "")
            self.world.violated(f"{self.name}: {type(error).__name__} {error} at {place}")
        finally:
            self.link.close()

    @abstractmethod
    def step(self) -> None:
        """Ask for something, and write down what was answered."""

    @abstractmethod
    def finish(self) -> None:
        """Look at the end whether everything is there."""

    def expect(self, holds: bool, text: str) -> None:
        """Write down a broken promise of the service, unless it holds."""
        self.world.expect(holds, f"{self.name}: {text}")

    def eventually(self, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
        """Look until something holds, or the time is over; `Over` if a promise was broken meanwhile."""
        until = time.monotonic() + within_s
        while not holds():
            if self.world.violations:
                raise Over
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_S)
        return True
