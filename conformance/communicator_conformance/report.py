"""Reports: a live table for people, JSON lines and JUnit XML for machines, a summary for claims.

Theory. A result is worth what can be done with it afterwards: a person reads the table, a build
server reads JUnit, a script reads the lines, and whoever doubts the claim takes the digests of the
summary and runs it again. Files hold no time, no host and no path, so two runs of one suite against
one testee write the same bytes.

===============  ============================================================
file             content
===============  ============================================================
results.jsonl    one result a line: id, status, clauses, fault, detail, lines exchanged
junit.xml        the same as JUnit; an expected failure is skipped there
summary.json     counts, digests, and for each clause what its tests say
===============  ============================================================

Rules:

1. Files are written once, at the end; a run that was broken off leaves none.
2. A clause counts as passed when all of its tests passed; one failure fails it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.etree import ElementTree as Xml

import msgspec
from rich.console import Console
from rich.live import Live as Display
from rich.markup import escape
from rich.table import Table

from communicator_conformance.errors import ListError
from communicator_conformance.hints import hints
from communicator_conformance.verdicts import Digests, Result, Status, Verdict

__all__ = ["Live", "area_of", "areas", "clause_status", "failures", "read", "show", "summary", "write"]

_MARK = {Status.PASSED: "green", Status.FAILED: "red", Status.SKIPPED: "dim", Status.EXPECTED: "yellow"}


class _About(msgspec.Struct, frozen=True):
    """What a summary says beside its counts."""

    testee: str = "a program whose name is not stated"
    digests: Digests = Digests("", "", "", "")
    seed: int = 0
    select: str = "*"
    offers: tuple[str, ...] = ()
    whole: bool = False  # nobody has said so


class Live:
    """The table of areas with running counts, while the vectors are played."""

    def __init__(self, console: Console, name: str, ids: Iterable[str]) -> None:
        self._name = name
        self._totals = Counter(area_of(i) for i in ids)
        self._results: list[Result] = []
        self._display = Display(console=console, transient=True, get_renderable=self._shown)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._display.stop()

    def seen(self, result: Result) -> None:
        """Count one more result."""
        self._results.append(result)

    def _shown(self) -> Table:
        return areas(self._name, self._results, self._totals)


def areas(title: str, results: Iterable[Result], totals: Mapping[str, int]) -> Table:
    """Return one row an area: how many tests it has, and how many ended in each way."""
    counts = Counter((area_of(r.id), r.status) for r in results)
    shown = Table("area", title=escape(_visible(title)))
    for heading in ("tests", *Status):
        shown.add_column(heading, justify="right")
    for area, total in totals.items():
        cells = (_marked(status, counts[area, status]) for status in Status)
        shown.add_row(area, str(total), *cells)
    return shown


def failures(verdict: Verdict) -> Table:
    """Return one row for everything that failed, expected or not."""
    shown = Table("test", "fault", "clauses", "detail")
    for r in verdict.results:
        if r.status in (Status.FAILED, Status.EXPECTED):
            fault = f"[{_MARK[r.status]}]{r.fault}[/]"
            shown.add_row(r.id, fault, " ".join(r.clauses), escape(_visible("\n".join((r.detail, *r.log)))))
    return shown


def show(verdict: Verdict, console: Console) -> None:
    """Print the areas, what failed and what to do about it, and one line that says it all."""
    console.print(areas(verdict.testee, verdict.results, Counter(area_of(r.id) for r in verdict.results)))
    if verdict.count(Status.FAILED) + verdict.count(Status.EXPECTED):
        console.print(failures(verdict))
    for fault, hint in hints(verdict.failures).items():
        console.print(f"[yellow]{fault}[/]: {escape(hint)}")
    counts = ", ".join(f"{verdict.count(status)} {status}" for status in Status)
    console.print(f"{'conforms' if verdict.ok else 'DOES NOT CONFORM'}: {counts}")


def area_of(test: str) -> str:
    """Return the area of a test: the first word of its id, or the first two of those that have more."""
    words = test.split("/")
    return "/".join(words[: 2 if len(words) > 2 else 1])


def _marked(status: Status, count: int) -> str:
    return f"[{_MARK[status]}]{count}[/]" if count else ""


def clause_status(verdict: Verdict) -> dict[str, str]:
    """Return for each clause that was cited what its tests say together."""
    by_clause: dict[str, set[Status]] = defaultdict(set)
    for r in verdict.results:
        for clause in r.clauses:
            by_clause[clause].add(r.status)
    order = (Status.FAILED, Status.EXPECTED, Status.PASSED, Status.SKIPPED)
    worst = {clause: next(s for s in order if s in seen) for clause, seen in by_clause.items()}
    return {clause: worst[clause].value for clause in sorted(worst, key=_clause_order)}


def summary(verdict: Verdict) -> dict[str, object]:
    """Return what a claim of conformance consists of."""
    return {
        "testee": verdict.testee,
        "offers": verdict.offers,
        "ok": verdict.ok,
        "seed": verdict.seed,
        "select": verdict.select,
        "whole": verdict.whole,
        "counts": {status.value: verdict.count(status) for status in Status},
        "digests": msgspec.to_builtins(verdict.digests),
        "clauses": clause_status(verdict),
    }


def write(verdict: Verdict, folder: Path) -> None:
    """Write the three files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = b"".join(msgspec.json.encode(r.bare) + b"\n" for r in verdict.results)
    (folder / "results.jsonl").write_bytes(lines)
    (folder / "junit.xml").write_bytes(_junit(verdict))
    pretty = msgspec.json.format(msgspec.json.encode(summary(verdict)), indent=2)
    (folder / "summary.json").write_bytes(pretty + b"\n")


def read(results: Path, about: Path | None) -> Verdict:
    """Return the verdict that was written to `results.jsonl`, and `summary.json` if there is one.

    Raises `ListError` for a file that is none; what no summary states is empty.
    """
    path = results
    try:
        found = tuple(msgspec.json.decode(line, type=Result) for line in path.read_bytes().splitlines())
        path = about or results
        said = msgspec.json.decode(path.read_bytes(), type=_About) if about else _About()
    except (msgspec.MsgspecError, ValueError) as error:
        raise ListError(f"{path} is not what a run has written: {error}") from error
    return Verdict(said.testee, said.digests, found, said.seed, said.select, said.offers, said.whole)


def _junit(verdict: Verdict) -> bytes:
    suite = Xml.Element(
        "testsuite",
        name="communicator",
        tests=str(len(verdict.results)),
        failures=str(verdict.count(Status.FAILED)),
        skipped=str(verdict.count(Status.SKIPPED) + verdict.count(Status.EXPECTED)),
    )
    for r in verdict.results:
        area = area_of(r.id)
        case = r.id.removeprefix(f"{area}/")
        node = Xml.SubElement(suite, "testcase", classname=area, name=case)
        if r.status is Status.FAILED:
            Xml.SubElement(node, "failure", type=r.fault or "", message=_printable(r.detail))
            if r.log:
                Xml.SubElement(node, "system-err").text = _printable(" | ".join(r.log))
        elif r.status is not Status.PASSED:
            Xml.SubElement(node, "skipped", message=_printable(r.detail))
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    body: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _printable(text: str) -> str:
    """Replace what XML cannot carry, and what a terminal obeys; a testee's log may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _visible(text: str) -> str:
    """Do the same; lines stay lines."""
    return "\n".join(map(_printable, text.split("\n")))


def _clause_order(clause: str) -> tuple[str, int]:
    prefix, _, number = clause.rpartition("-")
    return prefix, int(number) if number.isdecimal() else 0
