"""A folder of results, read and checked: everything that a report is drawn from.

Rules:

1. Only files are read. What a folder does not have (games, vectors) is empty here, and the report leaves it out.
2. A folder that is no result, a broken one, or one in which runs are missing raises `ResultsError`, which names the
   file and the command that makes it again.
"""

from itertools import product
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import polars as pl
import pyarrow as pa

from communicator_simulations.logs import parts
from communicator_simulations.results import ResultsError
from communicator_simulations.scenario import Policy, Scenario
from communicator_simulations.statistics import Interval
from communicator_spec.events import Event

__all__ = [
    "KEPT",
    "Days",
    "Findings",
    "Game",
    "InvariantRow",
    "KnowledgeRow",
    "Provenance",
    "Summary",
    "Vectors",
    "load",
]

TABLES: Final = ("runs", "latency", "cutover", "load")
KEPT: Final = "kept.parquet"
"""The event log of one small run."""

_KEYS: Final = ("fault", "policy", "replication")
_T = TypeVar("_T")


class Days(msgspec.Struct, frozen=True):
    """When things happen, in days from the first message."""

    fault: float
    closing: float
    horizon: float


class TraceRow(msgspec.Struct, frozen=True):
    """The messages."""

    name: str
    sha256: str
    people: int
    messages: int
    pairs: int
    days: float


class PhonesRow(msgspec.Struct, frozen=True):
    """When devices are on line."""

    name: str
    sha256: str
    count: int
    online_share: float


class CalibrationRow(msgspec.Struct, frozen=True):
    """One figure of the synthetic data beside that of the published data."""

    name: str
    published: float
    here: float
    ratio: float


class Data(msgspec.Struct, frozen=True):
    """What was simulated."""

    synthetic: bool
    trace: TraceRow
    phones: PhonesRow
    calibration: tuple[CalibrationRow, ...]


class InvariantRow(msgspec.Struct, frozen=True):
    """One promise, and what its monitor found."""

    name: str
    promise: str
    clauses: tuple[str, ...]
    runs: int
    events: int
    violations: int


class Summary(msgspec.Struct, frozen=True):
    """What `summary.json` says besides the outcomes, which the report computes from the tables."""

    scenario: Scenario
    seed: int
    replications: int
    faults: tuple[str, ...]
    policies: tuple[str, ...]
    days: Days
    data: Data
    invariants: tuple[InvariantRow, ...]
    fidelity: str = "model"


class Provenance(msgspec.Struct, frozen=True):
    """What `provenance.json` says."""

    command: str
    seed: int
    communicator: str
    commit: str | None
    python: str
    libraries: dict[str, str]
    digests: dict[str, str]


class KnowledgeRow(msgspec.Struct, frozen=True):
    """One row of the knowledge table."""

    party: str
    permitted: tuple[str, ...]
    forbidden: tuple[str, ...]
    clauses: tuple[str, ...]


class Game(msgspec.Struct, frozen=True):
    """One linkage game: how much better than guessing a role tells what belongs together; None: it saw too little."""

    role: str
    question: str
    implementation: str
    distinguisher: str
    advantage: float | None
    low: float | None
    high: float | None
    trials: int
    permitted: bool
    witness: str = ""
    clauses: str = ""

    @property
    def designed(self) -> bool:
        """Whether this is the reference implementation, not one that is broken on purpose."""
        return self.implementation.startswith("as designed")

    @property
    def interval(self) -> Interval | None:
        """The advantage with its interval, if it could be measured."""
        if self.advantage is None or self.low is None or self.high is None:
            return None
        return Interval(self.advantage, self.low, self.high, self.trials)


class Vectors(msgspec.Struct, frozen=True):
    """The verdict on the reference implementation."""

    testee: str
    ok: bool
    counts: dict[str, int]
    digests: dict[str, str]
    clauses: dict[str, str]


class VectorResult(msgspec.Struct, frozen=True):
    """One test of the vectors."""

    id: str
    status: str
    clauses: tuple[str, ...] = ()
    detail: str = ""


class Findings(msgspec.Struct, frozen=True):
    """One folder of results."""

    summary: Summary
    provenance: Provenance
    tables: dict[str, pl.DataFrame]
    games: tuple[Game, ...]
    knowledge: tuple[KnowledgeRow, ...]
    vectors: Vectors | None
    vector_results: tuple[VectorResult, ...]
    kept: tuple[Event, ...] = ()

    def policy(self, name: str) -> Policy:
        """Return a policy of the scenario by its name."""
        return next(p for p in self.summary.scenario.policy if p.name == name)


def load(folder: Path) -> Findings:
    """Read a folder of results."""
    if not (folder / "summary.json").is_file():
        raise ResultsError(f"{folder} holds no results; make some with: communicator study migration --out {folder}")
    verdict, results = folder / "vectors" / "summary.json", folder / "vectors" / "results.jsonl"
    try:
        origin = _read(folder / "provenance.json", Provenance)
    except ResultsError as error:
        raise ResultsError(f"{error}; make the results again") from None
    try:
        return _loaded(folder, origin, verdict, results)
    except ResultsError as error:
        raise ResultsError(f"{error}; make the results again: {origin.command} --out {folder}") from None


def _loaded(folder: Path, origin: Provenance, verdict: Path, results: Path) -> Findings:
    summary = _read(folder / "summary.json", Summary)
    found = Findings(
        summary,
        origin,
        {name: _table(folder / f"{name}.parquet") for name in TABLES},
        _read(folder / "linkage.json", tuple[Game, ...], ()),
        _read(folder / "knowledge.json", tuple[KnowledgeRow, ...], ()),
        _read(verdict, Vectors) if verdict.exists() else None,
        _lines(results),
        _events(folder / KEPT),
    )
    for name in TABLES:
        _refuse_gaps(folder / f"{name}.parquet", found.tables[name], summary)
    if verdict.exists() and sum(found.vectors.counts.values() if found.vectors else ()) != len(found.vector_results):
        raise ResultsError(f"{results}: holds {len(found.vector_results)} tests, and the summary speaks of others")
    return found


def _refuse_gaps(path: Path, table: pl.DataFrame, summary: Summary) -> None:
    """Refuse a table that lacks a run; people who move are the only rows that a run may lack."""
    missing = set(_KEYS) - set(table.columns)
    if missing:
        raise ResultsError(f"{path}: has no column {', '.join(sorted(missing))}")
    rows = set(table.select(_KEYS).iter_rows())
    wanted = product(summary.faults, summary.policies, range(summary.replications))
    gap = next((key for key in wanted if key not in rows), None)
    if gap is not None and path.stem != "cutover":
        raise ResultsError(f"{path}: lacks the run of policy {gap[1]!r} under {gap[0]!r}, replication {gap[2]}")


def _read(path: Path, kind: type[_T], absent: _T | None = None) -> _T:
    """Decode a file; what may be absent has a value for that."""
    if absent is not None and not path.exists():
        return absent
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path}: {error}") from None


def _lines(path: Path) -> tuple[VectorResult, ...]:
    if not path.exists():
        return ()
    try:
        return tuple(msgspec.json.decode(line, type=VectorResult) for line in path.read_bytes().splitlines())
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path}: {error}") from None


def _events(path: Path) -> tuple[Event, ...]:
    """Read the event log of the small run that is kept, if there is one."""
    if not path.exists():
        return ()
    try:
        return tuple(Event(*row) for part in parts(path) for row in part)
    except (OSError, pa.ArrowInvalid, TypeError) as error:
        raise ResultsError(f"{path}: {str(error).splitlines()[0]}") from None


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResultsError(f"{path}: {str(error).splitlines()[0]}") from None
