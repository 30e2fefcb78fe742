"""The event log of a run as one Parquet file: written while it runs, complete or not there, judged again by anybody.

1. Columns are the columns of an event, 64-bit integers; a row group is a part of the run, so that neither writing nor
   reading takes memory for the whole.
2. The file gets its name when it is complete; before that, it is `….part`.
3. Its metadata say what a judge needs beside the rows: the terms, whether a message may fail, and when the run ended.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from communicator_spec import Event, Row, Terms
from communicator_spec.invariants import Monitors
from communicator_spec.monitors import Violation

__all__ = ["Basis", "EventLog", "Judged", "LogError", "basis", "judged", "parts"]

_SCHEMA: Final = pa.schema([(name, pa.int64()) for name in Event._fields])
_BASIS: Final = b"communicator"


class LogError(ValueError):
    """A file is not the event log of a run."""


class Basis(msgspec.Struct, frozen=True):
    """What a run is judged by: its terms, whether being told of a failure is enough, and when it ended, ms."""

    terms: Terms
    tolerate_failed: bool
    grace_ms: int
    horizon_ms: int


class Judged(NamedTuple):
    """How many events a log has, and which promises they break."""

    events: int
    violations: list[Violation]


class EventLog:
    """A log that is being written; a run that fails leaves nothing behind."""

    def __init__(self, path: Path, basis: Basis) -> None:
        self._path, self._part = path, path.with_name(path.name + ".part")
        schema = _SCHEMA.with_metadata({_BASIS: msgspec.json.encode(basis)})
        self._writer = pq.ParquetWriter(self._part, schema)

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows as one row group."""
        if rows:
            columns = [pa.array(column, pa.int64()) for column in zip(*rows, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._writer.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink()


def basis(path: Path) -> Basis:
    """Return by what the run of a log is judged; `LogError` if the file is none."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        return msgspec.json.decode(metadata.get(_BASIS, b""), type=Basis)
    except (pa.ArrowInvalid, msgspec.DecodeError) as error:
        raise LogError(f"{path} is not the event log of a run: {error}") from error


def parts(path: Path) -> Iterator[list[Row]]:
    """Yield the rows of a log in order, a row group at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            columns = [column.to_pylist() for column in file.read_row_group(group).columns]
            yield cast(list[Row], list(zip(*columns, strict=True)))


def judged(path: Path) -> Judged:
    """Judge a log again, as the run that wrote it was judged; a broken one is read twice."""
    by = basis(path)
    monitors = Monitors(by.terms, tolerate_failed=by.tolerate_failed, grace_ms=by.grace_ms)
    events = 0
    for rows in parts(path):
        monitors.feed_all(rows)
        events += len(rows)
    return Judged(events, monitors.finish(by.horizon_ms, (row for rows in parts(path) for row in rows)))
