"""Conclusions: sentences about results that are assertions on them.

Theory. A sentence in a document outlives the numbers that it was written from. So it stands beside a comparison that is
made anew on each result: it holds, it is false, or the data do not decide it, and then the sentence may not be said.

Rules:

1. What is compared are *cells*: all replications of one combination of keys (policy, fault, what a sweep varies). A
   side names a metric and, in `where`, some of the keys; the keys that it leaves open are gone through, and the other
   side follows them. A conclusion holds if it holds in each of these cases.
2. Two cells are compared by the 95 % interval of their differences, replication by replication: they share their draws.
   A cell is compared with a number by the interval of its mean. Student's, over replications.
3. Values that are the same in every replication would have an interval of no width. For a share whose number of trials
   is known the exact interval of the pooled count takes its place (Clopper and Pearson), for a difference both. Of
   other figures it says that nothing at all was different.
4. One replication decides nothing. Nor does a figure that some replication did not reach (infinite).
5. What was not run (another policy, no sweep) is not asked, and neither true nor false.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from communicator_simulations.statistics import Interval, exact_proportion, interval, paired
from communicator_spec.errors import Explained

__all__ = ["Cells", "Conclusion", "ConclusionError", "Outcome", "Side", "Value", "Verdict", "cells_of", "estimate",
           "judge", "unproven"]  # fmt: skip

Value = bool | int | float | str
Row = Mapping[str, Value]
Cell = Mapping[int, Row]
"""The rows of one cell by replication."""

Outcome = Literal["holds", "false", "undecided", "not asked"]
_CONFIDENCE: Final = 0.95


class ConclusionError(Explained, ValueError):
    """A conclusion speaks of a metric or a key that there is not."""


class Side(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One side of a comparison: `times` × metric + `plus`, in the cells that `where` names."""

    metric: str
    where: dict[str, Value] = {}
    times: float = 1.0
    plus: float = 0.0


class Conclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"is_": "is"}):
    """A sentence, and the comparison that it stands on.

    `about`: the two differ by `within` at most.
    """

    says: str
    of: Side
    is_: Literal["below", "above", "at most", "at least", "about"]
    than: float | Side
    within: float = 0.0


class Case(NamedTuple):
    """One comparison: in which cell, both sides, what their difference is, and what follows.

    `margin` is how far the interval is from not deciding, for choosing which case to show.
    """

    where: dict[str, Value]
    left: Interval
    right: Interval
    difference: Interval
    outcome: Outcome
    margin: float


class Verdict(msgspec.Struct, frozen=True):
    """A sentence and whether it may be said: over how many cases, and the case nearest to the limit in words."""

    says: str
    outcome: Outcome
    cases: int
    shown: str


class Cells(NamedTuple):
    """Results: the names of the keys, the cells by their values, and of each metric that is a share what it is of."""

    keys: tuple[str, ...]
    cells: Mapping[tuple[Value, ...], Cell]
    trials: Mapping[str, str]


def cells_of(rows: Sequence[Row], keys: Sequence[str], trials: Mapping[str, str] | None = None) -> Cells:
    """Return rows, one a replication (column `replication`), as cells in the order of the rows.

    `trials` names, for a metric that is a share of a count, the column with that count.
    """
    found: dict[tuple[Value, ...], dict[int, Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), {})[int(row["replication"])] = row
    return Cells(tuple(keys), found, trials or {})


def judge(conclusions: Sequence[Conclusion], results: Cells) -> list[Verdict]:
    """Return the verdict on each conclusion, in order.

    Raises `ConclusionError` for a metric that the results do not have.
    """
    return [_judged(conclusion, results) for conclusion in conclusions]


