"""What a study claims, held against its results each time the report is drawn.

A claim is a conclusion (`communicator_simulations.conclusions`) over the runs of the study, by policy and fault. The
text says it only as far as the data do: it holds, it is false, or they do not decide it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import polars as pl

from communicator_reports.document import Table
from communicator_reports.findings import Findings
from communicator_reports.prose import Name
from communicator_reports.studies import Study, StudyError
from communicator_simulations.account import SHARES, shares
from communicator_simulations.conclusions import Cells, ConclusionError, cells_of, judge

__all__ = ["Judged", "claims_table", "contradicted", "judged", "say"]

_INSTEAD: Final = {
    "holds": "{}",
    "false": "**These results contradict that:** {}",
    "undecided": "**These results do not decide whether:** {}",
    "not asked": "**Not run here:** {}",
}


class Judged(msgspec.Struct, frozen=True):
    """A claim and its verdict: in how many cases, and the case nearest to the limit in words."""

    name: str
    says: str
    outcome: str
    cases: int
    shown: str


def judged(study: Study, findings: Findings) -> tuple[Judged, ...]:
    """Judge the claims of a study, in order.

    Raises `StudyError` for a claim about a metric that the runs do not have.
    """
    try:
        found = judge(study.claim, _cells(findings)) if study.claim else []
    except ConclusionError as error:
        raise StudyError(f"a claim of the study: {error}") from None
    return tuple(Judged(c.name, *msgspec.structs.astuple(v)) for c, v in zip(study.claim, found, strict=True))


def _cells(findings: Findings) -> Cells:
    runs = findings.tables["runs"].with_columns(pl.col(pl.Boolean).cast(pl.Int64))
    rows = [{**row, **shares(row)} for row in runs.iter_rows(named=True)]
    return cells_of(rows, ("fault", "policy"), SHARES)


def say(claims: Sequence[Judged], name: str) -> Name:
    """Return the sentence of a claim, as far as it may be said."""
    for claim in claims:
        if claim.name == name:
            return Name(_INSTEAD[claim.outcome].format(claim.says))
    raise StudyError(f"no claim {name!r} in the study; there are: {', '.join(claim.name for claim in claims)}")


def contradicted(claims: Sequence[Judged]) -> list[str]:
    """Return the names of the claims that are false."""
    return [claim.name for claim in claims if claim.outcome == "false"]


def claims_table(claims: Sequence[Judged]) -> Table | None:
    """Return all claims with their verdicts; None if there are none."""
    rows = tuple((claim.says, claim.outcome, claim.shown) for claim in claims)
    caption = (
        "**Claims**, held against the results each time this is drawn: by 95 % intervals over replications, in every"
        " case; the numbers are those of the case nearest to the limit."
    )
    return Table("claims", caption, ("claim", "verdict", "numbers"), rows, left=3) if rows else None
