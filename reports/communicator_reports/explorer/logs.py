"""The run that is looked into: its events, whose the ends are, and what the services are called.

A run is the log of one simulated run (`communicator simulate --events`), the logs of all places of a live one, each a
file of JSON lines, or a folder that holds either. A folder with many simulated runs is refused with their names.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from communicator_reports.findings import KEPT
from communicator_simulations.logs import LogError, basis, parts
from communicator_spec.errors import Explained
from communicator_spec.events import NONE, Event, Kind
from communicator_spec.places import PlaceError, merged

__all__ = ["ExploreError", "LoadedRun", "loaded"]

_MOST: Final = 2_000_000


class ExploreError(Explained, ValueError):
    """There is no run to look into, or one that is too large."""


class LoadedRun(NamedTuple):
    """A run in memory: rows in order, person of each end, URI of each service by its number (none if simulated)."""

    name: str
    rows: Sequence[Event]
    owners: dict[int, int]
    services: dict[int, str]


def loaded(path: Path) -> LoadedRun:
    """Read a run.

    Raises `ExploreError` with what would do if it is none.
    """
    files = _files(path)
    try:
        if files[0].suffix == ".parquet":
            basis(files[0])  # refuses other tables
            rows, names = _rows(files[0]), {}
        else:
            found = merged([(str(file), file.read_text("utf-8").splitlines()) for file in files])
            rows, names = [Event(*row) for row in found.rows], {n: uri for uri, n in found.numbers.items()}
    except (LogError, PlaceError, UnicodeDecodeError) as error:
        raise ExploreError(f"{path}: {error}") from None
    owners = {row.end: row.value for row in rows if row.kind == Kind.PAIRED and row.value != NONE}
    return LoadedRun(path.name, rows, owners, names)


def _rows(path: Path) -> list[Event]:
    rows: list[Event] = []
    for part in parts(path):
        rows += [Event(*row) for row in part]
        if len(rows) > _MOST:
            raise ExploreError(f"{path} has more than {_MOST:,} events; simulate fewer people (--people) or days")
    return rows


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / KEPT).is_file():
        return [path / KEPT]
    folder = path / "events" if (path / "events").is_dir() else path
    runs, logs = sorted(folder.glob("*.parquet")), sorted(folder.glob("*.jsonl"))
    if (path / "events").is_dir() or not logs:
        if len(runs) == 1:
            return runs
        if runs and (path / "events").is_dir():
            raise ExploreError(f"{path} holds {len(runs)} runs; name one of them: {', '.join(map(str, runs[:4]))} …")
    if logs:
        return logs
    raise ExploreError(
        f"{path} holds no event log; make one with: communicator simulate migration --people 40 --events"
    )
