"""Expectation lists: the failures that an implementer knows of, kept in the implementer's repository.

Theory. A list of known failures is only worth something while it is exact. A listed test that
passes, is skipped or fails in another way is news, and news fails the run until somebody has looked
and rewritten the list. Then a green run means: everything is as we said it is.

::

    # test id          fault        reason, free text to the end of the line
    address/expired    accepted     dates are read but not compared yet, our issue 12

Rules:

1. One test a line; the reason is not optional; a test stands once.
2. A listed test counts as expected when it fails with exactly the listed fault.
3. `rewrite` keeps the reasons of failures that are still there; new ones get a reason that says so.
4. A run judges the rows of what it could play; `hold` leaves all others on the list as they are.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from communicator_conformance.errors import ListError
from communicator_conformance.verdicts import Fault, Result, Status

__all__ = ["Expectation", "apply", "hold", "read", "read_file", "render", "rewrite"]

UNEXPLAINED = "not explained yet"
_HEAD = "# Known failures: test id, fault, reason. One that passes, is skipped or fails otherwise fails the run."


class Expectation(msgspec.Struct, frozen=True):
    """One known failure."""

    id: str
    fault: Fault
    reason: str


def read(text: str) -> tuple[Expectation, ...]:
    """Read a list; a line that is not one raises `ListError` with its number."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rows.append(_row(line, number))
    repeated = {r.id for r in rows if sum(r.id == other.id for other in rows) > 1}
    if repeated:
        raise ListError(f"listed twice: {', '.join(sorted(repeated))}")
    return tuple(rows)


def read_file(path: Path) -> tuple[Expectation, ...]:
    """Read a list from a file; no file is an empty list."""
    return read(path.read_text("utf-8")) if path.exists() else ()


def render(rows: Iterable[Expectation]) -> str:
    """Return a list as text, in the order of the test ids."""
    lines = [f"{r.id:<40} {r.fault.value:<14} {r.reason}" for r in sorted(rows, key=lambda r: r.id)]
    return "\n".join([_HEAD, *lines]) + "\n"


def apply(rows: Iterable[Expectation], results: Iterable[Result]) -> tuple[Result, ...]:
    """Hold results against a list: expected failures become `expected`, surprises become failures."""
    listed = {r.id: r for r in rows}
    judged = [_judged(result, listed.pop(result.id, None)) for result in results]
    unknown = [_surprise(Result(name, Status.FAILED), Fault.LISTED_BUT_UNKNOWN, "no such test") for name in listed]
    return (*judged, *unknown)


def rewrite(rows: Iterable[Expectation], results: Iterable[Result]) -> tuple[Expectation, ...]:
    """Return the list that would make these results, taken before `apply`, all expected."""
    reasons = {(r.id, r.fault): r.reason for r in rows}
    return tuple(
        Expectation(r.id, r.fault, reasons.get((r.id, r.fault), UNEXPLAINED))
        for r in results
        if r.status is Status.FAILED and r.fault is not None
    )


def hold(
    path: Path, results: tuple[Result, ...], judges: Callable[[str], bool], *, update: bool = False
) -> tuple[Result, ...]:
    """Hold results against a file, rewritten first when `update` is set; `judges` tells of ids that were not played."""
    listed, played = read_file(path), {result.id for result in results}
    rows = tuple(row for row in listed if row.id in played or judges(row.id))
    if update:
        beyond = tuple(row for row in listed if row not in rows)  # rule 4
        rows = rewrite(rows, results)
        path.write_text(render((*rows, *beyond)), "utf-8")
    return apply(rows, results)


def _row(line: str, number: int) -> Expectation:
    words = line.split(maxsplit=2)
    if len(words) != 3 or words[1] not in Fault._value2member_map_:
        raise ListError(f"line {number}: test id, fault and reason are expected")
    return Expectation(words[0], msgspec.convert(words[1], Fault), words[2].strip())


def _judged(result: Result, expected: Expectation | None) -> Result:
    if expected is None:
        return result
    if result.status is Status.PASSED:
        return _surprise(result, Fault.LISTED_BUT_PASSING, expected.reason)
    if result.status is Status.SKIPPED:
        return _surprise(result, Fault.LISTED_BUT_SKIPPED, expected.reason)
    if result.fault is expected.fault:
        return msgspec.structs.replace(result, status=Status.EXPECTED, detail=expected.reason)
    return msgspec.structs.replace(result, detail=f"listed as {expected.fault}; {result.detail}")


def _surprise(result: Result, fault: Fault, detail: str) -> Result:
    return msgspec.structs.replace(result, status=Status.FAILED, fault=fault, detail=detail)