def unproven(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return those that were asked for and do not hold."""
    return [verdict for verdict in verdicts if verdict.outcome in ("false", "undecided")]


def estimate(results: Cells, cell: Cell, side: Side, confidence: float = _CONFIDENCE) -> Interval:
    """Return the mean of a side over the replications of a cell, with its interval (rules 2 and 3).

    Of a share count the replications in which something was tried; if there is none, nothing is known (NaN).
    """
    _known(cell, side)
    column = results.trials.get(side.metric)
    cell = _tried(cell, column)
    if not cell:
        return Interval(math.nan, -math.inf, math.inf, 0)
    values = _values(cell, side)
    if not all(map(math.isfinite, values)):
        return Interval(math.inf, -math.inf, math.inf, len(values))
    found = interval(values, confidence)
    if column is None or found.n == 1 or found.low < found.high:
        return found
    trials = round(sum(float(row[column]) for row in cell.values()))
    share = sum(float(row[side.metric]) * float(row[column]) for row in cell.values()) / trials
    exact = exact_proportion(round(share * trials), trials, confidence)
    ends = sorted(side.times * end + side.plus for end in (exact.low, exact.high))
    return Interval(found.mean, min(found.low, ends[0]), max(found.high, ends[1]), found.n)


def _tried(cell: Cell, column: str | None) -> Cell:
    """Return the replications in which there is anything that a share can be of."""
    return cell if column is None else {number: row for number, row in cell.items() if row.get(column)}


def _known(cell: Cell, side: Side) -> None:
    some = next(iter(cell.values()))
    if side.metric not in some:
        raise ConclusionError(f"no metric {side.metric!r}; there are: {', '.join(some)}")


def _values(cell: Cell, side: Side) -> list[float]:
    return [side.times * float(row[side.metric]) + side.plus for _, row in sorted(cell.items())]


def _judged(conclusion: Conclusion, results: Cells) -> Verdict:
    cases = list(_cases(conclusion, results))
    if not cases:
        return Verdict(conclusion.says, "not asked", 0, "not run")
    order: tuple[Outcome, ...] = ("false", "undecided", "holds")
    outcome = next(o for o in order if any(case.outcome == o for case in cases))
    shown = min((case for case in cases if case.outcome == outcome), key=lambda case: case.margin)
    return Verdict(conclusion.says, outcome, len(cases), _words(conclusion, shown))


def _cases(conclusion: Conclusion, results: Cells) -> Iterator[Case]:
    of, than = conclusion.of, conclusion.than
    for key, cell in results.cells.items():
        at = dict(zip(results.keys, key, strict=True))
        if any(name not in at or at[name] != value for name, value in of.where.items()):
            continue
        free = {name: value for name, value in at.items() if name not in of.where}
        if not isinstance(than, Side):
            left = estimate(results, cell, of)
            difference = left._replace(mean=left.mean - than, low=left.low - than, high=left.high - than)
            yield _case(conclusion, free, left, Interval(than, than, than, 0), difference)
            continue
        other = results.cells.get(tuple({**at, **than.where}[name] for name in results.keys))
        if other is not None and all(name in at for name in than.where):
            left, right = estimate(results, cell, of), estimate(results, other, than)
            yield _case(conclusion, free, left, right, _difference(results, cell, other, of, than))


def _difference(results: Cells, cell: Cell, other: Cell, of: Side, than: Side) -> Interval:
    """Return the interval of the paired difference; of shares where it has no width, what the exact ends allow."""
    cell, other = (_tried(c, results.trials.get(s.metric)) for c, s in ((cell, of), (other, than)))
    both = sorted(cell.keys() & other.keys())
    ours = _values({r: cell[r] for r in both}, of) if both else []
    theirs = _values({r: other[r] for r in both}, than) if both else []
    if not both or not all(map(math.isfinite, ours + theirs)):
        return Interval(math.inf, -math.inf, math.inf, len(both))
    found = paired(ours, theirs, _CONFIDENCE)
    if found.n == 1 or found.low < found.high or not {of.metric, than.metric} & results.trials.keys():
        return found
    half = 1 - (1 - _CONFIDENCE) / 2
    left, right = estimate(results, cell, of, half), estimate(results, other, than, half)
    return found._replace(low=min(found.low, left.low - right.high), high=max(found.high, left.high - right.low))


def _case(conclusion: Conclusion, where: dict[str, Value], left: Interval, right: Interval,
          difference: Interval) -> Case:  # fmt: skip
    low, high, within = difference.low, difference.high, conclusion.within
    if conclusion.is_ == "about":
        holds, fails = -within <= low and high <= within, high < -within or low > within
        margin = min(within - high, low + within)
    else:
        if conclusion.is_ in ("above", "at least"):
            low, high = -high, -low
        strict = conclusion.is_ in ("below", "above")
        holds, fails = (high < 0, low >= 0) if strict else (high <= 0, low > 0)
        margin = -high
    known = difference.n > 1 and math.isfinite(difference.mean)
    outcome: Outcome = "undecided" if not known else "holds" if holds else "false" if fails else "undecided"
    return Case(where, left, right, difference, outcome, margin)


def _words(conclusion: Conclusion, case: Case) -> str:
    """Return a case as one line: where, the left side, the comparison, the right side."""
    right = f"{case.right.mean:.3g}" if case.right.n == 0 else _number(case.right)
    within = f" (within {conclusion.within:.3g})" if conclusion.is_ == "about" else ""
    line = f"{_number(case.left)} {conclusion.is_} {right}{within}"
    if case.right.n:
        line += f", difference {_number(case.difference)}"
    where = ", ".join(f"{name} {value}" for name, value in case.where.items())
    return f"{where}: {line}" if where else line


def _number(x: Interval) -> str:
    if not math.isfinite(x.mean):
        return "nothing tried" if math.isnan(x.mean) else "not reached"
    if not (math.isfinite(x.low) and math.isfinite(x.high)):
        return f"{x.mean:.3g} (one replication)"
    return f"{x.mean:.3g} [{x.low:.3g}, {x.high:.3g}]"
