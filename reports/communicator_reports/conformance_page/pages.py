"""The two pages: a run with everything it found, and the matrix of several programs.

Theory. What is sent to others has to be read without the suite, from the disk, and to be believed by somebody who does
not believe the testee. So a page loads nothing, and the browser is told to run no script and no style but the page's
own, by their digests: whatever a testee manages to write, it stays text.

Rules:

1. The same verdict gives the same bytes.
2. All text from outside is escaped by the template and goes through `shown`; markup of our own is marked as such here.
3. The page reads without a script; scripts filter, fold and lay out.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

import jinja2
from markupsafe import Markup

from communicator_conformance import Result, Status, Verdict
from communicator_conformance.matrix import Cell
from communicator_conformance.report import area_of
from communicator_conformance.scripts import published_scripts
from communicator_conformance.vectors import Vector
from communicator_reports.conformance_page.clauses import chapters, clause_counts
from communicator_reports.conformance_page.standing import MARKS, standing
from communicator_reports.conformance_page.tests import Budget, Group, Known, counted, group
from communicator_reports.conformance_page.texts import shown
from communicator_reports.version import VERSION

__all__ = ["render_matrix", "render_run"]

_NAME_MAX: Final = 120
_POINTS: Final = {
    "rm-rm": "relationship manager ↔ relationship manager",
    "ssa-rsa": "sending service → receiving service",
    "rm-ssa": "relationship manager ↔ sending service",
    "rm-rsa": "relationship manager ↔ receiving service",
}
_SHORT: Final = {"rm-rm": "RM ↔ RM", "ssa-rsa": "SSA → RSA", "rm-ssa": "RM ↔ SSA", "rm-rsa": "RM ↔ RSA"}


class _Point(NamedTuple):
    """How the plays went in which two kinds of roles met."""

    short: str
    words: str
    passed: int
    played: int
    status: str


class _Square(NamedTuple):
    """One cell of the matrix."""

    first: str
    second: str
    status: str
    said: str
    points: tuple[_Point, ...]
    plays: Group


def render_run(verdict: Verdict, command: str, vectors: Mapping[str, Vector]) -> str:
    """Return the page of one run; `command` repeats it, `vectors` are those that it played."""
    known, budget = Known(vectors, published_scripts()), Budget()
    groups = [group(f"area-{area}", area, found, known, budget) for area, found in _by_area(verdict).items()]
    covered = chapters(verdict)
    return _rendered(
        "run.html",
        title=f"Conformance of {shown(verdict.testee, _NAME_MAX)}",
        testee=shown(verdict.testee, _NAME_MAX),
        standing=standing(verdict),
        verdict=verdict,
        offers=[shown(name, _NAME_MAX) for name in verdict.offers],
        counts=counted(verdict.results),
        command=shown(command, 2_000),
        groups=groups,
        wrong=[test for found in groups for test in found.tests if test.status in ("failed", "expected")],
        points=_points(verdict.results),
        chapters=covered,
        clause_counts=clause_counts(covered),
    )


def render_matrix(cells: Sequence[Cell], programs: Mapping[str, str], command: str) -> str:
    """Return the page of a matrix; `programs` are the command lines by name, `command` repeats it."""
    known, budget = Known({}, published_scripts()), Budget()
    squares = [_square(n, cell, known, budget) for n, cell in enumerate(cells)]
    names = list(dict.fromkeys(cell.first for cell in cells))
    return _rendered(
        "matrix.html",
        title="Who works with whom",
        programs={shown(name, _NAME_MAX): shown(line, 500) for name, line in programs.items()},
        rows=[(shown(name, _NAME_MAX), [s for s in squares if s.first == shown(name, _NAME_MAX)]) for name in names],
        squares=squares,
        command=shown(command, 2_000),
        worked=sum(square.status == "passed" for square in squares),
        broken=sum(square.status == "failed" for square in squares),
    )


def _by_area(verdict: Verdict) -> dict[str, list[Result]]:
    """Return the results of each area, in the order in which areas come first."""
    found: dict[str, list[Result]] = {}
    for result in verdict.results:
        found.setdefault(area_of(result.id), []).append(result)
    return found


def _points(results: Sequence[Result]) -> tuple[_Point, ...]:
    return tuple(_point(name, [r for r in results if name in r.met]) for name in _POINTS)


def _point(name: str, met: Sequence[Result]) -> _Point:
    passed = sum(r.status is Status.PASSED for r in met)
    return _Point(_SHORT[name], _POINTS[name], passed, len(met), _status(passed, len(met)))


def _status(passed: int, played: int) -> str:
    if played == 0:
        return "none"
    return "passed" if passed == played else "failed"


def _square(number: int, cell: Cell, known: Known, budget: Budget) -> _Square:
    first, second = shown(cell.first, _NAME_MAX), shown(cell.second, _NAME_MAX)
    passed, played = cell.count(Status.PASSED), len(cell.results) - cell.count(Status.SKIPPED)
    said = f"{passed} of {played}" if played else "no part"
    plays = group(f"cell-{number}", f"{first} with {second}", cell.results, known, budget, f"{number}/")
    return _Square(first, second, _status(passed, played), said, _points(cell.results), plays)


# -------------------------------------------------------------------- templates


def _rendered(name: str, **values: object) -> str:
    folder = files("communicator_reports.conformance_page") / "page"
    style = _read("communicator_spec", "standard.css") + _read("communicator_reports.conformance_page", "page.css")
    script = _read("communicator_reports.conformance_page", "page.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda wanted: (folder / wanted).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name).render(
        style=Markup(style), script=Markup(script), policy=_policy(style, script),
        marks=MARKS, version=VERSION, **values,
    )  # fmt: skip


def _read(package: str, name: str) -> str:
    return (files(package) / "page" / name).read_text("utf-8")


def _policy(style: str, script: str) -> Markup:
    """Return what the browser may run: this style and this script, and nothing from anywhere."""
    own = (f"{kind}-src 'sha256-{_digest(text)}'" for kind, text in (("style", style), ("script", script)))
    return Markup(f"default-src 'none'; {'; '.join(own)}; img-src data:; base-uri 'none'; form-action 'none'")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
