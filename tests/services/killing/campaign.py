"""One campaign: starts a scene, kills what is on it at random points of the load, and hears the judges.

Theory. A kill is a draw from a seed: how long the load runs until then, which process, or, with PostgreSQL, a process
of the database or all of it. What is killed is started again at once, on what it left; some are killed again while they
start. Where in a request a kill hits, the machine decides: the campaign counts how many requests each took with it, and
goes on until as many kills as wanted hit at least one.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from tests.patience import eventually
from tests.services.issuer import issuing
from tests.services.killing.nursery import Nursery, end
from tests.services.killing.stage import SCENES, Props, Scene
from tests.services.killing.world import World
from tests.services.postgres import Postgres

from communicator_simulations.chaos.planted import reached_line

LOADERS = 8
LOAD_S = (0.02, 0.3)
AGAIN = 0.1
OF_DATABASE = 0.3
OF_HELPER = 0.15
WITH_HELPER = 0.5
TRIES = 3
"""Kills for one that has to hit, before the campaign says that it does not."""


class Result(msgspec.Struct, frozen=True):
    """What a campaign found: `unanswered` of each kill, what was acknowledged, and what was broken."""

    scene: str
    database: str
    seed: int
    kills: dict[str, int]
    unanswered: list[int]
    acknowledged: dict[str, int]
    violations: list[str]
    start_s: float
    took_s: float

    @property
    def hitting(self) -> int:
        """How many kills hit a request that was under way."""
        return sum(count > 0 for count in self.unanswered)


def run(
    scene: str, database: str, kills: int, seed: int, *, fault: str = "", tell: Callable[[int], None] = lambda _: None
) -> Result:
    """Kill until so many kills took a request with them, and judge; `tell` hears how many did.

    `AssertionError`: a planted fault was never reached.
    """
    began, world = time.monotonic(), World(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="communicator-killing-")))
        postgres = stack.enter_context(Postgres()) if database == "postgresql" else None
        nursery, issuer = stack.enter_context(Nursery()), stack.enter_context(issuing())
        databases = postgres.create if postgres else partial(_file, folder)
        props = Props(world, nursery, folder, issuer, databases, fault, LOADERS)
        played = stack.enter_context(SCENES[scene](props))
        stack.enter_context(_ending(played))
        done = _Campaign(world, played, postgres, seed).kill(kills, tell)
        assert not fault or any(reached_line(fault) in service.log.read_text() for service in played.services), fault
    starts = [start for service in played.services for start in service.starts_s]
    counts = dict(sorted(world.counts.items()))
    took_s = time.monotonic() - began
    return Result(scene, database, seed, done, world.hits, counts, world.violations, statistics.median(starts), took_s)


def _file(folder: Path, name: str) -> str:
    return f"sqlite:///{folder}/{name}.sqlite3"


@contextmanager
def _ending(scene: Scene) -> Iterator[None]:
    try:
        yield
    finally:
        for service in scene.services:
            service.end()


def _end_all(processes: list[int]) -> None:
    for process in processes:
        end(process)


class _Campaign:
    """Who kills."""

    def __init__(self, world: World, scene: Scene, postgres: Postgres | None, seed: int) -> None:
        self._world, self._scene, self._postgres = world, scene, postgres
        self._chance = random.Random(seed)
        self._done: dict[str, int] = {}
        self._answered = 0

    def kill(self, kills: int, tell: Callable[[int], None]) -> dict[str, int]:
        """Run the load, kill, let everybody finish, and judge; returns what was killed how often."""
        for loader in self._scene.loaders:
            loader.start()
        while self._hitting() < kills and len(self._world.kills) < TRIES * kills and not self._world.violations:
            time.sleep(self._chance.uniform(*LOAD_S))
            self._wait_for_load()
            self._one()
            tell(self._hitting())
        time.sleep(LOAD_S[1])
        self._world.stopping.set()
        for loader in self._scene.loaders:
            loader.join()
        self._scene.judge()
        return self._done

    def _wait_for_load(self) -> None:
        """Wait until something was answered since the last kill, and something is under way, so that a kill can hit."""
        world, answered = self._world, self._answered
        eventually(lambda: world.violations or (world.under_way and world.counts["answered"] > answered))
        self._answered = world.counts["answered"]

    def _hitting(self) -> int:
        return sum(count > 0 for count in self._world.hits)

    def _one(self) -> None:
        if self._postgres is not None and self._chance.random() < OF_DATABASE:
            self._kill_database(self._postgres)
            return
        service = self._chance.choice(self._scene.services)
        place = self._chance.randrange(len(service.ports))
        helpers = service.helpers(place)
        if helpers and self._chance.random() < OF_HELPER:
            self._killed(f"resolver of {service.role}", partial(_end_all, helpers))
            return
        self._killed(service.role, partial(service.kill, place))
        if self._chance.random() < WITH_HELPER:
            _end_all(helpers)  # as when the machine goes; otherwise it ends by itself
        service.start(place)
        while self._chance.random() < AGAIN:
            time.sleep(self._chance.uniform(0.0, 0.1))
            self._killed(f"{service.role} as it starts", partial(service.kill, place))
            service.start(place)
        if not service.wait(place):
            self._world.violated(f"{service.role} does not start again: {service.log.read_text()[-500:]}")

    def _kill_database(self, postgres: Postgres) -> None:
        if self._chance.random() < 0.5:
            self._killed("all of PostgreSQL", postgres.kill)
            postgres.start()
            return
        backends = postgres.backends()
        self._killed("a process of PostgreSQL", partial(end, self._chance.choice(backends)))
        postgres.recovered()

    def _killed(self, what: str, kill: Callable[[], None]) -> None:
        self._world.killed()
        kill()
        self._done[what] = self._done.get(what, 0) + 1
