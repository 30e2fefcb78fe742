"""What a study found, in a few lines for a terminal and as one value for a program."""

from pathlib import Path
from typing import Final

from communicator_reports.claims import judged
from communicator_reports.figures.games import advantage_of
from communicator_reports.figures.theme import FAULTS
from communicator_reports.findings import Findings, load
from communicator_reports.measures import CUT_OFF, EXPOSED, PER, UNDELIVERED, Estimates, Measure
from communicator_reports.quantities import count, with_interval
from communicator_reports.studies import study_of

__all__ = ["conclusion", "conclusion_lines"]

_ASKED: Final = (("undelivered_per_10000", UNDELIVERED), ("exposed_undelivered_per_10000", EXPOSED),
                 ("cut_off_per_10000", CUT_OFF))  # fmt: skip


def conclusion(folder: Path) -> dict[str, object]:
    """Return what a program would ask first; all the rest is in the files of the folder."""
    findings = load(folder)
    estimates, summary = Estimates(findings), findings.summary
    return {
        "folder": str(folder),
        "outcomes": [
            {"fault": f, "policy": p, **{name: _plain(estimates, m, f, p) for name, m in _ASKED}}
            for f in summary.faults for p in summary.policies
        ],
        "violations": sum(row.violations for row in summary.invariants),
        "claims": {claim.name: claim.outcome for claim in judged(study_of(folder)[0], findings)},
        "vectors": None if findings.vectors is None else findings.vectors.counts,
    }  # fmt: skip


def conclusion_lines(folder: Path) -> list[str]:
    """Return about fifteen lines: outcomes under each fault, the checks, and where the report is."""
    findings = load(folder)
    estimates = Estimates(findings)
    lines = ["not delivered, per 10 000 messages [95 % interval]"]
    wide = max(len(findings.policy(p).label) for p in findings.summary.policies)
    for fault in findings.summary.faults:
        for policy in findings.summary.policies:
            found = estimates.of(UNDELIVERED, fault, policy)
            if fault == "none" and found.mean == 0:
                continue
            label = findings.policy(policy).label.ljust(wide)
            lines.append(f"  {FAULTS[fault]:<30} {label}  {with_interval(found, PER, floor=0.0)}")
    lines += [f"claim {claim.outcome}: {claim.says}" for claim in judged(study_of(folder)[0], findings)]
    return [*lines, *_checks(findings), f"report: {folder / 'index.html'}", f"        {folder / 'report.pdf'}"]


def _checks(findings: Findings) -> list[str]:
    rows, vectors = findings.summary.invariants, findings.vectors
    events, violations = max(row.events for row in rows), sum(row.violations for row in rows)
    lines = [f"invariants: {count(violations)} violations over {count(events)} events"]
    if vectors is not None:
        lines.append(f"conformance: {', '.join(f'{number} {status}' for status, number in vectors.counts.items())}")
    games = [(g.interval.mean, g) for g in findings.games if g.interval and g.designed and not g.permitted]
    if games:
        top = max(games, key=lambda found: found[0])[1]
        lines.append(f"linkage: best forbidden advantage {advantage_of(top)} ({top.role}, {top.distinguisher})")
    return lines


def _plain(estimates: Estimates, measure: Measure, fault: str, policy: str) -> dict[str, float | None]:
    x = estimates.of(measure, fault, policy)
    bounded = x.n > 1
    return {"mean": PER * x.mean, "low": PER * x.low if bounded else None, "high": PER * x.high if bounded else None}
