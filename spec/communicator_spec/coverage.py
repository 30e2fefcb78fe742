"""Where each clause is cited, and what is wrong with the standard or its citations.

Theory. A clause that nothing cites is a wish. Code cites the clause that it enforces, a vector or test the clause that
it judges; so a search for ids gives the coverage of the standard, and an id that no chapter defines is an error
wherever it stands. A published clause binds other people: its text changes only with a line in `spec/CHANGES.md`::

    - **STATE-3** 0123456789abcdef: says now that the date itself is too late
    - **STATE-4** withdrawn: covered by STATE-2

The line names the new digest (`python -m communicator_spec.clauses` has it in `clauses.json`), so a later change needs
a line of its own.

Rules:

1. `check` never stops at the first problem.
2. A MUST that neither code nor test nor vector cites is a problem, unless it is declared not testable or stands in
   `uncited.toml` with a reason and with who will cover it.
3. `uncited.toml` is an expectation list: an entry for a clause that is cited, or that does not exist, is a problem too.
"""

import os
import re
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_spec.clauses import PREFIXES, Clause, ClauseError, Level, extract, render

__all__ = ["Citation", "Place", "Problem", "Uncited", "check", "citations", "coverage", "shipped_uncited", "uncited"]

_FOLDERS: Final = ("spec", "model", "impl", "conformance", "simulations", "reports", "tests", "docs")
_SUFFIXES: Final = frozenset({".py", ".json", ".cddl", ".toml", ".qnt", ".pml", ".md"})
_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "published"})
_GENERATED: Final = Path("spec/communicator_spec/clauses.json")
_PUBLISHED: Final = Path("spec/communicator_spec/published.json")
_UNCITED: Final = Path("spec/communicator_spec/uncited.toml")
_CHANGES: Final = Path("spec/CHANGES.md")
_OWN: Final = frozenset(path.name for path in (_GENERATED, _PUBLISHED, _UNCITED, _CHANGES))
_ID: Final = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-\d+\b")
_DEFINITION: Final = re.compile(r"^\s*>\s*\*\*[A-Z]+-\d+\*\* \(")
_CHANGE: Final = re.compile(r"^- \*\*(?P<id>[A-Z]+-\d+)\*\* (?P<digest>[0-9a-f]{16}|withdrawn): \S")


class Place(StrEnum):
    """What kind of file cites a clause."""

    CODE = "code"
    TESTS = "tests"
    VECTORS = "vectors"
    STANDARD = "standard"


class Citation(NamedTuple):
    """One place that names a clause; `path` is relative to the root."""

    clause: str
    place: Place
    path: Path
    line: int


class Problem(NamedTuple):
    """What `check` found: a kind for machines, where (`path` is relative to the root), and a sentence for people."""

    kind: str
    path: Path
    line: int
    detail: str


class Uncited(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A MUST that nothing cites yet: why, and who will."""

    clause: str
    reason: str
    covered_by: str


class _Expectations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    uncited: tuple[Uncited, ...] = ()


def citations(root: Path) -> Iterator[Citation]:
    """Yield every citation below the project's root: O(bytes of all sources)."""
    for folder in _FOLDERS:
        for path in _files(root / folder):
            place = _place(path.relative_to(root))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                found = _ID.findall(line)
                if found and place is Place.STANDARD and _DEFINITION.match(line):
                    found = found[1:]
                for clause in found:
                    yield Citation(clause, place, path.relative_to(root), number)


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
        for name in sorted(names):
            if name not in _OWN and Path(name).suffix in _SUFFIXES:
                yield Path(parent, name)


def _place(path: Path) -> Place:
    if path.suffix == ".md" or "openapi" in path.parts:  # an interface that is described is not yet kept
        return Place.STANDARD
    if path.suffix == ".json" and "vectors" in path.parts:
        return Place.VECTORS
    return Place.TESTS if path.parts[0] == "tests" or path.name == "mutants.toml" else Place.CODE


def coverage(root: Path) -> dict[str, dict[Place, list[Citation]]]:
    """Return the citations of each clause of the standard by place; every clause and every place is a key."""
    table = {clause.id: {place: list[Citation]() for place in Place} for clause in extract(root / "spec")}
    for citation in citations(root):
        if citation.clause in table:
            table[citation.clause][citation.place].append(citation)
    return table


def uncited(root: Path) -> tuple[Uncited, ...]:
    """Return the expectation list of clauses that nothing cites yet."""
    path = root / _UNCITED
    return msgspec.toml.decode(path.read_bytes(), type=_Expectations).uncited if path.exists() else ()


def shipped_uncited() -> tuple[Uncited, ...]:
    """Return the same list as this package was shipped with, where there is no project around it."""
    data = files("communicator_spec").joinpath(_UNCITED.name).read_bytes()
    return msgspec.toml.decode(data, type=_Expectations).uncited


def check(root: Path) -> list[Problem]:
    """Return everything that is wrong with the clauses below the project's root."""
    try:
        clauses = extract(root / "spec")
    except ClauseError as error:
        return [Problem("malformed", path.relative_to(root), line, what) for path, line, what in error.faults]
    cited = list(citations(root))
    return [
        *_stale(root, clauses),
        *_changed(root, clauses),
        *_unknown(cited, clauses),
        *_uncited(root, cited, clauses),
    ]


def _stale(root: Path, clauses: tuple[Clause, ...]) -> Iterator[Problem]:
    path = root / _GENERATED
    if not path.exists() or path.read_bytes() != render(clauses):
        yield Problem("stale", _GENERATED, 0, "differs from the chapters: run python -m communicator_spec.clauses")


def _changed(root: Path, clauses: tuple[Clause, ...]) -> Iterator[Problem]:
    path, notes = root / _PUBLISHED, root / _CHANGES
    published: dict[str, str] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    agreed = dict(published)
    for number, line in enumerate(notes.read_text(encoding="utf-8").splitlines() if notes.exists() else (), start=1):
        if match := _CHANGE.match(line):
            if match["id"] not in published:
                yield Problem("changed", _CHANGES, number, f"{match['id']} was never published")
            agreed[match["id"]] = match["digest"]
    now = {clause.id: clause.digest for clause in clauses}
    for name in published:
        if agreed[name] != now.get(name, "withdrawn"):
            what = f"is {now[name]}" if name in now else "is not there"
            yield Problem(
                "changed", _CHANGES, 0, f"{name} was published as {agreed[name]}, {what}, and no line says why"
            )


def _unknown(cited: list[Citation], clauses: tuple[Clause, ...]) -> Iterator[Problem]:
    known = {clause.id for clause in clauses}
    for name, _, path, line in cited:
        if name not in known:
            yield Problem("unknown", path, line, f"{name} is cited, and no chapter defines it")


def _uncited(root: Path, cited: list[Citation], clauses: tuple[Clause, ...]) -> Iterator[Problem]:
    listed = uncited(root)
    excused = {entry.clause for entry in listed}
    used = {citation.clause for citation in cited if citation.place is not Place.STANDARD}
    known = {clause.id for clause in clauses}
    for clause in clauses:
        testable = not clause.disposition.startswith("not testable")
        if clause.level is Level.MUST and testable and not {clause.id} & (used | excused):
            yield Problem("uncited", _UNCITED, 0, f"{clause.id} is cited by no code, test or vector, and not listed")
    for entry in listed:
        if entry.clause in used or entry.clause not in known:
            yield Problem("expectation", _UNCITED, 0, f"{entry.clause} is listed as uncited, and is cited or unknown")
