"""Tests as a reader drills into them: area, test, step, and the lines of that step.

Theory. Somebody who is told that a test failed asks, in this order: what was tested, what was expected, where it went
wrong, and what exactly was said. A vector answers the first two, so it is read beside the result; the last line that
was exchanged is where it went wrong, because a test ends there.

Rules:

1. Results keep their order; an area stands where its first test stands.
2. Lines are shown as they were said. Of one test the last `_LINES_MAX` are shown, of all tests `_BUDGET` characters;
   what is left out is said to be.
3. Everything that the testee said goes through `shown`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from communicator_conformance import Fault, Result, Status
from communicator_conformance.report import area_of
from communicator_conformance.scripts import Script
from communicator_conformance.vectors import Ruling, Step, Vector
from communicator_reports.conformance_page.texts import shown
from communicator_reports.conformance_page.witnesses import Side, sides

__all__ = ["Budget", "Exchange", "Expected", "Group", "Known", "Test", "counted", "group", "one_test"]

_LINES_MAX: Final = 64
_LINE_MAX: Final = 10_000
_DETAIL_MAX: Final = 2_000
_BUDGET: Final = 16_000_000
_OP: Final = re.compile(r'"op":"([a-z._-]{1,40})')
_HELLO: Final = '"op":"hello"'
_SURPRISES: Final = (
    Fault.VACUOUS, Fault.LISTED_BUT_PASSING, Fault.LISTED_BUT_SKIPPED, Fault.LISTED_BUT_UNKNOWN,
)  # fmt: skip


class Exchange(NamedTuple):
    """One question with its answer; `label` says which step it is, `last` whether the test ended here."""

    label: str
    lines: tuple[str, ...]
    last: bool


class Expected(NamedTuple):
    """What a vector wanted at the step at which it failed: the step, the ruling in words, its results as JSON."""

    step: str
    ruling: str
    result: str


class Test(NamedTuple):
    """One test as it is shown."""

    anchor: str
    link: str
    id: str
    case: str
    status: str
    title: str
    clauses: tuple[str, ...]
    fault: str
    meaning: str
    detail: str
    expected: Expected | None
    exchanges: tuple[Exchange, ...]
    left_out: int
    witness: tuple[Side, ...]

    @property
    def more(self) -> bool:
        """Whether there is something to open."""
        return bool(self.detail or self.exchanges or self.left_out or self.witness or self.fault)


class Group(NamedTuple):
    """The tests of one area, or of one pair of programs."""

    anchor: str
    name: str
    tests: tuple[Test, ...]
    counts: Mapping[str, int]


class Known(NamedTuple):
    """What the suite says about its own tests."""

    vectors: Mapping[str, Vector]
    scripts: Mapping[str, Script]

    def title(self, test: str) -> str:
        """Return what a test is about, in a sentence; empty if the suite has no words for it."""
        if test in self.vectors:
            return self.vectors[test].title
        script = self.scripts.get(test.removeprefix("script/").partition(":")[0])
        return script.title if script and test.startswith("script/") else ""


class Budget:
    """How many characters of lines the page may still show."""

    def __init__(self, characters: int = _BUDGET) -> None:
        self.left = characters

    def take(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Return those of the lines, the last ones first to be kept, for which there is room."""
        kept = tuple(shown(line, _LINE_MAX) for line in lines[-_LINES_MAX:])
        size = sum(map(len, kept))
        if size > self.left:
            return ()
        self.left -= size
        return kept


def counted(results: Iterable[Result]) -> dict[str, int]:
    """Return how many results ended in each way; every status is a key."""
    counts = Counter(r.status for r in results)
    return {status.value: counts[status] for status in Status}


def group(anchor: str, name: str, results: Sequence[Result], known: Known, budget: Budget, prefix: str = "") -> Group:
    """Return the tests of one area or pair; `prefix` makes their anchors the only ones on the page."""
    tests = tuple(one_test(result, prefix, known, budget) for result in results)
    return Group(anchor, name, tests, counted(results))


def one_test(result: Result, prefix: str, known: Known, budget: Budget) -> Test:
    """Return one test, whose anchor is its id after `prefix`."""
    lines = budget.take(result.lines)
    failed = result.status in (Status.FAILED, Status.EXPECTED) and result.fault not in _SURPRISES
    anchor = f"{prefix}{result.id}"
    vector = known.vectors.get(result.id)
    exchanges = tuple(_exchanges(lines, _steps(vector), failed=failed))
    return Test(
        anchor, quote(anchor), result.id, result.id.removeprefix(f"{area_of(result.id)}/"), result.status.value,
        known.title(result.id), result.clauses, result.fault or "", result.fault.meaning if result.fault else "",
        shown(result.detail, _DETAIL_MAX), _expected(vector, lines) if failed else None, exchanges,
        len(result.lines) - len(lines), sides(result.witness),
    )  # fmt: skip


# -------------------------------------------------------------------- what was said


def _exchanges(lines: Sequence[str], steps: Sequence[Step], *, failed: bool) -> Iterator[Exchange]:
    """Yield questions with their answers; a question is a line with an arrow to the right."""
    starts = [n for n, line in enumerate(lines) if n == 0 or "→ " in line[:_ARROW]]
    asked = 0
    for begin, end in pairwise((*starts, len(lines))):
        hello = _HELLO in lines[begin]
        name = steps[asked].name if asked < len(steps) and not hello else ""
        asked += not hello
        yield Exchange(_label(lines[begin], name), tuple(lines[begin:end]), failed and end == len(lines))


_ARROW: Final = 80  # the name of an actor stands before it
_LABEL_MAX: Final = 80


def _label(line: str, step: str) -> str:
    actor, _, said = line.partition("→")
    op = _OP.search(said)
    what = op[1] if op else "" if said.lstrip().startswith("{") else said[:_LABEL_MAX]
    return " · ".join(part.strip() for part in (actor, step, what) if part.strip())


# -------------------------------------------------------------------- what was expected


def _steps(vector: Vector | None) -> tuple[Step, ...]:
    return (*vector.steps, *vector.probe) if vector else ()


def _expected(vector: Vector | None, lines: Sequence[str]) -> Expected | None:
    """Return what a vector wanted at the last question; a question for the state comes after all steps."""
    asked = sum("→ " in line[:_ARROW] and _HELLO not in line for line in lines)
    if vector is None or asked == 0:
        return None
    steps = _steps(vector)
    if asked > len(steps):
        state = vector.post.state if vector.post else {}
        return Expected("the state at the end", "is this", _pretty(state))
    step = steps[asked - 1]
    wanted = {**step.result, **step.drawn}
    return Expected(step.name, _ruling(vector, asked), _pretty(wanted) if wanted else "")


def _ruling(vector: Vector, asked: int) -> str:
    if asked < len(vector.steps):
        return "is taken"
    if asked > len(vector.steps):
        return "is taken, after what came before it was refused"
    refused = f"is refused as {vector.expect.error_class}"
    match vector.expect.verdict:
        case Ruling.ACCEPT:
            return "is taken"
        case Ruling.IGNORE:
            return "is ignored"
        case Ruling.REJECT:
            return refused
        case Ruling.MAY_REJECT:
            return f"is taken, or {refused}"


def _pretty(value: Mapping[str, object]) -> str:
    return shown(msgspec.json.encode(value, order="sorted").decode(), _LINE_MAX)
