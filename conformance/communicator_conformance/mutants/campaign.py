"""A whole campaign: which mutants, on how many workers, and what it says of the tests.

A campaign goes like this:

1. choose: all mutants of the list, and of those drawn a sample or all
2. watch the sound program play every test
3. let each mutant meet its tests, on all workers
4. count: score, survivors, explanations that are no longer true, clauses without a killer, tests that kill nothing

Theory. The score is the part of the mutants that some test kills. A mutant that does exactly what the sound program
does is none: it is `equivalent`, and not counted. One that could be told apart and is not is a survivor, and needs a
reason.

Rules:

1. What is known already, for this program and this suite, is not found out again: results are kept in a file, a line
   each, with a digest of all that they depend on.
2. Neither the number of workers nor what was known already changes the outcome.
3. An explanation of a mutant that is killed is no longer true, and fails.
4. Only a campaign that plays every test with every mutant can say which tests kill nothing.
"""

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from communicator_conformance.mutants.listing import MutantList, folder_of, read_list
from communicator_conformance.mutants.meeting import Fate, Server, meet
from communicator_conformance.mutants.suite import Suite, Test, watch
from communicator_conformance.mutants.values import Mutant
from communicator_spec.clauses import Level, load_clauses

__all__ = ["Order", "Score", "campaign", "chosen"]

_VERSION: Final = 1  # of how a mutant is played; another one makes all that is known unknown
_SOURCES: Final = frozenset({".py", ".toml", ".json", ".cddl"})


class Order(msgspec.Struct, frozen=True):
    """What to do: a list, the program, how many of the drawn mutants (none: all), and a pattern of names."""

    rows: Path
    program: tuple[str, ...]
    sample: int | None = 60
    seed: int = 0
    select: str = "*"
    all_tests: bool = False
    timeout_s: float = 30.0


class Score(msgspec.Struct, frozen=True):
    """What a campaign says."""

    fates: tuple[Fate, ...]
    equivalent: dict[str, str]  # name → why
    explained: dict[str, str]
    stale: tuple[str, ...]  # explanations of mutants that are killed, or that no mutant has
    unjudged: tuple[str, ...]  # clauses that tests cite and no mutant of which they kill
    idle: tuple[str, ...] | None  # tests that kill nothing; unknown unless all were played
    tests: int

    @property
    def counted(self) -> tuple[Fate, ...]:
        """The mutants that are some."""
        return tuple(fate for fate in self.fates if fate.name not in self.equivalent)

    @property
    def killed(self) -> int:
        """How many some test kills."""
        return sum(fate.killed for fate in self.counted)

    @property
    def survivors(self) -> tuple[Fate, ...]:
        """Those that no test kills."""
        return tuple(fate for fate in self.counted if not fate.killed)

    @property
    def value(self) -> float:
        """The mutation score, from 0 to 1."""
        return self.killed / len(self.counted) if self.counted else 0.0


def chosen(rows: MutantList, order: Order) -> list[Mutant]:
    """Return the mutants of a campaign: those of the list, then those drawn, each in its order.

    Each name has a lot of its own, so that an edit of the source leaves most of a sample as it is.
    """
    drawn = rows.drawn()
    lots = {mutant.name: hashlib.sha256(f"{order.seed} {mutant.name}".encode()).digest() for mutant in drawn}
    picked = set(sorted(lots, key=lots.__getitem__)[: order.sample])
    mutants = (*rows.by_hand(), *(mutant for mutant in drawn if mutant.name in picked))
    return [mutant for mutant in mutants if fnmatch(mutant.name, order.select)]


def campaign(
    order: Order, *, workers: int = 1, kept: Path | None = None, seen: Callable[[str, int, int], None] | None = None
) -> Score:
    """Play a campaign.

    `kept` is a file of results, read first and added to; `seen` is told what is done: a name, how many are done, and of
    how many. Raises `MutantError` for a list that does not fit.
    """
    rows = read_list(order.rows)
    mutants = chosen(rows, order)
    told = seen or (lambda *_: None)
    store = _Kept(kept, _digest(rows.package, order))
    with TemporaryDirectory() as folder, _pool(workers, order, folder) as pool:
        tests = store.tests or store.watched(_watched(pool, workers, told))
        todo = [mutant for mutant in mutants if store.fate(mutant) is None]
        waiting = {pool.submit(_meet, mutant, tests): mutant for mutant in todo}
        for done, future in enumerate(as_completed(waiting), 1 + len(mutants) - len(todo)):
            store.met(waiting[future], future.result())
            told(waiting[future].name, done, len(mutants))
    return _score(rows, order, tests, [fate for mutant in mutants if (fate := store.fate(mutant))])


