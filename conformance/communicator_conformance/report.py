"""Reports: a live table for people, JSON lines and JUnit XML for machines, a summary for claims.

Theory. A result is worth what can be done with it afterwards: a person reads the table, a build
server reads JUnit, a script reads the lines, and whoever doubts the claim takes the digests of the
summary and runs it again. Files hold no time, no host and no path, so two runs of one suite against
one testee write the same bytes.

===============  ============================================================
file             content
===============  ============================================================
results.jsonl    one result a line: id, status, clauses, fault, detail
junit.xml        the same as JUnit; an expected failure is skipped there
summary.json     counts, digests, and for each clause what its tests say
===============  ============================================================

Rules:

1. Files are written once, at the end; a run that was broken off leaves none.
2. A clause counts as passed when all of its tests passed; one failure fails it.
"""

from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.etree import ElementTree as Xml

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from communicator_conformance.verdicts import Result, Status, Verdict

__all__ = ["Live", "clause_status", "summary", "table", "write"]

_MARK = {Status.PASSED: "green", Status.FAILED: "red", Status.SKIPPED: "dim", Status.EXPECTED: "yellow"}


class Live:
    """A progress line with running counts, while the vectors are played."""

    def __init__(self, console: Console, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("starting", total=total)
        self._failed = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def seen(self, result: Result) -> None:
        """Count one more result."""
        self._failed += result.status is Status.FAILED
        shown = f"{result.id}  [red]{self._failed} failed[/red]" if self._failed else result.id
        self._progress.update(self._task, advance=1, description=shown)


def table(verdict: Verdict) -> Table:
    """Return the table of everything that did not simply pass, with the counts in its caption."""
    counts = ", ".join(f"{verdict.count(status)} {status}" for status in Status)
    caption = f"{'conforms' if verdict.ok else 'DOES NOT CONFORM'}: {counts}"
    shown = Table("test", "status", "fault", "clauses", "detail", title=verdict.testee, caption=caption)
    for r in verdict.results:
        if r.status in (Status.FAILED, Status.EXPECTED):
            status = f"[{_MARK[r.status]}]{r.status}[/]"
            shown.add_row(r.id, status, r.fault or "", " ".join(r.clauses), _plain(r.detail))
    return shown


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
        "ok": verdict.ok,
        "counts": {status.value: verdict.count(status) for status in Status},
        "digests": msgspec.to_builtins(verdict.digests),
        "clauses": clause_status(verdict),
    }


def write(verdict: Verdict, folder: Path) -> None:
    """Write the three files into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = b"".join(msgspec.json.encode(r) + b"\n" for r in verdict.results)
    (folder / "results.jsonl").write_bytes(lines)
    (folder / "junit.xml").write_bytes(_junit(verdict))
    pretty = msgspec.json.format(msgspec.json.encode(summary(verdict)), indent=2)
    (folder / "summary.json").write_bytes(pretty + b"\n")


def _junit(verdict: Verdict) -> bytes:
    suite = Xml.Element(
        "testsuite",
        name="communicator",
        tests=str(len(verdict.results)),
        failures=str(verdict.count(Status.FAILED)),
        skipped=str(verdict.count(Status.SKIPPED) + verdict.count(Status.EXPECTED)),
    )
    for r in verdict.results:
        area, _, case = r.id.partition("/")
        node = Xml.SubElement(suite, "testcase", classname=area, name=case)
        if r.status is Status.FAILED:
            Xml.SubElement(node, "failure", type=r.fault or "", message=_printable(r.detail))
        elif r.status is not Status.PASSED:
            Xml.SubElement(node, "skipped", message=_printable(r.detail))
    root = Xml.Element("testsuites")
    root.append(suite)
    Xml.indent(root)
    body: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _printable(text: str) -> str:
    """Replace what XML cannot carry; a testee's log may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _plain(text: str) -> str:
    """Keep a testee's text from being read as markup."""
    return text.replace("[", "\\[")


def _clause_order(clause: str) -> tuple[str, int]:
    prefix, _, number = clause.rpartition("-")
    return prefix, int(number) if number.isdecimal() else 0
