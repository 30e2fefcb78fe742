"""The coverage of the standard by a run: every clause, what its tests say, and why some have none.

Rules:

1. Every clause of the standard has a place, in the order of the chapters.
2. A clause that no test of the run cites says who judges it instead, in the words of the standard.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup

from communicator_conformance import Verdict
from communicator_conformance.report import clause_status
from communicator_reports.conformance_page.standing import MARKS
from communicator_spec.clauses import Clause, load_clauses
from communicator_spec.coverage import shipped_uncited

__all__ = ["Chapter", "Covered", "chapters", "clause_counts"]

NONE, UNTESTABLE = "none", "untestable"
_UNTESTABLE: Final = "not testable: "
_ELSEWHERE: Final = {
    "service": "judged of a service by its URL: communicator conform service",
    "privacy game": "judged by a privacy game; no test of this run plays it",
    "property": "judged by a property; no test of this run has it",
    "script": "judged by a script; no test of this run plays it",
    "vector": "judged by a vector; no test of this run has it",
}


class Covered(NamedTuple):
    """One clause: its text as HTML, its status (of a run, `none` or `untestable`), its tests, and why it has none."""

    id: str
    level: str
    roles: str
    disposition: str
    text: Markup
    status: str
    tests: int
    why: str


class Chapter(NamedTuple):
    """The clauses of one chapter, with how many have each status."""

    number: int
    prefixes: str
    clauses: tuple[Covered, ...]
    counts: dict[str, int]


def chapters(verdict: Verdict) -> tuple[Chapter, ...]:
    """Return all clauses of the standard with what a run says about them."""
    said, tests = clause_status(verdict), Counter(clause for r in verdict.results for clause in r.clauses)
    listed = {entry.clause: entry.reason for entry in shipped_uncited()}
    covered = [(clause.chapter, _covered(clause, said, tests, listed)) for clause in load_clauses()]
    return tuple(_chapter(n, [c for _, c in rows]) for n, rows in groupby(covered, key=lambda row: row[0]))


def clause_counts(found: tuple[Chapter, ...]) -> dict[str, int]:
    """Return how many clauses have each status."""
    return _counted(clause for chapter in found for clause in chapter.clauses)


def _chapter(number: int, clauses: list[Covered]) -> Chapter:
    prefixes = dict.fromkeys(clause.id.rpartition("-")[0] for clause in clauses)
    return Chapter(number, ", ".join(prefixes), tuple(clauses), _counted(clauses))


def _counted(clauses: Iterable[Covered]) -> dict[str, int]:
    counts = Counter(clause.status for clause in clauses)
    return {status: counts[status] for status in MARKS}


def _covered(clause: Clause, said: dict[str, str], tests: Counter[str], listed: dict[str, str]) -> Covered:
    untestable = clause.disposition.startswith(_UNTESTABLE)
    status = said.get(clause.id) or (UNTESTABLE if untestable else NONE)
    why = "" if clause.id in said else _why(clause, listed)
    text = Markup(MarkdownIt("commonmark", {"html": False}).renderInline(clause.text))
    how = "not testable" if untestable else clause.disposition
    return Covered(clause.id, clause.level.value, ", ".join(clause.roles), how, text, status, tests[clause.id], why)


def _why(clause: Clause, listed: dict[str, str]) -> str:
    if clause.disposition.startswith(_UNTESTABLE):
        return clause.disposition.removeprefix(_UNTESTABLE)
    return f"nothing tests it yet: {listed[clause.id]}" if clause.id in listed else _ELSEWHERE[clause.disposition]