def _score(rows: MutantList, order: Order, tests: Sequence[Test], fates: list[Fate]) -> Score:
    equivalent, explained = ({f.name: w for f in fates if (w := why(f.name))} for why in (rows.same, rows.why))
    stale = [fate.name for fate in fates if fate.killed and (fate.name in equivalent or fate.name in explained)]
    stale += rows.wrongly_beyond(frozenset().union(*(test.enters for test in tests)))
    allowed = {clause.id for clause in load_clauses() if clause.level is Level.MAY}  # nobody can break those
    cited = {clause for test in tests for clause in test.clauses} - allowed
    killers = {test for fate in fates for test, _ in fate.killers}
    idle = tuple(sorted(test.id for test in tests if test.id not in killers)) if order.all_tests else None
    unjudged = tuple(sorted(cited - {fate.clause for fate in fates if fate.judged}))
    return Score(tuple(fates), equivalent, explained, tuple(stale), unjudged, idle, len(tests))


# -------------------------------------------------------------------- workers


class _Worker:
    """What a worker keeps from one mutant to the next."""

    def __init__(self, order: Order, folder: str) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that waits
        threading.Thread(target=_end_with_parent, daemon=True).start()
        self.order = order
        self.folder = Path(folder) / str(multiprocessing.current_process().pid)
        self.folder.mkdir()
        self.suite = Suite()
        self.server = Server(order.rows, order.program, self.folder)


_worker: list[_Worker] = []  # one in each process of the pool


def _begin(order: Order, folder: str) -> None:
    _worker[:] = [_Worker(order, folder)]


def _meet(mutant: Mutant, tests: Sequence[Test]) -> Fate:
    w = _worker[0]
    return meet(mutant, tests, w.suite, w.server, w.order.timeout_s, all_tests=w.order.all_tests)


def _watch(share: Sequence[str]) -> list[Test]:
    w = _worker[0]
    return watch(w.suite, w.order.rows, w.order.program, share, w.folder, w.order.timeout_s)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _pool(workers: int, order: Order, folder: str) -> Iterator[ProcessPoolExecutor]:
    """Run workers; whatever stops the campaign stops them in the middle of their mutants."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(order, folder)) as pool:
        try:
            yield pool
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _watched(pool: ProcessPoolExecutor, workers: int, told: Callable[[str, int, int], None]) -> list[Test]:
    ids = Suite().ids
    shares = [ids[at :: 4 * workers] for at in range(4 * workers)]
    found: dict[str, Test] = {}
    for done, future in enumerate(as_completed({pool.submit(_watch, share): share for share in shares}), 1):
        found |= {test.id: test for test in future.result()}
        told("the sound program", done, len(shares))
    return [found[test] for test in ids if test in found]


# -------------------------------------------------------------------- what is known already


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    digest: str
    fate: Fate | None = None
    tests: tuple[Test, ...] = ()


class _Kept:
    """Results in a file, as far as they are of this program and this suite."""

    def __init__(self, path: Path | None, digest: str) -> None:
        self._path = path
        self._digest = digest
        self._fates: dict[str, Fate] = {}
        self.tests: tuple[Test, ...] = ()
        for line in self._lines():
            if line.fate is not None:
                self._fates[line.digest] = line.fate
            elif line.digest == digest:
                self.tests = line.tests

    def watched(self, tests: list[Test]) -> tuple[Test, ...]:
        self.tests = tuple(tests)
        self._add(_Line(self._digest, tests=self.tests))
        return self.tests

    def fate(self, mutant: Mutant) -> Fate | None:
        return self._fates.get(mutant.digest(self._digest))

    def met(self, mutant: Mutant, fate: Fate) -> None:
        digest = mutant.digest(self._digest)
        self._fates[digest] = fate
        self._add(_Line(digest, fate))

    def _lines(self) -> Iterator[_Line]:
        if self._path is None or not self._path.exists():
            return
        for raw in self._path.read_bytes().split(b"\n"):
            with suppress(
                msgspec.MsgspecError, ValueError
            ):  # cut off, perhaps with a line behind it: it is found out again
                yield msgspec.json.decode(raw, type=_Line)

    def _add(self, line: _Line) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")


def _digest(package: str, order: Order) -> str:
    """Return the digest of what all results depend on: the program, the suite, and how it is played."""
    whole = hashlib.sha256(msgspec.json.encode([_VERSION, order.program, order.all_tests, order.timeout_s]))
    for name in (package, "communicator_conformance", "communicator_spec"):
        folder = folder_of(name)
        own = folder / "mutants"  # this package
        found = (
            path for path in folder.rglob("*") if path.suffix in _SOURCES and path.parent != own and path != order.rows
        )
        for path in sorted(found):
            whole.update(f"{name}/{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return whole.hexdigest()
