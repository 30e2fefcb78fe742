"""Two builds of a report: what moved, beyond the intervals.

Numbers are compared cell by cell, table by table; a cell is found again by the names of its row and column. A number
moved if the two intervals have no point in common; without intervals, if it is another number.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from communicator_reports.document import Cell, Document, Table
from communicator_reports.quantities import Quantity
from communicator_reports.results_file import Results

__all__ = ["Comparison", "Moved", "compare"]


class Moved(NamedTuple):
    """One number that is not what it was: where it stands, and both as they are shown; None: it is not there."""

    table: str
    row: str
    column: str
    before: str | None
    after: str | None


class Comparison(NamedTuple):
    """What two builds have in common and what not; `origins` are facts about where they come from that differ."""

    compared: int
    moved: tuple[Moved, ...]
    origins: tuple[tuple[str, str, str], ...]


def compare(before: Results, after: Results) -> Comparison:
    """Compare two results files."""
    verdicts = [{claim.name: claim.outcome for claim in one.claims} for one in (before, after)]
    one, other = dict(_cells(before.document)), dict(_cells(after.document))
    moved = [
        Moved(*key, _shown(one.get(key)), _shown(other.get(key)))
        for key in dict.fromkeys((*one, *other)) if _differ(one.get(key), other.get(key))
    ]  # fmt: skip
    for name in dict.fromkeys(name for found in verdicts for name in found):
        a, b = (found.get(name) for found in verdicts)
        moved += [Moved("claims", name, "verdict", a, b)] if a != b else []
    return Comparison(len(one.keys() & other.keys()), tuple(moved), tuple(_origins(before, after)))


def _cells(document: Document) -> Iterator[tuple[tuple[str, str, str], Quantity]]:
    for table in document.tables():
        group: Cell = ""
        for row in table.rows:
            group = row[0] if row[0] or not table.grouped else group
            yield from _row(table, (group, *row[1:]))


def _row(table: Table, row: Sequence[Cell]) -> Iterator[tuple[tuple[str, str, str], Quantity]]:
    name = " · ".join(cell for cell in row[: table.left] if isinstance(cell, str))
    for at, cell in enumerate(row):
        if isinstance(cell, Quantity):
            again = f"{table.header[at - 1]}: " if table.header.count(table.header[at]) > 1 else ""
            yield (table.name, name, again + table.header[at]), cell


def _differ(a: Quantity | None, b: Quantity | None) -> bool:
    if a is None or b is None:
        return a is not b
    if None in (a.low, a.high, b.low, b.high):
        return (a.mean, a.of) != (b.mean, b.of)
    assert a.low is not None
    assert a.high is not None
    assert b.low is not None
    assert b.high is not None
    return a.high < b.low or b.high < a.low


def _shown(cell: Quantity | None) -> str | None:
    return None if cell is None else cell.text


def _origins(before: Results, after: Results) -> Iterator[tuple[str, str, str]]:
    one, other = before.provenance, after.provenance
    pairs = {"command": (one.command, other.command), "commit": (str(one.commit), str(other.commit)),
             "communicator": (one.communicator, other.communicator), "python": (one.python, other.python)}  # fmt: skip
    for what, a, b in (("digest of the ", one.digests, other.digests), ("", one.libraries, other.libraries)):
        pairs |= {what + name: (a.get(name, "—"), b.get(name, "—")) for name in dict.fromkeys((*a, *b))}
    return ((name, a, b) for name, (a, b) in pairs.items() if a != b)
